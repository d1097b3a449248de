"""Calendars that widespread clients read (CA1-CA6)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.gateways.files import write_document
from aggregator.model.events import Attendance, Event, EventStatus
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import calendar, paths, publish_events
from tests.builders import NOW, site
from tests.publishing.events import COURSES, announcing, deadline, event, parsed, publication, timed

ROME = ZoneInfo("Europe/Rome")
MORNING = datetime(2026, 10, 20, 9, tzinfo=ROME)


def rendered(*stories: Story, **fields: Any) -> dict[str, PublishedDocument]:
    """Return the calendars of a channel by path."""
    return {document.path: document for document in calendar.render(publication(*stories, **fields))}


def events_ics(*stories: Story) -> bytes:
    """Return the bytes of events.ics."""
    return rendered(*stories)["events.ics"].body


def lines(body: bytes) -> list[str]:
    """Return the unfolded lines of a calendar (RFC 5545 section 3.1)."""
    return body.decode().replace("\r\n ", "").split("\r\n")


def of_event(body: bytes, name: str) -> list[str]:
    """Return the lines of a property of events, with parameters."""
    inside = body.decode().replace("\r\n ", "").partition("BEGIN:VEVENT")[2].split("\r\n")
    return [line for line in inside if re.match(rf"{name}[:;]", line)]


# --- which calendars -----------------------------------------------------------------------------------


def test_deadlines_have_a_calendar_of_their_own() -> None:
    """events.ics has what takes place, deadlines.ics what ends; a channel has both in one (CA1)."""
    stories = announcing("course", event(), deadline()), announcing("call", deadline(date(2026, 11, 2)))
    found = {
        path: [each.uid for each in parsed(made.body).events] for path, made in rendered(*stories).items()
    }
    assert found == {
        "events.ics": ["course@news.example,2026"],
        "deadlines.ics": ["course-deadline@news.example,2026", "call@news.example,2026"],
    }
    (path,) = rendered(*stories, channel=COURSES)
    assert path == "channels/courses/events.ics"
    assert len(parsed(rendered(*stories, channel=COURSES)[path].body).events) == 3


def test_a_story_has_a_calendar_file() -> None:
    """One file has the events of one story, with the same entries as the calendars (CA6)."""
    made = announcing("course", event(), deadline())
    document = calendar.render_story(made, site())
    assert document.path == "stories/course.ics"
    assert [each.uid for each in parsed(document.body).events] == [
        "course-deadline@news.example,2026",
        "course@news.example,2026",
    ]


def test_stories_about_one_event_share_its_entry() -> None:
    """A story that shares the entry of another one adds none (EX7)."""
    stories = announcing("course", event()), announcing("programme", event(), entry_id="course")
    assert [each.uid for each in parsed(events_ics(*stories)).events] == ["course@news.example,2026"]


@pytest.mark.parametrize("left_out", [event(retrospective=True), event(month_only=True)])
def test_reports_and_months_have_no_entry(left_out: Event) -> None:
    """A report on a past event and an event without a day are in no calendar (EX5)."""
    assert parsed(events_ics(announcing("report", left_out))).events == []


# --- entries -------------------------------------------------------------------------------------------


def test_an_entry_says_what_went_in() -> None:
    """The independent parser finds all facts of an event as they went in."""
    made = announcing(
        "course",
        event(),
        title="Imaging; hands-on, “PET”",
        excerpt="Three days.\nBring a laptop.",
        link="https://node.example/course?a=1,2",
        sequence=3,
        changed=datetime(2026, 10, 1, 8, tzinfo=UTC),
    )
    (entry,) = parsed(events_ics(made)).events
    assert (entry.summary, entry.location) == ("Imaging; hands-on, “PET”", "Turin, Italy")
    assert entry.description == (
        "Three days.\nBring a laptop.\n\nThe node\n\nhttps://node.example/course?a=1,2"
    )
    assert str(entry.url) == "https://node.example/course?a=1,2"
    assert (entry.dtstart, entry.dtend) == (date(2026, 10, 20), date(2026, 10, 23))
    assert (entry.sequence, entry.dtstamp) == (3, datetime(2026, 10, 1, 8, tzinfo=UTC))
    assert entry.last_modified == entry.dtstamp


def test_an_event_without_times_is_all_day() -> None:
    """Dates have VALUE=DATE, an exclusive end, and do not block the day (CA4)."""
    body = events_ics(announcing("course", event()))
    assert of_event(body, "DTSTART") == ["DTSTART;VALUE=DATE:20261020"]
    assert of_event(body, "DTEND") == ["DTEND;VALUE=DATE:20261023"]
    assert of_event(body, "TRANSP") == ["TRANSP:TRANSPARENT"]


def test_times_have_their_zone() -> None:
    """Times have a TZID that the calendar defines; some clients shift or hide others (CA4)."""
    made = announcing("talk", timed(MORNING, MORNING + timedelta(hours=8), zone="Europe/Rome"))
    body = events_ics(made)
    assert of_event(body, "DTSTART") == ["DTSTART;TZID=Europe/Rome:20261020T090000"]
    assert lines(body).count("TZID:Europe/Rome") == 1
    (entry,) = parsed(body).events
    assert (entry.dtstart, entry.dtend) == (MORNING, MORNING + timedelta(hours=8))
    (read,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    assert read.decoded("DTSTART") == MORNING


def test_a_zone_is_defined_beyond_a_clock_change() -> None:
    """The definition of a zone alone gives the right times in summer and winter (CA4)."""
    summer, winter = datetime(2026, 7, 1, 9, tzinfo=ROME), datetime(2026, 12, 1, 9, tzinfo=ROME)
    stories = [
        announcing(name, timed(when, when + timedelta(hours=1), zone="Europe/Rome"))
        for name, when in (("summer", summer), ("winter", winter))
    ]
    body = events_ics(*stories).replace(b"Europe/Rome", b"Custom Zone")
    found = [each.decoded("DTSTART") for each in icalendar.Calendar.from_ical(body).walk("VEVENT")]
    assert [moment.astimezone(UTC) for moment in found] == [summer.astimezone(UTC), winter.astimezone(UTC)]


@pytest.mark.parametrize(
    ("start", "end", "written"),
    [
        ((0, 30), (1, 30), ["DTSTART:20261025T003000Z", "DTEND:20261025T013000Z"]),
        ((1, 0), (3, 0), ["DTSTART:20261025T010000Z", "DTEND:20261025T030000Z"]),
        (
            (0, 0),
            (0, 30),
            [f"{name};TZID=Europe/Rome:20261025T02{m}00" for name, m in (("DTSTART", "00"), ("DTEND", "30"))],
        ),
    ],
)
def test_an_hour_that_comes_twice_is_unambiguous(
    start: tuple[int, int], end: tuple[int, int], written: list[str]
) -> None:
    """A time that comes twice is the first; the second is in UTC (CA4, RFC 5545 3.3.5)."""
    moments = (datetime(2026, 10, 25, *each, tzinfo=UTC).astimezone(ROME) for each in (start, end))
    body = events_ics(announcing("talk", timed(*moments, zone="Europe/Rome")))
    assert of_event(body, "DTSTART") + of_event(body, "DTEND") == written


@pytest.mark.parametrize(
    "zone", [None, "UTC", "Etc/UTC", "Europe/Nowhere", "Europe/Rome\r\nATTACH:x", "../etc"]
)
def test_times_without_a_known_zone_are_utc(zone: str | None) -> None:
    """A time whose zone is unknown is written in UTC; none floats, and none has TZID=UTC (CA4)."""
    body = events_ics(announcing("talk", timed(MORNING, MORNING + timedelta(hours=1), zone=zone)))
    assert of_event(body, "DTSTART") == ["DTSTART:20261020T070000Z"]
    assert b"TZID" not in body and b"ATTACH" not in body


def test_a_moment_has_no_end() -> None:
    """A deadline at a time has a start only, as ends must be later (RFC 5545 3.8.2.2)."""
    made = announcing("call", deadline(start=MORNING.astimezone(UTC), end=MORNING.astimezone(UTC)))
    body = rendered(made)["deadlines.ics"].body
    assert of_event(body, "DTEND") == []
    assert parsed(body).events[0].dtstart == MORNING


@pytest.mark.parametrize(
    ("status", "written"),
    [
        (EventStatus.SCHEDULED, "CONFIRMED"),
        (EventStatus.CANCELLED, "CANCELLED"),
        (EventStatus.POSTPONED, "TENTATIVE"),
        (EventStatus.TENTATIVE, "TENTATIVE"),
        (EventStatus.RESCHEDULED, "CONFIRMED"),
        (EventStatus.MOVED_ONLINE, "CONFIRMED"),
        (EventStatus.EXTENDED, "CONFIRMED"),
    ],
)
def test_status(status: EventStatus, written: str) -> None:
    """A cancelled event stays; a postponed or unconfirmed one is tentative (CA3)."""
    (entry,) = parsed(events_ics(announcing("course", event(status=status)))).events
    assert entry.status == written


def test_an_online_event_has_a_location() -> None:
    """An event without a place that takes place online says so, in the language of the site."""
    made = announcing("talk", event(place=None, attendance=Attendance.ONLINE))
    assert of_event(events_ics(made), "LOCATION") == ["LOCATION:online"]


def test_a_deadline_is_named_as_one() -> None:
    """The entry for the end of registration differs in its title from that of the course."""
    made = announcing("course", event(), deadline(), title="Imaging course")
    words = {path: of_event(each.body, "SUMMARY") for path, each in rendered(made).items()}
    assert words == {
        "events.ics": ["SUMMARY:Imaging course"],
        "deadlines.ics": ["SUMMARY:Deadline: Imaging course"],
    }
    named = announcing("call", deadline(), title="Application deadline for beam time")
    assert of_event(rendered(named)["deadlines.ics"].body, "SUMMARY") == [
        "SUMMARY:Application deadline for beam time"
    ]


def test_a_series_has_an_entry_for_each_date() -> None:
    """Each date of a series is an entry with a permanent UID, as long as the first one."""
    starts = (date(2026, 10, 20), date(2026, 11, 17))
    body = events_ics(announcing("series", event(end=date(2026, 10, 21), occurrences=starts)))
    assert [(each.uid, each.dtstart, each.dtend) for each in parsed(body).events] == [
        ("series-20261020@news.example,2026", date(2026, 10, 20), date(2026, 10, 22)),
        ("series-20261117@news.example,2026", date(2026, 11, 17), date(2026, 11, 19)),
    ]


# --- the head ------------------------------------------------------------------------------------------


def test_the_head_of_a_calendar() -> None:
    """The head has name, description, colour, interval, source and page twice (CA5)."""
    document = rendered(announcing("course", event()))["events.ics"]
    assert document.body.startswith(b"BEGIN:VCALENDAR\r\n")
    assert document.body.endswith(b"END:VCALENDAR\r\n")
    head = set(lines(document.body)[: lines(document.body).index("BEGIN:VEVENT")])
    assert {
        "VERSION:2.0",
        "METHOD:PUBLISH",
        "NAME:Imaging news: Calendar of events",
        "X-WR-CALNAME:Imaging news: Calendar of events",
        "COLOR:teal",
        "REFRESH-INTERVAL;VALUE=DURATION:PT12H",
        "X-PUBLISHED-TTL:PT12H",
        "SOURCE;VALUE=URI:https://news.example/events.ics",
        "URL:https://news.example/events/",
    } <= head
    assert {line.partition(":")[0] for line in head} >= {"DESCRIPTION", "X-WR-CALDESC", "PRODID"}
    assert document.media_type == "text/calendar; charset=utf-8"


def test_the_same_events_give_the_same_bytes() -> None:
    """Neither the day nor the order of stories alters a calendar (CA2)."""
    one, other = announcing("a", event()), announcing("b", event(start=date(2026, 10, 21)))
    first = calendar.render(publication(one, other))
    assert calendar.render(publication(other, one, today=date(2026, 10, 21))) == first


# --- hostile events ------------------------------------------------------------------------------------

PIECES = [
    "\r",
    "\n",
    "\r\n",
    "\0",
    "\x07",
    "\u2028",
    "\x85",
    ",",
    ";",
    ":",
    "\\",
    "\\n",
    '"',
    "😀",
    "é",
    "a",
    " ",
]
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"]), max_size=120).map(
    "".join
)


@given(title=HOSTILE, place=HOSTILE, excerpt=HOSTILE, zone=HOSTILE)
def test_hostile_texts_stay_inside_their_property(title: str, place: str, excerpt: str, zone: str) -> None:
    """Whatever its texts hold, a calendar has one event with the usual properties (CA5)."""
    made = announcing(
        "course",
        timed(MORNING, MORNING + timedelta(hours=1), place=place, zone=zone),
        title=title,
        excerpt=excerpt,
    )
    body = events_ics(made)
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0|\x07", body)
    for line in body.split(b"\r\n"):
        line.decode()  # no character is cut
    assert [line.partition(":")[0] for line in lines(body) if line.startswith(("BEGIN", "ATTACH"))] == [
        "BEGIN"
    ] * 2
    (entry,) = parsed(body).events
    assert entry.uid == "course@news.example,2026"
    assert entry.dtstart == MORNING


@pytest.mark.parametrize("length", range(60, 80))
def test_lines_are_folded_between_characters(length: int) -> None:
    """A line of four-byte characters is folded at 75 octets at most, never inside one (CA5)."""
    body = events_ics(announcing("course", event(), title="x" * (length % 4) + "😀" * length))
    assert all(len(line) <= 75 and line.decode() for line in body.split(b"\r\n") if line)
    assert parsed(body).events[0].summary == "x" * (length % 4) + "😀" * length


@pytest.mark.parametrize(
    "extreme",
    [
        event(start=date(9999, 12, 31), end=date(9999, 12, 31)),
        event(start=date(2026, 10, 22), end=date(2026, 10, 20)),
        event(start=date(1, 1, 1), end=date(9999, 12, 31)),
        event(
            start=datetime(9999, 12, 31, 23, tzinfo=UTC),
            end=datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
            zone="Asia/Tokyo",
        ),
        event(
            start=datetime(1, 1, 1, tzinfo=UTC), end=datetime(1, 1, 2, tzinfo=UTC), zone="America/New_York"
        ),
        event(occurrences=(date(9999, 12, 31),)),
    ],
)
def test_extreme_dates_are_harmless(extreme: Event) -> None:
    """First and last day of time, and an end before its start, give a calendar that parses."""
    assert len(icalendar.Calendar.from_ical(events_ics(announcing("course", extreme))).walk("VEVENT")) == 1


def test_entries_are_stamped_by_their_last_change() -> None:
    """DTSTAMP and LAST-MODIFIED are the time of the change, never of the rendering (CA2)."""
    body = events_ics(announcing("course", event(), changed=NOW - timedelta(days=3)))
    assert of_event(body, "DTSTAMP") == ["DTSTAMP:20261002T063000Z"]
    assert of_event(body, "LAST-MODIFIED") == ["LAST-MODIFIED:20261002T063000Z"]


def test_unchanged_calendars_are_not_rendered_again(tmp_path: Path) -> None:
    """Calendars are rendered if an event, the settings, the day or a written file changed."""
    shown = publication(announcing("a", event()), announcing("b", deadline()))

    def again(content: Publication, settings: str = "settings") -> bool:
        return bool(publish_events.calendars(content, tmp_path, settings, written.entries_hash).documents)

    written = publish_events.calendars(shown, tmp_path, "settings", None)
    for document in written.documents:
        write_document(tmp_path, document)
    assert not again(replace(shown, updated=shown.updated + timedelta(days=1), channels=()))
    assert again(replace(shown, events=(announcing("a", event(place="Graz")), announcing("b", deadline()))))
    assert again(replace(shown, today=shown.today + timedelta(days=1)))
    assert again(shown, "other settings")
    (tmp_path / paths.DEADLINES).write_bytes(b"damaged")
    assert again(shown)
