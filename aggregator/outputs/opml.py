"""The polled sources as OPML 2.0, so that anybody can subscribe to the partners themselves."""

from __future__ import annotations

from lxml import etree

from aggregator.model import Directory, Document


def render(directory: Directory) -> Document:
    """`sources.opml`; a page without a feed is an outline of type `link`."""
    opml = etree.Element("opml", version="2.0")
    head = etree.SubElement(opml, "head")
    etree.SubElement(head, "title").text = f"Sources of {directory.site.title}"
    etree.SubElement(head, "ownerName").text = directory.site.title
    etree.SubElement(head, "ownerId").text = directory.site.url
    body = etree.SubElement(opml, "body")
    for teller in directory.sources:
        outline = etree.SubElement(body, "outline", text=teller.name, title=teller.name)
        if teller.kind == "page":
            outline.set("type", "link")
            outline.set("url", teller.url)
        else:
            outline.set("type", "rss")
            outline.set("xmlUrl", teller.url)
            if teller.site_link:
                outline.set("htmlUrl", teller.site_link)
        if teller.language:
            outline.set("language", teller.language)
    text = etree.tostring(opml, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return Document(path="sources.opml", media_type="text/x-opml; charset=utf-8", body=text)
