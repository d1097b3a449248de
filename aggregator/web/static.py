"""Serve published files with media types, validators and freshness lifetimes."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aggregator.model.config import Site
from aggregator.model.stories import UnpublishedStory
from aggregator.ports import Clock
from aggregator.publishing import stylesheet
from aggregator.web import pages
from aggregator.web.conditional import is_not_modified, is_refused, prefers_gzip, prefers_page
from aggregator.web.file_cache import CachedFile, FileCache, Folder, LargeFile, in_memory
from aggregator.web.headers import ANY_ORIGIN, METHODS, PREFLIGHT, SECURITY, Headers
from aggregator.web.story_pages import StoryPages, is_gone_page

LIFETIME_SECONDS = 600
"""Seconds that a document is fresh: the documented interval between runs of `fetch` (V6)."""
LONG_LIFETIME_SECONDS = 86_400
"""Seconds that a stylesheet or frozen archive document is fresh (P2)."""

CHUNK_BYTES = 64 * 1024
"""Maximum bytes passed to uvicorn at once, which it buffers for each slow client."""

ATOM, RSS = "application/atom+xml; charset=utf-8", "application/rss+xml; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"
FEEDS = {
    "atom.xml": ATOM,
    "rss.xml": RSS,
    "feed.json": "application/feed+json; charset=utf-8",
}
SUFFIXES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "ics": "text/calendar; charset=utf-8",
    "opml": "text/x-opml; charset=utf-8",
    "xml": XML_TYPE,
    "json": "application/json; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}
NEGOTIATED = {ATOM, RSS}
"""Media types that browsers get as `application/xml`, to apply the stylesheet (PB15)."""
CROSS_ORIGIN = {"xml", "json", "ics", "opml"}
"""Suffixes of documents that readers running in a browser may request from another origin."""

ARCHIVE = re.compile(r"archive/(\d{4}-\d{2})\.xml")

STYLESHEET = in_memory(stylesheet.render().body)
NEGOTIATION_FIELDS = (
    b"accept",
    b"accept-encoding",
    b"if-none-match",
    b"if-modified-since",
    b"if-match",
    b"if-unmodified-since",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFiles:
    """Serve a folder as an ASGI app."""

    cache: FileCache
    site: Site
    hub: str | None
    clock: Clock
    stories: StoryPages
    methods: Callable[[Scope], bytes] = lambda _: METHODS
    """Methods of an address, such as those of a form (RFC 9110 section 10.2.1)."""

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Respond to a request."""
        path = scope["path"].removeprefix("/")
        if scope["method"] not in ("GET", "HEAD"):
            await self._send_other_method(path, scope, send)
            return
        if not path or path.endswith("/"):
            path += "index.html"
        file = None if b"%2f" in scope["raw_path"].lower() else self._find(path)
        if gone := await self.stories.find_gone(path, file):
            await self._send_gone(path, file, gone, scope, send)
        elif isinstance(file, CachedFile):
            await self._send_cached(path, file, scope, send)
        elif isinstance(file, LargeFile):
            await self._send_large(path, file, scope, send)
        elif isinstance(file, Folder):
            await self._send_error(scope, send, 301, (b"location", _with_slash(scope)))
        else:
            await self._send_error(scope, send, 404)

    def _find(self, path: str) -> CachedFile | LargeFile | Folder | None:
        """Return a file; the stylesheet of this version also before it was published."""
        return self.cache.find(path) or (STYLESHEET if path == stylesheet.render().path else None)

    async def _send_other_method(self, path: str, scope: Scope, send: Send) -> None:
        allow = (b"allow", self.methods(scope))
        if scope["method"] != "OPTIONS":
            await self._send_error(scope, send, 405, allow)
            return
        foreign = [*ANY_ORIGIN, *PREFLIGHT] if _suffix(path) in CROSS_ORIGIN else []
        await _send(send, 204, [*SECURITY, allow, *foreign], b"")

    async def _send_gone(
        self,
        path: str,
        file: CachedFile | LargeFile | Folder | None,
        gone: UnpublishedStory,
        scope: Scope,
        send: Send,
    ) -> None:
        """Redirect to the story into which another was merged, or say that it is gone."""
        if gone.merged_into:
            await self._send_error(
                scope, send, 301, (b"location", f"./{gone.merged_into}.{_suffix(path)}".encode())
            )
        elif isinstance(file, CachedFile) and is_gone_page(file):
            await self._send_cached(path, file, scope, send, status=410)
        else:
            await self._send_error(scope, send, 410)

    async def _send_error(self, scope: Scope, send: Send, status: int, *more: tuple[bytes, bytes]) -> None:
        """Send the page of an error or redirect."""
        body = pages.render_error(self.site, scope["path"], status)
        headers = [
            *SECURITY,
            (b"cache-control", b"no-store"),
            *_content_headers(SUFFIXES["html"], len(body)),
            *more,
        ]
        await _send(send, status, headers, b"" if scope["method"] == "HEAD" else body)

    async def _send_cached(
        self, path: str, file: CachedFile, scope: Scope, send: Send, *, status: int = 200
    ) -> None:
        accept, accept_encoding, if_none_match, if_modified_since, if_match, if_unmodified_since = (
            _negotiation_fields(scope)
        )
        compressed = file.gzip if prefers_gzip(accept_encoding) else None
        selected = compressed or file.identity
        media_type = _media_type(path)
        as_page = media_type in NEGOTIATED and prefers_page(accept)
        # Each media type has its own ETag: a cache may send ETags of all its variants, and a 304 selects one of them
        # (RFC 9111 section 4.3.3).
        etag = f'{selected.etag[:-1]}-shown"' if as_page else selected.etag
        headers = [(b"etag", etag.encode()), *self._headers(path, media_type, file)]
        if status == 200 and is_refused(if_match, if_unmodified_since, etag, file.last_modified):
            await self._send_error(scope, send, 412)
            return
        if status == 200 and is_not_modified(if_none_match, if_modified_since, etag, file.last_modified):
            await _send(send, 304, headers, b"")
            return
        if compressed:
            headers.append((b"content-encoding", b"gzip"))
        headers += _content_headers(XML_TYPE if as_page else media_type, len(selected.content))
        await _send(send, status, headers, b"" if scope["method"] == "HEAD" else selected.content)

    async def _send_large(self, path: str, large: LargeFile, scope: Scope, send: Send) -> None:
        with large.file as file:
            accept, _, if_none_match, if_modified_since, if_match, if_unmodified_since = _negotiation_fields(
                scope
            )
            media_type = _media_type(path)
            as_page = media_type in NEGOTIATED and prefers_page(accept)
            headers = self._headers(path, media_type, large)
            if is_refused(if_match, if_unmodified_since, None, large.last_modified):
                await self._send_error(scope, send, 412)
                return
            if is_not_modified(if_none_match, if_modified_since, None, large.last_modified):
                await _send(send, 304, headers, b"")
                return
            headers += _content_headers(XML_TYPE if as_page else media_type, large.size)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            remaining = 0 if scope["method"] == "HEAD" else large.size
            while remaining and (chunk := await asyncio.to_thread(file.read, min(CHUNK_BYTES, remaining))):
                remaining -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    def _headers(self, path: str, media_type: str, file: CachedFile | LargeFile) -> Headers:
        """Return the headers of 200 and 304 alike (RFC 9110 section 15.4.5)."""
        name = path.rpartition("/")[2]
        seconds = self._lifetime(path)
        headers = [
            *SECURITY,
            (b"last-modified", file.last_modified.encode()),
            (b"cache-control", b"public, max-age=%d, stale-if-error=86400" % seconds),
        ]
        if _suffix(path) in CROSS_ORIGIN:
            headers += ANY_ORIGIN
        vary = [b"accept-encoding"] if isinstance(file, CachedFile) and file.gzip else []
        vary += [b"accept"] if media_type in NEGOTIATED else []
        if vary:
            headers.append((b"vary", b", ".join(vary)))
        if name in FEEDS:
            links = [(self.site.url + quote(path), "self"), *([(self.hub, "hub")] if self.hub else [])]
            headers.append((b"link", ", ".join(f'<{url}>; rel="{rel}"' for url, rel in links).encode()))
        return headers

    def _lifetime(self, path: str) -> int:
        if path.endswith(".css"):
            return LONG_LIFETIME_SECONDS
        if archive := ARCHIVE.fullmatch(path):
            # A day after its end, in every time zone, the last run has written the month.
            frozen = archive[1] < f"{self.clock() - timedelta(days=1):%Y-%m}"
            return LONG_LIFETIME_SECONDS if frozen else LIFETIME_SECONDS
        return LIFETIME_SECONDS


