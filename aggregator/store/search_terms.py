"""Translate queries of people and filters into expressions of FTS5."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from aggregator.model.search import SearchFilters, SearchTerms
from aggregator.store.word_index import BASIC_CHARACTERS
from aggregator.text import legal

MAX_CHARACTERS = 1_000
"""Maximum characters of a query that are read."""
MAX_TERMS = 16
"""Maximum words and phrases of a query that are read."""
MAX_PHRASE_CHARACTERS = 200
"""Maximum characters of one word or phrase."""
MIN_PREFIX_CHARACTERS = 3
"""Minimum characters before a `*`; with fewer it is not an abbreviation."""

OLDEST_YEAR = 1990
"""The oldest year of an item (T2)."""

INDEXED_PREFIXES = (3, 4, 5)
"""Lengths of beginnings of words that the schema indexes; longer ones become whole words."""
_PREFIX = re.compile(r'"(?P<before>[^"]*(?<![^\W_])(?<![\u0300-\u036f]))(?P<beginning>[^\W_]+)"\*')
"""A beginning of a word, in which no combining character separates words."""
_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_QUOTES = dict.fromkeys(map(ord, "“”„‟«»"), '"')
"""Typographic quotation marks, which the keyboards of phones write by themselves."""
_LETTER = re.compile(r"[^\W_]")
"""A character that FTS5 indexes; a term without one would match nothing."""
_PRIVATE = re.compile("[\ue000-\uf8ff]")
"""Characters that the index uses for filters."""


def parse(query: str) -> SearchTerms:
    """Parse words, "phrases", beginnings (`imag*`) and exclusions (`-word`).

    All else is literal. A query of nothing but exclusions is literal, too.
    """
    text = _PRIVATE.sub(" ", legal(query[:MAX_CHARACTERS])).translate(
        str.maketrans(BASIC_CHARACTERS) | _QUOTES
    )
    terms = [term for term in _TERM.finditer(text) if _LETTER.search(term[0])]
    wanted: list[str] = []
    unwanted: list[str] = []
    for term in terms[:MAX_TERMS]:
        (unwanted if term["minus"] else wanted).append(_quoted(term))
    if not wanted:
        wanted, unwanted = unwanted, []
    shortened = len(query) > MAX_CHARACTERS or len(terms) > MAX_TERMS
    return SearchTerms(
        wanted=tuple(dict.fromkeys(wanted)),
        unwanted=tuple(dict.fromkeys(unwanted)),
        shortened=shortened,
    )


def _quoted(term: re.Match[str]) -> str:
    word = term["word"] or ""
    text = (term["phrase"] or word)[:MAX_PHRASE_CHARACTERS]
    letters = len(_LETTER.findall(word))
    prefix = word.endswith("*") and letters >= MIN_PREFIX_CHARACTERS
    return f'"{text.rstrip("*")}"*' if prefix else f'"{text}"'  # the text ends with the beginning of a word


def long_beginnings(terms: SearchTerms) -> set[str]:
    """Return the beginnings of words that no index has, as the words of the index are written."""
    found = (each for term in (*terms.wanted, *terms.unwanted) for each in _PREFIX.finditer(term))
    return {_folded(each["beginning"]) for each in found} - {""}


def with_words(terms: SearchTerms, words: Mapping[str, Sequence[str]]) -> SearchTerms:
    """Replace beginnings of words by the words that begin so.

    FTS5 would merge all their rows before the first one is read; the words are read from the newest row on.
    """

    def replaced(found: re.Match[str]) -> str:
        known = words.get(_folded(found["beginning"]))
        return "(" + " OR ".join(f'"{found["before"]}{word}"' for word in known) + ")" if known else found[0]

    replace_in = partial(_PREFIX.sub, replaced)
    return replace(
        terms, wanted=tuple(map(replace_in, terms.wanted)), unwanted=tuple(map(replace_in, terms.unwanted))
    )


def _folded(beginning: str) -> str:
    """Write a beginning as unicode61 does; empty if its length has an index."""
    # It removes diacritics of Latin characters only: й and が stay.
    bases = ((each, unicodedata.normalize("NFD", each)[0]) for each in beginning.lower())
    folded = "".join(base if base.isascii() else each for each, base in bases)
    return folded if len(folded) > max(INDEXED_PREFIXES) else ""


def expression(terms: SearchTerms, filters: SearchFilters, *, columns: str = "title text") -> str:
    """Write the FTS5 expression that all matching items satisfy; empty if nothing is searched."""
    selected = _selected(filters)
    wanted = [f"{{{columns}}} : ({' AND '.join(terms.wanted)})"] if terms.wanted else []
    match = " AND ".join(wanted + [f"facets : ({words})" for words in selected])
    if match and terms.unwanted:
        return f"({match}) NOT {{title text}} : ({' OR '.join(terms.unwanted)})"
    return match


def _selected(filters: SearchFilters) -> list[str]:
    fields = {"s": filters.partner, "k": filters.kind, "l": filters.language, "t": filters.topic}
    selected = [facet(letter, value) for letter, value in fields.items() if value]
    if filters.since or filters.until:
        selected.append(" OR ".join(_periods(filters.since, filters.until)))
    return selected


def facet(letter: str, value: str) -> str:
    """Write a word of the column `facets` as the schema does, quoted."""
    word = _PRIVATE.sub("", legal(value)).replace('"', "").replace("-", "\ue000").lower()
    return f'"{letter}\ue000{word}"'


def _periods(since: datetime | None, until: datetime | None) -> list[str]:
    """Return the years and, in the first and last year, the months that a time span touches."""
    first = since.astimezone(UTC) if since else datetime(OLDEST_YEAR, 1, 1, tzinfo=UTC)
    last = until.astimezone(UTC) if until else datetime(first.year + 100, 12, 31, tzinfo=UTC)
    years = range(max(first.year, OLDEST_YEAR), min(last.year, OLDEST_YEAR + 200) + 1)
    whole = [
        year
        for year in years
        if (first.year < year or first.month == 1) and (year < last.year or last.month == 12)
    ]
    months = [
        f"{year}-{month:02}"
        for year in sorted({first.year, last.year} - set(whole))
        for month in range(1, 13)
        if (first.year, first.month) <= (year, month) <= (last.year, last.month)
    ]
    words = [facet("y", str(year)) for year in whole] + [facet("m", month) for month in months]
    return words or [facet("y", "none")]
