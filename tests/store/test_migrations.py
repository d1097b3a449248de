"""A database of the version before migrates whole: rows, indexes, keys, triggers, a copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from aggregator.store import word_index
from aggregator.store.connection import Store, opened
from aggregator.store.schema import MIGRATIONS
from tests import search_index

RENAMED_TABLES = {
    "bodies": "documents",
    "told": "edition_entries",
    "tombs": "channel_tombstones",
    "traces": "item_keys",
    "features": "candidate_index",
    "untraced": "index_queue",
    "bonds": "link_constraints",
    "doubts": "merge_candidates",
    "memberships": "channel_stories",
    "withdrawals": "missing_items",
    "pings": "websub_state",
}
"""Tables of version 11 of the schema and their names now."""
RENAMED_COLUMNS = {
    ("bodies", "digests"): "entry_hashes",
    ("told", "teller"): "publisher",
    ("told", "turn"): "update_kind",
    ("told", "turned"): "updated_on",
    ("told", "before"): "former_title",
    ("deliveries", "dismissed"): "acknowledged",
    ("bonds", "bond"): "kind",
}
"""Columns of version 11 of the schema and their names now."""

THEN = "2026-10-05T06:30:00Z"
_STORY = {"kind": "news", "announced": THEN, "published": THEN, "updated": THEN, "changed": THEN}
_ITEM = {
    "html": "<p>Text</p>",
    "text": "Text",
    "excerpt": "Text",
    "first_seen": THEN,
    "sort": THEN,
    "position": 0,
    "backlog": 0,
    "kind": "news",
    "authors": "[]",
    "categories": "[]",
    "topics": "[]",
    "enclosures": "[]",
    "content_hash": "h",
}
RENAMED_VALUES = {
    ("sources", "well"): "ok",
    ("sources", "silent"): "stale",
    ("bonds", "apart"): "cannot-link",
}
"""Values that later migrations rename, by the old name of their table."""
ROWS: dict[str, list[dict[str, Any]]] = {
    "sources": [
        {"id": "a", "url": "https://a.example/feed", "name": "A", "kind": "feed", "state": "well"},
        {"id": "b", "url": "https://b.example/feed", "name": "B", "kind": "feed", "state": "silent"},
    ],
    "bodies": [
        {"source_id": "a", "url": "https://a.example/", "body": b"zlib", "digests": b"12", "items": "i1"}
    ],
    "runs": [{"id": 1, "job": "fetch", "started": THEN, "outcome": "done"}],
    "visits": [{"id": 1, "run_id": 1, "source_id": "a", "started": THEN, "outcome": "changed"}],
    "stories": [
        {"number": 1, "id": "s1", "lead_id": "i1", "title": "Course", **_STORY},
        {"number": 2, "id": "s2", "lead_id": "i2", "title": "Workshop", **_STORY},
    ],
    "items": [
        {"number": 1, "id": "i1", "source_id": "a", "story_id": "s1", "title": "Course", **_ITEM},
        {"number": 2, "id": "i2", "source_id": "b", "story_id": "s2", "title": "Workshop", **_ITEM},
    ],
    "aliases": [{"source_id": "a", "kind": "guid", "value": "g1", "item_id": "i1"}],
    "traces": [{"kind": "work", "value": "10.1000/1", "item_id": "i1"}],
    "features": [{"token": 7, "day": 20_000, "item": 1}],
    "decisions": [{"number": 1, "at": THEN, "who": "Ada", "verb": "apart", "stories": "[]", "items": "[]"}],
    "bonds": [{"one": "i1", "other": "i2", "bond": "apart", "decision": 1}],
    "doubts": [{"story_id": "s1", "other_id": "s2", "score": 0.6, "why": "titles", "at": THEN}],
    "related": [{"story_id": "s1", "other_id": "s2", "why": "one meeting"}],
    "tombstones": [{"story_id": "s0", "became": "s1", "at": THEN, "reason": "merged by Ada"}],
    "channels": [{"id": "all", "revision": 3, "written_revision": 3}],
    "memberships": [
        {"channel_id": "all", "story_id": "s1", "announced": THEN, "published": THEN, "position": 0, "fed": 1}
    ],
    "tombs": [{"channel_id": "all", "story_id": "s0"}],
    "digests": [{"id": "weekly", "since": THEN, "last_period": "2026-10-05", "last_composed": THEN}],
    "editions": [
        {
            "id": "weekly-2026-10-05",
            "digest_id": "weekly",
            "period": "2026-10-05",
            "composed": THEN,
            "subject": "News",
            "text": "",
            "html": "",
            "revision": 1,
        }
    ],
    "told": [
        {
            "edition_id": "weekly-2026-10-05",
            "position": 0,
            "item_id": "i1",
            "story_id": "s1",
            "reason": "new",
            "section": "news",
            "title": "Course",
            "teller": "A",
            "day": "2026-10-05",
            "also": "[]",
            "excerpt": "Text",
        }
    ],
    "withdrawals": [
        {"item_id": "i2", "source_id": "b", "since": THEN, "tries": 2, "last": THEN, "gone": THEN}
    ],
    "pings": [{"url": "https://news.example/atom.xml", "version": "v2", "pinged": "v1", "attempts": 1}],
    "set_aside": [{"step": "item", "name": "i2", "version": "0.1.0", "at": THEN, "reason": "RuntimeError"}],
}
"""Rows of a database of the version before, in the order of their foreign keys."""


def _new_name(table: str) -> str:
    return RENAMED_TABLES.get(table, table)


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A database of the last version with the old names, with rows in every renamed table."""
    path = tmp_path / "aggregator.db"
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA foreign_keys = ON")
    db = Database(conn, recursive_triggers=False, execute_plugins=False)
    MIGRATIONS.apply(db, stop_before="m0012_plain_names")
    for table, rows in ROWS.items():
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            conn.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)
    assert all(db.table(table).count for table in RENAMED_TABLES)
    conn.close()
    return path


