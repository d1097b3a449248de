"""Channels: which stories are in which, and whether their files are up to date (P1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aggregator.store.connection import Store, stamp
from aggregator.store.items import chunked, marks
from aggregator.store.stories import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """A channel's revision now and as it was last written, and with which selection and program."""

    id: str
    revision: int
    written_revision: int
    written_with: str
    selected_with: str


def sync(store: Store, ids: Sequence[str]) -> dict[str, ChannelRecord]:
    """Know every channel of feeds.yaml; channels that left it are forgotten, their stories stay."""
    with store.transaction():
        store.db.conn.executemany("INSERT OR IGNORE INTO channels (id) VALUES (?)", [[id_] for id_ in ids])
        gone = [row["id"] for row in store.db.table("channels").rows if row["id"] not in ids]
        for table, column in (("memberships", "channel_id"), ("channels", "id")):
            store.db.conn.executemany(f"DELETE FROM {table} WHERE {column} = ?", [[id_] for id_ in gone])
    return {
        row["id"]: ChannelRecord(**{key: row[key] for key in ChannelRecord.__slots__})
        for row in store.db.table("channels").rows
    }


_MEMBERSHIP = (
    "INSERT INTO memberships (channel_id, story_id, announced, published, position, fed)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


def _membership(channel_id: str, fact: Facts) -> list[object]:
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


def enroll(store: Store, chosen: Mapping[str, tuple[str, ...]], facts: Iterable[Facts]) -> None:
    """Record which channels each story is in now and bump their revisions (P1), in the caller's transaction.

    A channel that a story leaves is bumped as well as one that it enters or stays in.
    """
    facts = list(facts)
    bumped: set[str] = set()
    for part in chunked(fact.story_id for fact in facts):
        inside = f"({marks(part)})"
        rows = store.db.execute(
            f"SELECT DISTINCT channel_id FROM memberships WHERE story_id IN {inside}",
            part,
        )
        bumped.update(row[0] for row in rows)
        store.db.execute(f"DELETE FROM memberships WHERE story_id IN {inside}", part)
    store.db.conn.executemany(
        _MEMBERSHIP, [_membership(channel, fact) for fact in facts for channel in chosen[fact.story_id]]
    )
    bumped.update(channel for channels in chosen.values() for channel in channels)
    store.db.conn.executemany(
        "UPDATE channels SET revision = revision + 1 WHERE id = ?", [[id_] for id_ in sorted(bumped)]
    )


def add(store: Store, channel_id: str, facts: Iterable[Facts]) -> None:
    """Put stories into a channel that is being selected again, in the caller's transaction."""
    store.db.conn.executemany(_MEMBERSHIP, [_membership(channel_id, fact) for fact in facts])


def selected(store: Store, channel_id: str, selected_with: str) -> None:
    """A channel's memberships are those of this include and exclude now, in the caller's transaction."""
    store.db.execute(
        "UPDATE channels SET selected_with = ?, revision = revision + 1 WHERE id = ?",
        [selected_with, channel_id],
    )


def clear(store: Store, channel_id: str) -> None:
    """Take every story out of a channel, in the caller's transaction."""
    store.db.execute("DELETE FROM memberships WHERE channel_id = ?", [channel_id])


def window(store: Store, channel_id: str, count: int, *, fed_only: bool) -> list[str]:
    """The ids of the newest announced stories of a channel (T3); the order of ties is settled, too."""
    rows = store.db.execute(
        "SELECT story_id FROM memberships WHERE channel_id = ? AND fed >= ?"
        " ORDER BY announced DESC, published DESC, position, story_id LIMIT ?",
        [channel_id, fed_only, count],
    )
    return [row[0] for row in rows]


def written(store: Store, record: ChannelRecord, written_with: str) -> None:
    """The files of this revision are on disk (after fsync and replace)."""
    store.db.execute(
        "UPDATE channels SET written_revision = ?, written_with = ? WHERE id = ?",
        [record.revision, written_with, record.id],
    )
