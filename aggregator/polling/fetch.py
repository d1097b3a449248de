"""The cron job: visit due sources, store their items, place and publish what changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from aggregator import config_cache, publishing
from aggregator.database import AUTHORITY_KEY, locked_store, refuse_future_authority
from aggregator.errors import AggregatorError, UnknownName
from aggregator.model.config import Config
from aggregator.model.reports import FetchReport
from aggregator.polling.contact import refuse_public
from aggregator.polling.due import choose_due
from aggregator.polling.round import Round
from aggregator.ports import App, Progress
from aggregator.publishing import publish, websub
from aggregator.publishing.synchronise import synchronise
from aggregator.store import (
    documents,
    event_backfill,
    meta,
    phase_edits,
    reclassification,
    runs,
    sources,
    story_members,
    url_keys,
)
from aggregator.store.connection import Store
from aggregator.store.idle_check import idle_hash


def run(
    app: App,
    *,
    ids: Sequence[str] = (),
    force: bool = False,
    spread: bool = False,
    publish: bool = True,
    progress: Progress | None = None,
) -> FetchReport:
    """Run one round. `force` ignores the schedules of sources and nothing else (V3).

    `spread`: the next round follows within minutes, so that overdue sources need not be visited at once (CL10).
    Without `publish` new items are stored and left for the next round to place.
    """
    begun = time.perf_counter()
    config = app.config
    _check_ids(ids, config)
    refuse_public(app, ids)
    with locked_store(config, create=True, job="fetch", clock=app.clock) as store:
        work = Round(app=app, store=store, now=app.clock())
        refuse_future_authority(store, config, work.now)
        if runs.has_last_failed(store, "fetch"):
            work.begin_run()  # record that a later round ended well
        _prepare(work)
        if publish:
            _read_pushes(work)
        _poll(work, ids, force=force, spread=spread, progress=progress)
        published = _place_and_publish(work) if publish else {}
        if publish:
            _request_pushes(work)
        report = work.report(**published, seconds=round(time.perf_counter() - begun, 3))
        if work.run_id or report.new_stories or report.documents_written:
            runs.finish(store, work.begin_run(), "done", _summary(report), app.clock())
        if publish and not work.deferred and not _has_unclassified(work):
            _record_idle(work)
    return report


def _prepare(work: Round) -> None:
    """Adapt the store to feeds.yaml and rules for URLs; freeze ended months (P2)."""
    publishing.use_template_cache(work.config.data)
    config_cache.store(work.config)
    synchronise(work.store, work.config, work.now)
    _apply_source_ranks(work)
    if url_keys.state(work.store)[0]:
        from aggregator.dedupe import extend_url_keys

        work.notices += extend_url_keys.extend(work.store, work.now)
    work.notices += publish.freeze_ended_months(work.store, work.config, work.now)


def _apply_source_ranks(work: Round) -> None:
    """Choose leads again if feeds.yaml ranks sources differently; import the step then (I6)."""
    if changed := sources.outdated_ranks(work.store, work.config.sources):
        from aggregator.dedupe import source_ranks

        source_ranks.apply(work.store, work.config, changed, work.now)


def _poll(work: Round, ids: Sequence[str], *, force: bool, spread: bool, progress: Progress | None) -> None:
    """Apply changed topics and filters, parse outdated documents again and visit what is due.

    Parsers are imported only for that.
    """
    chosen = choose_due(work, ids, force=force, spread=spread)
    runs.clear_idle(work.store)
    outdated = documents.outdated(work.store)
    unclassified = _has_unclassified(work)
    if not chosen and not outdated and not unclassified:
        return
    with work.app.sandbox(len(chosen)) as sandbox:
        if unclassified:  # before visits, whose edits may give old items new topics
            from aggregator.polling import reclassify

            reclassify.reclassify(work, sandbox)
        if outdated:
            from aggregator.polling import reparse

            reparse.reparse(work, outdated, sandbox)
        if chosen:
            from aggregator.polling import dispatch

            dispatch.visit_all(work, chosen, sandbox, progress)


def _has_unclassified(work: Round) -> bool:
    """Return whether stored items may have other topics or filters than feeds.yaml says."""
    return reclassification.position(work.store, reclassification.classification_hash(work.config)).before > 0


def _read_pushes(work: Round) -> None:
    """Read what hubs of sources pushed; import the reader only where a source names a hub (WS6)."""
    if sources.has_hubs(work.store):
        from aggregator.polling import websub_pushes

        websub_pushes.read_pushes(work)


def _request_pushes(work: Round) -> None:
    """Subscribe to hubs of sources, renew and unsubscribe, after all visits (WS2)."""
    if sources.has_hubs(work.store):
        from aggregator.polling import websub_requests

        websub_requests.send_requests(work)


def _place_and_publish(work: Round) -> dict[str, object]:
    """Place new items into stories and write changed documents; return report values."""
    _record_authority(work.store, work.config)
    _find_stored_events(work)
    founded, joined = _place(work)
    try:
        published = publish.render(work.store, work.config, work.now)
    except AggregatorError as error:
        error.notices = tuple(work.notices)  # print what was committed, whatever fails after it (V8)
        raise
    work.notices += [*published.notices, *websub.ping_hub(work.app, work.store)]
    return {
        "new_stories": founded,
        "joined_stories": joined,
        "documents_written": published.documents_written,
    }


def _place(work: Round) -> tuple[int, int]:
    """Apply edits of status and place new items; return how many founded and joined stories."""
    if phase_edits.has_any(work.store):
        from aggregator.dedupe.phase_edits import apply

        apply(work.store, work.config, work.now)
    if not story_members.has_items_to_place(work.store):
        return 0, 0
    from aggregator import memory
    from aggregator.dedupe import assign

    memory.return_free_memory()
    placed = assign.assign_items(work.store, work.config.channels, work.now)
    memory.return_free_memory()
    work.notices += placed.notices
    work.deferred = placed.deferred
    if placed.deferred and work.counts["new_items"]:
        work.notices.append(f"{placed.deferred} new items are left to the next rounds")
    return placed.founded, placed.joined


def _find_stored_events(work: Round) -> None:
    """Find the events of items of earlier versions; import the finder only for that."""
    if event_backfill.has_unsearched(work.store):
        from aggregator.polling.event_backfill import find_stored_events

        find_stored_events(work)


def _check_ids(ids: Iterable[str], config: Config) -> None:
    """Raise UnknownName unless all of `ids` are enabled sources."""
    for id_ in ids:
        if not config.source(id_).enabled:
            raise UnknownName(
                f"source {id_!r} is disabled in {config.file.name}: remove `enabled: false` to visit it"
            )


def _record_authority(store: Store, config: Config) -> None:
    """Record the authority before the first story gets an id; it is final from then on (V5)."""
    if meta.get(store, AUTHORITY_KEY) is None and story_members.has_unplaced(store):
        meta.put(store, AUTHORITY_KEY, config.site.authority)


def _summary(report: FetchReport) -> dict[str, object]:
    """Return the report as the run stores it: of the sources only those that failed."""
    failed = (source for source in report.sources if source.outcome == "failed")
    return asdict(replace(report, sources=tuple(replace(source, next_visit=None) for source in failed)))


def _record_idle(work: Round) -> None:
    """Record that nothing is left to do, unless feeds.yaml was edited meanwhile."""
    try:
        raw = work.config.file.read_bytes()
    except OSError:
        return
    if hashlib.sha256(raw).hexdigest() == work.config.file_hash and not work.app.stopping():
        runs.record_idle(work.store, idle_hash(raw), work.config.public / "atom.xml")
