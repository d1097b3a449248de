"""Store the items of one parsed document: new, edited, missing, returned, or a flood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from aggregator.dedupe.phases import changed_phases
from aggregator.items import diff
from aggregator.items.identity import GUID
from aggregator.model.config import Source
from aggregator.model.items import Alias, ChangeKind, ItemChange, KnownItem
from aggregator.model.polling import CoverageGap, ParsedVisit, SourceRecord
from aggregator.polling import anomalies, removals
from aggregator.polling.round import Round
from aggregator.publishing.synchronise import parsing_hash
from aggregator.store import documents, items, phase_edits, sources, story_placement
from aggregator.store.connection import Store

MAX_COMPARED = 500
"""Maximum number of a source's newest items compared with unknown entries (G2)."""

Changes = tuple[ItemChange, ...]
_EDITS = (ChangeKind.EDITED, ChangeKind.SIGNIFICANT)


def store_document(work: Round, source: Source, record: SourceRecord, parsed: ParsedVisit) -> Changes:
    """Store a document of a visit; a flood of unknown old entries is held for an editor (G2)."""
    listed_before = documents.listed_items(work.store, source.id)
    known, unchanged = _known_items(work.store, source, parsed, listed_before)
    if cut := _cut_item(parsed, known):
        parsed, unchanged = replace(parsed, items=parsed.items[:-1]), [*unchanged, cut.id]
    if parsed.identity_policy.guid and diff.have_guids_moved(parsed.items, known.get, unchanged):
        parsed = _without_guids(parsed)
        work.notices.append(
            f"{source.id} ({source.url}): its guids moved to other entries, so that they identify its entries no longer"
        )
    changes, flood = _compare(work, source, parsed, known, unchanged, record.last_success)
    edited_phases = _phase_edits(changes, known)
    changes = _with_significant(changes, edited_phases)
    items.save(work.store, changes, backlog=record.last_success is None, now=work.now)
    _hold_flood(work, [changes[n].item.id for n in flood])
    listed = _ids(changes) + unchanged
    if not _is_complete(parsed, listed_before):
        listed += listed_before
    elif record.last_success and not flood:
        removals.compare_documents(work.store, source, parsed, listed_before, set(listed), work.now)
    phase_edits.add(work.store, edited_phases)
    _store_accepted_document(
        work, source, parsed, changes, listed_before, listed, applied_later=edited_phases
    )
    return changes


def store_reparsed(work: Round, source: Source, parsed: ParsedVisit) -> Changes:
    """Store a document that was parsed again: without missing items, flood or significant edits.

    An entry under new identifiers is the item of the document with its title (V4).
    """
    listed_before = documents.listed_items(work.store, source.id)
    known, unchanged = _known_items(work.store, source, parsed, listed_before)
    taken = items.existing_ids(work.store, [item.id for item in parsed.items])
    compared = diff.item_changes(parsed.items, known.get, taken, unchanged)
    shown = {*_ids(compared), *unchanged}
    renamed = anomalies.same_publications(compared, known.get, shown)
    by_title = _items_with_new_identifiers(work.store, source, parsed, compared, shown)
    renamed |= {n: item for n, item in by_title.items() if item.id in listed_before}
    compared = diff.item_changes(parsed.items, known.get, taken, unchanged, renamed)
    changes = tuple(
        replace(change, change=ChangeKind.EDITED) if change.change is ChangeKind.SIGNIFICANT else change
        for change in compared
    )
    items.save(work.store, changes, backlog=True, now=work.now)
    listed = _ids(changes) + unchanged
    if not _is_complete(parsed, listed_before):
        listed += listed_before
    _store_accepted_document(work, source, parsed, changes, listed_before, listed)
    return changes


