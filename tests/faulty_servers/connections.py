"""Define faults of connections, TLS, and the framing of HTTP: heads, headers, lengths."""

# ruff: noqa: E501 - one case a line is easier to read and to compare

from __future__ import annotations

import time
from functools import partial

from tests.faulty_servers.server import (
    HEALTHY,
    OK,
    Case,
    Talk,
    Wire,
    drip,
    feed,
    flood,
    hang,
    healthy,
    reset,
    say,
    whole,
)

LATE = "no complete response within 3 s"
NOT_HTTP = "not HTTP"
GONE = "reset|cut short|failed|empty|not HTTP"
BODY = feed(HEALTHY)
LENGTH = b"Content-Length: %d\r\n"


def headed(*headers: bytes, body: bytes = BODY, first: bytes = OK) -> bytes:
    """Make a response with exactly these headers."""
    return first + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + body


def in_chunks(after: bytes = b"0\r\n\r\n", size: bytes = b"%x\r\n", *, stay: bool = False) -> Talk:
    """Serve a healthy feed as one chunk, with bytes around it."""

    def talk(wire: Wire) -> None:
        wire.hear()
        body = wire.fill(BODY)
        written = size % len(body) if b"%" in size else size
        wire.conn.sendall(headed(b"Transfer-Encoding: chunked", body=written + body + b"\r\n" + after))
        if stay:
            wire.wait()

    return talk


def lengths(*headers: bytes, extra: bytes = b"") -> Talk:
    """Serve a healthy feed with these headers; %d becomes its length."""

    def talk(wire: Wire) -> None:
        wire.hear()
        body = wire.fill(BODY)
        filled = [h % len(body) if b"%d" in h else h for h in headers]
        wire.conn.sendall(headed(*filled, body=body + extra))

    return talk


def _leaves(wire: Wire, *, rst: bool) -> None:
    if rst:
        wire.reset()


def _early(wire: Wire) -> None:
    wire.conn.sendall(whole(wire, BODY))
    wire.hear()


def _twice(wire: Wire) -> None:
    wire.hear()
    wire.conn.sendall(whole(wire, BODY) + whole(wire, b"<html>smuggled</html>"))


def _keeps_open(wire: Wire) -> None:
    wire.hear()
    wire.conn.sendall(whole(wire, BODY))
    wire.wait()


def _byte_by_byte(wire: Wire) -> None:
    wire.hear()
    for byte in whole(wire, BODY):
        wire.conn.sendall(bytes([byte]))


def _long_pause(wire: Wire) -> None:
    wire.hear()
    time.sleep(1.5)
    wire.conn.sendall(whole(wire, BODY))


def _short_length(wire: Wire) -> None:
    wire.hear()
    body = wire.fill(BODY)
    wire.conn.sendall(headed(LENGTH.strip() % (len(body) - 5), body=body))


def _hello_and_silence(wire: Wire) -> None:
    wire.conn.recv(4096)
    wire.wait()


def _handshake(said: bytes, wire: Wire) -> None:
    wire.conn.recv(4096)
    wire.conn.sendall(said)


def _handshake_drip(wire: Wire) -> None:
    wire.conn.recv(4096)
    wire.conn.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")
    for _ in range(40):
        wire.conn.sendall(b"\0")
        time.sleep(0.2)


