"""Items: find known ones by their aliases, and store new and changed ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from aggregator.model.documents import Enclosure, ItemKind
from aggregator.model.items import Alias, ChangeKind, Item, ItemChange, KnownItem
from aggregator.model.reports import QuarantineStep
from aggregator.store import event_facts
from aggregator.store.connection import Store, moment, stamp, sure_moment

CHUNK_VALUES = 500
"""Maximum number of values in a statement, well below SQLite's limit."""


def chunked(values: Iterable[str]) -> Iterable[list[str]]:
    """Split `values` into lists short enough for one statement."""
    held = list(values)
    for start in range(0, len(held), CHUNK_VALUES):
        yield held[start : start + CHUNK_VALUES]


def placeholders(values: Sequence[object]) -> str:
    """Return the placeholders of an IN list: question marks."""
    return ",".join("?" * len(values))


def known(store: Store, source_id: str, aliases: Iterable[Alias]) -> dict[Alias, KnownItem]:
    """Return the known item of each alias, within the source."""
    ids = known_ids(store, source_id, aliases)
    found = _read_known(store, set(ids.values()))
    return {alias: found[item_id] for alias, item_id in ids.items()}


def was_any_seen_until(store: Store, source_id: str, aliases: Iterable[Alias], until: datetime) -> bool:
    """Return whether one of the aliases is that of an item which was first seen until a moment."""
    ids = sorted(set(known_ids(store, source_id, aliases).values()))
    return any(
        store.db.execute(
            f"SELECT 1 FROM items WHERE first_seen <= ? AND id IN ({placeholders(part)}) LIMIT 1",
            [stamp(until), *part],
        ).fetchone()
        for part in chunked(ids)
    )


def known_ids(store: Store, source_id: str, aliases: Iterable[Alias]) -> dict[Alias, str]:
    """Return the id of the known item of each alias, within the source."""
    wanted: dict[str, set[str]] = {}
    for alias in aliases:
        wanted.setdefault(alias.kind, set()).add(alias.value)
    found: dict[Alias, str] = {}
    for kind, values in wanted.items():
        for part in chunked(sorted(values)):
            rows = store.db.execute(
                "SELECT value, item_id FROM aliases"
                f" WHERE source_id = ? AND kind = ? AND value IN ({placeholders(part)})",
                [source_id, kind, *part],
            )
            found.update({Alias(kind=kind, value=row["value"]): row["item_id"] for row in rows})
    return found


def aliases(store: Store, source_id: str) -> frozenset[Alias]:
    """Return every alias of a source."""
    rows = store.db.execute("SELECT kind, value FROM aliases WHERE source_id = ?", [source_id])
    return frozenset(Alias(kind=row["kind"], value=row["value"]) for row in rows)


def links(store: Store, source_id: str) -> list[tuple[str, str]]:
    """Return links and titles of a source's items."""
    rows = store.db.execute(
        "SELECT link, title FROM items WHERE source_id = ? AND link IS NOT NULL", [source_id]
    )
    return [(row["link"], row["title"]) for row in rows]


def newest(store: Store, source_id: str, count: int) -> list[tuple[KnownItem, str | None]]:
    """Return a source's newest items with their links."""
    rows = store.db.execute(
        "SELECT id, link FROM items WHERE source_id = ? ORDER BY sort DESC LIMIT ?", [source_id, count]
    ).fetchall()
    remembered = _read_known(store, {row["id"] for row in rows})
    return [(remembered[row["id"]], row["link"]) for row in rows]


def review_states(store: Store, source_id: str, arrived: Sequence[Item]) -> list[str | None]:
    """Return the state of each item: `known`, `waiting`, `discarded`, or None for new ones."""
    owners = known_ids(store, source_id, [alias for item in arrived for alias in item.aliases])
    held = dict(
        store.db.execute(
            "SELECT id, held FROM items WHERE source_id = ? AND held IN ('waiting', 'discarded')", [source_id]
        ).fetchall()
    )
    found: list[str | None] = []
    for item in arrived:
        owner = next((owners[alias] for alias in item.aliases if alias in owners), None)
        found.append(held.get(owner, "known") if owner else None)
    return found


def hold(store: Store, ids: Iterable[str]) -> None:
    """Hold new items, which then need review (G2)."""
    store.db.conn.executemany("UPDATE items SET held = 'waiting' WHERE id = ?", [[id_] for id_ in ids])


def held_count(store: Store, source_id: str) -> int:
    """Return the number of a source's held items."""
    row = store.db.execute(
        "SELECT count(*) FROM items WHERE held = 'waiting' AND source_id = ?", [source_id]
    ).fetchone()
    return int(row[0])


