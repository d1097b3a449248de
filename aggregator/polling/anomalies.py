"""Detect coverage gaps and floods of old entries in a changed document (G1, G2). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.items.identity import title_key
from aggregator.model.items import Alias, ChangeKind, Item, ItemChange, KnownItem

MIN_FLOOD = 10
"""Minimum number of unknown old entries of a flood."""
MIN_FLOOD_SHARE = 0.5
"""Minimum share of the entries of a document that a flood has."""
MAX_ABSENCE = timedelta(days=3)
"""Maximum time since the last success until which undated entries are old, not new."""


def is_coverage_gap(item_changes: Sequence[ItemChange], present: int) -> bool:
    """Check whether a document shares no entry with those stored (G1)."""
    return bool(item_changes) and not present and all(a.change is ChangeKind.NEW for a in item_changes)


def unknown_old_items(
    item_changes: Sequence[ItemChange], entries: int, last_success: datetime | None, now: datetime
) -> tuple[int, ...]:
    """Return the positions of unknown old entries if they are half of all `entries`, else none.

    Old entries are undated or older than the last success; a first visit has none (G2).
    """
    if last_success is None:
        return ()
    undated_is_old = now - last_success <= MAX_ABSENCE
    old = tuple(
        n
        for n, change in enumerate(item_changes)
        if change.change is ChangeKind.NEW
        and (change.item.claimed < last_success if change.item.claimed else undated_is_old)
    )
    return old if len(old) >= MIN_FLOOD_SHARE * entries else ()


def match_known(
    items: Sequence[Item], positions: Iterable[int], known: Iterable[tuple[KnownItem, str | None]]
) -> dict[int, KnownItem]:
    """Return the known items that unknown items are under new identifiers, by position.

    Their title must be unique on both sides, and the day or the last part of the link equal. `known` are items of the
    source that the document does not contain, with their links.
    """
    by_title: dict[str, list[tuple[KnownItem, str | None]]] = {}
    for item_and_link in known:
        by_title.setdefault(title_key(item_and_link[0].title), []).append(item_and_link)
    titles = Counter(title_key(item.title) for item in items)
    matches = {}
    for n in positions:
        item, key = items[n], title_key(items[n].title)
        if titles[key] == 1 and len(by_title.get(key, ())) == 1:
            old, link = by_title[key][0]
            same_day = item.claimed and old.claimed and abs(item.claimed - old.claimed) < timedelta(days=1)
            if same_day or _last_part(item.link) == _last_part(link) != "":
                matches[n] = old
    return matches


def same_publications(
    changes: Sequence[ItemChange], known_as: Callable[[Alias], KnownItem | None], shown: Container[str]
) -> dict[int, KnownItem]:
    """Return the known items that new items repeat, by position (I2).

    Title, text and moment of publication are equal. A single old entry comes back like this under other identifiers
    after its site has moved. `shown` are the ids of items that the document contains.
    """
    matches: dict[int, KnownItem] = {}
    for n, change in enumerate(changes):
        item = change.item
        known = known_as(item.aliases[-1]) if change.change is ChangeKind.NEW and item.claimed else None
        if known is None or known.id in shown or known in matches.values():
            continue
        if item.claimed == known.claimed and item.text == known.text != "":
            matches[n] = known
    return matches


def _last_part(link: str | None) -> str:
    """Return the last part of a link's path, which a move to another site usually keeps."""
    return urls.path(link).rstrip("/").rpartition("/")[2]


def is_flood(count: int) -> bool:
    """Check whether `count` unknown old entries must wait for an editor (G2)."""
    return count >= MIN_FLOOD


def newer_items(items: Sequence[Item], known: Sequence[bool], since: datetime | None) -> tuple[Item, ...]:
    """Return the items of an older document that fill a coverage gap (G1).

    These are the items before its first known entry; without a known entry, those dated since the last success before
    the gap.
    """
    if True in known:
        return tuple(items[: known.index(True)])
    return tuple(item for item in items if item.claimed and since and item.claimed >= since)
