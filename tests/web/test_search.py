"""Search pages and feeds: literal, filtered, highlighted and harmless."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote, urlencode

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp

from aggregator.model.search import SearchFilters
from aggregator.polling import fetch
from aggregator.store import read_only, search_terms, story_search
from aggregator.store.connection import opened
from aggregator.web import app, queries
from tests import search_index
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace
from tests.hostile_strings import VECTORS, faults, shape, xml_faults
from tests.web.asgi import Answer, ask

ITEMS = (
    {
        "title": "Überblick über Mikroskope",
        "link": "https://n.example/a",
        "description": "A long, light sheet.",
    },
    {
        "title": "Job: image analyst",
        "link": "https://n.example/b",
        "description": "Imaging in Jena, job NEAR Weimar.",
    },
    {
        "title": "Course on imaging",
        "link": "https://n.example/c",
        "description": "A sheet of light; title: none.",
    },
    {"title": "Withdrawn at once", "link": "https://n.example/d"},
    {"title": "Seminar to be edited", "link": "https://n.example/e"},
    *({"title": f"Number {n} of many", "link": f"https://n.example/{n}"} for n in range(25)),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workplace, ASGIApp]]:
    """Run the app on the stories of two partners, one of them hostile."""
    web = Web()
    place = Workplace(tmp_path_factory.mktemp("search"), Clock())
    web.feed("/feed", rss(*ITEMS))
    web.feed(
        "/other",
        rss(
            *(
                {
                    "title": f"hostile {vector}",
                    "link": f"https://h.example/{n}",
                    "description": f"{vector} imaging",
                }
                for n, vector in enumerate(v.encode("utf-8", "ignore").decode() for v in VECTORS)
            )
        ),
    )
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed', topics: [open-data], language: de}}\n"
        f"  - {{id: hostile, name: 'Hostile <b>', url: '{web.url}/other'}}\n"
    )
    fetch.run(place.app())
    yield place, app.build(place.app().config, list, clock=place.clock)
    web.close()


def search(site: tuple[Workplace, ASGIApp], **parameters: str) -> Answer:
    """Request a page of results."""
    return ask(site[1], f"/search?{urlencode(parameters, errors='replace')}")


def titles(answer: Answer) -> list[str]:
    """Return the titles on a page of results."""
    assert answer.status == 200
    found = re.findall(r"(?s)<h3[^>]*>(.*?)</h3>", answer.text)
    return [re.sub("<[^>]+>", "", title) for title in found]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("mikroskope", {"Überblick über Mikroskope"}),
        ("UBERBLICK", {"Überblick über Mikroskope"}),
        ("mikros*", {"Überblick über Mikroskope"}),
        ("mikroskop*", {"Überblick über Mikroskope"}),
        ("mik* über*", {"Überblick über Mikroskope"}),
        ("mikro", set()),
        ('"light sheet"', {"Überblick über Mikroskope"}),
        ('"light sheet', {"Überblick über Mikroskope"}),
        ("“sheet light”", set()),
        ("„light sheet“", {"Überblick über Mikroskope"}),
        ("«light sheet»", {"Überblick über Mikroskope"}),
        ("light -“light sheet”", {"Course on imaging"}),
        ("light sheet -mikroskope", {"Course on imaging"}),
        ('light -"light sheet"', {"Course on imaging"}),
        ("near weimar", {"Job: image analyst"}),
        ("NEAR(job weimar)", set()),
        ("title:none", {"Course on imaging"}),
        ("title:imaging", set()),
        ("title none", {"Course on imaging"}),
        ("weimar OR jena", set()),
        ("job AND weimar", set()),
        ("* ^ ( weimar", {"Job: image analyst"}),
        ("{title} : weimar", set()),
        ("'; DROP TABLE items; --", set()),
    ],
)
def test_words_phrases_beginnings_and_exclusions(
    site: tuple[Workplace, ASGIApp], query: str, found: set[str]
) -> None:
    """Phrases, `*` behind a beginning and a minus have a meaning; operators of FTS5 are words."""
    assert set(titles(search(site, q=query, partner="node"))) == found


ODD = (
    '"',
    "-",
    "*",
    '""',
    "a" * 10_000,
    "a " * 5_000,
    '"' * 999,
    "\x00\x1b\x7f",
    "-" * 500,
    "🙂",
    "\ue000s",
    "NOT",
    "_",
)


SPELLED = (
    "Große Straße",
    "Grosse Strasse",
    "Assistent gesucht",
    "Passstraße gesperrt",
    "MAẞE großer GASSEN",
    "Kurs in Łódź",
    "Ørsted besøger TROMSØ",
    "Færøerne, Ægir, Œuvre, Þór",
    "Đorđe iz Zadra, Ísafjörður, Għawdex, ılık Iğdır, Ŧáhpi",
)


@pytest.fixture(scope="module")
def spelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Store items with characters that have a basic one, as a visit does."""
    web = Web()
    place = Workplace(tmp_path_factory.mktemp("spelled"), Clock())
    web.feed(
        "/feed",
        rss(*({"title": each, "link": f"https://n.example/{n}"} for n, each in enumerate(SPELLED, 1))),
    )
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    yield place
    web.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("strasse", [1, 2]),
        ("STRASSE", [1, 2]),
        ("Straße", [1, 2]),
        ('"große strasse"', [1, 2]),
        ("-strasse assistent", [3]),
        ("assistent", [3]),
        ("aßistent", [3]),
        ("straß*", [1, 2]),
        ("strass*", [1, 2]),
        ("-strass* assistent", [3]),
        ("passstrasse", [4]),
        ("Paßstraße", [4]),
        ("passstrass*", [4]),
        ('"masse grosser gassen"', [5]),
        ("ss ss ss ss", []),
        ("ssßssßssß*", []),
        ("lodz", [6]),
        ("ŁÓDŹ", [6]),
        ("łodz", [6]),
        ("LODZ", [6]),
        ("lod*", [6]),
        ("orsted", [7]),
        ("Ørsted", [7]),
        ("tromso", [7]),
        ('"orsted besoger tromsø"', [7]),
        ("besøg*", [7]),
        ("faeroerne", [8]),
        ("aegir oeuvre thor", [8]),
        ("Þór", [8]),
        ("dorde zadra", [9]),
        ("isafjordur", [9]),
        ("ghawdex", [9]),
        ("ilik Igdir", [9]),
        ("tahpi", [9]),
        ("-łódź kurs", []),
    ],
)
def test_characters_are_found_as_basic_ones(spelled: Workplace, query: str, found: list[int]) -> None:
    """Characters that Unicode does not decompose are found by basic ones, and the reverse."""
    with opened(spelled.database) as store:
        results = story_search.find(store, query, SearchFilters(), 1)
    assert sorted(SPELLED.index(story.lead.title) + 1 for story in results.stories) == found


