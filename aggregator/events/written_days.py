"""Parse one day as written: 20 October 2026, 20.10.2026, 2026-10-20, a bare 20 of a range."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from aggregator import calendar_names
from aggregator.events import words
from aggregator.events.tokens import Token, is_whole_month, word_at
from aggregator.model.value_classes import dataclass

MIN_YEAR, MAX_YEAR = 1990, 2100
"""Years of events; dates with another year are those of births and foundings."""
MIN_WRITTEN_YEAR = 1500
"""Minimum number that is a year beside a month; smaller ones are times and prices."""


def has_events(first: date, last: date) -> bool:
    """Return whether the years of a range of days are those of events."""
    return first.year >= MIN_YEAR and last.year <= MAX_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day as written, None for what its neighbours state; `end` is the next token."""

    day: int | None
    month: int | None = None
    year: int | None = None
    end: int
    month_first: bool = False
    iso: bool = False
    sure: bool = True
    numeric: bool = False


def parse_day(tokens: Sequence[Token], at: int, before: Day | None) -> Day | None:
    """Parse the day at a token, which may be a bare number of a range after `before`."""
    if at >= len(tokens):
        return None
    token = tokens[at]
    if token.month is not None:
        return _month_first(tokens, at)
    if token.number is None:
        return None
    if token.digits == 4 and MIN_YEAR <= token.number <= MAX_YEAR:
        return _year_first(tokens, at)
    if token.digits <= 2 and 1 <= token.number <= 31:
        return _numeric(tokens, at, before) or _day_first(tokens, at, before)
    return None


def _year_first(tokens: Sequence[Token], at: int) -> Day | None:
    """Parse 2026-10-20, 2026/10/20, 2026. 10. 20. and 2026. október 20."""
    year = tokens[at].number
    mark = word_at(tokens, at + 1)
    month_at = at + 2 if mark in ("-", "/", ".") else at + 1
    if month_at >= len(tokens):
        return None
    if (month := tokens[month_at].month) is not None:
        day_at = month_at + (2 if word_at(tokens, month_at + 1) == "." else 1)
        number = _number(tokens, day_at, 31)
        if number is None or _is_time(tokens, day_at):
            return None
        end = _after_ordinal(tokens, day_at + 1)
        return Day(day=number, month=month, year=year, end=end, month_first=True, sure=tokens[month_at].sure)
    if month_at == at + 1 or (mark != "." and (tokens[at + 1].spaced or tokens[at + 2].spaced)):
        return None
    month, day = _number(tokens, month_at, 12), _number(tokens, month_at + 2, 31)
    if month is None or day is None or word_at(tokens, month_at + 1) != mark or tokens[month_at].digits > 2:
        return None
    if mark != "." and tokens[month_at + 2].spaced:
        return None
    end = _after_ordinal(tokens, month_at + 3)
    return Day(day=day, month=month, year=year, end=end, iso=True, month_first=True)


def _month_first(tokens: Sequence[Token], at: int) -> Day | None:
    """Parse "October 20", "Oct. 20th, 2026", and "October 2026" as a month without a day."""
    month, sure = tokens[at].month, tokens[at].sure
    at += 2 if word_at(tokens, at + 1) == "." else 1
    if _is_month_of_year(tokens, at + 1) and word_at(tokens, at) in words.UNTIL | words.AND:
        return Day(day=None, month=month, end=at, sure=sure)  # "January to March 2026"
    while word_at(tokens, at) in ("the", "de", "of", "del", ","):
        at += 1
    year = _year(tokens, at)
    if year is not None:
        return Day(day=None, month=month, year=year, end=_after_year(tokens, at + 1), sure=sure)
    number = _number(tokens, at, 31)
    if number is None or _is_time(tokens, at) or word_at(tokens, at - 1) == ",":
        return None
    after = _after_ordinal(tokens, at + 1)
    if after < len(tokens) and tokens[after].month is not None:
        return None  # "October 20 November": the day of the next month
    year_at = after + 1 if word_at(tokens, after) == "," else after
    year = _year(tokens, year_at)
    end = _after_year(tokens, year_at + 1) if year else after
    return Day(day=number, month=month, year=year, end=end, month_first=True, sure=sure)


