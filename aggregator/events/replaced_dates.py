"""Recognise a deadline that an extension replaced by a later one (EX6)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aggregator.events import words
from aggregator.model.events import Event, EventKind, EventStatus, day_of

_FORMER = re.compile(
    r"\b(?:original\w*|initial\w*|previous\w*|former\w*|old|instead of|rather than|ursprünglich\w*|bisher\w*|bislang"
    r"|vorher\w*|alte[nrs]?|anstatt|anstelle|statt|au lieu d[eu]|précéden\w*|ancienne|invece d\w*|original\w*"
    r"|precedent\w*|en lugar de\w*|em vez d\w*|anterior\w*|inicial\w*|istället för|i stedet for|in plaats van"
    r"|oorspronkelijk\w*|zamiast|namesto|původn\w*|pierwotn\w*)(?!\w)"
    r"|\b(?:was|war|était|era|var|oli)(?=\s*(?:on|at|am|le|il|el|den|der)?\s*$)"
)
"""Words for what no longer holds: before the date, or a past tense directly before it."""
_UNCHANGED = re.compile(
    r"\b(?:still|unchanged|remains?|not affected|unaffected|weiterhin|nach wie vor|unverändert|nicht betroffen"
    r"|inchangé\w*|reste\w*|toujours|invariat\w*|rimane|sin cambios|inalterad\w*)(?!\w)"
)
"""Words for a deadline that an extension does not affect."""
_LEADS_ON = re.compile(r"\s*(?:to|until|auf(?: den)?|au|al|ao|hasta el|naar|till?|na|do|->|→)(?: den)?\s*")
"""Words that alone stand between the old and the new date."""
_NEXT_CLAUSE = re.compile(r"[,;:]|\b(?:and|but|und|aber|et|mais|e|y|och|og|en|i)\b")


def deadline_status(text: str, sentence: str) -> EventStatus:
    """Return whether a deadline is extended by its sentence or title.

    The sentence may except it from what the title says.
    """
    extended = words.pattern("extended")
    is_excepted = _UNCHANGED.search(sentence) and not extended.search(sentence)
    return EventStatus.EXTENDED if extended.search(text) and not is_excepted else EventStatus.SCHEDULED


def is_former(before: str, sentence: str) -> bool:
    """Return whether a date held before the extension that its sentence or title reports."""
    former = list(_FORMER.finditer(before))
    extended = words.pattern("extended")
    return (
        bool(former)
        and extended.search(sentence) is not None
        and not extended.search(before, former[-1].end())
    )


def is_replaced(events: Sequence[Event], next_ones: Sequence[Event], between: str, sentence: str) -> bool:
    """Return whether deadlines are extended to those that follow `between` in one sentence."""
    if {each.kind for each in (*events, *next_ones)} != {EventKind.DEADLINE} or not events or not next_ones:
        return False
    return day_of(events[-1].end) < day_of(next_ones[0].end) and _leads_to_next(between, sentence)


def _leads_to_next(between: str, sentence: str) -> bool:
    extended = words.pattern("extended")
    if extended.search(between):
        return _NEXT_CLAUSE.search(between) is None
    return _LEADS_ON.fullmatch(between) is not None and extended.search(sentence) is not None