def test_found_words_are_marked_as_they_are_written(spelled: Workplace) -> None:
    """A word that is found by basic characters is highlighted with its own."""
    with opened(spelled.database) as store:
        (marked,) = story_search.find(store, "tromso orsted", SearchFilters(), 1).titles.values()
    assert marked == (("Ørsted", True), (" besøger ", False), ("TROMSØ", True))


def test_an_edited_item_is_found_by_its_new_words_only(place: Workplace, web: Web, clock: Clock) -> None:
    """The words of an edited or deleted item leave the index, with whatever characters."""
    for title in ("Kurs in Łódź", "Kurs in Tromsø"):
        web.feed("/feed", rss({"title": title, "link": "https://n.example/a"}), f'"{title[-2:].encode()!r}"')
        place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
        fetch.run(place.app())
        clock.now += timedelta(days=2)
    with opened(place.database) as store:
        assert len(story_search.search(store, "tromso", 9)) == 1
        assert story_search.search(store, "lodz", 9) == []
        search_index.assert_is_whole(store.db.conn)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("mikroskop*", ['"mikroskope"']),
        ("MIKRÖSKOP*", ['"mikroskope"']),
        ("licht-mikroskop*", ['"licht-mikroskope"']),
        ("straßen*", ['"strassennetz"']),
        ("mik*", ['"mik"*']),
        ("войска*", ['"войска"*']),
        ("unknown*", ['"unknown"*']),
        ("e\u0301mikroskop*", ['"e\u0301mikroskop"*']),
    ],
)
def test_long_beginnings_become_words_of_the_index(query: str, words: list[str]) -> None:
    """A beginning that no index has is replaced by the words of the index that begin so."""
    known = {
        "mikroskop": ["mikroskope"],
        "strassen": ["strassennetz"],
        "mik": ["mikroskope"],
        "воиска": ["воискам"],
    }
    terms = search_terms.with_words(search_terms.parse(query), known)
    assert sorted(re.findall(r'"[^"]*"\*?', " ".join(terms.wanted))) == sorted(words)


