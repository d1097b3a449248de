"""Search the sites of failing sources for feeds or selectors that could replace them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.discovery import discover, probe
from aggregator.discovery.probe import Probe, ProbeSettings
from aggregator.model.config import Source
from aggregator.model.discovery import Discovery, TriedProposal
from aggregator.model.polling import Failure, Robots, SourceRecord
from aggregator.model.reports import FetchReport
from aggregator.model.stories import Publisher
from aggregator.polling.polite_client import ROBOTS_LIFETIME
from aggregator.polling.schedule import MIN_REFUSAL_PAUSE
from aggregator.polling.wait_headers import MAX_REQUESTED_WAIT
from aggregator.ports import App, Fetcher, Sandbox
from aggregator.store import robots as robots_txt
from aggregator.store import site_checks, visits
from aggregator.store.connection import Store
from aggregator.text import line

logger = logging.getLogger("aggregator.check")

MAX_REQUESTS = 2
"""Maximum number of requests of a check beyond the one for the page itself."""

# Failures that a feed or selectors found elsewhere would end.
_REPLACEABLE = re.compile(
    r"\(404\)|\(410\)|web page, not|is not a feed|is not a calendar|layout has probably changed"
    r"|none has a title and a link|unknown \(DNS\)"
)
# A publisher that refuses programs is not tried by another way.
_REFUSED = re.compile(r"bot wall|robots\.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCheck:
    """A page to inspect for one source."""

    source: Source
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChecks:
    """All checks of one host in order; the round of visits has just ended at `visited`."""

    checks: tuple[SiteCheck, ...]
    settings: ProbeSettings
    robots: tuple[Robots, ...]
    visited: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCheckResult:
    """Advice for one source; `limit` is the time for which its host asked for no requests (CL8)."""

    source_id: str
    advice: str
    proposal: str | None = None
    limit: timedelta | None = None


def is_replaceable(record: SourceRecord) -> bool:
    """Return whether a source fails in a way that something else on its site could replace."""
    reason = record.reason or ""
    return bool(record.failures and _REPLACEABLE.search(reason) and not _REFUSED.search(reason))


def due_checks(
    store: Store,
    app: App,
    polled: Sequence[Source],
    records: Mapping[str, SourceRecord],
    publishers: Mapping[str, Publisher],
    now: datetime,
) -> list[SiteCheck]:
    """List the checks that are due, except on rate-limited hosts (CL8)."""
    limited = visits.rate_limited_hosts(store, now)
    checks = []
    for source in polled:
        record = records[source.id]
        url = _page_to_check(source, record, publishers[source.id].site_link)
        if url is None or not is_replaceable(record):
            continue
        before = site_checks.last(store, source.id)
        checked_recently = before and now - before.at < (source.every or app.config.fetch.every)
        if checked_recently or urls.host(url) in limited or (record.not_before and record.not_before > now):
            continue
        checks.append(SiteCheck(source=source, url=url))
    return checks


def _page_to_check(source: Source, record: SourceRecord, site_link: str | None) -> str | None:
    """Choose the source's own URL if a page is there, else its site; None for a lost host."""
    reason = record.reason or ""
    if (source.kind == "page" and "(4" not in reason) or "web page, not" in reason:
        url: str = source.url
    else:
        url = site_link or f"{urls.origin(source.url)}/"
    return None if "DNS" in reason and urls.host(url) == urls.host(source.url) else url


