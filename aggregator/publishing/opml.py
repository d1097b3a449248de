"""Render the polled sources as OPML 2.0, so that readers can subscribe to the partners."""

from __future__ import annotations

from lxml import etree

from aggregator.model.publishing import PublishedDocument, SourceDirectory
from aggregator.model.stories import Publisher

FEED_KINDS = ("feed", "jsonfeed")


def render(directory: SourceDirectory) -> PublishedDocument:
    """Render `sources.opml`, with the type `rss` for feeds and `link` for pages.

    Every other source has its kind as type, which OPML 2.0 permits, so that `source import` accepts it. OPML cannot
    express the selectors of a page.
    """
    opml = etree.Element("opml", version="2.0")
    head = etree.SubElement(opml, "head")
    etree.SubElement(head, "title").text = f"Sources of {directory.site.title}"
    etree.SubElement(head, "ownerName").text = directory.site.title
    etree.SubElement(head, "ownerId").text = directory.site.url
    body = etree.SubElement(opml, "body")
    for publisher in directory.sources:
        topics = directory.topics.get(publisher.id, ())
        etree.SubElement(body, "outline", _outline(publisher, topics))
    text = etree.tostring(opml, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return PublishedDocument(path="sources.opml", media_type="text/x-opml; charset=utf-8", body=text)


def _outline(publisher: Publisher, topics: tuple[str, ...]) -> dict[str, str]:
    attributes = {"text": publisher.name, "title": publisher.name}
    if publisher.kind in FEED_KINDS:
        attributes |= {"type": "rss", "xmlUrl": publisher.url}
    else:
        attributes |= {"type": "link" if publisher.kind == "page" else publisher.kind, "url": publisher.url}
    if publisher.site_link and publisher.kind != "page":
        attributes["htmlUrl"] = publisher.site_link
    if publisher.language:
        attributes["language"] = publisher.language
    if topics:
        attributes["category"] = ",".join(topics)
    return attributes
