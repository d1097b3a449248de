"""Read items and stories as deduplication compares them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator.model.stories import Cluster, Member
from aggregator.store import candidate_index
from aggregator.store.connection import Store, moment, sure_moment
from aggregator.store.items import IS_UNPLACED, chunked, marks
from aggregator.store.stories import stories_of

_COLUMNS = """
    SELECT items.number, items.id, items.source_id, items.title, items.sort, items.position, items.backlog,
        items.claimed, items.story_id, items.link, items.language, substr(items.text, 1, 700) AS text,
        sources.priority, sources.aggregator, sources.name AS teller,
        EXISTS (SELECT 1 FROM missing_items WHERE item_id = items.id AND withdrawn IS NOT NULL) AS withdrawn
"""
_MEMBER = f"{_COLUMNS} FROM items JOIN sources ON sources.id = items.source_id"
# Named, because SQLite would rather use the index of story_id, whose NULLs are every item that a filter dropped.
_UNPLACED = "items INDEXED BY items_unplaced"


def unplaced(store: Store) -> list[Member]:
    """Items that no story has yet, that no filter keeps out and no editor is asked about (G2, G3)."""
    rows = store.db.execute(
        f"{_COLUMNS} FROM {_UNPLACED} JOIN sources ON sources.id = items.source_id WHERE {IS_UNPLACED}"
    ).fetchall()
    return _members(store, rows)


def any_unplaced(store: Store) -> bool:
    """Whether some item has no story yet."""
    row = store.db.execute(f"SELECT 1 FROM {_UNPLACED} WHERE {IS_UNPLACED} LIMIT 1").fetchone()
    return row is not None


def count_unplaced(store: Store) -> tuple[int, datetime | None]:
    """How many items have no story yet, and when the first of them was first seen."""
    count, first = store.db.execute(
        f"SELECT count(*), min(items.first_seen) FROM {_UNPLACED} WHERE {IS_UNPLACED}"
    ).fetchone()
    return int(count), moment(first)


def of_items(store: Store, item_ids: Iterable[str]) -> list[Member]:
    """Items as placing sees them."""
    found_members = []
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(_MEMBER + f" WHERE items.id IN ({marks(part)})", part).fetchall()
        found_members += _members(store, rows)
    return found_members


def pruned(store: Store, item_ids: Iterable[str]) -> set[str]:
    """Those of the items that retention took the text of; their excerpt is left."""
    ids: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT id FROM items WHERE text = '' AND html = '' AND excerpt <> '' AND id IN ({marks(part)})",
            part,
        )
        ids.update(row[0] for row in rows)
    return ids


def clusters(store: Store, ids: Iterable[str]) -> list[Cluster]:
    """The stories `ids` as placing sees them, with all their members; the stored lead first."""
    rows: list[Mapping[str, Any]] = []
    for part in chunked(sorted(ids)):
        rows += store.db.execute(_MEMBER + f" WHERE items.story_id IN ({marks(part)})", part)
    return _clusters(store, rows)


MAX_OTHERS = 40
"""Maximum number of members of a story that are read beside its lead and the items asked for."""
_BESIDE = f"""
    SELECT leads.id FROM stories JOIN items AS leads ON leads.id = stories.lead_id
        WHERE stories.id IN (SELECT value FROM json_each(?1))
    UNION ALL SELECT items.id FROM json_each(?1) AS wanted CROSS JOIN items ON items.number IN
        (SELECT number FROM items AS newest WHERE newest.story_id = wanted.value
            ORDER BY number DESC LIMIT {MAX_OTHERS})
"""


def clusters_around(store: Store, item_ids: Iterable[str]) -> list[Cluster]:
    """The stories of items as placing sees them: their leads, these items, and the newest of the others."""
    asked = set(item_ids)
    ids = set(asked)
    for part in chunked(sorted(stories_of(store, asked))):
        ids.update(row[0] for row in store.db.execute(_BESIDE, [json.dumps(part)]))
    rows: list[Mapping[str, Any]] = []
    for part in chunked(sorted(ids)):
        rows += store.db.execute(
            _MEMBER + f" WHERE items.story_id IS NOT NULL AND items.id IN ({marks(part)})", part
        )
    return _clusters(store, rows)


def _clusters(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Cluster]:
    leads: dict[str, str] = {}
    for part in chunked(sorted({row["story_id"] for row in rows})):
        for row in store.db.execute(f"SELECT id, lead_id FROM stories WHERE id IN ({marks(part)})", part):
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
            f" AND aliases.item_id IN ({marks(part)})",
            part,
        ):
            links.setdefault(row["item_id"], set()).add(row["value"])
    traced = candidate_index.of_items(store, (row["id"] for row in rows))
    return [
        Member(
            item_id=row["id"],
            source_id=row["source_id"],
            links=frozenset(links.get(row["id"], ())),
            title=row["title"],
            aggregator=bool(row["aggregator"]),
            priority=row["priority"],
            sort=sure_moment(row["sort"]),
            position=row["position"],
            backlog=bool(row["backlog"]),
            dated=row["claimed"] is not None,
            publisher=row["teller"],
            text=row["text"],
            language=row["language"],
            link=row["link"],
            works=frozenset(value for kind, value in traced.get(row["id"], ()) if kind == "work"),
            origins=frozenset(value for kind, value in traced.get(row["id"], ()) if kind == "origin"),
            pointers=frozenset(value for kind, value in traced.get(row["id"], ()) if kind == "pointer"),
            withdrawn=bool(row["withdrawn"]),
        )
        for row in rows
    ]
