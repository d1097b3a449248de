"""Check that an item that raises is quarantined and reported, and all others are published.

The real commands run with one function of the program replaced by one that raises for a single item.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from lxml import etree

from aggregator.dedupe import candidates, evidence, measures
from aggregator.digests import body
from aggregator.items import diff
from aggregator.model.publishing import Publication
from aggregator.publishing import archive, edition_pages, renderers, site
from aggregator.store import quarantined
from tests.builders import rss
from tests.command import Output, call, news
from tests.web_server import Web
from tests.workplace import Workplace

ATOM = "{http://www.w3.org/2005/Atom}"
POISON = "Poison measured by the Zeppelin consortium through Quokka lenses"
NEAR = "Zeppelin consortium buys Quokka lenses"
REASON = "ValueError: a digit too many"
DAILY = 'digests:\n  - {id: daily, title: Daily, schedule: "0 8 * * *", recipients: [ada@a.example]}\n'


def raise_for(poisoned: Callable[..., bool], real: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Make a function that raises for poisoned arguments and calls `real` otherwise."""

    def fake(*args: Any, **fields: Any) -> Any:
        if poisoned(*args):
            raise ValueError("a digit too many")
        return real(*args, **fields) if real else None

    return fake


@pytest.fixture
def two(place: Workplace, webs: Callable[[], Web]) -> Iterator[list[Web]]:
    """Serve two sources: one with poison between two items, one with a single item."""
    servers = [webs(), webs()]
    servers[0].feed("/feed", rss(news(1), news(2, title=POISON), news(3)), '"1"')
    servers[1].feed("/feed", rss(news(4, title=NEAR, link="https://other.example/4")), '"1"')
    write(place, servers)
    yield servers


def write(place: Workplace, servers: Iterable[Web], more: str = "") -> None:
    """Write a feeds.yaml with a source for each server, and a daily digest."""
    sources = "".join(
        f"  - {{id: s{n}, name: Source {n}, url: '{web.url}/feed'}}\n" for n, web in enumerate(servers)
    )
    place.write(f"sources:\n{sources}{more}{DAILY}")


def titles(place: Workplace, path: str = "atom.xml") -> set[str]:
    """Read the titles in a published feed."""
    root = etree.parse(place.public / path).getroot()
    return {str(entry.findtext(f"{ATOM}title")) for entry in root.iter(f"{ATOM}entry")}


def fetched(place: Workplace) -> Output:
    """Run `fetch --force`, which must succeed."""
    said = call(place, "fetch", "--force")
    assert said.code == 0, said.err
    return said


def quarantines(place: Workplace) -> list[dict[str, Any]]:
    """Return what `status --json` lists as quarantined."""
    found: list[dict[str, Any]] = json.loads(call(place, "status", "--json").out)["set_aside"]
    return found


OTHERS = {news(1)["title"], news(3)["title"], NEAR}


# --- placing -------------------------------------------------------------------------------------------


def poisoned_evidence(pair: Any) -> bool:
    """Return whether the poison is in a pair of features."""
    return "poison" in pair.a.key or "poison" in pair.b.key


BREAKS_PLACING: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "evidence of two signatures": lambda patch: patch.setattr(
        measures, "NEAR", (*measures.NEAR, raise_for(poisoned_evidence))
    ),
    "exact evidence": lambda patch: patch.setattr(
        evidence, "EXACT", (raise_for(lambda a, b: POISON in (a.title, b.title)), *evidence.EXACT)
    ),
    "traces": lambda patch: patch.setattr(
        candidates, "item_keys", raise_for(lambda reported: reported.title == POISON, candidates.item_keys)
    ),
}


