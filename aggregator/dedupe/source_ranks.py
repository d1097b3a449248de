"""Job step: choose leads again when feeds.yaml ranks sources differently (I6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.dedupe.assign import lead_item_id
from aggregator.model.config import Channel, Config
from aggregator.publishing.channels import update_channels
from aggregator.store import sources, stories, story_members, story_placement
from aggregator.store.connection import Store


def apply(store: Store, config: Config, source_ids: Iterable[str], now: datetime) -> None:
    """Choose the leads of stories of sources whose `priority` or `aggregator` changed.

    It is repeated if it is interrupted. Neither id nor `published` of a story changes.
    """
    for story_ids in stories.shared_of_sources(store, source_ids):
        with store.transaction():
            _choose_leads(store, config.channels, story_ids, now)
    with store.transaction():
        sources.record_ranks(store, config.sources)


def _choose_leads(store: Store, channels: Sequence[Channel], story_ids: Sequence[str], now: datetime) -> None:
    leads = {
        each.story_id: lead_id
        for each in story_members.clusters(store, story_ids)
        if (lead_id := lead_item_id(each.members)) != each.lead.item_id
    }
    if leads:
        story_placement.set_leads(store, leads, now)
        update_channels(store, channels, leads, now)
