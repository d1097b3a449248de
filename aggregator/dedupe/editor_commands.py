"""Carry out editors' decisions about stories: merge, split, keep apart, hide (I7).

They survive every re-clustering.

Each decision is one short transaction beside any job (L1). Files follow with the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import combinations, product

from aggregator.database import existing_store
from aggregator.dedupe import cluster
from aggregator.dedupe.assign import lead_item_id
from aggregator.dedupe.removed_stories import PUBLISHER, hide_removed
from aggregator.errors import UnknownName, WrongDecision
from aggregator.items.identity import short_hash
from aggregator.model.config import Config
from aggregator.model.stories import Cluster, LinkConstraint, Member
from aggregator.ports import App
from aggregator.publishing.channels import known_channels, update_channels
from aggregator.store import (
    archives,
    channels,
    editions,
    editorial,
    event_decisions,
    hidden_stories,
    stories,
    story_connections,
    story_members,
    story_placement,
    story_search,
)
from aggregator.store.connection import Store
from aggregator.store.runs import clear_idle

MAX_IDS_OF_ITEM = 100
"""Maximum number of story ids that are derived from one item."""


def merge(app: App, names: Sequence[str], who: str) -> tuple[str, list[str]]:
    """Merge stories; return the id that stays, the oldest, and those that became aliases of it."""
    with existing_store(app.config) as store:
        now = app.clock()
        with store.transaction():
            ids = list(dict.fromkeys(story_named(store, name) for name in names))
            if len(ids) < 2:
                raise WrongDecision("name at least two stories; these are one already", "one_already")
            _require_equal_visibility(store, ids)
            kept, *gone = stories.oldest_first(store, ids)
            parts = {each.story_id: each for each in story_members.clusters(store, ids)}
            leads = [parts[story_id].lead.item_id for story_id in ids]
            # All members are linked, so that they stay together whichever of them leads later.
            pairs = [
                pair
                for one, other in combinations(parts.values(), 2)
                for pair in _all_pairs(one.members, other.members)
            ]
            before = {
                "parts": {id_: [member.item_id for member in parts[id_].members] for id_ in gone},
                "links": editorial.links_between(store, pairs),
                "connections": story_connections.read(store, ids),
                "words": {id_: event_decisions.decision(store, id_) for id_ in ids},
            }
            decision = editorial.log_decision(
                store, "merge", who, now, stories=[kept, *gone], items=leads, before=before
            )
            editorial.add_link_constraints(store, pairs, LinkConstraint.MUST_LINK, decision)
            merge_into(store, app.config, kept, parts, f"merged by {who} on {now:%Y-%m-%d}", now)
    return kept, gone


def merge_into(
    store: Store, config: Config, kept: str, parts: Mapping[str, Cluster], why: str, now: datetime
) -> None:
    """Move the items of all stories in `parts` to the story `kept`, in the caller's transaction."""
    lead = lead_item_id(member for part in parts.values() for member in part.members)
    story_placement.take_over_edit(store, kept, lead)
    for story_id in parts:
        if story_id != kept:
            _remove_from_channels(store, story_id, now)
            editorial.merge_into(store, kept, story_id, why, now)
    story_placement.set_leads(store, {kept: lead}, now)
    hide_removed(store, [kept], now)
    _update_channels(store, config, [kept], now)


def split(app: App, names: Sequence[str], who: str, *, announce: bool) -> tuple[str, str]:
    """Take items out of their story; return the ids of that story and of the one they found."""
    with existing_store(app.config) as store:
        now = app.clock()
        with store.transaction():
            story, leaving, staying = divide_story(store, [_item_id(store, name) for name in names])
            founders = {own_story_id(member): member.item_id for member in leaving}
            if story.story_id in founders:
                raise WrongDecision(
                    f"{founders[story.story_id]} founded {story.story_id}, whose id stays with it permanently;"
                    " split the other items off instead",
                    "founder_stays",
                )
            part = editorial.story_to_restore(store, story.story_id, founders)
            part = part or unannounced_story(store, story, leaving[0])
            if announce:
                part = replace(part, announced=now, month=part.month or archives.current_month(store, now))
            ids = [member.item_id for member in leaving]
            both = [story.story_id, part.story_id]
            apart, together = _all_pairs(leaving, staying), list(product(ids[:1], ids[1:]))
            before = {"links": editorial.links_between(store, [*apart, *together])}
            decision = editorial.log_decision(
                store, "split", who, now, stories=both, items=ids, before=before
            )
            editorial.add_link_constraints(store, apart, LinkConstraint.CANNOT_LINK, decision)
            editorial.add_link_constraints(store, together, LinkConstraint.MUST_LINK, decision)
            if announce:
                editions.delete_from_ledgers(store, set(ids))
            why = f"split off by {who} on {now:%Y-%m-%d}"
            split_story(store, app.config, story, leaving, part, now, why)
    return story.story_id, part.story_id


