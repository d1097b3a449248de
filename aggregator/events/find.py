"""Find events, courses and deadlines in the title and text of an item (EX2-EX6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo

from aggregator.events import days, places, replaced_dates, times_of_day, words, written_days
from aggregator.events.sentences import Context, context_of
from aggregator.events.times_of_day import Times
from aggregator.events.tokens import Token, composed, folded, may_name_date, split
from aggregator.events.written_days import Day
from aggregator.model.events import Event, EventKind, EventStatus, day_of
from aggregator.model.value_classes import dataclass

MAX_TITLE_CHARACTERS = 500
"""Maximum number of characters of a title that are searched."""
MAX_TEXT_CHARACTERS = 1_000
"""Maximum number of characters of a text that are searched (EX2)."""
MAX_EVENTS = 10
"""Maximum number of events of one item."""
MAX_BARE_DAYS = 31
"""Maximum number of days of a range that is an event without a word for one."""
MAX_DAYS = 366
"""Maximum number of days of an event."""
MAX_LIST_DAYS = 6
"""Maximum number of days between two days that one event names one by one."""
MAX_GAP_TOKENS = 7
"""Maximum number of tokens between a date and its time."""
_DIGIT = re.compile(r"\d")
_SENTENCE_END = re.compile(r"\n|[!?]\s|[.;]\s+(?=[^\W\d_a-zà-öø-ÿ])|\s[•·]\s")
_UNTIL_BEFORE = re.compile(
    r"(?<![\w:*_])(?:until|till|by|due|before|no later than|bis(?: spätestens)?(?: zum| am)?|jusqu'au|avant le"
    r"|fino al|entro il|entro|hasta el|hasta|antes del|até(?: ao?)?(?: dia)?|asti|senast(?: den)?|innen"
    r"|senest(?: den)?|til og med|til(?: den)?|uiterlijk|tot(?: en met)?|vóór|do(?: dnia)?|nejpozději(?: do)?"
    r"|legkésőbb|najkasneje do|до)(?![\w.])(?P<rest>[\s\w:.,]{0,20})$"
)
_LINKS = words.UNTIL | words.END_LABELS | words.BEFORE_DAY | frozenset(", ) ; : | ·".split())
_ON_BEFORE = re.compile(r"^\W*(?:on|am|le|il|el|em|den|dne|op|på|dnia)\W+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mention:
    """Dates with their times, at characters `start` to `end`."""

    dates: days.Dates
    starts: Times | None
    stops: Times | None
    start: int
    end: int


def find_events(
    title: str, text: str, language: str | None, published: datetime, zone: tzinfo
) -> tuple[Event, ...]:
    """Return what a title and text announce, the principal event first.

    Years that are not written follow from `published`; times without a zone are in `zone`.
    """
    title = composed(title[:MAX_TITLE_CHARACTERS])
    text = composed(text[:MAX_TEXT_CHARACTERS])
    found = [*_events(title, "", language, published, zone)]
    found += _events(text, folded(title), language, published, zone)
    return tuple(_distinct(found))[:MAX_EVENTS]


def _distinct(found: Iterable[Event]) -> list[Event]:
    """Keep each event once; a later mention of the same days adds times, place and attendance."""
    kept: list[Event] = []
    for event in found:
        same = next((n for n, other in enumerate(kept) if _are_same(other, event)), None)
        if same is None:
            kept.append(event)
        else:
            kept[same] = _joined(kept[same], event)
    return kept


def _are_same(one: Event, other: Event) -> bool:
    if (one.kind is EventKind.DEADLINE) != (other.kind is EventKind.DEADLINE):
        return False
    if one.month_only or other.month_only:
        first, second = sorted((one, other), key=lambda event: event.month_only, reverse=True)
        return first.month_only and _days(first)[0] <= _days(second)[0] <= _days(first)[1]
    return _days(one) == _days(other) and (one.all_day or other.all_day or one.start == other.start)


def _days(event: Event) -> tuple[date, date]:
    return day_of(event.start), day_of(event.end)


def _joined(first: Event, second: Event) -> Event:
    timed = second if (first.all_day and not second.all_day) or first.month_only else first
    status = second.status if first.status is EventStatus.SCHEDULED else first.status
    return replace(
        timed,
        kind=EventKind.COURSE if EventKind.COURSE in (first.kind, second.kind) else first.kind,
        place=first.place or second.place,
        attendance=first.attendance or second.attendance,
        status=status,
    )


def _events(
    text: str, title: str, language: str | None, published: datetime, zone: tzinfo
) -> Iterator[Event]:
    """Yield the events of one text; `title` is the folded title above it."""
    if not _DIGIT.search(text):
        return
    low = folded(text)
    if not may_name_date(low):  # most texts do not, and splitting them takes long
        return
    tokens = split(text, low, language)
    mentions = _mentions(tokens)
    if not mentions:
        return
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    ends = [end for end in ends if not any(when.start < end < when.end for when in mentions)]  # "15. Juli"
    bounds = [0, *ends, len(text)]
    end_before = 0
    found: list[tuple[Context, list[Event]]] = []
    for n, when in enumerate(mentions):
        next_start = mentions[n + 1].start if n + 1 < len(mentions) else len(text)
        context = context_of(text, low, title, bounds, (when.start, when.end), end_before, next_start)
        found.append((context, list(_event(when, context, published, zone))))
        end_before = when.end
    yield from replaced_dates.without_replaced(found)


# --- dates with their times ----------------------------------------------------------------------------


def _mentions(tokens: Sequence[Token]) -> list[_Mention]:
    """Join dates and the times beside them, and "5 May, 9:00 to 6 May, 16:00" to one range."""
    dates = days.find(tokens)
    times = times_of_day.find(tokens, [(each.begin, each.end) for each in dates]) if dates else []
    mentions: list[_Mention] = []
    for each in dates:
        time = _time_beside(tokens, each, times)
        start = tokens[min(each.begin, time.begin) if time else each.begin].start
        end = tokens[(max(each.end, time.end) if time else each.end) - 1].end
        when = _Mention(dates=each, starts=time, stops=time, start=start, end=end)
        if mentions and (joined := _joined_range(tokens, mentions[-1], when)):
            mentions[-1] = joined
        else:
            mentions.append(when)
    return mentions


def _time_beside(tokens: Sequence[Token], each: days.Dates, times: Sequence[Times]) -> Times | None:
    for time in times:
        if each.end <= time.begin <= each.end + MAX_GAP_TOKENS and _are_beside(
            tokens, each.end, time.begin, words.BETWEEN_DATE_AND_TIME
        ):
            return time
    for time in times:
        if time.end <= each.begin <= time.end + MAX_GAP_TOKENS and _are_beside(
            tokens, time.end, each.begin, words.BETWEEN_TIME_AND_DATE
        ):
            return time
    return None


def _are_beside(tokens: Sequence[Token], begin: int, end: int, allowed: frozenset[str]) -> bool:
    return all(tokens[n].word in allowed or written_days.is_weekday(tokens, n) for n in range(begin, end))


def _joined_range(tokens: Sequence[Token], first: _Mention, second: _Mention) -> _Mention | None:
    """Join two single days that a word for a range or for an end connects.

    Both have a time, or none has.
    """
    if first.dates.is_range or second.dates.is_range or first.end > second.start:
        return None
    stops = [when.starts.stop for when in (first, second) if when.starts is not None]
    if len(stops) == 1 or any(stop is not None for stop in stops):
        return None
    between = {token.word for token in tokens if first.end <= token.start < second.start}
    if not between & (words.UNTIL | words.END_LABELS) or not between <= _LINKS:
        return None
    dates = days.joined_range(first.dates, second.dates)
    if dates is None:
        return None
    return replace(second, dates=dates, starts=first.starts, start=first.start)


# --- what the date means -------------------------------------------------------------------------------


def _event(when: _Mention, context: Context, published: datetime, zone: tzinfo) -> Iterator[Event]:
    """Yield the event of a date or the two of a list; nothing without a reason (EX5)."""
    if when.dates.is_range and replaced_dates.is_old_and_new(context):
        when = replace(when, dates=replaced_dates.new_days(context, when.dates), starts=when.stops)
    today = published.astimezone(zone).date()
    past = bool(words.pattern("past").search(f"{context.sentence} {context.title}"))
    first, last = _with_years(when.dates, today, backwards=past)
    if first is None or last is None or last < first or not written_days.has_events(first, last):
        return
    kind = _kind(when, context, first, last, today, past=past)
    if kind is None:
        return
    place = (
        places.place_beside(context.before, context.after, context.following)
        if kind is not EventKind.DEADLINE
        else None
    )
    sentence = context.sentence if context.is_alone is False else f"{context.sentence} | {context.title}"
    event = Event(
        kind=kind,
        start=first,
        end=last,
        place=place,
        attendance=places.attendance(sentence, place) if kind is not EventKind.DEADLINE else None,
        status=_status(kind, f"{context.sentence} | {context.title}", context.whole),
        retrospective=last < today and kind is not EventKind.DEADLINE,
        month_only=when.dates.month_only,
    )
    if when.dates.listed and (kind is EventKind.DEADLINE or (last - first).days > MAX_LIST_DAYS):
        inner = (_as_date(day, _year_after(day, when.dates, first)) for day in when.dates.inner)
        for day in filter(None, (first, *inner, last)):
            yield replace(
                event, start=day, end=day, retrospective=day < today and kind is not EventKind.DEADLINE
            )
        return
    if kind is EventKind.DEADLINE and first != last:
        event = replace(event, start=last)
    yield _with_times(event, when, zone)


def _kind(
    when: _Mention, context: Context, first: date, last: date, today: date, *, past: bool
) -> EventKind | None:
    """Return what a date means by the nearest reason; None where it is no event."""
    before, after = context.low_before, context.low_after
    if words.pattern("closed").search(f"{before} {after}"):
        return None
    nearest = _reason_in(before)
    is_until = _is_until(before) and not when.dates.is_range and not replaced_dates.follows_move_to(before)
    if when.dates.is_range and words.pattern("open").search(before[-40:]) and not _kind_in(after[:40]):
        return EventKind.DEADLINE  # "registration is open from 1 to 30 June"
    if nearest == "not-coming" or (not when.dates.is_range and _is_since(before, nearest)):
        return None
    if nearest == "deadline" or is_until:
        is_former = replaced_dates.is_former(before, f"{context.whole} | {context.title}")
        return None if is_former else EventKind.DEADLINE
    if nearest is None and _reason_in(after[:25], first_one=True) == "not-coming" and not when.dates.is_range:
        return None
    named = _kind_in(f"{before} | {after}") or _kind_in(context.whole)
    if named is None and not when.dates.is_range and _is_deadline_behind(after):
        return EventKind.DEADLINE
    named_in_title = _kind_in(context.title)
    if not _has_reason(
        when, context, named or (first > today and named_in_title) or None, first, last, today, past=past
    ):
        return None
    return EventKind.COURSE if EventKind.COURSE in (named, named_in_title) else EventKind.EVENT


def _has_reason(
    when: _Mention,
    context: Context,
    named: EventKind | None,
    first: date,
    last: date,
    today: date,
    *,
    past: bool,
) -> bool:
    """Return whether a date without a word for a deadline is an event (EX5)."""
    length = (last - first).days
    if when.dates.weak or when.dates.month_only:
        return (named is not None or when.starts is not None) and length <= MAX_DAYS and last >= today
    if when.dates.is_range and last < today and named is None:
        place = places.place_beside(context.before, context.after, context.following)
        return place is not None and length <= MAX_BARE_DAYS
    if when.dates.is_range:
        return length <= (MAX_DAYS if named else MAX_BARE_DAYS)
    if first < today:
        on = _ON_BEFORE.search(context.low_before) is not None
        return _kind_in(context.sentence) is not None and (past or not on)
    if named is not None or first == today:
        return named is not None  # a report has its own date, place and time too
    return (
        when.starts is not None
        or places.is_place_behind(context.after)
        or words.pattern("online").search(context.low_after[:60]) is not None
    )


def _is_deadline_behind(after: str) -> bool:
    return any(words.pattern(name).search(after[:60]) for name in ("deadline", "extended"))


def _is_until(before: str) -> bool:
    """Return whether a word for until stands before a date, or before its weekday or article."""
    match = _UNTIL_BEFORE.search(before[-60:])
    return match is not None and all(
        word in words.BEFORE_DAY or word in written_days.WEEKDAYS
        for word in re.findall(r"\w+", match["rest"])
    )


def _is_since(before: str, nearest: str | None) -> bool:
    """Return whether "since" or a similar word stands before a date, and no word for an event."""
    return nearest is None and words.pattern("since").search(before[-20:]) is not None


def _reason_in(text: str, *, first_one: bool = False) -> str | None:
    """Return which reason stands last, or first, in a folded text."""
    found = {}
    for name in ("event", "course", "deadline", "not-coming"):
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


def _status(kind: EventKind, text: str, whole: str) -> EventStatus:
    """Read the status from words near the date, and a new date from the whole sentence (EX6)."""
    if kind is EventKind.DEADLINE:
        return replaced_dates.deadline_status(text, whole)
    for status in (
        EventStatus.CANCELLED,
        EventStatus.MOVED_ONLINE,
        EventStatus.RESCHEDULED,
        EventStatus.POSTPONED,
    ):
        if words.pattern(status.value).search(text):
            return status
    is_moved = words.pattern("rescheduled").search(whole)
    return EventStatus.RESCHEDULED if is_moved else EventStatus.SCHEDULED


# --- years and moments ---------------------------------------------------------------------------------


def _with_years(dates: days.Dates, today: date, *, backwards: bool) -> tuple[date | None, date | None]:
    """Return first and last day; without a year the first that is not before `today` (EX4).

    A report in the past tense means the last such day before.
    """
    if dates.last.year is not None:
        return _as_date(dates.first, dates.first.year), _as_date(dates.last, dates.last.year, last=True)
    years = range(today.year + 1, today.year - 9, -1) if backwards else range(today.year, today.year + 9)
    for year in years:
        crossing = days.order(dates.first) > days.order(dates.last)
        first, last = _as_date(dates.first, year - crossing), _as_date(dates.last, year, last=True)
        if first and last and (last < today if backwards else last >= today):
            return first, last
    return None, None


def _year_after(day: Day, dates: days.Dates, first: date) -> int:
    """Return the year of a day in a list that begins with `first` and may cross a year's end."""
    return day.year or first.year + (days.order(day) < days.order(dates.first))


