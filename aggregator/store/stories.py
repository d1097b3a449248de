"""Stories: what is unplaced, what is near by exact evidence, placing, announcing, reading, searching."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aggregator.model.documents import Kind
from aggregator.model.items import Item
from aggregator.model.stories import Cluster, Correction, Member, Placement, Story, StoryItem
from aggregator.store import candidate_index
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.items import IS_UNPLACED, chunked, from_row, marks
from aggregator.store.sources import publishers_of

_COLUMNS = """
    SELECT items.number, items.id, items.source_id, items.title, items.sort, items.position, items.backlog,
        items.claimed, items.story_id, items.link, items.language, substr(items.text, 1, 700) AS text,
        sources.priority, sources.aggregator, sources.name AS teller,
        EXISTS (SELECT 1 FROM missing_items WHERE item_id = items.id AND withdrawn IS NOT NULL) AS withdrawn
"""
_MEMBER = f"{_COLUMNS} FROM items JOIN sources ON sources.id = items.source_id"
# Named, because SQLite would rather use the index of story_id, whose NULLs are every item that a filter dropped.
_UNPLACED = "items INDEXED BY items_unplaced"


def unplaced(store: Store) -> list[Member]:
    """Items that no story has yet, that no filter keeps out and no editor is asked about (G2, G3)."""
    rows = store.db.execute(
        f"{_COLUMNS} FROM {_UNPLACED} JOIN sources ON sources.id = items.source_id WHERE {IS_UNPLACED}"
    ).fetchall()
    return _members(store, rows)


def any_unplaced(store: Store) -> bool:
    """Whether some item has no story yet."""
    row = store.db.execute(f"SELECT 1 FROM {_UNPLACED} WHERE {IS_UNPLACED} LIMIT 1").fetchone()
    return row is not None


def oldest_unplaced(store: Store) -> tuple[int, datetime | None]:
    """How many items have no story yet, and when the first of them was first seen."""
    count, first = store.db.execute(
        f"SELECT count(*), min(items.first_seen) FROM {_UNPLACED} WHERE {IS_UNPLACED}"
    ).fetchone()
    return int(count), moment(first)


def members(store: Store, item_ids: Iterable[str]) -> list[Member]:
    """Items as placing sees them."""
    found_members = []
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(_MEMBER + f" WHERE items.id IN ({marks(part)})", part).fetchall()
        found_members += _members(store, rows)
    return found_members


def pruned(store: Store, item_ids: Iterable[str]) -> set[str]:
    """Those of the items that retention took the text of; their excerpt is left."""
    ids: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT id FROM items WHERE text = '' AND html = '' AND excerpt <> '' AND id IN ({marks(part)})",
            part,
        )
        ids.update(row[0] for row in rows)
    return ids


def stories_of(store: Store, item_ids: Iterable[str]) -> set[str]:
    """The stories that items are in."""
    ids: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND id IN ({marks(part)})", part
        )
        ids.update(row[0] for row in rows)
    return ids


def hidden(store: Store, ids: Iterable[str]) -> set[str]:
    """Those of the stories `ids` that are hidden."""
    found_ids: set[str] = set()
    for part in chunked(sorted(ids)):
        rows = store.db.execute(f"SELECT id FROM stories WHERE hidden = 1 AND id IN ({marks(part)})", part)
        found_ids.update(row[0] for row in rows)
    return found_ids


def oldest_first(store: Store, ids: Iterable[str]) -> list[str]:
    """Story ids by when they were announced, then by when they were founded; what no feed ever carried comes last."""
    held = list(ids)
    rows = store.db.execute(
        f"SELECT id FROM stories WHERE id IN ({marks(held)}) ORDER BY fed DESC, announced, number", held
    )
    return [row[0] for row in rows]


def clusters(store: Store, ids: Iterable[str]) -> list[Cluster]:
    """The stories `ids` as placing sees them, with all their members; the stored lead first."""
    rows: list[Mapping[str, Any]] = []
    for part in chunked(sorted(ids)):
        rows += store.db.execute(_MEMBER + f" WHERE items.story_id IN ({marks(part)})", part)
    return _clusters(store, rows)


MAX_OTHERS = 40
"""Maximum number of members of a story that are read beside its lead and the items asked for."""
_BESIDE = f"""
    SELECT leads.id FROM stories JOIN items AS leads ON leads.id = stories.lead_id
        WHERE stories.id IN (SELECT value FROM json_each(?1))
    UNION ALL SELECT items.id FROM json_each(?1) AS wanted CROSS JOIN items ON items.number IN
        (SELECT number FROM items AS newest WHERE newest.story_id = wanted.value
            ORDER BY number DESC LIMIT {MAX_OTHERS})
