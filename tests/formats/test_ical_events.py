"""Events of calendars: days, zones, places, status, and the dates of series."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aggregator.formats import ical
from aggregator.items import normalise
from aggregator.model.documents import ParsedDocument
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, day_of
from aggregator.model.items import IdentityPolicy
from tests.builders import source

URL = "https://calendar.example/events.ics"
HEADERS = {"content-type": "text/calendar; charset=utf-8"}
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = "UID:s\nSUMMARY:Seminar\nDTSTART;TZID=Europe/Berlin:20260105T160000\nDURATION:PT1H"


def document(*events: str, own: str = "") -> ParsedDocument:
    """Parse a calendar with these events, its series expanded."""
    parts = [f"BEGIN:VEVENT\n{event}\nEND:VEVENT" for event in events]
    body = "\n".join(("BEGIN:VCALENDAR", *([own] if own else []), *parts, "END:VCALENDAR", ""))
    raw = body.replace("\n", "\r\n").encode()
    calendar = source(url=URL, kind="ical")
    parsed = ical.read(raw, URL, HEADERS, calendar)
    return ical.with_occurrences(parsed, raw, HEADERS, calendar, NOW)


def event(lines: str, own: str = "") -> Event:
    """Return the event of the first entry of a calendar."""
    found = document(f"UID:1\nSUMMARY:Meeting\n{lines}", own=own).entries[0].event
    assert found is not None
    return found


def coming(series: Event | None) -> list[date | datetime]:
    """Return the dates of a series from this month on."""
    assert series is not None
    return [start for start in series.occurrences if day_of(start) >= NOW.date().replace(day=1)]


def vtimezone(name: str, offset: str = "-0500") -> str:
    """Return the definition of a zone as programs write it, here without a change of clocks."""
    return (
        f"BEGIN:VTIMEZONE\nTZID:{name}\nBEGIN:STANDARD\nDTSTART:16010101T020000\nTZOFFSETFROM:{offset}\n"
        f"TZOFFSETTO:{offset}\nEND:STANDARD\nEND:VTIMEZONE"
    )


@pytest.mark.parametrize(
    ("name", "zone", "words"),
    [
        ("Eastern Standard Time", "America/New_York", "America/New_York"),
        ("/software.example/2026a/America/New_York", "America/New_York", "America/New_York"),
        (
            "/software.example/America/Indiana/Indianapolis",
            "America/Indiana/Indianapolis",
            "America/Indiana/Indianapolis",
        ),
        ("Our zone", None, "UTC-05:00"),
        ("a/" * 5_000 + "b", None, "UTC-05:00"),
        ("Asia/Tokyo of ours", None, "UTC-05:00"),
    ],
)
def test_a_zone_that_a_calendar_defines_has_a_public_name(name: str, zone: str | None, words: str) -> None:
    """Readers see the IANA name that a definition means, else its offset from UTC."""
    written = f"DTSTART;TZID={name}:20261120T090000\nDTEND;TZID={name}:20261120T100000"
    (entry,) = document(f"UID:1\nSUMMARY:Meeting\n{written}", own=vtimezone(name)).entries
    assert entry.event is not None and isinstance(entry.event.start, datetime)
    assert (entry.event.start.astimezone(UTC), entry.event.zone) == (
        datetime(2026, 11, 20, 14, tzinfo=UTC),
        zone,
    )
    assert entry.content is not None and f"09:00–10:00 ({words})" in entry.content


def test_the_last_date_of_a_series_is_no_deadline() -> None:
    """The words for the rule of a series add no deadline to its event."""
    parsed = document(f"{WEEKLY}\nRRULE:FREQ=WEEKLY;UNTIL=20261203T160000Z")
    (item,), _ = normalise.items_of(parsed, source(url=URL, kind="ical"), IdentityPolicy(), (), NOW)
    assert [each.kind for each in item.events] == [EventKind.EVENT]


def test_the_end_of_whole_days_is_the_last_day() -> None:
    """An all-day DTEND is exclusive, the end of an event inclusive (RFC 5545 section 3.6.1)."""
    found = event("DTSTART;VALUE=DATE:20261020\nDTEND;VALUE=DATE:20261023")
    assert (found.start, found.end) == (date(2026, 10, 20), date(2026, 10, 22))
    alone = event("DTSTART;VALUE=DATE:20261020")
    assert (alone.start, alone.end) == (date(2026, 10, 20), date(2026, 10, 20))


@pytest.mark.parametrize(
    ("lines", "own", "start", "zone"),
    [
        ("DTSTART;TZID=Europe/Lisbon:20261020T090000", "", "2026-10-20T09:00+01:00", "Europe/Lisbon"),
        ("DTSTART:20261020T090000Z", "", "2026-10-20T11:00+02:00", "Europe/Berlin"),
        ("DTSTART:20261020T090000", "", "2026-10-20T09:00+02:00", "Europe/Berlin"),
        (
            "DTSTART:20261020T090000",
            "X-WR-TIMEZONE:Europe/Helsinki",
            "2026-10-20T09:00+03:00",
            "Europe/Helsinki",
        ),
        (
            "DTSTART:20261020T060000Z",
            "X-WR-TIMEZONE:Europe/Helsinki",
            "2026-10-20T09:00+03:00",
            "Europe/Helsinki",
        ),
        (
            "DTSTART:20261020T090000",
            "X-WR-TIMEZONE:../../etc/passwd",
            "2026-10-20T09:00+02:00",
            "Europe/Berlin",
        ),
    ],
)
def test_zones_are_repaired(lines: str, own: str, start: str, zone: str) -> None:
    """Times are in their TZID, else in the calendar's X-WR-TIMEZONE, else in the source's zone."""
    found = event(f"{lines}\nDURATION:PT90M", own)
    assert found.start == datetime.fromisoformat(start)
    assert isinstance(found.end, datetime)
    assert (found.end - datetime.fromisoformat(start)).total_seconds() == 5400
    assert found.zone == zone


@pytest.mark.parametrize(
    ("lines", "place", "attendance", "status"),
    [
        ("LOCATION:Aula\\, Turin", "Aula, Turin", Attendance.ON_SITE, EventStatus.SCHEDULED),
        ("LOCATION:https://zoom.example/1", None, Attendance.ONLINE, EventStatus.SCHEDULED),
        ("LOCATION:Online", None, Attendance.ONLINE, EventStatus.SCHEDULED),
        ("X-GOOGLE-CONFERENCE:https://m.example", None, Attendance.ONLINE, EventStatus.SCHEDULED),
        (
            "LOCATION:Turin\nCONFERENCE;VALUE=URI:https://m.example",
            "Turin",
            Attendance.BOTH,
            EventStatus.SCHEDULED,
        ),
        ("STATUS:CANCELLED", None, None, EventStatus.CANCELLED),
        ("STATUS:TENTATIVE", None, None, EventStatus.TENTATIVE),
        ("STATUS:tentative", None, None, EventStatus.TENTATIVE),
        ("STATUS:CONFIRMED", None, None, EventStatus.SCHEDULED),
    ],
)
def test_place_and_status(lines: str, place: Any, attendance: Any, status: Any) -> None:
    """Place, online conference and status are read from their properties."""
    found = event(f"DTSTART;VALUE=DATE:20261020\n{lines}")
    assert (found.place, found.attendance, found.status) == (place, attendance, status)


def test_titles_show_courses_and_deadlines() -> None:
    """The title shows whether an entry of a calendar is a course or a deadline."""
    kinds = [
        entry.event and entry.event.kind
        for entry in document(
            "UID:1\nSUMMARY:Kurs Lichtmikroskopie\nDTSTART;VALUE=DATE:20261020",
            "UID:2\nSUMMARY:Abstract deadline\nDTSTART;VALUE=DATE:20261020",
            "UID:3\nSUMMARY:Meeting\nDTSTART;VALUE=DATE:20261020",
        ).entries
    ]
    assert kinds == [EventKind.COURSE, EventKind.DEADLINE, EventKind.EVENT]


def test_a_series_is_one_entry_with_its_next_dates() -> None:
    """The dates of a weekly series leave out exceptions and those that are entries themselves."""
    parsed = document(
        f"{WEEKLY}\nRRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20260608T160000",
        "UID:s\nSUMMARY:Seminar\nRECURRENCE-ID;TZID=Europe/Berlin:20260615T160000"
        "\nDTSTART;TZID=Europe/Berlin:20260616T100000\nDURATION:PT1H",
    )
    series = parsed.entries[0].event
    assert series is not None
    assert series.start == datetime(2026, 1, 5, 16, tzinfo=BERLIN)
    assert coming(series)[:3] == [
        datetime(2026, 6, 1, 16, tzinfo=BERLIN),
        datetime(2026, 6, 22, 16, tzinfo=BERLIN),
        datetime(2026, 6, 29, 16, tzinfo=BERLIN),
    ]
    assert 50 <= len(coming(series)) <= 60
    assert datetime(2026, 12, 7, 16, tzinfo=BERLIN) in series.occurrences, (
        "the wall clock stays over winter time"
    )


def test_a_cancelled_series_keeps_its_dates() -> None:
    """All dates of a cancelled series stay, so that calendars show them as cancelled (CA3)."""
    series = event("DTSTART;TZID=Europe/Berlin:20240105T160000\nRRULE:FREQ=WEEKLY\nSTATUS:CANCELLED")
    assert series.status is EventStatus.CANCELLED
    assert len(coming(series)) > 50


def exception(day: str, lines: str, kind: str = "TZID=Europe/Berlin") -> str:
    """Return the entry that replaces a date of the weekly series."""
    return f"UID:s\nSUMMARY:Seminar\nRECURRENCE-ID;{kind}:{day}\n{lines}"


def test_a_series_of_which_all_dates_are_cancelled_alone_is_no_event() -> None:
    """A series has no first date left if this was cancelled as the others were."""
    days = ["20260105T160000", "20260112T160000"]
    series, *others = document(
        f"{WEEKLY}\nRRULE:FREQ=WEEKLY;COUNT=2",
        *(exception(day, f"DTSTART;TZID=Europe/Berlin:{day}\nSTATUS:CANCELLED") for day in days),
    ).entries
    assert (series.event, series.content) == (None, None)
    assert [each.event and each.event.status for each in others] == [EventStatus.CANCELLED] * 2


def test_an_exception_may_name_its_date_by_the_day() -> None:
    """A moved date is left out of its series also where only its day is written."""
    moved = exception("20260615", "DTSTART;TZID=Europe/Berlin:20260616T100000", "VALUE=DATE")
    series = document(f"{WEEKLY}\nRRULE:FREQ=WEEKLY", moved).entries[0].event
    assert [start.day for start in coming(series)[:3]] == [1, 8, 22]


@pytest.mark.parametrize("start", ["19890714", "19700714", "19690714", "19000714", "16040714"])
@pytest.mark.parametrize("time_of_day", ["", "T100000"])
def test_a_series_of_any_age_has_its_next_dates(start: str, time_of_day: str) -> None:
    """A yearly series may have begun before the years in which a single event is plausible."""
    kind = "TZID=Europe/Berlin" if time_of_day else "VALUE=DATE"
    series = event(f"DTSTART;{kind}:{start}{time_of_day}\nRRULE:FREQ=YEARLY")
    assert [day_of(each) for each in coming(series)] == [date(2026, 7, 14)]


@pytest.mark.parametrize("rule", ["", "\nRRULE:FREQ=YEARLY;COUNT=1", "\nRRULE:FREQ=YEARLY;UNTIL=19851231"])
def test_an_event_of_long_ago_is_none(rule: str) -> None:
    """A date before 1990 without dates to come is a placeholder (T2)."""
    (entry,) = document(f"UID:1\nSUMMARY:Meeting\nDTSTART;VALUE=DATE:19700101{rule}").entries
    assert entry.event is None


@pytest.mark.parametrize(
    "excluded",
    [
        ";TZID=Europe/Berlin:20260601T160000,20260608T160000",
        ":20260601T140000Z\nEXDATE:20260608T140000Z",
        ";VALUE=DATE:20260601,20260608",
    ],
)
def test_a_series_of_which_all_dates_are_excluded_is_no_event(excluded: str) -> None:
    """The first date of a series is not announced if the series excludes it and has no other."""
    weekly = (
        "UID:s\nSUMMARY:Seminar\nDTSTART;TZID=Europe/Berlin:20260601T160000\nRRULE:FREQ=WEEKLY;UNTIL=20260608"
    )
    (entry,) = document(f"{weekly}\nEXDATE{excluded}").entries
    assert entry.event is None and "2026" not in (entry.content or "")


@pytest.mark.parametrize("line", ["EXDATE:", "RDATE:x", "EXDATE:\nEXDATE;TZID=Europe/Berlin:20260622T160000"])
def test_a_damaged_list_of_dates_is_passed_over(line: str) -> None:
    """An exception without a date costs no other date of the series."""
    series = event(f"DTSTART;TZID=Europe/Berlin:20260601T160000\nRRULE:FREQ=WEEKLY;COUNT=4\n{line}")
    assert [day_of(each).day for each in series.occurrences][:3] == [1, 8, 15]


@pytest.mark.parametrize("name", ["DTSTART", "DTEND", "DURATION"])
def test_a_damaged_date_of_a_series_is_none(name: str) -> None:
    """A property of a series without a date that can be parsed costs only this entry's dates."""
    lines = {"DTSTART": ":20260105T160000", "RRULE": ":FREQ=WEEKLY", name: ":٢٠٢٦-١٠-٠٥"}
    damaged = "UID:x\nSUMMARY:Damaged\n" + "\n".join(key + value for key, value in lines.items())
    parsed = document(damaged, f"{WEEKLY}\nRRULE:FREQ=WEEKLY")
    assert parsed.entries[-1].event is not None and parsed.entries[-1].event.occurrences


