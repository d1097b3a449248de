"""One visit, as a worker of the executor makes it: no store, no clock, expected failures are values."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aggregator.errors import Spoiled
from aggregator.jobs.cadence import fresh_for, retry_after
from aggregator.jobs.reading import harvest, may_read
from aggregator.model import (
    Failure,
    Harvest,
    Outcome,
    Request,
    Response,
    Robots,
    TopicRule,
    Unchanged,
    Validators,
)
from aggregator.seams import Fetcher, Isolate, Stopping, in_process
from aggregator.sources import robots, wall
from aggregator.text import line

SCRAPED = frozenset({"page"})
"""Kinds that are made for people: robots.txt is asked for them (CL19)."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVisit:
    """All due requests of one host, in order: the unit of work, so that politeness needs no lock.

    `seconds` is what one visit may take, reading the document included; `gap` seconds lie between two requests to
    one host (V2, CL11).
    """

    requests: tuple[Request, ...]
    rules: tuple[TopicRule, ...]
    now: datetime
    seconds: float = 20.0
    gap: float = 0.0


def visit_host(
    work: HostVisit, fetcher: Fetcher, stopping: Stopping, isolate: Isolate = in_process
) -> tuple[Outcome, ...]:
    """Visit the sources of one host one after the other; those not yet asked when we stop are left out."""
    outcomes: list[Outcome] = []
    read: Robots | None = None
    asked: dict[str, float] = {}
    for request in work.requests:
        if stopping():
            break
        visit = _Visit(work, replace(request, robots=read or request.robots), fetcher, isolate, asked)
        outcomes.append(visit.outcome())
        read = visit.robots or read
        result = outcomes[-1].result
        if isinstance(result, Failure) and result.holds_host:
            break  # a 429 speaks for the whole host (CL8)
    return tuple(outcomes)


