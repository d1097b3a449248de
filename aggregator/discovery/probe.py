"""Requests that a person asked for, outside of any round: as polite as a visit (V2, V7, CL11, CL19)."""

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
from aggregator.polling.client import PoliteClient, host_of
from aggregator.polling.contact import may_visit_public, refuse_public
from aggregator.ports import App, Fetcher, Progress, Sandbox
from aggregator.store import visits
from aggregator.store.connection import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRules:
    """What every such request keeps to; picklable, as workers need it.

    `public`: public servers may be asked (V7). `seconds` is what reading one document may take. `silent` hosts asked
    for silence (CL8).
    """

    allow_private: tuple[str, ...]
    public: bool
    rules: tuple[TopicRule, ...]
    zone: ZoneInfo
    now: datetime
    seconds: float
    gap: float
    silent: frozenset[str] = frozenset()


def probe_rules(app: App) -> ProbeRules:
    """The terms of a house."""
    config = app.config
    return ProbeRules(
        allow_private=config.fetch.allow_private,
        public=may_visit_public(app),
        rules=config.topics,
        zone=config.site.timezone,
        now=app.clock(),
        seconds=config.fetch.timeout.total_seconds(),
        gap=app.host_gap,
        silent=_silent(app),
    )


def _silent(app: App) -> frozenset[str]:
    database = app.config.data / "aggregator.db"
    if not database.exists():
        return frozenset()
    with opened(database, create=False) as store:
        return frozenset(visits.held_hosts(store, app.clock()))


def refuse(app: App, url: str) -> None:
    """V7 for an address of the command line; raises ContactMissing."""
    stranger = Source(id=url, name=url, url=url)
    refuse_public(replace(app, config=replace(app.config, sources=(stranger,))))


class Probe(PoliteClient):
    """Asks one address after the other for a person, who may have named any address: V7 holds for each hop.

    `visited` are hosts that were asked a moment ago by somebody else.
    """

    def __init__(
        self,
        terms: ProbeRules,
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
            now=terms.now,
            seconds=terms.seconds,
            gap=terms.gap,
            requested=dict.fromkeys(visited, time.monotonic()),
            rules={one.origin: one for one in known},
            budget=math.inf,  # a person waits for it, and may stop it
        )
        self.terms, self.progress = terms, progress
        self.silent: set[str] = set(terms.silent)

    def document(self, source: Source, url: str, *, ask_robots: bool) -> Response | Failure:
        """The document at `url`; `source` lends its credentials. All that is no document is a Failure."""

        def may_follow(following: str) -> Failure | None:
            return self.forbidden(source, following) if ask_robots else None

        if barred := may_follow(url):
            return barred
        answer = self.request_by_hops(Request(source=source, url=url), may_follow)
        if isinstance(answer, Failure):
            return answer
        return answer if answer.status == 200 else self.refused(answer)

    def knows_robots(self, url: str) -> bool:
        """Whether the robots.txt that speaks for `url` was read already."""
        return urls.origin(url) in self.rules

    def request(self, request: Request) -> Response | Failure:
        """One request, where V7 and the host's word allow it."""
        url = request.target
        if not self.terms.public and not ssrf.is_private(url, self.terms.allow_private):
            return Failure(reason="it is a public server, which may not be visited yet (V7)")
        if host_of(url) in self.silent:
            return Failure(reason="its server asked for silence (429)", status=429)
        if self.progress:
            self.progress(self.requests + 1, self.requests + 1, url)
        # Never further than one hop at once, robots.txt included: each may be a public server.
        if not request.single_hop:
            return self.request_by_hops(request, lambda _following: None)
        return super().request(request)

    def refused(self, response: Response) -> Failure:
        """After a 429 its host is asked nothing more (CL8)."""
        if response.status == 429:
            self.silent.add(host_of(response.url))
        return super().refused(response)
