"""Values of events: what is dated in an item, when, where, and whether it takes place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class EventKind(StrEnum):
    """What a date means (EX1)."""

    EVENT = "event"
    COURSE = "course"
    DEADLINE = "deadline"


class EventStatus(StrEnum):
    """Whether an event takes place as first announced (EX6)."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"
    RESCHEDULED = "rescheduled"
    MOVED_ONLINE = "moved-online"
    EXTENDED = "extended"


class Attendance(StrEnum):
    """Where people attend."""

    ON_SITE = "on-site"
    ONLINE = "online"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A dated fact of an item (EX1).

    `start` and `end` are both dates (all day; `end` is the last day) or both aware datetimes. `zone` is the IANA name
    of the zone that the source states; None if it states only an offset. `retrospective`: the item reports on the
    past event (EX5), which is not announced.
    """

    kind: EventKind
    start: date | datetime
    end: date | datetime
    zone: str | None = None
    place: str | None = None
    attendance: Attendance | None = None
    status: EventStatus = EventStatus.SCHEDULED
    retrospective: bool = False

    @property
    def all_day(self) -> bool:
        """Return whether the event has dates without times."""
        return not isinstance(self.start, datetime)

    @property
    def first_day(self) -> date:
        """Return the day of the start, as its source states it."""
        return self.start.date() if isinstance(self.start, datetime) else self.start

    @property
    def last_day(self) -> date:
        """Return the day of the end, as its source states it."""
        return self.end.date() if isinstance(self.end, datetime) else self.end

    @property
    def takes_place(self) -> bool:
        """Return whether the event is expected on its stated dates (EX6)."""
        return self.status not in (EventStatus.CANCELLED, EventStatus.POSTPONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEvent:
    """An event of a story as it is published, with its calendar entry (CA2).

    `part` distinguishes the events of one story; it is empty for the principal one. The entry is that of the story
    `entry_id` and its event `entry_part`: of another story if both announce one event (EX7). `sequence` and `changed`
    are of the last change of the facts, `former` the facts before it.
    """

    part: str
    entry_id: str
    entry_part: str
    event: Event
    sequence: int
    changed: datetime
    former: Event | None = None
