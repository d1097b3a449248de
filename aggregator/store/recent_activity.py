"""Read what happened since a moment: counts, removed items, interrupted runs, hub."""

from __future__ import annotations

from datetime import datetime

from aggregator.model.reports import RecentActivity, RemovedStory
from aggregator.store import runs, websub_pings
from aggregator.store.connection import Store, stamp, sure_moment


def read(store: Store, since: datetime, now: datetime) -> RecentActivity:
    """Read what happened from `since` to before `now`, so that nothing is reported twice."""
    return RecentActivity(
        since=since,
        visits=_count(store, "visits WHERE started >= ? AND started < ?", since, now),
        stories=_count(
            store, "stories WHERE announced >= ? AND announced < ? AND fed AND NOT hidden", since, now
        ),
        accepted=_count(
            store,
            "deliveries WHERE last_attempt >= ? AND last_attempt < ? AND state = 'accepted'",
            since,
            now,
        ),
        removed=tuple(_removed(store, since, now)),
        interrupted_runs=tuple(runs.interrupted(store, since, now)),
        hub_error=websub_pings.given_up_reason(store),
    )


def _count(store: Store, rows: str, *moments: datetime) -> int:
    row = store.db.execute(f"SELECT count(*) FROM {rows}", [stamp(moment) for moment in moments]).fetchone()
    return int(row[0])


def _removed(store: Store, since: datetime, now: datetime) -> list[RemovedStory]:
    """Read items of stories that their publishers removed, the latest first (I8)."""
    rows = store.db.execute(
        "SELECT items.story_id, items.title, sources.name, missing_items.withdrawn FROM missing_items"
        " JOIN items ON items.id = missing_items.item_id JOIN sources ON sources.id = missing_items.source_id"
        " WHERE withdrawn >= ? AND withdrawn < ? AND items.story_id IS NOT NULL ORDER BY withdrawn DESC, items.id",
        [stamp(since), stamp(now)],
    )
    return [
        RemovedStory(
            story=row["story_id"],
            title=row["title"],
            source=row["name"],
            at=sure_moment(row["withdrawn"]),
        )
        for row in rows
    ]
