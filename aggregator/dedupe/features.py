"""Extract what two items are compared by: weighted words, names, places and facts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from functools import cached_property

from aggregator.dedupe import clean_texts, text_dates, text_facts, text_names
from aggregator.dedupe.text_facts import TextFacts
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import (
    WORD,
    concepts,
    fold,
    title_key,
    weight,
    without_transliteration,
)
from aggregator.items.caches import MAX_WORD_CHARACTERS, cached
from aggregator.model.stories import Member
from aggregator.model.value_classes import dataclass

COMPARED_CHARACTERS = 600
"""Characters of a text that are compared: the subject of a story stands at its beginning."""
MEMBER_CHARACTERS = 1_500
"""Maximum characters of title and text of an item whose features are cached."""
NAME_WEIGHT, CAPITAL_WEIGHT = 2.0, 1.4
BEGINNING_WORDS, BEGINNING_CHARACTERS = 8, 200
"""Number of words by which a text is found that begins alike, and their maximum length."""
MIN_INDEXED_WEIGHT = 0.45
"""Minimum weight of a title's word that leads to candidates."""
MIN_RARE_DIGITS, MIN_NAME_CHARACTERS = 3, 5
"""Minimum length of a number and of a name that lead to candidates by themselves."""
MAX_INDEX_KEYS = 16
"""Maximum number of keys of one item that lead to candidates only together with others."""
_CAPITAL = "[A-ZÀ-ÖØ-Þ]"
# The capital comes first, because a search for what may stand before it would try every character.
_CAPITAL_INSIDE = re.compile(
    rf"{_CAPITAL}(?:(?<=[^\W_] {_CAPITAL})|(?<=[,;] {_CAPITAL})|(?<=\({_CAPITAL}))\w+"
)
_YEAR_IN_NAME = re.compile(r"^([a-z]{2,12})((?:19|20)\d\d)$")
_NUMBER_WITH_UNIT = re.compile(r"[0-9]+(?:m|k|bn|mn|mio|mrd|md|st|nd|rd|th|er|e|h)?")
"""A number, a sum as "2m", an ordinal: a fact and no word."""
_PLACES = ("town", "country")
_NONE: frozenset[str] = frozenset()
"""The empty set that all items share, because each further one takes 216 bytes."""
_CUT = re.compile(r"(?:…|\.\.\.)\s*(?:\[?\w{0,9}\]?)\s*$")


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """The features of an item for near evidence, each extracted at its first use.

    Words are concepts, each with its weight. `clean_title` is without what sites add. What is large or used rarely is
    not stored.
    """

    title_as_written: str
    clean_title: str
    text: str
    publisher: str
    language: str | None

    # --- texts ---

    @property
    def clean_text(self) -> str:
        """Return the beginning of the text, without addresses."""
        return clean_texts.clean_text(self.text[:COMPARED_CHARACTERS])

    @cached_property
    def folded_title(self) -> str:
        """Return the title in lower case without diacritics."""
        return fold(self.clean_title)

    @property
    def folded_text(self) -> str:
        """Return the text in lower case without diacritics."""
        return fold(self.clean_text)

    @cached_property
    def key(self) -> str:
        """Return the folded title without punctuation."""
        return title_key(self.folded_title)

    @cached_property
    def compact_title(self) -> str:
        """Return the key without spaces."""
        return self.key.replace(" ", "")

    @cached_property
    def title_is_cut(self) -> bool:
        """Return whether the title ends in an ellipsis."""
        return bool(_CUT.search(self.clean_title))

    @property
    def plain_words(self) -> frozenset[str]:
        """Return all words in lower case without diacritics and transliterations."""
        words = (*WORD.findall(self.folded_title), *self.folded_words_of_text)
        return frozenset(map(without_transliteration, words))

    @property
    def folded_words_of_text(self) -> list[str]:
        """Return the words of the text in lower case without diacritics, in their order."""
        return WORD.findall(self.folded_text)

    # --- words ---

    @cached_property
    def in_title(self) -> _Words:
        """Return the words of the title."""
        return _look_up(sorted({*_title_words(self.clean_title)}))

    @property
    def words_of_text(self) -> list[str]:
        """Return the words of the text as written."""
        return WORD.findall(self.clean_text)

    @property
    def capitals_inside(self) -> frozenset[str]:
        """Return words of the text with a capital inside a sentence: names, except in German."""
        return frozenset(_CAPITAL_INSIDE.findall(self.clean_text))

    @cached_property
    def in_both(self) -> _Words:
        """Return the words of title and text, each with its greater weight."""
        title = self.in_title
        capitals = self.capitals_inside if self.language != "de" else frozenset()
        text = _look_up(set(self.words_of_text), capitals)
        weights = text.weights
        weights |= {c: max(w, weights.get(c, 0)) for c, w in title.weights.items()}
        return _Words(
            weights=weights,
            names=title.names | text.names or _NONE,
            towns=title.towns | text.towns or _NONE,
            countries=title.countries | text.countries or _NONE,
        )

    @cached_property
    def has_text(self) -> bool:
        """Return whether the text has words that count."""
        meanings = (_meaning(match[0]) for match in WORD.finditer(self.clean_text))
        return any(meaning.weights and meaning.kind not in _PLACES for meaning in meanings)

    @cached_property
    def title(self) -> Mapping[str, float]:
        """Return the words of the title."""
        return self.in_title.weights

    @cached_property
    def words(self) -> Mapping[str, float]:
        """Return the words of title and text."""
        return self.in_both.weights

    @cached_property
    def title_weights(self) -> Mapping[str, float]:
        """Return the words of the title with their weights in title and text."""
        words = self.words
        return {concept: words[concept] for concept in self.title}

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the words that are names."""
        return self.in_both.names

    @cached_property
    def publisher_words(self) -> frozenset[str]:
        """Return the words of the publisher's name."""
        return _publisher_words(self.publisher)

    @cached_property
    def publisher_towns(self) -> frozenset[str]:
        """Return the towns of the publisher's name."""
        return _publisher_towns(self.publisher)

    @property
    def spelling(self) -> Mapping[str, str]:
        """Return each concept with one of its words as written."""
        return _spelling(self)

    @cached_property
    def title_in_order(self) -> tuple[str, ...]:
        """Return the words of the title in their order."""
        title = self.in_title.weights
        return tuple(c for word in self.key.split() for c in concepts(word) if c in title)

    def abbreviated(
        self, title: Mapping[str, float], words: Mapping[str, float], names: frozenset[str]
    ) -> Features:
        """Return the same item with acronyms in place of the words that they stand for."""
        item = copy(self)
        vars(item).update(title=title, words=words, names=names)
        vars(item).pop("title_weights", None)
        return item

    # --- names, places and facts ---

    @cached_property
    def towns(self) -> frozenset[str]:
        """Return the towns of title and text."""
        return self.in_both.towns

    @property
    def title_towns(self) -> frozenset[str]:
        """Return the towns of the title."""
        return self.in_title.towns

    @cached_property
    def countries(self) -> frozenset[str]:
        """Return the countries of title and text."""
        return self.in_both.countries

    @cached_property
    def phrases(self) -> frozenset[str]:
        """Return the pairs of capitalised words: persons, institutions."""
        return text_names.phrases(self.clean_title) | text_names.phrases(self.clean_text)

    @cached_property
    def initials(self) -> Mapping[str, frozenset[str]]:
        """Return the acronyms that capitalised words may have, with these words."""
        return text_names.initials(self.clean_title) | text_names.initials(self.clean_text)

    @cached_property
    def title_facts(self) -> TextFacts:
        """Return the facts of the title."""
        return text_facts.title_facts(self.clean_title, self.folded_title, self.language)

    @cached_property
    def facts(self) -> TextFacts:
        """Return the facts of title and text."""
        return self.title_facts | text_facts.body_facts(self.folded_text, self.language)

    @cached_property
    def title_phases(self) -> frozenset[str]:
        """Return the phases of the title, also where one is the name of the publisher."""
        return phases(fold(self.title_as_written))

    @cached_property
    def phases(self) -> frozenset[str]:
        """Return the phases of title and text."""
        return self.title_phases | phases(self.folded_text)


