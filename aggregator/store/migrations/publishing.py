"""Add archives, tombstones of channels and the state of the hub."""

from __future__ import annotations

from sqlite_utils import Database

FEEDS = (
    # The archive document of a story, `yyyy-mm`; NULL where feeds do not carry it (P2).
    "ALTER TABLE stories ADD COLUMN month TEXT",
    "UPDATE stories SET month = substr(announced, 1, 7) WHERE fed",
    "CREATE INDEX stories_by_month ON stories(month, announced) WHERE month IS NOT NULL",
    """CREATE TABLE archives (                    -- P2: the chain; months are only ever added at its end
        month TEXT PRIMARY KEY,
        revision INTEGER NOT NULL DEFAULT 1,
        written_revision INTEGER NOT NULL DEFAULT 0,
        written_with TEXT NOT NULL DEFAULT '',
        closed INTEGER NOT NULL DEFAULT 0       -- written after its month's end: frozen but for withdrawals
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO archives (month) SELECT DISTINCT month FROM stories WHERE month IS NOT NULL",
    # When the content of a channel last changed; it never goes back, even when a story leaves.
    "ALTER TABLE channels ADD COLUMN updated TEXT NOT NULL DEFAULT '1990-01-01T00:00:00Z'",
    "UPDATE channels SET updated = coalesce((SELECT max(stories.changed) FROM memberships"
    " JOIN stories ON stories.id = memberships.story_id WHERE channel_id = channels.id), updated)",
    """CREATE TABLE tombs (                       -- PB9: the channels that told a story which has a tombstone
        channel_id TEXT NOT NULL,
        story_id TEXT NOT NULL,
        PRIMARY KEY (channel_id, story_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX tombs_of_story ON tombs(story_id)",
    # The times of a merged story, for when the merge is undone.
    "ALTER TABLE tombstones ADD COLUMN announced TEXT",
    "ALTER TABLE tombstones ADD COLUMN published TEXT",
    "ALTER TABLE tombstones ADD COLUMN updated TEXT",
    "ALTER TABLE tombstones ADD COLUMN month TEXT",
    "UPDATE tombstones SET month = (SELECT month FROM stories WHERE id = story_id)",
    """CREATE TABLE pings (                       -- PB11: which bytes of a feed the hub was told of
        url TEXT PRIMARY KEY,
        version TEXT NOT NULL,                  -- hash of what is public
        pinged TEXT NOT NULL DEFAULT '',        -- hash of what the hub took notice of, or gave up on
        attempts INTEGER NOT NULL DEFAULT 0,
        not_before TEXT NOT NULL DEFAULT '',
        reason TEXT
    ) STRICT, WITHOUT ROWID""",
)


def m0005_feeds(db: Database) -> None:
    """Add the chain of archives, tombstones, times that never go back, and the hub."""
    for sql in FEEDS:
        db.execute(sql)


def m0031_calendars_made_of(db: Database) -> None:
    """Add a hash of what the calendars of a channel were rendered from."""
    db.execute("ALTER TABLE channels ADD COLUMN calendars_made_of TEXT NOT NULL DEFAULT ''")


def m0033_month_entries(db: Database) -> None:
    """Add a hash of the written page of a month, and the number of changes before it."""
    db.execute("ALTER TABLE month_pages ADD COLUMN made_of TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE month_pages ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0")


_RAISE_OF_TOMBSTONE = (
    "UPDATE channels SET revision = revision + 1"
    " WHERE id IN (SELECT channel_id FROM channel_tombstones WHERE story_id = new.story_id);"
    " UPDATE archives SET revision = revision + 1 WHERE month = new.month AND closed = 0"
)
TOMBSTONES = (
    f"CREATE TRIGGER tombstones_published_insert AFTER INSERT ON tombstones BEGIN {_RAISE_OF_TOMBSTONE}; END",
    "CREATE TRIGGER tombstones_published_update AFTER UPDATE OF became, at ON tombstones"
    f" WHEN (old.became, old.at) IS NOT (new.became, new.at) BEGIN {_RAISE_OF_TOMBSTONE}; END",
)


def m0036_changed_tombstones(db: Database) -> None:
    """Raise the revisions of channels and open months when their tombstones change (P1)."""
    for sql in TOMBSTONES:
        db.execute(sql)


HIDDEN_SUCCESSORS = (
    # Frozen months, too: their documents must not name a hidden story.
    "CREATE TRIGGER stories_named_by_tombstones AFTER UPDATE OF hidden ON stories WHEN old.hidden <> new.hidden BEGIN"
    " UPDATE channels SET revision = revision + 1 WHERE id IN (SELECT channel_id FROM channel_tombstones"
    " JOIN tombstones USING (story_id) WHERE became = new.id);"
    " UPDATE archives SET revision = revision + 1"
    " WHERE month IN (SELECT month FROM tombstones WHERE became = new.id); END",
    "UPDATE archives SET revision = revision + 1 WHERE month IN"
    " (SELECT tombstones.month FROM tombstones JOIN stories ON stories.id = became WHERE hidden)",
)


def m0038_hidden_successors(db: Database) -> None:
    """Raise the revisions of what names a story as a successor when it is hidden or shown (PB9)."""
    for sql in HIDDEN_SUCCESSORS:
        db.execute(sql)