"""


def clusters_around(store: Store, item_ids: Iterable[str]) -> list[Cluster]:
    """The stories of items as placing sees them: their leads, these items, and the newest of the others."""
    asked = set(item_ids)
    ids = set(asked)
    for part in chunked(sorted(stories_of(store, asked))):
        ids.update(row[0] for row in store.db.execute(_BESIDE, [json.dumps(part)]))
    rows: list[Mapping[str, Any]] = []
    for part in chunked(sorted(ids)):
        rows += store.db.execute(
            _MEMBER + f" WHERE items.story_id IS NOT NULL AND items.id IN ({marks(part)})", part
        )
    return _clusters(store, rows)


def _clusters(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Cluster]:
    leads: dict[str, str] = {}
    for part in chunked(sorted({row["story_id"] for row in rows})):
        for row in store.db.execute(f"SELECT id, lead_id FROM stories WHERE id IN ({marks(part)})", part):
            leads[row["id"]] = row["lead_id"]
    members: dict[str, list[Member]] = {}
    rows = sorted(rows, key=lambda row: (row["story_id"], leads[row["story_id"]] != row["id"], row["number"]))
    for row, member in zip(rows, _members(store, rows), strict=True):
        members.setdefault(row["story_id"], []).append(member)
    return [Cluster(story_id=id_, members=tuple(group)) for id_, group in members.items()]


def _members(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Member]:
    links: dict[str, set[str]] = {}
    for part in chunked(row["id"] for row in rows):
        for row in store.db.execute(
            "SELECT aliases.item_id, aliases.value FROM aliases INDEXED BY aliases_of_item"
            " JOIN sources ON sources.id = aliases.source_id"
            " WHERE aliases.kind = 'link' AND sources.link_ok"
            f" AND aliases.item_id IN ({marks(part)})",
            part,
        ):
            links.setdefault(row["item_id"], set()).add(row["value"])
    traced = candidate_index.keys_of(store, (row["id"] for row in rows))
    return [
        Member(
            item_id=row["id"],
            source_id=row["source_id"],
            links=frozenset(links.get(row["id"], ())),
            title=row["title"],
            aggregator=bool(row["aggregator"]),
            priority=row["priority"],
            sort=sure_moment(row["sort"]),
            position=row["position"],
            backlog=bool(row["backlog"]),
            dated=row["claimed"] is not None,
            publisher=row["teller"],
            text=row["text"],
            language=row["language"],
            link=row["link"],
            works=frozenset(value for kind, value in traced.get(row["id"], ()) if kind == "work"),
            origins=frozenset(value for kind, value in traced.get(row["id"], ()) if kind == "origin"),
            pointers=frozenset(value for kind, value in traced.get(row["id"], ()) if kind == "pointer"),
            withdrawn=bool(row["withdrawn"]),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """A story that placing founds: when it is announced, and whether feeds and digests carry it (T4)."""

    story_id: str
    announced: datetime
    published: datetime
    fed: bool
    month: str | None
    """Of the archive that it is in (P2); None for one that is not fed."""


def found(
    store: Store, foundings: Iterable[Founding], placements: Iterable[Placement], now: datetime
) -> None:
    """Write new stories and put items into their stories, inside a transaction of the caller."""
    placed = list(placements)
    founders = {p.story_id: p.member.item_id for p in placed if p.founds}
    store.db.conn.executemany(
        "INSERT INTO stories (id, lead_id, title, kind, announced, published, updated, changed, fed, month)"
        " SELECT ?1, id, title, kind, ?3, ?4, ?4, ?5, ?6, ?7 FROM items WHERE id = ?2",
        [
            [
                f.story_id,
                founders[f.story_id],
                stamp(f.announced),
                stamp(f.published),
                stamp(now),
                f.fed,
                f.month,
            ]
            for f in foundings
        ],
    )
    store.db.conn.executemany(
        "UPDATE items SET story_id = ?, why = ?, evidence = ? WHERE id = ?",
        [[p.story_id, p.why, _weighed(p), p.member.item_id] for p in placed],
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


def _weighed(placement: Placement) -> str | None:
    """The comparison that an item was placed by, as JSON."""
    if placement.comparison is None:
        return None
    return json.dumps({"beside": placement.compared_with, **asdict(placement.comparison)}, ensure_ascii=False)


def evidence(store: Store, story_id: str) -> dict[str, dict[str, Any]]:
    """The comparison that each item of a story was placed by, where it joined."""
    rows = store.db.execute(
        "SELECT id, evidence FROM items WHERE story_id = ? AND evidence IS NOT NULL", [story_id]
    )
    return {row["id"]: json.loads(row["evidence"]) for row in rows}


def set_leads(store: Store, leads: Mapping[str, str], now: datetime) -> None:
    """Give stories their (perhaps new) lead; neither id nor `published` moves (I6)."""
    store.db.conn.executemany(
        "UPDATE stories SET lead_id = items.id, title = items.title, kind = items.kind, changed = ?"
        " FROM items WHERE items.id = ? AND stories.id = ?",
        [[stamp(now), item_id, story_id] for story_id, item_id in leads.items()],
    )


def take_edit(store: Store, kept: str, lead_id: str) -> None:
    """A story that is led by the lead of another takes over when that was edited: its words are these (E1).

    A partner that only joins moves nothing.
    """
    store.db.execute(
        "UPDATE stories SET updated = max(stories.updated, other.updated)"
        " FROM (SELECT updated FROM stories WHERE lead_id = ? AND updated > published) AS other WHERE stories.id = ?",
        [lead_id, kept],
    )


def bring_back(store: Store, now: datetime) -> list[str]:
    """Stories that a clock announced which ran ahead are announced now; their ids.

    Nothing that subscribers see says when a story was announced (T3), but it would keep the top of every window.
    """
    rows = store.db.execute(
        "UPDATE stories SET announced = ?1 WHERE announced > ?1 RETURNING id", [stamp(now)]
    ).fetchall()
    return [row[0] for row in rows]


def touch(store: Store, item_ids: Iterable[str], significant_ids: Iterable[str], now: datetime) -> set[str]:
    """Edits of items reach their stories: `changed` always, `updated` for a lead's significant edit (E1, PB4)."""
    touched: set[str] = set()
    for part in chunked(sorted(set(item_ids))):
        rows = store.db.execute(
            f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND id IN ({marks(part)})",
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


def any_announced(store: Store) -> bool:
    """Whether a feed exists already into which a backlog would fall (T4)."""
    return store.db.execute("SELECT 1 FROM stories LIMIT 1").fetchone() is not None


def of_first_round(store: Store, ids: Iterable[str]) -> set[str]:
    """Return those of `ids` whose items came in the round in which the first story was found."""
    found: set[str] = set()
    for part in chunked(ids):
        rows = store.db.execute(
            f"SELECT id FROM items WHERE id IN ({marks(part)}) AND first_seen ="
            " (SELECT first_seen FROM items WHERE story_id IS NOT NULL ORDER BY number LIMIT 1)",
            part,
        )
        found |= {row["id"] for row in rows}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides in which channels a story is."""

    story_id: str
    announced: datetime
    published: datetime
    position: int
    """In its document when it was first seen, of the item that was stored first: breaks ties (T4), for ever."""
    fed: bool
    hidden: bool
    month: str | None
    kind: Kind
    sources: frozenset[str]
    topics: frozenset[str]
    languages: frozenset[str]


def facts(store: Store, ids: Iterable[str]) -> list[Facts]:
    """The facts of the stories `ids`."""
    result = []
    for part in chunked(sorted(ids)):
        rows = store.db.execute(
            "SELECT stories.id, stories.announced, stories.published, stories.fed, stories.hidden, stories.month,"
            " stories.kind,"
            " (SELECT position FROM items WHERE story_id = stories.id ORDER BY number LIMIT 1) AS position,"
            " (SELECT json_group_array(source_id) FROM items WHERE story_id = stories.id) AS sources,"
            " (SELECT json_group_array(value) FROM items, json_each(items.topics) WHERE story_id = stories.id)"
            " AS topics,"
            " (SELECT json_group_array(language) FROM items WHERE story_id = stories.id AND language IS NOT NULL)"
            f" AS languages FROM stories WHERE id IN ({marks(part)})",
            part,
        )
        result += [
            Facts(
                story_id=row["id"],
                announced=sure_moment(row["announced"]),
                published=sure_moment(row["published"]),
                position=row["position"],
                fed=bool(row["fed"]),
                hidden=bool(row["hidden"]),
                month=row["month"],
                kind=Kind(row["kind"]),
                sources=_names(row["sources"]),
                topics=_names(row["topics"]),
                languages=_names(row["languages"]),
            )
            for row in rows
        ]
    return result


def _names(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def every_id(store: Store) -> Iterable[list[str]]:
    """The ids of all stories, in lists of at most a few hundred."""
    after = 0
    while rows := store.db.execute(
        "SELECT number, id FROM stories WHERE number > ? ORDER BY number LIMIT 500", [after]
    ).fetchall():
        after = rows[-1]["number"]
        yield [row["id"] for row in rows]


def of_sources(store: Store, sources: Iterable[str]) -> Iterable[list[str]]:
    """The ids of all stories that one of the sources tells, in lists of at most a few hundred."""
    held = list(sources)
    rows = store.db.execute(
        f"SELECT DISTINCT story_id FROM items WHERE story_id IS NOT NULL AND source_id IN ({marks(held)})",
        held,
    )
    return list(chunked(row[0] for row in rows))


def read(store: Store, ids: Sequence[str], *, texts: bool = False) -> list[Story]:
    """The stories `ids`, in that order.

    Unless `texts` is asked for, an item's `text` stays empty, and its `html` too where the source does not
    permit republishing it (P3): what nobody may print is not carried around.
    """
    by_id: dict[str, Mapping[str, Any]] = {}
    items: dict[str, list[Item]] = {}
    related: dict[str, list[tuple[str, str]]] = {}
    columns = "items.*" if texts else _without_texts(store)
    for part in chunked(ids):
        inside = f"({marks(part)})"
        for row in store.db.execute(f"SELECT * FROM stories WHERE id IN {inside}", part):
            by_id[row["id"]] = row
        for row in store.db.execute(
            f"SELECT {columns} FROM items JOIN sources ON sources.id = items.source_id"
            f" WHERE items.story_id IN {inside} ORDER BY items.sort, items.id",
            part,
        ):
            items.setdefault(row["story_id"], []).append(from_row(row))
        for row in store.db.execute(
            f"SELECT story_id, other_id, why FROM related WHERE story_id IN {inside} ORDER BY other_id",
            part,
        ):
            related.setdefault(row["story_id"], []).append((row["other_id"], row["why"]))
    corrected = _corrections(store, [row for row in by_id.values() if row["updated"] > row["published"]])
    who = publishers_of(store, {item.source_id for told in items.values() for item in told})
    return [
        Story(
            id=id_,
            items=tuple(
                StoryItem(item=item, publisher=who[item.source_id])
                for item in sorted(items[id_], key=lambda i: i.id != row["lead_id"])
            ),
            announced=sure_moment(row["announced"]),
            published=sure_moment(row["published"]),
            updated=sure_moment(row["updated"]),
            changed=sure_moment(row["changed"]),
            kind=Kind(row["kind"]),
            topics=tuple(sorted({topic for item in items[id_] for topic in item.topics})),
            related=tuple(related.get(id_, ())),
            hidden=bool(row["hidden"]),
            correction=corrected.get(id_),
        )
        for id_ in ids
        if (row := by_id.get(id_)) is not None
    ]


def _corrections(store: Store, rows: Sequence[Mapping[str, Any]]) -> dict[str, Correction]:
    """The last significant edit of each story's lead (E1)."""
    found = {}
    leads = {row["lead_id"]: row for row in rows}
    for part in chunked(leads):
        for edit in store.db.execute(
            "SELECT item_id, max(replaced) AS at, revisions.title, items.title AS now FROM revisions"
            f" JOIN items ON items.id = item_id WHERE significant AND item_id IN ({marks(part)}) GROUP BY item_id",
            part,
        ):
            story = leads[edit["item_id"]]
            if edit["at"] > story["announced"]:
                before = edit["title"] if edit["title"] != edit["now"] else None
                found[story["id"]] = Correction(at=sure_moment(edit["at"]), title_before=before)
    return found


def _without_texts(store: Store) -> str:
    names = [column.name for column in store.db.table("items").columns]
    plain = [f"items.{name}" for name in names if name not in ("text", "html")]
    return ", ".join(
        [*plain, "'' AS text", "CASE WHEN sources.full_text THEN items.html ELSE '' END AS html"]
    )


def resolve(store: Store, name: str) -> str | None:
    """The story meant by a story id, a tombstone, an item id, or the start of one (4 characters at least)."""
    if not name.isascii():
        return None
    name = name.rpartition(":story/")[2]  # as it stands in the feed
    row = store.db.execute(
        "SELECT id FROM stories WHERE id = ?1"
        " UNION SELECT became FROM tombstones WHERE story_id = ?1 AND became IS NOT NULL"
        " UNION SELECT story_id FROM items WHERE id = ?1",
        [name],
    ).fetchone()
    if row is None and re.fullmatch(r"[a-z2-7]{4,15}", name):
        rows = store.db.execute("SELECT id FROM stories WHERE id GLOB ? LIMIT 2", [name + "*"]).fetchall()
        row = rows[0] if len(rows) == 1 else None
    return str(row[0]) if row and row[0] else None


def why(store: Store, story_id: str) -> dict[str, str]:
    """Why each item of a story is in it, by item id."""
    rows = store.db.execute("SELECT id, why FROM items WHERE story_id = ?", [story_id])
    return {row["id"]: row["why"] or "" for row in rows}


RANKED = 1_000
"""So many matches are ranked at most."""


def search(store: Store, query: str, limit: int) -> list[str]:
    """Ids of stories whose items match `query` (words, all of them), best first."""
    found_ids: dict[str, None] = {}
    if not re.search(r"\w", query):
        return []
    quoted = store.db.quote_fts(query)
    # Ranking reads every match: of words that half the archive has, only the newest matches are ranked.
    oldest = store.db.execute(
        "SELECT rowid FROM items_fts WHERE items_fts MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
        [quoted, RANKED],
    ).fetchone()
    rows = store.db.execute(
        "SELECT items.story_id FROM items_fts JOIN items ON items.number = items_fts.rowid"
        " WHERE items_fts MATCH ? AND items_fts.rowid > ? ORDER BY items_fts.rank LIMIT ?",
        [quoted, oldest[0] if oldest else 0, limit * 4],
    )
    for row in rows:
        if row["story_id"]:
            found_ids.setdefault(row["story_id"])
    visible: set[str] = set()
    for part in chunked(found_ids):
        rows = store.db.execute(f"SELECT id FROM stories WHERE hidden = 0 AND id IN ({marks(part)})", part)
        visible.update(row[0] for row in rows)
    return [id_ for id_ in found_ids if id_ in visible][:limit]


def counts(store: Store) -> tuple[int, int]:
    """How many stories and items there are."""
    row = store.db.execute("SELECT (SELECT count(*) FROM stories), (SELECT count(*) FROM items)").fetchone()
    return int(row[0]), int(row[1])
