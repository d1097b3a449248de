"""Validate RSS feeds by RSS 2.0, the RSS Advisory Board's profile and the W3C's rules.

Of this project's rules PB5, PB7 and PB14 are checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from tests.feed_validators import rules

A = f"{{{rules.ATOM}}}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
FH = "{http://purl.org/syndication/history/1.0}"
KNOWN = {rules.ATOM: "atom", DC[1:-1]: "dc", CONTENT[1:-1]: "content", FH[1:-1]: "fh"}
XML = "{http://www.w3.org/XML/1998/namespace}"
ONCE = (
    "title link description language copyright managingEditor webMaster pubDate lastBuildDate generator docs cloud"
    " ttl image rating textInput skipHours skipDays"
).split()
ITEM_ONCE = "title link description author comments enclosure guid pubDate source".split()
ATTRIBUTES = {
    "rss": {"version"},
    "category": {"domain"},
    "guid": {"isPermaLink"},
    "source": {"url"},
    "enclosure": {"url", "length", "type"},
    "cloud": {"domain", "port", "path", "registerProcedure", "protocol"},
}
CHANNEL_EXTENSIONS = {f"{A}link", f"{A}id", f"{A}updated", f"{A}author", f"{A}logo", f"{A}icon"} | {
    f"{DC}{name}" for name in ("creator", "rights", "language", "publisher", "date", "subject")
}
CHANNEL_EXTENSIONS |= {f"{FH}archive", f"{FH}complete"}
ITEM_EXTENSIONS = {f"{A}link", f"{A}updated", f"{A}summary", f"{A}author", f"{CONTENT}encoded"} | {
    f"{DC}{name}" for name in ("creator", "rights", "language", "subject", "date", "identifier")
}
TWICE = (
    ("author", f"{DC}creator"),
    ("category", f"{DC}subject"),
    ("pubDate", f"{DC}date"),
    ("guid", f"{A}id"),
)
TWICE_IN_CHANNEL = (
    ("managingEditor", f"{DC}creator"),
    ("copyright", f"{DC}rights"),
    ("language", f"{DC}language"),
    ("webMaster", f"{DC}publisher"),
    ("pubDate", f"{DC}date"),
)
MAX_BYTES = 512 * 1024


def problems(document: bytes, url: str, now: datetime | None = None) -> list[str]:
    """List the rules that an RSS feed served at `url` breaks."""
    root, found = rules.xml(document)
    if root is None:
        return found
    channels = root.findall("channel")
    if root.tag != "rss" or root.get("version") != "2.0" or len(channels) != 1:
        return [*found, "RSS 2.0: not one channel in <rss version=2.0>"]
    lines = document.decode().split("\n")
    found += _vocabulary(root)
    found += _plain(root, lines)
    found += _dates(root, now)
    found += _channel(channels[0], url)
    items = channels[0].findall("item")
    for item in items:
        found += (f"{problem} (item {item.findtext('guid')})" for problem in _item(item))
    guids = Counter(item.findtext("guid") for item in items)
    found += [f"W3C DuplicateValue: guid {g} of {n} items" for g, n in guids.items() if g and n > 1]
    if len(document) > MAX_BYTES:
        found.append(f"PB14: {len(document)} bytes")
    return found


def _vocabulary(root: etree._Element) -> Iterator[str]:
    for prefix, uri in {pair for element in rules.elements(root) for pair in element.nsmap.items()}:
        if uri not in KNOWN:
            yield f"W3C UnknownNamespace: {uri}"
        elif KNOWN[uri] != prefix:
            yield f"W3C NonstdPrefix: {prefix} for {uri}"
    for element in rules.elements(root):
        parent = element.getparent()
        where = "" if parent is None else rules.name(parent)
        if where == "channel":
            known = element.tag in {*ONCE, "category", "item", *CHANNEL_EXTENSIONS}
        elif where == "item":
            known = element.tag in {*ITEM_ONCE, "category", *ITEM_EXTENSIONS}
        else:
            known = where in ("", "rss", "image", "skipHours", "skipDays", "textInput", "author")
        if not known:
            yield f"W3C UndefinedElement: <{element.tag}> in <{where}>"
        allowed = ATTRIBUTES.get(str(element.tag), set())
        for attribute in element.attrib:
            if element.tag != f"{A}link" and attribute not in allowed and not str(attribute).startswith(XML):
                yield f"W3C UnexpectedAttribute: {attribute!s} on <{element.tag}>"
            if attribute == f"{XML}lang":
                yield from rules.language(element.get(attribute), "xml:lang")


def _plain(root: etree._Element, lines: list[str]) -> Iterator[str]:
    """Check that plain text has `&` and `<` as hexadecimal references ("Character Data")."""
    for element in rules.elements(root, "title", "category", "source", "copyright", "description"):
        if element.tag == "description" and rules.name(element.getparent()) == "item":
            continue
        text = element.text or ""
        first = (element.sourceline or 1) - 1
        hexadecimal = any("&#x" in line for line in lines[first : first + text.count("\n") + 1])
        if any(tag.lower() in rules.HTML_NAMES for tag in re.findall(r"</(\w+)>", text)):
            yield f"W3C ContainsHTML: {element.tag} {text[:60]!r}"
        elif not hexadecimal and (rules.looks_like_html(text) or re.search("&#[x0-9]|<[/a-zA-Z]", text)):
            yield f"W3C CharacterData: {element.tag} {text[:60]!r}"
        if not text.strip() and element.tag != "description":
            yield f"W3C NotBlank: {element.tag}"


def _dates(root: etree._Element, now: datetime | None) -> Iterator[str]:
    for element in rules.elements(root, "pubDate", "lastBuildDate"):
        yield from rules.rfc822(element.text, rules.name(element), now)
    for element in rules.elements(root, f"{A}updated"):
        yield from rules.rfc3339(element.text, "atom:updated", now)[1]


def _channel(channel: etree._Element, url: str) -> Iterator[str]:
    children = [str(child.tag) for child in channel if isinstance(child.tag, str)]
    for wanted in ("title", "link", "description"):
        if wanted not in children:
            yield f"W3C MissingElement: channel without {wanted}"
    for wanted in ("language", "lastBuildDate", "generator", "docs", "ttl"):
        if wanted not in children:
            yield f"PB7: channel without {wanted}"
    yield from (f"W3C DuplicateElement: {tag}" for tag in ONCE if children.count(tag) > 1)
    for core, extension in TWICE_IN_CHANNEL:
        if core in children and extension in children:
            yield f"W3C DuplicateSemantics: {core} and {extension}"
    if "item" in children and set(children[children.index("item") :]) != {"item"}:
        yield "W3C MisplacedItem: something stands behind an item"
    if "textInput" in children:
        yield "W3C AvoidTextInput"
    yield from rules.address(channel.findtext("link"), "channel link")
    if "language" in children:
        yield from rules.language(channel.findtext("language"), "language")
    if "ttl" in children and not re.fullmatch(r"[1-9]\d*", channel.findtext("ttl") or ""):
        yield f"W3C InvalidPositiveInteger: ttl {channel.findtext('ttl')!r}"
    if "docs" in children:
        yield from rules.address(channel.findtext("docs"), "docs")
    for name in ("managingEditor", "webMaster"):
        if name in children:
            yield from _mail(channel.findtext(name) or "", name)
    selves = [link for link in channel.findall(f"{A}link") if link.get("rel") == "self"]
    if [link.get("href") for link in selves] != [url]:
        yield f"W3C SelfDoesntMatchLocation: self is {[x.get('href') for x in selves]}, served at {url}"
    if any(link.get("type") != "application/rss+xml" for link in selves):
        yield "PB7: atom:link rel=self is not application/rss+xml"
    for link in channel.findall(f"{A}link"):
        yield from rules.address(link.get("href"), f"atom:link rel={link.get('rel')}")
    yield from _image(channel)


def _image(channel: etree._Element) -> Iterator[str]:
    image = channel.find("image")
    if image is None:
        return
    for name in ("title", "link"):
        if image.findtext(name) != channel.findtext(name):
            yield f"W3C Image{name.title()}DoesntMatch: {image.findtext(name)!r}"
    yield from rules.address(image.findtext("url"), "image url")
    if not re.search(r"\.(jpe?g|gif|png)$", image.findtext("url") or "", re.IGNORECASE):
        yield f"W3C ImageUrlFormat: {image.findtext('url')!r}"
    for name, most in (("width", 144), ("height", 400)):
        said = image.findtext(name)
        if said is not None and not (said.isdigit() and 0 < int(said) <= most):
            yield f"W3C Invalid{name.title()}: {said!r}"


def _item(item: etree._Element) -> Iterator[str]:
    children = [str(child.tag) for child in item if isinstance(child.tag, str)]
    if "title" not in children and "description" not in children:
        yield "W3C ItemMustContainTitleOrDescription"
    yield from (
        f"W3C {'DuplicateEnclosure' if tag == 'enclosure' else 'DuplicateElement'}: {tag}"
        for tag in ITEM_ONCE
        if children.count(tag) > 1
    )
    for core, extension in TWICE:
        if core in children and extension in children:
            yield f"W3C DuplicateItemSemantics: {core} and {extension}"
    if "author" in children:
        yield from _mail(item.findtext("author") or "", "author")
    elif f"{DC}creator" not in children:
        yield "PB7: neither author nor dc:creator"
    for name in ("link", "comments"):
        if name in children:
            yield from rules.address(item.findtext(name), name)
    for link in item.findall(f"{A}link"):
        yield from rules.address(link.get("href"), f"atom:link rel={link.get('rel')}")
    for wanted in ("pubDate", "source"):
        if wanted not in children:
            yield f"PB7: no {wanted}"
    for source in item.findall("source"):
        yield from rules.address(source.get("url"), "source url")
    for enclosure in item.findall("enclosure"):
        yield from _enclosure(enclosure)
    yield from _guid(item)
    for tag in ("description", f"{CONTENT}encoded"):
        if tag in children:
            where = tag.rpartition("}")[2]
            yield from rules.html(item.findtext(tag) or "", where, whole=where == "encoded")
    if (
        f"{CONTENT}encoded" in children
        and "description" not in children[: children.index(f"{CONTENT}encoded")]
    ):
        yield "W3C NeedDescriptionBeforeContent"
    if f"{DC}language" in children:
        yield from rules.language(item.findtext(f"{DC}language"), "dc:language")


def _guid(item: etree._Element) -> Iterator[str]:
    guid = item.find("guid")
    if guid is None or not (guid.text or "").strip():
        yield "W3C MissingGuid"
        return
    permanent = guid.get("isPermaLink", "true")
    if permanent not in ("true", "false"):
        yield f"W3C InvalidBooleanAttribute: isPermaLink={permanent!r}"
    if permanent == "true":
        yield from (f"W3C InvalidPermalink: {said}" for said in rules.address(guid.text, "guid"))
    elif re.fullmatch(r"\d{1,8}", guid.text or ""):
        yield f"W3C NotSufficientlyUnique: guid {guid.text}"


def _enclosure(enclosure: etree._Element) -> Iterator[str]:
    yield from rules.address(enclosure.get("url"), "enclosure url")
    if not re.match(r"https?://([^/:?#]+\.)+[^/:?#.]+(:\d+)?(/|$)", enclosure.get("url") or ""):
        yield f"W3C InvalidURLAttribute: enclosure url {enclosure.get('url')!r}"
    if not (enclosure.get("length") or "").isdigit():
        yield f"W3C InvalidIntegerAttribute: enclosure length {enclosure.get('length')!r}"
    if not rules.MIME.fullmatch(enclosure.get("type") or ""):
        yield f"W3C InvalidMIMEAttribute: enclosure type {enclosure.get('type')!r}"


def _mail(text: str, where: str) -> Iterator[str]:
    if not re.fullmatch(r"[\w+.'-]+@([\w-]+\.)+[\w-]+ \([^()]+\)", text):
        yield f"W3C EmailFormat: {where} is {text!r}, not mail (Name)"