def run_checks(
    store: Store, app: App, checks: Sequence[SiteCheck], report: FetchReport, now: datetime
) -> None:
    """Make the checks host by host in the executor; commit each attempt before its requests."""
    if not checks:
        return
    by_id = {source.id: source for source in app.config.sources}
    visited = {urls.host(by_id[source.id].url) for source in report.sources}
    settings, robots = probe.probe_settings(app), _fresh_robots(store, now)
    hosts: dict[str, list[SiteCheck]] = {}
    for check in checks:
        hosts.setdefault(urls.host(check.url), []).append(check)
        site_checks.begin(store, check.source.id, now)
    fetcher = app.fetcher()
    with app.sandbox(1) as sandbox, app.make_executor(app.config.fetch.concurrency) as pool:
        running: list[Future[tuple[SiteCheckResult, ...]]] = []
        for host, of_host in hosts.items():
            work = HostChecks(
                checks=tuple(of_host),
                settings=settings,
                robots=tuple(each for each in robots if urls.host(each.origin) == host),
                visited=tuple(sorted(visited)),
            )
            running.append(pool.submit(check_host, work, fetcher, sandbox))
        for future in as_completed(running):
            # A killed worker must not end the checks of other hosts (L2).
            if (problem := future.exception()) is not None:
                logger.warning("the check of a site failed: %s", type(problem).__name__)
                continue
            for result in future.result():
                _store_result(store, result, checks, now)


def _store_result(store: Store, result: SiteCheckResult, checks: Sequence[SiteCheck], now: datetime) -> None:
    site_checks.save(store, result.source_id, now, result.advice, result.proposal)
    if result.limit:
        url = next(check.url for check in checks if check.source.id == result.source_id)
        with store.transaction():
            visits.limit_host(store, urls.host(url), now + result.limit, result.advice)


def _fresh_robots(store: Store, now: datetime) -> tuple[Robots, ...]:
    """Return each robots.txt that was read less than a day ago."""
    stored = robots_txt.read_all(store).values()
    return tuple(each for each in stored if each.text is not None and now - each.read <= ROBOTS_LIFETIME)


def check_host(work: HostChecks, fetcher: Fetcher, sandbox: Sandbox) -> tuple[SiteCheckResult, ...]:
    """Make the checks of one host, one after the other; runs in a worker."""
    client = Probe(work.settings, fetcher, sandbox, known=work.robots, visited=work.visited)
    return tuple(
        _result(check, discover.examine(client, check.source, check.url, MAX_REQUESTS))
        for check in work.checks
    )


def _result(check: SiteCheck, discovery: Discovery | Failure) -> SiteCheckResult:
    """Turn what was found on a site into advice for its source."""
    source = check.source
    if isinstance(discovery, Failure):
        limit = (
            min(discovery.wait or MIN_REFUSAL_PAUSE, MAX_REQUESTED_WAIT) if discovery.limits_host else None
        )
        advice = f"{check.url} cannot be checked either: {line(discovery.reason, 200)}"
        return SiteCheckResult(source_id=source.id, advice=advice, limit=limit)
    succeeded = [tried for tried in discovery.proposals if tried.succeeded]
    feeds = [tried for tried in succeeded if not tried.proposal.page and tried.proposal.url != source.url]
    if feeds:
        return _proposed(source, feeds[0], f"feed found elsewhere: {feeds[0].proposal.url}")
    pages = [tried for tried in succeeded if tried.proposal.page]
    if pages and source.kind == "page":
        return _proposed(source, pages[0], f"these selectors would fit now: {_selectors(pages[0])}")
    if pages:
        return _proposed(
            source,
            pages[0],
            f"no feed was found; these selectors would fit its page {discovery.url}: {_selectors(pages[0])}",
        )
    hint = f"; its sitemap is {discovery.sitemap}" if discovery.sitemap else ""
    advice = f"{discovery.url} offers nothing that could be polled{hint}: ask the partner"
    return SiteCheckResult(source_id=source.id, advice=advice)


def _proposed(source: Source, tried: TriedProposal, advice: str) -> SiteCheckResult:
    yaml = discover.as_yaml(tried.proposal, source.id, source.name)
    return SiteCheckResult(source_id=source.id, advice=advice, proposal=yaml)


def _selectors(tried: TriedProposal) -> str:
    layout = tried.proposal.page[0]
    selectors = {"item": (layout.item,), "link": layout.link, "title": layout.title, "date": layout.date}
    return ", ".join(f"{key}: {', '.join(chosen)}" for key, chosen in selectors.items() if chosen)
