"""Parse days, months and ranges of them in tokens (EX3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from aggregator import calendar_names
from aggregator.events import words
from aggregator.events.tokens import Token

MIN_YEAR, MAX_YEAR = 1990, 2100
"""Years of events; other numbers are prices, rooms and years of birth."""
MAX_POINTS = 8
"""Maximum number of days that one list names."""
_NUMBERED = frozenset(
    "part teil partie parte room raum sala salle hall halle module modul page seite no nr session step version"
    " vol".split()
)
"""Nouns whose number is no day: “Part 2 – 3 October”."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day as written; None for what the text leaves to its neighbours. `end` is the next token."""

    day: int | None
    month: int | None = None
    year: int | None = None
    end: int
    month_first: bool = False
    iso: bool = False
    sure: bool = True
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """First and last day as written, between tokens `begin` and `end`.

    `year` of both is None where the text has none. `listed`: the days are named one by one ("4 and 6 May").
    `weak`: the form is also that of other numbers, so that a date needs a strong reason.
    """

    first: Day
    last: Day
    begin: int
    end: int
    listed: bool = False
    weak: bool = False

    @property
    def is_range(self) -> bool:
        """Return whether it has several days."""
        return self.first != self.last

    @property
    def month_only(self) -> bool:
        """Return whether the text names no day."""
        return self.first.day is None


def find(tokens: Sequence[Token]) -> list[Dates]:
    """Find all dates and ranges of dates, left to right."""
    found, at = [], 0
    while at < len(tokens):
        dates = _dates(tokens, at) if _may_begin(tokens, at) else None
        if dates is None:
            at += 1
        else:
            found.append(dates)
            at = dates.end
    return found


def _may_begin(tokens: Sequence[Token], at: int) -> bool:
    token = tokens[at]
    if token.month is not None:
        return True
    if token.number is None or token.digits > 4:
        return False
    before = tokens[at - 1] if at else None
    if before is None or token.spaced:
        return before is None or before.word not in _NUMBERED
    if before.number is not None or before.word.isalpha():
        return False  # COVID19, 3D
    sign_of_number = before.word in "./:-#_" and at > 1 and not before.spaced
    return before.word not in "+#€$£_" and not (sign_of_number and _is_number(tokens[at - 2]))


def _is_number(token: Token) -> bool:
    """Return whether a token is a number, or the letter before one: v1.2."""
    return token.number is not None or token.word.isdigit() or len(token.word) == 1


def _dates(tokens: Sequence[Token], at: int) -> Dates | None:
    point = _day(tokens, at, None)
    if point is None:
        return None
    points, listed, comma = [point], False, False
    between = any(_word(tokens, n) in words.BETWEEN for n in range(at - 3, at))
    while len(points) < MAX_POINTS and (link := _link(tokens, points[-1].end)) is not None:
        following, kind = link
        after = _day(tokens, following, points[-1])
        if after is None or _restarts(points[-1], after, kind):
            break
        listed |= kind != "until" and not (point.iso and after.year is not None)
        comma = kind == "comma"
        points.append(after)
    while comma:  # "3, 5 October": a comma alone is no list
        points.pop()
        comma = False
    return _resolved(points, at, listed and not between)


def _restarts(before: Day, after: Day, kind: str) -> bool:
    """Return whether a day begins another date: a comma separates whole dates."""
    return kind == "comma" and (before.month is not None or after.day is None)


