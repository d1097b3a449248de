"""Weigh the words of two items that are compared."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from aggregator.dedupe.features import Features, differ_in_language
from aggregator.dedupe.index_keys import common_words
from aggregator.dedupe.vocabulary.words import concepts, given_names

COMMON_WORD_FACTOR = 0.4
"""Share of its weight that a word has which many items of the archive have."""
PUBLISHER_WORD_FACTOR = 0.35
"""Share of its weight that a word has which belongs to the name of one of the publishers."""


class Pair(NamedTuple):
    """Two items with the weights of their words.

    `weights` has the words of the titles and those `shared`, which both have. `kind` begins the names of measures that
    have a weight of their own across languages (“translated”) or without two texts (“bare”).
    """

    a: Features
    b: Features
    shared: Set[str]
    weights: Mapping[str, float]
    kind: str


def weigh_pair(a: Features, b: Features, common_keys: frozenset[int] = frozenset()) -> Pair:
    """Weigh the words of two items: less with `common_keys` or of a publisher's name.

    The words of one person's name weigh together as one word.
    """
    a, b = _abbreviated(a, b), _abbreviated(b, a)
    shared = a.words.keys() & b.words.keys()
    weights = {**a.title_weights, **b.title_weights}
    smaller = map(min, map(a.words.__getitem__, shared), map(b.words.__getitem__, shared))
    weights.update(zip(shared, smaller, strict=True))
    for concept in (a.publisher_words | b.publisher_words).intersection(weights):
        weights[concept] *= PUBLISHER_WORD_FACTOR
    for name in sorted(a.phrases & b.phrases):
        written = name.split()
        if written[0] in given_names():
            for concept in {c for word in written for c in (word, *concepts(word)) if c in weights}:
                weights[concept] /= len(written)
    for concept in common_words(weights, common_keys):
        weights[concept] *= COMMON_WORD_FACTOR
    if differ_in_language(a, b):
        return Pair(a, b, shared, weights, "translated ")
    return Pair(a, b, shared, weights, "" if a.has_text and b.has_text else "bare ")


def _abbreviated(item: Features, other: Features) -> Features:
    """Return an item with the acronym that the other uses instead of the words it stands for."""
    used = item.initials.keys() & other.words.keys() if item.initials else frozenset()
    if not (used := used - item.words.keys()):
        return item
    found = {acronym: spelled for acronym, spelled in item.initials.items() if acronym in used}
    spelled_out = frozenset().union(*found.values())
    worth = {acronym: other.words[acronym] for acronym in found}
    title = item.title
    if titled := {
        acronym: worth[acronym] for acronym, spelled in found.items() if spelled <= item.title.keys()
    }:
        title = {c: w for c, w in item.title.items() if c not in spelled_out} | titled
    words = {
        c: w for c, w in item.words.items() if c not in spelled_out or c in other.words or c in title
    } | worth
    return item.abbreviated(title, words, item.names | found.keys())
