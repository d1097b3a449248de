"""The polled sources as OPML 2.0, so that anybody can subscribe to the partners themselves."""

from __future__ import annotations

from lxml import etree

from aggregator.model import Directory, Document, Teller

FEEDS = ("feed", "jsonfeed")


def render(directory: Directory) -> Document:
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
    for teller in directory.sources:
        topics = directory.topics.get(teller.id, ())
        etree.SubElement(body, "outline", _outline(teller, topics))
    text = etree.tostring(opml, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return Document(path="sources.opml", media_type="text/x-opml; charset=utf-8", body=text)


def _outline(teller: Teller, topics: tuple[str, ...]) -> dict[str, str]:
    said = {"text": teller.name, "title": teller.name}
    if teller.kind in FEEDS:
        said |= {"type": "rss", "xmlUrl": teller.url}
    else:
        said |= {"type": "link" if teller.kind == "page" else teller.kind, "url": teller.url}
    if teller.site_link and teller.kind != "page":
        said["htmlUrl"] = teller.site_link
    if teller.language:
        said["language"] = teller.language
    if topics:
        said["category"] = ",".join(topics)
    return said
