"""Find boilerplate: sentences that two texts share although the rest of them differs."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.dedupe.features import Features
from aggregator.dedupe.vocabulary.words import concepts

MIN_COPIED_SHARE = 0.5
"""Minimum share of equal sentences of a copy; a smaller one is boilerplate."""
RUN_WORDS = 5
"""Number of consecutive words that two texts rarely share by chance."""
_RUN_OF_SHARED = bytes([True]) * RUN_WORDS


def boilerplate(a: Features, b: Features) -> set[str]:
    """Return the words of sentences in both texts whose rest differs: boilerplate."""
    words, other_words = a.folded_words_of_text, b.folded_words_of_text
    if _RUN_OF_SHARED not in bytes(map(frozenset(other_words).__contains__, words)):
        return set()
    one, other = _runs(words), _runs(other_words)
    shared = one & other
    if len(shared) < 2 or len(shared) / min(len(one), len(other)) >= MIN_COPIED_SHARE:
        return set()
    written = {word for run in shared for word in run}
    return {c for word in written for c in concepts(word)} - a.title.keys() - b.title.keys()


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    """Return the runs of `RUN_WORDS` words."""
    return set(zip(*(words[n:] for n in range(RUN_WORDS)), strict=False))
