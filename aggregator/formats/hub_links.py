"""Find the WebSub hub and the topic of a feed: `Link` headers, then links of the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aggregator import urls
from aggregator.model.config import Source
from aggregator.model.documents import HubLinks, ParsedDocument
from aggregator.model.polling import Response

MAX_LINKS = 50
"""Maximum number of links that are read."""
KINDS = frozenset({"feed", "jsonfeed"})
"""Kinds of sources whose documents hubs push."""

# RFC 8288 section 3: `<URL>; rel=hub; title="a, b"`. Each repetition is bounded, for hostile servers.
_LINK = re.compile(r"<([^<>]{1,8000})>((?:\s{0,20};[^;,\"<>]{0,500}(?:\"[^\"]{0,2000}\")?){0,20})")
_PARAMETER = re.compile(r";\s*([\w!#$&+.^`|~*-]{1,100})\s*(?:=\s*(?:\"([^\"]*)\"|([^\s;,\"]+)))?")


Links = tuple[str | None, str | None]
"""The first hub and the first `self` as absolute URLs; None where there is none."""


def of_response(document: ParsedDocument, response: Response, source: Source) -> HubLinks | None:
    """Return hub and topic: each from the headers, else from the document (WebSub section 4)."""
    if source.kind not in KINDS:
        return None
    hub, topic = in_headers(response.headers, response.url)
    hub, topic = hub or document.hub, topic or document.topic
    return HubLinks(hub=hub, topic=topic) if hub and topic else None


def in_headers(headers: Mapping[str, str], url: str) -> Links:
    """Return the links in the `Link` headers of a response from `url`."""
    pairs: list[tuple[str, object]] = []
    for match in list(_LINK.finditer(headers.get("link", "")[:65_536]))[:MAX_LINKS]:
        rel = next((m[2] or m[3] for m in _PARAMETER.finditer(match[2]) if m[1].lower() == "rel"), None)
        pairs.append((rel or "", match[1].strip()))
    return _of_pairs(pairs, url)


def in_feed(links: Any, url: str) -> Links:
    """Return the links among those that feedparser found in the head of a feed."""
    head_links = links[:MAX_LINKS] if isinstance(links, list) else ()
    return _of_pairs([(str(link.get("rel", "")), link.get("href")) for link in head_links], url)


def first_web_address(references: Iterable[object], url: str) -> str | None:
    """Return the first reference that is a web address, resolved against `url`."""
    return next(filter(None, (urls.join(url, reference) for reference in references)), None)


def _of_pairs(pairs: Iterable[tuple[str, object]], url: str) -> Links:
    """Return the links among pairs of relation types and target."""
    by_rel: dict[str, list[object]] = {}
    for rels, target in pairs:
        for rel in rels.lower().split():
            by_rel.setdefault(rel, []).append(target)
    return first_web_address(by_rel.get("hub", ()), url), first_web_address(by_rel.get("self", ()), url)
