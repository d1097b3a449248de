"""Job: assign everything again by the current rules, and apply the difference (I5, I7)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from aggregator.database import existing_store, locked_store
from aggregator.dedupe import candidates, cluster, editor_commands, known_stories, semantic
from aggregator.dedupe.candidates import Candidates
from aggregator.model.stories import (
    CandidatePair,
    Cluster,
    LinkConstraint,
    Member,
    Placement,
    ReclusterDiff,
    RegroupedItem,
)
from aggregator.ports import App
from aggregator.store import candidate_index, editorial, embeddings, stories, story_members
from aggregator.store.connection import Store
from aggregator.store.runs import clear_idle

_Composition = tuple[str, frozenset[str]]
"""The lead and all items of a story."""


def run(app: App, *, dry_run: bool) -> ReclusterDiff:
    """Compare the stories with what the current rules would make of their items.

    Items that no longer belong to their story found others, which are not announced. Pairs of stories that would be
    one become merge candidates, since the program never merges published stories. A `dry_run` changes nothing.
    """
    if dry_run:
        with existing_store(app.config) as store:
            return _compare_all(store, app.clock()).diff
    with locked_store(app.config) as store:
        with store.transaction():
            candidates.index_items(store)
        return _apply(app, store, _compare_all(store, app.clock()))


def joining_pairs(store: Store, story_ids: Collection[str], now: datetime) -> list[CandidatePair]:
    """Return the pairs of these stories and others that the current rules would make one."""
    if not story_ids:
        return []
    clusters = candidates.comparable(store, story_members.clusters(store, story_ids))
    given = _candidates(store, clusters)
    members = (m.item_id for each in (*clusters, *given.clusters) for m in each.members)
    return list(_joining(store, clusters, given, story_members.pruned(store, members), now))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The difference, and the composition of each story that items are to leave."""

    diff: ReclusterDiff
    compositions: Mapping[str, _Composition]


def _compare_all(store: Store, now: datetime) -> _Comparison:
    count = 0
    leaves: list[RegroupedItem] = []
    joins: dict[tuple[str, str], CandidatePair] = {}
    compositions: dict[str, _Composition] = {}
    for ids in stories.all_ids(store):
        with store.snapshot(), semantic.cached(partial(embeddings.read, store)):
            clusters = candidates.comparable(store, story_members.clusters(store, ids))
            given = _candidates(store, clusters)
            members = (m.item_id for each in (*clusters, *given.clusters) for m in each.members)
            without_text = story_members.pruned(store, members)
            pairs = list(_joining(store, clusters, given, without_text, now))
        count += len(clusters)
        for each in clusters:
            if leaving := _leaving_in_any_case(store, each, given, without_text):
                leaves += leaving
                compositions[each.story_id] = _composition(each)
        for pair in pairs:
            joins.setdefault((pair.story, pair.other), pair)
    diff = ReclusterDiff(stories=count, leaves=tuple(leaves), joins=tuple(joins.values()))
    return _Comparison(diff=diff, compositions=compositions)


def _candidates(store: Store, clusters: Sequence[Cluster]) -> Candidates:
    """Find what the items of stories would be compared with if they arrived now."""
    members = [member for each in clusters for member in each.members]
    candidate_index.clear_queries(store)
    candidates.add_queries(store, [member.item_id for member in members])
    return candidates.find_candidates(store, members)


def _composition(story: Cluster) -> _Composition:
    return story.lead.item_id, frozenset(member.item_id for member in story.members)


# --- items that would leave ------------------------------------------------------------------------------


def _leaving_in_any_case(
    store: Store, story: Cluster, given: Candidates, without_text: Collection[str]
) -> list[RegroupedItem]:
    """Return the items that would leave with the extra `semantic` and without it (I5).

    Where it is not installed, an item that joined by the extra's evidence cannot be compared again and stays.
    """
    if not semantic.is_on():
        joined = stories.evidence(store, story.story_id)
        by_meaning = {
            item_id
            for item_id, comparison in joined.items()
            if any(piece["name"] == semantic.EVIDENCE for piece in comparison["evidence"])
        }
        return _leaving(story, given, by_meaning.union(without_text))
    leaving = _leaving(story, given, without_text)
    if not leaving:
        return []
    with semantic.switched_off():
        in_any_case = {each.item for each in _leaving(story, given, without_text)}
    return [each for each in leaving if each.item in in_any_case]


def _leaving(story: Cluster, given: Candidates, without_text: Collection[str]) -> list[RegroupedItem]:
    """Return the items that would not join the lead of their story now.

    Items stay that an editor linked with the lead or with another item that stays. So do items whose text retention
    removed, and items beside such a lead, since they cannot be compared any more.
    """
    if story.lead.item_id in without_text:
        return []
    staying_ids = _linked_with({story.lead.item_id}, story.members, given.constraints) | set(without_text)
    staying = (story.lead, *(member for member in story.members[1:] if member.item_id in staying_ids))
    others = [member for member in story.members[1:] if member.item_id not in staying_ids]
    candidate_ids = {member.item_id: frozenset({story.lead.item_id}) for member in others}
    reduced = Cluster(story_id=story.story_id, members=staying)
    placements = cluster.place_items(others, [reduced], candidate_ids, given.constraints, given.common_keys)
    staying_ids.update(each.member.item_id for each in placements if each.story_id == story.story_id)
    staying_ids = _linked_with(staying_ids, story.members, given.constraints)
    return [
        RegroupedItem(
            item=placement.member.item_id,
            title=placement.member.title,
            source=placement.member.source_id,
            story=story.story_id,
            becomes=placement.story_id,
            why=_why(placement),
        )
        for placement in placements
        if placement.member.item_id not in staying_ids
    ]


