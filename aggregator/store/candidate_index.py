"""Store the keys under which items are found: exact ones, and tokens by day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aggregator.model.value_classes import dataclass
from aggregator.store.connection import Store, sure_moment
from aggregator.store.items import chunked, placeholders

MAX_SHARING_ITEMS = 30
"""Maximum number of items of the window under one key.

A more common key leads to no candidates, and its word weighs less. So a search reads the same in any archive.
"""
MAX_CANDIDATES = 6
"""Maximum number of candidates of one item, for its own source and for the others."""
MAX_NEAR = 24
"""Maximum number of items that one item is compared with, in both directions."""
MIN_SCORE = 1.8
"""Minimum weight of shared tokens that lead to a candidate only together."""
TEXT_CHARACTERS = 700
"""Characters of a text that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedItem:
    """An item as far as its keys depend on it; `html` has its beginning and end.

    `placed` items have a story. `absent` ones are dropped or held, and are not found until they are released.
    """

    number: int
    item_id: str
    placed: bool
    absent: bool
    title: str
    text: str
    html: str
    link: str | None
    guid: str | None
    publisher: str
    language: str | None
    sort_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKeys:
    """The keys of an item: `exact` ones as (kind, value), and tokens with their weights.

    An odd token leads to candidates by itself, even ones only several together.
    """

    number: int
    item_id: str
    placed: bool
    sort_time: datetime
    exact: tuple[tuple[str, str], ...]
    weights: Mapping[int, float]


_ITEMS = f"""
    SELECT items.number, items.id, items.title,
        items.story_id IS NOT NULL AS placed,
        items.dropped IS NOT NULL OR items.held IS NOT NULL AS absent,
        substr(items.text, 1, {TEXT_CHARACTERS}) AS text,
        CASE WHEN length(items.html) < 3000 THEN items.html
            ELSE substr(items.html, 1, 600) || ' ' || substr(items.html, -900) END AS html,
        items.link, items.guid, items.language, items.sort, sources.name AS teller
    FROM items JOIN sources ON sources.id = items.source_id
"""


def queued_items(store: Store, limit: int) -> list[IndexedItem]:
    """Return items whose keys are to be written, at most `limit`."""
    rows = store.db.execute(
        _ITEMS + " WHERE items.number IN (SELECT item FROM index_queue ORDER BY item LIMIT ?)", [limit]
    )
    return [_indexed_item(row) for row in rows]


def read_items(store: Store, item_ids: Iterable[str]) -> list[IndexedItem]:
    """Return the items with these ids."""
    return [
        _indexed_item(row)
        for part in chunked(item_ids)
        for row in store.db.execute(_ITEMS + f" WHERE items.id IN ({placeholders(part)})", part)
    ]


def _indexed_item(row: Mapping[str, Any]) -> IndexedItem:
    return IndexedItem(
        number=row["number"],
        item_id=row["id"],
        placed=bool(row["placed"]),
        absent=bool(row["absent"]),
        title=row["title"],
        text=row["text"],
        html=row["html"],
        link=row["link"],
        guid=row["guid"],
        publisher=row["teller"],
        language=row["language"],
        sort_time=sure_moment(row["sort"]),
    )


def write_keys(store: Store, items: Sequence[ItemKeys]) -> None:
    """Replace the keys of items, and take the items off the queue; in the caller's transaction."""
    conn = store.db.conn
    conn.executemany("DELETE FROM item_keys WHERE item_id = ?", [[item.item_id] for item in items])
    conn.executemany("DELETE FROM candidate_index WHERE item = ?", [[item.number] for item in items])
    conn.executemany(
        "INSERT OR IGNORE INTO item_keys (kind, value, item_id) VALUES (?, ?, ?)",
        [[kind, value, item.item_id] for item in items for kind, value in item.exact],
    )
    # In the order of the index, so that neighbours are written together.
    days = {item.number: _day(item.sort_time) for item in items}
    rows = sorted((token, days[item.number], item.number) for item in items for token in item.weights)
    conn.executemany("INSERT OR IGNORE INTO candidate_index (token, day, item) VALUES (?, ?, ?)", rows)
    conn.executemany("DELETE FROM index_queue WHERE item = ?", [[item.number] for item in items])


