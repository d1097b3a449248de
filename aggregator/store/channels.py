"""Store the stories and tombstones of channels, and which revision of a channel was written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from aggregator.model.publishing import Tombstone
from aggregator.model.value_classes import dataclass
from aggregator.store import archives
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, placeholders
from aggregator.store.stories import StoryFacts, note_changes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """The current and the written revision of a channel.

    `render_hash` is a hash of settings, templates and program; `selected_with` is the include and exclude that its
    stories were selected with. `entries_hash` is a hash of the written feeds and of the publishers named in them,
    `change_count` the number of changes before them (`stories.changes`). `calendars_hash` is a hash of the written
    calendars and of all that they depend on.
    """

    id: str
    revision: int
    written_revision: int
    render_hash: str
    selected_with: str
    updated: datetime
    entries_hash: str
    change_count: int
    calendars_hash: str


def synchronise(store: Store, ids: Sequence[str]) -> None:
    """Add the channels of feeds.yaml, and empty those that left it; `removed_ids` lists them."""
    known = set(ids)
    with store.transaction():
        store.db.conn.executemany("INSERT OR IGNORE INTO channels (id) VALUES (?)", [[id_] for id_ in ids])
        rows = store.db.execute("SELECT id FROM channels WHERE selected_with <> ''")
        for id_ in [row[0] for row in rows if row[0] not in known]:
            clear(store, id_)
            store.db.execute("UPDATE channels SET selected_with = '' WHERE id = ?", [id_])


def records(store: Store) -> dict[str, ChannelRecord]:
    """Return all channels by id."""
    return {
        row["id"]: ChannelRecord(
            **{key: row[key] for key in ChannelRecord.__slots__} | {"updated": sure_moment(row["updated"])}
        )
        for row in store.db.execute(
            "SELECT *, written_with AS render_hash, made_of AS entries_hash, made_at AS change_count,"
            " calendars_made_of AS calendars_hash FROM channels"
        )
    }


def removed_ids(store: Store, ids: Sequence[str]) -> list[str]:
    """Return the channels that are not in `ids`; their files may still exist."""
    known = set(ids)
    rows = store.db.execute("SELECT id FROM channels ORDER BY id")
    return [row[0] for row in rows if row[0] not in known]


def delete(store: Store, id_: str) -> None:
    """Delete a channel after its files were removed; its stories stay."""
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
        fact.in_feeds,
    ]


def known_ids(store: Store) -> set[str]:
    """Return the ids of the stored channels; feeds.yaml may have changed since."""
    return {row["id"] for row in store.db.execute("SELECT id FROM channels")}


def with_stories(store: Store) -> set[str]:
    """Return the ids of channels that have stories."""
    rows = store.db.execute(
        "SELECT id FROM channels WHERE EXISTS (SELECT 1 FROM channel_stories WHERE channel_id = channels.id)"
    )
    return {row[0] for row in rows}


def replace_memberships(
    store: Store, chosen: Mapping[str, tuple[str, ...]], facts: Iterable[StoryFacts], now: datetime
) -> None:
    """Replace the channels of stories and raise revisions, in the caller's transaction.

    The revisions of all channels that a story leaves, enters or stays in are raised, and that of its archive month
    (P1). A story that returned within the second of its tombstone is newer than `now`, and so are its channels.
    """
    facts = list(facts)
    changed: set[str] = set()
    times = [stamp(now) or ""]
    for part in chunked(fact.story_id for fact in facts):
        inside = f"({placeholders(part)})"
        rows = store.db.execute(
            f"SELECT DISTINCT channel_id FROM channel_stories WHERE story_id IN {inside}",
            part,
        )
        changed.update(row[0] for row in rows)
        store.db.execute(f"DELETE FROM channel_stories WHERE story_id IN {inside}", part)
        (returned,) = store.db.execute(
            f"SELECT max(returned) FROM stories WHERE id IN {inside}", part
        ).fetchone()
        times.append(returned or "")
    add(store, chosen, facts)
    changed.update(channel for channels in chosen.values() for channel in channels)
    store.db.conn.executemany(_RAISE_REVISION, [[max(times), id_] for id_ in sorted(changed)])
    archives.raise_revisions(store, {fact.month for fact in facts if fact.month})
    note_changes(store, [fact.story_id for fact in facts])


_RAISE_REVISION = "UPDATE channels SET revision = revision + 1, updated = max(updated, ?) WHERE id = ?"


def of_stories(store: Store, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the channels of each story."""
    found: dict[str, set[str]] = {id_: set() for id_ in ids}
    for part in chunked(found):
        for row in store.db.execute(
            f"SELECT story_id, channel_id FROM channel_stories WHERE story_id IN ({placeholders(part)})", part
        ):
            found[row["story_id"]].add(row["channel_id"])
    return {id_: frozenset(channel_ids) for id_, channel_ids in found.items()}


