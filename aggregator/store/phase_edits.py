"""Store edits of an item's phase until all visits of a round are stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from aggregator.store.connection import Store


def add(store: Store, edits: Mapping[str, Collection[str]]) -> None:
    """Add for each item the phases of an event that an edit added or removed."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO status_edits (item_id, stages) VALUES (?, ?)",
        [[item_id, json.dumps(sorted(phases))] for item_id, phases in edits.items()],
    )


def has_any(store: Store) -> bool:
    """Return whether an edit waits for the end of the visits."""
    return bool(store.db.execute("SELECT EXISTS (SELECT 1 FROM status_edits)").fetchone()[0])


def pop_all(store: Store) -> dict[str, frozenset[str]]:
    """Return and delete all edits, in the caller's transaction."""
    rows = store.db.execute("DELETE FROM status_edits RETURNING item_id, stages").fetchall()
    return {row["item_id"]: frozenset(json.loads(row["stages"])) for row in sorted(rows, key=tuple)}
