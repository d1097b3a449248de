"""Store editors' decisions about the events of stories (EX9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator.model.events import Event
from aggregator.store import event_facts
from aggregator.store.connection import Store


def store_decision(store: Store, story_id: str, event: Event | None, decision: int) -> None:
    """Store an editor's decision about the event of a story; None: it has no event (EX9)."""
    store.db.execute(
        "INSERT OR REPLACE INTO event_decisions (story_id, facts, decision) VALUES (?, ?, ?)",
        [story_id, event_facts.encode_one(event), decision],
    )


def decision(store: Store, story_id: str) -> dict[str, Any]:
    """Return the decision about the event of a story as JSON values, for an undo."""
    row = store.db.execute("SELECT facts FROM event_decisions WHERE story_id = ?", [story_id]).fetchone()
    return {"decided": row is not None, "facts": row["facts"] if row else None}


def restore_decision(store: Store, story_id: str, before: Mapping[str, Any], number: int) -> None:
    """Restore the decision about the event of a story, or remove it if there was none."""
    if before["decided"]:
        store_decision(store, story_id, event_facts.decode_one(before["facts"]), number)
    else:
        remove_decision(store, story_id)


def remove_decision(store: Store, story_id: str) -> bool:
    """Remove the decision about the event of a story; return whether there was one."""
    return bool(store.db.execute("DELETE FROM event_decisions WHERE story_id = ?", [story_id]).rowcount)
