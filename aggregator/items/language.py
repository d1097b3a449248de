"""Detect the language of a text by its most frequent words."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

from aggregator.items import word_lists
from aggregator.text import alphabetic_words

MIN_WORDS = 6
"""Minimum number of a language's frequent words in a text."""
MIN_OWN_WORDS = 4
"""Minimum number of these words that any one other language does not have."""
MIN_RATIO = 2.0
"""Minimum ratio of the words that only this language has to those of the other one only."""
MAX_READ_CHARACTERS = 600
"""Characters of a text that are read."""
LISTED_AS = {"bs": "hr", "sh": "hr", "sr": "hr", "nb": "no", "nn": "no"}
"""Languages whose texts are detected as a listed one with the same frequent words."""


def detect(text: str) -> str | None:
    """Return the language (primary subtag) of a text, or None if it is not clear.

    Two languages are compared by the words that only one of them has: Czech, Slovak and Croatian share most others.
    """
    languages = _languages()
    words = alphabetic_words(text[:MAX_READ_CHARACTERS].lower())
    shared = Counter(filter(None, map(languages.get, words)))
    counts: Counter[str] = Counter()
    for having, count in shared.items():
        counts.update(dict.fromkeys(having, count))
    if not counts:
        return None
    ((best, words_of_best),) = counts.most_common(1)
    is_clear = words_of_best >= MIN_WORDS and all(
        _is_clear(shared, best, other) for other in counts if other != best
    )
    return best if is_clear else None


def _is_clear(shared: Counter[tuple[str, ...]], best: str, other: str) -> bool:
    own = sum(count for having, count in shared.items() if best in having and other not in having)
    foreign = sum(count for having, count in shared.items() if other in having and best not in having)
    return own >= max(MIN_OWN_WORDS, MIN_RATIO * foreign)


@cache
def _languages() -> dict[str, tuple[str, ...]]:
    """Return for each frequent word the languages that have it."""
    languages: dict[str, tuple[str, ...]] = {}
    for word, language in word_lists.pairs(Path(__file__).parent, "languages"):
        languages[word] = (*languages.get(word, ()), language)
    return languages
