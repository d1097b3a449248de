"""What items are found by, made by the pure room and kept by the store: traces, features, candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from aggregator.jobs.contain import Containment
from aggregator.model import Cluster, Member, Step
from aggregator.store import editorial, set_aside, stories, traces
from aggregator.store.connection import Store
from aggregator.stories import cluster, evidence, links, reposts, signature, works
from aggregator.stories.links import canonical

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What placing is given beside the items: stories they may belong to, near items, bonds, common words."""

    clusters: tuple[Cluster, ...]
    near: dict[str, tuple[str, ...]]
    bonds: cluster.Bonds
    common: frozenset[str]


def trace(store: Store) -> None:
    """Write what every untraced item is found by, and put the unplaced ones of them on the list of what is asked.

    In the caller's transaction. Items of older versions of the program are placed already and traced late.
    """
    traces.begin(store)
    while told := traces.untraced(store, BATCH):
        traced = [of(one) for one in told]
        traces.write(store, traced)
        traces.ask(store, (one for one in traced if not one.placed))


def trace_singly(store: Store, contained: Containment) -> None:
    """Do the same item by item, each in its own transaction; what breaks it is set aside and found by nothing."""

    def write(made: Callable[[traces.Told], traces.Traced], one: traces.Told) -> None:
        with store.transaction():
            traces.write(store, [made(one)])

    while told := traces.untraced(store, BATCH):
        for one in told:
            if not contained.test(Step.PLACING, one.item_id, partial(write, of, one)):
                write(_untraceable, one)


def _untraceable(told: traces.Told) -> traces.Traced:
    return traces.Traced(
        number=told.number, item_id=told.item_id, placed=told.placed, sort=told.sort, traces=(), features={}
    )


def ask(store: Store, item_ids: Iterable[str]) -> None:
    """Put items whose traces are written on the list of what is asked."""
    traces.ask(store, (of(told) for told in traces.told(store, item_ids)))


def of(told: traces.Told) -> traces.Traced:
    """What an item is found by; nobody finds what is dropped or held by its words."""
    loose = links.loose(told.link) if told.link else None
    address = [loose] if loose and told.link and not links.is_listing(canonical(told.link)) else []
    found = [("work", work) for work in works.works(told.link, told.guid)]
    origins, pointers = reposts.pointed(told.html or told.text, told.link)
    found += [("origin", origin) for origin in origins] + [("pointer", page) for page in pointers]
    return traces.Traced(
        number=told.number,
        item_id=told.item_id,
        placed=told.placed,
        sort=told.sort,
        traces=tuple(found),
        features={} if told.absent else signature.keys(told.title, told.text, told.teller, *address),
    )


def around(store: Store, members: Iterable[Member]) -> Surroundings:
    """What the asked items are to be compared with."""
    members = list(members)
    found = traces.found(store, evidence.WINDOW.days)
    ids = {id_ for near in found.near.values() for id_ in near}
    ids |= traces.sharing(
        store,
        (page for member in members for page in cluster.pages_of(member)),
        (work for member in members for work in cluster.works_of(member)),
    )
    bonds = editorial.bonds(store, (member.item_id for member in members))
    ids |= {id_ for pair in bonds for id_ in pair}
    clusters = tuple(comparable(store, stories.clusters_around(store, ids)))
    more = editorial.bonds(store, (m.item_id for c in clusters if len(c.members) > 1 for m in c.members))
    return Surroundings(
        clusters=clusters,
        near=dict(found.near),
        bonds=bonds | more,
        common=frozenset(_common([m for m in members if m.item_id in found.near], found.common)),
    )


def comparable(store: Store, found: Iterable[Cluster]) -> list[Cluster]:
    """Return the stories without those that have an item which cannot be compared."""
    aside = set_aside.names(store)[Step.PLACING]
    return [one for one in found if aside.isdisjoint(member.item_id for member in one.members)]


def _common(members: Iterable[Member], seen_often: frozenset[int]) -> Iterator[str]:
    if seen_often:
        for member in members:
            yield from signature.common(signature.of(member), seen_often)