def release_held(store: Store, source_id: str) -> int:
    """Release a source's held items, which count as new now; return their number (G2)."""
    return store.db.execute(
        "UPDATE items SET held = NULL, backlog = 0 WHERE held = 'waiting' AND source_id = ?", [source_id]
    ).rowcount


def discard_held(store: Store, source_id: str) -> int:
    """Discard a source's held items, which are never published; return their number (G2)."""
    return store.db.execute(
        "UPDATE items SET held = 'discarded', backlog = 0 WHERE held = 'waiting' AND source_id = ?",
        [source_id],
    ).rowcount


def held_ids(store: Store, source_id: str) -> list[str]:
    """Return the ids of a source's held items, the first stored first."""
    rows = store.db.execute(
        "SELECT id FROM items WHERE held = 'waiting' AND source_id = ? ORDER BY number", [source_id]
    )
    return [row[0] for row in rows]


def hold_again(store: Store, ids: Iterable[str]) -> None:
    """Hold items without a story again."""
    store.db.conn.executemany(
        "UPDATE items SET held = 'waiting' WHERE id = ? AND story_id IS NULL", [[id_] for id_ in ids]
    )


IS_UNPLACED = (
    "items.story_id IS NULL AND items.dropped IS NULL AND items.held IS NULL"
    f" AND NOT EXISTS (SELECT 1 FROM set_aside WHERE step = '{QuarantineStep.PLACING}' AND name = items.id)"
)
"""SQL condition of items without a story; not those that cannot be compared."""
_UNPLACED = f"items INDEXED BY items_unplaced WHERE {IS_UNPLACED}"
_RANKED = "number, source_id, sort, position, held"
_LATER = "items INDEXED BY items_later WHERE held = 'later' AND dropped IS NULL"


def defer(store: Store, most: int) -> tuple[int, frozenset[str]]:
    """Defer all but the `most` newest unplaced items of each source to later rounds.

    Returns the number of deferred items, and the ids of those that an earlier round deferred and this one places.
    Runs in the transaction that places items.
    """
    before = _deferred(store)
    many = store.db.execute(f"SELECT 1 FROM {_UNPLACED} GROUP BY source_id HAVING count(*) > ?", [most])
    if not many.fetchone() and not before:
        return 0, frozenset()
    store.db.execute(
        "UPDATE items SET held = CASE WHEN ranked.rank > :most THEN 'later' END FROM (SELECT number, held,"
        " row_number() OVER (PARTITION BY source_id ORDER BY sort DESC, position, number) AS rank FROM"
        f" (SELECT {_RANKED} FROM {_UNPLACED} UNION ALL SELECT {_RANKED} FROM {_LATER})) AS ranked"
        " WHERE items.number = ranked.number AND (ranked.rank > :most) = (ranked.held IS NULL)",
        {"most": most},
    )
    after = _deferred(store)
    return len(after), before - after


def _deferred(store: Store) -> frozenset[str]:
    return frozenset(row["id"] for row in store.db.execute(f"SELECT id FROM {_LATER}"))


def existing_ids(store: Store, ids: Sequence[str]) -> set[str]:
    """Return those of `ids` that items have."""
    found: set[str] = set()
    for part in chunked(ids):
        rows = store.db.execute(f"SELECT id FROM items WHERE id IN ({placeholders(part)})", part)
        found.update(row[0] for row in rows)
    return found


def _read_known(store: Store, ids: set[str]) -> dict[str, KnownItem]:
    found = {}
    edited = []
    for part in chunked(sorted(ids)):
        for row in store.db.execute(
            "SELECT id, title, text, content_hash, first_seen, claimed, edits, story_id, dropped,"
            " events FROM items"
            f" WHERE id IN ({placeholders(part)})",
            part,
        ):
            found[row["id"]] = KnownItem(
                id=row["id"],
                title=row["title"],
                text=row["text"],
                content_hash=row["content_hash"],
                first_seen=sure_moment(row["first_seen"]),
                claimed=moment(row["claimed"]),
                edits=row["edits"],
                story_id=row["story_id"],
                dropped=row["dropped"],
                events=None if row["events"] is None else event_facts.decode(row["events"]),
            )
            if row["edits"]:
                edited.append(row["id"])
    for item_id, titles in _former_titles(store, edited).items():
        found[item_id] = replace(found[item_id], former_titles=tuple(titles))
    return found


