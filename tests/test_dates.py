"""Dates as publishers write them are parsed as the moments they mean (T2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import calendar_names, dates
from tests.builders import BERLIN, NOW, item
from tests.strategies import aware, law, moments


def utc(text: str) -> datetime:
    """Return a moment in UTC from ISO 8601 without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- laws ----------------------------------------------------------------------------------------------


@given(aware)
@law
def test_a_moment_written_as_rfc_822_is_read_back(moment: datetime) -> None:
    """A moment in the form of RSS is parsed to the second, in any zone."""
    assert dates.parse(format_datetime(moment), BERLIN) == moment
    assert dates.parse(moment.strftime("%d %b %Y %H:%M:%S %z"), BERLIN) == moment


@given(aware)
@law
def test_a_moment_written_as_iso_8601_is_read_back(moment: datetime) -> None:
    """A moment in the form of Atom (RFC 3339) is parsed in any zone, also with fractions."""
    fraction = moment.replace(microsecond=250_000).isoformat()
    for text in (
        moment.isoformat(),
        moment.isoformat(" "),
        moment.isoformat().replace("T", " at "),
        fraction,
    ):
        assert dates.parse(text, BERLIN) == moment
    assert dates.parse(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), BERLIN) == moment


@given(aware)
@law
def test_a_moment_written_as_basic_iso_8601_is_read_back(moment: datetime) -> None:
    """The form of ISO 8601 without dashes and colons is parsed with its time."""
    assert dates.parse(moment.strftime("%Y%m%dT%H%M%S%z"), BERLIN) == moment
    assert dates.parse(moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"), BERLIN) == moment


@given(moments)
@law
def test_a_moment_written_as_seconds_is_read_back(moment: datetime) -> None:
    """Seconds or milliseconds since 1970 are parsed."""
    seconds = int(moment.timestamp())
    if seconds >= 10**9:  # ten digits: since September 2001
        assert dates.parse(str(seconds), BERLIN) == datetime.fromtimestamp(seconds, UTC)
        assert dates.parse(f"{seconds}000", BERLIN) == datetime.fromtimestamp(seconds, UTC)


@given(moments)
@law
def test_a_day_alone_is_its_noon(moment: datetime) -> None:
    """A date without time is 12:00 in the source's zone, in every form (T2)."""
    noon = datetime(moment.year, moment.month, moment.day, 12, tzinfo=BERLIN)
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%a, %d %b %Y", "%Y/%m/%d", "%Y%m%d"):
        assert dates.parse(moment.strftime(form), BERLIN) == noon


@given(
    moments, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland"])
)
@law
def test_a_time_without_zone_is_the_sources(moment: datetime, zone: str) -> None:
    """A time without zone is in the source's zone, in summer and winter (T2)."""
    local = moment.replace(tzinfo=ZoneInfo(zone), microsecond=0)
    assert dates.parse(local.strftime("%Y-%m-%d %H:%M:%S"), ZoneInfo(zone)) == local.astimezone(UTC)


@given(st.text(max_size=60))
@law
def test_any_text_is_a_moment_or_none(text: str) -> None:
    """Any text is parsed as an aware moment in UTC or None."""
    moment = dates.parse(text, BERLIN)
    assert moment is None or moment.tzinfo is UTC


@given(moments, moments)
@law
def test_an_item_never_sorts_later_than_it_was_seen(claimed: datetime, seen: datetime) -> None:
    """The sort time is the earlier of claimed time and first seen (T1)."""
    assert item(claimed=claimed, first_seen=seen).sort_time == min(claimed, seen)
    assert item(claimed=None, first_seen=seen).sort_time == seen


# --- as written in the wild ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        # RFC 822 and its neighbours
        ("Mon, 28 Sep 2026 10:15:00 +0200", "2026-09-28 08:15"),
        ("Mon, 28 Sep 2026 10:15 GMT", "2026-09-28 10:15"),
        ("28 Sep 26 10:15:00 -0000", "2026-09-28 10:15"),
        ("28 Sep 99 10:15:00 GMT", "1999-09-28 10:15"),
        ("Monday, 28-Sep-26 10:15:00 GMT", "2026-09-28 10:15"),
        ("Mon, 28 Sep 2026 10:15:60 GMT", "2026-09-28 10:15:59"),
        ("Mon, 28 Sep 2026 10:15:00 +0200 (CEST)", "2026-09-28 08:15"),
        ("Mon Sep 28 10:15:00 2026", "2026-09-28 08:15"),
        # ISO 8601
        ("2026-09-28T10:15:00Z", "2026-09-28 10:15"),
        ("2026-09-28t10:15:00z", "2026-09-28 10:15"),
        ("2026-09-28T10:15:00.123456+02:00", "2026-09-28 08:15"),
        ("2026-09-28T10:15:00-05:30", "2026-09-28 15:45"),
        ("2026-09-28T10:15+02", "2026-09-28 08:15"),
        ("2026-9-8", "2026-09-08 10:00"),
        # zones by name
        ("Mon, 12 Jan 2026 10:15:00 CET", "2026-01-12 09:15"),
        ("Mon, 28 Sep 2026 10:15:00 CEST", "2026-09-28 08:15"),
        ("Mo, 28 Sep 2026 10:15:00 MESZ", "2026-09-28 08:15"),
        ("Mon, 28 Sep 2026 10:15:00 EDT", "2026-09-28 14:15"),
        ("Mon, 28 Sep 2026 10:15:00 PST", "2026-09-28 18:15"),
        ("Mon, 28 Sep 2026 10:15:00 XYZ", "2026-09-28 08:15"),
        # German
        ("28. September 2026", "2026-09-28 10:00"),
        ("Montag, 28. September 2026, 10:15 Uhr", "2026-09-28 08:15"),
        ("28.09.2026", "2026-09-28 10:00"),
        ("28. 9. 2026", "2026-09-28 10:00"),
        ("28.09.2026 10.15 Uhr", "2026-09-28 08:15"),
        ("28.09.2026, 10:15", "2026-09-28 08:15"),
        ("10:15 Uhr, 28. September 2026", "2026-09-28 08:15"),
        ("1. März 2026", "2026-03-01 11:00"),
        ("3. Okt. 2026", "2026-10-03 10:00"),
        ("7. Jänner 2026", "2026-01-07 11:00"),
        ("Dienstag, 1. Dez 2026", "2026-12-01 11:00"),
        # English prose
        ("Published: 2026-09-28", "2026-09-28 10:00"),
        ("Published December 23, 2025", "2025-12-23 11:00"),
        ("June 5, 2026 Board UK Node", "2026-06-05 10:00"),
        ("Sept. 5th, 2026", "2026-09-05 10:00"),
        ("5th of June 2026", "2026-06-05 10:00"),
        ("Sep 28, 2026 10:15 AM", "2026-09-28 08:15"),
        ("Sep 28, 2026 12:15 a.m.", "2026-09-27 22:15"),
        ("Sep 28, 2026 3:05 pm", "2026-09-28 13:05"),
        # other languages of partners
        ("5 juin 2026", "2026-06-05 10:00"),
        ("1er août 2026 à 10h", "2026-08-01 10:00"),
        ("le 3 décembre 2026", "2026-12-03 11:00"),
        ("5 de junio de 2026", "2026-06-05 10:00"),
        ("13 de março de 2026", "2026-03-13 11:00"),
        ("5 giugno 2026", "2026-06-05 10:00"),
        ("5 mei 2026", "2026-05-05 10:00"),
        ("5 maj 2026", "2026-05-05 10:00"),
        ("5. mai 2026 kl. 10.15", "2026-05-05 08:15"),
        ("5. kesäkuuta 2026", "2026-06-05 10:00"),
        ("5 września 2026", "2026-09-05 10:00"),
        ("5. května 2026", "2026-05-05 10:00"),
        ("5. junija 2026", "2026-06-05 10:00"),
        ("2026. június 5.", "2026-06-05 10:00"),
        ("5 юни 2026", "2026-06-05 10:00"),
        ("28-09-2026", "2026-09-28 10:00"),
        # what stands behind a date is only its time if nothing stands between
        ("June 5, 2026 OMERO 5.10 released", "2026-06-05 10:00"),
        ("28.09.2026 um 10:15 Uhr", "2026-09-28 08:15"),
        ("Sep 28, 2026 @ 10:15", "2026-09-28 08:15"),
        # slashes
        ("28/09/2026", "2026-09-28 10:00"),
        ("9/28/2026", "2026-09-28 10:00"),
        ("2026/09/28 10:15:00", "2026-09-28 08:15"),
        # the hours that a change of clocks doubles or skips are some hour of that day
        ("2026-10-25T02:30:00", "2026-10-25 00:30"),
        ("2026-03-29T02:30:00", "2026-03-29 01:30"),
    ],
)
def test_a_date_is_the_moment_it_means(written: str, meant: str) -> None:
    """Each form is parsed as meant, in the zone of Berlin where it names none (T2)."""
    assert dates.parse(written, BERLIN) == utc(meant)