def keep_apart(app: App, one: str, other: str, who: str) -> tuple[str, str]:
    """Keep two stories apart permanently; return their ids."""
    with existing_store(app.config) as store:
        now = app.clock()
        with store.transaction():
            ids = story_named(store, one), story_named(store, other)
            if ids[0] == ids[1]:
                raise WrongDecision(
                    "these are one story; `aggregator story split` takes items out of it", "one_already"
                )
            first, second = story_members.clusters(store, ids)
            pairs = _all_pairs(first.members, second.members)
            before = {
                "links": editorial.links_between(store, pairs),
                "connections": story_connections.between(store, *ids),
            }
            decision = editorial.log_decision(store, "keep-apart", who, now, stories=ids, before=before)
            editorial.add_link_constraints(store, pairs, LinkConstraint.CANNOT_LINK, decision)
            editorial.remove_candidate_pair(store, *ids)
            editorial.remove_relation(store, *ids)
            _update_channels(store, app.config, ids, now)
    return ids


def postpone(app: App, one: str, other: str, until: datetime) -> bool:
    """Postpone a merge candidate; return whether it is listed. No decision is logged."""
    with existing_store(app.config) as store, store.transaction():
        return editorial.postpone_candidate(store, one, other, until)


def hide(app: App, names: Sequence[str], who: str, *, withdrawn: bool = False) -> list[str]:
    """Hide stories; return the ids of those that changed.

    `withdrawn`: digests that carried a story report that it was removed.
    """
    with existing_store(app.config) as store, store.transaction():
        now = app.clock()
        ids = [story_named(store, name) for name in dict.fromkeys(names)]
        changed = [id_ for id_ in ids if _hide(store, id_, who, now, withdrawn=withdrawn)]
        if changed:
            before = {"withdrawn": withdrawn}
            editorial.log_decision(store, "hide", who, now, stories=changed, before=before)
        update_channels(store, known_channels(store, app.config.channels), changed, now)
    return changed


def unhide(app: App, names: Sequence[str], who: str) -> list[str]:
    """Show hidden stories again; return the ids of those that changed."""
    with existing_store(app.config) as store, store.transaction():
        now = app.clock()
        ids = [story_named(store, name) for name in dict.fromkeys(names)]
        changed = [id_ for id_ in ids if hidden_stories.unhide(store, id_, now)]
        if changed:
            editorial.log_decision(store, "unhide", who, now, stories=changed, before={})
        update_channels(store, known_channels(store, app.config.channels), changed, now)
    return changed


def split_story(
    store: Store,
    config: Config,
    story: Cluster,
    leaving: Sequence[Member],
    part: editorial.SplitStory,
    now: datetime,
    why: str,
) -> None:
    """Found the story `part` with items that leave `story`, in the caller's transaction.

    If `story` is hidden, so is the part, and readers who had it get a tombstone for both (PB9). A story that has only
    removed items from then on is hidden, too (I8).
    """
    ids = [member.item_id for member in leaving]
    editorial.store_split_story(store, part, ids, now, why)
    channels.replace_successor(store, story.story_id, part.story_id, set(map(own_story_id, leaving)))
    staying = [member for member in story.members if member.item_id not in ids]
    story_placement.set_leads(store, {story.story_id: lead_item_id(staying)}, now)
    both = [story.story_id, part.story_id]
    _update_channels(store, config, both, now)  # hiding adds tombstones to channels that have the part
    last = editorial.visibility(store, story.story_id)
    who = last.who if last else why
    if stories.hidden(store, [story.story_id]):
        hidden_stories.hide(store, part.story_id, who, now)
        editorial.log_decision(store, "hide", who, now, stories=[part.story_id])
    hide_removed(store, both, now)
    if editorial.hidden_by(store, part.story_id) and not stories.hidden(store, [part.story_id]):
        # It was hidden before the merge that it leaves, which was shown since.
        editorial.log_decision(store, "unhide", who, now, stories=[part.story_id])
    _update_channels(store, config, both, now)


