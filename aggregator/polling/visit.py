"""Visit the sources of one host, in a worker that has no store and no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

from aggregator import urls
from aggregator.model.config import TopicRule
from aggregator.model.documents import ArticleDetails
from aggregator.model.polling import (
    Failure,
    PageCheck,
    ParsedVisit,
    Request,
    Response,
    SideResults,
    Unchanged,
    Validators,
    VisitPlan,
    VisitResult,
)
from aggregator.model.servers import ServerFacts
from aggregator.model.value_classes import dataclass
from aggregator.polling.parse import article_details, article_links
from aggregator.polling.polite_client import SCRAPED, VISIT_BUDGET_SECONDS, PoliteClient, leaves_site
from aggregator.polling.sandboxed_parse import NO_ARTICLES, Articles, SandboxedParser
from aggregator.polling.visit_exceptions import MAX_REASON_CHARACTERS, value_or_failure
from aggregator.polling.wait_headers import fresh_for
from aggregator.ports import Fetcher, Sandbox, Stopping, call_in_process
from aggregator.text import line

MAX_ARTICLES = 10
"""Maximum number of article pages read in one visit (V2)."""
MAX_OLDER = 5
"""Maximum number of older documents read in one visit (V2)."""
MAX_PAGE_CHECKS = 3
"""Maximum number of missing items checked in one visit; their pages count as articles."""

MAX_CONTENT_TYPE_CHARACTERS = 100
"""Maximum length of a media type that is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVisit:
    """All due visits to one host: one unit of work, so that politeness needs no lock.

    `seconds` is the maximum for requesting and parsing one document, `budget` that for a visit without pauses;
    `host_gap` the seconds between two requests to one host (V2, CL11).
    """

    plans: tuple[VisitPlan, ...]
    rules: tuple[TopicRule, ...]
    now: datetime
    seconds: float = 20.0
    host_gap: float = 0.0
    budget: float = VISIT_BUDGET_SECONDS


def visit_host(
    work: HostVisit, fetcher: Fetcher, stopping: Stopping, sandbox: Sandbox = call_in_process
) -> tuple[VisitResult, ...]:
    """Visit the sources of one host one by one; return the results of those visited.

    After a 429 nothing more is sent to the host (CL8). An exception is the failure of its source alone (L2).
    """
    results: list[VisitResult] = []
    rules = {robots.origin: robots for plan in work.plans for robots in plan.robots}
    requested: dict[str, float] = {}
    limited: set[str] = set()
    for plan in work.plans:
        if stopping():
            break
        if limited and urls.host(plan.request.target) in limited:
            continue
        client = PoliteClient(
            fetcher,
            sandbox,
            now=work.now,
            seconds=work.seconds,
            host_gap=work.host_gap,
            requested=requested,
            rules=rules,
            stopping=stopping,
            budget=work.budget,
        )
        visit = _visit(work, plan, client)
        if visit.interrupted and not visit.requests:
            break
        results.append(visit)
        if isinstance(visit.result, Failure) and visit.result.limits_host:
            break
        if visit.side.rate_limit and visit.side.rate_limit.limits_host:
            limited.add(urls.host(visit.side.rate_limit.url or ""))
    return tuple(results)


def _visit(work: HostVisit, plan: VisitPlan, client: PoliteClient) -> VisitResult:
    """Make one visit; an exception becomes its failure."""
    visit = value_or_failure(_Visit(work, plan, client).make)
    if not isinstance(visit, Failure):
        return visit
    return VisitResult(
        source_id=plan.source.id,
        result=replace(client.rate_limit or visit, reason=visit.reason),
        conditional=None,
        seconds=client.seconds_spent(),
        requests=client.requests,
        side=SideResults(robots=tuple(client.robots_read)),
    )


