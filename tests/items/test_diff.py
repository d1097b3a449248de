"""Arriving items compared with known ones: new, the same, edited, significantly edited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given

from aggregator.items.diff import MAX_EDITS, has_text_changed, item_changes
from aggregator.model.events import Event, EventKind, EventStatus
from aggregator.model.items import Alias, ChangeKind, Item, ItemChange, KnownItem
from tests.builders import NOW, item
from tests.strategies import law, texts

YESTERDAY = NOW - timedelta(days=1)


def known(id_: str = "kkkkkkkkkkkkkkkk", **fields: Any) -> KnownItem:
    """Return a known item in a story, first seen yesterday, with the texts of `item()`."""
    usual = item()
    defaults: dict[str, Any] = {
        "title": usual.title,
        "text": usual.text,
        "content_hash": usual.content_hash,
        "first_seen": YESTERDAY,
        "claimed": YESTERDAY,
        "edits": 0,
        "story_id": "s",
        "dropped": None,
    }
    return KnownItem(id=id_, **defaults | fields)


def aliases(**kinds: str) -> tuple[Alias, ...]:
    """Aliases by kind."""
    return tuple(Alias(kind=kind, value=value) for kind, value in kinds.items())


def remembered(*pairs: tuple[KnownItem, tuple[Alias, ...]]) -> Callable[[Alias], KnownItem | None]:
    """The store's answer: which item is known under an alias."""
    return {alias: item for item, all_of_it in pairs for alias in all_of_it}.get


def arrival(arriving: Item, old: KnownItem) -> ItemChange:
    """What becomes of an item that is known as `old`."""
    (made,) = item_changes([arriving], remembered((old, arriving.aliases)))
    return made


# --- who it is -----------------------------------------------------------------------------------------


def test_an_unknown_item_is_new() -> None:
    """An item none of whose aliases is known is kept as it came."""
    assert item_changes([item()], remembered()) == (ItemChange(item=item(), change=ChangeKind.NEW),)
    assert item_changes([], remembered()) == ()


def test_a_known_item_keeps_its_id_and_first_seen() -> None:
    """An arriving known item keeps its id and the time it was first seen (I4, T1)."""
    made = arrival(item(first_seen=NOW), known())
    assert (made.item.id, made.item.first_seen, made.change) == (
        "kkkkkkkkkkkkkkkk",
        YESTERDAY,
        ChangeKind.SAME,
    )


def test_a_migrated_guid_is_recognised_by_its_link() -> None:
    """A site that changes all its guids has no new items, since links are the same (I2)."""
    moved = item("new", aliases=aliases(guid="new", link="node.example/a"))
    (made,) = item_changes([moved], remembered((known(), aliases(guid="old", link="node.example/a"))))
    assert made.item.id == "kkkkkkkkkkkkkkkk"


SHARED = aliases(link="node.example/light", linktitle="node.example/light\nx", text="hash")
COURSE = {"title": "Places left in the confocal course", "text": "Six people per day, write to the facility."}
LENS = {"title": "Who wants our old objective?", "text": "Collect it until Friday in room twelve."}


@pytest.mark.parametrize(
    ("old", "days", "is_new"),
    [
        (COURSE, 40, True),
        (COURSE, 0, False),  # an edit keeps the date
        ({**COURSE, "title": "Our old objective finds a friend"}, 40, False),  # or words of the title
        ({**COURSE, "text": LENS["text"]}, 40, False),  # or the text
    ],
)
def test_a_page_that_two_items_link_identifies_none(old: dict[str, str], days: int, is_new: bool) -> None:
    """Under a known link, an item is new if title, text and date are all others (I1)."""
    first = known(claimed=NOW - timedelta(days=days), **old)
    arriving = item("lens", aliases=SHARED, claimed=NOW, **LENS)
    (made,) = item_changes([arriving], remembered((first, SHARED[:1])))
    assert (made.change is ChangeKind.NEW) == is_new
    if is_new:
        assert made.item.id not in (first.id, "lens")
        (again,) = item_changes(
            [arriving], remembered((first, SHARED[:1]), (known(made.item.id, **LENS), SHARED[1:]))
        )
        assert again.item.id == made.item.id


def test_a_guid_that_other_news_had_identifies_none() -> None:
    """With a known guid an item is new if link, title, text and date are all others (I1)."""
    first = known(claimed=NOW - timedelta(days=40), **COURSE)
    arriving = item(
        "lens", aliases=aliases(guid="1", link="node.example/lens", text="hash"), claimed=NOW, **LENS
    )
    guid, link, _ = arriving.aliases
    (made,) = item_changes([arriving], remembered((first, (guid,))))
    assert (made.change, made.item.aliases) == (ChangeKind.NEW, arriving.aliases[1:])
    second = known(made.item.id, **LENS)
    (again,) = item_changes([arriving], remembered((first, (guid,)), (second, (link,))))
    assert again.item.id == made.item.id
    (edited,) = item_changes([arriving], remembered((first, (guid, link))))
    assert edited.item.id == first.id, "guid and link agree"


