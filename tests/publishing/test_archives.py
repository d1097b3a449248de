"""The archive's chain, tombstones, channels of single sources and topics, and the hub (P2, PB8, PB9, PB11, I7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from aggregator.dedupe import editor_decisions
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch
from aggregator.publishing import publish
from tests.builders import NOW, rss
from tests.conftest import Clock, Web, Workplace
from tests.publishing.test_publish import change, news, state, titles, write

A = "{http://www.w3.org/2005/Atom}"
DELETED = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
DAY = timedelta(days=1)


def poll(place: Workplace) -> FetchReport:
    """Visit every source, place and publish."""
    return fetch.run(place.app(), force=True)


def read(place: Workplace, path: str = "atom.xml") -> etree._Element:
    """A published document, parsed."""
    return etree.fromstring((place.public / path).read_bytes())


def ids(place: Workplace, path: str = "atom.xml") -> dict[str, str]:
    """The ids of the stories in a document, by title."""
    entries = read(place, path).iterfind(f"{A}entry")
    return {e.findtext(f"{A}title"): e.findtext(f"{A}id").rpartition("/")[2] for e in entries}


def deleted(place: Workplace, path: str = "atom.xml") -> list[str]:
    """The ids that a document has a tombstone of."""
    return [e.get("ref").rpartition("/")[2] for e in read(place, path).iterfind(DELETED)]


def chain(place: Workplace) -> list[str]:
    """The documents of the archive, as a reader finds them: from the feed on, by `prev-archive`."""
    found, path = [], "atom.xml"
    while True:
        before = [
            link for link in read(place, path).iterfind(f"{A}link") if link.get("rel") == "prev-archive"
        ]
        if not before:
            return found
        path = before[0].get("href").removeprefix("https://news.example/")
        assert path not in found
        found.append(path)


def links(element: etree._Element) -> dict[str, str]:
    """The addresses of a document by relation."""
    return {link.get("rel"): link.get("href") for link in element.iterfind(f"{A}link")}


@pytest.fixture
def a(place: Workplace, webs: Callable[[], Web], clock: Clock) -> Web:
    """A source that told something in October and something in November."""
    web = webs()
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"a": web})
    poll(place)
    clock.now += 30 * DAY  # 4 November
    web.feed("/feed", rss(news(2, clock.now), news(1)), '"2"')
    poll(place)
    return web


def test_every_month_is_a_document_and_the_chain_leads_through_them(place: Workplace, a: Web) -> None:
    """P2, PB8: the feed leads to the newest month and each to the one before; all are one feed (RFC 5005)."""
    assert chain(place) == ["archive/2026-11.xml", "archive/2026-10.xml"]
    assert [titles(place, path) for path in chain(place)] == [["News number 2"], ["News number 1"]]
    for path in chain(place):
        root = read(place, path)
        assert root.find("{http://purl.org/syndication/history/1.0}archive") is not None
        assert links(root)["self"] == f"https://news.example/{path}"
        assert links(root)["current"] == "https://news.example/atom.xml"
        assert root.findtext(f"{A}id") == read(place).findtext(f"{A}id")
    assert read(place).find("{http://purl.org/syndication/history/1.0}archive") is None


def test_a_month_that_ended_is_frozen(place: Workplace, a: Web, clock: Clock) -> None:
    """P2: an edit moves the feed; the document of a past month keeps every byte, also when all is rendered again."""
    before = state(place)
    clock.now += DAY
    a.feed("/feed", rss(news(2, title="Two, corrected"), news(1, title="One, corrected")), '"3"')
    assert "archive/2026-11.xml" in poll(place).documents_written
    write(place, {"a": a}, "# a remark\n")
    publish.run(place.app())
    assert titles(place) == ["Two, corrected", "One, corrected"]
    assert titles(place, "archive/2026-11.xml") == ["Two, corrected"]
    assert state(place)["archive/2026-10.xml"] == before["archive/2026-10.xml"]


def test_what_is_frozen_is_written_before_the_new_month_edits_it(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """P2: what a visit of the new month finds is not in the old month's document, though nobody closed it before."""
    clock.now += 40 * DAY  # December
    a.feed("/feed", rss(news(2, title="Two, corrected too late"), news(1)), '"3"')
    poll(place)
    assert titles(place, "archive/2026-11.xml") == ["News number 2"]
    assert "Two, corrected too late" in titles(place)


