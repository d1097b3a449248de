"""The cron job: visit the sources that are due, keep what they say, place it, publish what changed."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from aggregator import urls
from aggregator.dedupe import assign
from aggregator.errors import AggregatorError, ContactMissing, UnknownName
from aggregator.gateways import ssrf
from aggregator.locked_store import AUTHORITY, locked_store
from aggregator.model.config import Config, Source
from aggregator.model.items import ChangeKind, ItemChange
from aggregator.model.polling import (
    Failure,
    Gap,
    MissingItem,
    ParsedVisit,
    PostingStats,
    Request,
    Response,
    Robots,
    SourceRecord,
    SourceState,
    Validators,
    VisitResult,
)
from aggregator.model.reports import FetchReport, SourceReport
from aggregator.polling import removals, schedule
from aggregator.ports import App, Progress, Sandbox
from aggregator.publishing import channels, publish, websub
from aggregator.publishing.synchronise import reading_key, synchronise
from aggregator.store import items, runs, sources, story_members, story_placement
from aggregator.store.connection import Store
from aggregator.store.idle_check import MAX_PLAN_AHEAD, finished_mark

said = logging.getLogger("aggregator.fetch")

NEVER = datetime.min.replace(tzinfo=UTC)
MAX_COMPARED = 500
"""Newest items of a source that are looked through for known ones under new identifiers (G2)."""


def run(
    app: App,
    *,
    ids: Sequence[str] = (),
    force: bool = False,
    spread: bool = False,
    publish: bool = True,
    progress: Progress | None = None,
) -> FetchReport:
    """One round. `force` ignores the sources' rhythm, and nothing else (V3).

    `spread`: the caller comes again within minutes, so that what became due while nobody was there need not be
    visited all at once (CL10). Without `publish` what is new is stored, and left for the next round to place.
    """
    begun = time.perf_counter()
    config = app.config
    _known(ids, config)
    refuse_public(app, ids)
    with locked_store(config, create=True, job="fetch", clock=app.clock) as store:
        now = app.clock()
        work = _Round(app=app, store=store, now=now)
        if runs.last_failed(store, "fetch"):
            work.run()  # so that it is seen that a later round ended well
        _prepare(work)
        chosen = _choose(work, ids, force, spread)
        runs.clear_finished_mark(store)
        with app.sandbox(len(chosen)) as sandbox:
            _reread(work, sandbox)
            if chosen:
                _visit_all(work, chosen, sandbox, progress)
        told = _place_and_publish(work) if publish else {}
        report = work.report(**told, seconds=round(time.perf_counter() - begun, 3))
        if work.run_id or report.new_stories or report.documents_written:
            runs.finish(store, work.run(), "done", _summary(report), app.clock())
        if publish and not work.deferred:
            _leave(work)
    return report


def _prepare(work: _Round) -> None:
    """The store knows feeds.yaml, and what is frozen by now was written before anything of it could change (P2)."""
    synchronise(work.store, work.config, work.now)
    work.notices += publish.close_months(work.store, work.config, work.now)


def _place_and_publish(work: _Round) -> dict[str, object]:
    """What is new into stories, stories into documents; what the report says of it."""
    _settle_authority(work.store, work.config)
    placed = assign.assign(work.store, work.config.channels, work.now)
    work.notices += placed.notices
    work.deferred = placed.deferred
    if placed.deferred and work.counts["new_items"]:
        work.notices.append(f"{placed.deferred} new items are left to the next rounds")
    try:
        published = publish.render(work.store, work.config, work.now)
    except AggregatorError as error:
        error.notices = tuple(work.notices)  # V8: what was committed is told, whatever comes after
        raise
    work.notices += [*published.notices, *websub.ping_hub(work.app, work.store)]
    return {
        "new_stories": placed.founded,
        "joined_stories": placed.joined,
        "documents_written": published.documents_written,
    }


@dataclass(slots=True)
class _Round:
    """What one round gathers; lives no longer than `run`."""

    app: App
    store: Store
    now: datetime
    records: dict[str, SourceRecord] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    told: list[SourceReport] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    run_id: int = 0
    deferred: int = 0

    @property
    def config(self) -> Config:
        return self.app.config

    def run(self) -> int:
        """The run's id; a round that finds nothing to do leaves no run behind."""
        self.run_id = self.run_id or runs.begin(self.store, "fetch", self.now)
        return self.run_id

    def report(self, **more: object) -> FetchReport:
        order = {source.id: n for n, source in enumerate(self.config.sources)}
        told = tuple(sorted(self.told, key=lambda report: order[report.id]))
        values = {**self.counts, **more, "sources": told, "notices": tuple(sorted(self.notices))}
        return FetchReport(**values)  # type: ignore[arg-type]


