"""The schema: all migrations in their order, the newest ones in full.

Existing migrations are never edited; a change of the schema is one more at the end.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from aggregator.store.migrations import (
    bounces,
    deduplication,
    digests,
    editors,
    foundation,
    pages,
    partners,
    polling,
    publishing,
    search,
    subscribers,
    websub,
)

MIGRATIONS = Migrations("aggregator")

for _migration in (
    foundation.m0001_foundation,
    polling.m0002_politeness,
    polling.m0003_guards,
    deduplication.m0004_same_news,
    publishing.m0005_feeds,
    digests.m0006_outbox,
    digests.m0007_editions,
):
    MIGRATIONS()(_migration)


WITHDRAWALS = (
    # In the order of the document, so that items that fell off its end are not missing items (I8).
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
    """Add items that publishers removed or are supposed to have removed (I8)."""
    for sql in WITHDRAWALS:
        db.execute(sql)


@MIGRATIONS()
def m0009_deferred_items(db: Database) -> None:
    """Add the state `later` of items that the next rounds place."""
    db.execute("CREATE INDEX items_later ON items(source_id) WHERE held = 'later'")


ALERTS = (
    # When the first unwritten revision was made; NULL while a channel is up to date (P1).
    "ALTER TABLE channels ADD COLUMN unwritten_since TEXT",
    "UPDATE channels SET unwritten_since = updated WHERE revision <> written_revision",
    "CREATE TRIGGER channels_unwritten AFTER UPDATE OF revision, written_revision ON channels BEGIN"
    " UPDATE channels SET unwritten_since = CASE WHEN new.revision <> new.written_revision"
    " THEN coalesce(new.unwritten_since, new.updated) END WHERE id = new.id; END",
    "CREATE INDEX runs_by_job ON runs(job, outcome)",
)


@MIGRATIONS()
def m0010_alerts(db: Database) -> None:
    """Add since when channels are out of date, and an index of runs by job."""
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
    # An edited item is tried again.
    "CREATE TRIGGER items_set_aside_edited AFTER UPDATE OF content_hash ON items"
    " WHEN old.content_hash <> new.content_hash BEGIN"
    " DELETE FROM set_aside WHERE name IN (new.id, new.story_id); END",
    # Only indexed items are compared with others.
    "CREATE TRIGGER set_aside_over AFTER DELETE ON set_aside BEGIN"
    " INSERT OR IGNORE INTO untraced (item) SELECT number FROM items WHERE id = old.name; END",
)


@MIGRATIONS()
def m0011_set_aside(db: Database) -> None:
    """Add the items and stories that broke a step and are left out of it."""
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


LINK_CONSTRAINT_KINDS = (
    "UPDATE link_constraints SET kind = 'must-link' WHERE kind = 'together'",
    "UPDATE link_constraints SET kind = 'cannot-link' WHERE kind = 'apart'",
)


@MIGRATIONS()
def m0013_link_constraint_kinds(db: Database) -> None:
    """Rename the kinds of link constraints to the words of docs/glossary.md."""
    for sql in LINK_CONSTRAINT_KINDS:
        db.execute(sql)


SOURCE_STATES = (
    "UPDATE sources SET state = CASE state WHEN 'well' THEN 'ok' WHEN 'silent' THEN 'stale'"
    # Only a 429 or 503 leaves its status at a source that was held; otherwise its items wait for an editor.
    " WHEN 'held' THEN CASE WHEN failed_status IN (429, 503) THEN 'rate_limited' ELSE 'needs_review' END"
    " ELSE state END",
)


@MIGRATIONS()
def m0014_source_states(db: Database) -> None:
    """Rename the states of sources to the words of docs/glossary.md, and split `held` in two."""
    for sql in SOURCE_STATES:
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
def m0015_digest_names(db: Database) -> None:
    """Rename columns and sections of digests to the words of docs/glossary.md."""
    for sql in DIGEST_NAMES:
        db.execute(sql)


EMBEDDINGS = (
    """CREATE TABLE embeddings (                  -- a cache; any row may be deleted
        number INTEGER PRIMARY KEY,             -- in the order in which they were made
        model TEXT NOT NULL,                    -- with its version
        text_hash BLOB NOT NULL,
        vector BLOB NOT NULL,                   -- numbers of 16 bits
        made TEXT NOT NULL,
        UNIQUE (model, text_hash)
    ) STRICT""",
    "CREATE INDEX embeddings_by_age ON embeddings(made)",
)

EVENTS = (
    "ALTER TABLE items ADD COLUMN events TEXT",  # JSON (EX1); NULL: stored before events were looked for
    "CREATE INDEX items_without_events ON items(number) WHERE events IS NULL",
    """CREATE TABLE story_events (                -- what calendars are made of (CA2)
        story_id TEXT NOT NULL,                 -- also of a story that was merged into another one
        part TEXT NOT NULL,                     -- empty for the principal event of the story
        entry_id TEXT NOT NULL,                 -- whose calendar entry it is: this one's or that of another story
        entry_part TEXT NOT NULL,
        facts TEXT NOT NULL,                    -- JSON
        former TEXT,                            -- the facts before the last change
        first_day TEXT NOT NULL, last_day TEXT NOT NULL,
        sequence INTEGER NOT NULL DEFAULT 0,
        changed TEXT NOT NULL,                  -- when the facts changed last
        present INTEGER NOT NULL DEFAULT 1,     -- 0: no longer announced; it goes on counting if it comes back
        revision INTEGER NOT NULL DEFAULT 1,    -- of its own file (P1)
        written_revision INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (story_id, part)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX story_events_by_day ON story_events(last_day)",
    "CREATE INDEX story_events_of_entry ON story_events(entry_id)",
    "CREATE INDEX story_events_unwritten ON story_events(story_id) WHERE revision <> written_revision",
    """CREATE TABLE event_decisions (             -- an editor's word on the event of a story (EX9)
        story_id TEXT PRIMARY KEY,
        facts TEXT,                             -- JSON; NULL: the story has no event
        decision INTEGER NOT NULL REFERENCES decisions(number)
    ) STRICT, WITHOUT ROWID""",
    "ALTER TABLE edition_entries ADD COLUMN event TEXT",
    "ALTER TABLE edition_entries ADD COLUMN former_event TEXT",
)

