"""Read the events and course instances of JSON-LD (schema.org, Bioschemas)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from aggregator.events import stated
from aggregator.formats.json_text import as_list, as_object
from aggregator.model.events import Attendance, Event, EventKind, EventStatus
from aggregator.text import line

_STATUS = {
    "eventcancelled": EventStatus.CANCELLED,
    "eventpostponed": EventStatus.POSTPONED,
    "eventrescheduled": EventStatus.RESCHEDULED,
    "eventmovedonline": EventStatus.MOVED_ONLINE,
}
_ATTENDANCE = {
    "onlineeventattendancemode": Attendance.ONLINE,
    "offlineeventattendancemode": Attendance.ON_SITE,
    "mixedeventattendancemode": Attendance.BOTH,
    "online": Attendance.ONLINE,
    "onsite": Attendance.ON_SITE,
    "blended": Attendance.BOTH,
}
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,3})W)?(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?:(?P<hours>\d{1,4})H)?(?:(?P<minutes>\d{1,5})M)?(?:\d{1,6}S)?)?"
)
MAX_PLACES = 5
"""Maximum number of places of one event."""


def event_of(thing: dict[str, Any], zone: tzinfo) -> Event | None:
    """Return the event that an object states, or the first dated instance of a course."""
    title = _text(thing.get("name")) or _text(thing.get("headline")) or ""
    if _types(thing) & {"course"}:
        instances = [as_object(each) for each in _several(thing.get("hasCourseInstance"))[:20]]
        return next(filter(None, (_event(each, title, zone, EventKind.COURSE) for each in instances)), None)
    is_course = _types(thing) & {"courseinstance", "educationevent"}
    return _event(thing, title, zone, EventKind.COURSE if is_course else None)


def _event(thing: dict[str, Any], title: str, zone: tzinfo, kind: EventKind | None) -> Event | None:
    places = [place for place in _several(thing.get("location"))[:MAX_PLACES] if place]
    virtual = [as_object(place) for place in places if "virtuallocation" in _types(as_object(place))]
    named = next(filter(None, (_place(place) for place in places if as_object(place) not in virtual)), None)
    modes = (
        _name(mode) for mode in _several(thing.get("eventAttendanceMode")) + _several(thing.get("courseMode"))
    )
    start = stated.parse_moment(_text(thing.get("startDate")))
    return stated.stated_event(
        title,
        start,
        stated.parse_moment(_text(thing.get("endDate"))) or _end(start, _text(thing.get("duration"))),
        zone,
        kind=kind,
        place=named,
        online=bool(virtual),
        attendance=next((_ATTENDANCE[mode] for mode in modes if mode in _ATTENDANCE), None),
        status=next(
            filter(None, (_STATUS.get(_name(each)) for each in _several(thing.get("eventStatus")))), None
        ),
    )


def _end(start: date | datetime | None, duration: str | None) -> date | datetime | None:
    """Return the end after an ISO 8601 duration; the last day of one in days; else None."""
    written = _DURATION.fullmatch(duration or "")
    if start is None or written is None:
        return None
    lasts = timedelta(**{unit: int(count) for unit, count in written.groupdict("0").items()})
    with suppress(OverflowError):
        if isinstance(start, datetime):
            return start + lasts
        return start + lasts - timedelta(days=1) if lasts >= timedelta(days=1) else None
    return None


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else as_list([value] if value is not None else [])


def _types(thing: dict[str, Any]) -> set[str]:
    return {_name(each) for each in _several(thing.get("@type"))}


def _name(written: Any) -> str:
    """Return the last part of a URL of schema.org in lower case."""
    return written.rstrip("/").rpartition("/")[2].lower() if isinstance(written, str) else ""


def _text(value: Any) -> str | None:
    first = value[0] if isinstance(value, list) and value else value
    return line(as_object(first).get("@value") if isinstance(first, dict) else first, 500)


def _place(place: Any) -> str | None:
    """Write the name, town and country of a place."""
    if isinstance(place, str):
        return line(place, 300)
    return ", ".join(dict.fromkeys(filter(None, _parts(as_object(place))))) or None


def _parts(place: dict[str, Any]) -> Iterator[str | None]:
    yield _text(place.get("name"))
    address = place.get("address")
    if isinstance(address, str):
        yield line(address, 300)
        return
    yield _text(as_object(address).get("addressLocality"))
    country = as_object(address).get("addressCountry")
    yield _text(as_object(country).get("name") if isinstance(country, dict) else country)
