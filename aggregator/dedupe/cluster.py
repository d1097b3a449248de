"""Assign items to stories: each joins the story that reports the same, or founds one (I3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from aggregator.dedupe import evidence, vetoes
from aggregator.dedupe.compare import SAME, compare
from aggregator.dedupe.known_stories import AddressIndex, KnownStories, LinkConstraints
from aggregator.dedupe.phases import reported_phases
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
from aggregator.model.value_classes import dataclass

MAX_MISSING_SCORE = 1.0
"""Maximum difference from the threshold at which an editor is asked about two stories."""
MAX_MEMBERS_COMPARED = 40
"""Maximum number of members of one story that an item is compared with."""
MAX_ITEMS_OF_SOURCE = 20
"""Maximum number of items of one source in a story: more of them are a series."""
MAX_MERGE_CANDIDATES = 10
"""Maximum number of stories that an editor is asked about for one item."""
_EDITOR_FORBIDS = "an editor keeps them apart"


def place_items(
    unplaced: Iterable[Member],
    clusters: Sequence[Cluster],
    candidate_ids: Mapping[str, Collection[str]] | None = None,
    constraints: LinkConstraints | None = None,
    common_keys: frozenset[int] = frozenset(),
) -> tuple[Placement, ...]:
    """Put each unplaced item into one of `clusters` or into a new story.

    The order in which items arrive does not matter (I5). Items are compared with stories that share an address with
    them and with those of their `candidate_ids`, the best first. Words with `common_keys` weigh less.
    """
    waiting = sorted(unplaced, key=lead_order)
    index = AddressIndex(chain(waiting, (member for cluster in clusters for member in cluster.members)))
    known = KnownStories(clusters, index, candidate_ids or {}, constraints or {})
    placements = []
    for member in waiting:
        matches = [_match(member, story_id, known, common_keys) for story_id in known.to_compare(member)]
        placement = _placement(member, matches, known)
        known.add(member, placement.story_id)
        placements.append(placement)
    return tuple(placements)


LeadOrder = tuple[bool, bool, int, datetime, str]
"""Sort key of an item within its story; its last part is the id."""


def lead_order(member: Member) -> LeadOrder:
    """Return the sort key of a story's items; the first one leads (I6).

    Published before removed, origin before aggregator, then priority, then the earliest, then the id.
    """
    return (member.removed, member.aggregator, -member.priority, member.sort_time, member.item_id)


def compared_members(members: Sequence[Member]) -> Sequence[Member]:
    """Return the members of a story that are compared: its lead and the newest others."""
    if len(members) <= MAX_MEMBERS_COMPARED:
        return members
    return [members[0], *members[1 - MAX_MEMBERS_COMPARED :]]


def compare_with_itself(member: Member) -> None:
    """Run every comparison on an item and a copy of it, to raise what comparing it may raise."""
    copy = replace(member, item_id=f"{member.item_id} ", source_id=f"{member.source_id} ")
    without_addresses = replace(copy, links=frozenset(), works=frozenset(), origins=frozenset())
    compare(member, copy, all_vetoes=True).fields()
    compare(member, without_addresses, all_vetoes=True).fields()
    vetoes.of_reposts(member, copy)
    for piece in evidence.EXACT:
        piece(member, copy)
    place_items([member, without_addresses], (), {member.item_id: [without_addresses.item_id]})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """A story beside an item: its closest member, and what prevents that the item joins."""

    story_id: str
    member: Member
    comparison: Comparison
    obstacle: str | None = None

    @property
    def joins(self) -> bool:
        return self.comparison.strength is Strength.SAME and self.obstacle is None

    @property
    def is_candidate(self) -> bool:
        """Whether an editor is asked about it."""
        if self.obstacle == _EDITOR_FORBIDS:
            return False
        if self.comparison.strength is Strength.SAME:
            return True
        return self.comparison.score >= SAME - MAX_MISSING_SCORE and not self.comparison.vetoes


def _only_vetoed(member: Member, matches: Sequence[_Match]) -> list[_Match]:
    """Return the story that would be the same but for one veto, if an editor should check that.

    None for two phases of one event, which are never one story (EX7), and none if there are several, as in a series.
    """
    found = [
        match
        for match in matches
        if len(match.comparison.vetoes) == 1
        and match.comparison.failed is None
        and match.comparison.score >= SAME
        and match.comparison.strength is Strength.RELATED
        and match.obstacle != _EDITOR_FORBIDS
        and match.member.source_id != member.source_id
        and _phase(match.member) == _phase(member)
    ]
    return found if len(found) == 1 else []


def _phase(member: Member) -> tuple[bool, frozenset[str]]:
    return member.calendar, reported_phases(member.title, member.text)


def _match(member: Member, story_id: str, known: KnownStories, common_keys: frozenset[int]) -> _Match:
    """Compare an item with the lead of a story, and with members linked to the lead."""
    members = compared_members(known.members[story_id])
    lead = members[0]
    linked = set(known.constrained(lead, LinkConstraint.MUST_LINK))
    leads = [lead, *(other for other in members[1:] if other.item_id in linked)]
    must_link = known.is_constrained(member, story_id, LinkConstraint.MUST_LINK)
    # The closest lead counts even if none is related, so that all evidence is needed.
    compared = [(compare(member, other, common_keys, all_vetoes=must_link), other) for other in leads]
    best, closest = max(compared, key=lambda pair: (_rank(pair[0].strength), pair[0].score))
    if must_link:
        return _Match(story_id=story_id, member=closest, comparison=_decided_by_editor())
    if best.strength is Strength.DIFFERENT:
        for other in members[1:]:
            if (agreeing := compare(member, other, common_keys)).strength is Strength.SAME:
                return _Match(
                    story_id=story_id,
                    member=other,
                    comparison=agreeing,
                    obstacle="it is not the same as the story's lead",
                )
    forbidden = known.is_constrained(member, story_id, LinkConstraint.CANNOT_LINK)
    obstacle = _EDITOR_FORBIDS if forbidden else _obstacle(member, closest, members)
    return _Match(story_id=story_id, member=closest, comparison=best, obstacle=obstacle)


def _rank(strength: Strength) -> int:
    return list(Strength)[::-1].index(strength)


def _decided_by_editor() -> Comparison:
    decision = Evidence(
        name="editor", weight=evidence.PROOF_WEIGHT, word=lambda: "an editor put them together"
    )
    return Comparison(
        strength=Strength.SAME,
        score=evidence.PROOF_WEIGHT,
        threshold=evidence.PROOF_WEIGHT,
        evidence=(decision,),
        vetoes=(),
    )


def _obstacle(member: Member, closest: Member, members: Sequence[Member]) -> str | None:
    """Return which other member prevents that an item joins although it agrees with the lead."""
    for other in members:
        if other.source_id == member.source_id and not _is_same_entry(member, other):
            return "it is another item of the same source"
        if other is not closest and (veto := vetoes.against_member(member, other)):
            return veto
    if sum(other.source_id == member.source_id for other in members) >= MAX_ITEMS_OF_SOURCE:
        return "the story already has as many items of one source as it may have"
    return None


def _is_same_entry(a: Member, b: Member) -> bool:
    """Return whether exact evidence makes two items of one source one; equal links do not."""
    found = evidence.exact(a, b)
    return found is not None and found.name not in ("same link", "repost")


def _placement(member: Member, matches: Sequence[_Match], known: KnownStories) -> Placement:
    """Choose the story that an item joins or founds, and list related stories."""
    joinable = sorted(
        (m for m in matches if m.joins), key=lambda m: (-m.comparison.score, lead_order(m.member))
    )
    chosen = joinable[0] if joinable else None
    others = [
        match
        for match in matches
        if match is not chosen and match.comparison.strength is not Strength.DIFFERENT
    ]
    candidates = sorted(
        (m for m in others if m.is_candidate), key=lambda m: (-m.comparison.score, m.story_id)
    )
    vetoed = _only_vetoed(member, matches) if chosen is None else []
    return Placement(
        member=member,
        story_id=chosen.story_id if chosen else _new_id(member, known),
        why=_why_same(chosen.comparison) if chosen else "first to report it",
        founds=chosen is None,
        related=tuple((match.story_id, _why_related(match, chosen)) for match in others),
        merge_candidates=tuple(
            MergeCandidate(
                story_id=match.story_id,
                score=match.comparison.score,
                why=_why_related(match, chosen),
                vetoed=match in vetoed,
            )
            for match in (*vetoed, *candidates[:MAX_MERGE_CANDIDATES])
        ),
        compared_with=chosen.member.item_id if chosen else None,
        comparison=chosen.comparison if chosen else None,
    )


def _new_id(member: Member, known: KnownStories) -> str:
    """Return the id of the story that an item founds, which depends on the item alone (I4).

    If a part that was split off has that id, another one is derived from it.
    """
    story_id = short_hash(f"story\n{member.item_id}")
    return story_id if story_id not in known.members else short_hash(f"story\n{member.item_id}\nagain")


def _why_same(comparison: Comparison) -> str:
    if comparison.evidence[0].name == "same link":
        return comparison.evidence[0].reason.replace("same link,", "same link as the lead,")
    return f"{comparison.reason} ({comparison.score:g} points, {comparison.threshold:g} needed)"


def _why_related(match: _Match, chosen: _Match | None) -> str:
    reason = match.comparison.reason
    if match.comparison.vetoes:
        return reason
    if match.obstacle:
        return f"{reason}, but {match.obstacle}"
    if match.joins and chosen:
        return f"{reason}, but it joined another"
    if match.comparison.failed:
        return f"{reason}, but {match.comparison.failed}"
    return f"{reason} ({match.comparison.score:g} points, {match.comparison.threshold:g} needed)"