def _is_month_of_year(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a month and its year stand at a token."""
    if at >= len(tokens) or tokens[at].month is None:
        return False
    return _year(tokens, at + (2 if word_at(tokens, at + 1) == "." else 1)) is not None


def _day_first(tokens: Sequence[Token], at: int, before: Day | None) -> Day | None:
    """Parse "20 October 2026", "20. Oktober", "1er octobre", and a bare "20" of a range."""
    day = tokens[at].number
    after = skip_aside(tokens, _after_ordinal(tokens, at + 1))
    month_at = after
    while (
        month_at < len(tokens)
        and tokens[month_at].month is None
        and (
            tokens[month_at].word in words.OF
            or (tokens[month_at].word == "-" and not tokens[month_at].spaced)
            or tokens[month_at].word == ","
        )
    ):
        month_at += 1
        if month_at - after > 2:
            break
    if month_at < len(tokens) and tokens[month_at].month is not None:
        return _with_month(tokens, day, month_at)
    if _is_time(tokens, at):
        return None
    if before is not None and before.month_first and before.day is not None:
        if before.year is not None and not before.iso and before.end and not _is_after_year(tokens, before):
            return None
        year_at = after + 1 if word_at(tokens, after) == "," else after
        year = _year(tokens, year_at)
        return Day(
            day=day,
            year=year,
            end=_after_year(tokens, year_at + 1) if year else after,
            month_first=True,
            iso=before.iso,
        )
    return Day(day=day, end=after)


def _is_after_year(tokens: Sequence[Token], before: Day) -> bool:
    """Return whether a year stood before its month, so that a bare day may follow."""
    return not any(tokens[at].number == before.year for at in range(max(before.end - 2, 0), before.end))


def _with_month(tokens: Sequence[Token], day: int | None, month_at: int) -> Day:
    month, sure = tokens[month_at].month, tokens[month_at].sure
    end = month_at + 1
    end += word_at(tokens, end) == "." and not (
        is_whole_month(tokens[month_at].word) and _ends_sentence(tokens, end)
    )
    year_at = end
    while (
        year_at < len(tokens)
        and year_at - end < 3
        and (tokens[year_at].word in words.OF or tokens[year_at].word in (",", "-"))
    ):
        year_at += 1
    year = _year(tokens, year_at)
    if year is None and word_at(tokens, end) == "'" and (short := _number(tokens, end + 1, 99)) is not None:
        return Day(day=day, month=month, year=2000 + short, end=end + 2, sure=sure)
    return Day(
        day=day, month=month, year=year, end=_after_year(tokens, year_at + 1) if year else end, sure=sure
    )


def _ends_sentence(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a full stop ends a sentence; names of months in full have no other."""
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    return following is None or (following.spaced and following.number is None and following.word.isalpha())


def _numeric(tokens: Sequence[Token], at: int, before: Day | None) -> Day | None:
    """Parse 20.10.2026, 20. 10. 2026, 20.10., 20/10/2026, 20-10-2026; 20.10 within a range."""
    first, mark = tokens[at].number, word_at(tokens, at + 1)
    if mark not in (".", "/", "-") or tokens[at + 1].spaced:
        return None
    second = _number(tokens, at + 2, 31)
    if second is None or (mark != "." and tokens[at + 2].spaced) or tokens[at + 2].digits > 2:
        return None
    day, month = (first, second) if second <= 12 else (second, first)
    if month is None or month > 12 or (mark == "." and second > 12):
        return None
    closed = word_at(tokens, at + 3) == mark and not (at + 3 < len(tokens) and tokens[at + 3].spaced)
    if closed:
        year_at = at + 4
        spaced = year_at < len(tokens) and tokens[year_at].spaced
        year = _year(tokens, year_at) if mark == "." or not spaced else None
        if year is None and not spaced and _number(tokens, year_at, 99) and tokens[year_at].digits == 2:
            year = 2000 + (tokens[year_at].number or 0)
        if year is not None:
            end = _after_year(tokens, year_at + 1)
            return Day(day=day, month=month, year=year, end=end, numeric=True)
        if mark != ".":
            return None
        sure = not (_ends_sentence(tokens, at + 3) and _follows_noun(tokens, at))
        return Day(day=day, month=month, end=at + 4, numeric=True, sure=sure)
    if mark == "-":
        if before is not None and before.iso and first is not None and first <= 12:
            return Day(day=second, month=first, end=at + 3, iso=True, month_first=True)
        return None
    named = _day_first(tokens, at + 2, None)
    if named is not None and named.month is not None:
        return None  # "12/13 October": two days
    year = _year(tokens, at + 3) if at + 3 < len(tokens) and tokens[at + 3].spaced else None
    return Day(day=day, month=month, year=year, end=at + 3 + (year is not None), numeric=True, sure=False)


def _follows_noun(tokens: Sequence[Token], at: int) -> bool:
    """Return whether the word before a number announces no date: "Kapitel 2.3."."""
    word = word_at(tokens, at - 1)
    if not word.isalpha() or word in words.TO_DAY or word in words.WHEN_LABELS or is_weekday(tokens, at - 1):
        return False
    return all(match.end() < len(word) for match in words.pattern("deadline").finditer(word))


def _after_ordinal(tokens: Sequence[Token], at: int) -> int:
    """Skip what follows a day at once: st, ., º, Swedish ":e", Hungarian "-án"."""
    if at >= len(tokens) or tokens[at].spaced:
        return at
    word = tokens[at].word
    if word in words.ORDINALS:
        return at + 1
    if word == ".":
        at += 1
        joined = word_at(tokens, at) == "-" and not tokens[at].spaced
        return at + 2 if joined and word_at(tokens, at + 1) in words.HUNGARIAN_ENDINGS else at
    if word == ":" and word_at(tokens, at + 1) in ("e", "a", "de", "nde"):
        return at + 2
    if word == "-" and word_at(tokens, at + 1) in words.HUNGARIAN_ENDINGS and not tokens[at + 1].spaced:
        return at + 2
    return at


def _after_year(tokens: Sequence[Token], at: int) -> int:
    """Skip "r.", "г." and a full stop within a range behind a year."""
    if word_at(tokens, at) in words.AFTER_YEAR:
        return at + (2 if word_at(tokens, at + 1) == "." else 1)
    return at


def _is_time(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a number is an hour or an amount and not a day."""
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    if following is None:
        return False
    word = following.word
    number_behind = at + 2 < len(tokens) and tokens[at + 2].number is not None and not tokens[at + 2].spaced
    if word in (":", ".", ",") and not following.spaced and number_behind and tokens[at + 2].digits in (2, 3):
        return True
    return (
        word in words.HOURS
        or word in ("am", "pm", "%", "€", "$", "£", "eur", "euro", "euros")
        or (word in ("a", "p") and word_at(tokens, at + 2) == "." and word_at(tokens, at + 3) == "m")
    )


def _year(tokens: Sequence[Token], at: int) -> int | None:
    """Parse the year beside a month, also one without events (EX4)."""
    if at >= len(tokens) or tokens[at].digits != 4:
        return None
    number = tokens[at].number
    is_clock = (
        word_at(tokens, at + 1) == ":"
        and not tokens[at + 1].spaced
        and _number(tokens, at + 2, 99) is not None
    )
    if number is None or number < MIN_WRITTEN_YEAR or is_clock:
        return None
    return number if MIN_YEAR <= number <= MAX_YEAR or not _is_time_of_four_digits(tokens, at) else None


def _is_time_of_four_digits(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a number is a time: 1700 h, 1600-1730."""
    number, following = tokens[at].number or 0, word_at(tokens, at + 1)
    is_range = following == "-" and at + 2 < len(tokens) and tokens[at + 2].digits == 4
    return number < 2400 and number % 100 < 60 and (following in words.HOURS or is_range)


def _number(tokens: Sequence[Token], at: int, most: int) -> int | None:
    if at >= len(tokens) or tokens[at].digits > 2:
        return None
    number = tokens[at].number
    return number if number is not None and 1 <= number <= most else None


def skip_aside(tokens: Sequence[Token], at: int) -> int:
    """Skip a weekday in parentheses or after a comma behind a day."""
    for opening, closing in (("(", ")"), (",", None)):
        if at + 1 < len(tokens) and tokens[at].word == opening and is_weekday(tokens, at + 1):
            after = at + 2
            if after < len(tokens) and tokens[after].word == ".":
                after += 1
            if closing is None:
                return after
            if after < len(tokens) and tokens[after].word == closing:
                return after + 1
    return at


WEEKDAYS = frozenset(
    form
    for language in calendar_names.LANGUAGES
    for name in calendar_names.weekdays(language)
    for form in (name.casefold(), calendar_names.without_diacritics(name.casefold()))
)
_WEEKDAY_STARTS = frozenset(name[:length] for name in WEEKDAYS for length in range(2, len(name)))


def is_weekday(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a word is a weekday, inflected or abbreviated, or "feira"."""
    word = tokens[at].word
    return word in WEEKDAYS or word in _WEEKDAY_STARTS or word[:5] in _WEEKDAY_STARTS or word == "feira"
