"""Name months and weekdays in the languages of publishers (calendar_names.json)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = tuple("en de fr it es pt fi sv no da nl pl cs hu sl bg".split())
"""The languages whose months are read in running text."""
DATE_LANGUAGES = (*LANGUAGES, *"ca ro sk hr et lt lv el tr uk ru".split())
"""The languages of calendar_names.json, read in stated dates and in texts of that language."""


@cache
def months(language: str) -> tuple[str, ...]:
    """Name the twelve months as dates in running text have them."""
    return tuple(names[0] for names in _names()[language]["long"])


def short_months(language: str) -> tuple[tuple[str, ...], ...]:
    """Return the abbreviations of each month without full stop, none where its name is short."""
    return tuple(tuple(names) for names in _names()[language]["short"])


@cache
def month_labels(language: str) -> tuple[str, ...]:
    """Name the twelve months shortly: by their abbreviation, or whole where there is none."""
    return tuple(
        (short or (long,))[0] for short, long in zip(short_months(language), months(language), strict=True)
    )


def weekdays(language: str) -> tuple[str, ...]:
    """Name the seven weekdays, Monday first."""
    return tuple(_names()[language]["weekdays"])


def month_numbers(long: Iterable[str] = LANGUAGES, short: Iterable[str] = LANGUAGES) -> dict[str, int]:
    """Map the names of months in lower case, with and without diacritics, to 1 to 12.

    `long` and `short` are the languages of whole names and of abbreviations. Running text has fewer: "out" and "set"
    are also English words, and "julius" is also a first name. The first language decides about a name of two: listopad
    is November in Polish and Czech, October in Croatian (`own_month_numbers`).
    """
    numbers: dict[str, int] = {}
    for languages, length in ((long, "long"), (short, "short")):
        for language in languages:
            for number, names in enumerate(_names()[language][length], start=1):
                for name in names:
                    # Case folding takes some Greek characters apart.
                    for form in (name.casefold(), name.lower(), without_diacritics(name.casefold())):
                        numbers.setdefault(form, number)
    return numbers


def own_month_numbers(language: str | None) -> dict[str, int]:
    """Map the names of months in one language alone; none for an unknown one."""
    return _known_month_numbers(language) if language in DATE_LANGUAGES else {}


@cache
def _known_month_numbers(language: str) -> dict[str, int]:
    return month_numbers((language,), (language,))


def one_of(names: Iterable[str]) -> str:
    """Write a regular expression for the longest of the names.

    It branches at the first character: re tries each of 300 alternatives at every position of a text otherwise.
    """
    by_first: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        by_first.setdefault(name[0], []).append(re.escape(name[1:]))
    branches = (f"{re.escape(first)}(?:{'|'.join(rests)})" for first, rests in by_first.items())
    return f"(?:{'|'.join(branches)})"


def without_diacritics(name: str) -> str:
    """Remove diacritics: `août` is also written `aout`."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


@cache
def _names() -> dict[str, Any]:
    """Read the file that docs/calendar_names.py writes from the CLDR data of Babel."""
    names: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return names
