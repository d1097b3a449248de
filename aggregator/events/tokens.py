"""Split text into tokens in which dates are found: numbers, words, signs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

from aggregator import calendar_names
from aggregator.text import alphabetic_words

_TOKEN = re.compile(r"\d+|[^\W\d_]+|\S")
_NUMERIC = re.compile(r"\d[./-]\s*\d")
_PLAIN = {**dict.fromkeys("‐‑‒–—―−﹘﹣－~〜→", "-"), **dict.fromkeys("’‘ʼ`´", "'"), "İ": "i"}
"""Dashes, quotes, and a capital whose lower case is longer than one character."""
MAX_DIGITS = 8
"""Maximum number of digits of a number that may be a part of a date."""
_MONTH_FORMS = {
    "pl": "styczniu lutym marcu kwietniu maju czerwcu lipcu sierpniu wrześniu październiku listopadzie grudniu",
    "hr": "siječnju veljači ožujku travnju svibnju lipnju srpnju kolovozu rujnu listopadu studenom prosincu",
    "et": "jaanuaril veebruaril märtsil aprillil mail juunil juulil augustil septembril oktoobril novembril"
    " detsembril",
    "cs": "lednu únoru březnu dubnu květnu červnu červenci srpnu září říjnu listopadu prosinci",
}
"""The case of months behind "in" and "on", January first, which CLDR lacks."""


class Token(NamedTuple):
    """A number, word or sign: `word` in lower case with plain dashes; `spaced` after a blank.

    `sure` is false for names of months that are also other words, and months only beside a year.
    """

    word: str
    start: int
    end: int
    spaced: bool
    number: int | None
    month: int | None
    sure: bool

    @property
    def digits(self) -> int:
        """Return the number of digits of a number."""
        return len(self.word) if self.number is not None else 0


def folded(text: str) -> str:
    """Return the text in lower case with plain dashes and quotes, at the same positions."""
    for sign, plain in _PLAIN.items():  # str.translate takes ten times as long
        text = text.replace(sign, plain)
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def composed(text: str) -> str:
    """Return the text with composed characters, in which names of months are looked up."""
    return unicodedata.normalize("NFC", text)


def may_name_date(low: str, language: str | None = None) -> bool:
    """Return whether a folded text has a month, or numbers as in 3.10. or 2026-10-03."""
    return bool(_NUMERIC.search(low)) or not _months(_known(language)).keys().isdisjoint(
        alphabetic_words(low)
    )


def split(text: str, low: str, language: str | None) -> list[Token]:
    """Split `text`, whose lower case is `low`."""
    months = _months(_known(language))
    sure = _sure_months(language if language in calendar_names.LANGUAGES else None)
    tokens, last = [], 0
    for match in _TOKEN.finditer(low):
        word, start, end = match[0], *match.span()
        number = int(word) if word.isascii() and word.isdigit() and len(word) <= MAX_DIGITS else None
        certain = word in sure and (word != "may" or text[start] == "M")
        tokens.append(_token((word, start, end, start > last, number, months.get(word), certain)))
        last = end
    return tokens


def _known(language: str | None) -> str | None:
    return language if language in calendar_names.DATE_LANGUAGES else None


def word_at(tokens: Sequence[Token], at: int) -> str:
    """Return the word of a token, nothing beyond the ends of the text."""
    return tokens[at].word if 0 <= at < len(tokens) else ""


_token = partial(tuple.__new__, Token)  # without Python code of a NamedTuple


@cache
def _months(language: str | None) -> dict[str, int]:
    """Map the names of months, with inflected forms, to 1 to 12.

    The language decides about a name of two: listopad is October in Croatian.
    """
    own = calendar_names.own_month_numbers(language) | _locatives(language or "")
    numbers = calendar_names.month_numbers() | _inflected()
    return numbers | own


def is_whole_month(word: str) -> bool:
    """Return whether a word is the whole name of a month, not an abbreviation."""
    return word in _whole_months()


@cache
def _whole_months() -> frozenset[str]:
    return frozenset(calendar_names.month_numbers(short=()) | _inflected())


@cache
def _sure_months(language: str | None) -> frozenset[str]:
    """Return names that are months without a year: whole ones, abbreviations of the language."""
    short = ("en", "de", language) if language else ("en", "de")
    return frozenset(calendar_names.month_numbers(short=short) | _inflected())


@cache
def _inflected() -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, name in enumerate(calendar_names.months("fi"), start=1):
        numbers |= {name.removesuffix("ta") + ending: number for ending in ("ssa", "n")}
    for number, name in enumerate(calendar_names.months("hu"), start=1):
        numbers |= {name + ending: number for ending in ("ban", "ben", "i")}
    for language in calendar_names.LANGUAGES:
        numbers |= _locatives(language)
    return numbers


def _locatives(language: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(_MONTH_FORMS.get(language, "").split(), start=1)}