def test_a_series_has_its_dates_of_the_past_year() -> None:
    """Dates stay in calendars for 12 months, also those of a finished series (CA1)."""
    weekly = document(f"{WEEKLY}\nRRULE:FREQ=WEEKLY;COUNT=3").entries[0].event
    assert weekly is not None
    assert [day_of(each) for each in weekly.occurrences] == [date(2026, 1, day) for day in (5, 12, 19)]
    daily = event("DTSTART:20200101T160000Z\nRRULE:FREQ=DAILY")
    assert (len(daily.occurrences), len(coming(daily))) == (160, 100)
    assert day_of(daily.occurrences[59]) == date(2026, 5, 31)


def test_a_series_that_ended_long_ago_keeps_its_first_date() -> None:
    """Dates of more than a year ago are not computed."""
    series = event("DTSTART;TZID=Europe/Berlin:20240105T160000\nRRULE:FREQ=WEEKLY;COUNT=3")
    assert (series.occurrences, day_of(series.start)) == ((), date(2024, 1, 5))


@pytest.mark.parametrize(
    "start", ["TZID=Europe/Berlin:20260601T160000", ":20260601T160000", ":20260601T140000Z"]
)
def test_a_series_that_ends_on_a_day_includes_it(start: str) -> None:
    """Programs end the rule of a timed event with a date, and mean the end of this day."""
    series = event(f"DTSTART{start if start[0] == ':' else ';' + start}\nRRULE:FREQ=WEEKLY;UNTIL=20260615")
    assert [day_of(each).day for each in series.occurrences] == [1, 8, 15]


