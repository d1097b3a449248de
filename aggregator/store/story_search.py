"""Find stories by id or by their words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aggregator.model.search import Found, Highlighted, SearchFilters
from aggregator.model.stories import Gone
from aggregator.store import search_terms, stories
from aggregator.store.connection import Store, stamp
from aggregator.store.items import marks

MAX_MATCHES = 8
"""Maximum number of matching items that are read for each story that is wanted: its items may all match."""
MAX_COUNTED_MATCHES = 500
"""Maximum number of matching items, the last stored ones, that pages show and count."""
MAX_TITLE_MATCHES = 100
"""Maximum number of items with all words in their titles that precede the others."""
PAGE_STORIES = 20
"""Stories on a page of results."""
SNIPPET_WORDS, MAX_SNIPPET_CHARACTERS = 32, 300
"""Words of a quoted passage, and its maximum length: the text of a story is not republished by searching (P3)."""


@dataclass(frozen=True, slots=True)
class _Match:
    """An item that matches: its number, its story, and by what it is counted."""

    number: int
    story_id: str
    partner: str
    kind: str
    language: str
    topics: tuple[str, ...]


def search(store: Store, query: str, limit: int) -> list[str]:
    """Return the ids of at most `limit` stories whose items contain all words, the last stored first.

    Stories with all words in a title precede the others. A rank by frequency (bm25) would read every match in the
    archive, so that its time would grow with it.
    """
    return list(_best(store, query, SearchFilters(), limit * MAX_MATCHES, limit * MAX_MATCHES))[:limit]


def find(store: Store, query: str, filters: SearchFilters, page: int) -> Found:
    """Return a page of found stories, with counts of all of them; pages begin with 1."""
    matches = _best(store, query, filters, MAX_COUNTED_MATCHES, MAX_TITLE_MATCHES)
    shown = list(matches)[(page - 1) * PAGE_STORIES : page * PAGE_STORIES]
    titles, texts = _highlighted(store, query, {matches[id_][0].number: id_ for id_ in shown})
    return Found(
        stories=tuple(stories.read(store, shown)),
        total=len(matches),
        limited=sum(map(len, matches.values())) >= MAX_COUNTED_MATCHES,
        shortened=search_terms.parse(query).shortened,
        counts=_counts(matches),
        titles=titles,
        texts=texts,
    )


def newest(store: Store, query: str, filters: SearchFilters, limit: int) -> list[str]:
    """Return the ids of at most `limit` found stories, the last stored first."""
    return list(_best(store, query, filters, limit * MAX_MATCHES, 0))[:limit]


def _best(
    store: Store, query: str, filters: SearchFilters, limit: int, title_limit: int
) -> dict[str, list[_Match]]:
    """Return matching items by story: stories with all words in a title first, then the last stored first."""
    terms = search_terms.parse(query)
    found: dict[str, dict[int, _Match]] = {}
    expressions = {search_terms.expression(terms, filters): limit}
    if terms.wanted and title_limit:
        in_titles = search_terms.expression(terms, filters, columns="title")
        expressions = {in_titles: title_limit, **expressions}
    for expression, count in expressions.items():
        for match in _matches(store, expression, filters, count) if expression else ():
            found.setdefault(match.story_id, {})[match.number] = match
    hidden = stories.hidden(store, found)
    return {id_: list(matches.values()) for id_, matches in found.items() if id_ not in hidden}


def _matches(store: Store, expression: str, filters: SearchFilters, limit: int) -> Iterable[_Match]:
    """Yield the last stored items that match; only the two indexes are read."""
    rows = store.db.execute(
        "SELECT items.number, story_id, source_id, kind, language, topics"
        " FROM items_fts CROSS JOIN items INDEXED BY items_counted_by ON items.number = items_fts.rowid"
        " WHERE items_fts MATCH ?1 AND story_id IS NOT NULL AND sort >= ?2 AND sort < ?3"
        " ORDER BY items_fts.rowid DESC LIMIT ?4",
        [expression, stamp(filters.since) or "", stamp(filters.until) or "9", limit],
    )
    for number, story_id, partner, kind, language, topics in rows:
        primary = (language or "").partition("-")[0].lower()
        yield _Match(number, story_id, partner, kind, primary, _topics(topics))


@lru_cache(maxsize=1024)
def _topics(stored: str) -> tuple[str, ...]:
    return tuple(json.loads(stored))


def _counts(matches: Mapping[str, Sequence[_Match]]) -> dict[str, dict[str, int]]:
    """Return the number of stories by topic, partner, kind and language, the largest first."""
    counters: dict[str, Counter[str]] = {name: Counter() for name in ("topic", "partner", "kind", "language")}
    for group in matches.values():
        counters["topic"].update({topic for match in group for topic in match.topics})
        counters["partner"].update({match.partner for match in group})
        counters["kind"].update({match.kind for match in group})
        counters["language"].update({match.language for match in group} - {""})
    return {
        name: dict(sorted(counter.items(), key=lambda pair: (-pair[1], pair[0])))
        for name, counter in counters.items()
    }


_BEGIN, _END = "\ue001", "\ue002"
"""Marks around found words; marks in a foreign text cannot unbalance the page, which splits at them."""


def _highlighted(
    store: Store, query: str, story_ids: Mapping[int, str]
) -> tuple[dict[str, Highlighted], dict[str, Highlighted]]:
    """Return titles and passages of texts with the found words marked, by story, from items by number."""
    terms = search_terms.parse(query)
    titles: dict[str, Highlighted] = {}
    texts: dict[str, Highlighted] = {}
    if not terms.wanted:
        return titles, texts
    rows = store.db.execute(
        "SELECT rowid, highlight(items_fts, 0, ?, ?), snippet(items_fts, 1, ?, ?, '…', ?)"
        f" FROM items_fts WHERE items_fts MATCH ? AND rowid IN ({marks([*story_ids])})",
        [
            _BEGIN,
            _END,
            _BEGIN,
            _END,
            SNIPPET_WORDS,
            search_terms.expression(terms, SearchFilters()),
            *story_ids,
        ],
    )
    for number, title, text in rows:
        titles[story_ids[number]] = _parts(title)
        if _BEGIN in text:
            texts[story_ids[number]] = _parts(text[:MAX_SNIPPET_CHARACTERS])
    return titles, texts


def _parts(marked: str) -> Highlighted:
    """Split a text at the marks; each part is a found word or not."""
    parts, found = [], False
    for part in re.split(f"({_BEGIN}|{_END})", marked):
        if part in (_BEGIN, _END):
            found = part == _BEGIN
        elif part:
            parts.append((part, found))
    return tuple(parts)


def is_id(store: Store, name: str) -> bool:
    """Return whether a story has or had this id."""
    row = store.db.execute(
        "SELECT 1 FROM stories WHERE id = ?1 UNION SELECT 1 FROM tombstones WHERE story_id = ?1", [name]
    ).fetchone()
    return row is not None


def resolve(store: Store, name: str) -> str | None:
    """Return the story with an id, a tombstone, an item id, or the start of an id.

    The start has at least 4 characters.
    """
    if not name.isascii():
        return None
    name = name.rpartition(":story/")[2]  # the id in feeds
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


def gone(store: Store, story_id: str) -> Gone | None:
    """Return what became of a story that was hidden, withdrawn or merged; None for any other."""
    row = store.db.execute("SELECT became FROM tombstones WHERE story_id = ?", [story_id]).fetchone()
    return Gone(became=row["became"]) if row else None
