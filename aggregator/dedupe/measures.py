"""Measure how far two items agree, in one function for each kind of evidence.

Each measure has a value from data of the two items alone, without a weight. Weights are in weights.json (`model`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from aggregator.dedupe import reason_words, semantic, text_facts
from aggregator.dedupe.boilerplate import boilerplate
from aggregator.dedupe.features import Features, towns_differ
from aggregator.dedupe.title_comparison import same_title, title_difference
from aggregator.dedupe.vocabulary.words import is_rare, tools
from aggregator.dedupe.weighed_pairs import Pair
from aggregator.model.stories import Member

MIN_SPECIFIC_WEIGHT = 3.0
"""Minimum weight of shared particular words and facts that are together no template."""
LARGE_AMOUNT = 20_000
"""Minimum amount that is rarely equal by chance."""
_OBITUARIES = frozenset({"die", "mourn", "obituary", "remember"})
"""Concepts of titles of obituaries."""
MAX_LISTED = 5
"""Maximum number of words that a reason lists."""
MIN_WORTH_OF_WORDS = 0.3
"""Minimum weight of the words of two texts that is measured."""
_OTHER_PLACES = "they name different places"


class Measure(NamedTuple):
    """How far two items agree in one respect: a value of at least 0, and the reason in words."""

    name: str
    value: float
    reason: Callable[[], str]
    """Return the reason; it is worded only for what is stored or printed."""


Measures = Iterator[Measure]


# --- titles ----------------------------------------------------------------------------------------------


def titles(pair: Pair) -> Measures:
    """Compare the words of the titles by weight: equal titles, contained ones, and common words."""
    a, b = pair.a, pair.b
    weights = pair.weights
    shared = a.title.keys() & b.title.keys()
    common = _total(weights, shared)
    if same_title(a, b):
        least = 1.0 if a.facts.dates & b.facts.dates else 0.5  # a title with a date is hardly a template
        yield Measure(f"{pair.kind}same title", least + min(common, 5.0) / 10, lambda: "the same title")
    if not shared:
        return
    whole_a, whole_b = _total(weights, a.title), _total(weights, b.title)
    contained = common / max(min(whole_a, whole_b), 1.0)
    overlap = common / max(whole_a + whole_b - common, 1.0)
    yield Measure(f"{pair.kind}title", overlap, lambda: f"the titles are {overlap:.0%} alike")
    yield Measure(
        f"{pair.kind}title contained",
        contained,
        lambda: f"{contained:.0%} of the shorter title is in the other, counting rare words more",
    )
    whole = common / max(whole_a, whole_b, 1.0)
    yield Measure(
        f"{pair.kind}whole title",
        whole**2,
        lambda: f"{whole:.0%} of the longer title is in the other, counting rare words more",
    )
    if pairs := _neighbours(a, shared) & _neighbours(b, shared):
        worth = math.fsum(sorted(sum(weights.get(c, 0.5) for c in each) / 2 for each in pairs))
        yield Measure(
            f"{pair.kind}word pairs", math.log1p(worth), lambda: f"both titles say {_listed_pairs(pairs, a)}"
        )
    yield Measure(
        f"{pair.kind}title words",
        math.log1p(common),
        lambda: f"both titles say {_listed(weights, shared, a, b)}",
    )


def _neighbours(item: Features, shared: Set[str]) -> set[tuple[str, str]]:
    """Return the pairs of neighbouring words of a title that both titles have."""
    return {
        (x, y) if x < y else (y, x) for x, y in pairwise(item.title_in_order) if x in shared and y in shared
    }


def _listed_pairs(pairs: Iterable[tuple[str, str]], item: Features) -> str:
    spelling = item.spelling
    return ", ".join(sorted(" ".join(spelling.get(c, c) for c in pair) for pair in pairs)[:MAX_LISTED])


def subjects(pair: Pair) -> Measures:
    """Measure the words of each title that the other item lacks: two subjects, or two wordings."""
    a, b = pair.a, pair.b
    if same_title(a, b):
        return
    weights = pair.weights
    alone_a, alone_b = missing(a, b), missing(b, a)
    shares = [
        _total(weights, alone) / max(_total(weights, each.title), 1.0)
        for alone, each in ((alone_a, a), (alone_b, b))
    ]
    if min(shares):
        yield Measure(
            f"{pair.kind}unlike titles",
            min(shares),
            lambda: (
                f"only one title says {_listed(weights, alone_a, a)},"
                f" only the other {_listed(weights, alone_b, b)}"
            ),
        )


def template(pair: Pair) -> Measures:
    """Recognise a template used twice: one beginning and end, and another middle."""
    if not same_title(pair.a, pair.b) and (diff := title_difference(pair.a, pair.b)):
        yield Measure(f"{pair.kind}template", diff.equal_share, diff.reason)


def missing(one: Features, other: Features) -> set[str]:
    """Return the words of one title that the other item lacks, without publishers' names."""
    return one.title.keys() - other.words.keys() - other.publisher_words - one.publisher_words