def store_pushed(work: Round, source: Source, record: SourceRecord, pushed: ParsedVisit) -> Changes:
    """Store the unknown entries of a push and return all changes (WS6).

    A push may omit entries and may arrive late, so that edits and removals wait for a visit. Other identifiers of a
    known item count as an edit, since only a whole document shows whether they belong to another one (I2).
    """
    listed_before = documents.listed_items(work.store, source.id)
    known, unchanged = _known_items(work.store, source, pushed, listed_before)
    changes, flood = _compare(work, source, pushed, known, unchanged, record.last_success)
    new = tuple(change for change in changes if change.change is ChangeKind.NEW)
    items.save(work.store, new, backlog=False, now=work.now)
    _hold_flood(work, [changes[n].item.id for n in flood])
    documents.list_first(work.store, source.id, [change.item.id for change in new])
    return tuple(
        replace(change, change=ChangeKind.EDITED)
        if change.change is ChangeKind.SAME and change.item.aliases[0] not in known
        else change
        for change in changes
    )


def count_changes(changes: Iterable[ItemChange]) -> Counter[ChangeKind]:
    """Count changes by kind, without items that a filter dropped."""
    return Counter(change.change for change in changes if not change.item.dropped)


def _phase_edits(changes: Changes, known: Mapping[Alias, KnownItem]) -> dict[str, frozenset[str]]:
    """Return the phases that edits added to items or removed, by item id."""
    by_id = {each.id: each for each in known.values()}
    edited = (change.item for change in changes if change.change in _EDITS and change.item.id in by_id)
    found = ((item.id, changed_phases(by_id[item.id], item)) for item in edited)
    return {item_id: phases for item_id, phases in found if phases}


def _with_significant(changes: Changes, significant: Container[str]) -> Changes:
    """Return changes in which each edit of a phase is significant, however short it is (E1)."""
    return tuple(
        replace(change, change=ChangeKind.SIGNIFICANT) if change.item.id in significant else change
        for change in changes
    )


def _without_guids(parsed: ParsedVisit) -> ParsedVisit:
    """Return a document whose guids identify nothing, now and at later visits (I1)."""
    return replace(
        parsed,
        items=tuple(diff.without_aliases(item, (GUID,)) for item in parsed.items),
        identity_policy=replace(parsed.identity_policy, guid=False),
    )


def _known_items(
    store: Store, source: Source, parsed: ParsedVisit, listed_before: Sequence[str]
) -> tuple[dict[Alias, KnownItem], list[str]]:
    """Return known items by the aliases of new or changed entries, and ids of unchanged ones.

    Both are empty if the document has exactly the entries that it had before.
    """
    if _is_unmoved(parsed, listed_before):
        return {}, []
    known = items.known(store, source.id, [alias for item in parsed.items for alias in item.aliases])
    ids = items.known_ids(store, source.id, parsed.present)
    return known, [ids[alias] for alias in parsed.present if alias in ids]


def _cut_item(parsed: ParsedVisit, known: Mapping[Alias, KnownItem]) -> KnownItem | None:
    """Return the known item of the entry in which a document breaks off: that is no edit of it."""
    if not parsed.breaks_off or not parsed.items:
        return None
    return next((known[alias] for alias in parsed.items[-1].aliases if alias in known), None)


def _is_unmoved(parsed: ParsedVisit, listed_before: Sequence[str]) -> bool:
    """Check whether a document has exactly the entries it had before."""
    return not parsed.items and parsed.entries == len(listed_before)


def _is_complete(parsed: ParsedVisit, listed_before: Sequence[str]) -> bool:
    """Check whether an entry that the document omits is really missing."""
    return parsed.is_whole and not _is_unmoved(parsed, listed_before)


def _compare(
    work: Round,
    source: Source,
    parsed: ParsedVisit,
    known: Mapping[Alias, KnownItem],
    unchanged: Sequence[str],
    last_success: datetime | None,
) -> tuple[Changes, tuple[int, ...]]:
    """Compare a document with the stored items; return changes and positions of a flood."""
    taken = items.existing_ids(work.store, [item.id for item in parsed.items])
    changes = diff.item_changes(parsed.items, known.get, taken, unchanged)
    old = anomalies.unknown_old_items(changes, parsed.entries, last_success, work.now)
    shown = {*_ids(changes), *unchanged}
    renamed = anomalies.same_publications(changes, known.get, shown)
    if old:
        renamed |= _items_with_new_identifiers(work.store, source, parsed, changes, shown)
    if not renamed and not old:
        return changes, ()
    changes = diff.item_changes(parsed.items, known.get, taken, unchanged, renamed)
    unknown = tuple(n for n in old if n not in renamed)
    return changes, unknown if anomalies.is_flood(len(unknown)) else ()