# fmt: off
_TCP = (
    Case(name="refuses", says="Nobody listens.", talk=None, words="refused"),
    Case(name="closes-at-once", says="It hangs up before it was asked.", talk=partial(_leaves, rst=False), words=GONE),
    Case(name="resets-at-once", says="It resets before it was asked.", talk=partial(_leaves, rst=True), words=GONE),
    Case(name="closes-after-request", says="It hears us out and hangs up.", talk=say(), words=GONE),
    Case(name="resets-after-request", says="It hears us out and resets.", talk=reset(), words=GONE),
    Case(name="resets-in-status-line", says="It resets within the status line.", talk=reset(b"HTTP/1."), words=GONE),
    Case(name="resets-in-headers", says="It resets within the headers.", talk=reset(OK + b"Server: x"), words=GONE),
    Case(
        name="resets-after-headers",
        says="It resets after the headers.",
        talk=reset(OK + b"Content-Length: 900\r\n\r\n"),
        words=GONE,
    ),
    Case(
        name="resets-in-body",
        says="It resets within the body; what came is no document (V4).",
        talk=reset(OK + b"Content-Length: 900\r\n\r\n" + BODY),
        words=GONE,
    ),
    Case(
        name="resets-in-endless-body",
        says="It resets within a body of unknown length; what came is no document (V4).",
        talk=reset(OK + b"\r\n" + BODY[:-10]),
        words=GONE,
    ),
    Case(name="closes-in-status-line", says="It hangs up within the status line.", talk=say(b"HTTP/1.1 2"), words=GONE),
    Case(
        name="closes-in-headers",
        says="It hangs up within the headers: a head cut short is no answer (RFC 9112 section 8).",
        talk=say(OK + b"Content-Type: text/xml\r\nETag: \"cu"),
        words=GONE,
    ),
    Case(name="hangs-before-status", says="It never answers.", talk=hang(), words=LATE),
    Case(name="hangs-in-status-line", says="It falls silent within the status line.", talk=hang(b"HTTP/1.1 2"), words=LATE),
    Case(name="hangs-in-headers", says="It falls silent within the headers.", talk=hang(OK + b"X: "), words=LATE),
    Case(
        name="hangs-in-body",
        says="It falls silent within the body.",
        talk=hang(OK + b"Content-Length: 9999\r\n\r\n<rss>"),
        words=LATE,
    ),
    Case(
        name="hangs-in-chunk-size",
        says="It falls silent within the size of a chunk.",
        talk=hang(OK + b"Transfer-Encoding: chunked\r\n\r\n5"),
        words=LATE,
    ),
    Case(
        name="hangs-in-chunk",
        says="It falls silent within a chunk.",
        talk=hang(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n<r"),
        words=LATE,
    ),
    Case(
        name="hangs-before-last-chunk",
        says="It sends every chunk but the last, and falls silent.",
        talk=in_chunks(after=b"", stay=True),
        words=LATE,
    ),
    Case(
        name="hangs-after-body",
        says="It keeps the connection open after a complete answer, which does no harm.",
        talk=_keeps_open,
        outcome="changed",
    ),
    Case(
        name="hangs-without-end",
        says="It sends a document of unknown length and never says that it ended.",
        talk=hang(OK + b"\r\n" + BODY),
        words=LATE,
    ),
    Case(name="drips-status-line", says="One byte of the status line at a time.", talk=drip(b"HTTP/1.1 200 ", b"O"), words=LATE),
    Case(name="drips-header", says="One byte of a header at a time.", talk=drip(OK + b"X: ", b"x"), words=LATE),
    Case(name="drips-headers", says="One header at a time.", talk=drip(OK, b"X: y\r\n"), words=LATE),
    Case(
        name="drips-body",
        says="One byte of the body at a time.",
        talk=drip(OK + b"Content-Length: 9999\r\n\r\n", b"<"),
        words=LATE,
    ),
    Case(
        name="drips-chunks",
        says="One chunk at a time.",
        talk=drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n"),
        words=LATE,
    ),
    Case(name="drips-continues", says="One 100 Continue at a time.", talk=drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), words=LATE),
    Case(name="byte-by-byte", says="Every byte in a packet of its own, yet in time.", talk=_byte_by_byte, outcome="changed"),
    Case(name="thinks-long", says="It answers late, yet in time.", talk=_long_pause, outcome="changed"),
    Case(name="answers-unasked", says="It answers before it was asked.", talk=_early, outcome="changed"),
    Case(name="answers-twice", says="It answers one request twice; the second answer is nobody's.", talk=_twice, outcome="changed"),
)
# fmt: on

