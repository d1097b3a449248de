"""Read items and stories as deduplication compares them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator.model.stories import Cluster, Member
from aggregator.store import candidate_index
from aggregator.store.connection import Store, moment, sure_moment
from aggregator.store.items import IS_UNPLACED, chunked, placeholders
from aggregator.store.stories import stories_of

_COLUMNS = """
    SELECT items.number, items.id, items.source_id, items.title, items.sort, items.position, items.backlog,
        items.claimed, items.story_id, items.link, items.language, substr(items.text, 1, 700) AS text,
        sources.priority, sources.aggregator, sources.name AS publisher,
        sources.kind = 'ical' AS calendar,
        EXISTS (SELECT 1 FROM missing_items WHERE item_id = items.id AND withdrawn IS NOT NULL) AS withdrawn
"""
_NONE: frozenset[str] = frozenset()
"""The empty set that all items share, because each further one takes 216 bytes."""
_MEMBER = f"{_COLUMNS} FROM items JOIN sources ON sources.id = items.source_id"
# Named, because SQLite would choose the index of story_id, whose NULLs include every item that a filter dropped.
_UNPLACED = "items INDEXED BY items_unplaced"


def unplaced(store: Store) -> list[Member]:
    """Return items without a story that are not filtered or under review (G2, G3)."""
    rows = store.db.execute(
        f"{_COLUMNS} FROM {_UNPLACED} JOIN sources ON sources.id = items.source_id WHERE {IS_UNPLACED}"
    ).fetchall()
    return _members(store, rows)


def unplaced_ids(store: Store) -> Iterator[str]:
    """Yield the ids of items without a story, in the order of `cluster.lead_order`."""
    rows = store.db.execute(
        f"SELECT id FROM ({_COLUMNS} FROM {_UNPLACED} JOIN sources ON sources.id = items.source_id"
        f" WHERE {IS_UNPLACED}) ORDER BY withdrawn, aggregator, -priority, sort, id"
    )
    return (row[0] for row in rows)


def has_unplaced(store: Store) -> bool:
    """Return whether an item has no story."""
    row = store.db.execute(f"SELECT 1 FROM {_UNPLACED} WHERE {IS_UNPLACED} LIMIT 1").fetchone()
    return row is not None


def has_items_to_place(store: Store) -> bool:
    """Return whether an item has no story, was deferred, or is to be indexed."""
    deferred = "items INDEXED BY items_later WHERE held = 'later'"
    row = store.db.execute(
        f"SELECT EXISTS (SELECT 1 FROM {deferred}) OR EXISTS (SELECT 1 FROM index_queue)"
    ).fetchone()
    return bool(row[0]) or has_unplaced(store)


def count_unplaced(store: Store) -> tuple[int, datetime | None]:
    """Return the number of items without a story, and when the first was first seen."""
    count, first = store.db.execute(
        f"SELECT count(*), min(items.first_seen) FROM {_UNPLACED} WHERE {IS_UNPLACED}"
    ).fetchone()
    return int(count), moment(first)


def of_items(store: Store, item_ids: Iterable[str]) -> list[Member]:
    """Return items as deduplication compares them."""
    result = []
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(_MEMBER + f" WHERE items.id IN ({placeholders(part)})", part).fetchall()
        result += _members(store, rows)
    return result


def pruned(store: Store, item_ids: Iterable[str]) -> set[str]:
    """Return those of the items whose text retention deleted."""
    ids: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT id FROM items WHERE text = '' AND html = '' AND excerpt <> '' AND id IN ({placeholders(part)})",
            part,
        )
        ids.update(row[0] for row in rows)
    return ids


def clusters(store: Store, ids: Iterable[str]) -> list[Cluster]:
    """Return the stories `ids` with all their members, the stored lead first."""
    rows: list[Mapping[str, Any]] = []
    for part in chunked(sorted(ids)):
        rows += store.db.execute(_MEMBER + f" WHERE items.story_id IN ({placeholders(part)})", part)
    return _clusters(store, rows)


MAX_OTHERS = 40
"""Maximum number of members read of a story beside its lead and the requested items."""
_BESIDE = f"""
    SELECT leads.id FROM stories JOIN items AS leads ON leads.id = stories.lead_id
        WHERE stories.id IN (SELECT value FROM json_each(?1))
    UNION ALL SELECT items.id FROM json_each(?1) AS wanted CROSS JOIN items ON items.number IN
        (SELECT number FROM items AS newest WHERE newest.story_id = wanted.value
            ORDER BY number DESC LIMIT {MAX_OTHERS})
"""


def clusters_around(store: Store, item_ids: Iterable[str]) -> list[Cluster]:
    """Return the stories of items: leads, these items, and the newest others."""
    asked = set(item_ids)
    ids = set(asked)
    for part in chunked(sorted(stories_of(store, asked))):
        ids.update(row[0] for row in store.db.execute(_BESIDE, [json.dumps(part)]))
    rows: list[Mapping[str, Any]] = []
    for part in chunked(sorted(ids)):
        rows += store.db.execute(
            _MEMBER + f" WHERE items.story_id IS NOT NULL AND items.id IN ({placeholders(part)})", part
        )
    return _clusters(store, rows)


def _clusters(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Cluster]:
    leads: dict[str, str] = {}
    for part in chunked(sorted({row["story_id"] for row in rows})):
        for row in store.db.execute(
            f"SELECT id, lead_id FROM stories WHERE id IN ({placeholders(part)})", part
        ):
            leads[row["id"]] = row["lead_id"]
    members: dict[str, list[Member]] = {}
    rows = sorted(rows, key=lambda row: (row["story_id"], leads[row["story_id"]] != row["id"], row["number"]))
    for row, member in zip(rows, _members(store, rows), strict=True):
        members.setdefault(row["story_id"], []).append(member)
    return [Cluster(story_id=id_, members=tuple(group)) for id_, group in members.items()]


def _members(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Member]:
    links: dict[str, set[str]] = {}
    for part in chunked(row["id"] for row in rows):
        for row in store.db.execute(
            "SELECT aliases.item_id, aliases.value FROM aliases INDEXED BY aliases_of_item"
            " JOIN sources ON sources.id = aliases.source_id"
            " WHERE aliases.kind = 'link' AND sources.link_ok"
            f" AND aliases.item_id IN ({placeholders(part)})",
            part,
        ):
            links.setdefault(row["item_id"], set()).add(row["value"])
    keys = candidate_index.keys_of(store, (row["id"] for row in rows))

    def of_kind(kind: str, item_id: str) -> frozenset[str]:
        return frozenset(value for other, value in keys.get(item_id, ()) if other == kind) or _NONE

    return [
        Member(
            item_id=row["id"],
            source_id=row["source_id"],
            links=frozenset(links.get(row["id"], ())) or _NONE,
            title=row["title"],
            aggregator=bool(row["aggregator"]),
            priority=row["priority"],
            sort_time=sure_moment(row["sort"]),
            position=row["position"],
            backlog=bool(row["backlog"]),
            dated=row["claimed"] is not None,
            publisher=row["publisher"],
            text=row["text"],
            language=row["language"],
            link=row["link"],
            works=of_kind("work", row["id"]),
            origins=of_kind("origin", row["id"]),
            pointers=of_kind("pointer", row["id"]),
            removed=bool(row["withdrawn"]),
            calendar=bool(row["calendar"]),
        )
        for row in rows
    ]