@pytest.fixture
def migrated(old_file: Path) -> Iterator[Store]:
    """That database, opened with this version."""
    with opened(old_file) as store:
        yield store


@pytest.fixture
def copy(old_file: Path, migrated: Store) -> Iterator[sqlite3.Connection]:
    """The copy that was made beside the database before it was migrated."""
    (file,) = old_file.parent.glob("aggregator-before-migration-*.db")
    conn = sqlite3.connect(file)
    conn.row_factory = sqlite3.Row
    yield conn
    conn.close()


def _tables(conn: sqlite3.Connection) -> list[str]:
    rows = conn.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_sqlite_*'"
        " AND name NOT GLOB 'items_fts*'"
    )
    return [row[0] for row in rows]


def test_the_copy_is_the_old_database(copy: sqlite3.Connection) -> None:
    """The copy beside the migrated database has the old tables with their rows."""
    assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert set(RENAMED_TABLES) <= set(_tables(copy))
    for table, rows in ROWS.items():
        stored = copy.execute(f"SELECT {', '.join(rows[0])} FROM {table}").fetchall()
        assert [tuple(row) for row in stored] == [tuple(row.values()) for row in rows], table


def test_every_row_is_kept(migrated: Store, copy: sqlite3.Connection) -> None:
    """Each row is the same after the migration, under the new names of tables and columns."""
    old_tables = _tables(copy)
    assert not set(RENAMED_TABLES) & set(_tables(migrated.db.conn))
    for table in old_tables:
        names = [row["name"] for row in copy.execute(f"PRAGMA table_info({table})")]
        new_names = [RENAMED_COLUMNS.get((table, name), name) for name in names]
        before = copy.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
        after = migrated.db.execute(f"SELECT {', '.join(new_names)} FROM {_new_name(table)}").fetchall()
        expected = [tuple(RENAMED_VALUES.get((table, value), value) for value in row) for row in before]
        assert [tuple(row) for row in after] == expected, table


def test_every_index_is_kept(migrated: Store, copy: sqlite3.Connection) -> None:
    """Each index of the old database stands on the same columns of the renamed table."""

    def indexes(conn: sqlite3.Connection, table: str) -> set[tuple[str, bool, tuple[str, ...]]]:
        return {
            (
                row["name"] if row["origin"] == "c" else row["origin"],
                bool(row["unique"]),
                tuple(column["name"] for column in conn.execute(f"PRAGMA index_info({row['name']})")),
            )
            for row in conn.execute(f"PRAGMA index_list({table})").fetchall()
        }

    for table in _tables(copy):
        assert indexes(copy, table) <= indexes(migrated.db.conn, _new_name(table)), table


def test_every_foreign_key_is_kept(migrated: Store, copy: sqlite3.Connection) -> None:
    """Each foreign key refers to the same column as before, and is enforced."""

    def keys(conn: sqlite3.Connection, table: str) -> set[tuple[str, str, str, str]]:
        return {
            (row["from"], _new_name(row["table"]), row["to"], row["on_update"])
            for row in conn.execute(f"PRAGMA foreign_key_list({table})")
        }

    for table in _tables(copy):
        assert keys(copy, table) <= keys(migrated.db.conn, _new_name(table)), table
    assert migrated.db.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        migrated.db.execute("INSERT INTO item_keys (kind, value, item_id) VALUES ('work', 'x', 'unknown')")