def for_member(member: Member) -> Features:
    """Extract the features of an item."""
    return of_texts((member.title, member.text, member.publisher, member.language))


@cached(4_608, MEMBER_CHARACTERS, lambda texts: len(texts[0]) + len(texts[1]))
def of_texts(texts: tuple[str, str, str, str | None]) -> Features:
    """Extract the features of a title and a text, of their publisher and language."""
    return extract(*texts)


def extract(title: str, text: str, publisher: str, language: str | None) -> Features:
    """Extract the features of a title and a text from a source named `publisher`."""
    return Features(
        title_as_written=title,
        clean_title=clean_texts.clean_title(title, publisher),
        text=text,
        publisher=publisher,
        language=language,
    )


@cached(512, MAX_WORD_CHARACTERS)
def _publisher_words(publisher: str) -> frozenset[str]:
    """Return the words of a publisher's name."""
    concepts_of_words = {c for word in WORD.findall(fold(publisher)) for c in concepts(word)}
    return frozenset(concepts_of_words | _look_up(WORD.findall(publisher)).names)


@cached(512, MAX_WORD_CHARACTERS)
def _publisher_towns(publisher: str) -> frozenset[str]:
    """Return the towns of a publisher's name."""
    towns = vocabulary().towns
    return frozenset(towns[word] for word in WORD.findall(fold(publisher)) if word in towns)