# fmt: off
_NOISE = {
    "garbage": bytes(range(128, 256)) * 8 + b"\r\n\r\n",
    "zeros": b"\0" * 5_000,
    "newlines": b"\r\n" * 5_000,
    "ssh": b"SSH-2.0-OpenSSH_9.9\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
    "ftp": b"220 (vsFTPd 3.0.5)\r\n530 Please login\r\n",
    "icecast": b"ICY 200 OK\r\nicy-name: x\r\n\r\n",
    "http-0-9": BODY,
    "http-2": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x10\0\0\0\x06\0\x01\0\0",
    "http-9-9": b"HTTP/9.9 200 OK\r\n\r\n" + BODY,
    "http-lower-case": b"http/1.1 200 ok\r\n\r\n" + BODY,
    "tls-alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "status-words": b"HTTP/1.1 two hundred\r\n\r\n" + BODY,
    "status-short": b"HTTP/1.1 20 OK\r\n\r\n" + BODY,
    "status-long": b"HTTP/1.1 2000 OK\r\n\r\n" + BODY,
    "status-negative": b"HTTP/1.1 -200 OK\r\n\r\n" + BODY,
    "carriage-returns": (OK + b"\r\n" + BODY).replace(b"\r\n", b"\r"),
}
# fmt: on

# fmt: off
_NOT_HTTP = tuple(
    Case(name=f"speaks-{name}", says=f"What it says is not HTTP: {said[:24]!r}.", talk=say(said), words=f"{NOT_HTTP}|empty")
    for name, said in _NOISE.items()
)
# fmt: on

# fmt: off
_TLS = (
    Case(name="https-to-plain", says="Plain HTTP on a TLS port.", talk=healthy, https=True, words="TLS|reset"),
    Case(
        name="https-garbage",
        says="Garbage instead of a TLS handshake.",
        talk=partial(_handshake, b"\x16\x03\x03\0\x08\xff\xff\xff\xff\xff\xff\xff\xff"),
        https=True,
        words="TLS",
    ),
    Case(
        name="https-old-protocol",
        says="The TLS alert of a server that knows only SSL 3.",
        talk=partial(_handshake, b"\x15\x03\x00\0\x02\x02\x28"),
        https=True,
        words="TLS",
    ),
    Case(name="https-closes", says="It hangs up within the TLS handshake.", talk=partial(_handshake, b""), https=True, words="TLS|reset"),
    Case(name="https-hangs", says="It falls silent within the TLS handshake.", talk=_hello_and_silence, https=True, words=LATE),
    Case(name="https-drips", says="A TLS handshake byte by byte.", talk=_handshake_drip, https=True, words=LATE),
    *(
        Case(
            name=f"https-{kind}",
            says=f"A certificate that is {kind}: it is not read, let alone trusted.",
            talk=healthy,
            https=True,
            certificate=kind,
            words="certificate is not valid",
            asked=lambda asked: not asked,
        )
        for kind in ("self-signed", "expired", "foreign")
    ),
)
# fmt: on

