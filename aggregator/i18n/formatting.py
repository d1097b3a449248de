"""Format dates, numbers and plurals."""

from __future__ import annotations

from datetime import date

from aggregator import calendar_names
from aggregator.i18n import phrases


def day(when: date, language: str) -> str:
    """Format a date with the name of its month."""
    months = calendar_names.months(phrases.text_language(language))
    return _date(when, months[when.month - 1], language)


def short_day(when: date, language: str) -> str:
    """Format a date with the shortened name of its month."""
    months = calendar_names.month_labels(phrases.text_language(language))
    return _date(when, months[when.month - 1], language)


def _date(when: date, month: str, language: str) -> str:
    text: str = phrases.pages(language)["date"]
    return text.format(day=when.day, month=month, year=when.year)


def month(when: date, language: str) -> str:
    """Return month and year."""
    return f"{month_name(when.month, language)} {when.year}"


def month_name(month: int, language: str) -> str:
    """Return the name of a month."""
    return calendar_names.months(phrases.text_language(language))[month - 1]


def number(count: int, language: str) -> str:
    """Format a whole number with the separator of thousands."""
    return f"{count:,}" if phrases.text_language(language) == "en" else f"{count:,}".replace(",", ".")


def decimal(value: float, language: str) -> str:
    """Format a number with one decimal."""
    return f"{value:.1f}" if phrases.text_language(language) == "en" else f"{value:.1f}".replace(".", ",")


def plural(phrase: str, count: int, language: str) -> str:
    """Return a phrase of pages that depends on a number; English and German have two forms."""
    forms = phrases.pages(language)[phrase]
    text: str = forms["one" if count == 1 else "other"]
    return text.format(n=number(count, language))
