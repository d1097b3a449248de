"""Slow clients, large requests and many connections are limited and stop no other client."""

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

from aggregator.web import app, pages
from aggregator.web import server as limits
from tests.builders import NOW, site
from tests.processes import until
from tests.web.servers import Server, configured, put

ASK = b"GET /atom.xml HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 2**20


@dataclass(frozen=True)
class Running(Server):
    """The daemon's web server in a thread of the test, with its state."""

    state: uvicorn.server.ServerState

    def client(self, receive: int | None = None) -> socket.socket:
        """Open a connection; `receive` is the size of its kernel buffer for unread bytes."""
        line = socket.socket()
        line.settimeout(60)
        if receive:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        line.connect(("127.0.0.1", self.port))
        return line


@contextmanager
def running(public: Path, hub: str | None = None, kernel: int | None = None) -> Iterator[Running]:
    """Serve the web app as the daemon does; `kernel` is the size of the send buffer."""
    listener = socket.create_server(("127.0.0.1", 0))
    if kernel:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kernel)
    config = configured(public, hub)
    web = app.build(config, list, clock=lambda: NOW)
    server = limits.Server(limits.config(web, config.site))
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
    """Serve a small feed, and a page larger than the buffers of a socket."""
    put(tmp_path, "atom.xml", b"<feed/>")
    (tmp_path / "page.html").write_bytes(b"x" * 3 * MIB)
    with running(tmp_path, kernel=32 * 1024) as started:
        yield started


def read(answers: BinaryIO) -> tuple[int, int]:
    """Return status and length of the next response."""
    status = int(answers.readline().split()[1])
    length = int(http.client.parse_headers(answers)["content-length"])
    return status, len(answers.read(length))


def until_closed(line: socket.socket) -> bytes:
    """Return what the server sent before it closed the connection, within a minute."""
    received = b""
    with suppress(ConnectionError):
        while part := line.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    "sent", [b"", b"GET /", ASK[:-2], ASK + b"GET"], ids=["nothing", "a start", "a head", "more"]
)
def test_an_incomplete_request_is_aborted(
    server: Running, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection whose first or later request stays incomplete is aborted after a while."""
    monkeypatch.setattr(limits, "STALLED_SECONDS", 0.2)
    with server.client() as line:
        line.sendall(sent)
        until_closed(line)
    until(lambda: not server.state.connections)


def test_a_request_in_single_bytes_is_aborted(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further byte of a request does not extend its time."""
    monkeypatch.setattr(limits, "STALLED_SECONDS", 0.3)
    with server.client() as line, pytest.raises(ConnectionError):
        line.sendall(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(1000):
            line.sendall(b"x")
            time.sleep(0.01)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 400_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 400_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 70_000,
    ],
    ids=["address", "field", "fields"],
)
def test_a_large_request_is_refused(server: Running, sent: bytes) -> None:
    """A request head above the limit closes the connection, and the next client is served."""
    with server.client() as line:
        with suppress(ConnectionError):
            line.sendall(sent)
        until_closed(line)
    assert server.ask("/atom.xml").status == 200


