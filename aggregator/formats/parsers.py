"""Map each kind of source to its parser; a new kind is one module and one line here."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Protocol

from aggregator.formats import feed, ical, jsonfeed, page, wordpress, zenodo
from aggregator.model.config import Source
from aggregator.model.documents import ParsedDocument


class Parser(Protocol):
    """Parse a body of one kind; raises UnreadableDocument.

    `url` is the final URL, `headers` have names in lower case. Entries whose hash is in `seen` may be skipped.
    """

    def __call__(
        self, body: bytes, url: str, headers: Mapping[str, str], source: Source, seen: Container[bytes] = ()
    ) -> ParsedDocument:
        """Return the parsed document."""
        ...


PARSERS: dict[str, Parser] = {
    "feed": feed.read,
    "jsonfeed": jsonfeed.read,
    "page": page.read,
    "ical": ical.read,
    "wordpress": wordpress.read,
    "zenodo": zenodo.read,
}