@pytest.mark.parametrize("language", calendar_names.DATE_LANGUAGES)
def test_months_of_every_language_are_read(language: str) -> None:
    """Names of months are read in each language, in capitals and without diacritics too."""
    for number, name in enumerate(calendar_names.months(language), start=1):
        if name == "listopada" and language == "hr":  # November in Polish
            continue
        meant = datetime(2026, number, 5, 12, tzinfo=BERLIN)
        for written in (name, name.upper(), calendar_names.without_diacritics(name)):
            assert dates.parse(f"5. {written} 2026", BERLIN) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5 giu 2026", "2026-06-05 10:00"),
        ("5 ago. 2026", "2026-08-05 10:00"),
        ("5 out. 2026", "2026-10-05 10:00"),
        ("5 ene 2026", "2026-01-05 11:00"),
        ("5. marts 2026", "2026-03-05 11:00"),
        ("5. des. 2026", "2026-12-05 11:00"),
        ("5 mrt 2026", "2026-03-05 11:00"),
        ("5 paź 2026", "2026-10-05 10:00"),
        ("środa, 5 sierpnia 2026", "2026-08-05 10:00"),
        ("5. říjen 2026", "2026-10-05 10:00"),
        ("2026. márc. 5.", "2026-03-05 11:00"),
        ("2026. augusztus 5., 10:15", "2026-08-05 08:15"),
        ("5 окт 2026", "2026-10-05 10:00"),
        ("1 d’octubre del 2026", "2026-10-01 10:00"),
        ("2026 m. rugsėjo 28 d.", "2026-09-28 10:00"),
        ("2026. gada 1. jūlijā", "2026-07-01 10:00"),
        ("28η Οκτωβρίου 2026", "2026-10-28 11:00"),
        ("15 KASIM 2026", "2026-11-15 11:00"),
        ("28 сентября 2026 г., 10:15", "2026-09-28 08:15"),
    ],
)
def test_abbreviations_and_further_languages(written: str, meant: str) -> None:
    """Abbreviated months and the order of each language are read."""
    assert dates.parse(written, BERLIN) == utc(meant)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Published: 2026-02-11", "2026-02-11"),
        ("June 5, 2026 Board UK Node", "June 5, 2026"),
        ("Published December 23, 2026", "December 23, 2026"),
        ("A meeting on 3 June 2026 in Turku. Published: 5 May 2026, 10:15", "5 May 2026, 10:15"),
        ("On 3 June 2026 and on 5 May 2026", "3 June 2026"),
        ("10:15 Uhr, 28. September 2026: ein Treffen", "10:15 Uhr, 28. September 2026"),
        ("words " * 500 + "Veröffentlicht am 5. Juni 2026", "5. Juni 2026"),
        ("2026-09-28T10:15:00Z", "2026-09-28T10:15:00Z"),
        ("we meet in May, Die 5 besten", None),
        ("12 May be the number 2026", None),
        ("room 10-11-3000, tel. 030-123-45678", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_found_in_a_longer_text(text: str | None, found: str | None) -> None:
    """A date with a label such as "published" comes first, and no word is taken for a date."""
    assert dates.find(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("June 5, 2026", "June 5, 2026"),
        ("Published on June 5, 2026", "June 5, 2026"),
        ("Montag, 28.09.2026, 10:15 Uhr | Ada", "28.09.2026, 10:15 Uhr"),
        ("June 5, 2026 Board UK Node", "June 5, 2026"),
        ("See you on 3 June 2026!", None),
        ("5 June 2026 " + "and so on " * 20, None),
        (None, None),
    ],
)
def test_a_short_text_may_begin_with_a_date(text: str | None, found: str | None) -> None:
    """A line that is a date, perhaps with a label, is distinguished from a sentence."""
    assert dates.leading_date(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("31 February 2026, then 3 May 2026", "3 May 2026"),
        ("Published: 31 February 2026. Updated: 3 May 2026, 10:15", "3 May 2026, 10:15"),
        ("On 3 May 2026. Published: 30.02.2026", "3 May 2026"),
        ("room 2026-13-05, since 2026-03-05", "2026-03-05"),
        ("31.04.2026 03.05.2026", "03.05.2026"),
        ("0/0/2026 and June 31, 2026 and June 5, 2026", "June 5, 2026"),
        ("No. 20261345 of 1 May 2026", "1 May 2026"),
        ("29 February 2025 or 29 February 2028", "29 February 2028"),
        ("31 February 2026", None),
    ],
)
def test_impossible_dates_are_skipped(text: str, found: str | None) -> None:
    """A day that no calendar has is no date; the next possible one is found and parsed."""
    assert dates.find(text) == found
    assert dates.parse(text, BERLIN) == (dates.parse(found, BERLIN) if found else None)


