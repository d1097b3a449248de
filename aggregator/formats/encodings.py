"""Decode documents whose bytes are not in the encoding that they or their headers state."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

_STATED = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_WIDE = ("utf-16", "utf-32")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


def utf_8(body: bytes) -> str:
    """Decode UTF-8, and each byte that is none as Windows-1252."""
    return body.removeprefix(codecs.BOM_UTF8).decode("utf-8", _AS_WINDOWS_1252)


def without_wide_encoding(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
    """Return XML in single bytes, and headers, without a stated UTF-16 or UTF-32.

    .NET states the encoding of its strings, UTF-16, and sends UTF-8.
    """
    if not body.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<") or b"\0" in body[:100]:
        return body, headers
    in_body = _STATED.match(body[:1_000])
    if in_body and _codec(in_body[1].decode("ascii")).startswith(_WIDE):
        body = body[: in_body.start(1)] + b"utf-8" + body[in_body.end(1) :]
    kind = headers.get("content-type", "")
    in_header = _CHARSET.search(kind)
    if in_header and _codec(in_header[1]).startswith(_WIDE):
        headers = {**headers, "content-type": kind.partition(";")[0]}
    return body, headers


def repaired_utf_8(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return XML whose encoding is UTF-8 by its header, its declaration or none, as UTF-8.

    feedparser would read all of it in another encoding because of one byte.
    """
    if b"\0" in body[:100] or _is_utf_8(body):  # UTF-16 without a byte order mark
        return body
    in_header = _CHARSET.search(headers.get("content-type", ""))
    in_body = _STATED.match(body[:1_000])
    stated = [name for name in (in_header and in_header[1], in_body and in_body[1].decode("ascii")) if name]
    return utf_8(body).encode() if all(_codec(name) == "utf-8" for name in stated) else body


def _is_utf_8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _codec(name: str) -> str:
    """Return the name of an encoding in Python; empty for an unknown one."""
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""


def _windows_1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError), "registered for decoding"
    return error.object[error.start : error.end].decode("windows-1252", "replace"), error.end


_AS_WINDOWS_1252 = "aggregator.windows-1252"
codecs.register_error(_AS_WINDOWS_1252, _windows_1252)
