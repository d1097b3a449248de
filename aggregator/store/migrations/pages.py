"""Add what shows which pages are up to date, and numbers of stories by month and week."""

from __future__ import annotations

from sqlite_utils import Database

# Weeks begin on Mondays; the first ones of 1970 are too far back to matter.
_WEEK = "(CAST(strftime('%s', {row}.announced) AS INTEGER) + 259200) / 604800"
_QUEUE = (
    "INSERT INTO page_queue (story_id) {values} ON CONFLICT (story_id) DO UPDATE SET version = version + 1"
)
_MONTH = (
    "INSERT INTO month_pages (month, stories) VALUES (substr({row}.announced, 1, 7), {sign}1)"
    " ON CONFLICT (month) DO UPDATE SET stories = stories + excluded.stories, revision = revision + 1"
)
_CHANNEL_WEEK = (
    "INSERT INTO channel_weeks (channel_id, week, stories) VALUES ({row}.channel_id, " + _WEEK + ", {sign}1)"
    " ON CONFLICT (channel_id, week) DO UPDATE SET stories = stories + excluded.stories"
)
PAGES = (
    """CREATE TABLE page_queue (                  -- stories whose pages are out of date; filled by triggers
        story_id TEXT PRIMARY KEY,              -- also of a story that was merged into another one
        version INTEGER NOT NULL DEFAULT 1      -- a page is done if no change came while it was written
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO page_queue (story_id) SELECT story_id FROM tombstones",
    "CREATE TRIGGER stories_page AFTER UPDATE OF change ON stories BEGIN "
    + _QUEUE.format(values="VALUES (new.id)")
    + "; END",
    "CREATE TRIGGER stories_page_gone AFTER DELETE ON stories BEGIN "
    + _QUEUE.format(values="VALUES (old.id)")
    + "; END",
    # The pages of related stories name this one.
    "CREATE TRIGGER stories_page_related AFTER UPDATE OF title, hidden ON stories"
    " WHEN old.title <> new.title OR old.hidden <> new.hidden BEGIN "
    + _QUEUE.format(values="SELECT story_id FROM related WHERE other_id = new.id")
    + "; END",
    *(
        f"CREATE TRIGGER {table}_page_{event.lower()} AFTER {event} ON {table} BEGIN "
        + _QUEUE.format(values=f"VALUES ({row}.story_id)")
        + "; END"
        for table in ("tombstones", "related")
        for event, row in (("INSERT", "new"), ("UPDATE", "new"), ("DELETE", "old"))
    ),
    """CREATE TABLE month_pages (                 -- stories of `all` by month of announcement; counted by triggers
        month TEXT PRIMARY KEY,                 -- yyyy-mm, UTC
        stories INTEGER NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        written_revision INTEGER NOT NULL DEFAULT 0,
        written_with TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO month_pages (month, stories) SELECT substr(announced, 1, 7), count(*) FROM channel_stories"
    " WHERE channel_id = 'all' GROUP BY 1",
    """CREATE TABLE channel_weeks (               -- stories by week of announcement; counted by triggers
        channel_id TEXT NOT NULL,
        week INTEGER NOT NULL,                  -- since 1970
        stories INTEGER NOT NULL,
        PRIMARY KEY (channel_id, week)
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO channel_weeks (channel_id, week, stories) SELECT channel_id, "
    + _WEEK.format(row="channel_stories")
    + ", count(*) FROM channel_stories GROUP BY 1, 2",
    *(
        f"CREATE TRIGGER channel_stories_{name} AFTER {event} ON channel_stories {when}BEGIN "
        + count.format(row=row, sign=sign)
        + "; END"
        for event, row, sign in (("INSERT", "new", ""), ("DELETE", "old", "-"))
        for name, when, count in (
            (f"month_{event.lower()}", f"WHEN {row}.channel_id = 'all' ", _MONTH),
            (f"week_{event.lower()}", "", _CHANNEL_WEEK),
        )
    ),
)


def m0024_pages(db: Database) -> None:
    """Add what shows which pages of stories and months are up to date, and stories by week."""
    for sql in PAGES:
        db.execute(sql)


_NAMING = (
    "SELECT story_id FROM related JOIN stories ON stories.id = other_id WHERE {leads} UNION"
    " SELECT story_id FROM tombstones JOIN stories ON stories.id = became WHERE {leads}"
)
NAMED_STORIES = (
    "DROP TRIGGER stories_page_related",
    # The pages of related and merged stories name this one, in the language of its lead.
    "CREATE TRIGGER stories_page_named AFTER UPDATE OF title, hidden, lead_id ON stories"
    " WHEN (old.title, old.hidden, old.lead_id) <> (new.title, new.hidden, new.lead_id) BEGIN "
    + _QUEUE.format(values=_NAMING.format(leads="stories.id = new.id"))
    + "; END",
    "CREATE TRIGGER items_page_named AFTER UPDATE OF language ON items WHEN old.language IS NOT new.language BEGIN "
    + _QUEUE.format(values=_NAMING.format(leads="stories.id = new.story_id AND lead_id = new.id"))
    + "; END",
)


def m0035_named_stories(db: Database) -> None:
    """Count pages as out of date when a story that they name has another title or language."""
    for sql in NAMED_STORIES:
        db.execute(sql)
