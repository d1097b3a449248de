"""Render a channel as an Atom feed (RFC 4287).

feedgen 1.0.0 supports only title and link of `source` and gives entries no language. An extension adds what is
missing: it runs last in each entry, so that `source` becomes the last element (PB3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from functools import partial
from html import escape
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem
from lxml import etree

from aggregator import __version__, urls
from aggregator.model.config import Channel, Site
from aggregator.model.documents import Enclosure
from aggregator.model.publishing import Fragments, Publication, PublishedDocument, Tombstone, UnchangedStory
from aggregator.model.stories import Publisher, Story
from aggregator.model.value_classes import dataclass
from aggregator.publishing import corrections, fragments, paths
from aggregator.publishing.fragments import fragment

MAX_FULL_TEXT_CHARACTERS = 64 * 1024
"""Maximum HTML of a story in a feed; a longer story is published by its excerpt and link."""
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"  # RFC 6721
HISTORY = "http://purl.org/syndication/history/1.0"  # RFC 5005


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """What an Atom document of a channel is rendered from.

    `links` are pairs of relation and URL besides `self` and `alternate`. `archived` marks an archive document
    (RFC 5005 section 4). `id` and `alternate` replace those of the channel.
    """

    site: Site
    channel: Channel
    path: str
    updated: datetime
    stories: tuple[Story | UnchangedStory, ...]
    tombstones: tuple[Tombstone, ...]
    links: tuple[tuple[str, str], ...] = ()
    archived: bool = False
    fragments: Fragments = field(default_factory=dict)
    id: str | None = None
    alternate: str | None = None


def render(publication: Publication) -> PublishedDocument:
    """Render `atom.xml` of a channel."""
    site, channel = publication.site, publication.channel
    links = [("hub", publication.hub)] if publication.hub else []
    if publication.previous:
        links.append(("prev-archive", site.url + paths.archive_path(publication.previous)))
    return document(
        FeedDocument(
            site=site,
            channel=channel,
            path=paths.path(channel, "atom.xml"),
            updated=publication.updated,
            stories=publication.stories,
            tombstones=publication.tombstones,
            links=tuple(links),
            fragments=publication.fragments,
        )
    )


def document(content: FeedDocument) -> PublishedDocument:
    """Render an Atom document from its content."""
    site, channel = content.site, content.channel
    feed = FeedGenerator()
    feed.register_extension("repair", _FeedRepair, atom=True, rss=False)
    feed.repair.content = content
    feed.id(content.id or paths.channel_tag(site, channel))
    feed.title(channel.title)
    feed.updated(end_of_second(content.updated))
    feed.link(href=site.url + content.path, rel="self", type="application/atom+xml")
    page = content.alternate or paths.url(site, channel, "index.html")
    feed.link(href=page, rel="alternate", type="text/html")
    for rel, href in content.links:
        feed.link(href=href, rel=rel)
    feed.author(name=site.title, uri=site.url)
    feed.generator("aggregator", version=__version__)
    feed.language(site.language)
    head = with_stylesheet(bytes(feed.atom_str(pretty=True)), content.path)
    body = b"".join([head.removesuffix(END), *entries(content), END])
    return PublishedDocument(path=content.path, media_type=paths.ATOM_TYPE, body=body)


def with_stylesheet(body: bytes, path: str) -> bytes:
    """Insert the stylesheet instruction that makes a feed readable in a browser (PB15)."""
    declaration, _, rest = body.partition(b"\n")
    href = f"{'../' * path.count('/')}feed.css"
    return declaration + f'\n<?xml-stylesheet type="text/css" href="{href}"?>\n'.encode() + rest


def full_text(story: Story, site: Site) -> str | None:
    """Return the HTML of a story if its source permits to republish it, else None (P3)."""
    if not story.publisher.full_text or not 0 < len(story.lead.html) <= MAX_FULL_TEXT_CHARACTERS:
        return None
    note = corrections.correction_note(story, site)
    return f"<p><em>{escape(note)}</em></p>\n{story.lead.html}" if note else story.lead.html


_BEGIN, ENTRY, END = b"<feed>\n", b"  <entry", b"</feed>\n"
"""The first bytes of a feed of one entry, those of an entry, and the last ones of a feed."""


def entries(content: FeedDocument) -> list[bytes]:
    """Render the entries of the stories as they stand in the document."""
    return [
        fragment(content.fragments, "atom", story, content.channel, partial(_rendered, content=content))
        for story in content.stories
    ]


_ID_OF_STORY = re.compile(rb"[^<>]*>\s*<id>tag:[^<]*:story/([^<]+)</id>")


def split(body: bytes) -> dict[str, bytes]:
    """Return the rendered entries of a document by story."""
    return fragments.split(body, ENTRY, END, _ID_OF_STORY)


def _rendered(story: Story, content: FeedDocument) -> bytes:
    """Render an entry as it stands in a feed, indented, with its line end."""
    entry = FeedEntry()
    entry.register_extension("repair", _EntryRepair, atom=True, rss=False)
    _entry(entry, story, content)
    feed = etree.Element("feed")
    feed.append(entry.atom_entry())
    text: bytes = etree.tostring(feed, pretty_print=True, encoding="UTF-8")
    return text.removeprefix(_BEGIN).removesuffix(END)


def _entry(entry: Any, story: Story, content: FeedDocument) -> None:
    site, lead, publisher = content.site, story.lead, story.publisher
    entry.id(paths.story_tag(site, story.id))
    entry.title(lead.title)
    entry.updated(distinct_updated(story.updated, story.id))
    entry.published(story.published)
    for name in lead.authors or (publisher.name,):
        entry.author(name=name)
    for topic in story.topics:
        entry.category(term=topic, scheme=f"{site.url}#topic")
    entry.category(term=story.kind.value, scheme=f"{site.url}#kind")
    for category in lead.categories:
        entry.category(term=category)
    if text := full_text(story, site):
        entry.content(text, type="html")
    entry.summary(corrections.summary(story, site))
    if rights := publisher.licence or lead.rights:
        entry.rights(rights)
    # An entry without content must have an alternate link (RFC 4287 section 4.1.2).
    entry.link(href=paths.alternate(site, content.channel, story), rel="alternate")
    entry.repair.story = story
    entry.repair.content = content


def distinct_updated(updated: datetime, id_: str) -> datetime:
    """Replace the microseconds of `updated` by a number derived from the id.

    Many partners state only a day, and the W3C validator warns of entries with equal times (DuplicateUpdated).
    """
    hashed = hashlib.sha256(id_.encode()).digest()
    return updated.replace(microsecond=int.from_bytes(hashed[:4]) % 1_000_000)


def end_of_second(updated: datetime) -> datetime:
    """Return the `updated` of a feed, which no entry of that second exceeds.

    Entries have a fraction of their own, and readers expect a feed to be as new as its newest entry
    (RFC 4287 section 4.2.15).
    """
    return updated.replace(microsecond=999_999)


class _FeedRepair(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Add `fh:archive` and tombstones to a feed, before its entries (RFC 5005, RFC 6721)."""

    content: FeedDocument

    def extend_ns(self) -> dict[str, str]:
        prefixes = {"fh": HISTORY} if self.content.archived else {}
        return prefixes | ({"at": TOMBSTONES} if self.content.tombstones else {})

    def extend_atom(self, feed: Any) -> Any:
        if self.content.archived:
            xml_elem(f"{{{HISTORY}}}archive", feed)
        for tombstone in self.content.tombstones:
            _deleted_entry(feed, tombstone, self.content.site)
        return feed


