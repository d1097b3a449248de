"""Read stories for publishing and for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator.model.documents import ItemKind
from aggregator.model.items import Item
from aggregator.model.stories import Correction, Story, StoryItem
from aggregator.model.value_classes import dataclass
from aggregator.store import story_events
from aggregator.store.connection import Store, sure_moment
from aggregator.store.items import CHUNK_VALUES, chunked, from_row, placeholders
from aggregator.store.sources import publishers_of


def read(store: Store, ids: Sequence[str], *, texts: bool = False) -> list[Story]:
    """Return the stories `ids` in that order.

    Unless `texts` is set, `text` is empty, and `html` as well where the source does not permit republishing (P3).
    """
    by_id: dict[str, Mapping[str, Any]] = {}
    items: dict[str, list[Item]] = {}
    related: dict[str, list[tuple[str, str]]] = {}
    columns = "items.*" if texts else _without_texts(store)
    for part in chunked(ids):
        inside = f"({placeholders(part)})"
        for row in store.db.execute(f"SELECT * FROM stories WHERE id IN {inside}", part):
            by_id[row["id"]] = row
        for row in store.db.execute(
            f"SELECT {columns} FROM items JOIN sources ON sources.id = items.source_id"
            f" WHERE items.story_id IN {inside} ORDER BY items.sort, items.id",
            part,
        ):
            items.setdefault(row["story_id"], []).append(from_row(row))
        for row in store.db.execute(
            f"SELECT story_id, other_id, why FROM related WHERE story_id IN {inside} ORDER BY other_id",
            part,
        ):
            related.setdefault(row["story_id"], []).append((row["other_id"], row["why"]))
    corrected = _corrections(store, [row for row in by_id.values() if row["updated"] > row["published"]])
    events = story_events.of_stories(store, by_id)
    publishers = publishers_of(store, {item.source_id for group in items.values() for item in group})
    return [
        Story(
            id=id_,
            items=tuple(
                StoryItem(item=item, publisher=publishers[item.source_id])
                for item in sorted(items[id_], key=lambda i: i.id != row["lead_id"])
            ),
            announced=sure_moment(row["announced"]),
            published=sure_moment(row["published"]),
            updated=sure_moment(max(row["updated"], row["returned"] or "")),
            changed=sure_moment(row["changed"]),
            kind=ItemKind(row["kind"]),
            topics=tuple(sorted({topic for item in items[id_] for topic in item.topics})),
            related=tuple(related.get(id_, ())),
            hidden=bool(row["hidden"]),
            correction=corrected.get(id_),
            events=events.get(id_, ()),
        )
        for id_ in ids
        if (row := by_id.get(id_)) is not None
    ]


def _corrections(store: Store, rows: Sequence[Mapping[str, Any]]) -> dict[str, Correction]:
    """Return the last significant edit of each story's lead (E1)."""
    found = {}
    leads = {row["lead_id"]: row for row in rows}
    for part in chunked(leads):
        for edit in store.db.execute(
            "SELECT item_id, max(replaced) AS at, revisions.title, items.title AS now FROM revisions"
            f" JOIN items ON items.id = item_id WHERE significant"
            f" AND item_id IN ({placeholders(part)}) GROUP BY item_id",
            part,
        ):
            story = leads[edit["item_id"]]
            if edit["at"] > story["announced"]:
                before = edit["title"] if edit["title"] != edit["now"] else None
                found[story["id"]] = Correction(at=sure_moment(edit["at"]), title_before=before)
    return found


