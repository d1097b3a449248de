"""Stories about one event are related, also of one source and without the date (EX6, EX7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.publishing.test_story_events import CANCELLED, COURSE, Community, community
from tests.workplace import Clock

__all__ = ["community"]

ABOUT = [
    ("Cancelled: hands-on course preclinical imaging in Turin", "We are sorry."),
    (
        "Turin imaging course cancelled",
        "The course of 20-22 October 2026 in Turin is cancelled due to illness.",
    ),
    ("Abgesagt: Kurs präklinische Bildgebung in Turin", "Der Kurs vom 20. bis 22. Oktober 2026 entfällt."),
    ("Course in Turin postponed", "The course on preclinical imaging is postponed to 3-5 November 2026."),
]
NOT_ABOUT = [
    ("Microscope open day cancelled", "We are sorry."),
    ("Cancelled: hands-on course preclinical imaging in Leipzig", "We are sorry."),
    ("Super-resolution school in Turin, 20 October 2026", "Another course."),
    ("New imaging platform in Turin", "Preclinical imaging for all, with hands-on courses."),
]


def entries_after(
    community: Community, clock: Clock, title: str, text: str, source: str
) -> set[tuple[str, str]]:
    """Return the stories of course and later item, with the story of their calendar entry."""
    community.poll(COURSE)
    clock.now += timedelta(days=1)
    item = CANCELLED | {"title": title, "description": text}
    community.poll(item, COURSE) if source == "node" else community.poll(COURSE, other=(item,))
    assert len(community.rows("SELECT id FROM stories")) == 2
    return set(community.rows("SELECT story_id, entry_id FROM story_events WHERE part = '' AND present"))


@pytest.mark.parametrize("source", ["node", "other"])
@pytest.mark.parametrize(("title", "text"), ABOUT)
def test_a_change_finds_its_event(
    community: Community, clock: Clock, title: str, text: str, source: str
) -> None:
    """A story that says what becomes of an event shares its entry and changes it."""
    found = entries_after(community, clock, title, text, source)
    assert len(found) == 2 and len({entry_id for _, entry_id in found}) == 1
    (entry,) = community.entries()
    assert (entry.sequence, entry.status == "CANCELLED") == (1, "postponed" not in title)


@pytest.mark.parametrize("source", ["node", "other"])
@pytest.mark.parametrize(("title", "text"), NOT_ABOUT)
def test_other_stories_change_nothing(
    community: Community, clock: Clock, title: str, text: str, source: str
) -> None:
    """A story about something else leaves the event and its entry alone."""
    found = entries_after(community, clock, title, text, source)
    assert all(story_id == entry_id for story_id, entry_id in found)
    (course,) = [entry for entry in community.entries() if "Hands-on" in (entry.summary or "")]
    assert (course.sequence, course.status) == (0, "CONFIRMED")


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("Workshop ten", "Workshop seven"),
        ("Facility user meeting", "Introductory course confocal"),
        ("Seminar: viruses under cryo conditions", "Seminar: plant root growth"),
    ],
)
def test_events_at_one_time_are_not_one_event(community: Community, one: str, another: str) -> None:
    """Events of two partners at the same hour are two stories with a calendar entry each (EX7)."""
    when = "When: 10 November 2026, 09:00–10:00 (Europe/Berlin)"
    items = [{"title": title, "guid": title, "description": when} for title in (one, another)]
    community.poll(items[0], other=(items[1],))
    assert len(community.rows("SELECT id FROM stories")) == 2
    assert {entry.summary for entry in community.entries()} == {one, another}


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("PhD position in microscopy", "PhD position in MRI"),
        ("Facility manager light microscopy", "Facility manager electron microscopy"),
        ("Master thesis deep learning", "Master thesis zebrafish"),
        ("PhD student in cell biology", "PhD student in physics"),
    ],
)
def test_vacancies_of_one_template_keep_their_deadlines(community: Community, one: str, another: str) -> None:
    """Two vacancies with the same last day have a deadline each (EX7)."""
    items = [
        {"title": title, "guid": title, "description": "Apply by 1 December 2026"} for title in (one, another)
    ]
    community.poll(items[0], other=(items[1],))
    assert len(community.entries("deadlines.ics")) == 2


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (
            "Karin Hedlund on the metabolism of zebrafish and mouse liver",
            "The metabolism of zebrafish and mouse liver: Lars Overgaard",
        ),
        ("FLIM: user meeting on zebrafish liver", "User meeting on zebrafish liver, with FRET"),
    ],
)
def test_events_of_one_source_at_one_time_are_not_one_event(
    community: Community, one: str, another: str
) -> None:
    """Two speakers or techniques at the same hour have a calendar entry each (EX7)."""
    when = "When: 10 November 2026, 09:00–10:00 (Europe/Berlin)"
    community.poll(*({"title": title, "guid": title, "description": when} for title in (one, another)))
    assert {entry.summary for entry in community.entries()} == {one, another}