def clear_queries(store: Store) -> None:
    """Empty the temporary table of queries."""
    store.db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS queries"
        " (item INTEGER, id TEXT, day INTEGER, token INTEGER, worth REAL, seen INTEGER)"
    )
    store.db.execute("CREATE INDEX IF NOT EXISTS temp.sufficient_queries ON queries (token) WHERE token & 1")
    store.db.execute("DELETE FROM queries")


def add_queries(store: Store, items: Iterable[ItemKeys]) -> None:
    """Add a query for each token of items."""
    store.db.conn.executemany(
        "INSERT INTO queries (item, id, day, token, worth) VALUES (?, ?, ?, ?, ?)",
        [
            [item.number, item.item_id, day, token, worth]
            for item in items
            for day in (_day(item.sort_time),)
            for token, worth in item.weights.items()
        ],
    )


_COUNT = f"""
    UPDATE queries SET seen = (SELECT count(*) FROM (SELECT 1 FROM candidate_index
        WHERE candidate_index.token = queries.token
            AND candidate_index.day BETWEEN queries.day - :days AND queries.day + :days LIMIT {MAX_SHARING_ITEMS} + 1))
"""
_SIMILAR = f"""
    WITH scored AS (
        SELECT queries.item, queries.id, candidate_index.item AS other, sum(queries.worth) AS score,
            max(queries.token & 1) AS alone
        FROM queries JOIN candidate_index ON candidate_index.token = queries.token
            AND candidate_index.day BETWEEN queries.day - :days AND queries.day + :days
        WHERE queries.seen BETWEEN 2 AND {MAX_SHARING_ITEMS} AND candidate_index.item <> queries.item
        GROUP BY queries.item, candidate_index.item
        HAVING (count(*) > 1 AND score >= {MIN_SCORE}) OR alone)
    INSERT INTO similar SELECT id, other, score FROM (
        SELECT scored.id, scored.score, them.id AS other, row_number() OVER
            (PARTITION BY scored.item, them.source_id = me.source_id ORDER BY scored.score DESC, them.id) AS place
        FROM scored JOIN items AS them ON them.number = scored.other JOIN items AS me ON me.number = scored.item
        WHERE them.dropped IS NULL AND them.held IS NULL AND (alone OR them.source_id <> me.source_id))
    WHERE place <= {MAX_CANDIDATES}
"""
_NEAR = """
    SELECT id, other FROM similar WHERE id IN (SELECT value FROM json_each(?)) ORDER BY score DESC, id, other
"""
_NEAR_REVERSED = """
    SELECT other, id FROM similar WHERE other IN (SELECT value FROM json_each(?)) ORDER BY score DESC, id, other
"""


def find_near(store: Store, days: int) -> frozenset[int]:
    """Find items similar to the queried ones, for `near`; return common tokens.

    Similar items are published at most `days` before or after. An item of the same source is similar only by an address
    or a title, and takes no place of another source's.
    """
    store.db.execute(_COUNT, {"days": days})
    store.db.execute("CREATE TEMP TABLE IF NOT EXISTS similar (id TEXT, other TEXT, score REAL)")
    store.db.execute("CREATE INDEX IF NOT EXISTS temp.similar_by_id ON similar (id)")
    store.db.execute("CREATE INDEX IF NOT EXISTS temp.similar_by_other ON similar (other)")
    store.db.execute("DELETE FROM similar")
    store.db.execute(_SIMILAR, {"days": days})
    common = store.db.execute(f"SELECT DISTINCT token FROM queries WHERE seen > {MAX_SHARING_ITEMS}")
    return frozenset(row[0] for row in common)


