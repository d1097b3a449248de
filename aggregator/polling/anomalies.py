"""What a changed document must not do unseen: lose entries between two visits (G1), or flood us with old ones (G2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.items.identity import title_key
from aggregator.model.items import ChangeKind, Item, ItemChange, KnownItem

MANY = 10
SHARE = 0.5
AWAY = timedelta(days=3)
"""After so long without a success undated entries are news that came meanwhile: an outage holds nothing back."""


def is_gap(item_changes: Sequence[ItemChange], present: int) -> bool:
    """G1: a document that shares no entry with what is known; others may have come and gone in between."""
    return bool(item_changes) and not present and all(a.change is ChangeKind.NEW for a in item_changes)


def unknown_old_items(
    item_changes: Sequence[ItemChange], present: int, last_success: datetime | None, now: datetime
) -> tuple[int, ...]:
    """The positions of unknown entries that are no news, where they are at least half of the document; else none.

    No news is what is undated or older than the last success. Never on a first visit.
    """
    if last_success is None:
        return ()
    back_soon = now - last_success <= AWAY
    odd = tuple(
        n
        for n, arrival in enumerate(item_changes)
        if arrival.change is ChangeKind.NEW
        and (arrival.item.claimed < last_success if arrival.item.claimed else back_soon)
    )
    return odd if len(odd) >= SHARE * (len(item_changes) + present) else ()


def match_known(
    items: Sequence[Item], positions: Iterable[int], known: Iterable[tuple[KnownItem, str | None]]
) -> dict[int, KnownItem]:
    """Unknown items that are known ones under new ids: the only one of their title on either side, and the same day
    or the same end of the link. `known`: items of the source that the document does not show, with their links."""
    by_title: dict[str, list[tuple[KnownItem, str | None]]] = {}
    for one in known:
        by_title.setdefault(title_key(one[0].title), []).append(one)
    titles = Counter(title_key(item.title) for item in items)
    found = {}
    for n in positions:
        item, key = items[n], title_key(items[n].title)
        if titles[key] == 1 and len(by_title.get(key, ())) == 1:
            old, link = by_title[key][0]
            same_day = item.claimed and old.claimed and abs(item.claimed - old.claimed) < timedelta(days=1)
            if same_day or _end(item.link) == _end(link) != "":
                found[n] = old
    return found


def _end(link: str | None) -> str:
    """The last part of a link's path, which a move to another site usually leaves."""
    return urls.path(link).rstrip("/").rpartition("/")[2]


def is_flood(count: int) -> bool:
    """G2: whether so many unknown old entries wait for an editor."""
    return count >= MANY


def newer_items(items: Sequence[Item], known: Sequence[bool], since: datetime | None) -> tuple[Item, ...]:
    """G1: what of an older document fills a gap: what stands before its first known entry, or, where there is none,
    what is dated since the last success before the gap."""
    if True in known:
        return tuple(items[: known.index(True)])
    return tuple(item for item in items if item.claimed and since and item.claimed >= since)
