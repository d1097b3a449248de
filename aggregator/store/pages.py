"""Store which pages of stories and months are out of date, and read what only pages show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator.model.pages import (
    AnnouncedStory,
    Directory,
    GoneStoryPage,
    ListedStory,
    MonthRecord,
    RelatedStory,
)
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import CHUNK_VALUES, chunked, placeholders


def outdated(store: Store, limit: int) -> dict[str, int]:
    """Return stories whose pages are out of date, newest first, with the version of the change."""
    rows = store.db.execute(
        "SELECT story_id, version FROM page_queue LEFT JOIN stories ON stories.id = story_id"
        " ORDER BY stories.number DESC, story_id LIMIT ?",
        [limit],
    )
    return {row["story_id"]: row["version"] for row in rows}


def queue(store: Store, ids: Iterable[str]) -> None:
    """Count the pages of stories as out of date, in the caller's transaction."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO page_queue (story_id) VALUES (?)", [[id_] for id_ in ids]
    )


def mark_written(store: Store, versions: Mapping[str, int]) -> None:
    """Record that pages are on disk, in the caller's transaction; those that changed since stay."""
    store.db.conn.executemany(
        "DELETE FROM page_queue WHERE story_id = ? AND version = ?", [[*pair] for pair in versions.items()]
    )


def ids_before(store: Store, number: int, limit: int) -> tuple[list[str], int]:
    """Return ids of stories stored before that with a number, newest first, and the last number.

    The number is 0 when there are no more.
    """
    rows = store.db.execute(
        "SELECT id, number FROM stories WHERE number < ? ORDER BY number DESC LIMIT ?", [number, limit]
    ).fetchall()
    return [row["id"] for row in rows], int(rows[-1]["number"]) if len(rows) == limit else 0


def number_after_newest(store: Store) -> int:
    """Return a number above those of all stories with pages up to date, 0 if there are none.

    The pages of all other stories are going to be written anyway.
    """
    (newest,) = store.db.execute(
        "SELECT max(number) FROM stories WHERE id NOT IN (SELECT story_id FROM page_queue)"
    ).fetchone()
    return int(newest) + 1 if newest else 0


def queue_merged(store: Store) -> None:
    """Count the pages of merged stories as out of date, in the caller's transaction."""
    rows = store.db.execute(
        "SELECT story_id FROM tombstones WHERE NOT EXISTS (SELECT 1 FROM stories WHERE id = story_id)"
    )
    queue(store, [row[0] for row in rows])


def all_ids(store: Store) -> set[str]:
    """Return the ids of all stories that have a page: published ones and those with a tombstone."""
    rows = store.db.execute("SELECT id FROM stories UNION SELECT story_id FROM tombstones")
    return {row[0] for row in rows}


def published(store: Store, ids: Sequence[str]) -> set[str]:
    """Return those of the stories that are in a channel."""
    return {
        row[0]
        for part in chunked(ids)
        for row in store.db.execute(
            f"SELECT DISTINCT story_id FROM channel_stories WHERE story_id IN ({placeholders(part)})", part
        )
    }


def gone_pages(store: Store, ids: Sequence[str]) -> dict[str, GoneStoryPage]:
    """Return those of the stories that were hidden or merged into another one.

    The page of one that was merged into a hidden story does not name that story.
    """
    found: dict[str, GoneStoryPage] = {}
    for part in chunked(ids):
        inside = f"({placeholders(part)})"
        for row in store.db.execute(
            "SELECT tombstones.story_id, stories.id, stories.title, language FROM tombstones"
            " LEFT JOIN stories ON stories.id = became AND NOT hidden LEFT JOIN items ON items.id = lead_id"
            f" WHERE tombstones.story_id IN {inside}"
            f" UNION ALL SELECT id, NULL, NULL, NULL FROM stories WHERE hidden = 1 AND id IN {inside}",
            [*part, *part],
        ):
            successor = RelatedStory(id=row[1], title=row[2], language=row[3]) if row[1] else None
            found.setdefault(row[0], GoneStoryPage(id=row[0], merged_into=successor))
    return found


def related_titles(store: Store, ids: Iterable[str]) -> dict[str, RelatedStory]:
    """Return published stories by id, as the pages of others name them."""
    return {
        row["id"]: RelatedStory(id=row["id"], title=row["title"], language=row["language"])
        for part in chunked(sorted(set(ids)))
        for row in store.db.execute(
            "SELECT stories.id, stories.title, items.language FROM stories JOIN items ON items.id = lead_id"
            f" WHERE hidden = 0 AND stories.id IN ({placeholders(part)})"
            " AND EXISTS (SELECT 1 FROM channel_stories WHERE story_id = stories.id)",
            part,
        )
    }


def edits(store: Store, item_id: str, since: datetime, limit: int) -> list[tuple[datetime, str, str]]:
    """Return the significant edits of an item since a time: when, and title and text before.

    The oldest edit comes first; only the newest `limit` edits are returned.
    """
    rows = store.db.execute(
        "SELECT replaced, title, text FROM revisions WHERE item_id = ? AND significant AND replaced > ?"
        " ORDER BY number DESC LIMIT ?",
        [item_id, stamp(since), limit],
    ).fetchall()
    return [(sure_moment(row["replaced"]), row["title"], row["text"]) for row in reversed(rows)]