WRITTEN_ENTRIES = (
    # Entries of stories that have not changed since are taken from the written documents.
    "CREATE TABLE change_count (changes INTEGER NOT NULL) STRICT",
    "INSERT INTO change_count (changes) VALUES (0)",
    "ALTER TABLE stories ADD COLUMN change INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE archives ADD COLUMN made_of TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE archives ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE channels ADD COLUMN made_of TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE channels ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0",
)


@MIGRATIONS()
def m0016_embeddings(db: Database) -> None:
    """Add the cache of embeddings for the extra `semantic`."""
    for sql in EMBEDDINGS:
        db.execute(sql)


@MIGRATIONS()
def m0017_status_edits(db: Database) -> None:
    """Add the edits of items' status that the round has not applied to their stories yet."""
    db.execute(
        "CREATE TABLE status_edits (item_id TEXT PRIMARY KEY REFERENCES items(id), stages TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )


@MIGRATIONS()
def m0018_events(db: Database) -> None:
    """Add events of items and stories, and the words of editors on them."""
    for sql in EVENTS:
        db.execute(sql)


@MIGRATIONS()
def m0019_written_entries(db: Database) -> None:
    """Add what shows which entries of written documents are up to date."""
    for sql in WRITTEN_ENTRIES:
        db.execute(sql)


# The plus sign keeps SQLite from the index of the source, whose items are many.
_MOVED = "story_id = {row}.story_id AND +source_id = new.source_id AND number <> new.number)"
_ENTERS = "new.story_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM items WHERE " + _MOVED.format(row="new")
_LEAVES = "old.story_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM items WHERE " + _MOVED.format(row="old")
COUNTS = (
    """CREATE TABLE source_counts (               -- counted by triggers: `status` reads no items
        source_id TEXT PRIMARY KEY REFERENCES sources(id) ON UPDATE CASCADE,
        items INTEGER NOT NULL,
        stories INTEGER NOT NULL                -- with an item of the source
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE story_count (stories INTEGER NOT NULL) STRICT",
    "INSERT INTO source_counts (source_id, items, stories)"
    " SELECT source_id, count(*), count(DISTINCT story_id) FROM items GROUP BY source_id",
    "INSERT INTO story_count (stories) SELECT count(*) FROM stories",
    "CREATE TRIGGER items_counted AFTER INSERT ON items BEGIN"
    " INSERT INTO source_counts (source_id, items, stories) VALUES (new.source_id, 1, "
    + _ENTERS
    + ") ON CONFLICT (source_id) DO UPDATE SET items = items + 1, stories = stories + excluded.stories; END",
    "CREATE TRIGGER items_counted_moved AFTER UPDATE OF story_id ON items WHEN old.story_id IS NOT new.story_id"
    " BEGIN UPDATE source_counts SET stories = stories + ("
    + _ENTERS
    + ") - ("
    + _LEAVES
    + ") WHERE source_id = new.source_id; END",
    "CREATE TRIGGER stories_counted AFTER INSERT ON stories BEGIN"
    " UPDATE story_count SET stories = stories + 1; END",
    "CREATE TRIGGER stories_uncounted AFTER DELETE ON stories BEGIN"
    " UPDATE story_count SET stories = stories - 1; END",
)


@MIGRATIONS()
def m0020_counts(db: Database) -> None:
    """Add the numbers of items and stories, so that showing them costs the same in any archive."""
    for sql in COUNTS:
        db.execute(sql)


@MIGRATIONS()
def m0021_subscribers(db: Database) -> None:
    """Add subscribers, their links and history, and messages that belong to no edition."""
    subscribers.subscribers(db)


# What a search can select items by, as words of the full-text index. FTS5 counts U+E000 as part of a word: it stands
# behind the character that names the property, and for the hyphens of ids. `search_terms.facet` writes the same words.
_FACETS = (
    "'s' || char(57344) || replace({row}.source_id, '-', char(57344))"
    " || ' k' || char(57344) || {row}.kind"
    " || ' l' || char(57344) || coalesce(lower(substr({row}.language, 1, instr({row}.language || '-', '-') - 1)), '')"
    " || ' y' || char(57344) || substr({row}.sort, 1, 4)"
    " || ' m' || char(57344) || replace(substr({row}.sort, 1, 7), '-', char(57344))"
    # A list as `json.dumps` writes it; FTS5 refuses `json_each` in the view of its content.
    " || replace(replace(replace(replace({row}.topics, '-', char(57344)), '[\"', ' t' || char(57344)),"
    " '\", \"', ' t' || char(57344)), '\"]', '')"
)
_INDEXED = (
    "INSERT INTO items_fts (rowid, title, text, facets) VALUES (new.number, new.title, new.text, {new}); "
)
_UNINDEXED = (
    "INSERT INTO items_fts (items_fts, rowid, title, text, facets)"
    " VALUES ('delete', old.number, old.title, old.text, {old}); "
)
SEARCH = (
    "DROP TRIGGER items_ai",
    "DROP TRIGGER items_ad",
    "DROP TRIGGER items_au",
    "DROP TABLE items_fts",
    f"CREATE VIEW items_searched AS SELECT number, title, text, {_FACETS} AS facets FROM items".replace(
        "{row}", "items"
    ),
    "CREATE VIRTUAL TABLE items_fts USING fts5 (title, text, facets, content=items_searched, content_rowid=number,"
    " tokenize='unicode61 remove_diacritics 2', prefix='3 4 5')",
    "CREATE VIRTUAL TABLE items_terms USING fts5vocab (items_fts, instance)",
    "INSERT INTO items_fts (items_fts) VALUES ('rebuild')",
    *(
        f"CREATE TRIGGER items_{name} AFTER {event} ON items BEGIN {words}END".replace(
            "{new}", _FACETS.replace("{row}", "new")
        ).replace("{old}", _FACETS.replace("{row}", "old"))
        for name, event, words in (
            ("ai", "INSERT", _INDEXED),
            ("ad", "DELETE", _UNINDEXED),
            # Not when an item is only put into its story, see migrations/foundation.py.
            (
                "au",
                "UPDATE OF title, text, source_id, kind, language, sort, topics",
                _UNINDEXED + _INDEXED,
            ),
        )
    ),
    # What is counted of each match; reading it from `items` would read their texts.
    "CREATE INDEX items_counted_by ON items(number, story_id, source_id, kind, language, sort, topics)",
    "CREATE INDEX stories_hidden ON stories(id) WHERE hidden = 1",
)


@MIGRATIONS()
def m0022_search(db: Database) -> None:
    """Add topics, sources, kinds, languages and months of items to the full-text index."""
    for sql in SEARCH:
        db.execute(sql)


ACTIVITY = (
    """CREATE TABLE source_days (                 -- counted by triggers, so that pages read no visits
        day TEXT NOT NULL,                      -- UTC
        source_id TEXT NOT NULL REFERENCES sources(id) ON UPDATE CASCADE ON DELETE CASCADE,
        accepted INTEGER NOT NULL DEFAULT 0,    -- visits that ended well
        failed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (day, source_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX source_days_of_source ON source_days(source_id)",  # for the foreign key
    "CREATE TABLE sent_messages (month TEXT PRIMARY KEY, messages INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO source_days (day, source_id, accepted, failed)"
    " SELECT substr(started, 1, 10), source_id, sum(outcome IN ('changed', 'unchanged')), sum(outcome = 'failed')"
    " FROM visits WHERE outcome <> 'begun' GROUP BY 1, 2",
    "INSERT INTO sent_messages (month, messages) SELECT substr(last_attempt, 1, 7), count(*)"
    " FROM deliveries WHERE state = 'accepted' AND last_attempt IS NOT NULL GROUP BY 1",
    "CREATE TRIGGER visits_counted AFTER UPDATE OF outcome ON visits"
    " WHEN old.outcome = 'begun' AND new.outcome <> 'begun' BEGIN"
    " INSERT INTO source_days (day, source_id, accepted, failed) VALUES"
    " (substr(new.started, 1, 10), new.source_id, new.outcome <> 'failed', new.outcome = 'failed')"
    " ON CONFLICT (day, source_id) DO UPDATE"
    " SET accepted = accepted + excluded.accepted, failed = failed + excluded.failed; END",
    "CREATE TRIGGER messages_counted AFTER UPDATE OF state ON deliveries"
    " WHEN new.state = 'accepted' AND old.state <> 'accepted' AND new.last_attempt IS NOT NULL BEGIN"
    " INSERT INTO sent_messages (month, messages) VALUES (substr(new.last_attempt, 1, 7), 1)"
    " ON CONFLICT (month) DO UPDATE SET messages = messages + 1; END",
)


@MIGRATIONS()
def m0023_activity(db: Database) -> None:
    """Add visits by day and messages by month, which the status page shows."""
    for sql in ACTIVITY:
        db.execute(sql)


MIGRATIONS()(pages.m0024_pages)


@MIGRATIONS()
def m0025_returned_mail(db: Database) -> None:
    """Add bounces and other mail to the bounce address."""
    bounces.returned_mail(db)


@MIGRATIONS()
def m0026_websub_subscriptions(db: Database) -> None:
    """Add subscriptions to the WebSub hubs of sources."""
    websub.websub_subscriptions(db)


@MIGRATIONS()
def m0027_editors(db: Database) -> None:
    """Add sign-in links and sessions of editors, and what undoes their decisions."""
    editors.editors(db)


MIGRATIONS()(partners.m0028_partner_reports)
MIGRATIONS()(partners.m0029_returned_stories)
MIGRATIONS()(partners.m0030_shrunk_pages)
MIGRATIONS()(publishing.m0031_calendars_made_of)
MIGRATIONS()(search.m0032_indexed_words)
MIGRATIONS()(publishing.m0033_month_entries)
MIGRATIONS()(editors.m0034_newest_candidates)
MIGRATIONS()(pages.m0035_named_stories)
MIGRATIONS()(publishing.m0036_changed_tombstones)
MIGRATIONS()(deduplication.m0037_sufficient_keys)
MIGRATIONS()(publishing.m0038_hidden_successors)
MIGRATIONS()(search.m0039_basic_characters)
MIGRATIONS()(deduplication.m0040_rare_keys)