def _known(ids: Iterable[str], config: Config) -> None:
    for id_ in ids:
        if not config.source(id_).enabled:
            raise UnknownName(f"source {id_!r} is disabled in {config.file.name}")


def _settle_authority(store: Store, config: Config) -> None:
    """The first story that is about to get an id makes the authority final (V5)."""
    if runs.get(store, AUTHORITY) is None and story_members.any_unplaced(store):
        runs.put(store, AUTHORITY, config.site.authority)


# --- what is due ---------------------------------------------------------------------------------------


def _choose(work: _Round, ids: Sequence[str], force: bool, spread: bool) -> list[Source]:
    """The sources to visit now; the others are counted as not due or held."""
    _mind_the_clock(work)
    held_hosts = sources.held_hosts(work.store, work.now)
    chosen, held, put_off = [], {}, {}
    for source in work.config.sources:
        record = work.records.get(source.id)
        if record is None or (ids and source.id not in ids):
            continue
        until = max(
            filter(None, (held_hosts.get(host) for host in _hosts(source, record))), default=record.not_before
        )
        if not force and record.next_visit and record.next_visit > work.now:
            work.counts["not_due"] += 1
        elif until and until > work.now:
            work.counts["held"] += 1
            held[source.id] = until
        elif spread and schedule.is_late(record, work.config.fetch, work.now):
            work.counts["not_due"] += 1
            put_off[source.id] = schedule.spread(source, work.config.fetch, work.now)
        else:
            chosen.append(source)
    sources.hold(work.store, held)
    sources.put_off(work.store, put_off)
    return chosen


def _mind_the_clock(work: _Round) -> None:
    """Read the records; sources that a clock ahead of its time had visited wait one whole rhythm from now."""
    now, rules = work.now, work.config.fetch
    work.records = sources.records(work.store)
    ahead = {
        source.id: schedule.provisional_visit(work.records[source.id], source, rules, PostingStats(), now)
        for source in work.config.sources
        if source.id in work.records and _is_ahead(work.records[source.id], now)
    }
    if ahead:
        sources.clock_went_back(work.store, ahead, now + schedule.LONGEST_WAIT, now)
        said.warning("the clock went back: %d sources were planned anew", len(ahead))
        work.records = sources.records(work.store)


def _is_ahead(record: SourceRecord, now: datetime) -> bool:
    """Whether a source was visited, or planned, by a clock that ran ahead."""
    planned = record.next_visit and record.next_visit > now + MAX_PLAN_AHEAD
    return bool((record.last_attempt and record.last_attempt > now) or planned)


def _url(source: Source, record: SourceRecord) -> str:
    """Where a source is asked: as configured, or where it has moved for good (CL13, CL14)."""
    return record.move.url if record.move and record.move.learned else source.url


def _host(source: Source, record: SourceRecord) -> str:
    """The host that answers in the end, as far as is known: sources that all lead to one are asked one by one."""
    return urls.host(record.validators.url or _url(source, record))


def _hosts(source: Source, record: SourceRecord) -> set[str]:
    """The host that is asked, and the one that answers in the end."""
    return {_host(source, record), urls.host(_url(source, record))}


def refuse_public(app: App, ids: Sequence[str] = ()) -> None:
    """V7: nobody's server is visited by somebody who does not say who they are, nor under a pretended clock."""
    placeholder = app.config.placeholder
    if not placeholder and not app.simulated_clock:
        return
    allowed = app.config.fetch.allow_private
    for source in app.config.sources:
        if not source.enabled or (ids and source.id not in ids):
            continue
        if ssrf.is_private(source.url, allowed):
            continue
        if app.simulated_clock:
            raise ContactMissing(f"the clock is pretended (AGGREGATOR_NOW): {source.url} is a public server")
        raise ContactMissing(
            f"{app.config.file.name}: site.{placeholder} is still the placeholder; make it your own, so that partners"
            f" can reach whoever polls them and ids are yours for ever (first public source: {source.id})"
        )


