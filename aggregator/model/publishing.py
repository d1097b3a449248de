"""Values that published documents are rendered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aggregator.model.config import Channel, Site
from aggregator.model.stories import Publisher, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A story that is told no more (RFC 6721): since when, and the story it was merged into, if any (I7, I8)."""

    story_id: str
    at: datetime
    became: str | None = None


EPOCH = datetime(1990, 1, 1, tzinfo=UTC)
"""When a channel that nothing was ever told in was last updated; no date before it is believed (T2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """All that a document of a channel is rendered from; newest announced first.

    `updated` is when anything shown last changed; it never goes back, and nothing changed means the same (PB13).
    `previous` is the newest month of the archive, for the channel that has one (P2).
    """

    site: Site
    channel: Channel
    channels: tuple[Channel, ...]
    stories: tuple[Story, ...]
    tombstones: tuple[Tombstone, ...] = ()
    updated: datetime = EPOCH
    previous: str | None = None
    hub: str | None = None
    editions: bool = False
    """Whether there are pages of digests to lead to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMonth:
    """What the archive document of a month (`yyyy-mm`, P2) is rendered from; newest announced first."""

    site: Site
    channel: Channel
    month: str
    previous: str | None
    stories: tuple[Story, ...]
    tombstones: tuple[Tombstone, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDirectory:
    """The polled sources, for `sources.opml`, and the topics of each by its id."""

    site: Site
    sources: tuple[Publisher, ...]
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an OPML file brought: the ids of new sources, and in words what could not be taken in."""

    added: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDocument:
    """A rendered file: `path` below `public`, with slashes."""

    path: str
    media_type: str
    body: bytes
