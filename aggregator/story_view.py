"""Read stories for people: by id, or by full-text search."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from aggregator.database import existing_store
from aggregator.errors import UnknownName
from aggregator.model.config import Config
from aggregator.model.reports import QuarantineStep
from aggregator.model.stories import Story
from aggregator.quarantine import Quarantine, value_or_nothing_to_show
from aggregator.store import stories, story_search
from aggregator.store.connection import Store
from aggregator.text import legal

logger = logging.getLogger("aggregator.story_view")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryView:
    """A story, and the reason why each of its items is in it."""

    story: Story
    why: dict[str, str]


def search(config: Config, query: str, limit: int) -> list[Story]:
    """Return at most `limit` stories that contain all words of `query`, the last stored first."""
    with existing_store(config) as store, store.snapshot():
        quarantine = Quarantine(store)
        found = quarantine.apply_without_failing(
            QuarantineStep.SHOWING,
            story_search.search(store, legal(query), limit),
            partial(stories.read, store),
        )
    for (_, name), reason in quarantine.added.items():
        logger.warning("the story %s cannot be read (%s)", name, reason)
    return found


def read(config: Config, name: str) -> StoryView:
    """Return one story by its id, the beginning of its id, or the id of an item.

    Raises UnknownName.
    """
    with existing_store(config) as store, store.snapshot():
        return read_from(store, name)


def read_from(store: Store, name: str) -> StoryView:
    """Return one story as `read` does, in the caller's snapshot."""
    found = story_search.resolve(store, name)
    read = value_or_nothing_to_show(found, lambda: stories.read(store, [found], texts=True)) if found else []
    if not read:
        raise UnknownName(f"no story {name!r}; `aggregator search` finds stories and shows their ids")
    return StoryView(story=read[0], why=stories.reasons(store, read[0].id))


def as_json(view: StoryView) -> dict[str, Any]:
    """Return a story with its items as one JSON object."""
    shown = view.story
    return {
        "id": shown.id,
        "title": shown.lead.title,
        "kind": shown.kind,
        "topics": shown.topics,
        "hidden": shown.hidden,
        "announced": shown.announced,
        "published": shown.published,
        "updated": shown.updated,
        "items": [
            {
                "id": s.item.id,
                "source": s.publisher.id,
                "lead": s.item.id == shown.lead.id,
                "title": s.item.title,
                "link": s.item.link,
                "guid": s.item.guid,
                "claimed": s.item.claimed,
                "first_seen": s.item.first_seen,
                "language": s.item.language,
                "excerpt": s.item.excerpt,
                "why": view.why.get(s.item.id, ""),
            }
            for s in shown.items
        ],
        "event": _event(shown),
        "related": [{"story": other, "why": why} for other, why in shown.related],
    }


def _event(shown: Story) -> dict[str, Any] | None:
    """Return the facts of a story's event, None without one; of a series, its next date."""
    if shown.event is None:
        return None
    event = shown.event.event
    start, end = event.dates[0]
    return {
        "kind": event.kind,
        "start": start,
        "end": end,
        "zone": event.zone,
        "place": event.place,
        "attendance": event.attendance,
        "status": event.status,
        "calendar_entry_of": shown.event.entry_id,
    }


def as_result(shown: Story) -> dict[str, Any]:
    """Return a story as one search result in JSON."""
    return {
        "story": shown.id,
        "title": shown.lead.title,
        "published": shown.published,
        "source": shown.publisher.id,
        "also": [s.publisher.id for s in shown.further_items],
        "link": shown.lead.link,
    }
