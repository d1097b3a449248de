"""Store the months of the archive, and which revision of a month was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from aggregator.model.publishing import Tombstone
from aggregator.model.value_classes import dataclass
from aggregator.store.connection import Store, moment, sure_moment
from aggregator.store.items import CHUNK_VALUES, chunked, placeholders


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRecord:
    """The current and the written revision of a month; `closed` if written after its end.

    `entries_hash` is a hash of the written document and of the publishers named in it, `change_count` the number of
    changes before it (`stories.changes`).
    """

    month: str
    revision: int
    written_revision: int
    render_hash: str
    closed: bool
    entries_hash: str
    change_count: int


def current_month(store: Store, now: datetime) -> str:
    """Return the month (`yyyy-mm`) of stories announced now.

    Months are only added at the end: after a clock ran ahead this stays the month that it showed, until then.
    """
    row = store.db.execute("SELECT max(month) FROM archives").fetchone()
    return max(f"{now:%Y-%m}", row[0] or "")


def raise_revisions(store: Store, months: Iterable[str]) -> None:
    """Raise the revisions of months whose stories changed, in the caller's transaction."""
    rows = [[month] for month in sorted(months)]
    store.db.conn.executemany("INSERT OR IGNORE INTO archives (month, revision) VALUES (?, 0)", rows)
    store.db.conn.executemany("UPDATE archives SET revision = revision + 1 WHERE month = ?", rows)


def raise_revisions_of_open_months(store: Store, story_ids: Iterable[str]) -> None:
    """Raise the revisions of the months of stories; closed ones are frozen (P2)."""
    months: set[str] = set()
    for part in chunked(story_ids):
        rows = store.db.execute(
            "SELECT DISTINCT month FROM stories JOIN archives USING (month)"
            f" WHERE closed = 0 AND id IN ({placeholders(part)})",
            part,
        )
        months.update(row[0] for row in rows)
    raise_revisions(store, months)


def outdate_months_of_sources(store: Store, source_ids: Iterable[str]) -> None:
    """Let the documents of all months with stories of these sources be written anew.

    Frozen ones too: whole texts are removed from them when a source does not permit them any more (P3).
    """
    store.db.conn.executemany(
        "UPDATE archives SET written_with = '' WHERE month IN (SELECT month FROM stories"
        " JOIN items ON items.story_id = stories.id WHERE source_id = ?)",
        [[source_id] for source_id in source_ids],
    )


def records(store: Store) -> list[ArchiveRecord]:
    """Return all months, oldest first."""
    return [
        ArchiveRecord(
            month=row["month"],
            revision=row["revision"],
            written_revision=row["written_revision"],
            render_hash=row["written_with"],
            closed=bool(row["closed"]),
            entries_hash=row["made_of"],
            change_count=row["made_at"],
        )
        for row in store.db.execute("SELECT * FROM archives ORDER BY month")
    ]


def mark_written(
    store: Store,
    record: ArchiveRecord,
    render_hash: str,
    entries_hash: str,
    change_count: int,
    *,
    closed: bool,
) -> None:
    """Record that the document of a revision is on disk, after fsync and rename (P1)."""
    store.db.execute(
        "UPDATE archives SET written_revision = ?, written_with = ?, closed = ?, made_of = ?, made_at = ?"
        " WHERE month = ?",
        [record.revision, render_hash, closed, entries_hash, change_count, record.month],
    )


_OF_MONTH = (
    # CROSS: without statistics SQLite would read all stories of `all`.
    " FROM stories CROSS JOIN channel_stories ON channel_stories.story_id = stories.id"
    " WHERE stories.month = ? AND channel_id = 'all' AND channel_stories.fed"
)
_CHANGES = (
    f"SELECT stories.id, stories.change{_OF_MONTH}"
    " ORDER BY stories.announced DESC, stories.published DESC, channel_stories.position, stories.id"
)


def story_ids(store: Store, month: str) -> list[str]:
    """Return the ids of a month's stories in the feeds of `all`, newest announced first."""
    return [row[0] for row in store.db.execute(_CHANGES, [month])]


def stories_in_parts(store: Store, month: str) -> Iterator[dict[str, int]]:
    """Yield the last changes of a month's stories (`stories.changes`), `CHUNK_VALUES` at a time."""
    rows = store.db.execute(_CHANGES, [month])
    while part := rows.fetchmany(CHUNK_VALUES):
        yield {row[0]: row[1] for row in part}


def last_change(store: Store, ids: Iterable[str]) -> datetime | None:
    """Return the latest change of stories."""
    latest = [
        row[0]
        for part in chunked(ids)
        for row in store.db.execute(
            f"SELECT max(changed) FROM stories WHERE id IN ({placeholders(part)})", part
        )
    ]
    return moment(max(filter(None, latest), default=None))


def last_change_of_month(store: Store, month: str) -> datetime | None:
    """Return the latest change of a month's stories, also of those that are quarantined."""
    row = store.db.execute(f"SELECT max(stories.changed){_OF_MONTH}", [month]).fetchone()
    return moment(row[0])


def tombstones(store: Store, month: str) -> list[Tombstone]:
    """Return the tombstones of a month, oldest first."""
    rows = store.db.execute(
        f"{TOMBSTONES} WHERE channel_id = 'all' AND tombstones.month = ? ORDER BY at, story_id", [month]
    )
    return [tombstone_from_row(row) for row in rows]


TOMBSTONES = (
    "SELECT story_id, at, successor.id AS successor FROM channel_tombstones JOIN tombstones USING (story_id)"
    " LEFT JOIN stories AS successor ON successor.id = became AND NOT successor.hidden"
)
"""Begins a query of tombstones, which name no hidden story as a successor."""


def tombstone_from_row(row: Mapping[str, Any]) -> Tombstone:
    """Return a row of `TOMBSTONES` as a value."""
    return Tombstone(story_id=row["story_id"], at=sure_moment(row["at"]), merged_into=row["successor"])
