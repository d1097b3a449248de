"""Whether we kept to the rules: the visit log replayed (CL20). Trusts nothing that was planned, only what was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.model.config import Config
from aggregator.model.polling import PolitenessReport, VisitRecord
from aggregator.polling.schedule import WHOLE_AGAIN, WITHOUT_VALIDATORS
from aggregator.store import sources
from aggregator.store.connection import opened

MOST_NAMED = 5
"""Broken rules named per source; the others are counted."""


@dataclass(slots=True)
class _Account:
    """What the visits of one source came to so far."""

    visits: int = 0
    requests: int = 0
    conditional: int = 0
    not_modified: int = 0
    wasted: int = 0
    smallest: timedelta | None = None
    first: datetime | None = None
    last: VisitRecord | None = None
    good: VisitRecord | None = None  # the last answer that was accepted
    whole: datetime | None = None  # the last answer that was no 304
    until: datetime | None = None
    broken: list[str] = field(default_factory=list)


def replay(log: Iterable[VisitRecord]) -> tuple[PolitenessReport, ...]:
    """How every source was treated; `log` in the order in which the visits were made."""
    accounts: dict[str, _Account] = {}
    hosts: dict[str, datetime] = {}
    for visit in log:
        account = accounts.setdefault(visit.source_id, _Account())
        host = urls.host(visit.url)
        account.broken += _broken(account, visit, hosts.get(host))
        _enter(account, visit)
        if visit.status == 429 and visit.until:
            hosts[host] = max(visit.until, hosts.get(host, visit.until))
    return tuple(_manners(id_, account) for id_, account in accounts.items())


def _broken(account: _Account, visit: VisitRecord, host_until: datetime | None) -> list[str]:
    """The rules that a visit broke, with the moment."""
    found, at, last, good = [], f"{visit.started:%Y-%m-%d %H:%M}", account.last, account.good
    gap = visit.started - last.started if last else None
    if last and gap is not None and timedelta(0) <= gap < last.floor and not visit.forced:
        rule = "CL6" if last.floor >= WITHOUT_VALIDATORS and not last.validated else "CL5"
        found.append(f"{rule}: visited at {at}, {_minutes(gap)} after the last time")
    until = max(filter(None, (account.until, host_until)), default=None)
    if until and visit.started < until:
        found.append(f"CL8: visited at {at} although the server had asked for silence until {until:%H:%M}")
    if good and good.validated and good.url == visit.url and not visit.conditional:
        # Where the log begins with answers that were 304, nobody knows when the last whole one was.
        overdue = account.whole is None or visit.started - account.whole > WHOLE_AGAIN
        if not overdue:
            found.append(f"CL1: asked for the whole document at {at} although there were validators")
    return found


def _enter(account: _Account, visit: VisitRecord) -> None:
    if account.last:
        gap = visit.started - account.last.started
        if gap >= timedelta(0):  # a clock put back measures nothing
            account.smallest = min(gap, account.smallest or gap)
    account.visits += 1
    account.requests += visit.requests
    account.conditional += visit.conditional
    account.not_modified += visit.status == 304
    account.first = account.first or visit.started
    account.last = visit
    if visit.outcome != "begun":  # a visit that was killed says nothing of what the server wants
        account.until = visit.until
    if visit.outcome in ("changed", "unchanged"):
        account.good = visit
        if visit.status != 304:
            account.whole = visit.started
    if visit.outcome == "unchanged":
        account.wasted += visit.bytes_read


def _manners(source_id: str, account: _Account) -> PolitenessReport:
    span = account.last.started - account.first if account.last and account.first else timedelta(0)
    more = len(account.broken) - MOST_NAMED
    return PolitenessReport(
        source_id=source_id,
        visits=account.visits,
        requests=account.requests,
        per_day=round(account.requests / max(span / timedelta(days=1), 1), 2),
        conditional=round(account.conditional / account.visits, 3),
        not_modified=round(account.not_modified / account.visits, 3),
        smallest_gap=account.smallest.total_seconds() if account.smallest is not None else None,
        wasted_bytes=account.wasted,
        broken=(*account.broken[:MOST_NAMED], *([f"and {more} times more"] if more > 0 else ())),
    )


def _minutes(gap: timedelta) -> str:
    return f"{gap.total_seconds() / 60:.0f} min"


def report(config: Config) -> tuple[PolitenessReport, ...]:
    """How every source was treated, replayed from the visit log (CL20)."""
    with opened(config.data / "aggregator.db", create=False) as store:
        found = {m.source_id: m for m in replay(sources.visit_log(store))}
    return tuple(found[source.id] for source in config.sources if source.id in found)
