"""Requests one after the other, each as polite as the last: gaps, robots.txt, hop by hop (V2, CL8, CL11, CL19)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.errors import Spoiled
from aggregator.gateways import redirects
from aggregator.jobs.cadence import retry_after
from aggregator.jobs.reading import may_read
from aggregator.model import Failure, Request, Response, Robots, Source
from aggregator.seams import Fetcher, Isolate
from aggregator.sources import robots, wall

AGENT = "aggregator"
"""Our name in robots.txt, as in the User-Agent."""
ROBOTS_LAST = timedelta(days=1)
"""How long a robots.txt is used (RFC 9309 2.4)."""

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


class Courtesy:
    """What one caller of servers remembers, so that none of them is asked too soon or against its word.

    `asked`: when each host was asked last, by the monotonic clock. `rules`: robots.txt by origin. Both may be shared
    by callers that follow each other. `seconds` is what asking and reading may take.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        isolate: Isolate,
        *,
        now: datetime,
        seconds: float,
        gap: float,
        asked: dict[str, float],
        rules: dict[str, Robots],
    ) -> None:
        self.fetcher, self.isolate = fetcher, isolate
        self.now, self.seconds, self.gap = now, seconds, gap
        self.asked, self.rules = asked, rules
        self.paused = self.answering = 0.0  # seconds that politeness took, and the servers
        self.requests = 0
        self.read: list[Robots] = []
        self.silence: Failure | None = None  # the last 429 or 503
        self.via: str | None = None
        """The URL whose answer led to what is asked now, where that is not the source's configured URL."""

    def ask(self, request: Request) -> Response | Failure:
        """One request, after the gap."""
        host = host_of(request.target)
        if host in self.asked:
            pause = max(0.0, self.asked[host] + self.gap - time.monotonic())
            self.paused += pause
            time.sleep(pause)
        begun = time.monotonic()
        answer = self.fetcher(replace(request, via=self.via))
        self.asked[host] = time.monotonic()
        self.answering += self.asked[host] - begun
        self.requests += 1
        if isinstance(answer, Response):
            self.requests += len(answer.hops)
            self.asked |= {host_of(url): self.asked[host] for url in (*answer.hops, answer.url)}
        return answer

    def ask_by_hops(self, request: Request, may_follow: MayFollow) -> Response | Failure:
        """One document; `may_follow` has a say in each hop of a redirect."""
        via = self.via
        try:
            return self._by_hops(request, may_follow)
        finally:
            self.via = via

    def _by_hops(self, request: Request, may_follow: MayFollow) -> Response | Failure:
        hops: list[str] = []
        permanent = True
        while True:
            answer = self.ask(replace(request, stay=True))
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
                return barred
            request = replace(request, url=following)

    def forbidden(self, source: Source, url: str) -> Failure | None:
        """Why a page may not be scraped, or None (CL19)."""
        known = self._rules_of(source, urls.origin(url))
        if isinstance(known, Failure):
            return known
        try:
            allowed = self.isolate(may_read, known.text, url, AGENT, seconds=self.left())
        except Spoiled as error:
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
        if owner := wall.name(response.status, response.headers, response.body):
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
