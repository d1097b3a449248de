"""Calendars: limits, hostile bytes, dates and rules in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.errors import UnreadableDocument
from aggregator.formats import ical
from aggregator.items import normalise
from aggregator.model.documents import ItemKind, ParsedDocument
from aggregator.model.items import IdentityPolicy
from tests.builders import NOW, source
from tests.items.test_sanitize import VECTORS, assert_harmless
from tests.strategies import law

URL = "https://node.example/events.ics"


def read(body: str | bytes, content_type: str = "text/calendar; charset=utf-8") -> ParsedDocument:
    """Parse a calendar."""
    raw = body if isinstance(body, bytes) else body.encode()
    return ical.read(raw, URL, {"content-type": content_type}, source(url=URL, kind="ical"))


def calendar(*events: str) -> str:
    """Return a calendar with one event for each group of lines."""
    inner = "".join(f"BEGIN:VEVENT\r\n{event.strip()}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{inner}END:VCALENDAR\r\n"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("DTSTART:20261105T080000", "When: 5 November 2026, 08:00"),
        ("DTSTART:20261105T080000Z", "When: 5 November 2026, 09:00 (Europe/Berlin)"),
        (
            "DTSTART;TZID=Europe/Helsinki:20261105T220000\nDTEND;TZID=Europe/Helsinki:20261106T010000",
            "When: 5 November 2026, 22:00 – 6 November 2026, 01:00 (Europe/Helsinki)",
        ),
        (
            "DTSTART;TZID=Europe/Helsinki:20261105T100000\nDTEND:20261105T090000Z",
            "When: 5 November 2026, 10:00–11:00 (Europe/Helsinki)",
        ),
        ("DTSTART;VALUE=DATE:20261105\nDTEND;VALUE=DATE:20261106", "When: 5 November 2026"),
        ("DTSTART;VALUE=DATE:20261105\nDURATION:P2D", "When: 5 November 2026 – 6 November 2026"),
        ("DTSTART;VALUE=DATE:20261105\nDTEND:20261106T100000Z", "When: 5 November 2026"),
        ("DTSTART;VALUE=DATE:99991231\nDURATION:P9D", "When: 31 December 9999"),
        (
            "DTSTART;VALUE=DATE:20261105\nRRULE:FREQ=MONTHLY;BYDAY=1MO",
            "When: 5 November 2026 · Repeats: every month",
        ),
        (
            "DTSTART:20261105T080000\nRRULE:FREQ=WEEKLY;UNTIL=20261203",
            "When: 5 November 2026, 08:00 · Repeats: every week, for the last time on 3 December 2026",
        ),
        ("DTSTART:20261105T080000\nDTEND:20261105T070000", "When: 5 November 2026, 08:00"),
        (
            "DTSTART;TZID=Europe/Berlin:20261025T013000\nDURATION:PT3H",
            "When: 25 October 2026, 01:30–03:30 (Europe/Berlin)",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20261024T090000\nDURATION:P1DT1H",
            "When: 24 October 2026, 09:00 – 25 October 2026, 10:00 (Europe/Berlin)",
        ),
        ("LOCATION:Room 1\\, Turku", "Where: Room 1, Turku"),
        ("SUMMARY:Nothing said", ""),
    ],
)
def test_when_and_where_are_stated_in_words(lines: str, words: str) -> None:
    """The first line has date, time, zone, rule and place, if the event has them."""
    (entry,) = read(calendar(f"UID:1\n{lines}".replace("\n", "\r\n"))).entries
    assert (entry.content or "") == words


def test_an_event_is_an_event_unless_its_words_say_more() -> None:
    """Entries of a calendar are events; a course among them is a course."""
    reading = read(calendar("UID:1\r\nSUMMARY:Anything", "UID:2\r\nSUMMARY:Course on optics"))
    items, _ = normalise.items_of(reading, source(kind="ical"), IdentityPolicy(), (), NOW)
    assert [item.kind for item in items] == [ItemKind.EVENT, ItemKind.COURSE]


@pytest.mark.parametrize(
    ("events", "guids"),
    [
        (["DTSTART:20261105T080000", "DTSTART:20261105T080000"], ["1"]),
        (
            ["DTSTART:20261105T080000", "DTSTART:20261106T080000"],
            ["1 2026-11-05T08:00:00", "1 2026-11-06T08:00:00"],
        ),
        (
            ["DTSTART:20261105T080000\nRRULE:FREQ=DAILY", "DTSTART:20261106T090000"],
            ["1", "1 2026-11-06T09:00:00"],
        ),
        (["SUMMARY:A", "SUMMARY:B"], ["1"]),
    ],
)
def test_a_repeated_uid_loses_no_date(events: list[str], guids: list[str]) -> None:
    """Exports of series give one UID to each date; what is repeated is one event."""
    reading = read(calendar(*(f"UID:1\n{lines}".replace("\n", "\r\n") for lines in events)))
    assert [entry.guid for entry in reading.entries] == guids


@pytest.mark.parametrize("step", [1, -1])
def test_the_last_version_of_an_event_counts(step: int) -> None:
    """Of versions with one UID, the highest SEQUENCE is read (RFC 5545 section 3.8.7.4)."""
    versions = ["DTSTART:20261105T080000\r\nSEQUENCE:9", "DTSTART:20261106T080000\r\nSEQUENCE:10"]
    (entry,) = read(calendar(*(f"UID:1\r\n{lines}" for lines in versions[::step]))).entries
    assert (entry.guid, entry.content) == ("1", "When: 6 November 2026, 08:00")


@pytest.mark.parametrize("year", ["0001", "0099", "0999"])
def test_a_year_that_means_no_date_makes_no_event(year: str) -> None:
    """Year 1 is not written, because `4 March 1` reads as a day without a year (EX1)."""
    (entry,) = read(calendar(f"UID:1\r\nSUMMARY:Meeting\r\nDTSTART;VALUE=DATE:{year}0304")).entries
    assert (entry.event, entry.content) == (None, None)


def test_the_latest_events_are_taken_of_very_many() -> None:
    """Of a long calendar the latest events are taken, in its order, with a note."""
    events = [f"UID:{n}\r\nDTSTART;VALUE=DATE:{2000 + n % 100}0101" for n in range(ical.MAX_ENTRIES + 100)]
    reading = read(calendar(*events))
    assert len(reading.entries) == ical.MAX_ENTRIES
    assert "only the latest 2000" in reading.notes[0]
    assert {entry.guid for entry in reading.entries}.isdisjoint({"0", "100", "200"})


def test_one_unreadable_event_costs_no_other() -> None:
    """If icalendar refuses a calendar, each event is parsed alone."""
    broken = "UID:2\r\nBEGIN:VALARM\r\nTRIGGER:x"
    reading = read(calendar("UID:1\r\nSUMMARY:One", broken, "UID:3\r\nSUMMARY:Three"))
    assert [entry.guid for entry in reading.entries][:1] == ["1"]


@pytest.mark.parametrize("body", ["", "   ", "BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT", "{}", "\0\0"])
def test_what_is_no_calendar_is_refused(body: str) -> None:
    """A body without VCALENDAR raises an error, so that it never means "no events"."""
    with pytest.raises(UnreadableDocument, match=r"empty|not a calendar"):
        read(body)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (calendar("UID:1\r\nSUMMARY:Größe").encode("latin-1"), "text/calendar; charset=iso-8859-1"),
        (calendar("UID:1\r\nSUMMARY:Größe").encode(), "text/calendar; charset=iso-8859-1"),
        (b"\xef\xbb\xbf" + calendar("UID:1\r\nSUMMARY:Größe").encode(), ""),
        (calendar("UID:1\r\nSUMMARY:Größe").encode("utf-16"), ""),
        (calendar("UID:1\r\nSUMMARY:Größe").replace("\r\n", "\n").encode(), "text/plain"),
    ],
)
def test_the_charset_is_found(body: bytes, content_type: str) -> None:
    """A calendar is decoded as UTF-8, else by byte order mark or header, with any line ends."""
    assert [entry.title for entry in read(body, content_type).entries] == ["Größe"]


def test_a_calendar_in_iso_2022_is_read_as_its_header_states() -> None:
    """ISO-2022-JP is valid UTF-8 of other characters, so that its header decides."""
    body = calendar("UID:1\r\nSUMMARY:顕微鏡").encode("iso-2022-jp")
    assert read(body, "text/calendar; charset=ISO-2022-JP").entries[0].title == "顕微鏡"


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_runs_that_came_through_a_calendar(vector: str) -> None:
    """A hostile string in any field of an event is harmless in its item (PB5)."""
    written = vector.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "").replace(",", "\\,")
    event = (
        f"UID:1\r\nSUMMARY:{written}\r\nLOCATION:{written}\r\nDESCRIPTION:<p>x</p>{written}\r\nURL:{written}"
    )
    for item in normalise.items_of(read(calendar(event)), source(kind="ical"), IdentityPolicy(), (), NOW)[0]:
        assert_harmless(item.html)
        assert item.link is None or item.link.startswith(("http://", "https://"))


_lines = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "BEGIN:VEVENT",
                "END:VEVENT",
                "BEGIN:VALARM",
                "END:VCALENDAR",
                "BEGIN:VTIMEZONE",
                "END:VTIMEZONE",
                "UID:1",
                "DTSTART:20261105",
                "DTSTART;VALUE=DATE:20261105",
                "DTEND:20261301T999999Z",
                "DURATION:-P9999999W",
                "RRULE:FREQ=DAILY;INTERVAL=x;COUNT=",
                "RRULE:FREQ=WEEKLY;UNTIL=20261105;BYDAY=",
                "STATUS:CANCELLED",
                "ATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA",
                "CATEGORIES:",
                "ORGANIZER;CN=:x",
                " folded",
                ":",
                ";=:",
                "RECURRENCE-ID:x",
                "RECURRENCE-ID:20261105T000000Z",
                "CREATED:19000101T000000Z",
            ]
        ),
        st.text(max_size=20),
    ),
    max_size=20,
)


@given(_lines)
@law
def test_any_lines_are_read_or_refused(lines: list[str]) -> None:
    """Any lines are parsed or raise UnreadableDocument."""
    try:
        read("BEGIN:VCALENDAR\r\n" + "\r\n".join(lines) + "\r\nEND:VCALENDAR\r\n")
    except UnreadableDocument:
        return


@pytest.mark.parametrize(
    "content_type", ["text/calendar", "text/calendar; charset=utf-8", "text/calendar; charset=iso-8859-1"]
)
def test_a_calendar_in_windows_1252_is_read(content_type: str) -> None:
    """Bytes that are not UTF-8 are read as Windows-1252, whatever the header says."""
    raw = calendar("UID:1\r\nSUMMARY:Größe").encode("windows-1252")
    assert [entry.title for entry in read(raw, content_type).entries] == ["Größe"]
