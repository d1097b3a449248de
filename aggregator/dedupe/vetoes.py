"""Why two items cannot tell the same news although much agrees: each veto a small function that says so in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from typing import Any

from aggregator.dedupe import features
from aggregator.dedupe.evidence import title_likeness
from aggregator.dedupe.features import Features, for_member
from aggregator.dedupe.vocabulary.phases import HARD
from aggregator.dedupe.vocabulary.places import TOWNS
from aggregator.dedupe.vocabulary.words import ACTS, FIELD, HOUSE, SEASONS, STOP, TECHNIQUES, TEMPLATE, TYPES
from aggregator.model.stories import Member

DISTINCT, SLOT = 1.3, 0.9
"""So much weight of unlike words in both titles makes them titles of two things; less where all else is equal."""


TEMPLATE_LIKE = 0.8
"""Titles alike to such a degree are one title, or one template."""
_MEETING = re.compile(r"(kick ?off|auftakt|annual|final|closing|mid ?term|jahrestreffen|abschluss)(?!\w)")


def _differ(what: str, one: Iterable[object], other: Iterable[object]) -> str:
    return f"{what}: {_told_all(one)} here, {_told_all(other)} there"


def _told_all(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values)))


# --- titles: these also part what shares an address -----------------------------------------------------


def other_turn(a: Features, b: Features) -> str | None:
    """One is cancelled, extended, awarded, looked back at; the other is not."""
    for one, other in ((a, b), (b, a)):
        if alone := (one.title_phases & HARD) - other.phases:
            return f"only one says “{min(alone)}”"
    return None


def other_version(a: Features, b: Features) -> str | None:
    """Versions in the titles that the other does not give."""
    return _unlike(
        "versions", a.title_facts.versions, b.title_facts.versions, a.facts.versions, b.facts.versions
    )


def other_number(a: Features, b: Features) -> str | None:
    """Numbers, ordinals, parts, Roman numerals in the titles that the other does not give."""
    one, other = a.title_facts, b.title_facts
    known_a, known_b = a.facts.numbers | a.facts.versions, b.facts.numbers | b.facts.versions
    return _unlike("numbers", one.numbers, other.numbers, known_a, known_b)


def other_part(a: Features, b: Features) -> str | None:
    """A part of a series, where the other names another one or none."""
    for one, other in ((a, b), (b, a)):
        known = other.title_facts.parts | other.facts.numbers
        if alone := one.title_facts.parts - known:
            return f"only one is part {min(alone)}"
    return None


def other_year(a: Features, b: Features) -> str | None:
    """Years in the titles."""
    return _disjoint("years", a.title_facts.years, b.title_facts.years)


def other_month(a: Features, b: Features) -> str | None:
    """Months and days in the titles."""
    return _disjoint("months", a.title_facts.months, b.title_facts.months) or _disjoint(
        "dates", a.title_facts.dates, b.title_facts.dates
    )


TITLE: tuple[Callable[[Features, Features], str | None], ...] = (
    other_turn,
    other_version,
    other_number,
    other_part,
    other_year,
    other_month,
)


# --- near: these part what only looks alike ---------------------------------------------------------------


def other_phase(a: Features, b: Features) -> str | None:
    """Two stages of one thing: registration open, programme online."""
    if a.title_phases and b.title_phases and not (a.title_phases & b.phases or b.title_phases & a.phases):
        return f"one says “{min(a.title_phases)}”, the other “{min(b.title_phases)}”"
    return None


def any_other_year(a: Features, b: Features) -> str | None:
    """Years anywhere."""
    return _disjoint("years", a.facts.years, b.facts.years)


def other_sum(a: Features, b: Features) -> str | None:
    """Sums anywhere."""
    return _disjoint("sums", a.facts.amounts, b.facts.amounts)


def other_reference(a: Features, b: Features) -> str | None:
    """Reference numbers anywhere."""
    return _disjoint("reference numbers", a.facts.references, b.facts.references) or _disjoint(
        "DOIs", a.facts.dois, b.facts.dois
    )


def other_date(a: Features, b: Features) -> str | None:
    """Days of one title that the other does not give, though it gives days."""
    for one, other in ((a, b), (b, a)):
        if one.title_facts.dates and other.facts.dates and not one.title_facts.dates & other.facts.dates:
            return _differ("dates", one.title_facts.dates, other.facts.dates)
    alone_a, alone_b = a.facts.dates - b.facts.dates, b.facts.dates - a.facts.dates
    if alone_a and alone_b and title_likeness(a, b) >= TEMPLATE_LIKE:
        return _differ("dates", alone_a, alone_b)
    return None


def other_place(a: Features, b: Features) -> str | None:
    """Towns, or countries where no town agrees."""
    towns = _disjoint("places", a.towns, b.towns)
    if towns or a.towns & b.towns:
        return towns
    return _disjoint("countries", a.countries, b.countries)


def other_subject(a: Features, b: Features) -> str | None:
    """Words of both titles that the other side does not know at all: two fillings of one template."""
    foreign = bool(a.language and b.language and a.language != b.language)
    alone_a, alone_b = _alone(a, b, foreign), _alone(b, a, foreign)
    limit = SLOT if title_likeness(a, b) >= 0.5 else DISTINCT
    if min(sum(alone_a.values()), sum(alone_b.values())) < limit:
        return None
    return f"one is about {_told(alone_a)}, the other about {_told(alone_b)}"


def other_slot(a: Features, b: Features) -> str | None:
    """The same, in titles that are alike: here any words will do, and the publishers' own names."""
    if a.key == b.key or title_likeness(a, b) < 0.5:
        return None
    foreign = bool(a.language and b.language and a.language != b.language)
    alone_a, alone_b = (
        {c: w for c, w in _alone(one, other, foreign, own=True).items() if c not in ACTS}
        for one, other in ((a, b), (b, a))
    )
    if not alone_a or not alone_b:
        return None
    return f"one is about {_told(alone_a)}, the other about {_told(alone_b)}"


