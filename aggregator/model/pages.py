"""Values that pages of stories, months, topics and partners are rendered from."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from aggregator.model.stories import Story
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """A significant edit of the lead (E1): its words before and after.

    A text is a passage around what changed, empty if the text did not change; None if it is no longer kept.
    """

    at: datetime
    titles: tuple[str, str]
    texts: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedStory:
    """The id, title and language of a published related story."""

    id: str
    title: str
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPage:
    """What the page of a published story shows besides the story.

    `topics` have the id of their channel, if there is one.
    """

    story: Story
    corrections: tuple[TextChange, ...] = ()
    related: tuple[RelatedStory, ...] = ()
    topics: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneStoryPage:
    """What the page of an unpublished story shows: the story into which it was merged."""

    id: str
    merged_into: RelatedStory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStory:
    """A story as the page of a month lists it."""

    id: str
    title: str
    language: str | None
    link: str | None
    publisher: str
    announced: datetime


class AnnouncedStory(NamedTuple):
    """When a story was announced, and the number of its last change (`stories.changes`)."""

    announced: datetime
    change: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRecord:
    """How many stories a month (`yyyy-mm`) has, and which revision of its page was written.

    `entries_hash` is a hash of the written page and the publishers, `change_count` the number of changes before it
    (`stories.changes`).
    """

    month: str
    stories: int
    revision: int
    written_revision: int
    render_hash: str
    entries_hash: str
    change_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The numbers of a partner's or topic's channel, and its newest story.

    `weeks` has the number of stories of each of the last weeks, oldest first.
    """

    channel_id: str
    stories: int
    weeks: tuple[int, ...]
    newest: ListedStory | None
