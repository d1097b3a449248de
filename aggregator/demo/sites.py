"""Serve the recorded partner sites by HTTP, each on its own loopback address (127.77.0.N)."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

SITES = ("hub", "gerbi", "nfdi", "turin", "fiam", "brno", "lisbon", "oslo", "forum", "restoration")
DAYS = ("day1", "day2", "day3")
TYPES = {
    "/feed/": "application/rss+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    "rdf.xml": "application/rdf+xml",
    ".xml": "application/rss+xml",
    ".json": "application/feed+json",
    "/": "text/html; charset=utf-8",
}
ARTICLE = """<!doctype html><meta charset="utf-8"><title>{path}</title>
<body style="font: 1.1rem sans-serif; max-width: 40rem; margin: 3rem auto">
<p>The recorded partner <b>{site}</b> has no article here; on a real site this would be</p>
<p><code>{path}</code></p>"""


class Community:
    """The recorded sites; `day` is the last recorded day that they show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.day = DAYS[0]
        self.addresses: dict[str, str] = {}

    def answer(self, site: str, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body of `path` on the current day."""
        past = DAYS[: DAYS.index(self.day) + 1]
        if any((self.folder / site / day / "DOWN").exists() for day in past):
            return 503, "text/plain", b"down for maintenance\n"
        name = path.lstrip("/") + ("index.html" if path.endswith("/") else "")
        for day in reversed(past):
            file = self.folder / site / day / name
            if re.fullmatch(r"[\w./-]+", name) and ".." not in name and file.is_file():
                kind = next(kind for end, kind in TYPES.items() if path.endswith(end))
                return 200, kind, self._with_addresses(file.read_bytes())
        return 200, "text/html; charset=utf-8", ARTICLE.format(path=_escape(path), site=site).encode()

    def _with_addresses(self, body: bytes) -> bytes:
        for site, address in self.addresses.items():
            body = body.replace(b"@" + site.encode() + b"@", address.encode())
        return body


@contextmanager
def community_servers() -> Iterator[Community]:
    """Serve all sites while the context lasts, every one on the same port of its own address."""
    with as_file(files(__package__).joinpath("community")) as folder:
        community = Community(folder)
        servers = _bind(community)
        try:
            for server in servers:
                threading.Thread(target=server.serve_forever, daemon=True).start()
            yield community
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()


class _Server(ThreadingHTTPServer):
    """A server that prints no exception when a client closes its connection."""

    def handle_error(self, *args: Any) -> None:
        """Print any other exception."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*args)


def _bind(community: Community) -> list[ThreadingHTTPServer]:
    """Bind a server for each site, all to the port that the first one got."""
    servers: list[ThreadingHTTPServer] = []
    port = 0
    for n, site in enumerate(SITES, start=1):
        server = _Server((f"127.77.0.{n}", port), partial(_Partner, community, site))
        port = server.server_address[1]
        community.addresses[site] = f"http://127.77.0.{n}:{port}"
        servers.append(server)
    return servers


class _Partner(BaseHTTPRequestHandler):
    """Answer GET requests of one site, with an ETag and 304."""

    protocol_version = "HTTP/1.1"

    def __init__(self, community: Community, site: str, *args: object) -> None:
        self.community = community
        self.site = site
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        status, kind, body = self.community.answer(self.site, self.path.partition("?")[0])
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        self.send_response(status)
        if status != 503:
            self.send_header("ETag", etag)
        if status != 304:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
