"""A channel as an Atom feed (RFC 4287): feedgen lives and dies here, its gaps filled by an extension of our own.

feedgen 1.0.0 knows only title and link of `source`, gives entries no language, and prepends entries; the
extension runs last in each entry and so can put `source` at the very end (PB3).
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator import __version__
from aggregator.model import Document, Publication, Sighting, Story
from aggregator.outputs import places

MAX_BYTES = 512 * 1024  # PB14
MAX_TEXT = 64 * 1024  # characters of one story; a longer one is told by its excerpt and link
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def render(publication: Publication) -> Document:
    """`atom.xml` of a channel: as many of its newest stories as fit."""
    body = _feed(publication, publication.stories)
    if len(body) > MAX_BYTES:
        # The size grows with every story, so the largest number that fits can be bisected for.
        fits = bisect_right(
            range(1, len(publication.stories)),
            MAX_BYTES,
            key=lambda count: len(_feed(publication, publication.stories[:count])),
        )
        body = _feed(publication, publication.stories[:fits])
    return Document(path=places.path(publication.channel, "atom.xml"), media_type=places.ATOM_TYPE, body=body)


def _feed(publication: Publication, stories: tuple[Story, ...]) -> bytes:
    site, channel = publication.site, publication.channel
    feed = FeedGenerator()
    feed.register_extension("repair", _FeedRepair, _EntryRepair, atom=True, rss=False)
    feed.id(places.channel_tag(site, channel))
    feed.title(channel.title)
    feed.updated(publication.updated)
    feed.link(href=places.url(site, channel, "atom.xml"), rel="self", type="application/atom+xml")
    feed.link(href=places.url(site, channel, "index.html"), rel="alternate", type="text/html")
    feed.author(name=site.title, uri=site.url)
    feed.generator("aggregator", version=__version__)
    feed.language(site.language)
    for story in stories:
        _entry(feed.add_entry(order="append"), story, publication)
    return bytes(feed.atom_str(pretty=True))


def _entry(entry: Any, story: Story, publication: Publication) -> None:
    site, lead, teller = publication.site, story.lead, story.teller
    entry.id(places.story_tag(site, story.id))
    entry.title(lead.title)
    entry.updated(story.updated)
    entry.published(story.published)
    for name in lead.authors or (teller.name,):
        entry.author(name=name)
    for topic in story.topics:
        entry.category(term=topic, scheme=f"{site.url}#topic")
    entry.category(term=story.kind.value, scheme=f"{site.url}#kind")
    for category in lead.categories:
        entry.category(term=category)
    if teller.full_text and 0 < len(lead.html) <= MAX_TEXT:
        entry.content(lead.html, type="html")
        entry.summary(lead.excerpt)
    else:
        entry.summary(lead.excerpt or lead.title)
    if rights := teller.licence or lead.rights:
        entry.rights(rights)
    # An entry without content must have an alternate link (RFC 4287, 4.1.2).
    entry.link(href=_alternate(story, publication), rel="alternate")
    entry.repair.story = story
    entry.repair.alternate = _alternate(story, publication)
    entry.repair.language_of_feed = site.language


def _alternate(story: Story, publication: Publication) -> str:
    page = places.url(publication.site, publication.channel, "index.html")
    return story.lead.link or f"{page}#story-{story.id}"


class _FeedRepair(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Nothing to mend on the feed itself."""


class _EntryRepair(BaseEntryExtension):  # type: ignore[misc]
    """Language, every link with its attributes, and a whole `source` as the last child."""

    story: Story
    alternate: str
    language_of_feed: str

    def extend_atom(self, entry: Any) -> Any:
        lead = self.story.lead
        if lead.language and lead.language != self.language_of_feed:
            entry.set(XML_LANG, lead.language)
        for link in entry.findall("link"):
            entry.remove(link)
        attributes = {"hreflang": lead.language} if lead.language else {}
        xml_elem("link", entry, rel="alternate", type="text/html", href=self.alternate, **attributes)
        for enclosure in lead.enclosures:
            extra = {"type": enclosure.type} if enclosure.type else {}
            if enclosure.length is not None:
                extra["length"] = str(enclosure.length)
            xml_elem("link", entry, rel="enclosure", href=enclosure.url, **extra)
        for sighting in self.story.also:
            _related(entry, sighting)
        _source(entry, self.story)
        return entry


def _related(entry: Any, sighting: Sighting) -> None:
    """Another partner that published the same story; where it only passed on the link, its site."""
    href = sighting.item.link or sighting.teller.site_link or sighting.teller.url
    xml_elem("link", entry, rel="related", href=href, title=f"Also published by {sighting.teller.name}")


def _source(entry: Any, story: Story) -> None:
    teller, lead = story.teller, story.lead
    source = xml_elem("source", entry)
    _text(source, "id", teller.feed_id if _is_iri(teller.feed_id) else teller.url)
    _text(source, "title", teller.name)
    _text(source, "updated", _written(lead.source_updated or lead.first_seen))
    if teller.kind != "page":
        xml_elem("link", source, rel="self", href=teller.url)
    xml_elem("link", source, rel="alternate", href=teller.site_link or teller.url)
    if rights := teller.rights or teller.licence:
        _text(source, "rights", rights)


def _is_iri(text: str | None) -> bool:
    return bool(text) and str(text).startswith(("http://", "https://", "tag:", "urn:"))


def _text(parent: Any, name: str, text: str | None) -> None:
    xml_elem(name, parent).text = text


def _written(moment: datetime) -> str:
    return moment.isoformat()
