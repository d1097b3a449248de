"""Read which deadlines a digest has to repeat, and what its editions said about events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from aggregator.model.config import DigestPlan
from aggregator.model.digests import EntryReason
from aggregator.model.events import Event
from aggregator.store import event_facts
from aggregator.store.connection import Store
from aggregator.store.items import chunked, placeholders

MAX_TIME_TO_DEADLINE = timedelta(days=7)
"""Maximum time between an edition and a deadline that it repeats (CA7)."""


def near_deadlines(store: Store, plan: DigestPlan, today: date) -> dict[str, str]:
    """Return the stories whose deadline is near with its part, the nearest first (M1, CA7).

    An earlier edition had the story more than seven days before the deadline, and none has repeated it. Of stories
    about one deadline only one is returned.
    """
    rows = store.db.execute(
        "SELECT said.story_id, said.part, said.entry_id, said.entry_part FROM story_events AS said"
        " JOIN stories ON stories.id = said.story_id"
        " WHERE said.present AND NOT hidden AND fed AND json_extract(said.facts, '$.kind') = 'deadline'"
        " AND coalesce(json_extract(said.facts, '$.status'), '') NOT IN ('cancelled', 'postponed')"
        " AND json_extract(said.facts, '$.retrospective') IS NULL"
        " AND json_extract(said.facts, '$.month_only') IS NULL AND said.last_day BETWEEN ? AND ?"
        " AND EXISTS (SELECT 1 FROM channel_stories WHERE channel_stories.story_id = said.story_id"
        f" AND channel_id IN ({placeholders(plan.channels)}))"
        " AND EXISTS (SELECT 1 FROM items CROSS JOIN ledger ON ledger.item_id = items.id"
        " JOIN editions ON editions.id = ledger.edition_id WHERE items.story_id = said.story_id"
        " AND ledger.digest_id = ? AND ledger.reason <> ?"
        f" AND date(editions.composed) < date(said.last_day, '-{MAX_TIME_TO_DEADLINE.days} days'))"
        " AND NOT EXISTS (SELECT 1 FROM story_events AS twin CROSS JOIN items ON items.story_id = twin.story_id"
        " CROSS JOIN ledger ON ledger.item_id = items.id WHERE twin.entry_id = said.entry_id"
        " AND twin.entry_part = said.entry_part AND ledger.digest_id = ? AND ledger.reason = ?"
        " AND ledger.mark = said.last_day)"
        " ORDER BY said.last_day, said.story_id <> said.entry_id, said.story_id, said.part",
        [
            today.isoformat(),
            (today + MAX_TIME_TO_DEADLINE).isoformat(),
            *plan.channels,
            plan.id,
            EntryReason.CLOSING,
            plan.id,
            EntryReason.CLOSING,
        ],
    )
    parts: dict[str, str] = {}
    entries = set()
    for row in rows:
        entry = row["entry_id"], row["entry_part"]
        if entry not in entries and row["story_id"] not in parts:
            entries.add(entry)
            parts[row["story_id"]] = row["part"]
    return parts


def last_events(store: Store, digest_id: str, entry_ids: Iterable[str]) -> dict[str, Event]:
    """Return what a digest said last about the event of each calendar entry."""
    events: dict[str, Event] = {}
    for part in chunked(sorted(set(entry_ids))):
        for row in store.db.execute(
            "SELECT said.entry_id, edition_entries.event FROM story_events AS said"
            " CROSS JOIN items ON items.story_id = said.story_id"
            " CROSS JOIN edition_entries ON edition_entries.item_id = items.id"
            " CROSS JOIN editions ON editions.id = edition_entries.edition_id"
            " WHERE said.part = '' AND said.entry_part = '' AND edition_entries.event IS NOT NULL"
            " AND edition_entries.reason <> ?"
            f" AND editions.digest_id = ? AND said.entry_id IN ({placeholders(part)}) ORDER BY editions.composed",
            [EntryReason.CLOSING, digest_id, *part],
        ):
            if event := event_facts.decode_one(row["event"]):
                events[row["entry_id"]] = event
    return events