@pytest.mark.parametrize("query", [*ODD, *VECTORS])
def test_odd_queries_are_literal(site: tuple[Workplace, ASGIApp], query: str) -> None:
    """Whatever is searched, the page is harmless, the feed is valid, and nothing fails."""
    page = search(site, q=query)
    assert page.status == 200
    form = shape(page.text.replace("<form", "<div").replace("</form", "</div"))
    assert not {"{http://www.w3.org/1999/xhtml}script", "{http://www.w3.org/1999/xhtml}img"} & {
        e for e, _ in form
    }
    assert not [
        fault for fault in faults(page.text) if not re.match("<(form|input|button|select)> may not", fault)
    ]
    feed = ask(site[1], f"/search.atom?{urlencode({'q': query}, errors='replace')}")
    assert feed.status == 200 and not xml_faults(feed.body)


@given(
    st.dictionaries(
        st.sampled_from(["q", "topic", "partner", "kind", "lang", "from", "to", "page"]), st.text()
    )
)
def test_no_parameters_are_an_error(site: tuple[Workplace, ASGIApp], parameters: dict[str, str]) -> None:
    """Any text in any parameter gives a page."""
    query = "&".join(
        f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in parameters.items()
    )
    assert ask(site[1], f"/search?{query}").status == 200


def test_filters_and_counts(site: tuple[Workplace, ASGIApp]) -> None:
    """Filters select by topic, partner, kind, language and days; counts name the choices."""
    assert set(titles(search(site, q="imaging", kind="course"))) == {"Course on imaging"}
    assert "Job: image analyst" in titles(search(site, topic="open-data", kind="job"))
    assert titles(search(site, topic="open")) == titles(search(site, topic="data")) == []
    assert len(titles(search(site, lang="de"))) == 20
    assert titles(search(site, q="imaging", partner="node", to="2026-10-04")) == []
    assert titles(search(site, q="imaging", **{"from": "2026-10", "to": "2026"}))
    assert titles(search(site, q="imaging", partner="nobody")) == []
    page = search(site, q="imaging").text
    assert 'partner=hostile" dir="auto">Hostile &lt;b&gt;</a>&nbsp;<span class="count">' in page


def test_bad_dates_are_named(site: tuple[Workplace, ASGIApp]) -> None:
    """A date that is none is ignored with a note."""
    page = search(site, q="weimar", **{"from": "31.02.2026"})
    assert titles(page) == ["Job: image analyst"] and "31.02.2026" in page.text


def test_pages_of_results(site: tuple[Workplace, ASGIApp]) -> None:
    """Pages of twenty stories follow without gap or repetition, and none is beyond the last."""
    first, second = search(site, q="many"), search(site, q="many", page="2")
    assert len(titles(first)) == 20 and len(titles(second)) == 5
    assert not set(titles(first)) & set(titles(second))
    assert 'rel="next"' in first.text and 'rel="prev"' in second.text
    beyond = search(site, q="many", page="10")
    assert titles(beyond) == titles(second) and "Page 2 of 2" in beyond.text
    assert titles(search(site, q="nothing", page="2")) == []


def test_found_words_are_marked(site: tuple[Workplace, ASGIApp]) -> None:
    """Title and passage have the found words in `mark`."""
    assert "<mark>Mikroskope</mark>" in search(site, q="mikroskope").text
    assert "<mark>sheet</mark>" in search(site, q="sheet").text


