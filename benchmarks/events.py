"""Measure how exactly events are found in labelled strings.

usage: python benchmarks/events.py DATES.jsonl [--half tune|held] [--json]

A line has `text` (a title), where needed `summary`, `reference_date`, `start`, `end`, `kind` (event, course, deadline
or none) and `lang`. The first event that is found counts, and so do those of `also`; a course may be labelled as an
event. Times without a zone are in the usual zone of the language.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import json_lines
from json_lines import read_or_exit

from aggregator.events.find import find_events
from aggregator.model.events import Event

KEYS = frozenset({"text", "kind", "reference_date"})
"""Keys that each labelled string has."""
ZONES = {"fi": "Europe/Helsinki", "bg": "Europe/Sofia", "pt": "Europe/Lisbon"}
"""Zones of partners that write in a language; others are in Central Europe."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("dates", type=Path)
    parser.add_argument("--half", choices=["tune", "held"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        row for row in read_or_exit(read, options.dates, parser) if options.half in (None, row.get("half"))
    ]
    result = summary(rows)
    if options.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print(f"{result['exact']:.3f} exact of {len(rows)}, {len(result['false_events'])} false events")
        for name in ("false_events", "wrong"):
            for text in result[name]:
                print(f"  {name}: {text}")
    return 0


def read(file: Path) -> list[dict[str, Any]]:
    """Read the labelled strings of a file. Raises OSError and ValueError."""
    return json_lines.read(file, KEYS)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the share of exact results, false events, and other wrong results."""
    found = [(row, found_in(row)) for row in rows]
    false = [row["text"] for row, events in found if row["kind"] == "none" and events]
    wrong = [row["text"] for row, events in found if row["kind"] != "none" and not is_exact(row, events)]
    exact = len(rows) - len(false) - len(wrong)
    return {"exact": exact / len(rows) if rows else 1.0, "false_events": false, "wrong": wrong}


def found_in(row: Mapping[str, Any]) -> tuple[Event, ...]:
    """Find the events of a labelled string, published on its reference date."""
    zone = ZoneInfo(ZONES.get(row.get("lang") or "", "Europe/Berlin"))
    published = datetime.combine(date.fromisoformat(row["reference_date"]), datetime.min.time(), UTC)
    return find_events(
        row["text"], row.get("summary") or "", row.get("lang"), published.replace(hour=12), zone
    )


def is_exact(row: Mapping[str, Any], events: Sequence[Event]) -> bool:
    """Return whether the principal event and all others that are labelled were found exactly."""
    return bool(events) and _matches(row, events[0]) and _all_found(row.get("also") or (), events[1:])


def _all_found(labels: Iterable[Mapping[str, Any]], events: Sequence[Event]) -> bool:
    return all(any(_matches(label, event) for event in events) for label in labels)


def _matches(label: Mapping[str, Any], event: Event) -> bool:
    kinds = {label["kind"], "course"} if label["kind"] == "event" else {label["kind"]}
    start, end = _moment(label["start"]), _moment(label["end"])
    return event.kind.value in kinds and (event.start, event.end) == (start, end)


def _moment(written: str) -> date | datetime:
    return datetime.fromisoformat(written) if "T" in written else date.fromisoformat(written)


if __name__ == "__main__":
    raise SystemExit(main())
