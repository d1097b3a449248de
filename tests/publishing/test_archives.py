"""Archive documents, tombstones, automatic channels and their files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from aggregator.dedupe import editor_commands
from aggregator.model.publishing import ArchiveMonth
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch
from aggregator.publishing import (
    archive,
    archive_documents,
    archive_pages,
    atom,
    publish,
    written_entries,
)
from aggregator.store import archives, pages
from aggregator.store.connection import opened
from tests.builders import NOW, rss
from tests.conftest import Clock, Web, Workplace
from tests.publishing.test_publish import change, news, state, titles, write

A = "{http://www.w3.org/2005/Atom}"
DELETED = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
DAY = timedelta(days=1)


def poll(place: Workplace) -> FetchReport:
    """Visit every source, assign stories and publish."""
    return fetch.run(place.app(), force=True)


def read(place: Workplace, path: str = "atom.xml") -> etree._Element:
    """Return a published document, parsed."""
    return etree.fromstring((place.public / path).read_bytes())


def ids(place: Workplace, path: str = "atom.xml") -> dict[str, str]:
    """Return the ids of the stories in a document by title."""
    entries = read(place, path).iterfind(f"{A}entry")
    return {e.findtext(f"{A}title"): e.findtext(f"{A}id").rpartition("/")[2] for e in entries}


def deleted(place: Workplace, path: str = "atom.xml") -> list[str]:
    """Return the ids of the tombstones in a document."""
    return [e.get("ref").rpartition("/")[2] for e in read(place, path).iterfind(DELETED)]


def chain(place: Workplace) -> list[str]:
    """Return the archive documents as a reader finds them, from the feed on by `prev-archive`."""
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


def without_updated(entry: etree._Element) -> bytes:
    """Return an entry without its `updated`, which moves when it comes back."""
    entry.remove(entry.find(f"{A}updated"))
    return etree.tostring(entry)


def links(element: etree._Element) -> dict[str, str]:
    """Return the URLs of a document by relation."""
    return {link.get("rel"): link.get("href") for link in element.iterfind(f"{A}link")}


@pytest.fixture
def a(place: Workplace, webs: Callable[[], Web], clock: Clock) -> Web:
    """Provide a source with a story of October and one of November."""
    web = webs()
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"a": web})
    poll(place)
    clock.now += 30 * DAY  # 4 November
    web.feed("/feed", rss(news(2, clock.now), news(1)), '"2"')
    poll(place)
    return web


def test_the_chain_links_all_months(place: Workplace, a: Web) -> None:
    """The feed links to the newest month and each month to the one before (PB8)."""
    assert chain(place) == ["archive/2026-11.xml", "archive/2026-10.xml"]
    assert [titles(place, path) for path in chain(place)] == [["News number 2"], ["News number 1"]]
    for path in chain(place):
        root = read(place, path)
        assert root.find("{http://purl.org/syndication/history/1.0}archive") is not None
        assert links(root)["self"] == f"https://news.example/{path}"
        assert links(root)["current"] == "https://news.example/atom.xml"
        assert root.findtext(f"{A}id") == read(place).findtext(f"{A}id")
    assert read(place).find("{http://purl.org/syndication/history/1.0}archive") is None


def test_an_ended_month_is_frozen(place: Workplace, a: Web, clock: Clock) -> None:
    """An edit changes the feed, and no byte of a past month's document (P2)."""
    before = state(place)
    clock.now += DAY
    a.feed("/feed", rss(news(2, title="Two, corrected"), news(1, title="One, corrected")), '"3"')
    assert "archive/2026-11.xml" in poll(place).documents_written
    write(place, {"a": a}, "# a remark\n")
    publish.run(place.app())
    assert titles(place) == ["Two, corrected", "One, corrected"]
    assert titles(place, "archive/2026-11.xml") == ["Two, corrected"]
    assert state(place)["archive/2026-10.xml"] == before["archive/2026-10.xml"]