def _items_with_new_identifiers(
    store: Store,
    source: Source,
    parsed: ParsedVisit,
    changes: Changes,
    shown: Set[str],
) -> dict[int, KnownItem]:
    """Return the known items that unknown entries are under new identifiers, by position."""
    unknown = [n for n, change in enumerate(changes) if change.change is ChangeKind.NEW]
    if not unknown:
        return {}
    others = [pair for pair in items.newest(store, source.id, MAX_COMPARED) if pair[0].id not in shown]
    return anomalies.match_known(parsed.items, unknown, others)


def _ids(changes: Changes) -> list[str]:
    return [change.item.id for change in changes]


def _hold_flood(work: Round, item_ids: Sequence[str]) -> None:
    """Hold the items of a flood for an editor."""
    if item_ids:
        items.hold(work.store, item_ids)
        work.counts["held"] += len(item_ids)


def _store_accepted_document(
    work: Round,
    source: Source,
    parsed: ParsedVisit,
    changes: Changes,
    listed_before: Sequence[str],
    listed: Sequence[str],
    applied_later: Container[str] = (),
) -> None:
    """Store the document; update stories and channels of edited and returned items (P1)."""
    order = removals.listed_item_ids(listed_before, listed)
    documents.accept(work.store, source.id, parsed, parsing_hash(source, work.now), order)
    _touch_edited(work, changes, applied_later)
    story_ids, notices = removals.restore_items(work.store, source, set(listed), work.now)
    work.update_channels(story_ids)
    work.notices += notices


def _touch_edited(work: Round, changes: Changes, applied_later: Container[str]) -> None:
    significant = [
        change.item.id
        for change in changes
        if change.change is ChangeKind.SIGNIFICANT and change.item.id not in applied_later
    ]
    edited = [change.item.id for change in changes if change.change in _EDITS]
    if edited:
        work.update_channels(story_placement.apply_edits(work.store, edited, significant, work.now))


# --- coverage gaps (G1) ----------------------------------------------------------------------------------


def report_coverage_gap(
    work: Round, source: Source, record: SourceRecord, parsed: ParsedVisit, changes: Changes
) -> bool:
    """Report a coverage gap; return whether the next visit can fill it (G1)."""
    if record.last_success is None or not parsed.is_whole:
        return False
    # A flood is no gap: an editor decides before anything else is requested.
    if not anomalies.is_coverage_gap(changes, len(parsed.present)) or items.held_count(work.store, source.id):
        return False
    if len(items.newest(work.store, source.id, len(changes) + 1)) == len(changes):
        return False  # its first entries, after documents without any
    if parsed.older:
        sources.save_coverage_gap(
            work.store, source.id, CoverageGap(url=parsed.older, since=record.last_success)
        )
    then = "older ones are requested at the next visit" if parsed.older else "it offers no older ones"
    work.notices.append(
        f"{source.id} ({source.url}): none of its entries was known, so that some may have been missed; {then}"
    )
    return bool(parsed.older)


def store_older(work: Round, source: Source, record: SourceRecord, older: ParsedVisit) -> Changes:
    """Store the entries of an older document that fill a coverage gap; ignore all others (G1)."""
    known = items.known(work.store, source.id, [alias for item in older.items for alias in item.aliases])
    is_known = [any(alias in known for alias in item.aliases) for item in older.items]
    new = anomalies.newer_items(
        older.items, is_known, record.coverage_gap.since if record.coverage_gap else None
    )
    taken = items.existing_ids(work.store, [item.id for item in new])
    compared = diff.item_changes(new, known.get, taken)
    changes = tuple(change for change in compared if change.change is ChangeKind.NEW)
    items.save(work.store, changes, backlog=False, now=work.now)
    return changes
