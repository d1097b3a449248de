"""Recognise dates that others replaced: extended deadlines, and moved events (EX6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from aggregator.events import words
from aggregator.events.days import Dates
from aggregator.events.sentences import Context
from aggregator.model.events import Event, EventKind, EventStatus, day_of

MAX_TO_CHARACTERS = 60
"""Maximum number of characters before a date that are searched for "to"."""
_FORMER = re.compile(
    r"\b(?:original\w*|initial\w*|previous\w*|former\w*|old|instead of|rather than|ursprünglich\w*|bisher\w*|bislang"
    r"|vorher\w*|alte[nrs]?|anstatt|anstelle|statt|au lieu d[eu]|précéden\w*|ancienne|invece d\w*|original\w*"
    r"|precedent\w*|en lugar de\w*|em vez d\w*|anterior\w*|inicial\w*|istället för|i stedet for|in plaats van"
    r"|oorspronkelijk\w*|zamiast|namesto|původn\w*|pierwotn\w*)(?!\w)"
    r"|\b(?:was|war|était|era|var|oli)(?=\s*(?:on|at|am|le|il|el|den|der)?\s*$)"
)
"""Words for what no longer holds: before the date, or a past tense directly before it."""
_WITHOUT_DATE = (EventStatus.SCHEDULED, EventStatus.POSTPONED)
"""States that "rescheduled" replaces where the new date is known."""
_TO = r"(?:to|until|auf|au|al|ao|hasta el|naar|till?|na|do|->|→)"
_ARTICLE = r"(?: (?:the|den|el|le|il|dem|o|dia|día))?"
_LEADS_ON = re.compile(rf"\s*(?:(?:is|was|has been|wird|wurde|est|è|es|é) )?{_TO}{_ARTICLE}\s*")
"""Words that alone stand between the old and the new date."""
_TO_ANY_DATE = rf"{_TO}{_ARTICLE}\s*(?:[^\W\d]+day,?|[^\W\d]+tag,?)?\s*"
_TO_DATE = re.compile(rf"\W*{_TO_ANY_DATE}")
_TO_AT_END = re.compile(rf"(?:(?<!\w)|(?=->)){_TO_ANY_DATE}$")
_FROM = re.compile(
    r"[\s(]*(?:from|vom|von|du|dal|dall'|del|desde el|de|van|fra|från|od|ze?)(?: (?:the|dem|den))?\s*"
)
_BETWEEN_DATES = re.compile(rf"\s{_TO}\s")
_BEHIND_MONTH = re.compile(rf"[^\W\d]{{3,}}\.?\s{_TO}\s")
_NUMBER = re.compile(r"\d+")
_MOVED = re.compile(
    r"\b(?:rescheduled|moved|moves|shifted|brought forward|(?:vor)?verlegt|déplacée?s?|avancée?s?"
    r"|verschiebt sich|spostat[oaie]|anticipat[oaie]|traslada\w*"
    r"|adelanta\w*|transferid[oa]s?|verplaatst|flytt\w*|przeniesion\w*|přesunut\w*)(?!\w)"
)
"""Words for a new date or place, which count only directly before "from" or "to"."""
_NOT_AT_END = re.compile(
    r"\b(?:not|nicht|pas|non|no|não|niet|inte|ikke|ei|nie)\s(?:(?:on|am|le|il|el|em|op|den|d)\.?\s)?(?:[^\W\d]+,\s)?(?:dem\s)?$"
)
_BUT = re.compile(r",?\s*(?:but|sondern|mais|ma|bensì|sino|mas|maar|utan|men|vaan|lecz)\b")
"""What names the date that holds behind one that does not: "not on 5 May but on 12 May"."""
_NEXT_PART = re.compile(r"[,;)]")
_NEXT_CLAUSE = re.compile(r"[,;:]|\b(?:and|but|und|aber|et|mais|e|y|och|og|en|i)\b")


def is_former(before: str, sentence: str) -> bool:
    """Return whether a date held before the extension that its sentence or title reports."""
    former = list(_FORMER.finditer(before))
    extended = words.pattern("extended")
    return (
        bool(former)
        and extended.search(sentence) is not None
        and not extended.search(before, former[-1].end())
    )


def without_replaced(found: Sequence[tuple[Context, Sequence[Event]]]) -> Iterator[Event]:
    """Yield the events of the dates of a text without those that the date beside them replaces.

    `found` has the events of each date, in order.
    """
    is_old = is_new_date = False
    for n, (context, events) in enumerate(found):
        next_context, next_ones = found[n + 1] if n + 1 < len(found) else (None, ())
        is_one_sentence = len(context.low_after) == len(context.following)
        is_next_old = bool(events and next_context and is_one_sentence) and _is_from(context.low_after)
        replaced = is_one_sentence and _is_replaced(events, next_ones, context)
        is_new_date = is_new_date or is_next_old or _is_new_date(context) or is_old_and_new(context)
        if not is_old and not replaced:
            yield from (_rescheduled(event) if is_new_date else event for event in events)
        is_old, is_new_date = is_next_old, replaced


def _rescheduled(event: Event) -> Event:
    """Return an event that is known to take place at its date, instead of another one."""
    is_moved = event.kind is not EventKind.DEADLINE and event.status in _WITHOUT_DATE
    return replace(event, status=EventStatus.RESCHEDULED) if is_moved else event


def _is_new_date(context: Context) -> bool:
    """Return whether a move leads to a date; in German, its verb stands behind the date."""
    if _TO_AT_END.search(context.low_before[-MAX_TO_CHARACTERS:]) is None:
        return False
    after = context.low_after.lstrip()
    begins = any(pattern.match(after) for pattern in (words.pattern("postponed"), _MOVED))
    return begins or follows_move_to(context.low_before)


def follows_move_to(before: str) -> bool:
    """Return whether "postponed to" or similar words stand directly before a date."""
    rest = _behind_move(before)
    return rest is not None and _TO_DATE.fullmatch(rest) is not None


def is_old_and_new(context: Context) -> bool:
    """Return whether a range names an old and a new date: "postponed from 3 to 5 May"."""
    return _BETWEEN_DATES.search(context.low_date) is not None and _is_from(context.low_before)


def new_days(context: Context, dates: Dates) -> Dates:
    """Return the new days of a range of old and new ones: those behind "to".

    Where several words mean "to", as in "from 3 to 5 May to 12 May", the old days end with the first month.
    """
    behind = _BEHIND_MONTH.search(context.low_date)
    links = [*_BETWEEN_DATES.finditer(context.low_date)]
    link = behind or links[len(links) // 2]
    number = _NUMBER.search(context.low_date, link.end())
    begin = dates.last
    if number and dates.inner and int(number[0]) == dates.inner[-1].day != dates.last.day:
        begin = dates.inner[-1]
    return replace(dates, first=begin, inner=())


def _is_from(before: str) -> bool:
    """Return whether "postponed from" or similar words stand directly before a date."""
    rest = _behind_move(before)
    return rest is not None and _FROM.fullmatch(rest) is not None


def _behind_move(text: str) -> str | None:
    """Return what follows the last word for a move, None without one."""
    ends = [
        match.end()
        for words_for_it in (words.pattern("postponed"), _MOVED)
        for match in words_for_it.finditer(text)
    ]
    return text[max(ends) :] if ends else None


def _is_replaced(events: Sequence[Event], next_ones: Sequence[Event], context: Context) -> bool:
    """Return whether the events of a date are moved to those that follow behind it."""
    before, between, sentence = context.low_before, context.low_after, context.whole
    if _NOT_AT_END.search(before) and _BUT.match(between):
        return True
    deadlines = [each.kind is EventKind.DEADLINE for each in (*events, *next_ones)]
    if not next_ones or _is_from(between):
        return False
    if all(deadlines):
        is_later = bool(events) and day_of(events[-1].end) < day_of(next_ones[0].end)
        return is_later and _leads_on(between, sentence, words.pattern("extended"))
    return not any(deadlines) and (
        _has_new_date(between) or _leads_on(between, sentence, words.pattern("postponed"), _MOVED)
    )


def _has_new_date(between: str) -> bool:
    """Return whether "new date" or similar words name the date behind them."""
    ends = [match.end() for match in words.pattern("rescheduled").finditer(between)]
    return bool(ends) and not (_NEXT_PART.search(between, ends[-1]) or _FORMER.search(between))


def _leads_on(between: str, sentence: str, sure: re.Pattern[str], *others: re.Pattern[str]) -> bool:
    if sure.search(between) or follows_move_to(between):
        return _NEXT_CLAUSE.search(between) is None and _FORMER.search(between) is None
    return _LEADS_ON.fullmatch(between) is not None and any(
        pattern.search(sentence) for pattern in (sure, *others)
    )
