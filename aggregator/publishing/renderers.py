"""List the renderers of channels, and limit the size of feeds.

A new format is one module and one line here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aggregator.model.config import Channel
from aggregator.model.publishing import Publication, PublishedDocument, Split
from aggregator.publishing import atom, jsonfeed, paths, rss, site

FEEDS: dict[str, Callable[[Publication], PublishedDocument]] = {
    "atom": atom.render,
    "rss": rss.render,
    "json": jsonfeed.render,
}
"""Feeds, which contain only stories that T4 admits to feeds."""

SPLITTERS: dict[str, tuple[str, Split]] = {
    "atom": ("atom.xml", atom.split),
    "rss": ("rss.xml", rss.split),
    "json": ("feed.json", jsonfeed.split),
    "page": ("index.html", site.split),
}
"""The file of each feed and page, and what returns its entries by story."""

PAGES: dict[str, Callable[[Publication], PublishedDocument]] = {"page": site.render}
"""Pages, which show all stories of the channel."""

MAX_BYTES = 512 * 1024
"""Maximum size of a feed (PB14)."""


def feeds(publication: Publication) -> list[PublishedDocument]:
    """Render a channel in all feed formats, with the newest stories that fit in each."""
    documents = _feeds(publication)
    if _largest(documents) <= MAX_BYTES:
        return documents
    # The size grows with every story, so bisection finds the largest number that fits.
    fits = bisect_right(
        range(1, len(publication.stories)),
        MAX_BYTES,
        key=lambda count: _largest(_feeds(_first(publication, count))),
    )
    return _feeds(_first(publication, fits))


def written_files(public: Path, channel: Channel) -> dict[str, tuple[Path, Split]]:
    """Return the file of each format of a channel, and what splits it."""
    return {
        format_: (public / paths.path(channel, name), split) for format_, (name, split) in SPLITTERS.items()
    }


def _first(publication: Publication, count: int) -> Publication:
    return replace(publication, stories=publication.stories[:count])


def _feeds(publication: Publication) -> list[PublishedDocument]:
    return [render(publication) for render in FEEDS.values()]


def _largest(documents: list[PublishedDocument]) -> int:
    return max(len(document.body) for document in documents)


def calendars(publication: Publication) -> list[PublishedDocument]:
    """Render the calendars of a channel, and the page of events beside those of `all`."""
    if publication.events is None:
        return []
    from aggregator.publishing import calendar, events_page  # only for what changed

    pages = events_page.render(publication) if publication.channel.id == "all" else []
    return [*calendar.render(publication), *pages]


def calendar_paths(channel: Channel) -> list[str]:
    """Return the paths of the calendars of a channel, for `all` also of the page of events."""
    path = paths.path(channel, paths.CALENDAR)
    return [path, paths.DEADLINES, paths.EVENTS] if channel.id == "all" else [path]
