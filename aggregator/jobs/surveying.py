"""What an answer is and what it offers, as it is found out in isolation: only values go in and out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator.errors import UnreadableDocument
from aggregator.jobs.reading import harvest
from aggregator.model import (
    Failure,
    Glimpse,
    Harvest,
    Item,
    Offer,
    Proposal,
    Reading,
    Request,
    Response,
    Source,
    TopicRule,
    Verdict,
)

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
class Survey:
    """What an answer is, and what it offers; addresses among the offers are not tried yet."""

    kind: str
    title: str | None
    language: str | None
    offers: tuple[Offer, ...]
    sitemap: str | None = None
    notes: tuple[str, ...] = ()


def survey(response: Response, rules: Sequence[TopicRule], zone: ZoneInfo, now: datetime) -> Survey | Failure:
    """What the answer to a request for any address is: a document that can be polled, or a page."""
    source = Source(id="discovery", name="discovery", url=response.url, timezone=zone)
    reasons = []
    for kind in _kinds(response.body):
        read = harvest(Request(source=replace(source, kind=kind)), response, rules, now)
        if isinstance(read, Harvest):
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


def _of_document(kind: str, read: Harvest) -> Survey:
    proposal = Proposal(
        kind=kind,
        url=read.url,
        score=1.0,
        why=f"the address itself is {_NAMES[kind]}",
        title=read.profile.title,
    )
    return Survey(
        kind=kind,
        title=read.profile.title,
        language=read.profile.language,
        offers=(offer(proposal, read.items),),
        notes=read.notes,
    )


def _of_page(response: Response, source: Source, rules: Sequence[TopicRule], now: datetime) -> Survey:
    from aggregator.sources import discover, markup
    from aggregator.text import line

    body, url, headers = response.body, response.url, response.headers
    root = markup.tree(body, headers)
    found = discover.proposals(body, url, headers)[:MOST_OFFERS]
    return Survey(
        kind="page",
        title=line(root.findtext(".//title"), 200),
        language=line(root.get("lang"), 40),
        offers=tuple(_offered(proposal, source, rules, now) for proposal in found),
        sitemap=discover.sitemap(body, url, headers),
    )


def _offered(proposal: Proposal, source: Source, rules: Sequence[TopicRule], now: datetime) -> Offer:
    """Selectors were tried on the page they were made from; addresses were not."""
    from aggregator.stories import normalise

    if not proposal.page:
        return Offer(proposal=proposal)
    items, _ = normalise.items(
        Reading(entries=proposal.entries), replace(source, kind="page"), Verdict(), rules, now
    )
    return offer(replace(proposal, entries=()), items)


def offer(proposal: Proposal, items: Sequence[Item]) -> Offer:
    """A proposal that was read."""
    return Offer(proposal=proposal, tried=True, count=len(items), first=glimpses(items[:SHOWN]))


def glimpses(items: Iterable[Item]) -> tuple[Glimpse, ...]:
    """Items as they are shown."""
    return tuple(
        Glimpse(
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
