"""Events of items: stated ones first, then those of the text; kinds by dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aggregator.items import normalise
from aggregator.model.documents import Entry, ItemKind, ParsedDocument
from aggregator.model.events import Event, EventKind, EventStatus
from aggregator.model.items import IdentityPolicy, Item
from tests.builders import NOW, source

STATED = Event(kind=EventKind.EVENT, start=date(2027, 3, 1), end=date(2027, 3, 2), place="Porto")


def normalised(**fields: Any) -> Item:
    """Return the item of one entry."""
    entry = Entry(position=0, link="https://a.example/1", **fields)
    (item,), _ = normalise.items_of(ParsedDocument(entries=(entry,)), source(), IdentityPolicy(), (), NOW)
    return item


def test_a_stated_event_precedes_the_text() -> None:
    """What a format for events states counts more than the text, which adds deadlines (EX2)."""
    item = normalised(
        title="Workshop 5 March 2027",
        event=STATED,
        content="It is on 6 March 2027. Apply by 1 February 2027.",
    )
    deadline = Event(kind=EventKind.DEADLINE, start=date(2027, 2, 1), end=date(2027, 2, 1))
    assert item.events == (STATED, deadline)


def test_words_cancel_a_stated_event() -> None:
    """A cancelled event whose data were not changed is cancelled."""
    (event,) = normalised(title="CANCELLED: Workshop 1-2 March 2027", event=STATED).events
    assert event.status is EventStatus.CANCELLED


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("Workshop 1-2 March 2027", EventStatus.TENTATIVE),
        ("CANCELLED: Workshop 1-2 March 2027", EventStatus.CANCELLED),
    ],
)
def test_an_event_stays_tentative_until_words_say_more(title: str, status: EventStatus) -> None:
    """Words do not confirm a tentative event, but cancel it (RFC 5545, 3.8.1.11)."""
    (event,) = normalised(title=title, event=replace(STATED, status=EventStatus.TENTATIVE)).events
    assert event.status is status


@pytest.mark.parametrize(
    ("title", "kind", "count"),
    [
        ("Training in preclinical imaging, 20-22 October 2027, Turin", ItemKind.COURSE, 1),
        ("Turin, Italy – 20–22 October 2027", ItemKind.EVENT, 1),
        ("PhD position, from 1 October 2027, Turin", ItemKind.JOB, 0),
        ("PhD position, apply by 1 October 2027", ItemKind.JOB, 1),
        ("New paper, published 1 October 2027", ItemKind.PAPER, 0),
        ("From 4 to 6 May 2025 we met in Heidelberg", ItemKind.NEWS, 1),
        ("News of the network", ItemKind.NEWS, 0),
        ("3 new microscopes", ItemKind.NEWS, 0),
    ],
)
def test_the_kind_follows_from_a_dated_title(title: str, kind: ItemKind, count: int) -> None:
    """A title without a word for its kind has that of its event; jobs have deadlines only."""
    item = normalised(title=title)
    assert (item.kind, len(item.events)) == (kind, count)


def test_moments_of_items_are_in_utc() -> None:
    """Moments are in UTC, the zone is kept by its name."""
    (event,) = normalised(title="Seminar on 1 March 2027, 14:00").events
    assert event.start == datetime(2027, 3, 1, 13, tzinfo=UTC)
    assert event.start.tzinfo is UTC
    assert ZoneInfo(event.zone or "") == ZoneInfo("Europe/Berlin")


def test_a_changed_statement_changes_the_hash() -> None:
    """The content hash covers stated events: a moved event with the same text is an edit."""
    moved = Event(kind=EventKind.EVENT, start=date(2027, 3, 8), end=date(2027, 3, 9), place="Porto")
    same = normalised(title="Workshop", event=STATED)
    assert same.content_hash == normalised(title="Workshop", event=STATED).content_hash
    assert same.content_hash != normalised(title="Workshop", event=moved).content_hash


def test_dates_of_papers_are_no_events() -> None:
    """A record that its format calls a paper has no events, whatever dates its text has."""
    assert normalised(title="Images of three labs, 1-3 March 2027", kind=ItemKind.PAPER).events == ()


def test_an_event_in_the_text_alone_changes_no_kind() -> None:
    """News that mention an event stay news, and have the event."""
    item = normalised(title="3 new microscopes", content="Come to the open day on 1 March 2027 in Turin.")
    assert (item.kind, item.events[0].start) == (ItemKind.NEWS, date(2027, 3, 1))
