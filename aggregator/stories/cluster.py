"""Items -> stories (I3-I6): each goes to the story whose lead tells the same news, or founds one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aggregator.model import Bond, Cluster, Comparison, Doubt, Evidence, Member, Placement, Strength
from aggregator.stories import evidence, links, vetoes
from aggregator.stories.compare import SAME, compare
from aggregator.stories.identity import short_hash

DOUBTFUL = 1.0
"""An editor is asked about pairs that missed the threshold by less."""
Bonds = Mapping[frozenset[str], Bond]


def rank(member: Member) -> tuple[bool, bool, int, datetime, str]:
    """I6: origin before aggregator, then priority, then earliest, then id; the smallest leads.

    Who was withdrawn leads nobody who was not (I8).
    """
    return (member.withdrawn, member.aggregator, -member.priority, member.sort, member.item_id)


def place(
    unplaced: Iterable[Member],
    clusters: Sequence[Cluster],
    near: Mapping[str, Collection[str]] | None = None,
    bonds: Bonds | None = None,
    common: frozenset[str] = frozenset(),
) -> tuple[Placement, ...]:
    """Where each unplaced item goes. The order in which they arrived plays no part (I5).

    `near` are the ids of items that an item should be compared with beside those that share an address with it;
    `bonds` what editors decided; `common` words that the archive uses often.
    """
    known = _Known(bonds=bonds or {}, near=near or {}, common=common)
    for cluster in clusters:
        for member in cluster.members:
            known.add(member, cluster.story_id)
    placements = []
    for member in sorted(unplaced, key=rank):
        placement = _placed(member, known)
        known.add(member, placement.story_id)
        placements.append(placement)
    return tuple(placements)


@dataclass(slots=True)
class _Known:
    """The stories so far, and how they are found."""

    bonds: Bonds
    near: Mapping[str, Collection[str]]
    common: frozenset[str]
    stories: dict[str, list[Member]] = field(default_factory=dict)
    story_of: dict[str, str] = field(default_factory=dict)
    by_key: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def addresses(self, member: Member) -> tuple[str, ...]:
        if member.item_id not in self.keys:
            self.keys[member.item_id] = tuple(addresses(member))
        return self.keys[member.item_id]

    def add(self, member: Member, story_id: str) -> None:
        self.stories.setdefault(story_id, []).append(member)
        self.story_of[member.item_id] = story_id
        for key in self.addresses(member):
            listed = self.by_key.setdefault(key, [])
            if story_id not in listed:
                listed.append(story_id)

    def candidates(self, member: Member) -> list[str]:
        found = {id_ for key in self.addresses(member) for id_ in self.by_key.get(key, ())}
        found.update(
            self.story_of[id_]
            for id_ in (*self.near.get(member.item_id, ()), *self.bonded(member))
            if id_ in self.story_of
        )
        return sorted(found)

    def bonded(self, member: Member) -> Iterator[str]:
        for pair, bond in self.bonds.items():
            if bond is Bond.TOGETHER and member.item_id in pair:
                yield from pair - {member.item_id}

    def bond(self, a: Member, b: Member) -> Bond | None:
        return self.bonds.get(frozenset((a.item_id, b.item_id)))


def addresses(member: Member) -> Iterator[str]:
    """What exact evidence is looked up by: links, works, pages it is a copy of, what addresses of one page share."""
    yield from member.links
    yield from member.works
    yield from member.origins
    yield from member.pointers
    for work in member.works:
        if work.startswith("zenodo:"):
            number = int(work.removeprefix("zenodo:"))
            yield from (f"zenodo:{number - 1}", f"zenodo:{number + 1}")
    if member.link and member.links:
        yield f"loose {links.loose(member.link)}"


def compare_with_itself(member: Member) -> None:
    """Do all that placing does with an item, beside a twin of it; raises what comparing it with others may raise."""
    twin = replace(member, item_id=f"{member.item_id} ", source_id=f"{member.source_id} ")
    alike = replace(twin, links=frozenset(), works=frozenset(), origins=frozenset())
    compare(member, twin, whole=True)
    compare(member, alike, whole=True)
    vetoes.of_reposts(member, twin)
    for piece in evidence.EXACT:
        piece(member, twin)
    place([member, alike], (), {member.item_id: [alike.item_id]})


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
    joinable = sorted((j for j in judged if j.joins), key=lambda j: (-j.comparison.score, rank(j.lead)))
    home = joinable[0] if joinable else None
    others = [j for j in judged if j is not home and j.comparison.strength is not Strength.DIFFERENT]
    related = tuple((j.story_id, _why_related(j, home)) for j in others)
    doubts = tuple(
        Doubt(story_id=j.story_id, score=j.comparison.score, why=_why_related(j, home))
        for j in others
        if _doubtful(j)
    )
    if home is None:
        id_ = _free_id(member, known)
        return Placement(
            member=member, story_id=id_, why="first to tell it", founds=True, related=related, doubts=doubts
        )
    return Placement(
        member=member,
        story_id=home.story_id,
        why=_why_same(home),
        founds=False,
        related=related,
        doubts=doubts,
        beside=home.lead.item_id,
        comparison=home.comparison,
    )


def _free_id(member: Member, known: _Known) -> str:
    """The id of the story that an item founds follows from the item alone (I4), unless another part kept it."""
    id_ = short_hash(f"story\n{member.item_id}")
    return id_ if id_ not in known.stories else short_hash(f"story\n{member.item_id}\nagain")


def _judged(member: Member, story_id: str, known: _Known) -> _Judgement:
    """An item against the lead of a story, or whom an editor put beside the lead; the best of them."""
    members = known.stories[story_id]
    lead = members[0]
    leads = [lead, *(m for m in members[1:] if known.bond(m, lead) is Bond.TOGETHER)]
    compared = [(compare(member, other, known.common), other) for other in leads]
    best, beside = max(
        compared, key=lambda pair: (list(Strength)[::-1].index(pair[0].strength), pair[0].score)
    )
    if any(known.bond(member, other) is Bond.TOGETHER for other in members):
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
            if (compared_with := compare(member, other, known.common)).strength is Strength.SAME:
                hindrance = "it is not the same as the story's lead"
                return _Judgement(
                    story_id=story_id, lead=other, comparison=compared_with, hindrance=hindrance
                )
    return _Judgement(
        story_id=story_id, lead=beside, comparison=best, hindrance=_hindrance(member, beside, members, known)
    )


def _hindrance(member: Member, beside: Member, members: Sequence[Member], known: _Known) -> str | None:
    """Why an item may not join although it agrees with the lead: a member it cannot be together with (I5)."""
    for other in members:
        if known.bond(member, other) is Bond.APART:
            return "an editor keeps them apart"
        if other.source_id == member.source_id and not _identical(member, other):
            return "it is another item of the same source"
        if other is not beside and (veto := vetoes.against_member(member, other)):
            return veto
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
    return judged.comparison.score >= SAME - DOUBTFUL and not judged.comparison.vetoes


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
