"""What an answer is and what it offers, as it is found out in isolation: only values go in and out."""

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

SHOWN = 5
"""Items shown of an offer."""
MOST_OFFERS = 20

_WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,5000}?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_NAMES = {
    "feed": "a feed",
    "jsonfeed": "a JSON Feed",
    "ical": "a calendar",
    "zenodo": "an answer of Zenodo's API",
    "wordpress": "an answer of WordPress' REST API",
}
# What was seen to come out of the parsers for injured pages.
_STUMBLES = (
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
    """What an answer is, and what it offers; addresses among the offers are not tried yet."""

    kind: str
    title: str | None
    language: str | None
    offers: tuple[TriedProposal, ...]
    sitemap: str | None = None
    notes: tuple[str, ...] = ()


def inspect(
    response: Response, rules: Sequence[TopicRule], zone: ZoneInfo, now: datetime
) -> Inspection | Failure:
    """What the answer to a request for any address is: a document that can be polled, or a page."""
    source = Source(id="discovery", name="discovery", url=response.url, timezone=zone)
    reasons = []
    for kind in _kinds(response.body):
        read = parse_visit(ParseContext(source=replace(source, kind=kind)), response, rules, now)
        if isinstance(read, ParsedVisit):
            return _of_document(kind, read)
        reasons.append(read.reason)
    if not response.body.strip():
        return Failure(reason="the answer is empty", status=response.status)
    if reasons and not _may_be_a_page(response):
        return Failure(reason=reasons[0], status=response.status)
    try:
        return _of_page(response, source, rules, now)
    except UnreadableDocument as error:
        return Failure(reason=str(error), status=response.status)
    except _STUMBLES as error:
        reason = f"the page broke the parser ({type(error).__name__}: {str(error)[:200]})"
        return Failure(reason=reason, status=response.status)


def _kinds(body: bytes) -> tuple[str, ...]:
    """The kinds of document that a body may be, by how it begins."""
    head = body[:2000].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"{"):
        return ("jsonfeed", "zenodo")
    if head.startswith(b"["):
        return ("wordpress",)
    if head[:15].upper() == b"BEGIN:VCALENDAR":
        return ("ical",)
    return () if _WEB_PAGE.match(body) else ("feed",)


def _may_be_a_page(response: Response) -> bool:
    said = response.headers.get("content-type", "")
    return "html" in said or (not said and response.body.lstrip()[:1] == b"<")


def _of_document(kind: str, read: ParsedVisit) -> Inspection:
    proposal = Proposal(
        kind=kind,
        url=read.url,
        score=1.0,
        why=f"the address itself is {_NAMES[kind]}",
        title=read.profile.title,
    )
    return Inspection(
        kind=kind,
        title=read.profile.title,
        language=read.profile.language,
        offers=(offer(proposal, read.items),),
        notes=read.notes,
    )


def _of_page(response: Response, source: Source, rules: Sequence[TopicRule], now: datetime) -> Inspection:
    from aggregator.formats import autodiscovery, html_tree
    from aggregator.text import line

    body, url, headers = response.body, response.url, response.headers
    root = html_tree.tree(body, headers)
    found = autodiscovery.proposals(body, url, headers)[:MOST_OFFERS]
    return Inspection(
        kind="page",
        title=line(root.findtext(".//title"), 200),
        language=line(root.get("lang"), 40),
        offers=tuple(_offered(proposal, source, rules, now) for proposal in found),
        sitemap=autodiscovery.sitemap(body, url, headers),
    )


def _offered(proposal: Proposal, source: Source, rules: Sequence[TopicRule], now: datetime) -> TriedProposal:
    """Selectors were tried on the page they were made from; addresses were not."""
    from aggregator.items import normalise

    if not proposal.page:
        return TriedProposal(proposal=proposal)
    items, _ = normalise.items(
        ParsedDocument(entries=proposal.entries), replace(source, kind="page"), IdentityPolicy(), rules, now
    )
    return offer(replace(proposal, entries=()), items)


def offer(proposal: Proposal, items: Sequence[Item]) -> TriedProposal:
    """A proposal that was read."""
    return TriedProposal(proposal=proposal, tried=True, count=len(items), first=preview_items(items[:SHOWN]))


def preview_items(items: Iterable[Item]) -> tuple[PreviewItem, ...]:
    """Items as they are shown."""
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
