"""Undo a decision of an editor, so that everything is as before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aggregator.dedupe import editor_commands, event_decisions
from aggregator.dedupe.editor_commands import absorb_stories, divided, part_story
from aggregator.errors import UnknownName, WrongDecision
from aggregator.model.config import Config
from aggregator.model.stories import Decision
from aggregator.ports import App
from aggregator.publishing.channels import known_channels, update_channels
from aggregator.store import connections, editorial, items, sources, stories, story_members
from aggregator.store import event_decisions as event_words
from aggregator.store.connection import Store, opened
from aggregator.store.runs import clear_finished_mark

Undo = Callable[[App, Store, Decision, Mapping[str, Any], int, str], None]
"""Takes a decision, what was stored before it, and the decision that undoes it.

Of the latter, number and author."""


def last(config: Config, count: int) -> list[Decision]:
    """Return at most `count` decisions, the last one first."""
    with opened(config.data / "aggregator.db", create=False) as store, store.snapshot():
        return editorial.last_decisions(store, None, count)


def decision(app: App, number: int, who: str) -> Decision:
    """Undo the decision with a number; return it. Raises UnknownName and WrongDecision."""
    with opened(app.config.data / "aggregator.db", create=False) as store, store.transaction():
        made, before = _undoable(store, number)
        if made.verb in _UNDOES:
            undoing = editorial.decide(
                store,
                f"undo {made.verb}",
                who,
                app.clock(),
                stories=made.stories,
                items=made.items,
                before={"source": made.source} if made.source else None,
                undoes=number,
            )
            _UNDOES[made.verb](app, store, made, before, undoing, who)
            clear_finished_mark(store)
            return made
    hidden = made.verb == "unhide"
    if not editor_commands.set_hidden(app, made.stories, who, hidden=hidden, undoes=number):
        raise _changed_since(made)
    return made


def _undoable(store: Store, number: int) -> tuple[Decision, Mapping[str, Any]]:
    """Return a decision with what its undo restores."""
    found = editorial.numbered(store, number)
    if found is None:
        raise UnknownName(f"no decision {number}; nothing was changed")
    made = found[0]
    if made.undone:
        raise WrongDecision(f"decision {number} was undone before; nothing was changed", "undone_before")
    if not made.undoable or made.verb not in (*_UNDOES, "hide", "unhide"):
        raise WrongDecision(f"decision {number} cannot be undone; nothing was changed", "not_undoable")
    return found


def _changed_since(made: Decision) -> WrongDecision:
    return WrongDecision(
        f"decision {made.number} cannot be undone: its stories were changed since; nothing was changed",
        "changed_since",
    )


def _merge(app: App, store: Store, made: Decision, before: Mapping[str, Any], undoing: int, who: str) -> None:
    """Let the items of each merged story found it again."""
    now, kept = app.clock(), made.stories[0]
    for gone, item_ids in before["parts"].items():
        if stories.stories_of(store, item_ids) != {kept}:
            raise _changed_since(made)
        story, leaving, _ = divided(store, item_ids)
        part = editorial.merged_part(store, kept, [gone])
        if part is None:
            raise _changed_since(made)
        why = f"merge undone by {who} on {now:%Y-%m-%d}"
        part_story(store, app.config, story, leaving, part, now, why)
    editorial.restore_links(store, made.number, before["links"])
    connections.remove_inherited(store, kept, before["connections"])
    connections.restore(store, before["connections"])
    _restore_words(store, kept, before["words"], undoing)
    for story_id in before["words"]:
        event_decisions.publish(app, store, story_id)


def _restore_words(store: Store, kept: str, words: Mapping[str, Any], undoing: int) -> None:
    """Restore editors' words on the events of merged stories.

    `kept` loses a word that it has only from another one, unless an editor set another since.
    """
    passed_on = [word for story_id, word in words.items() if story_id != kept and word["decided"]]
    if not words[kept]["decided"] and event_words.decision(store, kept) in passed_on:
        event_words.undecide(store, kept)
    for story_id, word in words.items():
        if story_id != kept:
            event_words.restore_decision(store, story_id, word, undoing)


def _split(
    app: App, store: Store, made: Decision, before: Mapping[str, Any], _undoing: int, who: str
) -> None:
    """Merge the part that left with its story."""
    parts = {each.story_id: each for each in story_members.clusters(store, made.stories)}
    if set(parts) != set(made.stories) or len({*stories.hidden(store, made.stories)}) == 1:
        raise _changed_since(made)
    if {member.item_id for member in parts[made.stories[1]].members} != set(made.items):
        raise _changed_since(made)
    now = app.clock()
    kept = stories.oldest_first(store, made.stories)[0]
    absorb_stories(store, app.config, kept, parts, f"split undone by {who} on {now:%Y-%m-%d}", now)
    editorial.restore_links(store, made.number, before["links"])


def _keep_apart(
    app: App, store: Store, made: Decision, before: Mapping[str, Any], _undoing: int, _who: str
) -> None:
    """Let two stories be compared and listed again."""
    now = app.clock()
    editorial.restore_links(store, made.number, before["links"])
    connections.restore(store, before["connections"])
    update_channels(store, known_channels(store, app.config.channels), made.stories, now)


def _event(
    app: App, store: Store, made: Decision, before: Mapping[str, Any], undoing: int, _who: str
) -> None:
    """Restore the former word on the event of a story, or that there was none."""
    (story_id,) = made.stories
    if stories.facts(store, [story_id]) == [] or stories.hidden(store, [story_id]):
        raise _changed_since(made)
    event_words.restore_decision(store, story_id, before, undoing)
    event_decisions.publish(app, store, story_id)


def _held(
    _app: App, store: Store, made: Decision, before: Mapping[str, Any], _undoing: int, _who: str
) -> None:
    """Let released or discarded items wait for an editor again, unless some are published."""
    if not made.items or stories.stories_of(store, made.items):
        raise _changed_since(made)
    items.waiting_again(store, made.items)
    sources.begin_review(store, before["source"])


_UNDOES: Mapping[str, Undo] = {
    "merge": _merge,
    "split": _split,
    "keep-apart": _keep_apart,
    "event": _event,
    "event none": _event,
    "event automatic": _event,
    "release": _held,
    "discard": _held,
}
"""How each decision is undone; `hide` and `unhide` undo each other."""
