"""Vetoes: reasons why two items are two stories although evidence connects them.

Each function returns the reason in words, or None. Vetoes of `TITLE` hold even against exact evidence, those of
`NEAR` only against near evidence. `benchmarks/ablation.py` shows what each contributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from datetime import timedelta
from typing import Any

from aggregator.dedupe import measures, reason_words, text_facts, weighed_pairs
from aggregator.dedupe.evidence import title_likeness
from aggregator.dedupe.features import Features, differ_in_language, for_member, towns_differ
from aggregator.dedupe.title_comparison import title_difference
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.phases import wording as wording_of
from aggregator.dedupe.vocabulary.words import given_names, is_rare, tools
from aggregator.model.stories import Member

MIN_TEMPLATE_LIKENESS, MIN_SIMILAR_LIKENESS = 0.8, 0.5
"""Minimum likeness of titles that follow one template, and of titles that are similar."""
MIN_PARTICULAR_WEIGHT = 1.2
"""Minimum weight of the particular words and facts that two items share."""
MAX_YEARS_BETWEEN_EDITIONS = 5
"""Maximum number of years between two years in texts that contradict each other."""
MAX_RETITLED = timedelta(days=7)
"""Maximum time between two items about one page in one state."""
_FROM_FIRST_DAY = frozenset(("over", "answer", "memory", "result"))
"""Phases in which a page is from its first day."""
MAX_CALL_DELAY = timedelta(days=14)
"""Maximum time after which a call is still the announcement itself in other words."""
MIN_REPORT_DELAY = timedelta(days=7)
"""Minimum time between the announcement of an event and a report."""
_CALLS = frozenset({"application", "apply", "call", "registration"})
_DIGITS, _LETTERS_OF_FORM = re.compile("[0-9]+"), re.compile("[a-z]+")
_MEETING = re.compile(r"(kick ?off|auftakt|annual|final|closing|mid ?term|jahrestreffen|abschluss)(?!\w)")


Veto = Callable[[Features, Features], str | None]


# --- which vetoes apply ----------------------------------------------------------------------------------


def of_one_page(a: Member, b: Member) -> tuple[str, ...]:
    """Return the vetoes that hold even against one address."""
    soon = abs(a.sort_time - b.sort_time) <= MAX_RETITLED
    return _of_titles(a, b, (other_state, *TITLE[1:]) if soon else TITLE)


def of_reposts(a: Member, b: Member) -> tuple[str, ...]:
    """Return the vetoes against a repost: an item may point to a page for another reason."""
    pieces = (other_slot, other_amount, other_reference)
    return _of_titles(a, b, TITLE) + _reasons(for_member(a), for_member(b), pieces)


def _of_titles(a: Member, b: Member, pieces: Iterable[Veto]) -> tuple[str, ...]:
    one, other = for_member(a), for_member(b)
    alike = one.key == other.key
    return _calendar_and_news(a, b) + (() if alike else _reasons(one, other, pieces))


def of_all(a: Member, b: Member) -> tuple[tuple[str, ...], bool]:
    """Return the vetoes against near evidence, and whether only a template agrees.

    Two items that share only a template are not even related.
    """
    one, other = for_member(a), for_member(b)
    found = {veto: reason for veto in (*TITLE, *NEAR) if (reason := veto(one, other))}
    unparticular = _nothing_particular(a, b)
    reasons = (
        *_calendar_and_news(a, b),
        *_later_call(a, b),
        *_past_event(a, b),
        *found.values(),
        *unparticular,
    )
    only_template = bool(unparticular or own_affairs in found or other_place in found)
    return tuple(dict.fromkeys(reasons)), only_template


def against_member(a: Member, b: Member) -> str | None:
    """Return a veto between an item and a member of a story whose lead it agrees with (I5)."""
    one, other = for_member(a), for_member(b)
    if one.key == other.key:
        return None
    return next(iter(_reasons(one, other, (*TITLE, other_reference))), None)


def _later_call(a: Member, b: Member) -> tuple[str, ...]:
    """Recognise an announcement of an event, and a call for registration weeks later (EX7)."""
    earlier, later = map(for_member, sorted((a, b), key=lambda each: each.sort_time))
    if abs(a.sort_time - b.sort_time) <= MAX_CALL_DELAY or earlier.facts.dates.isdisjoint(later.facts.dates):
        return ()
    is_call = not _CALLS.isdisjoint(later.title) and _CALLS.isdisjoint(earlier.title)
    return ("only the later one calls for registration or applications",) if is_call else ()


def _past_event(a: Member, b: Member) -> tuple[str, ...]:
    """Recognise an announcement of days to come, and an item after them: a report (EX7)."""
    earlier, later = sorted((a, b), key=lambda each: each.sort_time)
    shared = for_member(a).facts.dates & for_member(b).facts.dates
    if title_likeness(for_member(a), for_member(b)) >= MIN_SIMILAR_LIKENESS:
        return ()
    if not shared or not (a.dated and b.dated) or later.sort_time - earlier.sort_time < MIN_REPORT_DELAY:
        return ()
    start, end = (each.sort_time.strftime("%m-%d") for each in (earlier, later))
    between = (start < day < end if start < end else day > start or day < end for day in shared)
    return ("one was published before, the other after the days that both name",) if all(between) else ()


def _nothing_particular(a: Member, b: Member) -> tuple[str, ...]:
    """Recognise items that share only common words, if neither links the other's page."""
    linked = (a.pointers & b.links) | (b.pointers & a.links)
    if (
        linked
        or measures.shared_worth(weighed_pairs.weigh_pair(for_member(a), for_member(b)))
        >= MIN_PARTICULAR_WEIGHT
    ):
        return ()
    return (reason_words.COMMON_ONLY,)


