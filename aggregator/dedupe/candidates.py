"""Index items for the search of candidates, and find what new items are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from aggregator.dedupe import evidence, features, identifiers, index_keys, known_stories, origin_links
from aggregator.items import canonical_urls
from aggregator.items.canonical_urls import canonical
from aggregator.model.reports import QuarantineStep
from aggregator.model.stories import Cluster, Member
from aggregator.model.value_classes import dataclass
from aggregator.quarantine import Quarantine
from aggregator.store import candidate_index, editorial, quarantined, story_members
from aggregator.store.candidate_index import IndexedItem, ItemKeys
from aggregator.store.connection import Store

BATCH_ITEMS = 500
"""Number of items that are indexed together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What `cluster.place_items` gets beside the items; `candidate_ids` are similar items.

    `common_keys` are the index keys of common words.
    """

    clusters: tuple[Cluster, ...]
    candidate_ids: dict[str, tuple[str, ...]]
    constraints: known_stories.LinkConstraints
    common_keys: frozenset[int]


def index_items(store: Store) -> None:
    """Write the keys of every queued item, and add queries for those without a story.

    In the caller's transaction. Items of older versions of the program have a story and are indexed late.
    """
    candidate_index.clear_queries(store)
    while queued := candidate_index.queued_items(store, BATCH_ITEMS):
        keys = [item_keys(item) for item in queued]
        candidate_index.write_keys(store, keys)
        candidate_index.add_queries(store, (each for each in keys if not each.placed))


def index_singly(store: Store, quarantine: Quarantine) -> None:
    """Write the keys of queued items one by one; quarantine an item that breaks that."""

    def write(keys_of: Callable[[IndexedItem], ItemKeys], item: IndexedItem) -> None:
        with store.transaction():
            candidate_index.write_keys(store, [keys_of(item)])

    while queued := candidate_index.queued_items(store, BATCH_ITEMS):
        for item in queued:
            if not quarantine.try_one(QuarantineStep.PLACING, item.item_id, partial(write, item_keys, item)):
                write(_no_keys, item)


def _no_keys(item: IndexedItem) -> ItemKeys:
    return ItemKeys(
        number=item.number,
        item_id=item.item_id,
        placed=item.placed,
        sort_time=item.sort_time,
        exact=(),
        weights={},
    )


def add_queries(store: Store, item_ids: Iterable[str]) -> None:
    """Add queries for items whose keys are written."""
    candidate_index.add_queries(store, map(item_keys, candidate_index.read_items(store, item_ids)))


def item_keys(item: IndexedItem) -> ItemKeys:
    """Return the keys under which an item is found; an absent item has exact keys only."""
    listing = not item.link or canonical_urls.may_be_listing(canonical(item.link))
    address = () if listing or not item.link else known_stories.url_keys(item.link)
    works = identifiers.find_identifiers(item.link, item.guid)
    origins, pointers = origin_links.find_origins(item.html or item.text, item.link)
    exact = [("work", work) for work in works]
    exact += [("origin", origin) for origin in origins] + [("pointer", page) for page in pointers]
    weights = {}
    if not item.absent:
        texts = (item.title, item.text, item.publisher, item.language)
        weights = index_keys.index_keys(features.of_texts(texts), *address)
    return ItemKeys(
        number=item.number,
        item_id=item.item_id,
        placed=item.placed,
        sort_time=item.sort_time,
        exact=tuple(exact),
        weights=weights,
    )


def find_similar(store: Store) -> frozenset[int]:
    """Find similar items for all queries that were added; return the keys of common words."""
    return candidate_index.find_near(store, evidence.MAX_TIME_BETWEEN_ITEMS.days)


def find_candidates(
    store: Store, members: Sequence[Member], common_keys: frozenset[int] | None = None
) -> Candidates:
    """Find what `members` are compared with, after queries for them were added.

    `common_keys` are what `find_similar` returned, if it was called for queries of which `members` are a part.
    """
    common_keys = find_similar(store) if common_keys is None else common_keys
    near = candidate_index.near(store, (member.item_id for member in members))
    ids = {id_ for others in near.values() for id_ in others}
    ids |= candidate_index.find_sharing(
        store,
        (page for member in members for page in known_stories.pages_of(member)),
        (work for member in members for work in known_stories.works_of(member)),
    )
    loose = {key for member in members for key in known_stories.loose_addresses(member)}
    ids |= candidate_index.find_queried(store, map(index_keys.address_key, sorted(loose)))
    constraints = editorial.link_constraints(store, (member.item_id for member in members))
    ids |= {id_ for pair in constraints for id_ in pair}
    clusters = tuple(comparable(store, story_members.clusters_around(store, ids)))
    linked = (m.item_id for c in clusters if len(c.members) > 1 for m in c.members)
    return Candidates(
        clusters=clusters,
        candidate_ids=near,
        constraints=constraints | editorial.link_constraints(store, linked),
        common_keys=common_keys,
    )


def comparable(store: Store, clusters: Iterable[Cluster]) -> list[Cluster]:
    """Return the stories without an item that is quarantined."""
    ids = quarantined.names_by_step(store)[QuarantineStep.PLACING]
    return [each for each in clusters if ids.isdisjoint(member.item_id for member in each.members)]