def other_aspect(a: Features, b: Features) -> str | None:
    """One title goes on where the other ends, with something that the other does not know at all."""
    for one, other in ((a, b), (b, a)):
        if other.key and one.key.startswith(other.key + " "):
            if one.key[len(other.key) :].split()[0] in STOP:  # the same sentence, with more words
                continue
            foreign = bool(a.language and b.language and a.language != b.language)
            alone = _alone(one, other, foreign)
            if any(worth >= 1.0 for worth in alone.values()):
                return f"only one is about {_told(alone)}"
    return None


def other_meeting(a: Features, b: Features) -> str | None:
    """A kick-off beside an annual meeting."""
    return _disjoint("meetings", set(_MEETING.findall(a.key)), set(_MEETING.findall(b.key)))


def other_sort(a: Features, b: Features) -> str | None:
    """A workshop beside a conference, a call beside a survey."""
    sorts_a, sorts_b = ({TYPES[c] for c in s.title if c in TYPES} for s in (a, b))
    known_a, known_b = ({TYPES[c] for c in s.words if c in TYPES} for s in (a, b))
    if sorts_a and sorts_b and not sorts_a & known_b and not sorts_b & known_a:
        return f"one tells of a {min(sorts_a)}, the other of a {min(sorts_b)}"
    return None


def other_season(a: Features, b: Features) -> str | None:
    """Seasons in the titles."""
    return _disjoint("seasons", a.title.keys() & SEASONS, b.title.keys() & SEASONS)


def own_house(a: Features, b: Features) -> str | None:
    """What a house says of itself, and neither names the other: closures, greetings, "our" newest."""
    spoken = (a.title.keys() & b.title.keys() & HOUSE) or ("our" in a.key.split() and "our" in b.key.split())
    if not spoken:
        return None
    said = (a.words.keys() & (b.context - a.context)) | (b.words.keys() & (a.context - b.context))
    if said - TEMPLATE - FIELD:
        return None
    return "each speaks of its own house"