# fmt: off
_HEADS = (
    Case(name="endless-status-line", says="A status line without end.", talk=flood(b"HTTP/1.1 200 ", b"O"), words=NOT_HTTP),
    Case(name="endless-header-line", says="A header without end.", talk=flood(OK + b"X: ", b"x"), words=NOT_HTTP),
    Case(name="endless-headers", says="Headers without end.", talk=flood(OK, b"X-More: y\r\n"), words=NOT_HTTP),
    Case(
        name="folded-without-end",
        says="One folded header without end.",
        talk=flood(OK + b"X: y\r\n", b" y\r\n"),
        words=NOT_HTTP,
    ),
    Case(
        name="ten-thousand-headers",
        says="Ten thousand headers.",
        talk=say(OK + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n" + BODY),
        words=NOT_HTTP,
    ),
    Case(
        name="endless-continues",
        says="100 Continue without end, as fast as possible.",
        talk=flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        words=f"{LATE}|{NOT_HTTP}",
    ),
    Case(name="only-continue", says="100 Continue, and silence.", talk=hang(b"HTTP/1.1 100 Continue\r\n\r\n"), words=LATE),
    Case(
        name="continue-unasked",
        says="100 Continue that nobody asked for, then the answer (RFC 9110 section 15.2).",
        talk=say(b"HTTP/1.1 100 Continue\r\n\r\n", OK, b"\r\n", BODY),
        outcome="changed",
    ),
    Case(
        name="early-hints",
        says="103 Early Hints, then the answer: a client must read past interim answers (RFC 9110 section 15.2).",
        talk=say(b"HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n", OK, b"\r\n", BODY),
        outcome="changed",
    ),
    Case(
        name="switches-protocols",
        says="101 Switching Protocols, which nobody asked for.",
        talk=say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"),
        words="101",
    ),
    Case(name="no-reason-phrase", says="A status line without a reason phrase.", talk=say(b"HTTP/1.1 200\r\n\r\n", BODY), outcome="changed"),
    Case(name="bare-newlines", says="Lines that end in LF alone.", talk=say(b"HTTP/1.1 200 OK\nX: y\n\n", BODY), outcome="changed"),
    Case(name="http-1-0", says="HTTP/1.0 without a single header.", talk=say(b"HTTP/1.0 200 OK\r\n\r\n", BODY), outcome="changed"),
    Case(
        name="header-without-colon",
        says="A header line without a colon.",
        talk=say(headed(b"Content-Type: text/xml", b"this is no header", b"X: y")),
        outcome="changed",
    ),
    Case(name="header-with-blank", says="A blank before the colon.", talk=say(headed(b"Content-Type : text/xml")), outcome="changed"),
    Case(name="header-without-name", says="A header without a name.", talk=say(headed(b": nameless")), outcome="changed"),
    Case(name="header-folded", says="A folded header (RFC 9112 section 5.2).", talk=say(headed(b"X: a\r\n b\r\n\tc")), outcome="changed"),
    Case(name="header-with-nul", says="NUL in a header.", talk=say(headed(b"X: a\0b", b"Content-Type: text/\0xml")), outcome="changed"),
    Case(
        name="header-not-latin",
        says="Headers in UTF-8 and in no encoding at all.",
        talk=say(headed("X-Titel: Größe ✓".encode(), b"Server: \xff\xfe\x80", b"\xc3\xa4: x")),
        outcome="changed",
    ),
    Case(
        name="header-with-escapes",
        says="Terminal escapes in every header.",
        talk=say(headed(b"Server: \x1b[2J\x07", b"Date: \x1b]0;owned\x07", b"Content-Type: \x1b[31mtext/html", body=b"<html>")),
        words="a web page",
    ),
    Case(
        name="reason-with-escapes",
        says="Terminal escapes and a false log line in the reason phrase.",
        talk=say(b'HTTP/1.1 500 \x1b[2J\x07\r{"level": "error"}\x85\x9b31m\r\nContent-Length: 0\r\n\r\n'),
        words="500",
    ),
)
# fmt: on

# fmt: off
_LENGTHS = (
    Case(
        name="length-too-long",
        says="Content-Length promises more than comes; what came is no document (V4).",
        talk=lengths(b"Content-Length: 99999"),
        words="cut short",
    ),
    Case(
        name="length-too-short",
        says="Content-Length ends within the last tag; the entries before it are whole.",
        talk=_short_length,
        outcome="changed",
    ),
    Case(name="length-zero", says="Content-Length is 0, although a body follows.", talk=lengths(b"Content-Length: 0"), words="empty"),
    Case(name="length-and-more", says="Bytes after the end of the body.", talk=lengths(b"Content-Length: %d", extra=b"\xff" * 999), outcome="changed"),
    Case(name="length-negative", says="A negative Content-Length.", talk=lengths(b"Content-Length: -1"), outcome="changed"),
    Case(name="length-words", says="A Content-Length in words.", talk=lengths(b"Content-Length: plenty"), outcome="changed"),
    Case(name="length-missing", says="A Content-Length without a number.", talk=lengths(b"Content-Length:"), outcome="changed"),
    Case(
        name="length-superscript",
        says="A Content-Length in a digit that is no number.",
        talk=lengths(b"Content-Length: \xb2"),
        outcome="changed",
    ),
    Case(name="length-huge", says="A Content-Length of a petabyte.", talk=lengths(b"Content-Length: 1" + b"0" * 15), words="larger than"),
    Case(
        name="length-of-5000-digits",
        says="A Content-Length of 5,000 digits.",
        talk=lengths(b"Content-Length: " + b"9" * 5_000),
        words="larger than",
    ),
    Case(
        name="lengths-that-differ",
        says="Two Content-Lengths that differ (RFC 9112 section 6.3).",
        talk=lengths(b"Content-Length: %d", b"Content-Length: 5"),
        words="length|connection failed",
    ),
    Case(
        name="lengths-that-agree",
        says="The same Content-Length twice (RFC 9112 section 6.3 lets it pass).",
        talk=lengths(b"Content-Length: %d", b"Content-Length: %d"),
        outcome="changed",
    ),
    Case(
        name="length-and-chunks",
        says="A wrong Content-Length beside chunks, which win (RFC 9112 section 6.3).",
        talk=say(headed(b"Content-Length: 7", b"Transfer-Encoding: chunked", body=b"2\r\n<a\r\n2\r\n/>\r\n0\r\n\r\n")),
        words="not a feed",
    ),
    Case(name="chunks-without-end", says="The last chunk never comes.", talk=in_chunks(after=b""), words="cut short"),
    Case(name="chunk-cut-short", says="The connection ends within a chunk.", talk=in_chunks(size=b"fffff\r\n", after=b""), words="cut short"),
    Case(name="chunk-size-words", says="A chunk size that is no number.", talk=in_chunks(size=b"many\r\n"), words="cut short|HTTP|decoded"),
    Case(name="chunk-size-negative", says="A negative chunk size.", talk=in_chunks(size=b"-5\r\n"), words="cut short|HTTP|decoded"),
    Case(name="chunk-size-huge", says="A chunk of 16 exabytes.", talk=in_chunks(size=b"f" * 16 + b"\r\n"), words="cut short|HTTP|larger than"),
    Case(name="chunk-size-absurd", says="A chunk size of 4,000 digits.", talk=in_chunks(size=b"f" * 4000 + b"\r\n"), words="cut short|HTTP"),
    Case(name="chunk-size-missing", says="An empty chunk size.", talk=in_chunks(size=b"\r\n"), words="cut short|HTTP"),
    Case(name="chunk-size-too-small", says="A chunk longer than its size.", talk=in_chunks(size=b"20\r\n"), words="cut short|HTTP"),
    Case(name="chunk-extensions", says="Chunk extensions, which mean nothing.", talk=in_chunks(size=b'%x;a="b;c";d\r\n'), outcome="changed"),
    Case(
        name="chunk-extension-without-end",
        says="A chunk extension without end.",
        talk=flood(OK + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x"),
        words="HTTP|cut short",
    ),
    Case(
        name="chunk-trailers",
        says="Trailers that would be headers; they are not.",
        talk=in_chunks(after=b"0\r\nETag: \"t\"\r\nSet-Cookie: a=b\r\nLocation: @CANARY@/\r\n\r\n"),
        outcome="changed",
    ),
    Case(
        name="endless-trailers",
        says="Trailers without end.",
        talk=flood(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n<\r\n0\r\n", b"X: y\r\n"),
        words=f"{LATE}|HTTP|cut short",
    ),
    Case(
        name="endless-small-chunks",
        says="Chunks of one byte without end.",
        talk=flood(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n"),
        words=f"{LATE}|larger than",
    ),
    Case(
        name="endless-chunks",
        says="Large chunks without end.",
        talk=flood(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"),
        words="larger than",
    ),
    Case(name="endless-body", says="A body without length and end.", talk=flood(OK + b"\r\n", b"<rss>"), words="larger than"),
    Case(
        name="transfer-unknown",
        says="A transfer coding nobody knows.",
        talk=say(headed(b"Transfer-Encoding: x-fancy")),
        outcome="either",
    ),
    Case(
        name="transfer-gzip",
        says="A transfer coding that we did not ask for.",
        talk=say(headed(b"Transfer-Encoding: gzip, chunked", body=b"3\r\n\x1f\x8b\x08\r\n0\r\n\r\n")),
        words="not a feed|decoded",
    ),
)
# fmt: on

CONNECTIONS = (*_TCP, *_TLS)
FRAMING = (*_NOT_HTTP, *_HEADS, *_LENGTHS)