def _calendar_and_news(a: Member, b: Member) -> tuple[str, ...]:
    """Compare where two items stand: a calendar's entry and news about its event are two (EX7)."""
    if a.calendar == b.calendar:
        return ()
    return ("one is an entry of a calendar, the other a news item about the event",)


def _reasons(a: Features, b: Features, pieces: Iterable[Veto]) -> tuple[str, ...]:
    return tuple(reason for veto in pieces if (reason := veto(a, b)))


# --- titles ----------------------------------------------------------------------------------------------


def other_phase(a: Features, b: Features) -> str | None:
    """Compare phases: only one is cancelled, extended, or a report."""
    return _other_phase(a, b, frozenset())


def other_state(a: Features, b: Features) -> str | None:
    """Compare phases in which a page changes within days: only one is cancelled or extended.

    A page about results or a recording has them from its first day, and not each title for it says so.
    """
    return _other_phase(a, b, _FROM_FIRST_DAY)


def _other_phase(a: Features, b: Features, ignored: Set[str]) -> str | None:
    for one, other in ((a, b), (b, a)):
        if one.title_phases and (alone := one.title_phases - other.phases - ignored):
            return f"only one reports {wording_of(min(alone))}"
    return None


def other_version(a: Features, b: Features) -> str | None:
    """Compare versions in the titles; a text may name that of a program it requires."""
    return _disjoint("versions", a.title_facts.versions, b.title_facts.versions)


def other_number(a: Features, b: Features) -> str | None:
    """Compare numbers and ordinals in the titles that the other item does not give."""
    known_a, known_b = a.facts.numbers | a.facts.versions, b.facts.numbers | b.facts.versions
    return _unlike("numbers", a.title_facts.numbers, b.title_facts.numbers, known_a, known_b)


def other_part(a: Features, b: Features) -> str | None:
    """Compare parts of a series: the other names another part or none."""
    for one, other in ((a, b), (b, a)):
        known = other.title_facts.parts | other.facts.numbers
        if alone := one.title_facts.parts - known:
            return f"only one is part {min(alone)}"
    return None


def other_year(a: Features, b: Features) -> str | None:
    """Compare years in the titles."""
    return _disjoint("years", a.title_facts.years, b.title_facts.years)


def other_month(a: Features, b: Features) -> str | None:
    """Compare months and days in the titles."""
    months_a, months_b = a.title_facts.months, b.title_facts.months
    if months_a and months_b and not months_a & months_b:
        return _differ("months", [reason_words.months(months_a)], [reason_words.months(months_b)])
    alone_a, alone_b = (x.title_facts.dates - y.title_facts.dates for x, y in ((a, b), (b, a)))
    return _unlike_days(alone_a, alone_b) if alone_a and alone_b else None


TITLE: tuple[Veto, ...] = (
    other_phase,
    other_version,
    other_number,
    other_part,
    other_year,
    other_month,
)


# --- near ------------------------------------------------------------------------------------------------


def any_other_year(a: Features, b: Features) -> str | None:
    """Compare years in titles and texts.

    Years far apart do not contradict: one is that of a foundation, the other that of an edition.
    """
    one, other = a.facts.years, b.facts.years
    if any(abs(int(x) - int(y)) <= MAX_YEARS_BETWEEN_EDITIONS for x in one for y in other):
        return _disjoint("years", one, other)
    return None


