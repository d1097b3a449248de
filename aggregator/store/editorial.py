"""Store editors' decisions, link constraints between items, and merge candidates (I7)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aggregator.model.stories import CandidatePair, Decision, LinkConstraint, MergeCandidate
from aggregator.model.value_classes import dataclass
from aggregator.store import channels, story_events
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.items import chunked, placeholders


def log_decision(
    store: Store,
    verb: str,
    who: str,
    now: datetime,
    *,
    stories: Sequence[str],
    items: Sequence[str] = (),
    before: Mapping[str, Any] | None = None,
    undoes: int | None = None,
) -> int:
    """Log a decision; return its number.

    `before` is what an undo restores, as JSON values; `undoes` is the number of the decision that this one undoes.
    """
    row = store.db.execute(
        "INSERT INTO decisions (at, who, verb, stories, items, before, undoes) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " RETURNING number",
        [
            stamp(now),
            who,
            verb,
            json.dumps(list(stories)),
            json.dumps(list(items)),
            None if before is None else json.dumps(before),
            undoes,
        ],
    ).fetchone()
    return int(row[0])


def decisions(store: Store, story_id: str) -> list[Decision]:
    """Return the decisions about a story, oldest first."""
    rows = store.db.execute(
        f"{_DECISIONS} WHERE EXISTS (SELECT 1 FROM json_each(decisions.stories) WHERE value = ?)"
        " ORDER BY decisions.number",
        [story_id],
    )
    return [_decision(row) for row in rows]


def last_decisions(store: Store, before: int | None, count: int) -> list[Decision]:
    """Return at most `count` decisions before the number `before`, the last one first."""
    rows = store.db.execute(
        f"{_DECISIONS} WHERE decisions.number < ? ORDER BY decisions.number DESC LIMIT ?",
        [before if before is not None else 2**62, count],
    )
    return [_decision(row) for row in rows]


def numbered(store: Store, number: int) -> tuple[Decision, dict[str, Any]] | None:
    """Return a decision with what its undo restores; None for an unknown number."""
    row = store.db.execute(f"{_DECISIONS} WHERE decisions.number = ?", [number]).fetchone()
    return (_decision(row), json.loads(row["before"] or "{}")) if row else None


_DECISIONS = (
    "SELECT decisions.*, undo.number AS undone FROM decisions"
    " LEFT JOIN decisions AS undo ON undo.undoes = decisions.number"
)


def _decision(row: Mapping[str, Any]) -> Decision:
    return Decision(
        number=row["number"],
        at=sure_moment(row["at"]),
        who=row["who"],
        verb=row["verb"],
        stories=tuple(json.loads(row["stories"])),
        items=tuple(json.loads(row["items"])),
        source=json.loads(row["before"] or "{}").get("source"),
        undoable=row["before"] is not None
        and row["undoes"] is None
        and row["undone"] is None
        and (row["stories"], row["items"]) != ("[]", "[]"),  # the acceptance of a page has neither
        undone=row["undone"] is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """The last decision in force that hides a story or shows it again."""

    number: int
    at: datetime
    hidden: bool
    who: str
    withdrawn: bool
    """Digests that carried the story report that it was removed."""


def visibility(store: Store, story_id: str) -> Visibility | None:
    """Return the last decision that hides or shows a story and was not undone; None without one."""
    row = store.db.execute(
        "SELECT number, at, verb, who, json_extract(before, '$.withdrawn') AS withdrawn FROM decisions"
        " WHERE verb IN ('hide', 'unhide') AND undoes IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM decisions AS undo WHERE undo.undoes = decisions.number)"
        " AND EXISTS (SELECT 1 FROM json_each(decisions.stories) WHERE value = ?)"
        " ORDER BY number DESC LIMIT 1",
        [story_id],
    ).fetchone()
    if row is None:
        return None
    return Visibility(
        number=row["number"],
        at=sure_moment(row["at"]),
        hidden=row["verb"] == "hide",
        who=row["who"],
        withdrawn=bool(row["withdrawn"]),
    )


def hidden_by(store: Store, story_id: str) -> str | None:
    """Return the author of the decision that hides a story, if it is hidden."""
    decision = visibility(store, story_id)
    return decision.who if decision and decision.hidden else None


def decided_after(store: Store, decision: Decision, verbs: Iterable[str]) -> bool:
    """Return whether a later decision in force, of these kinds, is about a story of a decision."""
    return any(
        each.number > decision.number and each.undoable and each.verb in verbs
        for story_id in decision.stories
        for each in decisions(store, story_id)
    )


def has_left_merge(store: Store, decision: Decision) -> bool:
    """Return whether a merge that a decision followed was undone after that decision."""
    row = store.db.execute(
        "SELECT 1 FROM decisions AS merge JOIN decisions AS undo ON undo.undoes = merge.number"
        " JOIN json_each(merge.stories) WHERE merge.verb = 'merge' AND merge.number < ?1 AND undo.number > ?1"
        " AND value IN (SELECT value FROM json_each(?2))",
        [decision.number, json.dumps(decision.stories)],
    ).fetchone()
    return row is not None


def add_link_constraints(
    store: Store, pairs: Iterable[tuple[str, str]], constraint: LinkConstraint, decision: int
) -> None:
    """Add link constraints for pairs of items; the last decision about a pair counts."""
    store.db.conn.executemany(
        "INSERT OR REPLACE INTO link_constraints (one, other, kind, decision) VALUES (?, ?, ?, ?)",
        [[min(pair), max(pair), constraint, decision] for pair in pairs],
    )


def link_constraints(store: Store, item_ids: Iterable[str]) -> dict[frozenset[str], LinkConstraint]:
    """Return the link constraints that any of the items has."""
    found = {}
    for part in chunked(item_ids):
        inside = f"({placeholders(part)})"
        for row in store.db.execute(
            f"SELECT one, other, kind FROM link_constraints WHERE one IN {inside} OR other IN {inside}",
            [*part, *part],
        ):
            found[frozenset((row["one"], row["other"]))] = LinkConstraint(row["kind"])
    return found


def links_between(store: Store, pairs: Iterable[tuple[str, str]]) -> list[list[Any]]:
    """Return the rows of link constraints of pairs, for `restore_links`."""
    rows = []
    for pair in pairs:
        row = store.db.execute(
            "SELECT one, other, kind, decision FROM link_constraints WHERE one = ? AND other = ?",
            [min(pair), max(pair)],
        ).fetchone()
        if row:
            rows.append(list(row))
    return rows


def restore_links(store: Store, decision: int, rows: Iterable[Sequence[Any]]) -> None:
    """Remove the link constraints of a decision, and add those in force that it replaced."""
    store.db.execute("DELETE FROM link_constraints WHERE decision = ?", [decision])
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO link_constraints (one, other, kind, decision) VALUES (?, ?, ?, ?)",
        [row for each in rows if (row := _link_in_force(store, each))],
    )


def _link_in_force(store: Store, row: Sequence[Any] | None) -> Sequence[Any] | None:
    """Return a link constraint, or the one that it had replaced if its decision was undone."""
    while row is not None:
        replacing = numbered(store, row[3]) if row[3] is not None else None
        if replacing is None or not replacing[0].undone:
            return row
        row = next((each for each in replacing[1].get("links", ()) if each[:2] == row[:2]), None)
    return None


def add_candidate(
    store: Store, story_id: str, merge_candidates: Iterable[MergeCandidate], now: datetime
) -> None:
    """Add merge candidates of a story."""
    store.db.conn.executemany(
        "INSERT INTO merge_candidates (story_id, other_id, score, why, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (story_id, other_id) DO UPDATE SET score = excluded.score, why = excluded.why",
        [
            [min(story_id, d.story_id), max(story_id, d.story_id), d.score, d.why, stamp(now)]
            for d in merge_candidates
            if d.story_id != story_id
        ],
    )


def add_candidate_pair(store: Store, pair: CandidatePair) -> None:
    """Add one pair of merge candidates."""
    add_candidate(
        store, pair.story, [MergeCandidate(story_id=pair.other, score=pair.score, why=pair.why)], pair.since
    )


def candidates(store: Store, limit: int) -> list[CandidatePair]:
    """Return the newest merge candidates of which neither story is hidden."""
    return _candidates(store, "", [], limit)


def open_candidates(store: Store, now: datetime, limit: int) -> list[CandidatePair]:
    """Return the newest merge candidates that are not postponed until after `now`."""
    return _candidates(store, " AND (later IS NULL OR later <= ?)", [stamp(now)], limit)


def postponed_candidates(store: Store, now: datetime, limit: int) -> list[CandidatePair]:
    """Return the newest merge candidates that are postponed until after `now`."""
    return _candidates(store, " AND later > ?", [stamp(now)], limit)


def candidate_pair(store: Store, one: str, other: str) -> CandidatePair | None:
    """Return the merge candidate of two stories; None without one, or if a story is hidden."""
    pair = [min(one, other), max(one, other)]
    candidates = _candidates(store, " AND story_id = ? AND other_id = ?", pair, 1)
    return candidates[0] if candidates else None


def postpone_candidate(store: Store, one: str, other: str, until: datetime) -> bool:
    """Postpone a merge candidate; return whether it is listed."""
    return bool(
        store.db.execute(
            "UPDATE merge_candidates SET later = ? WHERE story_id = ? AND other_id = ?",
            [stamp(until), min(one, other), max(one, other)],
        ).rowcount
    )


def _candidates(store: Store, condition: str, values: Sequence[Any], limit: int) -> list[CandidatePair]:
    rows = store.db.execute(
        # No join: with statistics of a large archive SQLite would first read all stories into a Bloom filter.
        "SELECT merge_candidates.*,"
        " (SELECT title FROM stories WHERE id = merge_candidates.story_id) AS title,"
        " (SELECT title FROM stories WHERE id = merge_candidates.other_id) AS other_title FROM merge_candidates"
        " WHERE NOT EXISTS (SELECT 1 FROM stories"
        f" WHERE hidden = 1 AND id IN (merge_candidates.story_id, merge_candidates.other_id)){condition}"
        " ORDER BY merge_candidates.at DESC, merge_candidates.score DESC, merge_candidates.story_id,"
        " merge_candidates.other_id LIMIT ?",
        [*values, limit],
    )
    return [
        CandidatePair(
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


def remove_candidate_pair(store: Store, one: str, other: str) -> None:
    """Remove a pair of merge candidates."""
    store.db.execute(
        "DELETE FROM merge_candidates WHERE story_id = ? AND other_id = ?", [min(one, other), max(one, other)]
    )


def merge_into(store: Store, kept: str, gone: str, reason: str, now: datetime) -> None:
    """Move the items of one story to another; its id becomes an alias (I7).

    The story must be in no channel.
    """
    execute = store.db.execute
    execute(
        "UPDATE items SET story_id = ?, why = ?, evidence = NULL WHERE story_id = ?", [kept, reason, gone]
    )
    for column, other in (("story_id", "other_id"), ("other_id", "story_id")):
        execute(
            f"INSERT OR IGNORE INTO related ({column}, {other}, why) SELECT ?1, {other}, why FROM related"
            f" WHERE {column} = ?2 AND {other} <> ?1",
            [kept, gone],
        )
    for table in ("related", "merge_candidates"):
        execute(f"DELETE FROM {table} WHERE story_id = ?1 OR other_id = ?1", [gone])
    story_events.merge_into(store, kept, gone)
    channels.replace_successor(store, gone, kept)
    execute(
        "INSERT OR REPLACE INTO tombstones (story_id, became, at, reason, announced, published, updated, month)"
        " SELECT id, ?, max(?, coalesce(returned, '')), ?, announced, published, updated, month FROM stories"
        " WHERE id = ?",
        [kept, stamp(now), reason, gone],
    )
    execute("DELETE FROM stories WHERE id = ?", [gone])


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitStory:
    """A story that is split off; with a `month` it is in feeds and that archive document (P2)."""

    story_id: str
    announced: datetime
    published: datetime
    updated: datetime
    month: str | None


def store_split_story(
    store: Store, part: SplitStory, item_ids: Sequence[str], now: datetime, why: str
) -> None:
    """Found a story with items that leave theirs; the first of them leads."""
    store.db.execute(
        "INSERT INTO stories (id, lead_id, title, kind, announced, published, updated, changed, fed, month)"
        " SELECT ?1, id, title, kind, ?2, ?3, ?4, ?5, ?6 IS NOT NULL, ?6 FROM items WHERE id = ?7",
        [
            part.story_id,
            stamp(part.announced),
            stamp(part.published),
            stamp(part.updated),
            stamp(now),
            part.month,
            item_ids[0],
        ],
    )
    store.db.conn.executemany(
        "UPDATE items SET story_id = ?, why = ?, evidence = NULL WHERE id = ?",
        [[part.story_id, why, item_id] for item_id in item_ids],
    )
    return_from_tombstone(store, part.story_id, now)
    store.db.execute("DELETE FROM tombstones WHERE story_id = ?", [part.story_id])
    channels.remove_tombstones(store, part.story_id)


def return_from_tombstone(store: Store, story_id: str, now: datetime) -> None:
    """Record that a story with a tombstone is published again, at least a second later (PB9).

    A reader drops an entry that is not newer than its tombstone (RFC 6721 section 4).
    """
    row = store.db.execute("SELECT at FROM tombstones WHERE story_id = ?", [story_id]).fetchone()
    if row is not None:
        returned = max(now, sure_moment(row["at"]) + timedelta(seconds=1))
        store.db.execute("UPDATE stories SET returned = ? WHERE id = ?", [stamp(returned), story_id])


def story_to_restore(store: Store, home: str, ids: Iterable[str]) -> SplitStory | None:
    """Return the oldest story of `ids` that was merged into `home`, as it was published (P2)."""
    id_list = list(ids)
    row = store.db.execute(
        f"SELECT * FROM tombstones WHERE became = ? AND announced IS NOT NULL AND story_id IN ({placeholders(id_list)})"
        " ORDER BY announced, story_id",
        [home, *id_list],
    ).fetchone()
    if row is None:
        return None
    return SplitStory(
        story_id=row["story_id"],
        announced=sure_moment(row["announced"]),
        published=sure_moment(row["published"]),
        updated=sure_moment(row["updated"]),
        month=row["month"],
    )


def taken_ids(store: Store, ids: Iterable[str]) -> set[str]:
    """Return those of `ids` that a story has or had."""
    id_list = list(ids)
    rows = store.db.execute(
        f"SELECT id FROM stories WHERE id IN ({placeholders(id_list)}) UNION SELECT story_id FROM tombstones"
        f" WHERE story_id IN ({placeholders(id_list)})",
        [*id_list, *id_list],
    )
    return {row[0] for row in rows}


def add_relations(store: Store, pairs: Iterable[tuple[str, str, str]]) -> None:
    """Make stories related, each with the reason."""
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO related (story_id, other_id, why) VALUES (?, ?, ?)",
        [row for one, other, why in pairs for row in ([one, other, why], [other, one, why])],
    )


def remove_relation(store: Store, one: str, other: str) -> None:
    """Remove the relation between two stories."""
    store.db.execute(
        "DELETE FROM related WHERE (story_id = ?1 AND other_id = ?2) OR (story_id = ?2 AND other_id = ?1)",
        [one, other],
    )


def listed_with(store: Store, story_id: str) -> set[str]:
    """Return the stories that are merge candidates with a story."""
    rows = store.db.execute(
        "SELECT other_id FROM merge_candidates WHERE story_id = ?1"
        " UNION SELECT story_id FROM merge_candidates WHERE other_id = ?1",
        [story_id],
    )
    return {row[0] for row in rows}


def is_listed_between(store: Store, source_id: str, story_id: str) -> bool:
    """Return whether a source and a source of a story have a pair of merge candidates."""
    row = store.db.execute(
        "SELECT 1 FROM merge_candidates AS listed"
        " CROSS JOIN items AS one ON one.story_id IN (listed.story_id, listed.other_id) AND one.source_id = ?"
        " CROSS JOIN items AS other ON other.story_id IN (listed.story_id, listed.other_id)"
        " AND other.story_id <> one.story_id"
        " AND other.source_id IN (SELECT source_id FROM items WHERE story_id = ?) LIMIT 1",
        [source_id, story_id],
    ).fetchone()
    return row is not None


def items_by_prefix(store: Store, name: str) -> list[str]:
    """Return at most two ids of items that begin with `name`, which has at least 4 characters."""
    if not re.fullmatch(r"[a-z2-7]{4,16}", name):
        return []
    rows = store.db.execute("SELECT id FROM items WHERE id GLOB ? LIMIT 2", [name + "*"]).fetchall()
    return [row[0] for row in rows]
