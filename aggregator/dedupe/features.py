"""What placing compares of an item: the words of its title and text with their weights, names, places and facts."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from aggregator.dedupe import text_facts
from aggregator.dedupe.text_facts import MONTHS, TextFacts
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.places import COUNTRIES, TOWNS
from aggregator.dedupe.vocabulary.words import (
    NUMBER_WORDS,
    ORDINAL_WORDS,
    STOP,
    TECHNIQUES,
    concepts,
    fold,
    weight,
)
from aggregator.items.caches import WORD_CHARACTERS, cached
from aggregator.model.stories import Member

READ = 600
"""Characters of a text that are compared: what a news is about stands at its beginning."""
MEMBER_CHARACTERS = 1_500
"""Maximum length of title and text together whose signature is kept; what the store reads is shorter."""
NAME, CAPITAL = 2.0, 1.4
KEYS = 16
_WORD = re.compile(r"[^\W_]+")
_INSIDE = re.compile(r"(?:(?<=[^\W_] )|(?<=, )|(?<=; ))[A-ZÀ-ÖØ-Þ]\w+|(?<=\()[A-ZÀ-ÖØ-Þ]\w+")
_POSSESSIVE = re.compile(r"['’]s?(?!\w)")
_DECORATION = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]|\(?(?:re|fwd|aw|news|press release|pressemitteilung)\)?\s*[:|])\s*",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\s+[|–—»·-]\s+([^|–—»·]{2,40})$")
_YEAR_IN_NAME = re.compile(r"^([a-z]{2,12})((?:19|20)\d\d)$")
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
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
    title_towns: frozenset[str]
    countries: frozenset[str]
    title_facts: TextFacts
    facts: TextFacts
    phases: frozenset[str]
    title_phases: frozenset[str]
    language: str | None


@cached(4_096, MEMBER_CHARACTERS, lambda member: len(member.title) + len(member.text))
def for_member(member: Member) -> Features:
    """The signature of an item."""
    return make(member.title, member.text, member.publisher, member.language)


def make(title: str, text: str, publisher: str, language: str | None) -> Features:
    """The signature of a title and a text told by a source named `teller`."""
    title, text = _plain(title, publisher), _plain_text(text)
    folded_title, folded_text = fold(title), fold(text)
    in_title = _said(title, shouting=_shouts(title))
    in_text = _said(text, capitals=language != "de")
    title_facts = text_facts.extract(title, folded_title, title=True)
    all_words = in_text.words | {c: max(w, in_text.words.get(c, 0)) for c, w in in_title.words.items()}
    title_phases = phases(folded_title)
    return Features(
        key=" ".join(_WORD.findall(folded_title)),
        title=in_title.words,
        words=all_words,
        names=in_title.names | in_text.names,
        context=frozenset(c for w in _WORD.findall(fold(publisher)) for c in concepts(w)),
        towns=in_title.towns | in_text.towns,
        title_towns=in_title.towns,
        countries=in_title.countries | in_text.countries,
        title_facts=title_facts,
        facts=title_facts | text_facts.extract(text, folded_text),
        phases=title_phases | phases(folded_text),
        title_phases=title_phases,
        language=language,
    )


def _plain(title: str, publisher: str) -> str:
    return _POSSESSIVE.sub(
        "", _bare(title if title.isascii() else unicodedata.normalize("NFKC", title), publisher)
    )


def _plain_text(text: str) -> str:
    text = text[:READ]
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    text = _URL.sub(" ", text) if "http" in text else text
    return _POSSESSIVE.sub("", text) if "'" in text or "’" in text else text


def _bare(title: str, publisher: str) -> str:
    """A title without what sites put around it: "[Announcement] …", "News | …", "… | Site"."""
    title = _DECORATION.sub("", title) or title
    suffix = _SUFFIX.search(title)
    if suffix and fold(suffix[1]) in fold(publisher):
        title = title[: suffix.start()]
    return title


def _shouts(title: str) -> bool:
    letters = [c for c in title if c.isalpha()]
    return sum(c.isupper() for c in letters) > 0.6 * len(letters)


@dataclass(frozen=True, slots=True)
class _Said:
    """The concepts of a text with their weights, those that are names, and places."""

    words: dict[str, float]
    names: frozenset[str]
    towns: frozenset[str]
    countries: frozenset[str]


def _said(text: str, *, shouting: bool = False, capitals: bool = False, lower: bool = True) -> _Said:
    """`lower`: whether words without a capital are wanted at all; `capitals`: whether a capital inside a sentence
    makes a name, as it does but in titles and in German."""
    inside = set(_INSIDE.findall(text)) if capitals else ()
    words: dict[str, float] = {}
    names, towns, countries = set(), set(), set()
    for written in set(_WORD.findall(text)):
        if not lower and written.islower():
            continue
        meant, kind = _meant(written.lower() if shouting else written)
        if kind == "town":
            towns.add(meant[0][0])
        elif kind == "country":
            countries.add(meant[0][0])
        else:
            for concept, worth in meant:
                worth = CAPITAL if worth == 1.0 and written in inside else worth
                if worth > words.get(concept, 0):
                    words[concept] = worth
            if kind == "name":
                names.add(meant[0][0])
    return _Said(words, frozenset(names), frozenset(towns), frozenset(countries))


@cached(16_384, WORD_CHARACTERS)
def _meant(written: str) -> tuple[tuple[tuple[str, float], ...], str]:
    """The concepts of a word with their weights, and what sort of word it is; places speak for themselves."""
    word = fold(written)
    if word in TECHNIQUES and written.isupper():  # AI, EM: words of other languages in small letters
        return ((word, weight(word)),), ""
    if word in STOP or word.isdigit() or word in MONTHS or word in NUMBER_WORDS or word in ORDINAL_WORDS:
        return (), ""
    if match := _YEAR_IN_NAME.match(word):
        word, written = match[1], written[: len(match[1])]
    if len(word) < 2:
        return (), ""
    if word in TOWNS:
        return ((TOWNS[word], 0.0),), "town"
    if word in COUNTRIES:
        return ((COUNTRIES[word], 0.0),), "country"
    if _is_name(written) and word not in TECHNIQUES:
        return ((word, NAME if len(word) > 2 else 1.0),), "name"
    return tuple((concept, weight(concept)) for concept in concepts(word)), ""


def _is_name(written: str) -> bool:
    """Acronyms and names with capitals or digits inside: MAdMiC, NFDI, w26."""
    if len(written) < 2:
        return False
    return (written[1:] != written[1:].lower() and written[0] != "'") or (
        any(c.isdigit() for c in written) and any(c.isalpha() for c in written) and not written[0].isdigit()
    )


def index_keys(title: str, text: str, publisher: str, *addresses: str) -> dict[int, float]:
    """What an item is found by in the store's index, with how much each says.

    An odd key leads to candidates by itself, even ones only several together. `addresses` are odd.
    """
    title, text = _plain(title, publisher), _plain_text(text)
    folded_title = fold(title)
    in_title, in_text = _said(title, shouting=_shouts(title)), _said(text, capitals=True, lower=False)
    found = {f"w {c}": w + 0.5 for c, w in in_title.words.items() if w >= 1.0}
    found |= {f"w {c}": w for c, w in in_text.words.items() if w > 1.0 and c not in in_title.words}
    stated = text_facts.extract(title, folded_title, title=True)
    if text_facts.has_numbers(text):
        stated |= text_facts.extract(text, fold(text), numbers=False)
    found |= {f"d {date}": 1.6 for date in stated.dates}
    found |= {f"a {amount}": 2.5 for amount in stated.amounts}
    found |= {f"v {version}": 1.8 for version in stated.versions}
    found |= {f"p {town}": 1.1 for town in in_title.towns | in_text.towns}
    best = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:KEYS]
    result = {_hashed(name) & ~1: worth for name, worth in best}
    strong = [f"@ {address}" for address in addresses]
    strong += [f"r {reference}" for reference in stated.references] + [f"doi {doi}" for doi in stated.dois]
    result |= {_hashed(name) | 1: 5.0 for name in strong}
    if key := " ".join(_WORD.findall(folded_title)):
        result[_hashed(f"t {key}") | 1] = 2.0
    return result


def common_words(sign: Features, seen_often: frozenset[int]) -> frozenset[str]:
    """The words of an item that the store's index found to be common."""
    return frozenset(c for c in sign.words if _hashed("w " + c) & ~1 in seen_often)


@cached(16_384, WORD_CHARACTERS)
def _hashed(text: str) -> int:
    """63 bits, as SQLite likes them."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
