"""Find days, months and years in folded text, in the languages of the community."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import cache

from aggregator import calendar_names
from aggregator.dedupe.vocabulary.words import fold
from aggregator.events.words import AND, ORDINALS, UNTIL
from aggregator.model.value_classes import dataclass


def _one_of(listed: Set[str]) -> str:
    """Return a pattern of words in the form of folded text, the longest first."""
    return "|".join(sorted({re.escape(fold(word)) for word in listed}, key=lambda word: (-len(word), word)))


_JOIN = rf"\s*(?:bis zum|{_one_of(UNTIL | AND)}|–|—)\s*"
_NTH = rf"(?:{_one_of(ORDINALS)}|\.)?"
_NUMERIC = re.compile(
    r"(?<![\d.])(?:(\d{1,2})\.\s?(?:-|–|bis)\s?)?(\d{1,2})\.\s?(\d{1,2})\.\s?((?:19|20)\d\d|(?=\s|$))(?!\d)"
)
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)-(\d\d)-(\d\d)(?!\d)")
# A hyphen and a number follow in a reference (2026-114), a hyphen and a year in a period (2024-2028).
_YEAR = re.compile(r"(?<![\w.,])(?:[a-z]{2,12})?((?:19|20)\d\d)(?![\d.,/]\d|-(?!(?:19|20)\d\d(?!\d))\d|\w)")
MONTHS = calendar_names.month_numbers(short=("en", "de"))
_OTHER_LANGUAGES = frozenset(calendar_names.DATE_LANGUAGES) - frozenset(calendar_names.LANGUAGES)
"""Languages whose months are read in texts of that language only."""
_SHORT_MONTHS = ("mai", "juni", "juli", "june", "july")
"""Short names that are months even without a year; others are also other words."""
_FIRST_NAMES = ("julius", "junius")
"""First names that are Hungarian months without diacritics: months only beside a year."""
_YEAR_BEFORE = re.compile(r"(?:19|20)\d\d\.?\s?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDates:
    """Days as MM-DD, months and years of a text, and the text without them."""

    dates: frozenset[str]
    months: frozenset[int]
    years: frozenset[str]
    rest: str


def find_dates(folded: str, words: Set[str], language: str | None = None) -> FoundDates:
    """Find days with the months and years that they name.

    Months of the text's `language` are read as well. `folded` may be a part of a text whose `words` are given, so that
    a word cut in two is no month.
    """
    patterns = _patterns(language if language in _OTHER_LANGUAGES else None)
    written_as_iso = "-" in folded and _may_name_year(folded)
    named = not patterns.months.keys().isdisjoint(words)
    if not (written_as_iso or named or "." in folded):
        return FoundDates(dates=frozenset(), months=frozenset(), years=frozenset(), rest=folded)
    collected = _Collected(patterns.months)
    rest = folded
    if written_as_iso:
        rest = _ISO.sub(lambda m: collected.add(int(m[2]), m[3], year=m[1]), rest)
    if "." in rest:
        rest = _NUMERIC.sub(lambda m: collected.add(int(m[3]), m[1], m[2], year=m[4]), rest)
    if named:
        rest = patterns.day_month.sub(collected.add_day_first, rest)
        rest = patterns.month_day.sub(collected.add_month_first, rest)
    return FoundDates(
        dates=frozenset(collected.dates),
        months=frozenset(collected.months),
        years=frozenset(collected.years),
        rest=rest,
    )


def names_month(words: Set[str]) -> bool:
    """Return whether one of `words` is the name of a month."""
    return not MONTHS.keys().isdisjoint(words)


def find_months(folded: str) -> frozenset[int]:
    """Find months that are named without a day."""
    return frozenset(
        MONTHS[name]
        for name, year in _patterns().month_year.findall(folded)
        if year or (len(name) > 4 and name not in _FIRST_NAMES) or name in _SHORT_MONTHS
    )


def take_years(folded: str) -> tuple[frozenset[str], str]:
    """Find years; return them and the text without them."""
    years = frozenset(_YEAR.findall(folded)) if _may_name_year(folded) else frozenset()
    return years, _YEAR.sub(" ", folded) if years else folded


def _may_name_year(text: str) -> bool:
    """Return whether a text can contain a year, without an expression."""
    return "20" in text or "19" in text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patterns:
    """The names of months with their numbers, and patterns that contain them."""

    months: Mapping[str, int]
    day_month: re.Pattern[str]
    month_day: re.Pattern[str]
    month_year: re.Pattern[str]


@cache
def _patterns(language: str | None = None) -> _Patterns:
    months = MONTHS | calendar_names.own_month_numbers(language)
    month = rf"({calendar_names.one_of(months)})(?!\w)\.?"
    return _Patterns(
        months=months,
        day_month=re.compile(
            rf"(?<![\w.])(\d{{1,2}}){_NTH}(?:{_JOIN}(\d{{1,2}}){_NTH})?\s*(?:of |de |di |du |d')?"
            rf"{month}(?:,?\s*(?:de |del )?((?:19|20)\d\d))?"
        ),
        month_day=re.compile(
            rf"(?<!\w){month}\s*(\d{{1,2}}){_NTH}(?:{_JOIN}(?:{month})?\s*(\d{{1,2}}){_NTH})?"
            r"(?![\d:.]\d|\d)(?:,?\s*((?:19|20)\d\d))?"
        ),
        month_year=re.compile(rf"(?<!\w){month}(?:\s+((?:19|20)\d\d))?"),
    )


def _is_first_name(match: re.Match[str], name: str, year: str | None) -> bool:
    """Return whether the name of a month is rather a first name, without a year beside it."""
    return (
        name in _FIRST_NAMES
        and not year
        and not _YEAR_BEFORE.search(match.string[max(match.start() - 6, 0) : match.start()])
    )


class _Collected:
    """Collect dates during a search; each method returns what replaces a date in the text."""

    def __init__(self, months: Mapping[str, int]) -> None:
        self.month_numbers = months
        self.dates: set[str] = set()
        self.months: set[int] = set()
        self.years: set[str] = set()

    def add(self, month: int, *days: str | None, year: str | None = None) -> str:
        if 1 <= month <= 12:
            self.months.add(month)
            self.dates.update(f"{month:02}-{int(day):02}" for day in days if day and 1 <= int(day) <= 31)
        if year:
            self.years.add(year)
        return " "

    def add_day_first(self, match: re.Match[str]) -> str:
        """Add “28 April” or “28–30 April”."""
        if _is_first_name(match, match[3], match[4]):
            return match[0]
        return self.add(self.month_numbers[match[3]], match[1], match[2], year=match[4])

    def add_month_first(self, match: re.Match[str]) -> str:
        """Add “April 28 – May 1”."""
        if _is_first_name(match, match[1], match[5]):
            return match[0]
        self.add(self.month_numbers[match[1]], match[2], year=match[5])
        return self.add(self.month_numbers[match[3] or match[1]], match[4])
