"""Respond with the state of the sources for everybody, and with metrics for monitoring."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from aggregator import calendar_names, health
from aggregator.i18n import formatting, phrases
from aggregator.model.config import Config, Site
from aggregator.model.polling import SourceState
from aggregator.model.reports import SourceDay, SourceHealth, StatusReport
from aggregator.ports import Clock
from aggregator.publishing import charts, day_strips, metrics, paths
from aggregator.store import statistics
from aggregator.store.connection import Store
from aggregator.web import pages, responses
from aggregator.web.queries import Queries

QUERY_SECONDS = 3.0
"""Seconds that a report may read."""
LIFETIME_SECONDS = 60
"""Seconds for which a report is kept, however often it is requested."""
DAYS, MONTHS = 90, 12
"""Days of the strip of a source, and months of the charts."""
JSON_TYPE = "application/json; charset=utf-8"

REASONS = (
    (r"\b(?:bot wall|captcha)\b", "wall"),
    (r"\(([45]\d\d)\)|answered ([45]\d\d)", "status"),
    (
        r"no complete (?:answer|response)|refused|reset|cut short|\bDNS\b|name resolution|certificate|timed? ?out",
        "unreachable",
    ),
)
"""Kinds of failures for readers: the operator's reason may hold addresses."""
TONES = {SourceState.OK: "well", SourceState.FAILING: "failed", SourceState.GONE: "failed"}
"""How a state looks; all others are between well and failed."""
FAILED_STATES = frozenset({SourceState.RATE_LIMITED, SourceState.GONE})
"""States whose reason says why the last visit failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicStatus:
    """A report of this moment, and visits, stories and messages of the past."""

    now: datetime
    fresh: bool
    report: StatusReport
    days: Mapping[str, Mapping[date, SourceDay]]
    stories: Mapping[str, int]
    messages: Mapping[str, int]

    @property
    def first_day(self) -> date:
        """Return the first day of the strips."""
        return self.now.date() - timedelta(days=DAYS - 1)

    @property
    def last_success(self) -> datetime | None:
        """Return the last successful visit of any source."""
        return max((s.last_success for s in self.report.sources if s.last_success), default=None)


@dataclass(slots=True)
class Status:
    """Respond to `/status`, `/status.json` and `/metrics`."""

    config: Config
    queries: Queries
    clock: Clock
    _kept: PublicStatus | None = None
    _until: float = field(default=0.0)

    async def page(self, request: Request) -> Response:
        """Return the page for people."""
        body = _page(await self._status(), self.config.site, request.url.path)
        return responses.fresh_document(request, body, paths.HTML_TYPE, seconds=LIFETIME_SECONDS)

    async def json(self, request: Request) -> Response:
        """Return the same facts as JSON."""
        body = json.dumps(_facts(await self._status(), self.config.site), ensure_ascii=False, indent=1)
        return responses.fresh_document(
            request, body.encode(), JSON_TYPE, seconds=LIFETIME_SECONDS, any_origin=True
        )

    async def metrics(self, request: Request) -> Response:
        """Return metrics to clients of `web.metrics_from`."""
        if not _may_read_metrics(request, self.config.web.metrics_from):
            return responses.error_response(request, self.config.site, 403)
        report = await self.queries.run(lambda store: health.report_from(store, self.config), QUERY_SECONDS)
        return responses.private_document(metrics.render(report), CONTENT_TYPE_LATEST)

    async def _status(self) -> PublicStatus:
        if self._kept is None or time.monotonic() > self._until:
            self._kept = await self.queries.run(self._read, QUERY_SECONDS)
            self._until = time.monotonic() + LIFETIME_SECONDS
        return self._kept

    def _read(self, store: Store) -> PublicStatus:
        now = self.clock()
        report = health.report_from(store, self.config)
        first_month = datetime.fromisoformat(f"{charts.last_months(now.date(), MONTHS)[0]}-01").replace(
            tzinfo=UTC
        )
        return PublicStatus(
            now=now,
            fresh=not health.alerts(report, now),
            report=report,
            days=statistics.source_days(store, now.date() - timedelta(days=DAYS - 1)),
            stories=statistics.stories_by_month(store, first_month),
            messages=statistics.messages_by_month(store, first_month),
        )


FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""Fields that a proxy adds. A request of a proxy that is not trusted has no known client."""


def _may_read_metrics(request: Request, networks: tuple[str, ...]) -> bool:
    """Return whether the client is in one of the networks.

    uvicorn replaces a trusted proxy by the client that it names, with port 0.
    """
    if request.client is None:
        return False
    if request.client.port and any(name in request.headers for name in FORWARDED):
        return False
    try:
        client = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(client, "ipv4_mapped", None) or client
    return any(mapped in ipaddress.ip_network(network) for network in networks)


