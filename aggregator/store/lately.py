"""What happened since a moment, for the operator: numbers, withdrawals, runs that did not end, the hub."""

from __future__ import annotations

from datetime import datetime

from aggregator.model import Lately, Withdrawal
from aggregator.store import pings, runs
from aggregator.store.connection import Store, stamp, sure_moment


def read(store: Store, since: datetime) -> Lately:
    """What happened since a moment."""
    return Lately(
        since=since,
        visits=_count(store, "visits WHERE started >= ?", since),
        stories=_count(store, "stories WHERE announced >= ? AND fed AND NOT hidden", since),
        accepted=_count(store, "deliveries WHERE last_attempt >= ? AND state = 'accepted'", since),
        withdrawn=tuple(_withdrawn(store, since)),
        unended=tuple(runs.unended(store, since)),
        unpinged=pings.given_up(store),
    )


def _count(store: Store, what: str, since: datetime) -> int:
    return int(store.db.execute(f"SELECT count(*) FROM {what}", [stamp(since)]).fetchone()[0])


def _withdrawn(store: Store, since: datetime) -> list[Withdrawal]:
    """What publishers took back that was told in a story, the newest first (I8)."""
    rows = store.db.execute(
        "SELECT items.story_id, items.title, sources.name, withdrawals.withdrawn FROM withdrawals"
        " JOIN items ON items.id = withdrawals.item_id JOIN sources ON sources.id = withdrawals.source_id"
        " WHERE withdrawn >= ? AND items.story_id IS NOT NULL ORDER BY withdrawn DESC, items.id",
        [stamp(since)],
    )
    return [
        Withdrawal(
            story=row["story_id"],
            title=row["title"],
            source=row["name"],
            at=sure_moment(row["withdrawn"]),
        )
        for row in rows
    ]