def test_an_unread_response_is_aborted(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that its client does not read is aborted, with and without keep-alive."""
    monkeypatch.setattr(limits, "STALLED_SECONDS", 0.3)
    for field in (b"", b"Connection: close\r\n"):
        with server.client(receive=4096) as line:
            line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n")
            assert line.recv(1) == b"H"
            until(lambda: not server.state.connections)


def test_an_unread_end_of_a_response_is_aborted(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response that the app has sent, but whose last part is still buffered, is aborted too."""
    (server.public / "end.html").write_bytes(b"x" * 120_000)
    with server.client(receive=4096) as line:
        line.sendall(b"GET /end.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        until(lambda: any(line.transport.get_write_buffer_size() for line in [*server.state.connections]))
        monkeypatch.setattr(limits, "STALLED_SECONDS", 0.3)
        until(lambda: not server.state.connections)


def test_each_part_that_a_slow_client_reads_extends_its_time(server: Running) -> None:
    """A connection counts as silent only from the last part of a response that was sent."""
    got = 0
    with server.client(receive=64 * 1024) as line:
        line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got += len(line.recv(MIB // 16))
        (connection,) = server.state.connections
        transport = connection.transport
        for _ in range(5):
            until(lambda: limits._silence(transport) > 0.05)
            before = limits._silence(transport)
            while limits._silence(transport) >= before:
                got += len(line.recv(MIB // 16))
        got += len(until_closed(line))
    assert got > 3 * MIB


def test_unread_responses_take_little_memory(server: Running) -> None:
    """Only a small part of each unread response is in memory."""
    with ExitStack() as stack:
        for _ in range(40):
            line = stack.enter_context(server.client(receive=4096))
            line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: len(server.state.tasks) == 40)
        until(lambda: all(line.transport.get_write_buffer_size() for line in [*server.state.connections]))
        time.sleep(0.3)  # for more, if there were no limit
        buffered = [line.transport.get_write_buffer_size() for line in list(server.state.connections)]
    assert len(buffered) == 40
    assert 0 < max(buffered) <= 3 * 64 * 1024


def test_above_the_limit_the_longest_idle_connection_is_aborted(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idle connections make way for a client that sends a request."""
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 5)
    with ExitStack() as stack:
        idle = [stack.enter_context(server.client())]
        time.sleep(0.05)  # the kernel measures in milliseconds
        idle += [stack.enter_context(server.client()) for _ in range(4)]
        until(lambda: len(server.state.connections) == 5)
        time.sleep(0.05)
        with server.client() as line, closing(line.makefile("rb")) as answers:
            line.sendall(ASK)
            assert read(answers) == (200, 7)
            until(lambda: len(server.state.connections) == 5)
            with suppress(ConnectionError):
                assert idle[0].recv(1) == b""
            line.sendall(ASK)
            assert read(answers) == (200, 7)


def test_many_idle_connections_do_not_stop_a_request(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of idle connections is reduced to the limit while requests are served."""
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 20)
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(server.client())
        assert server.ask("/atom.xml").status == 200
        until(lambda: len(server.state.connections) <= limits.MAX_CONNECTIONS)
        assert server.ask("/atom.xml").status == 200


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    """Responses to pipelined requests have the order of the requests (RFC 9112 section 9.3.2)."""
    (server.public / "page.html").write_bytes(b"x" * 200_000)
    paths = ("/atom.xml", "/nothing", "/page.html", "/atom.xml")
    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]
    with server.client() as line, closing(line.makefile("rb")) as answers:
        line.sendall(b"".join(requests))
        missing = len(pages.render_error(site(), "/nothing", 404))
        assert [read(answers) for _ in requests] == [(200, 7), (404, missing), (200, 200_000), (200, 7)]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://news.example/atom.xml", 200),
        (b"HTTP://news.example/atom.xml?a=http://b", 200),
        (b"http://news.example", 404),
        (b"http://news.example/%2e%2e/public.yaml", 404),
        (b"http://[/atom.xml", 200),
        (b"ftp://news.example/atom.xml", 404),
    ],
)
def test_a_target_may_be_a_whole_url(server: Running, target: bytes, status: int) -> None:
    """A target in the absolute form is that of its path (RFC 9112 section 3.2.2)."""
    with closing(server.client()) as line:
        line.sendall(ASK.replace(b"/atom.xml", target))
        assert read(line.makefile("rb"))[0] == status


def test_a_flood_of_pipelined_requests_is_not_read(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests behind an unread response stay in the kernel, until the connection is aborted."""
    with server.client(receive=4096) as line:
        line.settimeout(0.5)
        with pytest.raises(TimeoutError):
            line.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n" + ASK * 1_000_000)
        until(lambda: len(server.state.tasks) == 1)
        assert server.ask("/atom.xml").status == 200
        monkeypatch.setattr(limits, "STALLED_SECONDS", 0.3)
        until(lambda: not server.state.connections)


def test_a_request_body_is_not_awaited(server: Running) -> None:
    """A request with a body is refused at once, before its body arrives."""
    with server.client() as line:
        line.sendall(b"POST /atom.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nbody")
        assert line.recv(100).startswith(b"HTTP/1.1 405 ")


def test_a_large_request_body_is_not_read(server: Running) -> None:
    """A body above the limit is refused by its stated length."""
    with server.client() as line:
        line.sendall(b"POST /search HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbody")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"rubbish\r\n\r\n",
        b"GET * HTTP/1.1\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\r\n",
    ],
)
def test_a_malformed_request_is_a_client_error(server: Running, sent: bytes) -> None:
    """Malformed requests are answered with a 4xx or a closed connection."""
    with server.client() as line:
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        with closing(line.makefile("rb")) as answer:
            assert answer.readline()[:10] in (b"", b"HTTP/1.1 4")
    assert server.ask("/atom.xml").status == 200


def test_a_large_file_is_sent_whole(tmp_path: Path) -> None:
    """A large file has no `ETag`, and a replacement does not change a running response."""
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


def test_link_headers_name_the_hub(tmp_path: Path) -> None:
    """Responses about feeds, 304 included, name the hub; other responses do not (PB11)."""
    for path in ("atom.xml", "channels/events/feed.json", "index.html"):
        put(tmp_path, path, b"x")
    with running(tmp_path, hub="https://hub.example/") as server:
        links = '<https://news.example/{}>; rel="self", <https://hub.example/>; rel="hub"'
        for path in ("atom.xml", "channels/events/feed.json"):
            assert server.ask(f"/{path}").headers["link"] == links.format(path)
        known = server.ask("/atom.xml", {"If-None-Match": "*"})
        assert (known.status, known.headers["link"]) == (304, links.format("atom.xml"))
        assert "link" not in server.ask("/").headers