def test_a_series_may_end_on_the_last_day_of_the_calendar() -> None:
    """Some programs write 31 December 9999 for no end, also west of Greenwich."""
    series = event("DTSTART;TZID=America/New_York:20260601T100000\nRRULE:FREQ=WEEKLY;UNTIL=99991231")
    assert [day_of(each).day for each in series.occurrences[:3]] == [1, 8, 15]


def test_a_series_whose_next_dates_were_all_moved_has_the_new_ones() -> None:
    """The date from which the only date of a yearly series was moved is not announced."""
    yearly, moved = "DTSTART;VALUE=DATE:20260901", "DTSTART;VALUE=DATE:20260902"
    parsed = document(
        f"UID:s\nSUMMARY:Day\n{yearly}\nRRULE:FREQ=YEARLY",
        f"UID:s\nSUMMARY:Day\n{moved}\nRECURRENCE-ID;VALUE=DATE:20260901",
    )
    assert parsed.entries[0].event is not None
    assert parsed.entries[0].event.dates[0] == (date(2026, 9, 2), date(2026, 9, 2))


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("FREQ=MONTHLY;BYDAY=1MO", (2026, 6, 1)),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-1", (2026, 6, 29)),
        ("FREQ=MONTHLY;BYMONTHDAY=15", (2026, 6, 15)),
        ("FREQ=DAILY;INTERVAL=2", (2026, 6, 2)),
        ("FREQ=YEARLY", (2027, 1, 5)),
        ("FREQ=WEEKLY;UNTIL=20260610T000000Z;BYDAY=MO", (2026, 6, 1)),
        ("FREQ=DAILY;COUNT=999999999", (2026, 6, 1)),
    ],
)
def test_usual_rules_are_expanded(rule: str, first: tuple[int, int, int]) -> None:
    """The rules that calendar programs write are expanded."""
    series = document(f"{WEEKLY}\nRRULE:{rule}").entries[0].event
    assert coming(series)[0] == datetime(*first, 16, tzinfo=BERLIN)


