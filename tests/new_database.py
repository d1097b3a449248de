"""Copy a migrated database into new ones instead of running all migrations each time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from aggregator.store import connection
from aggregator.store.schema import MIGRATIONS

_templates: dict[tuple[str, ...], sqlite3.Connection] = {}
"""In memory, by the names of all migrations."""
_prepare = connection._prepare


def prepare(conn: sqlite3.Connection, path: Path) -> connection.Store:
    """Prepare a database as the program does; an empty one begins as a copy of a migrated one.

    All migrations take 70 ms, a copy 1 ms, and most tests need a new database.
    """
    if not conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        _template().backup(conn)
    return _prepare(conn, path)


def _template() -> sqlite3.Connection:
    names = tuple(migration.name for migration in MIGRATIONS._migrations)
    if names not in _templates:
        template = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _prepare(template, Path(":memory:"))
        _templates[names] = template
    return _templates[names]
