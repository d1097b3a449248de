"""Evaluate preconditions and content negotiation (RFC 9110 sections 12.5 and 13)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aggregator import http_dates

QVALUE = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
ETAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
MARKED_ETAG = re.compile(f"(W/)?({ETAG.pattern})")
FEED_TYPES = ("application/atom+xml", "application/rss+xml")


def prefers_gzip(accept_encoding: str | None) -> bool:
    """Return whether gzip is acceptable and weighs at least as much as identity.

    A client that accepts neither gets identity instead of 406, as RFC 9110 section 12.4.1 permits. An invalid weight
    counts as 0 (section 12.5.3).
    """
    if not accept_encoding:
        return False
    weights: dict[str, float] = {}
    for coding, weight in weighted(accept_encoding):
        weights.setdefault("gzip" if coding == "x-gzip" else coding, weight)
    gzip = weights.get("gzip", weights.get("*", 0.0))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def weighted(field: str) -> Iterator[tuple[str, float]]:
    """Yield the choices of a field with their weights, in lower case (section 12.4.2)."""
    for choice in field.lower().split(","):
        name, _, weight = (part.strip() for part in choice.partition(";"))
        yield name, _quality(weight)


def _quality(weight: str) -> float:
    if not weight:
        return 1.0
    valid = QVALUE.fullmatch(weight)
    return float(valid[1]) if valid else 0.0


def prefers_page(accept: str | None) -> bool:
    """Return whether `Accept` names HTML and no feed type, as a browser's address bar does.

    Browsers show `application/atom+xml` as text, but `application/xml` with its stylesheet (PB15). Feed readers name
    feed types or accept anything.
    """
    accepted = (accept or "").lower()
    return "text/html" in accepted and not any(media_type in accepted for media_type in FEED_TYPES)


def is_refused(
    if_match: str | None, if_unmodified_since: str | None, etag: str | None, last_modified: str
) -> bool:
    """Return whether the document is not the one that the client wants: 412 (section 13.2.2).

    `If-Match` takes precedence over `If-Unmodified-Since`. A weak tag never matches (section 13.1.1).
    """
    if if_match is not None:
        return if_match.strip() != "*" and ("", etag) not in MARKED_ETAG.findall(if_match)
    if if_unmodified_since is None:
        return False
    since, modified = http_dates.parse(if_unmodified_since), http_dates.parse(last_modified)
    return since is not None and modified is not None and modified > since


def is_not_modified(
    if_none_match: str | None, if_modified_since: str | None, etag: str | None, last_modified: str
) -> bool:
    """Return whether the response to GET or HEAD is 304 (RFC 9110 section 13.2.2).

    `If-None-Match` takes precedence over `If-Modified-Since`, even if it is malformed. `etag` is the strong validator
    of the selected representation, with its quotes, or None. Tags are compared weakly (section 13.1.2).
    """
    if if_none_match is not None:
        return if_none_match.strip() == "*" or etag in ETAG.findall(if_none_match)
    if if_modified_since is None:
        return False
    if if_modified_since == last_modified:
        return True
    since, modified = http_dates.parse(if_modified_since), http_dates.parse(last_modified)
    return since is not None and modified is not None and modified <= since
