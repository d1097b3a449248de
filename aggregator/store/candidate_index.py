"""What items are found by: exact traces (works, addresses, origins) and features of near evidence in a time window."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aggregator.store.connection import Store, sure_moment
from aggregator.store.items import chunked, marks

COMMON = 30
"""So many items of the window make a feature common: it leads to no candidates and counts less. Reading is
bounded by it, so that the archive's size plays no part."""
CANDIDATES = 6
MAX_NEAR = 24
"""Maximum number of items that one item is to be compared with, those included that it is a candidate of."""
TEXT = 700
"""Characters of a text that placing reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedItem:
    """An item as far as traces are made of it; `html` are its beginning and end, where links to origins stand.

    `placed` items have a story; `absent` ones are dropped or held, and found by nobody until they are released.
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
    sort: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKeys:
    """What an item is to be found by; `features` maps a hash to how much it says (odd hashes: enough alone)."""

    number: int
    item_id: str
    placed: bool
    sort: datetime
    traces: tuple[tuple[str, str], ...]
    features: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class NearItems:
    """Items that may tell the same as each of the asked ones, best first, and the features too common to ask by."""

    near: Mapping[str, tuple[str, ...]]
    common: frozenset[int]


_TOLD = f"""
    SELECT items.number, items.id, items.title,
        items.story_id IS NOT NULL AS placed,
        items.dropped IS NOT NULL OR items.held IS NOT NULL AS absent,
        substr(items.text, 1, {TEXT}) AS text,
        CASE WHEN length(items.html) < 3000 THEN items.html
            ELSE substr(items.html, 1, 600) || ' ' || substr(items.html, -900) END AS html,
        items.link, items.guid, items.sort, sources.name AS teller
    FROM items JOIN sources ON sources.id = items.source_id
"""


def queued_items(store: Store, limit: int) -> list[IndexedItem]:
    """Items whose traces are still to be written."""
    rows = store.db.execute(
        _TOLD + " WHERE items.number IN (SELECT item FROM index_queue ORDER BY item LIMIT ?)", [limit]
    )
    return [_told(row) for row in rows]


def read_items(store: Store, item_ids: Iterable[str]) -> list[IndexedItem]:
    """Items as traces are made of them."""
    return [
        _told(row)
        for part in chunked(item_ids)
        for row in store.db.execute(_TOLD + f" WHERE items.id IN ({marks(part)})", part)
    ]


def _told(row: Mapping[str, Any]) -> IndexedItem:
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
        sort=sure_moment(row["sort"]),
    )


def write_keys(store: Store, traced: Sequence[ItemKeys]) -> None:
    """Keep what items are found by, and nothing of what they were found by before; in the caller's transaction."""
    conn = store.db.conn
    conn.executemany("DELETE FROM item_keys WHERE item_id = ?", [[one.item_id] for one in traced])
    conn.executemany("DELETE FROM candidate_index WHERE item = ?", [[one.number] for one in traced])
    conn.executemany(
        "INSERT OR IGNORE INTO item_keys (kind, value, item_id) VALUES (?, ?, ?)",
        [[kind, value, one.item_id] for one in traced for kind, value in one.traces],
    )
    # In the order of the index: neighbours are written together.
    days = {one.number: _day(one.sort) for one in traced}
    rows = sorted((token, days[one.number], one.number) for one in traced for token in one.features)
    conn.executemany("INSERT OR IGNORE INTO candidate_index (token, day, item) VALUES (?, ?, ?)", rows)
    conn.executemany("DELETE FROM index_queue WHERE item = ?", [[one.number] for one in traced])


def clear_queries(store: Store) -> None:
    """An empty list of what is asked by `found`."""
    store.db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS asked"
        " (item INTEGER, id TEXT, day INTEGER, token INTEGER, worth REAL, seen INTEGER)"
    )
    store.db.execute("DELETE FROM asked")


def add_queries(store: Store, traced: Iterable[ItemKeys]) -> None:
    """Put items on the list."""
    store.db.conn.executemany(
        "INSERT INTO asked (item, id, day, token, worth) VALUES (?, ?, ?, ?, ?)",
        [
            [one.number, one.item_id, day, token, worth]
            for one, day in ((one, _day(one.sort)) for one in traced)
            for token, worth in one.features.items()
        ],
    )


