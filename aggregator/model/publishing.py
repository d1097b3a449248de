"""Values that published documents are rendered from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import field
from datetime import UTC, date, datetime

from aggregator.model.config import Channel, Site
from aggregator.model.stories import Publisher, Story
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A story that is no longer published since `at` (RFC 6721).

    `merged_into` is the story into which it was merged, if any (I7).
    """

    story_id: str
    at: datetime
    merged_into: str | None = None


EPOCH = datetime(1990, 1, 1, tzinfo=UTC)
"""The update time of a channel without stories; earlier dates count as absent (T2)."""


Fragments = MutableMapping[tuple[str, ...], bytes]
"""Rendered entries by format, story, and what else they depend on."""
Split = Callable[[bytes], dict[str, bytes]]
"""A function that returns the entries of a rendered document by story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnchangedStory:
    """A story that has not changed since its channel was written.

    `entries` has the entry of each format as the files of the channel have it.
    """

    id: str
    announced: datetime
    entries: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a document of a channel is rendered from; stories are newest announced first.

    `updated` is the time of the last change; it never goes back, and is the same if nothing changed (PB13).
    `previous` is the newest month of the archive, for the channel that has one (P2).
    """

    site: Site
    channel: Channel
    channels: tuple[Channel, ...]
    stories: tuple[Story | UnchangedStory, ...]
    tombstones: tuple[Tombstone, ...] = ()
    updated: datetime = EPOCH
    previous: str | None = None
    hub: str | None = None
    editions: bool = False
    """Whether a page links to the editions of digests."""
    web_url: str | None = None
    """The address of the web app with search and status; None if there is none."""
    sign_up_url: str | None = None
    """The URL of the sign-up form; None if there is none."""
    today: date = date.min
    """The local day, on which upcoming events depend."""
    events: tuple[Story, ...] | None = None
    """The stories of the calendar; None if the channel has no calendar (CA1)."""
    fragments: Fragments = field(default_factory=dict)
    """Entries that were rendered for other channels of the same run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMonth:
    """What the archive document of a month (`yyyy-mm`) is rendered from."""

    site: Site
    channel: Channel
    month: str
    previous: str | None
    stories: tuple[Story, ...]
    tombstones: tuple[Tombstone, ...] = ()
    fragments: Fragments = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDirectory:
    """The polled sources for `sources.opml`, and the topics of each by its id."""

    site: Site
    sources: tuple[Publisher, ...]
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDocument:
    """A rendered file; `path` is relative to `public`, with slashes."""

    path: str
    media_type: str
    body: bytes
