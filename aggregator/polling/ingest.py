"""Store the result of one visit: items, visit log, next visit, report (V1)."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import partial

from aggregator import urls
from aggregator.model.config import Source
from aggregator.model.items import ChangeKind
from aggregator.model.moves import Move
from aggregator.model.polling import (
    Failure,
    NextVisit,
    ParsedVisit,
    SourceRecord,
    SourceState,
    VisitResult,
)
from aggregator.model.reports import SourceReport
from aggregator.polling import schedule
from aggregator.polling.due import answering_host_of, ids_by_host
from aggregator.polling.round import Round
from aggregator.polling.visit_exceptions import as_failure, value_or_failure
from aggregator.store import robots, sources, visits

logger = logging.getLogger("aggregator.fetch")

_NO_ERROR = frozenset({SourceState.NEW, SourceState.OK})


def has_documents(visit: VisitResult) -> bool:
    """Return whether a visit has documents to store."""
    return isinstance(visit.result, ParsedVisit) or bool(visit.side.older)


def store_visit(
    work: Round, source: Source, visit: VisitResult, visit_id: int, activity: sources.SourceActivity
) -> None:
    """Store the result of one visit; a result that cannot be stored is a failure of its source.

    `activity` is that of the source before the visit.
    """
    failure = value_or_failure(partial(_store_in_transaction, work, source, visit, visit_id, activity))
    if failure is None:
        return
    reason_before, notices = work.records[source.id].reason, len(work.notices)
    failed = VisitResult(
        source_id=source.id,
        result=as_failure(visit, failure.reason),
        conditional=visit.conditional,
        seconds=visit.seconds,
        requests=visit.requests,
    )
    _store_in_transaction(work, source, failed, visit_id, activity)
    if failure.reason != reason_before and len(work.notices) == notices:
        work.notices.append(f"{source.id} ({source.url}): {failure.reason}")


def _store_in_transaction(
    work: Round, source: Source, visit: VisitResult, visit_id: int, activity: sources.SourceActivity
) -> None:
    """Store the result of one visit in one transaction, then report it."""
    record = work.records[source.id]
    with work.transaction():
        led_back = _leads_back(work, source, visit)
        changes, has_coverage_gap = _store_documents(work, source, record, visit)
        _apply_page_checks(work, source, visit)
        if has_documents(visit):
            activity = sources.activity(work.store, [source.id])[source.id]
        pushed_until = _pushed_until(work, record, visit, changes) if record.lease else None
        plan = _plan_next(
            work,
            source,
            visit,
            activity,
            shares_entry=led_back if _move_elsewhere(record) else _has_known_entry(visit, changes),
            has_coverage_gap=has_coverage_gap,
            pushed_until=pushed_until,
        )
        _limit_hosts(work, source, record, visit, plan)
        for read in visit.side.robots:
            robots.save(work.store, read)
        new, updated = changes[ChangeKind.NEW], changes[ChangeKind.EDITED] + changes[ChangeKind.SIGNIFICANT]
        visits.end(work.store, visit_id, visit, plan, now=work.now, new_items=new, updated_items=updated)
    if plan.failures != record.failures:
        work.records[source.id] = replace(record, failures=plan.failures)
    work.counts.update({"visited": 1, visit.outcome: 1, "new_items": new, "updated_items": updated})
    _log_outcome(work, source, visit, plan)
    _notice_state(work, source, record.state, plan)
    _add_report(work, source, visit, plan, new)


def _store_documents(
    work: Round, source: Source, record: SourceRecord, visit: VisitResult
) -> tuple[Counter[ChangeKind], bool]:
    """Store the documents of a visit; return changes and whether a coverage gap is open (G1)."""
    changes: Counter[ChangeKind] = Counter()
    coverage_gap = False
    if not has_documents(visit):
        if visit.side.coverage_gap_closed:
            sources.delete_coverage_gap(work.store, source.id)
        return changes, coverage_gap
    from aggregator.polling import store_document

    if isinstance(visit.result, ParsedVisit):
        of_document = store_document.store_document(work, source, record, visit.result)
        changes += store_document.count_changes(of_document)
        if visit.result.status == 200 and visit.result.hub_links != record.hub_links:
            sources.save_hub_links(work.store, source.id, visit.result.hub_links)
        coverage_gap = store_document.report_coverage_gap(work, source, record, visit.result, of_document)
    for older in visit.side.older:
        changes += store_document.count_changes(store_document.store_older(work, source, record, older))
    if visit.side.coverage_gap_closed and not coverage_gap:
        sources.delete_coverage_gap(work.store, source.id)
    return changes, coverage_gap


def _apply_page_checks(work: Round, source: Source, visit: VisitResult) -> None:
    if not visit.side.page_checks:
        return
    from aggregator.polling import removals

    story_ids, notices = removals.apply_checks(work.store, source, visit.side.page_checks, work.now)
    work.update_channels(story_ids)
    work.notices += notices


def _plan_next(
    work: Round,
    source: Source,
    visit: VisitResult,
    activity: sources.SourceActivity,
    *,
    shares_entry: bool,
    has_coverage_gap: bool,
    pushed_until: datetime | None,
) -> NextVisit:
    record = work.records[source.id]
    return schedule.next_visit(
        record,
        source,
        work.config.fetch,
        visit,
        activity.posting_stats,
        work.app.clock(),
        shares_entry=shares_entry,
        held_items=activity.held_items,
        has_coverage_gap=has_coverage_gap,
        fewest_failures_beside=_fewest_failures_beside(work, source, _limited_hosts(source, record, visit)),
        pushed_until=pushed_until,
    )


def _move_elsewhere(record: SourceRecord) -> Move | None:
    return record.move if record.move is not None and not record.move.is_same_feed else None


def _leads_back(work: Round, source: Source, visit: VisitResult) -> bool:
    """Return whether a redirect that led elsewhere leads to an entry of the source (CL14).

    Call it before the document is stored. An entry of the source is one of its last document, if that came without the
    redirect, or one of those that it had before the redirect.
    """
    result, move = visit.result, _move_elsewhere(work.records[source.id])
    if move is None or not isinstance(result, ParsedVisit):
        return False
    from aggregator.store import documents, items

    aliases = [*result.present, *(alias for item in result.items for alias in item.aliases)]
    if move.is_over:
        known = set(items.known_ids(work.store, source.id, aliases).values())
        return not known.isdisjoint(documents.listed_items(work.store, source.id))
    return items.was_any_seen_until(work.store, source.id, aliases, move.since)


def _has_known_entry(visit: VisitResult, changes: Counter[ChangeKind]) -> bool:
    """Return whether a document has an entry that the source had before (CL14)."""
    return isinstance(visit.result, ParsedVisit) and (
        changes.total() > changes[ChangeKind.NEW] or bool(visit.result.present)
    )


def _pushed_until(
    work: Round, record: SourceRecord, visit: VisitResult, changes: Counter[ChangeKind]
) -> datetime | None:
    """Return until when pushes are relied on after this visit, if they are (WS8)."""
    from aggregator.polling import websub_pushes

    return websub_pushes.pushes_suffice_until(work, record, visit, changes[ChangeKind.NEW])


def _limit_hosts(
    work: Round, source: Source, record: SourceRecord, visit: VisitResult, plan: NextVisit
) -> None:
    """Record until when hosts are rate limited (CL8)."""
    if plan.limit_host_until:
        for host in _limited_hosts(source, record, visit):
            visits.limit_host(work.store, host, plan.limit_host_until, plan.reason or "")


def _limited_hosts(source: Source, record: SourceRecord, visit: VisitResult) -> set[str]:
    """Return the hosts of a 429: the one that sent it and, after a failure, the first (CL8)."""
    result = visit.result
    refusal = result if isinstance(result, Failure) else visit.side.rate_limit
    hosts = {urls.host(refusal.url if refusal else None)}
    if isinstance(result, Failure):
        hosts.add(answering_host_of(source, record))
    return hosts - {""}


def _fewest_failures_beside(work: Round, source: Source, hosts: set[str]) -> int | None:
    """Return the fewest failures in a row of another source on `hosts`; None without one."""
    if not hosts:
        return None
    if not work.ids_by_host:
        work.ids_by_host = ids_by_host(work.config.sources, work.records)
    others = {id_ for host in hosts for id_ in work.ids_by_host.get(host, ())} - {source.id}
    return min((work.records[id_].failures for id_ in others), default=None)


def _log_outcome(work: Round, source: Source, visit: VisitResult, plan: NextVisit) -> None:
    for note in plan.notes:
        logger.warning("%s", note, extra={"source": source.id})
    reason = f": {plan.reason}" if plan.reason else ""
    logger.info("%s%s", visit.outcome, reason, extra={"source": source.id, "run": work.begin_run()})


def _notice_state(work: Round, source: Source, before: SourceState, plan: NextVisit) -> None:
    """Add a notice if the state of a source has changed (V8)."""
    state = plan.state
    if before is state or {before, state} <= _NO_ERROR:
        return
    if before is SourceState.NEW and state is SourceState.STALE:
        return  # a source that was added with old items only has not changed
    words = "well again" if state in _NO_ERROR else f"{state.value}: {plan.reason}"
    work.notices.append(f"{source.id} ({source.url}): {words}")


def _add_report(work: Round, source: Source, visit: VisitResult, plan: NextVisit, new_items: int) -> None:
    reasons = (plan.reason, *getattr(visit.result, "notes", ()), *plan.notes)
    work.reports.append(
        SourceReport(
            id=source.id,
            outcome=visit.outcome,
            status=visit.result.status,
            reason="; ".join(filter(None, reasons)) or None,
            new_items=new_items,
            next_visit=max(plan.due, plan.not_before or plan.due),
        )
    )
