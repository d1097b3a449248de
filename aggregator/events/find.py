"""Find events, courses and deadlines in the title and text of an item (EX2-EX6)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, tzinfo

from aggregator.events import (
    days,
    places,
    reasons,
    replaced_dates,
    statuses,
    times_of_day,
    words,
    written_days,
)
from aggregator.events.replaced_dates import Dated
from aggregator.events.sentences import Context, context_of
from aggregator.events.times_of_day import Times
from aggregator.events.tokens import Token, composed, folded, may_name_date, split, word_at
from aggregator.events.written_days import Day
from aggregator.model.events import Event, EventKind, EventStatus, day_of
from aggregator.model.value_classes import dataclass

MAX_TITLE_CHARACTERS = 500
"""Maximum number of characters of a title that are searched."""
MAX_TEXT_CHARACTERS = 1_000
"""Maximum number of characters of a text that are searched (EX2)."""
MAX_EVENTS = 10
"""Maximum number of events of one item."""
MAX_LIST_DAYS = 6
"""Maximum number of days between two days that one event names one by one."""
MAX_GAP_TOKENS = 7
"""Maximum number of tokens between a date and its time."""
_DIGIT = re.compile(r"\d")
_SENTENCE_END = re.compile(
    r"\n|[!?]\s|(?<!\b[Dd]r)(?<!\b[Pp]rof)(?<!\b[Ii]ng)(?<!\b[Mm]gr)[.;]\s+(?=[^\W\d_a-zà-öø-ÿ])|\s[•·]\s"
)
_LINKS = (
    words.UNTIL
    | words.END_LABELS
    | words.BEFORE_DAY
    | frozenset(", ) ; : | · date datum fecha data dato dátum dátuma".split())
)
_LIST_LINKS = words.AND | words.BEFORE_DAY | frozenset(",;")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mention:
    """Dates with their times, at characters `start` to `end`.

    `is_time_apart`: the time stands in the next sentence.
    """

    dates: days.Dates
    starts: Times | None
    stops: Times | None
    start: int
    end: int
    is_time_apart: bool = False


def find_events(
    title: str, text: str, language: str | None, published: datetime, zone: tzinfo
) -> tuple[Event, ...]:
    """Return what a title and text announce, the principal event first.

    Years that are not written follow from `published`; times without a zone are in `zone`.
    """
    title = composed(title[:MAX_TITLE_CHARACTERS])
    text = composed(text[:MAX_TEXT_CHARACTERS])
    found = replaced_dates.without_planned(
        _events(title, "", language, published, zone),
        _events(text, folded(title), language, published, zone),
    )
    return tuple(_with_time_of_text(_distinct(found), text, language, zone))[:MAX_EVENTS]


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


def _with_time_of_text(events: list[Event], text: str, language: str | None, zone: tzinfo) -> list[Event]:
    """Add to the only event, if it takes a day, the only time that begins a sentence."""
    dated = [event for event in events if event.kind is not EventKind.DEADLINE]
    is_day = len(dated) == 1 and dated[0].all_day and dated[0].start == dated[0].end
    if not is_day or not _DIGIT.search(text):
        return events
    time = _time_of_own_sentence(text, language)
    return [_with_times(event, time, time, zone) if time and event is dated[0] else event for event in events]


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


def _events(text: str, title: str, language: str | None, published: datetime, zone: tzinfo) -> list[Dated]:
    """Return the events of one text by their dates; `title` is the folded title above it."""
    if not _DIGIT.search(text):
        return []
    low = folded(text)
    if not may_name_date(low, language):  # most texts do not, and splitting them takes long
        return []
    tokens = split(text, low, language)
    mentions = _mentions(tokens)
    if not mentions:
        return []
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    ends = [end for end in ends if not any(when.start < end < when.end for when in mentions)]  # "15. Juli"
    bounds = [0, *ends, len(text)]
    end_before = 0
    found: list[Dated] = []
    for n, when in enumerate(mentions):
        next_start = mentions[n + 1].start if n + 1 < len(mentions) else len(text)
        if n and not _continues_list(tokens, mentions[n - 1], when):
            end_before = mentions[n - 1].end
        context = context_of(text, low, title, bounds, (when.start, when.end), end_before, next_start)
        found.append((context, list(_event(when, context, published, zone))))
    return list(replaced_dates.without_replaced(found))


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
        is_apart = time is not None and any(
            _ends_before_label(tokens, n) for n in range(each.end, time.begin)
        )
        when = _Mention(dates=each, starts=time, stops=time, start=start, end=end, is_time_apart=is_apart)
        if mentions and (joined := _joined_range(tokens, mentions[-1], when)):
            mentions[-1] = joined
        else:
            mentions.append(when)
    return _with_shared_times(tokens, mentions)


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


def _time_of_own_sentence(text: str, language: str | None) -> Times | None:
    """Return the only time of a text that is beside no date, if its sentence begins with it."""
    low = folded(text)
    tokens = split(text, low, language)
    dates = days.find(tokens)
    times = times_of_day.find(tokens, [(each.begin, each.end) for each in dates])
    beside = [when.starts for when in _mentions(tokens) if not when.is_time_apart]
    free = [time for time in times if time not in beside]
    if len(free) != 1:
        return None
    (time,) = free
    ends = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    start = max(end for end in ends if end <= tokens[time.begin].start)
    end = min(end for end in ends if end > tokens[time.begin].start)
    begin = next(n for n, token in enumerate(tokens) if token.start >= start)
    if any(words.pattern(name).search(low, start, end) for name in ("deadline", "closed")):
        return None
    return time if _are_beside(tokens, begin, time.begin, words.BETWEEN_DATE_AND_TIME) else None


def _are_beside(tokens: Sequence[Token], begin: int, end: int, allowed: frozenset[str]) -> bool:
    return all(
        tokens[n].word in allowed
        or written_days.is_weekday(tokens, n)
        or _is_pictogram(tokens[n].word)
        or _ends_before_label(tokens, n)
        for n in range(begin, end)
    )


def _ends_before_label(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a full stop stands before a label of times."""
    return tokens[at].word == "." and word_at(tokens, at + 1) in words.TIME_LABELS


def _is_pictogram(word: str) -> bool:
    """Return whether a sign is a picture, as of a clock, with its variation selector."""
    return len(word) == 1 and unicodedata.category(word) in ("So", "Mn")


def _joined_range(tokens: Sequence[Token], first: _Mention, second: _Mention) -> _Mention | None:
    """Join two single days that a word for a range or for an end connects.

    Both have a time, or none has.
    """
    if first.dates.is_range or second.dates.is_range or first.end > second.start:
        return None
    stops = [when.starts.stop for when in (first, second) if when.starts is not None]
    if len(stops) == 1 or any(stop is not None for stop in stops):
        return None
    between = _words_between(tokens, first, second)
    links = _LINKS | {"."} if between & (words.END_LABELS - words.UNTIL) else _LINKS
    if not between & (words.UNTIL | words.END_LABELS) or not between <= links:
        return None
    dates = days.joined_range(first.dates, second.dates)
    if dates is None:
        return None
    return replace(second, dates=dates, starts=first.starts, start=first.start)


def _words_between(tokens: Sequence[Token], first: _Mention, second: _Mention) -> set[str]:
    """Return the words between two mentions, without weekdays; "to" is also one in Norwegian."""
    return {
        tokens[n].word
        for n in range(first.dates.end, second.dates.begin)
        if first.end <= tokens[n].start < second.start
        and (tokens[n].word in words.UNTIL or not written_days.is_weekday(tokens, n))
    }


def _with_shared_times(tokens: Sequence[Token], mentions: list[_Mention]) -> list[_Mention]:
    """Give the time beside a list of days to each of them: "1 Oct, 8 Oct and 15 Oct, 9:00"."""
    shared = list(mentions)
    for n in range(len(shared) - 2, -1, -1):
        each, following = shared[n], shared[n + 1]
        if following.starts is None or each.starts is not None:
            continue
        if following.starts.begin >= following.dates.end and _continues_list(tokens, each, following):
            shared[n] = replace(each, starts=following.starts, stops=following.stops)
    for n in range(len(shared) - 1):
        each, following = shared[n], shared[n + 1]
        if each.starts is None or following.starts is not None:
            continue
        if each.starts.end <= each.dates.begin and _continues_list(tokens, each, following):
            shared[n + 1] = replace(following, starts=each.starts, stops=each.stops)
    return shared


def _continues_list(tokens: Sequence[Token], first: _Mention, second: _Mention) -> bool:
    """Return whether days stand in one list, so that what is said of the first is said of both."""
    is_range = any(
        (when.dates.is_range and not when.dates.listed) or when.dates.month_only for when in (first, second)
    )
    return not is_range and _words_between(tokens, first, second) <= _LIST_LINKS


# --- what the date means -------------------------------------------------------------------------------


def _event(when: _Mention, context: Context, published: datetime, zone: tzinfo) -> Iterator[Event]:
    """Yield the event of a date or the two of a list; nothing without a reason (EX5)."""
    if when.dates.is_range and replaced_dates.is_old_and_new(context):
        when = replace(when, dates=replaced_dates.new_days(context, when.dates), starts=when.stops)
    today = published.astimezone(zone).date()
    past = words.pattern("past").search(context.sentence) is not None
    reported = past or any(
        words.pattern(name).search(f"{context.sentence} {context.title}") for name in ("past", "report")
    )
    first, last = (
        _years_of_report(when.dates, today, past=past) if reported else _with_years(when.dates, today)
    )
    if first is None or last is None or last < first or not written_days.has_events(first, last):
        return
    has_time = when.starts is not None
    kind = reasons.kind_of(when.dates, context, first, last, today, has_time=has_time, past=reported)
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
        status=statuses.status_of(kind, context),
        retrospective=last < today and kind is not EventKind.DEADLINE,
        month_only=when.dates.month_only,
    )
    starts, stops = when.starts, when.stops
    if kind is EventKind.DEADLINE and when.is_time_apart:
        starts = stops = None
    if when.dates.listed and (kind is EventKind.DEADLINE or (last - first).days > MAX_LIST_DAYS):
        inner = (_as_date(day, _year_after(day, when.dates, first)) for day in when.dates.inner)
        for day in filter(None, (first, *inner, last)):
            is_past = day < today and kind is not EventKind.DEADLINE
            yield _with_times(replace(event, start=day, end=day, retrospective=is_past), starts, stops, zone)
        return
    if kind is EventKind.DEADLINE and first != last:
        event = replace(event, start=last)
    yield _with_times(event, starts, stops, zone)


# --- years and moments ---------------------------------------------------------------------------------

_Range = tuple[date | None, date | None]


def _years_of_report(dates: days.Dates, today: date, *, past: bool) -> _Range:
    """Return first and last day in a report; without a year those nearest to `today`.

    `past`: its sentence is in the past tense, so that they are over.
    """
    coming, over = _with_years(dates, today), _with_years(dates, today, backwards=True)
    if over[1] is None or coming[1] is None:
        return coming if over[1] is None else over
    return over if past or today - over[1] < coming[1] - today else coming


def _with_years(dates: days.Dates, today: date, *, backwards: bool = False) -> _Range:
    """Return first and last day; without a year the first that is not before `today` (EX4).

    `backwards`: the last such day before.
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


def _with_times(event: Event, starts: Times | None, stops: Times | None, zone: tzinfo) -> Event:
    """Add times to the days of an event, where it has a beginning and an end."""
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
