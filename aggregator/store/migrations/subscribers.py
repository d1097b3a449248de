"""Add subscribers, their links, requests and history, and messages without edition."""

from __future__ import annotations

from sqlite_utils import Database

SUBSCRIBERS = (
    """CREATE TABLE subscribers (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,               -- the address as it is compared (SU7)
        address TEXT NOT NULL,                  -- the address as it is written to
        language TEXT NOT NULL,
        state TEXT NOT NULL,                    -- pending, active, paused, unsubscribed
        reason TEXT,
        since TEXT NOT NULL,                    -- of the state
        created TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE subscriptions (
        subscriber_id INTEGER NOT NULL REFERENCES subscribers(id) ON DELETE CASCADE,
        digest_id TEXT NOT NULL,                -- as in feeds.yaml, also before its first edition
        since TEXT NOT NULL,
        PRIMARY KEY (subscriber_id, digest_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX subscriptions_of_digest ON subscriptions(digest_id, subscriber_id)",
    """CREATE TABLE subscriber_history (          -- every state with its reason, and consent (DP1)
        id INTEGER PRIMARY KEY,
        subscriber_id INTEGER NOT NULL REFERENCES subscribers(id) ON DELETE CASCADE,
        at TEXT NOT NULL,
        event TEXT NOT NULL,                    -- requested, active, paused, unsubscribed, changed
        how TEXT NOT NULL,                      -- form, link, one-click, command, import, complaint …
        evidence TEXT,                          -- version of the form's text, or the reason given
        digests TEXT NOT NULL                   -- JSON list
    ) STRICT""",
    "CREATE INDEX subscriber_history_of ON subscriber_history(subscriber_id, id)",
    """CREATE TABLE tokens (                      -- personal links; neither column gives the token without the key
        hash TEXT PRIMARY KEY,
        nonce BLOB NOT NULL UNIQUE,
        subscriber_id INTEGER NOT NULL REFERENCES subscribers(id) ON DELETE CASCADE,
        purpose TEXT NOT NULL,                  -- confirm, manage, undo
        expires TEXT,                           -- NULL: never
        state TEXT,                             -- what an undo restores
        digests TEXT,                           -- JSON list that a confirmation or undo subscribes to
        language TEXT,
        evidence TEXT                           -- version of the form's text
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX tokens_manage ON tokens(subscriber_id) WHERE purpose = 'manage'",
    "CREATE INDEX tokens_of ON tokens(subscriber_id)",
    "CREATE INDEX tokens_expiring ON tokens(expires) WHERE expires IS NOT NULL",
    """CREATE TABLE subscription_requests (       -- what the form received and nobody has looked at yet (SU1)
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,                     -- confirm, link
        address TEXT NOT NULL,
        language TEXT NOT NULL,
        digests TEXT NOT NULL,                  -- JSON list
        evidence TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE erased_addresses (            -- an import does not bring them back (DP2)
        hash TEXT PRIMARY KEY,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # Messages to subscribers that are no editions have neither edition nor digest.
    "DROP VIEW mail_owed",
    """CREATE TABLE all_deliveries (
        id INTEGER PRIMARY KEY,
        edition_id TEXT REFERENCES editions(id),
        address TEXT NOT NULL,
        message_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL DEFAULT 'queued',   -- queued, sending, accepted, deferred, unknown, failed (M4)
        attempts INTEGER NOT NULL DEFAULT 0,
        interrupted INTEGER NOT NULL DEFAULT 0,
        last_attempt TEXT,
        reason TEXT,
        next_attempt TEXT,
        deferred_since TEXT,
        acknowledged INTEGER NOT NULL DEFAULT 0,
        subscriber_id INTEGER REFERENCES subscribers(id) ON DELETE SET NULL,
        purpose TEXT,                           -- of a message without edition: confirm, welcome, link
        nonce BLOB,                             -- of its link
        created TEXT,                           -- of a message without edition
        UNIQUE (edition_id, address)
    ) STRICT""",
    "INSERT INTO all_deliveries (id, edition_id, address, message_id, state, attempts, interrupted, last_attempt,"
    " reason, next_attempt, deferred_since, acknowledged)"
    " SELECT id, edition_id, address, message_id, state, attempts, interrupted, last_attempt,"
    " reason, next_attempt, deferred_since, acknowledged FROM deliveries",
    "DROP TABLE deliveries",
    "ALTER TABLE all_deliveries RENAME TO deliveries",
    "CREATE INDEX deliveries_unaccepted ON deliveries(state, id) WHERE state <> 'accepted'",
    "CREATE INDEX deliveries_of_address ON deliveries(address COLLATE NOCASE)",
    "CREATE INDEX deliveries_of_subscriber ON deliveries(subscriber_id) WHERE subscriber_id IS NOT NULL",
    "CREATE INDEX deliveries_without_edition ON deliveries(created) WHERE edition_id IS NULL",
    """CREATE VIEW mail_owed AS
        SELECT coalesce(editions.digest_id, deliveries.purpose) AS digest, editions.period, deliveries.address,
            deliveries.state, deliveries.attempts, deliveries.next_attempt, deliveries.reason, deliveries.message_id
        FROM deliveries LEFT JOIN editions ON editions.id = deliveries.edition_id
        WHERE deliveries.state <> 'accepted' AND NOT deliveries.acknowledged""",
)


def subscribers(db: Database) -> None:
    """Add subscribers, and messages without edition."""
    for sql in SUBSCRIBERS:
        db.execute(sql)
