"""Store which pages of editions are out of date, without importing the values of editions."""

from __future__ import annotations

from aggregator.store.connection import Store


def has_pages(store: Store) -> bool:
    """Return whether any edition has a page."""
    return store.db.execute("SELECT 1 FROM editions WHERE revision > 0 LIMIT 1").fetchone() is not None


def unwritten(store: Store, *, everything: bool = False) -> dict[str, int]:
    """Return editions whose page is out of date, with their revision; or all with a page."""
    condition = "revision > 0" if everything else "revision <> written_revision"
    return {
        row["id"]: row["revision"]
        for row in store.db.execute(f"SELECT id, revision FROM editions WHERE {condition} ORDER BY id")
    }


def mark_written(store: Store, revisions: dict[str, int]) -> None:
    """Record the revisions of pages that were written."""
    with store.transaction():
        store.db.conn.executemany(
            "UPDATE editions SET written_revision = ? WHERE id = ?",
            [[revision, id_] for id_, revision in revisions.items()],
        )
