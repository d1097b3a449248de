"""Values of events: what is dated in an item, when, where, and whether it takes place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
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
    past event (EX5), which is not announced. `month_only`: the source names no day, so that the event is shown but
    has no calendar entry. `occurrences` are the starts of a series within the coming 12 months, sorted; each lasts as
    long as the first occurrence, which is `start` to `end`.
    """

    kind: EventKind
    start: date | datetime
    end: date | datetime
    zone: str | None = None
    place: str | None = None
    attendance: Attendance | None = None
    status: EventStatus = EventStatus.SCHEDULED
    retrospective: bool = False
    month_only: bool = False
    occurrences: tuple[date | datetime, ...] = ()

    @property
    def all_day(self) -> bool:
        """Return whether the event has dates without times."""
        return not isinstance(self.start, datetime)

    @property
    def announced(self) -> tuple[object, ...]:
        """Return the facts whose change is a significant edit (E1); occurrences move on with time."""
        return (self.kind, self.start, self.end, self.zone, self.place, self.attendance, self.status)


def in_utc(event: Event) -> Event:
    """Return the event with its moments in UTC, in which they are stored and compared."""
    start, end, *occurrences = (_utc(moment) for moment in (event.start, event.end, *event.occurrences))
    return replace(event, start=start, end=end, occurrences=tuple(occurrences))


def _utc(moment: date | datetime) -> date | datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment
