"""The pages of partners: findings of a feed, how to correct them, and the badge."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import html

from aggregator.polling import fetch
from aggregator.publishing import publish, publish_partners
from aggregator.store import feed_facts, visits
from tests.builders import NOW, rss
from tests.command import call
from tests.web_server import Answer, Web
from tests.workplace import HEAD, Clock, Workplace

HOURS, DAY = timedelta(hours=2), timedelta(days=1)
GOOD = "Mon, 05 Oct 2026 05:00:00 +0000"


def news(n: int = 1, **fields: str) -> dict[str, str]:
    """Return an item without faults."""
    return {
        "title": f"Microscope {n} opens in {'abcdefgh'[n] * 5}",
        "link": f"https://node.example/{n}",
        "guid": f"node-{n}",
        "description": f"The instrument number {n} is in use.",
        "pubDate": GOOD,
        "category": "news",
    } | fields


def configure(place: Workplace, web: Web, keys: str = "", path: str = "/feed", language: str = "en") -> None:
    """Write a feeds.yaml with one source."""
    head = HEAD.replace("site: {", f"site: {{language: {language}, ")
    place.write(f"sources:\n  - {{id: node, name: The node, url: '{web.url}{path}'{keys}}}\n", head=head)


def poll(place: Workplace) -> tuple[str, ...]:
    """Visit the source, and return the files of partners that were written."""
    written = fetch.run(place.app(), force=True).documents_written
    return tuple(path for path in written if path.startswith("partners/") and "index" not in path)


def page(place: Workplace, id_: str = "node") -> html.HtmlElement:
    """Parse the page of a partner."""
    return html.document_fromstring((place.public / f"partners/{id_}.html").read_bytes())


def codes(place: Workplace) -> list[str]:
    """Return the codes of the findings on the page."""
    return [str(id_) for id_ in page(place).xpath("//ul[@class='findings']/li/@id")]


def words(place: Workplace, code: str) -> str:
    """Return the text of a finding on the page."""
    (element,) = page(place).xpath(f"//li[@id='{code}']")
    return " ".join(element.text_content().split())


FAULTLESS = rss(news(1), news(2), head="<language>en</language><copyright>CC BY 4.0</copyright>")


def test_a_faultless_feed(place: Workplace, web: Web) -> None:
    """A feed without faults has one finding: it is served over http."""
    web.feed("/feed", FAULTLESS, '"1"')
    configure(place, web)
    assert poll(place) == ("partners/node.html", "partners/node.svg")
    assert codes(place) == ["http"]
    facts = page(place).xpath("//section[@class='report']/dl/*/text()")
    assert facts[:4] == ["Address", f"{web.url}/feed", "Format", "RSS 2.0"]


@pytest.mark.parametrize(
    ("code", "document", "said"),
    [
        ("undated", rss(news(1, pubDate=""), news(2)), "Entries without a date: 1 of 2."),
        ("future_dates", rss(news(1, pubDate="Mon, 05 Oct 2037 05:00:00 +0000")), "in the future: 1 of 1"),
        ("unreadable_dates", rss(news(1, pubDate="on the ides of March")), "or is before 1990: 1 of 1"),
        ("unreadable_dates", rss(news(1, pubDate="Thu, 01 Jan 1970 00:00:00 +0000")), "before 1990: 1 of 1"),
        ("repeated_ids", rss(news(1), news(2, guid="node-1")), "share their id with another one: 2 of 2"),
        ("malformed", rss(news(1)).replace(b"is in use", b"is & in use"), "we repaired it"),
        ("malformed", rss(news(1)).replace(b"is in use", b"is &#55357; in use"), "we repaired it"),
        ("no_licence", rss(news(1)), "states no licence"),
        ("no_language", rss(news(1)), "language of the feed is not stated"),
        ("no_categories", rss(news(1, category="")), "No entry has a category"),
        ("cut_texts", rss(news(1, description="A beginning […]")), "cut off or missing: 1 of 1"),
        ("cut_texts", rss(news(1, description="A beginning … Weiterlesen »")), "cut off or missing: 1 of 1"),
        ("no_links", rss(news(1, link="", guid="tag:a,2026:1")), "without an address of their own: 1 of 1"),
        (
            "event_fields",
            rss(*(news(n, title=f"Workshop {n}, {n + 3} November 2026, Turin") for n in (1, 2, 3))),
            "only the text describes: 3",
        ),
        ("large", rss(news(1, description="word " * 250_000)), "The document is large: 1.3 MB"),
    ],
)
def test_faults_of_documents(place: Workplace, web: Web, code: str, document: bytes, said: str) -> None:
    """Each fault is named with its number, and with what its publisher can do."""
    web.feed("/feed", document.replace(b"<link></link>", b"").replace(b"<pubDate></pubDate>", b""), '"1"')
    configure(place, web)
    poll(place)
    assert code in codes(place)
    assert said in words(place, code)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(status=403), "forbidden"),
        (Answer(status=404), "not_found"),
        (Answer(status=401), "password"),
        (Answer(status=429), "busy"),
        (Answer(status=500), "server_error"),
        (Answer(b"<html><body>Hello</body></html>", headers={"Content-Type": "text/html"}), "web_page"),
        (
            Answer(b"<title>Just a moment...</title>", headers={"cf-mitigated": "challenge"}, status=403),
            "bot_wall",
        ),
        (Answer(FAULTLESS, headers={"Content-Type": "text/plain", "ETag": '"1"'}), "content_type"),
        (Answer(FAULTLESS, headers={"Content-Type": "application/rss+xml"}), "no_validators"),
    ],
)
def test_faults_of_servers(place: Workplace, web: Web, answer: Answer, code: str) -> None:
    """A refusal, an error, a wrong type and missing validators are named by their kind."""
    web.answers["/feed"] = answer
    configure(place, web)
    poll(place)
    assert code in codes(place)


def test_robots_txt_is_named(place: Workplace, web: Web) -> None:
    """The findings of a page that robots.txt forbids are this and the missing feed."""
    web.answers["/robots.txt"] = Answer(
        b"User-agent: *\nDisallow: /\n", headers={"Content-Type": "text/plain"}
    )
    configure(place, web, ", kind: page, page: {item: article}", "/news")
    poll(place)
    assert codes(place)[0] == "robots"
    assert "no_feed" in codes(place)


def test_ids_that_change(place: Workplace, web: Web, clock: Clock) -> None:
    """An entry that comes under another guid is counted."""
    web.feed("/feed", rss(news(1), news(2)), '"1"')
    configure(place, web)
    poll(place)
    clock.now += DAY
    web.feed("/feed", rss(news(1, guid="other"), news(2)), '"2"')
    poll(place)
    assert "id was replaced: 1 of 2" in words(place, "replaced_ids")


def test_the_target_of_a_permanent_redirect_is_named(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """The target is named without its query, which may contain a secret."""
    old, new = webs(), webs()
    new.feed("/new?key=sesame", rss(news(1)), '"1"')
    old.feed("/feed", rss(news(1)), '"1"')
    configure(place, old)
    poll(place)
    clock.now += DAY
    old.answers["/feed"] = Answer(status=301, headers={"Location": f"{new.url}/new?key=sesame"})
    poll(place)
    assert f"redirects permanently to {new.url}/new?…" in words(place, "moved")
    assert b"sesame" not in (place.public / "partners/node.html").read_bytes()


def test_no_secret_of_an_address_is_shown(place: Workplace, web: Web) -> None:
    """Neither the query of a source's address nor a text of its server is on its page."""
    web.answers["/feed?token=sesame"] = Answer(status=302, headers={"Location": "/feed?token=sesame"})
    configure(place, web, path="/feed?token=sesame")
    poll(place)
    for name in ("node.html", "node.svg"):
        assert b"sesame" not in (place.public / "partners" / name).read_bytes()


