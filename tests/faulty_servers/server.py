"""Serve raw bytes, each server on a loopback address of its own."""

from __future__ import annotations

import selectors
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.web_server import Asked

SERVER_SECONDS = 8.0
"""Seconds after which a server ends a connection."""
MAX_FLOOD_BYTES = 256_000_000
"""Maximum bytes of a response without end."""
DRIP_SECONDS = 0.2
TLS_HANDSHAKE = b"\x16"

_addresses = count(1)


@dataclass
class Wire:
    """Hold one connection of one client, and what its server has received."""

    conn: socket.socket
    words: dict[bytes, bytes]
    asked: list[Asked]
    path: str = ""

    def hear(self) -> None:
        """Wait for one complete request."""
        request = b""
        while b"\r\n\r\n" not in request and not request.startswith(TLS_HANDSHAKE):
            more = self.conn.recv(65_536)
            if not more:
                return
            request += more
        first, *lines = request.decode("latin-1").split("\r\n\r\n", 1)[0].split("\r\n")
        self.path = first.partition(" ")[2].rpartition(" ")[0]
        pairs = (line.partition(":") for line in lines)
        self.asked.append(Asked(self.path, {name.lower(): value.strip() for name, _, value in pairs}))

    def fill(self, data: bytes) -> bytes:
        """Replace @WORDS@ in `data` by names and addresses."""
        for word, meaning in self.words.items():
            data = data.replace(word, meaning)
        return data

    def send(self, data: bytes) -> None:
        """Send `data` with its @WORDS@ replaced."""
        self.conn.sendall(self.fill(data))

    def wait(self) -> None:
        """Send nothing until the client closes."""
        while self.conn.recv(65_536):
            pass

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.conn.close()


