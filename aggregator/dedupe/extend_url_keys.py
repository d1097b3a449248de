"""Job step: extend the stored keys of URLs when their rules have a new version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from aggregator.counts import count_of
from aggregator.dedupe import candidates, evidence, known_stories, recluster
from aggregator.items.canonical_urls import canonical, is_listing
from aggregator.items.identity import LINK, LINK_AND_TITLE
from aggregator.store import editorial, stories, url_keys
from aggregator.store.connection import Store
from aggregator.store.url_keys import StoredKeys

BATCH_ITEMS = 1_000
"""Maximum number of items whose keys are extended in one transaction."""
MAX_ITEMS = 100_000
"""Maximum number of items whose keys one run extends, in about 20 seconds.

The newest come first, since documents still contain them.
"""
MAX_PAIRS = 50
"""Maximum number of pairs of stories that one version of the rules lists for editors."""


def extend(store: Store, now: datetime) -> tuple[str, ...]:
    """Add the keys that the current rules make of stored addresses; return notices.

    It continues where the last run stopped. Nothing is removed or published, so that known entries stay known. Pairs of
    published stories that now prove equal go to the list of editors (I5).
    """
    number, listed = url_keys.state(store)
    before, done = listed, 0
    while number and done < MAX_ITEMS:
        batch = url_keys.before(store, number, BATCH_ITEMS)
        with store.transaction():
            story_ids = _extend_batch(store, batch, now)
            if listed < MAX_PAIRS:
                listed += _list_pairs(store, story_ids, MAX_PAIRS - listed, now)
            number = batch[-1].number if batch else 0
            url_keys.set_state(store, number, listed)
        done += len(batch)
    return _notices(listed - before)


def _extend_batch(store: Store, batch: Sequence[StoredKeys], now: datetime) -> set[str]:
    """Extend the keys of items; return the stories that may now be equal to others."""
    added = [alias for keys in batch for alias in _new_aliases(keys)]
    url_keys.add_aliases(store, added)
    url_keys.add_pages(store, (page for keys in batch for page in _new_pages(keys)))
    changed = {item_id for _, _, _, item_id in added}
    recent = [
        keys
        for keys in batch
        if url_keys.is_recent(keys, now - evidence.MAX_TIME_BETWEEN_ITEMS)
        and (keys.item_id in changed or (keys.link and len(known_stories.url_keys(keys.link)) > 1))
    ]
    url_keys.queue(store, (keys.number for keys in recent))
    candidates.index_items(store)
    links = (value for _, kind, value, _ in added if kind == LINK)
    return url_keys.stories_sharing(store, links) | stories.stories_of(
        store, (keys.item_id for keys in recent)
    )


def _new_aliases(keys: StoredKeys) -> Iterator[tuple[str, str, str, str]]:
    """Yield the aliases that the rules add to an item, as (source, kind, value, item)."""
    stored = set(keys.aliases)
    new = {(kind, value) for kind, old in keys.aliases for value in [_key_of_alias(kind, old)]}
    if keys.link and any(kind == LINK for kind, _ in stored):
        new.add((LINK, canonical(keys.link)))
    for kind, value in sorted(new - stored):
        if not is_listing(value.partition("\n")[0]):
            yield keys.source_id, kind, value, keys.item_id


def _key_of_alias(kind: str, value: str) -> str:
    page, line, title = value.partition("\n")
    return canonical(f"https://{page}") + (line + title if kind == LINK_AND_TITLE else "")


def _new_pages(keys: StoredKeys) -> Iterator[tuple[str, str, str]]:
    for kind, value in keys.pages:
        if (new := canonical(f"https://{value}")) != value and not is_listing(new):
            yield kind, new, keys.item_id


def _list_pairs(store: Store, story_ids: set[str], limit: int, now: datetime) -> int:
    """List pairs of stories that addresses prove equal for editors; return their number."""
    pairs = [
        pair for pair in recluster.joining_pairs(store, story_ids, now) if pair.score >= evidence.PROOF_WEIGHT
    ]
    found = {frozenset((pair.story, pair.other)): pair for pair in pairs}
    chosen = list(found.values())[:limit]
    for pair in chosen:
        editorial.add_candidate_pair(store, pair)
        editorial.add_relations(store, [(pair.story, pair.other, pair.why)])
    return len(chosen)


def _notices(listed: int) -> tuple[str, ...]:
    if not listed:
        return ()
    return (
        f"{count_of(listed, 'pair')} of stories may be one by the current rules for URLs:"
        " see `aggregator status`",
    )
