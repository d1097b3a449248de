"""Store how stories are connected before a decision changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aggregator.model.stories import LinkConstraint
from aggregator.store.connection import Store
from aggregator.store.items import marks

Connections = Mapping[str, Sequence[Sequence[Any]]]
"""Rows of `related` and `merge_candidates`, as JSON values."""


def read(store: Store, ids: Sequence[str]) -> Connections:
    """Return all connections of stories, among themselves and with others."""
    inside = f"({marks(ids)})"
    related = store.db.execute(
        f"SELECT story_id, other_id, why FROM related WHERE story_id IN {inside} ORDER BY 1, 2", ids
    )
    candidates = store.db.execute(
        "SELECT story_id, other_id, score, why, at, later FROM merge_candidates"
        f" WHERE story_id IN {inside} OR other_id IN {inside} ORDER BY 1, 2",
        [*ids, *ids],
    )
    return {"related": [list(row) for row in related], "merge_candidates": [list(row) for row in candidates]}


def between(store: Store, one: str, other: str) -> Connections:
    """Return the connections of two stories with each other."""
    found = read(store, [one, other])
    return {table: [row for row in rows if {row[0], row[1]} == {one, other}] for table, rows in found.items()}


def restore(store: Store, before: Connections) -> None:
    """Connect stories again; not those that are gone, or that an editor keeps apart."""
    for one, other, why in before["related"]:
        if _may_be_connected(store, one, other):
            store.db.conn.executemany(
                "INSERT OR IGNORE INTO related (story_id, other_id, why) VALUES (?, ?, ?)",
                [[one, other, why], [other, one, why]],
            )
    for row in before["merge_candidates"]:
        if _may_be_connected(store, row[0], row[1]):
            store.db.execute(
                "INSERT OR IGNORE INTO merge_candidates (story_id, other_id, score, why, at, later)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                list(row),
            )


def remove_inherited(store: Store, kept: str, before: Connections) -> None:
    """Remove relations that a story has only because others were merged into it."""
    own = {row[1] for row in before["related"] if row[0] == kept}
    inherited = {row[1] for row in before["related"] if row[0] != kept} - own - {kept}
    _unrelate(store, kept, inherited)


def _unrelate(store: Store, story_id: str, others: Iterable[str]) -> None:
    store.db.conn.executemany(
        "DELETE FROM related WHERE (story_id = ?1 AND other_id = ?2) OR (story_id = ?2 AND other_id = ?1)",
        [[story_id, other] for other in others],
    )


def _may_be_connected(store: Store, one: str, other: str) -> bool:
    """Return whether both stories exist, and no editor keeps the items that lead them apart."""
    leads = [
        row[0]
        for row in store.db.execute("SELECT lead_id FROM stories WHERE id IN (?, ?)", [one, other]).fetchall()
    ]
    if len(leads) < 2:
        return False
    row = store.db.execute(
        "SELECT kind FROM link_constraints WHERE one = ? AND other = ?", [min(leads), max(leads)]
    ).fetchone()
    return row is None or row[0] != LinkConstraint.CANNOT_LINK
