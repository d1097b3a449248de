"""Measure precision and recall of deduplication on labelled pairs, with the code of the job.

usage: python benchmarks/dedupe.py PAIRS.jsonl [--half tune|unseen] [--json]

Each pair is normalised, stored and assigned to stories in a database of its own, as two visits would do it.
Ambiguous pairs are left out. An item without a date is seen on the day after the other. A month without a day
means its middle.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import json_lines
from json_lines import read_or_exit

from aggregator.dedupe import assign
from aggregator.items import diff, normalise
from aggregator.model.config import Source
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.items import IdentityPolicy
from aggregator.store import items, sources
from aggregator.store.connection import Store, opened

KEYS = frozenset({"id", "a", "b", "label"})
"""Keys that each pair has."""
UNDATED = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The ids of the pairs that were merged and split, by label."""

    right_merges: tuple[str, ...]
    wrong_merges: tuple[str, ...]
    missed: tuple[str, ...]
    kept_apart: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Return the share of merges that are right."""
        merged = len(self.right_merges) + len(self.wrong_merges)
        return len(self.right_merges) / merged if merged else 1.0

    @property
    def recall(self) -> float:
        """Return the share of pairs labelled same that were merged."""
        same = len(self.right_merges) + len(self.missed)
        return len(self.right_merges) / same if same else 1.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--half", choices=["tune", "unseen"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = [p for p in read_or_exit(read, options.pairs, parser) if options.half in (None, p.get("half"))]
    result = summary(pairs)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
    return 0


def read(file: Path) -> list[dict[str, Any]]:
    """Read the pairs of a file, without ambiguous ones. Raises OSError and ValueError."""
    return [pair for pair in json_lines.read(file, KEYS) if not pair.get("ambiguous")]


def summary(pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return precision, recall and wrong results, in all and by difficulty."""
    merged = dict(outcomes(pairs))
    parts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for pair in pairs:
        parts[pair.get("difficulty", "unknown")].append(pair)
    whole = count(pairs, merged)
    return {
        "pairs": len(pairs),
        "precision": round(whole.precision, 4),
        "recall": round(whole.recall, 4),
        "wrong_merges": list(whole.wrong_merges),
        "missed": list(whole.missed),
        "by_difficulty": {
            name: {
                "pairs": len(part),
                "precision": round((counted := count(part, merged)).precision, 4),
                "recall": round(counted.recall, 4),
            }
            for name, part in sorted(parts.items())
        },
    }


def count(pairs: Iterable[Mapping[str, Any]], merged: Mapping[str, bool]) -> Results:
    kinds: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    for pair in pairs:
        kinds[pair["label"] == "same", merged[pair["id"]]].append(pair["id"])
    return Results(
        right_merges=tuple(kinds[True, True]),
        wrong_merges=tuple(kinds[False, True]),
        missed=tuple(kinds[True, False]),
        kept_apart=tuple(kinds[False, False]),
    )


def outcomes(pairs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Yield the id of each pair and whether it became one story."""
    for pair, store in stores(pairs):
        yield pair["id"], together(store, pair["a"], pair["b"])


def stores(pairs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Store]]:
    """Yield each pair with an empty database of its own, a copy of one that is migrated once."""
    with tempfile.TemporaryDirectory() as folder:
        empty, file = Path(folder) / "empty.db", Path(folder) / "pair.db"
        with opened(empty):
            pass
        for pair in pairs:
            shutil.copyfile(empty, file)
            with opened(file) as store:
                store.db.execute("PRAGMA synchronous = OFF")
                yield pair, store
            for left in Path(folder).glob("pair.db*"):
                left.unlink()


def together(store: Store, a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Return whether two items become one story in an empty database."""
    ids, now = keep(store, a, b)
    assign.assign_items(store, (), now)
    rows = store.db.execute("SELECT DISTINCT story_id FROM items WHERE id IN (?, ?)", ids).fetchall()
    return len(rows) == 1


def keep(store: Store, a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[list[str], datetime]:
    """Store two items as two visits would; return their ids and the time of the visits."""
    publishers = {side["source"]: _source(side["source"]) for side in (a, b)}
    sources.synchronise(store, list(publishers.values()), {source.id: "" for source in publishers.values()})
    now = max(filter(None, (_moment(side["date"]) for side in (a, b))), default=UNDATED) + timedelta(days=1)
    return [_visit(store, publishers[side["source"]], side, now) for side in (a, b)], now


def _source(name: str) -> Source:
    id_ = re.sub(r"\W+", "-", name.casefold()).strip("-")
    return Source(id=id_, name=name, url=f"https://{id_.encode('idna').decode()[:60]}.example/feed")


def _visit(store: Store, source: Source, side: Mapping[str, Any], now: datetime) -> str:
    """Store the item of one visit; return the id under which it is known."""
    claimed = _moment(side["date"])
    entry = Entry(
        position=0,
        link=side["url"],
        title=side["title"],
        summary=side.get("summary"),
        text_is_html=False,
        published=claimed.isoformat() if claimed else None,
        language=side.get("lang"),
        base=source.url,
    )
    found, _ = normalise.items_of(ParsedDocument(entries=(entry,)), source, IdentityPolicy(), (), now)
    known = items.known(store, source.id, (alias for item in found for alias in item.aliases))
    taken = items.existing_ids(store, [item.id for item in found])
    item_changes = diff.item_changes(found, known.get, taken)
    with store.transaction():
        items.save(store, item_changes, backlog=False, now=now)
    return item_changes[0].item.id


def _moment(date: str | None) -> datetime | None:
    """Return noon of a day, or the middle of a month; None for a year alone."""
    if not date or len(date) < 7:
        return None
    return datetime.fromisoformat(date if len(date) > 7 else f"{date}-15").replace(hour=12, tzinfo=UTC)


def _print(result: Mapping[str, Any]) -> None:
    print(f"{result['pairs']} pairs: precision {result['precision']:.2f}, recall {result['recall']:.2f}")
    for name, part in result["by_difficulty"].items():
        print(
            f"  {name:8} {part['pairs']:4} pairs: precision {part['precision']:.2f}, recall {part['recall']:.2f}"
        )
    for word in ("wrong_merges", "missed"):
        print(f"{word.replace('_', ' ')}: {', '.join(result[word]) or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
