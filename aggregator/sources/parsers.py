"""The table of parsers: a new kind of source is one file, one line here, and one folder of test documents."""

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
