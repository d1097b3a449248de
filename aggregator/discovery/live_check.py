"""Check every source for `check --live`: report what is wrong and how to repair it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aggregator import database, feed_findings
from aggregator.discovery import discover, site_check
from aggregator.health import advice
from aggregator.model.config import Source
from aggregator.model.discovery import Proposal, SourceCheck
from aggregator.model.findings import FindingWords
from aggregator.model.moves import Move
from aggregator.model.polling import SourceRecord, SourceState
from aggregator.model.reports import SourceHealth
from aggregator.polling import fetch
from aggregator.ports import App, Progress
from aggregator.store import feed_facts, site_checks, sources
from aggregator.store.connection import Store

LOCK_WAIT_SECONDS = 30.0
"""Seconds to wait for the end of another run before sites are checked."""
REPORT_LANGUAGE = "en"
"""Language of what operators read."""
FAILING_STATES = frozenset({SourceState.FAILING, SourceState.GONE})
WAITING_STATES = frozenset({SourceState.RATE_LIMITED, SourceState.NEEDS_REVIEW})


def check_sources(app: App, progress: Progress | None = None) -> tuple[SourceCheck, ...]:
    """Visit the sources that are due, check the sites of failing ones, and describe each source.

    Sources visited recently are described from the store (CL5). A site is checked at the interval of its source.
    """
    database.check_authority(app.config, app.clock())
    report = fetch.run(app, publish=False, progress=progress)
    with database.locked_store(app.config, wait_seconds=LOCK_WAIT_SECONDS) as store:
        health = {each.id: each for each in sources.health(store)}
        records, publishers = sources.records(store), sources.publishers(store)
        polled = [source for source in app.config.sources if source.id in health]
        now = app.clock()
        checks = site_check.due_checks(store, app, polled, records, publishers, now)
        site_check.run_checks(store, app, checks, report, now)
        last_checks = {source.id: site_checks.last(store, source.id) for source in polled}
        findings = {source.id: _findings(store, records[source.id]) for source in polled}
    notes = {visit.id: visit.reason for visit in report.sources if visit.outcome != "failed"}
    results = []
    for source in polled:
        record = records[source.id]
        result = _describe(source, health[source.id], record, notes.get(source.id), findings[source.id])
        checked = last_checks[source.id]
        if checked and checked.advice and site_check.is_replaceable(record):
            result = replace(result, advice=checked.advice, proposal=checked.proposal)
        results.append(replace(result, findings=findings[source.id]))
    return tuple(results)


def is_failing(result: SourceCheck) -> bool:
    """Return whether no items can be expected of a source now."""
    return result.state in FAILING_STATES


def _findings(store: Store, record: SourceRecord) -> tuple[FindingWords, ...]:
    """Return the findings of a feed in the words of the partner's page."""
    facts = feed_facts.read(store, record.id, record.last_attempt.date() if record.last_attempt else None)
    return tuple(
        feed_findings.in_words(finding, REPORT_LANGUAGE) for finding in feed_findings.find_findings(facts)
    )


def _describe(
    source: Source,
    health: SourceHealth,
    record: SourceRecord,
    note: str | None,
    findings: Sequence[FindingWords],
) -> SourceCheck:
    if record.failures:
        state = health.state if health.state in FAILING_STATES | WAITING_STATES else SourceState.FAILING
        return SourceCheck(id=source.id, state=state, reason=health.reason, advice=advice(health))
    if record.move is not None and record.move.is_same_feed:
        return _moved(source, record.move)
    if health.state is SourceState.OK:
        return _ok(health, note, findings)
    return SourceCheck(id=source.id, state=health.state, reason=health.reason, advice=advice(health))


def _ok(health: SourceHealth, note: str | None, findings: Sequence[FindingWords]) -> SourceCheck:
    """Describe a source that is polled without errors, with what its publisher could improve."""
    problem = next((finding for finding in findings if finding.level in feed_findings.FAULTS), None)
    if problem is None:
        return SourceCheck(id=health.id, state=health.state, reason=note)
    words = feed_findings.as_reason(problem)
    return SourceCheck(
        id=health.id,
        state=health.state,
        reason=note if problem.code == "malformed" and note else "; ".join(filter(None, (note, words))),
        advice=f"ask the partner: {problem.fix}",
    )


def _moved(source: Source, move: Move) -> SourceCheck:
    proposal = Proposal(kind=source.kind, url=move.url, score=1.0, why="moved", page=source.page)
    return SourceCheck(
        id=source.id,
        state=SourceState.MOVED,
        reason=f"it redirects permanently to {move.url}, since {move.since:%Y-%m-%d}",
        advice=f"put {move.url} into feeds.yaml as the source's `url`",
        proposal=discover.as_yaml(proposal, source.id, source.name),
    )
