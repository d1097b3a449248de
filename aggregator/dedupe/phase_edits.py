"""Apply edits of an item's phase: they correct this item, and not what others reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from aggregator.dedupe import candidates, cluster, editor_commands
from aggregator.dedupe.assign import lead_item_id
from aggregator.dedupe.phases import reported_phases
from aggregator.model.config import Config
from aggregator.model.stories import Cluster, LinkConstraint, Member, MergeCandidate, Placement
from aggregator.publishing.channels import update_channels
from aggregator.store import archives, editorial, phase_edits, stories, story_members, story_placement
from aggregator.store.connection import Store

_Edits = Mapping[str, frozenset[str]]
"""The phases of an event that an edit added to an item or removed, by id of the item."""


def apply(store: Store, config: Config, now: datetime) -> None:
    """Apply the edits that changed the phase of items, after all visits of a round.

    An item leaves its story if the edit added or removed a phase, such as cancelled, in which another item of the story
    differs. It joins a related story that agrees, or founds one that is announced now. So the edit corrects this item
    only, and the others keep their story with its id and times (I5, E1).
    """
    with store.transaction():
        changed = phase_edits.pop_all(store)
        ids = stories.stories_of(store, changed)
        visible = candidates.comparable(
            store, story_members.clusters(store, ids - stories.hidden(store, ids))
        )
        for story in visible:
            for member in _leaving(store, story, changed):
                _leave(store, config, story, member, changed[member.item_id], now)
                story = replace(story, members=tuple(each for each in story.members if each is not member))
            if story.lead.item_id in changed:
                _list_for_editors(store, story, now)
        touched = story_placement.apply_edits(store, changed, changed, now)
        update_channels(store, config.channels, touched, now)


def _leaving(store: Store, story: Cluster, changed: _Edits) -> list[Member]:
    """Return the items that differ from others, unless no published item would stay.

    Items that an editor linked with others of the story stay (I7).
    """
    here = {member.item_id for member in story.members}
    constraints = editorial.link_constraints(store, here & changed.keys())
    linked = {
        item_id
        for pair, constraint in constraints.items()
        if constraint is LinkConstraint.MUST_LINK and pair <= here
        for item_id in pair
    }
    leaving = [
        member
        for member in story.members
        if member.item_id in changed.keys() - linked
        and any(_differ(member, other, changed[member.item_id]) for other in story.members)
    ]
    stay = any(not member.removed for member in story.members if member not in leaving)
    return leaving if stay else []


def _differ(a: Member, b: Member, changed: frozenset[str]) -> bool:
    """Return whether only one of two published items names a phase that was changed."""
    return not b.removed and bool(
        (reported_phases(a.title, a.text) ^ reported_phases(b.title, b.text)) & changed
    )


def _leave(
    store: Store, config: Config, story: Cluster, member: Member, changed: frozenset[str], now: datetime
) -> None:
    if joined := _agreeing_story(store, story, member):
        placement, target = joined
        story_placement.write(store, (), [placement], now)
        staying = [each for each in story.members if each is not member]
        leads = {
            story.story_id: lead_item_id(staying),
            target.story_id: lead_item_id([*target.members, member]),
        }
        story_placement.set_leads(store, leads, now)
        update_channels(store, config.channels, leads, now)
        return
    part = editor_commands.unannounced_story(store, story, member)
    part = replace(part, announced=now, updated=now, month=archives.current_month(store, now))
    why = f"left {story.story_id} on {now:%Y-%m-%d} by an edit ({', '.join(sorted(changed))})"
    editor_commands.split_story(store, config, story, [member], part, now, why)
    editorial.add_relations(
        store, [(story.story_id, part.story_id, "one story until one of them was edited")]
    )


def _list_for_editors(store: Store, story: Cluster, now: datetime) -> None:
    """List a story and a related one that agree since an edit as merge candidates (I5)."""
    if joined := _agreeing_story(store, story, story.lead):
        placement, target = joined
        score = placement.comparison.score if placement.comparison else 0.0
        found = MergeCandidate(story_id=target.story_id, score=score, why=placement.why)
        editorial.add_candidate(store, story.story_id, [found], now)


def _agreeing_story(store: Store, story: Cluster, member: Member) -> tuple[Placement, Cluster] | None:
    """Return the related story that an item joins by the rules for any item, if there is one."""
    (read,) = stories.read(store, [story.story_id])
    related = {story_id for story_id, _ in read.related}
    visible = story_members.clusters(store, related - stories.hidden(store, related))
    clusters = candidates.comparable(store, visible)
    ids = [each.item_id for other in clusters for each in other.members]
    constraints = editorial.link_constraints(store, [member.item_id])
    (placement,) = cluster.place_items([member], clusters, {member.item_id: ids}, constraints)
    target = next((other for other in clusters if other.story_id == placement.story_id), None)
    return (placement, target) if target and not placement.founds else None
