"""Name the next date of a series wherever its story is published."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import story_view
from aggregator.i18n import event_texts
from aggregator.model.events import Event, day_of
from aggregator.polling import fetch
from aggregator.publishing import publish, structured_data
from aggregator.web import editor_events
from tests.builders import site
from tests.publishing.events import announcing, event, parsed, timed
from tests.publishing.test_publish import state
from tests.web_server import Answer, Web
from tests.workplace import Clock, Workplace

DAY = timedelta(days=1)
WEEKLY = (
    b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Clinic on image analysis\nDTSTART:20240103T090000Z\n"
    b"DTEND:20240103T100000Z\nRRULE:FREQ=WEEKLY;UNTIL=20261021T090000Z\nCREATED:20261001T000000Z\nEND:VEVENT\n"
    b"END:VCALENDAR\n"
)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z))?")


def published(place: Workplace) -> set[str]:
    """Return the date of the only story in each document that names it."""
    public = place.public
    (item,) = json.loads((public / "feed.json").read_bytes())["items"]
    (page,) = public.glob("stories/*.html")
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.read_text("utf-8"))
    assert data is not None
    view = story_view.read(place.app().config, page.stem)
    (line,) = re.findall(r"<summary[^>]*>([^,]*),", (public / "atom.xml").read_text("utf-8"))
    shown = page.read_text("utf-8")
    assert line in shown and line in (public / "index.html").read_text("utf-8")
    return {
        item["_aggregator"]["event"]["start"][:10],
        f"{story_view.as_json(view)['event']['start']:%Y-%m-%d}",
        json.loads(data[1])["startDate"][:10],
        f"{datetime.strptime(line, '%d %B %Y').date()}",  # noqa: DTZ007 # a day
    }


def test_every_document_names_the_next_date(place: Workplace, web: Web, clock: Clock) -> None:
    """Feeds and pages name the next date of a series on each day, or its last one (PB13)."""
    web.answers["/c.ics"] = Answer(WEEKLY)
    place.write(f"sources:\n  - {{id: c, name: The c, kind: ical, url: '{web.url}/c.ics'}}\n")
    named = {}
    for day in range(5, 25):
        clock.now = datetime(2026, 10, day, 6, tzinfo=UTC)
        fetch.run(place.app())
        (named[day],) = published(place)
        before = state(place)
        publish.run(place.app())
        assert state(place) == before
    assert named == {day: f"2026-10-{7 if day <= 7 else 14 if day <= 14 else 21:02}" for day in named}
    updated = json.loads((place.public / "feed.json").read_bytes())["items"][0]["date_modified"]
    assert updated < "2026-10-06"
    entries = parsed((place.public / "events.ics").read_bytes()).events
    days = [day_of(entry.dtstart) for entry in entries]
    assert (days[0], days[-3:]) == (date(2025, 10, 1), [date(2026, 10, day) for day in (7, 14, 21)])


@given(
    first=st.dates(date(2020, 1, 1), date(2027, 1, 1)),
    steps=st.lists(st.integers(1, 30), max_size=8),
    lasts=st.integers(0, 3),
    day=st.dates(date(2019, 1, 1), date(2028, 1, 1)),
)
def test_a_series_is_split_at_a_day(first: date, steps: list[int], lasts: int, day: date) -> None:
    """The parts are all dates in order; the first one left is upcoming, or the last of all."""
    starts = [first]
    for step in steps:
        starts.append(starts[-1] + step * DAY)
    series = event(start=first, end=first + lasts * DAY, occurrences=tuple(starts))
    left, past = series.split(day)
    assert (*past, *left.occurrences) == series.occurrences
    assert left.announced == series.announced
    assert all(start + lasts * DAY < day for start in past)
    assert left.dates[0][1] >= day or len(left.occurrences) == 1
    assert event().split(day) == (event(), ())


@pytest.mark.parametrize(("day", "following"), [(5, 6), (6, 6), (7, 13), (20, 20), (25, 20)])
def test_a_series_has_a_next_day(day: int, following: int) -> None:
    """It is the day on which the next date begins, by which news about it is recognised."""
    assert SERIES.next_day(date(2026, 10, day)) == date(2026, 10, following)


SERIES = event(
    start=date(2024, 10, 1),
    end=date(2024, 10, 1),
    occurrences=tuple(date(2026, 10, day) for day in (6, 13, 20)),
)
WEDNESDAYS = replace(
    SERIES, start=date(2026, 10, 14), end=date(2026, 10, 14), occurrences=(date(2026, 10, 14),)
)
SINGLE = replace(SERIES, occurrences=())


@pytest.mark.parametrize(
    ("now", "former", "line"),
    [
        (SERIES, SERIES, "6 October 2026, Turin, Italy and 2 further dates"),
        (SERIES, SINGLE, "6 October 2026, Turin, Italy and 2 further dates"),
        (
            # A publisher cut off the past of a series.
            replace(SERIES, start=date(2026, 10, 6), end=date(2026, 10, 6)),
            SERIES,
            "6 October 2026, Turin, Italy and 2 further dates",
        ),
        (WEDNESDAYS, SERIES, "14 October 2026, Turin, Italy (previously 13 October 2026)"),
        (
            replace(WEDNESDAYS, occurrences=(date(2028, 10, 11),)),
            SERIES,
            "11 October 2028, Turin, Italy",
        ),
        (
            replace(WEDNESDAYS, occurrences=()),
            replace(SINGLE, place="Rome"),
            "14 October 2026, Turin, Italy (previously 1 October 2024, Rome)",
        ),
    ],
)
def test_a_series_moved_only_if_its_next_date_did(now: Event, former: Event, line: str) -> None:
    """A former date is named if the next date was none before, and it is the nearest one."""
    assert event_texts.event_line(now, former, "en", site().timezone) == line


@pytest.mark.parametrize("year", [1583, 1800, 1890, 1940, 2026])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Amsterdam", "Africa/Monrovia"])
def test_moments_of_long_ago_have_an_offset_in_minutes(year: int, zone: str) -> None:
    """A moment before standard time is in UTC, because RFC 3339 allows no seconds in an offset."""
    start = datetime(year, 3, 1, 9, tzinfo=UTC)
    local = timed(start, start + timedelta(hours=1), zone=zone).local(ZoneInfo("UTC"))
    assert isinstance(local.start, datetime) and local.start == start
    form = editor_events.form_of(local, ZoneInfo(zone))
    shown = datetime.fromisoformat(f"{form.start_day}T{form.start_time}").replace(tzinfo=ZoneInfo(form.zone))
    assert shown == start, "an editor who changes nothing changes the event"
    assert RFC_3339.fullmatch(local.start.isoformat()) and RFC_3339.fullmatch(local.end.isoformat())


def test_structured_data_of_a_series_without_next_dates() -> None:
    """A series whose rule is not computed has its first date, in a form that programs can read."""
    start = datetime(1890, 1, 1, 9, tzinfo=UTC)
    story = announcing("a", timed(start, start, zone="Europe/Berlin"))
    data = json.loads(structured_data.story_data(story, site()))
    assert data["startDate"] == "1890-01-01T09:00:00+00:00"
