"""Bytes from the socket are bounded, and so is the time to decode them."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import brotli
import pytest

from aggregator.gateways import codings
from aggregator.gateways.connections import MAX_INTERIM_RESPONSES
from aggregator.model.polling import Response
from tests.conftest import Answer, Web
from tests.gateways.test_http import ask, fetcher, raw_server, reason

try:  # in the standard library from 3.14 on
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

CPU_SECONDS = 2.0
"""Maximum processor time of one response; 0.3 s are usual on a busy machine."""
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PATIENCE = 20.0


def endless(head: bytes, each: bytes) -> Callable[[socket.socket], None]:
    """Serve `head` and then `each` for as long as the client reads."""
    much = each * max(1, 200_000 // len(each))

    def talk(conn: socket.socket) -> None:
        conn.sendall(head)
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            conn.sendall(much)

    return talk


def once(head: bytes) -> Callable[[socket.socket], None]:
    """Serve these bytes."""
    return lambda conn: conn.sendall(head)


def made_once(make: Callable[[], bytes]) -> Callable[[socket.socket], None]:
    """Serve bytes that take long to make, which is left until a client connects."""
    return lambda conn: conn.sendall(make())


def coded(coding: str, body: bytes) -> bytes:
    """Return a complete response."""
    return OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(body)) + body


EMPTY_MEMBER = gzip.compress(b"", mtime=0)
FRAMING = "the HTTP framing of the response is larger than allowed"
TOO_LARGE = "larger than fetch.max_bytes"
DECODED = "compressed in a way that cannot be decoded"

FAULTY = {
    "chunk extensions": (endless(CHUNKED, b"1;" + b"x" * 60_000 + b"\r\ny\r\n"), FRAMING),
    "short chunk extensions": (endless(CHUNKED, b'1;a="b"\r\ny\r\n'), FRAMING),
    "chunks of one byte": (endless(CHUNKED, b"1\r\nx\r\n"), FRAMING),
    "chunks with leading zeros": (endless(CHUNKED, b"0" * 900 + b"1\r\nx\r\n"), FRAMING),
    "trailers": (endless(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n"), FRAMING),
    "long trailers": (endless(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: " + b"y" * 60_000 + b"\r\n"), FRAMING),
    "100 Continue": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "interim responses"),
    "103 Early Hints": (endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "interim responses"),
    "large interim responses": (
        endless(b"", b"HTTP/1.1 103 Hints\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(90)) + b"\r\n"),
        "interim responses",
    ),
    "huge headers": (endless(OK, b"X: " + b"y" * 60_000 + b"\r\n"), FRAMING),
    "thousands of headers": (endless(OK, b"X: y\r\n"), "not HTTP"),
    "header line": (endless(OK + b"X: ", b"y"), "not HTTP"),
    "status line": (endless(b"HTTP/1.1 200 ", b"y"), "not HTTP"),
    "gzip members": (endless(OK + b"Content-Encoding: gzip\r\n\r\n", EMPTY_MEMBER), TOO_LARGE),
    "gzip members with a length": (once(coded("gzip", EMPTY_MEMBER * 50_000)), DECODED),
    "gzip blocks": (
        endless(
            OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff",
            b"\0\0\0\xff\xff",
        ),
        TOO_LARGE,
    ),
    "packed gzip members": (
        made_once(lambda: coded("gzip, gzip", gzip.compress(EMPTY_MEMBER * 5_000_000, 1))),
        "larger",
    ),
    "zstd frames": (once(coded("zstd", zstd.compress(b"") * 90_000)), DECODED),
    "a bomb five deep": (
        made_once(
            lambda: coded(
                ", ".join(["gzip"] * 5), gzip.compress(gzip.compress(gzip.compress(bytes(50_000_000), 1)))
            )
        ),
        "larger than|cannot be decoded",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Import everything that the first response needs."""
    for coding in ("gzip", "br", "zstd"):
        with suppress(codings.Undecodable, codings.Truncated):
            codings.decode(b"x", coding, 10)


@pytest.mark.parametrize("fault", FAULTY)
def test_a_response_with_too_much_framing_is_refused(fault: str) -> None:
    """A response with too much framing ends soon, with one reason and little work."""
    talk, words = FAULTY[fault]
    with raw_server(talk) as url:
        fetch = fetcher(timeout=timedelta(seconds=PATIENCE), max_bytes=10_000_000)
        begun = time.thread_time()
        why = reason(ask(url, fetch))
        used = time.thread_time() - begun
    assert any(word in why for word in words.split("|")), why
    assert used < CPU_SECONDS, f"{used:.1f} s of processor time: {why}"