def _deleted_entry(parent: Any, tombstone: Tombstone, site: Site) -> None:
    """Add an `at:deleted-entry` for a removed or merged story (RFC 6721 section 3)."""
    deleted = xml_elem(
        f"{{{TOMBSTONES}}}deleted-entry",
        parent,
        ref=paths.story_tag(site, tombstone.story_id),
        when=tombstone.at.isoformat(),
    )
    if tombstone.merged_into:
        comment = f"Published as {paths.story_tag(site, tombstone.merged_into)} now."
        _text(deleted, f"{{{TOMBSTONES}}}comment", comment)


class _EntryRepair(BaseEntryExtension):  # type: ignore[misc]
    """Add language, all links with attributes, and a complete `source` as the last element."""

    story: Story
    content: FeedDocument

    def extend_atom(self, entry: Any) -> Any:
        story, site = self.story, self.content.site
        lead = story.lead
        if lead.language and lead.language != site.language:
            entry.set(XML_LANG, lead.language)
        for name in ("title", "summary", "rights"):
            _escape_markup(entry.find(name))
        for link in entry.findall("link"):
            entry.remove(link)
        attributes = {"hreflang": lead.language} if lead.language else {}
        href = paths.alternate(site, self.content.channel, story)
        xml_elem("link", entry, rel="alternate", type="text/html", href=href, **attributes)
        for enclosure in lead.enclosures:
            xml_elem(
                "link", entry, rel="enclosure", href=paths.href(enclosure.url), **file_attributes(enclosure)
            )
        for href, title in related(story):
            xml_elem("link", entry, rel="related", href=href, title=title)
        _source(entry, story)
        return entry


