"""A channel as RSS 2.0: for readers that know nothing else; feedgen's gaps filled as in `atom`."""

from __future__ import annotations

from html import escape
from typing import Any

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from feedgen.util import xml_elem

from aggregator import __version__
from aggregator.model.publishing import Publication, PublishedDocument
from aggregator.model.stories import Story
from aggregator.publishing import atom, corrections, paths

TTL = 60
"""Minutes a reader may wait: few partners publish more than once an hour."""

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "http://purl.org/dc/elements/1.1/"


def render(publication: Publication) -> PublishedDocument:
    """`rss.xml` of a channel."""
    site, channel = publication.site, publication.channel
    path = paths.path(channel, "rss.xml")
    feed = FeedGenerator()
    feed.register_extension("repair", _FeedRepair, _ItemRepair, atom=False, rss=True)
    feed.repair.hub = publication.hub
    feed.title(channel.title)
    feed.link(href=site.url + path, rel="self", type="application/rss+xml")
    feed.link(href=paths.url(site, channel, "index.html"), rel="alternate")
    feed.description(f"{channel.title}: news of the partners of {site.title}")
    feed.language(site.language)
    feed.lastBuildDate(publication.updated)
    feed.generator(f"aggregator {__version__}")
    feed.ttl(TTL)
    for story in publication.stories:
        _item(feed.add_entry(order="append"), story, publication)
    body = bytes(feed.rss_str(pretty=True))
    # The same XML; the profile of the RSS Advisory Board wants it so, because readers unescape twice.
    body = body.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
    body = atom.styled(body, path)
    return PublishedDocument(path=path, media_type=paths.RSS_TYPE, body=body)


def _item(item: Any, story: Story, publication: Publication) -> None:
    site, lead, publisher = publication.site, story.lead, story.publisher
    item.title(lead.title)
    item.link(href=paths.alternate(site, publication.channel, story))
    item.guid(paths.story_tag(site, story.id), permalink=False)
    # What readers take for HTML: words are escaped, so that "a < b" stays what it is.
    item.description(escape(corrections.summary(story, site), quote=False))
    if text := atom.full_text(story, site):
        item.content(text)
    item.published(story.published)
    for topic in story.topics:
        item.category(term=topic, scheme=f"{site.url}#topic")
    item.category(term=story.kind.value, scheme=f"{site.url}#kind")
    for category in lead.categories:
        item.category(term=category)
    for enclosure in lead.enclosures[:1]:  # RSS knows one file an item; 0 is a length that is not known
        facts = atom.file_facts(enclosure)
        kind = facts.get("type", "application/octet-stream")
        item.enclosure(paths.href(enclosure.url), facts.get("length", "0"), kind)
    item.source(paths.href(publisher.url), publisher.name)
    item.repair.story = story
    item.repair.language_of_feed = site.language


class _FeedRepair(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    hub: str | None

    def extend_ns(self) -> dict[str, str]:
        return {"dc": DC}

    def extend_rss(self, rss: Any) -> Any:
        if self.hub:
            xml_elem(f"{ATOM}link", rss[0], rel="hub", href=self.hub)
        return rss


class _ItemRepair(BaseEntryExtension):  # type: ignore[misc]
    """Authors who have no e-mail address, the language, when it was updated, and the other partners."""

    story: Story
    language_of_feed: str

    def extend_rss(self, item: Any) -> Any:
        story, lead = self.story, self.story.lead
        for name in lead.authors or (story.publisher.name,):
            xml_elem(f"{{{DC}}}creator", item).text = name
        if lead.language and lead.language != self.language_of_feed:
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
                **atom.file_facts(enclosure),
            )
        for href, title in atom.related(story):
            xml_elem(f"{ATOM}link", item, rel="related", href=href, title=title)
        return item
