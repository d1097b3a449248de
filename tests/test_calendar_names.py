"""Names of months and weekdays: complete, unambiguous, and those of CLDR."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from aggregator import calendar_names
from docs import calendar_names as script

ROOT = Path(__file__).parent.parent


def test_the_file_is_what_the_script_writes() -> None:
    """calendar_names.json holds what docs/calendar_names.py takes from Babel."""
    assert (ROOT / "aggregator" / "calendar_names.json").read_text("utf-8") == script.text()


def test_each_name_is_one_month() -> None:
    """No name means different months in two languages."""
    numbers = defaultdict(set)
    for language in calendar_names.LANGUAGES:
        for name, number in calendar_names.month_numbers([language], [language]).items():
            numbers[name].add(number)
    assert {name: months for name, months in numbers.items() if len(months) > 1} == {}


def test_the_first_language_decides_about_a_name_of_two() -> None:
    """Only Croatian has names that mean other months in earlier languages."""
    numbers = calendar_names.month_numbers(calendar_names.DATE_LANGUAGES, calendar_names.DATE_LANGUAGES)
    for language in calendar_names.DATE_LANGUAGES:
        own = calendar_names.month_numbers([language], [language])
        assert language == "hr" or own.items() <= numbers.items()
    assert numbers["listopada"] == 11


def test_each_language_is_complete() -> None:
    """A language has twelve months and seven weekdays, Monday first."""
    for language in calendar_names.DATE_LANGUAGES:
        assert len(set(calendar_names.months(language))) == 12
        assert len(set(calendar_names.weekdays(language))) == 7
    assert calendar_names.weekdays("de")[0] == "Montag"


def test_the_expression_matches_names_and_nothing_else() -> None:
    """The regular expression of names matches each of them wholly, and no beginning of one."""
    names = calendar_names.month_numbers()
    expression = re.compile(calendar_names.one_of(names))
    assert all(expression.fullmatch(name) for name in names)
    assert not any(expression.fullmatch(name + "x") for name in names)
    assert not any(expression.fullmatch(name[:-1]) for name in names if name[:-1] not in names)
