"""Channels: which stories are in which, and whether their files are up to date (P1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.model.publishing import Tombstone
from aggregator.store import archives
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, marks
from aggregator.store.stories import StoryFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """A channel's revision now and as it was last written, and with which selection and program."""

    id: str
    revision: int
    written_revision: int
    written_with: str
    selected_with: str
    updated: datetime


def sync(store: Store, ids: Sequence[str]) -> None:
    """Know every channel of feeds.yaml; channels that left it are empty until their files are gone (`gone`)."""
    known = set(ids)
    with store.transaction():
        store.db.conn.executemany("INSERT OR IGNORE INTO channels (id) VALUES (?)", [[id_] for id_ in ids])
        rows = store.db.execute("SELECT id FROM channels WHERE selected_with <> ''")
        for id_ in [row[0] for row in rows if row[0] not in known]:
            clear(store, id_)
            store.db.execute("UPDATE channels SET selected_with = '' WHERE id = ?", [id_])


def records(store: Store) -> dict[str, ChannelRecord]:
    """Every channel that is known, by id."""
    return {
        row["id"]: ChannelRecord(
            **{key: row[key] for key in ChannelRecord.__slots__} | {"updated": sure_moment(row["updated"])}
        )
        for row in store.db.table("channels").rows
    }


def gone(store: Store, ids: Sequence[str]) -> list[str]:
    """Channels that left feeds.yaml, and whose files may still be there."""
    known = set(ids)
    rows = store.db.execute("SELECT id FROM channels ORDER BY id")
    return [row[0] for row in rows if row[0] not in known]


def forget(store: Store, id_: str) -> None:
    """A channel that left feeds.yaml has no files any more; its stories stay."""
    with store.transaction():
        for table, column in (
            ("channel_stories", "channel_id"),
            ("channel_tombstones", "channel_id"),
            ("channels", "id"),
        ):
            store.db.execute(f"DELETE FROM {table} WHERE {column} = ?", [id_])


_MEMBERSHIP = (
    "INSERT INTO channel_stories (channel_id, story_id, announced, published, position, fed)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


def _membership(channel_id: str, fact: StoryFacts) -> list[object]:
    return [
        channel_id,
        fact.story_id,
        stamp(fact.announced),
        stamp(fact.published),
        fact.position,
        fact.fed,
    ]


def known(store: Store) -> set[str]:
    """The channels the store has; feeds.yaml may have others since."""
    return {row["id"] for row in store.db.table("channels").rows}


def told(store: Store) -> set[str]:
    """The channels that have stories."""
    rows = store.db.execute(
        "SELECT id FROM channels WHERE EXISTS (SELECT 1 FROM channel_stories WHERE channel_id = channels.id)"
    )
    return {row[0] for row in rows}


def enroll(
    store: Store, chosen: Mapping[str, tuple[str, ...]], facts: Iterable[StoryFacts], now: datetime
) -> None:
    """Record which channels each story is in now and bump their revisions (P1), in the caller's transaction.

    A channel that a story leaves is bumped as well as one that it enters or stays in; so is its archive month.
    """
    facts = list(facts)
    bumped: set[str] = set()
    for part in chunked(fact.story_id for fact in facts):
        inside = f"({marks(part)})"
        rows = store.db.execute(
            f"SELECT DISTINCT channel_id FROM channel_stories WHERE story_id IN {inside}",
            part,
        )
        bumped.update(row[0] for row in rows)
        store.db.execute(f"DELETE FROM channel_stories WHERE story_id IN {inside}", part)
    add(store, chosen, facts)
    bumped.update(channel for channels in chosen.values() for channel in channels)
    store.db.conn.executemany(_BUMP, [[stamp(now), id_] for id_ in sorted(bumped)])
    archives.bump(store, {fact.month for fact in facts if fact.month})


_BUMP = "UPDATE channels SET revision = revision + 1, updated = max(updated, ?) WHERE id = ?"


def add(store: Store, chosen: Mapping[str, tuple[str, ...]], facts: Iterable[StoryFacts]) -> None:
    """Put stories into their channels, in the caller's transaction."""
    store.db.conn.executemany(
        _MEMBERSHIP, [_membership(channel, fact) for fact in facts for channel in chosen[fact.story_id]]
    )


def selected(store: Store, channel_id: str, selected_with: str, now: datetime) -> None:
    """A channel's memberships are those of this include and exclude now, in the caller's transaction."""
    store.db.execute(_BUMP, [stamp(now), channel_id])
    store.db.execute("UPDATE channels SET selected_with = ? WHERE id = ?", [selected_with, channel_id])


def clear(store: Store, channel_id: str) -> None:
    """Take every story out of a channel, in the caller's transaction."""
    store.db.execute("DELETE FROM channel_stories WHERE channel_id = ?", [channel_id])


def window(store: Store, channel_id: str, count: int, *, fed_only: bool) -> list[str]:
    """The ids of the newest announced stories of a channel (T3); the order of ties is settled, too."""
    rows = store.db.execute(
        "SELECT story_id FROM channel_stories WHERE channel_id = ? AND fed >= ?"
        " ORDER BY announced DESC, published DESC, position, story_id LIMIT ?",
        [channel_id, fed_only, count],
    )
    return [row[0] for row in rows]


def tombstones(store: Store, channel_id: str, since: datetime, count: int) -> list[Tombstone]:
    """The newest stories that a channel told and were withdrawn or merged away since (PB9)."""
    rows = store.db.execute(
        "SELECT tombstones.* FROM channel_tombstones JOIN tombstones USING (story_id)"
        " WHERE channel_id = ? AND at >= ? ORDER BY at DESC, story_id LIMIT ?",
        [channel_id, stamp(since), count],
    )
    return [archives.tombstone(row) for row in rows]


def withdraw(store: Store, story_id: str) -> None:
    """The channels that feed a story will say that it is gone; before it leaves them, in the caller's transaction."""
    store.db.execute(
        "INSERT OR IGNORE INTO channel_tombstones (channel_id, story_id)"
        " SELECT channel_id, story_id FROM channel_stories WHERE story_id = ? AND fed",
        [story_id],
    )


def restore(store: Store, story_id: str) -> None:
    """No channel says any more that a story is gone, in the caller's transaction."""
    store.db.execute("DELETE FROM channel_tombstones WHERE story_id = ?", [story_id])


def unwritten(store: Store) -> dict[str, datetime]:
    """The channels whose files are behind, and when the first revision was made that is not written (P1)."""
    rows = store.db.execute(
        "SELECT id, coalesce(unwritten_since, updated) FROM channels WHERE revision <> written_revision ORDER BY id"
    )
    return {id_: sure_moment(since) for id_, since in rows}


def unwritten_from(store: Store, ids: Iterable[str], now: datetime) -> None:
    """The files of these channels are behind since now, in the caller's transaction."""
    store.db.conn.executemany(
        "UPDATE channels SET unwritten_since = ? WHERE id = ?", [[stamp(now), id_] for id_ in ids]
    )


def written(store: Store, record: ChannelRecord, written_with: str) -> None:
    """The files of this revision are on disk (after fsync and replace)."""
    store.db.execute(
        "UPDATE channels SET written_revision = ?, written_with = ? WHERE id = ?",
        [record.revision, written_with, record.id],
    )