def unannounced_story(store: Store, story: Cluster, lead: Member) -> editorial.SplitStory:
    """Return a new story, announced nowhere, for items that leave `story` (I7)."""
    (facts,) = stories.facts(store, [story.story_id])
    return editorial.SplitStory(
        story_id=_free_story_id(store, lead),
        announced=facts.announced,
        published=lead.sort_time,
        updated=lead.sort_time,
        month=None,
    )


def _require_equal_visibility(store: Store, ids: Sequence[str]) -> None:
    hidden = [fact.story_id for fact in stories.facts(store, ids) if fact.hidden]
    if hidden and len(hidden) < len(ids):
        first = next(story_id for story_id in ids if story_id in hidden)
        raise WrongDecision(
            f"{first} is hidden and others are not: hide or unhide them first; nothing was changed",
            "hidden_and_visible",
        )


def divide_story(store: Store, item_ids: Sequence[str]) -> tuple[Cluster, list[Member], list[Member]]:
    """Return the story of items, its members that leave, in order of lead, and those that stay."""
    story_ids = stories.stories_of(store, item_ids)
    if len(story_ids) != 1:
        raise WrongDecision("name items of one story; `aggregator story show` lists them", "not_one_story")
    (story,) = story_members.clusters(store, story_ids)
    leaving = sorted((m for m in story.members if m.item_id in item_ids), key=cluster.lead_order)
    staying = [member for member in story.members if member.item_id not in item_ids]
    if not staying:
        raise WrongDecision(
            f"at least one item must stay in {story.story_id}: name fewer items", "one_must_stay"
        )
    return story, leaving, staying


def _all_pairs(some: Iterable[Member], others: Iterable[Member]) -> list[tuple[str, str]]:
    return [(one.item_id, other.item_id) for one, other in product(some, others)]


def _hide(store: Store, story_id: str, who: str, now: datetime, *, withdrawn: bool) -> bool:
    """Hide a story; return whether that changes anything.

    A story that only its publisher had hidden is not shown again by itself any more.
    """
    changed = hidden_stories.hide(store, story_id, who, now, withdrawn=withdrawn)
    return changed or editorial.hidden_by(store, story_id) == PUBLISHER


def ids_of_founder(founder: Member) -> list[str]:
    """Return the ids of stories that an item may found, the first one first (I4)."""
    suffixes = ("", *(f"\n{n}" for n in range(1, MAX_IDS_OF_ITEM)))
    return [short_hash(f"story\n{founder.item_id}{suffix}") for suffix in suffixes]


def own_story_id(founder: Member) -> str:
    """Return the id of the story that an item founds (I4)."""
    return short_hash(f"story\n{founder.item_id}")


def _free_story_id(store: Store, founder: Member) -> str:
    """Return an id for the story that an item founds: its own, or a derived one (I4)."""
    ids = ids_of_founder(founder)
    taken = editorial.taken_ids(store, ids)
    return next(story_id for story_id in ids if story_id not in taken)


def _remove_from_channels(store: Store, story_id: str, now: datetime) -> None:
    """Take a story out of every channel, which publishes a tombstone (PB9)."""
    channels.add_tombstones(store, story_id)
    channels.replace_memberships(store, {story_id: ()}, stories.facts(store, [story_id]), now)


def _update_channels(store: Store, config: Config, ids: Sequence[str], now: datetime) -> None:
    update_channels(store, known_channels(store, config.channels), ids, now)
    clear_idle(store)


def story_named(store: Store, name: str) -> str:
    """Return the id of the story that a command changes; raises UnknownName."""
    story_id = story_search.resolve(store, name)
    if story_id is None:
        raise UnknownName(f"no story {name!r}: `aggregator search` finds stories; nothing was changed")
    return story_id


def _item_id(store: Store, name: str) -> str:
    ids = editorial.items_by_prefix(store, name)
    if len(ids) != 1:
        raise UnknownName(
            f"no item {name!r}; `aggregator story show` lists the items of a story; nothing was changed"
        )
    return ids[0]
