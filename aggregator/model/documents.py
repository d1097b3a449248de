"""Values that a parsed document holds: entries and refresh hints."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from aggregator.model.events import Event
from aggregator.model.value_classes import dataclass


class ItemKind(StrEnum):
    """What an item is about by form."""

    NEWS = "news"
    EVENT = "event"
    COURSE = "course"
    JOB = "job"
    CALL = "call"
    PAPER = "paper"
    NEWSLETTER = "newsletter"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshHints:
    """State when a server and its document ask for the next visit (CL7).

    `fresh_for` is from Cache-Control or Expires, `update_interval` from RSS `ttl` or the syndication module.
    `skip_hours` (0 to 23, UTC) and `skip_days` (Monday is 0) are from `skipHours` and `skipDays`: no visits then.
    """

    fresh_for: timedelta | None = None
    update_interval: timedelta | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLinks:
    """Name the hub of a source and the topic to subscribe to there (WebSub section 4)."""

    hub: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """An attached file as a feed states it; `length` in bytes."""

    url: str
    type: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One element of a document as stated there (RFC 4287); only links are made absolute.

    `kind` applies where the entry's own words do not show one: each entry of a calendar is an event. `event` is what
    the entry states in a format for events (EX2), not what its text says. `other_guid` is what its guid would
    be if other entries stood beside it.
    """

    position: int
    guid: str | None = None
    other_guid: str | None = None
    link: str | None = None
    title: str = ""
    title_is_html: bool = True
    summary: str | None = None
    content: str | None = None
    text_is_html: bool = True
    published: str | None = None
    updated: str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    language: str | None = None
    rights: str | None = None
    kind: ItemKind = ItemKind.NEWS
    base: str = ""
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleDetails:
    """Metadata of one article as its page states them; None or empty where it states none."""

    link: str | None = None
    title: str | None = None
    published: str | None = None
    updated: str | None = None
    summary: str | None = None
    html: str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    language: str | None = None
    kind: ItemKind = ItemKind.NEWS
    event: Event | None = None


MALFORMED = "malformed but read: "
"""Beginning of the note on a document whose syntax was wrong."""
BREAKS_OFF = f"{MALFORMED}it ends within an entry"
"""The note of a document whose last entry is read without its end."""
ENTRY_HASH_BYTES = 12
"""The size of each hash in `ParsedDocument.entry_hashes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedEntry:
    """An entry that was not parsed, because its bytes are the same as at the last visit."""

    guid: str | None
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """The entries and metadata of one document.

    `entry_hashes` are of all its entries, `skipped` included; they are empty if the document cannot be split. `hub` and
    `topic` are its first links with the relations `hub` and `self` (WebSub section 4).
    `format` is None where the kind of the source names it.
    """

    entries: tuple[Entry, ...]
    skipped: tuple[SkippedEntry, ...] = ()
    entry_hashes: tuple[bytes, ...] = ()
    title: str | None = None
    feed_id: str | None = None
    site_link: str | None = None
    language: str | None = None
    rights: str | None = None
    updated: str | None = None
    hints: RefreshHints = RefreshHints()
    notes: tuple[str, ...] = ()
    hub: str | None = None
    topic: str | None = None
    format: str | None = None