HOSTILE = [
    "FREQ=SECONDLY",
    "FREQ=MINUTELY;COUNT=99999999",
    "FREQ=HOURLY;INTERVAL=1",
    "FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,1,2,3,4,5;BYSECOND=0,1,2",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
    "FREQ=MONTHLY;BYDAY=20MO",
    "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300",
    "FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=1",
    "FREQ=YEARLY;INTERVAL=999999999",
    "FREQ=DAILY;UNTIL=99991231T235959Z",
    "FREQ=NEVER",
    "INTERVAL=0",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=-1",
    "",
]


@pytest.mark.parametrize("rule", HOSTILE)
@pytest.mark.parametrize(
    "start",
    ["20260105T160000Z", "00010101T000000", "99991231T235959Z", "19700101T000000", "15830101T000000"],
)
def test_hostile_rules_cost_no_time(rule: str, start: str) -> None:
    """Rules without an end, without any date or for each second are read within a second each."""
    begin = time.process_time()
    document(f"UID:h\nSUMMARY:Hostile\nDTSTART:{start}\nDURATION:P999999D\nRRULE:{rule}")
    document(f"UID:h\nSUMMARY:Hostile\nDTSTART:{start}\nRRULE:{rule}")
    assert time.process_time() - begin < 3


def test_many_series_cost_bounded_time() -> None:
    """Hundreds of daily series since 1990 are computed up to the limit of repetitions."""
    events = [f"UID:{n}\nSUMMARY:Daily\nDTSTART:19900101T090000Z\nRRULE:FREQ=DAILY" for n in range(200)]
    begin = time.process_time()
    assert len(document(*events).entries) == 200
    assert time.process_time() - begin < 10
