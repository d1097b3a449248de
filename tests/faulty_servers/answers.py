"""Define faults in the semantics of HTTP: codings, redirects, statuses, validators, headers."""

# ruff: noqa: E501 - one case a line is easier to read and to compare

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Sequence

import brotli

from tests.faulty_servers.server import (
    HEALTHY,
    OK,
    Body,
    Case,
    Talk,
    Wire,
    answer,
    by_path,
    feed,
    flood,
    healthy,
    in_turn,
    say,
    whole,
)
from tests.web_server import Asked

try:  # in the standard library from 3.14 on
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

BODY = feed(HEALTHY)
NOISE = feed(HEALTHY, b"<!-- " + bytes(n % 90 + 35 for n in range(3_000)).replace(b"-", b"+") + b" -->")
DECODED = "cannot be decoded"
LARGE = "larger than|no complete response"

# --- codings -------------------------------------------------------------------------------------------

GIGABYTE = 1_000_000_000
PIECE = 10_000_000


def packed(coding: str, body: bytes) -> bytes:
    """Compress `body`."""
    if coding == "raw deflate":
        squeezer = zlib.compressobj(wbits=-15)
        return squeezer.compress(body) + squeezer.flush()
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}
    return bytes(pack[coding](body))


def coded(
    coding: bytes,
    *packing: str,
    body: bytes = NOISE,
    cut: int | None = None,
    more: bytes = b"",
    length: bool = True,
) -> Talk:
    """Serve a feed compressed by `packing`, with the header `coding`."""

    def talk(wire: Wire) -> None:
        wire.hear()
        data = wire.fill(body)
        for step in packing:
            data = packed(step, data)
        lines = [b"Content-Encoding: " + coding, b"Content-Type: application/rss+xml"]
        wire.conn.sendall(whole(wire, data[:cut] + more, *lines, length=length))

    return talk