def december(place: Workplace, a: Web, clock: Clock) -> dict[str, str]:
    """Provide a frozen month with three stories; return their ids by title."""
    clock.now += 30 * DAY  # December
    a.feed("/feed", rss(*(news(n, clock.now - 29 * DAY) for n in (3, 4, 5)), news(2), news(1)), '"3"')
    poll(place)
    clock.now += 31 * DAY  # January
    poll(place)
    return ids(place, "archive/2026-12.xml")


def test_a_frozen_month_is_neither_rendered_nor_parsed_again(
    place: Workplace, a: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit changes no frozen document; hiding stories one by one changes it, as text."""
    left = december(place, a, clock)
    monkeypatch.setattr(archive, "_root", lambda body: pytest.fail("a document as it was written is parsed"))
    change(place, "UPDATE archives SET revision = revision + 1 WHERE closed")
    before = state(place)
    assert poll(place).documents_written == ()
    assert state(place) == before
    while left:
        _, id_ = left.popitem()
        editor_commands.hide(place.app(), [id_], "ada")
        poll(place)
        assert ids(place, "archive/2026-12.xml") == left


def test_amending_as_text_and_as_xml_give_the_same_bytes(
    place: Workplace, a: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen document is parsed only if it is not as it was written; the result is the same."""
    (first, second, third) = december(place, a, clock).values()
    amended, compared = archive_documents.amended_in_parts, []

    def both(*of: Any, as_written: bool) -> list[bytes]:
        assert as_written
        text, parsed = (b"".join(amended(*of, as_written=each) or ()) for each in (True, False))
        compared.append(text == parsed)
        return [text]

    monkeypatch.setattr(archive_documents, "amended_in_parts", both)
    for id_, hidden in ((second, True), (first, True), (second, False), (third, True), (first, False)):
        clock.now += DAY
        hide_or_unhide = editor_commands.hide if hidden else editor_commands.unhide
        hide_or_unhide(place.app(), [id_], "ada")
        assert "archive/2026-12.xml" in poll(place).documents_written
    assert set(ids(place, "archive/2026-12.xml").values()) == {first, second}
    assert compared and all(compared)


def test_a_frozen_month_that_somebody_edited_is_amended(place: Workplace, a: Web, clock: Clock) -> None:
    """A frozen document that is written in another way is parsed, and keeps its other entries."""
    left = december(place, a, clock)
    file = place.public / "archive/2026-12.xml"
    file.write_bytes(file.read_bytes().replace(b"  <entry", b" <entry"))
    editor_commands.hide(place.app(), [left.popitem()[1]], "ada")
    poll(place)
    assert ids(place, "archive/2026-12.xml") == left


@pytest.mark.parametrize("block_bytes", [1, 100, 3000])
def test_a_month_is_read_in_blocks_of_any_size(
    place: Workplace, a: Web, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    """Entries of a written month are found wherever its blocks end."""
    monkeypatch.setattr(written_entries, "BLOCK_BYTES", block_bytes)
    body = (place.public / "archive/2026-11.xml").read_bytes()
    entry = body[body.index(atom.ENTRY) : -len(atom.END)]
    file = place.folder / "several.xml"
    entries = {
        f"{n:016}": entry.replace(ids(place)["News number 2"].encode(), f"{n:016}".encode()) for n in range(9)
    }
    file.write_bytes(body.replace(entry, b"".join(entries.values())))
    with written_entries.opened_in_order(file, atom.ENTRY, atom.split) as written:
        wanted = [*entries][1::3]
        assert written.take(wanted[:1]) | written.take(wanted[1:]) == {id_: entries[id_] for id_ in wanted}
        assert written.take(["lost", *wanted]) == {}


def test_a_month_is_the_same_in_parts_of_any_size(
    place: Workplace, a: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of a month do not depend on how many stories are read at once (PB13)."""
    december(place, a, clock)
    for module in (archives, pages, archive_pages):
        monkeypatch.setattr(module, "ENTRIES_IN_PART" if module is archive_pages else "CHUNK_VALUES", 2)
    assert publish.run(place.app()).documents_written == ()


def test_an_ended_month_is_written_before_it_changes(place: Workplace, a: Web, clock: Clock) -> None:
    """A visit of the new month does not change the document of the old one (P2)."""
    clock.now += 40 * DAY  # December
    a.feed("/feed", rss(news(2, title="Two, corrected too late"), news(1)), '"3"')
    poll(place)
    assert titles(place, "archive/2026-11.xml") == ["News number 2"]
    assert "Two, corrected too late" in titles(place)


@pytest.mark.parametrize("month", ["2026-10", "2026-11"])
def test_a_hidden_story_has_a_tombstone_until_it_is_shown(
    place: Workplace, a: Web, clock: Clock, month: str
) -> None:
    """Hiding replaces an entry of a frozen month by a tombstone, and showing restores it (PB9)."""
    path = f"archive/{month}.xml"
    ((title, story_id),) = ids(place, path).items()
    others = {
        p: b for p, b in state(place).items() if re.fullmatch(r"archive/.*\.xml(\.gz)?", p) and month not in p
    }
    words = without_updated(read(place, path).find(f"{A}entry"))
    clock.now += DAY
    editor_commands.hide(place.app(), [story_id], "ada")
    poll(place)
    assert titles(place, path) == []
    assert deleted(place, path) == [story_id]
    assert read(place, path).find(DELETED).get("when") == clock.now.isoformat()
    assert title not in titles(place)
    assert {p: b for p, b in state(place).items() if p in others} == others
    before = read(place, path).findtext(f"{A}updated")
    clock.now += DAY
    editor_commands.unhide(place.app(), [story_id], "ada")
    poll(place)
    assert read(place, path).findtext(f"{A}updated") >= before
    assert deleted(place, path) == deleted(place) == []
    assert without_updated(read(place, path).find(f"{A}entry")) == words
    assert title in titles(place)


def test_a_story_hidden_at_the_first_writing_is_added_when_shown(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """A frozen document gets an entry that it lacked because the story was hidden (PB8)."""
    (story_id,) = ids(place, "archive/2026-10.xml").values()
    editor_commands.hide(place.app(), [story_id], "ada")
    change(place, "DELETE FROM channel_tombstones")
    (place.public / "archive/2026-10.xml").unlink()
    publish.run(place.app())
    assert titles(place, "archive/2026-10.xml") == deleted(place, "archive/2026-10.xml") == []
    editor_commands.unhide(place.app(), [story_id], "ada")
    publish.run(place.app())
    assert list(ids(place, "archive/2026-10.xml").values()) == [story_id]


def test_a_story_that_enters_all_late_is_archived(place: Workplace, a: Web, clock: Clock) -> None:
    """A story that `all` excluded before is added to the archive of its ended month (PB8)."""
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


def test_a_month_without_document_is_not_linked(
    place: Workplace, a: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month that a decision created during publishing is linked by the next run (PB8)."""
    real = publish._write_channel

    def beside(*of: object) -> None:
        monkeypatch.setattr(publish, "_write_channel", real)
        change(place, "INSERT INTO archives (month) VALUES ('2026-12')")  # as `split --announce` does
        real(*of)  # type: ignore[arg-type]

    clock.now += 30 * DAY
    monkeypatch.setattr(publish, "_write_channel", beside)
    publish.run(place.app())
    assert chain(place)[0] == "archive/2026-11.xml"
    publish.run(place.app())
    assert chain(place)[0] == "archive/2026-12.xml"
    assert (place.public / "archive/2026-12.xml").exists()


def test_the_feed_has_tombstones(place: Workplace, a: Web, clock: Clock) -> None:
    """The main feed has the tombstone too, and its `updated` never goes back (PB9)."""
    clock.now += DAY
    (story_id,) = ids(place, "archive/2026-11.xml").values()
    before = read(place).findtext(f"{A}updated")
    editor_commands.hide(place.app(), [story_id], "ada")
    poll(place)
    assert deleted(place) == [story_id]
    assert read(place).findtext(f"{A}updated") == atom.end_of_second(clock.now).isoformat() > before


def test_a_feed_is_as_new_as_a_story_hidden_and_shown_at_once(place: Workplace, a: Web, clock: Clock) -> None:
    """A story that returns in the second of its tombstone is newer, as is its feed (PB9)."""
    clock.now += DAY
    (story_id,) = ids(place, "archive/2026-11.xml").values()
    for decide in (editor_commands.hide, editor_commands.unhide):
        decide(place.app(), [story_id], "ada")
    publish.run(place.app())
    document = read(place)
    newest = max(entry.findtext(f"{A}updated") for entry in document.iterfind(f"{A}entry"))
    assert clock.now.isoformat() < newest <= document.findtext(f"{A}updated")


def test_a_merge_has_a_tombstone_with_the_remaining_id(place: Workplace, a: Web, clock: Clock) -> None:
    """The tombstone of a merged story names the other id, until the merge is undone (I7)."""
    by_title = ids(place)
    kept, gone = by_title["News number 1"], by_title["News number 2"]
    before = {p: b for p, b in state(place).items() if p.startswith("archive/2026-10.xml")}
    clock.now += 30 * DAY
    editor_commands.merge(place.app(), [kept, gone], "ada")
    poll(place)
    assert list(ids(place).values()) == [kept]
    for path in ("atom.xml", "archive/2026-11.xml"):
        assert deleted(place, path) == [gone]
        (comment,) = read(place, path).find(DELETED)
        assert comment.text == f"Published as tag:news.example,2026:story/{kept} now."
    assert ids(place, "archive/2026-10.xml") == {"News number 1": kept}
    assert {p: b for p, b in state(place).items() if p.startswith("archive/2026-10.xml")} == before
    clock.now += DAY
    item = change_and_read(
        place, f"SELECT id FROM items WHERE story_id = '{kept}' AND title = 'News number 2'"
    )
    assert editor_commands.split(place.app(), [item], "ada", announce=False) == (kept, gone)
    poll(place)
    assert ids(place, "archive/2026-11.xml") == {"News number 2": gone}
    assert deleted(place) == deleted(place, "archive/2026-11.xml") == []
    entry = next(e for e in read(place).iterfind(f"{A}entry") if e.findtext(f"{A}id").endswith(gone))
    assert entry.findtext(f"{A}published") == "2026-11-04T06:30:00+00:00"


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("changed_by_hand", [False, True])
def test_no_tombstone_names_a_hidden_story(
    place: Workplace, a: Web, clock: Clock, frozen: bool, changed_by_hand: bool
) -> None:
    """While a story is hidden, no tombstone names it, in frozen months either (PB9)."""
    by_title = ids(place)
    kept, gone = by_title["News number 1"], by_title["News number 2"]
    documents = ("atom.xml", "archive/2026-11.xml")
    editor_commands.merge(place.app(), [kept, gone], "ada")
    if frozen:
        clock.now += 30 * DAY
    poll(place)

    def comments() -> list[list[str]]:
        """Return what the tombstone of the merged story says in each document."""
        stones = [
            [e for e in read(place, path).iterfind(DELETED) if e.get("ref").endswith(gone)]
            for path in documents
        ]
        return [[str(comment.text)[-21:-5] for comment in stone] for (stone,) in stones]

    assert comments() == [[kept]] * 2
    if changed_by_hand:
        document = place.public / "archive/2026-11.xml"
        document.write_bytes(document.read_bytes().replace(b"</feed>", b"<!-- edited --></feed>"))
    clock.now += DAY
    editor_commands.hide(place.app(), [kept], "ada")
    poll(place)
    assert comments() == [[]] * 2
    before = state(place)
    publish.run(place.app())
    assert state(place) == before
    editor_commands.unhide(place.app(), [kept], "ada")
    poll(place)
    assert comments() == [[kept]] * 2


def test_a_merge_undone_while_hidden_keeps_tombstones(place: Workplace, a: Web, clock: Clock) -> None:
    """A part of a hidden merge stays hidden until it is shown (I7)."""
    by_title = ids(place)
    kept, gone = by_title["News number 1"], by_title["News number 2"]
    editor_commands.merge(place.app(), [kept, gone], "ada")
    editor_commands.hide(place.app(), [kept], "ada")
    publish.run(place.app())
    item = change_and_read(place, "SELECT id FROM items WHERE title = 'News number 2'")
    assert editor_commands.split(place.app(), [item], "ada", announce=False) == (kept, gone)
    publish.run(place.app())
    assert deleted(place, "archive/2026-11.xml") == [gone]
    editor_commands.unhide(place.app(), [gone], "ada")
    publish.run(place.app())
    assert deleted(place, "archive/2026-11.xml") == []
    assert list(ids(place, "archive/2026-11.xml").values()) == [gone]


def change_and_read(place: Workplace, sql: str) -> str:
    """Change the database and return one value."""
    import sqlite3

    conn = sqlite3.connect(place.database)
    (value,) = conn.execute(sql).fetchone()
    conn.close()
    return str(value)


def test_all_stories_are_in_the_archive_at_once(place: Workplace, web: Web) -> None:
    """Of 130 stories of one round, 100 are in the feed and all in the archive (PB8)."""
    web.feed("/feed", rss(*(news(n, NOW - timedelta(minutes=n)) for n in range(130))), '"1"')
    write(place, {"a": web})
    poll(place)
    assert len(titles(place)) == 100
    assert len(titles(place, "archive/2026-10.xml")) == 130


def test_a_first_round_is_archived_by_claimed_months(place: Workplace, web: Web) -> None:
    """The backlog of the first round is archived by the months that it claims (T4)."""
    web.feed("/feed", rss(news(1), news(2, NOW - 60 * DAY), news(3, NOW - 400 * DAY)), '"1"')
    write(place, {"a": web})
    poll(place)
    assert chain(place) == ["archive/2026-10.xml", "archive/2026-08.xml", "archive/2025-08.xml"]


def test_a_backlog_of_last_month_is_archived_in_this_month(
    place: Workplace, a: Web, webs: Callable[[], Web], clock: Clock
) -> None:
    """The backlog of a new source enters the open month, not a frozen one (P2)."""
    before = state(place)["archive/2026-10.xml"]
    late = webs()
    clock.now -= 2 * DAY  # 2 November
    late.feed("/feed", rss(news(7, clock.now - 4 * DAY, title="Told in October")), '"1"')
    write(place, {"a": a, "late": late})
    poll(place)
    assert "Told in October" in titles(place, "archive/2026-11.xml")
    assert state(place)["archive/2026-10.xml"] == before


def test_a_clock_that_ran_ahead_does_not_break_the_chain(place: Workplace, a: Web, clock: Clock) -> None:
    """Stories after a clock change enter the last month and the top of the feed (P2)."""
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
    """`publish` restores a lost archive document with the same bytes (P1)."""
    before = (place.public / "archive/2026-10.xml").read_bytes()
    damage(place.public / "archive/2026-10.xml")
    publish.run(place.app())
    assert (place.public / "archive/2026-10.xml").read_bytes() == before


def test_an_open_month_renders_changed_stories_only(
    place: Workplace, a: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged entries come from the written document; the result is the same (PB13)."""
    rendered: list[list[str]] = []
    entries = archive.entries

    def noting(month: ArchiveMonth) -> dict[str, bytes]:
        rendered.append([story.lead.title for story in month.stories])
        return entries(month)

    monkeypatch.setattr(archive, "entries", noting)
    a.feed("/feed", rss(news(3), news(2, title="Two, corrected"), news(1)), '"3"')
    poll(place)
    assert sorted(rendered.pop()) == ["News number 3", "Two, corrected"]
    a.feed("/feed", rss(news(4), news(3), news(2, title="Two, corrected"), news(1)), '"4"')
    poll(place)
    assert rendered == [["News number 4"]]
    assert {*titles(place, "archive/2026-11.xml")} == {"News number 4", "News number 3", "Two, corrected"}
    assert publish.run(place.app()).documents_written == ()


def test_a_changed_file_is_no_source_of_entries(place: Workplace, a: Web) -> None:
    """A month whose file somebody changed is rendered in full when a story is added (P1)."""
    file = place.public / "archive/2026-11.xml"
    file.write_bytes(file.read_bytes().replace(b"News number 2", b"Forged"))
    a.feed("/feed", rss(news(3), news(2), news(1)), '"3"')
    poll(place)
    assert {*titles(place, "archive/2026-11.xml")} == {"News number 3", "News number 2"}


def test_another_site_url_changes_frozen_months(place: Workplace, a: Web) -> None:
    """Frozen documents keep their ids and get the new site URL."""
    by_title = ids(place, "archive/2026-10.xml")
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("https://news.example/", "https://other.example/"))
    publish.run(place.app())
    assert links(read(place, "archive/2026-10.xml"))["self"] == "https://other.example/archive/2026-10.xml"
    assert ids(place, "archive/2026-10.xml") == by_title


def test_old_tombstones_are_only_in_the_archive(place: Workplace, a: Web, clock: Clock) -> None:
    """The feed has tombstones since its oldest story, the archive all of them (PB9)."""
    (story_id,) = ids(place, "archive/2026-11.xml").values()
    editor_commands.hide(place.app(), [story_id], "ada")
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
    """Provide a feeds.yaml with automatic channels."""
    write(place, webs, more, **options)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("publish: {automatic: []}\n", ""))


def test_sources_and_topics_have_automatic_channels(place: Workplace, webs: Callable[[], Web]) -> None:
    """Each source and topic has a channel in every format from its first story on."""
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
    """The first stories of a new source write its own channel and `all` (P1)."""
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


def test_a_declared_channel_replaces_an_automatic_one(place: Workplace, web: Web) -> None:
    """A channel in feeds.yaml replaces the automatic one of its id; digests may name either."""
    web.feed("/feed", rss(news(1)), '"1"')
    automatic(place, {"a": web}, "channels: [{id: source-a, title: Mine, exclude: {sources: [a]}}]\n")
    poll(place)
    assert titles(place, "channels/source-a/atom.xml") == []
    assert read(place, "channels/source-a/atom.xml").findtext(f"{A}title") == "Mine"


def test_files_of_a_removed_channel_are_removed(place: Workplace, web: Web) -> None:
    """Other files and the stories of the channel stay."""
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"a": web}, "channels: [{id: x, title: X}, {id: y, title: Y}]\n")
    poll(place)
    (place.public / "channels/y/logo.png").write_bytes(b"png")
    write(place, {"a": web})
    poll(place)
    assert not (place.public / "channels/x").exists()
    assert [file.name for file in (place.public / "channels/y").iterdir()] == ["logo.png"]
    assert titles(place) == ["News number 1"]


def test_each_part_of_a_hidden_story_has_a_tombstone(place: Workplace, a: Web, clock: Clock) -> None:
    """A merge that was hidden and then undone has a tombstone for both stories (I7)."""
    by_title = ids(place)
    kept, gone = by_title["News number 1"], by_title["News number 2"]
    editor_commands.merge(place.app(), [kept, gone], "ada")
    editor_commands.hide(place.app(), [kept], "ada")
    poll(place)
    clock.now += DAY
    item = change_and_read(
        place, f"SELECT id FROM items WHERE story_id = '{kept}' AND title = 'News number 2'"
    )
    editor_commands.split(place.app(), [item], "ada", announce=False)
    poll(place)
    assert deleted(place, "archive/2026-10.xml") == [kept]
    assert deleted(place, "archive/2026-11.xml") == [gone]
    editor_commands.unhide(place.app(), [kept, gone], "ada")
    poll(place)
    assert ids(place) == by_title
    assert [deleted(place, path) for path in ("atom.xml", *chain(place))] == [[], [], []]


def test_a_merge_of_three_is_undone_in_one_step_or_two(place: Workplace, a: Web, clock: Clock) -> None:
    """The oldest of the stories that leave a merge together has its id again (I7)."""
    clock.now += DAY
    a.feed("/feed", rss(news(3, clock.now), news(2), news(1)), '"3"')
    poll(place)
    by_title = ids(place)
    first, second, third = (by_title[f"News number {n}"] for n in (1, 2, 3))
    editor_commands.merge(place.app(), [second, third], "ada")
    editor_commands.merge(place.app(), [first, second], "ada")
    poll(place)
    items = [change_and_read(place, f"SELECT id FROM items WHERE title = 'News number {n}'") for n in (3, 2)]
    assert editor_commands.split(place.app(), items, "ada", announce=False) == (first, second)
    poll(place)
    assert ids(place) == {"News number 1": first, "News number 2": second}
    (stone,) = read(place, "archive/2026-11.xml").iterfind(DELETED)
    assert (stone.get("ref")[-16:], stone[0].text[-21:-5]) == (third, second)
    assert editor_commands.split(place.app(), items[:1], "ada", announce=False) == (second, third)
    poll(place)
    assert ids(place) == by_title


@pytest.mark.parametrize("frozen", [False, True])
def test_tombstones_of_other_months_follow_a_further_merge(
    place: Workplace, a: Web, clock: Clock, frozen: bool
) -> None:
    """A round that merges or splits what a tombstone names writes it again (PB9, P1, P2)."""
    clock.now += 30 * DAY
    a.feed("/feed", rss(news(3, clock.now), news(2), news(1)), '"3"')
    poll(place)
    by_title = ids(place)
    first, second, third = (by_title[f"News number {n}"] for n in (1, 2, 3))

    def named() -> str:
        """Return the id that the tombstone names after a round; publishing again changes nothing."""
        poll(place)
        before = state(place)
        publish.run(place.app())
        assert state(place) == before
        (stone,) = read(place, "archive/2026-12.xml").iterfind(DELETED)
        assert stone.get("ref", "").endswith(third)
        return str(stone[0].text)[-21:-5]

    editor_commands.merge(place.app(), [second, third], "ada")
    assert named() == second
    clock.now += 30 * DAY if frozen else timedelta(0)
    editor_commands.merge(place.app(), [first, second], "ada")
    assert named() == first
    items = [change_and_read(place, f"SELECT id FROM items WHERE title = 'News number {n}'") for n in (3, 2)]
    editor_commands.split(place.app(), items, "ada", announce=False)
    assert named() == second


def test_a_merge_of_hidden_stories_changes_their_tombstones_at_once(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """The round after a merge of hidden stories writes what `publish` would write (P1)."""
    by_title = ids(place)
    editor_commands.hide(place.app(), list(by_title.values()), "ada")
    poll(place)
    clock.now += timedelta(hours=2)
    editor_commands.merge(place.app(), list(by_title.values()), "ada")
    poll(place)
    before = state(place)
    assert "Published as" not in (place.public / "atom.xml").read_text("utf-8")
    publish.run(place.app())
    assert state(place) == before


def entry_times(place: Workplace, title: str) -> tuple[str, str]:
    """Return `updated` of an entry in the feed and in the JSON feed."""
    (entry,) = (e for e in read(place).iterfind(f"{A}entry") if e.findtext(f"{A}title") == title)
    items = json.loads((place.public / "feed.json").read_bytes())["items"]
    (item,) = (item for item in items if item["title"] == title)
    return entry.findtext(f"{A}updated"), item["date_modified"]


@pytest.mark.parametrize("wait", [DAY, timedelta(0)])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_story_that_comes_back_is_newer_than_its_tombstone(
    place: Workplace, a: Web, clock: Clock, wait: timedelta, withdrawn: bool
) -> None:
    """A reader that compares times keeps the entry until it is hidden again (PB9)."""
    before = entry_times(place, "News number 2")
    for _ in range(2):
        clock.now += wait
        hidden_id = ids(place)["News number 2"]
        editor_commands.hide(place.app(), [hidden_id], "ada", withdrawn=withdrawn)
        poll(place)
        (tombstone,) = read(place).iterfind(DELETED)
        assert moment(tombstone.get("when")) >= moment(before[1])
        clock.now += wait
        editor_commands.unhide(place.app(), [hidden_id], "ada")
        poll(place)
        after = entry_times(place, "News number 2")
        assert all(moment(each) > moment(tombstone.get("when")) for each in after)
        before = after
    assert deleted(place) == []


def test_a_story_whose_merge_is_undone_is_newer_than_its_tombstone(
    place: Workplace, a: Web, clock: Clock
) -> None:
    """The story that gets its id back has a later `updated` than its tombstone had (PB9)."""
    one, two = ids(place)["News number 1"], ids(place)["News number 2"]
    clock.now += DAY
    editor_commands.merge(place.app(), [one, two], "ada")
    poll(place)
    (tombstone,) = read(place).iterfind(DELETED)
    with opened(place.database) as store:
        (item,) = store.db.execute("SELECT id FROM items WHERE title = 'News number 2'").fetchone()
    clock.now += DAY
    assert editor_commands.split(place.app(), [item], "ada", announce=False)[1] == two
    poll(place)
    assert deleted(place) == []
    assert all(moment(each) > moment(tombstone.get("when")) for each in entry_times(place, "News number 2"))
    corrected = [
        e for e in read(place).iterfind(f"{A}entry") if "orrected" in (e.findtext(f"{A}summary") or "")
    ]
    assert corrected == []


def moment(text: str) -> datetime:
    """Parse a time of a feed."""
    return datetime.fromisoformat(text)


def test_texts_without_permission_leave_frozen_months(place: Workplace, web: Web, clock: Clock) -> None:
    """A source that loses `full_text` loses its texts in past months, too (P2, P3)."""
    text = "The second half is only for those who may read it. " * 20
    web.feed("/full", rss(news(1, description=text)))
    web.feed("/other", rss(news(2, link="https://other.example/2", guid="o2")))

    def configure(licence: str) -> None:
        place.write(
            f"sources:\n  - {{id: full, name: Full, url: '{web.url}/full'{licence}}}\n"
            f"  - {{id: other, name: Other, url: '{web.url}/other'}}\n"
        )

    configure(", licence: CC BY 4.0, full_text: true")
    poll(place)
    month = place.public / archive_path(clock.now)
    clock.now += 40 * DAY
    poll(place)
    assert month.read_bytes().count(b"second half") >= 20
    configure("")
    clock.now += DAY
    poll(place)
    assert month.read_bytes().count(b"second half") < 10
    assert ids(place, archive_path(clock.now - 41 * DAY)).keys() == {"News number 1", "News number 2"}
    written = month.read_bytes()
    clock.now += DAY
    poll(place)
    assert month.read_bytes() == written


def archive_path(moment: datetime) -> str:
    """Return the path of the archive document of a month."""
    return f"archive/{moment:%Y-%m}.xml"
