"""Items are stored in few statements, and found by search when they are placed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.model.items import ChangeKind, Item, ItemChange
from aggregator.store import items, sources, word_index
from aggregator.store.connection import opened
from tests import search_index
from tests.builders import NOW, item, source


def test_many_items_are_stored_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document with many new items is stored whole, in its order, with its words in the index."""
    count = 201
    monkeypatch.setattr(word_index, "MAX_INDEXED", 100)
    new = [item(f"{n:016}", title=f"Number n{n}", categories=("a", "ä")) for n in range(count)]
    with opened(tmp_path / "a.db") as store:
        sources.synchronise(store, [source()], {"node": ""})
        with store.transaction():
            changes = [ItemChange(item=each, change=ChangeKind.NEW) for each in new]
            items.save(store, changes, backlog=True, now=NOW)
        word_index.index_words(store)
        rows = store.db.execute("SELECT * FROM items ORDER BY number").fetchall()
        assert [row["id"] for row in rows] == [each.id for each in new]
        assert all(row["backlog"] == 1 for row in rows)
        assert items.from_row(rows[-1]).categories == ("a", "ä")
        found = store.db.execute("SELECT rowid FROM items_fts WHERE items_fts MATCH ?", [f"n{count - 1}"])
        assert [row[0] for row in found] == [count]


def test_an_item_edited_before_it_is_indexed_is_found_by_its_last_words(tmp_path: Path) -> None:
    """Edits and deletions of items that are not indexed yet leave the index whole."""
    new = [item(f"{n:016}", title=f"Number n{n}") for n in range(3)]
    with opened(tmp_path / "a.db") as store:
        sources.synchronise(store, [source()], {"node": ""})

        def store_items(kind: ChangeKind, *changed: Item) -> None:
            with store.transaction():
                changes = [ItemChange(item=each, change=kind) for each in changed]
                items.save(store, changes, backlog=True, now=NOW)

        def found(word: str) -> list[int]:
            search_index.assert_is_whole(store.db.conn)
            rows = store.db.execute("SELECT rowid FROM items_fts WHERE items_fts MATCH ?", [word])
            return [row[0] for row in rows]

        store_items(ChangeKind.NEW, new[0])
        word_index.index_words(store)
        store_items(ChangeKind.NEW, *new[1:])
        store_items(ChangeKind.EDITED, replace(new[1], title="Edited e1"))
        store.db.execute("DELETE FROM aliases WHERE item_id = ?", [new[2].id])
        store.db.execute("DELETE FROM items WHERE id = ?", [new[2].id])
        word_index.index_words(store)
        word_index.index_words(store)
        assert (found("n0"), found("e1"), found("n1"), found("n2")) == ([1], [2], [], [])
        store_items(ChangeKind.EDITED, replace(new[1], title="Edited e2"))
        assert (found("e1"), found("e2")) == ([], [2])
