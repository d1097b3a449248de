"""Add evidence, the index of candidates and editors' decisions."""

from __future__ import annotations

from sqlite_utils import Database

SAME_NEWS = (
    # Why an item is in its story: the comparison with the lead, as JSON; NULL for founders.
    "ALTER TABLE items ADD COLUMN evidence TEXT",
    """CREATE TABLE traces (                      -- exact evidence across sources: works, and pages an item copies
        kind TEXT NOT NULL,                     -- work, origin (a page it copies), pointer (one it links)
        value TEXT NOT NULL,
        item_id TEXT NOT NULL REFERENCES items(id),
        PRIMARY KEY (kind, value, item_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX traces_of_item ON traces(item_id)",
    """CREATE TABLE features (                    -- near evidence: what candidates are found by, in a time window
        token INTEGER NOT NULL,                 -- hash of a rare word, name, date, sum …; odd: enough by itself
        day INTEGER NOT NULL,                   -- of the item's sort time, since 1970
        item INTEGER NOT NULL,                  -- items.number
        PRIMARY KEY (token, day, item)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX features_of_item ON features(item)",
    # Items to be indexed. Triggers fill it, so that code that stores items need not.
    "CREATE TABLE untraced (item INTEGER PRIMARY KEY) STRICT",
    "CREATE TRIGGER items_untraced_new AFTER INSERT ON items BEGIN"
    " INSERT OR IGNORE INTO untraced (item) VALUES (new.number); END",
    # Not when `prune` empties a text, which leaves the item's keys as they were.
    "CREATE TRIGGER items_untraced_edited AFTER UPDATE OF title, text, link, guid, sort, held, dropped ON items"
    " WHEN old.title <> new.title OR (old.text <> new.text AND new.text <> '') OR old.link IS NOT new.link"
    " OR old.guid IS NOT new.guid OR old.sort <> new.sort OR old.held IS NOT new.held"
    " OR old.dropped IS NOT new.dropped BEGIN"
    " INSERT OR IGNORE INTO untraced (item) VALUES (new.number); END",
    "INSERT INTO untraced (item) SELECT number FROM items",
    """CREATE TABLE bonds (                       -- I7: what editors decided of two items, for ever
        one TEXT NOT NULL REFERENCES items(id),
        other TEXT NOT NULL REFERENCES items(id),
        bond TEXT NOT NULL,                     -- together, apart
        decision INTEGER NOT NULL REFERENCES decisions(number),
        PRIMARY KEY (one, other)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX bonds_by_other ON bonds(other)",
    """CREATE TABLE decisions (                   -- I7: who decided what, and when; only ever added to
        number INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        verb TEXT NOT NULL,                     -- merge, split, apart, hide, unhide
        stories TEXT NOT NULL,                  -- JSON list of ids
        items TEXT NOT NULL                     -- JSON list of ids
    ) STRICT""",
    """CREATE TABLE doubts (                      -- pairs of stories for an editor to look at
        story_id TEXT NOT NULL REFERENCES stories(id),
        other_id TEXT NOT NULL REFERENCES stories(id),
        score REAL NOT NULL,
        why TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (story_id, other_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX doubts_by_other ON doubts(other_id)",
    # For merges, and for the foreign keys when a merged story is deleted.
    "CREATE INDEX related_by_other ON related(other_id)",
    "CREATE INDEX tombstones_by_became ON tombstones(became)",
)


def m0004_same_news(db: Database) -> None:
    """Add evidence, an index of candidates, editors' decisions and merge candidates.

    The next run indexes the items of older versions, which are in `untraced`.
    """
    for sql in SAME_NEWS:
        db.execute(sql)


def m0037_sufficient_keys(db: Database) -> None:
    """Index again what new items are compared with: versions and sums lead to candidates alone."""
    _index_again(db)


def m0040_rare_keys(db: Database) -> None:
    """The same: rare numbers and names lead to candidates alone."""
    _index_again(db)


def _index_again(db: Database) -> None:
    """Queue the items of two months, except those whose text `prune` has emptied."""
    db.execute(
        "INSERT OR IGNORE INTO index_queue (item) SELECT number FROM items"
        " WHERE sort >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-61 days') AND text <> ''"
    )
