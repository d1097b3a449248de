"""Take an item whose status was edited out of a story whose other items do not report that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from aggregator.dedupe import cluster, editor_commands
from aggregator.dedupe.assign import lead_item_id
from aggregator.dedupe.status import changed_stages, stages
from aggregator.model.config import Config
from aggregator.model.items import Item, KnownItem
from aggregator.model.stories import Cluster, LinkConstraint, Member, Placement
from aggregator.publishing.channels import update_channels
from aggregator.store import archives, editorial, stories, story_members, story_placement
from aggregator.store.connection import Store

_Edits = Mapping[str, frozenset[str]]
"""The stages of an event that an edit added to an item or removed, by id of the item."""


def leave_stories(
    store: Store, config: Config, edits: Iterable[tuple[KnownItem, Item]], now: datetime
) -> None:
    """Let edited items leave their stories, before their edits are applied to these.

    An item leaves if it is now cancelled, postponed, extended or the like, or not so any more, and another item of
    the story differs in that. It joins a related story that agrees, or founds one that is announced now. So the edit
    corrects this item only, and the others keep their story with its id and times (I5, E1). In the caller's
    transaction.
    """
    changed = {known.id: found for known, item in edits if (found := changed_stages(known, item))}
    ids = stories.stories_of(store, changed)
    for story in story_members.clusters(store, ids - stories.hidden(store, ids)):
        for member in _leaving(store, story, changed):
            _leave(store, config, story, member, changed[member.item_id], now)
            story = replace(story, members=tuple(each for each in story.members if each is not member))


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
    stay = any(not member.withdrawn for member in story.members if member not in leaving)
    return leaving if stay else []


def _differ(a: Member, b: Member, changed: frozenset[str]) -> bool:
    """Return whether only one of two published items names a stage that was changed."""
    return not b.withdrawn and bool((stages(a.title, a.text) ^ stages(b.title, b.text)) & changed)


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
    part = editor_commands.unannounced(store, story, member)
    part = replace(part, announced=now, updated=now, month=archives.current(store, now))
    why = f"left {story.story_id} on {now:%Y-%m-%d} by an edit ({', '.join(sorted(changed))})"
    editor_commands.part_story(store, config, story, [member], part, now, why)
    editorial.relate(store, [(story.story_id, part.story_id, "one story until one of them was edited")])


def _agreeing_story(store: Store, story: Cluster, member: Member) -> tuple[Placement, Cluster] | None:
    """Return the related story that an item joins by the rules for any item, if there is one."""
    (read,) = stories.read(store, [story.story_id])
    related = {story_id for story_id, _ in read.related}
    clusters = story_members.clusters(store, related - stories.hidden(store, related))
    ids = [each.item_id for other in clusters for each in other.members]
    constraints = editorial.link_constraints(store, [member.item_id])
    (placement,) = cluster.assign([member], clusters, {member.item_id: ids}, constraints)
    target = next((other for other in clusters if other.story_id == placement.story_id), None)
    return (placement, target) if target and not placement.founds else None
