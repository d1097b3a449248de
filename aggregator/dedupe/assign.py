"""Unplaced items -> stories, announced and put into their channels, in one transaction (I5, T3, T4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from aggregator.containment import Broken, Containment, attempt
from aggregator.dedupe import candidates, cluster, withdrawn
from aggregator.items import caches
from aggregator.model.config import Channel
from aggregator.model.reports import ContainedStep
from aggregator.model.stories import Cluster, Member, Placement
from aggregator.publishing.channels import update_channels
from aggregator.store import (
    archives,
    candidate_index,
    editorial,
    items,
    stories,
    story_members,
    story_placement,
)
from aggregator.store.connection import Store

FRESH_BACKLOG = timedelta(days=7)
MAX_NEW_ITEMS = 500
"""Maximum number of one source's items that one round places; the newest come first, the others in the next rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignReport:
    """How many stories were founded, how many items joined one, and how many are left to the next rounds."""

    founded: int = 0
    joined: int = 0
    deferred: int = 0
    notices: tuple[str, ...] = ()


def assign(store: Store, all_channels: Sequence[Channel], now: datetime) -> AssignReport:
    """Give unplaced items their stories, no more than `MAX_NEW_ITEMS` of a source.

    What breaks this is set aside, and the others are placed without it.
    """
    with caches.emptied():
        placed = attempt(lambda: _place(store, all_channels, now))
        if not isinstance(placed, Broken):
            return placed
        return _place_contained(store, all_channels, now)


