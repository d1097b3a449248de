"""Job step: assign stored items to stories, and put the stories into their channels."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field, replace
from datetime import datetime, timedelta
from functools import partial

from aggregator.dedupe import candidates, cluster, event_relations, removed_stories, semantic
from aggregator.dedupe.cluster import LeadOrder
from aggregator.items import caches
from aggregator.model.config import Channel
from aggregator.model.reports import QuarantineStep
from aggregator.model.stories import Cluster, Member, MergeCandidate, Placement
from aggregator.model.value_classes import dataclass
from aggregator.publishing.channels import update_channels
from aggregator.quarantine import CaughtError, Quarantine, catch_unexpected
from aggregator.store import (
    archives,
    candidate_index,
    editorial,
    embeddings,
    items,
    placing_round,
    stories,
    story_members,
    story_placement,
    word_index,
)
from aggregator.store.connection import Store

FRESH_BACKLOG = timedelta(days=7)
"""Maximum age of items of a backlog that enter an existing feed."""
MAX_NEW_ITEMS = 500
"""Maximum number of items of one source that one round assigns: the newest ones."""

BATCH_ITEMS = 250
"""Maximum number of items that are in memory and compared together."""
COLLECT_AFTER_OBJECTS = 20_000
"""Number of new objects after which garbage is collected; Python's 700 takes 5 % of placing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignReport:
    """Numbers of stories founded, of items that joined one, and of items left for later."""

    founded: int = 0
    joined: int = 0
    deferred: int = 0
    notices: tuple[str, ...] = ()


def assign_items(store: Store, all_channels: Sequence[Channel], now: datetime) -> AssignReport:
    """Assign items without a story, of each source at most `MAX_NEW_ITEMS`.

    An item that breaks the program is quarantined, and the others are assigned without it.
    """
    word_index.index_words(store)
    with caches.emptied(), _collecting_rarely(), _cached_embeddings(store, now):
        report = catch_unexpected(lambda: _assign_all(store, all_channels, now))
        if isinstance(report, CaughtError):
            return _assign_without_failing_items(store, all_channels, now)
        return report


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Let the garbage collector run rarely: what is compared is immutable and has no cycles."""
    usual = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _cached_embeddings(store: Store, now: datetime) -> AbstractContextManager[None]:
    return semantic.cached(partial(embeddings.read, store), partial(embeddings.write, store, now))


def lead_item_id(members: Iterable[Member]) -> str:
    """Return the id of the item that leads a story with these members (I6)."""
    return min(members, key=cluster.lead_order).item_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnplacedItems:
    """Ids of items to assign, in the order of `cluster.lead_order`.

    `released` are those that an earlier round deferred, and `deferred` is the number left to later rounds.
    """

    item_ids: Iterable[str]
    released: frozenset[str]
    feed_exists: bool
    deferred: int = 0


@dataclass(slots=True)
class _RoundResults:
    """What the batches of one round did, besides what `placing_round` records.

    `leads` has the first of `cluster.lead_order` for each story that an item joined. The stored leads stay until the
    end of the round, so that the result does not depend on the size of batches.
    """

    founded: int = 0
    joined: int = 0
    leads: dict[str, LeadOrder] = field(default_factory=dict)


def _assign_all(store: Store, all_channels: Sequence[Channel], now: datetime) -> AssignReport:
    with store.transaction():
        deferred, released = items.defer(store, MAX_NEW_ITEMS)
        candidates.index_items(store)
        unplaced = _UnplacedItems(
            item_ids=story_members.unplaced_ids(store),
            released=released,
            feed_exists=stories.has_announced(store),
            deferred=deferred,
        )
        return _assign_items(store, all_channels, now, unplaced)


def _assign_items(
    store: Store, all_channels: Sequence[Channel], now: datetime, unplaced: _UnplacedItems
) -> AssignReport:
    """Assign items for which queries were added, in batches, in the caller's transaction."""
    if not placing_round.begin(store, unplaced.item_ids):
        return AssignReport(deferred=unplaced.deferred)
    newest_before = stories.newest_number(store)
    common_keys = candidates.find_similar(store)
    results = _RoundResults()
    for item_ids in placing_round.items_in_batches(store, BATCH_ITEMS):
        _assign_batch(store, now, unplaced, item_ids, common_keys, results)
    story_placement.set_leads(store, {story_id: order[-1] for story_id, order in results.leads.items()}, now)
    removed_stories.hide_removed(store, stories.hidden(store, results.leads), now)
    placing_round.add_stories(store, story_placement.correct_future_times(store, now))
    for changed in placing_round.stories_in_batches(store, BATCH_ITEMS):
        update_channels(store, all_channels, changed, now)
    for founded in stories.all_ids(store, newest_before, BATCH_ITEMS):
        relate_events(store, all_channels, founded, now)
    return AssignReport(founded=results.founded, joined=results.joined, deferred=unplaced.deferred)