# --- visiting ------------------------------------------------------------------------------------------


def _visit_all(work: _Round, chosen: Sequence[Source], sandbox: Sandbox, progress: Progress | None) -> None:
    """Host by host into the executor, a bounded number at a time; outcomes are kept as they come.

    When the house is stopping, visits in hand are finished and no other is begun.
    """
    from aggregator.polling.visit import SCRAPED, HostVisit, tried, visit_host

    config, fetcher = work.config, work.app.fetcher()
    stopping = work.app.stopping
    batches = iter(_by_host(chosen, work.records))
    missing_items = _suspects(work, chosen)
    robots = sources.robots(work.store) if missing_items or any(s.kind in SCRAPED for s in chosen) else {}
    workers = config.fetch.concurrency
    running: dict[Future[tuple[VisitResult, ...]], list[Source]] = {}
    visits: dict[str, int] = {}
    by_id = {source.id: source for source in chosen}
    with work.app.make_executor(workers) as pool, _cancelled(running):
        while True:
            begun = [] if stopping() else list(islice(batches, 2 * workers - len(running)))
            now = work.app.clock()  # a long round: what is planned counts from each visit
            prepared = {
                s.id: tried(partial(_prepared, work, s, robots, missing_items.get(s.id, ()), now))
                for batch in begun
                for s in batch
            }
            attempts = {
                id_: _bare_attempt(work, by_id[id_], now) if isinstance(one, Failure) else one
                for id_, one in prepared.items()
            }
            if attempts:
                visits |= sources.begin_visits(work.store, work.run(), attempts.values(), now)
            for id_, one in prepared.items():
                if isinstance(one, Failure):
                    outcome = VisitResult(
                        source_id=id_, result=one, conditional=None, seconds=0.0, requests=0
                    )
                    _keep(work, by_id[id_], outcome, visits[id_])
            for whole_batch in begun:
                batch = [source for source in whole_batch if not isinstance(prepared[source.id], Failure)]
                if not batch:
                    continue
                asked = HostVisit(
                    requests=tuple(attempts[source.id].request for source in batch),
                    rules=config.topics,
                    now=work.now,
                    seconds=config.fetch.timeout.total_seconds(),
                    gap=work.app.host_gap,
                )
                running[pool.submit(visit_host, asked, fetcher, stopping, sandbox)] = batch
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                waiting = {source.id for source in running.pop(future)}
                for outcome in _outcomes(future, waiting):
                    waiting.discard(outcome.source_id)
                    if outcome.interrupted:
                        continue  # as one that was killed: its next time was committed before it began (V1)
                    _keep(work, by_id[outcome.source_id], outcome, visits[outcome.source_id])
                    if progress:
                        progress(work.counts["visited"], len(chosen), outcome.source_id)
                for source_id in waiting:  # never asked: we are stopping, or the host said 429
                    sources.unbegin(work.store, visits[source_id], work.records[source_id])


@contextmanager
def _cancelled(running: Mapping[Future[tuple[VisitResult, ...]], object]) -> Iterator[None]:
    """Take back what was not begun when the round breaks off."""
    try:
        yield
    finally:
        for future in running:
            future.cancel()


def _by_host(chosen: Iterable[Source], records: Mapping[str, SourceRecord]) -> list[list[Source]]:
    """The sources of each host, those first whose last visit is longest ago: a 429 ends the visits to a host (CL8)."""
    hosts: dict[str, list[Source]] = {}
    for source in chosen:
        hosts.setdefault(_host(source, records[source.id]), []).append(source)
    for batch in hosts.values():
        batch.sort(key=lambda source: records[source.id].last_attempt or NEVER)
    return list(hosts.values())


