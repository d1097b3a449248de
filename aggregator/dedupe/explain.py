"""Why items are in one story and others are not: evidence, scores, thresholds, vetoes. It looks and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from aggregator import story_view
from aggregator.containment import Broken, attempt, shown
from aggregator.dedupe import candidates, evidence
from aggregator.dedupe.cluster import compared
from aggregator.dedupe.compare import RELATED, SAME, compare
from aggregator.errors import UnknownName
from aggregator.model.config import Config
from aggregator.model.stories import Cluster, Comparison, Member, NearMiss, Strength
from aggregator.store import candidate_index, editorial, stories, story_members, story_search
from aggregator.store.connection import Store, opened

said = logging.getLogger("aggregator.explain")

MISSES, LEAST = 5, 2.5
"""So many near misses are shown, of so much score at least."""


def story(config: Config, name: str) -> dict[str, Any]:
    """A story, for each of its items why it is in it, and what else was looked at, as one JSON object."""
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        told = story_view.read_from(store, name)
        weighed = stories.evidence(store, told.story.id)
        misses = shown(name, partial(_near_misses, store, told.story.id))
        decided = editorial.decisions(store, told.story.id)
        names = {s.id: s.lead.title for s in stories.read(store, [other for other, _ in told.story.related])}
    as_json = story_view.as_json(told)
    publishers = {s.item.id: s.publisher.name for s in told.story.items}
    return {
        "id": as_json["id"],
        "title": as_json["title"],
        "kind": as_json["kind"],
        "hidden": as_json["hidden"],
        "thresholds": {"exact": evidence.PROOF, "same": SAME, "related": RELATED},
        "items": [
            {
                key: item[key]
                for key in ("id", "source", "lead", "title", "link", "claimed", "language", "why")
            }
            | {"publisher": publishers[item["id"]]}
            | (
                weighed.get(item["id"])
                or {"beside": None, "score": None, "threshold": None, "evidence": [], "vetoes": []}
            )
            for item in as_json["items"]
        ],
        "related": [{"title": names.get(r["story"], ""), **r} for r in as_json["related"]],
        "near_misses": [
            {"story": m.story, "title": m.title, "source": m.source, **asdict(m.comparison)} for m in misses
        ],
        "decisions": [asdict(decision) for decision in decided],
    }


def pair(config: Config, one: str, other: str) -> dict[str, Any]:
    """How two stories or items compare now, as one JSON object: why they are one story, or why not."""
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        a, b = _meant(store, one), _meant(store, other)
        closest, left, right = max(
            (
                (shown(f"{one} and {other}", partial(compare, x, y, whole=True)), x, y)
                for x in a
                for y in b
                if x.item_id != y.item_id or len(a) == len(b) == 1
            ),
            key=lambda found: (_order(found[0]), found[1].item_id, found[2].item_id),
        )
        constraints = editorial.constraints(store, [left.item_id])
        ids = {m.item_id: story_search.resolve(store, m.item_id) for m in (left, right)}
    constraint = constraints.get(frozenset((left.item_id, right.item_id)))
    return {
        "one_story": ids[left.item_id] is not None and ids[left.item_id] == ids[right.item_id],
        "editor": constraint,
        "a": _side(left, ids[left.item_id]),
        "b": _side(right, ids[right.item_id]),
        **asdict(closest),
    }


def _side(member: Member, story_id: str | None) -> dict[str, Any]:
    return {
        "item": member.item_id,
        "story": story_id,
        "title": member.title,
        "source": member.source_id,
        "publisher": member.publisher,
        "link": member.link,
    }


def _meant(store: Store, name: str) -> list[Member]:
    """The item of this id, or the items of the story of this id, its lead first."""
    items = editorial.items_meant(store, name)
    if len(items) == 1 and story_search.resolve(store, name) != name:
        return story_members.of_items(store, items)
    found = story_search.resolve(store, name)
    if found is None:
        raise UnknownName(f"no story or item {name!r}; `aggregator search` finds stories and shows their ids")
    (told,) = story_members.clusters(store, [found])
    return list(compared(told.members))


def _near_misses(store: Store, story_id: str) -> list[NearMiss]:
    """Stories that share the most with a story and are not it, compared anew."""
    (here,) = story_members.clusters(store, [story_id])
    members = compared(here.members)
    candidate_index.begin(store)
    candidates.ask(store, [member.item_id for member in members])
    around = candidates.find_candidates(store, members)
    found = []
    for other in around.clusters:
        if other.story_id == story_id or not other.members:
            continue
        best = attempt(partial(_closest, members, other, around.common))
        if isinstance(best, Broken):
            said.warning("%s cannot be compared with %s (%s)", story_id, other.story_id, best.reason)
            continue
        if best.score >= LEAST or best.vetoes:
            found.append(
                NearMiss(
                    story=other.story_id,
                    title=other.lead.title,
                    source=other.lead.publisher or other.lead.source_id,
                    comparison=best,
                )
            )
    return sorted(found, key=lambda miss: (-miss.comparison.score, miss.story))[:MISSES]


def _closest(members: Sequence[Member], other: Cluster, common: frozenset[str]) -> Comparison:
    return max((compare(m, other.lead, common, whole=True) for m in members), key=_order)


def _order(compared: Comparison) -> tuple[int, float]:
    return -list(Strength).index(compared.strength), compared.score