# --- words -----------------------------------------------------------------------------------------------


def title_in_text(pair: Pair) -> Measures:
    """Compare the words of each title with the text of the other."""
    a, b = pair.a, pair.b
    weights = pair.weights
    if titled := pair.shared & (a.title.keys() ^ b.title.keys()):
        covered = sum(
            _total(weights, titled & x.title.keys()) / max(_total(weights, x.title), 1.0) for x in (a, b)
        )
        yield Measure(
            f"{pair.kind}title in text",
            covered,
            lambda: f"the text of one has words of the other's title, {_listed(weights, titled, a, b)}",
        )


def words(pair: Pair) -> Measures:
    """Compare the words of the texts by weight, without those of boilerplate."""
    untitled = _untitled(pair)
    if (
        untitled
        and (untitled := untitled - boilerplate(pair.a, pair.b))
        and (value := _value_of_words(pair, untitled))
    ):
        yield Measure(
            f"{pair.kind}words",
            value,
            lambda: f"both texts say {_listed(pair.weights, untitled, pair.a, pair.b)}",
        )


def most_words(pair: Pair) -> float:
    """Return the value of `words` without regard to boilerplate, which only lowers it."""
    return _value_of_words(pair, _untitled(pair))


def _untitled(pair: Pair) -> Set[str]:
    """Return the words of both texts that are neither in a title nor names."""
    a, b = pair.a, pair.b
    return pair.shared - a.title.keys() - b.title.keys() - a.names - b.names


def _value_of_words(pair: Pair, concepts: Iterable[str]) -> float:
    worth = math.fsum(pair.weights[c] ** 2 for c in concepts)
    return math.log1p(worth) if worth > MIN_WORTH_OF_WORDS else 0.0


def names(pair: Pair) -> Measures:
    """Compare names and acronyms; those of publishers weigh less."""
    a, b = pair.a, pair.b
    weights = pair.weights
    shared = (pair.shared & a.names) | (pair.shared & b.names)
    both = shared & a.title.keys() & b.title.keys()
    for name, some in ((f"{pair.kind}names in titles", both), (f"{pair.kind}names", shared - both)):
        if some and (worth := _total(weights, some)):
            reason = partial(_both_name, weights, some, a, b)
            yield Measure(name, math.log1p(worth), reason)


def _both_name(weights: Mapping[str, float], names: Set[str], a: Features, b: Features) -> str:
    return f"both name {_listed(weights, names, a, b)}"


def phrases(pair: Pair) -> Measures:
    """Compare pairs of capitalised words: persons, institutions, projects."""
    a, b = pair.a, pair.b
    shared = {
        each
        for each in a.phrases & b.phrases
        if not set(each.split()) <= a.publisher_words | b.publisher_words
    }
    if shared:
        yield Measure(
            f"{pair.kind}persons", math.log1p(len(shared)), lambda: f"both name {_of(map(str.title, shared))}"
        )


def obituaries(pair: Pair) -> Measures:
    """Recognise two obituaries of one person."""
    a, b = pair.a, pair.b
    if _is_obituary(a) and _is_obituary(b) and (shared := a.titled_phrases & b.titled_phrases):
        yield Measure("obituary", 1.0, lambda: f"both are obituaries of {_of(map(str.title, shared))}")