def _link(tokens: Sequence[Token], at: int) -> tuple[int, str] | None:
    """Return where the next day of a range or list begins, and how it is connected."""
    if _word(tokens, at - 1) in words.HUNGARIAN_FROM:
        return at, "until"
    at = _skip_aside(tokens, at)
    if at >= len(tokens):
        return None
    word = tokens[at].word
    kind = (
        "comma" if word == "," else "until" if word in words.UNTIL else "and" if word in words.AND else None
    )
    if word == "t" and _spells(tokens, at, "t/m"):
        at, kind = at + 2, "until"
    elif word == "," and at + 1 < len(tokens) and tokens[at + 1].word in words.AND:
        at, kind = at + 1, "and"
    if kind is None:
        return None
    at += 1
    for _ in range(4):  # "tot en met", "bis zum", a weekday, a second dash
        if at < len(tokens) and (
            tokens[at].word in words.BEFORE_DAY
            or tokens[at].word in ("-", "'")
            or (kind != "comma" and is_weekday(tokens, at))
        ):
            at += 1
            while at < len(tokens) and tokens[at].word in (".", ",") and is_weekday(tokens, at - 1):
                at += 1
    return at, kind


def _spells(tokens: Sequence[Token], at: int, text: str) -> bool:
    return "".join(token.word for token in tokens[at : at + len(text)]) == text


def _skip_aside(tokens: Sequence[Token], at: int) -> int:
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


_WEEKDAYS = frozenset(
    form
    for language in calendar_names.LANGUAGES
    for name in calendar_names.weekdays(language)
    for form in (name.casefold(), calendar_names.without_marks(name.casefold()))
)
_WEEKDAY_STARTS = frozenset(name[:length] for name in _WEEKDAYS for length in range(2, len(name)))