def _negotiation_fields(scope: Scope) -> tuple[str | None, ...]:
    """Return the values of `NEGOTIATION_FIELDS`, lines joined (RFC 9110 section 5.3)."""
    values: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in NEGOTIATION_FIELDS:
            text = value.decode("latin-1")
            values[name] = f"{values[name]}, {text}" if name in values else text
    return tuple(map(values.get, NEGOTIATION_FIELDS))


def _suffix(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[2]


def _media_type(path: str) -> str:
    name = path.rpartition("/")[2]
    known = ATOM if ARCHIVE.fullmatch(path) else FEEDS.get(name) or SUFFIXES.get(name.rpartition(".")[2])
    return known or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _content_headers(media_type: str, length: int) -> Headers:
    return [(b"content-type", media_type.encode()), (b"content-length", b"%d" % length)]


def _with_slash(scope: Scope) -> bytes:
    """Return the relative URL of a folder, which is valid below any prefix.

    It begins with `./`, because a name with a colon would be read as a scheme (RFC 3986 section 4.2).
    """
    name: bytes = scope["raw_path"].rpartition(b"/")[2]
    query: bytes = scope["query_string"]
    return b"./" + name + b"/" + (b"?" + query if query else b"")


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    last = max(len(body) - 1, 0) // CHUNK_BYTES * CHUNK_BYTES
    for start in range(0, last, CHUNK_BYTES):
        chunk = body[start : start + CHUNK_BYTES]
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": body[last:]})


class StaticResponse(Response):
    """Respond with the published file of this path, or its 404."""

    def __init__(self, static: StaticFiles) -> None:
        super().__init__()
        self.static = static

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        await self.static(scope, receive, send)
