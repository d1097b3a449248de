"""Map each kind of source to its parser; a new kind is one module and one line here."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import partial
from importlib import import_module
from typing import Protocol

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


def _import_and_parse(
    module: str,
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> ParsedDocument:
    """Import a parser for its first document, because all parsers together take 30 ms."""
    parser: Parser = import_module(f"aggregator.formats.{module}").read
    return parser(body, url, headers, source, seen)


PARSERS: dict[str, Parser] = {
    "feed": partial(_import_and_parse, "feed"),
    "jsonfeed": partial(_import_and_parse, "jsonfeed"),
    "page": partial(_import_and_parse, "page"),
    "ical": partial(_import_and_parse, "ical"),
    "wordpress": partial(_import_and_parse, "wordpress"),
    "zenodo": partial(_import_and_parse, "zenodo"),
}
