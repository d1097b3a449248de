"""Word for editors what was compared: words as they were written, days, months, phases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aggregator import calendar_names
from aggregator.counts import count_of
from aggregator.dedupe.features import Features

COMMON_ONLY = "what both have in common is in many other items as well"
"""The reason against two items that share only words and facts that are not rare."""
MIN_SHARED_CHARACTERS = 4
"""Minimum number of equal first characters of two words of which one is shown."""


def listed(values: Iterable[object]) -> str:
    """Return values as a list in one line."""
    return ", ".join(map(str, values))


def words(concepts: Iterable[str], *written_in: Features) -> str:
    """Return the words for concepts; both words of a translation, as "Schulung = training"."""
    spellings = [each.spelling for each in written_in]
    return listed(_word(concept, spellings) for concept in concepts)


def days(dates: Iterable[str]) -> str:
    """Return dates such as 05-03 as "3 May"."""
    return listed(
        f"{int(day)} {month(int(number))}" for number, _, day in (d.partition("-") for d in sorted(dates))
    )


def months(numbers: Iterable[int]) -> str:
    """Return the names of months."""
    return listed(month(number) for number in sorted(numbers))


def month(number: int) -> str:
    """Return the name of a month."""
    return calendar_names.months("en")[number - 1]


def _word(concept: str, spellings: Iterable[Mapping[str, str]]) -> str:
    found = dict.fromkeys(spelling[concept] for spelling in spellings if concept in spelling)
    if not found:
        return concept
    first, *others = found
    unlike = [
        other
        for other in others
        if other[:MIN_SHARED_CHARACTERS].lower() != first[:MIN_SHARED_CHARACTERS].lower()
    ]
    return " = ".join([first, *unlike[:1]])


def published_within(days: int) -> str:
    """Return the reason that two items were published within a number of days."""
    return f"published within {count_of(days, 'day')}" if days else "published at the same time"