def _without_texts(store: Store) -> str:
    names = [row[0] for row in store.db.execute("SELECT name FROM pragma_table_info('items')")]
    plain = [f"items.{name}" for name in names if name not in ("text", "html")]
    return ", ".join(
        [*plain, "'' AS text", "CASE WHEN sources.full_text THEN items.html ELSE '' END AS html"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryFacts:
    """The properties of a story that select its channels."""

    story_id: str
    announced: datetime
    published: datetime
    position: int
    """Position of its first stored item in that item's document; breaks ties (T4)."""
    in_feeds: bool
    hidden: bool
    month: str | None
    kind: ItemKind
    sources: frozenset[str]
    topics: frozenset[str]
    languages: frozenset[str]


def facts(store: Store, ids: Iterable[str]) -> list[StoryFacts]:
    """Return the facts of the stories `ids`."""
    result = []
    for part in chunked(sorted(ids)):
        rows = store.db.execute(
            "SELECT stories.id, stories.announced, stories.published, stories.fed, stories.hidden, stories.month,"
            " stories.kind,"
            " (SELECT position FROM items WHERE story_id = stories.id ORDER BY number LIMIT 1) AS position,"
            " (SELECT json_group_array(source_id) FROM items WHERE story_id = stories.id) AS sources,"
            " (SELECT json_group_array(value) FROM items, json_each(items.topics) WHERE story_id = stories.id)"
            " AS topics,"
            " (SELECT json_group_array(language) FROM items WHERE story_id = stories.id AND language IS NOT NULL)"
            f" AS languages FROM stories WHERE id IN ({placeholders(part)})",
            part,
        )
        result += [
            StoryFacts(
                story_id=row["id"],
                announced=sure_moment(row["announced"]),
                published=sure_moment(row["published"]),
                position=row["position"],
                in_feeds=bool(row["fed"]),
                hidden=bool(row["hidden"]),
                month=row["month"],
                kind=ItemKind(row["kind"]),
                sources=_names(row["sources"]),
                topics=_names(row["topics"]),
                languages=_names(row["languages"]),
            )
            for row in rows
        ]
    return result


def _names(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def newest_number(store: Store) -> int:
    """Return the number of the story that was stored last, 0 without any."""
    return int(store.db.execute("SELECT coalesce(max(number), 0) FROM stories").fetchone()[0])


def all_ids(store: Store, after: int = 0, size: int = CHUNK_VALUES) -> Iterable[list[str]]:
    """Yield the ids of all stories stored after that with a number, in lists of at most `size`."""
    while rows := store.db.execute(
        "SELECT number, id FROM stories WHERE number > ? ORDER BY number LIMIT ?", [after, size]
    ).fetchall():
        after = rows[-1]["number"]
        yield [row["id"] for row in rows]


def of_sources(store: Store, sources: Iterable[str]) -> Iterable[list[str]]:
    """Return the ids of all stories with an item of the sources, in lists."""
    held = list(sources)
    rows = store.db.execute(
        f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND source_id IN ({placeholders(held)})",
        held,
    )
    return list(chunked(row[0] for row in rows))


def shared_of_sources(store: Store, sources: Iterable[str]) -> Iterable[list[str]]:
    """Return the ids of stories with several items, one of them of the sources, in lists."""
    held = list(sources)
    rows = store.db.execute(
        f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND source_id IN ({placeholders(held)})"
        " AND EXISTS (SELECT 1 FROM items AS others WHERE others.story_id = items.story_id AND others.id <> items.id)",
        held,
    )
    return list(chunked(row[0] for row in rows))


def stories_of(store: Store, item_ids: Iterable[str]) -> set[str]:
    """Return the stories that contain the items."""
    ids: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND id IN ({placeholders(part)})",
            part,
        )
        ids.update(row[0] for row in rows)
    return ids


def hidden(store: Store, ids: Iterable[str]) -> set[str]:
    """Return those of the stories `ids` that are hidden."""
    found_ids: set[str] = set()
    for part in chunked(sorted(ids)):
        rows = store.db.execute(
            f"SELECT id FROM stories WHERE hidden = 1 AND id IN ({placeholders(part)})", part
        )
        found_ids.update(row[0] for row in rows)
    return found_ids


def oldest_first(store: Store, ids: Iterable[str]) -> list[str]:
    """Return story ids in the order of announcement; those that no feed carried come last."""
    held = list(ids)
    rows = store.db.execute(
        f"SELECT id FROM stories WHERE id IN ({placeholders(held)}) ORDER BY fed DESC, announced, number",
        held,
    )
    return [row[0] for row in rows]


def has_announced(store: Store) -> bool:
    """Return whether any story was announced; then a feed exists (T4)."""
    return store.db.execute("SELECT 1 FROM stories LIMIT 1").fetchone() is not None


def changes(store: Store) -> int:
    """Return the number of changes of stories that were recorded so far."""
    (count,) = store.db.execute("SELECT changes FROM change_count").fetchone()
    return int(count)


def note_changes(store: Store, ids: Iterable[str]) -> None:
    """Record that what is published of stories changed, in the caller's transaction."""
    store.db.execute("UPDATE change_count SET changes = changes + 1")
    store.db.conn.executemany(
        "UPDATE stories SET change = (SELECT changes FROM change_count) WHERE id = ?", [[id_] for id_ in ids]
    )


def changed_since(store: Store, ids: Iterable[str], change: int) -> set[str]:
    """Return those of the stories that changed after a number of changes."""
    return {
        row[0]
        for part in chunked(ids)
        for row in store.db.execute(
            f"SELECT id FROM stories WHERE change > ? AND id IN ({placeholders(part)})", [change, *part]
        )
    }


def counts(store: Store) -> tuple[int, int]:
    """Return the numbers of stories and items."""
    row = store.db.execute(
        "SELECT (SELECT stories FROM story_count), (SELECT coalesce(sum(items), 0) FROM source_counts)"
    ).fetchone()
    return int(row[0]), int(row[1])


def reasons(store: Store, story_id: str) -> dict[str, str]:
    """Return why each item of a story is in it, by item id."""
    rows = store.db.execute("SELECT id, why FROM items WHERE story_id = ?", [story_id])
    return {row["id"]: row["why"] or "" for row in rows}


def evidence(store: Store, story_id: str) -> dict[str, dict[str, Any]]:
    """Return the comparison by which each item joined a story."""
    rows = store.db.execute(
        "SELECT id, evidence FROM items WHERE story_id = ? AND evidence IS NOT NULL", [story_id]
    )
    return {row["id"]: json.loads(row["evidence"]) for row in rows}