@pytest.mark.parametrize(
    ("text", "language", "month"),
    [
        ("15. listopada 2026.", "hr", 10),
        ("15 listopada 2026", "pl", 11),
        ("15. listopad 2026", "cs", 11),
        ("15. listopada 2026.", None, 11),
        ("15. listopada 2026.", "en", 11),
        ("31. listopada 2026.", None, 10),  # November has 30 days
        ("31 listopada 2026", "pl", None),
        ("3. srp 2026", "hr", 7),
        ("3. srp 2026", "cs", 8),
        ("15 lip 2026", "hr", 6),
        ("Mon, 15 Lip 2026 10:00:00 +0200", "pl", 7),
        ("Mon, 28 Sep 2026 10:00:00 +0200", "hr", 9),
        ("28 September 2026", "xx", 9),
    ],
)
def test_a_month_is_read_in_its_language_first(text: str, language: str | None, month: int | None) -> None:
    """A name of two months is that of the language, else of one in which the day exists."""
    moment = dates.parse(text, BERLIN, language)
    assert (moment.month if moment else None) == month


_WORDS = st.sampled_from(
    [
        "31",
        "30",
        "29",
        "12",
        "5",
        "0",
        "2026",
        "26",
        "February",
        "Mai",
        "Jun",
        ".",
        "-",
        "/",
        " ",
        ", ",
        "10:15",
        "T",
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=30).map("".join)))
@law
def test_a_found_date_is_parsed(text: str) -> None:
    """Every date that `find` returns is parsed by itself."""
    found = dates.find(text)
    assert found is None or (len(found) <= 200 and dates.parse(found, BERLIN) is not None)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "   ",
        "today",
        "September 2026",
        "2026",
        "2026-09",
        "Mon, 31 Feb 2026 10:00:00 GMT",
        "2026-13-01",
        "32.01.2026",
        "0",
        "-1",
        "12345",
        "v1.2.3",
        "we meet in May",
        "Call 2026-27",
        "10:15",
        "00.00.0000",
    ],
)
def test_a_text_without_a_day_has_no_date(written: str | None) -> None:
    """A text without a whole date has no date (T2)."""
    assert dates.parse(written, BERLIN) is None


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z",  # Go, so Hugo
        "Mon, 01 Jan 0001 00:00:00 +0000",
        "Wed, 30 Nov -0001 00:00:00 +0000",  # WordPress, in many feeds
        "-0001-11-30T00:00:00+00:00",
        "0000-00-00 00:00:00",  # MySQL
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "1899-12-30",
    ],
)
def test_a_zero_date_is_dropped(written: str) -> None:
    """A date before 1990 is dropped, also the year 1, which is not 2001 (T2)."""
    assert dates.plausible(dates.parse(written, BERLIN), NOW) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Mon Sep 28 10:15:00 CEST 2026", "2026-09-28 08:15"),  # date(1)
        ("Mon Sep 28 2026 10:15:00 GMT+0200 (CEST)", "2026-09-28 08:15"),  # JavaScript
        ("Mon, 28 Sep 2026 10:15:00 UTC+2", "2026-09-28 08:15"),
    ],
)
def test_dates_as_programs_print_them(written: str, meant: str) -> None:
    """The output of date(1) and JavaScript is parsed with its zone (T2)."""
    assert dates.parse(written, BERLIN) == utc(meant)


