"""Store missing items, whose entries left their document, and those that were removed (I8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.model.polling import ListedItem, MissingItem
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.items import chunked, placeholders


def facts(store: Store, ids: Sequence[str]) -> list[ListedItem]:
    """Return the items `ids` as a document lists them, in that order."""
    found = {}
    for part in chunked(ids):
        for row in store.db.execute(
            f"SELECT id, link, sort, story_id FROM items WHERE id IN ({placeholders(part)})", part
        ):
            found[row["id"]] = ListedItem(
                item_id=row["id"],
                link=row["link"],
                sort_time=sure_moment(row["sort"]),
                placed=row["story_id"] is not None,
            )
    return [found[id_] for id_ in ids if id_ in found]


def mark_missing(store: Store, source_id: str, ids: Iterable[str], now: datetime) -> None:
    """Store items whose entries left the document of a source, in the caller's transaction."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO missing_items (item_id, source_id, since) VALUES (?, ?, ?)",
        [[id_, source_id, stamp(now)] for id_ in ids],
    )


def still_missing(store: Store, source_id: str) -> dict[str, bool]:
    """Return the missing items of a source, and whether they were removed."""
    rows = store.db.execute("SELECT item_id, withdrawn FROM missing_items WHERE source_id = ?", [source_id])
    return {row["item_id"]: row["withdrawn"] is not None for row in rows}


def last_removal(store: Store, story_id: str) -> datetime | None:
    """Return when the last of a story's removed items was removed."""
    row = store.db.execute(
        "SELECT max(withdrawn) FROM missing_items JOIN items ON items.id = item_id WHERE story_id = ?",
        [story_id],
    ).fetchone()
    return moment(row[0])


def delete(store: Store, ids: Iterable[str]) -> None:
    """Delete items that are neither missing nor removed any more."""
    store.db.conn.executemany("DELETE FROM missing_items WHERE item_id = ?", [[id_] for id_ in ids])


def record_check(store: Store, item: MissingItem, *, removed: bool) -> None:
    """Store the result of a check of a missing item's page."""
    store.db.execute(
        "UPDATE missing_items SET tries = ?, last = ?, gone = ?, withdrawn = ? WHERE item_id = ?",
        [
            item.checks,
            stamp(item.last_check),
            stamp(item.gone_since),
            stamp(item.last_check) if removed else None,
            item.item_id,
        ],
    )


def due(store: Store, before: datetime) -> dict[str, list[MissingItem]]:
    """Return missing items not checked since `before`, by source, the longest waiting first."""
    found: dict[str, list[MissingItem]] = {}
    for row in store.db.execute(
        "SELECT missing_items.*, items.title, items.link FROM missing_items JOIN items ON items.id = item_id"
        " WHERE withdrawn IS NULL AND (last IS NULL OR last <= ?) ORDER BY last, since, item_id",
        [stamp(before)],
    ):
        missing = MissingItem(
            item_id=row["item_id"],
            title=row["title"],
            link=row["link"],
            since=sure_moment(row["since"]),
            checks=row["tries"],
            last_check=moment(row["last"]),
            gone_since=moment(row["gone"]),
        )
        found.setdefault(row["source_id"], []).append(missing)
    return found
