"""Parse calendars (RFC 5545) into entries.

Each event is an entry, and so is each series of events.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from aggregator import calendar_names, urls
from aggregator.errors import UnreadableDocument
from aggregator.events.written_days import MIN_YEAR
from aggregator.formats import html_tree, ical_events
from aggregator.model.config import Source
from aggregator.model.documents import Enclosure, Entry, ItemKind, ParsedDocument
from aggregator.text import block, line

if TYPE_CHECKING:
    from icalendar import Component

MAX_ENTRIES = 2_000
MAX_DEPTH = 8
MAX_TEXT_CHARACTERS = 200_000
MIN_YEAR_WRITTEN = 1_000
"""Minimum year that is written: year 1 means no date, and `1 May 1` reads as any 1 May."""

_MONTHS = calendar_names.months("en")
_DAYS = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), calendar_names.weekdays("en"), strict=True))
_EVERY = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
# How titles of cancelled events begin, in the languages of the partners.
_SAYS_CANCELLED = re.compile(
    r"\W*(cancel|abgesagt|absage|entfällt|annul|anul|perutt?u|peruu|inställ|avlys|aflys|geannuleerd|afgelast|odwoł"
    r"|zruš|elmarad|töröl)",
    re.IGNORECASE,
)
_ISO_2022 = re.compile(rb"\x1b[$(]")
# Exceptions that icalendar 7 raised for damaged documents in tests.
_PARSER_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def read(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> ParsedDocument:
    """Parse a calendar; an occurrence that was moved or cancelled alone is an entry too."""
    text = _decoded(body, headers)
    parts = _split(text.replace("\0", ""))
    if not parts.is_calendar:
        raise UnreadableDocument(_refusal_reason(text, headers))
    calendar, notes = _parsed(parts)
    events = [component for component in calendar if component.name == "VEVENT"]
    if len(events) > MAX_ENTRIES:
        notes = (*notes, f"{len(events)} events, only the latest {MAX_ENTRIES} were taken")
        latest = sorted(events, key=lambda event: str(_moment(event, "DTSTART") or ""))[-MAX_ENTRIES:]
        chosen = {id(event) for event in latest}
        events = [event for event in events if id(event) in chosen]
    exported = _stamp_of_export(events)
    named: Any = calendar[0] if calendar else {}
    zone = ical_events.zone_of_calendar(named, source.timezone)
    guids = _guids(events)
    cancelled = ical_events.cancelled_dates(events)
    return ParsedDocument(
        entries=tuple(
            _entry(n, event, guids[n], url, zone, exported, _facts(event, zone, cancelled))
            for n, event in enumerate(events)
            if n in guids
        ),
        title=line(_property(named, "X-WR-CALNAME") or _property(named, "NAME"), 300),
        site_link=urls.join(url, _property(named, "URL")),
        language=line(_property(named, "LANGUAGE"), 40),
        notes=notes,
    )


def _decoded(body: bytes, headers: Mapping[str, str]) -> str:
    """Decode a calendar as UTF-8 (RFC 5545 section 3.1.4), else as its header states.

    Servers state their usual encoding of web pages for calendars too, and no calendar program reads it. The escapes
    of ISO-2022, which begin a character set there, are ASCII and are in no other calendar.
    """
    if _ISO_2022.search(body) and "iso-2022" in headers.get("content-type", "").lower():
        return html_tree.decoded(body, headers)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return html_tree.decoded(body, headers)


def with_occurrences(
    document: ParsedDocument, body: bytes, headers: Mapping[str, str], source: Source, now: datetime
) -> ParsedDocument:
    """Add to the events of series their dates of the past and the next 12 months."""
    text = _decoded(body, headers)
    if "RRULE" not in text and "RDATE" not in text:
        return document
    parts = _split(text.replace("\0", ""))
    repeated = [
        part for part in parts.events if re.search(r"^(?:RRULE|RDATE|RECURRENCE-ID)\b", part, re.MULTILINE)
    ]
    calendar, _ = _parsed(replace(parts, events=repeated[-MAX_ENTRIES:]))
    zone = ical_events.zone_of_calendar(calendar[0] if calendar else {}, source.timezone)
    members = [component for component in calendar if component.name == "VEVENT"]
    dates = ical_events.occurrences(members, zone, now)
    cancelled = ical_events.cancelled_dates(members)
    excluded = {_guid(member) for member in members if ical_events.is_start_excluded(member, zone, cancelled)}
    entries = tuple(_repeated(entry, dates, excluded) for entry in document.entries)
    return replace(document, entries=entries)


def _repeated(entry: Entry, dates: Mapping[str, tuple[Any, ...]], excluded: Container[str | None]) -> Entry:
    """Return an entry with the dates of its series.

    Without any, a start of long ago is a placeholder and no event (T2); so is one that the series excludes.
    """
    if entry.event is None:
        return entry
    if occurrences := dates.get(entry.guid or ""):
        return replace(entry, event=replace(entry.event, occurrences=occurrences))
    is_excluded = (entry.guid or "") in excluded
    return replace(entry, event=None) if is_excluded or entry.event.start.year < MIN_YEAR else entry


# --- the text of a calendar, cut at its components -----------------------------------------------------


@dataclass(slots=True)
class _Parts:
    """The lines of a calendar: its own, those of its time zones, those of each event."""

    is_calendar: bool = False
    own: list[str] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


def _split(text: str) -> _Parts:
    """Collect complete events and time zones; a download that was cut off loses only the last.

    Raises UnreadableDocument for components nested deeper than in any calendar.
    """
    parts, open_, held = _Parts(), [], []
    for written in text.lstrip("\ufeff \t\r\n").splitlines():
        word, _, name = written.partition(":")
        begins, ends, name = word.upper() == "BEGIN", word.upper() == "END", name.strip().upper()
        if begins:
            open_.append(name)
            if len(open_) > MAX_DEPTH:
                raise UnreadableDocument("the calendar nests its components too deeply")
            parts.is_calendar |= name == "VCALENDAR"
        if open_[1:]:
            held.append(written)
        elif open_ and not begins and not ends:
            parts.own.append(written)
        if ends and open_:
            open_.pop()
            if open_ == ["VCALENDAR"]:
                target = {"VEVENT": parts.events, "VTIMEZONE": parts.zones}.get(name)
                if target is not None:
                    target.append("\r\n".join(held))
                held = []
    return parts


def _parsed(parts: _Parts) -> tuple[list[Component], tuple[str, ...]]:
    """Parse the calendar and its events; if that fails, each event that can be parsed."""
    try:
        return _components([*parts.own, *parts.zones, *parts.events]), ()
    except _PARSER_ERRORS:
        pass
    components, lost = _components([]), 0
    for event in parts.events[-MAX_ENTRIES:]:
        try:
            components += [c for c in _components([*parts.zones[:50], event]) if c.name == "VEVENT"]
        except _PARSER_ERRORS:
            lost += 1
    if lost and lost == len(parts.events):
        raise UnreadableDocument("none of the calendar's events can be read")
    what = f"{lost} of {len(parts.events)} events" if lost else "lines around the events"
    return components, (f"malformed but read: {what} cannot be read",)


def _components(lines: Sequence[str]) -> list[Component]:
    from icalendar import Calendar  # takes 0.1 s, which runs without calendars need not pay

    text = "\r\n".join(("BEGIN:VCALENDAR", *lines, "END:VCALENDAR", ""))
    return list(ical_events.repaired(Calendar.from_ical(text)).walk())


def _refusal_reason(text: str, headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "no content type")
    if not text.strip():
        return "the response is empty"
    if re.search(r"<html|<!doctype html", text[:2000], re.IGNORECASE):
        return f"the response is a web page, not a calendar ({kind})"
    return f"the response is not a calendar ({kind})"


# --- an event ------------------------------------------------------------------------------------------


def _entry(
    position: int,
    event: Component,
    guid: str | None,
    url: str,
    zone: tzinfo,
    exported: str | None,
    facts: str,
) -> Entry:
    title = line(_property(event, "SUMMARY"), 5_000) or ""
    if ical_events.is_cancelled(event) and not _SAYS_CANCELLED.match(title):
        title = f"Cancelled: {title}" if title else "Cancelled"
    marked_up, text = _text(event)
    start = _moment(event, "DTSTART")
    is_dated = guid != _guid(event) or ical_events.is_repeated(event)
    other_guid = None if guid is None or start is None or is_dated else _dated(guid, start)
    content = f"<p>{_escaped(facts)}</p>\n{text}" if marked_up else f"{facts}\n\n{text}"
    return Entry(
        position=position,
        guid=guid,
        other_guid=other_guid,
        link=urls.join(url, _property(event, "URL")),
        title=title,
        title_is_html=False,
        content=block(content, MAX_TEXT_CHARACTERS),
        text_is_html=marked_up,
        published=_date(event, "CREATED") or _stamp(event, exported),
        updated=_date(event, "LAST-MODIFIED"),
        authors=tuple(filter(None, [_organizer(event)])),
        categories=_categories(event),
        enclosures=tuple(_enclosures(event, url)),
        kind=ItemKind.EVENT,
        base=url,
        event=ical_events.event_of(event, start, _end(event), title, _property(event, "LOCATION"), zone),
    )


def _guids(events: Sequence[Component]) -> dict[int, str | None]:
    """Return the guid of each event by its position; repeats of an event are left out.

    Merged calendars repeat events, and repeats make guids useless (I1). Of events with one UID those with the highest
    SEQUENCE are current (RFC 5545 section 3.8.7.4). Exports of series give it to each date, so that the
    start distinguishes these.
    """
    guids: dict[int, str | None] = {}
    current: dict[str, tuple[int, dict[Any, int]]] = {}
    for n, event in enumerate(events):
        guid, sequence = _guid(event), _sequence(event)
        if guid is None:
            guids[n] = None
            continue
        if guid not in current or sequence > current[guid][0]:
            current[guid] = sequence, {}
        if sequence == current[guid][0]:
            current[guid][1].setdefault(_moment(event, "DTSTART"), n)
    for guid, (_, dates) in current.items():
        for start, n in dates.items():
            is_one = len(dates) == 1 or start is None or ical_events.is_repeated(events[n])
            guids[n] = guid if is_one else _dated(guid, start)
    return guids


def _dated(guid: str, start: date) -> str:
    """Return the guid of one date of a series whose dates have one UID."""
    return f"{guid} {start.isoformat()}"


def _sequence(event: Component) -> int:
    number = event.get("SEQUENCE")
    return number if isinstance(number, int) else 0


def _property(component: Any, name: str) -> str | None:
    """Return the text of a property; the first of several."""
    value = component.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) else None


def _guid(event: Component) -> str | None:
    uid = line(_property(event, "UID"), 1_000)
    occurrence = _moment(event, "RECURRENCE-ID")
    return f"{uid} {occurrence.isoformat()}" if uid and occurrence else uid


def _text(event: Component) -> tuple[bool, str]:
    """Return whether the description is HTML, and the description."""
    rich = event.get("X-ALT-DESC")
    for value in rich if isinstance(rich, list) else [rich]:
        if (
            value is not None
            and "html" in str((ical_events.parsed_attribute(value, "params") or {}).get("FMTTYPE")).lower()
        ):
            return True, str(value)[:MAX_TEXT_CHARACTERS]
    text = _property(event, "DESCRIPTION") or ""
    # Google and Outlook write HTML into what RFC 5545 calls plain text.
    return re.search(r"<(?:br|p|a|b|i|ul|div|span|html-blob)\b[^<>]*>", text) is not None, text


def _moment(event: Component, name: str) -> datetime | date | None:
    value = event.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    moment = ical_events.parsed_attribute(value, "dt")
    if isinstance(moment, datetime):
        return ical_events.in_public_zone(moment)
    return moment if isinstance(moment, date) else None


def _date(event: Component, name: str) -> str | None:
    moment = _moment(event, name)
    return moment.isoformat() if moment else None


def _stamp_of_export(events: Sequence[Component]) -> str | None:
    """Return the DTSTAMP shared by all events: the time of the export, not of an event."""
    stamps = {_date(event, "DTSTAMP") for event in events}
    return stamps.pop() if len(events) > 1 and len(stamps) == 1 else None


def _stamp(event: Component, exported: str | None) -> str | None:
    stamp = _date(event, "DTSTAMP")
    return None if stamp == exported else stamp


def _organizer(event: Component) -> str | None:
    return line((ical_events.parsed_attribute(event.get("ORGANIZER"), "params") or {}).get("CN"), 200)


def _categories(event: Component) -> tuple[str, ...]:
    value = event.get("CATEGORIES")
    lists = value if isinstance(value, list) else [value]
    words = (
        line(str(word), 200) for value in lists for word in ical_events.parsed_attribute(value, "cats") or ()
    )
    return tuple(dict.fromkeys(word for word in words if word))[:100]


def _enclosures(event: Component, url: str) -> Iterator[Enclosure]:
    value = event.get("ATTACH")
    for attached in (value if isinstance(value, list) else [value])[:20]:
        link = urls.join(url, str(attached)) if isinstance(attached, str) else None
        if link:
            kind = line((ical_events.parsed_attribute(attached, "params") or {}).get("FMTTYPE"), 100)
            yield Enclosure(url=link, type=kind)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- when and where, in words --------------------------------------------------------------------------


def _facts(event: Component, zone: tzinfo, cancelled: Mapping[str, list[date]]) -> str:
    """Write `When: 5 October 2026, 09:00–17:00 (Europe/Berlin) · Where: Heidelberg`, or nothing.

    A first date that its series excludes or cancels is no date of the event, also not in text.
    """
    is_excluded = ical_events.is_start_excluded(event, zone, cancelled)
    facts = (
        ("When", None if is_excluded else _when(event, zone)),
        ("Repeats", None if is_excluded else _repeats(event)),
        ("Where", line(_property(event, "LOCATION"), 500)),
    )
    return " · ".join(f"{label}: {words}" for label, words in facts if words)


def _when(event: Component, zone: tzinfo) -> str | None:
    start, end = _moment(event, "DTSTART"), _end(event)
    if start is None or start.year < MIN_YEAR_WRITTEN:
        return None
    if not isinstance(start, datetime):
        last = end - timedelta(days=1) if end and end > start else start  # an all-day DTEND is exclusive
        return _day(start) if last <= start else f"{_day(start)} – {_day(last)}"
    start = ical_events.in_other_zone(start, zone) if ical_events.is_utc(start) else start
    where = f" ({start.tzinfo})" if start.tzinfo else ""
    if isinstance(end, datetime) and end.tzinfo and start.tzinfo:
        end = ical_events.in_other_zone(end, start.tzinfo)
    if not isinstance(end, datetime) or end.replace(tzinfo=None) <= start.replace(tzinfo=None):
        return f"{_day(start)}, {start:%H:%M}{where}"
    if end.date() == start.date():
        return f"{_day(start)}, {start:%H:%M}–{end:%H:%M}{where}"
    return f"{_day(start)}, {start:%H:%M} – {_day(end)}, {end:%H:%M}{where}"


def _end(event: Component) -> Any:
    """Return DTEND, or DTSTART plus DURATION; None if they do not fit together."""
    start, end = _moment(event, "DTSTART"), _moment(event, "DTEND")
    lasts = ical_events.parsed_attribute(event.get("DURATION"), "dt")
    if end is None and start is not None and isinstance(lasts, timedelta):
        try:
            end = ical_events.end_after(start, lasts)
        except OverflowError:
            return None
    if end is None or isinstance(end, datetime) != isinstance(start, datetime):
        return None
    return end


def _day(moment: date) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def _repeats(event: Component) -> str | None:
    """Describe the rule of a series."""
    rule = event.get("RRULE")
    rule = rule[0] if isinstance(rule, list) and rule else rule
    if not isinstance(rule, dict) or not rule.get("FREQ"):
        return None
    step = _EVERY.get(str(rule["FREQ"][0]).upper())
    if step is None:
        return "yes"
    often = rule.get("INTERVAL", [1])[0]
    words = f"every {often} {step}s" if often != 1 else f"every {step}"
    days = [_DAYS[day] for day in map(str, rule.get("BYDAY", [])) if day in _DAYS]
    if days:
        words += " on " + ", ".join(days)
    if rule.get("COUNT"):
        words += f", {rule['COUNT'][0]} times"
    until = rule.get("UNTIL", [None])[0]
    # "until 5 November" would be a deadline.
    return f"{words}, for the last time on {_day(until)}" if isinstance(until, date) else words
