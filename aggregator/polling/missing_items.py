"""Decide which items are missing from a document, and when they count as removed (I8). Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from aggregator.model.polling import ListedItem, MissingItem

CHECK_INTERVAL = timedelta(days=1)
"""Minimum time between two checks of a page."""
MAX_CHECKS = 5
"""Maximum number of checks without a result, until the item is cleared."""
MAX_MISSING_TIME = timedelta(days=14)
"""Maximum time without a result, until the item is cleared."""
GONE = (404, 410)
"""Statuses of a page that was removed."""


def find_missing(
    before: Sequence[ListedItem], listed: Container[str], site_pages: Sequence[str | None]
) -> tuple[str, ...]:
    """Return the ids of items that left the middle of a document: in `before`, not in `listed`.

    An item left from the middle if a remaining one stood below it and is no newer. If more than half of a document left
    at once, it was rebuilt, and no item is missing (G1, G2). An item whose link is one of `site_pages`, or a list,
    is never missing (I1).
    """
    staying = [n for n, item in enumerate(before) if item.item_id in listed]
    if not staying or len(staying) * 2 < len(before):
        return ()
    last = before[staying[-1]]
    return tuple(
        item.item_id
        for item in before[: staying[-1]]
        if item.item_id not in listed
        and item.placed
        and item.sort_time >= last.sort_time
        and _is_page(item.link, site_pages)
    )


def _is_page(link: str | None, site_pages: Sequence[str | None]) -> bool:
    """Check whether a link leads to a web page of its own."""
    from aggregator.items.canonical_urls import canonical, may_be_listing

    return (
        bool(link)
        and str(link).startswith(("http://", "https://"))
        and not may_be_listing(canonical(str(link)), *site_pages)
    )


class PageCheckResult(StrEnum):
    """The result of checking the page of a missing item."""

    CLEARED = "cleared"
    LATER = "later"
    REMOVED = "withdrawn"


def evaluate_page_check(
    missing_item: MissingItem, status: int | None, now: datetime
) -> tuple[PageCheckResult, MissingItem]:
    """Return the result of a check and the item to store; `status` is None without a response.

    404 or 410 twice, a day apart, means removed. A 200 clears the item, and so do too many checks without a result.
    """
    checked = replace(missing_item, checks=missing_item.checks + 1, last_check=now)
    if status in GONE:
        if missing_item.gone_since and now - missing_item.gone_since >= CHECK_INTERVAL:
            return PageCheckResult.REMOVED, checked
        return PageCheckResult.LATER, replace(checked, gone_since=missing_item.gone_since or now)
    given_up = checked.checks >= MAX_CHECKS or now - missing_item.since > MAX_MISSING_TIME
    return PageCheckResult.CLEARED if status == 200 or given_up else PageCheckResult.LATER, checked
