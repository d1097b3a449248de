"""Feeds of an OPML file -> further sources in the text of feeds.yaml, all else untouched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from aggregator.errors import AggregatorError
from aggregator.model import Config


class OpmlError(AggregatorError):
    """The file is no OPML, or feeds.yaml is written in a way that cannot be added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A feed as an OPML file names it."""

    title: str
    url: str


def read_opml(body: bytes) -> list[Outline]:
    """The feeds of an OPML document (1.0 or 2.0), each URL once."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise OpmlError(f"not readable as OPML: {error}") from error
    if root.tag != "opml":
        raise OpmlError(f"not OPML: the document is <{root.tag!s}>")
    found: dict[str, Outline] = {}
    for outline in root.iter("outline"):
        url = (outline.get("xmlUrl") or "").strip()
        if re.fullmatch(r"https?://[^\s<>\"#]+", url):
            title = " ".join((outline.get("title") or outline.get("text") or url).split())
            found.setdefault(url, Outline(title=title[:300], url=url))
    return list(found.values())


def added(text: str, outlines: Sequence[Outline], config: Config) -> tuple[str, list[str]]:
    """`text` with a source for each feed it does not have, and their ids."""
    known = {source.url for source in config.sources}
    ids = {source.id for source in config.sources}
    lines, new_ids = [], []
    for outline in outlines:
        if outline.url in known:
            continue
        id_ = free_id(outline.title, ids)
        ids.add(id_)
        new_ids.append(id_)
        lines += [f"  - id: {id_}", f"    name: {_quoted(outline.title)}", f"    url: {_quoted(outline.url)}"]
    if not lines:
        return text, []
    match = re.search(r"^sources:[ \t]*(\[\][ \t]*)?(#[^\n]*)?\n", text, re.MULTILINE)
    if match is None:
        raise OpmlError("feeds.yaml has no plain `sources:` line to add to")
    rest = text[match.end() :]
    # The list ends before the next line that begins in the first column and is no comment or list item.
    following = re.search(r"^(?![ \t#\n-])", rest, re.MULTILINE)
    end = match.end() + (following.start() if following else len(rest))
    block = text[match.end() : end]
    if re.search(r"^- ", block, re.MULTILINE):
        lines = [line.removeprefix("  ") for line in lines]
    kept = block.rstrip("\n")
    body = (kept + "\n" if kept else "") + "\n".join(lines) + "\n" + block[len(kept) + 1 :]
    return text[: match.start()] + "sources:\n" + body + text[end:], new_ids


def free_id(title: str, taken: set[str]) -> str:
    """An id made of a title that is not `taken` yet."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "source"
    candidate, n = stem, 2
    while candidate in taken:
        candidate, n = f"{stem}-{n}", n + 1
    return candidate


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
