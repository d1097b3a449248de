"""Editors' decisions about the events of stories (EX9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from aggregator.dedupe import event_decisions
from aggregator.dedupe.event_decisions import EventChange, changed
from aggregator.errors import WrongDecision
from aggregator.model.events import Attendance, EventKind, EventStatus
from aggregator.polling import fetch
from tests.publishing.events import event, timed
from tests.publishing.test_story_events import COURSE, Community, community
from tests.web_server import Web
from tests.workplace import Clock

__all__ = ["community"]

SEVEN = datetime(2026, 10, 20, 7, tzinfo=UTC)


def test_facts_that_are_not_named_stay() -> None:
    """A change of one fact leaves the others."""
    after = changed(event(), EventChange(status=EventStatus.CANCELLED))
    assert after == event(status=EventStatus.CANCELLED)
    assert changed(event(), EventChange(place="")).place is None
    assert changed(event(), EventChange(online=True)).attendance is Attendance.ONLINE
    assert changed(event(), EventChange(status=EventStatus.MOVED_ONLINE)).attendance is Attendance.ONLINE
    assert changed(event(), EventChange(end="2026-10-23")) == event(end=date(2026, 10, 23))
    assert changed(event(), EventChange(kind=EventKind.EVENT)).kind is EventKind.EVENT


def test_a_new_start_is_also_the_end() -> None:
    """A start alone is one day, or one moment."""
    assert changed(event(), EventChange(start="2026-11-03")).end == date(2026, 11, 3)
    assert changed(None, EventChange(start="2026-11-03")).kind is EventKind.EVENT


def test_times_have_a_zone() -> None:
    """A time is in the zone that is named, in that of the event, or has an offset (CA4)."""
    named = EventChange(start="2026-10-20T09:00", end="2026-10-20T17:00", zone="Europe/Rome")
    assert (changed(None, named).start, changed(None, named).zone) == (SEVEN, "Europe/Rome")
    known = timed(SEVEN, SEVEN + timedelta(hours=8), zone="Europe/Rome")
    assert changed(known, EventChange(start="2026-10-20T09:00")).start == SEVEN
    offset = changed(None, EventChange(start="2026-10-20T09:00+02:00"))
    assert (offset.start, offset.zone) == (SEVEN, None)
    moved = changed(known, EventChange(zone="Europe/Lisbon"))
    assert moved.start == SEVEN + timedelta(hours=1)  # nine o'clock there


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (EventChange(start="2026-10-22", end="2026-10-20"), "is before the start"),
        (EventChange(start="2026-10-20T09:00"), "has no time zone"),
        (EventChange(start="2026-10-20", zone="Europe/Rome"), "--zone 'Europe/Rome' has no use"),
        (EventChange(start="2026-10-20T09:00", zone="Europe/Rom"), "'Europe/Rom' is not a time zone"),
        (EventChange(start="2026-10-20", zone="../etc/passwd"), "is not a time zone"),
        (EventChange(start="2026-03-29T02:30", zone="Europe/Berlin"), "does not exist in Europe/Berlin"),
        (EventChange(start="20 October"), "is neither a date nor a time"),
        (EventChange(start="2026-02-30"), "is neither a date nor a time"),
        (EventChange(start="9999-12-31"), "is in the year 9999"),
        (EventChange(start="2026-10-20", end="2026-10-20T17:00", zone="Europe/Rome"), "a time for both"),
        (EventChange(end="2026-10-20"), "has no event yet"),
        (EventChange(start=""), "is neither a date nor a time"),
    ],
)
def test_wrong_facts(change: EventChange, words: str) -> None:
    """An impossible event is refused in one sentence that says what to do."""
    with pytest.raises(WrongDecision, match=words) as refused:
        changed(None, change)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith("nothing was changed")


def test_a_word_stays_and_can_be_undone(community: Community, clock: Clock) -> None:
    """An edit at the source does not change an editor's decision; undone, the source counts."""
    community.poll(COURSE)
    app = community.place.app()
    ((story_id,),) = community.rows("SELECT id FROM stories")
    clock.now += timedelta(hours=1)
    event_decisions.set_event(app, story_id, EventChange(status=EventStatus.CANCELLED), "ada")
    moved = COURSE | {"title": COURSE["title"].replace("20-22", "27-29")}
    community.poll(moved)
    (entry,) = community.entries()
    assert (str(entry.dtstart), entry.status, entry.sequence) == ("2026-10-20", "CANCELLED", 1)
    assert community.rows("SELECT updated FROM stories") == [("2026-10-05T07:30:00Z",)]
    event_decisions.remove_event(app, story_id, "ada")
    fetch.run(app)
    assert community.entries() == []
    event_decisions.make_automatic(app, story_id, "ada")
    fetch.run(app)
    (entry,) = community.entries()
    assert (str(entry.dtstart), entry.status) == ("2026-10-27", "CONFIRMED")
    assert entry.sequence > 1
    verbs = [row[0] for row in community.rows("SELECT verb FROM decisions ORDER BY number")]
    assert verbs == ["event", "event none", "event automatic"]


