"""Undo a decision of an editor: restore the state stored with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aggregator.database import existing_store
from aggregator.dedupe import event_decisions
from aggregator.dedupe.editor_commands import divide_story, merge_into, split_story
from aggregator.dedupe.removed_stories import PUBLISHER, hide_removed
from aggregator.errors import UnknownName, WrongDecision
from aggregator.model.config import Config
from aggregator.model.stories import Decision
from aggregator.ports import App
from aggregator.publishing.channels import known_channels, update_channels
from aggregator.store import (
    editorial,
    hidden_stories,
    items,
    sources,
    stories,
    story_connections,
    story_members,
    story_search,
)
from aggregator.store import event_decisions as event_store
from aggregator.store.connection import Store
from aggregator.store.runs import clear_idle

UndoFunction = Callable[[App, Store, Decision, Mapping[str, Any], int, str], None]
"""Takes a decision, the state stored with it, and number and author of the new decision."""


def last_decisions(config: Config, count: int) -> list[Decision]:
    """Return at most `count` decisions, the last one first."""
    with existing_store(config) as store, store.snapshot():
        return editorial.last_decisions(store, None, count)


def undo_decision(app: App, number: int, who: str) -> Decision:
    """Undo the decision with a number; return it. Raises UnknownName and WrongDecision."""
    with existing_store(app.config) as store, store.transaction():
        decision, before = _undoable(store, number)
        undoing = editorial.log_decision(
            store,
            f"undo {decision.verb}",
            who,
            app.clock(),
            stories=decision.stories,
            items=decision.items,
            before={"source": decision.source} if decision.source else None,
            undoes=number,
        )
        _UNDO_BY_VERB[decision.verb](app, store, decision, before, undoing, who)
        clear_idle(store)
        return decision


def _undoable(store: Store, number: int) -> tuple[Decision, Mapping[str, Any]]:
    """Return a decision with what its undo restores."""
    decision_and_before = editorial.numbered(store, number)
    if decision_and_before is None:
        raise UnknownName(
            f"no decision {number}: `aggregator story decisions` lists them; nothing was changed"
        )
    decision = decision_and_before[0]
    if decision.undone:
        raise WrongDecision(f"decision {number} was undone before; nothing was changed", "undone_before")
    if not decision.undoable or decision.verb not in _UNDO_BY_VERB:
        raise WrongDecision(f"decision {number} cannot be undone; nothing was changed", "not_undoable")
    return decision_and_before


def _changed_since(decision: Decision) -> WrongDecision:
    return WrongDecision(
        f"decision {decision.number} cannot be undone: its stories were changed since; nothing was changed",
        "changed_since",
    )


def _undo_merge(
    app: App, store: Store, decision: Decision, before: Mapping[str, Any], undoing: int, who: str
) -> None:
    """Move the items of each merged story back into a story of its former id."""
    now, kept = app.clock(), decision.stories[0]
    if editorial.decided_after(store, decision, ["merge"]):  # its links join the parts to a further story
        raise _changed_since(decision)
    for merged_id, item_ids in before["parts"].items():
        if stories.stories_of(store, item_ids) != {kept}:
            raise _changed_since(decision)
        story, leaving, _ = divide_story(store, item_ids)
        part = editorial.story_to_restore(store, kept, [merged_id])
        if part is None:
            raise _changed_since(decision)
        reason = f"merge undone by {who} on {now:%Y-%m-%d}"
        split_story(store, app.config, story, leaving, part, now, reason)
    editorial.restore_links(store, decision.number, before["links"])
    story_connections.remove_inherited(store, kept, before["connections"])
    story_connections.restore(store, before["connections"])
    _restore_event_decisions(store, kept, before["words"], undoing)
    for story_id in before["words"]:
        event_decisions.update_story_with_event(app, store, story_id)


def _restore_event_decisions(store: Store, kept: str, before: Mapping[str, Any], undoing: int) -> None:
    """Restore editors' decisions about the events of merged stories.

    `kept` loses a decision that it got by the merge, unless an editor set another one since.
    """
    inherited = [
        decision for story_id, decision in before.items() if story_id != kept and decision["decided"]
    ]
    if not before[kept]["decided"] and event_store.decision(store, kept) in inherited:
        event_store.remove_decision(store, kept)
    for story_id, decision in before.items():
        if story_id != kept:
            event_store.restore_decision(store, story_id, decision, undoing)


def _undo_split(
    app: App, store: Store, decision: Decision, before: Mapping[str, Any], _undoing: int, who: str
) -> None:
    """Merge the split-off part with its story."""
    parts = {cluster.story_id: cluster for cluster in story_members.clusters(store, decision.stories)}
    if set(parts) != set(decision.stories) or _has_editor_hidden_one(store, decision.stories):
        raise _changed_since(decision)
    if {member.item_id for member in parts[decision.stories[1]].members} != set(decision.items):
        raise _changed_since(decision)
    now = app.clock()
    kept = stories.oldest_first(store, decision.stories)[0]
    merge_into(store, app.config, kept, parts, f"split undone by {who} on {now:%Y-%m-%d}", now)
    editorial.restore_links(store, decision.number, before["links"])


def _has_editor_hidden_one(store: Store, story_ids: Sequence[str]) -> bool:
    """Return whether an editor hid some of the stories and not all.

    What only its publisher's removal hides is shown again beside published items.
    """
    hidden = stories.hidden(store, story_ids)
    by_editor = [id_ for id_ in hidden if editorial.hidden_by(store, id_) != PUBLISHER]
    return bool(by_editor) and len(hidden) < len(story_ids)


def _undo_keep_apart(
    app: App, store: Store, decision: Decision, before: Mapping[str, Any], _undoing: int, _who: str
) -> None:
    """Allow two stories to be compared and listed again."""
    now = app.clock()
    editorial.restore_links(store, decision.number, before["links"])
    story_connections.restore(store, before["connections"])
    update_channels(store, known_channels(store, app.config.channels), decision.stories, now)


def _undo_event(
    app: App, store: Store, decision: Decision, before: Mapping[str, Any], undoing: int, _who: str
) -> None:
    """Restore the former decision about the event of a story, or that there was none."""
    (story_id,) = decision.stories
    if (
        stories.facts(store, [story_id]) == []
        or stories.hidden(store, [story_id])
        or editorial.decided_after(store, decision, _EVENT_VERBS)
        or editorial.has_left_merge(store, decision)  # it replaced an event of a story that is apart again
    ):
        raise _changed_since(decision)
    event_store.restore_decision(store, story_id, before, undoing)
    event_decisions.update_story_with_event(app, store, story_id)


def _undo_visibility(
    app: App, store: Store, decision: Decision, _before: Mapping[str, Any], _undoing: int, _who: str
) -> None:
    """Hide or show stories by the decisions that remain in force and by publishers' removals."""
    if editorial.decided_after(store, decision, ["merge"]):
        raise _changed_since(decision)
    now, changed = app.clock(), []
    for story_id in {story_search.resolve(store, name): None for name in decision.stories}:
        last = editorial.visibility(store, story_id) if story_id else None
        if story_id is None or (last and last.number > decision.number):
            continue
        changed.append(story_id)
        by_publisher = last is not None and last.who == PUBLISHER
        if last and last.hidden:
            hidden_stories.hide(store, story_id, last.who, now, withdrawn=last.withdrawn or by_publisher)
        else:
            hidden_stories.unhide(store, story_id, now)
        if last is None or by_publisher:
            hide_removed(store, [story_id], now)
    if not changed:
        raise _changed_since(decision)
    update_channels(store, known_channels(store, app.config.channels), changed, now)


def _undo_review(
    _app: App, store: Store, decision: Decision, before: Mapping[str, Any], _undoing: int, _who: str
) -> None:
    """Return released or discarded items to review, unless some are published."""
    if not decision.items or stories.stories_of(store, decision.items):
        raise _changed_since(decision)
    items.hold_again(store, decision.items)
    sources.begin_review(store, before["source"])


_EVENT_VERBS = ("event", "event none", "event automatic")
_UNDO_BY_VERB: Mapping[str, UndoFunction] = {
    "merge": _undo_merge,
    "split": _undo_split,
    "keep-apart": _undo_keep_apart,
    **dict.fromkeys(_EVENT_VERBS, _undo_event),
    "hide": _undo_visibility,
    "unhide": _undo_visibility,
    "release": _undo_review,
    "discard": _undo_review,
}
"""Function that undoes each kind of decision."""
