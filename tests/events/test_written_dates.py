"""Dates are read back as they were written, in each language and shape."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import calendar_names
from aggregator.events.find import find_events
from aggregator.model.events import Event
from tests.strategies import law

ZONE = ZoneInfo("Europe/Berlin")
PUBLISHED = datetime(2026, 1, 10, 12, tzinfo=UTC)
DASHES = ("-", "–", " – ", "—", " - ", "‐", "‑", "−", " -", "- ", " — ")
FROM_UNTIL = {
    "en": ("from {d1} {m1} until {d2} {m2} {y2}", "from {m1} {d1} to {m2} {d2}, {y2}"),
    "de": ("vom {d1}. {m1} bis zum {d2}. {m2} {y2}", "{d1}. {m1} bis {d2}. {m2} {y2}"),
    "fr": ("du {d1} {m1} au {d2} {m2} {y2}", "du lundi {d1} {m1} au vendredi {d2} {m2} {y2}"),
    "it": ("dal {d1} {m1} al {d2} {m2} {y2}", "da lunedì {d1} {m1} a venerdì {d2} {m2} {y2}"),
    "es": ("del {d1} de {m1} al {d2} de {m2} de {y2}", "desde el {d1} de {m1} hasta el {d2} de {m2} de {y2}"),
    "pt": ("de {d1} de {m1} a {d2} de {m2} de {y2}", "entre {d1} de {m1} e {d2} de {m2} de {y2}"),
    "fi": ("{d1}. {m1} – {d2}. {m2} {y2}", "ma {d1}. {m1} - pe {d2}. {m2} {y2}"),
    "sv": ("från den {d1} {m1} till den {d2} {m2} {y2}", "{d1} {m1} till {d2} {m2} {y2}"),
    "no": ("fra {d1}. {m1} til {d2}. {m2} {y2}", "{d1}. {m1} til og med {d2}. {m2} {y2}"),
    "da": ("fra den {d1}. {m1} til den {d2}. {m2} {y2}", "{d1}. {m1} til {d2}. {m2} {y2}"),
    "nl": ("van {d1} {m1} tot en met {d2} {m2} {y2}", "van {d1} {m1} t/m {d2} {m2} {y2}"),
    "pl": ("od {d1} {m1} do {d2} {m2} {y2} r.", "w dniach {d1} {m1} – {d2} {m2} {y2}"),
    "cs": ("od {d1}. {m1} do {d2}. {m2} {y2}", "{d1}. {m1} až {d2}. {m2} {y2}"),
    "hu": ("{y1}. {m1} {d1}. – {y2}. {m2} {d2}.", "{y1}. {m1} {d1}-tól {y2}. {m2} {d2}-ig"),
    "sl": ("od {d1}. {m1} do {d2}. {m2} {y2}", "{d1}. {m1} – {d2}. {m2} {y2}"),
    "bg": ("от {d1} {m1} до {d2} {m2} {y2} г.", "{d1} {m1} – {d2} {m2} {y2}"),
}
"""Ranges in words, by language; the first year is written only where both are."""
SHAPES = (
    "{d1} {m1}{dash}{d2} {m2} {y2}",
    "{d1}. {m1}{dash}{d2}. {m2} {y2}",
    "{d1} {m1} {y1}{dash}{d2} {m2} {y2}",
    "{m1} {d1}{dash}{m2} {d2}, {y2}",
    "{m1} {d1}, {y1}{dash}{m2} {d2}, {y2}",
    "{d1}.{n1}.{dash}{d2}.{n2}.{y2}",
    "{d1}. {n1}. {dash}{d2}. {n2}. {y2}",
    "{d1:02}.{n1:02}.{y1}{dash}{d2:02}.{n2:02}.{y2}",
    "{d1:02}/{n1:02}/{y1}{dash}{d2:02}/{n2:02}/{y2}",
    "{y1}-{n1:02}-{d1:02} to {y2}-{n2:02}-{d2:02}",
    "{y1}-{n1:02}-{d1:02}{dash}{y2}-{n2:02}-{d2:02}",
    "{y1}-{n1:02}-{d1:02}/{y2}-{n2:02}-{d2:02}",
)
SAME_MONTH = (
    "{d1}{dash}{d2} {m1} {y1}",
    "{d1}.{dash}{d2}. {m1} {y1}",
    "{d1} and {d2} {m1} {y1}",
    "{d1} & {d2} {m1} {y1}",
    "{d1}/{d2} {m1} {y1}",
    "{m1} {d1}{dash}{d2}, {y1}",
    "{m1} {d1}{dash}{d2} {y1}",
    "{m1} {d1} to {d2}, {y1}",
    "{d1}.{dash}{d2}.{n1}.{y1}",
    "{d1:02}.{dash}{d2:02}.{n1:02}.{y1}",
    "{d1}{dash}{d2}.{n1}.{y1}",
    "{d1}{dash}{d2}/{n1:02}/{y1}",
    "{y1}-{n1:02}-{d1:02}/{d2:02}",
    "{y1}. {m1} {d1}{dash}{d2}.",
)
SINGLE = (
    "{d1} {m1} {y1}",
    "{d1}. {m1} {y1}",
    "{m1} {d1}, {y1}",
    "{d1} de {m1} de {y1}",
    "{d1:02}.{n1:02}.{y1}",
    "{d1}. {n1}. {y1}",
    "{d1:02}/{n1:02}/{y1}",
    "{d1:02}-{n1:02}-{y1}",
    "{y1}-{n1:02}-{d1:02}",
    "{y1}/{n1:02}/{d1:02}",
    "{y1}. {n1:02}. {d1:02}.",
    "{y1}. {m1} {d1}.",
)
LANGUAGES = st.sampled_from(calendar_names.LANGUAGES)
DAYS = st.dates(date(2026, 1, 12), date(2035, 12, 20))


def written(shape: str, first: date, last: date, language: str, dash: str = "–") -> str:
    """Write a range of dates in a shape."""
    months = calendar_names.months(language)
    return shape.format(
        d1=first.day,
        d2=last.day,
        m1=months[first.month - 1],
        m2=months[last.month - 1],
        n1=first.month,
        n2=last.month,
        y1=first.year,
        y2=last.year,
        dash=dash,
    )


def only(text: str, language: str | None = None, title: str = "Seminar") -> Event:
    """Return the only event of a text under a title."""
    found = find_events(title, text, language, PUBLISHED, ZONE)
    assert len(found) == 1, (text, found)
    return found[0]


def is_read(text: str, language: str, first: date, last: date) -> None:
    """Check that a text has exactly one event, from the first to the last day."""
    event = only(text, language)
    assert (event.start, event.end) == (first, last), text


@law
@given(
    language=LANGUAGES,
    shape=st.sampled_from(SHAPES),
    dash=st.sampled_from(DASHES),
    first=DAYS,
    data=st.data(),
)
def test_a_range_in_signs_is_read_back(
    language: str, shape: str, dash: str, first: date, data: st.DataObject
) -> None:
    """Each range is read back from each shape and dash, over ends of months and years."""
    last = first + timedelta(days=data.draw(st.integers(1, 28)))
    is_read(written(shape, first, last, language, dash), language, first, last)


@law
@given(language=LANGUAGES, number=st.integers(0, 1), first=DAYS, data=st.data())
def test_a_range_in_words_is_read_back(language: str, number: int, first: date, data: st.DataObject) -> None:
    """Each range is read back from the words of each language for from and until."""
    last = first + timedelta(days=data.draw(st.integers(1, 28)))
    is_read(written(FROM_UNTIL[language][number], first, last, language), language, first, last)


@law
@given(language=LANGUAGES, shape=st.sampled_from(SAME_MONTH), dash=st.sampled_from(DASHES), first=DAYS)
def test_a_range_within_a_month_is_read_back(language: str, shape: str, dash: str, first: date) -> None:
    """Days of one month that share its name are read back."""
    last = first + timedelta(days=2)
    if last.month == first.month:
        is_read(written(shape, first, last, language, dash), language, first, last)


ABBREVIATED = (
    "{d1} {m1}. – {d2} {m2}. {y2}",
    "{d1}. {m1}. – {d2}. {m2}. {y2}",
    "{m1}. {d1} – {m2}. {d2}, {y2}",
    "{d1} de {m1}. a {d2} de {m2}. de {y2}",
    "{d1} {m1} {y1} - {d2} {m2} {y2}",
)


@law
@given(language=LANGUAGES, shape=st.sampled_from(ABBREVIATED), first=DAYS, data=st.data())
def test_abbreviated_months_are_read_back(
    language: str, shape: str, first: date, data: st.DataObject
) -> None:
    """Abbreviations of months are read back with a year, with and without a full stop."""
    names = [short[-1] if short else "" for short in calendar_names.short_months(language)]
    last = first + timedelta(days=data.draw(st.integers(1, 28)))
    fields = {"d1": first.day, "d2": last.day, "y1": first.year, "y2": last.year}
    m1, m2 = names[first.month - 1], names[last.month - 1]
    if m1 and m2:
        is_read(shape.format(m1=m1, m2=m2, **fields), language, first, last)


@law
@given(language=LANGUAGES, shape=st.sampled_from(SINGLE), first=DAYS)
def test_a_day_is_read_back(language: str, shape: str, first: date) -> None:
    """A single day is read back from each shape."""
    is_read(written(shape, first, first, language), language, first, first)


@law
@given(
    language=LANGUAGES,
    first=DAYS,
    start=st.times().map(lambda time: time.replace(second=0, microsecond=0)),
    zone=st.sampled_from([("", "Europe/Berlin"), (" UTC", "UTC"), (" (Helsinki time)", "Europe/Helsinki")]),
    between=st.sampled_from([", ", " ", " | ", " @ ", " – ", ", um ", " at ", " kl. ", " alle ore "]),
)
def test_a_time_is_read_back(
    language: str, first: date, start: datetime, zone: tuple[str, str], between: str
) -> None:
    """A time behind a day is read back in its zone."""
    day = written("{d1} {m1} {y1}", first, first, language)
    event = only(f"{day}{between}{start:%H:%M}{zone[0]}", language)
    assert event.start == event.end == datetime.combine(first, start, ZoneInfo(zone[1]))


@law
@given(language=LANGUAGES, first=st.dates(date(2026, 1, 11), date(2026, 12, 31)))
def test_a_missing_year_is_the_next_one(language: str, first: date) -> None:
    """A day without a year is the first that is not before the publication (EX4)."""
    is_read(written("{d1}. {m1}", first, first, language), language, first, first)
    earlier = first.replace(month=1, day=first.day % 9 + 1)
    is_read(written("{d1}. {m1}", earlier, earlier, language), language, *[earlier.replace(year=2027)] * 2)


@pytest.mark.parametrize("language", calendar_names.LANGUAGES)
def test_all_months_of_a_language_are_read(language: str) -> None:
    """Each whole name of a month is known with and without diacritics."""
    for number, name in enumerate(calendar_names.months(language), start=1):
        for form in (name, name.upper(), calendar_names.without_diacritics(name)):
            day = date(2027, number, 3)
            is_read(f"3 {form} 2027", language, day, day)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Workshop on 31 February 2026", []),
        ("Workshop on February 31, 2026", []),
        ("Workshop am 30. Februar 2026", []),
        ("Workshop on 31 February 2026, then 3 May 2026 in Berlin", [date(2026, 5, 3)]),
        ("Workshop on 31.02.2026 or 03.05.2026 in Berlin", [date(2026, 5, 3)]),
    ],
)
def test_a_day_that_no_calendar_has_is_no_event(text: str, days: list[date]) -> None:
    """An impossible day is skipped with its month, which is not taken for a whole month (EX1)."""
    assert [event.start for event in find_events(text, "", "en", PUBLISHED, ZONE)] == days
