"""Jobs that only look: status, search, one story. They take no lock and change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aggregator.errors import UnknownName
from aggregator.model import Config, Story
from aggregator.store import outbox, runs, sources, stories
from aggregator.store.connection import Store, opened


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The health of everything; `sources` and `runs` as the public contract has them."""

    sources: tuple[dict[str, Any], ...]
    stories: int
    items: int
    subscribers: int
    owed: int
    parked: dict[str, int]
    runs: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A story with why each of its items is in it."""

    story: Story
    why: dict[str, str]


def status(config: Config) -> StatusReport:
    """How every source is doing, what ran last, what mail is owed."""
    with _store(config) as store:
        count, items = stories.counts(store)
        unsent = outbox.owed_counts(store)
        return StatusReport(
            sources=tuple(sources.health(store)),
            stories=count,
            items=items,
            subscribers=len({address for digest in config.digests for address in digest.recipients}),
            owed=unsent.pop("queued", 0) + unsent.pop("sending", 0),
            parked=unsent,
            runs=tuple(runs.last(store, 5)),
        )


def search(config: Config, query: str, limit: int) -> list[Story]:
    """Stories that contain all words of `query`, best first."""
    with _store(config) as store:
        return stories.read(store, stories.search(store, query, limit))


def story(config: Config, name: str) -> Told:
    """One story, by its id, the beginning of it, or the id of one of its items."""
    with _store(config) as store:
        found = stories.resolve(store, name)
        read = stories.read(store, [found], texts=True) if found else []
        if not read:
            raise UnknownName(f"no story {name!r}; `aggregator search` finds stories and shows their ids")
        return Told(story=read[0], why=stories.why(store, read[0].id))


def _store(config: Config) -> AbstractContextManager[Store]:
    return opened(config.data / "aggregator.db", create=False)


def story_json(told: Told) -> dict[str, Any]:
    """A story as one JSON object."""
    shown = told.story
    return {
        "id": shown.id,
        "title": shown.lead.title,
        "kind": shown.kind,
        "topics": shown.topics,
        "announced": shown.announced,
        "published": shown.published,
        "updated": shown.updated,
        "items": [
            {
                "id": s.item.id,
                "source": s.teller.id,
                "lead": s.item.id == shown.lead.id,
                "title": s.item.title,
                "link": s.item.link,
                "guid": s.item.guid,
                "claimed": s.item.claimed,
                "first_seen": s.item.first_seen,
                "language": s.item.language,
                "excerpt": s.item.excerpt,
                "why": told.why.get(s.item.id, ""),
            }
            for s in shown.sightings
        ],
        "related": [{"story": other, "why": why} for other, why in shown.related],
    }


def story_line(shown: Story) -> dict[str, Any]:
    """A story as one search result."""
    return {
        "story": shown.id,
        "title": shown.lead.title,
        "published": shown.published,
        "source": shown.teller.id,
        "also": [s.teller.id for s in shown.also],
        "link": shown.lead.link,
    }


def ago(moment: datetime | None, now: datetime) -> str:
    """How far away a moment is, in words as short as a table needs."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    for limit, unit, worth in (
        (90, "s", 1),
        (5400, "min", 60),
        (172800, "h", 3600),
        (float("inf"), "d", 86400),
    ):
        if size < limit:
            words = f"{round(size / worth)} {unit}"
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    return ""
