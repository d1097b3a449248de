"""One visit, as a worker of the executor makes it: no store, no clock, expected failures are values."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from aggregator.errors import SandboxFailure, StoreError
from aggregator.model.config import TopicRule
from aggregator.model.documents import ArticleDetails
from aggregator.model.polling import (
    Failure,
    MissingItem,
    ParsedVisit,
    Request,
    Response,
    Unchanged,
    Validators,
    VisitResult,
)
from aggregator.polling.client import VISIT_BUDGET_SECONDS, PoliteClient, host_of, leaves_site
from aggregator.polling.parse import article_details, article_links, parse_visit
from aggregator.polling.schedule import fresh_for
from aggregator.ports import Fetcher, Sandbox, Stopping, in_process
from aggregator.text import line

said = logging.getLogger("aggregator.visit")

Made = TypeVar("Made")

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

    `seconds` is what one document may take, reading it included, and `budget` what a visit may take, pauses aside;
    `gap` seconds lie between two requests to one host (V2, CL11).
    """

    requests: tuple[Request, ...]
    rules: tuple[TopicRule, ...]
    now: datetime
    seconds: float = 20.0
    gap: float = 0.0
    budget: float = VISIT_BUDGET_SECONDS


def visit_host(
    work: HostVisit, fetcher: Fetcher, stopping: Stopping, sandbox: Sandbox = in_process
) -> tuple[VisitResult, ...]:
    """Visit the sources of one host one after the other; those not asked when we stop are left out.

    After a 429 the host is asked nothing more (CL8). An exception of one visit is the failure of its source alone.
    """
    outcomes: list[VisitResult] = []
    rules = {known.origin: known for request in work.requests for known in request.robots}
    asked: dict[str, float] = {}
    silent: set[str] = set()
    for request in work.requests:
        if stopping():
            break
        if silent and host_of(request.target) in silent:
            continue
        client = PoliteClient(
            fetcher,
            sandbox,
            now=work.now,
            seconds=work.seconds,
            gap=work.gap,
            asked=asked,
            rules=rules,
            stopping=stopping,
            budget=work.budget,
        )
        outcome = tried(_Visit(work, request, client).outcome)
        if isinstance(outcome, Failure):
            outcome = VisitResult(
                source_id=request.source.id,
                result=replace(client.silence or outcome, reason=outcome.reason),
                conditional=None,
                seconds=client.spent(),
                requests=client.requests,
                robots=tuple(client.read),
            )
        if outcome.interrupted and not outcome.requests:
            break
        outcomes.append(outcome)
        if isinstance(outcome.result, Failure) and outcome.result.holds_host:
            break
        if outcome.silence and outcome.silence.holds_host:
            silent.add(host_of(outcome.silence.url or ""))
    return tuple(outcomes)


def tried(step: Callable[[], Made]) -> Made | Failure:
    """What `step` brings; an exception of it, whatever it is, is a Failure of this step alone (L2).

    Only what is wrong with our own store is let through: no source can help it.
    """
    try:
        return step()
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - L2: what one server sends must not cost what others sent
        said.debug("a step of a visit broke", exc_info=True)
        return Failure(
            reason=line(f"the visit broke ({type(error).__name__}: {error})", 300) or "the visit broke"
        )


def blamed(outcome: VisitResult, reason: str) -> Failure:
    """A visit as the failure that `reason` says; what a server asked for on the way still counts (CL8)."""
    result = outcome.result
    if isinstance(result, Failure):
        return replace(result, reason=reason)
    return replace(outcome.silence or Failure(reason=reason, status=result.status), reason=reason)


