"""Editions: the ledger of what each digest told, the words it told it in, and its pages (M1, M2, M4, M5)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from aggregator.model.config import DigestPlan
from aggregator.model.digests import (
    Edition,
    EditionEntry,
    EditionSummary,
    EntryReason,
    MessageBody,
    PendingStories,
    UpdateKind,
)
from aggregator.model.stories import Story
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, marks
from aggregator.store.runs import clear_finished_mark

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


# --- what is to be told --------------------------------------------------------------------------------

_IN_CHANNELS = "EXISTS (SELECT 1 FROM channel_stories WHERE story_id = stories.id AND channel_id IN ({}))"
_TOLD = (
    "EXISTS (SELECT 1 FROM items CROSS JOIN ledger ON ledger.item_id = items.id"
    " WHERE items.story_id = stories.id AND ledger.digest_id = ?{})"
)


def pending(store: Store, plan: DigestPlan, *, floor: datetime) -> list[str]:
    """Stories new for a digest: announced since `floor`, and none of their items was carried there (M1)."""
    of_kinds = f" AND kind IN ({marks(plan.kinds)})" if plan.kinds else ""
    rows = store.db.execute(
        f"SELECT id FROM stories WHERE announced >= ? AND fed AND NOT hidden{of_kinds}"
        f" AND {_IN_CHANNELS.format(marks(plan.channels))} AND NOT {_TOLD.format('')}"
        " ORDER BY announced DESC, published DESC, id",
        [stamp(floor), *plan.kinds, *plan.channels, plan.id],
    )
    return [row[0] for row in rows]


def revised(store: Store, plan: DigestPlan, *, floor: datetime) -> list[str]:
    """Stories a digest told that were significantly edited since (E1), of whatever kind they are by now.

    Not what was split off and is announced nowhere, although its items were told (I7).
    """
    rows = store.db.execute(
        "SELECT id FROM stories WHERE changed >= ? AND fed AND NOT hidden"
        f" AND {_IN_CHANNELS.format(marks(plan.channels))} AND {_TOLD.format('')}"
        f" AND NOT {_TOLD.format(' AND ledger.mark >= stories.updated')}"
        " ORDER BY announced DESC, published DESC, id",
        [stamp(floor), *plan.channels, plan.id, plan.id],
    )
    return [row[0] for row in rows]


def withdrawn(store: Store, plan: DigestPlan, *, floor: datetime) -> dict[str, datetime]:
    """Stories a digest told that an editor took back as withdrawn (I8), and when. Not what is only hidden."""
    rows = store.db.execute(
        "SELECT stories.id, tombstones.at FROM stories JOIN tombstones ON tombstones.story_id = stories.id"
        " WHERE stories.changed >= ? AND stories.fed AND stories.hidden AND tombstones.became IS NULL"
        f" AND tombstones.reason GLOB 'withdrawn*' AND {_TOLD.format('')}"
        f" AND NOT {_TOLD.format(' AND ledger.reason = ? AND ledger.mark >= tombstones.at')}"
        " ORDER BY stories.announced DESC, stories.published DESC, stories.id",
        [stamp(floor), plan.id, plan.id, EntryReason.WITHDRAWN],
    )
    return {row["id"]: sure_moment(row["at"]) for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastText:
    """The words a digest last told a story in: whose, and the text behind them where it is another by now."""

    item_id: str
    title: str
    text: str | None


def last_texts(store: Store, digest_id: str, story_ids: Iterable[str]) -> dict[str, LastText]:
    """How a digest last told stories; nothing of those it told before words were kept."""
    found = {}
    for part in chunked(story_ids):
        for row in store.db.execute(
            "SELECT items.story_id, edition_entries.item_id, edition_entries.title,"
            " (SELECT text FROM revisions WHERE revisions.item_id = edition_entries.item_id"
            "  AND replaced > editions.composed ORDER BY number LIMIT 1) AS text"
            " FROM items CROSS JOIN edition_entries ON edition_entries.item_id = items.id"
            " CROSS JOIN editions ON editions.id = edition_entries.edition_id"
            f" WHERE editions.digest_id = ? AND edition_entries.reason <> ? AND items.story_id IN ({marks(part)})"
            " ORDER BY editions.composed",
            [digest_id, EntryReason.WITHDRAWN, *part],
        ):
            found[row["story_id"]] = LastText(item_id=row["item_id"], title=row["title"], text=row["text"])
    return found


def forget_entries(store: Store, item_ids: Iterable[str]) -> None:
    """Items count as never told: the story they found is announced anew (I7); in the caller's transaction."""
    store.db.conn.executemany("DELETE FROM ledger WHERE item_id = ?", [[item_id] for item_id in item_ids])


# --- composing -----------------------------------------------------------------------------------------


def is_composed(store: Store, edition_id: str) -> bool:
    """Whether an edition of that id exists."""
    return store.db.execute("SELECT 1 FROM editions WHERE id = ?", [edition_id]).fetchone() is not None


