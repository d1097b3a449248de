"""One visit, as a worker of the executor makes it: no store, no clock, expected failures are values."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.errors import Spoiled, UnreadableDocument
from aggregator.jobs.cadence import fresh_for
from aggregator.jobs.courtesy import Courtesy
from aggregator.jobs.reading import details, harvest, links
from aggregator.model import (
    Details,
    Failure,
    Harvest,
    Outcome,
    Request,
    Response,
    Suspect,
    TopicRule,
    Unchanged,
    Validators,
)
from aggregator.seams import Fetcher, Isolate, Stopping, in_process
from aggregator.text import line

SCRAPED = frozenset({"page"})
"""Kinds that are made for people: robots.txt is asked for them (CL19)."""
MAX_ARTICLES = 10
MAX_OLDER = 5
"""Pages of articles, and documents with older entries, of one visit (V2)."""
MAX_CHECKED = 3
"""Pages of items that left the document, of one visit; they count among those of articles."""


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
    rules = {known.origin: known for request in work.requests for known in request.robots}
    asked: dict[str, float] = {}
    for request in work.requests:
        if stopping():
            break
        courtesy = Courtesy(
            fetcher, isolate, now=work.now, seconds=work.seconds, gap=work.gap, asked=asked, rules=rules
        )
        outcomes.append(_Visit(work, request, courtesy, stopping).outcome())
        result = outcomes[-1].result
        if isinstance(result, Failure) and result.holds_host:
            break  # a 429 speaks for the whole host (CL8)
    return tuple(outcomes)


class _Visit:
    """What one visit gathers on its way."""

    def __init__(self, work: HostVisit, request: Request, courtesy: Courtesy, stopping: Stopping) -> None:
        self.work, self.request, self.courtesy, self.stopping = work, request, courtesy, stopping
        self.begun = time.monotonic()
        self.answered: Response | None = None
        self.older: list[Harvest] = []
        self.articles = 0

    def outcome(self) -> Outcome:
        """Make the visit."""
        result = self._forbidden(self.request.target) or self._asked()
        filled = not isinstance(result, Failure) and self._fill_gap()
        checked = () if isinstance(result, Failure) else tuple(self._checked())
        if isinstance(result, Failure):  # servers' words get into logs, mails and terminals
            result = replace(result, reason=line(result.reason, 300) or "it failed without a word")
        answered = self.answered
        return Outcome(
            source_id=self.request.source.id,
            result=result,
            conditional=self._was_conditional(),
            seconds=time.monotonic() - self.begun - self.courtesy.paused,
            requests=self.courtesy.requests,
            fresh_for=fresh_for(answered.headers) if answered else None,
            moved=answered.url if answered and answered.permanent else None,
            url=answered.url if answered else None,
            robots=tuple(self.courtesy.read),
            silence=self.courtesy.silence,
            older=tuple(self.older),
            filled=filled,
            checked=checked,
        )

    def _was_conditional(self) -> bool | None:
        if self.answered is None:
            return None
        if self.answered.conditional is not None:
            return self.answered.conditional
        return self.request.validators.usable

    def _asked(self) -> Harvest | Unchanged | Failure:
        answer = self._ask_for(self.request)
        if isinstance(answer, Failure):
            return answer
        self.answered = answer
        self.courtesy.via = answer.url
        return self._judge(answer)

    def _ask_for(self, request: Request) -> Response | Failure:
        """A document; where robots.txt has a say, each hop of a redirect is asked about first (CL19)."""
        if request.source.kind in SCRAPED:
            return self.courtesy.ask_by_hops(request, self._forbidden)
        return self.courtesy.ask(request)

    def _forbidden(self, url: str) -> Failure | None:
        """Why a page may not be scraped, or None."""
        source = self.request.source
        return self.courtesy.forbidden(source, url) if source.kind in SCRAPED else None

    # --- the answer ------------------------------------------------------------------------------------

    def _judge(self, response: Response) -> Harvest | Unchanged | Failure:
        request = self.request
        if response.status == 304 and self._was_conditional() is False:
            return Failure(reason="it answered 304 although nothing was asked conditionally", status=304)
        if response.status == 304:
            validators = _refreshed(request.validators, response)
            return self._unchanged(response, validators, b"")
        if response.status not in (200, 226):
            return self.courtesy.refused(response)
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

    def _read(self, response: Response, validators: Validators, body_hash: str) -> Harvest | Failure:
        articles, unread = self._articles(response)
        return read(
            self.request,
            response,
            validators,
            body_hash,
            self.work.rules,
            self.work.now,
            self.courtesy.isolate,
            self.courtesy.left(),
            articles,
            unread,
        )

    # --- pages of articles, older documents (V2, G1) ---------------------------------------------------

    def _articles(self, response: Response) -> tuple[dict[str, Details | None], frozenset[str]]:
        """What the pages of articles nobody has read yet say, and the links of those left for the next visit."""
        if not any(layout.article for layout in self.request.source.page):
            return {}, frozenset()
        try:
            slim = replace(self.request, kept=None, gap=None, robots=(), suspects=())
            new = self.courtesy.isolate(links, slim, response, seconds=self.courtesy.left())
        except (Spoiled, UnreadableDocument):
            return {}, frozenset()  # reading the document will say what is wrong with it
        found: dict[str, Details | None] = {}
        for link in new[:MAX_ARTICLES]:
            if self.stopping():
                break
            article = None if self._forbidden(link) else self._article(link)
            if self.courtesy.silence:
                break
            found[link] = article
        self.articles = len(found)
        return found, frozenset(new) - found.keys()

    def _article(self, link: str) -> Details | None:
        answer = self._ask_for(replace(self.request, url=link, validators=Validators()))
        if isinstance(answer, Failure):
            return None
        if answer.status != 200:
            self.courtesy.refused(answer)
            return None
        try:
            return self.courtesy.isolate(details, self.request.source, answer, seconds=self.courtesy.left())
        except Spoiled:
            return None

    def _checked(self) -> Iterator[tuple[Suspect, int | None]]:
        """Whether the pages of items that left the document are still there (I8); trouble ends the asking."""
        source = self.request.source
        for suspect in self.request.suspects[: min(MAX_CHECKED, MAX_ARTICLES - self.articles)]:
            if self.courtesy.silence or self.stopping():
                return
            page = Request(source=source, url=suspect.link, bare=True)
            answer = self.courtesy.forbidden(source, suspect.link) or self.courtesy.ask_by_hops(
                page, lambda following: self.courtesy.forbidden(source, following)
            )
            if isinstance(answer, Failure):
                yield suspect, None
                return
            if answer.status != 200:
                self.courtesy.refused(answer)
            yield suspect, answer.status

    def _fill_gap(self) -> bool:
        """Ask for older documents until one has an entry we know; whether there are no more to ask for (G1)."""
        gap = self.request.gap
        url = gap.url if gap else None
        while (
            gap and url and not self.courtesy.silence and len(self.older) < MAX_OLDER and not self.stopping()
        ):
            if self._forbidden(url):
                return True
            answer = self._ask_for(replace(self.request, url=url, validators=Validators()))
            if isinstance(answer, Failure):
                return False
            if answer.status != 200:
                self.courtesy.refused(answer)
                return self.courtesy.silence is None
            request = replace(self.request, seen=frozenset(), before=0)
            found = read(
                request,
                answer,
                Validators(),
                "",
                self.work.rules,
                self.work.now,
                self.courtesy.isolate,
                self.courtesy.left(),
            )
            if isinstance(found, Failure):
                return True
            self.older.append(replace(found, body=b""))
            if not found.items or any(alias in gap.known for item in found.items for alias in item.aliases):
                return True
            url = found.older
        return gap is not None and self.courtesy.silence is None


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
    slim = replace(request, kept=None, gap=None, robots=(), suspects=())
    try:
        result = isolate(harvest, slim, response, rules, now, articles, unread, seconds=seconds)
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