def test_answers_that_ignore_validators(place: Workplace, web: Web, clock: Clock) -> None:
    """Whole unchanged documents after conditional requests are counted, with their size."""
    configure(place, web)
    for _ in range(5):
        web.answers["/feed"] = Answer(
            FAULTLESS,
            headers={
                "Content-Type": "application/rss+xml",
                "Last-Modified": f"{clock.now:%a, %d %b %Y %T} GMT",
            },
        )
        poll(place)
        clock.now += DAY
    assert "Times in 30 days: 3, in all 2 kB" in words(place, "ignored_validators")


def test_slow_answers(place: Workplace, web: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow responses are counted over 30 days; in this test each one is slow."""
    for module in (visits, feed_facts):
        monkeypatch.setattr(module, "MIN_SLOW_SECONDS", 0.0)
    web.feed("/feed", FAULTLESS, '"1"')
    configure(place, web)
    for _ in range(4):
        assert "slow" not in (codes(place) if clock.now > NOW else [])
        poll(place)
        clock.now += DAY
    assert "5 seconds in 30 days: 3 of 3" in words(place, "slow")


def test_nothing_changed_is_the_same_bytes(place: Workplace, web: Web, clock: Clock) -> None:
    """Good visits write a page again once a week; `publish` writes the same bytes (PB13)."""
    web.feed("/feed", FAULTLESS, '"1"')
    configure(place, web)
    poll(place)
    before = _files(place)
    for _ in range(3):
        clock.now += HOURS * 16
        assert poll(place) == ()
        publish.run(place.app())
        assert _files(place) == before
    clock.now += 7 * DAY
    assert poll(place) == ("partners/node.html",)
    assert "ok" in page(place).xpath("//table")[0].text_content()


def test_a_failure_is_shown_at_once_and_ends_at_once(place: Workplace, web: Web, clock: Clock) -> None:
    """A failed visit changes the page in its round; the days keep what happened."""
    web.feed("/feed", FAULTLESS, '"1"')
    configure(place, web)
    poll(place)
    clock.now += DAY
    web.answers["/feed"] = Answer(status=503)
    assert poll(place) == ("partners/node.html",)
    assert codes(place)[0] == "busy"
    clock.now += 2 * DAY
    web.feed("/feed", FAULTLESS, '"1"')
    assert poll(place) == ("partners/node.html",)
    assert codes(place) == ["http"]
    rows = [" ".join(" ".join(row.itertext()).split()) for row in page(place).xpath("//tbody/tr")]
    assert rows[:3] == [
        "8 October 2026 ok",
        "7 October 2026 not visited",
        "6 October 2026 failed: The server asked for fewer visits (429 or 503). We wait as long as it asked.",
    ]


def test_foreign_text_is_escaped(place: Workplace, web: Web) -> None:
    """Markup in a content type, a name or a fault of the document stays text."""
    evil = "<img src=x onerror=alert(1)>"
    web.answers["/feed"] = Answer(FAULTLESS, headers={"Content-Type": f"text/{evil}", "ETag": '"1"'})
    configure(place, web)
    file = place.folder / "feeds.yaml"
    file.write_text(
        file.read_text().replace("name: The node", f"name: '{evil}'").replace("Imaging news,", "'A & <b>',")
    )
    poll(place)
    found = page(place)
    assert found.xpath("//img/@src") == ["node.svg"]
    assert f"text/{evil}" in words(place, "content_type")
    svg = ET.fromstring((place.public / "partners/node.svg").read_bytes())
    assert svg.findtext("{http://www.w3.org/2000/svg}title") == "listed at A & <b>: 2 stories in 52 weeks"


def test_the_badge_and_its_snippet(place: Workplace, web: Web) -> None:
    """The image has a title and loads nothing; the snippet leads from the badge to the page."""
    web.feed("/feed", FAULTLESS, '"1"')
    configure(place, web)
    poll(place)
    svg = (place.public / "partners/node.svg").read_text()
    assert "<title" in svg
    assert "href" not in svg and "url(" not in svg
    (snippet,) = page(place).xpath("//pre[@class='snippet']")
    link = html.fragment_fromstring(snippet.text_content())
    assert link.get("href") == "https://news.example/partners/node.html"
    image = link.find("img")
    assert image is not None
    assert (image.get("src"), image.get("alt")) == (
        "https://news.example/partners/node.svg",
        "listed at Imaging news",
    )


def test_a_page_in_german(place: Workplace, web: Web) -> None:
    """A site in German reports in German."""
    web.answers["/feed"] = Answer(rss(news(1)))
    configure(place, web, language="de")
    poll(place)
    assert "Abhilfe: ETag oder Last-Modified senden" in words(place, "no_validators")
    assert "seit 5. Oktober 2026" in words(place, "no_validators")


def test_pages_of_removed_and_renamed_sources_go(place: Workplace, web: Web) -> None:
    """A source with another id leaves no old page, and no page of a source replaces the list."""
    web.feed("/feed", FAULTLESS, '"1"')
    configure(place, web)
    poll(place)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("id: node", "id: index"))
    fetch.run(place.app(), force=True)
    assert sorted(path.name for path in (place.public / "partners").glob("*.[hs][tv]*")) == [
        "_index.html",
        "_index.html.gz",
        "_index.svg",
        "_index.svg.gz",
        "index.html",
        "index.html.gz",
    ]
    assert "../partners/_index.html" in page(place, "index").xpath("//ul[@class='directory']//a/@href")


def test_a_round_makes_a_bounded_number_of_reports(
    place: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """After a change of templates the pages are written over several rounds (P1)."""
    for n in range(3):
        web.feed(f"/{n}", FAULTLESS, '"1"')
    place.write(
        "sources:\n" + "".join(f"  - {{id: s{n}, name: S{n}, url: '{web.url}/{n}'}}\n" for n in range(3))
    )
    monkeypatch.setattr(publish_partners, "MAX_REPORTS", 2)
    assert len(poll(place)) == 4
    clock.now += HOURS
    assert len(poll(place)) == 2


def test_operators_read_the_same_words(place: Workplace, web: Web, clock: Clock) -> None:
    """`check --live`, `status` and the operator's mail have the findings of the page."""
    web.answers["/feed"] = Answer(FAULTLESS, headers={"Content-Type": "text/plain", "ETag": '"1"'})
    configure(place, web)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text() + 'operator: {to: ada@example.org, schedule: "mon 07:00"}\n')
    poll(place)
    sentence = "The media type of the document is wrong: text/plain"
    assert sentence in words(place, "content_type")
    status = call(place, "status").out
    assert "for the partner: content_type" in status
    checked = call(place, "check", "--live").out
    assert sentence[1:] in checked
    assert "Send Content-Type: application/rss+xml" in checked
    clock.now = NOW + timedelta(days=7)
    out = place.folder / "out"
    assert call(place, "digest", "preview", "operator", "--out", str(out)).code == 0
    mail = " ".join(" ".join(path.read_text() for path in Path(out).glob("*.html")).split())
    assert sentence in mail
    assert "https://news.example/partners/node.html" in mail
    assert call(place, "digest", "run").code == 0
    clock.now += timedelta(days=7)
    poll(place)
    assert call(place, "digest", "preview", "operator").out.startswith("nothing to do")  # named once


def _files(place: Workplace) -> dict[str, tuple[bytes, int]]:
    folder = place.public / "partners"
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
