"""Frequent queries use indexes, according to SQLite's query planner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.model.config import DigestPlan
from aggregator.store import (
    archives,
    channels,
    deliveries,
    digest_events,
    due_deliveries,
    editions,
    editorial,
    event_backfill,
    missing_items,
    reclassification,
    story_events,
    story_members,
)
from aggregator.store.connection import Store, opened
from tests.builders import BERLIN, NOW


def plans(store: Store, act: Callable[[], object]) -> list[str]:
    """Return the plan of every statement that `act` runs."""
    statements: list[str] = []
    store.db.conn.set_trace_callback(statements.append)
    act()
    store.db.conn.set_trace_callback(None)
    queries = [sql for sql in statements if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]
    return [row[3] for sql in queries for row in store.db.execute(f"EXPLAIN QUERY PLAN {sql}")]


@pytest.mark.parametrize("query", [story_members.unplaced, story_members.has_unplaced])
def test_filtered_items_are_not_scanned(tmp_path: Path, query: Callable[[Store], object]) -> None:
    """Unplaced items are found by their own index, however many were filtered out (G3)."""
    with opened(tmp_path / "a.db") as store:
        first, *_ = plans(store, lambda: query(store))
        assert "items_unplaced" in first


def test_a_merge_scans_no_table(tmp_path: Path) -> None:
    """References to a story are found by indexes, for foreign keys as well (I7)."""
    with opened(tmp_path / "a.db") as store:
        store.db.execute(
            "INSERT INTO stories (id, lead_id, title, kind, announced, published, updated, changed)"
            " VALUES ('kept', '', '', '', '', '', '', '')"
        )
        steps = plans(store, lambda: editorial.merge_into(store, "kept", "gone", "merged", NOW))
        assert steps
        assert [step for step in steps if step.startswith("SCAN")] == []
        for table, column in store.db.execute(
            'SELECT tables.name, keys."from" FROM sqlite_master AS tables'
            " JOIN pragma_foreign_key_list(tables.name) AS keys"
            " WHERE tables.type = 'table' AND keys.\"table\" = 'stories'"
        ).fetchall():
            (row,) = store.db.execute(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 'gone'")
            assert row[3].startswith("SEARCH"), (table, column)


def test_removed_items_are_not_scanned(tmp_path: Path) -> None:
    """Missing items are found by their own indexes, however many were removed (I8)."""
    with opened(tmp_path / "a.db") as store:
        assert "withdrawals_open" in plans(store, lambda: missing_items.due(store, NOW))[0]
        assert "withdrawals_of_source" in plans(store, lambda: missing_items.still_missing(store, "node"))[0]


def test_edition_entries_are_found_by_their_stories(tmp_path: Path) -> None:
    """Entries of editions are found by their stories, without reading all editions (M1)."""
    with opened(tmp_path / "a.db") as store:
        for query in (
            lambda: editions.last_entries(store, "weekly", ["a"]),
            lambda: editions.delete_from_ledgers(store, ["a"]),
            lambda: store.db.execute(
                "SELECT edition_id FROM edition_entries JOIN items ON items.id = edition_entries.item_id"
                " WHERE items.story_id = 'a'"
            ),
        ):
            first, *rest = plans(store, query)
            assert first.startswith(("SEARCH items USING INDEX items_of_story", "SEARCH ledger")), (
                first,
                rest,
            )
            assert not [step for step in rest if step.startswith("SCAN")]


def test_accepted_messages_are_not_scanned(tmp_path: Path) -> None:
    """Open messages are found by their own index, however many were accepted (M4)."""
    with opened(tmp_path / "a.db") as store:
        for query in (
            lambda: due_deliveries.due(store, "queued", NOW, NOW, 0),
            lambda: due_deliveries.account_messages(store),
            lambda: deliveries.recover_interrupted(store),
            lambda: deliveries.counts(store),
            lambda: deliveries.oldest_owed(store),
            lambda: deliveries.next_attempt(store),
            lambda: deliveries.open_messages(store),
            lambda: deliveries.acknowledge(store, []),
            lambda: deliveries.retry(store, []),
            lambda: deliveries.unknown_addresses(store, ["ada@a.example"]),
        ):
            steps = plans(store, query)
            assert any("deliveries" in step for step in steps)
            assert [
                step for step in steps if step.startswith("SCAN deliveries") and "INDEX" not in step
            ] == []


def test_events_are_found_by_day(tmp_path: Path) -> None:
    """Calendars and digests read the events of a year, not all stories (CA1, CA7)."""
    today = NOW.date()
    weekly = DigestPlan(id="weekly", title="", channels=("all",), schedule="", language="en", timezone=BERLIN)
    with opened(tmp_path / "a.db") as store:
        for query in (
            lambda: story_events.of_channel(store, "all", today, today, 1),
            lambda: story_events.channels_between(store, [(today, today)]),
            lambda: story_events.next_end(store, today),
            lambda: story_events.upcoming_entries(store, today, 1),
            lambda: digest_events.near_deadlines(store, weekly, today),
        ):
            steps = [step for step in plans(store, query) if "subquery" not in step.lower()]
            assert "story_events_by_day" in steps[0], steps
            assert not [step for step in steps if step.startswith("SCAN")], steps
        for query in (
            lambda: story_events.with_events(store, ["a"]),
            lambda: story_events.of_stories(store, ["a"]),
            lambda: story_events.event_words(store, ["a"]),
            lambda: digest_events.last_events(store, "weekly", ["a"]),
            lambda: event_backfill.has_unsearched(store),
        ):
            steps = plans(store, query)
            assert not [step for step in steps if step.startswith("SCAN") and "items_without" not in step], (
                steps
            )


def test_stored_items_are_read_in_parts(tmp_path: Path) -> None:
    """Items for new topics are found by their number, and channels by their stories (V4)."""
    weekly = DigestPlan(id="weekly", title="", channels=("all",), schedule="", language="en", timezone=BERLIN)
    with opened(tmp_path / "a.db") as store:
        for query in (
            lambda: reclassification.items_before(store, 9, 1),
            lambda: channels.of_stories(store, ["a"]),
            lambda: editions.add_baseline(store, weekly, ["a"], until=NOW),
        ):
            steps = plans(store, query)
            assert steps
            assert not [step for step in steps if step.startswith("SCAN")], steps


@pytest.mark.parametrize("statistics", [False, True], ids=["without statistics", "with statistics"])
def test_archives_and_candidates_do_not_read_all_stories(tmp_path: Path, statistics: bool) -> None:
    """A month and merge candidates are found by indexes, whatever SQLite knows of the sizes."""
    with opened(tmp_path / "a.db") as store:
        if statistics:
            store.db.execute("ANALYZE")
            store.db.conn.executemany(
                "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)",
                [
                    ("stories", "sqlite_autoindex_stories_1", "1000000 1"),
                    ("channel_stories", "channel_stories", "1000000 1000000 1"),
                ],
            )
            store.db.execute("ANALYZE sqlite_schema")
        month = plans(store, lambda: archives.story_ids(store, "2026-11"))
        assert month[0].startswith("SEARCH stories USING INDEX stories_by_month")
        assert any(step.startswith("SEARCH channel_stories") and "story_id=?" in step for step in month), (
            month
        )
        candidates = plans(store, lambda: editorial.candidates(store, 20))
        assert candidates[0].endswith("USING INDEX merge_candidates_by_time")
        assert not [
            step for step in candidates if "BLOOM" in step or step.startswith(("SCAN stories", "USE TEMP"))
        ]