_COUNT = f"""
    UPDATE asked SET seen = (SELECT count(*) FROM (SELECT 1 FROM candidate_index
        WHERE candidate_index.token = asked.token
            AND candidate_index.day BETWEEN asked.day - :days AND asked.day + :days LIMIT {COMMON} + 1))
"""
_FOUND = f"""
    WITH scored AS (
        SELECT asked.item, asked.id, candidate_index.item AS other, sum(asked.worth) AS score,
            max(asked.token & 1) AS alone
        FROM asked JOIN candidate_index ON candidate_index.token = asked.token
            AND candidate_index.day BETWEEN asked.day - :days AND asked.day + :days
        WHERE asked.seen BETWEEN 2 AND {COMMON} AND candidate_index.item <> asked.item
        GROUP BY asked.item, candidate_index.item
        HAVING (count(*) > 1 AND score >= 3.5) OR alone)
    SELECT scored.id, scored.score, them.id AS other, them.source_id = me.source_id AS own
        FROM scored JOIN items AS them ON them.number = scored.other JOIN items AS me ON me.number = scored.item
        WHERE them.dropped IS NULL AND them.held IS NULL AND (alone OR them.source_id <> me.source_id)
"""


def find_near(store: Store, days: int) -> NearItems:
    """Candidates for the asked items, told at most `days` before or after them; the best few of each.

    An item of the same source is one only by an address or a title, and takes no place of another source's.
    """
    store.db.execute(_COUNT, {"days": days})
    scored: dict[tuple[str, bool], list[tuple[float, str]]] = {}
    for row in store.db.execute(_FOUND, {"days": days}):
        scored.setdefault((row["id"], bool(row["own"])), []).append((-row["score"], row["other"]))
    best = sorted(
        (score, id_, other)
        for (id_, _), pairs in scored.items()
        for score, other in sorted(pairs)[:CANDIDATES]
    )
    near: dict[str, dict[str, None]] = {id_: {} for id_, _ in scored}
    for _, id_, other in best:
        near[id_][other] = None
    for _, id_, other in best:
        if other in near and len(near[other]) < MAX_NEAR:  # asked as well: who asks first plays no part
            near[other][id_] = None
    common = store.db.execute(f"SELECT DISTINCT token FROM asked WHERE seen > {COMMON}")
    return NearItems(
        near={id_: tuple(others) for id_, others in near.items()},
        common=frozenset(row[0] for row in common),
    )


_BY_LINK = """
    SELECT aliases.item_id FROM json_each(?) AS wanted
        CROSS JOIN aliases ON aliases.kind = 'link' AND aliases.value = wanted.value
        CROSS JOIN sources ON sources.id = aliases.source_id
        WHERE sources.link_ok
"""
# Materialized, so that what is common is counted up to the limit, and never read.
_BY_TRACE = f"""
    WITH sought AS MATERIALIZED (
        SELECT kinds.value AS kind, wanted.value AS value FROM json_each(?) AS kinds CROSS JOIN json_each(?) AS wanted
        WHERE (SELECT count(*) FROM (SELECT 1 FROM item_keys
            WHERE item_keys.kind = kinds.value AND item_keys.value = wanted.value LIMIT {COMMON} + 1)) <= {COMMON})
    SELECT item_keys.item_id FROM sought
        CROSS JOIN item_keys ON item_keys.kind = sought.kind AND item_keys.value = sought.value
"""


def find_sharing(store: Store, pages: Iterable[str], works: Iterable[str]) -> set[str]:
    """Items that have or point to one of `pages`, or are one of `works`, unless too many do or are.

    Links count where those of their source identify (I1); a source has one item of each.
    """
    ids: set[str] = set()
    for part in map(json.dumps, chunked(sorted(set(pages)))):
        ids.update(row[0] for row in store.db.execute(_BY_LINK, [part]))
        ids.update(row[0] for row in store.db.execute(_BY_TRACE, ['["origin", "pointer"]', part]))
    for part in map(json.dumps, chunked(sorted(set(works)))):
        ids.update(row[0] for row in store.db.execute(_BY_TRACE, ['["work"]', part]))
    return ids


_OF_ITEMS = f"""
    SELECT item_keys.kind, item_keys.value, item_keys.item_id FROM json_each(?) AS wanted
        CROSS JOIN item_keys ON item_keys.item_id = wanted.value
        WHERE (SELECT count(*) FROM (SELECT 1 FROM item_keys AS others
            WHERE others.kind = item_keys.kind AND others.value = item_keys.value LIMIT {COMMON} + 1)) <= {COMMON}
"""


def keys_of(store: Store, item_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """The traces of each item, but for those that too many items share: these say nothing."""
    found_traces: dict[str, list[tuple[str, str]]] = {}
    for part in chunked(item_ids):
        for row in store.db.execute(_OF_ITEMS, [json.dumps(part)]):
            found_traces.setdefault(row["item_id"], []).append((row["kind"], row["value"]))
    return found_traces


def _day(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) // 86_400