def reason(source: SourceHealth, words: Mapping[str, Any]) -> str:
    """Return why a source is not well, in words that hold nothing of its address."""
    phrases: Mapping[str, str] = words["reasons"]
    of_state = phrases.get(source.state.value, "")
    if source.state is SourceState.FAILING:
        return _failure(source, phrases)
    if not source.failures or source.state in FAILED_STATES:
        return of_state
    failed = words["visit_failed"].format(reason=_failure(source, phrases))
    return f"{of_state}; {failed}" if of_state else failed


def _failure(source: SourceHealth, phrases: Mapping[str, str]) -> str:
    """Return why the last visit failed."""
    for pattern, name in REASONS:
        if found := re.search(pattern, source.reason or "", re.IGNORECASE):
            return phrases[name].format(status=next((group for group in found.groups() if group), ""))
    return phrases["unreadable"]


def _facts(status: PublicStatus, site: Site) -> dict[str, Any]:
    words = phrases.pages(site.language)
    last = status.last_success
    return {
        "fresh": status.fresh,
        "at": status.now.isoformat(),
        "last_success": last.isoformat() if last else None,
        "stories": status.report.stories,
        "items": status.report.items,
        "stories_by_month": status.stories,
        "messages_by_month": status.messages,
        "sources": [
            {
                "id": source.id,
                "name": source.name,
                "state": source.state.value,
                "reason": reason(source, words) or None,
                "failures": source.failures,
                "last_success": source.last_success.isoformat() if source.last_success else None,
                "items": source.items,
                "stories": source.stories,
                "days": [
                    {"day": day.isoformat(), "accepted": visits.accepted, "failed": visits.failed}
                    for day, visits in sorted(status.days.get(source.id, {}).items())
                ],
            }
            for source in status.report.sources
        ],
    }


def _page(status: PublicStatus, site: Site, path: str) -> bytes:
    words = phrases.pages(site.language)
    last = status.last_success
    tone, sentence = _state(status, words)
    visit = words["last_visit"].format(moment=_moment(last, site)) if last else words["no_visit"]
    return pages.render(
        "status.html.j2",
        site,
        path,
        page="status",
        tone=tone,
        sentence=sentence,
        summary=words["status_summary"].format(
            stories=formatting.plural("n_stories", status.report.stories, site.language),
            sources=formatting.plural("n_sources", len(status.report.sources), site.language),
            visit=visit,
        ),
        stories=_bars(words["stories_a_month"], status.stories, status.now, site),
        messages=_bars(words["messages_a_month"], status.messages, status.now, site)
        if status.messages
        else None,
        sources=[_source(source, status, site) for source in status.report.sources],
        strip_width=DAYS * day_strips.DAY_WIDTH - 1,
        days=DAYS,
    )


def _state(status: PublicStatus, words: Mapping[str, Any]) -> tuple[str, str]:
    """Return tone and first sentence of the page; single failed visits do not make it late."""
    failed = sum(bool(source.failures) for source in status.report.sources)
    tone = "well" if not failed else "mixed"
    if health.has_no_good_visit(status.report):
        return tone if status.fresh else "late", words["all_failed"]
    if not status.fresh:
        return "late", words["not_fresh"]
    sentence: str = words["some_failed"] if failed else words["fresh"]
    return tone, sentence.format(failed=failed, sources=len(status.report.sources))


def _source(source: SourceHealth, status: PublicStatus, site: Site) -> dict[str, Any]:
    words = phrases.pages(site.language)
    strip = day_strips.day_strip(status.days.get(source.id, {}), status.first_day, DAYS)
    success = source.last_success
    return {
        "id": source.id,
        "name": source.name,
        "page": site.url + paths.partner_page(source.id),
        "state": words["states"][source.state.value],
        "tone": "mixed"
        if source.failures and source.state is SourceState.OK
        else TONES.get(source.state, "mixed"),
        "reason": reason(source, words),
        "last_success": words["last_success"].format(moment=_moment(success, site))
        if success
        else words["never_read"],
        "stories": formatting.plural("n_stories", source.stories, site.language),
        "strip": strip.paths,
        "alternative": words["strip"].format(days=DAYS, **strip.days),
    }


def _bars(title: str, numbers: Mapping[str, int], now: datetime, site: Site) -> dict[str, Any]:
    words = phrases.pages(site.language)
    months = charts.last_months(now.date(), MONTHS)
    named = [(_month(month, site), numbers.get(month, 0)) for month in months]
    return {
        "title": title,
        "alternative": f"{title}. " + ", ".join(words["bar"].format(month=m, n=n) for m, n in named),
        "chart": charts.bar_chart([number for _, number in named]),
        "first": named[0][0],
        "largest": f"max. {max(number for _, number in named)}",
        "last": named[-1][0],
    }


def _month(month: str, site: Site) -> str:
    year, number = month.split("-")
    return f"{calendar_names.months(phrases.text_language(site.language))[int(number) - 1]} {year}"


def _moment(moment: datetime, site: Site) -> str:
    local = moment.astimezone(site.timezone)
    day = formatting.day(local.date(), site.language)
    text: str = phrases.pages(site.language)["moment"]
    return text.format(day=day, time=f"{local:%H:%M}")