def _as_date(day: Day, year: int | None, *, last: bool = False) -> date | None:
    """Return the date of a day; a month begins with its first day and ends with its last."""
    try:
        if day.day is None and last:
            return date(year or 1, (day.month or 1) % 12 + 1, 1).replace(
                year=(year or 1) + (day.month == 12)
            ) - timedelta(days=1)
        return date(year or 1, day.month or 1, day.day or 1)
    except ValueError:
        return None


def _with_times(event: Event, when: _Mention, zone: tzinfo) -> Event:
    """Add times to the days of an event, where it has a beginning and an end."""
    starts, stops = when.starts, when.stops
    if starts is None or stops is None or event.month_only:
        return event
    is_deadline = event.kind is EventKind.DEADLINE
    if event.start != event.end and starts is stops and starts.stop is None:
        return event  # the time of one of several days
    stated = stops.zone or starts.zone or zone
    start = _moment(
        event.start, stops.start if is_deadline else starts.start, stated, is_deadline=is_deadline
    )
    end_minutes = stops.stop if stops.stop is not None else stops.start
    end = start if is_deadline else _moment(event.end, end_minutes, stated, is_deadline=False)
    if end < start:
        end += timedelta(days=1)
    name = stops.zone_name or starts.zone_name
    if name is None and (stated is zone or start.utcoffset() == start.astimezone(zone).utcoffset()):
        name = getattr(zone, "key", None)
    return replace(event, start=start, end=end, zone=name)


def _moment(day: date, minutes: int, zone: tzinfo, *, is_deadline: bool) -> datetime:
    """Return a moment; 24:00 is the end of the day, for a deadline its last minute."""
    if minutes >= times_of_day.DAY_MINUTES and is_deadline:
        minutes = times_of_day.LAST_MINUTE
    extra, minutes = divmod(minutes, times_of_day.DAY_MINUTES)
    day += timedelta(days=extra)
    return datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