class _Visit:
    """The state of one visit."""

    def __init__(self, work: HostVisit, plan: VisitPlan, client: PoliteClient) -> None:
        self.plan, self.source, self.client = plan, plan.source, client
        self.parser = SandboxedParser(sandbox=client.sandbox, rules=work.rules, now=work.now)
        self.response: Response | None = None
        self.older: list[ParsedVisit] = []
        self.articles = 0

    def make(self) -> VisitResult:
        """Request and parse the document, then fill a coverage gap and check pages of missing items."""
        result = self._forbidden(self.plan.request.target) or self._document()
        coverage_gap_closed = interrupted = False
        checks: list[PageCheck] = []
        if isinstance(result, Failure):  # reasons quote servers, and get into logs, mails and terminals
            reason = line(result.reason, MAX_REASON_CHARACTERS) or "failed without an error message"
            result = replace(result, reason=reason)
            interrupted = self.response is None and not self.client.rate_limit and self.client.stopping()
        else:
            coverage_gap_closed = value_or_failure(self._fill_gap) is not False
            value_or_failure(lambda: checks.extend(self._check_pages()))
        response = self.response
        return VisitResult(
            source_id=self.source.id,
            result=result,
            conditional=self._was_conditional(),
            seconds=self.client.seconds_spent(),
            requests=self.client.requests,
            fresh_for=fresh_for(response.headers, self.client.now) if response else None,
            moved=response.url if response and response.permanent else None,
            url=response.url if response else None,
            server=_server_facts(response) if response else ServerFacts(),
            side=SideResults(
                robots=tuple(self.client.robots_read),
                older=tuple(self.older),
                coverage_gap_closed=coverage_gap_closed,
                page_checks=tuple(checks),
                rate_limit=self.client.rate_limit,
            ),
            interrupted=interrupted,
        )

    def _was_conditional(self) -> bool | None:
        if self.response is None:
            return None
        if self.response.conditional is not None:
            return self.response.conditional
        return self.plan.request.validators.is_usable

    # --- the document ----------------------------------------------------------------------------------

    def _document(self) -> ParsedVisit | Unchanged | Failure:
        """Request and parse the document; check robots.txt for each hop to a page (CL19)."""
        request = self.plan.request
        if self.source.kind in SCRAPED:
            response = self.client.request_by_hops(request, self._forbidden)
        else:
            response = self.client.request(request)
        if isinstance(response, Failure):
            return response
        self.response = response
        self.client.via = response.url
        return self._result(response)

    def _forbidden(self, url: str) -> Failure | None:
        """Return why `url` must not be scraped, or None."""
        return self.client.robots_failure(self.source, url) if self.source.kind in SCRAPED else None

    def _result(self, response: Response) -> ParsedVisit | Unchanged | Failure:
        known = self.plan.request.validators
        if response.status == 304:
            if self._was_conditional() is False:
                return Failure(
                    reason="the server answered 304 although the request was not conditional", status=304
                )
            return self._unchanged(response, _refreshed(known, response), b"")
        if response.status not in (200, 226):
            return self.client.failure_of(response)
        body_hash = hashlib.sha256(response.body).hexdigest()
        validators = _validators(response)
        if body_hash == self.plan.body_hash:
            # The same bytes keep the validators they had (CL3).
            return self._unchanged(response, validators if validators.is_usable else known, response.body)
        return self._parse(response, validators, body_hash)

    def _unchanged(
        self, response: Response, validators: Validators, body: bytes
    ) -> ParsedVisit | Unchanged | Failure:
        """Return Unchanged, or parse the stored document if articles of it are still unread."""
        stored = self.plan.unfinished
        if stored is None:
            return Unchanged(status=response.status, validators=validators, bytes_read=len(body))
        again = replace(response, status=200, url=stored.url, body=stored.body)
        return self._parse(again, validators, hashlib.sha256(stored.body).hexdigest())

    def _parse(self, response: Response, validators: Validators, body_hash: str) -> ParsedVisit | Failure:
        articles = self._read_articles(response)
        return self.parser.document(
            self.plan.context,
            response,
            validators,
            body_hash=body_hash,
            seconds=self.client.seconds_left(),
            articles=articles,
        )

    # --- articles, missing items, older documents (V2, G1, I8) ------------------------------------------

    def _request_page(
        self, url: str, forbidden: Callable[[str], Failure | None], *, headers_only: bool = False
    ) -> Response | Failure:
        """Request a page beside the document; follow redirects within the site of `url` only."""
        return forbidden(url) or self.client.request_by_hops(
            Request(source=self.source, url=url, headers_only=headers_only),
            lambda following: leaves_site(url, following) or forbidden(following),
        )

    def _read_articles(self, response: Response) -> Articles:
        """Read the pages of articles that were not read yet, as many as one visit may."""
        if not any(layout.article for layout in self.source.page):
            return NO_ARTICLES
        links = value_or_failure(
            lambda: self.client.sandbox(
                article_links, self.plan.context, response, seconds=self.client.seconds_left()
            )
        )
        if isinstance(links, Failure):
            return NO_ARTICLES  # parsing the document reports what is wrong with it
        read: dict[str, ArticleDetails | None] = {}
        for link in links[:MAX_ARTICLES]:
            if self.client.stop_reason():
                break
            article = value_or_failure(partial(self._read_article, link))
            if not isinstance(article, ArticleDetails) and (
                self.client.rate_limit or self.client.stop_reason()
            ):
                break  # cut off: the next visit requests it again
            read[link] = article if isinstance(article, ArticleDetails) else None
        self.articles = len(read)
        return Articles(read=read, unread=frozenset(links) - read.keys())

    def _read_article(self, link: str) -> ArticleDetails | None:
        response = self._request_page(link, self._forbidden)
        if isinstance(response, Failure):
            return None
        if response.status != 200:
            self.client.failure_of(response)
            return None
        return self.client.sandbox(article_details, self.source, response, seconds=self.client.seconds_left())

    def _check_pages(self) -> Iterator[PageCheck]:
        """Request the pages of missing items; stop at the first network error (I8)."""
        forbidden = partial(self.client.robots_failure, self.source)
        for missing_item in self.plan.missing_items[: min(MAX_PAGE_CHECKS, MAX_ARTICLES - self.articles)]:
            if self.client.rate_limit or self.client.stop_reason():
                return
            request = partial(self._request_page, missing_item.link, forbidden, headers_only=True)
            response = value_or_failure(request)
            if isinstance(response, Failure):
                if not self.client.stop_reason():
                    yield PageCheck(missing_item=missing_item, status=None)
                return
            if response.status != 200:
                self.client.failure_of(response)
            yield PageCheck(missing_item=missing_item, status=response.status)

    def _fill_gap(self) -> bool:
        """Read older documents until one has a known entry; return whether all are read (G1)."""
        gap = self.plan.coverage_gap
        if gap is None:
            return False
        context = replace(self.plan.context, known_hashes=frozenset(), entries_before=0)
        url: str | None = gap.url
        while url and len(self.older) < MAX_OLDER:
            if self._forbidden(url):
                return not self.client.stop_reason()
            response = self._request_page(url, self._forbidden)
            if isinstance(response, Failure):
                return response.status is not None and not self.client.stop_reason()
            if response.status != 200:
                self.client.failure_of(response)
                return self.client.rate_limit is None
            parsed = self.parser.document(
                context, response, Validators(), body_hash="", seconds=self.client.seconds_left()
            )
            if isinstance(parsed, Failure):
                return True
            self.older.append(replace(parsed, body=b""))
            aliases = (alias for item in parsed.items for alias in item.aliases)
            if not parsed.items or any(alias in gap.known for alias in aliases):
                return True
            url = parsed.older
        return True


def _server_facts(response: Response) -> ServerFacts:
    """Return the facts about its server that a response contains."""
    has_document = response.status in (200, 226)
    content_type = line(response.headers.get("content-type"), MAX_CONTENT_TYPE_CHARACTERS) or ""
    return ServerFacts(
        content_type=content_type if has_document else None,
        certificate_from=response.certificate_from,
        certificate_until=response.certificate_until,
    )


def _refreshed(old: Validators, response: Response) -> Validators:
    """Return the validators after a 304, which may carry newer ones (CL3, RFC 9110 15.4.5)."""
    new = _validators(response)
    return Validators(
        etag=old.etag if new.etag is None else new.etag,
        last_modified=old.last_modified if new.last_modified is None else new.last_modified,
        url=old.url,
    )


def _validators(response: Response) -> Validators:
    """Return the validators of a response that a request can repeat."""
    return Validators(
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
        url=response.url,
    )
