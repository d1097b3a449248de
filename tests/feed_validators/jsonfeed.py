"""Validate JSON feeds by JSON Feed 1.1 and this project's rules (PB5, PB10, PB14).

Source: jsonfeed.org/version/1.1.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.feed_validators import rules

VERSION = "https://jsonfeed.org/version/1.1"
FEED = {
    "version": str,
    "title": str,
    "home_page_url": str,
    "feed_url": str,
    "description": str,
    "user_comment": str,
    "next_url": str,
    "icon": str,
    "favicon": str,
    "authors": list,
    "language": str,
    "expired": bool,
    "hubs": list,
    "items": list,
}
ITEM = {
    "id": str,
    "url": str,
    "external_url": str,
    "title": str,
    "content_html": str,
    "content_text": str,
    "summary": str,
    "image": str,
    "banner_image": str,
    "date_published": str,
    "date_modified": str,
    "authors": list,
    "tags": list,
    "language": str,
    "attachments": list,
}
AUTHOR = {"name": str, "url": str, "avatar": str}
HUB = {"type": str, "url": str}
ATTACHMENT = {
    "url": str,
    "mime_type": str,
    "title": str,
    "size_in_bytes": (int, float),
    "duration_in_seconds": (int, float),
}
ADDRESSES = "home_page_url feed_url next_url icon favicon url external_url image banner_image avatar".split()
MAX_BYTES = 512 * 1024


def problems(document: bytes, url: str, now: datetime | None = None) -> list[str]:
    """List the rules that a JSON feed served at `url` breaks."""
    found: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = Counter(name for name, _ in pairs)
        found.extend(f"RFC 8259 4: the key {name!r} stands {n} times" for name, n in names.items() if n > 1)
        return dict(pairs)

    try:
        feed = json.loads(document.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_number)
    except ValueError as error:
        return [f"RFC 8259: no JSON in UTF-8: {error}"]
    if not isinstance(feed, dict):
        return ["JSON Feed: not an object"]
    found += _object(feed, FEED, "feed")
    found += _feed(feed, url)
    items = [item for item in feed.get("items") or () if isinstance(item, dict)]
    if len(items) != len(feed.get("items") or ()):
        found.append("JSON Feed: an item is no object")
    for item in items:
        found += (f"{problem} (item {item.get('id')})" for problem in _item(item, now))
    ids = Counter(str(item.get("id")) for item in items)
    found += [f"JSON Feed: {n} items have the id {id_}" for id_, n in ids.items() if n > 1]
    if len(document) > MAX_BYTES:
        found.append(f"PB14: {len(document)} bytes")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _object(value: dict[str, Any], shape: dict[str, Any], where: str) -> Iterator[str]:
    """Check keys, types, absolute URLs, and the absence of invisible characters."""
    for key, said in value.items():
        if key.startswith("_"):
            if not isinstance(said, dict) or "." in key:
                yield f"JSON Feed, Extensions: {where}.{key} is no object or has a dot in its name"
        elif key not in shape:
            yield f"JSON Feed: {where}.{key} is unknown"
        elif not isinstance(said, shape[key]) or (isinstance(said, bool) and shape[key] is not bool):
            yield f"JSON Feed: {where}.{key} is {said!r}"
        elif key in ADDRESSES and key != "id":
            yield from rules.address(said, f"{where}.{key}")
        if isinstance(said, str):
            if not said.strip():
                yield f"JSON Feed: {where}.{key} is blank"
            if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", said):
                yield f"PB5: {where}.{key} has control characters"


def _feed(feed: dict[str, Any], url: str) -> Iterator[str]:
    if feed.get("version") != VERSION:
        yield f"JSON Feed: version {feed.get('version')!r}"
    for wanted in ("title", "items"):
        if wanted not in feed:
            yield f"JSON Feed: no {wanted}"
    for wanted in ("home_page_url", "authors", "language"):
        if wanted not in feed:
            yield f"PB10: no {wanted}"
    if feed.get("feed_url") != url:
        yield f"PB10: feed_url is {feed.get('feed_url')!r}, served at {url}"
    if "language" in feed:
        yield from rules.language(str(feed["language"]), "feed.language")
    yield from _authors(feed, "feed")
    for hub in feed.get("hubs") or ():
        yield from _parts(hub, HUB, "hub", ("type", "url"))


def _item(item: dict[str, Any], now: datetime | None) -> Iterator[str]:
    yield from _object(item, ITEM, "item")
    if not isinstance(item.get("id"), str):
        yield "JSON Feed: the id is no string"
    elif not item["id"].startswith("tag:"):
        yield "PB10: the id is no tag: URI"
    if "content_html" not in item and "content_text" not in item:
        yield "JSON Feed: neither content_html nor content_text"
    if isinstance(item.get("content_html"), str):
        yield from rules.html(item["content_html"], "content_html", whole=True)
    if "url" not in item:
        yield "PB10: no url"
    moments = {}
    for key in ("date_published", "date_modified"):
        if key in item:
            moments[key], wrong = rules.rfc3339(str(item[key]), key, now)
            yield from wrong
    if "date_published" not in item:
        yield "PB10: no date_published"
    first, last = moments.get("date_published"), moments.get("date_modified")
    if first and last and first > last:
        yield "PB4: published after modified"
    if "language" in item:
        yield from rules.language(str(item["language"]), "item.language")
    yield from _authors(item, "item")
    tags = item.get("tags") or ()
    if any(not isinstance(tag, str) or not tag.strip() for tag in tags):
        yield f"JSON Feed: tags are {tags!r}"
    for attachment in item.get("attachments") or ():
        yield from _parts(attachment, ATTACHMENT, "attachment", ("url", "mime_type"))
        if isinstance(attachment, dict) and not rules.MIME.fullmatch(str(attachment.get("mime_type"))):
            yield f"JSON Feed: mime_type {attachment.get('mime_type')!r}"


def _authors(value: dict[str, Any], where: str) -> Iterator[str]:
    for author in value.get("authors") or ():
        yield from _parts(author, AUTHOR, f"{where}.author", ())
        if isinstance(author, dict) and not set(AUTHOR) & set(author):
            yield f"JSON Feed: an author of the {where} has neither name, url nor avatar"


def _parts(value: Any, shape: dict[str, Any], where: str, wanted: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"JSON Feed: {where} is no object"
        return
    yield from _object(value, shape, where)
    yield from (f"JSON Feed: {where} without {key}" for key in wanted if key not in value)