def test_a_search_is_a_feed(site: tuple[Workplace, ASGIApp]) -> None:
    """The feed has an id of its own, its own URL, the newest stories and their `updated` (PB1)."""
    answer = ask(site[1], "/search.atom?q=sheet&kind=course")
    feed = feedparser.parse(answer.body)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    links = {link["rel"]: link["href"] for link in feed.feed.links}
    assert links["self"] == "https://news.example/search.atom?q=sheet&kind=course"
    assert links["alternate"] == "https://news.example/search?q=sheet&kind=course"
    assert [entry.title for entry in feed.entries] == ["Course on imaging"]
    assert feed.feed.updated == "2026-10-05T06:30:00.999999+00:00"
    assert feed.feed.id.startswith("tag:news.example,2026:search/")
    same = feedparser.parse(ask(site[1], "/search.atom?kind=course&page=2&q=sheet").body)
    other = feedparser.parse(ask(site[1], "/search.atom?q=sheets").body)
    assert same.feed.id == feed.feed.id != other.feed.id
    assert other.feed.updated and not other.entries


def test_validators_and_other_origins(site: tuple[Workplace, ASGIApp]) -> None:
    """A feed of a search has an ETag for each coding, and may be read by other origins (PB12)."""
    plain = ask(site[1], "/search.atom?q=many")
    packed = ask(site[1], "/search.atom?q=many", headers={"Accept-Encoding": "gzip"})
    assert plain.headers["access-control-allow-origin"] == "*"
    assert packed.headers["content-encoding"] == "gzip" and packed.headers["etag"] != plain.headers["etag"]
    again = ask(site[1], "/search.atom?q=many", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    options = ask(site[1], "/search.atom", method="OPTIONS")
    assert (options.status, options.headers["access-control-allow-headers"]) == (204, "*")


def test_a_browser_gets_the_feed_of_a_search_as_xml(site: tuple[Workplace, ASGIApp]) -> None:
    """A browser applies the stylesheet of the feed to XML, and shows other types as text (PB15)."""
    reader = ask(site[1], "/search.atom?q=many")
    shown = ask(site[1], "/search.atom?q=many", headers={"Accept": "text/html,*/*;q=0.8"})
    assert shown.headers["content-type"] == "application/xml; charset=utf-8"
    assert reader.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert (shown.body, shown.headers["vary"]) == (reader.body, "Accept-Encoding, Accept")
    assert shown.headers["etag"] != reader.headers["etag"]


def test_hidden_stories_are_not_found(site: tuple[Workplace, ASGIApp]) -> None:
    """A hidden story is neither shown nor counted."""
    place, running = site
    with sqlite3.connect(place.database) as db:
        db.execute("UPDATE stories SET hidden = 1 WHERE title = 'Withdrawn at once'")
    page = ask(running, "/search?q=withdrawn")
    assert "0 stories" in page.text and titles(page) == []


def test_edits_are_found_by_their_new_words(site: tuple[Workplace, ASGIApp]) -> None:
    """The index follows changes of words, topics and the id of a source."""
    place, running = site
    with sqlite3.connect(place.database) as db:
        db.execute("UPDATE items SET topics = '[\"new-topic\", \"x\"]' WHERE title = 'Seminar to be edited'")
        search_index.assert_is_whole(db)
    assert titles(ask(running, "/search?topic=new-topic")) == ["Seminar to be edited"]


def test_a_writer_does_not_delay_searches(site: tuple[Workplace, ASGIApp]) -> None:
    """Pages are read while a job holds the lock and writes."""
    place, running = site
    with sqlite3.connect(place.database, isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("UPDATE stories SET title = 'unfinished'")
        assert "Job: image analyst" in titles(ask(running, "/search?q=weimar"))
        db.execute("ROLLBACK")


def test_a_search_without_end_is_ended(
    site: tuple[Workplace, ASGIApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search beyond its time gets a page that says so, and the next one is answered."""
    monkeypatch.setattr("aggregator.web.search.QUERY_SECONDS", -1.0)
    monkeypatch.setattr(read_only, "CHECK_STEPS", 1)
    place, _ = site
    running = app.build(place.app().config, list, clock=place.clock)
    answer = ask(running, "/search?q=many")
    assert answer.status == 503 and answer.headers["retry-after"] and "takes too long" in answer.text
    monkeypatch.undo()
    assert ask(running, "/search?q=many").status == 200


def test_too_many_waiting_requests_are_refused(
    site: tuple[Workplace, ASGIApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a number of waiting requests the response is 503 at once."""
    monkeypatch.setattr(queries, "MAX_WAITING", -queries.THREADS)
    assert search(site, q="many").status == 503
