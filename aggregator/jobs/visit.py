"""One visit, as a worker of the executor makes it: no store, no clock, expected failures are values."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aggregator.errors import Spoiled, UnreadableDocument
from aggregator.gateways import redirects
from aggregator.jobs.cadence import fresh_for, retry_after
from aggregator.jobs.reading import details, harvest, links, may_read
from aggregator.model import (
    Details,
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
MAX_ARTICLES = 10
MAX_OLDER = 5
"""Pages of articles, and documents with older entries, of one visit (V2)."""
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
    rules: dict[str, Robots] = {}
    asked: dict[str, float] = {}
    for request in work.requests:
        if stopping():
            break
        if request.robots:
            rules.setdefault(request.robots.origin, request.robots)
        outcomes.append(_Visit(work, request, fetcher, isolate, stopping, asked, rules).outcome())
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
        stopping: Stopping,
        asked: dict[str, float],
        rules: dict[str, Robots],
    ) -> None:
        self.work, self.request, self.fetcher, self.isolate = work, request, fetcher, isolate
        self.stopping = stopping
        self.asked = asked  # when each host was asked last, by the monotonic clock; the batch's own
        self.rules = rules  # robots.txt by origin; the batch's own
        self.begun = time.monotonic()
        self.paused = self.answering = 0.0  # seconds that politeness took, and the servers
        self.requests = 0
        self.robots: list[Robots] = []  # read on this visit
        self.answered: Response | None = None
        self.older: list[Harvest] = []
        self.silence: Failure | None = None
        self.moved: str | None = None
        self.fresh_for: timedelta | None = None

    def outcome(self) -> Outcome:
        """Make the visit."""
        result = self._forbidden(self.request.target) or self._asked()
        filled = not isinstance(result, Failure) and self._fill_gap()
        if isinstance(result, Failure):  # servers' words get into logs, mails and terminals
            result = replace(result, reason=line(result.reason, 300) or "it failed without a word")
        return Outcome(
            source_id=self.request.source.id,
            result=result,
            conditional=self._was_conditional(),
            seconds=time.monotonic() - self.begun - self.paused,
            requests=self.requests,
            fresh_for=self.fresh_for,
            moved=self.moved,
            url=self.answered.url if self.answered else None,
            robots=tuple(self.robots),
            silence=self.silence,
            older=tuple(self.older),
            filled=filled,
        )

    def _was_conditional(self) -> bool | None:
        if self.answered is None:
            return None
        if self.answered.conditional is not None:
            return self.answered.conditional
        return self.request.validators.usable

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
        if isinstance(answer, Response):
            self.asked |= {
                urlsplit(url).hostname or "": self.asked[host] for url in (*answer.hops, answer.url)
            }
        self.requests += 1 if isinstance(answer, Failure) else 1 + len(answer.hops)
        return answer

    def _asked(self) -> Harvest | Unchanged | Failure:
        answer = self._ask_for(self.request)
        if isinstance(answer, Failure):
            return answer
        self.answered = answer
        if answer.permanent:
            self.moved = answer.url
        self.fresh_for = fresh_for(answer.headers)
        return self._judge(answer)

    def _ask_for(self, request: Request) -> Response | Failure:
        """A document; where robots.txt has a say, each hop of a redirect is asked about first (CL19)."""
        if request.source.kind not in SCRAPED:
            return self._ask(request)
        hops: list[str] = []
        permanent = True
        while True:
            answer = self._ask(replace(request, stay=True))
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
            if forbidden := self._forbidden(following):
                return forbidden
            request = replace(request, url=following)

    # --- robots.txt (CL19) -----------------------------------------------------------------------------

    def _forbidden(self, url: str) -> Failure | None:
        """Why a page may not be scraped, or None."""
        if self.request.source.kind not in SCRAPED:
            return None
        place = robots.origin(url)
        known = self.rules.get(place)
        if known is None or not self._fresh(known):
            read = self._read_robots(place)
            if isinstance(read, Failure):
                return read
            known = read
        try:
            allowed = self.isolate(may_read, known.text, url, AGENT, seconds=self._left())
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

    def _read_robots(self, place: str) -> Robots | Failure:
        """The file of an origin: empty where there is none, None where the server could not say (RFC 9309 2.3.1)."""
        source = replace(self.request.source, url=f"{place}/robots.txt")
        answer = self._ask(Request(source=source))
        if isinstance(answer, Response) and answer.status in (429, 503):
            # CL8: whatever it was asked for, it wants to be left alone.
            if self.answered is None:
                self.answered = answer
            else:
                self.silence = self._refused(answer)
            return self._refused(answer)
        if isinstance(answer, Failure):
            return answer  # who cannot be reached for robots.txt cannot be reached: no ban, but trouble
        text: str | None = ""
        if answer.status >= 500:
            text = None
        elif answer.status == 200:
            text = answer.body[: robots.MAX_BYTES].decode("utf-8", "replace")
        self.rules[place] = Robots(origin=place, read=self.work.now, text=text)
        self.robots.append(self.rules[place])
        return self.rules[place]

    # --- the answer ------------------------------------------------------------------------------------

    def _judge(self, response: Response) -> Harvest | Unchanged | Failure:
        request = self.request
        if response.status == 304 and self._was_conditional() is False:
            return Failure(reason="it answered 304 although nothing was asked conditionally", status=304)
        if response.status == 304:
            validators = _refreshed(request.validators, response)
            return self._unchanged(response, validators, b"")
        if response.status not in (200, 226):
            return self._refused(response)
        body_hash = hashlib.sha256(response.body).hexdigest()
        validators = Validators(
            etag=response.headers.get("etag"),
            last_modified=response.headers.get("last-modified"),
            url=response.url,
        )
        if body_hash == request.body_hash:
            if not validators.usable:
                validators = request.validators  # CL3: an identical body keeps them
            return self._unchanged(response, validators, response.body)
        return self._read(response, validators, body_hash)

    def _unchanged(
        self, response: Response, validators: Validators, body: bytes
    ) -> Harvest | Unchanged | Failure:
        """Nothing new, unless articles of the document we have are still to be read."""
        kept = self.request.kept
        if kept is None:
            return Unchanged(status=response.status, validators=validators, bytes_read=len(body))
        again = replace(response, status=200, url=kept.url, body=kept.body)
        return self._read(again, validators, hashlib.sha256(kept.body).hexdigest())

    def _refused(self, response: Response) -> Failure:
        return Failure(
            reason=refusal_of(response),
            status=response.status,
            wait=retry_after(response.headers, self.work.now),
            holds_host=response.status == 429,
        )

    def _read(self, response: Response, validators: Validators, body_hash: str) -> Harvest | Failure:
        articles, unread = self._articles(response)
        return read(
            self.request,
            response,
            validators,
            body_hash,
            self.work.rules,
            self.work.now,
            self.isolate,
            self._left(),
            articles,
            unread,
        )

    # --- pages of articles, older documents (V2, G1) ---------------------------------------------------

    def _articles(self, response: Response) -> tuple[dict[str, Details | None], frozenset[str]]:
        """What the pages of articles nobody has read yet say, and the links of those left for the next visit."""
        if not any(layout.article for layout in self.request.source.page):
            return {}, frozenset()
        try:
            slim = replace(self.request, kept=None, gap=None)
            new = self.isolate(links, slim, response, seconds=self._left())
        except (Spoiled, UnreadableDocument):
            return {}, frozenset()  # reading the document will say what is wrong with it
        found: dict[str, Details | None] = {}
        for link in new[:MAX_ARTICLES]:
            if self.stopping():
                break
            article = None if self._forbidden(link) else self._article(link)
            if self.silence:
                break
            found[link] = article
        return found, frozenset(new) - found.keys()

    def _wants_silence(self, answer: Response) -> bool:
        """Whether a server that was asked for more than the document wants to be left alone (CL8)."""
        if answer.status in (429, 503):
            self.silence = self._refused(answer)
        return self.silence is not None

    def _article(self, link: str) -> Details | None:
        answer = self._ask_for(replace(self.request, url=link, validators=Validators()))
        if isinstance(answer, Failure) or self._wants_silence(answer) or answer.status != 200:
            return None
        try:
            return self.isolate(details, self.request.source, answer, seconds=self._left())
        except Spoiled:
            return None

    def _fill_gap(self) -> bool:
        """Ask for older documents until one has an entry we know; whether there are no more to ask for (G1)."""
        gap = self.request.gap
        url = gap.url if gap else None
        while gap and url and not self.silence and len(self.older) < MAX_OLDER and not self.stopping():
            if self._forbidden(url):
                return True
            answer = self._ask_for(replace(self.request, url=url, validators=Validators()))
            if isinstance(answer, Failure) or self._wants_silence(answer):
                return False
            if answer.status != 200:
                return True
            request = replace(self.request, seen=frozenset(), before=0)
            found = read(
                request, answer, Validators(), "", self.work.rules, self.work.now, self.isolate, self._left()
            )
            if isinstance(found, Failure):
                return True
            self.older.append(replace(found, body=b""))
            if not found.items or any(alias in gap.known for item in found.items for alias in item.aliases):
                return True
            url = found.older
        return gap is not None and self.silence is None

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
    articles: Mapping[str, Details | None] | None = None,
    unread: frozenset[str] = frozenset(),
) -> Harvest | Failure:
    """A document as a harvest, read in isolation; its body stays here."""
    # What the reader does not need does not travel to it.
    slim = replace(request, kept=None, gap=None, robots=None)
    try:
        result = isolate(harvest, slim, response, rules, now, articles, unread, seconds=seconds)
    except Spoiled as error:
        return Failure(reason=str(error), status=response.status)
    if isinstance(result, Failure):
        return result
    return replace(result, validators=validators, body=response.body, body_hash=body_hash)


def refusal_of(response: Response) -> str:
    """An answer without a document, in words."""
    reason = _STATUS.get(response.status, f"the server answered {response.status}")
    if owner := wall.name(response.status, response.headers, response.body):
        reason += f": a bot wall stands before it ({owner})"
    return reason


def _refreshed(old: Validators, response: Response) -> Validators:
    """A 304 may carry newer validators (CL3, RFC 9110 15.4.5)."""
    return Validators(
        etag=response.headers.get("etag", old.etag),
        last_modified=response.headers.get("last-modified", old.last_modified),
        url=old.url,
    )
