"""Extract what two items are compared by: weighted words, names, places and facts."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aggregator.dedupe import text_dates, text_facts
from aggregator.dedupe.text_facts import TextFacts
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import concepts, fold, weight
from aggregator.items.caches import WORD_CHARACTERS, cached
from aggregator.model.stories import Member

COMPARED_CHARACTERS = 600
"""Characters of a text that are compared: the subject of a story stands at its beginning."""
MEMBER_CHARACTERS = 1_500
"""Maximum characters of title and text of an item whose features are cached."""
NAME_WEIGHT, CAPITAL_WEIGHT = 2.0, 1.4
MAX_INDEX_KEYS = 16
"""Maximum number of keys of one item that lead to candidates only together with others."""
_WORD = re.compile(r"[^\W_]+")
_CAPITAL_INSIDE = re.compile(r"(?:(?<=[^\W_] )|(?<=, )|(?<=; ))[A-ZÀ-ÖØ-Þ]\w+|(?<=\()[A-ZÀ-ÖØ-Þ]\w+")
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
    """An item as near evidence sees it; words are concepts, each with its weight.

    `title` has the words of the title, `words` those of title and text, `names` those of them that are names.
    `context` has the words of the publisher's name. `key` is the folded title without punctuation. `spelling` has
    for each concept the word as it was written.
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
    spelling: Mapping[str, str]


@cached(2_048, MEMBER_CHARACTERS, lambda member: len(member.title) + len(member.text))
def for_member(member: Member) -> Features:
    """Extract the features of an item."""
    return extract(member.title, member.text, member.publisher, member.language)


def extract(title: str, text: str, publisher: str, language: str | None) -> Features:
    """Extract the features of a title and a text from a source named `publisher`."""
    title, text = _clean_title(title, publisher), _clean_text(text)
    folded_title, folded_text = fold(title), fold(text)
    in_title = _look_up(_title_words(title))
    in_text = _look_up(_WORD.findall(text), _capitals_inside(text) if language != "de" else frozenset())
    title_facts = text_facts.title_facts(title, folded_title)
    title_phases = phases(folded_title)
    return Features(
        key=_key(folded_title),
        title=in_title.weights,
        words=in_text.weights | {c: max(w, in_text.weights.get(c, 0)) for c, w in in_title.weights.items()},
        names=in_title.names | in_text.names,
        context=frozenset(c for w in _WORD.findall(fold(publisher)) for c in concepts(w)),
        towns=in_title.towns | in_text.towns,
        title_towns=in_title.towns,
        countries=in_title.countries | in_text.countries,
        title_facts=title_facts,
        facts=title_facts | text_facts.body_facts(folded_text),
        phases=title_phases | phases(folded_text),
        title_phases=title_phases,
        language=language,
        spelling=in_text.spelling | in_title.spelling,
    )


def index_keys(title: str, text: str, publisher: str, *addresses: str) -> dict[int, float]:
    """Return the keys under which the store's index finds an item, each with its weight.

    An odd key leads to candidates by itself, even ones only several together. Keys of `addresses` are odd.
    """
    title, text = _clean_title(title, publisher), _clean_text(text)
    folded_title = fold(title)
    in_title = _look_up(_title_words(title))
    capitalised = (word for word in _WORD.findall(text) if not word.islower())
    in_text = _look_up(capitalised, _capitals_inside(text))
    facts = text_facts.title_facts(title, folded_title) | text_facts.index_facts(fold(text))
    weights = {f"w {c}": w + 0.5 for c, w in in_title.weights.items() if w >= 1.0}
    weights |= {f"w {c}": w for c, w in in_text.weights.items() if w > 1.0 and c not in in_title.weights}
    weights |= {f"d {date}": 1.6 for date in facts.dates}
    weights |= {f"a {amount}": 2.5 for amount in facts.amounts}
    weights |= {f"v {version}": 1.8 for version in facts.versions}
    weights |= {f"p {town}": 1.1 for town in in_title.towns | in_text.towns}
    best = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_INDEX_KEYS]
    keys = {_hash(name) & ~1: worth for name, worth in best}
    sufficient = [f"r {reference}" for reference in facts.references] + [f"doi {doi}" for doi in facts.dois]
    keys |= {_hash(name) | 1: 5.0 for name in sufficient}
    keys |= {address_key(address): 5.0 for address in addresses}
    if key := _key(folded_title):
        keys[_hash(f"t {key}") | 1] = 2.0
    return keys


def address_key(address: str) -> int:
    """Return the key of a loose address, which leads to candidates by itself."""
    return _hash(f"@ {address}") | 1