Talk = Callable[[Wire], None]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Hold one fault of a server, and the result that the program is to have."""

    name: str
    says: str
    """One sentence: what the server does, and why the result is right."""
    talk: Talk | None
    """Handles a connection; None refuses connections."""
    outcome: str = "failed"
    """`failed`, `changed`, `unchanged`, or `either` if both are right."""
    words: str = ""
    """What the reason must contain: alternatives separated by bars."""
    survives: bool | None = None
    """Whether its healthy entry must be kept; None: unless the visit fails."""
    then: str = ""
    """Outcome of a second visit; empty: the source is visited once."""
    options: str = ""
    """Further keys of the source in feeds.yaml."""
    https: bool = False
    certificate: str = ""
    """`self-signed`, `expired` or `foreign`: the server uses TLS with it."""
    alone: bool = False
    """Whether it takes much memory or CPU time, and gets a run of its own."""
    hours: tuple[float, float] | None = None
    """Minimum and maximum hours until the next visit."""
    asked: Callable[[Sequence[Asked]], bool] = field(default=lambda _: True)
    """Whether the requests that the server received are right."""


class Listener:
    """Accept connections on a loopback address, and let `talk` handle each in a thread."""

    def __init__(
        self, talk: Talk | None, words: dict[bytes, bytes], tls: Path | None = None, host: str = ""
    ) -> None:
        n = next(_addresses)
        self.asked: list[Asked] = []
        self.connections = 0
        self.talk = talk
        self.socket = socket.socket()
        self.socket.bind((host or f"127.89.{n // 250}.{n % 250 + 1}", 0))
        self.host, self.port = self.socket.getsockname()
        self.words = words | {b"@HOST@": f"{self.host}:{self.port}".encode()}
        self.tls = _server_context(tls) if tls else None
        if talk is not None:
            self.socket.listen(64)

    def serve(self, conn: socket.socket) -> None:
        """Handle one connection, and ignore its errors."""
        self.connections += 1
        conn.settimeout(SERVER_SECONDS)
        with conn, suppress(OSError, ValueError):
            wrapped = self.tls.wrap_socket(conn, server_side=True) if self.tls else conn
            with wrapped:
                assert self.talk is not None
                self.talk(Wire(wrapped, self.words, self.asked))
                # Closing with bytes not yet read would send RST.
                with suppress(OSError):
                    wrapped.shutdown(socket.SHUT_WR)
                    wrapped.settimeout(1)
                    while wrapped.recv(65_536):
                        pass


class Servers:
    """Run all faulty servers, a healthy one, and canaries that must get no request."""

    def __init__(self, cases: Sequence[Case], folder: Path) -> None:
        self._selector = selectors.DefaultSelector()
        self.canary = self._open(Listener(_heard, {}))
        self.inside = self._open(Listener(_heard, {}, host="127.0.0.1"))
        self.elsewhere = self._open(Listener(answer(feed(HEALTHY)), {b"@NAME@": b"elsewhere"}))
        words = {
            b"@CANARY@": f"http://{self.canary.host}:{self.canary.port}".encode(),
            b"@INSIDE@": str(self.inside.port).encode(),
            b"@ELSEWHERE@": f"http://{self.elsewhere.host}:{self.elsewhere.port}".encode(),
        }
        self.listeners: dict[str, Listener] = {}
        for case in cases:
            tls = certificate(folder, case.certificate) if case.certificate else None
            self.listeners[case.name] = self._open(
                Listener(case.talk, words | {b"@NAME@": case.name.encode()}, tls)
            )
        self._accepting = True
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, case: Case) -> str:
        """Return the URL of the feed of a case."""
        listener = self.listeners[case.name]
        return f"{'https' if case.https else 'http'}://{listener.host}:{listener.port}/feed"

    def close(self) -> None:
        """Close every listener."""
        self._accepting = False
        for listener in (self.canary, self.inside, self.elsewhere, *self.listeners.values()):
            listener.socket.close()

    def _open(self, listener: Listener) -> Listener:
        if listener.talk is not None:
            self._selector.register(listener.socket, selectors.EVENT_READ, listener)
        return listener

    def _accept(self) -> None:
        while self._accepting:
            for key, _ in self._selector.select(0.1):
                with suppress(OSError):
                    conn, _ = key.data.socket.accept()
                    threading.Thread(target=key.data.serve, args=(conn,), daemon=True).start()


def _heard(wire: Wire) -> None:
    wire.hear()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary")


# --- certificates --------------------------------------------------------------------------------------

OPENSSL = shutil.which("openssl")


def certificate(folder: Path, kind: str) -> Path:
    """Make a file with a key and a certificate that no client should accept."""
    file = folder / f"{kind}.pem"
    if not file.exists():
        assert OPENSSL
        name = "IP:127.0.0.1" if kind == "self-signed" else "DNS:elsewhere.example"
        new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=faulty -days 2"
        made = _openssl(*new.split(), "-addext", f"subjectAltName={name}", "-keyout", "-", "-out", "-")
        file.write_bytes(made)
        if kind == "expired":
            signed = _openssl("x509", "-in", str(file), "-signkey", str(file), "-days", "0")
            file.write_bytes(made[: made.index(b"-----BEGIN CERT")] + signed)
    return file


def _openssl(*args: str) -> bytes:
    assert OPENSSL
    return subprocess.run([OPENSSL, *args], capture_output=True, check=True).stdout


def _server_context(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


# --- what servers may send ----------------------------------------------------------------------------------

Body = bytes | Callable[[], bytes]
"""A body, or a function that makes one too large to keep."""

HEALTHY = (
    b"<item><title>The healthy entry of @NAME@</title><link>https://@NAME@.example/healthy</link>"
    b"<guid>healthy-@NAME@</guid><pubDate>Mon, 05 Oct 2026 04:00:00 +0000</pubDate>"
    b"<description>Still in good health.</description></item>"
)
HEALTHY_TITLE = "The healthy entry of"
OK = b"HTTP/1.1 200 OK\r\n"


def feed(
    *items: bytes, head: bytes = b"", prologue: bytes = b'<?xml version="1.0" encoding="utf-8"?>'
) -> bytes:
    """Make an RSS document of raw items."""
    return (
        prologue
        + b'<rss version="2.0"><channel><title>@NAME@</title><link>https://@NAME@.example/</link>'
        + b"<description>d</description>"
        + head
        + b"".join(items)
        + b"</channel></rss>"
    )


def made(body: Body) -> bytes:
    """Return the body, made if needed."""
    return body() if callable(body) else body


def whole(wire: Wire, body: Body, *headers: bytes, status: bytes = b"200 OK", length: bool = True) -> bytes:
    """Make a complete response."""
    filled = wire.fill(made(body))
    lines = [b"HTTP/1.1 " + status, *headers, b"Connection: close"]
    if length:
        lines.append(b"Content-Length: %d" % len(filled))
    return wire.fill(b"\r\n".join(lines)) + b"\r\n\r\n" + filled


def answer(body: Body, *headers: bytes, status: bytes = b"200 OK", length: bool = True) -> Talk:
    """Answer every request with this response."""

    def talk(wire: Wire) -> None:
        wire.hear()
        wire.conn.sendall(whole(wire, body, *headers, status=status, length=length))

    return talk


def in_turn(*talks: Talk) -> Talk:
    """Handle the first connection with the first of `talks` and so on, later ones with the last."""
    turn = count()

    def talk(wire: Wire) -> None:
        talks[min(next(turn), len(talks) - 1)](wire)

    return talk


def by_path(**talks: Talk) -> Talk:
    """Answer /NAME with the talk NAME, and other paths with a healthy feed."""

    def talk(wire: Wire) -> None:
        wire.hear()
        talks.get(wire.path.strip("/"), healthy)(Heard(wire))

    return talk


class Heard(Wire):
    """Hold a connection whose request was received already."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.conn, wire.words, wire.asked, wire.path)

    def hear(self) -> None:
        """Return at once."""


healthy = answer(feed(HEALTHY), b"Content-Type: application/rss+xml")
"""Serves a healthy feed."""


def say(*parts: bytes) -> Talk:
    """Send this after the request, and close."""

    def talk(wire: Wire) -> None:
        wire.hear()
        for part in parts:
            wire.send(part)

    return talk


def hang(said: bytes = b"") -> Talk:
    """Send this after the request, and then nothing."""

    def talk(wire: Wire) -> None:
        wire.hear()
        wire.send(said)
        wire.wait()

    return talk


def reset(said: bytes = b"") -> Talk:
    """Send this after the request, and reset the connection."""

    def talk(wire: Wire) -> None:
        wire.hear()
        wire.send(said)
        if said:
            time.sleep(0.1)  # a reset overtakes what was not read yet
        wire.reset()

    return talk


def drip(said: bytes, each: bytes) -> Talk:
    """Send this after the request, and then `each` at intervals until the client closes."""

    def talk(wire: Wire) -> None:
        wire.hear()
        wire.send(said)
        ends = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < ends:
            wire.conn.sendall(each)
            time.sleep(DRIP_SECONDS)

    return talk


def flood(said: bytes, each: bytes) -> Talk:
    """Send this after the request, and then `each` repeatedly, as fast as possible."""
    block = each * max(1, 100_000 // len(each))

    def talk(wire: Wire) -> None:
        wire.hear()
        wire.send(said)
        ends = time.monotonic() + SERVER_SECONDS
        for _ in range(MAX_FLOOD_BYTES // len(block)):
            wire.conn.sendall(block)
            if time.monotonic() > ends:
                return

    return talk
