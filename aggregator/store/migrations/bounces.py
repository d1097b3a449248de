"""Add returned mail: what came to the bounce address."""

from __future__ import annotations

from sqlite_utils import Database

RETURNED_MAIL = (
    """CREATE TABLE returned_mail (               -- every mail to the bounce address that was read, once (BO1)
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        delivery_id INTEGER REFERENCES deliveries(id),  -- NULL: it has no valid token
        kind TEXT NOT NULL,                     -- hard, soft, refused, delayed, complaint, automatic, unknown
        at TEXT NOT NULL,
        reason TEXT NOT NULL,
        file TEXT,                              -- below `bounces` in the data folder, for 30 days
        place TEXT,                             -- the mailbox where it was left, as it was not understood
        name TEXT,                              -- its name there
        lifted INTEGER NOT NULL DEFAULT 0       -- the suppression that it led to has ended
    ) STRICT""",
    "CREATE INDEX returned_mail_of ON returned_mail(delivery_id) WHERE delivery_id IS NOT NULL",
    "CREATE INDEX returned_mail_left ON returned_mail(place, name) WHERE place IS NOT NULL",
    "CREATE INDEX returned_mail_files ON returned_mail(file) WHERE file IS NOT NULL",
    # Bounces before a suppression was lifted do not count again, in whatever way it was lifted.
    "CREATE TRIGGER suppressions_lifted AFTER DELETE ON suppressions BEGIN"
    " UPDATE returned_mail SET lifted = 1 WHERE delivery_id IN"
    " (SELECT id FROM deliveries WHERE address = old.address COLLATE NOCASE); END",
    # Whatever removes an address from a message removes it from the mail about that message (DP2).
    "CREATE TRIGGER deliveries_anonymous AFTER UPDATE OF address ON deliveries"
    " WHEN new.address NOT LIKE '%@%' BEGIN"
    " UPDATE returned_mail SET reason = '', file = NULL WHERE delivery_id = new.id; END",
)


def returned_mail(db: Database) -> None:
    """Add mail to the bounce address, and what is to follow when an address is removed."""
    for sql in RETURNED_MAIL:
        db.execute(sql)