def test_the_strongest_alias_decides() -> None:
    """Where guid and link lead to two known items, the guid is believed (I2)."""
    by_guid, by_link = known("by guid"), known("by link")
    swapped = item(aliases=aliases(guid="1", link="b"))
    lookup = remembered((by_guid, aliases(guid="1")), (by_link, aliases(link="b")))
    assert [made.item.id for made in item_changes([swapped], lookup)] == ["by guid"]


@pytest.mark.parametrize("turned", [False, True])
def test_a_known_item_is_claimed_once(turned: bool) -> None:
    """Two arriving items cannot be one known item; the stronger alias wins (I2)."""
    strong = item("strong", title="A", aliases=aliases(guid="1", link="x"))
    weak = item("weak", title="B", aliases=aliases(guid="2", linktitle="p\nt"))
    lookup = remembered((known(), aliases(guid="1", linktitle="p\nt")))
    arriving = [weak, strong] if turned else [strong, weak]
    made = {a.item.title: (a.item.id, a.change is ChangeKind.NEW) for a in item_changes(arriving, lookup)}
    assert made == {"A": ("kkkkkkkkkkkkkkkk", False), "B": ("weak", True)}


def test_arrivals_keep_the_order_of_the_document() -> None:
    """Document order breaks ties, so reconciling does not disturb it (T4)."""
    arriving = [item(id_) for id_ in "cab"]
    assert [made.item.id for made in item_changes(arriving, remembered())] == ["c", "a", "b"]


def test_an_id_that_is_taken_is_not_given_again() -> None:
    """An item whose id is taken, since two sources exchanged addresses, gets another (I4)."""
    (made,) = item_changes([item()], remembered(), {item().id})
    assert made.item.id != item().id
    assert len(made.item.id) == len(item().id)
    assert (made,) == item_changes([item()], remembered(), {item().id})


# --- dates and filters ---------------------------------------------------------------------------------


def test_a_redated_item_does_not_jump() -> None:
    """The first sane date stands; an item that had none takes the first it gets (T1)."""
    assert arrival(item(claimed=NOW), known()).item.claimed == YESTERDAY
    assert arrival(item(claimed=NOW), known(claimed=None)).item.claimed == NOW
    assert arrival(item(claimed=None), known()).item.claimed == YESTERDAY


def test_a_placed_story_outlives_a_new_filter() -> None:
    """A filter added later takes no story away, but keeps out what was never placed (G3)."""
    filtered = item(dropped="drop: job")
    assert arrival(filtered, known()).item.dropped is None
    assert arrival(filtered, known(story_id=None)).item.dropped == "drop: job"


def test_a_filter_taken_back_lets_an_item_in() -> None:
    """An item that is no longer dropped is a change, though its words are the same (G3)."""
    made = arrival(item(), known(story_id=None, dropped="drop: job"))
    assert made.item.dropped is None
    assert made.change is not ChangeKind.SAME


# --- edits ---------------------------------------------------------------------------------------------

LONG = "Some words about microscopes and those who use them. " * 20


def edited(old: str, new: str, **fields: Any) -> ChangeKind:
    """What an edit of a text is."""
    before = known(text=old, **fields)
    return arrival(item(text=new, content_hash="other"), before).change


def test_a_changed_title_is_significant() -> None:
    """A title of other words is news; one of other case or punctuation is not (E1)."""
    assert arrival(item(title="Cancelled: news", content_hash="x"), known()).change is ChangeKind.SIGNIFICANT
    assert (
        arrival(item(title="NEWS: aaaaaaaaaaaaaaaa!", content_hash="x"), known()).change is ChangeKind.EDITED
    )


def test_a_small_edit_is_an_edit() -> None:
    """Up to 10 % or up to 50 characters changed is no news (E1)."""
    assert edited(LONG, LONG.replace("Some", "Many", 1)) is ChangeKind.EDITED
    assert edited("Short.", "A little less short.") is ChangeKind.EDITED
    assert edited(LONG, LONG) is ChangeKind.EDITED  # something else that is shown, such as a category


def test_a_large_edit_is_significant() -> None:
    """A change of over 10 % and 50 characters is significant: added, removed, replaced (E1)."""
    more = "And a whole new paragraph on what will happen next year in spring. " * 3
    assert edited(LONG, LONG + more) is ChangeKind.SIGNIFICANT
    assert edited(LONG + more, LONG) is ChangeKind.SIGNIFICANT
    assert edited(LONG, LONG[:-300] + LONG[:300].upper()) is ChangeKind.SIGNIFICANT


def test_a_text_taken_away_by_retention_is_no_news_when_it_comes_back() -> None:
    """What we ourselves forgot was not edited by anybody (E1)."""
    assert edited("", LONG) is ChangeKind.EDITED


