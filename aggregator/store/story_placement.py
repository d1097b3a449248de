"""Write which item is in which story, and what follows for the story."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from aggregator.model.stories import Placement
from aggregator.model.value_classes import dataclass
from aggregator.store.connection import Store, stamp
from aggregator.store.items import chunked, placeholders


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStory:
    """A new story, when it is announced, and whether feeds and digests carry it (T4)."""

    story_id: str
    announced: datetime
    published: datetime
    in_feeds: bool
    month: str | None
    """Month of its archive document (P2); None for one without feeds."""


def write(
    store: Store, new_stories: Iterable[NewStory], placements: Iterable[Placement], now: datetime
) -> None:
    """Write new stories, and put items into their stories, in the caller's transaction."""
    placed = list(placements)
    first_items = {p.story_id: p.member.item_id for p in placed if p.founds}
    store.db.conn.executemany(
        "INSERT INTO stories (id, lead_id, title, kind, announced, published, updated, changed, fed, month)"
        " SELECT ?1, id, title, kind, ?3, ?4, ?4, ?5, ?6, ?7 FROM items WHERE id = ?2",
        [
            [
                f.story_id,
                first_items[f.story_id],
                stamp(f.announced),
                stamp(f.published),
                stamp(now),
                f.in_feeds,
                f.month,
            ]
            for f in new_stories
        ],
    )
    store.db.conn.executemany(
        "UPDATE items SET story_id = ?, why = ?, evidence = ? WHERE id = ?",
        [[p.story_id, p.why, _comparison(p), p.member.item_id] for p in placed],
    )
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO related (story_id, other_id, why) VALUES (?, ?, ?)",
        [
            row
            for p in placed
            for other, why in p.related
            for row in ([p.story_id, other, why], [other, p.story_id, why])
        ],
    )


def _comparison(placement: Placement) -> str | None:
    """Return the comparison by which an item was placed, as JSON."""
    if placement.comparison is None:
        return None
    return json.dumps(
        {"beside": placement.compared_with, **placement.comparison.fields()}, ensure_ascii=False
    )


def set_leads(store: Store, leads: Mapping[str, str], now: datetime) -> None:
    """Set the leads of stories; neither id nor `published` changes (I6).

    `updated` moves if the new lead was significantly edited since the story was announced. Nothing has shown that edit
    before, so that its correction is published now (E1).
    """
    store.db.conn.executemany(
        "UPDATE stories SET updated = max(updated, ?1) WHERE id = ?3 AND lead_id <> ?2 AND EXISTS"
        " (SELECT 1 FROM revisions WHERE item_id = ?2 AND significant AND replaced > stories.announced)",
        [[stamp(now), item_id, story_id] for story_id, item_id in leads.items()],
    )
    store.db.conn.executemany(
        "UPDATE stories SET lead_id = items.id, title = items.title, kind = items.kind, changed = ?"
        " FROM items WHERE items.id = ? AND stories.id = ?",
        [[stamp(now), item_id, story_id] for story_id, item_id in leads.items()],
    )


def take_over_edit(store: Store, kept: str, lead_id: str) -> None:
    """Take over the edit of a lead that comes from another story (E1).

    An item that only joins changes nothing.
    """
    store.db.execute(
        "UPDATE stories SET updated = max(stories.updated, other.updated)"
        " FROM (SELECT updated FROM stories WHERE lead_id = ? AND updated > published) AS other WHERE stories.id = ?",
        [lead_id, kept],
    )


def correct_future_times(store: Store, now: datetime) -> list[str]:
    """Set announcements in the future to now; return the ids of their stories.

    A wrong clock made them. Subscribers do not see the announced time (T3), but such a story would stay first in every
    window.
    """
    rows = store.db.execute(
        "UPDATE stories SET announced = ?1 WHERE announced > ?1 RETURNING id", [stamp(now)]
    ).fetchall()
    return [row[0] for row in rows]


def apply_edits(
    store: Store, item_ids: Iterable[str], significant_ids: Iterable[str], now: datetime
) -> set[str]:
    """Apply edits of items to their stories; return the ids of these (E1, PB4).

    `changed` is set always, `updated` for a significant edit of a lead.
    """
    touched: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND id IN ({placeholders(part)})",
            part,
        )
        touched.update(row[0] for row in rows)
    store.db.conn.executemany(
        "UPDATE stories SET changed = ?, title = items.title, kind = items.kind"
        " FROM items WHERE items.id = stories.lead_id AND stories.id = ?",
        [[stamp(now), story_id] for story_id in sorted(touched)],
    )
    store.db.conn.executemany(
        "UPDATE stories SET updated = max(updated, ?) WHERE lead_id = ?",
        [[stamp(now), item_id] for item_id in significant_ids],
    )
    return touched


def of_first_round(store: Store, ids: Iterable[str]) -> set[str]:
    """Return those of `ids` that came in the round of the first story."""
    found: set[str] = set()
    for part in chunked(ids):
        rows = store.db.execute(
            f"SELECT id FROM items WHERE id IN ({placeholders(part)}) AND first_seen ="
            " (SELECT first_seen FROM items WHERE story_id IS NOT NULL ORDER BY number LIMIT 1)",
            part,
        )
        found |= {row["id"] for row in rows}
    return found
