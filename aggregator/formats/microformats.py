"""Read the event of an element with the microformat h-event or the older vevent."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, tzinfo
from typing import TYPE_CHECKING

from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.events import Event, EventStatus

if TYPE_CHECKING:
    from aggregator.formats.html_tree import Node

_EVENT = ".h-event, .vevent"
_MARKED = re.compile(r"\b(?:h-event|vevent)\b")
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::\d\d)?)?\s?(?:(?P<half>[ap])\.?m\.?)?(?P<offset>z|[+-]\d\d:\d\d)?"
)
_STATUS = {
    "cancelled": EventStatus.CANCELLED,
    "canceled": EventStatus.CANCELLED,
    "tentative": EventStatus.TENTATIVE,
}


def with_events(document: ParsedDocument, zone: tzinfo) -> ParsedDocument:
    """Return a document whose entries have the events that are marked in their HTML."""
    if not any(_is_marked(entry) for entry in document.entries):
        return document
    return replace(document, entries=tuple(_with_event(entry, zone) for entry in document.entries))


def _is_marked(entry: Entry) -> bool:
    html = _html(entry) if entry.event is None and entry.text_is_html else ""
    return "event" in html and _MARKED.search(html) is not None


def _html(entry: Entry) -> str:
    return entry.content or entry.summary or ""


def _with_event(entry: Entry, zone: tzinfo) -> Entry:
    if not _is_marked(entry):
        return entry
    from aggregator.formats import html_tree  # few documents are marked, and it imports lxml

    root = html_tree.tree(
        _html(entry).encode("utf-8", "replace"), {"content-type": "text/html; charset=utf-8"}
    )
    return replace(entry, event=event_in(root, zone))


def event_in(node: Node, zone: tzinfo) -> Event | None:
    """Return the event of an element or of the only one inside it.

    Times without a zone are in `zone`. Several events are a list, and belong to other entries.
    """
    from aggregator.events import stated
    from aggregator.formats import html_tree

    classes = set((node.get("class") or "").split())
    events = [node] if classes & {"h-event", "vevent"} else html_tree.select(node, _EVENT)[:2]
    if len(events) != 1:
        return None
    event = events[0]
    start, end = _first(event, ".dt-start, .dtstart"), _first(event, ".dt-end, .dtend")
    name, place = _first(event, ".p-name, .summary"), _first(event, ".p-location, .location")
    status = (_value(_first(event, ".p-status, .status")) or "").strip().lower()
    begins = stated.parse_moment(_value(start))
    return stated.stated_event(
        _value(name) or "",
        begins,
        _end_on(begins, _value(end)) or stated.parse_moment(_value(end)),
        zone,
        place=html_tree.text_of(place, 300) if place is not None else None,
        status=_STATUS.get(status),
    )


def _end_on(start: date | datetime | None, written: str | None) -> datetime | None:
    """Return an end of which only the time is written, on the day of the start, else None.

    The rule is that of parsers of microformats2 for dt-* properties, with the zone of the start if it has none.
    """
    match = _TIME.fullmatch((written or "").strip().lower())
    if match is None or not isinstance(start, datetime):
        return None
    hour = (
        int(match["hour"]) % 12 + (12 if match["half"] == "p" else 0) if match["half"] else int(match["hour"])
    )
    offset = (match["offset"] or "").replace("z", "+00:00")
    with suppress(ValueError):
        ends = time.fromisoformat(f"{hour:02}:{match['minute'] or '00'}{offset}")
        return datetime.combine(start.date(), ends, ends.tzinfo or start.tzinfo)
    return None


def _first(event: Node, selector: str) -> Node | None:
    from aggregator.formats import html_tree

    return next(iter(html_tree.select(event, selector)), None)


def _value(node: Node | None) -> str | None:
    """Return the value of a property: of an attribute for machines, else its text."""
    if node is None:
        return None
    from aggregator.formats import html_tree

    return node.get("datetime") or node.get("title") or node.get("value") or html_tree.text_of(node, 500)
