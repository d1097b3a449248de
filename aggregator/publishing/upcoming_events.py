"""Select upcoming events and deadlines for pages, in the order in which they begin (CA7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from aggregator import calendar_names
from aggregator.i18n import event_texts, phrases
from aggregator.model.config import Site
from aggregator.model.events import Event, EventKind, EventStatus, StoryEvent, day_of
from aggregator.model.publishing import Publication
from aggregator.model.stories import Publisher, Story
from aggregator.model.value_classes import dataclass
from aggregator.publishing import paths


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingEvent:
    """An upcoming event on a page: first and last local day, and a line with when and where."""

    story: Story
    event: Event
    first: date
    last: date
    line: str
    calendar: str | None
    """The path of its calendar file; None if it names no day."""

    @property
    def partners(self) -> tuple[Publisher, ...]:
        """Return the partners that announce it, each once."""
        return (self.story.publisher, *(story_item.publisher for story_item in self.story.further_items))

    @property
    def is_deadline(self) -> bool:
        """Return whether readers must act until then."""
        return self.event.kind is EventKind.DEADLINE

    @property
    def is_cancelled(self) -> bool:
        """Return whether it does not take place."""
        return self.event.status is EventStatus.CANCELLED


def upcoming(publication: Publication) -> list[UpcomingEvent]:
    """Return the events of a calendar that are not over, those that begin first in front."""
    site, today = publication.site, publication.today
    listed = [_listed(story, each, site) for story, each in own_entries(publication.events or ())]
    found = [each for each in listed if each.last >= today]
    return sorted(found, key=lambda each: (max(each.first, today), each.last, each.story.id))


def badge(event: UpcomingEvent, language: str) -> tuple[str, str]:
    """Return days and month for a small calendar leaf; a deadline has only its last day."""
    first = event.last if event.is_deadline else event.first
    months = calendar_names.month_labels(phrases.text_language(language))
    month = months[first.month - 1]
    if event.event.month_only:
        return "", month
    if first == event.last:
        return str(first.day), month
    if (first.year, first.month) == (event.last.year, event.last.month):
        return f"{first.day}–{event.last.day}", month
    return f"{first.day}–{event.last.day}", f"{month}–{months[event.last.month - 1]}"


def own_entries(stories: Iterable[Story]) -> list[tuple[Story, StoryEvent]]:
    """Return events with a calendar entry of their own, without reports on past ones (EX5)."""
    return [
        (story, each)
        for story in stories
        for each in story.events
        if (each.entry_id, each.entry_part) == (story.id, each.part) and not each.event.retrospective
    ]


def _listed(story: Story, story_event: StoryEvent, site: Site) -> UpcomingEvent:
    event = story_event.event
    first, last = (day_of(each) for each in event.local(site.timezone).dates[0])
    return UpcomingEvent(
        story=story,
        event=event,
        first=first,
        last=max(first, last),
        line=event_texts.event_line(event, story_event.former, site.language, site.timezone),
        calendar=None if event.month_only else paths.story_calendar(story.id),
    )
