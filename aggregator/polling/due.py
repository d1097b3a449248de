"""Choose the sources to visit now, by schedule and rate limits (V3, CL8, CL10)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from aggregator import urls
from aggregator.model.config import Source
from aggregator.model.polling import PostingStats, SourceRecord
from aggregator.polling import schedule
from aggregator.polling.round import Round
from aggregator.polling.wait_headers import MAX_REQUESTED_WAIT
from aggregator.store import sources, visits
from aggregator.store.idle_check import MAX_PLAN_AHEAD

logger = logging.getLogger("aggregator.fetch")

NEVER = datetime.min.replace(tzinfo=UTC)


def choose_due(work: Round, ids: Sequence[str], *, force: bool, spread: bool) -> list[Source]:
    """Return the sources to visit now; count the others, `spread` overdue ones (CL10)."""
    _correct_clock(work)
    rate_limited_hosts = visits.rate_limited_hosts(work.store, work.now)
    chosen, limited, postponed = [], {}, {}
    for source in work.config.sources:
        record = work.records.get(source.id)
        if record is None or (ids and source.id not in ids):
            continue
        until = _limited_until(source, record, rate_limited_hosts)
        if not force and record.next_visit and record.next_visit > work.now:
            work.counts["not_due"] += 1
        elif until and until > work.now:
            work.counts["held"] += 1
            limited[source.id] = until
        elif spread and schedule.is_late(record, work.config.fetch, work.now):
            work.counts["not_due"] += 1
            postponed[source.id] = schedule.spread_time(source, work.config.fetch, work.now)
        else:
            chosen.append(source)
    visits.limit_sources(work.store, limited)
    visits.plan_later(work.store, postponed)
    return chosen


def _limited_until(
    source: Source, record: SourceRecord, rate_limited_hosts: Mapping[str, datetime]
) -> datetime | None:
    """Return until when a host of the source is rate limited, else until when the source is."""
    hosts = hosts_of(source, record) if rate_limited_hosts else ()
    of_hosts = [rate_limited_hosts[host] for host in hosts if host in rate_limited_hosts]
    return max(of_hosts, default=record.not_before)


def _correct_clock(work: Round) -> None:
    """Read the records; plan sources again whose next visit a wrong clock had planned."""
    now, rules = work.now, work.config.fetch
    work.records = sources.records(work.store)
    ahead = {
        source.id: schedule.provisional_visit(work.records[source.id], source, rules, PostingStats(), now)
        for source in work.config.sources
        if source.id in work.records and _is_ahead(work.records[source.id], now)
    }
    if ahead:
        visits.plan_after_clock_change(work.store, ahead, now + MAX_REQUESTED_WAIT, now)
        logger.warning("the clock was set back: %d sources were planned again", len(ahead))
        work.records = sources.records(work.store)


def _is_ahead(record: SourceRecord, now: datetime) -> bool:
    planned = record.next_visit and record.next_visit > now + MAX_PLAN_AHEAD
    return bool((record.last_attempt and record.last_attempt > now) or planned)


def url_of(source: Source, record: SourceRecord) -> str:
    """Return the configured URL, or the learned target of a permanent redirect (CL13, CL14)."""
    return record.move.url if record.move and record.move.learned else source.url


def answering_host_of(source: Source, record: SourceRecord) -> str:
    """Return the host that answers in the end; its sources are visited one by one."""
    return urls.host(record.validators.url or url_of(source, record))


def hosts_of(source: Source, record: SourceRecord) -> set[str]:
    """Return the host that is requested and the one that answers in the end."""
    return {answering_host_of(source, record), urls.host(url_of(source, record))}


def ids_by_host(configured: Iterable[Source], records: Mapping[str, SourceRecord]) -> dict[str, list[str]]:
    """Return the ids of the sources that a host is requested for or answers."""
    ids: dict[str, list[str]] = {}
    for source in configured:
        for host in hosts_of(source, records[source.id]) if source.id in records else ():
            ids.setdefault(host, []).append(source.id)
    return ids


def by_host(chosen: Iterable[Source], records: Mapping[str, SourceRecord]) -> list[list[Source]]:
    """Group sources by host, longest unvisited first, because a 429 ends them (CL8)."""
    hosts: dict[str, list[Source]] = {}
    for source in chosen:
        hosts.setdefault(answering_host_of(source, records[source.id]), []).append(source)
    for batch in hosts.values():
        batch.sort(key=lambda source: records[source.id].last_attempt or NEVER)
    return list(hosts.values())