def other_amount(a: Features, b: Features) -> str | None:
    """Compare amounts in titles and texts, unless they are in two currencies."""
    if text_facts.in_two_currencies(a.facts, b.facts):
        return None
    return _disjoint("sums", a.facts.amounts, b.facts.amounts)


def other_reference(a: Features, b: Features) -> str | None:
    """Compare reference numbers and DOIs in titles and texts.

    Numbers of different forms are of two numberings: an employer's and a job board's.
    """
    one, other = a.facts.references, b.facts.references
    if one and other and not one & other and _forms(one) & _forms(other):
        return _differ("reference numbers", one, other)
    return _disjoint("DOIs", a.facts.dois, b.facts.dois)


def other_date(a: Features, b: Features) -> str | None:
    """Compare days: those of a title with all of the other, or all if the titles are alike."""
    for one, other in ((a, b), (b, a)):
        if one.title_facts.dates and other.facts.dates and not one.title_facts.dates & other.facts.dates:
            return _unlike_days(one.title_facts.dates, other.facts.dates)
    alone_a, alone_b = a.facts.dates - b.facts.dates, b.facts.dates - a.facts.dates
    if alone_a and alone_b and title_likeness(a, b) >= MIN_TEMPLATE_LIKENESS:
        return _unlike_days(alone_a, alone_b)
    return None


def other_place(a: Features, b: Features) -> str | None:
    """Compare towns, and countries where no town agrees.

    Under similar titles also towns count that a publisher may have left out, as those of a course on tour.
    """
    towns = _disjoint("places", a.towns, b.towns)
    if towns and (towns_differ(a, b) or title_likeness(a, b) >= MIN_SIMILAR_LIKENESS):
        return towns
    if a.towns and b.towns:
        return None
    return _disjoint("countries", a.countries, b.countries)


def other_slot(a: Features, b: Features) -> str | None:
    """Recognise two uses of one template: titles with one beginning and end and another middle.

    Without texts nothing excludes that two headlines use two words for one thing.
    """
    difference = title_difference(a, b) if a.has_text and b.has_text else None
    return difference.reason() if difference and difference.equal_share >= MIN_SIMILAR_LIKENESS else None


def opposites(a: Features, b: Features) -> str | None:
    """Recognise titles that exclude each other, in words or concepts: “rises” and “falls”."""
    known = vocabulary().opposites
    one, other = ({*each.key.split(), *each.title} for each in (a, b))
    for word in sorted(word for word in one - other if word in known):
        if against := (known[word] & other) - one:
            return f"one title says “{word}”, the other “{min(against)}”"
    return None


def other_person(a: Features, b: Features) -> str | None:
    """Compare persons in the titles whom the other item does not name.

    If only one of two similar titles names a person, the persons of the other text count.
    """
    persons_a, persons_b = set(a.titled_phrases), set(b.titled_phrases)
    if bool(persons_a) != bool(persons_b) and title_likeness(a, b) >= MIN_SIMILAR_LIKENESS:
        persons_a, persons_b = persons_a or _persons(a), persons_b or _persons(b)
    if not persons_a or not persons_b:
        return None
    alone_a, alone_b = (
        {each for each in persons if known.isdisjoint(each.split())}
        for persons, known in ((persons_a, b.plain_words), (persons_b, a.plain_words))
    )
    return _differ("persons", alone_a, alone_b) if alone_a and alone_b else None


def _persons(item: Features) -> set[str]:
    """Return the persons of title and text whose given name is known."""
    return {each for each in item.phrases if each.partition(" ")[0] in given_names()}


def _forms(references: Set[str]) -> set[str]:
    """Return the forms of reference numbers: `a-0-0` of EB-2026-071."""
    return {_LETTERS_OF_FORM.sub("a", _DIGITS.sub("0", each)) for each in references}


def other_technique(a: Features, b: Features) -> str | None:
    """Compare techniques and tools in the titles that the other item does not name."""
    known = vocabulary().techniques, tools()
    alone_a, alone_b = (
        {c for c in one.title.keys() - other.words.keys() if any(c in names for names in known)}
        for one, other in ((a, b), (b, a))
    )
    return _differ("techniques", alone_a, alone_b) if alone_a and alone_b else None


