"""Store editions with their entries, and the ledger of each digest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
from aggregator.model.events import Event
from aggregator.model.stories import Story
from aggregator.store import event_facts
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, placeholders
from aggregator.store.runs import clear_idle

UTC = ZoneInfo("UTC")
"""The zone for days of moments whose source states only an offset, as in `story_events`."""
MAX_FIRST_AGE = timedelta(days=7)
"""Maximum age of a story in the first edition of a digest, by announced time (M2)."""
MAX_PENDING_AGE = timedelta(days=31)
"""Maximum age of a pending story, by announced time before the last edition.

An older one came into the channels of the digest later, such as one that was hidden, and is no longer new. This is not
a window by claimed time: late items are announced when they arrive.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRecord:
    """The start of a digest, the last period it closed, and the time of its last edition."""

    since: datetime
    last_period: date
    last_composed: datetime

    @property
    def oldest_pending(self) -> datetime:
        """Return the announced time of the oldest story that may be pending."""
        return max(self.since, self.last_composed - MAX_PENDING_AGE)

    def old_before(self, now: datetime) -> datetime:
        """Return the announced time before which a story that enters the digest now is old (M1)."""
        return min(self.last_composed, now - MAX_FIRST_AGE)


def record(store: Store, digest_id: str) -> DigestRecord | None:
    """Read the record of a digest; None if it never ran."""
    row = store.db.execute("SELECT * FROM digests WHERE id = ?", [digest_id]).fetchone()
    if row is None:
        return None
    return DigestRecord(
        since=sure_moment(row["since"]),
        last_period=date.fromisoformat(row["last_period"]),
        last_composed=sure_moment(row["last_composed"]),
    )


# --- pending stories -----------------------------------------------------------------------------------

_IN_CHANNELS = "EXISTS (SELECT 1 FROM channel_stories WHERE story_id = stories.id AND channel_id IN ({}))"
_IN_LEDGER = (
    "EXISTS (SELECT 1 FROM items CROSS JOIN ledger ON ledger.item_id = items.id"
    " WHERE items.story_id = stories.id AND ledger.digest_id = ?{})"
)
_CARRIED = _IN_LEDGER.format(" AND ledger.reason <> ?")


def pending(store: Store, plan: DigestPlan, *, since: datetime) -> list[str]:
    """Return ids of stories announced since a moment without any item in the ledger (M1)."""
    of_kinds = f" AND kind IN ({placeholders(plan.kinds)})" if plan.kinds else ""
    rows = store.db.execute(
        f"SELECT id FROM stories WHERE announced >= ? AND fed AND NOT hidden{of_kinds}"
        f" AND {_IN_CHANNELS.format(placeholders(plan.channels))} AND NOT {_IN_LEDGER.format('')}"
        " ORDER BY announced DESC, published DESC, id",
        [stamp(since), *plan.kinds, *plan.channels, plan.id],
    )
    return [row[0] for row in rows]


_LAST_CHANGE = (
    "max(iif(stories.updated > stories.published, stories.updated, ''),"
    " coalesce((SELECT changed FROM story_events WHERE story_id = stories.id AND entry_id = stories.id"
    " AND part = '' AND present AND sequence > 0), ''))"
)
"""SQL of the last significant edit of a story or change of its event (EX6), or empty text."""


def edited(store: Store, plan: DigestPlan, *, since: datetime) -> list[str]:
    """Return ids of stories in the ledger that were significantly edited since their entry (E1).

    Their kind is ignored, as it may have changed. A story split off without being announced is not included (I7).
    """
    rows = store.db.execute(
        "SELECT id FROM stories WHERE changed >= ? AND fed AND NOT hidden"
        f" AND {_IN_CHANNELS.format(placeholders(plan.channels))} AND {_CARRIED}"
        # Entries about a removal or a deadline do not report an edit.
        f" AND NOT {_IN_LEDGER.format(f' AND ledger.reason NOT IN (?, ?, ?) AND ledger.mark >= {_LAST_CHANGE}')}"
        " ORDER BY announced DESC, published DESC, id",
        [
            stamp(since),
            *plan.channels,
            plan.id,
            EntryReason.BASELINE,
            plan.id,
            EntryReason.BASELINE,
            EntryReason.WITHDRAWN,
            EntryReason.CLOSING,
        ],
    )
    return [row[0] for row in rows]


