"""Values of stories: members, evidence, placements, candidates, decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, field, replace
from datetime import datetime
from enum import StrEnum

from aggregator.model.documents import ItemKind
from aggregator.model.events import StoryEvent
from aggregator.model.items import Item
from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An item as far as it is compared and ranked; `publisher` is the name of its source (I6).

    `links` are canonical keys that identify it, `link` is its address as written. `works` are identifiers such as a
    DOI, `origins` canonical keys of pages that it names as its origin, `pointers` those of other linked pages.
    `text` is a beginning. `removed` means by its publisher (I8), `calendar` an entry of a calendar.
    """

    item_id: str
    source_id: str
    links: frozenset[str]
    title: str
    aggregator: bool
    priority: int
    sort_time: datetime
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
    removed: bool = False
    calendar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A reason to believe that two items report the same, with its weight.

    `word` returns it in words; most pairs of items are compared without anyone reading their reasons.
    """

    name: str
    weight: float
    word: Callable[[], str] = field(compare=False, repr=False)

    @property
    def reason(self) -> str:
        """Return the reason in words."""
        return self.word()


class Strength(StrEnum):
    """The result of a comparison: one story, two related ones, or neither (I3)."""

    SAME = "same"
    RELATED = "related"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two items compared: all evidence, all vetoes in words, and the result.

    `threshold` is the score that is needed for one story. `failed` is the first condition beside vetoes that was not
    met, in words.
    """

    strength: Strength
    score: float
    threshold: float
    evidence: tuple[Evidence, ...] = ()
    vetoes: tuple[str, ...] = ()
    failed: str | None = None

    @property
    def reason(self) -> str:
        """Return the strongest evidence and the first veto, in one line."""
        strongest = sorted(self.evidence, key=lambda piece: -piece.weight)[:4]
        reasons = "; ".join(piece.reason for piece in strongest) or "nothing in common"
        return f"{reasons}, but {self.vetoes[0]}" if self.vetoes else reasons

    def fields(self) -> dict[str, object]:
        """Return all fields by name, for JSON."""
        evidence = [
            {"name": piece.name, "weight": piece.weight, "reason": piece.reason} for piece in self.evidence
        ]
        return {**asdict(replace(self, evidence=())), "evidence": evidence}


class LinkConstraint(StrEnum):
    """An editor's permanent decision about two items (I7)."""

    MUST_LINK = "must-link"
    CANNOT_LINK = "cannot-link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A story as it is compared: its id and members, lead first."""

    story_id: str
    members: tuple[Member, ...]

    @property
    def lead(self) -> Member:
        """Return the member whose title and text are shown."""
        return self.members[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The story of an item, and why; `related` are pairs of a story id and a reason (I3, I5).

    `comparison` is that with the item `compared_with`. `merge_candidates` are stories that an editor should check.
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
    """A story that an item may belong to, for an editor to decide (I5).

    `vetoed` means that everything agrees but for one veto.
    """

    story_id: str
    score: float
    why: str
    vetoed: bool = False


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
class UnpublishedStory:
    """A story that is not published any more, and the one into which it was merged."""

    merged_into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A story that is similar to another one, and how they compare."""

    story: str
    title: str
    source: str
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class RegroupedItem:
    """An item that the current rules would not put into its story, and its new story."""

    item: str
    title: str
    source: str
    story: str
    becomes: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclusterDiff:
    """What assigning everything again would change; `joins` become merge candidates (I5)."""

    stories: int = 0
    leaves: tuple[RegroupedItem, ...] = ()
    joins: tuple[CandidatePair, ...] = ()
    applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision about stories and items, by an editor (I7) or by their publisher (I8).

    `source` is the id of a source whose held items were decided. `undoable`: what it changed was stored, and nobody
    has undone it. `undone`: somebody has.
    """

    number: int
    at: datetime
    who: str
    verb: str
    stories: tuple[str, ...]
    items: tuple[str, ...]
    source: str | None = None
    undoable: bool = False
    undone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """A source as shown with a story; it stays stored when it is removed from feeds.yaml (V5)."""

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
    """An item together with its source."""

    item: Item
    publisher: Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The last significant edit of an announced lead (E1), and its title before if that changed."""

    at: datetime
    title_before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One piece of news, reported by `items`, of which the first leads.

    `published` is set at the announcement and never changes (T3). `updated` changes with a significant edit (E1),
    `changed` with anything that is shown.
    """

    id: str
    items: tuple[StoryItem, ...]
    announced: datetime
    published: datetime
    updated: datetime
    changed: datetime
    kind: ItemKind
    topics: tuple[str, ...]
    related: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    correction: Correction | None = None
    events: tuple[StoryEvent, ...] = ()
    """The principal event first, then further ones such as the end of registration."""

    @property
    def event(self) -> StoryEvent | None:
        """Return the principal event."""
        return next((each for each in self.events if not each.part), None)

    @property
    def lead(self) -> Item:
        """Return the item whose title, link and text are shown (I6)."""
        return self.items[0].item

    @property
    def publisher(self) -> Publisher:
        """Return the source of the lead."""
        return self.items[0].publisher

    @property
    def further_items(self) -> tuple[StoryItem, ...]:
        """Return the items beside the lead, one of each further source."""
        seen = {self.publisher.id}
        others = []
        for story_item in self.items[1:]:
            if story_item.publisher.id not in seen:
                seen.add(story_item.publisher.id)
                others.append(story_item)
        return tuple(others)
