"""Store runs of jobs, and whether work remains after the last one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from aggregator.model.reports import FailingJob, RunRecord
from aggregator.store import meta
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.idle_check import IDLE_KEY


def begin(store: Store, job: str, now: datetime) -> int:
    """Record the start of a run; return its id."""
    with store.transaction():
        cursor = store.db.execute("INSERT INTO runs (job, started) VALUES (?, ?)", [job, stamp(now)])
    return int(cursor.lastrowid or 0)


def finish(store: Store, run_id: int, outcome: str, report: dict[str, Any], now: datetime) -> None:
    """Record the end of a run and its report."""
    with store.transaction():
        store.db.execute(
            "UPDATE runs SET finished = ?, outcome = ?, report = ? WHERE id = ?",
            [stamp(now), outcome, json.dumps(report, ensure_ascii=False, default=str), run_id],
        )


def end_interrupted(store: Store) -> None:
    """Record that the last run was interrupted if it has no end.

    Call it under the lock, before a job begins a run: nothing else of it can still be running (L1).
    """
    store.db.execute(
        "UPDATE runs SET outcome = 'interrupted' WHERE outcome IS NULL AND id = (SELECT max(id) FROM runs)"
    )


def newest(store: Store) -> int:
    """Return the id of the last run, 0 where there is none."""
    return int(store.db.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()[0])


def fail(store: Store, job: str, reason: str, now: datetime, *, since: int) -> None:
    """Record a failed run of `job`: the open one after run `since`, or a new one.

    If the database cannot be written either, an open run counts as interrupted.
    """
    report = json.dumps({"reason": reason}, ensure_ascii=False)
    with suppress(sqlite3.Error):
        open_run = store.db.execute(
            "UPDATE runs SET outcome = 'failed', report = ? WHERE outcome IS NULL AND id > ?", [report, since]
        )
        if not open_run.rowcount:
            store.db.execute(
                "INSERT INTO runs (job, started, outcome, report) VALUES (?, ?, 'failed', ?)",
                [job, stamp(now), report],
            )


def has_last_failed(store: Store, job: str) -> bool:
    """Return whether the last run of `job` failed or was interrupted."""
    row = store.db.execute(
        "SELECT outcome FROM runs WHERE job = ? ORDER BY id DESC LIMIT 1", [job]
    ).fetchone()
    return row is not None and row["outcome"] != "done"


def record_idle(store: Store, idle_hash: str, feed: Path) -> None:
    """Record that no work remains for the configuration with this hash, while `feed` exists.

    Not if an editor hid a story meanwhile, which has to be published.
    """
    store.db.execute(
        "INSERT OR REPLACE INTO meta (key, value) SELECT ?, ? WHERE NOT EXISTS"
        " (SELECT 1 FROM channels WHERE revision <> written_revision) AND NOT EXISTS"
        " (SELECT 1 FROM story_events WHERE revision <> written_revision) AND NOT EXISTS"
        " (SELECT 1 FROM items WHERE events IS NULL)",
        [IDLE_KEY, f"{idle_hash} {feed}"],
    )


def clear_idle(store: Store) -> None:
    """Record that there may be work, until a run records that none remains."""
    meta.delete(store, IDLE_KEY)


def last(store: Store, count: int, *, running: bool) -> list[RunRecord]:
    """Return the last runs, newest first.

    `running`: a job holds the lock. It is the newest run if that has no end.
    """
    rows = store.db.execute("SELECT * FROM runs ORDER BY id DESC LIMIT ?", [count]).fetchall()
    found = [_record(row) for row in rows]
    if running and rows and rows[0]["outcome"] is None:
        found[0] = replace(found[0], outcome="running")
    return found


def interrupted(store: Store, since: datetime, now: datetime) -> list[RunRecord]:
    """Return the interrupted runs between two moments, newest first.

    Not the last run of all, which may still be running (L1).
    """
    rows = store.db.execute(
        "SELECT * FROM runs WHERE started >= ? AND started < ? AND finished IS NULL AND id < (SELECT max(id) FROM runs)"
        " ORDER BY id DESC",
        [stamp(since), stamp(now)],
    )
    return [_record(row) for row in rows]


def failing(store: Store, *, running: bool) -> list[FailingJob]:
    """Return the jobs whose last runs failed or were interrupted.

    `running`: the last run of all may still be running (L1).
    """
    rows = store.db.execute(
        "SELECT job, count(*) AS runs, min(started) AS since, max(id) AS last FROM runs WHERE outcome IS NOT 'done'"
        # A run of fetch publishes as well.
        " AND id > coalesce((SELECT max(id) FROM runs AS good WHERE good.outcome = 'done'"
        " AND good.job IN (runs.job, CASE runs.job WHEN 'publish' THEN 'fetch' END)), 0)"
        " AND NOT (? AND outcome IS NULL AND id = (SELECT max(id) FROM runs)) GROUP BY job ORDER BY job",
        [running],
    ).fetchall()
    return [_failing(store, row) for row in rows]


def _failing(store: Store, row: Mapping[str, Any]) -> FailingJob:
    last = _record(store.db.execute("SELECT * FROM runs WHERE id = ?", [row["last"]]).fetchone())
    known = last.report.get("reason") if last.report else None
    reason = str(known) if known else "it was interrupted" if last.outcome == "interrupted" else last.outcome
    return FailingJob(job=row["job"], runs=row["runs"], since=sure_moment(row["since"]), reason=reason)


def _record(row: Mapping[str, Any]) -> RunRecord:
    return RunRecord(
        id=row["id"],
        job=row["job"],
        started=sure_moment(row["started"]),
        finished=moment(row["finished"]),
        outcome=row["outcome"] or "interrupted",
        report=json.loads(row["report"]) if row["report"] else None,
    )
