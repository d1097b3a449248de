"""Events in the JSON-LD and microformats of pages."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aggregator.formats import article, microformats, page
from aggregator.model.config import Layout
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.events import Attendance, Event, EventKind, EventStatus
from tests.builders import source

URL = "https://a.example/event"
LISTING = Layout(item="article", link=("a",), title=("a",))


def article_event(body: str) -> Event | None:
    """Return the event that the page of an article states."""
    raw = f"<html><body>{body}</body></html>".encode()
    return article.article(raw, URL, {}, source(kind="page", page=(LISTING,))).event


def stated(**facts: Any) -> Event | None:
    """Return the event of a page with one JSON-LD object."""
    thing = {"@context": "https://schema.org", "@type": "Event", "name": "Meeting", **facts}
    return article_event(f'<script type="application/ld+json">{json.dumps(thing)}</script>')


def test_an_event_of_schema_org_is_read() -> None:
    """Days, place, status and mode of an Event are read."""
    place = {
        "@type": "Place",
        "name": "Aula",
        "address": {"addressLocality": "Turin", "addressCountry": "IT"},
    }
    assert stated(
        startDate="2026-10-20",
        endDate="2026-10-22",
        location=place,
        eventStatus="https://schema.org/EventPostponed",
        eventAttendanceMode="https://schema.org/MixedEventAttendanceMode",
    ) == Event(
        kind=EventKind.EVENT,
        start=date(2026, 10, 20),
        end=date(2026, 10, 22),
        place="Aula, Turin, IT",
        attendance=Attendance.BOTH,
        status=EventStatus.POSTPONED,
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-10-20T09:00:00+02:00", None, datetime(2026, 10, 20, 7, tzinfo=UTC)),
        ("2026-10-20T09:00", None, datetime(2026, 10, 20, 7, tzinfo=UTC)),
        ("2026-10-20T00:00:00+02:00", "2026-10-22T23:59:59+02:00", date(2026, 10, 20)),
        ("October 20, 2026", None, date(2026, 10, 20)),
    ],
)
def test_forms_of_start_dates(start: str, end: str | None, expected: date) -> None:
    """ISO 8601 and other forms are read; whole days are days, times are in the source's zone."""
    event = stated(startDate=start, endDate=end)
    assert event is not None
    assert event.start == expected


@pytest.mark.parametrize(
    "start", [None, "soon", "9999-12-31", "0001-01-01", 5, ["x"], {"@value": []}, "2026-13-45"]
)
def test_an_event_without_a_plausible_start_is_none(start: Any) -> None:
    """Whatever is no plausible date is no event, and breaks nothing."""
    assert stated(startDate=start, location=[[], 3, None, {"name": {}}], eventStatus=[1, {}]) is None


def test_an_end_before_the_start_is_ignored() -> None:
    """An event ends on its first day if its end is wrong."""
    event = stated(startDate="2026-10-20", endDate="2020-10-20")
    assert event is not None
    assert event.end == date(2026, 10, 20)


def test_the_instance_of_a_course_is_a_course() -> None:
    """A Course of Bioschemas has the dates of its first dated instance."""
    instances = [{"courseMode": "online"}, {"startDate": "2026-10-20", "courseMode": ["blended"]}]
    event = stated(**{"@type": "Course", "hasCourseInstance": instances})
    assert event is not None
    assert (event.kind, event.start, event.attendance) == (
        EventKind.COURSE,
        date(2026, 10, 20),
        Attendance.BOTH,
    )


def test_a_virtual_place_is_online() -> None:
    """A VirtualLocation is no place."""
    event = stated(startDate="2026-10-20", location={"@type": "VirtualLocation", "url": "https://m.example"})
    assert event is not None
    assert (event.place, event.attendance) == (None, Attendance.ONLINE)


H_EVENT = (
    '<div class="h-event"><h1 class="p-name">Meeting</h1><time class="dt-start" datetime="{start}">x</time>'
    '<time class="dt-end" datetime="2026-10-22">y</time><span class="p-location">Turin</span></div>'
)


