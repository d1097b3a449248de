"""Read the sources of an OPML file."""

from __future__ import annotations

import re
from collections.abc import Collection

from lxml import etree

from aggregator.config import values
from aggregator.config.new_sources import MAX_BYTES, NewSource, SourceListError
from aggregator.text import line

KINDS = ("ical", "wordpress", "zenodo")
"""Kinds of sources that are not feeds; `publishing.opml` writes them as `type`."""


def read_opml(body: bytes, known_urls: Collection[str]) -> tuple[tuple[NewSource, ...], tuple[str, ...]]:
    """Return the new sources of an OPML document, and a reason for each that cannot be polled.

    Reads OPML 1.0 and 2.0. Each URL is returned once, URLs in `known_urls` are not. Raises SourceListError.
    """
    sources: dict[str, NewSource] = {}
    left_out: dict[str, str] = {}
    for outline in _body(body).iter("outline"):
        # Programs also write xmlurl and XMLURL.
        attributes = {str(key).lower(): line(value) or "" for key, value in outline.attrib.items()}
        address, kind = (
            attributes.get("xmlurl") or attributes.get("url") or "",
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
        if url in known_urls:
            continue
        if attributes.get("xmlurl") or kind in KINDS:
            sources.setdefault(url, _source(title or url[:300], url, kind, attributes))
        else:
            left_out[url] = f"{title}: {url} has no feed; `aggregator source discover` finds how to poll it"
    return tuple(sources.values()), tuple(reason for url, reason in left_out.items() if url not in sources)


def _body(document: bytes) -> etree._Element:
    if len(document) > MAX_BYTES:
        raise SourceListError(f"larger than {MAX_BYTES // 1_000_000} MB: a list of sources is smaller")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise SourceListError(f"not readable as OPML: {error}") from error
    if root.tag != "opml":
        raise SourceListError(f"not OPML: the document is <{root.tag!s}>")
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise SourceListError("declares entities: no list of sources needs them")
    inner = root.find("body")
    if inner is None:
        raise SourceListError("the OPML document has no <body>")
    return inner


def _source(title: str, url: str, kind: str, attributes: dict[str, str]) -> NewSource:
    language = attributes.get("language", "")
    return NewSource(
        name=title,
        url=url,
        kind=None if attributes.get("xmlurl") else kind,
        language=language if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", language) else None,
        topics=tuple(
            dict.fromkeys(
                topic
                for topic in map(str.strip, attributes.get("category", "").split(","))
                if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", topic)
            )
        ),
    )
