"""Extract what two items are compared by: weighted words, names, places and facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from functools import cached_property

from aggregator.dedupe import clean_texts, text_facts, text_names
from aggregator.dedupe.text_facts import TextFacts
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.phases import phases
from aggregator.dedupe.vocabulary.words import (
    WORD,
    concepts,
    fold,
    title_key,
    without_transliteration,
)
from aggregator.dedupe.word_meanings import NO_WORDS, PLACES, Words, look_up, meaning_of
from aggregator.items.caches import MAX_WORD_CHARACTERS, cached
from aggregator.model.stories import Member
from aggregator.model.value_classes import dataclass

COMPARED_CHARACTERS = 600
"""Characters of a text that are compared: the subject of a story stands at its beginning."""
MEMBER_CHARACTERS = 1_500
"""Maximum characters of title and text of an item whose features are cached."""
_CAPITAL = "[A-ZÀ-ÖØ-Þ]"
# The capital comes first, because a search for what may stand before it would try every character.
_CAPITAL_INSIDE = re.compile(
    rf"{_CAPITAL}(?:(?<=[^\W_] {_CAPITAL})|(?<=[,;] {_CAPITAL})|(?<=\({_CAPITAL}))\w+"
)
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
    def in_title(self) -> Words:
        """Return the words of the title."""
        return look_up(sorted({*_title_words(self.clean_title)}))

    @property
    def words_of_text(self) -> list[str]:
        """Return the words of the text as written."""
        return WORD.findall(self.clean_text)

    @property
    def capitals_inside(self) -> frozenset[str]:
        """Return words of the text with a capital inside a sentence: names, except in German."""
        return frozenset(_CAPITAL_INSIDE.findall(self.clean_text))

    @cached_property
    def in_both(self) -> Words:
        """Return the words of title and text, each with its greater weight."""
        title = self.in_title
        capitals = self.capitals_inside if self.language != "de" else frozenset()
        text = look_up(set(self.words_of_text), capitals)
        weights = text.weights
        weights |= {c: max(w, weights.get(c, 0)) for c, w in title.weights.items()}
        return Words(
            weights=weights,
            names=title.names | text.names or NO_WORDS,
            towns=title.towns | text.towns or NO_WORDS,
            countries=title.countries | text.countries or NO_WORDS,
        )

    @cached_property
    def has_text(self) -> bool:
        """Return whether the text has words that count."""
        meanings = (meaning_of(match[0]) for match in WORD.finditer(self.clean_text))
        return any(meaning.weights and meaning.kind not in PLACES for meaning in meanings)

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

    @property
    def titled_phrases(self) -> frozenset[str]:
        """Return the pairs of capitalised words of which the title has both."""
        words = {without_transliteration(word) for word in self.key.split()}
        return frozenset(each for each in self.phrases if words.issuperset(each.split()))

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
    return frozenset(concepts_of_words | look_up(WORD.findall(publisher)).names)


@cached(512, MAX_WORD_CHARACTERS)
def _publisher_towns(publisher: str) -> frozenset[str]:
    """Return the towns of a publisher's name."""
    towns = vocabulary().towns
    return frozenset(towns[word] for word in WORD.findall(fold(publisher)) if word in towns)


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


def _title_words(title: str) -> list[str]:
    """Return the words of a title; in lower case if all of it is written in capitals."""
    words = WORD.findall(title)
    if sum(map(str.isupper, title)) > 0.6 * sum(map(str.isalpha, title)):
        return [word.lower() for word in words]
    return words


@cached(128, MEMBER_CHARACTERS, lambda item: len(item.title_as_written) + len(item.text))
def _spelling(item: Features) -> dict[str, str]:
    """Return each concept with the first word for it, by alphabet and if possible of the title."""
    spelling: dict[str, str] = {}
    for written_words in (_title_words(item.clean_title), item.words_of_text):
        for written in sorted(set(written_words)):
            meaning = meaning_of(written)
            if meaning.kind not in PLACES:
                for concept, _ in meaning.weights:
                    spelling.setdefault(concept, written)
    return spelling
