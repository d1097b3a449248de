"""Detect the language of a text by its most frequent words."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import chain
from pathlib import Path

from aggregator.items import word_lists
from aggregator.text import alphabetic_words

MIN_WORDS = 6
"""Minimum number of a language's frequent words in a text."""
MIN_RATIO = 2.0
"""Minimum ratio of that number to the one of any other language."""
READ_CHARACTERS = 600
"""Characters of a text that are read."""


def detect(text: str) -> str | None:
    """Return the language (primary subtag) of a text, or None if it is not clear."""
    languages = _languages()
    frequent = filter(None, map(languages.get, alphabetic_words(text[:READ_CHARACTERS].lower())))
    counts = Counter(chain.from_iterable(frequent))
    ranked = [*counts.most_common(2), ("", 0), ("", 0)]
    (language, best), (_, second) = ranked[:2]
    return language if best >= MIN_WORDS and best >= MIN_RATIO * second else None


@cache
def _languages() -> dict[str, tuple[str, ...]]:
    """Return for each frequent word the languages that have it."""
    languages: dict[str, tuple[str, ...]] = {}
    for word, language in word_lists.pairs(Path(__file__).parent, "languages"):
        languages[word] = (*languages.get(word, ()), language)
    return languages
