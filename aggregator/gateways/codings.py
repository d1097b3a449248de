"""Decode content codings (RFC 9110 8.4.1) with bounded output, memory and time."""

from __future__ import annotations

import zlib
from collections.abc import Callable

MAX_CODINGS = 5
"""Maximum number of codings applied to one body."""
MAX_MEMBERS = 1_000
"""Maximum number of gzip members or zstd frames in one body; empty ones cost only time."""
PIECE_BYTES = 65_536
GZIP_MAGIC = b"\x1f\x8b"


class Undecodable(Exception):
    """The body is not encoded as its Content-Encoding says."""


class Truncated(Exception):
    """The body ends before its own end mark; `decoded` is what came."""

    def __init__(self, decoded: bytes) -> None:
        super().__init__("the body was cut short")
        self.decoded = decoded


def decode(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Return the decoded body, or slightly more than `limit` bytes of it.

    No step decodes more than that. An unknown coding leaves the body as it is: often a charset was meant.
    Raises Undecodable and Truncated.
    """
    names = [name.strip() for name in content_encoding.lower().split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not body or not any(name in _STEPS for name in names):
        return body
    if len(names) > MAX_CODINGS or not all(name in _STEPS for name in names):
        raise Undecodable(content_encoding[:100])
    for name in reversed(names):
        body = _STEPS[name](body, limit)
        if len(body) > limit:
            break
    return body


def decode_beginning(body: bytes, content_encoding: str, limit: int) -> bytes:
    """Return the decoded beginning of an incomplete body, at most `limit` bytes.

    b"" where it cannot be decoded.
    """
    try:
        return decode(body, content_encoding, limit)[:limit]
    except Truncated as error:
        return error.decoded[:limit]
    except Undecodable:
        return b""


def _gzip(body: bytes, limit: int) -> bytes:
    out = bytearray()
    rest = memoryview(body)
    for _ in range(MAX_MEMBERS):
        try:
            member, used = _inflated(rest, 16 + zlib.MAX_WBITS, limit - len(out))
        except zlib.error as error:
            raise Undecodable("gzip") from error
        out += member
        rest = rest[used:]
        # Every client ignores garbage behind a whole member.
        if rest[:2] != GZIP_MAGIC or len(out) > limit:
            return bytes(out)
    raise Undecodable(f"more than {MAX_MEMBERS} gzip members")


def _deflate(body: bytes, limit: int) -> bytes:
    try:
        return _inflated(memoryview(body), zlib.MAX_WBITS, limit)[0]
    except zlib.error:  # many servers omit the zlib header (RFC 9110 8.4.1.2)
        try:
            return _inflated(memoryview(body), -zlib.MAX_WBITS, limit)[0]
        except zlib.error as error:
            raise Undecodable("deflate") from error


def _inflated(body: memoryview, wbits: int, limit: int) -> tuple[bytes, int]:
    """Return one zlib stream decoded, and the number of bytes that it occupies."""
    stream = zlib.decompressobj(wbits)
    out = bytearray()
    used = 0
    while used < len(body):  # in pieces: a stream copies everything behind its end
        piece = body[used : used + PIECE_BYTES]
        out += stream.decompress(piece, max(limit + 1 - len(out), 1))
        used += len(piece) - len(stream.unused_data) - len(stream.unconsumed_tail)
        if stream.eof or len(out) > limit:
            return bytes(out), used
    raise Truncated(bytes(out))


def _brotli(body: bytes, limit: int) -> bytes:
    import brotli

    stream = brotli.Decompressor()
    out = bytearray()
    used = 0
    try:
        while not stream.is_finished() and len(out) <= limit:
            piece = body[used : used + PIECE_BYTES] if stream.can_accept_more_data() else b""
            output = stream.process(piece, output_buffer_limit=PIECE_BYTES)
            if not piece and not output and stream.can_accept_more_data():
                raise Truncated(bytes(out))
            out += output
            used += len(piece)
    except brotli.error as error:
        raise Undecodable("br") from error
    return bytes(out)


def _zstd(body: bytes, limit: int) -> bytes:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from backports import zstd

    out = bytearray()
    rest = memoryview(body)
    try:
        for _ in range(MAX_MEMBERS):
            frame = zstd.ZstdDecompressor()
            used = 0
            while not frame.eof and len(out) <= limit:
                piece = rest[used : used + PIECE_BYTES] if frame.needs_input else b""
                if frame.needs_input and not piece:
                    raise Truncated(bytes(out))
                out += frame.decompress(piece, max_length=PIECE_BYTES)
                used += len(piece)
            rest = rest[used - len(frame.unused_data) :] if frame.eof else rest[used:]
            if not rest or len(out) > limit:
                return bytes(out)
    except zstd.ZstdError as error:
        raise Undecodable("zstd") from error
    raise Undecodable(f"more than {MAX_MEMBERS} zstd frames")


_STEPS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