def gzip_bomb() -> bytes:
    """Compress a gigabyte of blanks into one megabyte, by repeating one block."""
    squeezer = zlib.compressobj(9, wbits=-15)
    block = squeezer.compress(b" " * PIECE) + squeezer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * (GIGABYTE // PIECE)


def zlib_bomb() -> bytes:
    """Compress a gigabyte of blanks as a zlib stream."""
    return b"\x78\xda" + gzip_bomb()[10:]


def zstd_bomb() -> bytes:
    """Compress a gigabyte of blanks into zstd frames."""
    return bytes(zstd.compress(b" " * PIECE)) * (GIGABYTE // PIECE)


def wide_window() -> bytes:
    """Compress 100 MB into a zstd frame that needs a window of 128 MB."""
    level, window = zstd.CompressionParameter.compression_level, zstd.CompressionParameter.window_log
    return bytes(zstd.compress(bytes(100_000_000), options={level: 1, window: 27}))


def brotli_bomb() -> bytes:
    """Compress 200 MB of blanks into some hundred bytes."""
    return bytes(brotli.compress(b" " * 200_000_000, quality=2, lgwin=24))


def bomb(name: str, says: str, coding: bytes, body: Body, words: str = LARGE) -> Case:
    """Define a case of a body that needs much memory."""
    return Case(
        name=name, says=says, talk=answer(body, b"Content-Encoding: " + coding), words=words, alone=True
    )


def cut_short(coding: str) -> tuple[Case, Case]:
    """Define a stream that ends early, with and without a Content-Length."""
    return tuple(  # type: ignore[return-value]
        Case(
            name=f"cut-{coding}-{'with' if length else 'without'}-length",
            says=f"A {coding} stream that breaks off: the first part of a document is no document (V4).",
            talk=coded(coding.encode(), coding, cut=-200, length=length),
            words=f"cut short|{DECODED}",
        )
        for length in (True, False)
    )


# fmt: off
_CODINGS = (
    bomb("bomb-gzip", "A gigabyte of blanks in a megabyte of gzip.", b"gzip", gzip_bomb),
    bomb("bomb-zlib", "A gigabyte of blanks in a megabyte of deflate.", b"deflate", zlib_bomb),
    bomb("bomb-raw-deflate", "A gigabyte of blanks in raw deflate.", b"deflate", lambda: gzip_bomb()[10:]),
    bomb("bomb-zstd", "A gigabyte of blanks in zstd frames.", b"zstd", zstd_bomb),
    bomb("bomb-zstd-window", "A zstd frame that asks for a window of 128 MB.", b"zstd", wide_window, f"{LARGE}|{DECODED}"),
    bomb("bomb-brotli", "200 MB of blanks in a few hundred bytes.", b"br", brotli_bomb),
    bomb(
        "bomb-in-a-bomb",
        "A gzip bomb packed once more.",
        b"gzip, gzip",
        lambda: gzip.compress(gzip_bomb()),
        f"{LARGE}|{DECODED}",
    ),
    bomb(
        "bomb-five-deep",
        "A gzip bomb packed four times more.",
        b"gzip, gzip, gzip, gzip, gzip",
        lambda: gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip_bomb())))),
        f"{LARGE}|{DECODED}",
    ),
    *(
        Case(name=f"coding-{step.replace(' ', '-')}", says=f"An answer in {step}, whole.", talk=coded(name, step), outcome="changed")
        for name, step in ((b"gzip", "gzip"), (b"deflate", "deflate"), (b"deflate", "raw deflate"), (b"br", "br"), (b"zstd", "zstd"))
    ),
    Case(name="coding-upper-case", says="The name of a coding in capitals.", talk=coded(b"GZIP", "gzip"), outcome="changed"),
    Case(name="coding-x-gzip", says="The old name of gzip (RFC 9110 section 8.4.1.3).", talk=coded(b"x-gzip", "gzip"), outcome="changed"),
    Case(name="coding-twice", says="A document packed twice.", talk=coded(b"gzip, gzip", "gzip", "gzip"), outcome="changed"),
    Case(name="coding-mixed", says="A document packed in two ways.", talk=coded(b"gzip, br", "gzip", "br"), outcome="changed"),
    Case(name="coding-20-fold", says="Twenty codings, one over the other.", talk=coded(b", ".join([b"gzip"] * 20), "gzip"), words=DECODED),
    Case(name="coding-1000-fold", says="A thousand codings.", talk=coded(b",".join([b"gzip"] * 1_000), "gzip"), words=DECODED),
    Case(name="coding-unknown", says="A coding nobody knows.", talk=coded(b"x-secret", "gzip"), words="not a feed|decoded"),
    Case(name="coding-is-a-charset", says="A charset where a coding belongs, over a plain body.", talk=coded(b"UTF-8"), outcome="changed"),
    Case(name="coding-untrue", says="A plain body that is said to be gzip.", talk=coded(b"gzip"), words=DECODED),
    Case(name="coding-untrue-br", says="A plain body that is said to be brotli.", talk=coded(b"br"), words=DECODED),
    Case(name="coding-untrue-zstd", says="A plain body that is said to be zstd.", talk=coded(b"zstd"), words=DECODED),
    Case(name="coding-unsaid", says="A gzip body that is not said to be one.", talk=coded(b"identity", "gzip"), words="not a feed"),
    Case(name="coding-garbage-after", says="Garbage after the end of the gzip stream.", talk=coded(b"gzip", "gzip", more=b"\xff" * 99), outcome="changed"),
    Case(
        name="coding-wrong-sum",
        says="A gzip stream whose checksum is wrong.",
        talk=coded(b"gzip", "gzip", cut=-8, more=b"\1\2\3\4\5\6\7\x08"),
        words=DECODED,
    ),
    Case(name="coding-members", says="A gzip stream in two members.", talk=coded(b"gzip", "gzip", more=gzip.compress(b" ")), outcome="changed"),
    Case(
        name="gzip-without-output",
        says="A gzip stream of empty blocks without end: no byte of a body ever comes.",
        talk=flood(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\0\0\0\xff\xff"),
        words="no complete response|larger than",
    ),
    Case(
        name="gzip-name-without-end",
        says="A gzip header whose file name never ends.",
        talk=flood(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\xff", b"name"),
        words="no complete response|larger than|decoded",
    ),
    Case(
        name="cut-gzip-in-name",
        says="A gzip stream that ends within its header: the first part of a document is no document (V4).",
        talk=say(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\xffname"),
        words="cut short",
    ),
    *cut_short("gzip"),
    *cut_short("deflate"),
    *cut_short("br"),
    *cut_short("zstd"),
)
# fmt: on

# --- redirects -----------------------------------------------------------------------------------------


def to(location: bytes, status: bytes = b"302 Found", *headers: bytes) -> Talk:
    """Redirect /feed, and answer every other path with a healthy feed."""
    return by_path(feed=answer(b"", *headers, b"Location: " + location, status=status))


def astray(name: str, says: str, location: bytes, words: str = "no web address") -> Case:
    """Define a redirect that is not followed."""
    return Case(
        name=f"to-{name}", says=says, talk=to(location), words=words, asked=lambda asked: len(asked) == 1
    )


def follows(name: str, says: str, location: bytes, status: bytes = b"302 Found") -> Case:
    """Define a redirect that is followed, without further request headers."""
    return Case(
        name=f"to-{name}", says=says, talk=to(location, status), outcome="changed", asked=plain_requests
    )


def plain_requests(asked: Sequence[Asked]) -> bool:
    """Return whether requests contain nothing that a server injected (CL13)."""
    foreign = {"cookie", "referer", "x-injected", "upgrade", "authorization"}
    return bool(asked) and not any(foreign & set(a.headers) or " " in a.path or "\t" in a.path for a in asked)


def _slow_hops(wire: Wire) -> None:
    wire.hear()
    time.sleep(0.8)
    wire.send(b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % time.monotonic_ns())


def _ever_on(wire: Wire) -> None:
    wire.hear()
    wire.send(b"HTTP/1.1 302 Found\r\nLocation: /feed?%d\r\nContent-Length: 0\r\n\r\n" % time.monotonic_ns())


def _hops(n: int) -> Talk:
    moves = {str(k): answer(b"", b"Location: /%d" % (k + 1), status=b"302 Found") for k in range(1, n)}
    return by_path(feed=answer(b"", b"Location: /1", status=b"302 Found"), **moves)


# Each is refused before connecting; a server listens at the ports that are named.
# fmt: off
_INSIDE = {
    "metadata": b"http://169.254.169.254/latest/meta-data",
    "loopback": b"http://127.0.0.1:@INSIDE@/",
    "localhost": b"http://localhost:@INSIDE@/",
    "loopback-dot": b"http://127.0.0.1.:@INSIDE@/",
    "decimal": b"http://2130706433:@INSIDE@/",
    "hex": b"http://0x7f.1:@INSIDE@/",
    "hex-whole": b"http://0x7f000001:@INSIDE@/",
    "octal": b"http://0177.0.0.1:@INSIDE@/",
    "short": b"http://127.1:@INSIDE@/",
    "fullwidth": "http://１２７.0.0.1:@INSIDE@/".encode(),
    "ideographic-dots": "http://127。0。0。1:@INSIDE@/".encode(),
    "any": b"http://0.0.0.0:@INSIDE@/",
    "zero": b"http://0:@INSIDE@/",
    "loopback-6": b"http://[::1]:@INSIDE@/",
    "any-6": b"http://[::]:@INSIDE@/",
    "mapped": b"http://[::ffff:127.0.0.1]:@INSIDE@/",
    "mapped-private": b"http://[::ffff:10.0.0.1]/",
    "compatible": b"http://[::127.0.0.1]:@INSIDE@/",
    "nat64": b"http://[64:ff9b::7f00:1]:@INSIDE@/",
    "6to4": b"http://[2002:7f00:1::]:@INSIDE@/",
    "teredo": b"http://[2001:0:7f00:1::]:@INSIDE@/",
    "link-local-6": b"http://[fe80::1]/",
    "unique-local-6": b"http://[fd00::1]/",
    "ten": b"http://10.0.0.1/",
    "carrier": b"http://100.64.0.1/",
    "multicast": b"http://224.0.0.1/",
    "broadcast": b"http://255.255.255.255/",
    "reserved": b"http://240.0.0.1/",
    "user-before": b"http://partner.example@127.0.0.1:@INSIDE@/",
    "user-before-colon": b"http://partner.example:80@127.0.0.1:@INSIDE@/",
    "backslash": b"http://127.0.0.1:@INSIDE@\\@partner.example/",
}
# fmt: on

# fmt: off
_ODD_TARGETS = {
    "file": b"file:///etc/passwd",
    "ftp": b"ftp://127.0.0.1:@INSIDE@/x",
    "gopher": b"gopher://127.0.0.1:@INSIDE@/_x",
    "javascript": b"javascript:alert(1)",
    "data": b"data:application/rss+xml,<rss/>",
    "mailto": b"mailto:editors@news.example",
    "about": b"about:blank",
    "unix-socket": b"http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "no-host": b"http://",
    "port-words": b"http://127.0.0.1:http/",
    "port-huge": b"http://127.0.0.1:99999999/",
    "broken-brackets": b"http://[::1/",
    "escapes": b"x-evil:\x1b]0;owned\x07\x1b[2J\x9b31m",
}
# fmt: on

# fmt: off
_REDIRECTS = (
    *(astray(f"inside-{n}", f"A redirect to a private address, {n}.", url, "private address|no web|DNS|URL") for n, url in _INSIDE.items()),
    *(astray(f"odd-{n}", f"A redirect to something that is no web address, {n}.", url, "no web address|URL|DNS|private|circle") for n, url in _ODD_TARGETS.items()),
    Case(name="to-a-circle", says="Two addresses that point at each other.", talk=by_path(feed=answer(b"", b"Location: /b", status=b"302 Found"), b=answer(b"", b"Location: /feed", status=b"302 Found")), words="circle"),
    Case(name="to-itself", says="An address that points at itself.", talk=answer(b"", b"Location: /feed", status=b"301 Moved"), words="circle"),
    Case(name="to-itself-by-fragment", says="An address that points at a part of itself.", talk=answer(b"", b"Location: #top", status=b"301 Moved"), words="circle", asked=lambda asked: len(asked) <= 2),
    Case(name="to-five-hops", says="Five hops, as many as are followed.", talk=_hops(5), outcome="changed", asked=lambda asked: len(asked) == 6),
    Case(name="to-six-hops", says="Six hops.", talk=_hops(6), words="more than 5", asked=lambda asked: len(asked) == 6),
    Case(name="to-ever-new", says="A new address every time, without end.", talk=_ever_on, words="more than 5", asked=lambda asked: len(asked) == 6),
    Case(name="to-slow-hops", says="Hops that are each in time, and together are not.", talk=_slow_hops, words="no complete response"),
    Case(
        name="to-body-without-end",
        says="A redirect with a body without end, which nobody reads.",
        talk=by_path(feed=flood(b"HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\n", b"moved ")),
        outcome="changed",
    ),
    Case(name="to-empty", says="A redirect with an empty Location.", talk=to(b""), words="302"),
    Case(name="to-nowhere", says="A redirect without a Location.", talk=answer(b"", status=b"301 Moved"), words="301"),
    Case(name="to-choices", says="300 with a page of choices.", talk=answer(b"<a href=/1>1</a>", status=b"300 Multiple Choices"), words="300"),
    Case(name="to-proxy", says="305 Use Proxy, which nobody may obey (RFC 9110 section 15.4.6).", talk=to(b"@CANARY@/", b"305 Use Proxy"), words="305"),
    Case(name="to-306", says="306, which means nothing.", talk=to(b"@CANARY@/", b"306 Unused"), words="306"),
    follows("relative", "A relative Location.", b"next/feed"),
    follows("query", "A Location that is only a query.", b"?page=1"),
    follows("rooted", "A Location that is only a path.", b"/next"),
    follows("same-scheme", "A Location without a scheme.", b"//@HOST@/next"),
    follows("fragment", "A Location with a fragment.", b"/next#part"),
    follows("307", "307 Temporary Redirect.", b"/next", b"307 Temporary Redirect"),
    follows("308", "308 Permanent Redirect.", b"/next", b"308 Permanent Redirect"),
    follows("303", "303 See Other.", b"/next", b"303 See Other"),
    follows("blanks", "A Location with blanks, which would end the request line.", b"/a b HTTP/1.1\tX-Injected: 1"),
    follows("utf-8", "A Location in UTF-8.", "/größe".encode()),
    follows("latin-1", "A Location in Latin-1.", "/größe".encode("latin-1")),
    follows("percent-crlf", "An encoded line break in Location stays encoded.", b"/a%0d%0aX-Injected:%201"),
    follows("folded", "A folded Location, which would put a header into our request.", b"/a\r\n X-Injected: 1"),
    follows("no-host-but-path", "A Location with a scheme and a path, but no host.", b"http:///etc/passwd"),
    follows("dots", "A Location that climbs out of the root.", b"/../../../../etc/passwd"),
    Case(name="to-bare-return", says="A bare CR in Location, which would put a header into our request.", talk=to(b"/a\rX-Injected: 1"), outcome="either", asked=plain_requests),
    Case(name="to-nul", says="NUL in Location.", talk=to(b"/a\0b"), outcome="either", asked=plain_requests),
    Case(name="to-long", says="A Location of 60 KB.", talk=to(b"/" + b"x" * 60_000), outcome="either", asked=plain_requests),
    Case(name="to-two-places", says="Two Locations.", talk=to(b"/next\r\nLocation: @CANARY@/"), outcome="either"),
    Case(name="to-user", says="A Location with a user and password.", talk=to(b"http://me:secret@@HOST@/next"), outcome="either"),
    Case(
        name="to-elsewhere-with-secret",
        says="A redirect to another host does not take our password along.",
        talk=to(b"@ELSEWHERE@/secret"),
        outcome="changed",
        survives=False,
        options="user: me, password: 'env:FAULTY'",
        asked=lambda asked: asked[0].headers["authorization"].startswith("Basic "),
    ),
    Case(
        name="to-elsewhere-with-cookie",
        says="A cookie of a redirect is not shown to the next.",
        talk=to(b"/next", b"302 Found", b"Set-Cookie: a=b; Path=/"),
        outcome="changed",
        asked=plain_requests,
    ),
    Case(name="to-https", says="A redirect to a host whose certificate is not valid.", talk=to(b"https://@HOST@/"), words="TLS|certificate|reset"),
)
# fmt: on

# --- statuses ------------------------------------------------------------------------------------------

# fmt: off
_STATUS = {
    b"204 No Content": "204", b"205 Reset Content": "205", b"206 Partial Content": "206",
    b"207 Multi-Status": "207", b"400 Bad Request": "400", b"402 Payment Required": "402", b"401 Unauthorized": "password",
    b"403 Forbidden": "forbidden", b"404 Not Found": "not found", b"405 Method Not Allowed": "405",
    b"406 Not Acceptable": "406", b"407 Proxy Authentication Required": "407", b"408 Request Timeout": "408",
    b"410 Gone": "gone", b"418 I'm a teapot": "418", b"421 Misdirected Request": "421", b"425 Too Early": "425",
    b"426 Upgrade Required": "426", b"431 Request Header Fields Too Large": "431", b"451 Unavailable For Legal Reasons": "451",
    b"500 Internal Server Error": "500", b"502 Bad Gateway": "502", b"504 Gateway Timeout": "504",
    b"511 Network Authentication Required": "511", b"520 Web Server Returned an Unknown Error": "520",
    b"600 Beyond": "600", b"999 Request denied": "999",
}
# fmt: on

# fmt: off
_RETRY: dict[str, tuple[tuple[bytes, ...], tuple[float, float]]] = {
    "nothing": ((), (4, 5)),
    "seconds": ((b"Retry-After: 7200",), (2, 3)),
    "date": ((b"Retry-After: Tue, 06 Oct 2026 06:30:00 GMT", b"Date: Mon, 05 Oct 2026 06:30:00 GMT"), (24, 25)),
    "date-of-a-wrong-clock": ((b"Retry-After: Fri, 02 Jan 1998 00:00:00 GMT", b"Date: Thu, 01 Jan 1998 00:00:00 GMT"), (24, 25)),
    "zero": ((b"Retry-After: 0",), (1, 5)),
    "past": ((b"Retry-After: Mon, 05 Oct 1998 06:30:00 GMT",), (1, 5)),
    "negative": ((b"Retry-After: -60",), (4, 5)),
    "garbage": ((b"Retry-After: in a while",), (4, 5)),
    "fraction": ((b"Retry-After: 1.5",), (1, 5)),
    "superscript": ((b"Retry-After: \xb2",), (4, 5)),
    "huge": ((b"Retry-After: " + b"9" * 30,), (24 * 31, 24 * 32)),
    "5000-digits": ((b"Retry-After: " + b"9" * 5_000,), (24 * 31, 24 * 32)),
    "year-9999": ((b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT",), (24 * 31, 24 * 32)),
    "zone-without-end": ((b"Retry-After: Fri, 31 Dec 9999 23:59:59 -9999999999",), (1, 24 * 32)),
    "year-1": ((b"Retry-After: Mon, 01 Jan 0001 00:00:00 +1400", b"Date: Fri, 31 Dec 9999 23:59:59 -1400"), (1, 5)),
    "escapes": ((b"Retry-After: \x1b[2J60",), (4, 5)),
}
# fmt: on

# fmt: off
_STATUSES = (
    *(
        Case(name=f"status-{status[:3].decode()}", says=f"It answers {status.decode()}.", talk=answer(BODY, status=status), words=words, hours=(1, 25))
        for status, words in _STATUS.items()
    ),
    *(
        Case(
            name=f"{status[:3].decode()}-{name}",
            says=f"{status.decode()}, Retry-After: {name.replace('-', ' ')} (CL8).",
            talk=answer(b"", *headers, status=status),
            words=status[:3].decode(),
            hours=hours,
        )
        for status in (b"429 Too Many Requests", b"503 Service Unavailable")
        for name, (headers, hours) in _RETRY.items()
    ),
    Case(name="status-304", says="304 to a request without a condition.", talk=answer(b"", b'ETag: "1"', status=b"304 Not Modified"), words="304"),
    Case(name="status-226", says="226 with a delta; nothing follows from what is absent (CL18).", talk=answer(BODY, b"IM: feed", status=b"226 IM Used"), outcome="changed"),
    Case(name="status-200-for-404", says="A page of errors that is served as 200.", talk=answer(b"<!doctype html><title>404</title>Not found"), words="web page"),
)
# fmt: on

# --- validators ----------------------------------------------------------------------------------------


def tagged(*headers: bytes) -> Talk:
    """Answer conditional requests with 304, and others with 200 and these headers."""

    def talk(wire: Wire) -> None:
        wire.hear()
        known = {"if-none-match", "if-modified-since"} & set(wire.asked[-1].headers)
        wire.conn.sendall(
            whole(wire, b"", status=b"304 Not Modified") if known else whole(wire, BODY, *headers)
        )

    return talk


def asked_with(header: str, value: str) -> object:
    """Make a check that the second request has a validator byte for byte (CL2)."""

    def judge(asked: Sequence[Asked]) -> bool:
        return header not in asked[0].headers and asked[1].headers.get(header) == value

    return judge


def validator(name: str, says: str, header: bytes, *, exactly: bool = True) -> Case:
    """Define a server that sends a validator and expects it back."""
    field, _, value = header.partition(b": ")
    back = {b"ETag": "if-none-match", b"Last-Modified": "if-modified-since"}[field]
    return Case(
        name=f"validator-{name}",
        says=says,
        talk=tagged(header),
        outcome="changed",
        then="unchanged",
        asked=asked_with(back, value.decode("latin-1")) if exactly else plain_requests,  # type: ignore[arg-type]
    )


_new_tag = iter(range(1_000_000))


def _new_tag_every_time(wire: Wire) -> None:
    wire.hear()
    wire.conn.sendall(whole(wire, BODY, b'ETag: "%d"' % next(_new_tag)))


# fmt: off
_VALIDATORS = (
    validator("weak", "A weak ETag comes back as it is.", b'ETag: W/"weak"'),
    validator("bare", "An ETag without quotes comes back as it is.", b"ETag: bare"),
    validator("8-kb", "An ETag of 8 KB comes back as it is.", b'ETag: "' + b"x" * 8_192 + b'"'),
    validator("controls", "Control characters in an ETag.", b'ETag: "a\x01\x1b[2J\x7f"', exactly=False),
    validator("not-latin", "An ETag in UTF-8 comes back in the same bytes.", 'ETag: "größe✓"'.encode()),
    validator("folded", "A folded ETag must not make every further visit fail.", b'ETag: "a\r\n X-Injected: 1"', exactly=False),
    validator("bare-return", "A bare CR in an ETag must not make every further visit fail.", b'ETag: "a\rX-Injected: 1"', exactly=False),
    validator("date-garbage", "A Last-Modified that is no date comes back as it is.", b"Last-Modified: yesterday, more or less"),
    validator("date-future", "A Last-Modified in the future comes back as it is.", b"Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT"),
    validator("date-folded", "A folded Last-Modified.", b"Last-Modified: Mon,\r\n 05 Oct 2026", exactly=False),
    Case(name="validator-empty", says="An empty ETag.", talk=answer(BODY, b"ETag:"), outcome="changed", then="unchanged", asked=plain_requests),
    Case(name="validator-nul", says="NUL in an ETag.", talk=answer(BODY, b'ETag: "\0"'), outcome="changed", then="unchanged", asked=plain_requests),
    Case(name="validator-two", says="Two ETags.", talk=answer(BODY, b'ETag: "1"', b'ETag: "2"'), outcome="changed", then="unchanged", asked=plain_requests),
    Case(name="validator-60-kb", says="An ETag of 60 KB.", talk=tagged(b'ETag: "' + b"x" * 60_000 + b'"'), outcome="changed", then="unchanged"),
    Case(name="validator-new-every-time", says="A new ETag for the same bytes changes nothing.", talk=_new_tag_every_time, outcome="changed", then="unchanged"),
    Case(
        name="validator-304-with-body",
        says="304 with a body, which does not count (RFC 9110 section 15.4.5).",
        talk=in_turn(answer(BODY, b'ETag: "1"'), answer(feed(), b'ETag: "1"', status=b"304 Not Modified")),
        outcome="changed",
        then="unchanged",
    ),
    Case(
        name="validator-304-hangs",
        says="304 with the length of a body that never comes.",
        talk=in_turn(answer(BODY, b'ETag: "1"'), say(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9999\r\n\r\n")),
        outcome="changed",
        then="unchanged",
    ),
    Case(
        name="validator-412",
        says="412 to a condition that cannot fail so.",
        talk=in_turn(answer(BODY, b'ETag: "1"'), answer(b"", status=b"412 Precondition Failed")),
        outcome="changed",
        then="failed",
    ),
    Case(name="turns-empty", says="A feed that is empty the next time loses nothing (I8).", talk=in_turn(healthy, answer(b"")), outcome="changed", then="failed"),
    Case(name="turns-to-a-page", says="A feed that is a page the next time loses nothing (I8).", talk=in_turn(healthy, answer(b"<html>Parked</html>")), outcome="changed", then="failed"),
    Case(name="turns-gone", says="A feed that is gone the next time loses nothing (I8).", talk=in_turn(healthy, answer(b"", status=b"410 Gone")), outcome="changed", then="failed"),
)
# fmt: on

# --- headers that mean something -----------------------------------------------------------------------


def typed(kind: bytes, body: Body = BODY) -> Talk:
    """Serve a feed with this Content-Type."""
    return answer(body, b"Content-Type: " + kind)


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "'
    + b"boom " * 200
    + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 20) for n in range(5))
    + b"]>"
)
BOMB = feed(b"<item><title>&f;</title><link>https://@NAME@.example/bomb</link></item>", prologue=ENTITIES)

# fmt: off
_CHARSETS = {
    "path": b'"../../etc/passwd"', "quotes": b'"', "empty": b"", "nul": b'"a\0b"', "long": b"x" * 50_000,
    "unicode-escape": b"unicode_escape", "raw-unicode-escape": b"raw_unicode_escape", "idna": b"idna",
    "rot13": b"rot13", "base64": b"base64", "zlib": b"zlib", "bz2": b"bz2", "hex": b"hex", "undefined": b"undefined",
    "utf-7": b"utf-7", "hz": b"hz", "iso-2022-jp": b"iso-2022-jp", "mbcs": b"mbcs", "utf-8-sig": b"utf-8-sig",
    "escapes": b"\x1b[2J\x07", "not-latin": "größe".encode(),
}
# fmt: on

# fmt: off
_HEADERS = (
    *(
        Case(name=f"charset-{name}", says=f"A charset that is none, or none for this: {value[:20]!r}.", talk=typed(b"application/rss+xml; charset=" + value), outcome="changed")
        for name, value in _CHARSETS.items()
    ),
    *(
        Case(name=f"charset-{name}", says=f"A charset in which the document means nothing: {name}.", talk=typed(b"text/xml; charset=" + name.encode()), outcome="either")
        for name in ("cp037", "utf-16", "utf-32", "punycode")
    ),
    *(
        Case(
            name=f"charset-{coding}-hides-entities",
            says=f"An entity bomb that only {coding} in Content-Type brings to light.",
            talk=answer(lambda coding=coding: BOMB.decode().encode(coding), b"Content-Type: text/xml; charset=" + coding.encode()),  # type: ignore[misc]
            outcome="either",
            survives=False,
            alone=True,
        )
        for coding in ("cp037", "utf-7", "utf-16-le", "utf-32-be")
    ),
    Case(
        name="charset-punycode-large",
        says="A codec that needs the square of the length.",
        talk=typed(b"text/xml; charset=punycode", lambda: feed(HEALTHY, b"<!--" + b"a" * 900_000 + b"-" + b"b9" * 450_000 + b"-->")),
        outcome="either",
        alone=True,
    ),
    *(
        Case(name=f"type-{kind.replace('/', '-')}", says=f"A feed that is called {kind}.", talk=typed(kind.encode()), outcome="changed")
        for kind in ("text/html", "image/png", "multipart/x-mixed-replace", "application/octet-stream", "nonsense")
    ),
    Case(name="type-of-60-kb", says="A Content-Type of 60 KB over a page, and a reason of one line.", talk=typed(b"x" * 60_000, b"<html>"), words="web page"),
    Case(name="cookies", says="Cookies do not come back (CL13).", talk=answer(BODY, b"Set-Cookie: id=1; Path=/", b"Set-Cookie: b=2", b'ETag: "1"'), outcome="changed", then="unchanged", asked=plain_requests),
    Case(
        name="headers-that-beckon",
        says="Headers that ask us to look elsewhere; nobody is asked.",
        talk=answer(
            BODY, b"Refresh: 0; url=@CANARY@/", b"Location: @CANARY@/", b"Link: <@CANARY@/>; rel=canonical", b"Link: <@CANARY@/>; rel=hub",
            b"Content-Location: @CANARY@/", b'Alt-Svc: h2="@CANARY@"', b"Content-Security-Policy: report-uri @CANARY@/", b"NEL: {}",
        ),
        outcome="changed",
        asked=lambda asked: len(asked) == 1,
    ),
    Case(name="content-location-file", says="A Content-Location that is a file.", talk=answer(BODY, b"Content-Location: file:///etc/passwd"), outcome="changed"),
)
# fmt: on

ANSWERS = (*_CODINGS, *_REDIRECTS, *_STATUSES, *_VALIDATORS, *_HEADERS)