_MARKUP = re.compile(r"</[a-zA-Z]|&(#|[a-zA-Z][a-zA-Z0-9_]*)")


def _escape_markup(element: Any) -> None:
    """Declare text that looks like markup as escaped HTML (W3C ContainsUndeclaredHTML)."""
    if element is not None and element.get("type") is None and _MARKUP.search(element.text or ""):
        element.set("type", "html")
        element.text = escape(element.text, quote=False)


_MEDIA_TYPE = re.compile(r"[^\s()<>,;:\\\"/\[\]?=]+/[^\s()<>,;:\\\"/\[\]?=]+( *;.*)?")


def file_attributes(enclosure: Enclosure) -> dict[str, str]:
    """Return `type` and `length` of an enclosure as far as its source states them validly."""
    attributes = {}
    if enclosure.type and _MEDIA_TYPE.fullmatch(enclosure.type):
        attributes["type"] = enclosure.type
    if enclosure.length is not None:
        attributes["length"] = str(enclosure.length)
    return attributes


def related(story: Story) -> Iterable[tuple[str, str]]:
    """Return URL and title of a story at each of its other publishers (PB3)."""
    return [
        (paths.further_source(also), f"Also published by {also.publisher.name}")
        for also in story.further_items
    ]


def _source(entry: Any, story: Story) -> None:
    publisher, lead = story.publisher, story.lead
    source = xml_elem("source", entry)
    _text(source, "id", _feed_id(publisher))
    _text(source, "title", publisher.name)
    _text(source, "updated", (lead.source_updated or lead.first_seen).isoformat())
    if publisher.kind != "page":
        xml_elem("link", source, rel="self", href=paths.href(publisher.url))
    xml_elem("link", source, rel="alternate", href=paths.href(publisher.site_link or publisher.url))
    if rights := publisher.rights or publisher.licence:
        _text(source, "rights", rights)


_ID = re.compile(
    r"tag:([a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[\w.~!$&'()*+,;=:@/?%-]*"
    r"|(?i:urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?i:urn:(?!uuid:)[a-z0-9][a-z0-9-]{1,31}:[\w.!$'()*+,;=:@%-]+)",
    re.ASCII,
)
# An http URL in the normalised form of RFC 4287 section 4.2.6.1.
_URL = re.compile(r"https://.+|http://(?![^/]*:80/)[^/A-Z]+/.*")


def _feed_id(publisher: Publisher) -> str:
    """Return a feed's own id if it is valid by RFC 4151, 8141 or 3986, else the URL of the feed."""
    stated = publisher.feed_id or ""
    valid = _ID.fullmatch(stated) or (
        _URL.fullmatch(stated) and paths.href(urls.web_link(stated) or "") == stated
    )
    return stated if valid else paths.href(publisher.url)


def _text(parent: Any, name: str, text: str | None) -> None:
    xml_elem(name, parent).text = text
