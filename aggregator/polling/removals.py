"""Items that left their document: suspected, asked after, withdrawn, and back again (I8)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from aggregator.dedupe.withdrawn import PUBLISHER, hide_withdrawn
from aggregator.model.config import Source
from aggregator.model.polling import MissingItem, ParsedVisit
from aggregator.polling.missing_items import AGAIN, Finding, find_missing, judged
from aggregator.store import editorial, missing_items, stories, story_members
from aggregator.store.connection import Store
from aggregator.text import line


def listed(before: Sequence[str], here: Iterable[str]) -> tuple[str, ...]:
    """The items of a document in its order, as far as is known: what was not there before stands above."""
    old, now = set(before), dict.fromkeys(here)
    return (*(id_ for id_ in now if id_ not in old), *(id_ for id_ in before if id_ in now))


def compare_documents(
    store: Store,
    source: Source,
    result: ParsedVisit,
    before: Sequence[str],
    here: Collection[str],
    now: datetime,
) -> None:
    """Suspect who left a document, in the transaction that keeps it."""
    staying = sum(id_ in here for id_ in before)
    if all(id_ in here for id_ in before[:staying]) or not result.identity_policy.link:
        return  # who left fell off the end, if anybody did
    homes = (source.url, result.url, result.profile.site_link)
    missing_items.mark_missing(
        store, source.id, find_missing(missing_items.facts(store, before), here, homes), now
    )


def restore_items(
    store: Store, source: Source, here: Collection[str], now: datetime
) -> tuple[set[str], list[str]]:
    """Who is in the document is not withdrawn: the stories it is told in again, and what is to be said of that."""
    absent = missing_items.still_missing(store, source.id)
    missing_items.forget(store, [id_ for id_ in absent if id_ in here])
    back = [id_ for id_, withdrawn in absent.items() if withdrawn and id_ in here]
    if not back:
        return set(), []
    titles = [member.title for member in story_members.of_items(store, back)]
    said = [f"{source.id}: “{line(title, 100)}” is back in its document, and told again" for title in titles]
    return _decided(store, "return", back, now), said


def due_checks(store: Store, now: datetime) -> dict[str, list[MissingItem]]:
    """Whose page may be asked for now, by source."""
    return missing_items.due(store, now - AGAIN)


def apply_checks(
    store: Store, source: Source, checked: Collection[tuple[MissingItem, int | None]], now: datetime
) -> tuple[set[str], list[str]]:
    """What the pages of suspects answered: the stories that something was withdrawn of, and what is to be said."""
    gone, said = [], []
    absent = missing_items.still_missing(store, source.id) if checked else {}
    for missing_item, status in checked:
        if missing_item.item_id not in absent:
            continue  # the document of this very visit had it again
        finding, tried = judged(missing_item, status, now)
        if finding is Finding.CLEARED:
            missing_items.forget(store, [missing_item.item_id])
            continue
        missing_items.record_check(store, tried, withdrawn=finding is Finding.WITHDRAWN)
        if finding is Finding.WITHDRAWN:
            gone.append(missing_item.item_id)
            said.append(
                f"{source.id}: “{line(missing_item.title, 100)}” was withdrawn: its page is gone ({status} twice)"
            )
    return _decided(store, "withdraw", gone, now), said


def _decided(store: Store, verb: str, item_ids: Sequence[str], now: datetime) -> set[str]:
    """Log what happened to items, and what comes of it for their stories."""
    told_in = stories.stories_of(store, item_ids)
    if told_in:
        editorial.decide(store, verb, PUBLISHER, now, stories=sorted(told_in), items=item_ids)
        hide_withdrawn(store, told_in, now)
    return told_in
