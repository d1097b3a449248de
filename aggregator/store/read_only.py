"""Open the database for reading only, with a time limit for each piece of work."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local
from urllib.parse import quote

from aggregator.errors import StoreError
from aggregator.store.connection import Connection, Store, described_error
from aggregator.store.schema import MIGRATIONS

CHECK_STEPS = 2_000
"""Steps of SQLite between two looks at the clock, about a tenth of a millisecond."""
CACHE_KIB = 8_192
"""Memory for pages of each connection in KiB."""


class TooSlow(StoreError):
    """Report that reading took longer than its limit."""


class Reader:
    """Read one database from several threads, each over a connection of its own.

    Nothing is created, migrated or locked: a writer is never waited for, because the database has a write-ahead log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = local()

    @contextmanager
    def reading(self, seconds: float) -> Iterator[Store]:
        """Run the block on one state of the database, for at most `seconds` in SQLite.

        Raises TooSlow, and StoreError where there is no database of this version that can be read.
        """
        end = time.monotonic() + seconds
        try:
            store = self._store()
            store.db.conn.set_progress_handler(lambda: time.monotonic() > end, CHECK_STEPS)
            store.db.conn.execute("BEGIN")
            try:
                yield store
            finally:
                store.db.conn.set_progress_handler(None, 0)
                store.db.conn.rollback()
        except (OSError, sqlite3.DatabaseError) as error:
            if "interrupted" in str(error):
                raise TooSlow(f"{self.path}: reading took longer than {seconds:g} s and was ended") from error
            self._forget()
            raise StoreError(described_error(error, self.path)) from error

    def _store(self) -> Store:
        """Return this thread's connection; a new one if the file was replaced."""
        status = os.stat(self.path)  # noqa: PTH116 # at every request; `Path` takes five times as long
        file = status.st_dev, status.st_ino
        store: Store | None = getattr(self._threads, "store", None)
        if store is None or self._threads.file != file:
            self._forget()
            store = self._threads.store = _open(self.path)
            self._threads.file = file
        return store

    def _forget(self) -> None:
        if store := getattr(self._threads, "store", None):
            self._threads.store = None
            store.db.conn.close()


def _open(path: Path) -> Store:
    conn = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=1.0, factory=Connection
    )
    try:
        conn.row_factory = sqlite3.Row
        conn.execute("PRAGMA query_only = ON")
        conn.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        applied = {
            row["name"]
            for row in conn.execute(
                "SELECT name FROM _sqlite_migrations WHERE migration_set = ?", [MIGRATIONS.name]
            )
        }
        if applied != {migration.name for migration in MIGRATIONS._migrations}:
            raise StoreError(f"{path} has another version than this program; run `aggregator status`")
    except BaseException:
        conn.close()
        raise
    return Store(conn, path)