def _assign_batch(
    store: Store,
    now: datetime,
    unplaced: _UnplacedItems,
    item_ids: Sequence[str],
    common_keys: frozenset[int],
    results: _RoundResults,
) -> None:
    """Assign some items of a round, after those that come before them in its order."""
    members = story_members.of_items(store, item_ids)
    given = candidates.find_candidates(store, members, common_keys)
    several = (member.item_id for each in given.clusters if len(each.members) > 2 for member in each.members)
    of_round = placing_round.items_of_round(store, several)
    clusters = [_with_round_in_order(each, of_round) for each in given.clusters]
    placements = cluster.place_items(
        members, clusters, given.candidate_ids, given.constraints, given.common_keys
    )
    new_stories = _new_stories(store, placements, unplaced, now)
    story_placement.write(store, new_stories, placements, now)
    for placement in placements:
        if listed := _merge_candidates(store, placement):
            editorial.add_candidate(store, placement.story_id, listed, now)
    results.founded += len(new_stories)
    results.joined += len(placements) - len(new_stories)
    placing_round.add_stories(store, (p.story_id for p in placements))
    placing_round.add_stories(store, (other for p in placements for other, _ in p.related))
    joined = {placement.story_id for placement in placements if not placement.founds}
    for story_id, lead in _leads(given.clusters, placements, joined).items():
        results.leads[story_id] = min(lead, results.leads.get(story_id, lead))


def _with_round_in_order(story: Cluster, item_ids: Collection[str]) -> Cluster:
    """Return a story whose members of this round follow the older ones, in its order."""
    lead, *others = story.members
    older = [member for member in others if member.item_id not in item_ids]
    newer = sorted((member for member in others if member.item_id in item_ids), key=cluster.lead_order)
    return replace(story, members=(lead, *older, *newer))


def _merge_candidates(store: Store, placement: Placement) -> list[MergeCandidate]:
    """Return what editors are asked about; of two partners at most one pair that a veto stops."""
    source_id = placement.member.source_id
    return [
        each
        for each in placement.merge_candidates
        if not (each.vetoed and editorial.is_listed_between(store, source_id, each.story_id))
    ]


def relate_events(
    store: Store, all_channels: Sequence[Channel], story_ids: Iterable[str], now: datetime
) -> None:
    """Relate stories to others about the same event, which they may change (EX6, EX7)."""
    if changed := event_relations.relate(store, story_ids):
        update_channels(store, all_channels, changed, now)


def _new_stories(
    store: Store, placements: Sequence[Placement], unplaced: _UnplacedItems, now: datetime
) -> list[story_placement.NewStory]:
    """Return how each new story is announced.

    Deferred items of the first round are announced like the others of that round.
    """
    month = archives.current_month(store, now) if unplaced.feed_exists else None
    of_first_round = (
        story_placement.of_first_round(store, unplaced.released) if unplaced.feed_exists else set()
    )
    return [
        _new_story(
            placement, unplaced.feed_exists and placement.member.item_id not in of_first_round, now, month
        )
        for placement in placements
        if placement.founds
    ]


def _new_story(
    placement: Placement, feed_exists: bool, now: datetime, month: str | None
) -> story_placement.NewStory:
    """Decide when a new story counts as announced, and whether it enters the feeds (T4).

    An item of a backlog counts as announced at its sort time; into an existing feed only the last week enters.
    It then belongs to the archive's current `month`, since those before it are frozen (P2).
    """
    member = placement.member
    announced = member.sort_time if member.backlog else now
    in_feeds = (member.dated and member.sort_time >= now - FRESH_BACKLOG) or not (
        member.backlog and feed_exists
    )
    return story_placement.NewStory(
        story_id=placement.story_id,
        announced=announced,
        published=member.sort_time,
        in_feeds=in_feeds,
        month=(month or f"{announced:%Y-%m}") if in_feeds else None,
    )


