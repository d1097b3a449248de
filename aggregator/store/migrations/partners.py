"""Add reports to partners, stories that came back, and pages that shrank."""

from __future__ import annotations

from sqlite_utils import Database

PARTNER_REPORTS = (
    # What the last visits showed of a feed and its server, for the report to its partner.
    *(
        f"ALTER TABLE sources ADD COLUMN {name} TEXT"
        for name in (
            *("format", "malformed", "content_type", "certificate_from", "certificate_until"),
            *("repeated_on", "slow_on"),  # the last day of such an answer
        )
    ),
    """CREATE TABLE source_findings (             -- what the last report on a source found
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE ON DELETE CASCADE,
        code TEXT NOT NULL,
        since TEXT NOT NULL,                    -- the day on which it was found first
        found TEXT NOT NULL,                    -- and the time of that visit
        PRIMARY KEY (source_id, code)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE partner_pages (               -- pages on disk, also of sources that are no longer polled
        source_id TEXT PRIMARY KEY,
        seen TEXT NOT NULL,                     -- what the page depends on, as it was when it was written
        shown TEXT NOT NULL,                    -- hash of what it shows
        as_of TEXT,                             -- the day of the last visit then
        written_with TEXT NOT NULL              -- hash of configuration, templates and program version (P1)
    ) STRICT, WITHOUT ROWID""",
)


def m0028_partner_reports(db: Database) -> None:
    """Add what reports to partners are made of, and which of their pages are written."""
    for sql in PARTNER_REPORTS:
        db.execute(sql)


def m0029_returned_stories(db: Database) -> None:
    """Add when a story came back after its tombstone: its entry must be newer than that (PB9)."""
    db.execute("ALTER TABLE stories ADD COLUMN returned TEXT")


SHRUNK_PAGES = (
    "ALTER TABLE sources ADD COLUMN shrunk_to INTEGER",  # items of a page that lost most of them; NULL: none is lost
    "ALTER TABLE sources ADD COLUMN shrunk_since TEXT",  # since when it has had this number
)


def m0030_shrunk_pages(db: Database) -> None:
    """Add since when a page has had much fewer items, so that it is accepted after a week."""
    for sql in SHRUNK_PAGES:
        db.execute(sql)
