"""Parse the posts of a WordPress site by its REST API, for sites without a feed."""

from __future__ import annotations

import html
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats.json_text import as_list, as_object, load_json
from aggregator.model.config import Source
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.text import block, line

MAX_ENTRIES = 500


def read(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> ParsedDocument:
    """Parse a list of posts, with authors and terms if they are embedded (`_embed`)."""
    posts = load_json(body)
    if not isinstance(posts, list):
        message = line(as_object(posts).get("message"), 200)
        raise UnreadableDocument(f"the response is no list of posts{f': {message}' if message else ''}")
    return ParsedDocument(
        entries=tuple(_entry(n, as_object(post), url) for n, post in enumerate(posts[:MAX_ENTRIES])),
        site_link=_site(url),
    )


def _entry(position: int, post: dict[str, Any], url: str) -> Entry:
    return Entry(
        position=position,
        guid=line(html.unescape(_rendered(post, "guid") or "")),
        link=urls.join(url, post.get("link")),
        title=block(_rendered(post, "title"), 20_000) or "",
        summary=block(_rendered(post, "excerpt")),
        content=block(_rendered(post, "content")),
        published=_moment(post, "date"),
        updated=_moment(post, "modified"),
        authors=tuple(_names(post, "author")),
        categories=tuple(_names(post, "wp:term")),
        base=urls.join(url, post.get("link")) or url,
    )


def _rendered(post: dict[str, Any], key: str) -> str | None:
    value = post.get(key)
    if isinstance(value, dict):  # a protected post holds a sentence about its protection
        value = None if value.get("protected") is True else value.get("rendered")
    return value if isinstance(value, str) else None


def _moment(post: dict[str, Any], key: str) -> str | None:
    """Return a date: `date_gmt` is UTC but lacks the Z, `date` is in the site's zone."""
    written = line(post.get(f"{key}_gmt"), 100)
    if written and not written.startswith("0000"):
        return written if re.search(r"Z$|[+-]\d\d:?\d\d$", written) else f"{written}Z"
    return line(post.get(key), 100)


def _names(post: dict[str, Any], key: str) -> Iterator[str]:
    """Yield the embedded names under `key`, each once; a hidden author has none."""
    names: dict[str, None] = {}
    for inner in as_list(as_object(post.get("_embedded")).get(key))[:50]:
        for embedded in inner[:100] if isinstance(inner, list) else [inner]:
            name = line(html.unescape(str(as_object(embedded).get("name") or "")), 200)
            if name and as_object(embedded).get("slug") not in ("uncategorized", "allgemein"):
                names.setdefault(name)
    yield from names


def _site(url: str) -> str | None:
    """Return the site of the API."""
    return urls.join(url, re.split(r"wp-json/|\?|index\.php", url)[0])
