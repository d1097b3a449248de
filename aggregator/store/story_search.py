"""Find stories by id or by their words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from aggregator.model.search import Highlighted, SearchFilters, SearchResults, SearchTerms
from aggregator.model.stories import UnpublishedStory
from aggregator.store import search_terms, stories
from aggregator.store.connection import Store, stamp
from aggregator.store.items import placeholders

MAX_MATCHES = 8
"""Maximum matching items that are read for each story: all of its may match."""
MAX_COUNTED_MATCHES = 200
"""Maximum number of matching items, the last stored ones, that pages show and count."""
MAX_TITLE_MATCHES = 40
"""Maximum number of items with all words in their titles that precede others."""
MAX_SPAN_ITEMS = 5_000
"""Maximum items between the first and the last of those that are highlighted at once."""
MAX_WORDS = 200
"""Maximum number of words that a beginning of a word stands for."""
PAGE_STORIES = 20
"""Stories on a page of results."""
SNIPPET_WORDS, MAX_SNIPPET_CHARACTERS = 32, 300
"""Maximum length of a quoted passage: searching does not republish a text (P3)."""
_NAMED = re.compile(r"(?::story|\bstories)/([^/?#]+?)(?:\.html)?(?:[?#].*)?\s*$")
"""Matches the end of a story's id in feeds, or of the URL of its public or editors' page."""


class _Match(NamedTuple):
    """An item that matches, its story, and by what it is counted; `topics` are a JSON list."""

    number: int
    story_id: str
    partner: str
    kind: str
    language: str | None
    topics: str


def search(store: Store, query: str, limit: int) -> list[str]:
    """Return the ids of at most `limit` stories whose items contain all words.

    The last stored come first, and stories with all words in a title precede the others. A rank by frequency (bm25)
    would read every match in the archive, so that its time would grow with it.
    """
    return list(_best(store, query, SearchFilters(), limit * MAX_MATCHES, limit * MAX_MATCHES))[:limit]


def find(store: Store, query: str, filters: SearchFilters, page: int) -> SearchResults:
    """Return a page of found stories, with counts of all of them; pages begin with 1."""
    matches = _best(store, query, filters, MAX_COUNTED_MATCHES, MAX_TITLE_MATCHES)
    shown = list(matches)[(page - 1) * PAGE_STORIES : page * PAGE_STORIES]
    titles, texts = _highlighted(store, query, {matches[id_][0].number: id_ for id_ in shown})
    return SearchResults(
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
    """Return matching items by story, those with all words in a title first."""
    terms = _terms(store, query)
    found: dict[str, dict[int, _Match]] = {}
    expressions = {search_terms.expression(terms, filters): limit}
    if terms.wanted and title_limit:
        in_titles = search_terms.expression(terms, filters, columns="title")
        expressions = {in_titles: title_limit, **expressions}
    for expression, count in expressions.items():
        for match in _matches(store, expression, filters, count) if expression else ():
            found.setdefault(match.story_id, {})[match.number] = match
    return {id_: list(matches.values()) for id_, matches in found.items()}


def _terms(store: Store, query: str) -> SearchTerms:
    """Parse a query; beginnings of words become words of the index, unless these are too many."""
    terms = search_terms.parse(query)
    words = {start: _words_beginning(store, start) for start in search_terms.long_beginnings(terms)}
    return search_terms.with_words(terms, {k: v for k, v in words.items() if 0 < len(v) <= MAX_WORDS})


def _words_beginning(store: Store, start: str) -> list[str]:
    """Return the indexed words with a beginning, at most one more than `MAX_WORDS`."""
    words: list[str] = []
    while len(words) <= MAX_WORDS:
        # fts5vocab has no index for `>`; no word contains U+0001.
        after = f"{words[-1]}\x01" if words else start
        row = store.db.execute("SELECT term FROM items_terms WHERE term >= ? LIMIT 1", [after]).fetchone()
        if row is None or not row[0].startswith(start):
            break
        words.append(row[0])
    return words


def _matches(store: Store, expression: str, filters: SearchFilters, limit: int) -> Iterable[_Match]:
    """Return the last stored items that match and are not hidden; only indexes are read."""
    rows = store.db.execute(
        "SELECT items.number, story_id, source_id, kind, language, topics"
        " FROM items_fts CROSS JOIN items INDEXED BY items_counted_by ON items.number = items_fts.rowid"
        " WHERE items_fts MATCH ?1 AND story_id IS NOT NULL AND sort >= ?2 AND sort < ?3"
        " AND NOT EXISTS (SELECT 1 FROM stories INDEXED BY stories_hidden WHERE hidden = 1 AND id = story_id)"
        " ORDER BY items_fts.rowid DESC LIMIT ?4",
        [expression, stamp(filters.since) or "", stamp(filters.until) or "9", limit],
    )
    return (_Match(*row) for row in rows)


def _counts(matches: Mapping[str, Sequence[_Match]]) -> dict[str, dict[str, int]]:
    """Return the number of stories by topic, partner, kind and language, the largest first."""
    counters: dict[str, Counter[str]] = {}
    for name, values_of in _COUNTED.items():
        # Most stories have one item, and few values occur: each is parsed once.
        single = Counter(values_of[0](group[0]) for group in matches.values() if len(group) == 1)
        counter = counters[name] = Counter()
        for stored, count in single.items():
            counter.update(dict.fromkeys(values_of[1](stored), count))
        for group in matches.values():
            if len(group) > 1:
                counter.update({value for match in group for value in values_of[1](values_of[0](match))})
    return {
        name: dict(sorted(counter.items(), key=lambda pair: (-pair[1], pair[0])))
        for name, counter in counters.items()
    }


def _languages(stored: str | None) -> list[str]:
    primary = (stored or "").partition("-")[0].lower()
    return [primary] if primary else []


_COUNTED: dict[str, tuple[Callable[[_Match], Any], Callable[[Any], list[str]]]] = {
    "topic": (attrgetter("topics"), json.loads),
    "partner": (attrgetter("partner"), lambda stored: [stored]),
    "kind": (attrgetter("kind"), lambda stored: [stored]),
    "language": (attrgetter("language"), _languages),
}
"""How each filter is stored in a match, and which values that has."""


_BEGIN, _END = "\ue001", "\ue002"
"""Marks around found words. The page splits at them, so that those of a text do no harm."""


def _highlighted(
    store: Store, query: str, story_ids: Mapping[int, str]
) -> tuple[dict[str, Highlighted], dict[str, Highlighted]]:
    """Return titles and passages with the found words marked, by story."""
    terms = _terms(store, query)
    titles: dict[str, Highlighted] = {}
    texts: dict[str, Highlighted] = {}
    if not terms.wanted:
        return titles, texts
    expression = search_terms.expression(terms, SearchFilters())
    for numbers in _neighbours(sorted(story_ids)):
        rows = store.db.execute(
            "SELECT rowid, highlight(items_fts, 0, ?, ?), snippet(items_fts, 1, ?, ?, '…', ?) FROM items_fts"
            f" WHERE items_fts MATCH ? AND rowid BETWEEN ? AND ? AND +rowid IN ({placeholders(numbers)})",
            [_BEGIN, _END, _BEGIN, _END, SNIPPET_WORDS, expression, numbers[0], numbers[-1], *numbers],
        )
        for number, title, text in rows:
            titles[story_ids[number]] = _parts(title)
            if _BEGIN in text:
                texts[story_ids[number]] = _parts(text[:MAX_SNIPPET_CHARACTERS])
    return titles, texts


def _neighbours(numbers: Sequence[int]) -> list[list[int]]:
    """Split sorted numbers into groups; each group begins a search of its own in the index."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number - groups[-1][0] <= MAX_SPAN_ITEMS:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _parts(marked: str) -> Highlighted:
    """Split a text at the marks; each part is a found word or not."""
    parts, found = [], False
    for part in re.split(f"({_BEGIN}|{_END})", marked):
        if part in (_BEGIN, _END):
            found = part == _BEGIN
        elif part:
            parts.append((part, found))
    return tuple(parts)


def id_in(name: str) -> str:
    """Return the id in a story's `tag:` URI or the URL of its page; other text as it is."""
    match = _NAMED.search(name)
    return match[1] if match else name.strip()


def is_id(store: Store, name: str) -> bool:
    """Return whether a story has or had this id."""
    row = store.db.execute(
        "SELECT 1 FROM stories WHERE id = ?1 UNION SELECT 1 FROM tombstones WHERE story_id = ?1", [name]
    ).fetchone()
    return row is not None


def resolve(store: Store, name: str) -> str | None:
    """Return the story with an id, a tombstone, an item id, or the start of an id.

    The start has at least 4 characters. A story may be named by its id in feeds or the URL of its page, too.
    """
    if not name.isascii():
        return None
    name = id_in(name)
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


def unpublished_story(store: Store, story_id: str) -> UnpublishedStory | None:
    """Return what became of a story that was hidden, removed or merged; None for any other.

    One that was merged into a hidden story is gone like that one, which is not named.
    """
    row = store.db.execute(
        "SELECT stories.id FROM tombstones LEFT JOIN stories ON stories.id = became AND NOT hidden"
        " WHERE story_id = ?",
        [story_id],
    ).fetchone()
    return UnpublishedStory(merged_into=row["id"]) if row else None
