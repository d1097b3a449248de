"""Compute the politeness of visits from the visit log, not from what was planned (CL20)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.database import existing_store
from aggregator.model.config import Config
from aggregator.model.polling import VisitRecord
from aggregator.model.reports import PolitenessReport
from aggregator.polling.schedule import MAX_UNMODIFIED_TIME, MIN_INTERVAL_WITHOUT_VALIDATORS
from aggregator.store import visits

MAX_LISTED = 5
"""Maximum number of broken rules listed per source; the others are counted."""


@dataclass(slots=True)
class _VisitSums:
    """The sums over the visits of one source so far."""

    visits: int = 0
    requests: int = 0
    conditional: int = 0
    not_modified: int = 0
    wasted_bytes: int = 0
    smallest_gap: timedelta | None = None
    first: datetime | None = None
    last: VisitRecord | None = None
    last_accepted: VisitRecord | None = None
    last_whole: datetime | None = None
    """Time of the last response that was no 304."""
    paused_until: datetime | None = None
    broken_rules: list[str] = field(default_factory=list)


def reports_from(log: Iterable[VisitRecord]) -> tuple[PolitenessReport, ...]:
    """Return the politeness report of every source; `log` in the order in which visits began."""
    sums_by_source: dict[str, _VisitSums] = {}
    hosts: dict[str, datetime] = {}
    for visit in log:
        sums = sums_by_source.setdefault(visit.source_id, _VisitSums())
        host = urls.host(visit.url)
        sums.broken_rules += _broken_rules(sums, visit, hosts.get(host))
        _add(sums, visit)
        if visit.status == 429 and visit.until:
            hosts[host] = max(visit.until, hosts.get(host, visit.until))
    return tuple(_report_of(id_, sums) for id_, sums in sums_by_source.items())


def _broken_rules(sums: _VisitSums, visit: VisitRecord, host_until: datetime | None) -> list[str]:
    """Return the rules that a visit broke, with the time."""
    broken, at, last, good = [], f"{visit.started:%Y-%m-%d %H:%M}", sums.last, sums.last_accepted
    gap = visit.started - last.started if last else None
    if last and gap is not None and timedelta(0) <= gap < last.min_interval and not visit.forced:
        rule = "CL6" if last.min_interval >= MIN_INTERVAL_WITHOUT_VALIDATORS and not last.validated else "CL5"
        broken.append(f"{rule}: visited at {at}, {_minutes(gap)} after the last time")
    until = max(filter(None, (sums.paused_until, host_until)), default=None)
    if until and visit.started < until:
        broken.append(f"CL8: visited at {at} although the server had asked for a pause until {until:%H:%M}")
    if good and good.validated and good.url == visit.url and not visit.conditional:
        # If the log begins with 304 responses, the time of the last whole one is unknown.
        overdue = sums.last_whole is None or visit.started - sums.last_whole > MAX_UNMODIFIED_TIME
        if not overdue:
            broken.append(f"CL1: requested the whole document at {at} although there were validators")
    return broken


def _add(sums: _VisitSums, visit: VisitRecord) -> None:
    """Add a visit to the sums."""
    if sums.last:
        gap = visit.started - sums.last.started
        if gap >= timedelta(0):  # a clock that was set back measures nothing
            sums.smallest_gap = min(gap, sums.smallest_gap or gap)
    sums.visits += 1
    sums.requests += visit.requests
    sums.conditional += visit.conditional
    sums.not_modified += visit.status == 304
    sums.first = sums.first or visit.started
    sums.last = visit
    if visit.outcome != "begun":  # a killed visit has no response
        sums.paused_until = visit.until
    if visit.outcome in ("changed", "unchanged"):
        sums.last_accepted = visit
        if visit.status != 304:
            sums.last_whole = visit.started
    if visit.outcome == "unchanged":
        sums.wasted_bytes += visit.bytes_read


def _report_of(source_id: str, sums: _VisitSums) -> PolitenessReport:
    span = sums.last.started - sums.first if sums.last and sums.first else timedelta(0)
    more = len(sums.broken_rules) - MAX_LISTED
    return PolitenessReport(
        source_id=source_id,
        visits=sums.visits,
        requests=sums.requests,
        per_day=round(sums.requests / max(span / timedelta(days=1), 1), 2),
        conditional=round(sums.conditional / sums.visits, 3),
        not_modified=round(sums.not_modified / sums.visits, 3),
        smallest_gap=sums.smallest_gap.total_seconds() if sums.smallest_gap is not None else None,
        wasted_bytes=sums.wasted_bytes,
        broken=(*sums.broken_rules[:MAX_LISTED], *([f"and {more} times more"] if more > 0 else ())),
    )


def _minutes(gap: timedelta) -> str:
    return f"{gap.total_seconds() / 60:.0f} min"


def read_reports(config: Config) -> tuple[PolitenessReport, ...]:
    """Return the politeness report of every source of feeds.yaml (CL20)."""
    with existing_store(config) as store:
        reports = {report.source_id: report for report in reports_from(visits.log(store))}
    return tuple(reports[source.id] for source in config.sources if source.id in reports)
