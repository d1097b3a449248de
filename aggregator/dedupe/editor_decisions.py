"""Editors' decisions: merge, split, keep apart. Short writes beside any job; they outlive every re-clustering (I7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import combinations

from aggregator.dedupe import cluster
from aggregator.dedupe.assign import lead_item_id
from aggregator.dedupe.withdrawn import PUBLISHER
from aggregator.errors import UnknownName, WrongDecision
from aggregator.items.identity import short_hash
from aggregator.model.config import Config
from aggregator.model.stories import Cluster, LinkConstraint, Member
from aggregator.ports import App
from aggregator.publishing.channels import update_channels
from aggregator.store import (
    archives,
    channels,
    editions,
    editorial,
    maintenance,
    stories,
    story_members,
    story_placement,
    story_search,
)
from aggregator.store.connection import Store, opened
from aggregator.store.runs import clear_finished_mark


def merge(app: App, names: Sequence[str], who: str) -> tuple[str, list[str]]:
    """Make stories one: the id that stays (the oldest), and those that became aliases of it."""
    with opened(app.config.data / "aggregator.db", create=False) as store:
        now = app.clock()
        with store.transaction():
            ids = list(dict.fromkeys(_story(store, name) for name in names))
            if len(ids) < 2:
                raise WrongDecision("name at least two stories; these are one already")
            kept, *gone = stories.oldest_first(store, ids)
            parts = {c.story_id: c for c in story_members.clusters(store, ids)}
            facts = {fact.story_id: fact for fact in stories.facts(store, ids)}
            hidden = [id_ for id_ in ids if facts[id_].hidden]
            if hidden and len(hidden) < len(ids):
                raise WrongDecision(
                    f"{hidden[0]} is hidden and others are not: hide or unhide them first; nothing was changed"
                )
            decision = editorial.decide(
                store,
                "merge",
                who,
                now,
                stories=[kept, *gone],
                items=[parts[id_].lead.item_id for id_ in ids],
            )
            # Whoever was together stays so, whoever leads; that two parts were kept apart once is over.
            pairs = [
                (one.item_id, other.item_id)
                for part, another in combinations(parts.values(), 2)
                for one in part.members
                for other in another.members
            ]
            editorial.add_constraint(store, pairs, LinkConstraint.TOGETHER, decision)
            leader = lead_item_id(member for part in parts.values() for member in part.members)
            story_placement.take_over_edit(store, kept, leader)
            for id_ in gone:
                _leave_channels(store, id_, now)
                editorial.absorb(store, kept, id_, f"merged by {who} on {now:%Y-%m-%d}", now)
            story_placement.set_leads(store, {kept: leader}, now)
            _shown_again(store, app.config, [kept], now)
    return kept, gone


def split(app: App, names: Sequence[str], who: str, *, announce: bool) -> tuple[str, str]:
    """Take items out of their story: its id, and that of the story they found."""
    with opened(app.config.data / "aggregator.db", create=False) as store:
        now = app.clock()
        with store.transaction():
            items = [_item(store, name) for name in names]
            homes = stories.stories_of(store, items)
            if len(homes) != 1:
                raise WrongDecision("name items of one story; `aggregator story show` tells them")
            (home,) = story_members.clusters(store, homes)
            leaving = sorted((m for m in home.members if m.item_id in items), key=cluster.lead_order)
            staying = [m for m in home.members if m.item_id not in items]
            if not staying:
                raise WrongDecision(f"all items of {home.story_id} cannot leave it; name some of them")
            founders = {_founded(member): member.item_id for member in leaving}
            if home.story_id in founders:
                raise WrongDecision(
                    f"{founders[home.story_id]} founded {home.story_id}, whose id stays with it for ever;"
                    " split the other items off instead"
                )
            part = editorial.revive(store, home.story_id, founders) or unannounced(store, home, leaving[0])
            if announce:
                month = part.month or archives.current(store, now)
                part = replace(part, announced=now, month=month)
            ids = [member.item_id for member in leaving]
            told = [home.story_id, part.story_id]
            decision = editorial.decide(store, "split", who, now, stories=told, items=ids)
            editorial.add_constraint(
                store,
                [(x.item_id, y.item_id) for x in leaving for y in staying],
                LinkConstraint.APART,
                decision,
            )
            editorial.add_constraint(
                store, [(ids[0], other) for other in ids[1:]], LinkConstraint.TOGETHER, decision
            )
            if announce:
                editions.forget_entries(store, set(ids))
            part_story(store, app.config, home, leaving, part, now, f"split off by {who} on {now:%Y-%m-%d}")
    return home.story_id, part.story_id


def keep_apart(app: App, one: str, other: str, who: str) -> tuple[str, str]:
    """Say that two stories are two, for ever; they leave the editors' list."""
    with opened(app.config.data / "aggregator.db", create=False) as store:
        now = app.clock()
        with store.transaction():
            ids = _story(store, one), _story(store, other)
            if ids[0] == ids[1]:
                raise WrongDecision("these are one story; `aggregator story split` takes items out of it")
            parts = story_members.clusters(store, ids)
            pairs = [(x.item_id, y.item_id) for x in parts[0].members for y in parts[1].members]
            decision = editorial.decide(store, "apart", who, now, stories=ids)
            editorial.add_constraint(store, pairs, LinkConstraint.APART, decision)
            editorial.settle(store, *ids)
            editorial.unrelate(store, *ids)
            _shown_again(store, app.config, ids, now)
    return ids


