"""Values of items: aliases, changes, known items."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aggregator.model.documents import Enclosure, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPolicy:
    """Whether guids and links identify the entries of a source (I1): once false, false for ever."""

    guid: bool = True
    link: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An identifier seen for an item, within its source: `kind` guid, link, linktitle or text (I2)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An entry in our own terms: one sighting of a news by one source.

    `id` is a hash of the strongest alias, 80 bits in base32 (I4). `claimed` is the source's date if it is
    sane (T2), `claimed_raw` what it wrote. `first_seen` never moves once stored (T1).
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
    kind: Kind = Kind.NEWS
    language: str | None = None
    rights: str | None = None
    source_updated: datetime | None = None
    content_hash: str = ""
    dropped: str | None = None

    @property
    def sort(self) -> datetime:
        """T1: the claimed time, but never later than when we first saw it."""
        return min(self.claimed, self.first_seen) if self.claimed else self.first_seen


class ChangeKind(StrEnum):
    """What an arriving item is to the store."""

    NEW = "new"
    SAME = "same"
    EDITED = "edited"
    SIGNIFICANT = "significant"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """What the store remembers of an item, as far as an arrival is compared with it; `former_titles` oldest first."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """An item as it will be kept: `item.id` and `first_seen` are the known item's where it is known."""

    item: Item
    change: ChangeKind