@pytest.mark.parametrize("month", ["2026-10", "2026-11"])
def test_a_hidden_story_leaves_a_tombstone_and_comes_back(
    place: Workplace, a: Web, clock: Clock, month: str
) -> None:
    """I8, PB9: a withdrawal is the one thing that changes a frozen month; undone, the entry is there again."""
    path = f"archive/{month}.xml"
    ((title, story_id),) = ids(place, path).items()
    others = {p: b for p, b in state(place).items() if "archive" in p and month not in p}
    words = etree.tostring(read(place, path).find(f"{A}entry"))
    clock.now += DAY
    editor_decisions.set_hidden(place.app(), [story_id], "ada", hidden=True)
    poll(place)
    assert titles(place, path) == []
    assert deleted(place, path) == [story_id]
    assert read(place, path).find(DELETED).get("when") == clock.now.isoformat()
    assert title not in titles(place)
    assert {p: b for p, b in state(place).items() if p in others} == others
    before = read(place, path).findtext(f"{A}updated")
    clock.now += DAY
    editor_decisions.set_hidden(place.app(), [story_id], "ada", hidden=False)
    poll(place)
    assert read(place, path).findtext(f"{A}updated") >= before
    assert deleted(place, path) == deleted(place) == []
    assert etree.tostring(read(place, path).find(f"{A}entry")) == words
    assert title in titles(place)


