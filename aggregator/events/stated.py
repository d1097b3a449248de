"""Make events of facts that calendars and pages state beside their text (EX2)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

from aggregator.events import days, words, written_days
from aggregator.events.tokens import composed, folded, split
from aggregator.model.events import Attendance, Event, EventKind, EventStatus
from aggregator.text import line

MAX_PLACE_CHARACTERS = 300
"""Maximum length of the name of a place."""
MAX_TITLE_CHARACTERS = 500
"""Maximum number of characters of a title that are searched."""


def stated_event(
    title: str,
    start: date | datetime | None,
    end: date | datetime | None,
    zone: tzinfo,
    *,
    kind: EventKind | None = None,
    place: str | None = None,
    online: bool = False,
    attendance: Attendance | None = None,
    status: EventStatus | None = None,
    first_year: int = written_days.MIN_YEAR,
) -> Event | None:
    """Return the event with these facts, None without a plausible start; `end` is the last day.

    Moments without a zone are in `zone`. An end before the start, or of another type, is ignored. Starts before
    `first_year` are not plausible.
    """
    if start is None or not first_year <= start.year <= written_days.MAX_YEAR:
        return None
    if (
        end is None
        or isinstance(end, datetime) != isinstance(start, datetime)
        or end.year > written_days.MAX_YEAR
    ):
        end = start
    if isinstance(start, datetime) and isinstance(end, datetime):
        start, end = _whole_days(
            *(each if each.tzinfo else each.replace(tzinfo=zone) for each in (start, end))
        )
    if end < start:
        end = start
    low = folded(composed(title[:MAX_TITLE_CHARACTERS]))
    named = line(place, MAX_PLACE_CHARACTERS)
    by_place, named = _by_place(named, online=online)
    return Event(
        kind=kind or kind_of(low),
        start=start,
        end=end,
        zone=getattr(start.tzinfo, "key", None) if isinstance(start, datetime) else None,
        place=named,
        attendance=attendance or by_place,
        status=status or EventStatus.SCHEDULED,
    )


def kind_of(low: str) -> EventKind:
    """Return the kind that a folded title shows."""
    if words.pattern("deadline").search(low):
        return EventKind.DEADLINE
    return EventKind.COURSE if words.pattern("course").search(low) else EventKind.EVENT


def parse_moment(written: str | None) -> date | datetime | None:
    """Parse a date or time in ISO 8601, else the first whole date in a text."""
    written = line(written, 100)
    if not written:
        return None
    try:
        return date.fromisoformat(written) if len(written) <= 10 else datetime.fromisoformat(written)
    except ValueError:
        pass
    text = composed(written)
    found = next((each for each in days.find(split(text, folded(text), None)) if each.first.year), None)
    if found is None or found.first.day is None or found.first.month is None or found.first.year is None:
        return None
    return date(found.first.year, found.first.month, found.first.day)


def _whole_days(start: datetime, end: datetime) -> tuple[date | datetime, date | datetime]:
    """Return the days of a range that covers whole days: programs write 00:00 to 23:59 for them."""
    midnight = time()
    if start.time() != midnight:
        return start, end
    if end <= start:
        return start.date(), start.date()
    if end.time() == midnight:
        return start.date(), end.date() - timedelta(days=1)
    return (start.date(), end.date()) if (end.hour, end.minute) == (23, 59) else (start, end)


def _by_place(place: str | None, *, online: bool) -> tuple[Attendance | None, str | None]:
    """Return where people attend by the name of a place, and the place without web addresses."""
    low = folded(place or "")
    if place and low.startswith(("http://", "https://", "www.")):
        return Attendance.ONLINE, None
    if words.pattern("hybrid").search(low):
        return Attendance.BOTH, place
    if words.pattern("online").search(low):
        return Attendance.ONLINE, place if "," in low and len(low) > 40 else None
    if online:
        return (Attendance.BOTH, place) if place else (Attendance.ONLINE, None)
    return (Attendance.ON_SITE, place) if place else (None, None)
