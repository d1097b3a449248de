"""The cheapest possible look: is there anything to do at all? Imports nothing beyond the standard library.

A finished run leaves a mark made of feeds.yaml's bytes and the program's version. While that mark fits and no
source is due, a cron run has nothing to do, and can leave before the configuration is even parsed.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from aggregator import __version__

Found = TypeVar("Found")

FINISHED_MARK = "finished_with"
MAIL_IDLE_MARK = "mail_idle"
PARKED = (
    "(state = 'unknown' OR state = 'failed' AND address COLLATE NOCASE NOT IN (SELECT address FROM suppressions))"
    " AND NOT acknowledged"
)
"""Letters that wait for a person: of a suppressed address nothing more is to be said than that it is."""
OPEN_LETTERS = (
    "SELECT state, count(*) FROM deliveries WHERE state <> 'accepted'"
    f" AND (state IN ('queued', 'sending', 'deferred') OR {PARKED}) GROUP BY state"
)
LONGEST_PLAN = timedelta(days=70)
"""No visit is ever planned further ahead: 31 days of `every`, twice after downtime, and a week of closed days."""


def finished_mark(config_bytes: bytes) -> str:
    """What a run that left nothing undone stores, and the next one compares."""
    return hashlib.sha256(__version__.encode() + b"\0" + config_bytes).hexdigest()


def nothing_due(config_file: Path, now: datetime) -> int | None:
    """How many sources are waiting for their time, or None if there may be work (look properly then).

    The data folder is guessed from the text of feeds.yaml; a wrong guess is harmless, because the mark in the
    database it leads to would have to be of this very file.
    """
    stamp, furthest = _stamp(now), _stamp(now + LONGEST_PLAN)

    def look(conn: sqlite3.Connection, raw: bytes) -> int | None:
        mark, _, feed = (_meta(conn, FINISHED_MARK) or "").partition(" ")
        if mark != finished_mark(raw) or not Path(feed).exists():  # or somebody lost `public`
            return None
        if conn.execute(
            "SELECT 1 FROM websub_state WHERE version <> pinged AND not_before <= ?", [stamp]
        ).fetchone():
            return None
        due, waiting = conn.execute(
            # An attempt in the future was made under a clock that ran ahead: that wants a proper look, too.
            "SELECT count(*) FILTER (WHERE max(coalesce(next_visit, ''), coalesce(not_before, '')) <= ?1"
            " OR last_attempt > ?1 OR next_visit > ?2), count(*) FROM sources WHERE configured = 1",
            [stamp, furthest],
        ).fetchone()
        return None if due else int(waiting)

    return _look(config_file, look)


def no_mail_due(config_file: Path, now: datetime) -> tuple[dict[str, int], datetime | None] | None:
    """If no digest is due and no letter to be sent now: open letters by state, and until when the relay is left alone.

    None if there may be work. The mark says for which feeds.yaml, since when and until when that is so.
    """

    def look(conn: sqlite3.Connection, raw: bytes) -> tuple[dict[str, int], datetime | None] | None:
        mark, _, span = (_meta(conn, MAIL_IDLE_MARK) or "").partition(" ")
        since, _, until = span.partition(" ")
        if mark != finished_mark(raw) or not since <= _stamp(now) < until:
            return None
        (held,) = conn.execute("SELECT max(until) FROM relays").fetchone()
        return dict(conn.execute(OPEN_LETTERS).fetchall()), datetime.fromisoformat(held) if held else None

    return _look(config_file, look)


def _look(config_file: Path, look: Callable[[sqlite3.Connection, bytes], Found | None]) -> Found | None:
    """What is found in the database that feeds.yaml seems to lead to; None where there is none."""
    try:
        raw = config_file.read_bytes()
    except OSError:
        return None
    database = config_file.resolve().parent / _data_folder(raw) / "aggregator.db"
    try:
        if database.stat().st_mode & 0o077:  # open to other users: a run closes it
            return None
        conn = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            return look(conn, raw)
        finally:
            conn.close()
    except (OSError, sqlite3.Error):
        return None


def _meta(conn: sqlite3.Connection, key: str) -> str | None:
    row = conn.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return str(row[0]) if row else None


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _data_folder(raw: bytes) -> str:
    match = re.search(rb"^paths:[^\n]*?\bdata:\s*[\"']?([^\s,}\"']+)", raw, re.MULTILINE) or re.search(
        rb"^paths:[^\n]*\n(?:[ \t#][^\n]*\n)*?[ \t]+data:\s*[\"']?([^\s#\"']+)", raw, re.MULTILINE
    )
    return match[1].decode("utf-8", "replace") if match else "var"
