"""Find persons, institutions and acronyms in texts."""

from __future__ import annotations

import re

from aggregator.dedupe import text_dates
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.words import (
    WORD,
    concepts,
    fold,
    given_names,
    is_rare,
    rarity,
    title_key,
    tools,
    without_transliteration,
)

MAX_ACRONYM_WORDS = 6
"""Maximum number of words of which an acronym is made."""
# A match consumes only the first character, so that pairs may overlap.
_PHRASE = re.compile(
    r"([^\W\d_a-z])(?<!\w.)(?=(\w+(?:-\w+)*) "
    r"((?:(?:[^\W\d_a-z]\.|van|von|der|den|de|del|di|da|dos|la|le|af|zu|ter|ten) )*)"
    r"([^\W\d_a-z]\w*(?:[-'’]\w+)*)(?<=\w\w))"
)
_CAPITALISED_RUN = re.compile(
    r"[A-ZÀ-ÖØ-Þ]\w+(?:[ -](?:(?:of|for|the|de|und|and|für|di|del) )?[A-ZÀ-ÖØ-Þ]\w+){1,7}"
)


def phrases(text: str) -> frozenset[str]:
    """Return pairs of capitalised words: persons by their given name, institutions.

    They are without transliterations.
    """
    pairs = set()
    for initial, rest, between, second in _PHRASE.findall(text):
        first = initial + rest
        if initial.isupper() and second[0].isupper() and not first.isupper():
            pair = title_key(fold(first)), title_key(fold(second))
            if _is_person(*pair) or (not between and _is_institution(*pair)):
                pairs.add(without_transliteration(" ".join(pair)))
    return frozenset(pairs)


def _is_institution(first: str, second: str) -> bool:
    """Return whether two capitalised words are rare enough for a name, also of a person."""
    return rarity(second) > 0.6 and rarity(first) > 0.4 and not _is_term(first) and not _is_term(second)


def _is_person(first: str, second: str) -> bool:
    """Return whether a given name stands before a surname.

    One of the two may be a frequent word (Till Huisken, Susan White), not both (Grant Open, Till Friday). A month (Jan)
    counts as no word, since numbers stand beside months and no surnames.
    """
    if without_transliteration(first.split()[0]) not in given_names() or not is_rare(second):
        return False
    if first not in text_dates.MONTHS and (rarity(first) <= 0.4 or _is_term(first)):
        return rarity(second) > 0.9 and not _is_term(second)
    return second not in text_dates.MONTHS and second not in vocabulary().stop


def initials(text: str) -> dict[str, frozenset[str]]:
    """Return acronyms that consecutive capitalised words of a text may have, with these words."""
    acronyms = {}
    for run in _CAPITALISED_RUN.findall(text):
        words = [word for word in WORD.findall(run) if word[0].isupper()]
        for size in range(2, min(len(words), MAX_ACRONYM_WORDS) + 1):
            for start in range(len(words) - size + 1):
                run_words = words[start : start + size]
                letters = (word if word.isupper() and len(word) < 4 else word[0] for word in run_words)
                acronym = fold("".join(letters))
                acronyms[acronym] = frozenset(c for word in run_words for c in concepts(fold(word)))
    return acronyms


def _is_term(word: str) -> bool:
    """Return whether a word is in a list or frequent, and thus not part of a person's name."""
    word_lists = vocabulary()
    lists = (
        word_lists.stop,
        word_lists.concepts,
        word_lists.stems,
        word_lists.towns,
        word_lists.countries,
        text_dates.MONTHS,
        tools(),
    )
    return any(word in words for words in lists) or not is_rare(word)