def own_name(a: Features, b: Features) -> str | None:
    """Each title names its own publisher, of whom the other knows nothing: "X offers grants", "Y offers grants"."""
    names = [
        {
            c
            for c in one.title.keys() & one.context
            if c not in TEMPLATE and c not in FIELD and c not in other.words
        }
        for one, other in ((a, b), (b, a))
    ]
    return f"one tells of {min(names[0])}, the other of {min(names[1])}" if all(names) else None


NEAR: tuple[Callable[[Features, Features], str | None], ...] = (
    other_phase,
    any_other_year,
    other_sum,
    other_reference,
    other_date,
    other_place,
    other_season,
    other_sort,
    other_subject,
    other_slot,
    other_aspect,
    other_meeting,
    own_house,
    own_name,
)


def veto_between(one: str, other: str) -> str | None:
    """Why two titles cannot tell the same news although all else agrees, or None."""
    a, b = (features.make(title, "", "", None) for title in (one, other))
    if a.key == b.key:
        return None
    return next(filter(None, (veto(a, b) for veto in TITLE)), None)


def of_titles(a: Member, b: Member) -> tuple[str, ...]:
    """Vetoes that hold even against one address."""
    one, other = for_member(a), for_member(b)
    if one.key == other.key:
        return ()
    return tuple(filter(None, (veto(one, other) for veto in TITLE)))


def of_reposts(a: Member, b: Member) -> tuple[str, ...]:
    """Vetoes against what only points to the other's page: it may point there for another reason."""
    one, other = for_member(a), for_member(b)
    pieces = (other_phase, other_sort, other_subject, other_sum, other_reference)
    return (*of_titles(a, b), *filter(None, (veto(one, other) for veto in pieces)))


def of_all(a: Member, b: Member) -> tuple[str, ...]:
    """Vetoes against near evidence."""
    one, other = for_member(a), for_member(b)
    return tuple(dict.fromkeys(filter(None, (veto(one, other) for veto in (*TITLE, *NEAR)))))


def template(a: Member, b: Member) -> bool:
    """Whether only a template agrees, so that the two are not even related."""
    one, other = for_member(a), for_member(b)
    return bool(
        other_subject(one, other) or own_house(one, other) or own_name(one, other) or other_place(one, other)
    )


def against_member(a: Member, b: Member) -> str | None:
    """A veto between an item and one of a story whose lead it agrees with (I5)."""
    one, other = for_member(a), for_member(b)
    if one.key == other.key:
        return None
    return next(filter(None, (veto(one, other) for veto in (*TITLE, other_reference))), None)


def _unlike(
    what: str, a: frozenset[str], b: frozenset[str], known_a: frozenset[str], known_b: frozenset[str]
) -> str | None:
    one, other = a - known_b, b - known_a
    return _differ(what, one, other) if one and other else None


def _disjoint(what: str, a: Set[Any], b: Set[Any]) -> str | None:
    return _differ(what, a, b) if a and b and not a & b else None


def _alone(one: Features, other: Features, foreign: bool, *, own: bool = False) -> dict[str, float]:
    """Words of one title that the other knows neither from its title and text nor from the publishers' names
    (but with `own`, where a title names its own publisher as one among others)."""
    known = set(other.words) if own else other.words.keys() | other.context | one.context
    known |= {f"bio{c}" for c in known} | {c.removeprefix("bio") for c in known}
    alone = dict.fromkeys(
        one.title_towns - other.towns - {TOWNS.get(c, c) for c in one.context | other.context}, 1.0
    )
    for concept, worth in one.title.items():
        if concept in known or _abbreviates(concept, other):
            continue
        if foreign and worth >= 1.0 and concept not in one.names:
            continue  # untranslated words are no contradiction
        alone[concept] = 1.4 if concept in TECHNIQUES else worth
    return alone


def _abbreviates(concept: str, other: Features) -> bool:
    """Whether a word is made of the beginnings of the other title's words: STSM."""
    initials = "".join(word[0] for word in other.key.split())
    return len(concept) > 2 and concept in initials


def _told(alone: dict[str, float]) -> str:
    return ", ".join(sorted(alone, key=lambda c: (-alone[c], c))[:3])
