"""What placing compares of an item: the words of its title and text with their weights, names, places and facts."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from aggregator.model import Member
from aggregator.stories import facts
from aggregator.stories.facts import MONTHS, Facts
from aggregator.stories.lexicon import NUMBER_WORDS, ORDINAL_WORDS, STOP, TECHNIQUES, concepts, fold, weight
from aggregator.stories.phases import phases
from aggregator.stories.places import COUNTRIES, TOWNS

READ = 700
"""Characters of a text that are compared: what a news is about stands at its beginning."""
NAME, CAPITAL = 2.0, 1.4
KEYS = 20
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’]s?(?!\w)")
_DECORATION = re.compile(r"^\s*(?:\[[^\]]{1,40}\]|\(?(?:re|fwd|aw|news|press release|pressemitteilung)\)?\s*[:|])\s*", re.IGNORECASE)
_SUFFIX = re.compile(r"\s+[|–—»·-]\s+([^|–—»·]{2,40})$")
_YEAR_IN_NAME = re.compile(r"^([a-z]{2,12})((?:19|20)\d\d)$")
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An item as near evidence sees it. Words are concepts (`lexicon`), each with the weight of its rarity.

    `title` are the words of the title, `words` of title and text, `names` those of them that are names;
    `context` what else is known to be meant: the words of the source's own name.
    """

    key: str
    title: Mapping[str, float]
    words: Mapping[str, float]
    names: frozenset[str]
    context: frozenset[str]
    towns: frozenset[str]
    countries: frozenset[str]
    title_towns: frozenset[str]
    title_facts: Facts
    facts: Facts
    phases: frozenset[str]
    title_phases: frozenset[str]
    language: str | None


@lru_cache(maxsize=4096)
def of(member: Member) -> Signature:
    """The signature of an item."""
    return make(member.title, member.text, member.teller, member.language)


def make(title: str, text: str, teller: str, language: str | None) -> Signature:
    """The signature of a title and a text told by a source named `teller`."""
    title = _POSSESSIVE.sub("", _bare(unicodedata.normalize("NFKC", title), teller))
    text = _POSSESSIVE.sub("", _URL.sub(" ", unicodedata.normalize("NFKC", text[:READ])))
    folded_title, folded_text = fold(title), fold(text)
    title_words, title_names = _words(title, shouting=_shouts(title))
    text_words, text_names = _words(text, shouting=False)
    if not text.strip():
        folded_text = ""
    title_facts = facts.stated(title, folded_title)
    all_words = text_words | {c: max(w, text_words.get(c, 0)) for c, w in title_words.items()}
    towns, countries = _places(folded_title)
    more_towns, more_countries = _places(folded_text)
    title_phases = phases(folded_title)
    return Signature(
        key=" ".join(_WORD.findall(folded_title)),
        title=title_words,
        words=all_words,
        names=title_names | text_names,
        context=frozenset(c for w in _WORD.findall(fold(teller)) for c in concepts(w)),
        towns=towns | more_towns,
        countries=countries | more_countries,
        title_towns=towns,
        title_facts=title_facts,
        facts=title_facts | facts.stated(text, folded_text),
        phases=title_phases | phases(folded_text),
        title_phases=title_phases,
        language=language,
    )


def _bare(title: str, teller: str) -> str:
    """A title without what sites put around it: "[Announcement] …", "News | …", "… | Site"."""
    title = _DECORATION.sub("", title) or title
    suffix = _SUFFIX.search(title)
    if suffix and fold(suffix[1]) in fold(teller):
        title = title[: suffix.start()]
    return title


def _shouts(title: str) -> bool:
    letters = [c for c in title if c.isalpha()]
    return sum(c.isupper() for c in letters) > 0.6 * len(letters)


def _words(text: str, *, shouting: bool) -> tuple[dict[str, float], frozenset[str]]:
    """The concepts of a text with their weights, and those that are names."""
    found: dict[str, float] = {}
    names = set()
    for written in _WORD.findall(text):
        word = fold(written)
        if word in STOP or word.isdigit() or word in MONTHS or word in NUMBER_WORDS or word in ORDINAL_WORDS:
            continue
        if match := _YEAR_IN_NAME.match(word):
            word, written = match[1], written[: len(match[1])]
        if word in TOWNS or word in COUNTRIES:
            continue  # places speak for themselves
        is_name = not shouting and _is_name(written)
        if is_name and len(word) > 1 and word not in TECHNIQUES:
            found[word] = max(found.get(word, 0), NAME if len(word) > 2 else 1.0)
            names.add(word)
            continue
        if len(word) < 2:
            continue
        for concept in concepts(word):
            worth = weight(concept)
            if worth == 1.0 and written[0].isupper() and not shouting:
                worth = CAPITAL
            found[concept] = max(found.get(concept, 0), worth)
    return found, frozenset(names)


@lru_cache(maxsize=65536)
def _is_name(written: str) -> bool:
    """Acronyms and names with capitals or digits inside: MAdMiC, NFDI, w26."""
    if len(written) < 2:
        return False
    return (written[1:] != written[1:].lower() and written[0] != "'") or (
        any(c.isdigit() for c in written) and any(c.isalpha() for c in written) and not written[0].isdigit()
    )


def _places(folded: str) -> tuple[frozenset[str], frozenset[str]]:
    said = set(_WORD.findall(folded))
    towns = frozenset(TOWNS[word] for word in said & TOWNS.keys())
    return towns, frozenset(COUNTRIES[word] for word in said & COUNTRIES.keys())


def keys(sign: Signature, *addresses: str) -> dict[int, float]:
    """What an item is found by in the store's index, with how much each says.

    An odd key leads to candidates by itself, even ones only several together. `addresses` are odd.
    """
    found: dict[str, float] = {}
    title = sign.title
    for concept, worth in sign.words.items():
        if worth >= 1.0 and (concept in title or worth > 1.0):
            found["w " + concept] = worth + (0.5 if concept in title else 0)
    stated = sign.facts
    found |= {f"d {date}": 1.6 for date in stated.dates}
    found |= {f"a {amount}": 2.5 for amount in stated.amounts}
    found |= {f"v {version}": 1.8 for version in stated.versions}
    found |= {f"p {town}": 1.1 for town in sign.towns}
    best = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:KEYS]
    result = {_hashed(name) & ~1: worth for name, worth in best}
    for strong in (*(f"@ {address}" for address in addresses), *(f"r {ref}" for ref in stated.references), *(f"doi {doi}" for doi in stated.dois)):
        result[_hashed(strong) | 1] = 5.0
    if sign.key:
        result[_hashed("t " + sign.key) | 1] = 2.0
    return result


def common(sign: Signature, seen_often: frozenset[int]) -> frozenset[str]:
    """The words of an item that the store's index found to be common."""
    return frozenset(c for c in sign.words if _hashed("w " + c) & ~1 in seen_often)


@lru_cache(maxsize=65536)
def _hashed(text: str) -> int:
    """63 bits, as SQLite likes them."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