def _leads(
    clusters: Iterable[Cluster], placements: Iterable[Placement], joined: set[str]
) -> dict[str, LeadOrder]:
    """Return the lead of each story that an item joined, by its order (I6)."""
    members: dict[str, list[Member]] = {each.story_id: list(each.members) for each in clusters}
    for placement in placements:
        members.setdefault(placement.story_id, []).append(placement.member)
    return {story_id: min(map(cluster.lead_order, members[story_id])) for story_id in joined}


# --- after a failure -------------------------------------------------------------------------------------


def _assign_without_failing_items(
    store: Store, all_channels: Sequence[Channel], now: datetime
) -> AssignReport:
    """Quarantine the items that break the program, and assign the others."""
    with store.transaction():
        deferred, released = items.defer(store, MAX_NEW_ITEMS)
    quarantine = Quarantine(store)
    _quarantine_broken(store, quarantine)
    quarantine.record(now)
    unplaced = _UnplacedItems(
        item_ids=list(story_members.unplaced_ids(store)),  # read several times
        released=released,
        feed_exists=stories.has_announced(store),
    )
    report = catch_unexpected(lambda: _assign_again(store, all_channels, now, unplaced))
    if isinstance(report, CaughtError):  # no item breaks the program alone
        report = _assign_singly(store, all_channels, now, unplaced, quarantine)
    return replace(report, deferred=deferred, notices=quarantine.record(now))


def _quarantine_broken(store: Store, quarantine: Quarantine) -> None:
    """Quarantine items whose keys cannot be made or that cannot be compared."""
    candidates.index_singly(store, quarantine)
    unplaced = {member.item_id: member for member in story_members.unplaced(store)}
    sound = [unplaced[id_] for id_ in quarantine.not_quarantined(QuarantineStep.PLACING, unplaced)]
    sound = [member for member in sound if _is_comparable(member, quarantine)]
    compared = catch_unexpected(lambda: _placed_candidates(store, sound))
    for member in () if isinstance(compared, CaughtError) else compared:
        _is_comparable(member, quarantine)


def _is_comparable(member: Member, quarantine: Quarantine) -> bool:
    """Return whether an item can be compared; quarantine it if not."""
    return quarantine.try_one(
        QuarantineStep.PLACING, member.item_id, partial(cluster.compare_with_itself, member)
    )


def _placed_candidates(store: Store, members: Sequence[Member]) -> list[Member]:
    """Read the items with a story that `members` would be compared with."""
    candidate_index.clear_queries(store)
    candidates.add_queries(store, [member.item_id for member in members])
    return [member for each in candidates.find_candidates(store, members).clusters for member in each.members]


def _assign_again(
    store: Store, all_channels: Sequence[Channel], now: datetime, unplaced: _UnplacedItems
) -> AssignReport:
    """Assign items whose keys are written, in a transaction."""
    with store.transaction():
        candidate_index.clear_queries(store)
        candidates.add_queries(store, unplaced.item_ids)
        return _assign_items(store, all_channels, now, unplaced)


def _assign_singly(
    store: Store,
    all_channels: Sequence[Channel],
    now: datetime,
    unplaced: _UnplacedItems,
    quarantine: Quarantine,
) -> AssignReport:
    """Assign items one by one, each without the stories that it cannot be compared with."""
    reports: list[AssignReport] = []

    def assign_one(item_id: str) -> None:
        reports.append(_assign_again(store, all_channels, now, replace(unplaced, item_ids=[item_id])))

    for item_id in unplaced.item_ids:
        if isinstance(catch_unexpected(partial(assign_one, item_id)), CaughtError):
            (member,) = story_members.of_items(store, [item_id])
            _quarantine_clashing(store, member, quarantine)
            quarantine.record(now)
            quarantine.try_one(QuarantineStep.PLACING, item_id, partial(assign_one, item_id))
    return AssignReport(
        founded=sum(each.founded for each in reports), joined=sum(each.joined for each in reports)
    )


def _quarantine_clashing(store: Store, member: Member, quarantine: Quarantine) -> None:
    """Quarantine the leads of stories that an item cannot be compared with."""
    candidate_index.clear_queries(store)
    candidates.add_queries(store, [member.item_id])
    given = candidates.find_candidates(store, [member])
    for story in given.clusters:
        candidate_ids = {member.item_id: [other.item_id for other in story.members]}
        compare = partial(
            cluster.place_items, [member], [story], candidate_ids, given.constraints, given.common_keys
        )
        quarantine.try_one(QuarantineStep.PLACING, story.lead.item_id, compare)
