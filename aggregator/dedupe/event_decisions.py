"""Carry out editors' decisions about the events of stories, which are permanent (EX9)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from aggregator.config.values import zone as parse_zone
from aggregator.database import existing_store
from aggregator.dedupe.editor_commands import story_named
from aggregator.errors import WrongDecision
from aggregator.model.events import Attendance, Event, EventKind, EventStatus, StoryEvent, known_zone
from aggregator.ports import App
from aggregator.publishing.channels import known_channels, update_channels
from aggregator.store import editorial, stories, story_events
from aggregator.store import event_decisions as event_store
from aggregator.store.connection import Store
from aggregator.store.runs import clear_idle
from aggregator.text import line

MAX_PLACE_CHARACTERS = 200
YEARS = range(1990, 2200)
"""Years in which an event may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChange:
    """What an editor changes of an event, as written; None leaves a fact as it is."""

    start: str | None = None
    end: str | None = None
    zone: str | None = None
    place: str | None = None
    kind: EventKind | None = None
    status: EventStatus | None = None
    online: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedEvent:
    """The event of a story after a decision; None if it has none."""

    story_id: str
    event: StoryEvent | None


def read_event(app: App, name: str) -> DecidedEvent:
    """Return the event of a story; raises UnknownName."""
    with existing_store(app.config) as store, store.snapshot():
        return _read_decided(store, story_named(store, name))


def set_event(app: App, name: str, change: EventChange, who: str) -> DecidedEvent:
    """Set facts of the event of a story; raises WrongDecision, and then nothing was changed."""
    with existing_store(app.config) as store, store.transaction():
        story_id = _visible(store, name)
        present = _read_decided(store, story_id).event
        if present and present.entry_id != story_id and change.start is None:
            raise WrongDecision(
                f"{story_id} shares the calendar entry of {present.entry_id}: change that story, or give this one an"
                " event of its own by --start; nothing was changed",
                "shares_entry",
            )
        return _store_decision(app, store, story_id, changed(present.event if present else None, change), who)


def remove_event(app: App, name: str, who: str) -> DecidedEvent:
    """Record that a story has no event."""
    with existing_store(app.config) as store, store.transaction():
        return _store_decision(app, store, _visible(store, name), None, who)


def make_automatic(app: App, name: str, who: str) -> DecidedEvent:
    """Remove an editor's decision, so that the event follows from the items of the story again."""
    with existing_store(app.config) as store, store.transaction():
        story_id = _visible(store, name)
        before = event_store.decision(store, story_id)
        if not event_store.remove_decision(store, story_id):
            raise WrongDecision(f"no editor set the event of {story_id}; nothing was changed", "not_decided")
        editorial.log_decision(store, "event automatic", who, app.clock(), stories=[story_id], before=before)
        return update_story_with_event(app, store, story_id)


def _store_decision(app: App, store: Store, story_id: str, event: Event | None, who: str) -> DecidedEvent:
    verb, before = "event" if event else "event none", event_store.decision(store, story_id)
    number = editorial.log_decision(store, verb, who, app.clock(), stories=[story_id], before=before)
    event_store.store_decision(store, story_id, event, number)
    return update_story_with_event(app, store, story_id)


def update_story_with_event(app: App, store: Store, story_id: str) -> DecidedEvent:
    """Update a story after a decision on its event; changed facts are a significant edit (E1)."""
    now = app.clock()
    before = _read_decided(store, story_id).event
    update_channels(store, known_channels(store, app.config.channels), [story_id], now)
    after = _read_decided(store, story_id)
    if _facts(before) != _facts(after.event):
        story_events.record_edit(store, story_id, now)
    clear_idle(store)
    return after


def _facts(story_event: StoryEvent | None) -> tuple[object, ...] | None:
    return story_event.event.announced if story_event else None


def _read_decided(store: Store, story_id: str) -> DecidedEvent:
    events = story_events.of_stories(store, [story_id]).get(story_id, ())
    return DecidedEvent(story_id=story_id, event=next((each for each in events if not each.part), None))


