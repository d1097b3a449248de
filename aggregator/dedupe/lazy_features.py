"""Extract the features that only some comparisons need: phrases, facts, runs of words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from aggregator.dedupe import text_dates, text_facts
from aggregator.dedupe.text_facts import TextFacts
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import concepts, fold, is_rare, rarity, tools

MAX_ACRONYM_WORDS = 6
"""Maximum number of words that an acronym is looked for."""
RUN_WORDS = 5
"""Number of consecutive words that two texts rarely share by chance."""
WORD = re.compile(r"[^\W_]+")
"""Consecutive alphabetic characters and digits."""
# The first character alone is consumed, so that a pair may begin within another.
_PHRASE = re.compile(
    r"([^\W\d_a-z])(?<!\w.)(?=(\w+(?:-\w+)*) "
    r"((?:(?:[^\W\d_a-z]\.|van|von|der|den|de|del|di|da|dos|la|le|af|zu|ter|ten) )*)"
    r"([^\W\d_a-z]\w*(?:[-'’]\w+)*)(?<=\w\w))"
)
_CAPITALISED_RUN = re.compile(
    r"[A-ZÀ-ÖØ-Þ]\w+(?:[ -](?:(?:of|for|the|de|und|and|für|di|del) )?[A-ZÀ-ÖØ-Þ]\w+){1,7}"
)


@dataclass(frozen=True, kw_only=True)
class LazyFeatures:
    """Extract from a title and a text what only some comparisons need, at the first use.

    `title` and `text` are without what sites add, `written_title` is the title with it.
    """

    written_title: str
    title: str
    text: str
    folded_title: str
    title_words: frozenset[str]

    @cached_property
    def folded_text(self) -> str:
        """Return the text in lower case without diacritics."""
        return fold(self.text)

    @cached_property
    def phrases(self) -> frozenset[str]:
        """Return the pairs of capitalised words."""
        return _phrases(self.title) | _phrases(self.text)

    @cached_property
    def folded_words(self) -> frozenset[str]:
        """Return all words in lower case without diacritics."""
        return frozenset(WORD.findall(self.folded_title)) | frozenset(WORD.findall(self.folded_text))

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """Return the runs of words of the text."""
        words = WORD.findall(self.folded_text)
        return frozenset(zip(*(words[n:] for n in range(RUN_WORDS)), strict=False))

    @cached_property
    def initials(self) -> Mapping[str, frozenset[str]]:
        """Return the acronyms that capitalised words may have, with these words."""
        return _initials(self.title) | _initials(self.text)

    @cached_property
    def neighbours(self) -> frozenset[tuple[str, str]]:
        """Return the pairs of neighbouring words of the title."""
        return _neighbours(title_key(self.folded_title), self.title_words)

    @cached_property
    def title_facts(self) -> TextFacts:
        """Return the facts of the title."""
        return text_facts.title_facts(self.title, self.folded_title)

    @cached_property
    def facts(self) -> TextFacts:
        """Return the facts of title and text."""
        return self.title_facts | text_facts.body_facts(self.folded_text)

    @cached_property
    def title_phases(self) -> frozenset[str]:
        """Return the phases of the title, also where one is the name of the publisher."""
        return phases(fold(self.written_title))

    @cached_property
    def phases(self) -> frozenset[str]:
        """Return the phases of title and text."""
        return self.title_phases | phases(self.folded_text)


def title_key(folded_title: str) -> str:
    """Return a folded title without punctuation."""
    return " ".join(WORD.findall(folded_title))


def _phrases(text: str) -> frozenset[str]:
    """Return pairs of capitalised words: persons by their given name, institutions."""
    found = set()
    for initial, rest, between, second in _PHRASE.findall(text):
        first = initial + rest
        if initial.isupper() and second[0].isupper() and not first.isupper():
            pair = title_key(fold(first)), title_key(fold(second))
            if _is_person(*pair) or (not between and _is_institution(*pair)):
                found.add(" ".join(pair))
    return frozenset(found)


def _is_institution(first: str, second: str) -> bool:
    """Return whether two capitalised words are rare enough for a name: a person's, too."""
    return rarity(second) > 0.6 and rarity(first) > 0.4 and not _is_term(first) and not _is_term(second)


def _is_person(first: str, second: str) -> bool:
    """Return whether a given name stands before a surname.

    One of the two may be a frequent word (Till Huisken, Susan White), not both (Grant Open, Till Friday). A month (Jan)
    counts as no word, since numbers stand beside months and no surnames.
    """
    if first.split()[0] not in vocabulary().given_names or not is_rare(second):
        return False
    if first not in text_dates.MONTHS and (rarity(first) <= 0.4 or _is_term(first)):
        return rarity(second) > 0.9 and not _is_term(second)
    return second not in text_dates.MONTHS and second not in vocabulary().stop


def _initials(text: str) -> dict[str, frozenset[str]]:
    """Return acronyms that consecutive capitalised words of a text may have, with these words."""
    found = {}
    for run in _CAPITALISED_RUN.findall(text):
        words = [word for word in WORD.findall(run) if word[0].isupper()]
        for size in range(2, min(len(words), MAX_ACRONYM_WORDS) + 1):
            for start in range(len(words) - size + 1):
                part = words[start : start + size]
                meant = frozenset(c for word in part for c in concepts(fold(word)))
                letters = (word if word.isupper() and len(word) < 4 else word[0] for word in part)
                found[fold("".join(letters))] = meant
    return found


def _neighbours(key: str, known: Set[str]) -> frozenset[tuple[str, str]]:
    """Return the pairs of neighbouring words of a title, stop words left out."""
    words = [c for word in key.split() for c in concepts(word) if c in known]
    return frozenset((min(x, y), max(x, y)) for x, y in pairwise(words))


def _is_term(word: str) -> bool:
    """Return whether a word is known, and so no part of a person's name."""
    known = vocabulary()
    lists = (
        known.stop,
        known.concepts,
        known.stems,
        known.towns,
        known.countries,
        text_dates.MONTHS,
        tools(),
    )
    return any(word in words for words in lists) or not is_rare(word)
