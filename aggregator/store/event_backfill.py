"""Read items in whose texts no events were searched yet, and store their events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from aggregator.model.documents import ItemKind
from aggregator.model.events import Event
from aggregator.model.value_classes import dataclass
from aggregator.store import event_facts
from aggregator.store.connection import Store, sure_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsearchedItem:
    """A stored item in which no events were searched yet."""

    id: str
    source_id: str
    title: str
    text: str
    kind: ItemKind
    language: str | None
    published: datetime
    story_id: str | None


def has_unsearched(store: Store) -> bool:
    """Return whether there is an item in which no events were searched yet."""
    return store.db.execute("SELECT 1 FROM items WHERE events IS NULL LIMIT 1").fetchone() is not None


def unsearched(store: Store, count: int) -> list[UnsearchedItem]:
    """Return the newest items in which no events were searched yet."""
    rows = store.db.execute(
        "SELECT id, source_id, title, text, kind, language, sort, story_id FROM items INDEXED BY items_without_events"
        " WHERE events IS NULL ORDER BY number DESC LIMIT ?",
        [count],
    )
    return [
        UnsearchedItem(
            id=row["id"],
            source_id=row["source_id"],
            title=row["title"],
            text=row["text"],
            kind=ItemKind(row["kind"]),
            language=row["language"],
            published=sure_moment(row["sort"]),
            story_id=row["story_id"],
        )
        for row in rows
    ]


def save(store: Store, found: Mapping[str, Sequence[Event]]) -> None:
    """Store the events found in items, in the caller's transaction."""
    store.db.conn.executemany(
        "UPDATE items SET events = ? WHERE id = ?",
        [[event_facts.encode(events), item_id] for item_id, events in found.items()],
    )
