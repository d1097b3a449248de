"""Events from the feeds of partners to published calendars."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ical.event import Event as Entry

from aggregator.dedupe import editor_commands
from aggregator.gateways.drafts import Drafts
from aggregator.polling import event_backfill, fetch
from aggregator.publishing import publish_events, publish_pages
from aggregator.store.idle_check import count_if_nothing_due
from tests.builders import NOW, rss
from tests.publishing.events import parsed
from tests.web_server import Web
from tests.workplace import Clock, Workplace

COURSE = {
    "title": "Hands-on course: preclinical imaging in Turin, 20-22 October 2026",
    "link": "https://node.example/course",
    "guid": "course",
    "description": "Three days of PET, MRI and optical imaging in small animals, with analysis of the data. Register by"
    " 12 October 2026.",
    "pubDate": "Mon, 05 Oct 2026 05:00:00 +0000",
}
CANCELLED = {
    "title": "Cancelled: Hands-on course preclinical imaging in Turin",
    "link": "https://other.example/cancelled",
    "guid": "cancelled",
    "description": "The hands-on course on preclinical imaging in Turin, with PET, MRI and optical imaging in small"
    " animals, cannot take place.",
}
DAY = timedelta(days=1)


class Community:
    """Serve two partners and publish what they write."""

    def __init__(self, place: Workplace, webs: Callable[[], Web]) -> None:
        self.place, self.webs = place, {"node": webs(), "other": webs()}
        sources = "".join(
            f"  - {{id: {id_}, name: The {id_}, url: '{web.url}/feed'}}\n" for id_, web in self.webs.items()
        )
        self.place.write(
            f"sources:\n{sources}channels:\n  - {{id: all, title: Imaging news}}\n"
            "  - {id: courses, title: Courses, include: {kinds: [course]}}\n"
        )
        self.poll()

    def poll(self, *node: dict[str, str], other: tuple[dict[str, str], ...] = ()) -> tuple[str, ...]:
        """Publish items at both partners, visit them, and return what was written."""
        self.webs["node"].feed("/feed", rss(*node))
        self.webs["other"].feed("/feed", rss(*other))
        return tuple(fetch.run(self.place.app(), force=True).documents_written)

    def entries(self, path: str = "events.ics") -> list[Entry]:
        """Return the entries of a published calendar."""
        return parsed((self.place.public / path).read_bytes()).events

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query or change the database."""
        conn = sqlite3.connect(self.place.database)
        try:
            with conn:
                return conn.execute(sql, values).fetchall()
        finally:
            conn.close()


@pytest.fixture
def community(place: Workplace, webs: Callable[[], Web], clock: Clock) -> Community:
    """Return two partners without news."""
    clock.now = NOW - DAY
    made = Community(place, webs)
    clock.now = NOW
    return made


def test_a_course_is_published_everywhere(community: Community) -> None:
    """One announcement is in calendars, in a file of its own, and in summaries (CA1, CA8)."""
    community.poll(COURSE)
    (course,), (closing,) = community.entries(), community.entries("deadlines.ics")
    ((story_id,),) = community.rows("SELECT id FROM stories")
    assert course.uid == f"{story_id}@news.example,2026"
    assert (str(course.dtstart), str(course.dtend), course.location) == ("2026-10-20", "2026-10-23", "Turin")
    assert str(closing.dtstart) == "2026-10-12"
    assert len(community.entries("channels/courses/events.ics")) == 2
    assert len(community.entries(f"stories/{story_id}.ics")) == 2
    public = community.place.public
    assert "20–22 October 2026, Turin. Three days of PET" in (public / "atom.xml").read_text("utf-8")
    assert "20–22 October 2026, Turin. Three days of PET" in (public / "rss.xml").read_text("utf-8")
    assert f'"calendar": "https://news.example/stories/{story_id}.ics"' in (public / "feed.json").read_text(
        "utf-8"
    )


