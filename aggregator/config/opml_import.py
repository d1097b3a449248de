"""Add the sources of an OPML file to the text of feeds.yaml, which is otherwise unchanged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lxml import etree

from aggregator.config import values
from aggregator.errors import AggregatorError
from aggregator.model.config import Config
from aggregator.text import line, quoted


class OpmlError(AggregatorError):
    """The file is not OPML, or feeds.yaml has no list of sources that can be added to."""


MAX_BYTES = 10_000_000
KINDS = ("ical", "wordpress", "zenodo")
"""Kinds of sources that are not feeds; `publishing.opml` writes them as `type`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A source as an OPML file names it; `kind` is set where it is not a feed."""

    title: str
    url: str
    kind: str | None = None
    language: str | None = None
    topics: tuple[str, ...] = ()


def read_opml(body: bytes, known: Collection[str]) -> tuple[list[Outline], list[str]]:
    """Return the new sources of an OPML document, and a reason for each that cannot be polled.

    Reads OPML 1.0 and 2.0. Each URL is returned once, URLs in `known` are not. Raises OpmlError.
    """
    found: dict[str, Outline] = {}
    left_out: dict[str, str] = {}
    for outline in _body(body).iter("outline"):
        attributes = {str(key): line(value) or "" for key, value in outline.attrib.items()}
        address, kind = (
            attributes.get("xmlUrl") or attributes.get("url") or "",
            attributes.get("type", "").lower(),
        )
        title = (attributes.get("title") or attributes.get("text") or "")[:300].rstrip()
        if not address:
            continue
        try:
            url = values.web_url(address)
        except ValueError as error:
            left_out[address] = f"{title or 'an outline'}: {str(error)[:300]}"
            continue
        if url in known:
            continue
        if attributes.get("xmlUrl") or kind in KINDS:
            found.setdefault(url, _outline(title or url[:300], url, kind, attributes))
        else:
            left_out[url] = f"{title}: {url} has no feed; `aggregator source discover` finds how to poll it"
    return list(found.values()), [reason for url, reason in left_out.items() if url not in found]


def _body(document: bytes) -> etree._Element:
    if len(document) > MAX_BYTES:
        raise OpmlError(f"larger than {MAX_BYTES // 1_000_000} MB: a list of sources is smaller")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise OpmlError(f"not readable as OPML: {error}") from error
    if root.tag != "opml":
        raise OpmlError(f"not OPML: the document is <{root.tag!s}>")
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise OpmlError("declares entities: no list of sources needs them")
    inner = root.find("body")
    if inner is None:
        raise OpmlError("the document has no body")
    return inner


def _outline(title: str, url: str, kind: str, attributes: dict[str, str]) -> Outline:
    language = attributes.get("language", "")
    return Outline(
        title=title,
        url=url,
        kind=None if attributes.get("xmlUrl") else kind,
        language=language if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", language) else None,
        topics=tuple(
            dict.fromkeys(
                topic
                for topic in map(str.strip, attributes.get("category", "").split(","))
                if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", topic)
            )
        ),
    )


def add_sources(text: str, outlines: Sequence[Outline], config: Config) -> tuple[str, list[str]]:
    """Return `text` with one source more for each of `outlines`, and the ids of these sources."""
    ids = {source.id for source in config.sources}
    lines, new_ids = [], []
    for outline in outlines:
        id_ = free_id(outline.title, ids)
        ids.add(id_)
        new_ids.append(id_)
        lines += [f"  - id: {id_}", *(f"    {key}: {value}" for key, value in _keys(outline).items())]
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
    """Return an id made of a title that is not `taken` yet."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "source"
    candidate, n = stem, 2
    while candidate in taken:
        candidate, n = f"{stem}-{n}", n + 1
    return candidate


def _keys(outline: Outline) -> dict[str, str]:
    keys = {"name": quoted(outline.title), "url": quoted(outline.url)}
    if outline.kind:
        keys["kind"] = outline.kind
    if outline.language:
        keys["language"] = quoted(outline.language)  # `no` would be false
    if outline.topics:
        keys["topics"] = f"[{', '.join(map(quoted, outline.topics))}]"
    return keys
