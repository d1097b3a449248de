"""The database file: migrations, damage, other versions, transactions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlite_utils import Database

from aggregator.errors import NewerSchema, StoreError
from aggregator.store import schema_mark
from aggregator.store.connection import opened, record_schema
from aggregator.store.schema import MIGRATIONS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a database with a run in it."""
    path = tmp_path / "var" / "aggregator.db"
    with opened(path) as store, store.transaction():
        store.db.execute("INSERT INTO runs (job, started) VALUES ('fetch', '2026-10-05T06:30:00Z')")
    return path


@pytest.fixture
def later_version(file: Path) -> Iterator[None]:
    """Add one migration to the program."""

    @MIGRATIONS()
    def m9999_test(db: Database) -> None:
        db.execute("CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY) STRICT")

    yield
    MIGRATIONS._migrations.pop()


def test_a_commit_is_on_disk_when_it_returns(file: Path) -> None:
    """A commit of the program waits for the disk, unlike in tests (V1, M4)."""
    script = (
        "import sys, pathlib\nfrom aggregator.store.connection import opened\n"
        "with opened(pathlib.Path(sys.argv[1])) as store:\n"
        "    print(*(store.db.execute(f'PRAGMA {name}').fetchone()[0] for name in ('journal_mode', 'synchronous')))"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, check=True)
    assert ended.stdout.split() == [b"wal", b"2"]


@pytest.mark.usefixtures("later_version")
def test_a_copy_is_made_before_migrating(file: Path) -> None:
    """A copy of the old database is made before the schema changes."""
    with opened(file) as store:
        assert store.db.execute("SELECT count(*) FROM of_tomorrow").fetchone()
    (copy,) = file.parent.glob("aggregator-before-migration-*.db")
    conn = sqlite3.connect(copy)
    assert conn.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM sqlite_master WHERE name = 'of_tomorrow'").fetchone() == (0,)
    conn.close()


@pytest.mark.usefixtures("later_version")
def test_copies_before_migrating_are_pruned(file: Path) -> None:
    """The last three copies are kept, closed to other users, and no other file is deleted."""
    for n in range(1, 6):
        (file.parent / f"aggregator-before-migration-2020010{n}T000000Z.db").touch()
    (file.parent / "backup.db").touch()
    before = os.umask(0)
    try:
        with opened(file):
            pass
    finally:
        os.umask(before)
    kept = sorted(file.parent.glob("aggregator-before-migration-*.db"))
    assert [copy.name[28:36] for copy in kept[:2]] == ["20200104", "20200105"] and len(kept) == 3
    assert stat.S_IMODE(kept[2].stat().st_mode) == 0o600 and kept[2].stat().st_size > 0
    assert (file.parent / "backup.db").exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_database_is_closed_to_other_users(tmp_path: Path, umask: int) -> None:
    """Folder, database and its companions belong to their owner only, whatever the umask."""
    path = tmp_path / "var" / "aggregator.db"
    before = os.umask(umask)
    try:
        for _ in range(2):
            with opened(path) as store, store.transaction():
                store.db.execute("INSERT INTO runs (job, started) VALUES ('fetch', '2026-10-05T06:30:00Z')")
                found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
                assert found == dict.fromkeys(
                    ("aggregator.db", "aggregator.db-wal", "aggregator.db-shm"), 0o600
                )
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            path.chmod(0o644)
    finally:
        os.umask(before)


def test_a_newer_schema_is_refused_untouched(file: Path) -> None:
    """A database of a newer version is refused and not written to."""
    conn = sqlite3.connect(file)
    conn.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('aggregator', 'm9999', '')"
    )
    conn.commit()
    conn.close()
    before = file.read_bytes()
    with pytest.raises(NewerSchema, match="m9999"), opened(file):
        pass
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """A database of another program is refused."""
    path = tmp_path / "aggregator.db"
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE theirs (x)")
    conn.commit()
    conn.close()
    with pytest.raises(StoreError, match="some other program"), opened(path):
        pass


def test_a_transaction_is_whole_or_nothing(file: Path) -> None:
    """A transaction that fails changes nothing."""
    with opened(file) as store:
        with pytest.raises(RuntimeError), store.transaction():
            store.db.execute("DELETE FROM runs")
            raise RuntimeError
        assert store.db.execute("SELECT count(*) FROM runs").fetchone()[0] == 1