def _suspects(work: _Round, chosen: Iterable[Source]) -> dict[str, tuple[MissingItem, ...]]:
    """What left the documents of sources, as far as its pages may be asked for at their visits (I8).

    No host is asked by two at once (CL11), none that wants silence (CL8), and no public one too early (V7).
    """
    due = removals.due_checks(work.store, work.now)
    if not due:
        return {}
    config, app = work.config, work.app
    held = sources.held_hosts(work.store, work.now)
    askers: dict[str, str] = {}
    for source in chosen:
        record = work.records[source.id]
        for host in _hosts(source, record):
            askers.setdefault(host, _host(source, record))

    def may_ask(source: Source, link: str) -> bool:
        asker, host = _host(source, work.records[source.id]), urls.host(link)
        public_too = not config.placeholder and not app.simulated_clock
        allowed = public_too or ssrf.is_private(link, config.fetch.allow_private)
        return allowed and host not in held and askers.setdefault(host, asker) == asker

    return {
        source.id: tuple(one for one in due.get(source.id, ()) if may_ask(source, one.link))
        for source in chosen
    }


def _request(
    work: _Round, source: Source, robots: Mapping[str, Robots], missing_items: Sequence[MissingItem]
) -> Request:
    record = work.records[source.id]
    whole = schedule.wants_full_document(record, source, work.now)
    if whole:
        said.info("nothing but 304 for days: asked for the whole document once", extra={"source": source.id})
    return Request(
        source=source,
        url=_url(source, record),
        validators=Validators() if whole else record.validators,
        body_hash=record.body_hash,
        identity_policy=record.identity_policy,
        seen=sources.seen(work.store, source.id),
        robots=tuple(
            robots[place]
            for place in {
                urls.origin(url) for url in (_url(source, record), *(one.link for one in missing_items))
            }
            if place in robots
        ),
        before=record.entries,
        known_articles=_known_articles(work, source),
        kept=sources.kept(work.store, source.id) if record.unfinished else None,
        gap=replace(record.gap, known=items.aliases(work.store, source.id)) if record.gap else None,
        missing_items=tuple(missing_items),
    )


def _known_articles(work: _Round, source: Source) -> frozenset[str]:
    """Links of the items of a source that reads articles: each article is read once (V2)."""
    if not any(layout.article for layout in source.page):
        return frozenset()
    from aggregator.items.identity import article_key

    return frozenset(article_key(link, title) for link, title in items.links(work.store, source.id))


def _prepared(
    work: _Round,
    source: Source,
    robots: Mapping[str, Robots],
    missing_items: Sequence[MissingItem],
    now: datetime,
) -> sources.Attempt:
    """A visit, with all that is known of its source."""
    with work.store.snapshot():
        request = _request(work, source, robots, missing_items)
        return _attempt(work, request, sources.posting_stats(work.store, source.id), now)


def _bare_attempt(work: _Round, source: Source, now: datetime) -> sources.Attempt:
    """A visit that cannot be made, because what is known of its source cannot be read."""
    request = Request(source=source, validators=work.records[source.id].validators)
    return _attempt(work, request, PostingStats(), now)


def _attempt(work: _Round, request: Request, posting_stats: PostingStats, now: datetime) -> sources.Attempt:
    source = request.source
    record = work.records[source.id]
    return sources.Attempt(
        request=request,
        floor=schedule.minimum_interval(source, work.config.fetch, record.validators)
        if record.last_success
        else source.every or work.config.fetch.every,
        next_visit=schedule.provisional_visit(record, source, work.config.fetch, posting_stats, now),
        forced=record.next_visit is not None and record.next_visit > work.now,
    )


@contextmanager
def _whole(work: _Round) -> Iterator[None]:
    """A transaction; where it is rolled back, what the round counted and is to say of it is, too."""
    counts, notices = Counter(work.counts), list(work.notices)
    try:
        with work.store.transaction():
            yield
    except BaseException:
        work.counts, work.notices = counts, notices
        raise


def _outcomes(future: Future[tuple[VisitResult, ...]], batch: Iterable[str]) -> Sequence[VisitResult]:
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - L2: a dead worker must not take the other visits with it
        failure = Failure(reason=f"the worker died ({type(error).__name__}: {str(error)[:200]})")
        return [VisitResult(source_id=id_, result=failure, conditional=None, seconds=0.0) for id_ in batch]


