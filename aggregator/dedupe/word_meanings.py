"""Look up words of items: their concepts with weights, whether names, towns or countries."""

from __future__ import annotations

import re
from collections.abc import Collection

from aggregator.dedupe import text_dates
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.words import concepts, fold, weight
from aggregator.items.caches import MAX_WORD_CHARACTERS, cached
from aggregator.model.value_classes import dataclass

NAME_WEIGHT, CAPITAL_WEIGHT = 2.0, 1.4
PLACES = ("town", "country")
NO_WORDS: frozenset[str] = frozenset()
"""The empty set that all items share, because each further one takes 216 bytes."""
_YEAR_IN_NAME = re.compile(r"^([a-z]{2,12})((?:19|20)\d\d)$")
_NUMBER_WITH_UNIT = re.compile(r"[0-9]+(?:m|k|bn|mn|mio|mrd|md|st|nd|rd|th|er|e|h)?")
"""A number, a sum as "2m", an ordinal: a fact and no word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The concepts of words with their weights; which of them are names, towns, countries."""

    weights: dict[str, float]
    names: frozenset[str]
    towns: frozenset[str]
    countries: frozenset[str]


def look_up(written_words: Collection[str], capitals_inside: frozenset[str] = frozenset()) -> Words:
    """Look up words; those among `capitals_inside` weigh more than other plain words."""
    weights: dict[str, float] = {}
    names, places = set(), {"town": set[str](), "country": set[str]()}
    weight_of = weights.get
    for written in written_words:
        meaning = meaning_of(written)
        kind = meaning.kind
        if kind in places:
            places[kind].add(meaning.weights[0][0])
            continue
        for concept, usual in meaning.weights:
            worth = usual * CAPITAL_WEIGHT if usual > 0.5 and written in capitals_inside else usual
            if worth > weight_of(concept, -1):
                weights[concept] = worth
        if kind == "name":
            names.add(meaning.weights[0][0])
    return Words(
        weights=weights,
        names=frozenset(names) or NO_WORDS,
        towns=frozenset(places["town"]) or NO_WORDS,
        countries=frozenset(places["country"]) or NO_WORDS,
    )


@dataclass(frozen=True, slots=True)
class Meaning:
    """The concepts of a word with their weights; `kind` is name, town, country or empty."""

    weights: tuple[tuple[str, float], ...] = ()
    kind: str = ""


@cached(16_384, MAX_WORD_CHARACTERS)
def meaning_of(written: str) -> Meaning:
    """Look up a word as it is written."""
    known = vocabulary()
    word = fold(written)
    if word in known.techniques and written.isupper():  # AI, EM: words of other languages in lower case
        return Meaning(((word, weight(word, word)),))
    if _NUMBER_WITH_UNIT.fullmatch(word) or any(
        word in words for words in (known.stop, text_dates.MONTHS, known.numbers, known.ordinals)
    ):
        return Meaning()
    if match := _YEAR_IN_NAME.match(word):
        word, written = match[1], written[: len(match[1])]
    if len(word) < 2:
        return Meaning()
    if word in known.towns:
        return Meaning(((known.towns[word], 0.0),), "town")
    if word in known.countries:
        return Meaning(((known.countries[word], 0.0),), "country")
    if _is_name(written) and word not in known.techniques:
        return Meaning(((word, NAME_WEIGHT if len(word) > 2 else 1.0),), "name")
    return Meaning(tuple((concept, weight(concept, word)) for concept in concepts(word)))


def _is_name(written: str) -> bool:
    """Return whether a word is an acronym or has capitals or digits inside: MAdMiC, NFDI, w26."""
    if len(written) < 2:
        return False
    return (written[1:] != written[1:].lower() and written[0] != "'") or (
        any(c.isdigit() for c in written) and any(c.isalpha() for c in written) and not written[0].isdigit()
    )
