"""Editors' decisions: the log, the bonds between items that outlive every re-clustering, and doubtful pairs (I7)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from aggregator.model import Bond, Decision, Doubt, DoubtfulPair
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, marks


def decide(
    store: Store, verb: str, who: str, now: datetime, *, stories: Sequence[str], items: Sequence[str] = ()
) -> int:
    """Log a decision; its number."""
    row = store.db.execute(
        "INSERT INTO decisions (at, who, verb, stories, items) VALUES (?, ?, ?, ?, ?) RETURNING number",
        [stamp(now), who, verb, json.dumps(list(stories)), json.dumps(list(items))],
    ).fetchone()
    return int(row[0])


def decisions(store: Store, story_id: str) -> list[Decision]:
    """What was decided of a story, oldest first."""
    rows = store.db.execute(
        "SELECT * FROM decisions WHERE EXISTS (SELECT 1 FROM json_each(decisions.stories) WHERE value = ?)"
        " ORDER BY number",
        [story_id],
    )
    return [
        Decision(
            at=sure_moment(row["at"]),
            who=row["who"],
            verb=row["verb"],
            stories=tuple(json.loads(row["stories"])),
            items=tuple(json.loads(row["items"])),
        )
        for row in rows
    ]


def bind(store: Store, pairs: Iterable[tuple[str, str]], bond: Bond, decision: int) -> None:
    """Items that are to stay together or apart; the last decision of a pair stands."""
    store.db.conn.executemany(
        "INSERT OR REPLACE INTO bonds (one, other, bond, decision) VALUES (?, ?, ?, ?)",
        [[min(pair), max(pair), bond, decision] for pair in pairs],
    )


def bonds(store: Store, item_ids: Iterable[str]) -> dict[frozenset[str], Bond]:
    """The bonds of items with whomever."""
    found = {}
    for part in chunked(item_ids):
        inside = f"({marks(part)})"
        for row in store.db.execute(
            f"SELECT one, other, bond FROM bonds WHERE one IN {inside} OR other IN {inside}", [*part, *part]
        ):
            found[frozenset((row["one"], row["other"]))] = Bond(row["bond"])
    return found


def doubt(store: Store, story_id: str, doubts: Iterable[Doubt], now: datetime) -> None:
    """Put pairs of stories on the editors' list."""
    store.db.conn.executemany(
        "INSERT INTO doubts (story_id, other_id, score, why, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (story_id, other_id) DO UPDATE SET score = excluded.score, why = excluded.why",
        [
            [min(story_id, d.story_id), max(story_id, d.story_id), d.score, d.why, stamp(now)]
            for d in doubts
            if d.story_id != story_id
        ],
    )


def doubts(store: Store, limit: int) -> list[DoubtfulPair]:
    """The newest doubtful pairs of stories that are shown."""
    rows = store.db.execute(
        "SELECT doubts.*, a.title AS title, b.title AS other_title FROM doubts"
        " JOIN stories AS a ON a.id = doubts.story_id JOIN stories AS b ON b.id = doubts.other_id"
        " WHERE a.hidden = 0 AND b.hidden = 0"
        " ORDER BY doubts.at DESC, doubts.score DESC, doubts.story_id, doubts.other_id LIMIT ?",
        [limit],
    )
    return [
        DoubtfulPair(
            story=row["story_id"],
            title=row["title"],
            other=row["other_id"],
            other_title=row["other_title"],
            score=row["score"],
            why=row["why"],
            since=sure_moment(row["at"]),
        )
        for row in rows
    ]


def settle(store: Store, one: str, other: str) -> None:
    """Take a pair off the list."""
    store.db.execute("DELETE FROM doubts WHERE story_id = ? AND other_id = ?", [min(one, other), max(one, other)])
