"""The archive's months: which there are, and whether their documents are up to date (P1, P2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aggregator.model.publishing import Tombstone
from aggregator.store.connection import Store, sure_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRecord:
    """A month's revision now and as it was last written, with what, and whether that was after its end."""

    month: str
    revision: int
    written_revision: int
    written_with: str
    closed: bool


def current(store: Store, now: datetime) -> str:
    """The month that stories are archived in which are announced now: the chain only ever grows at its end.

    After a clock ran ahead that is the month it showed, until time has caught up.
    """
    row = store.db.execute("SELECT max(month) FROM archives").fetchone()
    return max(f"{now:%Y-%m}", row[0] or "")


def bump(store: Store, months: Iterable[str]) -> None:
    """Stories of these months changed; in the caller's transaction."""
    held = [[month] for month in sorted(months)]
    store.db.conn.executemany("INSERT OR IGNORE INTO archives (month, revision) VALUES (?, 0)", held)
    store.db.conn.executemany("UPDATE archives SET revision = revision + 1 WHERE month = ?", held)


def records(store: Store) -> list[ArchiveRecord]:
    """Every month, oldest first."""
    return [
        ArchiveRecord(
            month=row["month"],
            revision=row["revision"],
            written_revision=row["written_revision"],
            written_with=row["written_with"],
            closed=bool(row["closed"]),
        )
        for row in store.db.execute("SELECT * FROM archives ORDER BY month")
    ]


def written(store: Store, record: ArchiveRecord, written_with: str, *, closed: bool) -> None:
    """The document of this revision is on disk (after fsync and replace)."""
    store.db.execute(
        "UPDATE archives SET written_revision = ?, written_with = ?, closed = ? WHERE month = ?",
        [record.revision, written_with, closed, record.month],
    )


def told(store: Store, month: str) -> list[str]:
    """The ids of a month's stories that the channel `all` feeds, newest announced first."""
    rows = store.db.execute(
        "SELECT stories.id FROM stories JOIN channel_stories ON channel_stories.story_id = stories.id"
        " WHERE stories.month = ? AND channel_id = 'all' AND channel_stories.fed"
        " ORDER BY stories.announced DESC, stories.published DESC, channel_stories.position, stories.id",
        [month],
    )
    return [row[0] for row in rows]


def withdrawn(store: Store, month: str) -> list[Tombstone]:
    """The stories that a month told and tells no more, oldest tombstone first."""
    rows = store.db.execute(
        "SELECT tombstones.* FROM channel_tombstones JOIN tombstones USING (story_id)"
        " WHERE channel_id = 'all' AND month = ? ORDER BY at, story_id",
        [month],
    )
    return [tombstone(row) for row in rows]


def tombstone(row: Mapping[str, Any]) -> Tombstone:
    """A row of the table as a value."""
    return Tombstone(story_id=row["story_id"], at=sure_moment(row["at"]), became=row["became"])
