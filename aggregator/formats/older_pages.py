"""Find the URL of the document with older entries: RFC 5005, JSON Feed, WordPress, pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlunsplit

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import jsonfeed
from aggregator.model.config import Source

SEARCHED_BYTES = 65_536
"""Number of bytes at the beginning and at the end of a feed that may hold its own links."""

_LINK = re.compile(rb"<(?:\w+:)?link\b([^<>]{1,2000})>")
_REL = re.compile(rb"\brel\s*=\s*[\"'](prev-archive|next)[\"']")
_HREF = re.compile(rb"\bhref\s*=\s*[\"']([^\"'<>]{1,2000})[\"']")
_WORDPRESS = re.compile(rb"<generator>\s*https?://wordpress\.(?:org|com)/")


def older_url(body: bytes, at: str, source: Source) -> str | None:
    """Return the URL of the document before `body`, which came from `at`; only on the same host."""
    url = _FINDERS.get(source.kind, _in_feed)(body, at, source)
    if url is None or url == at or urls.host(url) != urls.host(at):
        return None
    return url


def _in_feed(body: bytes, at: str, source: Source) -> str | None:
    if jsonfeed.is_json(body):
        return _in_json(body, at, source)
    searched = body[:SEARCHED_BYTES] + body[-SEARCHED_BYTES:]
    is_named = b"prev-archive" in searched or b"next" in searched
    for match in _LINK.finditer(searched) if is_named else ():
        target = _HREF.search(match[1])
        if target and _REL.search(match[1]):
            return urls.join(at, unescape(target[1].decode("utf-8", "replace")))
    if _WORDPRESS.search(body[:SEARCHED_BYTES]):
        return _next_numbered(at, "paged")
    return None


def _in_json(body: bytes, at: str, _source: Source) -> str | None:
    """Return JSON Feed's `next_url` or Zenodo's `links.next`."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    links = data.get("links")
    return urls.join(at, data.get("next_url")) or urls.join(
        at, links.get("next") if isinstance(links, dict) else None
    )


def _in_wordpress(_body: bytes, at: str, _source: Source) -> str | None:
    return _next_numbered(at, "page")


def _in_page(body: bytes, at: str, source: Source) -> str | None:
    from aggregator.formats import page

    try:
        return page.next_page(body, at, source)
    except UnreadableDocument:
        return None


def _next_numbered(at: str, name: str) -> str | None:
    """Return the URL of the next in a series of numbered documents."""
    parts = urls.parse(at)
    if parts is None:
        return None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    number = query.get(name, "1")
    query[name] = str(int(number) + 1 if re.fullmatch(r"[0-9]{1,4}", number) else 2)
    return urlunsplit(parts._replace(query=urlencode(query, safe=":,/")))


_Finder = Callable[[bytes, str, Source], str | None]
_FINDERS: dict[str, _Finder] = {
    "jsonfeed": _in_json,
    "zenodo": _in_json,
    "wordpress": _in_wordpress,
    "page": _in_page,
    "ical": lambda _body, _at, _source: None,
}
