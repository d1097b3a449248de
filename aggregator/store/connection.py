"""Opening the database: pragmas, migrations, transactions, and foreign errors in our words."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from aggregator import permissions
from aggregator.errors import NewerSchema, StoreError
from aggregator.store.schema import MIGRATIONS

BUSY_TIMEOUT_MS = 10_000
MIGRATION_COPY = "-before-migration-"
MAX_MIGRATION_COPIES = 3
"""Maximum number of copies kept that were made before migrations."""
SYNCHRONOUS = "FULL"
"""With WAL: a commit is on disk when it returns, as V1 and M4 need after a power cut."""


@dataclass(frozen=True, slots=True)
class Store:
    """The open database. One connection, one thread (sqlite-utils and sqlite3 both want that)."""

    db: Database
    path: Path

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """`BEGIN IMMEDIATE` … `COMMIT`, or nothing.

        Own wrapper because sqlite-utils' `atomic()` begins deferred: reading and then writing inside it fails
        with "database is locked" as soon as two processes do it. Raises StoreError where file or disk fail; other
        errors are about what was to be stored.
        """
        with _within(self, "BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """`BEGIN` … `COMMIT`: reads that must fit together see one state, whatever others write meanwhile (L1).

        For reading only; see `transaction` for why.
        """
        with _within(self, "BEGIN"):
            yield

    @contextmanager
    def within(self) -> Iterator[None]:
        """A transaction, or the one that the caller is in already."""
        if self.db.conn.in_transaction:
            yield
        else:
            with self.transaction():
                yield


def is_database_error(error: Exception) -> bool:
    """Whether an exception is about the database file or the machine, not about what was to be stored."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


@contextmanager
def _within(store: Store, begin: str) -> Iterator[None]:
    conn = store.db.conn
    try:
        conn.execute(begin)
        try:
            yield
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise
        conn.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        if type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError):
            raise StoreError(f"{store.path}: {_words(error)}") from error
        raise


@contextmanager
def opened(path: Path, *, create: bool = True) -> Iterator[Store]:
    """The store at `path`, migrated; with `create=False` a missing file is an error, not a new database.

    Whatever sqlite3 raises inside the block leaves as StoreError with one sentence.
    """
    if not create and not path.exists():
        raise StoreError(f"{path} does not exist yet: run `aggregator fetch` first")
    try:
        if not path.parent.is_dir():
            permissions.make_folder(path.parent)
        permissions.make_file(path)  # it holds recipients' addresses
        for beside in ("-wal", "-shm"):  # SQLite gives new ones the mode of the database
            permissions.close_file(path.with_name(path.name + beside))
        conn = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} {_words(error)}") from error
    try:
        yield _prepared(conn, path)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {_words(error)}") from error
    finally:
        conn.close()


def _prepared(conn: sqlite3.Connection, path: Path) -> Store:
    conn.row_factory = sqlite3.Row
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    conn.execute("PRAGMA foreign_keys = ON")
    _refuse_newer(conn, path)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    db = Database(conn, recursive_triggers=False, execute_plugins=False)
    pending = [migration.name for migration in MIGRATIONS.pending(db)]
    if pending:
        if MIGRATIONS.applied(db):
            _backup(conn, path)
        MIGRATIONS.apply(db)
    return Store(db, path)


def _refuse_newer(conn: sqlite3.Connection, path: Path) -> None:
    known = {migration.name for migration in MIGRATIONS._migrations}
    try:
        rows = conn.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ?", [MIGRATIONS.name]
        ).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        if conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{path} is a database of some other program; nothing was touched") from error
        return
    unknown = sorted({row["name"] for row in rows} - known)
    if unknown:
        raise NewerSchema(
            f"{path} was written by a newer version of this program (it has {', '.join(unknown)}); "
            "nothing was touched: install that version, or restore a backup made before the upgrade"
        )


def _backup(conn: sqlite3.Connection, path: Path) -> None:
    """A copy beside the database before its schema changes; the oldest copies beyond MAX_MIGRATION_COPIES go."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.stem}{MIGRATION_COPY}{stamp}.db")
    needed = path.stat().st_size
    if shutil.disk_usage(path.parent).free < needed:
        raise StoreError(f"{path}: no room for the backup before migrating ({needed} bytes needed)")
    copy(conn, path, target)
    for old in sorted(path.parent.glob(f"{path.stem}{MIGRATION_COPY}*.db"))[:-MAX_MIGRATION_COPIES]:
        old.unlink(missing_ok=True)


def copy(conn: sqlite3.Connection, path: Path, target: Path) -> None:
    """A consistent copy of the database at `path` while others go on using it.

    Written beside `target` first, checked, and put in place whole; readable by its owner only.
    """
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.unlink(missing_ok=True)
        permissions.make_file(draft)
        made = sqlite3.connect(draft)
        try:
            conn.backup(made)
            made.execute("PRAGMA journal_mode = DELETE")
            identity_policy = made.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            made.close()
        if identity_policy != "ok":
            raise StoreError(f"{path} is damaged ({identity_policy}); the backup was not kept")
        with draft.open("rb") as handle:
            os.fsync(handle.fileno())
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _words(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError):
        return f"cannot be opened: {error.strerror or text}"
    if "disk is full" in text:
        return "the disk is full; what was stored before is safe, run again when there is room"
    if "unable to open" in text:
        return "cannot be opened: does the folder exist, and may this user write there?"
    if "readonly" in text:
        return "may not be written by this user"
    if "not a database" in text or "malformed" in text:
        return f"is damaged ({text}); restore a backup"
    if "locked" in text:
        return f"is locked by another program ({text})"
    return text


def stamp(moment: datetime | None) -> str | None:
    """A moment as stored: UTC, whole seconds, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def moment(text: str | None) -> datetime | None:
    """The moment a stored stamp means."""
    return datetime.fromisoformat(text) if text else None


def sure_moment(text: str) -> datetime:
    """The moment of a column that is never null."""
    return datetime.fromisoformat(text)