def part_story(
    store: Store,
    config: Config,
    home: Cluster,
    leaving: Sequence[Member],
    part: editorial.Part,
    now: datetime,
    why: str,
) -> None:
    """Found the story `part` of the items that leave `home`, in the caller's transaction."""
    gone = [member.item_id for member in leaving]
    editorial.found_part(store, part, gone, now, why)
    editorial.follow(store, home.story_id, part.story_id, map(_founded, leaving))
    staying = [member for member in home.members if member.item_id not in gone]
    story_placement.set_leads(store, {home.story_id: lead_item_id(staying)}, now)
    _shown_again(store, config, [home.story_id, part.story_id], now)
    if stories.hidden(
        store, [home.story_id]
    ):  # whoever had the part's story is told that it is gone as well (PB9)
        who = editorial.hidden_by(store, home.story_id) or why
        maintenance.hide(store, part.story_id, who, now)
        editorial.decide(store, "hide", who, now, stories=[part.story_id])
        _shown_again(store, config, [part.story_id], now)


def unannounced(store: Store, home: Cluster, leader: Member) -> editorial.Part:
    """A new story that is announced nowhere (I7), for what leaves `home`."""
    (fact,) = stories.facts(store, [home.story_id])
    return editorial.Part(
        story_id=_free_id(store, leader),
        announced=fact.announced,
        published=leader.sort,
        updated=leader.sort,
        month=None,
    )


def _founded(founder: Member) -> str:
    """The id of the story that an item founds (I4)."""
    return short_hash(f"story\n{founder.item_id}")


def _free_id(store: Store, founder: Member) -> str:
    """An id for the story that an item founds: its own where no story has it (I4)."""
    wanted = [
        short_hash(f"story\n{founder.item_id}{again}") for again in ("", *(f"\n{n}" for n in range(1, 100)))
    ]
    taken = editorial.taken_ids(store, wanted)
    return next(id_ for id_ in wanted if id_ not in taken)


def _leave_channels(store: Store, story_id: str, now: datetime) -> None:
    """Take a story out of every channel, which will say so (PB9), in the caller's transaction."""
    channels.withdraw(store, story_id)
    channels.enroll(store, {story_id: ()}, stories.facts(store, [story_id]), now)


def _shown_again(store: Store, config: Config, ids: Sequence[str], now: datetime) -> None:
    known = channels.known(store)
    update_channels(store, [channel for channel in config.channels if channel.id in known], ids, now)
    clear_finished_mark(store)


def _story(store: Store, name: str) -> str:
    found = story_search.resolve(store, name)
    if found is None:
        raise UnknownName(f"no story {name!r}; nothing was changed")
    return found


def _item(store: Store, name: str) -> str:
    found = editorial.items_meant(store, name)
    if len(found) != 1:
        raise UnknownName(
            f"no item {name!r}; `aggregator story show` tells the items of a story; nothing was changed"
        )
    return found[0]


def set_hidden(
    app: App, names: Sequence[str], who: str, *, hidden: bool, withdrawn: bool = False
) -> list[str]:
    """Hide stories, as withdrawn perhaps, or show them again; the ids of those that changed.

    A short write beside any job (L1); what is published follows with the next run.
    """
    config = app.config
    with opened(config.data / "aggregator.db", create=False) as store:
        changed = []
        now = app.clock()
        with store.transaction():
            found = {name: story_search.resolve(store, name) for name in names}
            if missing := [name for name, id_ in found.items() if id_ is None]:
                raise UnknownName(f"no story {missing[0]!r}; nothing was changed")
            known = channels.known(store)
            for id_ in filter(None, found.values()):
                if hidden:
                    turned = maintenance.hide(store, id_, who, now, withdrawn=withdrawn)
                    # What only its publisher had hidden does not come back by itself now.
                    turned = turned or editorial.hidden_by(store, id_) == PUBLISHER
                else:
                    turned = maintenance.unhide(store, id_, now)
                if turned:
                    changed.append(id_)
            if changed:
                editorial.decide(store, "hide" if hidden else "unhide", who, now, stories=changed)
            update_channels(
                store, [channel for channel in config.channels if channel.id in known], changed, now
            )
    return changed