def test_what_was_hidden_when_its_month_was_first_written_comes_back_into_it(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """PB8: also where the document never had the entry, nor a tombstone: hidden before there were archives."""
    (story_id,) = ids(place, "archive/2026-10.xml").values()
    editor_decisions.set_hidden(place.app(), [story_id], "ada", hidden=True)
    change(place, "DELETE FROM channel_tombstones")
    (place.public / "archive/2026-10.xml").unlink()
    publish.run(place.app())
    assert titles(place, "archive/2026-10.xml") == deleted(place, "archive/2026-10.xml") == []
    editor_decisions.set_hidden(place.app(), [story_id], "ada", hidden=False)
    publish.run(place.app())
    assert list(ids(place, "archive/2026-10.xml").values()) == [story_id]


def test_what_enters_the_channel_of_everything_late_is_archived(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """PB8: `all` that left something out lets it in: it is in the chain, though its month is over; no entry leaves."""
    b = Web()
    b.feed("/feed", rss(news(7, clock.now, title="By b")), '"1"')
    write(place, {"a": a, "b": b}, "channels: [{id: all, title: All, exclude: {sources: [b]}}]\n")
    poll(place)
    clock.now += 30 * DAY
    poll(place)
    assert titles(place, "archive/2026-11.xml") == ["News number 2"]
    write(place, {"a": a, "b": b}, "channels: [{id: all, title: All, exclude: {sources: [a]}}]\n")
    poll(place)
    b.close()
    assert titles(place) == ["By b"]
    assert titles(place, "archive/2026-11.xml") == ["By b", "News number 2"]


def test_a_month_that_an_editor_opened_a_moment_ago_is_not_linked_yet(
    place: Workplace, a: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PB8, L1: a decision between archive and feed; the chain is whole at every moment, and told by the next run."""
    real = publish._channel

    def beside(*of: object) -> None:
        monkeypatch.setattr(publish, "_channel", real)
        change(place, "INSERT INTO archives (month) VALUES ('2026-12')")  # as `split --announce` does
        real(*of)  # type: ignore[arg-type]

    clock.now += 30 * DAY
    monkeypatch.setattr(publish, "_channel", beside)
    publish.run(place.app())
    assert chain(place)[0] == "archive/2026-11.xml"
    publish.run(place.app())
    assert chain(place)[0] == "archive/2026-12.xml"
    assert (place.public / "archive/2026-12.xml").exists()


def test_the_feed_says_what_was_withdrawn(place: Workplace, a: Web, clock: Clock) -> None:
    """PB9, PB4: the subscription document has the tombstone as well, and its own `updated` never goes back."""
    clock.now += DAY
    (story_id,) = ids(place, "archive/2026-11.xml").values()
    before = read(place).findtext(f"{A}updated")
    editor_decisions.set_hidden(place.app(), [story_id], "ada", hidden=True)
    poll(place)
    assert deleted(place) == [story_id]
    assert read(place).findtext(f"{A}updated") == clock.now.isoformat() > before


def test_a_merge_leaves_a_tombstone_that_says_where_it_went(place: Workplace, a: Web, clock: Clock) -> None:
    """I7: the older id stays, the other becomes a tombstone in feed and archive; undone, each has its id again."""
    told = ids(place)
    kept, gone = told["News number 1"], told["News number 2"]
    before = {p: b for p, b in state(place).items() if "2026-10" in p}
    clock.now += 30 * DAY
    editor_decisions.merge(place.app(), [kept, gone], "ada")
    poll(place)
    assert list(ids(place).values()) == [kept]
    for path in ("atom.xml", "archive/2026-11.xml"):
        assert deleted(place, path) == [gone]
        (comment,) = read(place, path).find(DELETED)
        assert comment.text == f"Published as tag:news.example,2026:story/{kept} now."
    assert ids(place, "archive/2026-10.xml") == {"News number 1": kept}
    assert {p: b for p, b in state(place).items() if "2026-10" in p} == before
    clock.now += DAY
    item = change_and_read(
        place, f"SELECT id FROM items WHERE story_id = '{kept}' AND title = 'News number 2'"
    )
    assert editor_decisions.split(place.app(), [item], "ada", announce=False) == (kept, gone)
    poll(place)
    assert ids(place, "archive/2026-11.xml") == {"News number 2": gone}
    assert deleted(place) == deleted(place, "archive/2026-11.xml") == []
    entry = next(e for e in read(place).iterfind(f"{A}entry") if e.findtext(f"{A}id").endswith(gone))
    assert entry.findtext(f"{A}published") == "2026-11-04T06:30:00+00:00"


def test_a_merge_undone_while_hidden_stays_withdrawn(place: Workplace, a: Web, clock: Clock) -> None:
    """PB9, I7: the part is hidden with the whole, and still says so; shown again, it is where it was."""
    told = ids(place)
    kept, gone = told["News number 1"], told["News number 2"]
    editor_decisions.merge(place.app(), [kept, gone], "ada")
    editor_decisions.set_hidden(place.app(), [kept], "ada", hidden=True)
    publish.run(place.app())
    item = change_and_read(place, "SELECT id FROM items WHERE title = 'News number 2'")
    assert editor_decisions.split(place.app(), [item], "ada", announce=False) == (kept, gone)
    publish.run(place.app())
    assert deleted(place, "archive/2026-11.xml") == [gone]
    editor_decisions.set_hidden(place.app(), [gone], "ada", hidden=False)
    publish.run(place.app())
    assert deleted(place, "archive/2026-11.xml") == []
    assert list(ids(place, "archive/2026-11.xml").values()) == [gone]


def change_and_read(place: Workplace, sql: str) -> str:
    """One value of the database."""
    import sqlite3

    conn = sqlite3.connect(place.database)
    (value,) = conn.execute(sql).fetchone()
    conn.close()
    return str(value)


def test_more_than_a_window_is_reachable_in_the_month_it_is_told(place: Workplace, web: Web) -> None:
    """PB8: 130 stories of one round: a hundred in the feed, every one in the archive at once."""
    web.feed("/feed", rss(*(news(n, NOW - timedelta(minutes=n)) for n in range(130))), '"1"')
    write(place, {"a": web})
    poll(place)
    assert len(titles(place)) == 100
    assert len(titles(place, "archive/2026-10.xml")) == 130


def test_a_first_round_is_archived_by_its_own_months(place: Workplace, web: Web) -> None:
    """T4, P2: the backlog of the first round lies in the months it claims; nothing was published before."""
    web.feed("/feed", rss(news(1), news(2, NOW - 60 * DAY), news(3, NOW - 400 * DAY)), '"1"')
    write(place, {"a": web})
    poll(place)
    assert chain(place) == ["archive/2026-10.xml", "archive/2026-08.xml", "archive/2025-08.xml"]


def test_a_backlog_of_last_month_goes_to_the_end_of_the_chain(
    place: Workplace, a: Web, webs: Callable[[], Web], clock: Clock
) -> None:
    """P2, T4: a new source's news of last week enter the open month, because the month they claim is frozen."""
    before = state(place)["archive/2026-10.xml"]
    late = webs()
    clock.now -= 2 * DAY  # 2 November
    late.feed("/feed", rss(news(7, clock.now - 4 * DAY, title="Told in October")), '"1"')
    write(place, {"a": a, "late": late})
    poll(place)
    assert "Told in October" in titles(place, "archive/2026-11.xml")
    assert state(place)["archive/2026-10.xml"] == before


def test_a_clock_that_ran_ahead_breaks_no_chain(place: Workplace, a: Web, clock: Clock) -> None:
    """P2: what is told after it was put back goes to the end of the chain, and to the top of the feed."""
    clock.now += 200 * DAY
    a.feed("/feed", rss(news(3, clock.now), news(2), news(1)), '"3"')
    poll(place)
    clock.now -= 199 * DAY
    a.feed("/feed", rss(news(4, clock.now), news(3), news(2), news(1)), '"4"')
    poll(place)
    clock.now += DAY
    a.feed("/feed", rss(news(5, clock.now), news(4), news(3), news(2), news(1)), '"5"')
    poll(place)
    assert titles(place)[0] == "News number 5"
    assert chain(place)[0] == "archive/2027-05.xml"
    assert {"News number 3", "News number 4", "News number 5"} <= set(titles(place, chain(place)[0]))


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"<feed")])
def test_a_lost_or_broken_month_is_rendered_again(
    place: Workplace, a: Web, damage: Callable[[Path], object]
) -> None:
    """P1: `publish` heals the archive too; what was not edited comes back with the same bytes."""
    before = (place.public / "archive/2026-10.xml").read_bytes()
    damage(place.public / "archive/2026-10.xml")
    publish.run(place.app())
    assert (place.public / "archive/2026-10.xml").read_bytes() == before