def test_only_plausible_dates_are_kept() -> None:
    """A moment before 1990 or more than 24 h ahead is dropped, the limits are kept (T2)."""
    limit = NOW + timedelta(hours=24)
    assert dates.plausible(limit, NOW) == limit
    assert dates.plausible(limit + timedelta(seconds=1), NOW) is None
    assert dates.plausible(utc("1990-01-01 00:00"), NOW) == utc("1990-01-01 00:00")
    assert dates.plausible(utc("1989-12-31 23:59:59"), NOW) is None
    assert dates.plausible(None, NOW) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("28.09.26", "2026-09-28 10:00"),
        ("Mo, 28.09.26 | 10:15 Uhr", "2026-09-28 08:15"),
        ("28/09/26", "2026-09-28 10:00"),
        ("28 Sep \u201926", "2026-09-28 10:00"),
        ("28/Sep/2026", "2026-09-28 10:00"),
        ("2026.09.28", "2026-09-28 10:00"),
        ("2026. 9. 28., hétfő", "2026-09-28 10:00"),
        ("2026年9月28日", "2026-09-28 10:00"),
        ("2026년 9월 28일", "2026-09-28 10:00"),
        ("September 28 , 2026", "2026-09-28 10:00"),
        ("September, 28 2026", "2026-09-28 10:00"),
        ("2026\u201109\u201128", "2026-09-28 10:00"),
        ("2026-09-28T10:15:00\u221205:00", "2026-09-28 15:15"),
        ("28 septembre 2026 à 10h15", "2026-09-28 08:15"),
        ("28 septembre 2026, 10 h 15", "2026-09-28 08:15"),
        ("28 de septiembre de 2026 a las 10:15", "2026-09-28 08:15"),
        ("28 de setembro de 2026, às 10h15", "2026-09-28 08:15"),
        ("28 septembrie 2026, ora 10:15", "2026-09-28 08:15"),
        ("28. syyskuuta 2026 klo 10.15", "2026-09-28 08:15"),
        ("28 września 2026 r., godz. 10:15", "2026-09-28 08:15"),
        ("28. 9. 2026 v 10:15", "2026-09-28 08:15"),
        ("28 септември 2026 г. в 10:15", "2026-09-28 08:15"),
        ("2026-09-28T24:00:00Z", "2026-09-29 00:00"),
        ("Mon, 28 Sep 2026 10:15:00 JST", "2026-09-28 01:15"),
        ("Mon, 28 Sep 2026 10:15:00 AEST", "2026-09-28 00:15"),
        ("28 września 2026 r. o godz. 10:15", "2026-09-28 08:15"),
        ("28 вересня 2026 р. о 10:15", "2026-09-28 08:15"),
        ("2026 m. rugsėjo 28 d. 10:15", "2026-09-28 08:15"),
        ("28 septembrie 2026, ora 10:15", "2026-09-28 08:15"),
        ("28 NİSAN 2026", "2026-04-28 10:00"),
        ("28 Sep 2026 10:15 GMT+9", "2026-09-28 01:15"),
        ("28 Sep 2026 10:15 (UTC-5)", "2026-09-28 15:15"),
        ("28.9.2026, 1.10.2026", "2026-09-28 10:00"),
    ],
)
def test_dates_of_further_partners(written: str, meant: str) -> None:
    """Short years, other signs, words before a time and zones far away are read (T2)."""
    assert dates.parse(written, BERLIN) == utc(meant)


