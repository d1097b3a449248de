"""Store the names that are quarantined in a step of a job, until they or the program change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aggregator import __version__
from aggregator.model.reports import QuarantineRecord, QuarantineStep
from aggregator.store.connection import Store, stamp, sure_moment


def names_by_step(store: Store) -> dict[QuarantineStep, frozenset[str]]:
    """Read the quarantined names by step."""
    found: dict[QuarantineStep, set[str]] = {step: set() for step in QuarantineStep}
    for row in store.db.execute("SELECT step, name FROM set_aside"):
        found[QuarantineStep(row["step"])].add(row["name"])
    return {step: frozenset(some) for step, some in found.items()}


def listed(store: Store) -> list[QuarantineRecord]:
    """Read all quarantines, oldest first; only items and stories have a title."""
    rows = store.db.execute(
        "SELECT step, name, set_aside.at, reason, coalesce(items.title, stories.title, '') AS title,"
        " coalesce(items.source_id, leads.source_id, '') AS source"
        " FROM set_aside LEFT JOIN items ON items.id = name LEFT JOIN stories ON stories.id = name"
        " LEFT JOIN items AS leads ON leads.id = stories.lead_id ORDER BY at, step, name"
    )
    return [
        QuarantineRecord(
            step=QuarantineStep(row["step"]),
            name=row["name"],
            title=row["title"],
            source=row["source"],
            at=sure_moment(row["at"]),
            reason=row["reason"],
        )
        for row in rows
    ]


def add(store: Store, step: QuarantineStep, name: str, reason: str, now: datetime) -> None:
    """Quarantine a name in a step, in the caller's transaction."""
    store.db.execute(
        "INSERT OR REPLACE INTO set_aside (step, name, version, at, reason) VALUES (?, ?, ?, ?, ?)",
        [step, name, __version__, stamp(now), reason],
    )


def remove(store: Store, step: QuarantineStep, names: Iterable[str]) -> None:
    """Release names in a step, in the caller's transaction."""
    store.db.conn.executemany(
        "DELETE FROM set_aside WHERE step = ? AND name = ?", [[step, name] for name in names]
    )


def release_other_versions(store: Store) -> None:
    """Release what another version of the program quarantined, so that it is tried again."""
    store.db.execute("DELETE FROM set_aside WHERE version <> ?", [__version__])
