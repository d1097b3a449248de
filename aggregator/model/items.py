"""Values of items: aliases, changes, known items."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from aggregator.model.documents import Enclosure, ItemKind
from aggregator.model.events import Event
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPolicy:
    """Whether guids and links identify the entries of a source; once false, it stays false (I1)."""

    guid: bool = True
    link: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An identifier of an item within its source: `kind` is guid, link, linktitle or text (I2)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One source's report: an entry with clean text, canonical links and plausible times.

    `id` is a hash of the strongest alias, 80 bits in base32 (I4). `claimed` is the source's date if it is plausible
    (T2), `claimed_raw` the date as written. `first_seen` never changes once stored (T1). `events` are what the item
    announces (EX1), the principal one first; their moments are in UTC.
    """

    id: str
    source_id: str
    aliases: tuple[Alias, ...]
    guid: str | None
    link: str | None
    title: str
    html: str
    text: str
    excerpt: str
    claimed: datetime | None
    claimed_raw: str | None
    first_seen: datetime
    position: int
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    kind: ItemKind = ItemKind.NEWS
    language: str | None = None
    rights: str | None = None
    source_updated: datetime | None = None
    content_hash: str = ""
    dropped: str | None = None
    events: tuple[Event, ...] = ()

    @property
    def sort_time(self) -> datetime:
        """Return the earlier of the claimed time and first seen (T1)."""
        return min(self.claimed, self.first_seen) if self.claimed else self.first_seen


class ChangeKind(StrEnum):
    """How an arriving item relates to the stored one."""

    NEW = "new"
    SAME = "same"
    EDITED = "edited"
    SIGNIFICANT = "significant"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """A stored item as far as an arriving one is compared with it; `former_titles` oldest first.

    `events` is None for an item that was stored before events were found.
    """

    id: str
    title: str
    text: str
    content_hash: str
    first_seen: datetime
    claimed: datetime | None
    edits: int
    story_id: str | None
    dropped: str | None
    former_titles: tuple[str, ...] = ()
    events: tuple[Event, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """An item as it will be stored; a known item keeps its id and its `first_seen`."""

    item: Item
    change: ChangeKind
