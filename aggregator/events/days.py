"""Parse days, months and ranges of them in tokens (EX3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from aggregator.events import words, written_days
from aggregator.events.tokens import Token, word_at
from aggregator.events.written_days import Day
from aggregator.model.value_classes import dataclass

MAX_POINTS = 8
"""Maximum number of days that one list names."""
MIN_LISTED = 3
"""Minimum number of days that commas alone make a list; "Room 3, 5 October" is none."""
_NUMBERED = frozenset(
    "part teil partie parte room raum sala salle hall halle module modul page seite no nr session step version"
    " vol".split()
)
"""Nouns whose number is no day: “Part 2 – 3 October”."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """First and last day as written, between tokens `begin` and `end`.

    `year` of both is None where the text has none. `inner`: the days that are named between them. `listed`: the days
    are named one by one ("4 and 6 May").
    `weak`: the form is also that of other numbers, so that a date needs a strong reason.
    """

    first: Day
    last: Day
    begin: int
    end: int
    inner: tuple[Day, ...] = ()
    listed: bool = False
    weak: bool = False

    @property
    def is_range(self) -> bool:
        """Return whether it has several days."""
        return self.first is not self.last and self.first != self.last

    @property
    def month_only(self) -> bool:
        """Return whether the text names no day."""
        return self.first.day is None


def find(tokens: Sequence[Token]) -> list[Dates]:
    """Find all dates and ranges of dates, left to right."""
    found, at = [], 0
    while at < len(tokens):
        if not _may_begin(tokens, at):
            at += 1
        elif dates := _dates(tokens, at):
            if not (dates.month_only and _follows_day(tokens, at)):
                found.append(dates)
            at = dates.end
        else:
            at = _after_impossible_day(tokens, at)
    return found


def _after_impossible_day(tokens: Sequence[Token], at: int) -> int:
    """Return the token behind a day that no calendar has, whose month counts no more."""
    day = written_days.parse_day(tokens, at, None)
    return at + 1 if day is None or day.month is None or _exists(day) else day.end


def _follows_day(tokens: Sequence[Token], at: int) -> bool:
    """Return whether the number of an impossible day stands before a month: "30-31 February"."""
    number_at = at - 2 if word_at(tokens, at - 1) == "." else at - 1
    if number_at < 0 or tokens[number_at].number is None or tokens[number_at].digits > 2:
        return False
    before = word_at(tokens, number_at - 1) if number_at else ""
    return before not in _NUMBERED and (tokens[number_at].spaced or not before.isalpha())


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
    """Return whether a token is a number, or a single character such as the v of v1.2."""
    return token.number is not None or token.word.isdigit() or len(token.word) == 1


def _dates(tokens: Sequence[Token], at: int) -> Dates | None:
    point = written_days.parse_day(tokens, at, None)
    if point is None:
        return None
    points, listed, comma = [point], False, False
    between = any(word_at(tokens, n) in words.BETWEEN for n in range(at - 3, at))
    while len(points) < MAX_POINTS and (link := _link(tokens, points[-1].end)) is not None:
        following, kind = link
        after = written_days.parse_day(tokens, following, points[-1])
        if after is None or _restarts(points[-1], after, kind):
            break
        listed |= kind != "until" and not (point.iso and after.year is not None)
        comma = kind == "comma"
        points.append(after)
    if comma and len(points) < MIN_LISTED:
        points.pop()
    return _resolved(points, at, listed and not between)


def _restarts(before: Day, after: Day, kind: str) -> bool:
    """Return whether a day begins another date: a comma separates whole dates."""
    in_month = before.month_first and after.month_first and after.month is None
    return kind == "comma" and ((before.month is not None and not in_month) or after.day is None)


def _link(tokens: Sequence[Token], at: int) -> tuple[int, str] | None:
    """Return where the next day of a range or list begins, and how it is connected."""
    if word_at(tokens, at - 1) in words.HUNGARIAN_FROM:
        return at, "until"
    at = written_days.skip_aside(tokens, at)
    if at >= len(tokens):
        return None
    word = tokens[at].word
    kind = (
        "comma" if word == "," else "until" if word in words.UNTIL else "and" if word in words.AND else None
    )
    if word == "t" and _is_written(tokens, at, "t/m"):
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
            or (kind != "comma" and written_days.is_weekday(tokens, at))
        ):
            at += 1
            while at < len(tokens) and _ends_abbreviation(tokens, at):
                at += 1
    return at, kind


def _ends_abbreviation(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a sign stands behind a weekday, or behind Danish "d." for the article."""
    sign, before = tokens[at].word, word_at(tokens, at - 1)
    return sign in (".", ",") and (before == "d" or written_days.is_weekday(tokens, at - 1))


def _is_written(tokens: Sequence[Token], at: int, text: str) -> bool:
    return "".join(token.word for token in tokens[at : at + len(text)]) == text


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
    inner = tuple(filled[1:-1])
    listed = listed and len(filled) > 1
    return Dates(first=first, last=last, begin=begin, end=end, inner=inner, listed=listed, weak=weak)


def _fill(points: list[Day]) -> list[Day]:
    """Fill months, then years, from the right, then the left; ranges may cross a year's end."""
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


def joined_range(one: Dates, other: Dates) -> Dates | None:
    """Return the range from one single day to another; None where a day is missing."""
    first, last = _fill([one.first, other.last])
    if first.day is None or last.day is None:
        return None
    return Dates(first=first, last=last, begin=one.begin, end=other.end)
