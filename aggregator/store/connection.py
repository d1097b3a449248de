"""Open the database: pragmas, migrations, transactions and errors of SQLite."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from aggregator import permissions
from aggregator.errors import NewerSchema, StoreBusy, StoreError
from aggregator.model.value_classes import dataclass
from aggregator.store import schema_mark

BUSY_TIMEOUT_MS = 10_000
MIGRATION_COPY = "-before-migration-"
MAX_MIGRATION_COPIES = 3
"""Maximum number of copies kept that were made before migrations."""
DRAFT_SUFFIX = ".backup-draft"
MAX_DRAFT_SECONDS = 3600
"""Maximum time since the last write to a draft of a copy that a running process makes."""
MIN_DATABASE_BYTES = 2
"""Minimum size of a file with content: SQLite takes a single byte for an empty file."""
SYNCHRONOUS = "FULL"
"""With WAL, a commit is on disk when it returns, as V1 and M4 need."""


class Connection(sqlite3.Connection):
    """A connection to the database."""

    @property
    def conn(self) -> Connection:
        """Return the connection, as `sqlite_utils.Database` does."""
        return self


@dataclass(frozen=True, slots=True)
class Store:
    """The open database, for one thread, as sqlite3 requires."""

    db: Connection
    path: Path

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in a transaction that takes the write lock at once.

        Not sqlite-utils' `atomic()`, which begins deferred: reading and then writing inside it fails with "database is
        locked" as soon as two processes do it. Raises StoreError where file or disk fail; other errors
        concern the data.
        """
        with _run_in(self, ("BEGIN IMMEDIATE",), ("COMMIT",), ("ROLLBACK",)):
            yield

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Run the block in a savepoint of the caller's transaction."""
        with _run_in(self, ("SAVEPOINT part",), ("RELEASE part",), ("ROLLBACK TO part", "RELEASE part")):
            yield

    @contextmanager
    def unsynced(self) -> Iterator[None]:
        """Do not wait for the disk at the commits within the block.

        A killed process loses none of them. A power failure loses those since the last commit outside of such a block.
        The caller commits before the block what it needs to repeat them.
        """
        self.db.conn.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self.db.conn.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run the block's reads on one state, whatever others write meanwhile (L1)."""
        with _run_in(self, ("BEGIN",), ("COMMIT",), ("ROLLBACK",)):
            yield

    @contextmanager
    def translating_errors(self) -> Iterator[None]:
        """Raise errors of the database file in the block's reads as StoreError."""
        with _run_in(self):
            yield

    @contextmanager
    def in_transaction(self) -> Iterator[None]:
        """Run the block in a transaction, or in that of the caller."""
        if self.db.conn.in_transaction:
            yield
        else:
            with self.transaction():
                yield


def is_database_error(error: Exception) -> bool:
    """Return whether an exception is about the database file or the machine, not the data."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


@contextmanager
def _run_in(
    store: Store, begin: Sequence[str] = (), commit: Sequence[str] = (), rollback: Sequence[str] = ()
) -> Iterator[None]:
    conn = store.db.conn
    try:
        for statement in begin:
            conn.execute(statement)
        try:
            yield
        except BaseException:
            for statement in rollback if conn.in_transaction else ():
                conn.execute(statement)
            raise
        for statement in commit:
            conn.execute(statement)
    except sqlite3.DatabaseError as error:
        if type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError):
            raise _translated(error, store.path) from error
        raise


def _translated(error: sqlite3.Error, path: Path) -> StoreError:
    """Return an error of SQLite as one of this program."""
    kind = StoreBusy if "locked" in str(error) else StoreError
    return kind(described_error(error, path))


@contextmanager
def opened(path: Path, *, create: bool = True) -> Iterator[Store]:
    """Open the store at `path` and migrate it.

    With `create=False` a missing or empty file is an error. Errors of sqlite3 inside the block become StoreError.
    """
    if not create and not has_database(path):
        problem = "is empty" if path.exists() else "does not exist yet"
        raise StoreError(f"{path} {problem}: run `aggregator fetch` first")
    try:
        if not path.parent.is_dir():
            permissions.make_folder(path.parent)
        permissions.make_file(path)  # it holds addresses of subscribers
        for beside in _beside(path):  # SQLite gives new ones the mode of the database
            permissions.close_file(beside)
        conn = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000, factory=Connection)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(described_error(error, path)) from error
    try:
        yield _prepare(conn, path)
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    finally:
        conn.close()


def _beside(path: Path) -> list[Path]:
    """Return the files that SQLite keeps beside a database with a write-ahead log."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]


def has_database(path: Path) -> bool:
    """Return whether a file has content; SQLite makes an empty one a new database."""
    return path.exists() and (not path.is_file() or path.stat().st_size >= MIN_DATABASE_BYTES)


