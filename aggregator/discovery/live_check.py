"""Check every source for `check --live`: report what is wrong and how to repair it."""

from __future__ import annotations

from dataclasses import replace

from aggregator import locked_store
from aggregator.discovery import discover, site_check
from aggregator.health import advice
from aggregator.model.config import Source
from aggregator.model.discovery import Proposal, SourceCheck
from aggregator.model.polling import Move, SourceRecord, SourceState, Validators
from aggregator.model.reports import SourceHealth
from aggregator.polling import fetch
from aggregator.ports import App, Progress
from aggregator.store import source_history, sources

LOCK_WAIT_SECONDS = 30.0
"""Seconds to wait for the end of another run before sites are checked."""
DOCUMENTS = ("feed", "jsonfeed", "ical")
"""Kinds whose servers should send validators; other documents are generated on request."""
FAILING_STATES = frozenset({SourceState.FAILING, SourceState.GONE})
WAITING_STATES = frozenset({SourceState.RATE_LIMITED, SourceState.NEEDS_REVIEW})


def run(app: App, progress: Progress | None = None) -> tuple[SourceCheck, ...]:
    """Visit the sources that are due, check the sites of failing ones, and describe each source.

    Sources visited recently are described from the store (CL5). A site is checked at the interval of its source.
    """
    locked_store.check_authority(app.config)
    report = fetch.run(app, publish=False, progress=progress)
    with locked_store.locked_store(app.config, wait_seconds=LOCK_WAIT_SECONDS) as store:
        health = {each.id: each for each in sources.health(store)}
        records, publishers = sources.records(store), sources.publishers(store)
        polled = [source for source in app.config.sources if source.id in health]
        now = app.clock()
        checks = site_check.due_checks(store, app, polled, records, publishers, now)
        site_check.run(store, app, checks, report, now)
        site_checks = {source.id: source_history.last_site_check(store, source.id) for source in polled}
    notes = {visit.id: visit.reason for visit in report.sources if visit.outcome != "failed"}
    results = []
    for source in polled:
        record = records[source.id]
        result = _describe(source, health[source.id], record, notes.get(source.id))
        checked = site_checks[source.id]
        if checked and checked[1] and site_check.is_replaceable(record):
            result = replace(result, advice=checked[1], proposal=checked[2])
        results.append(result)
    return tuple(results)


def is_failing(result: SourceCheck) -> bool:
    """Return whether no items can be expected of a source at present."""
    return result.state in FAILING_STATES


def _describe(source: Source, health: SourceHealth, record: SourceRecord, note: str | None) -> SourceCheck:
    if record.failures:
        state = health.state if health.state in FAILING_STATES | WAITING_STATES else SourceState.FAILING
        return SourceCheck(id=source.id, state=state, reason=health.reason, advice=advice(health))
    if record.move is not None:
        return _moved(source, record.move)
    if health.state is SourceState.OK:
        return _ok(source, health, record, note)
    return SourceCheck(id=source.id, state=health.state, reason=health.reason, advice=advice(health))


def _ok(source: Source, health: SourceHealth, record: SourceRecord, note: str | None) -> SourceCheck:
    """Describe a source that is polled without errors, with what its publisher could improve."""
    if note and note.startswith("malformed"):
        shown = f"ask the partner to correct it; https://validator.w3.org/feed/check.cgi?url={source.url} shows where"
        return SourceCheck(id=source.id, state=health.state, reason=note, advice=shown)
    without_validators = Validators(url=record.validators.url) == record.validators
    if not note and without_validators and not source.every and source.kind in DOCUMENTS:
        return SourceCheck(
            id=source.id,
            state=health.state,
            reason="its server sends neither ETag nor Last-Modified, so it is visited once a day at most",
            advice="ask the partner to enable one of them, or set `every`",
        )
    return SourceCheck(id=source.id, state=health.state, reason=note)


def _moved(source: Source, move: Move) -> SourceCheck:
    proposal = Proposal(kind=source.kind, url=move.url, score=1.0, why="moved", page=source.page)
    return SourceCheck(
        id=source.id,
        state=SourceState.MOVED,
        reason=f"it redirects permanently to {move.url}, since {move.since:%Y-%m-%d}",
        advice=f"put {move.url} into feeds.yaml as the source's `url`",
        proposal=discover.as_yaml(proposal, source.id, source.name),
    )
