"""Values of stories: members, evidence, placements, candidates, decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aggregator.model.documents import Kind
from aggregator.model.items import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What placing must know of an item: who told it (`teller`: the source's name), with what rank and words (I6).

    `links` are canonical keys that identify it, `link` its address as written, `works` identifiers of the work
    it is (DOI and kin), `origins` canonical keys of pages it says it is a copy of. `text` is a beginning.
    `withdrawn` by its publisher (I8).
    """

    item_id: str
    source_id: str
    links: frozenset[str]
    title: str
    aggregator: bool
    priority: int
    sort: datetime
    position: int = 0
    backlog: bool = False
    dated: bool = True
    publisher: str = ""
    text: str = ""
    language: str | None = None
    link: str | None = None
    works: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    pointers: frozenset[str] = frozenset()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason to believe that two items tell the same news, with its weight, in words."""

    name: str
    weight: float
    reason: str


class Strength(StrEnum):
    """What evidence and vetoes amount to (I3): one story, two linked ones, or nothing."""

    SAME = "same"
    RELATED = "related"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two items compared: all evidence, all vetoes in words, and what they amount to under `threshold`."""

    strength: Strength
    score: float
    threshold: float
    evidence: tuple[Evidence, ...] = ()
    vetoes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The strongest evidence and what stands against it, in one line."""
        said = (
            "; ".join(e.reason for e in sorted(self.evidence, key=lambda e: -e.weight)[:4])
            or "nothing in common"
        )
        return f"{said}, but {self.vetoes[0]}" if self.vetoes else said


class LinkConstraint(StrEnum):
    """What an editor decided of two items, for ever (I7)."""

    MUST_LINK = "must-link"
    CANNOT_LINK = "cannot-link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A story as placing sees it: its id and members, lead first."""

    story_id: str
    members: tuple[Member, ...]

    @property
    def lead(self) -> Member:
        """The member whose words the story is told in."""
        return self.members[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an item goes and why, in words; `related` stories were near but not the same (I3, I5).

    `comparison` is that with the item `beside`, the story's lead. `doubts` are stories an editor should look at.
    """

    member: Member
    story_id: str
    why: str
    founds: bool
    related: tuple[tuple[str, str], ...] = ()
    merge_candidates: tuple[MergeCandidate, ...] = ()
    compared_with: str | None = None
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCandidate:
    """A story that an item nearly belongs to: for an editor to say (I5)."""

    story_id: str
    score: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePair:
    """Two stories that may be one, for an editor to merge or to keep apart."""

    story: str
    title: str
    other: str
    other_title: str
    score: float
    why: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A story that was looked at beside another, and how they compare."""

    story: str
    title: str
    source: str
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class RegroupedItem:
    """An item that the rules of today would not put into its story, and where it goes."""

    item: str
    title: str
    source: str
    story: str
    becomes: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclusterDiff:
    """What placing everything again would change; `joins` are only ever put on the editors' list (I5)."""

    stories: int = 0
    leaves: tuple[RegroupedItem, ...] = ()
    joins: tuple[CandidatePair, ...] = ()
    applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an editor decided, of which stories and items (I7), or a publisher who withdrew them (I8)."""

    at: datetime
    who: str
    verb: str
    stories: tuple[str, ...]
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """A source as shown beside a story; lives on in the store when it left feeds.yaml (V5)."""

    id: str
    name: str
    url: str
    kind: str
    site_link: str | None
    feed_id: str | None
    language: str | None
    rights: str | None
    licence: str | None
    full_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryItem:
    """An item together with the source that told it."""

    item: Item
    publisher: Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The last significant edit of a lead since it was announced (E1), and the title it had before if that changed."""

    at: datetime
    title_before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One piece of news: `sightings[0]` leads. `published` is frozen at announcement (T3).

    `updated` moves only for a significant edit (E1); `changed` whenever anything shown did.
    """

    id: str
    items: tuple[StoryItem, ...]
    announced: datetime
    published: datetime
    updated: datetime
    changed: datetime
    kind: Kind
    topics: tuple[str, ...]
    related: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    correction: Correction | None = None

    @property
    def lead(self) -> Item:
        """The item whose words the story is told in (I6)."""
        return self.items[0].item

    @property
    def publisher(self) -> Publisher:
        """The source of the lead."""
        return self.items[0].publisher

    @property
    def also(self) -> tuple[StoryItem, ...]:
        """The other sightings, one a source: "also published by"."""
        seen = {self.publisher.id}
        others = []
        for story_item in self.items[1:]:
            if story_item.publisher.id not in seen:
                seen.add(story_item.publisher.id)
                others.append(story_item)
        return tuple(others)