def removed(store: Store, plan: DigestPlan, *, since: datetime) -> dict[str, datetime]:
    """Return stories in the ledger that were removed since their entry, with the time (I8).

    Stories that are only hidden are not included.
    """
    rows = store.db.execute(
        "SELECT stories.id, tombstones.at FROM stories JOIN tombstones ON tombstones.story_id = stories.id"
        " WHERE stories.changed >= ? AND stories.fed AND stories.hidden AND tombstones.became IS NULL"
        f" AND tombstones.reason GLOB 'withdrawn*' AND {_CARRIED}"
        f" AND NOT {_IN_LEDGER.format(' AND ledger.reason = ? AND ledger.mark >= tombstones.at')}"
        " ORDER BY stories.announced DESC, stories.published DESC, stories.id",
        [stamp(since), plan.id, EntryReason.BASELINE, plan.id, EntryReason.WITHDRAWN],
    )
    return {row["id"]: sure_moment(row["at"]) for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEntry:
    """The item and title of a story in its last edition.

    `text` is the text of the item at that time, None if it has not changed since. `event` is what it said about one.
    """

    item_id: str
    title: str
    text: str | None
    event: Event | None = None


def last_entries(store: Store, digest_id: str, story_ids: Iterable[str]) -> dict[str, LastEntry]:
    """Return the last entry of each story in a digest, of its lead if it had one, by story id.

    Readers know the lead by its own entry, although others of the story may have been in the digest since (E1).
    Editions of versions before 0007 have no entries.
    """
    entries = {}
    for part in chunked(story_ids):
        for row in store.db.execute(
            "SELECT items.story_id, edition_entries.item_id, edition_entries.title, edition_entries.event,"
            " (SELECT text FROM revisions WHERE revisions.item_id = edition_entries.item_id"
            "  AND replaced > editions.composed ORDER BY number LIMIT 1) AS text"
            " FROM items CROSS JOIN edition_entries ON edition_entries.item_id = items.id"
            " CROSS JOIN editions ON editions.id = edition_entries.edition_id"
            " CROSS JOIN stories ON stories.id = items.story_id"
            " WHERE editions.digest_id = ? AND edition_entries.reason NOT IN (?, ?)"
            f" AND items.story_id IN ({placeholders(part)}) ORDER BY items.id = lead_id, editions.composed",
            [digest_id, EntryReason.WITHDRAWN, EntryReason.CLOSING, *part],
        ):
            entries[row["story_id"]] = LastEntry(
                item_id=row["item_id"],
                title=row["title"],
                text=row["text"],
                event=event_facts.decode_one(row["event"]),
            )
    return entries


def add_baseline(store: Store, plan: DigestPlan, story_ids: Iterable[str], *, until: datetime) -> None:
    """Record stories announced before a moment as known to a digest (M1).

    Those that are in its ledger stay as they are. Runs in the transaction of the caller.
    """
    for part in chunked(story_ids):
        store.db.execute(
            "INSERT INTO ledger (digest_id, item_id, reason, mark)"
            " SELECT ?, items.id, ?, stories.updated FROM stories JOIN items ON items.story_id = stories.id"
            f" WHERE stories.id IN ({placeholders(part)}) AND announced < ? AND NOT {_IN_LEDGER.format('')}",
            [plan.id, EntryReason.BASELINE, *part, stamp(until), plan.id],
        )


def delete_from_ledgers(store: Store, item_ids: Iterable[str]) -> None:
    """Remove items from all ledgers, so that their story counts as new (I7).

    Runs in the transaction of the caller.
    """
    store.db.conn.executemany("DELETE FROM ledger WHERE item_id = ?", [[item_id] for item_id in item_ids])


# --- adding an edition ---------------------------------------------------------------------------------


def exists(store: Store, edition_id: str) -> bool:
    """Return whether an edition is stored."""
    return store.db.execute("SELECT 1 FROM editions WHERE id = ?", [edition_id]).fetchone() is not None


def add(
    store: Store, edition: Edition, body: MessageBody, pending: PendingStories, *, published: bool = True
) -> None:
    """Store an edition with its entries, and record its stories in the ledger (M1, M4).

    Runs in the transaction of the caller. An edition that is not `published` has no page.
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
            body.text,
            body.html,
            edition.title,
            edition.language,
            int(published),
        ],
    )
    store.db.conn.executemany(
        f"INSERT INTO edition_entries (edition_id, position, {', '.join(_COLUMNS)})"
        f" VALUES (?, ?, {', '.join('?' * len(_COLUMNS))})",
        [[edition.id, n, *_row(entry)] for n, entry in enumerate(edition.entries)],
    )
    _record(store, edition, EntryReason.NEW, ((story, _last_change(story)) for story in pending.new))
    for update in pending.updates:
        mark = update.at if update.update_kind is UpdateKind.WITHDRAWN else _last_change(update.story)
        _record(store, edition, update.reason, [(update.story, mark)])
    for each in pending.closing:
        _record(store, edition, EntryReason.CLOSING, [(each.story, each.deadline.days(UTC)[1])])
    clear_idle(store)  # its page is to be written


def _last_change(story: Story) -> datetime:
    """Return the time of the last significant edit of a story, or of a change of its event."""
    return max(story.updated, story.event.changed) if story.event else story.updated


def _record(
    store: Store, edition: Edition, reason: EntryReason, stories: Iterable[tuple[Story, date]]
) -> None:
    """Record stories in the ledger, with their last change or the day of a deadline."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO ledger (digest_id, item_id, reason, mark, edition_id) VALUES (?, ?, ?, ?, ?)",
        [
            [
                edition.digest_id,
                story_item.item.id,
                reason,
                stamp(mark) if isinstance(mark, datetime) else mark.isoformat(),
                edition.id,
            ]
            for story, mark in stories
            for story_item in story.items
        ],
    )


