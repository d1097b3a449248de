"""Read the events of calendars: start, end, zone, place and status, and the dates of series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from aggregator.events import stated
from aggregator.events.written_days import MIN_YEAR
from aggregator.model.events import Event, EventStatus, day_of

if TYPE_CHECKING:
    from icalendar import Component

MAX_OCCURRENCES = 100
"""Maximum number of dates of one series from this month on."""
MAX_PAST_OCCURRENCES = 60
"""Maximum number of dates of one series before this month."""
MAX_SERIES_STEPS = 200_000
"""Maximum number of repetitions that are computed for one calendar."""
MAX_INTERVAL = 1_000
MAX_OCCURRENCE_DAYS = 31
"""Maximum number of days of an event that is repeated."""
LAST_SECOND = time(23, 59, 59)
MIN_SERIES_YEAR = 1583
"""Minimum year in which a series begins: the first whole Gregorian one (RFC 5545)."""
WINDOW_DAYS = 366
"""Days before and after the current month for which series are expanded (CA1)."""
MAX_ZONE_PARTS = 3
"""Maximum number of parts of an IANA name: America/Argentina/Buenos_Aires."""
_ONLINE_PROPERTY = re.compile(
    r"CONFERENCE$|X-.*(?:CONFERENCE|ONLINE|MEETING-?URL|SKYPETEAMS|ZOOM|TEAMS|WEBEX|HANGOUT)", re.IGNORECASE
)
_STATUS = {"CANCELLED": EventStatus.CANCELLED, "TENTATIVE": EventStatus.TENTATIVE}
"""States other than CONFIRMED (RFC 5545 section 3.8.1.11)."""
_STEP_DAYS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}
_SIMPLE_KEYS = frozenset(("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH"))
_MONTH_KEYS = frozenset(("BYMONTHDAY", "BYSETPOS"))
_LIBRARY_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""Exceptions that recurring-ical-events 3.8 and dateutil raise for damaged rules."""


def repaired(calendar: Component) -> Component:
    """Return a calendar with its moments in the zone that X-WR-TIMEZONE names."""
    from x_wr_timezone import to_standard

    if "X-WR-TIMEZONE" not in calendar:
        return calendar
    try:
        return to_standard(calendar)  # type: ignore[no-any-return]
    except (*_LIBRARY_ERRORS, OSError):  # no zone of that name
        return calendar


def event_of(
    component: Component, start: Any, end: Any, title: str, place: str | None, zone: tzinfo
) -> Event | None:
    """Return the event of a component; `end` is exclusive for whole days (RFC 5545, 3.6.1)."""
    if isinstance(end, date) and not isinstance(end, datetime):
        end -= timedelta(days=1)
    if isinstance(start, datetime):
        start, end = (_in_zone(moment, zone) for moment in (start, end))
    status = str(component.get("STATUS") or "").strip().upper()
    return stated.stated_event(
        title,
        start,
        end,
        zone,
        place=place,
        online=any(_ONLINE_PROPERTY.match(name) for name in component),
        status=_STATUS.get(status),
        first_year=MIN_SERIES_YEAR if is_repeated(component) else MIN_YEAR,
    )


def _in_zone(moment: Any, zone: tzinfo) -> Any:
    """Return a moment in a zone with an IANA name; UTC and floating times are in `zone`."""
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone)
    return in_other_zone(moment, zone) if is_utc(moment) else in_public_zone(moment)


def in_public_zone(moment: datetime) -> datetime:
    """Return a moment of a VTIMEZONE in the IANA zone that its name means, else with its offset.

    Programs name their own definitions "Eastern Standard Time" or "/example.org/America/New_York".
    """
    offset = moment.utcoffset()
    if offset is None or hasattr(moment.tzinfo, "key"):
        return moment
    from icalendar.timezone import tzid_from_dt

    for zone in _public_zones(tzid_from_dt(moment) or ""):
        if (named := moment.replace(tzinfo=zone)).utcoffset() == offset:
            return named
    return moment.replace(tzinfo=timezone(offset))