def move_quietly(
    store: Store, chosen: Mapping[str, tuple[str, ...]], facts: Sequence[StoryFacts], now: datetime
) -> None:
    """Move stories that are no news to other channels, in the caller's transaction (E1, P2).

    `updated` moves only of channels that a story leaves or enters, and an ended month changes only with `all`.
    """
    before = of_stories(store, chosen)
    moved = {id_: before[id_].symmetric_difference(channels) for id_, channels in chosen.items()}
    store.db.conn.executemany(
        "DELETE FROM channel_stories WHERE story_id = ? AND channel_id = ?",
        [[id_, channel] for id_, channels in moved.items() for channel in channels & before[id_]],
    )
    add(store, {id_: tuple(channels - before[id_]) for id_, channels in moved.items()}, facts)
    changed = sorted(frozenset().union(*moved.values()))
    store.db.conn.executemany(_RAISE_REVISION, [[stamp(now), id_] for id_ in changed])
    of_all = {fact.month for fact in facts if fact.month and "all" in moved[fact.story_id]}
    archives.raise_revisions(store, of_all)
    touch_quietly(store, chosen)


def raise_revisions(store: Store, ids: Iterable[str]) -> None:
    """Raise the revisions of channels without changed stories; `updated` stays the same."""
    store.db.conn.executemany(
        "UPDATE channels SET revision = revision + 1 WHERE id = ?", [[id_] for id_ in ids]
    )


def raise_revisions_of_stories(store: Store, ids: Iterable[str]) -> None:
    """Raise the revisions of the channels of stories; `updated` stays the same."""
    raised: set[str] = set()
    for part in chunked(ids):
        rows = store.db.execute(
            f"SELECT DISTINCT channel_id FROM channel_stories WHERE story_id IN ({placeholders(part)})", part
        )
        raised.update(row[0] for row in rows)
    raise_revisions(store, sorted(raised))


def touch_quietly(store: Store, story_ids: Collection[str]) -> None:
    """Count stories as changed for channels, open months and pages; no `updated` moves (P1)."""
    raise_revisions_of_stories(store, story_ids)
    archives.raise_revisions_of_open_months(store, story_ids)
    note_changes(store, story_ids)


def add(store: Store, chosen: Mapping[str, tuple[str, ...]], facts: Iterable[StoryFacts]) -> None:
    """Add stories to their channels, in the caller's transaction."""
    store.db.conn.executemany(
        _MEMBERSHIP, [_membership(channel, fact) for fact in facts for channel in chosen[fact.story_id]]
    )


def set_selection(store: Store, channel_id: str, selected_with: str, now: datetime) -> None:
    """Record the include and exclude of a channel's stories, in the caller's transaction."""
    store.db.execute(_RAISE_REVISION, [stamp(now), channel_id])
    store.db.execute("UPDATE channels SET selected_with = ? WHERE id = ?", [selected_with, channel_id])


def outdate_selections(store: Store, channel_ids: Iterable[str]) -> None:
    """Let the stories of channels be selected again, in the caller's transaction."""
    store.db.conn.executemany(
        "UPDATE channels SET selected_with = 'outdated' WHERE id = ? AND selected_with <> ''",
        [[id_] for id_ in channel_ids],
    )