def test_interim_responses_are_skipped() -> None:
    """A few interim responses are skipped (RFC 9110 15.2)."""
    some = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n"
    head = some * (MAX_INTERIM_RESPONSES // 2) + OK + b"Content-Length: 2\r\n\r\nok"
    with raw_server(once(head)) as url:
        answer = ask(url)
    assert isinstance(answer, Response) and answer.body == b"ok"


@pytest.mark.parametrize("size", [60, 1_000, 100_000])
def test_chunks_as_servers_send_them(size: int) -> None:
    """A large document in chunks of a line or more is read, despite its framing."""
    chunk = b"%x\r\n" % size + b"x" * size + b"\r\n"
    count = 900_000 // size
    with raw_server(once(CHUNKED + chunk * count + b"0\r\n\r\n")) as url:
        answer = ask(url)
    assert isinstance(answer, Response) and answer.body == b"x" * size * count


def test_a_small_document_byte_by_byte() -> None:
    """A small document in chunks of single bytes is read."""
    body = b"".join(b"1\r\n%c\r\n" % c for c in b"x" * 20_000)
    with raw_server(once(CHUNKED + body + b"0\r\n\r\n")) as url:
        answer = ask(url)
    assert isinstance(answer, Response) and answer.body == b"x" * 20_000


def raw_deflate(body: bytes) -> bytes:
    """Compress by deflate without the zlib header, as many servers do."""
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(body) + squeezer.flush()


PACK = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("size", [0, 1, 70_000, 400_000])
def test_a_body_is_decoded_whole_or_not_at_all(name: str, size: int) -> None:
    """Each coding is decoded whole, or is unfinished or too large (CL16, V4)."""
    coding = name.removeprefix("raw ")
    body = bytes(n % 251 for n in range(size))
    packed = bytes(PACK[name](body))
    assert codings.decode(packed, coding, 500_000) == body
    for cut in (1, 2, len(packed) // 2) if size > 10 else ():
        with pytest.raises(codings.Truncated):
            codings.decode(packed[:-cut], coding, 500_000)
    if size > 10:
        assert 10 < len(codings.decode(packed, coding, 10)) < 200_000
        assert (
            codings.decode_beginning(packed[: len(packed) // 2], coding, 50) == body[:50]
            or len(packed) < 2_000
        )


def test_members_of_a_gzip_body() -> None:
    """Several gzip members are one body; garbage after them is ignored."""
    members = gzip.compress(b"one") + gzip.compress(b"two")
    assert codings.decode(members, "gzip", 100) == b"onetwo"
    assert codings.decode(members + b"\0" * 99, "x-gzip", 100) == b"onetwo"
    with pytest.raises(codings.Truncated):
        codings.decode(members[:-3], "gzip", 100)
    with pytest.raises(codings.Undecodable):
        codings.decode(members[:-8] + b"\1\2\3\4" + members[-4:], "gzip", 100)


def test_several_codings_and_unknown_ones() -> None:
    """Codings are decoded last first; a list without any known one is ignored."""
    packed = brotli.compress(gzip.compress(b"body"))
    assert codings.decode(packed, "gzip, BR", 100) == b"body"
    assert codings.decode(packed, "identity, gzip, br", 100) == b"body"
    assert codings.decode(b"body", "utf-8", 100) == b"body"
    for odd in ("gzip, x-secret", ", ".join(["gzip"] * 6)):
        with pytest.raises(codings.Undecodable):
            codings.decode(packed, odd, 100)


def test_the_beginning_of_an_error_page_is_read(web: Web) -> None:
    """The beginning of a compressed error page is read, however large the rest."""
    page = b"<html><title>Just a moment...</title>" + bytes(30_000_000)
    headers = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    web.answers["/feed"] = Answer(gzip.compress(page), 403, headers)
    begun = time.thread_time()
    answer = ask(web.url + "/feed")
    assert isinstance(answer, Response) and answer.body.startswith(b"<html><title>Just a moment")
    assert time.thread_time() - begun < CPU_SECONDS
