"""Request documents that a person asked for, by the same rules as visits."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator import urls
from aggregator.gateways import ssrf
from aggregator.model.config import Source, TopicRule
from aggregator.model.polling import Failure, Request, Response, Robots
from aggregator.polling.contact import refuse_public
from aggregator.polling.polite_client import PoliteClient
from aggregator.ports import App, Fetcher, Progress, Sandbox
from aggregator.store import visits
from aggregator.store.connection import has_database, opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """Limits and settings of all requests of a probe; picklable, because workers receive them.

    `public`: public servers may be visited (V7). `seconds`: time for parsing a document. `rate_limited_hosts` answered
    429 and receive no requests (CL8).
    """

    allow_private: tuple[str, ...]
    public: bool
    topics: tuple[TopicRule, ...]
    zone: ZoneInfo
    now: datetime
    seconds: float
    host_gap: float
    rate_limited_hosts: frozenset[str] = frozenset()


def probe_settings(app: App) -> ProbeSettings:
    """Take the settings of probes from the configuration and the store."""
    config = app.config
    return ProbeSettings(
        allow_private=config.fetch.allow_private,
        public=not config.placeholders and not app.simulated_clock,
        topics=config.topics,
        zone=config.site.timezone,
        now=app.clock(),
        seconds=config.fetch.timeout.total_seconds(),
        host_gap=app.host_gap,
        rate_limited_hosts=_rate_limited_hosts(app),
    )


def _rate_limited_hosts(app: App) -> frozenset[str]:
    database = app.config.data / "aggregator.db"
    if not has_database(database):
        return frozenset()
    with opened(database, create=False) as store:
        return frozenset(visits.rate_limited_hosts(store, app.clock()))


def refuse_public_url(app: App, url: str) -> None:
    """Raise ContactMissing for a public URL while `contact` is the placeholder (V7)."""
    source = Source(id=url, name=url, url=url)
    refuse_public(replace(app, config=replace(app.config, sources=(source,))))


class Probe(PoliteClient):
    """Request one document after the other for a person, who may name any URL.

    Every hop of a redirect is checked for public and private addresses, as any server may redirect anywhere (V7).
    `visited` are hosts that another client has just requested something from.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        fetcher: Fetcher,
        sandbox: Sandbox,
        *,
        known: Iterable[Robots] = (),
        visited: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> None:
        super().__init__(
            fetcher,
            sandbox,
            now=settings.now,
            seconds=settings.seconds,
            host_gap=settings.host_gap,
            requested=dict.fromkeys(visited, time.monotonic()),
            rules={robots.origin: robots for robots in known},
            budget=math.inf,  # a person waits for it, and may stop it
        )
        self.settings, self.progress = settings, progress
        self.rate_limited_hosts: set[str] = set(settings.rate_limited_hosts)

    def document(self, source: Source, url: str, *, obey_robots: bool) -> Response | Failure:
        """Request `url` with the credentials of `source`; return a Response only for status 200."""

        def may_follow(following: str) -> Failure | None:
            return self.robots_failure(source, following) if obey_robots else None

        if barred := may_follow(url):
            return barred
        response = self.request_by_hops(Request(source=source, url=url), may_follow)
        if isinstance(response, Failure):
            return response
        return response if response.status == 200 else self.failure_of(response)

    def has_robots(self, url: str) -> bool:
        """Return whether the robots.txt that applies to `url` was read already."""
        return urls.origin(url) in self.rules

    def request(self, request: Request) -> Response | Failure:
        """Send one request unless its host is rate limited, or must not be visited yet (V7)."""
        url = request.target
        if not self.settings.public and not ssrf.is_private(url, self.settings.allow_private):
            return Failure(reason="it is a public server, which must not be visited yet: set `site.contact`")
        if urls.host(url) in self.rate_limited_hosts:
            return Failure(reason="its server answered 429: nothing is requested for now", status=429)
        if self.progress:
            self.progress(self.requests + 1, self.requests + 1, url)
        # One hop at a time, for robots.txt too: each may be a public server.
        if not request.single_hop:
            return self.request_by_hops(request, lambda _following: None)
        return super().request(request)

    def failure_of(self, response: Response) -> Failure:
        """Describe a response that is not the document; after 429 its host gets no more (CL8)."""
        if response.status == 429:
            self.rate_limited_hosts.add(urls.host(response.url))
        return super().failure_of(response)
