"""Hide stories whose items were all removed, and show them again when one is back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aggregator.dedupe.cluster import lead_order
from aggregator.model.stories import Cluster
from aggregator.store import (
    editorial,
    hidden_stories,
    missing_items,
    stories,
    story_members,
    story_placement,
)
from aggregator.store.connection import Store

PUBLISHER = "its publisher (404 or 410, twice)"
"""The author of such decisions in the log of decisions."""


def hide_removed(store: Store, story_ids: Iterable[str], now: datetime) -> None:
    """Hide stories without published items, and show those that have one again.

    A story that an editor hid stays hidden, and one that an editor showed after the last removal stays visible. A
    published item leads before a removed one (I6). Neither the id nor the publication time of a story changes.
    """
    clusters = story_members.clusters(store, story_ids)
    hidden = stories.hidden(store, [cluster.story_id for cluster in clusters])
    for cluster in clusters:
        if all(member.removed for member in cluster.members):
            _hide(store, cluster.story_id, now)
        elif cluster.story_id in hidden:
            _show_again(store, cluster.story_id, now)
        _choose_lead(store, cluster, now)


def _hide(store: Store, story_id: str, now: datetime) -> None:
    last, removed = editorial.visibility(store, story_id), missing_items.last_removal(store, story_id)
    if last and not last.hidden and last.who != PUBLISHER and removed and last.at >= removed:
        return
    if hidden_stories.hide(store, story_id, PUBLISHER, now, withdrawn=True):
        editorial.log_decision(store, "hide", PUBLISHER, now, stories=[story_id])


def _show_again(store: Store, story_id: str, now: datetime) -> None:
    if editorial.hidden_by(store, story_id) == PUBLISHER:
        hidden_stories.unhide(store, story_id, now)
        editorial.log_decision(store, "unhide", PUBLISHER, now, stories=[story_id])


def _choose_lead(store: Store, cluster: Cluster, now: datetime) -> None:
    lead = min(cluster.members, key=lead_order)
    if lead.item_id != cluster.lead.item_id:
        story_placement.set_leads(store, {cluster.story_id: lead.item_id}, now)
