"""A channel as an Atom feed (RFC 4287): feedgen lives and dies here and in `rss`, its gaps filled by an extension.

feedgen 1.0.0 knows only title and link of `source`, gives entries no language, and prepends entries; the
extension runs last in each entry and so can put `source` at the very end (PB3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator import __version__, urls
from aggregator.model.config import Channel, Site
from aggregator.model.documents import Enclosure
from aggregator.model.publishing import Publication, PublishedDocument, Tombstone
from aggregator.model.stories import Publisher, Story
from aggregator.publishing import corrections, paths

MAX_TEXT = 64 * 1024  # characters of one story; a longer one is told by its excerpt and link
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"  # RFC 6721
HISTORY = "http://purl.org/syndication/history/1.0"  # RFC 5005


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """One Atom document of a channel: its own address, and its links beside `self` and `alternate`.

    `links` are pairs of relation and address; `archived` says that it is an archive document (RFC 5005).
    """

    site: Site
    channel: Channel
    path: str
    updated: datetime
    stories: tuple[Story, ...]
    tombstones: tuple[Tombstone, ...]
    links: tuple[tuple[str, str], ...] = ()
    archived: bool = False


def render(publication: Publication) -> PublishedDocument:
    """`atom.xml` of a channel."""
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
        )
    )


def document(sheet: FeedDocument) -> PublishedDocument:
    """The document of a sheet."""
    site, channel = sheet.site, sheet.channel
    feed = FeedGenerator()
    feed.register_extension("repair", _FeedRepair, _EntryRepair, atom=True, rss=False)
    feed.repair.sheet = sheet
    feed.id(paths.channel_tag(site, channel))
    feed.title(channel.title)
    feed.updated(sheet.updated)
    feed.link(href=site.url + sheet.path, rel="self", type="application/atom+xml")
    feed.link(href=paths.url(site, channel, "index.html"), rel="alternate", type="text/html")
    for rel, href in sheet.links:
        feed.link(href=href, rel=rel)
    feed.author(name=site.title, uri=site.url)
    feed.generator("aggregator", version=__version__)
    feed.language(site.language)
    for story in sheet.stories:
        _entry(feed.add_entry(order="append"), story, sheet)
    body = styled(bytes(feed.atom_str(pretty=True)), sheet.path)
    return PublishedDocument(path=sheet.path, media_type=paths.ATOM_TYPE, body=body)


def styled(body: bytes, path: str) -> bytes:
    """An XML document with the style sheet that makes it readable in a browser (PB15)."""
    declaration, _, rest = body.partition(b"\n")
    sheet = f"{'../' * path.count('/')}feed.css"
    return declaration + f'\n<?xml-stylesheet type="text/css" href="{sheet}"?>\n'.encode() + rest


def full_text(story: Story, site: Site) -> str | None:
    """A story's own HTML, where its source permits to republish it (P3)."""
    if not story.publisher.full_text or not 0 < len(story.lead.html) <= MAX_TEXT:
        return None
    note = corrections.note(story, site)
    return f"<p><em>{escape(note)}</em></p>\n{story.lead.html}" if note else story.lead.html


def _entry(entry: Any, story: Story, sheet: FeedDocument) -> None:
    site, lead, publisher = sheet.site, story.lead, story.publisher
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
    # An entry without content must have an alternate link (RFC 4287, 4.1.2).
    entry.link(href=paths.alternate(site, sheet.channel, story), rel="alternate")
    entry.repair.story = story
    entry.repair.sheet = sheet


def distinct_updated(updated: datetime, id_: str) -> datetime:
    """`updated` of an entry with a fraction of a second of its own.

    Many partners give a day only, and the W3C validator warns of entries updated in the same moment (DuplicateUpdated).
    """
    mark = hashlib.sha256(id_.encode()).digest()
    return updated.replace(microsecond=int.from_bytes(mark[:4]) % 1_000_000)


