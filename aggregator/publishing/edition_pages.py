"""Editions as permanent pages, their list, and their feed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator

from aggregator import __version__, i18n
from aggregator.model.config import Site
from aggregator.model.digests import Edition, EditionEntry, EditionSummary
from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import paths
from aggregator.publishing.atom import XML_LANG, distinct_updated, styled
from aggregator.publishing.renderers import MAX_BYTES
from aggregator.publishing.site import environment

INDEX = paths.EDITIONS + "index.html"
NEWEST = 30
"""So many editions are in the feed."""
TITLES = 60
"""So many titles of an edition are in the feed; its page has all."""


def page(edition: Edition, site: Site) -> PublishedDocument:
    """The whole edition: as it was sent, but for what was hidden since."""
    sections = [
        (i18n.heading(name, edition.language), list(told))
        for name, told in groupby(edition.entries, key=lambda told: told.section)
    ]
    return _document(
        edition.path,
        "edition.html.j2",
        site=site,
        words=i18n.words(edition.language),
        edition=edition,
        sections=sections,
        summary=i18n.summary(edition.entries, edition.language),
        feed=site.url + paths.EDITION_FEED,
        day=lambda told: i18n.day(told.day, edition.language),
        turn=lambda told: i18n.update_note(told, edition.language),
    )


def index(lines: Sequence[EditionSummary], site: Site) -> PublishedDocument:
    """Every edition, the newest first."""
    years = [
        (year, list(some))
        for year, some in groupby(lines, key=lambda line: line.composed.astimezone(site.timezone).year)
    ]
    return _document(
        INDEX,
        "editions.html.j2",
        site=site,
        words=i18n.words(site.language),
        language=i18n.known(site.language),
        years=years,
        feed=site.url + paths.EDITION_FEED,
        count=lambda line: i18n.count(line.stories, site.language),
    )


def feed(editions: Sequence[Edition], site: Site, hub: str | None = None) -> PublishedDocument:
    """`digests/atom.xml`: as many of the newest editions as fit (PB14)."""
    body = _feed(editions, site, hub)
    if len(body) > MAX_BYTES:
        fits = bisect_right(
            range(1, len(editions)), MAX_BYTES, key=lambda count: len(_feed(editions[:count], site, hub))
        )
        body = _feed(editions[:fits], site, hub)
    return PublishedDocument(path=paths.EDITION_FEED, media_type=paths.ATOM_TYPE, body=body)


def _feed(editions: Sequence[Edition], site: Site, hub: str | None) -> bytes:
    generator = FeedGenerator()
    generator.register_extension("edition", _Feed, _Entry, atom=True, rss=False)
    generator.id(f"tag:{site.authority}:editions")
    generator.title(f"{site.title}: {i18n.words(site.language)['editions']}")
    generator.updated(max(edition.composed for edition in editions))
    generator.link(href=site.url + paths.EDITION_FEED, rel="self", type="application/atom+xml")
    generator.link(href=site.url + paths.EDITIONS, rel="alternate", type="text/html")
    if hub:
        generator.link(href=hub, rel="hub")
    generator.author(name=site.title, uri=site.url)
    generator.generator("aggregator", version=__version__)
    generator.language(site.language)
    for edition in editions:
        entry = generator.add_entry(order="append")
        entry.id(f"tag:{site.authority}:edition/{edition.id}")
        entry.title(edition.subject)
        entry.author(name=site.title, uri=site.url)
        entry.updated(distinct_updated(edition.composed, edition.id))  # one run composes several
        entry.published(edition.composed)
        entry.category(term=edition.digest_id, label=edition.title)
        entry.link(href=site.url + edition.path, rel="alternate", type="text/html")
        entry.summary(i18n.summary(edition.entries, edition.language))
        entry.content(_titles(edition, site.url + edition.path), type="html")
        entry.edition.language = edition.language if edition.language != site.language else None
    return styled(bytes(generator.atom_str(pretty=True)), paths.EDITION_FEED)


class _Feed(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Nothing to add to the feed itself."""


class _Entry(BaseEntryExtension):  # type: ignore[misc]
    """The link to an edition in full, and its language where it is not the site's."""

    language: str | None = None

    def extend_atom(self, entry: Any) -> Any:
        for link in entry.findall("link"):  # feedgen leaves out what it takes for the default
            link.set("rel", "alternate")
            link.set("type", "text/html")
        if self.language:
            entry.set(XML_LANG, self.language)
        return entry


def _titles(edition: Edition, page_url: str) -> str:
    """The titles of an edition with their links, section by section."""
    parts = []
    for name, section in groupby(edition.entries[:TITLES], key=lambda told: told.section):
        parts.append(f"<h3>{escape(i18n.heading(name, edition.language))}</h3><ul>")
        parts += [f"<li>{_title(told, edition)}</li>" for told in section]
        parts.append("</ul>")
    link = f'<a href="{escape(page_url)}">{escape(page_url)}</a>'
    if (more := len(edition.entries) - TITLES) > 0:
        parts.append(f"<p>{i18n.words(edition.language)['more'].format(n=more)} {link}</p>")
    return "".join(parts)


def _title(told: EditionEntry, edition: Edition) -> str:
    if told.hidden:
        return escape(i18n.words(edition.language)["hidden"])
    title = escape(told.title)
    title = f'<a href="{escape(told.link)}">{title}</a>' if told.link else title
    return f"{title} ({escape(told.publisher)})"


def _document(path: str, template: str, **values: object) -> PublishedDocument:
    body = environment().get_template(template).render(**values)
    return PublishedDocument(path=path, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))
