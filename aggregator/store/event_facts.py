"""Store the facts of events as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from aggregator.model.events import Attendance, Event, EventKind, EventStatus

_json = json.JSONEncoder(ensure_ascii=False).encode


def encode(events: Iterable[Event]) -> str:
    """Return events as a JSON list."""
    plain = [_plain(event) for event in events]
    return _json(plain) if plain else "[]"


def decode(text: str | None) -> tuple[Event, ...]:
    """Return the events of a JSON list; none for NULL."""
    return tuple(_event(plain) for plain in json.loads(text)) if text and text != "[]" else ()


def encode_one(event: Event | None) -> str | None:
    """Return one event as a JSON object; None for none."""
    return _json(_plain(event)) if event else None


def decode_one(text: str | None) -> Event | None:
    """Return the event of a JSON object; None for NULL."""
    return _event(json.loads(text)) if text else None


def _plain(event: Event) -> dict[str, object]:
    plain: dict[str, object] = {
        "kind": event.kind,
        "start": event.start.isoformat(),
        "end": event.end.isoformat(),
        "zone": event.zone,
        "place": event.place,
        "attendance": event.attendance,
        "status": event.status,
        "retrospective": event.retrospective,
        "month_only": event.month_only,
        "occurrences": [moment.isoformat() for moment in event.occurrences],
    }
    return {key: value for key, value in plain.items() if value}


def _event(plain: Mapping[str, Any]) -> Event:
    return Event(
        kind=EventKind(plain["kind"]),
        start=_moment(plain["start"]),
        end=_moment(plain["end"]),
        zone=plain.get("zone"),
        place=plain.get("place"),
        attendance=Attendance(plain["attendance"]) if plain.get("attendance") else None,
        status=EventStatus(plain.get("status", EventStatus.SCHEDULED)),
        retrospective=plain.get("retrospective", False),
        month_only=plain.get("month_only", False),
        occurrences=tuple(map(_moment, plain.get("occurrences", ()))),
    )


def _moment(text: str) -> date | datetime:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
