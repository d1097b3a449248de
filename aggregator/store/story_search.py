"""Find stories by id or by their words."""

from __future__ import annotations

import re

from aggregator.store.connection import Store
from aggregator.store.items import chunked, marks

MAX_MATCHES = 8
"""Maximum number of matching items read for each wanted story, whose items may all match."""


def search(store: Store, query: str, limit: int) -> list[str]:
    """Return ids of stories whose items contain all words, the last stored first.

    At most `limit`; those with all words in a title precede the others. A rank by frequency (bm25) would read every
    match in the archive, so that its time would grow with it.
    """
    from sqlite_utils import Database

    found_ids: dict[str, None] = {}
    if not re.search(r"\w", query):
        return []
    quoted = Database(store.db, execute_plugins=False).quote_fts(query)
    for match in (f"title : ({quoted})", quoted):
        rows = store.db.execute(
            "SELECT items.story_id FROM items_fts CROSS JOIN items ON items.number = items_fts.rowid"
            " WHERE items_fts MATCH ? ORDER BY items_fts.rowid DESC LIMIT ?",
            [match, limit * MAX_MATCHES],
        )
        for row in rows:
            if row["story_id"]:
                found_ids.setdefault(row["story_id"])
    visible: set[str] = set()
    for part in chunked(found_ids):
        rows = store.db.execute(f"SELECT id FROM stories WHERE hidden = 0 AND id IN ({marks(part)})", part)
        visible.update(row[0] for row in rows)
    return [id_ for id_ in found_ids if id_ in visible][:limit]


def is_id(store: Store, name: str) -> bool:
    """Return whether a story has or had this id."""
    row = store.db.execute(
        "SELECT 1 FROM stories WHERE id = ?1 UNION SELECT 1 FROM tombstones WHERE story_id = ?1", [name]
    ).fetchone()
    return row is not None


def resolve(store: Store, name: str) -> str | None:
    """Return the story with an id, a tombstone, an item id, or the start of an id.

    The start has at least 4 characters.
    """
    if not name.isascii():
        return None
    name = name.rpartition(":story/")[2]  # the id in feeds
    row = store.db.execute(
        "SELECT id FROM stories WHERE id = ?1"
        " UNION SELECT became FROM tombstones WHERE story_id = ?1 AND became IS NOT NULL"
        " UNION SELECT story_id FROM items WHERE id = ?1",
        [name],
    ).fetchone()
    if row is None and re.fullmatch(r"[a-z2-7]{4,15}", name):
        rows = store.db.execute("SELECT id FROM stories WHERE id GLOB ? LIMIT 2", [name + "*"]).fetchall()
        row = rows[0] if len(rows) == 1 else None
    return str(row[0]) if row and row[0] else None
