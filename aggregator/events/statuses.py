"""Read the status of an event from the words around its date (EX6)."""

from __future__ import annotations

import re

from aggregator.events import words
from aggregator.events.sentences import Context
from aggregator.model.events import EventKind, EventStatus

_UNCHANGED = re.compile(
    r"\b(?:still|unchanged|remains?|not affected|unaffected|weiterhin|nach wie vor|unverändert|nicht betroffen"
    r"|inchangé\w*|reste\w*|toujours|invariat\w*|rimane|sin cambios|inalterad\w*)(?!\w)"
)
"""Words for a deadline that an extension does not affect."""
_CHANGES = (
    EventStatus.CANCELLED,
    EventStatus.MOVED_ONLINE,
    EventStatus.RESCHEDULED,
    EventStatus.POSTPONED,
)
"""States that words name, the first of which applies."""
_CLAUSE_END = re.compile(
    r"(?:[,;]\s|\s)(?:and|but|while|whereas|und|aber|während|et|mais|e|ma|y|pero|mas|en|maar|och|men|og|a|ale)\s"
    r"|[,;]\s"
)
_ARTICLE = re.compile(
    r"\s*(?:the|this|der|die|das|dieser|diese|dieses|le|la|l'|les|ce|cette|il|lo|el|o|de|het|denne|dette)?\s*"
)


def status_of(kind: EventKind, context: Context) -> EventStatus:
    """Return the status by words near a date, and by a new date in its whole sentence."""
    if kind is EventKind.DEADLINE:
        return _deadline_status(f"{context.sentence} | {context.title}", context.whole)
    status = _change(f"{context.sentence} | {context.title}")
    if status is not None:
        after = _without_other_events(context.low_before, context.low_after)
        status = without_new_date(context) or _change(f"{context.low_before} | {after} | {context.title}")
    if status is not None:
        return status
    if words.pattern("rescheduled").search(context.whole):
        return EventStatus.RESCHEDULED
    return EventStatus.SCHEDULED


def _change(text: str) -> EventStatus | None:
    return next((status for status in _CHANGES if words.pattern(status.value).search(text)), None)


def without_new_date(context: Context) -> EventStatus | None:
    """Return the status of an event that was originally planned for a date, and has no new one."""
    if not context.is_last or not words.pattern("originally").search(context.low_before):
        return None
    states = (EventStatus.CANCELLED, EventStatus.POSTPONED)
    return next((each for each in states if words.pattern(each.value).search(context.low_after)), None)


def _deadline_status(text: str, sentence: str) -> EventStatus:
    """Return whether a deadline is extended by its sentence or title.

    The sentence may except it from what the title says.
    """
    extended = words.pattern("extended")
    is_excepted = _UNCHANGED.search(sentence) and not extended.search(sentence)
    return EventStatus.EXTENDED if extended.search(text) and not is_excepted else EventStatus.SCHEDULED


def _without_other_events(before: str, after: str) -> str:
    """Remove clauses behind a date that change another event: ", the seminar is postponed"."""
    own, *others = _CLAUSE_END.split(after)
    named = event_names(f"{before} {own}")
    return " | ".join([own, *(clause for clause in others if not _is_about_another(clause, named))])


def _is_about_another(clause: str, named: set[str]) -> bool:
    """Return whether a clause says of an event other than those that are named that it changes."""
    changes = (words.pattern(status.value).search(clause) for status in _CHANGES)
    subject = clause[: min((change.start() for change in changes if change), default=0)]
    others = event_names(subject)
    if not named or not others:
        return False
    is_same = any(_ARTICLE.fullmatch(subject, 0, subject.find(name)) for name in others & named)
    return not is_same


def event_names(text: str) -> set[str]:
    """Return the words for events and courses in a folded text."""
    return {match[0] for name in ("event", "course") for match in words.pattern(name).finditer(text)}
