"""Requests that a person asked for, outside of any round: as polite as a visit (V2, V7, CL11, CL19)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from aggregator.errors import Spoiled
from aggregator.gateways import address, redirects
from aggregator.jobs.cadence import retry_after
from aggregator.jobs.fetch import refuse_public
from aggregator.jobs.reading import may_read
from aggregator.jobs.visit import AGENT, refusal_of
from aggregator.model import Failure, Request, Response, Robots, Source, TopicRule
from aggregator.seams import Fetcher, House, Isolate, Progress
from aggregator.sources import robots
from aggregator.store import sources
from aggregator.store.connection import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
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


def terms(house: House) -> Terms:
    """The terms of a house."""
    config = house.config
    return Terms(
        allow_private=config.fetch.allow_private,
        public=not config.placeholder and not house.pretended_clock,
        rules=config.topics,
        zone=config.site.timezone,
        now=house.clock(),
        seconds=config.fetch.timeout.total_seconds(),
        gap=house.host_gap,
        silent=_silent(house),
    )


def _silent(house: House) -> frozenset[str]:
    database = house.config.data / "aggregator.db"
    if not database.exists():
        return frozenset()
    with opened(database, create=False) as store:
        return frozenset(sources.held_hosts(store, house.clock()))


def refuse(house: House, url: str) -> None:
    """V7 for an address of the command line; raises ContactMissing."""
    stranger = Source(id=url, name=url, url=url)
    refuse_public(replace(house, config=replace(house.config, sources=(stranger,))))


class Asking:
    """Asks one address after the other, each host with a gap, each origin for its robots.txt once.

    `visited` are hosts that were asked a moment ago by somebody else.
    """

    def __init__(
        self,
        terms: Terms,
        fetcher: Fetcher,
        isolate: Isolate,
        *,
        known: Iterable[Robots] = (),
        visited: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> None:
        self.terms, self.fetcher, self.isolate, self.progress = terms, fetcher, isolate, progress
        self.robots = {one.origin: one for one in known}
        self.asked = dict.fromkeys(visited, time.monotonic())
        self.requests = 0
        self.silent: set[str] = set(terms.silent)

    def document(self, source: Source, url: str, *, ask_robots: bool) -> Response | Failure:
        """The document at `url`; `source` lends its credentials. All that is no document is a Failure.

        Redirects are followed hop by hop: robots.txt and V7 have a say in each.
        """
        hops: list[str] = []
        while True:
            if ask_robots and (forbidden := self._forbidden(source, url)):
                return forbidden
            answer = self._ask(source, url)
            if isinstance(answer, Failure):
                return answer
            location = answer.headers.get("location")
            if answer.status not in redirects.STATUSES or not location:
                break
            hops.append(answer.url)
            url = redirects.target(answer.url, location)
            if reason := redirects.refused(answer.url, url, hops):
                return Failure(reason=reason, status=answer.status)
        return answer if answer.status == 200 else self._refused(answer)

    def knows_robots(self, url: str) -> bool:
        """Whether the robots.txt that speaks for `url` was read already."""
        return robots.origin(url) in self.robots

    def _forbidden(self, source: Source, url: str) -> Failure | None:
        place = robots.origin(url)
        if place not in self.robots:
            answer = self._ask(source, f"{place}/robots.txt")
            if isinstance(answer, Failure):
                return answer  # who cannot be reached for robots.txt cannot be reached
            if answer.status in (429, 503):
                return self._refused(answer)
            text = None if answer.status >= 500 else ""
            if answer.status == 200:
                text = answer.body[: robots.MAX_BYTES].decode("utf-8", "replace")
            self.robots[place] = Robots(origin=place, read=self.terms.now, text=text)
        known = self.robots[place]
        try:
            if self.isolate(may_read, known.text, url, AGENT, seconds=self.terms.seconds):
                return None
        except Spoiled as error:
            return Failure(reason=f"its robots.txt cannot be read: {error}")
        if known.text is None:
            return Failure(reason="its robots.txt cannot be had, which forbids to read the page for now")
        return Failure(reason="its robots.txt forbids us to read the page")

    def _refused(self, answer: Response) -> Failure:
        """An answer without a document; after a 429 its host is asked nothing more (CL8)."""
        if answer.status == 429:
            self.silent.add(urlsplit(answer.url).hostname or "")
        wait = retry_after(answer.headers, self.terms.now) if answer.status in (429, 503) else None
        return Failure(
            reason=refusal_of(answer),
            status=answer.status,
            wait=wait,
            holds_host=answer.status == 429,
        )

    def _ask(self, source: Source, url: str) -> Response | Failure:
        host = urlsplit(url).hostname or ""
        if not self.terms.public and not address.is_private(url, self.terms.allow_private):
            return Failure(reason="it is a public server, which may not be visited yet (V7)")
        if host in self.silent:
            return Failure(reason="its server asked for silence (429)", status=429)
        if host in self.asked:
            time.sleep(max(0.0, self.asked[host] + self.terms.gap - time.monotonic()))
        self.requests += 1
        if self.progress:
            self.progress(self.requests, self.requests, url)
        answer = self.fetcher(Request(source=source, url=url, stay=True))
        self.asked[host] = time.monotonic()
        return answer