def close_period(store: Store, digest_id: str, period: date, now: datetime, since: datetime) -> None:
    """Close a period of a digest, with or without an edition (M2).

    Runs in the transaction of the caller.
    """
    store.db.execute(
        "INSERT INTO digests (id, since, last_period, last_composed) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET since = excluded.since, last_period = excluded.last_period,"
        " last_composed = excluded.last_composed",
        [digest_id, stamp(since), period.isoformat(), stamp(now)],
    )


# --- pages ---------------------------------------------------------------------------------------------


def read(store: Store, edition_id: str) -> Edition:
    """Read an edition as it was sent; entries of stories hidden since then are marked."""
    row = store.db.execute("SELECT * FROM editions WHERE id = ?", [edition_id]).fetchone()
    rows = store.db.execute(
        "SELECT edition_entries.*, stories.hidden"
        " AND NOT (edition_entries.reason = ? AND tombstones.reason GLOB 'withdrawn*') AS hidden"
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
        entries=tuple(_entry(each) for each in rows),
    )


def summaries(store: Store) -> list[EditionSummary]:
    """Return every edition that has a page, the newest first."""
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


_COLUMNS = (
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
    "update_kind",
    "updated_on",
    "former_title",
    "event",
    "former_event",
)


def _row(entry: EditionEntry) -> list[object]:
    values = {name: getattr(entry, name) for name in _COLUMNS}
    values["day"] = entry.day.isoformat()
    values["also"] = json.dumps(entry.also, ensure_ascii=False)
    values["updated_on"] = entry.updated_on and entry.updated_on.isoformat()
    values["event"] = event_facts.encode_one(entry.event)
    values["former_event"] = event_facts.encode_one(entry.former_event)
    return [values[name] for name in _COLUMNS]


def _entry(row: Mapping[str, Any]) -> EditionEntry:
    values = {name: row[name] for name in _COLUMNS}
    return EditionEntry(
        **values
        | {
            "reason": EntryReason(row["reason"]),
            "day": date.fromisoformat(row["day"]),
            "also": tuple(json.loads(row["also"])),
            "update_kind": UpdateKind(row["update_kind"]) if row["update_kind"] else None,
            "updated_on": date.fromisoformat(row["updated_on"]) if row["updated_on"] else None,
            "event": event_facts.decode_one(row["event"]),
            "former_event": event_facts.decode_one(row["former_event"]),
            "hidden": bool(row["hidden"]),
        }
    )