def _keep(work: _Round, source: Source, outcome: VisitResult, visit_id: int) -> None:
    """The outcome of one visit; one that cannot be stored is a failure of its source, which is said once."""
    from aggregator.polling.visit import blamed, tried

    broken = tried(partial(_store, work, source, outcome, visit_id))
    if broken is None:
        return
    said_before, notices = work.records[source.id].reason, len(work.notices)
    failed = VisitResult(
        source_id=source.id,
        result=blamed(outcome, broken.reason),
        conditional=outcome.conditional,
        seconds=outcome.seconds,
        requests=outcome.requests,
    )
    _store(work, source, failed, visit_id)
    if broken.reason != said_before and len(work.notices) == notices:
        work.notices.append(f"{source.id} ({source.url}): {broken.reason}")


def _store(work: _Round, source: Source, outcome: VisitResult, visit_id: int) -> None:
    """The outcome of one visit in one transaction."""
    record, result = work.records[source.id], outcome.result
    changes: Counter[ChangeKind] = Counter()
    gap = False
    silent = _silent_hosts(source, record, outcome)
    with _whole(work):
        if isinstance(result, ParsedVisit):
            item_changes = _keep_items(work, source, record, result)
            changes = _counted(item_changes)
            gap = _note_gap(work, source, record, result, item_changes)
        for older in outcome.older:
            changes += _counted(_keep_older(work, source, record, older))
        if outcome.filled and not gap:
            sources.note_gap(work.store, source.id, None)
        _tell(work, *removals.apply_checks(work.store, source, outcome.checked, work.now))
        plan = schedule.next_visit(
            record,
            source,
            work.config.fetch,
            outcome,
            sources.posting_stats(work.store, source.id),
            work.app.clock(),
            known=changes.total() > changes[ChangeKind.NEW] or bool(getattr(result, "present", ())),
            waiting=items.waiting(work.store, source.id),
            gap=gap,
            neighbours=_neighbours(work, source, silent),
        )
        if plan.hold_host_until:
            for host in silent:
                sources.hold_host(work.store, host, plan.hold_host_until, plan.reason or "")
        for read in outcome.robots:
            sources.keep_robots(work.store, read)
        updated = changes[ChangeKind.EDITED] + changes[ChangeKind.SIGNIFICANT]
        sources.end_visit(
            work.store,
            visit_id,
            outcome,
            plan,
            now=work.now,
            new_items=changes[ChangeKind.NEW],
            updated_items=updated,
        )
    work.records[source.id] = replace(record, failures=plan.failures)
    word = {ParsedVisit: "changed", Failure: "failed"}.get(type(result), "unchanged")
    for note in plan.notes:
        said.warning("%s", note, extra={"source": source.id})
    said.info(
        "%s%s",
        word,
        f": {plan.reason}" if plan.reason else "",
        extra={"source": source.id, "run": work.run()},
    )
    work.counts.update(
        {"visited": 1, word: 1, "new_items": changes[ChangeKind.NEW], "updated_items": updated}
    )
    _notice(work, source, record.state, plan.state, plan.reason)
    work.told.append(
        SourceReport(
            id=source.id,
            outcome=word,
            status=result.status,
            reason="; ".join(filter(None, (plan.reason, *getattr(result, "notes", ()), *plan.notes))) or None,
            new_items=changes[ChangeKind.NEW],
            next_visit=max(plan.due, plan.not_before or plan.due),
        )
    )


def _neighbours(work: _Round, source: Source, hosts: set[str]) -> int | None:
    """The smallest number of failures in a row of another source that asks one of `hosts`."""
    records = work.records
    others = (s for s in work.config.sources if s.id in records and s.id != source.id)
    return min((records[s.id].failures for s in others if _hosts(s, records[s.id]) & hosts), default=None)


def _silent_hosts(source: Source, record: SourceRecord, outcome: VisitResult) -> set[str]:
    """Who wants to be left alone: who said so, and, of a visit that failed by it, who sent us there (CL8)."""
    failed = isinstance(outcome.result, Failure)
    said = outcome.result if isinstance(outcome.result, Failure) else outcome.silence
    hosts = {urls.host(said.url if said else None)}
    return (hosts | {_host(source, record)} if failed else hosts) - {""}


