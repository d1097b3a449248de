"""Put stories into the channels that select them, as feeds.yaml says now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.model.config import Channel
from aggregator.publishing import channel_filter
from aggregator.store import archives, channels, stories
from aggregator.store.connection import Store


def update_channels(
    store: Store, all_channels: Sequence[Channel], story_ids: Iterable[str], now: datetime
) -> None:
    """Put stories into the channels that select them now, inside the caller's transaction (P1)."""
    facts = stories.facts(store, story_ids)
    choose = channel_filter.chooser(all_channels)
    channels.enroll(store, {fact.story_id: _chosen(fact, choose) for fact in facts}, facts, now)


def _chosen(fact: stories.StoryFacts, choose: channel_filter.Chooser) -> tuple[str, ...]:
    """The channels a story is in; a hidden one is in none."""
    return () if fact.hidden else choose(fact.sources, fact.topics, fact.kind, fact.languages)


def reselect_channels(store: Store, all_channels: Sequence[Channel], now: datetime) -> None:
    """Bring memberships in line with feeds.yaml where a channel's include or exclude changed."""
    channels.sync(store, [channel.id for channel in all_channels])
    records = channels.records(store)
    stale = [
        channel
        for channel in all_channels
        if records[channel.id].selected_with != repr((channel.include, channel.exclude))
    ]
    if not stale:
        return
    choose = channel_filter.chooser(stale)
    with store.transaction():
        for channel in stale:
            channels.clear(store, channel.id)
        for ids in _concerned(store, stale):
            facts = stories.facts(store, ids)
            channels.add(store, {fact.story_id: _chosen(fact, choose) for fact in facts}, facts)
        for channel in stale:
            channels.selected(store, channel.id, repr((channel.include, channel.exclude)), now)
        if any(channel.id == "all" for channel in stale):  # whose past is the archive (P2)
            archives.bump(store, [record.month for record in archives.records(store)])


def _concerned(store: Store, stale: Sequence[Channel]) -> Iterable[list[str]]:
    """The stories that may be in one of the channels, in lists: a new source costs no look at the whole archive."""
    sources = [source for channel in stale for source in channel.include.sources]
    if all(channel.automatic and channel.include.sources for channel in stale):
        return stories.of_sources(store, sources)
    return stories.every_id(store)
