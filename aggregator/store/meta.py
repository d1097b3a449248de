"""Store single values by key in the table `meta`, such as what a job needs at its next run."""

from __future__ import annotations

from aggregator.store.connection import Store


def get(store: Store, key: str) -> str | None:
    """Return the value of a key, None without one."""
    row = store.db.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return str(row[0]) if row else None


def put(store: Store, key: str, value: str) -> None:
    """Store the value of a key."""
    store.db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [key, value])


def delete(store: Store, key: str) -> None:
    """Delete a key and its value."""
    store.db.execute("DELETE FROM meta WHERE key = ?", [key])
