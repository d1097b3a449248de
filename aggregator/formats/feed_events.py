"""Read the event that a feed entry states in the event module of RSS 1.0 or in xCal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from aggregator.events import stated
from aggregator.model.events import Event, EventStatus

NAMESPACES = {
    "http://purl.org/rss/1.0/modules/event/": "ev",
    "urn:ietf:params:xml:ns:xcal": "xcal",
}
"""The prefixes by which elements are found, whatever the document calls them."""
_STATUS = {"cancelled": EventStatus.CANCELLED, "tentative": EventStatus.TENTATIVE}


def event_of(entry: Mapping[str, Any], title: str, zone: tzinfo) -> Event | None:
    """Return the event of an entry; moments without a zone are in `zone`."""
    if start := _text(entry, "ev_startdate"):
        return stated.stated_event(
            f"{title} {_text(entry, 'ev_type') or ''}",
            stated.parse_moment(start),
            stated.parse_moment(_text(entry, "ev_enddate")),
            zone,
            place=_text(entry, "ev_location"),
        )
    if start := _text(entry, "xcal_dtstart"):
        return stated.stated_event(
            title,
            stated.parse_moment(start),
            _last_day(stated.parse_moment(_text(entry, "xcal_dtend"))),
            zone,
            place=_text(entry, "xcal_location"),
            status=_STATUS.get((_text(entry, "xcal_status") or "").strip().lower()),
        )
    return None


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    """Return the text of an element; feedparser reports the attributes of one that has any."""
    value = entry.get(name)
    return value if isinstance(value, str) else None


def _last_day(end: date | datetime | None) -> date | datetime | None:
    """Return the last day of an event of whole days, whose end is exclusive (RFC 5545, 3.6.1)."""
    if end is None or isinstance(end, datetime) or end == date.min:
        return end
    return end - timedelta(days=1)
