"""Everything placed again by the rules of today: the difference, and what of it may be applied (I5, I7)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.dedupe import candidates, cluster, editor_decisions
from aggregator.locked_store import locked_store
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
from aggregator.store import candidate_index, editorial, stories, story_members
from aggregator.store.connection import Store, opened
from aggregator.store.runs import clear_finished_mark


def run(app: App, *, dry_run: bool) -> ReclusterDiff:
    """Compare what is with what the rules of today would make of it.

    Items that no longer belong leave their story and found others, announced nowhere. Stories that would be one
    are put on the editors' list: the machine merges no published stories. With `dry_run` nothing is changed.
    """
    if dry_run:
        with opened(app.config.data / "aggregator.db", create=False) as store:
            return _diff(store, app.clock(), {})
    with locked_store(app.config) as store:
        with store.transaction():
            candidates.index_items(store)
        judged: _Judged = {}
        diff = _diff(store, app.clock(), judged)
        return _apply(app, store, diff, judged)


_Judged = dict[str, tuple[str, frozenset[str]]]
"""Of each story that items are to leave: its lead and its items, as they were judged."""


def _diff(store: Store, now: datetime, judged: _Judged) -> ReclusterDiff:
    """What would leave and join; `judged` is filled in."""
    count = 0
    leaves: list[RegroupedItem] = []
    joins: dict[tuple[str, str], CandidatePair] = {}
    for ids in stories.every_id(store):
        with store.snapshot():
            told = candidates.comparable(store, story_members.clusters(store, ids))
            around = _around(store, told)
            bare = story_members.pruned(
                store, (m.item_id for c in (*told, *around.clusters) for m in c.members)
            )
            pairs = list(_joining(store, told, around, bare, now))
        count += len(told)
        for one in told:
            if leaving := _leaving(one, around, bare):
                leaves += leaving
                judged[one.story_id] = _identity(one)
        for pair in pairs:
            joins.setdefault((pair.story, pair.other), pair)
    return ReclusterDiff(stories=count, leaves=tuple(leaves), joins=tuple(joins.values()))


def _around(store: Store, told: Sequence[Cluster]) -> candidates.Candidates:
    """What placing would be given if the stories were told now."""
    members = [member for one in told for member in one.members]
    candidate_index.begin(store)
    candidate_index.ask(
        store,
        (candidates.item_keys(one) for one in candidate_index.told(store, [m.item_id for m in members])),
    )
    return candidates.find_candidates(store, members)


def _leaving(told: Cluster, around: candidates.Candidates, bare: Collection[str]) -> list[RegroupedItem]:
    """The items of a story that would not join its lead today, nor whom an editor put beside it.

    What retention took the text of (`bare`) can be judged no more: it stays, and so does who is told beside it.
    """
    if told.lead.item_id in bare:
        return []
    bound = _bound(told.lead, told.members, around.constraints) | set(bare)
    stay = (told.lead, *(member for member in told.members[1:] if member.item_id in bound))
    others = [member for member in told.members[1:] if member.item_id not in bound]
    near = {member.item_id: frozenset({told.lead.item_id}) for member in others}
    alone = Cluster(story_id=told.story_id, members=stay)
    return [
        RegroupedItem(
            item=placed.member.item_id,
            title=placed.member.title,
            source=placed.member.source_id,
            story=told.story_id,
            becomes=placed.story_id,
            why=_why(placed),
        )
        for placed in cluster.assign(others, [alone], near, around.constraints, around.common)
        if placed.story_id != told.story_id
    ]


def _bound(lead: Member, members: Sequence[Member], constraints: cluster.LinkConstraints) -> set[str]:
    """Whom editors put together with `lead`, or with one of those."""
    here = {member.item_id for member in members}
    pairs = [
        pair
        for pair, constraint in constraints.items()
        if constraint is LinkConstraint.TOGETHER and pair <= here
    ]
    found = {lead.item_id}
    while more := {id_ for pair in pairs if pair & found for id_ in pair - found}:
        found |= more
    return found


def _why(placed: Placement) -> str:
    return placed.related[0][1] if placed.related else "what they have in common is not enough"


def _joining(
    store: Store, told: Sequence[Cluster], around: candidates.Candidates, bare: Collection[str], now: datetime
) -> Iterator[CandidatePair]:
    """Pairs of stories whose leads would be in one story today, but for those that an editor has to do with."""
    clusters = {c.story_id: c for c in around.clusters if c.lead.item_id not in bare}
    sharing = cluster.Addresses(m for c in clusters.values() for m in c.members)
    story_of = {m.item_id: c.story_id for c in clusters.values() for m in c.members}
    for c in clusters.values():
        for member in c.members:
            sharing.add(member, c.story_id)
    for one in told:
        if one.lead.item_id in bare:
            continue
        near = around.near.get(one.lead.item_id, ())
        in_reach = {story_of[id_] for id_ in near if id_ in story_of} | set(sharing.stories(one.lead))
        (placed,) = cluster.assign(
            [one.lead],
            [clusters[id_] for id_ in sorted(in_reach - {one.story_id})],
            {one.lead.item_id: near},
            around.constraints,
            around.common,
        )
        if placed.founds or placed.story_id in editorial.on_list(store, one.story_id):
            continue
        other = clusters[placed.story_id]
        if _settled(one, other, around.constraints):
            continue
        first, second = sorted((one, other), key=lambda c: c.story_id)
        yield CandidatePair(
            story=first.story_id,
            title=first.lead.title,
            other=second.story_id,
            other_title=second.lead.title,
            score=placed.comparison.score if placed.comparison else 0.0,
            why=placed.why,
            since=now,
        )


def _settled(one: Cluster, other: Cluster, constraints: cluster.LinkConstraints) -> bool:
    """Whether an editor keeps an item of one story apart from one of the other."""
    here, there = ({member.item_id for member in c.members} for c in (one, other))
    return any(
        constraint is LinkConstraint.APART and pair & here and pair & there
        for pair, constraint in constraints.items()
    )


def _identity(one: Cluster) -> tuple[str, frozenset[str]]:
    return one.lead.item_id, frozenset(member.item_id for member in one.members)


def _apply(app: App, store: Store, diff: ReclusterDiff, judged: _Judged) -> ReclusterDiff:
    """Do it; what an editor changed since it was judged waits for the next time (L1)."""
    now = app.clock()
    leaves: list[RegroupedItem] = []
    joins: list[CandidatePair] = []
    leaving_stories: dict[str, list[RegroupedItem]] = {}
    for leaving in diff.leaves:
        leaving_stories.setdefault(leaving.story, []).append(leaving)
    with store.transaction():
        for story_id, identity in judged.items():
            told = story_members.clusters(store, [story_id])
            if [_identity(one) for one in told] != [identity]:
                continue
            (home,) = told
            parts: dict[str, set[str]] = {}
            for leaving in leaving_stories[story_id]:
                parts.setdefault(leaving.becomes, set()).add(leaving.item)
                leaves.append(leaving)
            for items in parts.values():
                gone = sorted((m for m in home.members if m.item_id in items), key=cluster.lead_order)
                why = f"left {story_id} when everything was placed again on {now:%Y-%m-%d}"
                part = editor_decisions.unannounced(store, home, gone[0])
                editor_decisions.part_story(store, app.config, home, gone, part, now, why)
                home = replace(home, members=tuple(m for m in home.members if m.item_id not in items))
                editorial.relate(store, [(story_id, part.story_id, "told as one story once")])
        for pair in diff.joins:
            both = story_members.clusters(store, [pair.story, pair.other])
            constraints = editorial.constraints(store, (m.item_id for one in both for m in one.members))
            if len(both) < 2 or _settled(both[0], both[1], constraints):
                continue
            joins.append(pair)
            editorial.add_candidate_pair(store, pair)
            editorial.relate(store, [(pair.story, pair.other, pair.why)])
        clear_finished_mark(store)
    return ReclusterDiff(stories=diff.stories, leaves=tuple(leaves), joins=tuple(joins), applied=True)
