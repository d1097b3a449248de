"""Read the event of an element with the microformat h-event or the older vevent."""

from __future__ import annotations

from datetime import tzinfo

from aggregator.events import stated
from aggregator.formats import html_tree
from aggregator.formats.html_tree import Node, select
from aggregator.model.events import Event, EventStatus

_EVENT = ".h-event, .vevent"
_STATUS = {"cancelled": EventStatus.CANCELLED, "canceled": EventStatus.CANCELLED}


def event_in(node: Node, zone: tzinfo) -> Event | None:
    """Return the event of an element or of the only one inside it; times without a zone are in `zone`.

    An element with several events is a list, whose events belong to other entries.
    """
    classes = set((node.get("class") or "").split())
    events = [node] if classes & {"h-event", "vevent"} else select(node, _EVENT)[:2]
    if len(events) != 1:
        return None
    event = events[0]
    start, end = _first(event, ".dt-start, .dtstart"), _first(event, ".dt-end, .dtend")
    name, place = _first(event, ".p-name, .summary"), _first(event, ".p-location, .location")
    status = (_value(_first(event, ".p-status, .status")) or "").strip().lower()
    return stated.event(
        _value(name) or "",
        stated.moment(_value(start)),
        stated.moment(_value(end)),
        zone,
        place=html_tree.text_of(place, 300) if place is not None else None,
        status=_STATUS.get(status),
    )


def _first(event: Node, selector: str) -> Node | None:
    return next(iter(select(event, selector)), None)


def _value(node: Node | None) -> str | None:
    """Return the value of a property: of an attribute for machines, else its text."""
    if node is None:
        return None
    return node.get("datetime") or node.get("title") or node.get("value") or html_tree.text_of(node, 500)
