"""Clients that are slow, greedy or many: each is bounded, and nobody else notices."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest
import uvicorn

from aggregator.web import app, connections
from tests.builders import NOW
from tests.processes import until
from tests.web.servers import Server, put

ASK = b"GET /atom.xml HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 2**20


@dataclass(frozen=True)
class Running(Server):
    """Our own server in a thread of the test, so that it can be looked into."""

    state: uvicorn.server.ServerState

    def client(self, receive: int | None = None) -> socket.socket:
        """A connection; `receive` bounds what the kernel takes for it unread."""
        line = socket.socket()
        line.settimeout(60)
        if receive:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        line.connect(("127.0.0.1", self.port))
        return line


@contextmanager
def running(public: Path, hub: str | None = None, kernel: int | None = None) -> Iterator[Running]:
    """The web app as the daemon serves it; `kernel` bounds what the kernel takes off it unsent."""
    listener = socket.create_server(("127.0.0.1", 0))
    if kernel:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kernel)
    web = app.build(public, list, site_url="https://news.example/", hub=hub, clock=lambda: NOW)
    options = uvicorn.Config(
        web, http=connections.Bounded, ws="none", log_config=None, lifespan="off", timeout_keep_alive=1
    )
    server = uvicorn.Server(options)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: server.started)
        yield Running("own", listener.getsockname()[1], public, server.server_state)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server of a small feed and a page that no socket takes at once."""
    put(tmp_path, "atom.xml", b"<feed/>")
    (tmp_path / "page.html").write_bytes(b"x" * 3 * MIB)
    with running(tmp_path, kernel=32 * 1024) as found:
        yield found


def read(answers: BinaryIO) -> tuple[int, int]:
    """Status and length of the next answer."""
    status = int(answers.readline().split()[1])
    length = int(http.client.parse_headers(answers)["content-length"])
    return status, len(answers.read(length))


def until_cut(line: socket.socket) -> bytes:
    """What the server said before it ended the connection; a client waits a minute for that."""
    said = b""
    with suppress(ConnectionError):
        while part := line.recv(65536):
            said += part
    return said


