"""Read what editors choose from: held items, hidden stories, and how much waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aggregator.model.stories import Decision
from aggregator.store.connection import Store, sure_moment
from aggregator.store.items import chunked, marks

LOST_ITEMS = "items are left at once"
"""Part of the reason of a page that lost most of its items and waits for an editor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldItem:
    """An item that waits for an editor."""

    title: str
    link: str | None
    language: str | None
    claimed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSource:
    """A source under review: the number of its held items, and some of them.

    Without held items its page lost most of its items; `reason` says how many.
    """

    id: str
    name: str
    reason: str | None
    count: int
    items: tuple[HeldItem, ...]


def held_sources(store: Store, max_items: int) -> list[HeldSource]:
    """Return the sources under review, each with its last `max_items` items.

    They have the order of feeds.yaml.
    """
    rows = store.db.execute(
        "SELECT id, name, reason, (SELECT count(*) FROM items WHERE held = 'waiting' AND source_id = sources.id)"
        f" AS held FROM sources WHERE configured = 1 AND (held > 0 OR reason LIKE '%{LOST_ITEMS}%')"
        " ORDER BY position"
    ).fetchall()
    return [
        HeldSource(
            id=row["id"],
            name=row["name"],
            reason=row["reason"],
            count=row["held"],
            items=_held_items(store, row["id"], max_items),
        )
        for row in rows
    ]


def _held_items(store: Store, source_id: str, count: int) -> tuple[HeldItem, ...]:
    rows = store.db.execute(
        "SELECT title, link, language, claimed FROM items WHERE held = 'waiting' AND source_id = ?"
        " ORDER BY sort DESC, number LIMIT ?",
        [source_id, count],
    )
    return tuple(
        HeldItem(
            title=row["title"],
            link=row["link"],
            language=row["language"],
            claimed=sure_moment(row["claimed"]) if row["claimed"] else None,
        )
        for row in rows
    )


def last_hidden(store: Store, count: int) -> list[tuple[str, str]]:
    """Return ids and titles of at most `count` hidden stories, the last hidden first."""
    rows = store.db.execute(
        "SELECT id, title FROM stories INDEXED BY stories_hidden WHERE hidden = 1 ORDER BY changed DESC LIMIT ?",
        [count],
    )
    return [(row["id"], row["title"]) for row in rows]


def subjects(decision: Decision) -> tuple[str, ...]:
    """Return the ids of the stories or items that a decision is about.

    Of a merge these are the items that led the stories, of a split the kept story and the items that left it: after a
    merge or an undo, only items still have titles of their own.
    """
    match decision.verb.removeprefix("undo "):
        case "merge":
            return decision.items
        case "split":
            return (*decision.stories[:1], *decision.items)
        case _:
            return decision.stories


def titles(store: Store, decisions: Iterable[Decision]) -> dict[str, str]:
    """Return the titles of what decisions are about, by id of the story or item."""
    found: dict[str, str] = {}
    for part in chunked(sorted({id_ for each in decisions for id_ in subjects(each)})):
        rows = store.db.execute(
            f"SELECT id, title FROM stories WHERE id IN ({marks(part)})"
            " UNION ALL SELECT tombstones.story_id, stories.title FROM tombstones"
            f" JOIN stories ON stories.id = tombstones.became WHERE tombstones.story_id IN ({marks(part)})"
            f" UNION ALL SELECT id, title FROM items WHERE id IN ({marks(part)})",
            [*part, *part, *part],
        )
        found.update((row[0], row[1]) for row in rows)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much waits for an editor."""

    candidates: int
    postponed: int
    held_items: int
    held_sources: int


def waiting(store: Store, now: str) -> Waiting:
    """Return how much waits for an editor at a moment, as stored."""
    visible = (
        "SELECT count(*) FROM merge_candidates CROSS JOIN stories AS a ON a.id = story_id"
        " CROSS JOIN stories AS b ON b.id = other_id WHERE a.hidden = 0 AND b.hidden = 0"
    )
    row = store.db.execute(
        f"SELECT ({visible} AND (later IS NULL OR later <= ?1)), ({visible} AND later > ?1),"
        " (SELECT count(*) FROM items WHERE held = 'waiting'"
        " AND source_id IN (SELECT id FROM sources WHERE configured = 1)),"
        " (SELECT count(*) FROM sources WHERE configured = 1 AND"
        f" (reason LIKE '%{LOST_ITEMS}%' OR EXISTS (SELECT 1 FROM items WHERE held = 'waiting'"
        " AND source_id = sources.id)))",
        [now],
    ).fetchone()
    return Waiting(candidates=row[0], postponed=row[1], held_items=row[2], held_sources=row[3])
