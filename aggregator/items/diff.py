"""Arriving items against known ones: which are new, the same, or edited, and whether an edit matters (E1, E2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from rapidfuzz.distance import Indel

from aggregator.items.identity import GUID, LINK, STRENGTH, TEXT, short_hash, title_key
from aggregator.model.items import Alias, ChangeKind, Item, ItemChange, KnownItem

RESTLESS = 8
"""After so many edits a text, or a title, counts as one that changes by itself (counters, timestamps); E2."""
TURNS = 2
"""So often another number, date or time in a title is news ("deadline extended to 15 June"); from then on it is a
counter ("3 places left"); E2."""
COMPARED = 20_000
"""Characters of a change that are compared one by one, so that no text can cost seconds; more is all changed."""


def item_changes(
    items: Sequence[Item],
    known_as: Callable[[Alias], KnownItem | None],
    taken: Container[str] = (),
    present: Iterable[Alias] = (),
    proven: Mapping[int, KnownItem] | None = None,
) -> tuple[ItemChange, ...]:
    """Each item as it will be kept. A known item is claimed once, by the strongest alias that leads to it.

    `proven` are known items behind new identifiers, by position (G2). An item that is new although its id is
    `taken` (sources exchanged their URLs) gets another id. Known items behind `present` stand in the document
    themselves and are nobody else's.
    """
    owners = _owners(items, known_as, {known.id for known in map(known_as, present) if known})
    owners = {**(proven or {}), **owners}
    return tuple(_arrival(item, owners.get(n), taken) for n, item in enumerate(items))


def _owners(
    items: Sequence[Item], known_as: Callable[[Alias], KnownItem | None], claimed: set[str]
) -> dict[int, KnownItem]:
    """The known item behind each position of `items`."""
    owners: dict[int, KnownItem] = {}
    for kind in STRENGTH:
        for n, item in enumerate(items):
            if n in owners or (kind == TEXT and item.aliases[0].kind in (GUID, LINK)):
                continue  # date and title are never part of an identity while a link serves (I2)
            for alias in item.aliases:
                known = known_as(alias) if alias.kind == kind else None
                if known is not None and known.id not in claimed:
                    owners[n] = known
                    claimed.add(known.id)
    return owners


def _arrival(item: Item, known: KnownItem | None, taken: Container[str]) -> ItemChange:
    if known is None:
        if item.id in taken:
            item = replace(item, id=short_hash(f"{item.id}\n{item.source_id}"))
        return ItemChange(item=item, change=ChangeKind.NEW)
    # The first sane date stands: re-dated posts do not jump (T1). A story once placed outlives new filters.
    kept = replace(
        item,
        id=known.id,
        first_seen=known.first_seen,
        claimed=known.claimed or item.claimed,
        dropped=None if known.story_id else item.dropped,
    )
    return ItemChange(item=kept, change=_change(kept, known))


def _change(item: Item, known: KnownItem) -> ChangeKind:
    if item.content_hash == known.content_hash and item.dropped == known.dropped:
        return ChangeKind.SAME
    renamed = title_key(item.title) != title_key(known.title)
    if renamed and not _turns_by_itself(item.title, known):
        return ChangeKind.SIGNIFICANT
    if known.edits >= RESTLESS or (renamed and item.text == known.text):
        return ChangeKind.SAME
    if not known.text:  # taken away by retention
        return ChangeKind.EDITED
    return ChangeKind.SIGNIFICANT if text_differs(known.text, item.text) else ChangeKind.EDITED


def _turns_by_itself(title: str, known: KnownItem) -> bool:
    """E2: whether a title has changed so often that another change says nothing."""
    changes = [
        (old, new)
        for old, new in pairwise((*known.former_titles, known.title))
        if title_key(old) != title_key(new)
    ]
    turns = sum(_numberless(old) == _numberless(new) for old, new in changes)
    only_numbers = _numberless(title) == _numberless(known.title)
    return len(changes) >= RESTLESS or (only_numbers and turns >= TURNS)


def _numberless(title: str) -> str:
    """What two titles share that differ in their numbers, dates and times alone."""
    return re.sub(r"\d+( \d+)*", "0", title_key(title))


def text_differs(old: str, new: str) -> bool:
    """E1: more than 10 % and more than 50 characters of the text changed."""
    whole = max(len(old), 1)
    old, new = _unlike_ends(*(text[::-1] for text in _unlike_ends(old, new)))
    changed: float = max(len(old), len(new))
    if len(old) <= COMPARED and len(new) <= COMPARED:
        # An insertion or deletion counts once, a replacement as its longer side: half of Indel's sum at least.
        changed = max(Indel.distance(old, new) / 2, abs(len(old) - len(new)))
    return changed > 50 and changed > 0.1 * whole


def _unlike_ends(one: str, other: str) -> tuple[str, str]:
    """Two texts without the beginning they share."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return one[low:], other[low:]
