"""Find places and attendance beside the date of an event."""

from __future__ import annotations

import re

from aggregator.events import words, written_days
from aggregator.events.tokens import may_name_date, split
from aggregator.model.events import Attendance
from aggregator.text import alphabetic_words

MAX_PLACE_CHARACTERS = 160
"""Maximum number of characters beside a date in which a place is looked for."""
_SMALL = "of|the|de|del|della|di|du|des|la|le|les|der|die|das|den|für|fuer|for|am|an|da|do|dos|van|und|and|y|e|et|&|i"
_CAPITALISED = r"[^\W\d_a-zà-öø-ÿ][\w'’.-]{0,40}"
_NAME = rf"{_CAPITALISED}(?:\s(?:(?:{_SMALL})\s){{0,2}}(?:d['’]|l['’])?{_CAPITALISED}){{0,7}}"
_NAMES = rf"{_NAME}(?:,\s{_NAME}){{0,3}}"
_IN = "|".join(sorted(words.IN, key=len, reverse=True))
_AFTER = re.compile(rf"\)?\s*(?:[,|·(–—-]\s*|(?:{_IN}|l'|presso\sl['’])\s){{1,3}}(?P<place>{_NAMES})")
_BEFORE = re.compile(
    rf"(?:^\W*|[,:–—(|-]\s?|(?<!\w)(?:{_IN})\s(?:der\s|the\s|la\s|l['’])?)(?P<place>{_NAMES})\s*[,–—:|(-]\s*(?:\w{{2,3}}\s)?$"
)
_NO_PLACES = written_days.WEEKDAYS | words.WHEN_LABELS
_OTHER = ("event", "course", "deadline", "online", "hybrid", "cancelled", "postponed", "not-coming")
"""Lists of words that no name of a place has."""
_PERSON = re.compile(r"(?:prof|dr|mr|mrs|ms|mme|dott|pr|phd)\b")
_PLUS_ONLINE = re.compile(r"[+&/]\s?(?:online|zoom|virtual)")
_INSIDE = re.compile(rf"(?<!\w)(?:{_IN})\s(?:der\s|the\s|la\s|l['’])?(?P<place>{_NAMES})")
_SENTENCE_END = re.compile(r"(?<=\w{4})\.\s")
"""A full stop that ends no abbreviation such as St. Gallen."""
_LABELLED = re.compile(
    rf"(?i:(?<!\w)(?:{'|'.join(sorted(words.PLACE_LABELS, key=len, reverse=True))}))\s?:\s?(?P<place>{_NAMES})"
)


def attendance(sentence: str, place: str | None) -> Attendance | None:
    """Return where people attend by the words of a folded sentence."""
    if words.pattern("hybrid").search(sentence) or (place and _PLUS_ONLINE.search(sentence)):
        return Attendance.BOTH
    if words.pattern("online").search(sentence):
        return Attendance.ONLINE
    return Attendance.ON_SITE if place else None


def is_place_behind(after: str) -> bool:
    """Return whether a place follows a date after a comma, a parenthesis or a word such as "in"."""
    match = _AFTER.match(after)
    return (
        match is not None
        and after.lstrip()[:1] not in ("|", "·", "–", "—", "-")
        and bool(_clean(match["place"]))
    )


def place_beside(before: str, after: str, following: str) -> str | None:
    """Return the place that a label in the text `following` a date states, or beside it."""
    following = following[:MAX_PLACE_CHARACTERS]
    before, after = before[-MAX_PLACE_CHARACTERS:], after[:MAX_PLACE_CHARACTERS]
    for pattern, part in (
        (_LABELLED, following),
        (_AFTER, after),
        (_BEFORE, before),
        (_INSIDE, after),
        (_INSIDE, before),
    ):
        match = pattern.match(part) if pattern is _AFTER else pattern.search(part)
        if match and (place := _clean(_SENTENCE_END.split(match["place"])[0])):
            return place
    return None


def _clean(written: str) -> str | None:
    """Remove parts that are an event and not a place."""
    parts = [part.strip(" .") for part in written.split(",")]
    kept = [part for part in parts if part[1:] and not _is_other(part.lower())]
    return ", ".join(kept) or None


def _is_other(part: str) -> bool:
    """Return whether a part of a place is a date, or names an event."""
    if len(part) <= 3 and written_days.is_weekday(split(part, part, None), 0):
        return True
    if may_name_date(part) or not _NO_PLACES.isdisjoint(alphabetic_words(part)):
        return True
    if _PERSON.match(part):
        return True
    return any(words.pattern(name).search(part) for name in _OTHER)
