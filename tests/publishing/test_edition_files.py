"""Editions from digest to page: selection by digest, permanent pages, hiding and repair."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, html
from sqlite_utils import Database

from aggregator.dedupe import editor_commands
from aggregator.digests import run as digest
from aggregator.polling import fetch
from aggregator.publishing import publish
from aggregator.store import edition_revisions
from aggregator.store.connection import opened
from aggregator.store.schema import MIGRATIONS
from tests import command
from tests.builders import NOW, rss
from tests.conftest import Clock, Web, Workplace
from tests.digests.scenario import messages as letters
from tests.digests.scenario import text_of as words
from tests.digests.scenario import titles

WEEK = timedelta(days=7)
PLAN = (
    "digests:\n  - {{id: weekly, title: Weekly, schedule: 'mon 08:00', recipients: [ada@a.example]{more}}}\n"
)


def news(n: int, title: str, **fields: str) -> dict[str, str]:
    """Return an RSS item of now."""
    return {
        "title": title,
        "link": f"https://node.example/{n}",
        "guid": f"node-{n}",
        "description": f"What is to be said of number {n}, in a few words that nobody else has: {n}{n}{n}.",
        "pubDate": format_datetime(NOW),
    } | fields


def write(place: Workplace, web: Web, more: str = "", rest: str = "") -> None:
    """Write feeds.yaml with one source, the weekly digest with `more` keys, and the `rest`."""
    sources = f"sources:\n  - {{id: node, name: The node, url: '{web.url}/feed'}}\n"
    place.write(sources + PLAN.format(more=more) + rest)


def poll(place: Workplace, web: Web, *items: dict[str, str]) -> None:
    """Serve these items and visit the feed."""
    web.feed("/feed", rss(*items))
    fetch.run(place.app(), force=True)


def file(place: Workplace, name: str) -> Path:
    """Return a file among the editions."""
    return place.public / "digests" / name


def page(place: Workplace, period: str = "2026-10-05") -> str:
    """Return the page of an edition."""
    return file(place, f"weekly-{period}.html").read_text("utf-8")


def state(place: Workplace) -> dict[str, tuple[bytes, int]]:
    """Return bytes and times of all files of editions."""
    folder = place.public / "digests"
    return {f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in sorted(folder.iterdir())}


def story(place: Workplace, title: str) -> str:
    """Return the id of the story with this title."""
    conn = sqlite3.connect(place.database)
    try:
        return str(conn.execute("SELECT id FROM stories WHERE title = ?", [title]).fetchone()[0])
    finally:
        conn.close()


def hide(place: Workplace, title: str, *, withdrawn: bool = False) -> None:
    """Hide a story as an editor."""
    editor_commands.hide(place.app(), [story(place, title)], "ada", withdrawn=withdrawn)


def unhide(place: Workplace, title: str) -> None:
    """Show a story again as an editor."""
    editor_commands.unhide(place.app(), [story(place, title)], "ada")


# --- what a digest selects and where it puts it (M3) ---------------------------------------------------

MIXED = (
    news(1, "Two grants for the node"),
    news(2, "Workshop on deconvolution in Porto", category="OMERO"),
    news(3, "OMERO 7 released"),
    news(4, "Call for proposals: access to cryo microscopes"),
    news(5, "Napari and OMERO meet a new friend"),
)


def test_kinds_select_stories(place: Workplace, web: Web, clock: Clock) -> None:
    """`kinds` selects new stories; changes of sent stories are sent for every kind (M3)."""
    write(place, web, ", kinds: [event, course]")
    poll(place, web, *MIXED)
    digest.run(place.app())
    assert titles(letters(place)[0]) == ["Workshop on deconvolution in Porto"]
    clock.now += WEEK
    poll(place, web, *MIXED[:1], news(2, "Deconvolution in Porto is cancelled"), *MIXED[2:])
    digest.run(place.app())
    assert titles(letters(place)[1]) == ["Deconvolution in Porto is cancelled"]
    said = " ".join(words(letters(place)[1]).split())
    assert "Cancelled (as of 12 October 2026). Previous title: “Workshop on deconvolution in Porto”" in said


def test_each_story_is_in_one_section(place: Workplace, web: Web) -> None:
    """A story is under its first topic, events together, the rest under other news (M3)."""
    write(place, web, ", sections: topics", "topics: {analysis: [napari], data: [OMERO]}\n")
    poll(place, web, *MIXED)
    digest.run(place.app())
    text = words(letters(place)[0])
    assert re.findall(r"^(.+)\n=+$", text, re.MULTILINE) == [
        "ANALYSIS",
        "DATA",
        "OTHER NEWS",
        "EVENTS AND COURSES",
    ]
    analysis, data, *other, events = titles(letters(place)[0])
    assert (analysis, data) == ("Napari and OMERO meet a new friend", "OMERO 7 released")
    assert set(other) == {"Two grants for the node", "Call for proposals: access to cryo microscopes"}
    assert events == "Workshop on deconvolution in Porto"
    assert [h.text_content() for h in html.fromstring(page(place)).iter("h2")] == [
        "Analysis",
        "Data",
        "Other news",
        "Events and courses",
    ]


# --- corrections (E1) ----------------------------------------------------------------------------------


def test_a_correction_taken_back_is_not_sent(place: Workplace, web: Web, clock: Clock) -> None:
    """A story whose text is that of the last edition again has no correction (M1, E1)."""
    write(place, web)
    poll(place, web, news(1, "As it was"))
    digest.run(place.app())
    for hours, title in ((24, "As it was not"), (48, "As it was")):
        clock.now = NOW + timedelta(hours=hours)
        poll(place, web, news(1, title))
    clock.now = NOW + WEEK
    assert digest.run(place.app()).empty == ("weekly-2026-10-12",)
    clock.now += timedelta(days=1)
    poll(place, web, news(1, "As it will be"))
    clock.now = NOW + 2 * WEEK
    digest.run(place.app())
    assert titles(letters(place)[-1]) == ["As it will be"]
    assert "“As it was”" in words(letters(place)[-1])


def test_a_correction_of_the_text_is_named(place: Workplace, web: Web, clock: Clock) -> None:
    """A correction without a new title states that the text changed (E1)."""
    write(place, web)
    poll(place, web, news(1, "Round table"))
    digest.run(place.app())
    clock.now = NOW + timedelta(days=1)
    poll(
        place,
        web,
        news(1, "Round table", description="It begins at two, in another house, with other guests. " * 3),
    )
    clock.now = NOW + WEEK
    digest.run(place.app())
    said = " ".join(words(letters(place)[-1]).split())
    assert "Corrected on 6 October 2026. The title is unchanged; the text was revised." in said


# --- hidden and withdrawn (I7, I8) ---------------------------------------------------------------------


def test_a_removed_story_is_reported_once(place: Workplace, web: Web, clock: Clock) -> None:
    """A sent story that was removed is reported by title, without link and text (I8)."""
    write(place, web)
    poll(place, web, news(1, "Position open"), news(2, "Another news"))
    digest.run(place.app())
    hide(place, "Position open", withdrawn=True)
    for week in (1, 2):
        clock.now = NOW + week * WEEK
        digest.run(place.app())
    assert len(letters(place)) == 2
    said = words(letters(place)[-1])
    assert "WITHDRAWN\n=========\n\n* Position open\n  The node, 5 October 2026\n  Withdrawn on 5" in said
    assert "https://node.example/1" not in said and "number 1" not in said
    assert "Position open" in page(place, "2026-10-12") and "Position open" not in page(place)


@pytest.mark.parametrize("withdrawn", [True, False])
def test_an_unsent_hidden_story_is_not_named(
    place: Workplace, web: Web, clock: Clock, withdrawn: bool
) -> None:
    """A story that was hidden before any edition is never mentioned (I7, I8)."""
    write(place, web)
    poll(place, web, news(1, "Another news"), news(2, "Not yet told"), news(3, "Told and then hidden"))
    hide(place, "Not yet told", withdrawn=withdrawn)
    digest.run(place.app())
    hide(place, "Told and then hidden")
    clock.now = NOW + WEEK
    assert digest.run(place.app()).empty == ("weekly-2026-10-12",)
    (mail,) = letters(place)
    assert sorted(titles(mail)) == ["Another news", "Told and then hidden"]


def test_a_hidden_story_is_removed_from_the_page(place: Workplace, web: Web) -> None:
    """Hiding removes its text from page and feed; showing restores the bytes (I7)."""
    write(place, web)
    poll(place, web, news(1, "Sensitive matter"), news(2, "Another news"))
    digest.run(place.app())
    before = page(place), file(place, "atom.xml").read_bytes()
    hide(place, "Sensitive matter")
    fetch.run(place.app())
    for said in (page(place), file(place, "atom.xml").read_text("utf-8")):
        assert "Sensitive" not in said and "node.example/1" not in said and "Another news" in said
    unhide(place, "Sensitive matter")
    fetch.run(place.app())
    assert (page(place), file(place, "atom.xml").read_bytes()) == before


def test_hiding_a_removed_story_removes_its_title(place: Workplace, web: Web, clock: Clock) -> None:
    """Hiding removes even the title of a removed story from every page (I7)."""
    write(place, web)
    poll(place, web, news(1, "Position open"), news(2, "Another news"))
    digest.run(place.app())
    hide(place, "Position open", withdrawn=True)
    clock.now = NOW + WEEK
    digest.run(place.app())
    assert "Position open" in page(place, "2026-10-12")
    unhide(place, "Position open")
    hide(place, "Position open")
    publish.run(place.app())
    assert "Position open" not in page(place) + page(place, "2026-10-12")


def test_hiding_as_withdrawn_is_a_command(place: Workplace, web: Web, clock: Clock) -> None:
    """`story hide --withdrawn` reports the story as removed (I8)."""
    write(place, web)
    poll(place, web, news(1, "Position open"))
    digest.run(place.app())
    said = command.call(place, "story", "hide", "--withdrawn", story(place, "Position open"))
    assert said.code == 0
    clock.now = NOW + WEEK
    digest.run(place.app())
    assert "WITHDRAWN" in words(letters(place)[-1])


# --- permanent pages (P1, PB13) ------------------------------------------------------------------------


def test_an_edition_is_a_page_an_entry_and_a_list_item(place: Workplace, web: Web, clock: Clock) -> None:
    """Page, feed entry and list exist after composing, and name no subscriber."""
    write(place, web)
    poll(place, web, news(1, "First"))
    digest.run(place.app())
    clock.now = NOW + WEEK
    poll(place, web, news(2, "Second"), news(1, "First"))
    digest.run(place.app())
    found = ["weekly-2026-10-05.html", "weekly-2026-10-12.html"]
    assert sorted(state(place)) == sorted(
        f"{name}{packed}" for name in ("atom.xml", "index.html", *found) for packed in ("", ".gz")
    )
    assert "First" in page(place) and "Second" in page(place, "2026-10-12")
    entries = etree.parse(file(place, "atom.xml")).findall("{*}entry")
    assert [entry.find("{*}link").get("href") for entry in entries] == [
        f"https://news.example/digests/{name}" for name in reversed(found)
    ]
    lines = html.fromstring(file(place, "index.html").read_text("utf-8")).xpath("//li/a/@href")
    assert lines == found[::-1]
    assert f"https://news.example/digests/{found[0]}" in words(letters(place)[0])
    assert not [name for name, (body, _) in state(place).items() if b"ada@" in body]


def test_a_page_stays_as_it_was_sent(place: Workplace, web: Web, clock: Clock) -> None:
    """Later edits, settings and editions change neither bytes nor time of a page (P1, PB13)."""
    write(place, web)
    poll(place, web, news(1, "First"))
    digest.run(place.app())
    for each in (place.public / "digests").iterdir():
        os.utime(each, (1_700_000_000, 1_700_000_000))
    before = state(place)
    clock.now = NOW + timedelta(days=1)
    poll(place, web, news(1, "First, in other words"))
    publish.run(place.app())
    assert state(place) == before
    write(place, web, ", language: de")
    clock.now = NOW + WEEK
    digest.run(place.app())
    name = "weekly-2026-10-05.html"
    assert state(place)[name] == before[name]
    assert state(place)["index.html"] != before["index.html"]


def test_only_new_pages_are_read_and_written(place: Workplace, web: Web, clock: Clock) -> None:
    """The cost of a run does not grow with the number of editions (P1)."""
    write(place, web)
    items: list[dict[str, str]] = []
    for week in range(3):
        clock.now = NOW + week * WEEK
        items.insert(0, news(week, f"News of week {'abc'[week] * 9}"))
        poll(place, web, *items)
        digest.run(place.app())
    with opened(place.database) as store:
        assert edition_revisions.unwritten(store) == {}
        plan = store.db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM editions WHERE revision <> written_revision"
        )
        assert "editions_unwritten" in str([row[3] for row in plan])
    hide(place, f"News of week {'b' * 9}")
    with opened(place.database) as store:
        assert list(edition_revisions.unwritten(store)) == ["weekly-2026-10-12"]


@pytest.mark.parametrize("lost", ["weekly-2026-10-05.html", "index.html", "atom.xml", None])
def test_lost_files_are_restored(place: Workplace, web: Web, lost: str | None) -> None:
    """`aggregator publish` restores deleted files with the same bytes (P1)."""
    write(place, web)
    poll(place, web, news(1, "First"))
    digest.run(place.app())
    before = {name: body for name, (body, _) in state(place).items()}
    if lost:
        file(place, lost).unlink()
    else:
        shutil.rmtree(place.public)
    publish.run(place.app())
    assert {name: body for name, (body, _) in state(place).items()} == before


def test_no_message_is_sent_before_its_page(place: Workplace, web: Web) -> None:
    """Messages stay due while their page cannot be written, which is reported (M4)."""
    write(place, web)
    poll(place, web, news(1, "First"))
    (place.public / "digests").write_text("in the way")
    report = digest.run(place.app())
    assert (report.composed, report.sent, report.owed) == (("weekly-2026-10-05",), 0, 1)
    assert "messages stay queued until the editions they link to are published" in report.notices[0]
    assert letters(place) == []
    (place.public / "digests").unlink()
    assert digest.run(place.app()).sent == 1
    assert "First" in page(place)


def test_a_site_without_digests_has_no_pages_of_them(place: Workplace, web: Web) -> None:
    """Without editions there are no pages, list or feed of them (PB13)."""
    write(place, web)
    poll(place, web, news(1, "First"))
    assert not (place.public / "digests").exists()


def test_editions_of_older_versions_have_no_page(
    tmp_path: Path, place: Workplace, web: Web, clock: Clock
) -> None:
    """Editions composed before their text was stored are not listed."""
    write(place, web)
    poll(place, web, news(1, "First"))
    digest.run(place.app())
    conn = sqlite3.connect(place.database)
    with conn:
        conn.execute("DELETE FROM edition_entries")
        conn.execute("UPDATE editions SET revision = 0, written_revision = 0, title = ''")
    conn.close()
    shutil.rmtree(place.public / "digests")
    clock.now = NOW + WEEK
    poll(place, web, news(2, "Second"), news(1, "First, corrected"))
    digest.run(place.app())
    publish.run(place.app())
    assert sorted(name for name in state(place) if "weekly" in name and name.endswith("html")) == [
        "weekly-2026-10-12.html"
    ]
    assert "Corrected on 12 October 2026.\n" in words(letters(place)[-1])


def test_the_migration_keeps_editions_as_they_are(tmp_path: Path) -> None:
    """An edition of an older version has no record after the migration."""
    db = Database(sqlite3.connect(tmp_path / "old.db", isolation_level=None))
    MIGRATIONS.apply(db, stop_before="m0007_editions")
    db.execute("INSERT INTO digests VALUES ('w', '2026', '2026-10-05', '2026')")
    values: list[Any] = ["w-2026-10-05", "w", "2026-10-05", "2026-10-05T06:30:00Z", "W", "text", "html"]
    db.execute(
        "INSERT INTO editions (id, digest_id, period, composed, subject, text, html) VALUES (?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    MIGRATIONS.apply(db)
    rows = db.execute("SELECT revision, written_revision FROM editions").fetchall()
    assert [tuple(row) for row in rows] == [(0, 0)]
