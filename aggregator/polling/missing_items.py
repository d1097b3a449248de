"""Entries that left their document: who is suspected to be withdrawn, and when that is sure (I8)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from aggregator.items.canonical_urls import canonical, is_listing
from aggregator.model.polling import ListedItem, MissingItem

AGAIN = timedelta(days=1)
"""A page is asked for no sooner than so long after the last time."""
MAX_TRIES = 5
PATIENCE = timedelta(days=14)
"""After so many tries, or so long, trouble clears a suspect."""
GONE = (404, 410)


def find_missing(
    before: Sequence[ListedItem], here: Container[str], homes: Sequence[str | None]
) -> tuple[str, ...]:
    """The items of `before`, a document's in its order, that are not `here` although they did not fall off its end.

    That is: the last of those that are still there stood below them and is no newer. Nobody is suspected where half of
    the document is gone at once, because then it was made anew (G1, G2), nor whose link is no page of its own (I1).
    """
    staying = [n for n, one in enumerate(before) if one.item_id in here]
    if not staying or len(staying) * 2 < len(before):
        return ()
    last = before[staying[-1]]
    return tuple(
        one.item_id
        for one in before[: staying[-1]]
        if one.item_id not in here and one.told and one.sort >= last.sort and _is_page(one.link, homes)
    )


def _is_page(link: str | None, homes: Sequence[str | None]) -> bool:
    return (
        bool(link)
        and str(link).startswith(("http://", "https://"))
        and not is_listing(canonical(str(link)), *homes)
    )


class Finding(StrEnum):
    """What a suspect's page says of it."""

    CLEARED = "cleared"
    LATER = "later"
    WITHDRAWN = "withdrawn"


def judged(missing_item: MissingItem, status: int | None, now: datetime) -> tuple[Finding, MissingItem]:
    """What an answer proves, and what is to be remembered of it; `status` is None where there was no answer.

    Gone twice, a day apart, is withdrawn. Whoever answers lives; trouble proves nothing.
    """
    tried = replace(missing_item, tries=missing_item.tries + 1, last=now)
    if status in GONE:
        if missing_item.gone and now - missing_item.gone >= AGAIN:
            return Finding.WITHDRAWN, tried
        return Finding.LATER, replace(tried, gone=missing_item.gone or now)
    hopeless = tried.tries >= MAX_TRIES or now - missing_item.since > PATIENCE
    return Finding.CLEARED if status == 200 or hopeless else Finding.LATER, tried
