"""Describe the event of a story: when, where, its status and its change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from aggregator.i18n import formatting, phrases
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, day_of


def event_line(event: Event, former: Event | None, language: str, zone: ZoneInfo) -> str:
    """Describe when and where an event takes place, its status, and what it was before a change.

    `zone` is that of the site, for times whose source states no zone. Of a series, the next date is named.
    """
    words = phrases.events(language)
    place = _event_place(event, language)
    when = _event_dates(event, event.dates[0], language, zone)
    line = f"{when}, {place}" if place else when
    if event.occurrences[1:]:
        more = len(event.occurrences) - 1
        line = words["further_dates" if more > 1 else "further_date"].format(when=line, n=more)
    if former:
        before = [_former_dates(event, former, language, zone), _event_place(former, language)]
        changed = [text for text, now in zip(before, (when, place), strict=True) if text and text != now]
        line = words["formerly"].format(when=line, former=", ".join(changed)) if changed else line
    if event.kind is EventKind.DEADLINE and event.status is not EventStatus.EXTENDED:
        line = words["deadline"].format(when=line)
    if event.status is EventStatus.SCHEDULED:
        return line
    return words[f"event_{event.status}"].format(when=line)


def _event_place(event: Event, language: str) -> str:
    words = phrases.events(language)
    if event.attendance is Attendance.ONLINE:
        return words["online"]
    if event.attendance is Attendance.BOTH and event.place:
        return words["also_online"].format(place=event.place)
    return event.place or ""


def _former_dates(event: Event, former: Event, language: str, zone: ZoneInfo) -> str:
    """Return when an event was before a change, empty if its first date is the same.

    Of a series, that is its date nearest to the next one; empty if its known dates end before that.
    """
    first, former_first = (
        _event_dates(each, (each.start, each.end), language, zone) for each in (event, former)
    )
    start, end = event.dates[0]
    if first == former_first or (former.occurrences and day_of(former.occurrences[-1]) < day_of(start)):
        return ""
    nearest = min(
        former.dates, key=lambda dates: (abs(day_of(dates[0]) - day_of(start)), dates != (start, end))
    )
    return _event_dates(former, nearest, language, zone)


def _event_dates(
    event: Event, dates: tuple[date | datetime, date | datetime], language: str, zone: ZoneInfo
) -> str:
    """Format one of the dates of an event, with its times and the abbreviation of its zone."""
    here = replace(event, start=dates[0], end=dates[1]).local(zone)
    first, last = day_of(here.start), day_of(here.end)
    if event.month_only:
        return formatting.month(first, language)
    days = _days(first, last, language)
    if not isinstance(here.start, datetime) or not isinstance(here.end, datetime):
        return days
    start, end = f"{here.start:%H:%M}", f"{here.end:%H:%M}"
    form = "times" if last >= first and here.end > here.start else "time"
    return f"{days}, {phrases.events(language)[form].format(start=start, end=end)} {here.start.tzname() or ''}".rstrip()


def _days(first: date, last: date, language: str) -> str:
    if last <= first:
        return formatting.day(first, language)
    if (first.year, first.month) == (last.year, last.month):
        return phrases.events(language)["days"].format(
            first=first.day,
            last=last.day,
            month=formatting.month_name(first.month, language),
            year=first.year,
        )
    start = formatting.day(first, language)
    if first.year == last.year:
        start = start.removesuffix(f" {first.year}")
    return f"{start} – {formatting.day(last, language)}"
