"""Digests: the ledger of what was told, editions, and the letters they owe (M1-M5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from aggregator.model import Edition, Letter
from aggregator.store import deliveries
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import marks

REACH = timedelta(days=31)
"""A story announced longer than this before the last edition and still untold got into the digest's channels
by a change of configuration: it is not news. (Not a window by date: late items are announced when they come.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRecord:
    """How far a digest is: since when it tells, the last period it closed, when it was last composed."""

    since: datetime
    last_period: date
    last_composed: datetime


def record(store: Store, digest_id: str) -> DigestRecord | None:
    """What is remembered of a digest, None for one that never ran."""
    row = store.db.execute("SELECT * FROM digests WHERE id = ?", [digest_id]).fetchone()
    if row is None:
        return None
    return DigestRecord(
        since=sure_moment(row["since"]),
        last_period=date.fromisoformat(row["last_period"]),
        last_composed=sure_moment(row["last_composed"]),
    )


_IN_CHANNELS = "EXISTS (SELECT 1 FROM memberships WHERE story_id = stories.id AND channel_id IN ({}))"
_TOLD = (
    "EXISTS (SELECT 1 FROM items CROSS JOIN ledger ON ledger.item_id = items.id"
    " WHERE items.story_id = stories.id AND ledger.digest_id = ?{})"
)


def untold(store: Store, digest_id: str, channels: Sequence[str], *, floor: datetime) -> list[str]:
    """Stories new for a digest: announced since `floor`, and none of their items was carried there (M1)."""
    rows = store.db.execute(
        "SELECT id FROM stories WHERE announced >= ? AND fed AND NOT hidden"
        f" AND {_IN_CHANNELS.format(marks(channels))} AND NOT {_TOLD.format('')}"
        " ORDER BY announced DESC, published DESC, id",
        [stamp(floor), *channels, digest_id],
    )
    return [row[0] for row in rows]


def revised(store: Store, digest_id: str, channels: Sequence[str], *, floor: datetime) -> list[str]:
    """Stories a digest told in words that were significantly edited since (E1).

    Not what was split off and is announced nowhere, although its items were told (I7).
    """
    rows = store.db.execute(
        "SELECT id FROM stories WHERE changed >= ? AND fed AND NOT hidden"
        f" AND {_IN_CHANNELS.format(marks(channels))} AND {_TOLD.format('')}"
        f" AND NOT {_TOLD.format(' AND ledger.mark >= stories.updated')}"
        " ORDER BY announced DESC, published DESC, id",
        [stamp(floor), *channels, digest_id, digest_id],
    )
    return [row[0] for row in rows]


def untell(store: Store, item_ids: Iterable[str]) -> None:
    """Items count as never told: the story they found is announced anew (I7); in the caller's transaction."""
    store.db.conn.executemany("DELETE FROM ledger WHERE item_id = ?", [[item_id] for item_id in item_ids])


def is_composed(store: Store, edition_id: str) -> bool:
    """Whether an edition of that id exists."""
    return store.db.execute("SELECT 1 FROM editions WHERE id = ?", [edition_id]).fetchone() is not None


def compose(
    store: Store, edition: Edition, letter: Letter, since: datetime, message_ids: Sequence[str]
) -> None:
    """Edition, ledger and every owed letter in one transaction (M4); `message_ids` go with the recipients."""
    digest = edition.digest
    with store.transaction():
        close_period(store, digest.id, edition.period, edition.composed, since)
        store.db.execute(
            "INSERT INTO editions (id, digest_id, period, composed, subject, text, html) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                edition.id,
                digest.id,
                edition.period.isoformat(),
                stamp(edition.composed),
                letter.subject,
                letter.text,
                letter.html,
            ],
        )
        store.db.conn.executemany(
            # What the edition says, not what the stories are by now: an editor may have merged them since.
            "INSERT OR IGNORE INTO ledger (digest_id, item_id, reason, mark, edition_id) VALUES (?, ?, ?, ?, ?)",
            [
                [digest.id, sighting.item.id, reason, stamp(story.updated), edition.id]
                for reason, stories in (("new", edition.stories), ("updated", edition.revised))
                for story in stories
                for sighting in story.sightings
            ],
        )
        deliveries.owe(store, edition.id, zip(digest.recipients, message_ids, strict=True))


def close_period(store: Store, digest_id: str, period: date, now: datetime, since: datetime) -> None:
    """A period is over for a digest, also when there was nothing to tell (M2); in the caller's transaction."""
    store.db.execute(
        "INSERT INTO digests (id, since, last_period, last_composed) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET last_period = excluded.last_period, last_composed = excluded.last_composed",
        [digest_id, stamp(since), period.isoformat(), stamp(now)],
    )