def test_the_event_of_a_hidden_story_is_not_set(community: Community, clock: Clock) -> None:
    """A hidden story has no event to change; every change is refused until it is shown again."""
    from aggregator.dedupe import editor_commands

    community.poll(COURSE)
    app = community.place.app()
    ((story_id,),) = community.rows("SELECT id FROM stories")
    editor_commands.hide(app, [story_id], "ada")
    for decide in (
        lambda: event_decisions.set_event(app, story_id, EventChange(start="2026-11-03"), "ada"),
        lambda: event_decisions.remove_event(app, story_id, "ada"),
        lambda: event_decisions.make_automatic(app, story_id, "ada"),
    ):
        with pytest.raises(WrongDecision, match=r"is hidden and has no event.*nothing was changed"):
            decide()
    assert community.rows("SELECT verb FROM decisions") == [("hide",)]
    editor_commands.unhide(app, [story_id], "ada")
    decided = event_decisions.set_event(app, story_id, EventChange(status=EventStatus.CANCELLED), "ada")
    assert decided.event is not None and decided.event.event.start == date(2026, 10, 20)


def test_a_story_that_shares_an_entry(community: Community, clock: Clock, webs: Callable[[], Web]) -> None:
    """A shared entry is set at its own story; a start gives a story its own entry."""
    community.poll(COURSE)
    clock.now += timedelta(hours=1)
    programme = COURSE | {
        "title": "Programme online: imaging course in Turin",
        "guid": "p",
        "link": "https://node.example/p",
    }
    programme |= {
        "description": "All talks of the hands-on course on preclinical imaging, 20-22 October 2026."
    }
    community.poll(COURSE, programme)
    ((other,),) = community.rows("SELECT story_id FROM items WHERE guid = 'p'")
    app = community.place.app()
    with pytest.raises(WrongDecision, match="shares the calendar entry"):
        event_decisions.set_event(app, other, EventChange(place="Rome"), "ada")
    decided = event_decisions.set_event(app, other, EventChange(start="2026-10-19"), "ada")
    assert decided.event is not None and decided.event.entry_id == other
    fetch.run(app)
    assert sorted(str(entry.dtstart) for entry in community.entries()) == ["2026-10-19", "2026-10-20"]


def test_a_word_survives_a_merge(community: Community, clock: Clock) -> None:
    """An editor's decision on a story stays with the story that it was merged into (I7)."""
    from aggregator.dedupe import editor_commands

    community.poll(COURSE)
    clock.now += timedelta(hours=1)
    community.poll(
        COURSE, other=({"title": "Something else", "guid": "e", "link": "https://other.example/e"},)
    )
    ids = [row[0] for row in community.rows("SELECT id FROM stories ORDER BY announced")]
    app = community.place.app()
    event_decisions.set_event(app, ids[1], EventChange(start="2026-12-01"), "ada")
    editor_commands.merge(app, ids, "ada")
    fetch.run(app)
    assert [str(entry.dtstart) for entry in community.entries()] == ["2026-12-01"]
