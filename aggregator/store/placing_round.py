"""Keep the ids of a round of placing in temporary tables, since there may be many."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from aggregator.store.connection import Store
from aggregator.store.items import chunked


def begin(store: Store, item_ids: Iterable[str]) -> int:
    """Replace the items of the round; return how many there are."""
    conn = store.db.conn
    conn.execute(
        "CREATE TEMP TABLE IF NOT EXISTS round_items (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)"
    )
    conn.execute("CREATE TEMP TABLE IF NOT EXISTS round_stories (id TEXT PRIMARY KEY) WITHOUT ROWID")
    conn.execute("DELETE FROM round_items")
    conn.execute("DELETE FROM round_stories")
    conn.executemany("INSERT INTO round_items (id) VALUES (?)", ([id_] for id_ in item_ids))
    return int(conn.execute("SELECT count(*) FROM round_items").fetchone()[0])


def items_in_batches(store: Store, size: int) -> Iterator[list[str]]:
    """Yield the items of the round in the order in which it began with them."""
    last = 0
    while rows := store.db.execute(
        "SELECT place, id FROM round_items WHERE place > ? ORDER BY place LIMIT ?", [last, size]
    ).fetchall():
        last = rows[-1][0]
        yield [row[1] for row in rows]


def items_of_round(store: Store, item_ids: Iterable[str]) -> set[str]:
    """Return those of the items that belong to the round."""
    return {
        row[0]
        for part in chunked(item_ids)
        for row in store.db.execute(
            "SELECT id FROM round_items WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(part)]
        )
    }


def add_stories(store: Store, story_ids: Iterable[str]) -> None:
    """Record that the round changed stories."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO round_stories (id) VALUES (?)", ([id_] for id_ in story_ids)
    )


def stories_in_batches(store: Store, size: int) -> Iterator[list[str]]:
    """Yield the stories that the round changed, in the order of their ids."""
    last = ""
    while rows := store.db.execute(
        "SELECT id FROM round_stories WHERE id > ? ORDER BY id LIMIT ?", [last, size]
    ).fetchall():
        last = rows[-1][0]
        yield [row[0] for row in rows]
