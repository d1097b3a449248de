"""What items are found by, made by the pure room and kept by the store: traces, features, candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from aggregator.containment import Containment
from aggregator.dedupe import cluster, evidence, features, identifiers, origin_links
from aggregator.items import canonical_urls
from aggregator.items.canonical_urls import canonical
from aggregator.model.reports import ContainedStep
from aggregator.model.stories import Cluster, Member
from aggregator.store import candidate_index, editorial, set_aside, story_members
from aggregator.store.connection import Store

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What placing is given beside the items: stories they may belong to, near items, bonds, common words."""

    clusters: tuple[Cluster, ...]
    near: dict[str, tuple[str, ...]]
    constraints: cluster.LinkConstraints
    common: frozenset[str]


def index_items(store: Store) -> None:
    """Write what every untraced item is found by, and put the unplaced ones of them on the list of what is asked.

    In the caller's transaction. Items of older versions of the program are placed already and traced late.
    """
    candidate_index.begin(store)
    while told := candidate_index.untraced(store, BATCH):
        traced = [item_keys(one) for one in told]
        candidate_index.write(store, traced)
        candidate_index.ask(store, (one for one in traced if not one.placed))


def trace_singly(store: Store, contained: Containment) -> None:
    """Do the same item by item, each in its own transaction; what breaks it is set aside and found by nothing."""

    def write(
        made: Callable[[candidate_index.IndexedItem], candidate_index.ItemKeys],
        one: candidate_index.IndexedItem,
    ) -> None:
        with store.transaction():
            candidate_index.write(store, [made(one)])

    while told := candidate_index.untraced(store, BATCH):
        for one in told:
            if not contained.test(ContainedStep.PLACING, one.item_id, partial(write, item_keys, one)):
                write(_untraceable, one)


def _untraceable(told: candidate_index.IndexedItem) -> candidate_index.ItemKeys:
    return candidate_index.ItemKeys(
        number=told.number, item_id=told.item_id, placed=told.placed, sort=told.sort, traces=(), features={}
    )


def ask(store: Store, item_ids: Iterable[str]) -> None:
    """Put items whose traces are written on the list of what is asked."""
    candidate_index.ask(store, (item_keys(told) for told in candidate_index.told(store, item_ids)))


def item_keys(told: candidate_index.IndexedItem) -> candidate_index.ItemKeys:
    """What an item is found by; nobody finds what is dropped or held by its words."""
    loose = canonical_urls.loose(told.link) if told.link else None
    address = [loose] if loose and told.link and not canonical_urls.is_listing(canonical(told.link)) else []
    found = [("work", work) for work in identifiers.find_identifiers(told.link, told.guid)]
    origins, pointers = origin_links.find_origins(told.html or told.text, told.link)
    found += [("origin", origin) for origin in origins] + [("pointer", page) for page in pointers]
    return candidate_index.ItemKeys(
        number=told.number,
        item_id=told.item_id,
        placed=told.placed,
        sort=told.sort,
        traces=tuple(found),
        features={} if told.absent else features.index_keys(told.title, told.text, told.publisher, *address),
    )


def find_candidates(store: Store, members: Iterable[Member]) -> Candidates:
    """What the asked items are to be compared with."""
    members = list(members)
    found = candidate_index.found(store, evidence.WINDOW.days)
    ids = {id_ for near in found.near.values() for id_ in near}
    ids |= candidate_index.sharing(
        store,
        (page for member in members for page in cluster.pages_of(member)),
        (work for member in members for work in cluster.works_of(member)),
    )
    constraints = editorial.constraints(store, (member.item_id for member in members))
    ids |= {id_ for pair in constraints for id_ in pair}
    clusters = tuple(comparable(store, story_members.clusters_around(store, ids)))
    more = editorial.constraints(
        store, (m.item_id for c in clusters if len(c.members) > 1 for m in c.members)
    )
    return Candidates(
        clusters=clusters,
        near=dict(found.near),
        constraints=constraints | more,
        common=frozenset(_common([m for m in members if m.item_id in found.near], found.common)),
    )


def comparable(store: Store, found: Iterable[Cluster]) -> list[Cluster]:
    """Return the stories without those that have an item which cannot be compared."""
    aside = set_aside.names(store)[ContainedStep.PLACING]
    return [one for one in found if aside.isdisjoint(member.item_id for member in one.members)]


def _common(members: Iterable[Member], seen_often: frozenset[int]) -> Iterator[str]:
    if seen_often:
        for member in members:
            yield from features.common_words(features.for_member(member), seen_often)