def near(store: Store, item_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the ids of similar items for each queried item that has some, the best first."""
    candidates: dict[str, dict[str, None]] = {}
    for part in chunked(item_ids):
        wanted = json.dumps(part)
        # In both directions, so that the order of items does not matter.
        for query in (_NEAR, _NEAR_REVERSED):
            for item_id, other in store.db.execute(query, [wanted]):
                others = candidates.setdefault(item_id, {})
                if len(others) < MAX_NEAR:
                    others[other] = None
    return {item_id: tuple(others) for item_id, others in candidates.items()}


_QUERIED = f"""
    SELECT queries.id FROM queries WHERE queries.token & 1 AND queries.token IN
        (SELECT token FROM queries WHERE token & 1 AND token IN (SELECT value FROM json_each(?))
            GROUP BY token HAVING count(*) BETWEEN 2 AND {MAX_SHARING_ITEMS})
"""


def find_queried(store: Store, tokens: Iterable[int]) -> set[str]:
    """Return the ids of queried items under one of these odd tokens, unless too many share it."""
    return {row[0] for row in store.db.execute(_QUERIED, [json.dumps([*tokens])])}


_BY_LINK = """
    SELECT aliases.item_id FROM json_each(?) AS wanted
        CROSS JOIN aliases ON aliases.kind = 'link' AND aliases.value = wanted.value
        CROSS JOIN sources ON sources.id = aliases.source_id
        WHERE sources.link_ok
"""
# Materialized, so that the items of a common key are counted up to the limit and never read.
_BY_KEY = f"""
    WITH sought AS MATERIALIZED (
        SELECT kinds.value AS kind, wanted.value AS value FROM json_each(?) AS kinds CROSS JOIN json_each(?) AS wanted
        WHERE (SELECT count(*) FROM (SELECT 1 FROM item_keys
            WHERE item_keys.kind = kinds.value AND item_keys.value = wanted.value
            LIMIT {MAX_SHARING_ITEMS} + 1)) <= {MAX_SHARING_ITEMS})
    SELECT item_keys.item_id FROM sought
        CROSS JOIN item_keys ON item_keys.kind = sought.kind AND item_keys.value = sought.value
"""


def find_sharing(store: Store, pages: Iterable[str], works: Iterable[str]) -> set[str]:
    """Return the ids of items that have or point to one of `pages`, or are one of `works`.

    Keys that too many items share lead to none. Links count only where links identify the entries of their source
    (I1), which then has at most one item of each.
    """
    ids: set[str] = set()
    for part in map(json.dumps, chunked(sorted(set(pages)))):
        ids.update(row[0] for row in store.db.execute(_BY_LINK, [part]))
        ids.update(row[0] for row in store.db.execute(_BY_KEY, ['["origin", "pointer"]', part]))
    for part in map(json.dumps, chunked(sorted(set(works)))):
        ids.update(row[0] for row in store.db.execute(_BY_KEY, ['["work"]', part]))
    return ids


_OF_ITEMS = f"""
    SELECT item_keys.kind, item_keys.value, item_keys.item_id FROM json_each(?) AS wanted
        CROSS JOIN item_keys ON item_keys.item_id = wanted.value
        WHERE (SELECT count(*) FROM (SELECT 1 FROM item_keys AS others
            WHERE others.kind = item_keys.kind AND others.value = item_keys.value
            LIMIT {MAX_SHARING_ITEMS} + 1)) <= {MAX_SHARING_ITEMS}
"""


def keys_of(store: Store, item_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the exact keys of each item, without those that too many items share."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for part in chunked(item_ids):
        for row in store.db.execute(_OF_ITEMS, [json.dumps(part)]):
            keys.setdefault(row["item_id"], []).append((row["kind"], row["value"]))
    return keys


def _day(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) // 86_400
