"""Explain why items are one story or not: evidence, scores, thresholds, vetoes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from aggregator import story_view
from aggregator.database import existing_store
from aggregator.dedupe import candidates, editor_commands, evidence, semantic
from aggregator.dedupe.cluster import compared_members
from aggregator.dedupe.compare import RELATED, SAME, compare
from aggregator.errors import UnknownName
from aggregator.model.config import Config
from aggregator.model.stories import Cluster, Comparison, Member, NearMiss, Strength
from aggregator.quarantine import CaughtError, catch_unexpected, value_or_nothing_to_show
from aggregator.store import candidate_index, editorial, embeddings, stories, story_members, story_search
from aggregator.store.connection import Store

logger = logging.getLogger("aggregator.explain")

MAX_NEAR_MISSES = 5
"""Maximum number of near misses that are listed."""
MIN_NEAR_MISS_SCORE = 2.5
"""Minimum score of a near miss without a veto."""
_NO_COMPARISON: dict[str, Any] = {
    "beside": None,
    "score": None,
    "threshold": None,
    "evidence": [],
    "vetoes": [],
    "failed": None,
}


def story(config: Config, name: str) -> dict[str, Any]:
    """Explain for each item of a story why it belongs there, and which others are close."""
    with existing_store(config) as store, _snapshot(store):
        view = story_view.read_from(store, name)
        comparisons = stories.evidence(store, view.story.id)
        near_misses = value_or_nothing_to_show(name, partial(_near_misses, store, view.story.id))
        decisions = editorial.decisions(store, view.story.id)
        related = stories.read(store, [other for other, _ in view.story.related])
    as_json = story_view.as_json(view)
    titles = {each.id: each.lead.title for each in related}
    publishers = {each.item.id: each.publisher.name for each in view.story.items}
    copied = ("id", "source", "lead", "title", "link", "claimed", "language", "why")
    return {
        **{key: as_json[key] for key in ("id", "title", "kind", "hidden")},
        "thresholds": {"exact": evidence.PROOF_WEIGHT, "same": SAME, "related": RELATED},
        "items": [
            {key: item[key] for key in copied}
            | {"publisher": publishers[item["id"]]}
            | (comparisons.get(item["id"]) or _NO_COMPARISON)
            for item in as_json["items"]
        ],
        "related": [{"title": titles.get(each["story"], ""), **each} for each in as_json["related"]],
        "near_misses": [
            {"story": miss.story, "title": miss.title, "source": miss.source, **miss.comparison.fields()}
            for miss in near_misses
        ],
        "decisions": [asdict(decision) for decision in decisions],
    }


def pair(config: Config, one: str, other: str) -> dict[str, Any]:
    """Explain how two stories or items compare now, as one JSON object.

    Of two stories their closest items are compared, of two that were merged the items that founded them.
    """
    with existing_store(config) as store, store.snapshot():
        return pair_from(store, one, other)


def pair_from(store: Store, one: str, other: str) -> dict[str, Any]:
    """Explain how two stories or items compare as `pair` does, in the caller's snapshot."""
    with semantic.cached(partial(embeddings.read, store)):
        a, b = _named_members(store, one), _named_members(store, other)
        if story_search.resolve(store, one) == story_search.resolve(store, other):
            a, b = _founders(store, one, a), _founders(store, other, b)
        comparison, left, right = max(
            (
                (
                    value_or_nothing_to_show(f"{one} and {other}", partial(compare, x, y, all_vetoes=True)),
                    x,
                    y,
                )
                for x in a
                for y in b
                if x.item_id != y.item_id or len(a) == len(b) == 1
            ),
            key=lambda found: (_rank(found[0]), found[1].item_id, found[2].item_id),
        )
        constraints = editorial.link_constraints(store, [left.item_id])
        ids = {member.item_id: story_search.resolve(store, member.item_id) for member in (left, right)}
    return {
        "one_story": ids[left.item_id] is not None and ids[left.item_id] == ids[right.item_id],
        "editor": constraints.get(frozenset((left.item_id, right.item_id))),
        "a": _side(left, ids[left.item_id]),
        "b": _side(right, ids[right.item_id]),
        **comparison.fields(),
    }


@contextmanager
def _snapshot(store: Store) -> Iterator[None]:
    """Read one state of the store, with the embeddings that it has."""
    with store.snapshot(), semantic.cached(partial(embeddings.read, store)):
        yield


def _side(member: Member, story_id: str | None) -> dict[str, Any]:
    return {
        "item": member.item_id,
        "story": story_id,
        "title": member.title,
        "source": member.source_id,
        "publisher": member.publisher,
        "link": member.link,
    }


def _named_members(store: Store, name: str) -> list[Member]:
    """Return the item with this id, or the compared items of the story with this id."""
    items = editorial.items_by_prefix(store, name)
    if len(items) == 1 and story_search.resolve(store, name) != name:
        return story_members.of_items(store, items)
    story_id = story_search.resolve(store, name)
    if story_id is None:
        raise UnknownName(f"no story or item {name!r}; `aggregator search` finds stories and shows their ids")
    (cluster,) = story_members.clusters(store, [story_id])
    return list(compared_members(cluster.members))


def _founders(store: Store, name: str, members: Sequence[Member]) -> list[Member]:
    """Return the item that founded the story with this id, which may have been merged; else all."""
    story_id = story_search.id_in(name)
    if not story_search.is_id(store, story_id):  # an item, or the start of an id
        story_id = story_search.resolve(store, name) or ""
    founders = [member for member in members if story_id in editor_commands.ids_of_founder(member)]
    return founders or list(members)


def _near_misses(store: Store, story_id: str) -> list[NearMiss]:
    """Compare a story again with others, and return those that share the most with it."""
    (cluster,) = story_members.clusters(store, [story_id])
    members = compared_members(cluster.members)
    candidate_index.clear_queries(store)
    candidates.add_queries(store, [member.item_id for member in members])
    given = candidates.find_candidates(store, members)
    misses = []
    for other in given.clusters:
        if other.story_id == story_id or not other.members:
            continue
        closest = catch_unexpected(partial(_closest, members, other, given.common_keys))
        if isinstance(closest, CaughtError):
            logger.warning("%s cannot be compared with %s (%s)", story_id, other.story_id, closest.reason)
        elif closest.score >= MIN_NEAR_MISS_SCORE or closest.vetoes:
            misses.append(
                NearMiss(
                    story=other.story_id,
                    title=other.lead.title,
                    source=other.lead.publisher or other.lead.source_id,
                    comparison=closest,
                )
            )
    return sorted(misses, key=lambda miss: (-miss.comparison.score, miss.story))[:MAX_NEAR_MISSES]


def _closest(members: Sequence[Member], other: Cluster, common_keys: frozenset[int]) -> Comparison:
    comparisons = (compare(member, other.lead, common_keys, all_vetoes=True) for member in members)
    return max(comparisons, key=_rank)


def _rank(comparison: Comparison) -> tuple[int, float]:
    return -list(Strength).index(comparison.strength), comparison.score
