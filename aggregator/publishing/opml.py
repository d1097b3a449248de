"""The polled sources as OPML 2.0, so that anybody can subscribe to the partners themselves."""

from __future__ import annotations

from lxml import etree

from aggregator.model.publishing import PublishedDocument, SourceDirectory
from aggregator.model.stories import Publisher

FEEDS = ("feed", "jsonfeed")


def render(directory: SourceDirectory) -> PublishedDocument:
    """`sources.opml`: feeds are of type `rss`, pages of type `link`.

    What else can be polled, though not by feed readers, has its kind for a type (OPML 2.0 leaves types open), so that
    `source import` takes it in again. A page's selectors have no place in OPML.
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
    said = {"text": publisher.name, "title": publisher.name}
    if publisher.kind in FEEDS:
        said |= {"type": "rss", "xmlUrl": publisher.url}
    else:
        said |= {"type": "link" if publisher.kind == "page" else publisher.kind, "url": publisher.url}
    if publisher.site_link and publisher.kind != "page":
        said["htmlUrl"] = publisher.site_link
    if publisher.language:
        said["language"] = publisher.language
    if topics:
        said["category"] = ",".join(topics)
    return said