def _former_titles(store: Store, ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the former titles of items, oldest first."""
    found: dict[str, list[str]] = {}
    for part in chunked(ids):
        for row in store.db.execute(
            f"SELECT item_id, title FROM revisions WHERE item_id IN ({placeholders(part)}) ORDER BY item_id, number",
            part,
        ):
            found.setdefault(row["item_id"], []).append(row["title"])
    return found


def save(store: Store, item_changes: Sequence[ItemChange], *, backlog: bool, now: datetime) -> None:
    """Store new and edited items in the visit's transaction.

    The former text of an edited item becomes a revision (E2).
    """
    conn = store.db.conn
    new = [a.item for a in item_changes if a.change is ChangeKind.NEW]
    edited = [a for a in item_changes if a.change in (ChangeKind.EDITED, ChangeKind.SIGNIFICANT)]
    if rows := [_row(item) | {"backlog": backlog} for item in new]:
        conn.executemany(
            f"INSERT INTO items ({', '.join(rows[0])}) VALUES ({placeholders([*rows[0]])})",
            [tuple(row.values()) for row in rows],
        )
    conn.executemany(
        "INSERT INTO revisions (item_id, number, replaced, significant, title, text)"
        " SELECT id, edits, ?, ?, title, text FROM items WHERE id = ? AND (title <> ? OR text <> ?)",
        [
            [stamp(now), a.change is ChangeKind.SIGNIFICANT, a.item.id, a.item.title, a.item.text]
            for a in edited
        ],
    )
    conn.executemany(
        "UPDATE items SET edits = edits + (title <> :title OR text <> :text), guid = :guid,"
        " link = :link, title = :title, html = :html, text = :text, excerpt = :excerpt,"
        " claimed = :claimed, claimed_raw = :claimed_raw, sort = :sort, kind = :kind,"
        " language = :language, rights = :rights, authors = :authors, categories = :categories, topics = :topics,"
        " enclosures = :enclosures, source_updated = :source_updated, content_hash = :content_hash,"
        " dropped = :dropped, events = :events WHERE id = :id",
        [_row(a.item) for a in edited],
    )
    conn.executemany(
        "INSERT OR IGNORE INTO aliases (source_id, kind, value, item_id) VALUES (?, ?, ?, ?)",
        [
            [a.item.source_id, alias.kind, alias.value, a.item.id]
            for a in item_changes
            for alias in a.item.aliases
        ],
    )


def _row(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "source_id": item.source_id,
        "guid": item.guid,
        "link": item.link,
        "title": item.title,
        "html": item.html,
        "text": item.text,
        "excerpt": item.excerpt,
        "claimed": stamp(item.claimed),
        "claimed_raw": item.claimed_raw,
        "first_seen": stamp(item.first_seen),
        "sort": stamp(item.sort_time),
        "position": item.position,
        "kind": item.kind,
        "language": item.language,
        "rights": item.rights,
        "authors": _list(item.authors),
        "categories": _list(item.categories),
        "topics": _list(item.topics),
        "enclosures": _list([asdict(enclosure) for enclosure in item.enclosures]),
        "source_updated": stamp(item.source_updated),
        "content_hash": item.content_hash,
        "dropped": item.dropped,
        "events": event_facts.encode(item.events),
    }


_json = json.JSONEncoder(ensure_ascii=False).encode


def _list(values: Sequence[object]) -> str:
    return _json(values) if values else "[]"


@lru_cache(maxsize=512)
def _names(text: str) -> tuple[str, ...]:
    """Parse a JSON list of strings; items of one source often have the same."""
    return tuple(json.loads(text))


def _enclosures(text: str) -> tuple[Enclosure, ...]:
    return () if text == "[]" else tuple(Enclosure(**enclosure) for enclosure in json.loads(text))


def from_row(row: Mapping[str, Any]) -> Item:
    """Return the item of a row of `items`, without its aliases."""
    return Item(
        id=row["id"],
        source_id=row["source_id"],
        aliases=(),
        guid=row["guid"],
        link=row["link"],
        title=row["title"],
        html=row["html"],
        text=row["text"],
        excerpt=row["excerpt"],
        claimed=moment(row["claimed"]),
        claimed_raw=row["claimed_raw"],
        first_seen=sure_moment(row["first_seen"]),
        position=row["position"],
        authors=_names(row["authors"]),
        categories=_names(row["categories"]),
        topics=_names(row["topics"]),
        enclosures=_enclosures(row["enclosures"]),
        kind=ItemKind(row["kind"]),
        language=row["language"],
        rights=row["rights"],
        source_updated=moment(row["source_updated"]),
        content_hash=row["content_hash"],
        dropped=row["dropped"],
        events=event_facts.decode(row["events"]),
    )
