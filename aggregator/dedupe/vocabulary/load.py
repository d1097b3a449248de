"""Load the word lists of this package, once, when they are first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from aggregator.items import word_lists
from aggregator.model.value_classes import dataclass

FOLDER = Path(__file__).parent
_Meaning = TypeVar("_Meaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every word list under the name of its file, whose first lines say what it contains.

    `concepts` and `stems` map a word to one or more English concepts. `towns` and `countries` map a spelling to one
    name. `numbers` and `ordinals` map a word to a number, `frequencies` to its frequency on the Zipf scale.
    """

    stop: frozenset[str]
    template: frozenset[str]
    field: frozenset[str]
    techniques: frozenset[str]
    acts: frozenset[str]
    own_affairs: frozenset[str]
    tools: frozenset[str]
    given_names: frozenset[str]
    concepts: Mapping[str, tuple[str, ...]]
    opposites: Mapping[str, frozenset[str]]
    stems: Mapping[str, tuple[str, ...]]
    towns: Mapping[str, str]
    countries: Mapping[str, str]
    numbers: Mapping[str, int]
    ordinals: Mapping[str, int]
    frequencies: Mapping[str, float]


@cache
def vocabulary() -> Vocabulary:
    """Return all word lists."""
    synonyms = _concepts("synonyms")
    concepts = {**synonyms, **_translated("concepts", synonyms)}
    for concept in [concept for meaning in concepts.values() for concept in meaning]:
        concepts.setdefault(concept, (concept,))
    return Vocabulary(
        stop=_words("stop"),
        template=_words("template"),
        field=_words("field"),
        techniques=_words("techniques"),
        acts=_words("acts"),
        own_affairs=_words("own_affairs"),
        tools=_words("tools"),
        given_names=_words("given_names"),
        concepts=concepts,
        opposites=_opposites(),
        stems=_translated("stems", synonyms),
        towns=_meanings("towns", str),
        countries=_meanings("countries", str),
        numbers=_meanings("numbers", int),
        ordinals=_meanings("ordinals", int),
        frequencies=_meanings("frequencies", float),
    )


def _words(name: str) -> frozenset[str]:
    return word_lists.words(FOLDER, name)


def _meanings(name: str, read: Callable[[str], _Meaning]) -> dict[str, _Meaning]:
    """Return the meaning of each word; those of one line share it, since a list has 33,000."""
    meanings: dict[str, _Meaning] = {}
    for meaning, words in word_lists.groups(FOLDER, name):
        meanings.update(dict.fromkeys(words, read(meaning)))
    return meanings


def _concepts(name: str) -> dict[str, tuple[str, ...]]:
    return _meanings(name, lambda meaning: tuple(meaning.split()))


def _translated(name: str, synonyms: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return words with their concepts, of which synonyms are one."""
    return {
        word: tuple(same for concept in found for same in synonyms.get(concept, (concept,)))
        for word, found in _concepts(name).items()
    }


def _opposites() -> dict[str, frozenset[str]]:
    """Return for each word the words that contradict it, in both directions."""
    opposites: dict[str, set[str]] = {}
    for opposite, word in word_lists.pairs(FOLDER, "opposites"):
        opposites.setdefault(word, set()).add(opposite)
        opposites.setdefault(opposite, set()).add(word)
    return {word: frozenset(found) for word, found in opposites.items()}
