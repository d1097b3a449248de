"""The table of parsers: a new kind of source is one file, one line here, and one folder of test documents."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Protocol

from aggregator.formats import feed, ical, jsonfeed, page, wordpress, zenodo
from aggregator.model.config import Source
from aggregator.model.documents import ParsedDocument


class Parser(Protocol):
    """Reads a body of one kind; raises UnreadableDocument.

    `url` is the final URL, `headers` are in lower case. Entries whose digest is in `seen` may be left out.
    """

    def __call__(
        self, body: bytes, url: str, headers: Mapping[str, str], source: Source, seen: Container[bytes] = ()
    ) -> ParsedDocument:
        """The document's reading."""
        ...


PARSERS: dict[str, Parser] = {
    "feed": feed.read,
    "jsonfeed": jsonfeed.read,
    "page": page.read,
    "ical": ical.read,
    "wordpress": wordpress.read,
    "zenodo": zenodo.read,
}
