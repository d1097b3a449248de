"""Hide stories from everything published, and show them again (I7, I8)."""

from __future__ import annotations

from datetime import datetime

from aggregator.store import channels, editorial
from aggregator.store.connection import Store, stamp
from aggregator.store.runs import clear_idle


def hide(store: Store, story_id: str, who: str, now: datetime, *, withdrawn: bool = False) -> bool:
    """Hide a story from everything published; return whether it was visible (I7, I8).

    `withdrawn`: digests that carried it report that it was removed. Runs in the caller's transaction, which also
    removes the story from its channels.
    """
    changed = store.db.execute(
        "UPDATE stories SET hidden = 1, changed = ? WHERE id = ? AND hidden = 0", [stamp(now), story_id]
    ).rowcount
    if changed:
        store.db.execute(
            "INSERT OR REPLACE INTO tombstones (story_id, became, at, reason, month)"
            " SELECT id, NULL, max(?, coalesce(returned, '')), ?, month FROM stories WHERE id = ?",
            [stamp(now), f"{'withdrawn' if withdrawn else 'hidden'} by {who}", story_id],
        )
        channels.add_tombstones(store, story_id)
        clear_idle(store)
    return bool(changed)


def unhide(store: Store, story_id: str, now: datetime) -> bool:
    """Show a hidden story again with its id and times; return whether it was hidden.

    Its entry is newer than its tombstone from now on, as readers compare them (PB9).
    """
    changed = store.db.execute(
        "UPDATE stories SET hidden = 0, changed = ? WHERE id = ? AND hidden = 1", [stamp(now), story_id]
    ).rowcount
    if changed:
        editorial.return_from_tombstone(store, story_id, now)
        store.db.execute("DELETE FROM tombstones WHERE story_id = ? AND became IS NULL", [story_id])
        channels.remove_tombstones(store, story_id)
        clear_idle(store)
    return bool(changed)
