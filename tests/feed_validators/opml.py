"""Validate lists of feeds by OPML 2.0 and the W3C's rules (PB15).

Source: opml.org/spec2.opml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from lxml import etree

from tests.feed_validators import rules

HEAD = set(
    "title dateCreated dateModified ownerName ownerEmail ownerId docs expansionState vertScrollState windowTop"
    " windowLeft windowBottom windowRight".split()
)
OUTLINE = set(
    "text title type xmlUrl htmlUrl url language description category created isComment isBreakpoint version".split()
)
VERSIONS = ("RSS", "RSS1", "RSS2", "scriptingNews")


def problems(document: bytes, url: str, now: datetime | None = None) -> list[str]:
    """List the rules that an OPML document breaks; it does not state its `url`."""
    root, found = rules.xml(document)
    if root is None:
        return found
    if root.tag != "opml" or root.get("version") != "2.0":
        return [*found, "W3C InvalidOPMLVersion: not <opml version=2.0>"]
    if [child.tag for child in root] != ["head", "body"]:
        return [*found, "OPML 2.0: not one head and one body"]
    found += _head(root[0], now)
    if root.find("body/outline") is None:
        found.append("OPML 2.0: an empty body")
    for outline in rules.elements(root[1]):
        if outline is not root[1]:
            found += _outline(outline, now)
    return found


def _head(head: etree._Element, now: datetime | None) -> Iterator[str]:
    names = [str(child.tag) for child in head]
    yield from (f"W3C UndefinedElement: {tag} in head" for tag in names if tag not in HEAD)
    yield from (f"W3C DuplicateElement: {tag}" for tag in HEAD if names.count(tag) > 1)
    if "title" not in names:
        yield "PB15: no title"
    for name in ("dateCreated", "dateModified"):
        if name in names:
            yield from rules.rfc822(head.findtext(name), name, now)
    for name in ("ownerId", "docs"):
        if name in names:
            yield from rules.address(head.findtext(name), name)
    if "ownerEmail" in names and not re.fullmatch(r"[^@\s]+@[^@\s]+", head.findtext("ownerEmail") or ""):
        yield f"W3C InvalidContact: ownerEmail {head.findtext('ownerEmail')!r}"


def _outline(outline: etree._Element, now: datetime | None) -> Iterator[str]:
    said = {str(key): str(value) for key, value in outline.attrib.items()}
    if outline.tag != "outline":
        yield f"W3C UndefinedElement: {outline.tag} in body"
        return
    if not said.get("text", "").strip():
        yield "OPML 2.0: an outline without text"
    yield from (f"W3C UnexpectedAttribute: {key}" for key in said if key not in OUTLINE)
    kind = said.get("type")
    if kind is None and {"xmlUrl", "htmlUrl", "language", "description", "title"} & set(said):
        yield "W3C MissingOutlineType"
    for needed in {"rss": ("xmlUrl", "title"), "link": ("url",)}.get(kind or "", ()):
        if needed not in said:
            yield f"W3C Missing{needed}: type={kind} without {needed}"
    if said.get("version", "RSS") not in VERSIONS:
        yield f"W3C InvalidOutlineVersion: {said['version']!r}"
    for key in ("xmlUrl", "htmlUrl", "url"):
        if key in said:
            yield from rules.address(said[key], key)
    if "language" in said:
        yield from rules.language(said["language"], "language")
    if "created" in said:
        yield from rules.rfc822(said["created"], "created", now)
    if "category" in said and not all(part.strip("/ ") for part in said["category"].split(",")):
        yield f"OPML 2.0: category {said['category']!r}"
    if (outline.text or "").strip():
        yield "W3C UnexpectedText in an outline"