@pytest.mark.parametrize("breaks", BREAKS_PLACING.values(), ids=BREAKS_PLACING.keys())
def test_an_item_that_cannot_be_placed_stops_no_other(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch, breaks: Callable[..., None]
) -> None:
    """An item that cannot be placed is reported once until edited; others are published."""
    breaks(monkeypatch)
    said = fetched(place)
    assert titles(place) == OTHERS
    (notice,) = said.err.splitlines()
    assert POISON in notice and REASON in notice and "s0" in notice
    assert fetched(place).err == ""  # once
    (one,) = quarantines(place)
    assert (one["step"], one["title"], one["source"], one["reason"]) == ("item", POISON, "s0", REASON)
    shown = call(place, "status").out
    assert one["name"] in shown and "left out until it changes or the program is upgraded" in shown
    assert "cannot be compared" not in call(place, "status", "--check").err

    two[0].feed("/feed", rss(news(1), news(2, title="Repaired by its publisher"), news(3)), '"2"')
    assert fetched(place).err == ""
    assert titles(place) == {*OTHERS, "Repaired by its publisher"}
    assert quarantines(place) == []


@pytest.mark.parametrize("breaks", BREAKS_PLACING.values(), ids=BREAKS_PLACING.keys())
def test_another_version_tries_again(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch, breaks: Callable[..., None]
) -> None:
    """The next version of the program places what was quarantined."""
    with monkeypatch.context() as broken:
        breaks(broken)
        fetched(place)
        two[1].feed("/feed", rss(news(4, title=NEAR), news(5, title=POISON, link=f"{two[1].url}/5")), '"2"')
        fetched(place)
    assert POISON in {one["title"] for one in quarantines(place)}
    monkeypatch.setattr(quarantined, "__version__", "99")
    assert fetched(place).err == ""
    assert titles(place) == {*OTHERS, POISON}
    assert quarantines(place) == []
    (story,) = json.loads(call(place, "search", "--json", "Poison").out)["stories"]
    assert {story["source"], *story["also"]} == {"s0", "s1"}


