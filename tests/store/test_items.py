"""Items are stored in few statements, and found by search at once."""

from __future__ import annotations

from pathlib import Path

from aggregator.model.items import ChangeKind, ItemChange
from aggregator.store import items, sources
from aggregator.store.connection import opened
from tests.builders import NOW, item, source


def test_more_items_than_a_statement_takes_are_stored_in_order(tmp_path: Path) -> None:
    """A document with many new items is stored whole, in its order, with its words in the index."""
    count = 2 * items.MAX_ROWS + 1
    new = [item(f"{n:016}", title=f"Number n{n}", categories=("a", "ä")) for n in range(count)]
    with opened(tmp_path / "a.db") as store:
        sources.sync(store, [source()], {"node": ""})
        with store.transaction():
            changes = [ItemChange(item=each, change=ChangeKind.NEW) for each in new]
            items.keep(store, changes, backlog=True, now=NOW)
        rows = store.db.execute("SELECT * FROM items ORDER BY number").fetchall()
        assert [row["id"] for row in rows] == [each.id for each in new]
        assert all(row["backlog"] == 1 for row in rows)
        assert items.from_row(rows[-1]).categories == ("a", "ä")
        found = store.db.execute("SELECT rowid FROM items_fts WHERE items_fts MATCH ?", [f"n{count - 1}"])
        assert [row[0] for row in found] == [count]
