"""Render calendars that changed, and follow the days on which events end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aggregator.gateways import files
from aggregator.model.config import Site
from aggregator.model.publishing import EPOCH, Publication, PublishedDocument
from aggregator.model.reports import QuarantineStep
from aggregator.publishing import paths, written_entries
from aggregator.publishing.page_work import PageWork
from aggregator.store import channels, meta, stories, story_events
from aggregator.store.connection import Store, stamp
from aggregator.store.idle_check import EVENTS_END_KEY
from aggregator.store.items import CHUNK_VALUES
from aggregator.store.story_events import DAY_KEY, EventFile

MAX_FILES = 20_000
"""Maximum calendar files of stories that one round writes; the next round continues."""
PAST_EVENTS_SPAN = timedelta(days=366)
"""How long past events stay in calendars (CA1)."""
EVENT_FILES_KEY = "event_files_with"
"""Key of the hash of what the calendar files of stories were rendered with (P1)."""


def today(site: Site, now: datetime) -> date:
    """Return the local day of the site."""
    return now.astimezone(site.timezone).date()


def outdate_ended_events(store: Store, site: Site, now: datetime) -> None:
    """Raise the revisions of channels in which an event ended or became too old.

    Stories with a series of which a date ended count as changed, since the next date is named. Nothing else in
    calendars and pages depends on time, so that on other days their bytes stay the same (CA2).
    """
    day = today(site, now)
    before = date.fromisoformat(meta.get(store, DAY_KEY) or day.isoformat())
    first, last = min(before, day), max(before, day)
    with store.transaction():
        if first < last:
            channels.raise_revisions(
                store,
                story_events.channels_between(
                    store, [(first, last), (first - PAST_EVENTS_SPAN, last - PAST_EVENTS_SPAN)]
                ),
            )
            channels.touch_quietly(store, story_events.moved_on(store, first, last))
        if meta.get(store, DAY_KEY) != day.isoformat():
            meta.put(store, DAY_KEY, day.isoformat())


def plan_next_event_end(store: Store, site: Site, now: datetime) -> None:
    """Record the moment from which the idle check lets a run follow the days (V6)."""
    day = today(site, now)
    ends = [
        end for end in (story_events.next_end(store, day), _first_day_to_leave_calendars(store, day)) if end
    ]
    moment = _midnight_after(min(ends), site) if ends else None
    if (planned := stamp(moment) or "") != (meta.get(store, EVENTS_END_KEY) or ""):
        meta.put(store, EVENTS_END_KEY, planned)


def _first_day_to_leave_calendars(store: Store, day: date) -> date | None:
    """Return the day after which the oldest event leaves the calendars."""
    oldest = story_events.next_end(store, day - PAST_EVENTS_SPAN)
    return oldest + PAST_EVENTS_SPAN if oldest and oldest < day else None


def _midnight_after(day: date, site: Site) -> datetime | None:
    try:
        return datetime.combine(day + timedelta(days=1), time(), site.timezone).astimezone(UTC)
    except OverflowError:
        return None


def write_calendar_files(work: PageWork) -> None:
    """Write the calendar file of each story whose event changed, or remove it."""
    store = work.store
    if work.everything or meta.get(store, EVENT_FILES_KEY) != work.render_hash:
        with store.transaction():
            story_events.raise_revisions(store)
            meta.put(store, EVENT_FILES_KEY, work.render_hash)
    written = 0
    while (work.everything or written < MAX_FILES) and (
        outdated := story_events.outdated_files(store, CHUNK_VALUES)
    ):
        _write_calendar_files_of(work, outdated)
        with store.transaction():
            story_events.mark_files_written(store, outdated)
        written += len(outdated)
    work.is_unfinished |= not work.everything and written >= MAX_FILES


def _write_calendar_files_of(work: PageWork, outdated: Sequence[EventFile]) -> None:
    """Write or remove the calendar files of some stories."""
    from aggregator.publishing import calendar

    kept = [file.story_id for file in outdated if file.present]
    documents: list[PublishedDocument] = []
    for story in work.quarantine.apply_without_failing(
        QuarantineStep.PUBLISHING, kept, partial(stories.read, work.store)
    ):
        work.quarantine.try_one(
            QuarantineStep.PUBLISHING,
            story.id,
            lambda story=story: documents.append(calendar.render_story(story, work.config.site)),  # type: ignore[misc]
        )
    work.write(documents)
    if gone := [paths.story_calendar(file.story_id) for file in outdated if not file.present]:
        files.remove_documents(work.config.public, gone)


class Calendars(NamedTuple):
    """The calendars of a channel that are to be written, and a hash of all that they depend on."""

    documents: list[PublishedDocument]
    entries_hash: str


def calendars(publication: Publication, public: Path, render_hash: str, written: str | None) -> Calendars:
    """Render the calendars of a channel, none of them if their files have the hash `written`.

    Most new stories announce no event, and importing icalendar takes 20 ms.
    """
    if publication.events is None:
        return Calendars([], "")
    from aggregator.publishing import renderers

    publication = replace(
        publication, channels=(), stories=(), tombstones=(), updated=EPOCH, previous=None, fragments={}
    )
    inputs = f"{render_hash} {publication!r}"
    names = renderers.calendar_paths(publication.channel)
    with suppress(OSError):
        if written == written_entries.entries_hash(inputs, [(public / name).read_bytes() for name in names]):
            return Calendars([], written)
    documents = renderers.calendars(publication)
    bodies = {document.path: document.body for document in documents}
    return Calendars(documents, written_entries.entries_hash(inputs, [bodies[name] for name in names]))
