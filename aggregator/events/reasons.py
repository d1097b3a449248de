"""Decide what a date in a text means, by the words around it (EX5)."""

from __future__ import annotations

import re
from datetime import date

from aggregator.events import places, replaced_dates, statuses, words, written_days
from aggregator.events.days import Dates
from aggregator.events.sentences import Context
from aggregator.model.events import EventKind

MAX_BARE_DAYS = 31
"""Maximum number of days of a range that is an event without a word for one."""
MAX_DAYS = 366
"""Maximum number of days of an event."""
_UNTIL = re.compile(
    r"(?<![\w:*_])(?:until|till|up to(?: and including)?|by|due|before|no later than"
    r"|bis(?: spätestens)?(?: zum| am)?|jusqu'au|avant le"
    r"|fino al|entro il|entro|hasta el|hasta|antes del|até(?: ao?)?(?: dia)?|asti|senast(?: den)?|innen"
    r"|senest(?: den)?|til og med|til(?: den)?|uiterlijk|tot(?: en met)?|vóór|do(?: dnia)?|nejpozději(?: do)?"
    r"|legkésőbb|najkasneje do|до)(?![\w.])"
)
_BEFORE_DATE = re.compile(r"[\s\w:.,]{0,20}")
_ON_OPENING = re.compile(
    r"\s*(?:(?:on|from|am|ab|vom|le|il|el|em|a|dal|den|dnia|op|på|fra|från)\s)?(?:\w+,\s)?\s*"
)
_ON_BEFORE = re.compile(r"^\W*(?:on|am|le|il|el|em|den|dne|op|på|dnia)\W+$")


def kind_of(
    dates: Dates, context: Context, first: date, last: date, today: date, *, has_time: bool, past: bool
) -> EventKind | None:
    """Return what dates mean by the nearest reason; None where they are no event.

    `first` and `last` are the days of the dates. `past`: the text is a report in the past tense.
    """
    before, after = context.low_before, context.low_after
    if words.pattern("closed").search(f"{before} {after}"):
        return None
    nearest = _reason_in(before)
    is_day = not dates.is_range and not dates.month_only
    is_soon = (last - today).days <= MAX_DAYS  # later ones are terms: "renewed until 31 December 2030"
    is_until = is_day and is_soon and _is_until(before) and not replaced_dates.follows_move_to(before)
    if dates.is_range and _is_open(before) and not _kind_in(after[:40]):
        return EventKind.DEADLINE  # "registration is open from 1 to 30 June"
    if nearest == "originally" and statuses.without_new_date(context) is None:
        return None
    if nearest == "opens" and not dates.is_range and _follows_opening(before):
        return None
    is_past = first < today and not dates.is_range
    if nearest == "not-coming" or (not dates.is_range and _is_since(before, None if is_past else nearest)):
        return None
    if is_past and not past and words.pattern("not-coming").search(before):
        return None
    if nearest == "deadline" or is_until:
        is_former = replaced_dates.is_former(before, f"{context.whole} | {context.title}")
        return None if is_former else EventKind.DEADLINE
    if not dates.is_range and _is_of_publication(after, nearest, is_past=is_past):
        return None
    named = _kind_in(f"{before} | {after}") or _kind_in(context.whole)
    if named is None and not dates.is_range and is_soon and _is_deadline_behind(after):
        return EventKind.DEADLINE
    named_in_title = _kind_in(context.title)
    reason = named or (named_in_title if first > today else None)
    if not _has_reason(dates, context, reason, first, last, today, has_time=has_time, past=past):
        return None
    if named is None and named_in_title is None and has_time and _is_about_deadline(context):
        return EventKind.DEADLINE
    return EventKind.COURSE if EventKind.COURSE in (named, named_in_title) else EventKind.EVENT


def _has_reason(
    dates: Dates,
    context: Context,
    named: EventKind | None,
    first: date,
    last: date,
    today: date,
    *,
    has_time: bool,
    past: bool,
) -> bool:
    """Return whether a date without a word for a deadline is an event (EX5)."""
    length = (last - first).days
    if dates.weak or dates.month_only:
        return (named is not None or has_time) and length <= MAX_DAYS and last >= today
    if dates.is_range and last < today and named is None:
        place = places.place_beside(context.before, context.after, context.following)
        return place is not None and length <= MAX_BARE_DAYS
    if dates.is_range:
        return length <= (MAX_DAYS if named else MAX_BARE_DAYS)
    if first < today:
        on = _ON_BEFORE.search(context.low_before) is not None
        return _kind_in(context.sentence) is not None and (past or not on)
    if named is not None or first == today:
        return named is not None  # a report has its own date, place and time too
    return (
        has_time
        or places.is_place_behind(context.after)
        or words.pattern("online").search(context.low_after[:60]) is not None
    )


def _is_about_deadline(context: Context) -> bool:
    """Return whether the sentence or title of a date without a place names a deadline."""
    texts = f"{context.whole} | {context.title}"
    return words.pattern("deadline").search(texts) is not None and not places.is_place_behind(context.after)


def _is_deadline_behind(after: str) -> bool:
    return any(words.pattern(name).search(after[:60]) for name in ("deadline", "extended"))


def _is_until(before: str) -> bool:
    """Return whether a word for until stands before a date, or before its weekday or article."""
    near = before[-60:]
    rests = (near[match.end() :] for match in _UNTIL.finditer(near))
    return any(_is_article_or_weekday(rest) for rest in rests)


def _is_article_or_weekday(text: str) -> bool:
    return _BEFORE_DATE.fullmatch(text) is not None and all(
        word in words.BEFORE_DAY or word in written_days.WEEKDAYS for word in re.findall(r"\w+", text)
    )


def _is_open(before: str) -> bool:
    """Return whether something is open in the days that follow; "open day" is an event."""
    near = before[-40:]
    ends = [
        max((match.end() for match in words.pattern(name).finditer(near)), default=0)
        for name in ("open", "event")
    ]
    return ends[0] > ends[1]


def _follows_opening(before: str) -> bool:
    """Return whether a date is the one on which a registration or call opens."""
    matches = [*words.pattern("opens").finditer(before)]
    return bool(matches) and _ON_OPENING.fullmatch(before, matches[-1].end()) is not None


def _is_of_publication(after: str, nearest: str | None, *, is_past: bool) -> bool:
    """Return whether the verb behind a date says that something was published or changed then.

    Germanic languages end the clause with it: "am 3. Mai im Verlag X erschienen".
    """
    if nearest is None and _reason_in(after[:25], first_one=True) == "not-coming":
        return True
    return is_past and _reason_in(after[:60], first_one=True) == "not-coming"


def _is_since(before: str, nearest: str | None) -> bool:
    """Return whether "since" or a similar word stands before a date, and no word for an event."""
    return nearest is None and words.pattern("since").search(before[-20:]) is not None


def _reason_in(text: str, *, first_one: bool = False) -> str | None:
    """Return which reason stands last, or first, in a folded text."""
    found = {}
    for name in ("event", "course", "deadline", "not-coming", "originally", "opens"):
        matches = [match.end() for match in words.pattern(name).finditer(text)]
        if matches:
            found[name] = matches[0] if first_one else matches[-1]
    if not found:
        return None
    return (min if first_one else max)(found, key=lambda name: found[name])


def _kind_in(text: str) -> EventKind | None:
    """Return the kind of event that a folded text names; a course is more exact."""
    if words.pattern("course").search(text):
        return EventKind.COURSE
    return EventKind.EVENT if words.pattern("event").search(text) else None
