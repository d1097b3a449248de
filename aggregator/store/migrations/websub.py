"""Add subscriptions to the WebSub hubs of sources, and what these hubs pushed."""

from __future__ import annotations

from sqlite_utils import Database

SUBSCRIPTIONS = (
    "ALTER TABLE sources ADD COLUMN hub TEXT",  # that its last document names, with the topic
    "ALTER TABLE sources ADD COLUMN topic TEXT",
    "CREATE INDEX sources_with_hub ON sources(id) WHERE hub IS NOT NULL",
    """CREATE TABLE websub_subscriptions (        -- WS1: one for each source, hub, topic and address
        id INTEGER PRIMARY KEY,
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE,
        hub TEXT NOT NULL,
        topic TEXT NOT NULL,
        callback TEXT NOT NULL,                 -- the URL that the hub requests
        token TEXT NOT NULL UNIQUE,             -- the secret end of that URL
        secret TEXT,                            -- NULL: pushes cannot be authenticated
        wanted INTEGER NOT NULL DEFAULT 1,      -- 0: to be unsubscribed and deleted
        due TEXT NOT NULL,                      -- when the next request to the hub is due
        asked TEXT,                             -- the last request: subscribe or unsubscribe
        asked_at TEXT,
        awaiting INTEGER NOT NULL DEFAULT 0,    -- the hub has not verified that request yet
        attempts INTEGER NOT NULL DEFAULT 0,    -- failed ones in a row
        reason TEXT,                            -- of the last failure
        leased TEXT,                            -- since when there is a lease without interruption
        lease_until TEXT,
        last_push TEXT,                         -- the last one that was accepted
        pushes INTEGER NOT NULL DEFAULT 0,
        refused INTEGER NOT NULL DEFAULT 0,     -- pushes without a valid signature
        unproven INTEGER NOT NULL DEFAULT 1,    -- pushes that must arrive until polling relies on them
        visit TEXT NOT NULL DEFAULT ''          -- wanted, or planned: its source is to be visited
    ) STRICT""",
    "CREATE INDEX websub_subscriptions_of ON websub_subscriptions(source_id)",
    """CREATE TABLE websub_pushes (
        subscription INTEGER NOT NULL REFERENCES websub_subscriptions(id) ON DELETE CASCADE,
        hash TEXT NOT NULL,
        at TEXT NOT NULL,
        media_type TEXT NOT NULL,
        body BLOB,                              -- compressed; NULL once it was read
        PRIMARY KEY (subscription, hash)
    ) STRICT""",
    "CREATE INDEX websub_pushes_unread ON websub_pushes(at) WHERE body IS NOT NULL",
)


def websub_subscriptions(db: Database) -> None:
    """Add the hubs that sources name, subscriptions to them, and their pushes."""
    for sql in SUBSCRIPTIONS:
        db.execute(sql)
