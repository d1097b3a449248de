"""Run the web app on a workplace, and act as a person with browser and mailbox does."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from email.message import EmailMessage
from urllib.parse import urlencode, urlsplit

from aggregator.web import app, server
from tests.digests.scenario import messages, text_of
from tests.processes import until
from tests.workplace import HEAD, Workplace

DIGESTS = """\
  - {id: weekly, title: Imaging weekly, schedule: "mon 08:00"}
  - {id: daily, title: Imaging daily, schedule: "daily 08:00"}
"""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Page:
    """Hold a response: status, headers in lower case, text."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Visitor:
    """Send requests to the web app of a workplace, and read what it mailed."""

    place: Workplace
    port: int

    def get(self, path: str, **headers: str) -> Page:
        """Request a page; `path` may be a whole URL."""
        return self._ask("GET", path, b"", headers)

    def post(self, path: str, *fields: tuple[str, str], **headers: str) -> Page:
        """Send a form."""
        body = urlencode(fields).encode()
        return self._ask("POST", path, body, {"content-type": FORM, **headers})

    def send(self, path: str, body: bytes, **headers: str) -> Page:
        """Send a body of any type."""
        return self._ask("POST", path, body, headers)

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        parts = urlsplit(path)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            line.request(method, target, body if method == "POST" else None, sent)
            answer = line.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Page(answer.status, found, answer.read().decode())

    def sign_up(self, address: str, *digests: str, language: str = "en", **headers: str) -> Page:
        """Fill and send the form."""
        chosen = [("digest", digest) for digest in digests or ("weekly",)]
        fields = [("action", "signup"), ("address", address), ("language", language), *chosen]
        return self.post("/subscribe", *fields, **headers)

    def ask_for_link(self, address: str) -> Page:
        """Ask for the link to a subscription."""
        return self.post("/subscribe", ("action", "link"), ("address", address))


def configure(place: Workplace, more: str = "", digests: str = DIGESTS, sources: str = "[]") -> None:
    """Write feeds.yaml with a web app and two digests."""
    web = 'web: {url: "https://news.example/"}\n'
    place.write(f"{web}{more}sources: {sources}\ndigests:\n{digests}", HEAD)


@contextmanager
def visiting(place: Workplace) -> Iterator[Visitor]:
    """Serve the web app as the daemon does."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = place.app().config
    web = app.build(config, list, clock=place.clock, app=lambda: replace(place.app()))
    running = server.Server(server.config(web, config.site, config.web.trusted_proxies))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: running.started)
        yield Visitor(place, listener.getsockname()[1])
    finally:
        running.should_exit = True
        thread.join()
        listener.close()


def mailbox(place: Workplace, address: str) -> list[EmailMessage]:
    """Return the messages in the outbox to an address, oldest first."""
    found = [message for message in messages(place) if message["To"] == address]
    return sorted(found, key=lambda message: message["Date"].datetime)


def link_in(message: EmailMessage, kind: str) -> str:
    """Return the first link of a kind (confirm, subscription, unsubscribe) in a message."""
    found = re.search(rf"https://news\.example/({kind}/\S+)", text_of(message))
    assert found, text_of(message)
    return "/" + found[1]
