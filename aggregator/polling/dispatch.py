"""Hand visits to the workers, host by host, and store each result as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from itertools import islice

from aggregator.model.config import Source
from aggregator.model.polling import Attempt, Failure, VisitResult
from aggregator.model.value_classes import dataclass
from aggregator.polling import plan
from aggregator.polling.due import by_host
from aggregator.polling.ingest import has_documents, store_visit
from aggregator.polling.round import Round
from aggregator.polling.visit import HostVisit, visit_host
from aggregator.polling.visit_exceptions import value_or_failure
from aggregator.ports import Fetcher, Progress, Sandbox
from aggregator.store import sources, visits

GATHER_SECONDS = 0.05
"""Maximum time to wait for further results after one, so that they are stored together."""


def visit_all(work: Round, chosen: Sequence[Source], sandbox: Sandbox, progress: Progress | None) -> None:
    """Visit `chosen`, a bounded number of hosts at a time.

    When the program is stopping, running visits are finished and no other is begun.
    """
    workers, stopping = work.config.fetch.concurrency, work.app.stopping
    dispatch = _Dispatch(work, work.app.fetcher(), sandbox, plan.read_shared_facts(work, chosen))
    batches = iter(by_host(chosen, work.records))
    with work.app.make_executor(workers) as pool, _cancelled(dispatch.running):
        while True:
            # In batches: fewer transactions, each of which waits for the disk.
            free = 2 * workers - len(dispatch.running) if len(dispatch.running) <= workers else 0
            for host_visit, batch in dispatch.begin([] if stopping() else list(islice(batches, free))):
                future = pool.submit(visit_host, host_visit, dispatch.fetcher, stopping, sandbox)
                dispatch.running[future] = batch
            if not dispatch.running:
                return
            wait(dispatch.running, return_when=FIRST_COMPLETED)
            finished, _ = wait(dispatch.running, timeout=GATHER_SECONDS)
            for source_id in dispatch.end(finished):
                if progress:
                    progress(work.counts["visited"], len(chosen), source_id)


@dataclass(slots=True)
class _Dispatch:
    """The running visits of a round; `visit_ids` by source."""

    work: Round
    fetcher: Fetcher
    sandbox: Sandbox
    known: plan.SharedFacts
    running: dict[Future[tuple[VisitResult, ...]], list[Source]] = field(default_factory=dict)
    visit_ids: dict[str, int] = field(default_factory=dict)

    def begin(self, batches: Sequence[list[Source]]) -> Iterator[tuple[HostVisit, list[Source]]]:
        """Commit the attempts of hosts, then yield each host's visit and its sources (V1)."""
        work = self.work
        now = work.app.clock()  # a round may be long: each plan counts from its visit
        attempts: dict[str, Attempt] = {}
        failures: dict[str, tuple[Source, Failure]] = {}
        begun = [source for batch in batches for source in batch]
        if not begun:
            return
        with work.store.snapshot():
            known = plan.with_facts_of_sources(work, self.known, [source.id for source in begun])
            for source in begun:
                made = value_or_failure(partial(plan.plan_attempt, work, source, known, now))
                if isinstance(made, Failure):
                    failures[source.id] = (source, made)
                    made = plan.unplanned_attempt(work, source, now)
                attempts[source.id] = made
        self.visit_ids |= visits.begin(work.store, work.begin_run(), attempts.values(), now)
        for source, failure in failures.values():
            failed = VisitResult(
                source_id=source.id, result=failure, conditional=None, seconds=0.0, requests=0
            )
            activity = sources.activity(work.store, [source.id])[source.id]
            store_visit(work, source, failed, self.visit_ids[source.id], activity)
        for batch in batches:
            planned = [source for source in batch if source.id not in failures]
            if planned:
                yield self._host_visit([attempts[source.id] for source in planned]), planned

    def _host_visit(self, attempts: Iterable[Attempt]) -> HostVisit:
        config = self.work.config
        return HostVisit(
            plans=tuple(attempt.plan for attempt in attempts),
            rules=config.topics,
            now=self.work.now,
            seconds=config.fetch.timeout.total_seconds(),
            host_gap=self.work.app.host_gap,
        )

    def end(self, finished: Iterable[Future[tuple[VisitResult, ...]]]) -> Iterator[str]:
        """Store the results of hosts and yield source ids; take back visits that were not made."""
        work = self.work
        results: deque[tuple[Source, VisitResult]] = deque()
        for future in finished:
            waiting = {source.id: source for source in self.running.pop(future)}
            for visit in _results(future, tuple(waiting)):
                results.append((waiting.pop(visit.source_id), visit))
            for source_id in waiting:  # not visited, because of a 429 or because the program is stopping
                visits.delete_unsent(work.store, self.visit_ids[source_id], work.records[source_id])
        while results:
            batch = _next_batch(results)
            with work.transaction():
                activity = sources.activity(work.store, [source.id for source, _ in batch])
                for source, visit in batch:
                    store_visit(work, source, visit, self.visit_ids[source.id], activity[source.id])
            yield from (source.id for source, _ in batch)


def _next_batch(results: deque[tuple[Source, VisitResult]]) -> list[tuple[Source, VisitResult]]:
    """Take the results to store in one transaction: those before the first document, and it.

    A document may take a second to store, during which no other process can write.
    """
    batch: list[tuple[Source, VisitResult]] = []
    while results and not (batch and has_documents(batch[-1][1])):
        source, visit = results.popleft()
        if not visit.interrupted:  # else as if killed: its next time was committed before it began (V1)
            batch.append((source, visit))
    return batch


def _results(future: Future[tuple[VisitResult, ...]], batch: Iterable[str]) -> Sequence[VisitResult]:
    """Return the results of a worker, or a failure of each source if the worker died."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - L2: a dead worker must not end other visits
        failure = Failure(reason=f"the worker died ({type(error).__name__}: {str(error)[:200]})")
        return [VisitResult(source_id=id_, result=failure, conditional=None, seconds=0.0) for id_ in batch]


@contextmanager
def _cancelled(running: Mapping[Future[tuple[VisitResult, ...]], object]) -> Iterator[None]:
    """Cancel queued visits if the round ends by an exception."""
    try:
        yield
    finally:
        for future in running:
            future.cancel()
