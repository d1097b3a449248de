"""Recognise dates that others replaced: extended deadlines, and moved events (EX6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from aggregator.events import statuses, words
from aggregator.events.days import Dates
from aggregator.events.sentences import Context
from aggregator.model.events import Event, EventKind, EventStatus, day_of

MAX_TO_CHARACTERS = 60
"""Maximum number of characters before a date that are searched for "to"."""
MAX_FORMER_CHARACTERS = 30
"""Maximum number of characters before a date that are searched for "originally"."""
_FORMER = re.compile(
    r"\b(?:original\w*|initial\w*|previous\w*|former\w*|old|instead of|rather than|ursprünglich\w*|bisher\w*|bislang"
    r"|vorher\w*|alte[nrs]?|anstatt|anstelle|statt|au lieu d[eu]|précéden\w*|ancienne|invece d\w*|original\w*"
    r"|precedent\w*|en lugar de\w*|em vez d\w*|anterior\w*|inicial\w*|istället för|i stedet for|in plaats van"
    r"|oorspronkelijk\w*|zamiast|namesto|původn\w*|pierwotn\w*)(?!\w)"
    r"|\b(?:was|war|était|era|var|oli)(?=[\s:]*(?:on|at|am|le|il|el|den|der)?\s*$)"
)
"""Words for what no longer holds: before the date, or a past tense directly before it."""
_WITHOUT_DATE = (EventStatus.SCHEDULED, EventStatus.POSTPONED)
"""States that "rescheduled" replaces where the new date is known."""
_TO = r"(?:to|until|auf|au|al|ao|hasta el|naar|till?|na|do|pidettäväksi|->|→)"
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
_NOW = re.compile(
    r"\b(?:now|instead|nun|nunmehr|jetzt|stattdessen|finalement|désormais|plutôt|invece|ora|finalmente|ahora|agora"
    r"|en su lugar|em vez disso|nu|in plaats daarvan|i stället|istället|i stedet|teraz|zamiast tego|ostatecznie"
    r"|nyní|místo toho|nakonec|nyt|sen sijaan|helyette|ehelyett|végül)(?!\w)"
)
"""Words for what holds after a move."""
_PLANNED = re.compile(
    r"\b(?:planned|scheduled|was to|were to|geplant|vorgesehen|angesetzt|sollten?|prévue?s?|devait|devaient"
    r"|previst[oaie]s?|programad[oa]s?|programmat[oaie]|fissat[oaie]|doveva|dovevano|debía|debían|deveria|deveriam"
    r"|planerad\w*|planlagt\w*|skulle|gepland\w*|zou|zouden|(?:za)?planowan\w*|miał\w*|(?:na)?plánovan\w*|měl[aoiy]?"
    r"|tervezett|suunnitel\w*)\W+(?:\w+\W+){0,4}$"
)
_PLANNED_BEHIND = re.compile(
    r"^\W*(?:\w+\W+){0,2}(?:geplant|vorgesehen|angesetzt|sollte|planerad|planlagt|skulle|gepland|zou|tervezett|suunnitel)"
)
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


Dated = tuple[Context, Sequence[Event]]
"""A date of a text, and its events."""


def without_replaced(found: Sequence[Dated]) -> Iterator[Dated]:
    """Yield the dates of a text, in order, without those that the date beside them replaces."""
    is_old = is_new_date = False
    for n, (context, events) in enumerate(found):
        next_context, next_ones = found[n + 1] if n + 1 < len(found) else (None, ())
        is_one_sentence = len(context.low_after) == len(context.following)
        is_next_old = bool(events and next_context and is_one_sentence) and _is_from(context.low_after)
        replaced = is_one_sentence and _is_replaced(events, next_ones, context)
        is_new_date = is_new_date or is_next_old or _is_new_date(context) or is_old_and_new(context)
        if not is_old and not replaced:
            yield context, [_rescheduled(event) if is_new_date else event for event in events]
        is_old, is_new_date = is_next_old, replaced


def _rescheduled(event: Event) -> Event:
    """Return an event that is known to take place at its date, instead of another one."""
    is_moved = event.kind is not EventKind.DEADLINE and event.status in _WITHOUT_DATE
    return replace(event, status=EventStatus.RESCHEDULED) if is_moved else event


def without_planned(titled: Sequence[Dated], dated: Sequence[Dated]) -> Iterator[Event]:
    """Yield the events of a title and its text without those of dates that another one replaces.

    Replaced are dates for which an event was planned, and those of "Postponed: workshop on 12 March".
    """
    found = [*titled, *dated]
    postponed = [each for each in found if _is_postponed(each, in_title=each in titled)]
    new = [each for each in found if each not in postponed and _is_known_new(each)]
    if postponed and not new:
        later = [each for each in dated if each not in postponed and _is_later(each, postponed[0])]
        new = [each for each in later if statuses.event_names(each[0].whole)][:1]
    for each in found:
        if each in new:
            yield from map(_rescheduled, each[1])
        else:
            is_old = bool(new) and (each in postponed or _is_planned(each[0]))
            yield from (event for event in each[1] if not is_old or event.kind is EventKind.DEADLINE)


def _is_postponed(dated: Dated, *, in_title: bool) -> bool:
    """Return whether a date is one from which the event of the title was postponed."""
    context = dated[0]
    if not _is_moved(dated) or _says_now(context):
        return False
    is_postponed = _has_status(dated, EventStatus.POSTPONED)
    is_said = in_title or (_says_postponed(context) and not _is_of_other(context))
    return _is_planned(context) or (is_postponed and is_said)


def _is_moved(dated: Dated) -> bool:
    """Return whether an event is postponed, or the title says that one was moved."""
    is_moved = _has_status(dated, EventStatus.SCHEDULED) and _MOVED.search(dated[0].title) is not None
    return is_moved or _has_status(dated, EventStatus.POSTPONED)


def _is_later(dated: Dated, postponed: Dated) -> bool:
    """Return whether a date is a later one of an event that the title alone postpones."""
    return (
        _is_moved(dated)
        and not _says_postponed(dated[0])
        and not _is_of_other(dated[0])
        and day_of(dated[1][0].start) > day_of(postponed[1][0].end)
    )


def _has_status(dated: Dated, *states: EventStatus) -> bool:
    return any(event.kind is not EventKind.DEADLINE and event.status in states for event in dated[1])


def _says_now(context: Context) -> bool:
    """Return whether "now" or "instead" is said of a date, and not of its postponement."""
    after = context.low_after if context.is_last else ""
    return any(
        words.pattern("postponed").search(text, now.end()) is None
        for text in (context.low_before, after)
        for now in _NOW.finditer(text)
    )


def _says_postponed(context: Context) -> bool:
    return words.pattern("postponed").search(context.whole) is not None


def _is_planned(context: Context) -> bool:
    """Return whether the event of the title was planned for a date, by the words beside it."""
    before, after = context.low_before, context.low_after
    if not context.whole.startswith(before):  # a date stands before it in its sentence
        before = _PLANNED_BEHIND.sub("", before, count=1)
    is_planned = _PLANNED.search(before) or _PLANNED_BEHIND.match(after)
    is_former = is_planned or _FORMER.search(before[-MAX_FORMER_CHARACTERS:])
    return is_former is not None and not _is_of_other(context)


def _is_known_new(dated: Dated) -> bool:
    """Return whether the words beside a date say that an event was moved to it."""
    is_moved = _has_status(dated, EventStatus.POSTPONED) and _says_now(dated[0])
    return not _is_planned(dated[0]) and (is_moved or _has_status(dated, EventStatus.RESCHEDULED))


def _is_of_other(context: Context) -> bool:
    """Return whether a sentence names an event, and not the one that the title names."""
    titles = statuses.event_names(context.title)
    nouns = {name for name in statuses.event_names(context.whole) if " " not in name}
    return bool(nouns and titles) and not any(
        noun in title or title in noun for noun in nouns for title in titles
    )


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
