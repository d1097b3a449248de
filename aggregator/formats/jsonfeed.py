"""Parse JSON Feed 1.0 and 1.1 (jsonfeed.org) into entries."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import fragment_links, hub_links
from aggregator.formats.json_text import as_list, load_json
from aggregator.model.config import Source
from aggregator.model.documents import Enclosure, Entry, ParsedDocument
from aggregator.text import block, line

MAX_ENTRIES = 2_000


def is_json(body: bytes) -> bool:
    """Return whether a body is JSON and not XML, whatever its content type."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def read(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> ParsedDocument:
    """Parse a JSON Feed; unknown members are ignored, as the specification requires."""
    data = load_json(body)
    if not isinstance(data, dict) or not isinstance(data.get("items"), list):
        raise UnreadableDocument("the response is JSON, but no JSON Feed: it has no list of items")
    items = [item for item in data["items"] if isinstance(item, dict)]
    notes = []
    if len(items) > MAX_ENTRIES:
        notes.append(f"{len(items)} entries, only the first {MAX_ENTRIES} were taken")
    if "jsonfeed.org" not in str(data.get("version", "")):
        notes.append("no JSON Feed version given")
    feed_language, feed_authors = line(data.get("language"), 40), _authors(data)
    return ParsedDocument(
        entries=tuple(
            _entry(n, item, url, feed_language, feed_authors) for n, item in enumerate(items[:MAX_ENTRIES])
        ),
        title=line(data.get("title"), 300),
        feed_id=urls.web_link(line(data.get("feed_url"))),
        site_link=urls.join(url, data.get("home_page_url")),
        language=feed_language,
        notes=tuple(notes),
        hub=hub_links.first_web_address(_hubs(data), url),
        topic=urls.join(url, data.get("feed_url")),
        format=_format(data.get("version")),
    )


def _hubs(data: dict[str, Any]) -> list[object]:
    """Return the URLs of WebSub hubs, without those of other protocols such as rssCloud."""
    hubs = [hub for hub in as_list(data.get("hubs")) if isinstance(hub, dict)]
    return [hub.get("url") for hub in hubs if str(hub.get("type", "")).lower() == "websub"]


def _format(version: object) -> str:
    """Return the name of the format, with the version at the end of its URL."""
    match = re.search(r"version/(1(?:\.\d)?)$", str(version))
    return f"JSON Feed {match[1] if match[1] != '1' else '1.0'}" if match else "JSON Feed"


def _entry(
    position: int, item: dict[str, Any], url: str, language: str | None, feed_authors: tuple[str, ...]
) -> Entry:
    link = _link(item, url)
    html = fragment_links.to_page(block(item.get("content_html")), link)
    text = block(item.get("content_text"))
    return Entry(
        position=position,
        guid=_id(item.get("id")),
        link=link,
        title=line(item.get("title"), 5_000) or "",
        title_is_html=False,
        summary=None if html or text else block(item.get("summary")),
        content=html or text,
        text_is_html=bool(html),
        published=line(item.get("date_published"), 200),
        updated=line(item.get("date_modified"), 200),
        authors=_authors(item) or feed_authors,
        categories=tuple(filter(None, (line(tag, 200) for tag in as_list(item.get("tags"))[:100]))),
        enclosures=tuple(_enclosures(item, url)),
        language=line(item.get("language"), 40) or language,
        base=url,
    )


def _link(item: dict[str, Any], url: str) -> str | None:
    """Return the permalink, else the page that a link blog points to, else an id that is a URL."""
    links = (urls.join(url, item.get(name)) for name in ("url", "external_url"))
    identifier = item.get("id")
    return next(filter(None, links), None) or (
        urls.web_link(identifier) if isinstance(identifier, str) else None
    )


def _id(value: object) -> str | None:
    """Return an id as text; ids that are numbers are accepted too (JSON Feed 1.1)."""
    if isinstance(value, bool):
        return None
    return line(str(value) if isinstance(value, int) else value)


def _authors(thing: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the authors that a feed or an item states."""
    people = as_list(thing.get("authors")) or [thing.get("author")]  # JSON Feed 1.0 has one `author`
    names = (line(person.get("name"), 200) for person in people if isinstance(person, dict))
    return tuple(name for name in names if name)[:50]


def _enclosures(item: dict[str, Any], url: str) -> list[Enclosure]:
    enclosures = []
    for attachment in as_list(item.get("attachments"))[:20]:
        link = urls.join(url, attachment.get("url")) if isinstance(attachment, dict) else None
        if link:
            length = attachment.get("size_in_bytes")
            enclosures.append(
                Enclosure(
                    url=link,
                    type=line(attachment.get("mime_type"), 100),
                    length=length if type(length) is int and 0 <= length < 10**15 else None,
                )
            )
    return enclosures