def _is_obituary(item: Features) -> bool:
    return not _OBITUARIES.isdisjoint(item.title) or text_facts.names_life(item.folded_title)


# --- facts -----------------------------------------------------------------------------------------------


def dates(pair: Pair) -> Measures:
    """Compare days."""
    a, b = pair.a, pair.b
    one, other = a.facts.dates, b.facts.dates
    if shared := sorted(one & other):
        yield Measure(
            f"{pair.kind}dates",
            min(len(shared), 3) ** 0.5,
            lambda: f"both give the date {reason_words.days(shared)}",
        )
    elif one and other:
        yield Measure(
            "other dates",
            1.0,
            lambda: f"they give different dates, {reason_words.days(one)} and {reason_words.days(other)}",
        )


def amounts(pair: Pair) -> Measures:
    """Compare amounts of money, and of millions."""
    a, b = pair.a, pair.b
    one, other = a.facts.amounts, b.facts.amounts
    if shared := sorted(one & other):
        worth = sum(1.0 if amount >= LARGE_AMOUNT else 0.5 for amount in shared)
        yield Measure(
            f"{pair.kind}amounts",
            min(worth, 2.0),
            lambda: f"both give the sum {', '.join(f'{n:,}' for n in shared)}",
        )
    elif one and other and not text_facts.in_two_currencies(a.facts, b.facts):
        yield Measure("other amounts", 1.0, lambda: f"they give different sums, {_of(one)} and {_of(other)}")


def numbers(pair: Pair) -> Measures:
    """Compare numbers, versions and the years of titles."""
    a, b = pair.a, pair.b
    shared = a.facts.numbers & b.facts.numbers
    if versions := a.facts.versions & b.facts.versions:
        yield Measure("versions", 1.0, lambda: f"both give the version {_of(versions)}")
    if shared:
        worth = sum(min(sum(map(str.isdigit, number)), 3) - 0.5 for number in shared)
        yield Measure(f"{pair.kind}numbers", math.log1p(worth), lambda: f"both give the number {_of(shared)}")
    for name, x, y in (
        ("other numbers", _decisive(a), _decisive(b)),
        ("other numbers in titles", a.title_facts.numbers, b.title_facts.numbers),
    ):
        if x - y and y - x and not shared:
            yield Measure(name, 1.0, partial(_others, "they give different numbers", x, y))
    if years := a.title_facts.years & b.title_facts.years:
        yield Measure("years", 1.0, lambda: f"both titles give the year {_of(years)}")


def _decisive(item: Features) -> set[str]:
    """Return the numbers of an item without single digits of its text, which count side matters."""
    return {n for n in item.facts.numbers if len(n) > 1 or n in item.title_facts.numbers}


def references(pair: Pair) -> Measures:
    """Compare DOIs, and reference numbers as of a vacancy or a vulnerability."""
    a, b = pair.a, pair.b
    if shared := (a.facts.references & b.facts.references) | (a.facts.dois & b.facts.dois):
        yield Measure("reference", 1.0, lambda: f"both give the reference {_of(shared)}")


def places(pair: Pair) -> Measures:
    """Compare towns, and countries where no town agrees."""
    a, b = pair.a, pair.b
    if towns := a.towns & b.towns:
        own = towns <= a.publisher_towns | b.publisher_towns
        yield Measure(
            f"{pair.kind}places", 0.5 if own else 1.0, lambda: f"both name {_of(map(str.title, towns))}"
        )
    elif countries := a.countries & b.countries:
        yield Measure("countries", 1.0, lambda: f"both name {_of(map(str.title, countries))}")
    if towns_differ(a, b):
        yield Measure("other places", 1.0, partial(_others, _OTHER_PLACES, a.towns, b.towns))
    if a.countries and b.countries and not a.countries & b.countries:
        yield Measure("other countries", 1.0, partial(_others, _OTHER_PLACES, a.countries, b.countries))