def test_another_site_address_moves_the_frozen_months(place: Workplace, a: Web) -> None:
    """PB1: ids stay, addresses follow the site, in frozen documents as well."""
    told = ids(place, "archive/2026-10.xml")
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("https://news.example/", "https://other.example/"))
    publish.run(place.app())
    assert links(read(place, "archive/2026-10.xml"))["self"] == "https://other.example/archive/2026-10.xml"
    assert ids(place, "archive/2026-10.xml") == told


def test_a_tombstone_leaves_the_feed_when_nobody_can_have_the_entry_still(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """PB9: a feed tells what was withdrawn since its oldest story was announced; the archive tells it for ever."""
    (story_id,) = ids(place, "archive/2026-11.xml").values()
    editor_decisions.set_hidden(place.app(), [story_id], "ada", hidden=True)
    clock.now += DAY
    a.feed("/feed", rss(*(news(n, clock.now) for n in range(100, 201))), '"9"')
    poll(place)
    change(place, "UPDATE items SET held = NULL")
    poll(place)
    assert len(titles(place)) == 100
    assert deleted(place) == []
    assert deleted(place, "archive/2026-11.xml") == [story_id]


# --- channels of single sources and topics ---------------------------------------------------------------


def automatic(place: Workplace, webs: dict[str, Web], more: str = "", **options: str) -> None:
    """feeds.yaml with the channels that need no declaration."""
    write(place, webs, more, **options)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("publish: {automatic: []}\n", ""))


def test_sources_and_topics_have_channels_undeclared(place: Workplace, webs: Callable[[], Web]) -> None:
    """A channel each, with every format, from the first story on; the page of everything leads to them."""
    both = {"a": webs(), "b": webs()}
    both["a"].feed("/feed", rss(news(1)), '"1"')
    both["b"].feed("/feed", rss(), '"1"')
    automatic(place, both, a=", topics: [data]")
    poll(place)
    for name in ("index.html", "atom.xml", "rss.xml", "feed.json"):
        assert (place.public / "channels/source-a" / name).exists()
        assert (place.public / "channels/topic-data" / name).exists()
    assert titles(place, "channels/source-a/atom.xml") == ["News number 1"]
    assert not (place.public / "channels/source-b").exists()
    home = (place.public / "index.html").read_text()
    assert "channels/source-a/" in home
    assert "channels/source-b/" not in home
    before = state(place)
    publish.run(place.app())
    assert state(place) == before


