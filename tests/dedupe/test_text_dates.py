"""Days and months in running text, in every language in which event dates are read (EX3)."""

from __future__ import annotations

import pytest

from aggregator import calendar_names
from aggregator.dedupe import text_dates
from aggregator.dedupe.vocabulary.words import WORD, fold


def found(text: str) -> tuple[set[str], set[int]]:
    """Return the days of a text, and the months that it names with a day or alone."""
    folded = fold(text)
    dates = text_dates.find_dates(folded, frozenset(WORD.findall(folded)))
    return set(dates.dates), set(dates.months | text_dates.find_months(folded))


@pytest.mark.parametrize("language", calendar_names.LANGUAGES)
def test_every_month_of_every_language(language: str) -> None:
    """A day is found with the whole name of its month, as running text writes it."""
    for number, name in enumerate(calendar_names.months(language), start=1):
        assert found(f"Text 20. {name} 2026, text") == ({f"{number:02}-20"}, {number}), name
        assert found(f"Text {name} 2026") == (set(), {number}), name


@pytest.mark.parametrize("language", sorted({*calendar_names.DATE_LANGUAGES} - {*calendar_names.LANGUAGES}))
def test_a_month_of_the_language_of_a_text(language: str) -> None:
    """Other languages name months in their own texts: listopad is October in Croatian."""
    for number, name in enumerate(calendar_names.months(language), start=1):
        folded = fold(f"Text 20. {name} 2026, text")
        dates = text_dates.find_dates(folded, frozenset(WORD.findall(folded)), language).dates
        assert dates == {f"{number:02}-20"}, name


@pytest.mark.parametrize(
    ("text", "dates", "months"),
    [
        ("2026. május 20-án", {"05-20"}, {5}),
        ("Konferencia: 2026. március 3-5., Pécs", {"03-03", "03-05"}, {3}),
        ("17. in 18. junij 2026", {"06-17", "06-18"}, {6}),
        ("на 20 юли 2026 г.", {"07-20"}, {7}),
        ("Julius-Maximilians-Universität Würzburg", set(), set()),
        ("Prize for Julius Weber and Junius Brown", set(), set()),
        ("An award for Anna Julius. Congratulations", set(), set()),
        ("Act 3 Julius Caesar, and Pope Julius 2", set(), set()),
        ("2026. július 3-án", {"07-03"}, {7}),
    ],
)
def test_hungarian_slovenian_and_bulgarian_dates(text: str, dates: set[str], months: set[int]) -> None:
    """Ranges are read, and first names are no months."""
    assert found(text) == (dates, months)