def particular(pair: Pair) -> Measures:
    """Recognise a pair that shares only common words of announcements."""
    worth = shared_worth(pair)
    if worth < MIN_SPECIFIC_WEIGHT:
        yield Measure(
            f"{pair.kind}unspecific", 1 - worth / MIN_SPECIFIC_WEIGHT, lambda: reason_words.COMMON_ONLY
        )


def shared_worth(pair: Pair) -> float:
    """Return the weight of the particular words and facts that two items share."""
    a, b = pair.a, pair.b
    shared = [c for c in pair.shared if is_rare(c) and c not in tools()]
    released = "release" in a.title and "release" in b.title
    facts = (
        len(a.facts.dates & b.facts.dates)
        + 2 * len(a.facts.amounts & b.facts.amounts)
        + len(a.towns & b.towns)
        + 2 * len(a.phrases & b.phrases)
        + (2 if released else 1) * len(a.facts.versions & b.facts.versions)
        + 3 * len((a.facts.references & b.facts.references) | (a.facts.dois & b.facts.dois))
        + sum(1 if "." in number else 0.5 for number in a.facts.numbers & b.facts.numbers)
    )
    return _total(pair.weights, shared) + facts


def mention(pair: Pair) -> Measures:
    """Recognise an item that names the publisher of the other."""
    a, b = pair.a, pair.b
    for one, other in ((a, b), (b, a)):
        named = {
            c for c in (one.words.keys() & other.publisher_words) - one.publisher_words if one.words[c] > 0.6
        }
        if named:
            yield Measure("mention", 1.0, partial(_names_publisher, named, one))
            return


def _names_publisher(named: Set[str], one: Features) -> str:
    return f"one names the other's publisher ({reason_words.words(sorted(named), one)})"


Piece = Callable[[Pair], Measures | None]
NEAR: tuple[Piece, ...] = (
    titles,
    subjects,
    template,
    title_in_text,
    words,
    names,
    phrases,
    obituaries,
    dates,
    amounts,
    numbers,
    references,
    places,
    particular,
    mention,
)
NAMES: Mapping[Piece, str] = {
    phrases: "persons",
    words: "words",
    subjects: "unlike titles",
    template: "template",
    particular: "unspecific",
}
"""Functions that take long and are called where their measure, named here, has a weight."""
LATER: Mapping[Piece, Callable[[Pair], float]] = {
    words: most_words,
    subjects: lambda _: 1.0,
    template: lambda _: 1.0,
    particular: lambda _: 1.0,
}
"""Functions that are called last, with a maximum of their values that takes less time."""


# --- circumstances ---------------------------------------------------------------------------------------


def closeness(a: Member, b: Member) -> Measures:
    """Compare the sort times."""
    days = abs(a.sort_time - b.sort_time) / timedelta(days=1)
    name = "time" if a.dated and b.dated else "time seen"
    yield Measure(name, 1 / (1 + days / 4), lambda: reason_words.published_within(math.ceil(days)))


def pointer(a: Member, b: Member) -> Measures:
    """Recognise an item that links to the page of the other in a text of its own."""
    if shared := (a.pointers & b.links) | (b.pointers & a.links):
        yield Measure("link", 1.0, lambda: f"one links the other's page, {min(shared)}")


def meaning(a: Member, b: Member) -> Measure | None:
    """Compare the meaning of titles and texts, where the extra `semantic` is installed."""
    alike = semantic.similarity(f"{a.title}. {a.text}", f"{b.title}. {b.text}")
    if alike is None:
        return None
    return Measure(semantic.EVIDENCE, max(alike, 0.0), lambda: f"the meanings are {alike:.0%} alike")


# --- words and sums --------------------------------------------------------------------------------------


def _total(weights: Mapping[str, float], concepts: Iterable[str]) -> float:
    # Exact, so that the order of a set does not matter.
    return math.fsum(map(weights.__getitem__, concepts))


def _listed(weights: Mapping[str, float], concepts: Set[str], *items: Features) -> str:
    return reason_words.words(sorted(concepts, key=lambda c: (-weights[c], c))[:MAX_LISTED], *items)


def _of(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values))[:MAX_LISTED])


def _others(what: str, one: Iterable[object], other: Iterable[object]) -> str:
    return f"{what}, {_of(one)} and {_of(other)}"