def differ_in_language(a: Features, b: Features) -> bool:
    """Return whether two items are known to be in two languages."""
    return bool(a.language and b.language and a.language != b.language)


def common_words(features: Features, common_keys: frozenset[int]) -> frozenset[str]:
    """Return the words of an item whose index keys are common."""
    return frozenset(c for c in features.words if _hash("w " + c) & ~1 in common_keys)


def _key(folded_title: str) -> str:
    return " ".join(_WORD.findall(folded_title))


def _clean_title(title: str, publisher: str) -> str:
    """Return a title without what sites add to it: "[Announcement] …", "News | …", "… | Site"."""
    title = title if title.isascii() else unicodedata.normalize("NFKC", title)
    title = _DECORATION.sub("", title) or title
    suffix = _SUFFIX.search(title)
    if suffix and fold(suffix[1]) in fold(publisher):
        title = title[: suffix.start()]
    return _POSSESSIVE.sub("", title)


def _clean_text(text: str) -> str:
    text = text[:COMPARED_CHARACTERS]
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    text = _URL.sub(" ", text) if "http" in text else text
    return _POSSESSIVE.sub("", text) if "'" in text or "’" in text else text


def _title_words(title: str) -> list[str]:
    """Return the words of a title; in lower case if all of it is written in capitals."""
    words = _WORD.findall(title)
    letters = [c for c in title if c.isalpha()]
    if sum(c.isupper() for c in letters) > 0.6 * len(letters):
        return [word.lower() for word in words]
    return words


def _capitals_inside(text: str) -> frozenset[str]:
    """Return words with a capital inside a sentence: names, except in titles and in German."""
    return frozenset(_CAPITAL_INSIDE.findall(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The concepts of some words with their weights and spelling, which are names, and places."""

    weights: dict[str, float]
    names: frozenset[str]
    towns: frozenset[str]
    countries: frozenset[str]
    spelling: dict[str, str]


def _look_up(written_words: Iterable[str], capitals_inside: frozenset[str] = frozenset()) -> _Words:
    """Look up words; those among `capitals_inside` weigh more than other plain words."""
    weights: dict[str, float] = {}
    spelling: dict[str, str] = {}
    names, towns, countries = set(), set(), set()
    for written in dict.fromkeys(written_words):
        meaning = _meaning(written)
        if meaning.kind == "town":
            towns.add(meaning.weights[0][0])
        elif meaning.kind == "country":
            countries.add(meaning.weights[0][0])
        else:
            for concept, usual in meaning.weights:
                worth = CAPITAL_WEIGHT if usual == 1.0 and written in capitals_inside else usual
                weights[concept] = max(worth, weights.get(concept, 0))
                spelling.setdefault(concept, written)
            if meaning.kind == "name":
                names.add(meaning.weights[0][0])
    return _Words(
        weights=weights,
        names=frozenset(names),
        towns=frozenset(towns),
        countries=frozenset(countries),
        spelling=spelling,
    )


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The concepts of a word with their weights; `kind` is name, town, country or empty."""

    weights: tuple[tuple[str, float], ...] = ()
    kind: str = ""


@cached(16_384, WORD_CHARACTERS)
def _meaning(written: str) -> _Meaning:
    """Look up a word as it is written."""
    known = vocabulary()
    word = fold(written)
    if word in known.techniques and written.isupper():  # AI, EM: words of other languages in lower case
        return _Meaning(((word, weight(word)),))
    if word.isdigit() or any(
        word in words for words in (known.stop, text_dates.MONTHS, known.numbers, known.ordinals)
    ):
        return _Meaning()
    if match := _YEAR_IN_NAME.match(word):
        word, written = match[1], written[: len(match[1])]
    if len(word) < 2:
        return _Meaning()
    if word in known.towns:
        return _Meaning(((known.towns[word], 0.0),), "town")
    if word in known.countries:
        return _Meaning(((known.countries[word], 0.0),), "country")
    if _is_name(written) and word not in known.techniques:
        return _Meaning(((word, NAME_WEIGHT if len(word) > 2 else 1.0),), "name")
    return _Meaning(tuple((concept, weight(concept)) for concept in concepts(word)))


def _is_name(written: str) -> bool:
    """Return whether a word is an acronym or has capitals or digits inside: MAdMiC, NFDI, w26."""
    if len(written) < 2:
        return False
    return (written[1:] != written[1:].lower() and written[0] != "'") or (
        any(c.isdigit() for c in written) and any(c.isalpha() for c in written) and not written[0].isdigit()
    )


@cached(16_384, WORD_CHARACTERS)
def _hash(text: str) -> int:
    """Hash to 63 bits, the positive integers of SQLite."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