class _FeedRepair(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """What archives and tombstones need (PB8, PB9); the grammar of RFC 4287 wants it before the entries."""

    sheet: FeedDocument

    def extend_ns(self) -> dict[str, str]:
        prefixes = {"fh": HISTORY} if self.sheet.archived else {}
        return prefixes | ({"at": TOMBSTONES} if self.sheet.tombstones else {})

    def extend_atom(self, feed: Any) -> Any:
        if self.sheet.archived:
            xml_elem(f"{{{HISTORY}}}archive", feed)
        for tombstone in self.sheet.tombstones:
            deleted_entry(feed, tombstone, self.sheet.site)
        return feed


def deleted_entry(parent: Any, tombstone: Tombstone, site: Site) -> Any:
    """RFC 6721: the story of this id is told no more."""
    deleted = xml_elem(
        f"{{{TOMBSTONES}}}deleted-entry",
        parent,
        ref=paths.story_tag(site, tombstone.story_id),
        when=_written(tombstone.at),
    )
    if tombstone.became:
        words = f"Told as {paths.story_tag(site, tombstone.became)} now."
        _text(deleted, f"{{{TOMBSTONES}}}comment", words)
    return deleted


class _EntryRepair(BaseEntryExtension):  # type: ignore[misc]
    """Language, every link with its attributes, and a whole `source` as the last child."""

    story: Story
    sheet: FeedDocument

    def extend_atom(self, entry: Any) -> Any:
        story, site = self.story, self.sheet.site
        lead = story.lead
        if lead.language and lead.language != site.language:
            entry.set(XML_LANG, lead.language)
        for name in ("title", "summary", "rights"):
            _typed(entry.find(name))
        for link in entry.findall("link"):
            entry.remove(link)
        attributes = {"hreflang": lead.language} if lead.language else {}
        href = paths.alternate(site, self.sheet.channel, story)
        xml_elem("link", entry, rel="alternate", type="text/html", href=href, **attributes)
        for enclosure in lead.enclosures:
            xml_elem("link", entry, rel="enclosure", href=paths.href(enclosure.url), **file_facts(enclosure))
        for href, title in related(story):
            xml_elem("link", entry, rel="related", href=href, title=title)
        _source(entry, story)
        return entry


_MARKUP = re.compile(r"</[a-zA-Z]|&(#|[a-zA-Z][a-zA-Z0-9_]*)")


def _typed(element: Any) -> None:
    """Plain words that look like markup are sent as HTML: nobody need guess then (W3C ContainsUndeclaredHTML)."""
    if element is not None and element.get("type") is None and _MARKUP.search(element.text or ""):
        element.set("type", "html")
        element.text = escape(element.text, quote=False)


_MIME = re.compile(r"[^\s()<>,;:\\\"/\[\]?=]+/[^\s()<>,;:\\\"/\[\]?=]+( *;.*)?")


def file_facts(enclosure: Enclosure) -> dict[str, str]:
    """The `type` and `length` of an attached file, where its source said something sane."""
    facts = {}
    if enclosure.type and _MIME.fullmatch(enclosure.type):
        facts["type"] = enclosure.type
    if enclosure.length is not None:
        facts["length"] = str(enclosure.length)
    return facts


def related(story: Story) -> Iterable[tuple[str, str]]:
    """Where the other partners tell a story, each with a title (PB3)."""
    return [(paths.beyond(also), f"Also published by {also.publisher.name}") for also in story.also]


def _source(entry: Any, story: Story) -> None:
    publisher, lead = story.publisher, story.lead
    source = xml_elem("source", entry)
    _text(source, "id", _feed_id(publisher))
    _text(source, "title", publisher.name)
    _text(source, "updated", _written(lead.source_updated or lead.first_seen))
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
_ADDRESS = re.compile(
    r"https://.+|http://(?![^/]*:80/)[^/A-Z]+/.*"
)  # http: as it is compared (RFC 4287, 4.2.6.1)


def _feed_id(publisher: Publisher) -> str:
    """A feed's own id where it is one by RFC 4151, 8141 or 3986; many are not, and it is known by its address."""
    said = publisher.feed_id or ""
    sane = _ID.fullmatch(said) or (_ADDRESS.fullmatch(said) and paths.href(urls.web_link(said) or "") == said)
    return said if sane else paths.href(publisher.url)


def _text(parent: Any, name: str, text: str | None) -> None:
    xml_elem(name, parent).text = text


def _written(moment: datetime) -> str:
    return moment.isoformat()
