"""Parse a page into a tree and select elements in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from lxml import etree, html
from lxml.cssselect import CSSSelector
from w3lib.encoding import html_to_unicode

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import encodings
from aggregator.text import line

Node = html.HtmlElement
_CODE = ("script", "style")


def tree(body: bytes, headers: Mapping[str, str]) -> Node:
    """Parse a page into a tree; raises UnreadableDocument.

    It is decoded here, because libxml2 lacks some names of encodings.
    """
    text = decoded(body, headers)
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
        # A template is no part of the page (HTML). XPath would fail on a million crossed tags, for lack of memory.
        for template in list(root.iter("template")):
            if "shadowrootmode" not in template.attrib:
                template.drop_tree()
        return root
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableDocument(f"the page cannot be read as HTML: {error}") from error


def decoded(body: bytes, headers: Mapping[str, str]) -> str:
    """Decode a body by its byte order mark, header, own statement, else as UTF-8."""
    try:
        encoding, text = html_to_unicode(headers.get("content-type"), body, default_encoding="utf-8")
    except (LookupError, ValueError):  # codecs that are no encodings of text (idna, undefined)
        return encodings.utf_8(body)
    # HTML standard: a declaration in ASCII shows that it is not UTF-16.
    is_ascii_based = encoding.startswith("utf-16") and not body.startswith((b"\xff\xfe", b"\xfe\xff"))
    return (
        encodings.utf_8(body) if is_ascii_based or ("\ufffd" in text and encoding == "utf-8") else str(text)
    )


_PAGE_END = re.compile(rb"</(?:body|html)\b", re.IGNORECASE)
_MAY_STAY_OPEN = frozenset(
    "html head body li dt dd p rb rp rt rtc option optgroup colgroup caption thead tbody tfoot tr td th"
    " area base br col embed hr img input link meta source track wbr".split()
)
"""Elements without end tag, and those whose end tag may be omitted (HTML 13.1.2.4)."""


def open_at_end(root: Node, body: bytes) -> list[Node]:
    """Return the elements within which a page breaks off; none if it is whole.

    Such a page has no </body> or </html>, and ends within an element that must be closed.
    """
    if _PAGE_END.search(body):
        return []
    path = [root]
    while len(path[-1]) and not (path[-1][-1].tail or "").strip():
        path.append(path[-1][-1])
    tags = {str(node.tag).encode() for node in path if node.tag not in _MAY_STAY_OPEN}
    is_open = any(_count(rb"<", tag, body) > _count(rb"</", tag, body) for tag in tags)
    return path if is_open else []


def _count(begin: bytes, tag: bytes, body: bytes) -> int:
    return len(re.findall(begin + re.escape(tag) + rb"(?=[\s/>])", body, re.IGNORECASE))


def base(root: Node, url: str) -> str:
    """Return the URL against which the links of the page are resolved."""
    element = root.find(".//base[@href]")
    return urls.join(url, element.get("href")) or url if element is not None else url


def split_attribute(selector: str) -> tuple[str, str | None]:
    """Split `selector@attribute` into its two parts."""
    match = re.fullmatch(r"(.*?)(?:@([\w:-]+))?", selector, re.DOTALL)
    return (match[1].strip(), match[2]) if match else (selector, None)


@lru_cache(maxsize=512)
def _compiled(selector: str) -> CSSSelector:
    return CSSSelector(selector, translator="html")


def select(node: Node, selector: str) -> list[Node]:
    """Select every matching element in `node`, itself included, in the order of the page."""
    return [match for match in _compiled(selector)(node) if isinstance(match, Node)]


def text_of(node: Node, limit: int = 5_000) -> str | None:
    """Return the text of an element on one line, without scripts and style sheets in it."""
    has_code = next(node.iter(*_CODE), None) is not None
    return line(" ".join(islice(_words(node) if has_code else node.itertext(), 500)), limit)


def _words(node: Node) -> Iterator[str]:
    yield node.text or ""
    for child in node:
        if child.tag not in _CODE:
            yield from _words(child)
        yield child.tail or ""


def visible(root: Node) -> str:
    """Return roughly the text that a browser shows."""
    parts = (
        text
        for element in islice(root.iter(), 50_000)
        if element.tag not in ("script", "style", "noscript", "template", "title")
        for text in (element.text,)
        if text
    )
    return " ".join(" ".join(parts).split())


def ancestors(node: Node, top: Node) -> Iterator[Node]:
    """Yield the ancestors of `node` below `top`."""
    parent = node.getparent()
    while parent is not None and parent is not top:
        yield parent
        parent = parent.getparent()


def markup(node: Node) -> str:
    """Serialise an element as HTML."""
    return html.tostring(node, encoding="unicode", with_tail=False)


def url_key(url: str | None) -> str:
    """Reduce a URL to what distinguishes pages: no scheme, `www.`, fragment or final slash."""
    bare = re.sub(r"^https?://(?:www\.)?", "", (url or "").strip(), flags=re.IGNORECASE)
    return bare.partition("#")[0].rstrip("/")


def site_host(url: str) -> str:
    """Return the host of a URL without `www.`."""
    return urls.host(url).removeprefix("www.")