def _keep_items(
    work: _Round, source: Source, record: SourceRecord, result: ParsedVisit, *, reread: bool = False
) -> Sequence[ItemChange]:
    """Keep what a document brought; a mass of unknown old entries waits for an editor (G2)."""
    from aggregator.items import diff
    from aggregator.polling import anomalies

    asked = [*result.present, *(alias for item in result.items for alias in item.aliases)]
    before = sources.listed(work.store, source.id)
    unmoved = not result.items and result.entries == len(before)
    known = {} if unmoved else items.known(work.store, source.id, asked)
    taken = items.taken(work.store, [item.id for item in result.items])
    item_changes = diff.item_changes(result.items, known.get, taken, result.present)
    last_success = None if reread else record.last_success
    odd = anomalies.unknown_old_items(item_changes, len(result.present), last_success, work.now)
    if odd:
        shown = {a.item.id for a in item_changes} | {known[a].id for a in result.present if a in known}
        others = [one for one in items.last(work.store, source.id, MAX_COMPARED) if one[0].id not in shown]
        unknown = [n for n, arrival in enumerate(item_changes) if arrival.change is ChangeKind.NEW]
        proven = anomalies.match_known(result.items, unknown, others)
        item_changes = diff.item_changes(result.items, known.get, taken, result.present, proven)
        odd = tuple(n for n in odd if n not in proven)
    if reread:  # we read differently; the publisher edited nothing
        item_changes = tuple(
            replace(a, change=ChangeKind.EDITED) if a.change is ChangeKind.SIGNIFICANT else a
            for a in item_changes
        )
    items.keep(work.store, item_changes, backlog=reread or record.last_success is None, now=work.now)
    if anomalies.is_flood(len(odd)):
        items.hold(work.store, [item_changes[n].item.id for n in odd])
        work.counts["held"] += len(odd)
    here = [a.item.id for a in item_changes] + [known[a].id for a in result.present if a in known]
    if unmoved or result.status == 226 or result.unfinished:  # what such a document leaves out is no matter
        here += before
    elif not reread and record.last_success and not anomalies.is_flood(len(odd)):
        removals.compare_documents(work.store, source, result, before, set(here), work.now)
    listed = removals.listed(before, here)
    sources.accept(work.store, source.id, result, reading_key(source, work.config), listed)
    _touch(work, item_changes)
    _tell(work, *removals.restore_items(work.store, source, set(here), work.now))
    return item_changes


def _touch(work: _Round, item_changes: Sequence[ItemChange]) -> None:
    """Stories of edited items, and their channels, in the transaction of the edit (P1)."""
    edited = [a.item.id for a in item_changes if a.change in (ChangeKind.EDITED, ChangeKind.SIGNIFICANT)]
    if edited:
        significant = [a.item.id for a in item_changes if a.change is ChangeKind.SIGNIFICANT]
        touched = story_placement.apply_edits(work.store, edited, significant, work.now)
        channels.update_channels(work.store, work.config.channels, touched, work.now)


def _tell(work: _Round, story_ids: set[str], notices: Sequence[str]) -> None:
    """What was withdrawn, or is back, reaches channels (P1) and whoever reads cron's mail (V8)."""
    if story_ids:
        channels.update_channels(work.store, work.config.channels, story_ids, work.now)
    work.notices += notices


def _counted(item_changes: Iterable[ItemChange]) -> Counter[ChangeKind]:
    return Counter(a.change for a in item_changes if not a.item.dropped)


def _note_gap(
    work: _Round,
    source: Source,
    record: SourceRecord,
    result: ParsedVisit,
    item_changes: Sequence[ItemChange],
) -> bool:
    """G1: entries may have come and gone between two visits; told, and asked for at the next visit."""
    from aggregator.polling import anomalies

    if record.last_success is None or result.status == 226 or result.unfinished:
        return False
    if not anomalies.is_gap(item_changes, len(result.present)) or items.waiting(work.store, source.id):
        return False  # a flood of old entries is no gap: nothing more is asked for before an editor decided
    if result.older:
        gap = Gap(url=result.older, since=record.last_success)
        sources.note_gap(work.store, source.id, gap)
    words = "older ones are asked for at the next visit" if result.older else "it offers no older ones"
    work.notices.append(
        f"{source.id} ({source.url}): none of its entries was known, so that some may have been missed; {words}"
    )
    return bool(result.older)