def is_weekday(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a word is a weekday, inflected or abbreviated, or the "feira" of Portuguese."""
    word = tokens[at].word
    return word in _WEEKDAYS or word in _WEEKDAY_STARTS or word[:5] in _WEEKDAY_STARTS or word == "feira"


# --- one day -------------------------------------------------------------------------------------------


def _day(tokens: Sequence[Token], at: int, before: Day | None) -> Day | None:
    """Parse the day at a token; a bare number only where `before` or what follows gives its month."""
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
    mark = _word(tokens, at + 1)
    month_at = at + 2 if mark in ("-", "/", ".") else at + 1
    if month_at >= len(tokens):
        return None
    if (month := tokens[month_at].month) is not None:
        day_at = month_at + (2 if _word(tokens, month_at + 1) == "." else 1)
        number = _number(tokens, day_at, 31)
        if number is None or _is_time(tokens, day_at):
            return None
        end = _after_ordinal(tokens, day_at + 1)
        return Day(day=number, month=month, year=year, end=end, month_first=True, sure=tokens[month_at].sure)
    if month_at == at + 1 or (mark != "." and (tokens[at + 1].spaced or tokens[at + 2].spaced)):
        return None
    month, day = _number(tokens, month_at, 12), _number(tokens, month_at + 2, 31)
    if month is None or day is None or _word(tokens, month_at + 1) != mark or tokens[month_at].digits > 2:
        return None
    if mark != "." and tokens[month_at + 2].spaced:
        return None
    end = _after_ordinal(tokens, month_at + 3)
    return Day(day=day, month=month, year=year, end=end, iso=True, month_first=True)


def _month_first(tokens: Sequence[Token], at: int) -> Day | None:
    """Parse "October 20", "Oct. 20th, 2026", and "October 2026" as a month without a day."""
    month, sure = tokens[at].month, tokens[at].sure
    at += 2 if _word(tokens, at + 1) == "." else 1
    while _word(tokens, at) in ("the", "de", "of", "del", ","):
        at += 1
    year = _year(tokens, at)
    if year is not None:
        return Day(day=None, month=month, year=year, end=_after_year(tokens, at + 1), sure=sure)
    number = _number(tokens, at, 31)
    if number is None or _is_time(tokens, at) or _word(tokens, at - 1) == ",":
        return None
    after = _after_ordinal(tokens, at + 1)
    if after < len(tokens) and tokens[after].month is not None:
        return None  # "October 20 November": the day of the next month
    year_at = after + 1 if _word(tokens, after) == "," else after
    year = _year(tokens, year_at)
    end = _after_year(tokens, year_at + 1) if year else after
    return Day(day=number, month=month, year=year, end=end, month_first=True, sure=sure)


def _day_first(tokens: Sequence[Token], at: int, before: Day | None) -> Day | None:
    """Parse "20 October 2026", "20. Oktober", "1er octobre", and a bare "20" of a range."""
    day = tokens[at].number
    after = _skip_aside(tokens, _after_ordinal(tokens, at + 1))
    month_at = after
    while month_at < len(tokens) and (
        tokens[month_at].word in words.OF
        or (tokens[month_at].word == "-" and not tokens[month_at].spaced)
        or tokens[month_at].word == ","
    ):
        month_at += 1
        if month_at - after > 2:
            break
    if month_at < len(tokens) and tokens[month_at].month is not None:
        return _with_month(tokens, day, month_at)
    if _is_time(tokens, at):
        return None
    if before is not None and before.month_first and before.day is not None:
        if before.year is not None and not before.iso and before.end and not _hungarian(tokens, before):
            return None
        year_at = after + 1 if _word(tokens, after) == "," else after
        year = _year(tokens, year_at)
        return Day(
            day=day,
            year=year,
            end=_after_year(tokens, year_at + 1) if year else after,
            month_first=True,
            iso=before.iso,
        )
    return Day(day=day, end=after)


def _hungarian(tokens: Sequence[Token], before: Day) -> bool:
    """Return whether a year stood before its month, so that a bare day may follow."""
    return not any(tokens[at].number == before.year for at in range(max(before.end - 2, 0), before.end))


def _with_month(tokens: Sequence[Token], day: int | None, month_at: int) -> Day:
    month, sure = tokens[month_at].month, tokens[month_at].sure
    end = month_at + 1
    end += _word(tokens, end) == "." and not _ends_sentence(tokens, end)
    year_at = end
    while (
        year_at < len(tokens)
        and year_at - end < 3
        and (tokens[year_at].word in words.OF or tokens[year_at].word in (",", "-"))
    ):
        year_at += 1
    year = _year(tokens, year_at)
    if year is None and _word(tokens, end) == "'" and (short := _number(tokens, end + 1, 99)) is not None:
        return Day(day=day, month=month, year=2000 + short, end=end + 2, sure=sure)
    return Day(
        day=day, month=month, year=year, end=_after_year(tokens, year_at + 1) if year else end, sure=sure
    )


def _ends_sentence(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a full stop ends a sentence; names of months in full have no other."""
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    return following is None or (following.spaced and following.number is None and following.word.isalpha())


def _numeric(tokens: Sequence[Token], at: int, before: Day | None) -> Day | None:
    """Parse 20.10.2026, 20. 10. 2026, 20.10., 20/10/2026, 20-10-2026; 20.10 and 20/10 within a range."""
    first, mark = tokens[at].number, _word(tokens, at + 1)
    if mark not in (".", "/", "-") or tokens[at + 1].spaced:
        return None
    second = _number(tokens, at + 2, 31)
    if second is None or (mark != "." and tokens[at + 2].spaced) or tokens[at + 2].digits > 2:
        return None
    day, month = (first, second) if second <= 12 else (second, first)
    if month is None or month > 12 or (mark == "." and second > 12):
        return None
    closed = _word(tokens, at + 3) == mark and not (at + 3 < len(tokens) and tokens[at + 3].spaced)
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
        return Day(day=day, month=month, end=at + 4, numeric=True, sure=True)
    if mark == "-":
        if before is not None and before.iso and first is not None and first <= 12:
            return Day(day=second, month=first, end=at + 3, iso=True, month_first=True)
        return None
    named = _day_first(tokens, at + 2, None)
    if named is not None and named.month is not None:
        return None  # "12/13 October": two days
    year = _year(tokens, at + 3) if at + 3 < len(tokens) and tokens[at + 3].spaced else None
    return Day(day=day, month=month, year=year, end=at + 3 + (year is not None), numeric=True, sure=False)


def _after_ordinal(tokens: Sequence[Token], at: int) -> int:
    """Skip what follows a day at once: st, ., º, Swedish ":e", Hungarian "-án"."""
    if at >= len(tokens) or tokens[at].spaced:
        return at
    word = tokens[at].word
    if word in words.ORDINALS:
        return at + 1
    if word == ".":
        at += 1
        joined = _word(tokens, at) == "-" and not tokens[at].spaced
        return at + 2 if joined and _word(tokens, at + 1) in words.HUNGARIAN_ENDINGS else at
    if word == ":" and _word(tokens, at + 1) in ("e", "a", "de", "nde"):
        return at + 2
    if word == "-" and _word(tokens, at + 1) in words.HUNGARIAN_ENDINGS and not tokens[at + 1].spaced:
        return at + 2
    return at


def _after_year(tokens: Sequence[Token], at: int) -> int:
    """Skip "r.", "г." and a full stop within a range behind a year."""
    if _word(tokens, at) in words.AFTER_YEAR:
        return at + (2 if _word(tokens, at + 1) == "." else 1)
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
        or (word in ("a", "p") and _word(tokens, at + 2) == "." and _word(tokens, at + 3) == "m")
    )


