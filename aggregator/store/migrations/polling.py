"""Add the columns that politeness, gaps and floods need."""

from __future__ import annotations

from sqlite_utils import Database

POLITENESS = (
    "ALTER TABLE sources ADD COLUMN hints TEXT NOT NULL DEFAULT '{}'",  # CL7, JSON
    "ALTER TABLE sources ADD COLUMN last_whole TEXT",  # CL17: the last answer that was no 304
    "ALTER TABLE sources ADD COLUMN failed_status INTEGER",
    "ALTER TABLE sources ADD COLUMN gone_since TEXT",  # CL15: the first 404 or 410 since the last success
    "ALTER TABLE sources ADD COLUMN moved_to TEXT",  # CL14
    "ALTER TABLE sources ADD COLUMN moved_since TEXT",
    "ALTER TABLE sources ADD COLUMN moved_visits INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sources ADD COLUMN moved_learned INTEGER NOT NULL DEFAULT 0",
    "UPDATE sources SET last_whole = last_success",
    "ALTER TABLE visits ADD COLUMN url TEXT",  # CL20: what politeness is judged by
    "ALTER TABLE visits ADD COLUMN forced INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE visits ADD COLUMN requests INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE visits ADD COLUMN validated INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE visits ADD COLUMN floor REAL NOT NULL DEFAULT 0",  # seconds
    "ALTER TABLE visits ADD COLUMN until TEXT",
    """CREATE TABLE robots (                      -- CL19
        origin TEXT PRIMARY KEY,
        read TEXT NOT NULL,
        text TEXT                               -- NULL: the server could not say
    ) STRICT, WITHOUT ROWID""",
)

GUARDS = (
    "ALTER TABLE items ADD COLUMN held TEXT",  # G2: waiting, discarded; NULL: let through
    "DROP INDEX items_unplaced",
    "CREATE INDEX items_unplaced ON items(number) WHERE story_id IS NULL AND dropped IS NULL AND held IS NULL",
    "CREATE INDEX items_waiting ON items(source_id) WHERE held = 'waiting'",
    "ALTER TABLE sources ADD COLUMN entries INTEGER NOT NULL DEFAULT 0",  # of the last accepted document
    "ALTER TABLE sources ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0",  # articles are still to be read
    "ALTER TABLE sources ADD COLUMN gap_url TEXT",  # G1: older documents are still to be asked for
    "ALTER TABLE sources ADD COLUMN gap_since TEXT",
)


def m0002_politeness(db: Database) -> None:
    """Add what the rules for HTTP clients need, and what proves that they are kept."""
    for sql in POLITENESS:
        db.execute(sql)


def m0003_guards(db: Database) -> None:
    """Add what detects gaps, floods of old entries and pages without theirs."""
    for sql in GUARDS:
        db.execute(sql)
