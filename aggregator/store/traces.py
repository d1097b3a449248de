"""What items are found by: exact traces (works, addresses, origins) and features of near evidence in a time window."""

from __future__ import annotations

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
TEXT = 700
"""Characters of a text that placing reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An item as far as traces are made of it; `html` are its beginning and end, where links to origins stand.

    `settled` are items that are not to be placed now: they have a story, are dropped or held.
    """

    number: int
    item_id: str
    settled: bool
    title: str
    text: str
    html: str
    link: str | None
    guid: str | None
    teller: str
    sort: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What an item is to be found by; `features` maps a hash to how much it says (odd hashes: enough alone)."""

    number: int
    item_id: str
    settled: bool
    sort: datetime
    traces: tuple[tuple[str, str], ...]
    features: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Items that may tell the same as each of the asked ones, and the features that were too common to ask by."""

    near: Mapping[str, frozenset[str]]
    common: frozenset[int]


_TOLD = f"""
    SELECT items.number, items.id, items.title,
        items.story_id IS NOT NULL OR items.dropped IS NOT NULL OR items.held IS NOT NULL AS settled,
        substr(items.text, 1, {TEXT}) AS text,
        CASE WHEN length(items.html) < 3000 THEN items.html
            ELSE substr(items.html, 1, 600) || ' ' || substr(items.html, -900) END AS html,
        items.link, items.guid, items.sort, sources.name AS teller
    FROM items JOIN sources ON sources.id = items.source_id
"""


def untraced(store: Store, limit: int) -> list[Told]:
    """Items whose traces are still to be written."""
    rows = store.db.execute(
        _TOLD + " WHERE items.number IN (SELECT item FROM untraced ORDER BY item LIMIT ?)", [limit]
    )
    return [_told(row) for row in rows]


def told(store: Store, item_ids: Iterable[str]) -> list[Told]:
    """Items as traces are made of them."""
    return [
        _told(row)
        for part in chunked(item_ids)
        for row in store.db.execute(_TOLD + f" WHERE items.id IN ({marks(part)})", part)
    ]


def _told(row: Mapping[str, Any]) -> Told:
    return Told(
        number=row["number"],
        item_id=row["id"],
        settled=bool(row["settled"]),
        title=row["title"],
        text=row["text"],
        html=row["html"],
        link=row["link"],
        guid=row["guid"],
        teller=row["teller"],
        sort=sure_moment(row["sort"]),
    )


def write(store: Store, traced: Sequence[Traced]) -> None:
    """Keep what items are found by, in the caller's transaction."""
    conn = store.db.conn
    conn.executemany(
        "INSERT OR IGNORE INTO traces (kind, value, item_id) VALUES (?, ?, ?)",
        [[kind, value, one.item_id] for one in traced for kind, value in one.traces],
    )
    # In the order of the index: neighbours are written together.
    days = {one.number: _day(one.sort) for one in traced}
    rows = sorted((token, days[one.number], one.number) for one in traced for token in one.features)
    conn.executemany("INSERT OR IGNORE INTO features (token, day, item) VALUES (?, ?, ?)", rows)
    conn.executemany("DELETE FROM untraced WHERE item = ?", [[one.number] for one in traced])


def begin(store: Store) -> None:
    """An empty list of what is asked by `found`."""
    store.db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS asked"
        " (item INTEGER, id TEXT, day INTEGER, token INTEGER, worth REAL, seen INTEGER)"
    )
    store.db.execute("DELETE FROM asked")


def ask(store: Store, traced: Iterable[Traced]) -> None:
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
    UPDATE asked SET seen = (SELECT count(*) FROM (SELECT 1 FROM features
        WHERE features.token = asked.token AND features.day BETWEEN asked.day - :days AND asked.day + :days
        LIMIT {COMMON} + 1))
"""
_FOUND = f"""
    SELECT asked.id, features.item AS other, sum(asked.worth) AS score
        FROM asked JOIN features ON features.token = asked.token
            AND features.day BETWEEN asked.day - :days AND asked.day + :days
        WHERE asked.seen BETWEEN 2 AND {COMMON} AND features.item <> asked.item
        GROUP BY asked.item, features.item
        HAVING (count(*) > 1 AND sum(asked.worth) >= 3.5) OR max(asked.token & 1)
"""


def found(store: Store, days: int) -> Found:
    """Candidates for the asked items, told at most `days` before or after them; the best few of each."""
    store.db.execute(_COUNT, {"days": days})
    scored: dict[str, list[tuple[float, int]]] = {}
    for row in store.db.execute(_FOUND, {"days": days}):
        scored.setdefault(row["id"], []).append((-row["score"], row["other"]))
    best = {id_: [n for _, n in sorted(pairs)[:CANDIDATES]] for id_, pairs in scored.items()}
    ids = _ids(store, {number for numbers in best.values() for number in numbers})
    common = store.db.execute(f"SELECT DISTINCT token FROM asked WHERE seen > {COMMON}")
    return Found(
        near={id_: frozenset(ids[n] for n in numbers if n in ids) for id_, numbers in best.items()},
        common=frozenset(row[0] for row in common),
    )


def sharing(store: Store, values: Iterable[str]) -> set[str]:
    """Placed items that have one of `values` as a trace, or as a link of a source whose links identify (I1)."""
    ids: set[str] = set()
    for part in chunked(sorted(set(values))):
        inside = f"({marks(part)})"
        for sql in (
            f"SELECT item_id FROM traces WHERE kind IN ('work', 'origin', 'pointer') AND value IN {inside}",
            "SELECT aliases.item_id FROM aliases JOIN sources ON sources.id = aliases.source_id"
            f" WHERE aliases.kind = 'link' AND sources.link_ok AND aliases.value IN {inside}",
        ):
            ids.update(row[0] for row in store.db.execute(sql, part))
    return ids


def of_items(store: Store, item_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """The traces of each item."""
    found_traces: dict[str, list[tuple[str, str]]] = {}
    for part in chunked(item_ids):
        for row in store.db.execute(f"SELECT * FROM traces WHERE item_id IN ({marks(part)})", part):
            found_traces.setdefault(row["item_id"], []).append((row["kind"], row["value"]))
    return found_traces


def _ids(store: Store, numbers: set[int]) -> dict[int, str]:
    ids = {}
    for part in chunked(sorted(map(str, numbers))):
        for row in store.db.execute(
            f"SELECT number, id FROM items WHERE number IN ({marks(part)})"
            " AND dropped IS NULL AND held IS NULL",
            [int(n) for n in part],
        ):
            ids[row["number"]] = row["id"]
    return ids


def _day(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) // 86_400
