"""Send requests one by one: gaps, robots.txt, hops, rate limits (V2, CL8, CL11, CL19)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.errors import SandboxFailure
from aggregator.formats import bot_wall, robots
from aggregator.gateways import redirects
from aggregator.model.config import Source
from aggregator.model.polling import Failure, Request, Response, Robots
from aggregator.polling.parse import robots_allow
from aggregator.polling.wait_headers import retry_after
from aggregator.ports import Fetcher, Sandbox, Stopping, never_stop

HOST_GAP_SECONDS = 5.0
"""Seconds between two requests to one host (V2, CL11)."""
SCRAPED = frozenset({"page"})
"""Kinds of sources that are made for people, so that robots.txt is obeyed (CL19)."""
AGENT = "aggregator"
"""The product token of this client in robots.txt, as in its User-Agent."""
ROBOTS_LIFETIME = timedelta(days=1)
"""Maximum age of a robots.txt in use (RFC 9309 2.4)."""
VISIT_BUDGET_SECONDS = 120.0
"""Maximum time of one visit without its pauses, and half the maximum of these.

It is longer if `fetch.timeout` is long. A running request ends by its own deadline."""
STOP_CHECK_SECONDS = 0.1
"""Seconds between two checks, during a pause, whether the program is to end."""

_STATUS = {
    401: "it asks for a password (401)",
    403: "access is forbidden (403)",
    404: "not found (404)",
    410: "gone permanently, the server says (410)",
    429: "too many requests, the server says (429)",
    503: "the server is overloaded or under maintenance (503)",
}

MayFollow = Callable[[str], Failure | None]
"""Why a redirect to a URL must not be followed, or None."""


class PoliteClient:
    """Send requests one by one, and keep what politeness needs between them.

    `requested`: when each host was last requested, by the monotonic clock. `rules`: robots.txt by origin. Visits that
    follow each other share both. `seconds` is the maximum for requesting and parsing one document; `budget` that for
    all requests and all parsing, without pauses, which may take twice as long. After it, and when the program is
    stopping, nothing more is sent.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        sandbox: Sandbox,
        *,
        now: datetime,
        seconds: float,
        host_gap: float,
        requested: dict[str, float],
        rules: dict[str, Robots],
        stopping: Stopping = never_stop,
        budget: float = VISIT_BUDGET_SECONDS,
    ) -> None:
        self.fetcher, self.sandbox, self.stopping = fetcher, sandbox, stopping
        self.now, self.seconds, self.host_gap = now, seconds, host_gap
        self.budget = max(budget, 2 * seconds)
        self.begun = time.monotonic()
        self.requested, self.rules = requested, rules
        self.paused = self.answering = 0.0  # seconds of pauses, and of servers
        self.requests = 0
        self.robots_read: list[Robots] = []
        self.rate_limit: Failure | None = None  # the last 429 or 503
        self.via: str | None = None
        """The URL whose response led to the next request; None for the configured URL of a source."""

    def request(self, request: Request) -> Response | Failure:
        """Send one request after the host gap; return a Failure if the visit is over before."""
        host = urls.host(request.target)
        self._wait_for_host_gap(host)
        if failure := self.stop_reason():
            return failure
        begun = time.monotonic()
        response = self.fetcher(replace(request, via=self.via))
        self.requested[host] = time.monotonic()
        self.answering += self.requested[host] - begun
        self.requests += 1
        if isinstance(response, Response):
            self.requests += len(response.hops)
            passed = (*response.hops, response.url)
            self.requested |= {urls.host(url): self.requested[host] for url in passed}
        return response

    def _wait_for_host_gap(self, host: str) -> None:
        """Wait until `host` may be requested again, or the visit is over."""
        ready = self.requested[host] + self.host_gap if host in self.requested else 0.0
        while (left := ready - time.monotonic()) > 0 and not self.stop_reason():
            begun = time.monotonic()
            time.sleep(min(left, STOP_CHECK_SECONDS))
            self.paused += time.monotonic() - begun

    def stop_reason(self) -> Failure | None:
        """Return why nothing more may be requested in this visit, or None."""
        if self.stopping():
            return Failure(reason="the program was asked to stop")
        if self.seconds_spent() > self.budget:
            return Failure(reason=f"the visit took longer than {self.budget:g} s")
        if self.paused > 2 * self.budget:
            return Failure(reason=f"the pauses of the visit took longer than {2 * self.budget:g} s")
        return None

    def seconds_spent(self) -> float:
        """Return the seconds since the beginning, without pauses."""
        return time.monotonic() - self.begun - self.paused

    def seconds_left(self) -> float:
        """Return the seconds left for parsing, always enough for an ordinary document."""
        return max(1.0, self.seconds - self.answering)

    def request_by_hops(self, request: Request, may_follow: MayFollow) -> Response | Failure:
        """Request one document and check each hop first; all hops share the time of one request."""
        via = self.via
        try:
            return self._by_hops(request, may_follow)
        finally:
            self.via = via

    def _by_hops(self, request: Request, may_follow: MayFollow) -> Response | Failure:
        hops: list[str] = []
        permanent = True
        answering = self.answering
        while True:
            response = self.request(replace(request, single_hop=True))
            if isinstance(response, Failure):
                return response
            location = response.headers.get("location")
            if response.status not in redirects.STATUSES or not location:
                return replace(response, hops=tuple(hops), permanent=permanent and bool(hops))
            hops.append(response.url)
            permanent = permanent and response.status in redirects.PERMANENT
            following = redirects.redirect_target(response.url, location)
            if refusal := redirects.refusal(response.url, following, hops):
                return Failure(reason=refusal, status=response.status)
            self.via = response.url
            if failure := may_follow(following):
                return replace(failure, status=failure.status or response.status)
            if self.answering - answering > self.seconds:
                return Failure(
                    reason=f"no complete response within {self.seconds:g} s", status=response.status
                )
            request = replace(request, url=following)

    def robots_failure(self, source: Source, url: str) -> Failure | None:
        """Return why robots.txt forbids to scrape `url`, or None (CL19)."""
        known = self._robots_of(source, urls.origin(url))
        if isinstance(known, Failure):
            return known
        try:
            allowed = self.sandbox(robots_allow, known.text, url, AGENT, seconds=self.seconds_left())
        except SandboxFailure as error:
            return Failure(reason=f"its robots.txt cannot be read: {error}")
        if allowed:
            return None
        if known.text is None:
            return Failure(reason="its robots.txt is not available, which forbids to read the page for now")
        return Failure(reason="its robots.txt forbids us to read the page")

    def _robots_of(self, source: Source, origin: str) -> Robots | Failure:
        """Return the robots.txt of an origin: empty if it has none, None after a server error.

        An origin that is unreachable is a Failure and forbids nothing (RFC 9309 2.3.1).
        """
        known = self.rules.get(origin)
        if known is not None and self._is_fresh(known):
            return known
        response = self.request(Request(source=source, url=f"{origin}/robots.txt"))
        if isinstance(response, Failure):
            return response
        if response.status in (429, 503):
            return self.failure_of(response)  # a rate limit holds, whatever was requested (CL8)
        text = None if response.status >= 500 else ""
        if response.status == 200:
            text = response.body[: robots.MAX_BYTES].decode("utf-8", "replace")
        self.rules[origin] = Robots(origin=origin, read=self.now, text=text)
        self.robots_read.append(self.rules[origin])
        return self.rules[origin]

    def _is_fresh(self, known: Robots) -> bool:
        lasts = timedelta(0) if known.text is None else ROBOTS_LIFETIME
        return timedelta(0) <= self.now - known.read <= lasts

    def failure_of(self, response: Response) -> Failure:
        """Return a response without a document as a Failure; keep a rate limit (CL8)."""
        reason = _STATUS.get(response.status, f"the server answered {response.status}")
        if owner := bot_wall.detect(response.status, response.headers, response.body):
            reason += f": a bot wall stands before it ({owner})"
        failure = Failure(
            reason=reason,
            status=response.status,
            wait=retry_after(response.headers, self.now),
            limits_host=response.status == 429,
            url=response.url,
        )
        if response.status in (429, 503):
            self.rate_limit = failure
        return failure


def leaves_site(url: str, following: str) -> Failure | None:
    """Return why a redirect of `url` to `following` leaves the site, or None.

    A site is a host, with or without `www.`, its subdomains, and the hosts that it is a subdomain of.
    """
    old, new = (urls.host(address).removeprefix("www.").rstrip(".") for address in (url, following))
    if old == new or old.endswith(f".{new}") or new.endswith(f".{old}"):
        return None
    return Failure(reason=f"it redirects to another site ({new})")
