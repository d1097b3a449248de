"""Check whether a database has the schema of this program, using only the standard library.

A run marks the database with a hash of the applied migrations and of the code of all. A database of a newer version
never fits, since it has migrations that the mark does not know.
"""

from __future__ import annotations

import hashlib
import sqlite3
from functools import cache
from pathlib import Path

SCHEMA_HASH = "schema"
"""Key of the mark in the table `meta`."""


def is_current(conn: sqlite3.Connection) -> bool:
    """Return whether the mark fits the migrations that were applied and their code."""
    try:
        row = conn.execute("SELECT value FROM meta WHERE key = ?", [SCHEMA_HASH]).fetchone()
    except sqlite3.OperationalError:  # no such table, or an error that the next statement meets as well
        return False
    return row is not None and row[0] == schema_hash(conn)


def schema_hash(conn: sqlite3.Connection) -> str | None:
    """Return a hash of the applied migrations and of the code of all; None without code."""
    code = _migration_code()
    if code is None:
        return None
    hashed = code.copy()
    for (name,) in conn.execute("SELECT name FROM _sqlite_migrations ORDER BY name"):
        hashed.update(name.encode())
    return hashed.hexdigest()


@cache
def _migration_code() -> hashlib._Hash | None:
    """Hash the code of all migrations, once in a process; None without code.

    An upgrade may replace the files beside a running daemon, which would record the new migrations as applied.
    """
    folder = Path(__file__).parent
    code = hashlib.sha256()
    try:
        for file in (folder / "schema.py", *sorted((folder / "migrations").glob("*.py"))):
            code.update(file.read_bytes())
    except OSError:
        return None
    return code
