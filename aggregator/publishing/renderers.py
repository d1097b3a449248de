"""The table of renderers: a new format is one file and one line here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.publishing import atom, jsonfeed, rss, site

FEEDS: dict[str, Callable[[Publication], PublishedDocument]] = {
    "atom": atom.render,
    "rss": rss.render,
    "json": jsonfeed.render,
}
"""What subscribers poll: carries only what is fed (T4)."""

PAGES: dict[str, Callable[[Publication], PublishedDocument]] = {"page": site.render}
"""What people open: shows the rest as well."""

MAX_BYTES = 512 * 1024  # PB14


def feeds(publication: Publication) -> list[PublishedDocument]:
    """A channel in every format, each with the same stories: as many of the newest as fit in all of them."""
    documents = _feeds(publication)
    if _largest(documents) <= MAX_BYTES:
        return documents
    # The size grows with every story, so the largest number that fits can be bisected for.
    fits = bisect_right(
        range(1, len(publication.stories)),
        MAX_BYTES,
        key=lambda count: _largest(_feeds(_first(publication, count))),
    )
    return _feeds(_first(publication, fits))


def _first(publication: Publication, count: int) -> Publication:
    return replace(publication, stories=publication.stories[:count])


def _feeds(publication: Publication) -> list[PublishedDocument]:
    return [render(publication) for render in FEEDS.values()]


def _largest(documents: list[PublishedDocument]) -> int:
    return max(len(document.body) for document in documents)
