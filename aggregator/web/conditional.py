"""What a request's header fields ask for: packed or not, to be read by whom, and is it known already? Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
FEED_TYPES = ("application/atom+xml", "application/rss+xml")


def wants_gzip(accept_encoding: str | None) -> bool:
    """Whether gzip is wanted at least as much as the plain bytes (RFC 9110 12.5.3).

    Nobody is refused: who takes neither gets the plain bytes (RFC 9110 12.4.1 allows it). A weight that is none
    counts as 0.
    """
    if not accept_encoding:
        return False
    weights: dict[str, float] = {}
    for choice in accept_encoding.lower().split(","):
        coding, _, weight = (part.strip() for part in choice.partition(";"))
        weights.setdefault("gzip" if coding == "x-gzip" else coding, _weighed(weight))
    gzip = weights.get("gzip", weights.get("*", 0.0))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weighed(weight: str) -> float:
    if not weight:
        return 1.0
    stated = WEIGHT.fullmatch(weight)
    return float(stated[1]) if stated else 0.0


def wants_to_be_shown(accept: str | None) -> bool:
    """Whether a feed is asked for by a browser's address bar: by who names HTML and no feed.

    Browsers show `application/atom+xml` as text and `application/xml` with its style sheet (PB15). Programs that read
    feeds name these types, or take anything.
    """
    named = (accept or "").lower()
    return "text/html" in named and not any(kind in named for kind in FEED_TYPES)


def is_known(
    if_none_match: str | None, if_modified_since: str | None, etag: str | None, last_modified: str
) -> bool:
    """Whether 304 is the answer to GET or HEAD; `If-None-Match` wins, even if it is rubbish (RFC 9110 13.2.2).

    `etag` is strong, in its quotes, and of the very bytes that would be sent; None if they have none. Tags are
    compared weakly (13.1.2).
    """
    if if_none_match is not None:
        return if_none_match.strip() == "*" or etag in TAG.findall(if_none_match)
    if if_modified_since is None:
        return False
    if if_modified_since == last_modified:
        return True
    since, modified = http_date(if_modified_since), http_date(last_modified)
    return since is not None and modified is not None and modified <= since


def http_date(text: str) -> datetime | None:
    """Any of the three forms of RFC 9110 5.6.7."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