def clear(store: Store, channel_id: str) -> None:
    """Remove all stories from a channel, in the caller's transaction."""
    store.db.execute("DELETE FROM channel_stories WHERE channel_id = ?", [channel_id])


def newest_stories(store: Store, channel_id: str, count: int, *, in_feeds_only: bool) -> dict[str, datetime]:
    """Return when the newest stories of a channel were announced, in a total order (T3)."""
    rows = store.db.execute(
        "SELECT story_id, announced FROM channel_stories WHERE channel_id = ? AND fed >= ?"
        " ORDER BY announced DESC, published DESC, position, story_id LIMIT ?",
        [channel_id, in_feeds_only, count],
    )
    return {row[0]: sure_moment(row[1]) for row in rows}


def tombstones(store: Store, channel_id: str, since: datetime, count: int) -> list[Tombstone]:
    """Return tombstones of a channel since a time, newest first (PB9)."""
    rows = store.db.execute(
        f"{archives.TOMBSTONES} WHERE channel_id = ? AND at >= ? ORDER BY at DESC, story_id LIMIT ?",
        [channel_id, stamp(since), count],
    )
    return [archives.tombstone_from_row(row) for row in rows]


def add_tombstones(store: Store, story_id: str) -> None:
    """Add a tombstone of a story to each channel that has it in its feeds.

    Call it in a transaction, before the story leaves its channels.
    """
    store.db.execute(
        "INSERT OR IGNORE INTO channel_tombstones (channel_id, story_id)"
        " SELECT channel_id, story_id FROM channel_stories WHERE story_id = ? AND fed",
        [story_id],
    )


def replace_successor(store: Store, old: str, new: str, story_ids: Collection[str] | None = None) -> None:
    """Replace the successor in the tombstones of merged stories, in the caller's transaction.

    With `story_ids` only theirs are replaced. Documents of frozen months name the successor, too (P2).
    """
    rows = store.db.execute("SELECT story_id, month FROM tombstones WHERE became = ?", [old]).fetchall()
    merged = {
        row["story_id"]: row["month"] for row in rows if story_ids is None or row["story_id"] in story_ids
    }
    store.db.conn.executemany(
        "UPDATE tombstones SET became = ? WHERE story_id = ?", [[new, id_] for id_ in merged]
    )
    archives.raise_revisions(store, set(filter(None, merged.values())))


def remove_tombstones(store: Store, story_id: str) -> None:
    """Remove the tombstones of a story from all channels, in the caller's transaction."""
    rows = store.db.execute("SELECT channel_id FROM channel_tombstones WHERE story_id = ?", [story_id])
    raise_revisions(store, [row[0] for row in rows])
    store.db.execute("DELETE FROM channel_tombstones WHERE story_id = ?", [story_id])


def unwritten(store: Store) -> dict[str, datetime]:
    """Return the channels with an unwritten revision, and the time of the first one (P1)."""
    rows = store.db.execute(
        "SELECT id, coalesce(unwritten_since, updated) FROM channels WHERE revision <> written_revision ORDER BY id"
    )
    return {id_: sure_moment(since) for id_, since in rows}


def set_unwritten_since(store: Store, ids: Iterable[str], now: datetime) -> None:
    """Record since when channels have an unwritten revision, in the caller's transaction."""
    store.db.conn.executemany(
        "UPDATE channels SET unwritten_since = ? WHERE id = ?", [[stamp(now), id_] for id_ in ids]
    )


def mark_written(
    store: Store,
    record: ChannelRecord,
    render_hash: str,
    entries_hash: str,
    change_count: int,
    calendars_hash: str,
) -> None:
    """Record that the files of a revision are on disk, after fsync and rename (P1)."""
    store.db.execute(
        "UPDATE channels SET written_revision = ?, written_with = ?, made_of = ?, made_at = ?,"
        " calendars_made_of = ? WHERE id = ?",
        [record.revision, render_hash, entries_hash, change_count, calendars_hash, record.id],
    )


def record_unwritten(store: Store, channel_id: str) -> None:
    """Record that the files of a channel are not on disk."""
    store.db.execute("UPDATE channels SET written_revision = 0 WHERE id = ?", [channel_id])
