"""Fold words, map them to English concepts of the field, and weigh them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.items.caches import MAX_WORD_CHARACTERS, cached

MAX_COMPOUND_CHARACTERS = 60
"""Maximum length of a word that is read as a German compound."""
WORD = re.compile(r"[^\W_]+")
"""Consecutive alphabetic characters and digits."""
_MARKS = re.compile("[\u0300-\u036f]+")
_ENDINGS = ("s", "es", "en", "n", "innen", "er", "e", "ing", "ed")
_COMPOUND_ENDINGS = ("", "s", "n", "en", "e", "er")
_PLAIN = {
    "ae": "a",
    "oe": "o",
    "ue": "u",
    "aa": "a",
    "æ": "a",
    "ø": "o",
    "œ": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
}
"""What remains of transliterated ä, ö, ü and å, and of characters that folding leaves."""
_TRANSLITERATED = re.compile("|".join(_PLAIN))
_LINKING_LETTERS = ("", "s", "n", "es")


def fold(text: str) -> str:
    """Return `text` without case and diacritics, so that spellings of one word are equal."""
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))


def title_key(folded_title: str) -> str:
    """Return a folded title without punctuation."""
    return " ".join(WORD.findall(folded_title))


@cached(8_192, MAX_WORD_CHARACTERS)
def concepts(word: str) -> tuple[str, ...]:
    """Return the English concepts of a folded word; of a compound, those of its parts."""
    known = vocabulary()
    if word in known.stop:
        return ()
    if found := known.concepts.get(word):
        return tuple(concept for concept in found if concept not in known.stop)
    if not is_rare(word):
        return (word,)
    if word.isdigit():
        return ()
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and (stem in known.concepts or not is_rare(stem)):
            return known.concepts.get(stem) or (stem,)
    if len(word) > 9 and (parts := _compound(word)):
        return parts
    return (root(word),)


# Without a cache, a word made of known words in many ways would take exponential time.
@cached(8_192, MAX_WORD_CHARACTERS)
def _compound(word: str) -> tuple[str, ...]:
    """Return the concepts of a German compound whose parts are all known, else nothing."""
    if not word or len(word) > MAX_COMPOUND_CHARACTERS:
        return ()
    stems = vocabulary().stems
    for stem in _longest_stems_first():
        if word.startswith(stem):
            rest = word[len(stem) :]
            if rest in _COMPOUND_ENDINGS:
                return stems[stem]
            for letters in _LINKING_LETTERS:
                if rest.startswith(letters) and (more := _compound(rest[len(letters) :])):
                    return (*stems[stem], *more)
    return ()


@cache
def _longest_stems_first() -> list[str]:
    return sorted(vocabulary().stems, key=len, reverse=True)


def root(word: str) -> str:
    """Return what a word shares with its inflections and with its cognates in other languages."""
    if len(word) < 5:
        return word
    plain = without_transliteration(word)
    plain = plain.replace("ph", "f").replace("th", "t").replace("k", "c").replace("y", "i").replace("z", "s")
    plain = "".join(c for c, before in zip(plain, " " + plain, strict=False) if c != before)
    for ending in ("ing", "ed"):
        if len(plain) - len(ending) >= 4 and plain.endswith(ending):
            plain = plain.removesuffix(ending)
            break
    return plain[:7] if len(plain) > 7 else plain.rstrip("aeios") or plain


def without_transliteration(word: str) -> str:
    """Return a folded word without transliterated diacritics: jorg for joerg, as for Jörg."""
    return _TRANSLITERATED.sub(lambda match: _PLAIN[match[0]], word)


def is_rare(concept: str) -> bool:
    """Return whether a word is neither of every announcement nor of the whole field."""
    known = vocabulary()
    return concept not in known.template and concept not in known.field and concept not in known.techniques


def weight(concept: str, word: str) -> float:
    """Return the weight of a concept as `word` expresses it, without regard to the archive."""
    if concept in vocabulary().template:
        return 0.3
    return rarity(word) if is_rare(concept) else 0.5


def rarity(word: str) -> float:
    """Return how rare a folded word is in running text, from 0.2 to 1."""
    zipf = vocabulary().frequencies.get(word, 0.0)
    return min(1.0, max(0.3, (9.0 - zipf) / 6))


@cache
def given_names() -> frozenset[str]:
    """Return given names without transliterations."""
    return frozenset(map(without_transliteration, vocabulary().given_names))


@cache
def tools() -> frozenset[str]:
    """Return the names of products that every facility has, with their roots."""
    named = vocabulary().tools
    return named | {root(name) for name in named}