def index_keys(item: Features, *addresses: str) -> dict[int, float]:
    """Return the keys under which the store's index finds an item, each with its weight.

    An odd key leads to candidates by itself, even ones only several together. Keys of `addresses` are odd.
    """
    in_title = item.in_title
    capitalised = {word for word in item.words_of_text if not word.islower()}
    in_text = _look_up(capitalised, item.capitals_inside)
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
    rare += [f"n {number}" for number in facts.numbers if _is_rare(number)]
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


def _is_rare(number: str) -> bool:
    """Return whether few items have a number: a decimal one, or one of at least three digits."""
    return "." in number or sum(map(str.isdigit, number)) >= MIN_RARE_DIGITS


@cached(8_192, MAX_WORD_CHARACTERS)
def word_key(concept: str) -> int:
    """Return the index key of a word."""
    return _hash(f"w {concept}") & ~1


def address_key(address: str) -> int:
    """Return the key of a loose address, which leads to candidates by itself."""
    return _hash(f"@ {address}") | 1


def differ_in_language(a: Features, b: Features) -> bool:
    """Return whether two items are known to be in two languages."""
    return bool(a.language and b.language and a.language != b.language)


def towns_differ(a: Features, b: Features) -> bool:
    """Return whether two items are about other towns.

    A town of a text alone may be that of the other publisher, who need not name it.
    """
    if not a.towns or not b.towns or a.towns & b.towns:
        return False
    of_publisher = a.towns & b.publisher_towns or b.towns & a.publisher_towns
    return not of_publisher or bool(a.title_towns and b.title_towns)


def common_words(words: Iterable[str], common_keys: frozenset[int]) -> list[str]:
    """Return the words whose index keys are common."""
    return [word for word in words if word_key(word) in common_keys] if common_keys else []


def _title_words(title: str) -> list[str]:
    """Return the words of a title; in lower case if all of it is written in capitals."""
    words = WORD.findall(title)
    if sum(map(str.isupper, title)) > 0.6 * sum(map(str.isalpha, title)):
        return [word.lower() for word in words]
    return words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The concepts of words with their weights; which of them are names, towns, countries."""

    weights: dict[str, float]
    names: frozenset[str]
    towns: frozenset[str]
    countries: frozenset[str]


def _look_up(written_words: Collection[str], capitals_inside: frozenset[str] = frozenset()) -> _Words:
    """Look up words; those among `capitals_inside` weigh more than other plain words."""
    weights: dict[str, float] = {}
    names, places = set(), {"town": set[str](), "country": set[str]()}
    weight_of = weights.get
    for written in written_words:
        meaning = _meaning(written)
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
    return _Words(
        weights=weights,
        names=frozenset(names) or _NONE,
        towns=frozenset(places["town"]) or _NONE,
        countries=frozenset(places["country"]) or _NONE,
    )


@cached(128, MEMBER_CHARACTERS, lambda item: len(item.title_as_written) + len(item.text))
def _spelling(item: Features) -> dict[str, str]:
    """Return each concept with the first word for it, by alphabet and if possible of the title."""
    spelling: dict[str, str] = {}
    for written_words in (_title_words(item.clean_title), item.words_of_text):
        for written in sorted(set(written_words)):
            meaning = _meaning(written)
            if meaning.kind not in _PLACES:
                for concept, _ in meaning.weights:
                    spelling.setdefault(concept, written)
    return spelling


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The concepts of a word with their weights; `kind` is name, town, country or empty."""

    weights: tuple[tuple[str, float], ...] = ()
    kind: str = ""


@cached(16_384, MAX_WORD_CHARACTERS)
def _meaning(written: str) -> _Meaning:
    """Look up a word as it is written."""
    known = vocabulary()
    word = fold(written)
    if word in known.techniques and written.isupper():  # AI, EM: words of other languages in lower case
        return _Meaning(((word, weight(word, word)),))
    if _NUMBER_WITH_UNIT.fullmatch(word) or any(
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
    return _Meaning(tuple((concept, weight(concept, word)) for concept in concepts(word)))


def _is_name(written: str) -> bool:
    """Return whether a word is an acronym or has capitals or digits inside: MAdMiC, NFDI, w26."""
    if len(written) < 2:
        return False
    return (written[1:] != written[1:].lower() and written[0] != "'") or (
        any(c.isdigit() for c in written) and any(c.isalpha() for c in written) and not written[0].isdigit()
    )


@cached(16_384, MAX_WORD_CHARACTERS)
def _hash(text: str) -> int:
    """Hash to 63 bits, the positive integers of SQLite."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
