"""Which stories share a calendar entry, and what they change of its event (EX6, EX7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aggregator.model.events import Attendance, Event, EventKind, EventStatus
from aggregator.publishing import event_entries, event_status
from aggregator.publishing.event_entries import Announcement, Assignment
from tests.builders import NOW
from tests.publishing.events import deadline, event

ZONE = ZoneInfo("UTC")
NEW_DATE = {"start": date(2026, 11, 3), "end": date(2026, 11, 5)}


def story(id_: str, *events: Event, days: int = 0, of: str = "", **fields: Any) -> Announcement:
    """Build a story announced `days` after NOW and related to the stories `of`."""
    return Announcement(
        story_id=id_,
        announced=NOW + timedelta(days=days),
        events=events,
        related=frozenset(of.split()),
        **fields,
    )


def assigned(*stories: Announcement) -> dict[str, dict[str, Assignment]]:
    """Return the events of all stories."""
    return {id_: dict(parts) for id_, parts in event_entries.assign_entries(stories, ZONE).items()}


def entry(*stories: Announcement) -> Event:
    """Return the event of the story `a` after all others, which share its entry."""
    found = assigned(*stories)
    assert {(parts[""].entry_id, parts[""].entry_part) for parts in found.values()} == {("a", "")}
    return found["a"][""].event


def test_related_stories_about_one_day_share_an_entry() -> None:
    """A programme of the same day changes nothing of the event, and has its facts (EX7)."""
    assert entry(story("a", event()), story("b", event(place=None), days=3, of="a")) == event()


def test_unrelated_stories_of_one_day_have_their_own_entries() -> None:
    """Two courses on one day stay two, and so do related stories of two days."""
    for other in (story("b", event(), days=1), story("b", event(**NEW_DATE), days=1, of="a")):
        assert assigned(story("a", event()), other)["b"][""].entry_id == "b"


def test_a_cancellation_changes_the_event() -> None:
    """A related story cancels an event, with its date or without one (EX6)."""
    for other in (
        story("b", event(status=EventStatus.CANCELLED), days=1, of="a"),
        story("b", status=EventStatus.CANCELLED, days=1, of="a"),
    ):
        assert entry(story("a", event()), other) == event(status=EventStatus.CANCELLED)


def test_a_new_date_moves_the_event() -> None:
    """A related story gives other dates; a later one about either date shares the entry."""
    moved = story("b", event(place=None, status=EventStatus.RESCHEDULED, **NEW_DATE), days=1, of="a")
    after = event(status=EventStatus.RESCHEDULED, **NEW_DATE)
    assert entry(story("a", event()), moved) == after
    for last in (event(), event(**NEW_DATE)):
        assert entry(story("a", event()), moved, story("c", last, days=2, of="b")) == after


def test_an_extension_moves_the_deadline_only() -> None:
    """An extended deadline changes that part of a story which is a deadline."""
    extended = deadline(date(2026, 10, 30), status=EventStatus.EXTENDED)
    found = assigned(story("a", event(), deadline()), story("b", extended, days=1, of="a"))
    assert found["a"][""].event == event()
    assert found["a"]["deadline"].event == extended
    assert (found["b"][""].entry_id, found["b"][""].entry_part) == ("a", "deadline")


def test_moved_online() -> None:
    """An event that moves online takes place online, on its dates."""
    after = entry(story("a", event()), story("b", status=EventStatus.MOVED_ONLINE, days=1, of="a"))
    assert after == event(status=EventStatus.MOVED_ONLINE, attendance=Attendance.ONLINE)


def test_a_cancellation_that_may_be_of_two_events_changes_none() -> None:
    """Without a date, a cancellation is only of the one event that is still coming."""
    first, second = story("a", event()), story("b", event(**NEW_DATE), of="a")
    cancelled = story("c", status=EventStatus.CANCELLED, days=1, of="a b")
    found = assigned(first, second, cancelled)
    assert found["a"][""].event.status is found["b"][""].event.status is EventStatus.SCHEDULED
    assert found["c"] == {}
    late = story("c", status=EventStatus.CANCELLED, days=20, of="a b")  # the first is over
    assert assigned(first, second, late)["b"][""].event.status is EventStatus.CANCELLED


def test_an_editors_word_stays() -> None:
    """Stories about an event that an editor set do not change it (EX9)."""
    decided = story("a", event(), decided=True)
    assert entry(decided, story("b", event(status=EventStatus.CANCELLED), days=1, of="a")) == event()


def test_a_report_shares_the_entry_and_changes_nothing() -> None:
    """A report on the event of another story is about its entry (EX5, EX7)."""
    report = story("b", event(retrospective=True), days=30, of="a")
    assert entry(story("a", event()), report) == event()


def test_order_does_not_matter() -> None:
    """The same stories in any order give the same entries."""
    stories = [
        story("a", event(), deadline()),
        story("b", event(status=EventStatus.RESCHEDULED, **NEW_DATE), days=1, of="a"),
        story("c", status=EventStatus.CANCELLED, days=2, of="b"),
    ]
    assert assigned(*stories) == assigned(*reversed(stories))


def test_parts_of_a_story() -> None:
    """Deadlines are parts of their own; a day of a longer event is none."""
    talk = event(start=datetime(2026, 10, 21, 8, tzinfo=UTC), end=datetime(2026, 10, 21, 9, tzinfo=UTC))
    dinner = event(kind=EventKind.EVENT, start=date(2026, 12, 1), end=date(2026, 12, 1))
    found = assigned(story("a", event(), deadline(), talk, dinner, deadline(date(2026, 11, 1))))
    assert list(found["a"]) == ["", "deadline", "event", "deadline-2"]


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("Cancelled: imaging course in Turin", EventStatus.CANCELLED),
        ("Der Kurs in Leipzig wird verschoben", EventStatus.POSTPONED),
        ("New date for the imaging school", EventStatus.RESCHEDULED),
        ("Corso di imaging annullato", EventStatus.CANCELLED),
        ("Registration deadline extended", EventStatus.EXTENDED),
        ("Imaging course in Turin", None),
    ],
)
def test_status_without_a_date(title: str, status: EventStatus | None) -> None:
    """A title names the status of an event in the languages of partners."""
    assert event_status.status_in(title, "") is status
    assert event_status.status_in("Imaging course", title) is status
    assert event_status.status_in("Imaging course", "x" * 100 + title) is None
