"""Compute the politeness of visits from the visit log, not from what was planned (CL20)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.model.config import Config
from aggregator.model.polling import VisitRecord
from aggregator.model.reports import PolitenessReport
from aggregator.polling.schedule import MAX_UNMODIFIED_TIME, MIN_INTERVAL_WITHOUT_VALIDATORS
from aggregator.store import visits
from aggregator.store.connection import opened

MAX_LISTED = 5
"""Maximum number of broken rules listed per source; the others are counted."""


@dataclass(slots=True)
class _Account:
    """The sums over the visits of one source so far."""

    visits: int = 0
    requests: int = 0
    conditional: int = 0
    not_modified: int = 0
    wasted: int = 0
    smallest: timedelta | None = None
    first: datetime | None = None
    last: VisitRecord | None = None
    good: VisitRecord | None = None  # the last accepted response
    whole: datetime | None = None  # the last response that was no 304
    until: datetime | None = None
    broken: list[str] = field(default_factory=list)


def replay(log: Iterable[VisitRecord]) -> tuple[PolitenessReport, ...]:
    """Return the politeness report of every source; `log` in the order in which visits began."""
    accounts: dict[str, _Account] = {}
    hosts: dict[str, datetime] = {}
    for visit in log:
        account = accounts.setdefault(visit.source_id, _Account())
        host = urls.host(visit.url)
        account.broken += _broken_rules(account, visit, hosts.get(host))
        _add(account, visit)
        if visit.status == 429 and visit.until:
            hosts[host] = max(visit.until, hosts.get(host, visit.until))
    return tuple(_report(id_, account) for id_, account in accounts.items())


def _broken_rules(account: _Account, visit: VisitRecord, host_until: datetime | None) -> list[str]:
    """Return the rules that a visit broke, with the time."""
    broken, at, last, good = [], f"{visit.started:%Y-%m-%d %H:%M}", account.last, account.good
    gap = visit.started - last.started if last else None
    if last and gap is not None and timedelta(0) <= gap < last.floor and not visit.forced:
        rule = "CL6" if last.floor >= MIN_INTERVAL_WITHOUT_VALIDATORS and not last.validated else "CL5"
        broken.append(f"{rule}: visited at {at}, {_minutes(gap)} after the last time")
    until = max(filter(None, (account.until, host_until)), default=None)
    if until and visit.started < until:
        broken.append(f"CL8: visited at {at} although the server had asked for a pause until {until:%H:%M}")
    if good and good.validated and good.url == visit.url and not visit.conditional:
        # If the log begins with 304 responses, the time of the last whole one is unknown.
        overdue = account.whole is None or visit.started - account.whole > MAX_UNMODIFIED_TIME
        if not overdue:
            broken.append(f"CL1: requested the whole document at {at} although there were validators")
    return broken


def _add(account: _Account, visit: VisitRecord) -> None:
    """Add a visit to the sums."""
    if account.last:
        gap = visit.started - account.last.started
        if gap >= timedelta(0):  # a clock that was set back measures nothing
            account.smallest = min(gap, account.smallest or gap)
    account.visits += 1
    account.requests += visit.requests
    account.conditional += visit.conditional
    account.not_modified += visit.status == 304
    account.first = account.first or visit.started
    account.last = visit
    if visit.outcome != "begun":  # a killed visit has no response
        account.until = visit.until
    if visit.outcome in ("changed", "unchanged"):
        account.good = visit
        if visit.status != 304:
            account.whole = visit.started
    if visit.outcome == "unchanged":
        account.wasted += visit.bytes_read


def _report(source_id: str, account: _Account) -> PolitenessReport:
    span = account.last.started - account.first if account.last and account.first else timedelta(0)
    more = len(account.broken) - MAX_LISTED
    return PolitenessReport(
        source_id=source_id,
        visits=account.visits,
        requests=account.requests,
        per_day=round(account.requests / max(span / timedelta(days=1), 1), 2),
        conditional=round(account.conditional / account.visits, 3),
        not_modified=round(account.not_modified / account.visits, 3),
        smallest_gap=account.smallest.total_seconds() if account.smallest is not None else None,
        wasted_bytes=account.wasted,
        broken=(*account.broken[:MAX_LISTED], *([f"and {more} times more"] if more > 0 else ())),
    )


def _minutes(gap: timedelta) -> str:
    return f"{gap.total_seconds() / 60:.0f} min"


def report(config: Config) -> tuple[PolitenessReport, ...]:
    """Return the politeness report of every source of feeds.yaml (CL20)."""
    with opened(config.data / "aggregator.db", create=False) as store:
        reports = {report.source_id: report for report in replay(visits.log(store))}
    return tuple(reports[source.id] for source in config.sources if source.id in reports)
