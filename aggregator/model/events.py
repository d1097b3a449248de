"""Values of events: what is dated in an item, when, where, and whether it takes place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from aggregator.model.value_classes import dataclass

_UTC = ZoneInfo("UTC")
"""The zone for days of moments whose source states only an offset."""
_MINUTE = timedelta(minutes=1)


class EventKind(StrEnum):
    """What a date means (EX1)."""

    EVENT = "event"
    COURSE = "course"
    DEADLINE = "deadline"


class EventStatus(StrEnum):
    """Whether an event takes place as first announced (EX6)."""

    SCHEDULED = "scheduled"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"
    POSTPONED = "postponed"
    RESCHEDULED = "rescheduled"
    MOVED_ONLINE = "moved-online"
    EXTENDED = "extended"


AS_ANNOUNCED = frozenset({EventStatus.SCHEDULED, EventStatus.TENTATIVE})
"""States that change nothing in the first announcement of an event."""


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
    has no calendar entry. `occurrences` are the starts of a series within 12 months, sorted. Each lasts as
    long as the first occurrence, from `start` to `end`.
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

    @property
    def takes_place(self) -> bool:
        """Return whether the event is expected on its stated dates (EX6)."""
        return self.status not in (EventStatus.CANCELLED, EventStatus.POSTPONED)

    def local(self, site_zone: ZoneInfo) -> Event:
        """Return the event with its times in its zone, or in that of the site if it states none."""
        zone = known_zone(self.zone) or site_zone
        start, end, *occurrences = (
            _in_zone(each, zone) for each in (self.start, self.end, *self.occurrences)
        )
        return replace(self, start=start, end=end, occurrences=tuple(occurrences))

    @property
    def dates(self) -> tuple[tuple[date | datetime, date | datetime], ...]:
        """Return start and end of each date of a series, or of the only one."""
        return tuple((start, self._end(start)) for start in self.occurrences) or ((self.start, self.end),)

    def split(self, day: date) -> tuple[Event, tuple[date | datetime, ...]]:
        """Return the event without the past dates of a series, and the starts of these.

        A date is past if it is over on `day`. The event keeps the last date if all are.
        """
        if not self.occurrences:
            return self, ()
        ends = [day_of(end) for _, end in self.local(_UTC).dates]
        over = next((number for number, end in enumerate(ends) if end >= day), len(ends) - 1)
        return replace(self, occurrences=self.occurrences[over:]), self.occurrences[:over]

    def next_day(self, day: date) -> date:
        """Return the first day of the next date on `day`, or of the last date if all are over."""
        return day_of(self.split(day)[0].local(_UTC).dates[0][0])

    def days(self, site_zone: ZoneInfo) -> tuple[date, date]:
        """Return the first and the last local day; of a series, those of all its dates."""
        dates = self.local(site_zone).dates
        return min(day_of(start) for start, _ in dates), max(day_of(end) for _, end in dates)

    def _end(self, start: date | datetime) -> date | datetime:
        """Return the end of the date of a series that begins at `start`."""
        try:
            if isinstance(self.start, datetime) and isinstance(self.end, datetime):
                return start + (self.end - self.start)
            return start + (day_of(self.end) - day_of(self.start))
        except OverflowError:
            return start


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEvent:
    """An event of a story as it is published, with its calendar entry (CA2).

    `part` distinguishes the events of one story; it is empty for the principal one. The entry is that of the event
    `entry_part` of the story `entry_id`: of another story if both announce one event (EX7). `sequence` and `changed`
    are of the last change of the facts, `former` the facts before it. `past` are the starts of a series that are over;
    the occurrences of `event` are the others.
    """

    part: str
    entry_id: str
    entry_part: str
    event: Event
    sequence: int
    changed: datetime
    former: Event | None = None
    past: tuple[date | datetime, ...] = ()

    @property
    def whole(self) -> Event:
        """Return the event with all dates of a series, also those that are over."""
        return replace(self.event, occurrences=(*self.past, *self.event.occurrences))


@lru_cache(maxsize=64)
def known_zone(name: str | None) -> ZoneInfo | None:
    """Return the zone with an IANA name; None for any other text."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError
        return None


def day_of(moment: date | datetime) -> date:
    """Return the day of a date or moment."""
    return moment.date() if isinstance(moment, datetime) else moment


def in_utc(event: Event) -> Event:
    """Return the event with its moments in UTC, in which they are stored and compared."""
    start, end, *occurrences = (_utc(moment) for moment in (event.start, event.end, *event.occurrences))
    return replace(event, start=start, end=end, occurrences=tuple(occurrences))


def _in_zone(moment: date | datetime, zone: ZoneInfo) -> date | datetime:
    """Return a moment in a zone, or in UTC if its offset there has seconds.

    Before standard time zones had their mean solar time, which RFC 3339 and RFC 5545 cannot express.
    """
    if not isinstance(moment, datetime):
        return moment
    try:
        local = moment.astimezone(zone)
    except OverflowError:  # in the years 1 and 9999
        return moment
    offset = local.utcoffset()
    return moment.astimezone(UTC) if offset is None or offset % _MINUTE else local


def _utc(moment: date | datetime) -> date | datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment
