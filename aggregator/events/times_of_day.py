"""Parse times of day, ranges of them and their zones in tokens (EX3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from aggregator.events import words
from aggregator.events.tokens import Token, word_at
from aggregator.model.value_classes import dataclass

DAY_MINUTES = 24 * 60
NOON_MINUTES = 12 * 60
LAST_MINUTE = DAY_MINUTES - 1
_HALVES = {"am": 0, "pm": NOON_MINUTES}
MAX_ZONE_TOKENS = 8
"""Maximum number of tokens of the name of a zone: America/Argentina/Buenos_Aires has seven."""
MAX_CITY_WORDS = 3
"""Maximum number of words of a city that names its zone: Dar es Salaam."""
_ANYWHERE_ON_EARTH = ["anywhere", "on", "earth"]
_OF_SEASON = re.compile(r"^us_|_(?:standard|daylight|summer)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Start and end in minutes after midnight, between tokens `begin` and `end`.

    `zone` is what the text states; None without one. `zone_name` is its IANA name, None for an offset.
    """

    start: int
    stop: int | None
    begin: int
    end: int
    zone: tzinfo | None = None
    zone_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hour:
    """A time as written: `sure` if its form is that of times alone, `half` as am or pm."""

    minutes: int
    end: int
    sure: bool
    half: str | None = None
    dotted: bool = False


_BEGINNINGS = words.CLOCK | words.NOON | words.MIDNIGHT
"""Words that a time may begin with."""


def find(tokens: Sequence[Token], taken: Sequence[tuple[int, int]]) -> list[Times]:
    """Find all times that are in none of the spans `taken`, left to right."""
    free = [True] * len(tokens)
    for begin, end in taken:
        free[begin:end] = [False] * (end - begin)
    found, at = [], 0
    while at < len(tokens):
        may_begin = free[at] and (tokens[at].number is not None or tokens[at].word in _BEGINNINGS)
        times = _times(tokens, at, free) if may_begin else None
        if times is None:
            at += 1
        else:
            found.append(times)
            at = times.end
    return found


def _times(tokens: Sequence[Token], at: int, free: Sequence[bool]) -> Times | None:
    """Parse "14:00–16:00 CEST", "14–16 Uhr", "klo 13–15", "10 am – 4:30 pm (Helsinki time)"."""
    begin, introduced = at, False
    while word_at(tokens, at) in words.CLOCK or (introduced and word_at(tokens, at) in (".", ":")):
        introduced, at = True, at + 1
    if (
        at and tokens[at - 1].word in (".", ",", "/", "-", "+") and not tokens[at].spaced
        if at < len(tokens)
        else True
    ):
        return None
    first = _hour(tokens, at)
    if first is None:
        return None
    after = _behind_link(tokens, begin, first.end)
    second = _hour(tokens, after) if after is not None and after < len(tokens) and free[after] else None
    if second is not None and not _is_hour_of_range(second, tokens):
        second = None
    sure = (
        introduced or first.sure or (second is not None and (second.sure or (first.dotted and second.dotted)))
    )
    has_zone = _states_zone(tokens, (second or first).end)
    sure |= first.dotted and word_at(tokens, begin - 1) in words.AT_TIME
    sure |= second is not None and word_at(tokens, first.end) in words.UNTIL_TIME_ALONE
    sure |= first.dotted and first.minutes % 5 == 0 and _is_behind_date(tokens, begin, first.end, free)
    if not sure and not (has_zone and (second is not None or first.dotted)):
        return None
    if first.half is None and second is not None and second.half is not None:
        first = _with_half(first, second)
    times = Times(
        start=first.minutes,
        stop=second.minutes if second else None,
        begin=begin,
        end=(second or first).end,
    )
    return _with_zone(tokens, _academic(tokens, times))


def _behind_link(tokens: Sequence[Token], begin: int, link: int) -> int | None:
    """Return where the end of a range of times begins, None if no word announces it."""
    if word_at(tokens, link - 1) == "órától":
        return link
    if word_at(tokens, link) == "-" and word_at(tokens, link + 1) in words.HUNGARIAN_FROM:
        return link + 2
    is_between = _is_between(tokens, begin) and word_at(tokens, link) in words.AND
    if not is_between and word_at(tokens, link) not in words.UNTIL_TIME:
        return None
    after = link + 1
    while word_at(tokens, after) in ("-", "las", "les", "as") or word_at(tokens, after) in words.CLOCK:
        after += 1
    return after


def _is_behind_date(tokens: Sequence[Token], begin: int, end: int, free: Sequence[bool]) -> bool:
    """Return whether a number is behind date and comma: "5 June 2026, 9.00"."""
    is_behind = begin > 1 and word_at(tokens, begin - 1) == "," and not free[begin - 2]
    return is_behind and word_at(tokens, end) in ("", ",", ")", "|")


def _is_between(tokens: Sequence[Token], begin: int) -> bool:
    """Return whether "between" stands before a time, in Romance languages also with an article."""
    behind = begin - (word_at(tokens, begin - 1) in ("les", "las", "as", "le"))
    return word_at(tokens, behind - 1) in words.BETWEEN


def _is_hour_of_range(hour: _Hour, tokens: Sequence[Token]) -> bool:
    """Return whether a number behind a dash is an hour and not a day: "14:00 – 22 October"."""
    if hour.sure or hour.dotted:
        return True
    behind = hour.end + (word_at(tokens, hour.end) == ".")
    return behind >= len(tokens) or (
        tokens[behind].month is None and (behind == hour.end or tokens[behind].number is None)
    )


def _hour(tokens: Sequence[Token], at: int) -> _Hour | None:
    """Parse one time; a bare number is one only if something beside it says so."""
    word = word_at(tokens, at)
    if word in words.NOON:
        return _Hour(minutes=NOON_MINUTES, end=at + 1, sure=True)
    if word in words.MIDNIGHT:
        return _Hour(minutes=DAY_MINUTES, end=at + 1, sure=True)
    number = tokens[at].number if at < len(tokens) else None
    if number is None or number > 24 or tokens[at].digits > 2:
        return None
    at += 1
    if number == 12 and word_at(tokens, at) in words.NOON | words.MIDNIGHT:
        return _hour(tokens, at)
    minutes, sure, dotted = 0, False, False
    mark = word_at(tokens, at)
    after = _number(tokens, at + 1) if mark == "h" and tokens[at].spaced else None
    if after is not None and after < 60 and tokens[at + 1].digits == 2:  # French: 16 h 30
        return _Hour(minutes=number * 60 + after, end=at + 2, sure=True)
    joined = at + 1 < len(tokens) and not tokens[at].spaced and not tokens[at + 1].spaced
    small = tokens[at + 1].number if joined else None
    if mark in (":", ".", "h", "u") and small is not None and tokens[at + 1].digits == 2 and small < 60:
        minutes, sure, dotted = small, mark != ".", mark == "."
        at += 2
        if (
            mark == ":"
            and word_at(tokens, at) == ":"
            and not tokens[at].spaced
            and _number(tokens, at + 1) is not None
        ):
            at += 2  # seconds
    half = None
    if word_at(tokens, at) in _HALVES:
        half, at = word_at(tokens, at), at + 1
    elif (
        word_at(tokens, at) in ("a", "p")
        and word_at(tokens, at + 1) == "."
        and word_at(tokens, at + 2) == "m"
    ):
        half, at = word_at(tokens, at) + "m", at + (4 if word_at(tokens, at + 3) == "." else 3)
    while word_at(tokens, at) in words.HOURS or (
        sure and word_at(tokens, at) == "o" and word_at(tokens, at + 1) == "'"
    ):
        sure, at = True, at + 1
    if dotted and word_at(tokens, at) == "." and _number(tokens, at + 1) is not None:
        return None  # a date or version
    if half is not None:
        if not 1 <= number <= 12:
            return None
        return _Hour(minutes=number % 12 * 60 + minutes + _HALVES[half], end=at, sure=True, half=half)
    if number == 24 and minutes:
        return None
    return _Hour(minutes=number * 60 + minutes, end=at, sure=sure, dotted=dotted)


def _with_half(first: _Hour, second: _Hour) -> _Hour:
    """Apply the am or pm of the second time to the first one: "10–11:30 am", "11–1 pm"."""
    if first.minutes >= 13 * 60 or second.half is None:
        return first
    half = _HALVES[second.half]
    minutes = first.minutes % NOON_MINUTES + half
    if minutes >= second.minutes:
        minutes -= half
    return replace(first, minutes=minutes)


def _academic(tokens: Sequence[Token], times: Times) -> Times:
    """Apply s.t. and c.t. of German universities: c.t. begins a quarter of an hour later."""
    at = times.end + (1 if word_at(tokens, times.end) in (",", "(") else 0)
    if (
        word_at(tokens, at) in ("s", "c")
        and word_at(tokens, at + 1) == "."
        and word_at(tokens, at + 2) == "t"
    ):
        end = at + (4 if word_at(tokens, at + 3) == "." else 3)
        return replace(times, start=times.start + (15 if word_at(tokens, at) == "c" else 0), end=end)
    return times


# --- zones ---------------------------------------------------------------------------------------------


def _with_zone(tokens: Sequence[Token], times: Times) -> Times:
    """Read the zone behind a time: CEST, UTC+2, +02:00, UK time, Helsinki time, Europe/Berlin."""
    at = times.end
    while word_at(tokens, at) in ("(", ",", "|", "/", "uhr", "local"):
        at += 1
    word = word_at(tokens, at)
    if word in words.ZONES_BY_PLACE and word_at(tokens, at - 1).endswith("m"):
        name = words.ZONES_BY_PLACE[word]
        return _zoned(tokens, times, ZoneInfo(name), name, at + 1)
    if word in words.ZONES:
        end, minutes = at + 1, words.ZONES[word]
        if word in ("utc", "gmt") and (offset := _offset(tokens, end)) is not None:
            minutes, end = offset
        return _zoned(tokens, times, timezone(timedelta(minutes=minutes)), None, end)
    if (offset := _offset(tokens, at)) is not None and at == times.end and not tokens[at].spaced:
        return _zoned(tokens, times, timezone(timedelta(minutes=offset[0])), None, offset[1])
    if [word_at(tokens, each) for each in range(at, at + 3)] == _ANYWHERE_ON_EARTH:
        return _zoned(tokens, times, timezone(timedelta(minutes=words.ZONES["aoe"])), None, at + 3)
    named = _named_zone(tokens, at)
    if named is not None:
        name, end = named
        return _zoned(tokens, times, ZoneInfo(name), name, end)
    return times


def _states_zone(tokens: Sequence[Token], at: int) -> bool:
    return word_at(tokens, at + (word_at(tokens, at) == "(")) in words.ZONES


def _zoned(tokens: Sequence[Token], times: Times, zone: tzinfo, name: str | None, end: int) -> Times:
    return replace(times, zone=zone, zone_name=name, end=end + (word_at(tokens, end) == ")"))


def _offset(tokens: Sequence[Token], at: int) -> tuple[int, int] | None:
    """Parse +2, +02:00 or -0500 as minutes."""
    sign = {"+": 1, "-": -1}.get(word_at(tokens, at))
    number = tokens[at + 1].number if sign and at + 1 < len(tokens) else None
    if sign is None or number is None or tokens[at + 1].spaced:
        return None
    if tokens[at + 1].digits == 4 and number % 100 < 60 and number <= 1400:
        return sign * (number // 100 * 60 + number % 100), at + 2
    if number > 14 or tokens[at + 1].digits > 2:
        return None
    small = tokens[at + 3].number if word_at(tokens, at + 2) == ":" and at + 3 < len(tokens) else None
    if small is not None and small < 60:
        return sign * (number * 60 + small), at + 4
    return sign * number * 60, at + 2


def _named_zone(tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
    """Find "Europe/Berlin", "New York time", "Eastern Standard Time" and "heure de Paris"."""
    if word_at(tokens, at + 1) == "/":
        return _iana_name(tokens, at)
    begin = at + 2 if word_at(tokens, at) in words.TIME_OF and word_at(tokens, at + 1) in words.OF else at
    for end in range(begin + MAX_CITY_WORDS, begin, -1):
        if begin != at or word_at(tokens, end) in words.TIME_OF:
            city = "_".join(word_at(tokens, each) for each in range(begin, end))
            if begin == at and (name := words.ZONES_BY_NAME.get(_OF_SEASON.sub("", city))):
                return name, end + 1
            names = (_zone_names().get(f"{region}/{city}".lower()) for region in words.REGIONS)
            if name := next(filter(None, names), None):
                return name, end + (begin == at)
    return None


def _iana_name(tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
    """Parse the longest name of a zone, such as America/Port-au-Prince."""
    written, found = word_at(tokens, at), None
    for end in range(at + 1, min(at + MAX_ZONE_TOKENS, len(tokens))):
        written += tokens[end].word
        if name := _zone_names().get(written):
            found = name, end + 1
    return found


@cache
def _zone_names() -> dict[str, str]:
    """Return the IANA names of zones by their names in lower case."""
    from zoneinfo import available_timezones

    return {name.lower(): name for name in available_timezones()}


def _number(tokens: Sequence[Token], at: int) -> int | None:
    return tokens[at].number if 0 <= at < len(tokens) else None