def test_the_next_round_writes_the_calendar_files_that_are_left(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calendar files beyond the limit of a round follow in one without changes (V6)."""
    monkeypatch.setattr(publish_events, "MAX_FILES", 1)
    monkeypatch.setattr(publish_events, "CHUNK_VALUES", 1)
    other = {
        "title": "Workshop on light sheet microscopy in Oslo, 3-5 November 2026",
        "link": "https://node.example/workshop",
        "guid": "workshop",
        "description": "Clearing, mounting and imaging of whole organs.",
        "pubDate": "Sun, 04 Oct 2026 05:00:00 +0000",
    }
    folder = community.place.public / "stories"
    community.poll(COURSE, other)
    assert len([*folder.glob("*.ics")]) == 1
    community.rows("UPDATE sources SET next_visit = '2027-01-01T00:00:00Z', not_before = NULL")
    assert count_if_nothing_due(community.place.folder / "feeds.yaml", NOW) is None
    fetch.run(community.place.app())
    assert len([*folder.glob("*.ics")]) == 2


def test_calendar_files_that_a_killed_round_left_are_written(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calendar file counts as written only when it is visible (P1)."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Drafts, "rename_all", die)
        with pytest.raises(KeyboardInterrupt):
            community.poll(COURSE)
    with monkeypatch.context() as patch:
        patch.setattr(publish_pages, "write_pages", die)
        with pytest.raises(KeyboardInterrupt):
            community.poll(COURSE)
    ((story_id,),) = community.rows("SELECT id FROM stories")
    fetch.run(community.place.app())
    assert len(community.entries(f"stories/{story_id}.ics")) == 2


def test_an_edit_raises_the_sequence(community: Community, clock: Clock) -> None:
    """A changed date keeps the UID and raises SEQUENCE; another word does not (CA2, E1)."""
    community.poll(COURSE)
    (before,) = community.entries()
    clock.now += DAY
    community.poll(COURSE | {"description": COURSE["description"] + " Bring a laptop."})
    assert [(each.sequence, each.dtstamp) for each in community.entries()] == [(0, before.dtstamp)]
    clock.now += DAY
    moved = COURSE | {"title": COURSE["title"].replace("20-22 October", "27-29 October")}
    community.poll(moved)
    (after,) = community.entries()
    assert (after.uid, after.sequence, str(after.dtstart)) == (before.uid, 1, "2026-10-27")
    assert after.dtstamp == after.last_modified == clock.now
    assert community.rows("SELECT updated FROM stories") == [("2026-10-07T06:30:00Z",)]
    summary = (community.place.public / "atom.xml").read_text("utf-8")
    assert "27–29 October 2026, Turin (previously 20–22 October 2026)" in summary


def test_a_date_without_a_year_does_not_move_on(community: Community, clock: Clock) -> None:
    """An item without a date of its own keeps the year of its event when it is edited (EX4)."""
    undated = {name: text.replace(" 2026", "") for name, text in COURSE.items() if name != "pubDate"}
    community.poll(undated)
    assert [str(entry.dtstart) for entry in community.entries()] == ["2026-10-20"]
    clock.now += timedelta(days=30)
    community.poll(undated | {"description": undated["description"] + " It was good."})
    assert [(str(entry.dtstart), entry.sequence) for entry in community.entries()] == [("2026-10-20", 0)]
    community.poll(undated | {"title": undated["title"].replace("October", "November")})
    assert [str(entry.dtstart) for entry in community.entries()] == ["2026-11-20"]


def test_a_cancellation_by_another_story(community: Community, clock: Clock) -> None:
    """A cancelled course keeps one entry; the story that says so shares it (EX6, CA3)."""
    community.poll(COURSE)
    (before,) = community.entries()
    clock.now += DAY
    community.poll(COURSE, other=(CANCELLED,))
    assert len(community.rows("SELECT id FROM stories")) == 2
    (after,) = community.entries()
    assert (after.uid, after.sequence, after.status) == (before.uid, 1, "CANCELLED")
    assert "Cancelled: 20–22 October 2026, Turin" in (community.place.public / "atom.xml").read_text("utf-8")
    ((cancelled,),) = community.rows("SELECT story_id FROM items WHERE guid = 'cancelled'")
    editor_commands.hide(community.place.app(), [cancelled], "ada")
    fetch.run(community.place.app())
    assert [(each.sequence, each.status) for each in community.entries()] == [(2, "CONFIRMED")]


def test_a_hidden_story_leaves_the_calendars(community: Community) -> None:
    """A hidden story has no entry and no file; shown again, it has its old entry."""
    community.poll(COURSE)
    before = community.entries()
    ((story_id,),) = community.rows("SELECT id FROM stories")
    file = community.place.public / f"stories/{story_id}.ics"
    for hidden in (True, False):
        hide_or_unhide = editor_commands.hide if hidden else editor_commands.unhide
        hide_or_unhide(community.place.app(), [story_id], "ada")
        fetch.run(community.place.app())
        assert file.exists() is not hidden
        assert community.entries() == ([] if hidden else before)


def test_merged_stories_have_one_entry(community: Community, clock: Clock) -> None:
    """The entry of a story that was merged into another is gone, with its file."""
    community.poll(COURSE)
    clock.now += DAY
    twin = {
        "title": "Workshop on lasers in Rome, 20-22 October 2026",
        "link": "https://other.example/9",
        "guid": "9",
    }
    community.poll(COURSE, other=(twin | {"description": "Visit the new instruments with us."},))
    ids = [row[0] for row in community.rows("SELECT id FROM stories ORDER BY announced")]
    assert len(ids) == len(community.entries()) == 2
    editor_commands.merge(community.place.app(), ids, "ada")
    fetch.run(community.place.app())
    assert [each.uid for each in community.entries()] == [f"{ids[0]}@news.example,2026"]
    assert not (community.place.public / f"stories/{ids[1]}.ics").exists()


# --- days that pass ------------------------------------------------------------------------------------


def idle(community: Community) -> bool:
    """Return whether a run of now would have nothing to do."""
    return count_if_nothing_due(community.place.folder / "feeds.yaml", community.place.clock.now) is not None


def test_bytes_change_only_when_an_event_passes(community: Community, clock: Clock) -> None:
    """Calendars stay the same for a year; pages change after an event, feeds never (CA2).

    An event leaves a calendar together with its deadlines.
    """
    community.poll(COURSE)
    community.rows("UPDATE sources SET next_visit = '2027-12-01T00:00:00Z', not_before = NULL")
    written: dict[str, list[str]] = {}
    for day in (1, 7, 8, 17, 18, 19, 200, 373, 374, 375, 383, 384, 385):
        clock.now = NOW + timedelta(days=day)
        community.rows("UPDATE sources SET next_visit = ?", f"{clock.now + 9 * DAY:%Y-%m-%dT%H:%M:%SZ}")
        for path in fetch.run(community.place.app()).documents_written:
            written.setdefault(path, []).append(f"{clock.now:%Y-%m-%d}")
    passed = ["2026-10-13", "2026-10-23"]  # the days after the deadline and after the course
    calendars = ("events.ics", "deadlines.ics", "channels/courses/events.ics")
    assert written == {
        **dict.fromkeys(("index.html", "events/index.html", "events/choices.css"), passed),
        **{path: ["2027-10-24"] for path in calendars},
    }


def test_a_day_that_passes_ends_the_idle_check(community: Community, clock: Clock) -> None:
    """A run has nothing to do until the next event ends, also after midnight (V6)."""
    community.poll(COURSE)
    community.rows("UPDATE sources SET next_visit = '2026-11-01T00:00:00Z'")
    assert idle(community)
    clock.now = datetime(2026, 10, 12, 21, 59, tzinfo=UTC)  # 23:59 in Berlin
    assert idle(community)
    clock.now += timedelta(minutes=2)
    assert not idle(community)
    assert "events/index.html" in fetch.run(community.place.app()).documents_written
    assert idle(community)


# --- items of earlier versions -------------------------------------------------------------------------


def test_stored_items_get_events_without_a_request(
    community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of stories that exist are found in stored texts and are no edits (V4)."""
    second = COURSE | {
        "title": "Workshop in Ghent, 3-5 November 2026",
        "link": "https://node.example/2",
        "guid": "2",
    }
    community.poll(COURSE, second)
    expected = community.entries()
    community.rows("DELETE FROM story_events")
    community.rows("UPDATE items SET events = NULL")
    community.rows("UPDATE sources SET next_visit = '2026-11-01T00:00:00Z'")
    edits = community.rows("SELECT id, updated FROM stories ORDER BY id")
    requests = [len(web.asked) for web in community.webs.values()]
    monkeypatch.setattr(event_backfill, "MAX_ITEMS", 1)
    for count in (1, 2):
        fetch.run(community.place.app())
        assert len(community.entries()) == count
    assert community.entries() == expected
    assert [len(web.asked) for web in community.webs.values()] == requests
    assert community.rows("SELECT id, updated FROM stories ORDER BY id") == edits
    assert idle(community)