@lru_cache(maxsize=100)
def _public_zones(name: str) -> tuple[ZoneInfo, ...]:
    """Return the IANA zones with which a name ends, the one of most parts first."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    parts = WINDOWS_TO_OLSON.get(name, name).strip("/").split("/")
    zones = []
    for count in range(MAX_ZONE_PARTS, 0, -1):
        with suppress(ValueError, OSError, LookupError):
            zones.append(ZoneInfo("/".join(parts[-count:])))
    return tuple(zones)


def is_utc(moment: datetime) -> bool:
    """Return whether a moment is written in UTC."""
    return str(moment.tzinfo) in ("UTC", "Etc/UTC", "GMT")


def in_other_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in another zone; in its own at the ends of the calendar."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def end_after(start: date, lasts: timedelta) -> date:
    """Return the end of an event: days of a duration are those of the calendar, hours are exact.

    RFC 5545 section 3.3.6. Raises OverflowError at the end of the calendar.
    """
    if not isinstance(start, datetime) or start.tzinfo is None:
        return start + lasts
    day = start + timedelta(days=lasts.days)
    return (day.astimezone(UTC) + timedelta(seconds=lasts.seconds)).astimezone(start.tzinfo)


# --- series --------------------------------------------------------------------------------------------


def occurrences(components: Sequence[Component], zone: tzinfo, now: datetime) -> dict[str, tuple[Any, ...]]:
    """Return the starts of each series from a year before to a year after this month, by UID.

    Rules of RFC 5545 that may never give a date, or give one each second, are not computed. Such a series has its first
    date alone.
    """
    series: dict[str, list[Component]] = {}
    for component in components:
        series.setdefault(str(component.get("UID") or ""), []).append(component)
    begin = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = begin + timedelta(days=31 + WINDOW_DAYS)
    found: dict[str, tuple[Any, ...]] = {}
    steps = 0
    for uid, members in series.items():
        cost = sum(_steps(member, end) for member in members)
        if (
            uid
            and any(is_repeated(member) for member in members)
            and cost
            and steps + cost <= MAX_SERIES_STEPS
        ):
            steps += cost
            found[uid] = _expanded(members, zone, begin, end)
    return found


def is_repeated(component: Component) -> bool:
    """Return whether an event states further dates of its series."""
    return "RRULE" in component or "RDATE" in component


def _expanded(members: Sequence[Component], zone: tzinfo, begin: datetime, end: datetime) -> tuple[Any, ...]:
    import recurring_ical_events
    from icalendar import Calendar

    calendar = Calendar()
    try:
        for member in members:
            _include_last_day(member)
            _without_damaged_lists(member)
            calendar.add_component(member)
        query = recurring_ical_events.of(calendar, skip_bad_series=True)
        exceptions = [member for member in members if "RECURRENCE-ID" in member]
        is_series_cancelled = any(is_cancelled(member) for member in members if is_repeated(member))
        starts = {
            _in_zone(each["DTSTART"].dt, zone)
            for each in query.between(begin - timedelta(days=WINDOW_DAYS), end)
            if is_series_cancelled or not is_cancelled(each)
        }
        excepted = {_excepted(each) for each in exceptions}
        of_entries = {_start(member, zone) for member in exceptions}
        # Some programs name a date of a timed series by its day, which the library does not find.
        of_entries |= {start for start in starts if isinstance(start, datetime) and start.date() in excepted}
        # Without any date, a series would show its first one, from which it was moved.
        dates = sorted(starts - of_entries or starts)
        past = sum(day_of(start) < begin.date() for start in dates)
        return tuple(dates[max(past - MAX_PAST_OCCURRENCES, 0) : past + MAX_OCCURRENCES])
    except _LIBRARY_ERRORS:
        return ()


def is_cancelled(component: Component) -> bool:
    """Return whether an event, or a date of a series, is cancelled."""
    return str(component.get("STATUS") or "").strip().upper() == "CANCELLED"


def cancelled_dates(components: Iterable[Component]) -> dict[str, list[date]]:
    """Return the dates of series that are cancelled alone, by UID."""
    found: dict[str, list[date]] = {}
    for component in components:
        day = _excepted(component)
        if day is not None and is_cancelled(component):
            found.setdefault(str(component.get("UID") or ""), []).append(day)
    return found


def _excepted(component: Component) -> date | None:
    """Return the date of a series that an entry replaces."""
    day = parsed_attribute(component.get("RECURRENCE-ID"), "dt")
    return day if isinstance(day, date) else None


def is_start_excluded(component: Component, zone: tzinfo, cancelled: Mapping[str, list[date]]) -> bool:
    """Return whether the first date of a series is excluded (RFC 5545, 3.8.5.1) or cancelled."""
    if "RECURRENCE-ID" in component:
        return False
    start = _start(component, zone)
    excluded = [
        each.dt for dates in _lists(component, "EXDATE") for each in parsed_attribute(dates, "dts") or ()
    ]
    excluded += cancelled.get(str(component.get("UID") or ""), ())
    return any(
        start == _in_zone(each, zone) or (isinstance(start, datetime) and start.date() == each)
        for each in excluded
    )


def _lists(component: Component, name: str) -> list[Any]:
    value = component.get(name)
    return value if isinstance(value, list) else [value]


def _without_damaged_lists(component: Component) -> None:
    """Remove lists of dates that cannot be parsed, which cost the library the whole series.

    Exchange writes "EXDATE:" without any date.
    """
    for name in ("EXDATE", "RDATE"):
        if name in component:
            kept = [each for each in _lists(component, name) if parsed_attribute(each, "dts") is not None]
            del component[name]
            if kept:
                component[name] = kept


def _start(component: Component, zone: tzinfo) -> Any:
    return _in_zone(parsed_attribute(component.get("DTSTART"), "dt"), zone)


def _include_last_day(component: Component) -> None:
    """Let the rule of a timed event that ends on a day include this day.

    RFC 5545 wants a time there; programs that write a day mean its end, but the library its first second.
    """
    rule, start = component.get("RRULE"), parsed_attribute(component.get("DTSTART"), "dt")
    until = next(iter(rule.get("UNTIL") or [None]), None) if isinstance(rule, dict) else None
    if isinstance(start, datetime) and isinstance(until, date) and not isinstance(until, datetime):
        last = datetime.combine(until, LAST_SECOND, start.tzinfo)
        rule["UNTIL"] = [in_other_zone(last, UTC) if last.tzinfo else last]


def _steps(component: Component, end: datetime) -> int:
    """Return the number of repetitions to compute; more than the maximum for a risky rule."""
    if not is_repeated(component):
        return 1
    too_many = MAX_SERIES_STEPS + 1
    start = parsed_attribute(component.get("DTSTART"), "dt")
    if not isinstance(start, date) or not _is_short(component, start):
        return too_many
    rule = component.get("RRULE")
    if rule is None:
        return 1
    if not isinstance(rule, dict) or not _is_productive(rule, start):
        return too_many
    years = end.year - start.year + 1
    if start.year < MIN_SERIES_YEAR or years < 1:
        return too_many
    step = _STEP_DAYS[str(rule["FREQ"][0]).upper()]
    return years * 366 // step * (1 if step == 1 else 7)  # up to seven days a week


def parsed_attribute(value: Any, name: str) -> Any:
    """Return an attribute of a value; icalendar raises ValueError for unparsed properties."""
    try:
        return getattr(value, name, None)
    except ValueError:
        return None


def _is_short(component: Component, start: date) -> bool:
    """Return whether an event takes a month at most; longer ones overlap with repetitions."""
    end = parsed_attribute(component.get("DTEND"), "dt")
    lasts = parsed_attribute(component.get("DURATION"), "dt")
    if isinstance(lasts, timedelta):
        return timedelta(0) <= lasts <= timedelta(days=MAX_OCCURRENCE_DAYS)
    if not isinstance(end, date):
        return True
    return abs(end.toordinal() - start.toordinal()) <= MAX_OCCURRENCE_DAYS


def _is_productive(rule: Mapping[str, Any], start: date) -> bool:
    """Return whether a rule gives dates at most daily, more than once.

    dateutil computes a rule that never gives a date, such as 30 February, day by day up to the year 9999.
    """
    kind = str((rule.get("FREQ") or [""])[0]).upper()
    interval = (rule.get("INTERVAL") or [1])[0]
    names = {name.upper() for name in rule}
    if kind not in _STEP_DAYS or not isinstance(interval, int) or not 1 <= interval <= MAX_INTERVAL:
        return False
    if interval > 1 and (names & {"BYMONTH"} or (kind == "DAILY" and "BYDAY" in names)):
        return False
    ordinals = [re.match(r"[+-]?\d+", str(day)) for day in rule.get("BYDAY", ())]
    if kind in ("DAILY", "WEEKLY"):
        return names <= _SIMPLE_KEYS and not any(ordinals)
    if not names <= _SIMPLE_KEYS | _MONTH_KEYS or {"BYDAY", "BYMONTHDAY"} <= names:
        return False
    if any(abs(int(ordinal[0])) > 5 for ordinal in ordinals if ordinal):
        return False
    if "BYSETPOS" in names and not (
        "BYDAY" in names and not any(ordinals) and _are_all_small(rule["BYSETPOS"])
    ):
        return False
    return "BYDAY" in names or _has_day(rule, start, kind, interval)


def _are_all_small(positions: Iterable[Any]) -> bool:
    return all(isinstance(position, int) and 1 <= abs(position) <= 4 for position in positions)


def _has_day(rule: Mapping[str, Any], start: date, kind: str, interval: int) -> bool:
    """Return whether one of the months of a rule has one of its days."""
    named = rule.get("BYMONTHDAY") or [start.day]
    days = [abs(day) for day in named if isinstance(day, int) and 1 <= abs(day) <= 31]
    if len(days) != len(named):
        return False
    every = range(1, 13) if kind == "MONTHLY" and interval == 1 else [start.month]
    months = [int(month) for month in rule.get("BYMONTH") or every]
    lengths = [
        29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in months if 1 <= month <= 12
    ]
    return bool(lengths) and min(days, default=32) <= max(lengths)


def zone_of_calendar(calendar: Mapping[str, Any], default: tzinfo) -> tzinfo:
    """Return the zone that X-WR-TIMEZONE names, else `default`."""
    name = calendar.get("X-WR-TIMEZONE")
    try:
        return ZoneInfo(str(name)) if name else default
    except (ValueError, OSError, LookupError):
        return default
