"""Check whether a cron run has work to do, using only the standard library.

A run without remaining work records a hash of feeds.yaml and of the program's version. While that hash is the same and
no source is due, a cron run ends before the configuration is parsed.
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
from aggregator.store import schema_mark

Result = TypeVar("Result")

MAILBOX = "mailbox"
"""End of the value of `MAIL_IDLE_KEY` if a mailbox of bounces is configured."""
IDLE_KEY = "finished_with"
"""Key of the hash under which a run recorded that no work remains, and the path of a feed."""
MAIL_IDLE_KEY = "mail_idle"
"""Key of the same hash and of the time span in which no message is due."""
EVENTS_END_KEY = "events_end"
"""Key of the moment at which the next event ends, and pages of events change."""
PAGES_BEFORE_KEY = "story_pages_before"
"""Key of the number below which pages of stories are written again; empty if none."""
DOCUMENTS_LEFT_KEY = "documents_left"
"""Key that is "1" if the last round reached a limit and left documents to the next one."""
PARKED = (
    "(state = 'unknown' OR state = 'failed' AND address COLLATE NOCASE NOT IN (SELECT address FROM suppressions))"
    " AND NOT acknowledged"
)
"""SQL condition of messages that wait for a person; those of suppressed addresses do not."""
OPEN_MESSAGES = (
    "SELECT state, count(*) FROM deliveries WHERE state <> 'accepted'"
    f" AND (state IN ('queued', 'sending', 'deferred') OR {PARKED}) GROUP BY state"
)
MAX_PLAN_AHEAD = timedelta(days=70)
"""Maximum time between now and a planned visit.

31 days of `every`, twice after downtime, and a week of closed days.
"""


def idle_hash(config_bytes: bytes) -> str:
    """Return a hash of feeds.yaml and version, under which a run records that no work remains."""
    return hashlib.sha256(__version__.encode() + b"\0" + config_bytes).hexdigest()


def count_if_nothing_due(config_file: Path, now: datetime) -> int | None:
    """Return the number of sources that are not due, or None if there may be work.

    The data folder is guessed from the text of feeds.yaml. A wrong guess is harmless, because the hash in that database
    would have to be of this very file.
    """
    stamp, furthest = _stamp(now), _stamp(now + MAX_PLAN_AHEAD)

    def query(conn: sqlite3.Connection, raw: bytes) -> int | None:
        recorded, _, feed = (_meta(conn, IDLE_KEY) or "").partition(" ")
        if recorded != idle_hash(raw) or not Path(feed).exists():  # or `public` was deleted
            return None
        if "" < (_meta(conn, EVENTS_END_KEY) or "") <= stamp:
            return None
        if _meta(conn, PAGES_BEFORE_KEY) or _meta(conn, DOCUMENTS_LEFT_KEY):
            return None
        if conn.execute("SELECT 1 FROM page_queue").fetchone():
            return None
        if conn.execute(
            "SELECT 1 FROM websub_state WHERE version <> pinged AND not_before <= ?", [stamp]
        ).fetchone():
            return None
        if conn.execute(
            "SELECT 1 FROM websub_subscriptions WHERE due <= ? OR visit = 'wanted'"
            " UNION ALL SELECT 1 FROM websub_pushes WHERE body IS NOT NULL LIMIT 1",
            [stamp],
        ).fetchone():
            return None
        due, waiting = conn.execute(
            # An attempt in the future was made under a wrong clock: the run has to handle it.
            "SELECT count(*) FILTER (WHERE max(coalesce(next_visit, ''), coalesce(not_before, '')) <= ?1"
            " OR last_attempt > ?1 OR next_visit > ?2), count(*) FROM sources WHERE configured = 1",
            [stamp, furthest],
        ).fetchone()
        return None if due else int(waiting)

    return _query_database(config_file, query)


def queue_if_no_mail_due(config_file: Path, now: datetime) -> tuple[dict[str, int], datetime | None] | None:
    """Return the open messages by state, and until when the relay is not tried; None for work.

    The value in the database has the hash of feeds.yaml and the time span without work.
    """

    def query(conn: sqlite3.Connection, raw: bytes) -> tuple[dict[str, int], datetime | None] | None:
        recorded, _, span = (_meta(conn, MAIL_IDLE_KEY) or "").partition(" ")
        since, until = (*span.split(" "), "")[:2]
        if recorded != idle_hash(raw) or not since <= _stamp(now) < until:
            return None
        (held,) = conn.execute("SELECT max(until) FROM relays").fetchone()
        return dict(conn.execute(OPEN_MESSAGES).fetchall()), datetime.fromisoformat(held) if held else None

    return _query_database(config_file, query)


def has_mailbox(config_file: Path) -> bool:
    """Return whether the last run found a mailbox of bounces, which every run reads."""

    def query(conn: sqlite3.Connection, _raw: bytes) -> bool:
        return (_meta(conn, MAIL_IDLE_KEY) or "").endswith(MAILBOX)

    return bool(_query_database(config_file, query))


def _query_database(
    config_file: Path, query: Callable[[sqlite3.Connection, bytes], Result | None]
) -> Result | None:
    """Return what `query` finds in the database of feeds.yaml; None where there is none.

    None as well if its schema is not that of this program: a run migrates or refuses it.
    """
    try:
        raw = config_file.read_bytes()
    except OSError:
        return None
    database = config_file.resolve().parent / data_folder(raw) / "aggregator.db"
    try:
        if database.stat().st_mode & 0o077:  # open to other users: a run closes it
            return None
        conn = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            return query(conn, raw) if schema_mark.is_current(conn) else None
        finally:
            conn.close()
    except (OSError, sqlite3.Error):
        return None


def _meta(conn: sqlite3.Connection, key: str) -> str | None:
    row = conn.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
    return str(row[0]) if row else None


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def data_folder(raw: bytes) -> str:
    """Return the data folder that the text of feeds.yaml seems to name."""
    match = re.search(rb"^paths:[^\n]*?\bdata:\s*[\"']?([^\s,}\"']+)", raw, re.MULTILINE) or re.search(
        rb"^paths:[^\n]*\n(?:[ \t#][^\n]*\n)*?[ \t]+data:\s*[\"']?([^\s#\"']+)", raw, re.MULTILINE
    )
    return match[1].decode("utf-8", "replace") if match else "var"
