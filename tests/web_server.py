"""Serve answers over HTTP on loopback addresses, and record the requests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

_addresses = count(1)


@dataclass
class Asked:
    """Hold one request that a server received; header names in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass
class Answer:
    """Hold one response of a server."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Asked], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that were killed."""


class Web:
    """Serve on an address 127.88.x.y of its own.

    `answers` maps paths to an Answer or a function of the request; other paths are answered with 404.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Script] = {}
        self.asked: list[Asked] = []
        n = next(_addresses)
        self._server = _Server((f"127.88.{n // 250}.{n % 250 + 1}", 0), self._handler())
        host, port = self._server.server_address[:2]
        self.url = f"http://{host}:{port}"  # type: ignore[str-bytes-safe]
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def feed(self, path: str, body: bytes, etag: str | None = None) -> None:
        """Serve a feed at `path`, with 304 for a request that has its ETag."""

        def answer(asked: Asked) -> Answer:
            headers = {"ETag": etag} if etag else {}
            if etag and asked.headers.get("if-none-match") == etag:
                return Answer(status=304, headers=headers)
            return Answer(body=body, headers=headers | {"Content-Type": "application/rss+xml"})

        self.answers[path] = answer

    def forget(self) -> None:
        """Remove all answers and recorded requests."""
        self.asked.clear()
        self.answers.clear()

    def close(self) -> None:
        """Stop the server, if it runs."""
        if self._closed:
            return
        self._closed = True
        self._server.socket.shutdown(socket.SHUT_RDWR)  # ends the wait for a connection
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        """Serve without a deadline: `serve_forever` wakes up by itself, and is stopped only then."""
        while not self._closed:
            self._server.handle_request()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()})
                web.asked.append(asked)
                scripted = web.answers.get(self.path, Answer(status=404))
                answer = scripted if isinstance(scripted, Answer) else scripted(asked)
                # send_response would add a Date of its own.
                (self.send_response_only if "Date" in answer.headers else self.send_response)(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        return Handler