def text(store: Store, item_id: str) -> str:
    """Return the text of an item."""
    row = store.db.execute("SELECT text FROM items WHERE id = ?", [item_id]).fetchone()
    return str(row[0]) if row else ""


def months(store: Store) -> list[MonthRecord]:
    """Return all months in which stories were announced, oldest first."""
    return [
        MonthRecord(**{key: row[key] for key in MonthRecord.__slots__})
        for row in store.db.execute(
            "SELECT *, written_with AS render_hash, made_of AS entries_hash, made_at AS change_count"
            " FROM month_pages ORDER BY month"
        )
    ]


def mark_month_written(
    store: Store, record: MonthRecord, render_hash: str, entries_hash: str, change_count: int
) -> None:
    """Record that the page of a month is on disk, in the caller's transaction (P1)."""
    store.db.execute(
        "UPDATE month_pages SET written_revision = ?, written_with = ?, made_of = ?, made_at = ? WHERE month = ?",
        [record.revision, render_hash, entries_hash, change_count, record.month],
    )


_LISTED = (
    "SELECT stories.id, stories.title, items.language, items.link, sources.name AS publisher,"
    " stories.announced FROM channel_stories"
    " CROSS JOIN stories ON stories.id = channel_stories.story_id"
    " CROSS JOIN items ON items.id = stories.lead_id CROSS JOIN sources ON sources.id = items.source_id"
)
_NEWEST_FIRST = (
    " ORDER BY channel_stories.announced DESC, channel_stories.published DESC, channel_stories.position,"
    " channel_stories.story_id"
)


_OF_MONTH = (
    " FROM channel_stories CROSS JOIN stories ON stories.id = channel_stories.story_id WHERE channel_id = 'all'"
    f" AND channel_stories.announced >= ?1 AND channel_stories.announced < ?1 || '~'{_NEWEST_FIRST}"
)


def count_of_month(store: Store, month: str) -> int:
    """Return the number of stories of `all` of a month (`yyyy-mm`)."""
    row = store.db.execute("SELECT stories FROM month_pages WHERE month = ?", [month]).fetchone()
    return int(row[0]) if row else 0


def of_month(store: Store, month: str) -> Iterator[dict[str, AnnouncedStory]]:
    """Yield the stories of `all` of a month, newest first, `CHUNK_VALUES` at a time."""
    rows = store.db.execute(f"SELECT story_id, channel_stories.announced, stories.change{_OF_MONTH}", [month])
    while part := rows.fetchmany(CHUNK_VALUES):
        yield {row[0]: AnnouncedStory(sure_moment(row[1]), row[2]) for row in part}


def changes_of_month(store: Store, month: str) -> Iterator[tuple[str, str]]:
    """Yield the stories of `all` of a month with the stored times of their last changes."""
    for row in store.db.execute(f"SELECT story_id, stories.changed{_OF_MONTH}", [month]):
        yield row[0], row[1]


def listed(store: Store, ids: Iterable[str]) -> dict[str, ListedStory]:
    """Return stories of `all` by id, as the pages of months list them."""
    return {
        row["id"]: _listed(row)
        for part in chunked(ids)
        for row in store.db.execute(
            f"{_LISTED} WHERE channel_id = 'all' AND channel_stories.story_id IN ({placeholders(part)})", part
        )
    }


def _listed(row: Mapping[str, Any]) -> ListedStory:
    announced = sure_moment(row["announced"])
    return ListedStory(**{key: row[key] for key in ListedStory.__slots__} | {"announced": announced})


def newest_week(store: Store) -> int:
    """Return the last week in which a story of `all` was announced."""
    (week,) = store.db.execute("SELECT max(week) FROM channel_weeks WHERE channel_id = 'all'").fetchone()
    return int(week or 0)


def directory(store: Store, channel_id: str, last_week: int, weeks: int) -> Directory:
    """Return the numbers of a channel, without reading its stories."""
    (total,) = store.db.execute(
        "SELECT coalesce(sum(stories), 0) FROM channel_weeks WHERE channel_id = ?", [channel_id]
    ).fetchone()
    by_week = dict(
        store.db.execute(
            "SELECT week, stories FROM channel_weeks WHERE channel_id = ? AND week > ?",
            [channel_id, last_week - weeks],
        ).fetchall()
    )
    newest = store.db.execute(f"{_LISTED} WHERE channel_id = ?{_NEWEST_FIRST} LIMIT 1", [channel_id])
    row = newest.fetchone()
    return Directory(
        channel_id=channel_id,
        stories=int(total),
        weeks=tuple(by_week.get(week, 0) for week in range(last_week - weeks + 1, last_week + 1)),
        newest=_listed(row) if row else None,
    )


def stories_of_sources(store: Store) -> dict[str, int]:
    """Return the number of stories of each source that has items."""
    return dict(store.db.execute("SELECT source_id, stories FROM source_counts").fetchall())
