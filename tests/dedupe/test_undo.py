"""Undoing decisions: stories, link constraints, candidates and events are as before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aggregator.dedupe import editor_commands, event_decisions, explain, recluster, undo
from aggregator.dedupe.event_decisions import EventChange
from aggregator.dedupe.removed_stories import PUBLISHER, hide_removed
from aggregator.errors import UnknownName, WrongDecision
from aggregator.model.stories import MergeCandidate
from aggregator.ports import App
from aggregator.store import editorial, stories
from aggregator.store.connection import opened, stamp
from tests.dedupe.test_assign import OTHER_WELCOME, SURVEY, UMFRAGE, WELCOME, in_feed, store_reports
from tests.digests.scenario import rows
from tests.workplace import Clock, Workplace

STATE = (
    "SELECT id, story_id FROM items ORDER BY id",
    "SELECT one, other, kind FROM link_constraints ORDER BY 1, 2",
    "SELECT story_id, other_id, score, why FROM merge_candidates ORDER BY 1, 2",
    "SELECT story_id, other_id, why FROM related ORDER BY 1, 2",
    "SELECT id, lead_id, hidden, announced, published, fed, month FROM stories ORDER BY id",
    "SELECT story_id, facts FROM event_decisions ORDER BY 1",
    "SELECT story_id, part, facts FROM story_events WHERE present ORDER BY 1, 2",
    "SELECT channel_id, story_id FROM channel_stories ORDER BY 1, 2",
    "SELECT story_id, became FROM tombstones ORDER BY 1",
)


def state(place: Workplace) -> list[list[tuple[Any, ...]]]:
    """Return the rows that a decision may change, without times and revisions."""
    return [rows(place, sql) for sql in STATE]


@pytest.fixture
def ids(place: Workplace, clock: Clock) -> dict[str, str]:
    """Publish a story of two items and two others, which are related and merge candidates."""
    story_ids = store_reports(place, SURVEY, UMFRAGE, WELCOME, OTHER_WELCOME)
    pair = MergeCandidate(story_id=story_ids[OTHER_WELCOME[1]], score=7.0, why="titles alike")
    with opened(place.database) as store, store.transaction():
        editorial.add_candidate(store, story_ids[WELCOME[1]], [pair], clock.now)
        editorial.add_relations(store, [(story_ids[WELCOME[1]], story_ids[OTHER_WELCOME[1]], "titles alike")])
    survey = MergeCandidate(story_id=story_ids[SURVEY[1]], score=6.0, why="one week")
    with opened(place.database) as store, store.transaction():
        for title in (WELCOME[1], OTHER_WELCOME[1]):
            editorial.add_relations(
                store, [(story_ids[title], story_ids[SURVEY[1]], f"{title} and the survey")]
            )
        editorial.add_candidate(store, story_ids[OTHER_WELCOME[1]], [survey], clock.now)
    event_decisions.set_event(
        place.app(), story_ids[OTHER_WELCOME[1]], EventChange(start="2026-12-01"), "max"
    )
    return {
        "survey": story_ids[SURVEY[1]],
        "one": story_ids[WELCOME[1]],
        "other": story_ids[OTHER_WELCOME[1]],
    }


def _split(app: App, ids: dict[str, str]) -> None:
    with opened(app.config.data / "aggregator.db") as store:
        second = stories.read(store, [ids["survey"]])[0].items[1].item.id
    editor_commands.split(app, [second], "eva", announce=False)


DECISIONS: dict[str, Callable[[App, dict[str, str]], object]] = {
    "merge": lambda app, ids: editor_commands.merge(app, [ids["one"], ids["other"]], "eva"),
    "merge of three": lambda app, ids: editor_commands.merge(app, list(ids.values()), "eva"),
    "split": _split,
    "keep apart": lambda app, ids: editor_commands.keep_apart(app, ids["one"], ids["other"], "eva"),
    "hide": lambda app, ids: editor_commands.hide(app, [ids["one"]], "eva"),
    "event": lambda app, ids: event_decisions.set_event(
        app, ids["one"], EventChange(start="2026-11-20", place="Jena"), "eva"
    ),
    "no event": lambda app, ids: event_decisions.remove_event(app, ids["survey"], "eva"),
}


@pytest.mark.parametrize("decision", DECISIONS)
def test_undo_restores_everything(place: Workplace, ids: dict[str, str], decision: str) -> None:
    """After an undo stories, constraints, candidates, relations and events are as before it."""
    before = state(place)
    DECISIONS[decision](place.app(), ids)
    assert state(place) != before
    last_decision = undo.last_decisions(place.app().config, 1)[0]
    assert last_decision.undoable and last_decision.who == "eva"
    undo.undo_decision(place.app(), last_decision.number, "max")
    after = state(place)
    # The id of a part that was split off is permanent: it leads to the story.
    assert after[-1] == ([(last_decision.stories[1], ids["survey"])] if decision == "split" else before[-1])
    assert after[:-1] == before[:-1]
    undoing, undone = undo.last_decisions(place.app().config, 2)
    assert (undone.undone, undone.undoable, undoing.undoable, undoing.who) == (True, False, False, "max")
    assert recluster.run(place.app(), dry_run=True).leaves == ()


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_is_undone_once(place: Workplace, ids: dict[str, str], decision: str) -> None:
    """A second undo is refused and changes nothing."""
    DECISIONS[decision](place.app(), ids)
    undo.undo_decision(place.app(), 2, "max")
    before = state(place)
    with pytest.raises(WrongDecision, match="undone before; nothing was changed"):
        undo.undo_decision(place.app(), 2, "max")
    with pytest.raises(WrongDecision, match="cannot be undone; nothing was changed"):
        undo.undo_decision(place.app(), 3, "max")
    assert state(place) == before


def test_undo_of_a_second_event_restores_the_first(place: Workplace, ids: dict[str, str]) -> None:
    """The undo of an event restores the event that an editor set before, not that of the items."""
    for day in ("2026-11-20", "2026-12-20"):
        event_decisions.set_event(place.app(), ids["one"], EventChange(start=day), "eva")
    event_decisions.make_automatic(place.app(), ids["one"], "eva")
    undo.undo_decision(place.app(), 4, "eva")
    undo.undo_decision(place.app(), 3, "eva")
    story_event = event_decisions.read_event(place.app(), ids["one"]).event
    assert story_event is not None and story_event.event.start.isoformat() == "2026-11-20"


def test_undo_restores_constraints_that_a_decision_replaced(place: Workplace, ids: dict[str, str]) -> None:
    """Undoing a merge of stories that were kept apart keeps them apart again."""
    editor_commands.keep_apart(place.app(), ids["one"], ids["other"], "eva")
    before = state(place)
    editor_commands.merge(place.app(), [ids["one"], ids["other"]], "eva")
    undo.undo_decision(place.app(), 3, "eva")
    assert state(place) == before
    assert explain.pair(place.app().config, ids["one"], ids["other"])["editor"] == "cannot-link"


def test_a_decision_about_changed_stories_is_not_undone(place: Workplace, ids: dict[str, str]) -> None:
    """A merge cannot be undone after a further merge of its items, unless that is undone first."""
    with opened(place.database) as store:
        first, second, third = stories.oldest_first(store, list(ids.values()))
    for merged_ids in ([first, second], [first, third]):
        assert editor_commands.merge(place.app(), merged_ids, "eva")[0] == first
    before = state(place)
    with pytest.raises(WrongDecision, match="changed since; nothing was changed"):
        undo.undo_decision(place.app(), 2, "eva")
    assert state(place) == before
    undo.undo_decision(place.app(), 3, "eva")
    undo.undo_decision(place.app(), 2, "eva")
    assert len(set(in_feed(place))) == 3


def test_an_unknown_decision_is_refused(place: Workplace, ids: dict[str, str]) -> None:
    """A number that no decision has is an unknown name."""
    with pytest.raises(UnknownName, match=r"no decision 9: .* nothing was changed"):
        undo.undo_decision(place.app(), 9, "eva")


HIDDEN = "SELECT story_id, reason FROM tombstones WHERE became IS NULL"


def test_undo_of_an_older_hide_keeps_a_later_one(place: Workplace, ids: dict[str, str]) -> None:
    """The undo of a decision to hide a story does not show it if a later decision hides it."""
    for hidden in (True, False, True):
        decide = editor_commands.hide if hidden else editor_commands.unhide
        decide(place.app(), [ids["one"]], "eva")
    before = state(place)
    for number in (2, 3):
        with pytest.raises(WrongDecision, match="changed since"):
            undo.undo_decision(place.app(), number, "max")
    assert state(place) == before and rows(place, HIDDEN) == [(ids["one"], "hidden by eva")]
    undo.undo_decision(place.app(), 4, "max")
    undo.undo_decision(place.app(), 3, "max")
    assert rows(place, HIDDEN) == [(ids["one"], "hidden by eva")]
    undo.undo_decision(place.app(), 2, "max")
    assert rows(place, HIDDEN) == []


def test_undo_of_unhide_reports_a_removal_again(place: Workplace, ids: dict[str, str]) -> None:
    """A story hidden as withdrawn is so again when showing it was a mistake."""
    editor_commands.hide(place.app(), [ids["one"]], "eva", withdrawn=True)
    before = rows(place, HIDDEN)
    editor_commands.unhide(place.app(), [ids["one"]], "max")
    undo.undo_decision(place.app(), 3, "max")
    assert rows(place, HIDDEN) == before == [(ids["one"], "withdrawn by eva")]


def test_undo_of_hide_does_not_show_a_removed_story(place: Workplace, ids: dict[str, str]) -> None:
    """A story that its publisher removed before or after an editor hid it stays hidden."""
    for hidden_first, story_id in ((False, ids["one"]), (True, ids["other"])):
        if hidden_first:
            editor_commands.hide(place.app(), [story_id], "eva")
        with opened(place.database) as store, store.transaction():
            store.db.execute(
                "INSERT INTO missing_items (item_id, source_id, since, withdrawn)"
                " SELECT id, source_id, first_seen, first_seen FROM items WHERE story_id = ?",
                [story_id],
            )
            hide_removed(store, [story_id], place.clock.now)
        if not hidden_first:
            editor_commands.hide(place.app(), [story_id], "eva")
        (number,) = rows(place, "SELECT max(number) FROM decisions WHERE who = 'eva'")[0]
        undo.undo_decision(place.app(), number, "max")
        assert (story_id, f"withdrawn by {PUBLISHER}") in rows(place, HIDDEN)
        with opened(place.database) as store:
            assert editorial.hidden_by(store, story_id) == PUBLISHER


def test_undo_of_an_older_event_keeps_a_later_one(place: Workplace, ids: dict[str, str]) -> None:
    """The undo of a decision on an event is refused if a later decision set another one."""
    for day in ("2026-11-20", "2026-12-20"):
        event_decisions.set_event(place.app(), ids["one"], EventChange(start=day), "eva")
    before = state(place)
    with pytest.raises(WrongDecision, match="changed since"):
        undo.undo_decision(place.app(), 2, "max")
    assert state(place) == before


def test_undo_restores_no_constraint_that_was_undone(place: Workplace, ids: dict[str, str]) -> None:
    """Stories kept apart and then merged are free after both decisions were undone."""
    before = state(place)
    editor_commands.keep_apart(place.app(), ids["one"], ids["other"], "eva")
    editor_commands.merge(place.app(), [ids["one"], ids["other"]], "eva")
    undo.undo_decision(place.app(), 2, "max")
    undo.undo_decision(place.app(), 3, "max")
    assert state(place)[1] == before[1]


def test_undo_restores_the_last_constraint_in_force(place: Workplace, ids: dict[str, str]) -> None:
    """Stories kept apart thrice stay apart until all three decisions were undone."""
    before = state(place)
    for _ in range(3):
        editor_commands.keep_apart(place.app(), ids["one"], ids["other"], "eva")
    for number in (3, 4):
        undo.undo_decision(place.app(), number, "max")
        assert explain.pair(place.app().config, ids["one"], ids["other"])["editor"] == "cannot-link"
    undo.undo_decision(place.app(), 2, "max")
    assert state(place)[1] == before[1]


def test_an_event_of_a_merged_story_is_not_restored_after_the_merge(
    place: Workplace, ids: dict[str, str]
) -> None:
    """An event that replaced one of a merged story is not undone once both are apart again."""
    kept, (gone,) = editor_commands.merge(place.app(), [ids["one"], ids["other"]], "eva")
    event_decisions.set_event(place.app(), kept, EventChange(start="2026-11-20"), "eva")
    undo.undo_decision(place.app(), 2, "max")
    before = state(place)
    with pytest.raises(WrongDecision, match="changed since"):
        undo.undo_decision(place.app(), 3, "max")
    assert state(place) == before and gone in {row[0] for row in before[5]}
    event_decisions.make_automatic(place.app(), kept, "eva")
    undo.undo_decision(place.app(), 5, "max")
    assert state(place) == before


def test_undo_of_hide_shows_no_story_that_was_merged_since(place: Workplace, ids: dict[str, str]) -> None:
    """Each of two hidden and merged stories stays hidden until its own decision is undone."""
    for name in ("one", "other"):
        editor_commands.hide(place.app(), [ids[name]], "eva")
    editor_commands.merge(place.app(), [ids["one"], ids["other"]], "eva")
    for number in (2, 3):
        with pytest.raises(WrongDecision, match="changed since"):
            undo.undo_decision(place.app(), number, "max")
    undo.undo_decision(place.app(), 4, "max")
    undo.undo_decision(place.app(), 2, "max")
    assert [story_id for story_id, _ in rows(place, HIDDEN)] == [ids["other"]]


def remove(place: Workplace, *item_ids: str) -> None:
    """Record items as removed by their publishers, and hide their stories."""
    with opened(place.database) as store, store.transaction():
        for item_id in item_ids:
            store.db.execute(
                "INSERT INTO missing_items (item_id, source_id, since, withdrawn)"
                " SELECT id, source_id, ?1, ?1 FROM items WHERE id = ?2",
                [stamp(place.clock.now), item_id],
            )
        hide_removed(store, stories.stories_of(store, item_ids), place.clock.now)


def hidden(place: Workplace) -> list[str]:
    """Return the ids of hidden stories."""
    return [row[0] for row in rows(place, "SELECT id FROM stories WHERE hidden ORDER BY id")]


def test_a_removed_part_is_hidden(place: Workplace, ids: dict[str, str]) -> None:
    """A story is hidden if a split leaves it only removed items, until the split is undone (I8)."""
    with opened(place.database) as store:
        _, second = stories.read(store, [ids["survey"]])[0].items
    remove(place, second.item.id)
    before = state(place)
    _, part = editor_commands.split(place.app(), [second.item.id], "eva", announce=False)
    assert hidden(place) == [part]
    (number,) = [each.number for each in undo.last_decisions(place.app().config, 5) if each.verb == "split"]
    undo.undo_decision(place.app(), number, "eva")
    assert hidden(place) == [] and state(place)[:-1] == before[:-1]


def test_a_story_removed_while_merged_is_hidden_afterwards(place: Workplace, ids: dict[str, str]) -> None:
    """A merge is undone for a story whose only item was removed meanwhile, which is hidden (I8)."""
    ((item_id,),) = rows(place, f"SELECT id FROM items WHERE story_id = '{ids['one']}'")
    editor_commands.merge(place.app(), [ids["one"], ids["other"]], "eva")
    remove(place, item_id)
    assert hidden(place) == []
    undo.undo_decision(place.app(), 2, "eva")
    assert hidden(place) == [ids["one"]]


def test_a_removed_story_that_an_editor_shows_stays_so(
    place: Workplace, ids: dict[str, str], clock: Clock
) -> None:
    """What an editor shows in spite of a removal is hidden by a later removal only (I7, I8)."""
    with opened(place.database) as store:
        first, second = (each.item.id for each in stories.read(store, [ids["survey"]])[0].items)
    remove(place, first, second)
    clock.now += timedelta(hours=1)
    editor_commands.unhide(place.app(), [ids["survey"]], "eva")
    ((item_id,),) = rows(place, f"SELECT id FROM items WHERE story_id = '{ids['one']}'")
    merged_id, _ = editor_commands.merge(place.app(), [ids["survey"], ids["one"]], "eva")
    editor_commands.split(place.app(), [item_id], "eva", announce=False)
    assert merged_id == ids["survey"] and hidden(place) == []
    clock.now += timedelta(hours=1)
    with opened(place.database) as store:
        store.db.execute("DELETE FROM missing_items")
    remove(place, first, second)
    assert hidden(place) == [ids["survey"]]


def test_a_part_of_a_shown_merge_is_shown(place: Workplace, ids: dict[str, str]) -> None:
    """A story hidden before a merge that was shown is visible apart, also after a later hide."""
    pair = [ids["one"], ids["other"]]
    editor_commands.hide(place.app(), pair, "eva")
    kept, (gone,) = editor_commands.merge(place.app(), pair, "eva")
    editor_commands.unhide(place.app(), [kept], "eva")
    undo.undo_decision(place.app(), 3, "eva")
    assert hidden(place) == []
    editor_commands.hide(place.app(), [gone], "eva")
    undo.undo_decision(place.app(), undo.last_decisions(place.app().config, 1)[0].number, "eva")
    assert hidden(place) == []
