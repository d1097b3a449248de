"""Add links and sessions of editors, what undoes their decisions, and postponed pairs."""

from __future__ import annotations

from sqlite_utils import Database

EDITORS = (
    """CREATE TABLE editor_links (                -- mailed links that sign in once (ED2)
        hash TEXT PRIMARY KEY,
        nonce BLOB NOT NULL UNIQUE,
        address TEXT NOT NULL,                  -- as it is compared (SU7)
        language TEXT NOT NULL,                 -- of the message
        created TEXT NOT NULL,
        expires TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX editor_links_of ON editor_links(address)",
    """CREATE TABLE editor_sessions (             -- the cookie holds the token, the database its hash (ED3)
        hash TEXT PRIMARY KEY,
        address TEXT NOT NULL,                  -- as it is compared (SU7)
        expires TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "ALTER TABLE decisions ADD COLUMN before TEXT",  # JSON: what an undo restores; NULL: it cannot be undone
    "ALTER TABLE decisions ADD COLUMN undoes INTEGER REFERENCES decisions(number)",
    "CREATE UNIQUE INDEX decisions_undone ON decisions(undoes) WHERE undoes IS NOT NULL",
    "ALTER TABLE merge_candidates ADD COLUMN later TEXT",  # until when an editor put it off
)


def editors(db: Database) -> None:
    """Add what the editors' page needs."""
    for sql in EDITORS:
        db.execute(sql)


def m0034_newest_candidates(db: Database) -> None:
    """Find the newest merge candidates by an index, however many there are."""
    db.execute(
        "CREATE INDEX merge_candidates_by_time ON merge_candidates(at DESC, score DESC, story_id, other_id)"
    )