def test_a_source_added_later_rewrites_only_its_channels(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """P1: its first news write its own channel and that of everything."""
    both = {"a": webs(), "b": webs()}
    both["a"].feed("/feed", rss(news(1)), '"1"')
    both["b"].feed("/feed", rss(news(2)), '"1"')
    automatic(place, {"a": both["a"]})
    poll(place)
    automatic(place, both)
    clock.now += DAY
    written = set(poll(place).documents_written)
    assert not any(path.startswith("channels/source-a/") for path in written)
    assert {"channels/source-b/atom.xml", "atom.xml"} <= written


def test_a_declared_channel_takes_the_place_of_an_automatic_one(place: Workplace, web: Web) -> None:
    """The editors' word goes first; a digest may name either."""
    web.feed("/feed", rss(news(1)), '"1"')
    automatic(place, {"a": web}, "channels: [{id: source-a, title: Mine, exclude: {sources: [a]}}]\n")
    poll(place)
    assert titles(place, "channels/source-a/atom.xml") == []
    assert read(place, "channels/source-a/atom.xml").findtext(f"{A}title") == "Mine"


def test_the_files_of_a_channel_that_left_go(place: Workplace, web: Web) -> None:
    """Nobody would bring them up to date; what somebody else put there stays, and so do the stories."""
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"a": web}, "channels: [{id: x, title: X}, {id: y, title: Y}]\n")
    poll(place)
    (place.public / "channels/y/logo.png").write_bytes(b"png")
    write(place, {"a": web})
    poll(place)
    assert not (place.public / "channels/x").exists()
    assert [file.name for file in (place.public / "channels/y").iterdir()] == ["logo.png"]
    assert titles(place) == ["News number 1"]


def test_a_hidden_story_that_is_split_leaves_a_tombstone_for_each_part(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """I7, PB9: whoever had both stories of a merge that was hidden and then undone is told that both are gone."""
    told = ids(place)
    kept, gone = told["News number 1"], told["News number 2"]
    editor_decisions.merge(place.app(), [kept, gone], "ada")
    editor_decisions.set_hidden(place.app(), [kept], "ada", hidden=True)
    poll(place)
    clock.now += DAY
    item = change_and_read(
        place, f"SELECT id FROM items WHERE story_id = '{kept}' AND title = 'News number 2'"
    )
    editor_decisions.split(place.app(), [item], "ada", announce=False)
    poll(place)
    assert deleted(place, "archive/2026-10.xml") == [kept]
    assert deleted(place, "archive/2026-11.xml") == [gone]
    editor_decisions.set_hidden(place.app(), [kept, gone], "ada", hidden=False)
    poll(place)
    assert ids(place) == told
    assert [deleted(place, path) for path in ("atom.xml", *chain(place))] == [[], [], []]


def test_a_merge_of_three_is_undone_in_one_step_or_two(place: Workplace, a: Web, clock: Clock) -> None:
    """I7: of stories that were merged one into the other and leave together, the oldest has its id again."""
    clock.now += DAY
    a.feed("/feed", rss(news(3, clock.now), news(2), news(1)), '"3"')
    poll(place)
    told = ids(place)
    first, second, third = (told[f"News number {n}"] for n in (1, 2, 3))
    editor_decisions.merge(place.app(), [second, third], "ada")
    editor_decisions.merge(place.app(), [first, second], "ada")
    poll(place)
    items = [change_and_read(place, f"SELECT id FROM items WHERE title = 'News number {n}'") for n in (3, 2)]
    assert editor_decisions.split(place.app(), items, "ada", announce=False) == (first, second)
    poll(place)
    assert ids(place) == {"News number 1": first, "News number 2": second}
    (stone,) = read(place, "archive/2026-11.xml").iterfind(DELETED)
    assert (stone.get("ref")[-16:], stone[0].text[-21:-5]) == (third, second)
    assert editor_decisions.split(place.app(), items[:1], "ada", announce=False) == (second, third)
    poll(place)
    assert ids(place) == told
