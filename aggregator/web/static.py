"""`public/` over HTTP (PB6, PB11, PB12): media types, validators, packed twins, lifetimes."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from aggregator.ports import Clock
from aggregator.web.conditional import is_known, wants_gzip, wants_to_be_shown
from aggregator.web.file_cache import Folder, Held, Large, Shelf

Headers = list[tuple[bytes, bytes]]

LIFETIME = 600
"""Seconds: what is published changes with the runs of `fetch`, every ten minutes by the documented habit (V6)."""
LONG_LIFETIME = 86_400
"""Of what hardly ever changes: style sheets, and archives of months that are over (withdrawals excepted, P2)."""

CHUNK = 64 * 1024
"""Bytes handed over at once: what a client has not taken lies in our memory, once for each of them."""

ATOM, RSS = "application/atom+xml; charset=utf-8", "application/rss+xml; charset=utf-8"
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
    "xml": "application/xml; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}
STYLED = {ATOM, RSS}
"""What a browser's address bar gets as `SUFFIXES["xml"]`: the same bytes, shown with their style sheet (PB15)."""
OPEN = {"xml", "json", "ics", "opml"}
"""What readers that live in a browser may read from elsewhere."""

ARCHIVE = re.compile(r"archive/(\d{4}-\d{2})\.xml")

# Pages and feeds bring their style along or have it beside them; they run nothing and load nothing from elsewhere.
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ALWAYS: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin"),  # partners see who sends them readers, not from which page
]
ASKED = (b"accept", b"accept-encoding", b"if-none-match", b"if-modified-since")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The ASGI app over a folder; `site_url` is where the world sees it and ends in a slash."""

    shelf: Shelf
    site_url: str
    hub: str | None
    clock: Clock

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in ("GET", "HEAD"):
            await _say(send, 405, "only GET and HEAD", (b"allow", b"GET, HEAD"))
            return
        path = scope["path"].removeprefix("/")
        if not path or path.endswith("/"):
            path += "index.html"
        found = None if b"%2f" in scope["raw_path"].lower() else self.shelf.find(path)
        if isinstance(found, Held):
            await self._held(path, found, scope, send)
        elif isinstance(found, Large):
            await self._large(path, found, scope, send)
        elif isinstance(found, Folder):
            await _say(send, 301, "a folder", (b"location", _with_slash(scope)))
        else:
            await _say(send, 404, "not found")

    async def _held(self, path: str, held: Held, scope: Scope, send: Send) -> None:
        accept, encodings, tags, since = _asked(scope)
        packed = held.packed if wants_gzip(encodings) else None
        body = packed or held.plain
        kind = _kind(path)
        shown = kind in STYLED and wants_to_be_shown(accept)
        # The type has a say in the tag: a cache may ask with all it has of other requests, and 304 picks one to send.
        etag = f'{body.etag[:-1]}-shown"' if shown else body.etag
        headers = [(b"etag", etag.encode()), *self._headers(path, kind, held)]
        if is_known(tags, since, etag, held.last_modified):
            await _send(send, 304, headers, b"")
            return
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        headers += _content(SUFFIXES["xml"] if shown else kind, len(body.content))
        await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else body.content)

    async def _large(self, path: str, large: Large, scope: Scope, send: Send) -> None:
        with large.file as file:
            accept, _, tags, since = _asked(scope)
            kind = _kind(path)
            shown = kind in STYLED and wants_to_be_shown(accept)
            headers = self._headers(path, kind, large)
            if is_known(tags, since, None, large.last_modified):
                await _send(send, 304, headers, b"")
                return
            headers += _content(SUFFIXES["xml"] if shown else kind, large.size)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            left = 0 if scope["method"] == "HEAD" else large.size
            while left and (chunk := await asyncio.to_thread(file.read, min(CHUNK, left))):
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    def _headers(self, path: str, kind: str, found: Held | Large) -> Headers:
        """What every answer about a document says, 304 included (RFC 9110 15.4.5)."""
        name = path.rpartition("/")[2]
        seconds = self._lifetime(path)
        headers = [
            *ALWAYS,
            (b"last-modified", found.last_modified.encode()),
            (b"cache-control", b"public, max-age=%d, stale-if-error=86400" % seconds),
        ]
        if name.rpartition(".")[2] in OPEN:
            headers.append((b"access-control-allow-origin", b"*"))
        vary = [b"accept-encoding"] if isinstance(found, Held) and found.packed else []
        vary += [b"accept"] if kind in STYLED else []
        if vary:
            headers.append((b"vary", b", ".join(vary)))
        if name in FEEDS:
            links = [(self.site_url + quote(path), "self"), *([(self.hub, "hub")] if self.hub else [])]
            headers.append((b"link", ", ".join(f'<{url}>; rel="{rel}"' for url, rel in links).encode()))
        return headers

    def _lifetime(self, path: str) -> int:
        if path.endswith(".css"):
            return LONG_LIFETIME
        if archive := ARCHIVE.fullmatch(path):
            # A day later the month is over in every zone and its last run has written.
            over = archive[1] < f"{self.clock() - timedelta(days=1):%Y-%m}"
            return LONG_LIFETIME if over else LIFETIME
        return LIFETIME


def _asked(scope: Scope) -> tuple[str | None, ...]:
    """The values of `ASKED`; lines of one field are one list (RFC 9110 5.3)."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in ASKED:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return tuple(map(found.get, ASKED))


def _kind(path: str) -> str:
    name = path.rpartition("/")[2]
    kind = ATOM if ARCHIVE.fullmatch(path) else FEEDS.get(name) or SUFFIXES.get(name.rpartition(".")[2])
    return kind or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _content(kind: str, length: int) -> Headers:
    return [(b"content-type", kind.encode()), (b"content-length", b"%d" % length)]


def _with_slash(scope: Scope) -> bytes:
    """The folder's own address, relative, so that it holds below any prefix; `./` lest a colon make it a scheme."""
    name: bytes = scope["raw_path"].rpartition(b"/")[2]
    query: bytes = scope["query_string"]
    return b"./" + name + b"/" + (b"?" + query if query else b"")


async def _say(send: Send, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
    """A short answer that is no document."""
    body = words.encode() + b"\n"
    about = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await _send(send, status, [*ALWAYS, *about, *headers], body)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    last = max(len(body) - 1, 0) // CHUNK * CHUNK
    for start in range(0, last, CHUNK):
        chunk = body[start : start + CHUNK]
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": body[last:]})
