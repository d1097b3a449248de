"""Make the keys under which the index of candidates finds an item."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from aggregator.dedupe.features import Features
from aggregator.dedupe.text_facts import is_rare_number
from aggregator.dedupe.vocabulary.words import WORD, fold
from aggregator.dedupe.word_meanings import look_up
from aggregator.items.caches import MAX_WORD_CHARACTERS, cached

BEGINNING_WORDS, BEGINNING_CHARACTERS = 8, 200
"""Number of words by which a text is found that begins alike, and their maximum length."""
MIN_INDEXED_WEIGHT = 0.45
"""Minimum weight of a title's word that leads to candidates."""
MIN_NAME_CHARACTERS = 5
"""Minimum length of a name that leads to candidates by itself."""
MAX_INDEX_KEYS = 16
"""Maximum number of keys of one item that lead to candidates only together with others."""


def index_keys(item: Features, *addresses: str) -> dict[int, float]:
    """Return the keys under which the store's index finds an item, each with its weight.

    An odd key leads to candidates by itself, even ones only several together. Keys of `addresses` are odd.
    """
    in_title = item.in_title
    capitalised = {word for word in item.words_of_text if not word.islower()}
    in_text = look_up(capitalised, item.capitals_inside)
    facts = item.facts
    weights = {f"w {c}": w + 0.5 for c, w in in_title.weights.items() if w >= MIN_INDEXED_WEIGHT}
    weights |= {f"w {c}": w for c, w in in_text.weights.items() if w > 1.0 and c not in in_title.weights}
    weights |= {f"d {date}": 1.6 for date in facts.dates}
    weights |= {f"p {town}": 1.1 for town in in_title.towns | in_text.towns}
    weights |= {f"c {country}": 1.0 for country in in_title.countries}
    best = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_INDEX_KEYS]
    keys = {_hash(name) & ~1: worth for name, worth in best}
    sufficient = [f"r {reference}" for reference in facts.references] + [f"doi {doi}" for doi in facts.dois]
    keys |= {_hash(name) | 1: 5.0 for name in sufficient}
    rare = [f"a {amount}" for amount in facts.amounts] + [f"v {version}" for version in facts.versions]
    rare += [f"n {number}" for number in facts.numbers if is_rare_number(number)]
    keys |= {_hash(name) | 1: 2.5 for name in sorted(rare)[:MAX_INDEX_KEYS]}
    names = {name for name in in_title.names | in_text.names if len(name) >= MIN_NAME_CHARACTERS}
    keys |= {_hash(f"w {name}") | 1: 0.5 for name in sorted(names - item.publisher_words)[:MAX_INDEX_KEYS]}
    keys |= {address_key(address): 5.0 for address in addresses}
    if item.key:
        keys[_hash(f"t {item.key}") | 1] = 2.0
    beginning = WORD.findall(fold(item.clean_text[:BEGINNING_CHARACTERS]))[:BEGINNING_WORDS]
    if len(beginning) == BEGINNING_WORDS:
        keys[_hash(f"b {' '.join(beginning)}") | 1] = 2.0
    return keys


@cached(8_192, MAX_WORD_CHARACTERS)
def word_key(concept: str) -> int:
    """Return the index key of a word."""
    return _hash(f"w {concept}") & ~1


def address_key(address: str) -> int:
    """Return the key of a loose address, which leads to candidates by itself."""
    return _hash(f"@ {address}") | 1


def common_words(words: Iterable[str], common_keys: frozenset[int]) -> list[str]:
    """Return the words whose index keys are common."""
    return [word for word in words if word_key(word) in common_keys] if common_keys else []


@cached(16_384, MAX_WORD_CHARACTERS)
def _hash(text: str) -> int:
    """Hash to 63 bits, the positive integers of SQLite."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
