"""Add deferred messages, suppressed addresses, relays and the entries of editions."""

from __future__ import annotations

from sqlite_utils import Database

OUTBOX = (
    # States: queued, sending, accepted (by the relay), deferred, unknown, failed (M4)
    "UPDATE deliveries SET state = 'accepted' WHERE state = 'sent'",
    "ALTER TABLE deliveries ADD COLUMN next_attempt TEXT",  # of a deferred message
    "ALTER TABLE deliveries ADD COLUMN deferred_since TEXT",
    "ALTER TABLE deliveries ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0",  # a person acknowledged it
    "DROP INDEX deliveries_by_state",
    "CREATE INDEX deliveries_unaccepted ON deliveries(state, id) WHERE state <> 'accepted'",
    "CREATE INDEX deliveries_of_address ON deliveries(address COLLATE NOCASE)",
    """CREATE TABLE suppressions (                -- addresses that get no more letters until a person says so
        address TEXT PRIMARY KEY COLLATE NOCASE,
        since TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE relays (                      -- relays that cannot be used at present, and when to try again
        relay TEXT PRIMARY KEY,
        since TEXT NOT NULL,
        until TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "DROP VIEW mail_owed",
    """CREATE VIEW mail_owed AS
        SELECT editions.digest_id AS digest, editions.period, deliveries.address, deliveries.state,
            deliveries.attempts, deliveries.next_attempt, deliveries.reason, deliveries.message_id
        FROM deliveries JOIN editions ON editions.id = deliveries.edition_id
        WHERE deliveries.state <> 'accepted' AND NOT deliveries.dismissed""",
)


def m0006_outbox(db: Database) -> None:
    """Add deferred messages, suppressed addresses and unusable relays."""
    for sql in OUTBOX:
        db.execute(sql)


EDITIONS = (
    # An edition as it was sent, kept permanently; those of older versions have no such record (revision 0).
    "ALTER TABLE editions ADD COLUMN title TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE editions ADD COLUMN language TEXT NOT NULL DEFAULT 'en'",
    "ALTER TABLE editions ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE editions ADD COLUMN written_revision INTEGER NOT NULL DEFAULT 0",  # of its page
    "CREATE INDEX editions_unwritten ON editions(id) WHERE revision <> written_revision",
    """CREATE TABLE told (
        edition_id TEXT NOT NULL REFERENCES editions(id),
        position INTEGER NOT NULL,
        item_id TEXT NOT NULL REFERENCES items(id),  -- whose words these are
        story_id TEXT NOT NULL,                 -- the story it was then
        reason TEXT NOT NULL,                   -- new, updated, withdrawn
        section TEXT NOT NULL,
        title TEXT NOT NULL,
        teller TEXT NOT NULL,
        day TEXT NOT NULL,
        link TEXT, language TEXT,
        also TEXT NOT NULL,                     -- JSON list of the others who told it
        excerpt TEXT NOT NULL,
        turn TEXT,                              -- corrected, cancelled, moved, withdrawn; NULL for a new story
        turned TEXT,
        before TEXT,                            -- the title it was told under before
        PRIMARY KEY (edition_id, position)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX told_by_item ON told(item_id)",
    "CREATE INDEX ledger_by_item ON ledger(item_id)",
    # Edition pages with a story are written again when it is hidden or shown again.
    "CREATE TRIGGER stories_hidden AFTER UPDATE OF hidden ON stories WHEN old.hidden <> new.hidden BEGIN"
    " UPDATE editions SET revision = revision + 1 WHERE revision > 0 AND id IN"
    " (SELECT edition_id FROM told JOIN items ON items.id = told.item_id WHERE items.story_id = new.id); END",
)


def m0007_editions(db: Database) -> None:
    """Add the entries of each edition in the words that were sent."""
    for sql in EDITIONS:
        db.execute(sql)
