"""Find the events of items of earlier versions in their stored texts."""

from __future__ import annotations

from functools import partial

from aggregator.dedupe.assign import relate_events
from aggregator.items.item_events import events_of
from aggregator.model.events import Event
from aggregator.polling.round import Round
from aggregator.quarantine import CaughtError, catch_unexpected
from aggregator.store import event_backfill
from aggregator.store.event_backfill import UnsearchedItem

MAX_ITEMS = 1_000
"""Maximum items of one round; reading one takes about a millisecond."""


def find_stored_events(work: Round) -> None:
    """Find events in the newest items in which none were searched; without a request."""
    items = event_backfill.unsearched(work.store, MAX_ITEMS)
    if not items:
        return
    found = {item.id: _events(work, item) for item in items}
    with work.transaction():
        event_backfill.save(work.store, found)
        dated = {item.story_id for item in items if item.story_id and found[item.id]}
        work.update_channels(dated)
        relate_events(work.store, work.config.channels, dated, work.now)


def _events(work: Round, item: UnsearchedItem) -> tuple[Event, ...]:
    """Return the events of an item; none if its text breaks the program."""
    zones = {source.id: source.timezone for source in work.config.sources}
    zone = zones.get(item.source_id, work.config.site.timezone)
    events = catch_unexpected(
        partial(events_of, None, item.title, item.text, item.kind, item.language, item.published, zone)
    )
    return () if isinstance(events, CaughtError) else events
