"""Record items that left their document, check their pages, and remove or restore them (I8)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from aggregator.model.config import Source
from aggregator.model.polling import PageCheck, ParsedVisit
from aggregator.polling.missing_items import PageCheckResult, evaluate_page_check, find_missing
from aggregator.store import editorial, missing_items, stories, story_members
from aggregator.store.connection import Store
from aggregator.text import line


def listed_item_ids(before: Sequence[str], listed: Iterable[str]) -> tuple[str, ...]:
    """Return the item ids of a document in its order, as far as known; new ones come first."""
    old, current = set(before), dict.fromkeys(listed)
    return (*(id_ for id_ in current if id_ not in old), *(id_ for id_ in before if id_ in current))


def compare_documents(
    store: Store,
    source: Source,
    result: ParsedVisit,
    before: Sequence[str],
    listed: Collection[str],
    now: datetime,
) -> None:
    """Record items that left the middle of a document, in the transaction that stores it."""
    staying = sum(id_ in listed for id_ in before)
    if all(id_ in listed for id_ in before[:staying]) or not result.identity_policy.link:
        return  # items that left, if any, left from the end
    site_pages = (source.url, result.url, result.profile.site_link)
    missing_items.mark_missing(
        store, source.id, find_missing(missing_items.facts(store, before), listed, site_pages), now
    )


def restore_items(
    store: Store, source: Source, listed: Collection[str], now: datetime
) -> tuple[set[str], list[str]]:
    """Restore removed items that the document has again; return changed stories and notices."""
    absent = missing_items.still_missing(store, source.id)
    missing_items.delete(store, [id_ for id_ in absent if id_ in listed])
    back = [id_ for id_, removed in absent.items() if removed and id_ in listed]
    if not back:
        return set(), []
    titles = [member.title for member in story_members.of_items(store, back)]
    notices = [
        f"{source.id}: “{line(title, 100)}” is back in its document and published again" for title in titles
    ]
    return _apply_decision(store, "return", back, now), notices


def apply_checks(
    store: Store, source: Source, checks: Collection[PageCheck], now: datetime
) -> tuple[set[str], list[str]]:
    """Apply page checks of missing items; return changed stories and notices of removals."""
    gone, notices = [], []
    absent = missing_items.still_missing(store, source.id) if checks else {}
    for check in checks:
        missing_item, status = check.missing_item, check.status
        if missing_item.item_id not in absent:
            continue  # the document of the same visit contains it again
        result, tried = evaluate_page_check(missing_item, status, now)
        if result is PageCheckResult.CLEARED:
            missing_items.delete(store, [missing_item.item_id])
            continue
        missing_items.record_check(store, tried, removed=result is PageCheckResult.REMOVED)
        if result is PageCheckResult.REMOVED:
            gone.append(missing_item.item_id)
            notices.append(
                f"{source.id}: “{line(missing_item.title, 100)}” was removed by its publisher:"
                f" its page is gone ({status} twice)"
            )
    return _apply_decision(store, "withdraw", gone, now), notices


def _apply_decision(store: Store, verb: str, item_ids: Sequence[str], now: datetime) -> set[str]:
    """Log a decision of the publisher about items, and hide or show their stories; return these."""
    story_ids = stories.stories_of(store, item_ids)
    if story_ids:
        from aggregator.dedupe.removed_stories import (  # it imports item comparison, 30 ms
            PUBLISHER,
            hide_removed,
        )

        editorial.log_decision(store, verb, PUBLISHER, now, stories=sorted(story_ids), items=item_ids)
        hide_removed(store, story_ids, now)
    return story_ids
