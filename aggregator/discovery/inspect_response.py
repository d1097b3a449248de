"""Find out in the sandbox what kind of document a response is and which sources it offers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator.errors import UnreadableDocument
from aggregator.model.config import Source, TopicRule
from aggregator.model.discovery import PreviewItem, Proposal, TriedProposal
from aggregator.model.documents import ParsedDocument
from aggregator.model.items import IdentityPolicy, Item
from aggregator.model.polling import Failure, ParseContext, ParsedVisit, Response
from aggregator.polling.parse import parse_visit

MAX_ITEMS_SHOWN = 5
"""Maximum number of items shown of a proposal."""
MAX_PROPOSALS = 20
"""Maximum number of proposals of a page."""

_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,5000}?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_KIND_NAMES = {
    "feed": "a feed",
    "jsonfeed": "a JSON Feed",
    "ical": "a calendar",
    "zenodo": "a response of Zenodo's API",
    "wordpress": "a response of WordPress' REST API",
}
# Exceptions that the parsers raised for damaged pages in tests.
_PARSER_ERRORS = (
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    AssertionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The kind of a document and its proposals, of which only selectors are tried."""

    kind: str
    title: str | None
    language: str | None
    proposals: tuple[TriedProposal, ...]
    sitemap: str | None = None
    notes: tuple[str, ...] = ()


def inspect(
    response: Response, topics: Sequence[TopicRule], zone: ZoneInfo, now: datetime
) -> Inspection | Failure:
    """Inspect the response to a request for any URL: a document that can be polled, or a page."""
    source = Source(id="discovery", name="discovery", url=response.url, timezone=zone)
    reasons = []
    for kind in _possible_kinds(response.body):
        parsed = parse_visit(ParseContext(source=replace(source, kind=kind)), response, topics, now)
        if isinstance(parsed, ParsedVisit):
            return _inspect_document(kind, parsed)
        reasons.append(parsed.reason)
    if not response.body.strip():
        return Failure(reason="the response is empty", status=response.status)
    if reasons and not _may_be_a_page(response):
        return Failure(reason=reasons[0], status=response.status)
    try:
        return _inspect_page(response, source, topics, now)
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except _PARSER_ERRORS as error:
        reason = f"the page broke the parser ({type(error).__name__}: {str(error)[:200]})"
        return Failure(reason=reason, status=response.status)


def _possible_kinds(body: bytes) -> tuple[str, ...]:
    """List the kinds of document that a body may be, judged by its first characters."""
    head = body[:2000].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"{"):
        return ("jsonfeed", "zenodo")
    if head.startswith(b"["):
        return ("wordpress",)
    if head[:15].upper() == b"BEGIN:VCALENDAR":
        return ("ical",)
    return () if _WEB_PAGE.match(body) else ("feed",)


def _may_be_a_page(response: Response) -> bool:
    content_type = response.headers.get("content-type", "")
    return "html" in content_type or (not content_type and response.body.lstrip()[:1] == b"<")


def _inspect_document(kind: str, parsed: ParsedVisit) -> Inspection:
    proposal = Proposal(
        kind=kind,
        url=parsed.url,
        score=1.0,
        why=f"the address itself is {_KIND_NAMES[kind]}",
        title=parsed.profile.title,
    )
    return Inspection(
        kind=kind,
        title=parsed.profile.title,
        language=parsed.profile.language,
        proposals=(tried_proposal(proposal, parsed.items),),
        notes=parsed.notes,
    )


def _inspect_page(
    response: Response, source: Source, topics: Sequence[TopicRule], now: datetime
) -> Inspection:
    from aggregator.formats import autodiscovery, html_tree
    from aggregator.text import line

    body, url, headers = response.body, response.url, response.headers
    root = html_tree.tree(body, headers)
    proposals = autodiscovery.proposals(body, url, headers)[:MAX_PROPOSALS]
    return Inspection(
        kind="page",
        title=line(root.findtext(".//title"), 200),
        language=line(root.get("lang"), 40),
        proposals=tuple(_try_selectors(proposal, source, topics, now) for proposal in proposals),
        sitemap=autodiscovery.sitemap(body, url, headers),
    )


def _try_selectors(
    proposal: Proposal, source: Source, topics: Sequence[TopicRule], now: datetime
) -> TriedProposal:
    """Make items of what selectors found on the page; leave a URL untried."""
    from aggregator.items import normalise

    if not proposal.page:
        return TriedProposal(proposal=proposal)
    document = ParsedDocument(entries=proposal.entries)
    items, _ = normalise.items_of(document, replace(source, kind="page"), IdentityPolicy(), topics, now)
    return tried_proposal(replace(proposal, entries=()), items)


def tried_proposal(proposal: Proposal, items: Sequence[Item]) -> TriedProposal:
    """Combine a proposal with the items that it yielded."""
    first_items = preview_items(items[:MAX_ITEMS_SHOWN])
    return TriedProposal(proposal=proposal, tried=True, count=len(items), first_items=first_items)


def preview_items(items: Iterable[Item]) -> tuple[PreviewItem, ...]:
    """Reduce items to what a preview shows."""
    return tuple(
        PreviewItem(
            title=item.title,
            date=item.claimed,
            written=item.claimed_raw,
            link=item.link,
            kind=item.kind,
            topics=item.topics,
            dropped=item.dropped,
        )
        for item in items
    )