def _year(tokens: Sequence[Token], at: int) -> int | None:
    if at >= len(tokens) or tokens[at].digits != 4:
        return None
    number = tokens[at].number
    is_clock = (
        _word(tokens, at + 1) == ":" and not tokens[at + 1].spaced and _number(tokens, at + 2, 99) is not None
    )
    return number if number is not None and MIN_YEAR <= number <= MAX_YEAR and not is_clock else None


def _number(tokens: Sequence[Token], at: int, most: int) -> int | None:
    if at >= len(tokens) or tokens[at].digits > 2:
        return None
    number = tokens[at].number
    return number if number is not None and 1 <= number <= most else None


def _word(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].word if 0 <= at < len(tokens) else ""


# --- a range, completed --------------------------------------------------------------------------------


def _resolved(points: list[Day], begin: int, listed: bool) -> Dates | None:
    """Complete days from their neighbours; None where no month is named or a day does not exist."""
    while points and all(point.month is None for point in points[-1:]) and not points[-1].month_first:
        points.pop()  # a bare number behind the last month
    if not points:
        return None
    end = points[-1].end
    numeric = all(point.numeric for point in points)
    weak = numeric and all(point.year is None for point in points)
    filled = _fill(points)
    if any(point.month is None for point in filled) or len({point.day is None for point in filled}) > 1:
        return None
    if not all(point.sure for point in filled) and all(point.year is None for point in filled):
        return None
    first, last = filled[0], filled[-1]
    if not (_exists(first) and _exists(last)):
        return None
    if len(filled) == 1:
        last = first
    return Dates(first=first, last=last, begin=begin, end=end, listed=listed and len(filled) > 1, weak=weak)


def _fill(points: list[Day]) -> list[Day]:
    """Fill months, then years, from the right and then from the left; ranges may cross the new year."""
    filled = list(points)
    backwards = [(n, n + 1) for n in range(len(filled) - 2, -1, -1)]
    forwards = [(n, n - 1) for n in range(1, len(filled))]
    for n, other in backwards + forwards:
        if filled[n].month is None:
            filled[n] = replace(filled[n], month=filled[other].month)
    for n, other in backwards + forwards:
        year = filled[other].year
        if filled[n].year is None and year is not None:
            crossing = order(filled[min(n, other)]) > order(filled[max(n, other)])
            filled[n] = replace(filled[n], year=year + crossing * (1 if n > other else -1))
    return filled


def order(day: Day) -> tuple[int, int]:
    """Return month and day, by which days are sorted within a year."""
    return day.month or 0, day.day or 0


def _exists(day: Day) -> bool:
    try:
        date(day.year or 2024, day.month or 1, day.day or 1)
    except ValueError:
        return False
    return True


def joined(one: Dates, other: Dates) -> Dates | None:
    """Return the range from one single day to another; None where a day is missing."""
    first, last = _fill([one.first, other.last])
    if first.day is None or last.day is None:
        return None
    return Dates(first=first, last=last, begin=one.begin, end=other.end)