def _linked_with(
    item_ids: Collection[str], members: Sequence[Member], constraints: known_stories.LinkConstraints
) -> set[str]:
    """Return items of a story and those that editors linked with them, also through others."""
    here = {member.item_id for member in members}
    pairs = [
        pair
        for pair, constraint in constraints.items()
        if constraint is LinkConstraint.MUST_LINK and pair <= here
    ]
    linked = set(item_ids)
    while more := {item_id for pair in pairs if pair & linked for item_id in pair - linked}:
        linked |= more
    return linked


def _why(placement: Placement) -> str:
    return placement.related[0][1] if placement.related else "what they have in common is not enough"


# --- stories that would be one ---------------------------------------------------------------------------


def _joining(
    store: Store, clusters: Sequence[Cluster], given: Candidates, without_text: Collection[str], now: datetime
) -> Iterator[CandidatePair]:
    """Yield pairs of stories whose leads would be in one story now."""
    by_id = {each.story_id: each for each in given.clusters if each.lead.item_id not in without_text}
    story_of = {member.item_id: each.story_id for each in by_id.values() for member in each.members}
    index = known_stories.AddressIndex(member for each in by_id.values() for member in each.members)
    for each in by_id.values():
        for member in each.members:
            index.add(member, each.story_id)
    for story in clusters:
        if story.lead.item_id in without_text:
            continue
        candidate_ids = given.candidate_ids.get(story.lead.item_id, ())
        others = {story_of[id_] for id_ in candidate_ids if id_ in story_of} | set(index.stories(story.lead))
        (placement,) = cluster.place_items(
            [story.lead],
            [by_id[story_id] for story_id in sorted(others - {story.story_id})],
            {story.lead.item_id: candidate_ids},
            given.constraints,
            given.common_keys,
        )
        if placement.founds or placement.story_id in editorial.listed_with(store, story.story_id):
            continue
        other = by_id[placement.story_id]
        if not _are_kept_apart(story, other, given.constraints):
            yield _pair(story, other, placement, now)


def _pair(story: Cluster, other: Cluster, placement: Placement, now: datetime) -> CandidatePair:
    first, second = sorted((story, other), key=lambda each: each.story_id)
    return CandidatePair(
        story=first.story_id,
        title=first.lead.title,
        other=second.story_id,
        other_title=second.lead.title,
        score=placement.comparison.score if placement.comparison else 0.0,
        why=placement.why,
        since=now,
    )


def _are_kept_apart(story: Cluster, other: Cluster, constraints: known_stories.LinkConstraints) -> bool:
    """Return whether an editor keeps an item of one story apart from an item of the other."""
    here, there = ({member.item_id for member in each.members} for each in (story, other))
    return any(
        constraint is LinkConstraint.CANNOT_LINK and pair & here and pair & there
        for pair, constraint in constraints.items()
    )


# --- applying --------------------------------------------------------------------------------------------


def _apply(app: App, store: Store, comparison: _Comparison) -> ReclusterDiff:
    """Apply the difference; stories that an editor changed meanwhile wait (L1)."""
    now = app.clock()
    with store.transaction():
        leaves = [
            leaving
            for story_id, composition in comparison.compositions.items()
            for leaving in _split(app, store, story_id, composition, comparison.diff.leaves, now)
        ]
        joins = [pair for pair in comparison.diff.joins if _add_candidate_pair(store, pair)]
        clear_idle(store)
    return replace(comparison.diff, leaves=tuple(leaves), joins=tuple(joins), applied=True)


def _split(
    app: App,
    store: Store,
    story_id: str,
    composition: _Composition,
    leaves: Sequence[RegroupedItem],
    now: datetime,
) -> list[RegroupedItem]:
    """Let items leave a story if it is as it was compared; return the items that left."""
    found = story_members.clusters(store, [story_id])
    if [_composition(each) for each in found] != [composition]:
        return []
    (story,) = found
    leaving = [each for each in leaves if each.story == story_id]
    parts: dict[str, set[str]] = {}
    for each in leaving:
        parts.setdefault(each.becomes, set()).add(each.item)
    for item_ids in parts.values():
        members = sorted((m for m in story.members if m.item_id in item_ids), key=cluster.lead_order)
        why = f"left {story_id} when everything was placed again on {now:%Y-%m-%d}"
        part = editor_commands.unannounced_story(store, story, members[0])
        editor_commands.split_story(store, app.config, story, members, part, now, why)
        story = replace(story, members=tuple(m for m in story.members if m.item_id not in item_ids))
        editorial.add_relations(store, [(story_id, part.story_id, "published as one story before")])
    return leaving


def _add_candidate_pair(store: Store, pair: CandidatePair) -> bool:
    """Add a merge candidate unless an editor decided meanwhile; return whether it was added."""
    both = story_members.clusters(store, [pair.story, pair.other])
    constraints = editorial.link_constraints(store, (m.item_id for each in both for m in each.members))
    if len(both) < 2 or _are_kept_apart(both[0], both[1], constraints):
        return False
    editorial.add_candidate_pair(store, pair)
    editorial.add_relations(store, [(pair.story, pair.other, pair.why)])
    return True
