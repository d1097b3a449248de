"""Render a channel as RSS 2.0."""

from __future__ import annotations

import re
from functools import partial
from html import escape
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem
from lxml import etree

from aggregator import __version__
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import atom, corrections, fragments, paths
from aggregator.publishing.fragments import fragment

TTL_MINUTES = 60
"""Minutes between two requests of a reader; few partners publish more than once an hour."""

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "http://purl.org/dc/elements/1.1/"


def render(publication: Publication) -> PublishedDocument:
    """Render `rss.xml` of a channel."""
    site, channel = publication.site, publication.channel
    path = paths.path(channel, "rss.xml")
    feed = FeedGenerator()
    feed.register_extension("repair", _FeedRepair, atom=False, rss=True)
    feed.repair.hub = publication.hub
    feed.title(channel.title)
    feed.link(href=site.url + path, rel="self", type="application/rss+xml")
    feed.link(href=paths.url(site, channel, "index.html"), rel="alternate")
    feed.description(f"{channel.title}: news of the partners of {site.title}")
    feed.language(site.language)
    feed.lastBuildDate(publication.updated)
    feed.generator(f"aggregator {__version__}")
    feed.ttl(TTL_MINUTES)
    items = [
        fragment(publication.fragments, "rss", story, channel, partial(_rendered, publication=publication))
        for story in publication.stories
    ]
    head = atom.with_stylesheet(_numeric(bytes(feed.rss_str(pretty=True))), path)
    body = b"".join([head.removesuffix(_END), *items, _END])
    return PublishedDocument(path=path, media_type=paths.RSS_TYPE, body=body)


_BEGIN, _END = b"  <channel>\n", b"  </channel>\n</rss>\n"
_NAMESPACES = {"dc": DC, "atom": ATOM[1:-1], "content": "http://purl.org/rss/1.0/modules/content/"}


_ID_OF_STORY = re.compile(rb'(?s:.*?)<guid isPermaLink="false">tag:[^<]*:story/([^<]+)</guid>')


def split(body: bytes) -> dict[str, bytes]:
    """Return the rendered items of a document by story."""
    return fragments.split(body, b"    <item>", _END, _ID_OF_STORY)


def _numeric(body: bytes) -> bytes:
    """Replace named references by numeric ones, because some readers unescape twice.

    The profile of the RSS Advisory Board recommends it.
    """
    return body.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


def _rendered(story: Story, publication: Publication) -> bytes:
    """Render an item as it stands in a feed, indented, with its line end."""
    item = FeedEntry()
    item.register_extension("repair", _ItemRepair, atom=False, rss=True)
    _item(item, story, publication)
    feed = etree.Element("rss", nsmap=_NAMESPACES)
    etree.SubElement(feed, "channel").append(item.rss_entry())
    text: bytes = etree.tostring(feed, pretty_print=True, encoding="UTF-8")
    return _numeric(text.partition(_BEGIN)[2].removesuffix(_END))


def _item(item: Any, story: Story, publication: Publication) -> None:
    site, lead, publisher = publication.site, story.lead, story.publisher
    item.title(lead.title)
    item.link(href=paths.alternate(site, publication.channel, story))
    item.guid(paths.story_tag(site, story.id), permalink=False)
    # Readers interpret a description as HTML; escaped text keeps "a < b".
    item.description(escape(corrections.summary(story, site), quote=False))
    if text := atom.full_text(story, site):
        item.content(text)
    item.published(story.published)
    for topic in story.topics:
        item.category(term=topic, scheme=f"{site.url}#topic")
    item.category(term=story.kind.value, scheme=f"{site.url}#kind")
    for category in lead.categories:
        item.category(term=category)
    for enclosure in lead.enclosures[:1]:  # RSS permits one enclosure; 0 is an unknown length
        attributes = atom.file_attributes(enclosure)
        media_type = attributes.get("type", "application/octet-stream")
        item.enclosure(paths.href(enclosure.url), attributes.get("length", "0"), media_type)
    item.source(paths.href(publisher.url), publisher.name)
    item.repair.story = story
    item.repair.feed_language = site.language


class _FeedRepair(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    hub: str | None

    def extend_ns(self) -> dict[str, str]:
        return {"dc": DC}

    def extend_rss(self, rss: Any) -> Any:
        if self.hub:
            xml_elem(f"{ATOM}link", rss[0], rel="hub", href=self.hub)
        return rss


class _ItemRepair(BaseEntryExtension):  # type: ignore[misc]
    """Add authors without e-mail address, language, rights, update time and related links."""

    story: Story
    feed_language: str

    def extend_rss(self, item: Any) -> Any:
        story, lead = self.story, self.story.lead
        for name in lead.authors or (story.publisher.name,):
            xml_elem(f"{{{DC}}}creator", item).text = name
        if lead.language and lead.language != self.feed_language:
            xml_elem(f"{{{DC}}}language", item).text = lead.language
        if rights := story.publisher.licence or lead.rights:
            xml_elem(f"{{{DC}}}rights", item).text = rights
        xml_elem(f"{ATOM}updated", item).text = story.updated.isoformat()
        for enclosure in lead.enclosures[1:]:
            xml_elem(
                f"{ATOM}link",
                item,
                rel="enclosure",
                href=paths.href(enclosure.url),
                **atom.file_attributes(enclosure),
            )
        for href, title in atom.related(story):
            xml_elem(f"{ATOM}link", item, rel="related", href=href, title=title)
        return item