def _prepare(conn: Connection, path: Path) -> Store:
    conn.row_factory = sqlite3.Row
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    conn.execute("PRAGMA foreign_keys = ON")
    store = Store(conn, path)
    is_current = schema_mark.is_current(conn)
    if not is_current:
        _refuse_newer(conn, path)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    if not is_current:
        _migrate(conn, path)
    return store


def record_schema(store: Store) -> None:
    """Record that the schema is current, so that opening the database imports no migration."""
    if not schema_mark.is_current(store.db.conn):
        store.db.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
            [schema_mark.SCHEMA_HASH, schema_mark.schema_hash(store.db.conn)],
        )


def _migrate(conn: Connection, path: Path) -> None:
    from sqlite_utils import Database

    from aggregator.store.schema import MIGRATIONS

    db = Database(conn, recursive_triggers=False, execute_plugins=False)
    if MIGRATIONS.pending(db):
        if MIGRATIONS.applied(db):
            _backup(conn, path)
        MIGRATIONS.apply(db)


def _refuse_newer(conn: Connection, path: Path) -> None:
    from aggregator.store.schema import MIGRATIONS

    known = {migration.name for migration in MIGRATIONS._migrations}
    try:
        rows = conn.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ?", [MIGRATIONS.name]
        ).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        if conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{path} is a database of some other program; nothing was changed") from error
        return
    unknown = sorted({row["name"] for row in rows} - known)
    if unknown:
        raise NewerSchema(
            f"{path} was written by a newer version of this program (it has {', '.join(unknown)}); "
            "nothing was changed: install that version, or restore a backup made before the upgrade"
        )


def _backup(conn: sqlite3.Connection, path: Path) -> None:
    """Copy the database before its schema changes, and delete older copies."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.stem}{MIGRATION_COPY}{stamp}.db")
    needed = path.stat().st_size
    if shutil.disk_usage(path.parent).free < needed:
        raise StoreError(
            f"{path}: no space for the backup before migrating ({needed} bytes needed); free some and run again"
        )
    copy(conn, path, target)
    for old in sorted(path.parent.glob(f"{path.stem}{MIGRATION_COPY}*.db"))[:-MAX_MIGRATION_COPIES]:
        old.unlink(missing_ok=True)


def copy(conn: sqlite3.Connection, path: Path, target: Path) -> None:
    """Write a consistent copy of the database while others use it.

    It is checked before it gets its name, and is readable by its owner only.
    """
    draft = target.with_name(f".{os.getpid()}-{time.monotonic_ns()}{DRAFT_SUFFIX}")
    try:
        _remove_old_drafts(target.parent)
        permissions.make_file(draft)
        target_conn = sqlite3.connect(draft)
        try:
            conn.backup(target_conn)
            target_conn.execute("PRAGMA journal_mode = DELETE")
            check = target_conn.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            target_conn.close()
        if check != "ok":
            raise StoreError(f"{path} is damaged ({check}); the backup was not kept")
        with draft.open("rb") as handle:
            os.fsync(handle.fileno())
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _remove_old_drafts(folder: Path) -> None:
    """Remove drafts of copies, and their journals, that killed processes left in a folder."""
    for draft in folder.glob(f".*{DRAFT_SUFFIX}*"):
        with suppress(OSError):
            if draft.stat().st_mtime < time.time() - MAX_DRAFT_SECONDS:
                draft.unlink()


def described_error(error: Exception, path: Path) -> str:
    """Describe an error of SQLite or of the database file `path`, with what to do."""
    text = str(error)
    if isinstance(error, PermissionError) or "unable to open" in text or "readonly" in text:
        problem = permissions.unwritable([path.parent, path, *_beside(path)])
        is_folder = os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises PermissionError
        cause = "it is a folder" if is_folder else "does the folder exist, and may this user write there?"
        return problem or f"{path} cannot be opened: {cause}"
    return f"{path} {_reason(error, text)}"


def _reason(error: Exception, text: str) -> str:
    if isinstance(error, OSError):
        return f"cannot be opened: {error.strerror or text}"
    if "disk is full" in text:
        return "cannot be written: the disk is full; what was stored before is safe, free some space and run again"
    if any(words in text for words in ("not a database", "malformed", "no such table")):
        return f"is damaged ({text}); restore a backup"
    if "locked" in text:
        return f"is locked by another program ({text})"
    return f"cannot be used: {text}"


def stamp(moment: datetime | None) -> str | None:
    """Format a moment as stored: UTC, whole seconds, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def moment(text: str | None) -> datetime | None:
    """Parse a stored moment; None for NULL."""
    return datetime.fromisoformat(text) if text else None


def sure_moment(text: str) -> datetime:
    """Parse the moment of a column that is never NULL."""
    return datetime.fromisoformat(text)
