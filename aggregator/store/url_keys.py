"""Read and extend the stored keys of URLs after the rules for them changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.model.value_classes import dataclass
from aggregator.store import meta
from aggregator.store.connection import Store, stamp
from aggregator.store.items import chunked, placeholders

RULES_VERSION = 4
"""Version of the rules for URLs; a change raises it, and stored keys are extended."""
STATE_KEY = "address_rules"
"""Key of the state: version of the rules, number of the last extended item, pairs listed."""
_NEWEST = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeys:
    """An item with its link and the stored keys that contain addresses, as (kind, value).

    `aliases` are of the kinds link and linktitle, `pages` of the kinds origin and pointer.
    """

    number: int
    item_id: str
    source_id: str
    link: str | None
    sort_time: str
    aliases: tuple[tuple[str, str], ...]
    pages: tuple[tuple[str, str], ...]


def state(store: Store) -> tuple[int, int]:
    """Return the number of the last extended item, 0 at the end, and of the pairs listed."""
    version, number, listed = map(int, (meta.get(store, STATE_KEY) or "0 0 0").split())
    return (number, listed) if version == RULES_VERSION else (_NEWEST, 0)


def set_state(store: Store, number: int, listed: int) -> None:
    """Store the number of the last extended item, 0 at the end, and of the pairs listed."""
    meta.put(store, STATE_KEY, f"{RULES_VERSION} {number} {listed}")


def before(store: Store, number: int, limit: int) -> list[StoredKeys]:
    """Return at most `limit` items before the item `number`, the newest first."""
    rows = store.db.execute(
        "SELECT number, id, source_id, link, sort FROM items WHERE number < ? ORDER BY number DESC LIMIT ?",
        [number, limit],
    ).fetchall()
    ids = [row["id"] for row in rows]
    aliases = _values(
        store,
        "SELECT item_id, kind, value FROM aliases INDEXED BY aliases_of_item",
        ids,
        ("link", "linktitle"),
    )
    pages = _values(store, "SELECT item_id, kind, value FROM item_keys", ids, ("origin", "pointer"))
    return [
        StoredKeys(
            number=row["number"],
            item_id=row["id"],
            source_id=row["source_id"],
            link=row["link"],
            sort_time=row["sort"],
            aliases=tuple(aliases.get(row["id"], ())),
            pages=tuple(pages.get(row["id"], ())),
        )
        for row in rows
    ]


def _values(
    store: Store, select: str, ids: Sequence[str], kinds: tuple[str, str]
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for part in chunked(ids):
        for row in store.db.execute(
            f"{select} WHERE item_id IN ({placeholders(part)}) AND kind IN (?, ?)", [*part, *kinds]
        ):
            found.setdefault(row["item_id"], []).append((row["kind"], row["value"]))
    return found


def add_aliases(store: Store, aliases: Iterable[tuple[str, str, str, str]]) -> None:
    """Add aliases (source, kind, value, item); the first item of a source that has one keeps it."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO aliases (source_id, kind, value, item_id) VALUES (?, ?, ?, ?)", aliases
    )


def add_pages(store: Store, pages: Iterable[tuple[str, str, str]]) -> None:
    """Add pages that items name as origin or point to (kind, value, item)."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO item_keys (kind, value, item_id) VALUES (?, ?, ?)", pages
    )


def queue(store: Store, numbers: Iterable[int]) -> None:
    """Queue items for the index of candidates."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO index_queue (item) VALUES (?)", [[number] for number in numbers]
    )


def is_recent(keys: StoredKeys, since: datetime) -> bool:
    """Return whether an item was published since a moment."""
    return keys.sort_time >= (stamp(since) or "")


def stories_sharing(store: Store, links: Iterable[str]) -> set[str]:
    """Return the stories of items under one of `links`, if 2 to 30 items have it."""
    ids: set[str] = set()
    for part in chunked(sorted(set(links))):
        rows = store.db.execute(
            "SELECT DISTINCT items.story_id FROM aliases JOIN items ON items.id = aliases.item_id"
            f" WHERE aliases.kind = 'link' AND aliases.value IN ({placeholders(part)}) AND items.story_id IS NOT NULL"
            " AND (SELECT count(DISTINCT others.item_id) FROM aliases AS others"
            " WHERE others.kind = 'link' AND others.value = aliases.value) BETWEEN 2 AND 30",
            part,
        )
        ids.update(row[0] for row in rows)
    return ids
