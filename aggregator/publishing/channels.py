"""Put stories into the channels that select them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from aggregator.model.config import Channel, DigestPlan
from aggregator.publishing import channel_filter, story_events
from aggregator.store import archives, channels, digest_selections, stories
from aggregator.store import story_events as stored_events
from aggregator.store.connection import Store

MAX_STORIES = 100
"""Maximum stories in a feed and on a page."""


def update_channels(
    store: Store, all_channels: Sequence[Channel], story_ids: Iterable[str], now: datetime
) -> None:
    """Recompute events and channels of these stories, in the caller's transaction (P1).

    Stories whose events follow from those of these ones change as well (EX7). Calendars have the entries of these ones
    for other stories, too.
    """
    ids = set(story_ids)
    changed = ids | story_events.update_events(store, ids, now)
    channels.raise_revisions_of_stories(store, stored_events.stories_with_same_entries(store, ids) - changed)
    facts = stories.facts(store, changed)
    select = channel_filter.channel_selector(all_channels)
    channels.replace_memberships(
        store, {fact.story_id: _selected(fact, select) for fact in facts}, facts, now
    )


def update_channels_quietly(
    store: Store, all_channels: Sequence[Channel], story_ids: Collection[str], now: datetime
) -> None:
    """Recompute the channels of stories whose topics changed, in the caller's transaction.

    Their calendar entries, which name topics, are also in calendars of other stories.
    """
    stored_events.raise_revisions(store, story_ids)
    channels.raise_revisions_of_stories(store, stored_events.stories_with_same_entries(store, story_ids))
    facts = stories.facts(store, story_ids)
    select = channel_filter.channel_selector(all_channels)
    channels.move_quietly(store, {fact.story_id: _selected(fact, select) for fact in facts}, facts, now)


def _selected(fact: stories.StoryFacts, select: channel_filter.Selector) -> tuple[str, ...]:
    """Return the channels of a story; a hidden story has none."""
    return () if fact.hidden else select(fact.sources, fact.topics, fact.kind, fact.languages)


def reselect_channels(
    store: Store, all_channels: Sequence[Channel], digests: Sequence[DigestPlan], now: datetime
) -> None:
    """Recompute the stories of each channel whose `include` or `exclude` changed in feeds.yaml.

    Digests do not carry old stories as new because of that, or because of other channels or kinds of their own (M1).
    """
    channels.synchronise(store, [channel.id for channel in all_channels])
    records = channels.records(store)
    stale = [
        channel
        for channel in all_channels
        if records[channel.id].selected_with != repr((channel.include, channel.exclude))
    ]
    changed = digest_selections.changed(store, digests, [channel.id for channel in stale])
    if not stale and not changed:
        return
    with store.transaction(), digest_selections.selecting_again(store, changed, now):
        _fill(store, stale, now)


def _fill(store: Store, stale: Sequence[Channel], now: datetime) -> None:
    select = channel_filter.channel_selector(stale)
    for channel in stale:
        channels.clear(store, channel.id)
    for ids in _possible_stories(store, stale):
        facts = stories.facts(store, ids)
        channels.add(store, {fact.story_id: _selected(fact, select) for fact in facts}, facts)
    for channel in stale:
        channels.set_selection(store, channel.id, repr((channel.include, channel.exclude)), now)
    if any(channel.id == "all" for channel in stale):  # the archive contains its stories (P2)
        archives.raise_revisions(store, [record.month for record in archives.records(store)])


def _possible_stories(store: Store, stale: Sequence[Channel]) -> Iterable[list[str]]:
    """Return lists of ids of the stories that may be in one of the channels.

    For channels of single sources these are only their stories, so that a new source does not read the whole archive.
    """
    sources = [source for channel in stale for source in channel.include.sources]
    if all(channel.automatic and channel.include.sources for channel in stale):
        return stories.of_sources(store, sources)
    return stories.all_ids(store)


def known_channels(store: Store, all_channels: Sequence[Channel]) -> list[Channel]:
    """Return the configured channels that the store knows; the next run fills the others."""
    known = channels.known_ids(store)
    return [channel for channel in all_channels if channel.id in known]


def newest_stories(store: Store, channel_id: str, *, in_feeds_only: bool) -> dict[str, datetime]:
    """Return when the newest stories of a channel, at most `MAX_STORIES`, were announced.

    `in_feeds_only` leaves out stories that are on pages and in search only.
    """
    return channels.newest_stories(store, channel_id, MAX_STORIES, in_feeds_only=in_feeds_only)
