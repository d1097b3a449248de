"""Decide which events stories have, and which stories share a calendar entry (EX6, EX7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from aggregator.model.events import AS_ANNOUNCED, Attendance, Event, EventKind, EventStatus

MAX_PARTS = 6
"""Maximum events of one story."""

_WITH_NEW_DATES = (EventStatus.RESCHEDULED, EventStatus.POSTPONED, EventStatus.EXTENDED)
"""Changes that a story may announce together with other dates of a known event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A story as far as events go: the facts of its items, or an editor's decision (EX9).

    `status` is what its words say about an event for which they name no date.
    """

    story_id: str
    announced: datetime
    events: tuple[Event, ...] = ()
    status: EventStatus | None = None
    related: frozenset[str] = frozenset()
    decided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An event of a story, and the calendar entry that it belongs to."""

    event: Event
    entry_id: str
    entry_part: str


@dataclass(slots=True)
class _Entry:
    """A calendar entry while stories are added to it; `days` are all its first days."""

    story_id: str
    part: str
    event: Event
    decided: bool
    stories: set[str]
    days: set[date] = field(default_factory=set)


Parts = Mapping[str, Assignment]


def assign_entries(announcements: Iterable[Announcement], zone: ZoneInfo) -> dict[str, Parts]:
    """Return the events of each story by part, the oldest story first.

    A story shares the entry of an older, related story about the same event, and changes it if it says so.
    """
    entries: list[_Entry] = []
    found: dict[str, dict[str, _Entry]] = {}
    for story in sorted(announcements, key=lambda each: (each.announced, each.story_id)):
        near = [] if story.decided else [entry for entry in entries if entry.stories & story.related]
        placed: dict[str, _Entry] = {}
        for part, event in _parts(story.events, zone).items():
            entry = _entry_on_same_day(near, event, zone) or _entry_with_other_dates(near, event, story, zone)
            if entry is None:
                entry = _Entry(story.story_id, part, event, story.decided, {story.story_id})
                entries.append(entry)
            elif not entry.decided:
                entry.event = _changed(entry.event, event)
            entry.days.add(event.days(zone)[0])
            if all(entry is not other for other in placed.values()):
                placed[part] = entry
        if not story.events and story.status and (only := _only_coming_entry(near, story, zone)):
            placed[""] = only
            if not only.decided:
                only.event = _with_status(only.event, story.status)
        for entry in placed.values():
            entry.stories.add(story.story_id)
        found[story.story_id] = placed
    return {
        story_id: {
            part: Assignment(event=entry.event, entry_id=entry.story_id, entry_part=entry.part)
            for part, entry in placed.items()
        }
        for story_id, placed in found.items()
    }


def _parts(events: tuple[Event, ...], zone: ZoneInfo) -> dict[str, Event]:
    """Name the events of a story: the principal one, deadlines, and others.

    A day of an event that lasts several is no event of its own.
    """
    parts: dict[str, Event] = {}
    for event in events:
        is_deadline = event.kind is EventKind.DEADLINE
        name = "deadline" if is_deadline else "event"
        if not is_deadline and any(_is_within(event, other, zone) for other in parts.values()):
            continue
        same = sum(part.startswith(name) for part in parts)
        parts["" if not parts else f"{name}-{same + 1}" if same else name] = event
        if len(parts) == MAX_PARTS:
            break
    return parts


def _is_within(event: Event, other: Event, zone: ZoneInfo) -> bool:
    first, last = event.days(zone)
    begin, end = other.days(zone)
    return other.kind is not EventKind.DEADLINE and begin <= first and last <= end


def _is_like(entry: _Entry, event: Event) -> bool:
    return (entry.event.kind is EventKind.DEADLINE) == (event.kind is EventKind.DEADLINE)


def _entry_on_same_day(near: list[_Entry], event: Event, zone: ZoneInfo) -> _Entry | None:
    """Return the entry of an event that begins on the same day."""
    day = event.days(zone)[0]
    return next((entry for entry in near if _is_like(entry, event) and day in entry.days), None)


def _entry_with_other_dates(
    near: list[_Entry], event: Event, story: Announcement, zone: ZoneInfo
) -> _Entry | None:
    """Return the entry for which a story announces other dates; None if it could be several."""
    if event.status not in _WITH_NEW_DATES or event.retrospective:
        return None
    return _only_coming_entry([entry for entry in near if _is_like(entry, event)], story, zone)


def _only_coming_entry(near: list[_Entry], story: Announcement, zone: ZoneInfo) -> _Entry | None:
    """Return the one entry that was still coming when a story was announced.

    "Extended" is about a deadline, everything else about what takes place.
    """
    statuses = {event.status for event in story.events} | {story.status}
    coming = [
        entry
        for entry in near
        if entry.event.days(zone)[1] >= story.announced.date() and not entry.event.retrospective
    ]
    if len(coming) > 1:
        of_deadline = EventStatus.EXTENDED in statuses
        coming = [entry for entry in coming if (entry.event.kind is EventKind.DEADLINE) == of_deadline]
    return coming[0] if len(coming) == 1 else None


def _changed(event: Event, announced: Event) -> Event:
    """Return the event of an entry after another story; only a status changes it."""
    if announced.status in AS_ANNOUNCED or announced.retrospective:
        return event
    changed = _with_status(event, announced.status)
    if announced.status not in _WITH_NEW_DATES or (event.start, event.end) == (
        announced.start,
        announced.end,
    ):
        return changed
    is_postponed = announced.status is EventStatus.POSTPONED
    return replace(
        changed,
        status=EventStatus.RESCHEDULED if is_postponed else changed.status,  # the new date is known
        start=announced.start,
        end=announced.end,
        zone=announced.zone,
        place=announced.place or event.place,
        occurrences=(),
    )


def _with_status(event: Event, status: EventStatus) -> Event:
    if status is EventStatus.MOVED_ONLINE:
        return replace(event, status=status, attendance=Attendance.ONLINE)
    return replace(event, status=status)
