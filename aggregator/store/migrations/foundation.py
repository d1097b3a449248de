"""Create the tables of version 0.1, and views for people."""

from __future__ import annotations

from sqlite_utils import Database

TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE sources (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        configured INTEGER NOT NULL DEFAULT 1,  -- enabled in feeds.yaml; 0 once it left the file
        position INTEGER NOT NULL DEFAULT 0,    -- order in feeds.yaml
        priority INTEGER NOT NULL DEFAULT 0,
        aggregator INTEGER NOT NULL DEFAULT 0,
        licence TEXT,
        full_text INTEGER NOT NULL DEFAULT 0,
        reading_key TEXT NOT NULL DEFAULT '',   -- parser version and options the body is to be read with (V4)
        read_with TEXT,                         -- and those it was last read with
        title TEXT, feed_id TEXT, site_link TEXT, language TEXT, rights TEXT,  -- as the document says
        state TEXT NOT NULL DEFAULT 'new',
        reason TEXT,
        failures INTEGER NOT NULL DEFAULT 0,
        etag TEXT, last_modified TEXT, validators_url TEXT, body_hash TEXT,
        guid_ok INTEGER NOT NULL DEFAULT 1, link_ok INTEGER NOT NULL DEFAULT 1,  -- I1, sticky
        last_attempt TEXT, last_success TEXT,
        next_visit TEXT,                        -- by the source's own rhythm; --force may ignore it
        not_before TEXT                         -- by the server's word (Retry-After); nothing may ignore it
    ) STRICT""",
    """CREATE TABLE bodies (
        source_id TEXT PRIMARY KEY REFERENCES sources(id) ON UPDATE CASCADE,
        url TEXT NOT NULL,
        body BLOB NOT NULL,                     -- zlib
        digests BLOB NOT NULL                   -- of its entries, one after the other; empty: not to be cut
    ) STRICT""",
    "CREATE TABLE hosts (host TEXT PRIMARY KEY, held_until TEXT NOT NULL, reason TEXT NOT NULL) STRICT",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        started TEXT NOT NULL,
        finished TEXT,
        outcome TEXT,
        report TEXT                             -- JSON
    ) STRICT""",
    """CREATE TABLE visits (
        id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES runs(id),
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE,
        started TEXT NOT NULL,
        seconds REAL,
        outcome TEXT NOT NULL DEFAULT 'begun',  -- begun, changed, unchanged, failed
        status INTEGER,
        conditional INTEGER,
        bytes INTEGER,
        reason TEXT,
        new_items INTEGER NOT NULL DEFAULT 0,
        updated_items INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    "CREATE INDEX visits_of_source ON visits(source_id, started)",
    "CREATE INDEX visits_of_run ON visits(run_id)",
    """CREATE TABLE stories (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        lead_id TEXT NOT NULL,
        title TEXT NOT NULL,
        kind TEXT NOT NULL,
        announced TEXT NOT NULL,                -- T1: first published by us; frozen
        published TEXT NOT NULL,                -- T3: the lead's sort time at announcement; frozen
        updated TEXT NOT NULL,                  -- E1: moves only for a significant edit
        changed TEXT NOT NULL,                  -- anything that is shown changed
        fed INTEGER NOT NULL DEFAULT 1,         -- T4: 0 = site and search only
        hidden INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    "CREATE INDEX stories_by_announced ON stories(announced)",
    "CREATE INDEX stories_by_changed ON stories(changed)",
    "CREATE INDEX stories_by_lead ON stories(lead_id)",
    """CREATE TABLE items (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE,
        story_id TEXT REFERENCES stories(id),   -- NULL: not placed yet, or dropped
        why TEXT,                               -- why it was placed there
        guid TEXT, link TEXT,
        title TEXT NOT NULL, html TEXT NOT NULL, text TEXT NOT NULL, excerpt TEXT NOT NULL,
        claimed TEXT, claimed_raw TEXT,
        first_seen TEXT NOT NULL,
        sort TEXT NOT NULL,
        position INTEGER NOT NULL,
        backlog INTEGER NOT NULL,               -- found on the source's first accepted visit (T4)
        kind TEXT NOT NULL,
        language TEXT, rights TEXT,
        authors TEXT NOT NULL, categories TEXT NOT NULL, topics TEXT NOT NULL, enclosures TEXT NOT NULL,
        source_updated TEXT,
        content_hash TEXT NOT NULL,
        edits INTEGER NOT NULL DEFAULT 0,
        dropped TEXT                            -- the filter that keeps it out (G3)
    ) STRICT""",
    "CREATE INDEX items_of_story ON items(story_id)",
    "CREATE INDEX items_of_source ON items(source_id, sort)",
    "CREATE INDEX items_unplaced ON items(number) WHERE story_id IS NULL AND dropped IS NULL",
    """CREATE TABLE aliases (                     -- every identifier ever seen, for ever
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        item_id TEXT NOT NULL REFERENCES items(id),
        PRIMARY KEY (source_id, kind, value)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX aliases_by_value ON aliases(kind, value)",
    "CREATE INDEX aliases_of_item ON aliases(item_id)",
    """CREATE TABLE revisions (
        item_id TEXT NOT NULL REFERENCES items(id),
        number INTEGER NOT NULL,
        replaced TEXT NOT NULL,                 -- when these words were replaced
        significant INTEGER NOT NULL,
        title TEXT NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (item_id, number)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE related (
        story_id TEXT NOT NULL REFERENCES stories(id),
        other_id TEXT NOT NULL REFERENCES stories(id),
        why TEXT NOT NULL,
        PRIMARY KEY (story_id, other_id)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE tombstones (
        story_id TEXT PRIMARY KEY,
        became TEXT REFERENCES stories(id),     -- the story it was merged into, if any
        at TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE channels (
        id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL DEFAULT 1,
        written_revision INTEGER NOT NULL DEFAULT 0,
        written_with TEXT NOT NULL DEFAULT '',  -- hash of configuration, templates and program version (P1)
        selected_with TEXT NOT NULL DEFAULT ''  -- the include/exclude its memberships were computed with
    ) STRICT""",
    """CREATE TABLE memberships (
        channel_id TEXT NOT NULL REFERENCES channels(id),
        story_id TEXT NOT NULL REFERENCES stories(id),
        announced TEXT NOT NULL,
        published TEXT NOT NULL,
        position INTEGER NOT NULL,              -- T4: document order breaks ties
        fed INTEGER NOT NULL,
        PRIMARY KEY (channel_id, story_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX memberships_by_time ON memberships"
    " (channel_id, announced DESC, published DESC, position, story_id)",
    "CREATE INDEX memberships_of_story ON memberships(story_id)",
    """CREATE TABLE digests (
        id TEXT PRIMARY KEY,
        since TEXT NOT NULL,                    -- M2: what was announced before counts as told
        last_period TEXT NOT NULL,              -- M5: the last local date that was closed
        last_composed TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE editions (
        id TEXT PRIMARY KEY,
        digest_id TEXT NOT NULL REFERENCES digests(id),
        period TEXT NOT NULL,                   -- M5: a local date
        composed TEXT NOT NULL,
        subject TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL,
        UNIQUE (digest_id, period)
    ) STRICT""",
    """CREATE TABLE ledger (                      -- M1: what each digest has told
        digest_id TEXT NOT NULL REFERENCES digests(id),
        item_id TEXT NOT NULL REFERENCES items(id),
        reason TEXT NOT NULL,                   -- new, updated
        mark TEXT NOT NULL,                     -- the story's `updated` that was told
        edition_id TEXT REFERENCES editions(id),
        PRIMARY KEY (digest_id, item_id, reason, mark)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE deliveries (                  -- M4: what is owed and what was sent
        id INTEGER PRIMARY KEY,
        edition_id TEXT NOT NULL REFERENCES editions(id),
        address TEXT NOT NULL,
        message_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL DEFAULT 'queued',   -- queued, sending, sent, unknown, failed
        attempts INTEGER NOT NULL DEFAULT 0,
        interrupted INTEGER NOT NULL DEFAULT 0, -- attempts whose end nobody saw
        last_attempt TEXT,
        reason TEXT,
        UNIQUE (edition_id, address)
    ) STRICT""",
    "CREATE INDEX deliveries_by_state ON deliveries(state)",
)

VIEWS = {
    "news": """SELECT stories.announced, stories.published, stories.title, sources.name AS source, items.link,
            (SELECT group_concat(DISTINCT other.source_id) FROM items AS other
                WHERE other.story_id = stories.id AND other.source_id <> items.source_id) AS also_published_by,
            stories.kind, stories.updated, stories.id AS story_id
        FROM stories JOIN items ON items.id = stories.lead_id JOIN sources ON sources.id = items.source_id
        WHERE stories.hidden = 0
        ORDER BY stories.announced DESC""",
    "source_health": """SELECT sources.id, sources.name, sources.state, sources.reason, sources.failures,
            sources.last_success, sources.last_attempt, sources.next_visit, sources.not_before,
            (SELECT count(*) FROM items WHERE items.source_id = sources.id) AS items, sources.url
        FROM sources WHERE sources.configured = 1 ORDER BY sources.position""",
    "mail_owed": """SELECT editions.digest_id AS digest, editions.period, deliveries.address, deliveries.state,
            deliveries.attempts, deliveries.reason, deliveries.message_id
        FROM deliveries JOIN editions ON editions.id = deliveries.edition_id
        WHERE deliveries.state <> 'sent'""",
}


def m0001_foundation(db: Database) -> None:
    """Create all tables of version 0.1, the views and the full-text index."""
    for sql in TABLES:
        db.execute(sql)
    for name, sql in VIEWS.items():
        db.create_view(name, sql)
    db.table("items").enable_fts(
        ["title", "text"], fts_version="FTS5", tokenize="unicode61 remove_diacritics 2", create_triggers=True
    )
    # sqlite-utils' trigger fires on every update, also when an item is only put into its story: indexing the same
    # words again took 14 of 17 ms a feed.
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'items_au'").fetchone()
    db.execute("DROP TRIGGER items_au")
    db.execute(sql.replace("AFTER UPDATE ON", "AFTER UPDATE OF title, text ON"))