def other_aspect(a: Features, b: Features) -> str | None:
    """Recognise a title that continues the other with a subject of its own."""
    for one, other in ((a, b), (b, a)):
        if other.key and not other.title_is_cut and one.key.startswith(other.key + " "):
            next_word = one.key[len(other.key) :].split()[0]
            if next_word in vocabulary().stop:  # the same sentence with more words
                continue
            alone = _words_alone(one, other)
            if any(worth >= 1.0 for worth in alone.values()):
                return f"only one is about {_heaviest(alone, one)}"
    return None


def other_meeting(a: Features, b: Features) -> str | None:
    """Compare meetings of one project: a kick-off beside an annual meeting."""
    return _disjoint("meetings", set(_MEETING.findall(a.key)), set(_MEETING.findall(b.key)))


def own_affairs(a: Features, b: Features) -> str | None:
    """Recognise announcements of each publisher about itself: closures, "our" new device."""
    both = (a.title.keys() & b.title.keys() & vocabulary().own_affairs) or (
        "our" in a.key.split() and "our" in b.key.split()
    )
    if not both:
        return None
    named = a.words.keys() & (b.publisher_words - a.publisher_words)
    named |= b.words.keys() & (a.publisher_words - b.publisher_words)
    if named - vocabulary().template - vocabulary().field:
        return None
    return "each reports about its own publisher"


def own_subjects(a: Features, b: Features) -> str | None:
    """Recognise titles that each name their own publisher, and texts that do not name the other.

    One fact in both may be that of a programme, as the sum of its grants.
    """
    facts, others = a.facts, b.facts
    shared = len(facts.dates & others.dates) + len(facts.amounts & others.amounts)
    if shared + sum(map(text_facts.is_rare_number, facts.numbers & others.numbers)) > 1:
        return None
    for one, other in ((a, b), (b, a)):
        own = {c for c in one.publisher_words - other.publisher_words if is_rare(c)}
        own_towns = one.publisher_towns - other.publisher_towns
        if not (own & one.title.keys() or own_towns & one.title_towns):
            return None
        if own & other.words.keys() or own_towns & other.towns:
            return None
    return "each reports about its own publisher"


NEAR: tuple[Veto, ...] = (
    any_other_year,
    other_amount,
    other_reference,
    other_date,
    other_place,
    other_slot,
    opposites,
    other_person,
    other_technique,
    other_aspect,
    other_meeting,
    own_affairs,
    own_subjects,
)


# --- comparisons and words -------------------------------------------------------------------------------


def _unlike(what: str, a: Set[str], b: Set[str], known_a: Set[str], known_b: Set[str]) -> str | None:
    alone_a, alone_b = a - known_b, b - known_a
    return _differ(what, alone_a, alone_b) if alone_a and alone_b else None


def _disjoint(what: str, a: Set[Any], b: Set[Any]) -> str | None:
    return _differ(what, a, b) if a and b and not a & b else None


def _unlike_days(a: Iterable[str], b: Iterable[str]) -> str:
    return f"dates: {reason_words.days(a)} here, {reason_words.days(b)} there"


def _differ(what: str, a: Iterable[object], b: Iterable[object]) -> str:
    listed_a, listed_b = (", ".join(sorted(map(str, values))) for values in (a, b))
    return f"{what}: {listed_a} here, {listed_b} there"


def _words_alone(one: Features, other: Features) -> dict[str, float]:
    """Return words of one title that are neither in the other item nor in a publisher's name."""
    return _words_not_in(one, other, other.words.keys() | other.publisher_words | one.publisher_words)


def _words_not_in(one: Features, other: Features, known: Set[str]) -> dict[str, float]:
    """Return the words of one title that are not `known`, with their weights.

    Towns count where the other item names them nowhere. Untranslated words are no contradiction.
    """
    known = known | {f"bio{c}" for c in known} | {c.removeprefix("bio") for c in known}
    towns = vocabulary().towns
    own_towns = {towns.get(c, c) for c in one.publisher_words | other.publisher_words}
    alone = dict.fromkeys(one.title_towns - other.towns - own_towns, 1.0)
    for concept, worth in one.title.items():
        if concept in known or _abbreviates(concept, other):
            continue
        if differ_in_language(one, other) and worth >= 1.0 and concept not in one.names:
            continue
        alone[concept] = 1.4 if concept in vocabulary().techniques else worth
    return alone


def _abbreviates(concept: str, other: Features) -> bool:
    """Return whether a word consists of initials of the other title: STSM."""
    initials = "".join(word[0] for word in other.key.split())
    return len(concept) > 2 and concept in initials


def _heaviest(alone: dict[str, float], written_in: Features) -> str:
    return reason_words.words(sorted(alone, key=lambda c: (-alone[c], c))[:3], written_in)