def test_an_h_event_is_read() -> None:
    """The only h-event of an article is its event; several are a list."""
    event = article_event(H_EVENT.format(start="2026-10-20"))
    assert event is not None
    assert (event.start, event.end, event.place) == (date(2026, 10, 20), date(2026, 10, 22), "Turin")
    assert article_event(H_EVENT.format(start="2026-10-20") * 2) is None


def test_entries_of_listings_have_their_events() -> None:
    """Each block of a listing has the event that is marked in it."""
    blocks = "".join(
        f'<article class="h-event"><a href="/{n}" class="p-name">Meeting {n}</a>'
        f'<time class="dt-start" datetime="2026-10-2{n}"></time></article>'
        for n in range(3)
    )
    parsed = page.read(
        f"<html><body>{blocks}</body></html>".encode(), URL, {}, source(kind="page", page=(LISTING,))
    )
    starts = [entry.event and entry.event.start for entry in parsed.entries]
    assert starts == [date(2026, 10, 20), date(2026, 10, 21), date(2026, 10, 22)]
    assert source().timezone == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "text", ["", "<p>h-event</p>", "<div class='h-event'></div>", "<div class='h-event'><p>\ud800"]
)
def test_html_of_entries_may_mark_an_event(text: str) -> None:
    """An entry of a feed has the event that its HTML marks; damaged markup is none."""
    marked = Entry(position=0, content=H_EVENT.format(start="2026-10-20"))
    other = Entry(position=1, content=text)
    document = microformats.with_events(ParsedDocument(entries=(marked, other)), ZoneInfo("Europe/Berlin"))
    events = [entry.event for entry in document.entries]
    assert events[0] is not None
    assert (events[0].start, events[1]) == (date(2026, 10, 20), None)


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-10-20T09:00:00+02:00", "PT2H30M", "2026-10-20T11:30:00+02:00"),
        ("2026-10-20T09:00:00+02:00", "P1DT1H", "2026-10-21T10:00:00+02:00"),
        ("2026-10-20", "P3D", "2026-10-22"),
        ("2026-10-20", "PT2H", "2026-10-20"),
        ("2026-10-20", "P1M", "2026-10-20"),
        ("2026-10-20", "long", "2026-10-20"),
    ],
)
def test_a_duration_states_the_end_where_nothing_else_does(start: str, duration: str, end: str) -> None:
    """The duration of an Event counts from its start."""
    event = stated(startDate=start, duration=duration)
    moment = datetime.fromisoformat(end) if "T" in end else date.fromisoformat(end)
    assert event is not None and event.end == moment


def test_an_end_date_is_more_exact_than_a_duration() -> None:
    """A stated end is not computed."""
    event = stated(startDate="2026-10-20", endDate="2026-10-25", duration="P3D")
    assert event is not None and event.end == date(2026, 10, 25)


@pytest.mark.parametrize("written", ["17:30", "17:30:00", "5:30pm", "5:30 p.m.", "17:30+02:00", "15:30Z"])
def test_an_end_of_which_only_the_time_is_written_is_on_the_day_of_the_start(written: str) -> None:
    """A dt-end without a date has that of dt-start, and its zone."""
    event = article_event(
        '<div class="h-event"><p class="p-name">Talk</p><time class="dt-start"'
        f' datetime="2026-10-20T16:00:00+02:00">today</time> – <span class="dt-end">{written}</span></div>'
    )
    assert event is not None and event.end == datetime(2026, 10, 20, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("written", ["25:00", "9:75", "soon", "", "1" * 5_000])
def test_an_end_that_is_no_time_is_passed_over(written: str) -> None:
    """A damaged end leaves the start."""
    event = article_event(
        '<div class="h-event"><p class="p-name">Talk</p><time class="dt-start"'
        f' datetime="2026-10-20T16:00:00+02:00">today</time> – <span class="dt-end">{written}</span></div>'
    )
    assert event is not None and event.end == event.start
