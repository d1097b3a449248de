"""Which items are missing from a document, and when they count as removed (I8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from aggregator.model.polling import ListedItem, MissingItem
from aggregator.polling.missing_items import (
    CHECK_INTERVAL,
    MAX_CHECKS,
    MAX_MISSING_TIME,
    PageCheckResult,
    evaluate_page_check,
    find_missing,
)
from tests.builders import NOW

HOMES = ("https://node.example/feed/", "https://node.example/")
DAY = timedelta(days=1)


def document(days: Sequence[int], **links: str | None) -> list[ListedItem]:
    """Make items a, b, c … of these ages in days, with own links unless given."""
    return [
        ListedItem(
            item_id=id_,
            link=links.get(id_, f"https://node.example/news/{id_}"),
            sort_time=NOW - days[n] * DAY,
            placed=True,
        )
        for n, id_ in enumerate("abcdefghij"[: len(days)])
    ]


@pytest.mark.parametrize(
    ("days", "here", "expected"),
    [
        ((1, 2, 3, 4), "abcd", ""),  # all are there
        ((1, 2, 3, 4), "abc", ""),  # the oldest fell off the end
        ((1, 2, 3, 4), "ab", ""),  # two did
        ((1, 2, 3, 4), "acd", "b"),  # one left the middle
        ((1, 2, 3, 4), "bcd", "a"),  # or the top
        ((1, 2, 3, 4), "ac", "b"),  # one left the middle, and one fell off the end
        ((1, 2, 3, 4, 5), "ade", "bc"),
        ((1, 2, 3, 4, 5), "ae", ""),  # more than half: the document was made anew
        ((1, 2, 3, 4), "", ""),  # G1: nothing is left
        ((1,), "", ""),
        ((0, 0, 0, 0), "abd", "c"),  # undated: the order of the document counts
        ((0, 0, 0, 0), "abc", ""),
        ((900, 1, 2, 3), "abc", ""),  # a pinned old entry stands above all
        ((900, 1, 2, 3), "abd", "c"),
        ((4, 3, 2, 1), "bcd", ""),  # the oldest stands first: there it falls off
    ],
)
def test_an_entry_that_left_the_middle_is_missing(days: Sequence[int], here: str, expected: str) -> None:
    """An item is missing if an item that is no newer remains below it (I8)."""
    assert find_missing(document(days), set(here), HOMES) == tuple(expected)


@pytest.mark.parametrize(
    "link",
    [
        None,
        "https://node.example/",
        "http://www.node.example/en/news/",
        "https://node.example/feed",
        "mailto:news@node.example",
        "ftp://node.example/news/b.pdf",
    ],
)
def test_an_item_without_a_page_is_not_checked(link: str | None) -> None:
    """A home or listing page says nothing of one item, and only web pages can be asked for (I1)."""
    assert find_missing(document((1, 2, 3, 4), b=link), set("acd"), HOMES) == ()


def test_an_item_without_a_story_is_not_checked() -> None:
    """An item that a filter dropped or an editor is asked about is published nowhere (G2, G3)."""
    before = document((1, 2, 3, 4))
    held = ListedItem(item_id="b", link=before[1].link, sort_time=before[1].sort_time, placed=False)
    assert find_missing([before[0], held, *before[2:]], set("acd"), HOMES) == ()


CLEARED, LATER, REMOVED = PageCheckResult.CLEARED, PageCheckResult.LATER, PageCheckResult.REMOVED


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([404, 404], [LATER, REMOVED]),
        ([410, 404], [LATER, REMOVED]),
        ([200], [CLEARED]),
        ([404, 200], [LATER, CLEARED]),
        ([404, 503, 410], [LATER, LATER, REMOVED]),
        ([404, None, None, None, None], [LATER] * 4 + [CLEARED]),
        ([403] * MAX_CHECKS, [LATER] * (MAX_CHECKS - 1) + [CLEARED]),
        ([301, 500, None, 429, 404, 404], [LATER] * 5 + [REMOVED]),
    ],
)
def test_gone_twice_is_removed(answers: Sequence[int | None], expected: Sequence[PageCheckResult]) -> None:
    """Two 404 or 410 a day apart remove an item, a 200 clears it, errors do neither (I8)."""
    missing_item = MissingItem(item_id="a", title="A", link="https://node.example/a", since=NOW)
    results = []
    for day, status in enumerate(answers):
        result, missing_item = evaluate_page_check(missing_item, status, NOW + day * CHECK_INTERVAL)
        results.append(result)
    assert results == list(expected)


def test_twice_in_one_day_is_once() -> None:
    """Two 404 within a day do not remove an item (I8)."""
    missing_item = MissingItem(item_id="a", title="A", link="https://node.example/a", since=NOW)
    _, missing_item = evaluate_page_check(missing_item, 404, NOW)
    result, missing_item = evaluate_page_check(missing_item, 404, NOW + CHECK_INTERVAL / 2)
    assert (result, missing_item.gone_since) == (LATER, NOW)


def test_checks_without_a_result_end() -> None:
    """An item is cleared after 14 days of checks without a response (I8)."""
    missing_item = MissingItem(item_id="a", title="A", link="https://node.example/a", since=NOW)
    assert evaluate_page_check(missing_item, None, NOW + MAX_MISSING_TIME)[0] is LATER
    assert evaluate_page_check(missing_item, None, NOW + MAX_MISSING_TIME + DAY)[0] is CLEARED
