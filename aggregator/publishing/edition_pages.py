"""Render editions as permanent pages, the list of editions, and their feed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator

from aggregator import __version__
from aggregator.i18n import edition_texts, formatting, phrases
from aggregator.model.config import Site
from aggregator.model.digests import Edition, EditionEntry, EditionSummary
from aggregator.model.publishing import PublishedDocument
from aggregator.publishing import page_template, paths
from aggregator.publishing.atom import XML_LANG, distinct_updated, end_of_second, with_stylesheet
from aggregator.publishing.page_template import environment
from aggregator.publishing.renderers import MAX_BYTES

INDEX = paths.EDITIONS + "index.html"
MAX_EDITIONS = 30
"""Maximum editions in the feed."""
MAX_TITLES = 60
"""Maximum titles of an edition in the feed; its page has all of them."""


def page(edition: Edition, site: Site, web_url: str | None = None) -> PublishedDocument:
    """Render an edition as it was sent, without stories that were hidden since."""
    sections = [
        (edition_texts.heading(name, edition.language), list(entries))
        for name, entries in groupby(edition.entries, key=lambda entry: entry.section)
    ]
    return _document(
        edition.path,
        "edition.html.j2",
        site,
        edition.language,
        web_url,
        edition=edition,
        sections=sections,
        summary=edition_texts.summary(edition.entries, edition.language),
        feed=site.url + paths.EDITION_FEED,
        day=lambda entry: formatting.day(entry.day, edition.language),
        update_note=lambda entry: edition_texts.update_note(entry, edition.language),
        when=lambda entry: edition_texts.entry_event_line(entry, edition.language, site.timezone),
    )


def index(summaries: Sequence[EditionSummary], site: Site, web_url: str | None = None) -> PublishedDocument:
    """Render the list of all editions, newest first."""
    years = [
        (year, list(group))
        for year, group in groupby(
            summaries, key=lambda summary: summary.composed.astimezone(site.timezone).year
        )
    ]
    return _document(
        INDEX,
        "editions.html.j2",
        site,
        site.language,
        web_url,
        years=years,
        feed=site.url + paths.EDITION_FEED,
        count=lambda summary: formatting.plural("n_stories", summary.stories, site.language),
    )


def feed(editions: Sequence[Edition], site: Site, hub: str | None = None) -> PublishedDocument:
    """Render `digests/atom.xml` with the newest editions that fit (PB14)."""
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
    generator.title(f"{site.title}: {phrases.digests(site.language)['editions_title']}")
    generator.updated(end_of_second(max(edition.composed for edition in editions)))
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
        entry.summary(edition_texts.summary(edition.entries, edition.language))
        entry.content(_titles(edition, site.url + edition.path), type="html")
        entry.edition.language = edition.language if edition.language != site.language else None
    return with_stylesheet(bytes(generator.atom_str(pretty=True)), paths.EDITION_FEED)


class _Feed(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Add nothing to the feed; feedgen requires an extension of the feed for one of entries."""


class _Entry(BaseEntryExtension):  # type: ignore[misc]
    """Complete the link to an edition, and add its language where it is not the site's."""

    language: str | None = None

    def extend_atom(self, entry: Any) -> Any:
        for link in entry.findall("link"):  # feedgen omits what it considers the default
            link.set("rel", "alternate")
            link.set("type", "text/html")
        if self.language:
            entry.set(XML_LANG, self.language)
        return entry


def _titles(edition: Edition, page_url: str) -> str:
    """Return the linked titles of an edition as HTML, section by section."""
    parts = []
    for name, section in groupby(edition.entries[:MAX_TITLES], key=lambda entry: entry.section):
        parts.append(f"<h3>{escape(edition_texts.heading(name, edition.language))}</h3><ul>")
        parts += [f"<li>{_title(entry, edition)}</li>" for entry in section]
        parts.append("</ul>")
    link = f'<a href="{escape(page_url)}">{escape(page_url)}</a>'
    if (more := len(edition.entries) - MAX_TITLES) > 0:
        parts.append(f"<p>{phrases.digests(edition.language)['more'].format(n=more)} {link}</p>")
    return "".join(parts)


def _title(entry: EditionEntry, edition: Edition) -> str:
    if entry.hidden:
        return escape(phrases.digests(edition.language)["hidden"])
    title = escape(entry.title)
    title = f'<a href="{escape(entry.link)}">{title}</a>' if entry.link else title
    return f"{title} ({escape(entry.publisher)})"


def _document(
    path: str, template: str, site: Site, language: str, web_url: str | None, **values: object
) -> PublishedDocument:
    shared = page_template.context(site, path, language, web_url)
    words = {**phrases.pages(language), **phrases.digests(language)}
    body = environment().get_template(template).render(**shared | {"words": words} | values)
    return PublishedDocument(path=path, media_type=paths.HTML_TYPE, body=body.encode("utf-8"))