def _place_contained(store: Store, all_channels: Sequence[Channel], now: datetime) -> AssignReport:
    """Find and set aside what breaks placing, and place the others."""
    with store.transaction():
        deferred, released = items.defer(store, MAX_NEW_ITEMS)
    contained = Containment(store)
    _find_broken(store, contained)
    contained.record(now)
    batch = _Batch(
        ids=[member.item_id for member in sorted(story_members.unplaced(store), key=cluster.lead_order)],
        released=released,
        feed_exists=stories.any_announced(store),
    )
    placed = attempt(lambda: _place(store, all_channels, now, batch))
    if isinstance(placed, Broken):  # no item breaks it alone
        placed = _place_singly(store, all_channels, now, batch, contained)
    return replace(placed, deferred=deferred, notices=contained.record(now))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Items with written traces, which of them were deferred, and whether a feed exists."""

    ids: Sequence[str]
    released: frozenset[str]
    feed_exists: bool


def _find_broken(store: Store, contained: Containment) -> None:
    """Set aside items that no traces can be made of or that cannot be compared."""
    candidates.trace_singly(store, contained)
    unplaced = {member.item_id: member for member in story_members.unplaced(store)}
    sound = [
        unplaced[id_]
        for id_ in contained.sound(ContainedStep.PLACING, unplaced)
        if contained.test(ContainedStep.PLACING, id_, partial(cluster.compare_with_itself, unplaced[id_]))
    ]
    near = attempt(lambda: _near(store, sound))
    for member in () if isinstance(near, Broken) else near:
        contained.test(ContainedStep.PLACING, member.item_id, partial(cluster.compare_with_itself, member))


def _near(store: Store, members: Sequence[Member]) -> list[Member]:
    """Read the placed items that placing would compare with `members`."""
    candidate_index.begin(store)
    candidates.ask(store, [member.item_id for member in members])
    return [
        member for found in candidates.find_candidates(store, members).clusters for member in found.members
    ]


def _place_singly(
    store: Store, all_channels: Sequence[Channel], now: datetime, batch: _Batch, contained: Containment
) -> AssignReport:
    """Place items one by one, each without the stories that it cannot be compared with."""
    placed: list[AssignReport] = []

    def one(id_: str) -> None:
        placed.append(_place(store, all_channels, now, replace(batch, ids=[id_])))

    for id_ in batch.ids:
        if isinstance(attempt(partial(one, id_)), Broken):
            _find_clashing(store, id_, contained)
            contained.record(now)
            contained.test(ContainedStep.PLACING, id_, partial(one, id_))
    return AssignReport(
        founded=sum(some.founded for some in placed), joined=sum(some.joined for some in placed)
    )


def _find_clashing(store: Store, item_id: str, contained: Containment) -> None:
    """Set aside the leads of stories that an item cannot be compared with."""
    (member,) = story_members.of_items(store, [item_id])
    candidate_index.begin(store)
    candidates.ask(store, [item_id])
    around = candidates.find_candidates(store, [member])
    for one in around.clusters:
        near = {item_id: [other.item_id for other in one.members]}
        pair = partial(cluster.assign, [member], [one], near, around.constraints, around.common)
        contained.test(ContainedStep.PLACING, one.lead.item_id, pair)


def _place(
    store: Store, all_channels: Sequence[Channel], now: datetime, batch: _Batch | None = None
) -> AssignReport:
    """Place all items, or those of a batch, in one transaction."""
    with store.transaction():
        if batch is None:
            deferred, released = items.defer(store, MAX_NEW_ITEMS)
            candidates.index_items(store)
            unplaced, feed_exists = story_members.unplaced(store), stories.any_announced(store)
        else:
            deferred, released, feed_exists = 0, batch.released, batch.feed_exists
            candidate_index.begin(store)
            candidates.ask(store, batch.ids)
            unplaced = story_members.of_items(store, batch.ids)
        if not unplaced:
            return AssignReport(deferred=deferred)
        found = candidates.find_candidates(store, unplaced)
        before = found.clusters
        placements = cluster.assign(unplaced, before, found.near, found.constraints, found.common)
        month = archives.current(store, now) if feed_exists else None
        with_the_first = story_placement.of_first_round(store, released) if feed_exists else set()
        foundings = [
            _founding(p, feed_exists and p.member.item_id not in with_the_first, now, month)
            for p in placements
            if p.founds
        ]
        story_placement.write(store, foundings, placements, now)
        for placement in placements:
            if placement.merge_candidates:
                editorial.add_candidate(store, placement.story_id, placement.merge_candidates, now)
        joined = {p.story_id for p in placements if not p.founds}
        story_placement.set_leads(store, _leads(before, placements, joined), now)
        withdrawn.hide_withdrawn(store, stories.hidden(store, joined), now)
        shown = {p.story_id for p in placements} | {other for p in placements for other, _ in p.related}
        update_channels(
            store, all_channels, shown | set(story_placement.correct_future_times(store, now)), now
        )
    return AssignReport(founded=len(foundings), joined=len(placements) - len(foundings), deferred=deferred)


def _founding(
    placement: Placement, feed_exists: bool, now: datetime, month: str | None
) -> story_placement.NewStory:
    """T4: a backlog is announced when it claims to be from; into an existing feed only its last week goes.

    What enters an existing feed goes into the archive's current `month`: those before it are frozen (P2).
    """
    member = placement.member
    announced = member.sort if member.backlog else now
    fed = (member.dated and member.sort >= now - FRESH_BACKLOG) or not (member.backlog and feed_exists)
    return story_placement.NewStory(
        story_id=placement.story_id,
        announced=announced,
        published=member.sort,
        fed=fed,
        month=(month or f"{announced:%Y-%m}") if fed else None,
    )


def _leads(before: Iterable[Cluster], placements: Iterable[Placement], joined: set[str]) -> dict[str, str]:
    """The lead of each story that somebody joined (I6)."""
    members: dict[str, list[Member]] = {c.story_id: list(c.members) for c in before}
    for placement in placements:
        members.setdefault(placement.story_id, []).append(placement.member)
    return {id_: lead_item_id(members[id_]) for id_ in joined}


def lead_item_id(members: Iterable[Member]) -> str:
    """The item that leads `members` (I6)."""
    return min(members, key=cluster.lead_order).item_id
