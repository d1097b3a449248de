"""A news page without a feed -> entries, by CSS selectors. No match is a failure, never "no news"."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from itertools import islice

from lxml import etree, html
from lxml.cssselect import CSSSelector
from w3lib.encoding import html_to_unicode

from aggregator.errors import UnreadableDocument
from aggregator.model import Entry, Layout, Reading, Source
from aggregator.text import block, joined, line

MAX_ENTRIES = 500


def read(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> Reading:
    """Read a page with the selectors of `source.page`; page order counts as newest first."""
    layout = source.page
    if layout is None:
        raise UnreadableDocument("a page source needs selectors (`page:`)")
    root = _tree(body, headers)
    base = _base(root, url)
    blocks = list(_select(root, layout.item))
    if not blocks:
        raise UnreadableDocument(
            f"the page has nothing that `item: {layout.item}` selects: its layout has probably changed"
        )
    entries: dict[tuple[str | None, str], Entry] = {}
    for node in blocks[:MAX_ENTRIES]:
        entry = _entry(len(entries), node, layout, base)
        if entry is not None:
            entries.setdefault((entry.link, entry.title), entry)
    if not entries:
        raise UnreadableDocument(
            f"`item: {layout.item}` selects {len(blocks)} blocks, but none has a title and a link"
            f" (`link: {layout.link}`): the layout has probably changed"
        )
    notes = []
    if without := len(blocks) - len(entries):
        notes.append(f"{without} of {len(blocks)} blocks have no link and title of their own")
    if layout.date and not any(entry.published for entry in entries.values()):
        notes.append(f"`date: {layout.date}` finds no date in any item")
    return Reading(
        entries=tuple(entries.values()),
        title=line(root.findtext(".//title"), 300),
        site_link=url,
        language=line(root.get("lang"), 40),
        notes=tuple(notes),
    )


def _tree(body: bytes, headers: Mapping[str, str]) -> html.HtmlElement:
    """The page as a tree; decoded here, because libxml2 does not know every name of an encoding."""
    try:
        encoding, text = html_to_unicode(headers.get("content-type"), body, default_encoding="utf-8")
    except (LookupError, ValueError):  # names of encodings that are none (idna, undefined)
        encoding, text = "utf-8", body.decode("utf-8", "replace")
    if encoding.startswith("utf-16") and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = body.decode("utf-8", "replace")  # as the HTML standard has it: who can say so is not UTF-16
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
    try:
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableDocument(f"the page cannot be read as HTML: {error}") from error


def _base(root: html.HtmlElement, url: str) -> str:
    base = root.find(".//base[@href]")
    return joined(url, base.get("href")) or url if base is not None else url


def _entry(position: int, node: html.HtmlElement, layout: Layout, base: str) -> Entry | None:
    link = _link(node, layout.link, base)
    title = _value(node, layout.title) if layout.title else _value(node, layout.link)
    if not link or not title:
        return None
    summary = _first(node, layout.summary) if layout.summary else None
    return Entry(
        position=position,
        link=link,
        title=title,
        title_is_html=False,
        summary=block(html.tostring(summary, encoding="unicode", with_tail=False))
        if summary is not None
        else None,
        published=_value(node, layout.date) if layout.date else None,
        base=base,
    )


def _link(node: html.HtmlElement, selector: str, base: str) -> str | None:
    """The first target of `selector`, or of the item itself where it is the link."""
    path, attribute = _parted(selector)
    candidates = [node] if node.tag == "a" and not attribute else []
    for candidate in [*candidates, *_select(node, path or "*")]:
        if link := joined(base, candidate.get(attribute or "href")):
            return link
    return None


def _value(node: html.HtmlElement, selector: str | None) -> str | None:
    """The text of the first match, or the attribute named behind @."""
    path, attribute = _parted(selector or "")
    found = _first(node, path) if path else node
    if found is None:
        return None
    return line(found.get(attribute) if attribute else " ".join(islice(found.itertext(), 500)), 5_000)


def _parted(selector: str) -> tuple[str, str | None]:
    """`selector@attribute` as its two parts."""
    match = re.fullmatch(r"(.*?)(?:@([\w:-]+))?", selector, re.DOTALL)
    return (match[1].strip(), match[2]) if match else (selector, None)


def _first(node: html.HtmlElement, selector: str) -> html.HtmlElement | None:
    return next(iter(_select(node, selector)), None)


def _select(node: html.HtmlElement, selector: str) -> list[html.HtmlElement]:
    return [n for n in CSSSelector(selector, translator="html")(node) if isinstance(n, html.HtmlElement)]