def test_a_placed_item_that_breaks_comparing_keeps_its_story(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored item that a new version cannot compare keeps its story; new items are placed."""
    fetched(place)
    BREAKS_PLACING["evidence of two signatures"](monkeypatch)
    new = news(5, title="Zeppelin consortium sells Quokka lenses", link=f"{two[1].url}/5")
    two[1].feed("/feed", rss(news(4, title=NEAR), new), '"2"')
    said = fetched(place)
    assert titles(place) == {*OTHERS, POISON, new["title"]}
    assert POISON in said.err and len(said.err.splitlines()) == 1
    assert [one["title"] for one in quarantines(place)] == [POISON]


def test_pairs_that_break_though_neither_does_alone_cost_no_item(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no item raises alone, each is placed without the stories that raise with it."""

    def odd(pair: Any) -> bool:
        return poisoned_evidence(pair) and pair.a.key != pair.b.key

    monkeypatch.setattr(measures, "NEAR", (*measures.NEAR, raise_for(odd)))
    two[1].feed(
        "/feed", rss(news(4, title=NEAR), news(5, title=f"{POISON} again", link=f"{two[1].url}/5")), '"2"'
    )
    said = fetched(place)
    assert titles(place) == {*OTHERS, POISON, f"{POISON} again"}
    assert len(said.err.splitlines()) == len(quarantines(place)) == 1
    assert fetched(place).err == ""


# --- what a source said --------------------------------------------------------------------------------


def test_what_cannot_be_kept_fails_its_own_source(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document whose items raise is a failure of its source; the other one is published."""
    real = diff.item_changes
    monkeypatch.setattr(
        diff, "item_changes", raise_for(lambda items, *_: any(i.title == POISON for i in items), real)
    )
    fetched(place)
    assert titles(place) == {NEAR}
    sources = {one["id"]: one for one in json.loads(call(place, "status", "--json").out)["sources"]}
    assert REASON in sources["s0"]["reason"]
    assert sources["s1"]["state"] == "ok"


# --- publishing ----------------------------------------------------------------------------------------


def has_poison(publication: Any) -> bool:
    """Return whether the poisoned story is to be rendered."""
    return any(story.lead.title == POISON for story in publication.stories)


@pytest.mark.parametrize("format_", ["atom", "rss", "json", "page", "archive"])
def test_a_story_that_cannot_be_rendered_is_left_out(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """Documents omit a story that cannot be rendered until it changes."""
    with monkeypatch.context() as broken:
        if format_ == "archive":
            broken.setattr(archive, "entries", raise_for(has_poison, archive.entries))
        else:
            table = renderers.FEEDS if format_ in renderers.FEEDS else renderers.PAGES
            broken.setitem(table, format_, raise_for(has_poison, table[format_]))
        said = fetched(place)
        (notice,) = said.err.splitlines()
        assert POISON in notice and REASON in notice
        assert fetched(place).err == call(place, "publish").err == ""
        assert titles(place) == OTHERS
        assert POISON not in (place.public / "index.html").read_text("utf-8")
        assert [one["step"] for one in quarantines(place)] == ["story"]
        if format_ == "archive":
            assert titles(place, "archive/2026-10.xml") == OTHERS
    two[0].feed("/feed", rss(news(1), news(2, title="Repaired by its publisher"), news(3)), '"2"')
    assert fetched(place).err == ""
    assert titles(place) == titles(place, "archive/2026-10.xml") == {*OTHERS, "Repaired by its publisher"}
    assert quarantines(place) == []


def test_a_channel_that_cannot_be_rendered_stops_no_other(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that fails is reported once and tried at every run; others are written."""
    more = "channels:\n  - {id: odd, title: Odd, include: {sources: [s1]}}\n"
    write(place, two, more)
    with monkeypatch.context() as broken:
        is_odd = raise_for(lambda publication: publication.channel.id == "odd", site.render)
        broken.setitem(renderers.PAGES, "page", is_odd)
        said = fetched(place)
        assert said.err.count("channel odd cannot be published") == len(said.err.splitlines()) == 1
        assert fetched(place).err == ""
        assert titles(place) == {*OTHERS, POISON}
        assert not (place.public / "channels" / "odd").exists()
        assert "channel odd" in call(place, "status", "--check").err
    assert fetched(place).err == ""
    assert titles(place, "channels/odd/atom.xml") == {NEAR}
    assert quarantines(place) == []


def test_a_main_feed_that_cannot_be_written_again_is_no_reason_to_write_all_else(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deleted `public` is written again once, also while its main feed fails."""
    write(place, two, "channels:\n  - {id: odd, title: Odd, include: {sources: [s1]}}\n")
    fetched(place)
    shutil.rmtree(place.public)
    rendered: list[str] = []

    def is_main(publication: Publication) -> bool:
        rendered.append(publication.channel.id)
        return publication.channel.id == "all"

    with monkeypatch.context() as broken:
        broken.setitem(renderers.PAGES, "page", raise_for(is_main, site.render))
        fetched(place)
        assert titles(place, "channels/odd/atom.xml") == {NEAR}
        rendered.clear()
        fetched(place)
        assert set(rendered) == {"all"}
    fetched(place)
    assert titles(place) == {*OTHERS, POISON}


def test_a_failing_channel_that_left_the_file_is_forgotten(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed channel that was removed from feeds.yaml is not reported."""
    write(place, two, "channels:\n  - {id: odd, title: Odd, include: {sources: [s1]}}\n")
    is_odd = raise_for(lambda publication: publication.channel.id == "odd", site.render)
    monkeypatch.setitem(renderers.PAGES, "page", is_odd)
    fetched(place)
    assert [one["name"] for one in quarantines(place)] == ["odd"]
    write(place, two)
    fetched(place)
    assert quarantines(place) == []


# --- digests -------------------------------------------------------------------------------------------


def letters(place: Workplace) -> list[str]:
    """Read the messages of the outbox, oldest first."""
    files = sorted((place.folder / "var" / "outbox").iterdir(), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files]


def test_a_story_that_breaks_an_edition_is_left_out_of_it(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edition omits a story that fails; once it is repaired, a later edition has it."""
    fetched(place)
    with monkeypatch.context() as broken:
        poisoned = raise_for(
            lambda edition, _: any(t.title == POISON for t in edition.entries), body.compose_body
        )
        broken.setattr(body, "compose_body", poisoned)
        assert call(place, "digest", "preview", "daily").code == 0
        said = call(place, "digest", "run")
        assert said.code == 0
        assert said.err.count(POISON) == said.err.count(REASON) == len(said.err.splitlines()) == 1
    (mail,) = letters(place)
    assert POISON not in mail and all(title in mail for title in OTHERS)
    monkeypatch.setattr(quarantined, "__version__", "99")
    place.clock.now = place.clock.now.replace(day=6)
    assert call(place, "digest", "run") == Output(0, "", "")
    assert POISON in letters(place)[-1]


def test_a_digest_that_cannot_be_composed_stops_no_other(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digest that fails is reported once and stays due; the other one is sent."""
    sources = "".join(f"  - {{id: s{n}, name: S, url: '{web.url}/feed'}}\n" for n, web in enumerate(two))
    place.write(f"sources:\n{sources}{DAILY}" + DAILY.partition("\n")[2].replace("daily", "odd"))
    fetched(place)
    with monkeypatch.context() as broken:
        is_odd = raise_for(lambda edition, _: edition.digest_id == "odd", body.compose_body)
        broken.setattr(body, "compose_body", is_odd)
        said = call(place, "digest", "run")
        assert "digest odd cannot be composed" in said.err
        assert len(said.err.splitlines()) == 1
        assert call(place, "digest", "run").err == ""
        assert len(letters(place)) == 1
    call(place, "digest", "run")
    assert len(letters(place)) == 2


def test_an_edition_whose_page_breaks_stops_no_other(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edition whose page fails is sent; its page is written once it can be."""
    fetched(place)
    with monkeypatch.context() as broken:
        broken.setattr(edition_pages, "page", raise_for(lambda *_: True))
        said = call(place, "digest", "run")
        assert "edition daily-2026-10-05 cannot be published" in said.err
        assert len(letters(place)) == 1
    assert not list(place.public.glob("digests/daily-*.html"))
    fetched(place)
    assert list(place.public.glob("digests/daily-*.html"))


# --- showing -------------------------------------------------------------------------------------------


def test_explain_says_what_cannot_be_compared(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`story explain` prints one sentence, or omits a near miss that fails."""
    fetched(place)
    ids = [one["story"] for one in json.loads(call(place, "search", "--json", "Zeppelin").out)["stories"]]
    assert len(ids) == 2
    BREAKS_PLACING["evidence of two signatures"](monkeypatch)
    assert REASON in call(place, "story", "explain", *ids).line
    said = call(place, "story", "explain", ids[0])
    assert said.code == 0 and REASON in said.err


def test_a_story_that_cannot_be_read_costs_a_search_no_other(
    place: Workplace, two: list[Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search finds all other stories, and reports the missing one on standard error."""
    from aggregator.store import stories

    fetched(place)
    real = stories.read

    def read(store: Any, ids: Sequence[str], **fields: Any) -> Any:
        found = real(store, ids, **fields)
        if any(story.lead.title == POISON for story in found):
            raise ValueError("a digit too many")
        return found

    monkeypatch.setattr(stories, "read", read)
    said = call(place, "search", "happened")
    assert said.code == 0
    assert all(title in said.out for title in OTHERS)
    assert POISON not in said.out
    assert REASON in said.err


@pytest.mark.parametrize("query", ["\x00", "a\x00b", "\udcff a", '"', "NEAR(a b) OR title:x ^*", "9" * 5_000])
def test_any_words_may_be_searched_for(place: Workplace, two: list[Web], query: str) -> None:
    """Any query is searched as words."""
    fetched(place)
    assert call(place, "search", query).code == 0
