"""Read relations and merge candidates of stories, and restore them for an undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aggregator.model.stories import LinkConstraint
from aggregator.store.connection import Store
from aggregator.store.items import placeholders

Connections = Mapping[str, Sequence[Sequence[Any]]]
"""Rows of `related` and `merge_candidates`, as JSON values."""


def read(store: Store, ids: Sequence[str]) -> Connections:
    """Return all connections of stories, among themselves and with others."""
    id_list = f"({placeholders(ids)})"
    related = store.db.execute(
        f"SELECT story_id, other_id, why FROM related WHERE story_id IN {id_list} ORDER BY 1, 2", ids
    )
    candidates = store.db.execute(
        "SELECT story_id, other_id, score, why, at, later FROM merge_candidates"
        f" WHERE story_id IN {id_list} OR other_id IN {id_list} ORDER BY 1, 2",
        [*ids, *ids],
    )
    return {"related": [list(row) for row in related], "merge_candidates": [list(row) for row in candidates]}


def between(store: Store, story_id: str, other_id: str) -> Connections:
    """Return the connections of two stories with each other."""
    pair = {story_id, other_id}
    return {
        table: [row for row in rows if {row[0], row[1]} == pair]
        for table, rows in read(store, [story_id, other_id]).items()
    }


def restore(store: Store, before: Connections) -> None:
    """Restore connections, except of stories that no longer exist or are kept apart."""
    for story_id, other_id, reason in before["related"]:
        if _may_be_connected(store, story_id, other_id):
            store.db.conn.executemany(
                "INSERT OR IGNORE INTO related (story_id, other_id, why) VALUES (?, ?, ?)",
                [[story_id, other_id, reason], [other_id, story_id, reason]],
            )
    for row in before["merge_candidates"]:
        if _may_be_connected(store, row[0], row[1]):
            store.db.execute(
                "INSERT OR IGNORE INTO merge_candidates (story_id, other_id, score, why, at, later)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                list(row),
            )


def remove_inherited(store: Store, kept: str, before: Connections) -> None:
    """Remove relations that a story has only by the merge that `before` describes."""
    own = {row[1] for row in before["related"] if row[0] == kept}
    inherited = {row[1] for row in before["related"] if row[0] != kept} - own - {kept}
    _unrelate(store, kept, inherited)


def _unrelate(store: Store, story_id: str, other_ids: Iterable[str]) -> None:
    store.db.conn.executemany(
        "DELETE FROM related WHERE (story_id = ?1 AND other_id = ?2) OR (story_id = ?2 AND other_id = ?1)",
        [[story_id, other_id] for other_id in other_ids],
    )


def _may_be_connected(store: Store, story_id: str, other_id: str) -> bool:
    """Return whether both stories exist and no cannot-link separates their leads."""
    leads = [
        row[0]
        for row in store.db.execute(
            "SELECT lead_id FROM stories WHERE id IN (?, ?)", [story_id, other_id]
        ).fetchall()
    ]
    if len(leads) < 2:
        return False
    row = store.db.execute(
        "SELECT kind FROM link_constraints WHERE one = ? AND other = ?", [min(leads), max(leads)]
    ).fetchone()
    return row is None or row[0] != LinkConstraint.CANNOT_LINK
