"""Requests one after the other, each as polite as the last: gaps, robots.txt, hop by hop (V2, CL8, CL11, CL19)."""

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
from aggregator.polling.schedule import retry_after
from aggregator.ports import Fetcher, Sandbox, Stopping, never

AGENT = "aggregator"
"""Our name in robots.txt, as in the User-Agent."""
ROBOTS_LAST = timedelta(days=1)
"""How long a robots.txt is used (RFC 9309 2.4)."""
VISIT_BUDGET_SECONDS = 120.0
"""Maximum time of one visit without its pauses, and half of what these may take; longer where `fetch.timeout` is long.
The request in hand ends by its own deadline."""
STOP_CHECK_SECONDS = 0.1
"""Time between two checks, during a pause, whether the program is to end."""

_STATUS = {
    401: "it asks for a password (401)",
    403: "it does not let us in (403)",
    404: "not found (404)",
    410: "gone for good, the server says (410)",
    429: "too many requests, the server says (429)",
    503: "the server is overloaded or being mended (503)",
}

MayFollow = Callable[[str], Failure | None]
"""Why a redirect is not to be followed to an address, or None."""


class PoliteClient:
    """What one caller of servers remembers, so that none of them is asked too soon or against its word.

    `asked`: when each host was asked last, by the monotonic clock. `rules`: robots.txt by origin. Both may be shared
    by callers that follow each other. `seconds` is what asking for one document, and reading it, may take. `budget` is
    what all requests and all reading may take, pauses aside, which may take twice as long; after it, and when the
    program is stopping, nothing more is asked for.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        sandbox: Sandbox,
        *,
        now: datetime,
        seconds: float,
        gap: float,
        asked: dict[str, float],
        rules: dict[str, Robots],
        stopping: Stopping = never,
        budget: float = VISIT_BUDGET_SECONDS,
    ) -> None:
        self.fetcher, self.sandbox, self.stopping = fetcher, sandbox, stopping
        self.now, self.seconds, self.gap = now, seconds, gap
        self.budget = max(budget, 2 * seconds)
        self.begun = time.monotonic()
        self.asked, self.rules = asked, rules
        self.paused = self.answering = 0.0  # seconds that politeness took, and the servers
        self.requests = 0
        self.read: list[Robots] = []
        self.silence: Failure | None = None  # the last 429 or 503
        self.via: str | None = None
        """The URL whose answer led to what is asked now, where that is not the source's configured URL."""

    def ask(self, request: Request) -> Response | Failure:
        """One request, after the gap; a Failure where the visit is over before it."""
        host = host_of(request.target)
        self._keep_gap(host)
        if over := self.over():
            return over
        begun = time.monotonic()
        answer = self.fetcher(replace(request, via=self.via))
        self.asked[host] = time.monotonic()
        self.answering += self.asked[host] - begun
        self.requests += 1
        if isinstance(answer, Response):
            self.requests += len(answer.hops)
            self.asked |= {host_of(url): self.asked[host] for url in (*answer.hops, answer.url)}
        return answer

    def _keep_gap(self, host: str) -> None:
        """Wait until `host` may be asked again, or the visit is over."""
        ready = self.asked[host] + self.gap if host in self.asked else 0.0
        while (left := ready - time.monotonic()) > 0 and not self.over():
            begun = time.monotonic()
            time.sleep(min(left, STOP_CHECK_SECONDS))
            self.paused += time.monotonic() - begun

    def over(self) -> Failure | None:
        """Why nothing more may be asked for in this visit, or None."""
        if self.stopping():
            return Failure(reason="the program was asked to stop")
        if self.spent() > self.budget:
            return Failure(reason=f"the visit took longer than {self.budget:g} s")
        if self.paused > 2 * self.budget:
            return Failure(reason=f"the pauses of the visit took longer than {2 * self.budget:g} s")
        return None

    def spent(self) -> float:
        """Seconds since the beginning, pauses aside."""
        return time.monotonic() - self.begun - self.paused

    def ask_by_hops(self, request: Request, may_follow: MayFollow) -> Response | Failure:
        """One document; `may_follow` has a say in each hop of a redirect. All hops share the time of one request."""
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
            answer = self.ask(replace(request, single_hop=True))
            if isinstance(answer, Failure):
                return answer
            location = answer.headers.get("location")
            if answer.status not in redirects.STATUSES or not location:
                return replace(answer, hops=tuple(hops), permanent=permanent and bool(hops))
            hops.append(answer.url)
            permanent = permanent and answer.status in redirects.PERMANENT
            following = redirects.target(answer.url, location)
            if refusal := redirects.refused(answer.url, following, hops):
                return Failure(reason=refusal, status=answer.status)
            self.via = answer.url
            if barred := may_follow(following):
                return replace(barred, status=barred.status or answer.status)
            if self.answering - answering > self.seconds:
                return Failure(reason=f"no complete answer within {self.seconds:g} s", status=answer.status)
            request = replace(request, url=following)

    def forbidden(self, source: Source, url: str) -> Failure | None:
        """Why a page may not be scraped, or None (CL19)."""
        known = self._rules_of(source, urls.origin(url))
        if isinstance(known, Failure):
            return known
        try:
            allowed = self.sandbox(robots_allow, known.text, url, AGENT, seconds=self.left())
        except SandboxFailure as error:
            return Failure(reason=f"its robots.txt cannot be read: {error}")
        if allowed:
            return None
        if known.text is None:
            return Failure(reason="its robots.txt cannot be had, which forbids to read the page for now")
        return Failure(reason="its robots.txt forbids us to read the page")

    def _rules_of(self, source: Source, place: str) -> Robots | Failure:
        """The robots.txt of an origin: empty where there is none, None where the server could not say (RFC 9309
        2.3.1). Who cannot be reached for it cannot be reached: that is no ban, but trouble."""
        known = self.rules.get(place)
        if known is not None and self._is_fresh(known):
            return known
        answer = self.ask(Request(source=source, url=f"{place}/robots.txt"))
        if isinstance(answer, Failure):
            return answer
        if answer.status in (429, 503):
            return self.refused(answer)  # CL8: whatever it was asked for, it wants to be left alone
        text = None if answer.status >= 500 else ""
        if answer.status == 200:
            text = answer.body[: robots.MAX_BYTES].decode("utf-8", "replace")
        self.rules[place] = Robots(origin=place, read=self.now, text=text)
        self.read.append(self.rules[place])
        return self.rules[place]

    def _is_fresh(self, known: Robots) -> bool:
        lasts = timedelta(0) if known.text is None else ROBOTS_LAST
        return timedelta(0) <= self.now - known.read <= lasts

    def refused(self, response: Response) -> Failure:
        """An answer without a document, in words; what its server asks for is remembered (CL8)."""
        reason = _STATUS.get(response.status, f"the server answered {response.status}")
        if owner := bot_wall.detect(response.status, response.headers, response.body):
            reason += f": a bot wall stands before it ({owner})"
        failure = Failure(
            reason=reason,
            status=response.status,
            wait=retry_after(response.headers, self.now),
            holds_host=response.status == 429,
            url=response.url,
        )
        if response.status in (429, 503):
            self.silence = failure
        return failure

    def left(self) -> float:
        """Seconds left for reading, and never so few that an honest document could not be read."""
        return max(1.0, self.seconds - self.answering)


def host_of(url: str) -> str:
    """The host that gaps and silence are about."""
    return urls.host(url)


def leaves_site(url: str, following: str) -> Failure | None:
    """Why a redirect of `url` to `following` leaves the site, or None.

    A site is a host, with or without `www.`, its subdomains, and the hosts that it is a subdomain of.
    """
    old, new = (host_of(one).removeprefix("www.").rstrip(".") for one in (url, following))
    if old == new or old.endswith(f".{new}") or new.endswith(f".{old}"):
        return None
    return Failure(reason=f"it redirects to another site ({new})")
