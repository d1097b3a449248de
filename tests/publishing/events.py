"""Build stories with events, and read calendars with a parser that the program does not use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream

from aggregator.model.config import Channel
from aggregator.model.events import Event, EventKind, StoryEvent
from aggregator.model.publishing import Publication
from aggregator.model.stories import Story, StoryItem
from tests.builders import NOW, item, publisher, site, story

ALL = Channel(id="all", title="Imaging news")
COURSES = Channel(id="courses", title="Courses")
TODAY = NOW.date()


def event(**fields: Any) -> Event:
    """Build a course of three days in Turin, from 20 October 2026."""
    defaults: dict[str, Any] = {
        "kind": EventKind.COURSE,
        "start": date(2026, 10, 20),
        "end": date(2026, 10, 22),
        "place": "Turin, Italy",
    }
    return Event(**defaults | fields)


def timed(start: datetime, end: datetime, **fields: Any) -> Event:
    """Build an event with times."""
    return event(start=start.astimezone(UTC), end=end.astimezone(UTC), **fields)


def deadline(day: date = date(2026, 10, 12), **fields: Any) -> Event:
    """Build a deadline."""
    return event(**{"kind": EventKind.DEADLINE, "start": day, "end": day, "place": None} | fields)


def announcing(id_: str, *events: Event, **fields: Any) -> Story:
    """Build a story with events; some fields are those of its calendar entry."""
    own = {name: fields.pop(name) for name in ("sequence", "changed", "former", "entry_id") if name in fields}
    made = story(id_, StoryItem(item=item(**fields), publisher=publisher()))
    parts = ["", "deadline", "deadline-2"]
    defaults: dict[str, Any] = {"entry_id": id_, "sequence": 0, "changed": NOW}
    return replace(
        made,
        events=tuple(
            StoryEvent(part=part, entry_part=part, event=each, **defaults | own)
            for part, each in zip(parts, events, strict=False)
        ),
    )


def publication(*stories: Story, channel: Channel = ALL, today: date = TODAY, **fields: Any) -> Publication:
    """Build what the calendars of a channel are rendered from."""
    return Publication(
        site=site(**fields),
        channel=channel,
        channels=(ALL, COURSES),
        stories=stories,
        events=stories,
        today=today,
    )


def parsed(body: bytes) -> Calendar:
    """Parse a calendar with an independent parser."""
    return IcsCalendarStream.calendar_from_ics(body.decode())
