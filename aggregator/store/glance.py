"""The cheapest possible look: is there anything to do at all? Imports nothing beyond the standard library.

A finished run leaves a mark made of feeds.yaml's bytes and the program's version. While that mark fits and no
source is due, a cron run has nothing to do, and can leave before the configuration is even parsed.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from aggregator import __version__

MARK = "finished_with"
LONGEST_PLAN = timedelta(days=70)
"""No visit is ever planned further ahead: 31 days of `every`, twice after downtime, and a week of closed days."""


def mark_for(config_bytes: bytes) -> str:
    """What a run that left nothing undone stores, and the next one compares."""
    return hashlib.sha256(__version__.encode() + b"\0" + config_bytes).hexdigest()


def idle(config_file: Path, now: datetime) -> int | None:
    """How many sources are waiting for their time, or None if there may be work (look properly then).

    The data folder is guessed from the text of feeds.yaml; a wrong guess is harmless, because the mark in the
    database it leads to would have to be of this very file.
    """
    try:
        raw = config_file.read_bytes()
    except OSError:
        return None
    database = config_file.resolve().parent / _data_folder(raw) / "aggregator.db"
    if not database.is_file():
        return None
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        conn = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            mark = conn.execute("SELECT value FROM meta WHERE key = ?", [MARK]).fetchone()
            if mark is None or mark[0].partition(" ")[0] != mark_for(raw):
                return None
            if not Path(mark[0].partition(" ")[2]).exists():  # somebody lost `public`
                return None
            if conn.execute(
                "SELECT 1 FROM pings WHERE version <> pinged AND not_before <= ?", [stamp]
            ).fetchone():
                return None
            due, waiting = conn.execute(
                # An attempt in the future was made under a clock that ran ahead: that wants a proper look, too.
                "SELECT count(*) FILTER (WHERE max(coalesce(next_visit, ''), coalesce(not_before, '')) <= ?1"
                " OR last_attempt > ?1 OR next_visit > ?2), count(*) FROM sources WHERE configured = 1",
                [stamp, (now + LONGEST_PLAN).strftime("%Y-%m-%dT%H:%M:%SZ")],
            ).fetchone()
        finally:
            conn.close()
    except sqlite3.Error:
        return None
    return None if due else int(waiting)


def _data_folder(raw: bytes) -> str:
    match = re.search(rb"^paths:[^\n]*?\bdata:\s*[\"']?([^\s,}\"']+)", raw, re.MULTILINE) or re.search(
        rb"^paths:[^\n]*\n(?:[ \t#][^\n]*\n)*?[ \t]+data:\s*[\"']?([^\s#\"']+)", raw, re.MULTILINE
    )
    return match[1].decode("utf-8", "replace") if match else "var"
