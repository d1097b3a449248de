"""Compare arriving items with known ones: new, the same, edited, significantly edited (E1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from aggregator.items.identity import GUID, LINK, STRENGTH, TEXT, short_hash, title_key
from aggregator.model.events import Event
from aggregator.model.items import Alias, ChangeKind, Item, ItemChange, KnownItem

MAX_EDITS = 8
"""Maximum number of edits of a text or title that count (E2).

One that changes more often does so by itself.
"""
MAX_NUMBER_EDITS = 2
"""Maximum number of title edits in numbers alone that count.

They report a change, as in "deadline extended to 15 June". A title with more of them is a counter, as in
"3 places left" (E2).
"""
MAX_COMPARED_CHARACTERS = 20_000
"""Maximum length of a change that is compared character by character.

A longer one counts as changed completely, since comparing it could take seconds.
"""
MIN_MOVED_GUIDS = 2
"""Minimum number of guids of other entries of a source whose guids identify nothing."""
MIN_DAYS_BETWEEN = timedelta(days=2)
"""Minimum time between two items under one link or guid that are no edits of one another."""
MAX_SHARED_WORDS = 0.2
"""Maximum share of the words of the shorter text that two such items have in common."""


def item_changes(
    items: Sequence[Item],
    known_as: Callable[[Alias], KnownItem | None],
    taken: Container[str] = (),
    listed: Iterable[str] = (),
    proven: Mapping[int, KnownItem] | None = None,
) -> tuple[ItemChange, ...]:
    """Return each item as it will be stored, with its change.

    The strongest alias that leads to a known item claims it, and each known item is claimed once. `proven` are known
    items behind new identifiers, by position (G2). Other entries of the document are the known items with the ids
    `listed`. A new item whose id is `taken`, since sources exchanged their URLs, gets another id.
    """
    items = [_without_reused(item, known_as) for item in items]
    owners = _owners(items, known_as, set(listed))
    owners = {**(proven or {}), **owners}
    return tuple(_item_change(item, owners.get(n), taken) for n, item in enumerate(items))


def _owners(
    items: Sequence[Item], known_as: Callable[[Alias], KnownItem | None], claimed: set[str]
) -> dict[int, KnownItem]:
    """Return the known item behind each position of `items`."""
    owners: dict[int, KnownItem] = {}
    for kind in STRENGTH:
        for n, item in enumerate(items):
            if n in owners or (kind == TEXT and item.aliases[0].kind in (GUID, LINK)):
                continue  # date and title identify nothing while a guid or link does (I2)
            for alias in item.aliases:
                known = known_as(alias) if alias.kind == kind else None
                if known is not None and known.id not in claimed:
                    owners[n] = known
                    claimed.add(known.id)
    return owners


def _without_reused(item: Item, known_as: Callable[[Alias], KnownItem | None]) -> Item:
    """Return an item without the aliases of a link or guid that other news had first.

    A page that several items link identifies none of them, and a guid under another link was given twice (I1).
    """
    reused = {
        alias.kind
        for alias in item.aliases
        if alias.kind in (GUID, LINK) and (known := known_as(alias)) and is_other_news(item, known)
    }
    has_other_link = LINK not in reused and any(alias.kind == LINK for alias in item.aliases)
    return without_aliases(item, reused if has_other_link else reused - {GUID})


def without_aliases(item: Item, kinds: Container[str]) -> Item:
    """Return an item without aliases of some kinds, and with another id if one of them named it."""
    others = tuple(alias for alias in item.aliases if alias.kind not in kinds)
    if not others or len(others) == len(item.aliases):
        return replace(item, aliases=others)
    id_ = short_hash(f"{item.id}\n{others[0].value}") if item.aliases[0].kind in kinds else item.id
    return replace(item, id=id_, aliases=others)


def have_guids_moved(
    items: Sequence[Item], known_as: Callable[[Alias], KnownItem | None], listed: Iterable[str] = ()
) -> bool:
    """Return whether guids lead to other known items than the titles of their entries do (I1).

    Sources that number their entries give each guid to another entry when one is added. A title that another entry
    keeps under its guid, such as "to be announced", shows nothing, nor does one where guid and link agree. `listed` are
    the ids of known items whose entries are unchanged.
    """
    kept, moved = set(listed), set[str]()
    for item in items:
        key = title_key(item.title)
        known = [(alias.kind, old) for alias in item.aliases if (old := known_as(alias))]
        by_guid, by_link = ({old.id for kind, old in known if kind == named} for named in (GUID, LINK))
        by_title = {old.id for _, old in known if title_key(old.title) == key}
        kept |= by_guid & by_title
        if by_guid and by_guid.isdisjoint(by_link | by_title):
            moved |= by_title
    return len(moved - kept) >= MIN_MOVED_GUIDS


def is_other_news(item: Item, known: KnownItem) -> bool:
    """Return whether an item under a known link or guid is no edit: nothing agrees.

    Titles share no long word, the texts few, and the stated days differ. An edit keeps one of them.
    """
    if item.claimed is None or known.claimed is None or abs(item.claimed - known.claimed) < MIN_DAYS_BETWEEN:
        return False
    titles = _long_words(item.title), _long_words(known.title)
    if not all(titles) or titles[0] & titles[1]:
        return False
    texts = _long_words(item.text), _long_words(known.text)
    return len(texts[0] & texts[1]) <= MAX_SHARED_WORDS * min(map(len, texts))


def _long_words(text: str) -> frozenset[str]:
    """Return the words of at least four characters in the beginning of a text."""
    return frozenset(word for word in title_key(text[:MAX_COMPARED_CHARACTERS]).split() if len(word) >= 4)


def _item_change(item: Item, known: KnownItem | None, taken: Container[str]) -> ItemChange:
    if known is None:
        if item.id in taken:
            item = replace(item, id=short_hash(f"{item.id}\n{item.source_id}"))
        return ItemChange(item=item, change=ChangeKind.NEW)
    # The first plausible date stays, so that posts with a new date do not move (T1). Filters do not drop stories.
    kept = replace(
        item,
        id=known.id,
        first_seen=known.first_seen,
        claimed=known.claimed or item.claimed,
        dropped=None if known.story_id else item.dropped,
        events=tuple(_with_known_year(event, item, known) for event in item.events),
    )
    return ItemChange(item=kept, change=_change(kept, known))


def _with_known_year(event: Event, item: Item, known: KnownItem) -> Event:
    """Return an event with the year that was found first, if no year is written (EX4).

    An item without a date of its own seems to be published at each visit, and its dates would move on.
    """
    if str(event.start.year) in f"{item.title} {item.text}":
        return event
    for other in known.events or ():
        days = [(each.start.month, each.start.day, each.end.month, each.end.day) for each in (event, other)]
        if days[0] == days[1] and other.start.year < event.start.year:
            return replace(event, start=other.start, end=other.end)
    return event


def _change(item: Item, known: KnownItem) -> ChangeKind:
    if item.content_hash == known.content_hash and item.dropped == known.dropped:
        return ChangeKind.SAME
    renamed = title_key(item.title) != title_key(known.title)
    if renamed and not _changes_by_itself(item.title, known):
        return ChangeKind.SIGNIFICANT
    if not renamed and known.edits < MAX_EDITS and _have_events_changed(item, known):
        return ChangeKind.SIGNIFICANT
    if known.edits >= MAX_EDITS or (renamed and item.text == known.text):
        return ChangeKind.SAME
    if not known.text:  # removed by retention
        return ChangeKind.EDITED
    return ChangeKind.SIGNIFICANT if has_text_changed(known.text, item.text) else ChangeKind.EDITED


def _have_events_changed(item: Item, known: KnownItem) -> bool:
    """Return whether date, place or status of an event changed (E1)."""
    if known.events is None:
        return False
    return [event.announced for event in item.events] != [event.announced for event in known.events]


def _changes_by_itself(title: str, known: KnownItem) -> bool:
    """Return whether a title has changed so often that another change is not significant (E2)."""
    changes = [
        (old, new)
        for old, new in pairwise((*known.former_titles, known.title))
        if title_key(old) != title_key(new)
    ]
    number_edits = sum(_numberless(old) == _numberless(new) for old, new in changes)
    only_numbers = _numberless(title) == _numberless(known.title)
    return len(changes) >= MAX_EDITS or (only_numbers and number_edits >= MAX_NUMBER_EDITS)


def _numberless(title: str) -> str:
    """Return a key that is equal for titles that differ only in numbers, dates and times."""
    return re.sub(r"\d+( \d+)*", "0", title_key(title))


def has_text_changed(old: str, new: str) -> bool:
    """Return whether more than 10 % and more than 50 characters of a text changed (E1)."""
    whole = max(len(old), 1)
    old, new = _unlike_ends(*(text[::-1] for text in _unlike_ends(old, new)))
    changed: float = max(len(old), len(new))
    if len(old) <= MAX_COMPARED_CHARACTERS and len(new) <= MAX_COMPARED_CHARACTERS:
        from rapidfuzz.distance import Indel  # 25 ms, only for edits

        # Insertions and deletions count once, a replacement as its longer side: at least half of Indel's distance.
        changed = max(Indel.distance(old, new) / 2, abs(len(old) - len(new)))
    return changed > 50 and changed > 0.1 * whole


def _unlike_ends(one: str, other: str) -> tuple[str, str]:
    """Return two texts without their common beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return one[low:], other[low:]
