"""Read the lists of the editors' pages: held items, hidden stories, numbers of reviews."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aggregator.model.stories import Decision
from aggregator.store.connection import Store, sure_moment
from aggregator.store.items import chunked, placeholders

LOST_ITEMS = "items are left at once"
"""Part of the reason of a source whose page lost most of its items and needs review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldItem:
    """A held item, which needs review."""

    title: str
    link: str | None
    language: str | None
    claimed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSource:
    """A source that needs review: the number of its held items, and some of them.

    A source without held items is a page that lost most of its items; `reason` states how many.
    """

    id: str
    name: str
    reason: str | None
    count: int
    items: tuple[HeldItem, ...]


def held_sources(store: Store, max_items: int) -> list[HeldSource]:
    """Return the sources that need review in the order of feeds.yaml.

    Each has its newest held items, at most `max_items`.
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
    """Return ids and titles of at most `count` hidden stories, the last changed first."""
    rows = store.db.execute(
        "SELECT id, title FROM stories INDEXED BY stories_hidden WHERE hidden = 1 ORDER BY changed DESC LIMIT ?",
        [count],
    )
    return [(row["id"], row["title"]) for row in rows]


def subjects_of(decision: Decision) -> tuple[str, ...]:
    """Return the ids of the stories or items that a decision is about.

    Of a merge these are the items that led the stories. Of a split they are the kept story and the items that left it.
    After a merge or an undo, only items still have titles of their own.
    """
    match decision.verb.removeprefix("undo "):
        case "merge":
            return decision.items
        case "split":
            return (*decision.stories[:1], *decision.items)
        case _:
            return decision.stories


def titles_of_subjects(store: Store, decisions: Iterable[Decision]) -> dict[str, str]:
    """Return the titles of the subjects of decisions, by id of the story or item."""
    titles_by_id: dict[str, str] = {}
    for ids in chunked(sorted({id_ for decision in decisions for id_ in subjects_of(decision)})):
        rows = store.db.execute(
            f"SELECT id, title FROM stories WHERE id IN ({placeholders(ids)})"
            " UNION ALL SELECT tombstones.story_id, stories.title FROM tombstones"
            f" JOIN stories ON stories.id = tombstones.became WHERE tombstones.story_id IN ({placeholders(ids)})"
            f" UNION ALL SELECT id, title FROM items WHERE id IN ({placeholders(ids)})",
            [*ids, *ids, *ids],
        )
        titles_by_id.update((row[0], row[1]) for row in rows)
    return titles_by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCounts:
    """Numbers of merge candidates, held items and sources that need review."""

    candidates: int
    postponed: int
    held_items: int
    held_sources: int


def review_counts(store: Store, now: str) -> ReviewCounts:
    """Return the numbers of reviews to do at a moment in stored form."""
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
    return ReviewCounts(candidates=row[0], postponed=row[1], held_items=row[2], held_sources=row[3])