class _Visit:
    """What one visit gathers on its way."""

    def __init__(self, work: HostVisit, request: Request, client: PoliteClient) -> None:
        self.work, self.request, self.client = work, request, client
        self.answered: Response | None = None
        self.older: list[ParsedVisit] = []
        self.articles = 0

    def outcome(self) -> VisitResult:
        """Make the visit."""
        result = self._forbidden(self.request.target) or self._asked()
        answered = self.answered
        filled, interrupted = False, False
        checked: list[tuple[MissingItem, int | None]] = []
        if isinstance(result, Failure):  # servers' words get into logs, mails and terminals
            result = replace(result, reason=line(result.reason, 300) or "failed without an error message")
            interrupted = answered is None and not self.client.silence and self.client.stopping()
        else:
            filled = tried(self._fill_gap) is not False
            tried(lambda: checked.extend(self._checked()))
        return VisitResult(
            source_id=self.request.source.id,
            result=result,
            conditional=self._was_conditional(),
            seconds=self.client.spent(),
            requests=self.client.requests,
            fresh_for=fresh_for(answered.headers) if answered else None,
            moved=answered.url if answered and answered.permanent else None,
            url=answered.url if answered else None,
            robots=tuple(self.client.read),
            silence=self.client.silence,
            older=tuple(self.older),
            filled=filled,
            checked=tuple(checked),
            interrupted=interrupted,
        )

    def _was_conditional(self) -> bool | None:
        if self.answered is None:
            return None
        if self.answered.conditional is not None:
            return self.answered.conditional
        return self.request.validators.usable

    def _asked(self) -> ParsedVisit | Unchanged | Failure:
        answer = self._ask_for(self.request)
        if isinstance(answer, Failure):
            return answer
        self.answered = answer
        self.client.via = answer.url
        return self._judge(answer)

    def _ask_for(self, request: Request) -> Response | Failure:
        """The source's document; where robots.txt has a say, each hop of a redirect is asked about first (CL19)."""
        if request.source.kind in SCRAPED:
            return self.client.ask_by_hops(request, self._forbidden)
        return self.client.ask(request)

    def _ask_beside(
        self, url: str, forbidden: Callable[[str], Failure | None], *, headers_only: bool = False
    ) -> Response | Failure:
        """What a visit asks for beside its document; redirects are followed within the site of `url` only."""
        return forbidden(url) or self.client.ask_by_hops(
            Request(source=self.request.source, url=url, headers_only=headers_only),
            lambda following: leaves_site(url, following) or forbidden(following),
        )

    def _forbidden(self, url: str) -> Failure | None:
        """Why a page may not be scraped, or None."""
        source = self.request.source
        return self.client.forbidden(source, url) if source.kind in SCRAPED else None

    # --- the answer ------------------------------------------------------------------------------------

    def _judge(self, response: Response) -> ParsedVisit | Unchanged | Failure:
        request = self.request
        if response.status == 304 and self._was_conditional() is False:
            return Failure(reason="it answered 304 although nothing was asked conditionally", status=304)
        if response.status == 304:
            validators = _refreshed(request.validators, response)
            return self._unchanged(response, validators, b"")
        if response.status not in (200, 226):
            return self.client.refused(response)
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
    ) -> ParsedVisit | Unchanged | Failure:
        """Nothing new, unless articles of the document we have are still to be read."""
        kept = self.request.kept
        if kept is None:
            return Unchanged(status=response.status, validators=validators, bytes_read=len(body))
        again = replace(response, status=200, url=kept.url, body=kept.body)
        return self._read(again, validators, hashlib.sha256(kept.body).hexdigest())

    def _read(self, response: Response, validators: Validators, body_hash: str) -> ParsedVisit | Failure:
        articles, unread = self._articles(response)
        return read(
            self.request,
            response,
            validators,
            body_hash,
            self.work.rules,
            self.work.now,
            self.client.sandbox,
            self.client.left(),
            articles,
            unread,
        )

    # --- pages of articles, older documents (V2, G1) ---------------------------------------------------

    def _articles(self, response: Response) -> tuple[dict[str, ArticleDetails | None], frozenset[str]]:
        """What the pages of articles nobody has read yet say, and the links of those left for the next visit."""
        if not any(layout.article for layout in self.request.source.page):
            return {}, frozenset()
        slim = replace(self.request, kept=None, gap=None, robots=(), missing_items=())
        new = tried(lambda: self.client.sandbox(article_links, slim, response, seconds=self.client.left()))
        if isinstance(new, Failure):
            return {}, frozenset()  # reading the document will say what is wrong with it
        found: dict[str, ArticleDetails | None] = {}
        for link in new[:MAX_ARTICLES]:
            if self.client.over():
                break
            article = tried(partial(self._article, link))
            if not isinstance(article, ArticleDetails) and (self.client.silence or self.client.over()):
                break  # cut off: the next visit asks for it again
            found[link] = article if isinstance(article, ArticleDetails) else None
        self.articles = len(found)
        return found, frozenset(new) - found.keys()

    def _article(self, link: str) -> ArticleDetails | None:
        answer = self._ask_beside(link, self._forbidden)
        if isinstance(answer, Failure):
            return None
        if answer.status != 200:
            self.client.refused(answer)
            return None
        return self.client.sandbox(article_details, self.request.source, answer, seconds=self.client.left())

    def _checked(self) -> Iterator[tuple[MissingItem, int | None]]:
        """Whether the pages of items that left the document are still there (I8); trouble ends the asking."""
        forbidden = partial(self.client.forbidden, self.request.source)
        for missing_item in self.request.missing_items[: min(MAX_CHECKED, MAX_ARTICLES - self.articles)]:
            if self.client.silence or self.client.over():
                return
            answer = tried(partial(self._ask_beside, missing_item.link, forbidden, headers_only=True))
            if isinstance(answer, Failure):
                if not self.client.over():
                    yield missing_item, None
                return
            if answer.status != 200:
                self.client.refused(answer)
            yield missing_item, answer.status

    def _fill_gap(self) -> bool:
        """Ask for older documents until one has an entry we know; whether there are no more to ask for (G1)."""
        gap = self.request.gap
        if gap is None:
            return False
        url: str | None = gap.url
        while url and len(self.older) < MAX_OLDER:
            if self._forbidden(url):
                return not self.client.over()
            answer = self._ask_beside(url, self._forbidden)
            if isinstance(answer, Failure):
                return answer.status is not None and not self.client.over()
            if answer.status != 200:
                self.client.refused(answer)
                return self.client.silence is None
            request = replace(self.request, seen=frozenset(), before=0)
            found = read(
                request,
                answer,
                Validators(),
                "",
                self.work.rules,
                self.work.now,
                self.client.sandbox,
                self.client.left(),
            )
            if isinstance(found, Failure):
                return True
            self.older.append(replace(found, body=b""))
            if not found.items or any(alias in gap.known for item in found.items for alias in item.aliases):
                return True
            url = found.older
        return True


def read(
    request: Request,
    response: Response,
    validators: Validators,
    body_hash: str,
    rules: Sequence[TopicRule],
    now: datetime,
    sandbox: Sandbox,
    seconds: float,
    articles: Mapping[str, ArticleDetails | None] | None = None,
    unread: frozenset[str] = frozenset(),
) -> ParsedVisit | Failure:
    """A document as a harvest, read in isolation; its body stays here."""
    # What the reader does not need does not travel to it.
    slim = replace(request, kept=None, gap=None, robots=(), missing_items=())
    try:
        result = sandbox(parse_visit, slim, response, rules, now, articles, unread, seconds=seconds)
    except SandboxFailure as error:
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
