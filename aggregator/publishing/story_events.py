"""Keep the events of stories up to date with their items, related stories and editors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator.store import story_events
from aggregator.store.connection import Store

MAX_RELATED = 300
"""Maximum number of stories that are compared because they are related to changed ones."""
UTC = ZoneInfo("UTC")
"""The zone for days of moments whose source states only an offset."""


def update_events(store: Store, story_ids: Iterable[str], now: datetime) -> set[str]:
    """Derive the events of changed stories and of stories about the same events (EX6, EX7).

    Returns the stories whose events changed, or whose calendar entries did. Runs in the caller's transaction.
    """
    ids = set(story_ids)
    story_events.raise_revisions(store, ids)
    ids = story_events.with_events(store, ids)
    if not ids:
        return set()
    from aggregator.publishing import event_entries, event_status  # only for stories with events

    group, related = _with_related(store, ids)
    assigned = event_entries.assign_entries(
        [
            event_entries.Announcement(
                story_id=each.story_id,
                announced=each.announced,
                events=each.events,
                status=event_status.status_in(each.title, each.text),
                related=frozenset(related.get(each.story_id, ())),
                decided=each.decided,
            )
            for each in story_events.event_words(store, group)
        ],
        UTC,
    )
    rows = [
        story_events.EventRow(
            story_id=story_id,
            part=part,
            entry_id=each.entry_id,
            entry_part=each.entry_part,
            event=each.event,
            days=each.event.days(UTC),
        )
        for story_id, parts in assigned.items()
        for part, each in parts.items()
    ]
    changed = story_events.replace(store, group, rows, now)
    return changed | story_events.stories_with_same_entries(store, changed)


def _with_related(store: Store, ids: set[str]) -> tuple[set[str], dict[str, set[str]]]:
    """Return stories together with those related to them, directly or through others."""
    group, border = set(ids), set(ids)
    related: dict[str, set[str]] = {}
    while border and len(group) < len(ids) + MAX_RELATED:
        found = story_events.related_stories(store, border)
        related |= found
        border = {other for others in found.values() for other in others} - group
        border = story_events.with_events(store, border)
        group |= border
    return group, related