def test_the_end_of_a_long_text_counts() -> None:
    """Of a text of 25,000 characters the last ones count like the first (E1)."""
    article = "A sentence of a long article. " * 850
    assert has_text_changed(article, article + "Now with an appendix. " * 300)


@given(texts, texts)
@law
def test_difference_is_symmetric_at_equal_length_and_nothing_at_no_change(one: str, other: str) -> None:
    """A text does not differ from itself, and up to 50 characters are never significant (E1)."""
    assert not has_text_changed(one, one)
    assert not has_text_changed(one[:50], other[:50])
    if len(one) == len(other):
        assert has_text_changed(one, other) == has_text_changed(other, one)


def test_a_restless_text_stops_being_edited() -> None:
    """A text edited repeatedly, such as a counter, makes no more revisions (E2).

    Its title still counts.
    """
    assert edited(LONG, LONG * 2, edits=MAX_EDITS - 1) is ChangeKind.SIGNIFICANT
    assert edited(LONG, LONG * 2, edits=MAX_EDITS) is ChangeKind.SAME
    renamed = replace(item(), title="Other words", content_hash="x")
    assert arrival(renamed, known(edits=MAX_EDITS)).change is ChangeKind.SIGNIFICANT


def renamed(*titles: str, **fields: Any) -> list[ChangeKind]:
    """Return the change of each further title of an item whose text stays."""
    changes = []
    old = known(title=titles[0], **fields)
    for title in titles[1:]:
        change = arrival(item(title=title, content_hash=title), old).change
        changes.append(change)
        if change is not ChangeKind.SAME:
            old = replace(
                old, title=title, edits=old.edits + 1, former_titles=(*old.former_titles, old.title)
            )
    return changes


YES, NO = ChangeKind.SIGNIFICANT, ChangeKind.SAME


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        ([f"Course: {n} places left" for n in (9, 8, 7, 6, 5, 4)], [YES, YES, NO, NO, NO]),
        (["News"] + [f"News (updated 14:{n})" for n in (15, 25, 35, 45)], [YES, YES, YES, NO]),
        ([f"Results ({n} views)" for n in ("987", "1,204", "2 310", "11.001")], [YES, YES, NO]),
        (["Meeting on 12 May", "Meeting on 13 May"], [YES]),
        (["Call 2026: apply", "Call 2027: apply"], [YES]),
        (["Call", "Call: deadline extended to 15 June", "Call: deadline extended to 30 June"], [YES, YES]),
        (
            ["3 left", "2 left", "1 left", "0 left", "Cancelled: 0 left", "Cancelled: 4 left"],
            [YES, YES, NO, YES, NO],
        ),
        ([f"On air: {word}" for word in "abcdefghijkl"], [YES] * MAX_EDITS + [NO] * 3),
        ([f"{word} News" for word in ("A", "B", "A", "B", "A")], [YES] * 4),
    ],
)
def test_a_title_that_changes_by_itself_stops_being_edited(
    titles: list[str], expected: list[ChangeKind]
) -> None:
    """A title with a counter or clock is recognised after two changes of numbers (E2).

    The first ones, and changes of words, are significant.
    """
    assert renamed(*titles) == expected


def test_a_text_beside_a_changing_title_still_counts() -> None:
    """A rewritten text of an item whose title has a counter is significant (E1)."""
    before = known(title="2 left", text=LONG, former_titles=("4 left", "3 left"))
    turned = item(title="1 left", text=LONG * 2, content_hash="x")
    assert arrival(turned, before).change is ChangeKind.SIGNIFICANT
    assert arrival(replace(turned, text=LONG + "."), before).change is ChangeKind.EDITED


# --- events --------------------------------------------------------------------------------------------

EVENT = Event(kind=EventKind.EVENT, start=date(2026, 10, 20), end=date(2026, 10, 22), place="Turin")


@pytest.mark.parametrize(
    "facts",
    [{"start": date(2026, 10, 19)}, {"place": "Rome"}, {"status": EventStatus.CANCELLED}],
)
def test_a_change_of_event_facts_is_significant(facts: dict[str, Any]) -> None:
    """Another date, place or status is a significant edit, however short (E1)."""
    arriving = replace(item(), events=(replace(EVENT, **facts),), content_hash="other")
    assert arrival(arriving, known(events=(EVENT,))).change is ChangeKind.SIGNIFICANT


def test_moving_occurrences_are_no_significant_edit() -> None:
    """The next dates of a series change with time alone; events found later are no edits."""
    arriving = replace(
        item(), events=(replace(EVENT, occurrences=(date(2026, 10, 20),)),), content_hash="other"
    )
    assert arrival(arriving, known(events=(EVENT,))).change is ChangeKind.EDITED
    assert arrival(arriving, known(events=None)).change is ChangeKind.EDITED
