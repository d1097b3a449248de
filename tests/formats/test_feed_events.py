"""Events that entries of feeds state in the event module of RSS 1.0 and in xCal."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from aggregator.formats import feed
from aggregator.model.documents import Entry
from aggregator.model.events import Attendance, Event, EventKind, EventStatus
from tests.builders import source
from tests.hostile_strings import VECTORS

URL = "https://a.example/feed"
NAMESPACES = (
    'xmlns:e="http://purl.org/rss/1.0/modules/event/" xmlns:c="urn:ietf:params:xml:ns:xcal"'
    ' xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"'
)


def entry(elements: str, title: str = "Optics in Turin") -> Entry:
    """Return the only entry of a feed in RSS, which has these elements."""
    body = (
        f'<rss version="2.0" {NAMESPACES}><channel><title>News</title>'
        f"<item><title>{title}</title><guid>1</guid>{elements}</item></channel></rss>"
    )
    (found,) = feed.read(body.encode("utf-8", "replace"), URL, {}, source(url=URL)).entries
    return found


def test_the_event_module_of_rss_is_read() -> None:
    """Start, end, place and type of an entry are those of its event, whatever the prefix is."""
    assert entry(
        "<e:startdate>2026-10-20T09:00:00+02:00</e:startdate><e:enddate>2026-10-20T17:00:00+02:00</e:enddate>"
        "<e:location>Aula, Turin</e:location><e:type>Training</e:type><e:organizer>Ada</e:organizer>"
    ).event == Event(
        kind=EventKind.COURSE,
        start=datetime(2026, 10, 20, 7, tzinfo=UTC),
        end=datetime(2026, 10, 20, 15, tzinfo=UTC),
        place="Aula, Turin",
        attendance=Attendance.ON_SITE,
    )


def test_xcal_is_read() -> None:
    """The properties of a calendar in an entry mean what they mean there: the end is exclusive."""
    assert entry(
        "<c:dtstart>20261020</c:dtstart><c:dtend>20261023</c:dtend><c:location>Turin</c:location>"
        "<c:status>CANCELLED</c:status>"
    ).event == Event(
        kind=EventKind.EVENT,
        start=date(2026, 10, 20),
        end=date(2026, 10, 22),
        place="Turin",
        attendance=Attendance.ON_SITE,
        status=EventStatus.CANCELLED,
    )


def test_times_without_a_zone_are_in_that_of_the_source() -> None:
    """A time of day without an offset is the local one."""
    event = entry("<c:dtstart>2026-10-20T09:00:00</c:dtstart>").event
    assert event is not None and (event.start, event.zone) == (
        datetime(2026, 10, 20, 9, tzinfo=source().timezone),
        "Europe/Berlin",
    )


def test_atom_entries_have_events_too() -> None:
    """The elements are also read in Atom."""
    body = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACES}><id>f</id><title>News</title><entry><id>1</id>'
        "<title>Talk</title><c:dtstart>2026-10-20</c:dtstart></entry></feed>"
    )
    (found,) = feed.read(body.encode(), URL, {}, source(url=URL)).entries
    assert found.event is not None and found.event.start == date(2026, 10, 20)


@pytest.mark.parametrize(
    "start",
    ["", "soon", "2026-13-45", "0001-01-01", "9999-12-31", "9" * 5_000, "٢٠٢٦-١٠-٢٠"],
)
def test_a_start_that_is_no_date_is_no_event(start: str) -> None:
    """A damaged or implausible start costs only the event."""
    found = entry(f"<e:startdate>{start}</e:startdate><c:dtend>0001-01-01</c:dtend>")
    assert (found.guid, found.event) == ("1", None)


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_values_are_text(vector: str) -> None:
    """Whatever a place or type contains, it is one short line of text (EX8)."""
    hostile = vector.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")
    event = entry(
        f"<e:startdate>2026-10-20</e:startdate><e:location>{hostile * 100}</e:location><e:type>{hostile}</e:type>"
    ).event
    assert event is not None and event.start == date(2026, 10, 20)
    assert event.place is None or ("\n" not in event.place and len(event.place) <= 300)


def test_elements_with_attributes_are_no_event() -> None:
    """A parser reports the attributes of such an element, which are no date."""
    assert entry('<e:startdate x="2026-10-20"/><c:dtstart value="2026-10-20"/>').event is None


@pytest.mark.parametrize(
    ("written", "published"), [("2026-05-01", "2026-05-01"), ("2026-05", None), ("x", None)]
)
def test_the_publication_date_of_prism_is_used(written: str, published: str | None) -> None:
    """Feeds of journals may state the day of publication only in PRISM."""
    assert entry(f"<prism:publicationDate>{written}</prism:publicationDate>").published == published