def _visible(store: Store, name: str) -> str:
    """Return the id of a story that is not hidden: a hidden one has no event to begin with."""
    story_id = story_named(store, name)
    if stories.hidden(store, [story_id]):
        raise WrongDecision(
            f"{story_id} is hidden and has no event: `aggregator story unhide {story_id}` first; nothing was changed",
            "hidden_has_no_event",
        )
    return story_id


# --- the facts -----------------------------------------------------------------------------------------


def changed(event: Event | None, change: EventChange) -> Event:
    """Return an event with the facts that an editor changes; raises WrongDecision."""
    if event is None and change.start is None:
        raise WrongDecision(
            "the story has no event yet: set its date with --start; nothing was changed", "no_date"
        )
    zone = _zone(change.zone) if change.zone is not None else known_zone(event.zone if event else None)
    start, end = _times(event, change, zone)
    if change.zone is not None and not isinstance(start, datetime):
        raise WrongDecision(
            f"--zone {change.zone!r} has no use, because the event has no times; nothing was changed",
            "zone_without_times",
        )
    attendance = event.attendance if event else None
    online = change.online if change.online is not None else change.status is EventStatus.MOVED_ONLINE or None
    if online is not None:
        attendance = Attendance.ONLINE if online else Attendance.ON_SITE
    place = event.place if event and change.place is None else line(change.place, MAX_PLACE_CHARACTERS)
    return Event(
        kind=change.kind or (event.kind if event else EventKind.EVENT),
        start=start,
        end=end,
        zone=zone.key if zone and isinstance(start, datetime) else None,
        place=place,
        attendance=attendance,
        status=change.status or (event.status if event else EventStatus.SCHEDULED),
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return parse_zone(name)
    except ValueError as error:
        raise WrongDecision(f"--zone: {error}; nothing was changed", "bad_zone") from error


def _times(
    event: Event | None, change: EventChange, zone: ZoneInfo | None
) -> tuple[date | datetime, date | datetime]:
    """Return start and end in UTC or as dates; without `--end` a new start is also the end."""
    if change.start is not None:
        start = _moment("--start", change.start, zone)
        end = _moment("--end", change.end, zone) if change.end is not None else start
    else:
        assert event is not None
        kept = event if change.zone is None else _moved_to(event, zone)
        start = kept.start
        end = _moment("--end", change.end, zone) if change.end is not None else kept.end
    if isinstance(start, datetime) != isinstance(end, datetime):
        raise WrongDecision(
            "give a time for both start and end, or for neither; nothing was changed", "one_time"
        )
    if end < start:
        raise WrongDecision(
            f"the end {_shown(end)} is before the start {_shown(start)}; nothing was changed",
            "end_before_start",
        )
    return start, end


def _moved_to(event: Event, zone: ZoneInfo | None) -> Event:
    """Return the event at the same times of day in another zone."""
    here = event.local(ZoneInfo("UTC"))
    start, end = (
        each.replace(tzinfo=zone).astimezone(UTC) if isinstance(each, datetime) else each
        for each in (here.start, here.end)
    )
    return replace(event, start=start, end=end)


def _moment(option: str, text: str, zone: ZoneInfo | None) -> date | datetime:
    """Parse a date or a time; a time needs a zone (CA4)."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        pass
    else:
        return _possible(option, day)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise WrongDecision(
            f"{option} {text!r} is neither a date nor a time: write 2026-10-20 or 2026-10-20T09:00;"
            " nothing was changed",
            "bad_date",
        ) from error
    _possible(option, moment)
    if moment.tzinfo is None and zone is None:
        raise WrongDecision(
            f"{option} {text!r} has no time zone: add --zone Europe/Berlin, or an offset such as +02:00;"
            " nothing was changed",
            "no_zone",
        )
    if (
        moment.tzinfo is None
        and moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment
    ):
        raise WrongDecision(
            f"{option} {text!r} does not exist in {zone}: clocks are put forward over it; nothing was changed",
            "no_such_time",
        )
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _possible(option: str, moment: date | datetime) -> date | datetime:
    if moment.year not in YEARS:
        raise WrongDecision(
            f"{option} is in the year {moment.year}: only {YEARS.start} to {YEARS.stop - 1} are possible;"
            " nothing was changed",
            "bad_year",
        )
    return moment


def _shown(moment: date | datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if isinstance(moment, datetime) else moment.isoformat()
