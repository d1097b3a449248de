"""Hide stories whose items are all withdrawn, and show them again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aggregator.dedupe.cluster import lead_order
from aggregator.store import editorial, maintenance, stories, story_members, story_placement
from aggregator.store.connection import Store

PUBLISHER = "its publisher (404 or 410, twice)"
"""Who decided, as `story show` says it."""


def hide_withdrawn(store: Store, story_ids: Iterable[str], now: datetime) -> None:
    """A story that nobody tells any more is hidden, and shown again when somebody does, but for an editor's word.

    The living lead before the withdrawn (I6); neither id nor `published` moves.
    """
    clusters = story_members.clusters(store, story_ids)
    hidden = stories.hidden(store, [told.story_id for told in clusters])
    for told in clusters:
        id_ = told.story_id
        if all(member.withdrawn for member in told.members):
            if maintenance.hide(store, id_, PUBLISHER, now, withdrawn=True):
                editorial.decide(store, "hide", PUBLISHER, now, stories=[id_])
        elif id_ in hidden and editorial.hidden_by(store, id_) == PUBLISHER:
            maintenance.unhide(store, id_, now)
            editorial.decide(store, "unhide", PUBLISHER, now, stories=[id_])
        lead = min(told.members, key=lead_order).item_id
        if lead != told.lead.item_id:
            story_placement.set_leads(store, {id_: lead}, now)