def compose(
    store: Store, edition: Edition, letter: MessageBody, carried: PendingStories, *, published: bool = True
) -> None:
    """The edition, its words and what goes on the ledger for it (M1, M4); in the caller's transaction.

    One that is not `published` is mailed only: it has no page.
    """
    store.db.execute(
        "INSERT INTO editions (id, digest_id, period, composed, subject, text, html, title, language, revision)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            edition.id,
            edition.digest_id,
            edition.period.isoformat(),
            stamp(edition.composed),
            edition.subject,
            letter.text,
            letter.html,
            edition.title,
            edition.language,
            int(published),
        ],
    )
    store.db.conn.executemany(
        f"INSERT INTO edition_entries (edition_id, position, {', '.join(_WORDS)})"
        f" VALUES (?, ?, {', '.join('?' * len(_WORDS))})",
        [[edition.id, n, *_row(told)] for n, told in enumerate(edition.told)],
    )
    _carry(store, edition, EntryReason.NEW, ((story, story.updated) for story in carried.new))
    for retold in carried.retold:
        mark = retold.at if retold.turn is UpdateKind.WITHDRAWN else retold.story.updated
        _carry(store, edition, retold.reason, [(retold.story, mark)])
    clear_finished_mark(store)  # its page is to be written


def _carry(
    store: Store, edition: Edition, reason: EntryReason, stories: Iterable[tuple[Story, datetime]]
) -> None:
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO ledger (digest_id, item_id, reason, mark, edition_id) VALUES (?, ?, ?, ?, ?)",
        [
            [edition.digest_id, story_item.item.id, reason, stamp(mark), edition.id]
            for story, mark in stories
            for story_item in story.items
        ],
    )


def close_period(store: Store, digest_id: str, period: date, now: datetime, since: datetime) -> None:
    """A period is over for a digest, also when there was nothing to tell (M2); in the caller's transaction."""
    store.db.execute(
        "INSERT INTO digests (id, since, last_period, last_composed) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET since = excluded.since, last_period = excluded.last_period,"
        " last_composed = excluded.last_composed",
        [digest_id, stamp(since), period.isoformat(), stamp(now)],
    )


# --- pages ---------------------------------------------------------------------------------------------


def unwritten(store: Store, *, everything: bool = False) -> dict[str, int]:
    """The editions whose page is not as the store has it, with their revision; or all that have a record."""
    which = "revision > 0" if everything else "revision <> written_revision"
    return {
        row["id"]: row["revision"]
        for row in store.db.execute(f"SELECT id, revision FROM editions WHERE {which} ORDER BY id")
    }


def written(store: Store, revisions: dict[str, int]) -> None:
    """The pages of these revisions are on disk."""
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE editions SET written_revision = ? WHERE id = ?",
            [[revision, id_] for id_, revision in revisions.items()],
        )


def read(store: Store, edition_id: str) -> Edition:
    """An edition as it was told; stories hidden since are marked as gone."""
    row = store.db.execute("SELECT * FROM editions WHERE id = ?", [edition_id]).fetchone()
    told = store.db.execute(
        "SELECT edition_entries.*, stories.hidden"
        " AND NOT (edition_entries.reason = ? AND tombstones.reason GLOB 'withdrawn*') AS gone"
        " FROM edition_entries JOIN items ON items.id = edition_entries.item_id"
        " LEFT JOIN stories ON stories.id = items.story_id"
        " LEFT JOIN tombstones ON tombstones.story_id = stories.id WHERE edition_id = ? ORDER BY position",
        [EntryReason.WITHDRAWN, edition_id],
    )
    return Edition(
        id=row["id"],
        digest_id=row["digest_id"],
        title=row["title"],
        subject=row["subject"],
        language=row["language"],
        period=date.fromisoformat(row["period"]),
        composed=sure_moment(row["composed"]),
        told=tuple(_told(one) for one in told),
    )


def any_entries(store: Store) -> bool:
    """Whether some edition has a record, and thus a page."""
    return store.db.execute("SELECT 1 FROM editions WHERE revision > 0 LIMIT 1").fetchone() is not None


def summaries(store: Store) -> list[EditionSummary]:
    """Every edition that has a record, the newest first."""
    rows = store.db.execute(
        "SELECT id, subject, language, composed,"
        " (SELECT count(*) FROM edition_entries WHERE edition_id = editions.id) AS stories"
        " FROM editions WHERE revision > 0 ORDER BY composed DESC, id"
    )
    return [
        EditionSummary(
            id=row["id"],
            subject=row["subject"],
            language=row["language"],
            composed=sure_moment(row["composed"]),
            stories=row["stories"],
        )
        for row in rows
    ]


_WORDS = (
    "item_id",
    "story_id",
    "reason",
    "section",
    "title",
    "publisher",
    "day",
    "link",
    "language",
    "also",
    "excerpt",
    "turn",
    "turned",
    "before",
)


def _row(told: EditionEntry) -> list[object]:
    values = {name: getattr(told, name) for name in _WORDS}
    values["day"] = told.day.isoformat()
    values["also"] = json.dumps(told.also, ensure_ascii=False)
    values["turned"] = told.turned and told.turned.isoformat()
    return [values[name] for name in _WORDS]


def _told(row: Mapping[str, Any]) -> EditionEntry:
    values = {name: row[name] for name in _WORDS}
    return EditionEntry(
        **values
        | {
            "reason": EntryReason(row["reason"]),
            "day": date.fromisoformat(row["day"]),
            "also": tuple(json.loads(row["also"])),
            "turn": UpdateKind(row["turn"]) if row["turn"] else None,
            "turned": date.fromisoformat(row["turned"]) if row["turned"] else None,
            "gone": bool(row["gone"]),
        }
    )