class _Visit:
    """What one visit gathers on its way."""

    def __init__(
        self,
        work: HostVisit,
        request: Request,
        fetcher: Fetcher,
        isolate: Isolate,
        asked: dict[str, float],
    ) -> None:
        self.work, self.request, self.fetcher, self.isolate = work, request, fetcher, isolate
        self.asked = asked  # when each host was asked last, by the monotonic clock; the batch's own
        self.begun = time.monotonic()
        self.paused = self.answering = 0.0  # seconds that politeness took, and the servers
        self.requests = 0
        self.robots: Robots | None = None  # read on this visit
        self.moved: str | None = None
        self.fresh_for: timedelta | None = None

    def outcome(self) -> Outcome:
        """Make the visit."""
        result = self._forbidden() or self._asked()
        if isinstance(result, Failure):  # servers' words get into logs, mails and terminals
            result = replace(result, reason=line(result.reason, 300) or "it failed without a word")
        validators = self.request.validators
        return Outcome(
            source_id=self.request.source.id,
            result=result,
            conditional=validators.etag is not None or validators.last_modified is not None,
            seconds=time.monotonic() - self.begun - self.paused,
            requests=self.requests,
            fresh_for=self.fresh_for,
            moved=self.moved,
            robots=self.robots,
        )

    def _ask(self, request: Request) -> Response | Failure:
        host = urlsplit(request.target).hostname or ""
        if host in self.asked:
            pause = max(0.0, self.asked[host] + self.work.gap - time.monotonic())
            self.paused += pause
            time.sleep(pause)
        begun = time.monotonic()
        answer = self.fetcher(request)
        self.asked[host] = time.monotonic()
        self.answering += self.asked[host] - begun
        self.requests += 1 if isinstance(answer, Failure) else 1 + len(answer.hops)
        return answer

    def _asked(self) -> Harvest | Unchanged | Failure:
        answer = self._ask(self.request)
        if isinstance(answer, Failure):
            return answer
        if answer.permanent:
            self.moved = answer.url
        self.fresh_for = fresh_for(answer.headers)
        return self._judge(answer)

    # --- robots.txt (CL19) -----------------------------------------------------------------------------

    def _forbidden(self) -> Failure | None:
        """Why a page may not be scraped, or None."""
        if self.request.source.kind not in SCRAPED:
            return None
        known = self.request.robots
        place = robots.origin(self.request.target)
        if known is None or known.origin != place or not self._fresh(known):
            known = self.robots = Robots(origin=place, read=self.work.now, text=self._robots_text(place))
        try:
            allowed = self.isolate(may_read, known.text, self.request.target, AGENT, seconds=self._left())
        except Spoiled as error:
            return Failure(reason=f"its robots.txt cannot be read: {error}")
        if allowed:
            return None
        if known.text is None:
            return Failure(reason="its robots.txt cannot be had, which forbids to read the page for now")
        return Failure(reason="its robots.txt forbids us to read the page")

    def _fresh(self, known: Robots) -> bool:
        lasts = timedelta(0) if known.text is None else ROBOTS_LAST
        return timedelta(0) <= self.work.now - known.read <= lasts

    def _robots_text(self, place: str) -> str | None:
        """The file's text; empty where there is none, None where the server could not say (RFC 9309 2.3.1)."""
        source = replace(self.request.source, url=f"{place}/robots.txt")
        answer = self._ask(Request(source=source))
        if isinstance(answer, Failure) or answer.status >= 500 or answer.status == 429:
            return None
        return answer.body[: robots.MAX_BYTES].decode("utf-8", "replace") if answer.status == 200 else ""

    # --- the answer ------------------------------------------------------------------------------------

    def _judge(self, response: Response) -> Harvest | Unchanged | Failure:
        request = self.request
        if response.status == 304 and request.validators == Validators():
            return Failure(reason="it answered 304 although nothing was asked conditionally", status=304)
        if response.status == 304:
            return Unchanged(status=304, validators=_refreshed(request.validators, response))
        if response.status not in (200, 226):
            return self._refused(response)
        body_hash = hashlib.sha256(response.body).hexdigest()
        validators = Validators(
            etag=response.headers.get("etag"),
            last_modified=response.headers.get("last-modified"),
            url=response.url,
        )
        if body_hash == request.body_hash:
            if validators.etag is None and validators.last_modified is None:
                validators = request.validators  # CL3: an identical body keeps them
            return Unchanged(status=response.status, validators=validators, bytes_read=len(response.body))
        return self.read(response, validators, body_hash)

    def _refused(self, response: Response) -> Failure:
        reason = _STATUS.get(response.status, f"the server answered {response.status}")
        if owner := wall.name(response.status, response.headers, response.body):
            reason += f": a bot wall stands before it ({owner})"
        return Failure(
            reason=reason,
            status=response.status,
            wait=retry_after(response.headers, self.work.now),
            holds_host=response.status == 429,
        )

    def read(self, response: Response, validators: Validators, body_hash: str) -> Harvest | Failure:
        """Read the document in isolation; its body stays here."""
        request, work = self.request, self.work
        return read(
            request, response, validators, body_hash, work.rules, work.now, self.isolate, self._left()
        )

    def _left(self) -> float:
        """Seconds left of the visit, and never so few that an honest document could not be read."""
        return max(1.0, self.work.seconds - self.answering)


def read(
    request: Request,
    response: Response,
    validators: Validators,
    body_hash: str,
    rules: Sequence[TopicRule],
    now: datetime,
    isolate: Isolate,
    seconds: float,
) -> Harvest | Failure:
    """A document as a harvest, read in isolation."""
    try:
        result = isolate(
            harvest, request.source, request.verdict, response, rules, now, request.seen, seconds=seconds
        )
    except Spoiled as error:
        return Failure(reason=str(error), status=response.status)
    if isinstance(result, Failure):
        return result
    return replace(result, validators=validators, body=response.body, body_hash=body_hash)


def _refreshed(old: Validators, response: Response) -> Validators:
    """A 304 may carry newer validators (CL3, RFC 9110 15.4.5)."""
    return Validators(
        etag=response.headers.get("etag", old.etag),
        last_modified=response.headers.get("last-modified", old.last_modified),
        url=old.url,
    )