@pytest.mark.parametrize(
    "written",
    [
        "1.2.26",
        "v1.10.26",
        "Version 2026.1.2",
        "2026.09.28-rc1",
        "10.10.10.10",
        "tel. 030.12.34.56",
        "28.09. 14:30",
    ],
)
def test_a_version_or_number_is_no_date(written: str) -> None:
    """Numbers between dots are a date only in the forms of dates (T2)."""
    assert dates.parse(written, BERLIN) is None


@pytest.mark.parametrize(
    "text",
    [
        "Last updated 3 May 2026. Published 28 April 2026",
        "Published: 28 April 2026, updated on 3 May 2026",
        "Last update: 3 May 2026. Published: 28 April 2026",
        "28 April 2026 (updated on 3 May 2026)",
    ],
)
def test_a_date_of_publication_precedes_that_of_an_update(text: str) -> None:
    """The label "Published" decides wherever it stands, and "updated" gives no precedence."""
    assert dates.find(text) == "28 April 2026"


@pytest.mark.parametrize("text", ["20 Oct 12:00", "3 Oct 14-16h", "5 May 10 am", "ſep 1 2026"])
def test_a_time_is_not_a_year(text: str) -> None:
    """A day and a month followed by a time are not a date of 2010 to 2016 (T2)."""
    moment = dates.parse(text, ZoneInfo("Europe/Berlin"))
    assert moment is None or moment.year == 2026


USUAL_FORMS = st.builds(
    "{}{} {} {:04} {:02}:{:02}:{:02} {}".format,
    st.sampled_from(["", "Mon, ", "May, "]),
    st.integers(0, 32),
    st.sampled_from(["Jan", "Sep", "Dez", "Set", "Xyz", "Mon"]),
    st.integers(0, 9999),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
    st.sampled_from(["+0200", "-9999", "GMT", "EST", "PM", "AM", "UHR", "H", "Z", "ABCD"]),
) | st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
    st.integers(0, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
    st.sampled_from(["", ".5", ".123456789"]),
    st.sampled_from(["", "Z", "+02:00", "-24:00"]),
)


@law
@given(USUAL_FORMS)
def test_usual_forms_are_read_as_all_others(written: str) -> None:
    """The forms that are tried first name the moment that the general search finds in them."""
    assert dates.parse(written, BERLIN) == dates.parse(f"{written} .", BERLIN)
