"""Items -> stories (I3-I6): each goes to the story whose lead tells the same news, or founds one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice, product

from aggregator.dedupe import evidence, vetoes
from aggregator.dedupe.compare import SAME, compare
from aggregator.items import canonical_urls
from aggregator.items.identity import short_hash
from aggregator.model.stories import (
    Cluster,
    Comparison,
    Evidence,
    LinkConstraint,
    Member,
    MergeCandidate,
    Placement,
    Strength,
)

CANDIDATE_SCORE = 1.0
"""An editor is asked about pairs that missed the threshold by less."""
MAX_SHARING_ITEMS = 30
"""Maximum number of items that share a work, a page they point to or a loose address: what more share is no
evidence, and no way to find one another."""
MAX_STORIES_COMPARED = 40
"""Maximum number of stories that one item is compared with."""
MAX_MEMBERS_COMPARED = 40
"""Maximum number of members of one story that an item is compared with: its lead and the newest others."""
MAX_ITEMS_OF_SOURCE = 20
"""Maximum number of items of one source in a story: what it publishes more often is a series."""
MAX_DOUBTS = 10
"""Maximum number of stories that an editor is asked about for one item."""
LinkConstraints = Mapping[frozenset[str], LinkConstraint]
PAGES = ("link", "origin", "pointer")
Key = tuple[str, str]
"""What exact evidence is looked up by: a kind (one of `PAGES`, work, loose) and a value."""


def lead_order(member: Member) -> tuple[bool, bool, int, datetime, str]:
    """I6: origin before aggregator, then priority, then earliest, then id; the smallest leads.

    Who was withdrawn leads nobody who was not (I8).
    """
    return (member.withdrawn, member.aggregator, -member.priority, member.sort, member.item_id)


def assign(
    unplaced: Iterable[Member],
    clusters: Sequence[Cluster],
    near: Mapping[str, Collection[str]] | None = None,
    constraints: LinkConstraints | None = None,
    common: frozenset[str] = frozenset(),
) -> tuple[Placement, ...]:
    """Where each unplaced item goes. The order in which they arrived plays no part (I5).

    `near` are the ids of items that an item should be compared with beside those that share an address with it,
    the best first;
    `bonds` what editors decided; `common` words that the archive uses often.
    """
    waiting = sorted(unplaced, key=lead_order)
    members = chain(waiting, (member for cluster in clusters for member in cluster.members))
    known = _Known(Addresses(members), near or {}, constraints or {}, common)
    for cluster in clusters:
        for member in cluster.members:
            known.add(member, cluster.story_id)
    placements = []
    for member in waiting:
        placement = _placed(member, known)
        known.add(member, placement.story_id)
        placements.append(placement)
    return tuple(placements)


def compared(members: Sequence[Member]) -> Sequence[Member]:
    """The members of a story that items are compared with: its lead and the newest others."""
    if len(members) <= MAX_MEMBERS_COMPARED:
        return members
    return [members[0], *members[1 - MAX_MEMBERS_COMPARED :]]


class Addresses:
    """Which stories are found by an address or a work; what many of all `members` share leads to none.

    An equal link is exempt: a source has one item of it, so that many of them are many sources.
    """

    def __init__(self, members: Iterable[Member]) -> None:
        self._keys = {member.item_id: _keys(member) for member in members}
        counted = Counter(chain.from_iterable(self._keys.values()))
        self._common = {
            key for key, count in counted.items() if count > MAX_SHARING_ITEMS and key[0] != "link"
        }
        self._stories: dict[Key, dict[str, None]] = {}

    def add(self, member: Member, story_id: str) -> None:
        """Let a story be found by one of `members`."""
        for key in self._keys[member.item_id]:
            if key not in self._common:
                self._stories.setdefault(key, {})[story_id] = None

    def stories(self, member: Member) -> Iterator[str]:
        """The stories with which an item shares an address or work; of each the newest."""
        keys = self._keys.get(member.item_id) or _keys(member)
        pages = [value for kind, value in keys if kind in PAGES]
        works = [("work", work) for work in works_of(member)]
        for key in chain(works, product(PAGES, pages), (key for key in keys if key[0] == "loose")):
            yield from islice(reversed(self._stories.get(key, {})), MAX_SHARING_ITEMS)


class _Known:
    """The stories so far, and how they are found."""

    def __init__(
        self,
        addresses: Addresses,
        near: Mapping[str, Collection[str]],
        constraints: LinkConstraints,
        common: frozenset[str],
    ) -> None:
        self.addresses = addresses
        self.near = near
        self.common = common
        self.stories: dict[str, list[Member]] = {}
        self.story_of: dict[str, str] = {}
        self.constraints: dict[str, dict[str, LinkConstraint]] = {}
        for pair, constraint in constraints.items():
            for item_id in pair:
                self.constraints.setdefault(item_id, {}).update(dict.fromkeys(pair - {item_id}, constraint))

    def add(self, member: Member, story_id: str) -> None:
        self.stories.setdefault(story_id, []).append(member)
        self.story_of[member.item_id] = story_id
        self.addresses.add(member, story_id)

    def candidates(self, member: Member) -> list[str]:
        """The stories that an item is compared with; those most likely its own are taken first."""
        ids = (*sorted(self.bonded(member, LinkConstraint.MUST_LINK)), *self.near.get(member.item_id, ()))
        found: dict[str, None] = {}
        for story_id in chain(filter(None, map(self.story_of.get, ids)), self.addresses.stories(member)):
            found[story_id] = None
            if len(found) == MAX_STORIES_COMPARED:
                break
        return sorted(found)

    def bonded(self, member: Member, constraint: LinkConstraint) -> Iterator[str]:
        return (id_ for id_, said in self.constraints.get(member.item_id, {}).items() if said is constraint)

    def is_bonded(self, member: Member, story_id: str, constraint: LinkConstraint) -> bool:
        """Whether an editor decided so of an item and any member of a story."""
        return any(self.story_of.get(id_) == story_id for id_ in self.bonded(member, constraint))


def _keys(member: Member) -> tuple[Key, ...]:
    """What an item is found by."""
    pages = ((kind, page) for kind, found in _pages(member) for page in sorted(found))
    works = (("work", work) for work in sorted(member.works))
    loose = canonical_urls.loose(member.link) if member.link and member.links else None
    return (*pages, *works, *([("loose", loose)] if loose else []))


def _pages(member: Member) -> Iterable[tuple[str, frozenset[str]]]:
    return zip(PAGES, (member.links, member.origins, member.pointers), strict=True)


def pages_of(member: Member) -> list[str]:
    """Addresses that an item has or points to."""
    return [page for _, pages in _pages(member) for page in pages]


def works_of(member: Member) -> list[str]:
    """Works that an item is, and neighbours of Zenodo records: a concept and its first version."""
    found = sorted(member.works)
    for work in member.works:
        if work.startswith("zenodo:"):
            number = int(work.removeprefix("zenodo:"))
            found += [f"zenodo:{number - 1}", f"zenodo:{number + 1}"]
    return found


def compare_with_itself(member: Member) -> None:
    """Do all that placing does with an item, beside a twin of it; raises what comparing it with others may raise."""
    twin = replace(member, item_id=f"{member.item_id} ", source_id=f"{member.source_id} ")
    alike = replace(twin, links=frozenset(), works=frozenset(), origins=frozenset())
    compare(member, twin, whole=True)
    compare(member, alike, whole=True)
    vetoes.of_reposts(member, twin)
    for piece in evidence.EXACT:
        piece(member, twin)
    assign([member, alike], (), {member.item_id: [alike.item_id]})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    story_id: str
    lead: Member
    comparison: Comparison
    hindrance: str | None

    @property
    def joins(self) -> bool:
        return self.comparison.strength is Strength.SAME and self.hindrance is None


def _placed(member: Member, known: _Known) -> Placement:
    judged = [_judged(member, id_, known) for id_ in known.candidates(member)]
    joinable = sorted((j for j in judged if j.joins), key=lambda j: (-j.comparison.score, lead_order(j.lead)))
    home = joinable[0] if joinable else None
    others = [j for j in judged if j is not home and j.comparison.strength is not Strength.DIFFERENT]
    related = tuple((j.story_id, _why_related(j, home)) for j in others)
    doubtful = sorted((j for j in others if _doubtful(j)), key=lambda j: (-j.comparison.score, j.story_id))
    merge_candidates = tuple(
        MergeCandidate(story_id=j.story_id, score=j.comparison.score, why=_why_related(j, home))
        for j in doubtful[:MAX_DOUBTS]
    )
    if home is None:
        id_ = _free_id(member, known)
        return Placement(
            member=member,
            story_id=id_,
            why="first to tell it",
            founds=True,
            related=related,
            merge_candidates=merge_candidates,
        )
    return Placement(
        member=member,
        story_id=home.story_id,
        why=_why_same(home),
        founds=False,
        related=related,
        merge_candidates=merge_candidates,
        beside=home.lead.item_id,
        comparison=home.comparison,
    )


def _free_id(member: Member, known: _Known) -> str:
    """The id of the story that an item founds follows from the item alone (I4), unless another part kept it."""
    id_ = short_hash(f"story\n{member.item_id}")
    return id_ if id_ not in known.stories else short_hash(f"story\n{member.item_id}\nagain")


def _judged(member: Member, story_id: str, known: _Known) -> _Judgement:
    """An item against the lead of a story, or whom an editor put beside the lead; the best of them."""
    members = compared(known.stories[story_id])
    lead = members[0]
    beside_lead = set(known.bonded(lead, LinkConstraint.MUST_LINK))
    leads = [lead, *(m for m in members[1:] if m.item_id in beside_lead)]
    weighed = [(compare(member, other, known.common), other) for other in leads]
    best, beside = max(
        weighed, key=lambda pair: (list(Strength)[::-1].index(pair[0].strength), pair[0].score)
    )
    if known.is_bonded(member, story_id, LinkConstraint.MUST_LINK):
        said = Evidence(name="editor", weight=evidence.PROOF, reason="an editor put them together")
        best = Comparison(
            strength=Strength.SAME,
            score=evidence.PROOF,
            threshold=evidence.PROOF,
            evidence=(said,),
            vetoes=(),
        )
        return _Judgement(story_id=story_id, lead=beside, comparison=best, hindrance=None)
    if best.strength is Strength.DIFFERENT:
        for other in members[1:]:
            if (agreeing := compare(member, other, known.common)).strength is Strength.SAME:
                no_lead = "it is not the same as the story's lead"
                return _Judgement(story_id=story_id, lead=other, comparison=agreeing, hindrance=no_lead)
    apart = known.is_bonded(member, story_id, LinkConstraint.CANNOT_LINK)
    hindrance = "an editor keeps them apart" if apart else _hindrance(member, beside, members)
    return _Judgement(story_id=story_id, lead=beside, comparison=best, hindrance=hindrance)


def _hindrance(member: Member, beside: Member, members: Sequence[Member]) -> str | None:
    """Why an item may not join although it agrees with the lead: a member it cannot be together with (I5)."""
    for other in members:
        if other.source_id == member.source_id and not _identical(member, other):
            return "it is another item of the same source"
        if other is not beside and (veto := vetoes.against_member(member, other)):
            return veto
    if sum(other.source_id == member.source_id for other in members) >= MAX_ITEMS_OF_SOURCE:
        return "a story has no more items of one source"
    return None


def _identical(a: Member, b: Member) -> bool:
    """Whether two items of one source are one by exact evidence; an equal link is none between them (I1)."""
    found = evidence.exact(a, b)
    return found is not None and found.name not in ("same link", "repost")


def _doubtful(judged: _Judgement) -> bool:
    if judged.hindrance == "an editor keeps them apart":
        return False
    if judged.comparison.strength is Strength.SAME:
        return True
    return judged.comparison.score >= SAME - CANDIDATE_SCORE and not judged.comparison.vetoes


def _why_same(judged: _Judgement) -> str:
    comparison = judged.comparison
    if comparison.evidence[0].name == "same link":
        return comparison.evidence[0].reason.replace("same link,", "same link as the lead,")
    return f"{comparison.reason} ({comparison.score:g} of the {comparison.threshold:g} needed)"


def _why_related(judged: _Judgement, home: _Judgement | None) -> str:
    reason = judged.comparison.reason
    if judged.comparison.vetoes:
        return reason
    if judged.hindrance:
        return f"{reason}, but {judged.hindrance}"
    if judged.joins and home:
        return f"{reason}, but it joined another"
    return f"{reason} ({judged.comparison.score:g}, {judged.comparison.threshold:g} needed)"