@pytest.mark.parametrize(
    "said", [b"", b"GET /", ASK[:-2], ASK + b"GET"], ids=["nothing", "a start", "a head", "more"]
)
def test_who_does_not_ask_is_cut(server: Running, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that never becomes whole, the first or a later one, holds its connection for a while only."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with server.client() as line:
        line.sendall(said)
        until_cut(line)
    until(lambda: not server.state.connections)


def test_who_asks_in_drops_is_cut(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each further byte grants no further time."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    with server.client() as line, pytest.raises(ConnectionError):
        line.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(1000):
            line.sendall(b"x")
            time.sleep(0.01)


@pytest.mark.parametrize(
    "said",
    [
        b"GET /" + b"a" * 400_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 400_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 70_000,
    ],
    ids=["address", "field", "fields"],
)
def test_a_request_without_end_is_cut(server: Running, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a request is bounded, and the next client is served."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1000)
    with server.client() as line:
        with suppress(ConnectionError):
            line.sendall(said)
        until_cut(line)
    assert server.ask("/atom.xml").status == 200


def test_who_takes_nothing_is_cut(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody reads is given up, whether the connection was to be kept or not."""
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
    for field in (b"", b"Connection: close\r\n"):
        with server.client(receive=4096) as line:
            line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n")
            until(lambda: server.state.connections)
            until(lambda: not server.state.connections)


def test_who_leaves_the_end_is_cut(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an answer that is complete for us, but for what lies in memory, nobody waits for ever either."""
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
    (server.public / "end.html").write_bytes(b"x" * 120_000)
    with server.client(receive=4096) as line:
        line.sendall(b"GET /end.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        until(lambda: any(line.transport.get_write_buffer_size() for line in [*server.state.connections]))
        until(lambda: not server.state.connections)


def test_who_takes_slowly_gets_all_of_it(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part that is taken grants time for the next: a slow line is no attack."""
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 2)  # less than all of it takes
    got = 0
    with server.client(receive=64 * 1024) as line:
        line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while part := line.recv(MIB // 16):
            got += len(part)
            time.sleep(0.06)
    assert got > 3 * MIB


def test_what_slow_clients_leave_in_memory(server: Running) -> None:
    """Of an answer that is not taken only a part lies in memory, for each of many clients."""
    with ExitStack() as stack:
        for _ in range(40):
            line = stack.enter_context(server.client(receive=4096))
            line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: len(server.state.tasks) == 40)
        until(lambda: all(line.transport.get_write_buffer_size() for line in [*server.state.connections]))
        time.sleep(0.3)  # for more, if there were no bound
        held = [line.transport.get_write_buffer_size() for line in list(server.state.connections)]
    assert len(held) == 40
    assert 0 < max(held) <= 3 * 64 * 1024


def test_too_many_are_told_so(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound there is a 503, and room again as soon as somebody leaves."""
    monkeypatch.setattr(connections, "CONNECTIONS", 5)
    with ExitStack() as stack:
        lines = [stack.enter_context(server.client()) for _ in range(5)]
        until(lambda: len(server.state.connections) == 5)
        with server.client() as line:
            assert line.recv(100).startswith(b"HTTP/1.1 503 ")
        lines[0].close()
        until(lambda: len(server.state.connections) < 5)
        assert server.ask("/atom.xml").status == 200


def test_requests_in_a_row_are_answered_in_their_order(server: Running) -> None:
    """HTTP pipelining, as far as anybody uses it."""
    (server.public / "page.html").write_bytes(b"x" * 200_000)
    paths = ("/atom.xml", "/nothing", "/page.html", "/atom.xml")
    asked = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]
    with server.client() as line, closing(line.makefile("rb")) as answers:
        line.sendall(b"".join(asked))
        assert [read(answers) for _ in asked] == [(200, 7), (404, 10), (200, 200_000), (200, 7)]


def test_a_flood_of_requests_is_cut(server: Running) -> None:
    """Requests wait for the answers to earlier ones, but not any number of them."""
    with server.client(receive=4096) as line:
        line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n" + ASK * 2000)
        assert len(until_cut(line)) < MIB
    assert server.ask("/atom.xml").status == 200


def test_a_body_is_not_waited_for(server: Running) -> None:
    """A request with a body is refused at once; what comes of it is dropped."""
    with server.client() as line:
        line.sendall(b"POST /atom.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbody")
        assert line.recv(100).startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "said",
    [
        b"rubbish\r\n\r\n",
        b"GET * HTTP/1.1\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\r\n",
    ],
)
def test_what_is_no_request_is_no_error_of_ours(server: Running, said: bytes) -> None:
    """Whatever is sent is answered with a 4xx or by hanging up."""
    with server.client() as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        with closing(line.makefile("rb")) as answer:
            assert answer.readline()[:10] in (b"", b"HTTP/1.1 4")
    assert server.ask("/atom.xml").status == 200


def test_a_large_file_is_sent_whole(tmp_path: Path) -> None:
    """What is too large for memory has `Last-Modified` alone, and stays what it was while it is sent."""
    (tmp_path / "film.mp4").write_bytes(b"one" * 6 * MIB)
    with running(tmp_path) as server, closing(http.client.HTTPConnection("127.0.0.1", server.port)) as line:
        head = server.ask("/film.mp4", method="HEAD")
        since = {"If-Modified-Since": head.headers["last-modified"]}
        assert (head.status, head.headers["content-type"]) == (200, "video/mp4")
        assert "etag" not in head.headers and head.headers["content-length"] == str(18 * MIB)
        assert server.ask("/film.mp4", since).status == 304
        line.request("GET", "/film.mp4")
        answer = line.getresponse()
        (tmp_path / "new").write_bytes(b"two" * 6 * MIB)
        (tmp_path / "new").replace(tmp_path / "film.mp4")
        assert answer.read() == b"one" * 6 * MIB
        assert server.ask("/film.mp4").body == b"two" * 6 * MIB


def test_the_hub_is_named(tmp_path: Path) -> None:
    """PB11: with a hub every feed says where to be told of news, in 304 as well; other documents do not."""
    for path in ("atom.xml", "channels/events/feed.json", "index.html"):
        put(tmp_path, path, b"x")
    with running(tmp_path, hub="https://hub.example/") as server:
        links = '<https://news.example/{}>; rel="self", <https://hub.example/>; rel="hub"'
        for path in ("atom.xml", "channels/events/feed.json"):
            assert server.ask(f"/{path}").headers["link"] == links.format(path)
        known = server.ask("/atom.xml", {"If-None-Match": "*"})
        assert (known.status, known.headers["link"]) == (304, links.format("atom.xml"))
        assert "link" not in server.ask("/").headers