def test_a_renamed_source_takes_its_rows_along(migrated: Store) -> None:
    """Foreign keys with ON UPDATE CASCADE follow a new source id in the renamed tables, too."""
    migrated.db.execute("UPDATE sources SET id = id || '-new'")
    for table, id_ in (("documents", "a-new"), ("missing_items", "b-new")):
        assert [row[0] for row in migrated.db.execute(f"SELECT source_id FROM {table}")] == [id_]


def test_an_edited_item_is_indexed_again(migrated: Store) -> None:
    """The triggers on items write to the renamed queue of the candidate index."""
    migrated.db.execute("DELETE FROM index_queue")
    migrated.db.execute("UPDATE items SET title = 'Another course' WHERE id = 'i1'")
    assert [row[0] for row in migrated.db.execute("SELECT item FROM index_queue")] == [1]
    migrated.db.execute("DELETE FROM index_queue")
    names = ", ".join(name for name in ROWS["items"][0] if name not in ("number", "id"))
    migrated.db.execute(f"INSERT INTO items (id, {names}) SELECT 'i3', {names} FROM items WHERE id = 'i1'")
    assert [row[0] for row in migrated.db.execute("SELECT item FROM index_queue")] == [3]


def test_an_item_set_aside_is_indexed_again(migrated: Store) -> None:
    """The triggers of `set_aside` write to the renamed queue when an item is tried again."""
    migrated.db.execute("DELETE FROM index_queue")
    migrated.db.execute("UPDATE items SET content_hash = 'other' WHERE id = 'i2'")
    assert migrated.db.execute("SELECT * FROM set_aside").fetchall() == []
    assert [row[0] for row in migrated.db.execute("SELECT item FROM index_queue")] == [2]


def test_a_hidden_story_still_renews_its_edition_pages(migrated: Store) -> None:
    """The trigger on hidden stories reads the renamed table of edition entries."""
    migrated.db.execute("UPDATE stories SET hidden = 1 WHERE id = 's1'")
    assert migrated.db.execute("SELECT revision FROM editions").fetchone()[0] == 2


def test_views_and_search_work(migrated: Store) -> None:
    """Views for people and the full-text index give the old rows."""
    views = [row[0] for row in migrated.db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert len(views) == 5
    for view in views:
        migrated.db.execute(f"SELECT * FROM {view}").fetchall()
    matches = migrated.db.execute("SELECT rowid FROM items_fts WHERE items_fts MATCH 'workshop'").fetchall()
    assert [row[0] for row in matches] == [2]


def test_characters_of_indexed_items_become_basic_ones(tmp_path: Path) -> None:
    """Items that were indexed with other characters are found by basic ones, and can be edited."""
    path = tmp_path / "indexed.db"
    conn = sqlite3.connect(path, isolation_level=None)
    db = Database(conn, recursive_triggers=False, execute_plugins=False)
    MIGRATIONS.apply(db, stop_before="m0039_basic_characters")
    conn.execute("PRAGMA foreign_keys = OFF")
    for n, title in enumerate(
        ("Kurs in Łódź", "Course in Oslo", f"Tromsø {' '.join(word_index.BASIC_CHARACTERS)}"), 1
    ):
        row = ROWS["items"][0] | {"id": f"i{n}", "number": n, "title": title, "story_id": None}
        conn.execute(
            f"INSERT INTO items ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})", row
        )
    conn.execute(
        "INSERT INTO items_fts (rowid, title, text, facets)"
        " SELECT number, title, text, facets FROM items_searched WHERE number < 3"
    )
    conn.close()

    def found(store: Store) -> list[int]:
        """Return the items that have a word of one of the places."""
        rows = store.db.execute("SELECT rowid FROM items_fts WHERE items_fts MATCH 'lodz OR oslo OR tromso'")
        return [row[0] for row in rows]

    with opened(path) as store:
        assert found(store) == [1, 2]
        word_index.index_words(store)
        assert found(store) == [1, 2, 3]
        search_index.assert_is_whole(store.db.conn)
        store.db.execute("PRAGMA foreign_keys = OFF")
        store.db.execute("UPDATE items SET title = 'Moved' WHERE number = 1")
        store.db.execute("DELETE FROM items WHERE number = 3")
        assert found(store) == [2]
        search_index.assert_is_whole(store.db.conn)


def test_a_migrated_database_is_migrated_once(old_file: Path, migrated: Store) -> None:
    """Opening a migrated database again changes nothing and makes no second copy."""
    with opened(old_file) as store:
        assert MIGRATIONS.pending(Database(store.db)) == []
    assert len(list(old_file.parent.glob("aggregator-before-migration-*.db"))) == 1
