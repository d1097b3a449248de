"""Pure room: the bytes of a document -> its entries, one adapter per kind of source."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aggregator.model import Reading, Source
from aggregator.sources import feed, jsonfeed, page

Parser = Callable[[bytes, str, Mapping[str, str], Source], Reading]
"""(body, final URL, headers in lower case, source) -> Reading; raises UnreadableDocument."""

PARSERS: dict[str, Parser] = {
    "feed": feed.read,
    "jsonfeed": jsonfeed.read,
    "page": page.read,
}

VERSION = "1"
"""Raised when any parser reads the same bytes differently: kept bodies are then read again (V4)."""
