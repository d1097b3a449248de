"""The tables, as migrations that are only ever added to; and views for people who open the file themselves."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("aggregator")

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


@MIGRATIONS()
def m0001_foundation(db: Database) -> None:
    """Everything of version 0.1."""
    for sql in TABLES:
        db.execute(sql)
    for name, sql in VIEWS.items():
        db.create_view(name, sql)
    db.table("items").enable_fts(
        ["title", "text"], fts_version="FTS5", tokenize="unicode61 remove_diacritics 2", create_triggers=True
    )
    # sqlite-utils' trigger fires on every update, also when an item is only put into its story: of 17 ms a
    # feed, 14 went into indexing the same words again.
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'items_au'").fetchone()
    db.execute("DROP TRIGGER items_au")
    db.execute(sql.replace("AFTER UPDATE ON", "AFTER UPDATE OF title, text ON"))


@MIGRATIONS()
def m0002_politeness(db: Database) -> None:
    """What the rules for clients ask to be remembered, and what proves that they are kept."""
    for sql in POLITENESS:
        db.execute(sql)


@MIGRATIONS()
def m0003_guards(db: Database) -> None:
    """What must not happen unseen: gaps, floods of old entries, pages that lose theirs."""
    for sql in GUARDS:
        db.execute(sql)


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
    # Items whose traces and features are still to be written; whoever stores or edits an item need not know.
    "CREATE TABLE untraced (item INTEGER PRIMARY KEY) STRICT",
    "CREATE TRIGGER items_untraced_new AFTER INSERT ON items BEGIN"
    " INSERT OR IGNORE INTO untraced (item) VALUES (new.number); END",
    # (Not when `prune` empties a text: the item is still what it was.)
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
    # What a story that is merged away is found by, here and by the foreign keys.
    "CREATE INDEX related_by_other ON related(other_id)",
    "CREATE INDEX tombstones_by_became ON tombstones(became)",
)


@MIGRATIONS()
def m0004_same_news(db: Database) -> None:
    """The same news once: evidence, an index of candidates, editors' decisions and doubts.

    What items of older versions are found by is written by the next run (`untraced`).
    """
    for sql in SAME_NEWS:
        db.execute(sql)


FEEDS = (
    # P2: the archive document a story is in, `yyyy-mm`; NULL where nothing that is fed tells it.
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
    # When anything a channel shows last changed: never goes back, whatever leaves it.
    "ALTER TABLE channels ADD COLUMN updated TEXT NOT NULL DEFAULT '1990-01-01T00:00:00Z'",
    "UPDATE channels SET updated = coalesce((SELECT max(stories.changed) FROM memberships"
    " JOIN stories ON stories.id = memberships.story_id WHERE channel_id = channels.id), updated)",
    """CREATE TABLE tombs (                       -- PB9: the channels that told a story which has a tombstone
        channel_id TEXT NOT NULL,
        story_id TEXT NOT NULL,
        PRIMARY KEY (channel_id, story_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX tombs_of_story ON tombs(story_id)",
    # What a story was that was merged away, for when the merge is undone.
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


@MIGRATIONS()
def m0005_feeds(db: Database) -> None:
    """What subscribers rely on: the archive's chain, tombstones, times that never go back, the hub."""
    for sql in FEEDS:
        db.execute(sql)


OUTBOX = (
    # M4: queued, sending, accepted (by the relay), deferred, unknown, failed
    "UPDATE deliveries SET state = 'accepted' WHERE state = 'sent'",
    "ALTER TABLE deliveries ADD COLUMN next_attempt TEXT",  # of a deferred letter
    "ALTER TABLE deliveries ADD COLUMN deferred_since TEXT",
    "ALTER TABLE deliveries ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0",  # a person has seen that it is parked
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


@MIGRATIONS()
def m0006_outbox(db: Database) -> None:
    """Letters that are put off, addresses and relays that take none."""
    for sql in OUTBOX:
        db.execute(sql)


EDITIONS = (
    # An edition as it was told, to be read for ever; those of older versions have no such record (revision 0).
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
    # The pages that told a story are written anew when it is hidden or shown again; whoever does that need not know.
    "CREATE TRIGGER stories_hidden AFTER UPDATE OF hidden ON stories WHEN old.hidden <> new.hidden BEGIN"
    " UPDATE editions SET revision = revision + 1 WHERE revision > 0 AND id IN"
    " (SELECT edition_id FROM told JOIN items ON items.id = told.item_id WHERE items.story_id = new.id); END",
)


@MIGRATIONS()
def m0007_editions(db: Database) -> None:
    """What each edition told, in its words, for the pages that last."""
    for sql in EDITIONS:
        db.execute(sql)


WITHDRAWALS = (
    # I8: in the order of the document, so that who fell off its end is no suspect.
    "ALTER TABLE bodies ADD COLUMN items TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE withdrawals (                 -- items that left their document although it goes on below them
        item_id TEXT PRIMARY KEY REFERENCES items(id),
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE,
        since TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,       -- how often its page was asked for
        last TEXT,
        gone TEXT,                              -- the first 404 or 410
        withdrawn TEXT                          -- the second; NULL: only suspected
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX withdrawals_of_source ON withdrawals(source_id)",
    "CREATE INDEX withdrawals_open ON withdrawals(last) WHERE withdrawn IS NULL",
)


@MIGRATIONS()
def m0008_withdrawals(db: Database) -> None:
    """What publishers withdrew, and what they are suspected to have withdrawn."""
    for sql in WITHDRAWALS:
        db.execute(sql)


@MIGRATIONS()
def m0009_deferred_items(db: Database) -> None:
    """Items that the next rounds place: `held` is then `later`."""
    db.execute("CREATE INDEX items_later ON items(source_id) WHERE held = 'later'")


ALERTS = (
    # When the first revision was made that is not written yet; NULL while all of a channel is written (P1).
    "ALTER TABLE channels ADD COLUMN unwritten_since TEXT",
    "UPDATE channels SET unwritten_since = updated WHERE revision <> written_revision",
    "CREATE TRIGGER channels_unwritten AFTER UPDATE OF revision, written_revision ON channels BEGIN"
    " UPDATE channels SET unwritten_since = CASE WHEN new.revision <> new.written_revision"
    " THEN coalesce(new.unwritten_since, new.updated) END WHERE id = new.id; END",
    "CREATE INDEX runs_by_job ON runs(job, outcome)",
)


@MIGRATIONS()
def m0010_alerts(db: Database) -> None:
    """Since when channels wait to be written, and which runs of a job ended well, for monitoring."""
    for sql in ALERTS:
        db.execute(sql)


SET_ASIDE = (
    """CREATE TABLE set_aside (                   -- what broke a step of a job, which goes on without it
        step TEXT NOT NULL,                     -- item (placing), story (publishing), digest story, channel …
        name TEXT NOT NULL,                     -- id of an item, a story, a channel, an edition …
        version TEXT NOT NULL,                  -- of the program that it broke; another one tries again
        at TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (step, name)
    ) STRICT, WITHOUT ROWID""",
    # What changed is tried again; whoever stores an edit need not know.
    "CREATE TRIGGER items_set_aside_edited AFTER UPDATE OF content_hash ON items"
    " WHEN old.content_hash <> new.content_hash BEGIN"
    " DELETE FROM set_aside WHERE name IN (new.id, new.story_id); END",
    # Placing asks only for candidates of items whose traces it writes.
    "CREATE TRIGGER set_aside_over AFTER DELETE ON set_aside BEGIN"
    " INSERT OR IGNORE INTO untraced (item) SELECT number FROM items WHERE id = old.name; END",
)


@MIGRATIONS()
def m0011_set_aside(db: Database) -> None:
    """What broke a step and is left out of it."""
    for sql in SET_ASIDE:
        db.execute(sql)


PLAIN_NAMES = (
    "ALTER TABLE bodies RENAME TO documents",
    "ALTER TABLE documents RENAME COLUMN digests TO entry_hashes",
    "ALTER TABLE told RENAME TO edition_entries",
    "ALTER TABLE edition_entries RENAME COLUMN teller TO publisher",
    "ALTER TABLE tombs RENAME TO channel_tombstones",
    "ALTER TABLE traces RENAME TO item_keys",
    "ALTER TABLE features RENAME TO candidate_index",
    "ALTER TABLE untraced RENAME TO index_queue",
    "ALTER TABLE bonds RENAME TO link_constraints",
    "ALTER TABLE link_constraints RENAME COLUMN bond TO kind",
    "ALTER TABLE doubts RENAME TO merge_candidates",
    "ALTER TABLE memberships RENAME TO channel_stories",
    "ALTER TABLE withdrawals RENAME TO missing_items",
    "ALTER TABLE pings RENAME TO websub_state",
)


@MIGRATIONS()
def m0012_plain_names(db: Database) -> None:
    """Rename tables and columns to the words of docs/glossary.md."""
    for sql in PLAIN_NAMES:
        db.execute(sql)


DIGEST_NAMES = (
    "ALTER TABLE deliveries RENAME COLUMN dismissed TO acknowledged",  # the view mail_owed follows
    "ALTER TABLE edition_entries RENAME COLUMN turn TO update_kind",
    "ALTER TABLE edition_entries RENAME COLUMN turned TO updated_on",
    "ALTER TABLE edition_entries RENAME COLUMN before TO former_title",
    "UPDATE edition_entries SET section = CASE section WHEN 'letters' THEN 'newsletters'"
    " WHEN 'turned' THEN 'updates' ELSE 'withdrawn' END WHERE section IN ('letters', 'turned', 'gone')",
)


@MIGRATIONS()
def m0013_digest_names(db: Database) -> None:
    """Rename columns and sections of digests to the words of docs/glossary.md."""
    for sql in DIGEST_NAMES:
        db.execute(sql)
