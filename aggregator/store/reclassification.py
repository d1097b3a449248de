"""Read stored items in parts to give them topics and filters, and record how far that came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from aggregator.model.config import Config
from aggregator.model.value_classes import dataclass
from aggregator.store import meta
from aggregator.store.connection import Store

POSITION_KEY = "reclassified"
"""Key of a hash of topics and filters, and the number below which items lack them."""
MAX_CHARACTERS = 5_000_000
"""Maximum number of characters of the items that are read together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The number below which items are left, 0 if none are; whether some failed."""

    before: int
    has_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """What decides topics and filter of an item.

    `text` is its excerpt if retention deleted the text (`is_pruned`).
    """

    number: int
    source_id: str
    story_id: str | None
    title: str
    categories: tuple[str, ...]
    text: str
    is_pruned: bool
    topics: tuple[str, ...]
    dropped: str | None


def classification_hash(config: Config) -> str:
    """Return a hash of the topics and filters of feeds.yaml (V4)."""
    sources = [(source.id, source.topics, source.only, source.drop) for source in config.sources]
    rules = (config.topics, sorted(source for source in sources if any(source[1:])))
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]


def position(store: Store, rules_hash: str) -> Position:
    """Return how far items have the topics and filters with a hash.

    Under a hash that was not recorded all are left.
    """
    recorded, before, *failed = (meta.get(store, POSITION_KEY) or "- 0").split(" ")
    if recorded == rules_hash:
        return Position(before=int(before), has_failed=bool(failed))
    (newest,) = store.db.execute("SELECT coalesce(max(number), 0) FROM items").fetchone()
    return Position(before=int(newest) + 1)


def count_left(store: Store, rules_hash: str) -> int:
    """Return how many items lack the topics and filters with a hash."""
    before = position(store, rules_hash).before
    return int(store.db.execute("SELECT count(*) FROM items WHERE number < ?", [before]).fetchone()[0])


def record(store: Store, rules_hash: str, reached: Position) -> None:
    """Record how far items have the topics and filters with a hash."""
    failed = " failed" if reached.has_failed else ""
    meta.put(store, POSITION_KEY, f"{rules_hash} {reached.before}{failed}")


def items_before(store: Store, before: int, count: int) -> list[StoredItem]:
    """Return the newest items with a lower number, at most `count` and about `MAX_CHARACTERS`."""
    items: list[StoredItem] = []
    characters = 0
    for row in store.db.execute(
        "SELECT number, source_id, story_id, title, categories, text, excerpt, topics, dropped FROM items"
        " WHERE number < ? ORDER BY number DESC LIMIT ?",
        [before, count],
    ):
        items.append(
            StoredItem(
                number=row["number"],
                source_id=row["source_id"],
                story_id=row["story_id"],
                title=row["title"],
                categories=tuple(json.loads(row["categories"])),
                text=row["text"] or row["excerpt"],
                is_pruned=bool(row["excerpt"] and not row["text"]),
                topics=tuple(json.loads(row["topics"])),
                dropped=row["dropped"],
            )
        )
        characters += len(row["title"]) + len(row["categories"]) + len(row["text"])
        if characters > MAX_CHARACTERS:
            break
    return items


def save_topics(store: Store, items: Iterable[StoredItem]) -> None:
    """Store the topics of items, in the caller's transaction."""
    store.db.conn.executemany(
        "UPDATE items SET topics = ? WHERE number = ?",
        [[json.dumps(item.topics, ensure_ascii=False), item.number] for item in items],
    )


def save_filters(store: Store, items: Iterable[StoredItem]) -> None:
    """Store which filters drop items without a story, in the caller's transaction.

    One that none drops any more is old: it counts as announced at its own time (T4).
    """
    store.db.conn.executemany(
        "UPDATE items SET dropped = ?1, backlog = backlog OR ?1 IS NULL WHERE number = ?2 AND story_id IS NULL",
        [[item.dropped, item.number] for item in items],
    )