def test_a_damaged_page_is_reported(file: Path) -> None:
    """A damaged database is reported with what to do."""
    with opened(file) as store, store.transaction():
        store.db.conn.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?)", [[f"k{n}", "x" * 500] for n in range(2000)]
        )
    raw = bytearray(file.read_bytes())
    for page in range(4096, len(raw) - 4096, 4096):
        raw[page : page + 64] = b"\xff" * 64
    file.write_bytes(raw)
    with pytest.raises(StoreError, match=r"is damaged .* restore a backup"), opened(file) as store:
        store.db.execute("SELECT * FROM meta").fetchall()


def test_foreign_keys_hold(file: Path) -> None:
    """A row cannot refer to a missing row."""
    with pytest.raises(StoreError, match="FOREIGN KEY"), opened(file) as store:
        store.db.execute("INSERT INTO visits (run_id, source_id, started) VALUES (99, 'nobody', '')")


def test_two_writers_wait_for_each_other(file: Path) -> None:
    """Two connections that read and then write never fail with "database is locked"."""
    from threading import Thread

    failed: list[BaseException] = []

    def count_up() -> None:
        try:
            with opened(file) as store:
                for _ in range(50):
                    with store.transaction():
                        (n,) = store.db.execute("SELECT count(*) FROM meta").fetchone()
                        store.db.execute("INSERT INTO meta (key, value) VALUES (?, '')", [f"n{n}"])
        except BaseException as error:  # noqa: BLE001 - reported by the test
            failed.append(error)

    threads = [Thread(target=count_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with opened(file) as store:
        assert store.db.execute("SELECT count(*) FROM meta").fetchone()[0] == 100


def test_a_snapshot_sees_one_state(file: Path) -> None:
    """A snapshot does not see commits of others, and blocks no writer (L1)."""
    count = "SELECT count(*) FROM runs"
    with opened(file) as reader, opened(file) as writer:
        with reader.snapshot():
            assert reader.db.execute(count).fetchone()[0] == 1
            with writer.transaction():
                writer.db.execute("DELETE FROM runs")
            assert reader.db.execute(count).fetchone()[0] == 1
        assert reader.db.execute(count).fetchone()[0] == 0
        with pytest.raises(ZeroDivisionError), reader.snapshot():
            raise ZeroDivisionError
        assert not reader.db.conn.in_transaction


def test_a_marked_database_is_opened_without_the_migrations(file: Path) -> None:
    """A database to which this version has no migration is opened without importing any."""
    with opened(file) as store:
        record_schema(store)
    script = (
        "import sys, pathlib\nfrom aggregator.store.connection import opened\n"
        "with opened(pathlib.Path(sys.argv[1])):\n    print('sqlite_utils' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, check=True)
    assert ended.stdout.split() == [b"False"]


def test_the_mark_does_not_hide_migrations_of_an_upgrade_beside_a_running_process(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that still runs older code does not mark a database by the files of newer code."""
    code = shutil.copytree(Path(schema_mark.__file__).parent, tmp_path / "store")
    monkeypatch.setattr(schema_mark, "__file__", str(code / "schema_mark.py"))
    read_code = schema_mark._migration_code.__wrapped__
    monkeypatch.setattr(schema_mark, "_migration_code", cache(read_code))
    mark = "SELECT value FROM meta WHERE key = 'schema'"
    with opened(file) as store:
        record_schema(store)
        (older,) = store.db.execute(mark).fetchone()
        with (code / "schema.py").open("a") as upgraded:
            upgraded.write("# one more migration\n")
        record_schema(store)
        assert tuple(store.db.execute(mark).fetchone()) == (older,)
        monkeypatch.setattr(schema_mark, "_migration_code", cache(read_code))  # as in a new process
        record_schema(store)
        assert tuple(store.db.execute(mark).fetchone()) != (older,)


def test_the_mark_does_not_hide_a_newer_schema(file: Path) -> None:
    """A marked database that a newer version migrated is refused."""
    with opened(file) as store:
        record_schema(store)
        store.db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('aggregator', 'm9999', '')"
        )
    with pytest.raises(NewerSchema, match="m9999"), opened(file):
        pass


def test_a_part_is_rolled_back_by_itself(file: Path) -> None:
    """What fails in a part of a transaction takes nothing else of the transaction with it."""
    with opened(file) as store:
        with store.transaction():
            store.db.execute("INSERT INTO meta VALUES ('before', '1')")
            with pytest.raises(sqlite3.IntegrityError), store.savepoint():
                store.db.execute("INSERT INTO meta VALUES ('inside', '1')")
                store.db.execute("INSERT INTO meta VALUES ('before', '2')")
            store.db.execute("INSERT INTO meta VALUES ('after', '1')")
        keys = [row["key"] for row in store.db.execute("SELECT key FROM meta ORDER BY key")]
    assert keys == ["after", "before"]