def _keep_older(
    work: _Round, source: Source, record: SourceRecord, older: ParsedVisit
) -> Sequence[ItemChange]:
    """Entries of an older document that fill a gap, as news of now (G1); the others are left where they are."""
    from aggregator.items import diff
    from aggregator.polling import anomalies

    known = items.known(work.store, source.id, [a for item in older.items for a in item.aliases])
    familiar = [any(alias in known for alias in item.aliases) for item in older.items]
    new = anomalies.newer_items(older.items, familiar, record.gap.since if record.gap else None)
    taken = items.taken(work.store, [item.id for item in new])
    item_changes = [a for a in diff.item_changes(new, known.get, taken) if a.change is ChangeKind.NEW]
    items.keep(work.store, item_changes, backlog=False, now=work.now)
    return item_changes


def _reread(work: _Round, sandbox: Sandbox) -> None:
    """V4: documents we have, read again because the parser or the source's options changed; no request."""
    stale = sources.to_reread(work.store)
    if not stale:
        return
    from aggregator.polling.visit import tried

    by_id = {source.id: source for source in work.config.sources}
    for source_id, key in stale:
        source = by_id[source_id]
        if any(layout.article for layout in source.page):
            sources.mark_reread(work.store, source_id, key)
            continue
        failure = tried(partial(_reread_one, work, source, sandbox))
        if failure:
            with work.store.transaction():
                sources.mark_reread_failed(work.store, source_id, key)
            work.notices.append(f"{source_id}: its kept document cannot be read any more: {failure.reason}")


def _reread_one(work: _Round, source: Source, sandbox: Sandbox) -> Failure | None:
    """Read a kept document again; why it cannot be read, or None."""
    from aggregator.polling.visit import read

    record = work.records[source.id]
    with work.store.snapshot():
        kept = sources.kept(work.store, source.id)
    result = read(
        Request(source=source, identity_policy=record.identity_policy),
        Response(status=200, url=kept.url, headers={}, body=kept.body),
        record.validators,
        hashlib.sha256(kept.body).hexdigest(),
        work.config.topics,
        work.now,
        sandbox,
        work.config.fetch.timeout.total_seconds(),
    )
    if isinstance(result, Failure):
        return result
    with _whole(work):
        changes = _counted(_keep_items(work, source, record, result, reread=True))
    work.counts["new_items"] += changes[ChangeKind.NEW]
    work.counts["updated_items"] += changes[ChangeKind.EDITED] + changes[ChangeKind.SIGNIFICANT]
    return None


_WELL: Callable[[SourceState], bool] = {SourceState.NEW, SourceState.WELL}.__contains__


def _notice(work: _Round, source: Source, before: SourceState, now: SourceState, reason: str | None) -> None:
    """V8: a change of state is told once."""
    if before is now or (_WELL(before) and _WELL(now)):
        return
    if before is SourceState.NEW and now is SourceState.SILENT:
        return  # old news of a source that was just added is no change
    words = "well again" if _WELL(now) else f"{now.value}: {reason}"
    work.notices.append(f"{source.id} ({source.url}): {words}")


def _summary(report: FetchReport) -> dict[str, object]:
    summary = asdict(report)
    summary["sources"] = [
        {**told, "next_visit": None} for told in summary["sources"] if told["outcome"] == "failed"
    ]
    return summary


def _leave(work: _Round) -> None:
    """Mark that nothing is left to do, for the file we worked with: it may have been edited while we ran."""
    try:
        raw = work.config.file.read_bytes()
    except OSError:
        return
    if hashlib.sha256(raw).hexdigest() == work.config.file_hash and not work.app.stopping():
        runs.set_finished_mark(work.store, finished_mark(raw), work.config.public / "atom.xml")
