"""How the database finds what is asked often, as its own planner says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.store import deliveries, editions, editorial, missing_items, stories
from aggregator.store.connection import Store, opened
from tests.builders import NOW


def plans(store: Store, act: Callable[[], object]) -> list[str]:
    """The plan of every statement that `act` runs."""
    said: list[str] = []
    store.db.conn.set_trace_callback(said.append)
    act()
    store.db.conn.set_trace_callback(None)
    asked = [sql for sql in said if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]
    return [row[3] for sql in asked for row in store.db.execute(f"EXPLAIN QUERY PLAN {sql}")]


@pytest.mark.parametrize("ask", [stories.unplaced, stories.any_unplaced])
def test_items_kept_out_are_not_walked_over(tmp_path: Path, ask: Callable[[Store], object]) -> None:
    """G3: however many items a filter dropped, the unplaced ones are found by their own index."""
    with opened(tmp_path / "a.db") as store:
        first, *_ = plans(store, lambda: ask(store))
        assert "items_unplaced" in first


def test_a_merge_walks_over_no_table(tmp_path: Path) -> None:
    """I7: what a story is referred to by is found by indexes, by the foreign keys, too."""
    with opened(tmp_path / "a.db") as store:
        store.db.execute(
            "INSERT INTO stories (id, lead_id, title, kind, announced, published, updated, changed)"
            " VALUES ('kept', '', '', '', '', '', '', '')"
        )
        found = plans(store, lambda: editorial.absorb(store, "kept", "gone", "merged", NOW))
        assert found
        assert [step for step in found if step.startswith("SCAN")] == []
        for table, column in store.db.execute(
            'SELECT tables.name, keys."from" FROM sqlite_master AS tables'
            " JOIN pragma_foreign_key_list(tables.name) AS keys"
            " WHERE tables.type = 'table' AND keys.\"table\" = 'stories'"
        ).fetchall():
            (row,) = store.db.execute(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 'gone'")
            assert row[3].startswith("SEARCH"), (table, column)


def test_withdrawn_items_are_not_walked_over(tmp_path: Path) -> None:
    """I8: however much was withdrawn, suspects are found by their own index, and absent items by their source's."""
    with opened(tmp_path / "a.db") as store:
        assert "withdrawals_open" in plans(store, lambda: missing_items.due(store, NOW))[0]
        assert "withdrawals_of_source" in plans(store, lambda: missing_items.still_missing(store, "node"))[0]


def test_what_was_told_is_found_by_its_stories(tmp_path: Path) -> None:
    """M1: neither the last words of a story nor its pages are looked for in every edition there was."""
    with opened(tmp_path / "a.db") as store:
        for ask in (
            lambda: editions.last_entries(store, "weekly", ["a"]),
            lambda: editions.forget_entries(store, ["a"]),
            lambda: store.db.execute(
                "SELECT edition_id FROM edition_entries JOIN items ON items.id = edition_entries.item_id"
                " WHERE items.story_id = 'a'"
            ),
        ):
            first, *rest = plans(store, ask)
            assert first.startswith(("SEARCH items USING INDEX items_of_story", "SEARCH ledger")), (
                first,
                rest,
            )
            assert not [step for step in rest if step.startswith("SCAN")]


def test_letters_of_years_are_not_walked_over(tmp_path: Path) -> None:
    """M4: what is owed, put off, in flight or parked is found by its own index, however many letters were accepted."""
    with opened(tmp_path / "a.db") as store:
        for ask in (
            lambda: deliveries.due(store, "queued", NOW, NOW, 0),
            lambda: deliveries.recover_interrupted(store),
            lambda: deliveries.counts(store),
            lambda: deliveries.oldest_owed(store),
            lambda: deliveries.next_attempt(store),
            lambda: deliveries.open_messages(store),
            lambda: deliveries.acknowledge(store, []),
            lambda: deliveries.retry(store, []),
            lambda: deliveries.unknown_addresses(store, ["ada@a.example"]),
        ):
            found = plans(store, ask)
            assert any("deliveries" in step for step in found)
            assert [
                step for step in found if step.startswith("SCAN deliveries") and "INDEX" not in step
            ] == []
