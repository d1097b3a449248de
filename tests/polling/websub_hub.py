"""A WebSub hub on loopback; tests control its verifications, pushes and failures."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.subscribers.visitor import Page, Visitor

Form = dict[str, str]


class Hub:
    """Record requests and respond with `status`; `on_request` is called before the response."""

    def __init__(self) -> None:
        self.forms: list[Form] = []
        self.status, self.headers = 202, dict[str, str]()
        self.on_request: Callable[[Form], object] = lambda form: form
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                hub.forms.append(form)
                hub.on_request(form)
                self.send_response(hub.status)
                for name, value in hub.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Ignore clients that were killed."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hub"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def modes(self) -> list[str]:
        """Return the modes of the requests since the last call."""
        modes = [form["hub.mode"] for form in self.forms]
        self.last = self.forms[-1] if self.forms else {}
        self.forms.clear()
        return modes

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def hub_running() -> Iterator[Hub]:
    """Run a hub."""
    hub = Hub()
    try:
        yield hub
    finally:
        hub.close()


def callback(form: Form) -> str:
    """Return the path of the callback in a request."""
    return urlsplit(form["hub.callback"]).path


def verify(visitor: Visitor, form: Form, **changed: str | None) -> Page:
    """Verify a request as a hub does; `changed` replaces parameters, None omits one."""
    query: dict[str, str | None] = {
        "hub.mode": form["hub.mode"],
        "hub.topic": form["hub.topic"],
        "hub.challenge": "a challenge & more",
        "hub.lease_seconds": form.get("hub.lease_seconds"),
        **{f"hub.{name}": value for name, value in changed.items()},
    }
    return visitor.get(f"{callback(form)}?{urlencode({k: v for k, v in query.items() if v is not None})}")


def signature(form: Form, body: bytes, method: str = "sha256") -> str:
    """Return the signature of a body."""
    return f"{method}={hmac.new(form['hub.secret'].encode(), body, method).hexdigest()}"


def push(visitor: Visitor, form: Form, body: bytes, signed: str | None = None) -> int:
    """Push a body, signed or with the given signature, and return the status of the response."""
    headers = {"X-Hub-Signature": signature(form, body) if signed is None else signed}
    return visitor.send(callback(form), body, content_type="application/rss+xml", **headers).status


def body_hash(body: bytes) -> str:
    """Return the hash by which a repeated push is recognised."""
    return hashlib.sha256(body).hexdigest()
