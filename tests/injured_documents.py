"""Damage documents at random: bytes, encodings, elements, namespaces, texts, dates, URLs."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from html import escape

from tests.generate_documents import PARTS, R, a_date, a_text, an_address, much
from tests.hostile_strings import VECTORS

Change = Callable[[R, bytes, int, Sequence[bytes]], bytes]
"""(random numbers, document, characters of a field, other documents) -> damaged document."""


def _flipped(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    changed = bytearray(body)
    for _ in range(r.choice((1, 3, 30)) if body else 0):
        changed[r.randrange(len(changed))] = r.randrange(256)
    return bytes(changed)


def _cut(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    a, b = sorted(r.randrange(len(body) + 1) for _ in range(2))
    return body[:a] + body[b:] if r.random() < 0.7 else body[:a]


def _doubled(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    a, b = sorted(r.randrange(len(body) + 1) for _ in range(2))
    return body[:b] + body[a:b] * r.choice((1, 1, 2, 20 if b - a < 2_000 else 1)) + body[b:]


def _inserted(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    at = r.randrange(len(body) + 1)
    what = r.choice(
        (
            *VECTORS,
            *PARTS,
            much(r, size),
            "<?xml ",
            "<!DOCTYPE x [",
            "<!ENTITY a 'b'>",
            "&a;",
            "&#0;",
            "&#xD800;&#xDC00;",
            "&#99999999999;",
            "\ufeff",
            "</item>",
            "<item>",
            "<entry>",
            "</channel>",
            "xmlns='x'",
            "xml:base='//['",
        )
    )
    return body[:at] + what.encode(r.choice(("utf-8", "utf-16-le")), "replace") + body[at:]


def _spliced(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    other = r.choice(others)
    return body[: r.randrange(len(body) + 1)] + other[r.randrange(len(other) + 1) :]


def _recoded(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(
        r.choice(("utf-16", "utf-16-be", "iso-8859-1", "windows-1252", "utf-32", "shift_jis")), "replace"
    )


_ELEMENT = re.compile(
    rb"<([A-Za-z][\w:.-]*)\b[^<>]*>[^<>]*</\1\s*>|<(item|entry)\b[^<>]*>.*?</\2\s*>", re.DOTALL
)
_VALUE = re.compile(rb"(?<==)(?:\"[^\"<>]*\"|'[^'<>]*')")
_NAME = re.compile(rb"(?<=[</])[A-Za-z][\w.-]*:?")
_TEXT = re.compile(rb"(?<=>)[^<>]+(?=<)")
_STRING = re.compile(rb"\"(?:[^\"\\]|\\.)*\"")


def _among(r: R, pattern: re.Pattern[bytes], body: bytes) -> tuple[int, int] | None:
    found = [match.span() for match in pattern.finditer(body[:100_000])]
    return r.choice(found) if found else None


def _dropped(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    span = _among(r, _ELEMENT, body)
    return body[: span[0]] + body[span[1] :] if span else body


def _repeated(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    span = _among(r, _ELEMENT, body)
    if not span:
        return body
    times = max(1, min(r.choice((2, 2, 50, 3_000)), 10 * size // (span[1] - span[0])))
    return body[: span[1]] + body[span[0] : span[1]] * times + body[span[1] :]


def _nested(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    outer, inner = _among(r, _TEXT, body), _among(r, _ELEMENT, body)
    if not outer or not inner:
        return body
    depth, what = r.choice((1, 1, 5, 200)), body[inner[0] : inner[1]]
    name = what[1 : len(what) - len(what.lstrip(b"<" + string.ascii_letters.encode() + b":"))] or b"x"
    return body[: outer[1]] + b"<%s>" % name * depth + what + b"</%s>" % name * depth + body[outer[1] :]


def _renamed(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    span = _among(r, _NAME, body)
    names = (
        b"item",
        b"entry",
        b"title",
        b"link",
        b"atom:",
        b"dc:",
        b"rss:",
        b"",
        b"feed",
        b"rdf:RDF",
        b"xhtml:",
        b"description",
        b"content",
        b"author",
    )
    if not span:
        return body
    old, new = body[span[0] : span[1]], r.choice(names)
    return body.replace(old, new) if r.random() < 0.5 else body[: span[0]] + new + body[span[1] :]


def _namespaced(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    spaces = re.findall(rb"xmlns(?::\w+)?=[\"'][^\"']*[\"']", body)
    other = r.choice(
        (
            b'xmlns="http://www.w3.org/2005/Atom"',
            b'xmlns="http://purl.org/rss/1.0/"',
            b'xmlns="http://purl.org/atom/ns#"',
            b'xmlns:dc=""',
            b'xmlns=""',
            b"",
        )
    )
    return body.replace(r.choice(spaces), other) if spaces else body.replace(b"<rss", b"<rss " + other, 1)


def _filled(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    """Replace a text, date, URL or value by another one."""
    span = _among(r, r.choice((_TEXT, _TEXT, _VALUE, _STRING)), body)
    if not span:
        return body
    text = r.choice((a_text, an_address, a_date, much))(r, size)
    new = (escape(text) if r.random() < 0.7 else text).encode("utf-8", "replace")
    quote = body[span[0] : span[0] + 1]
    if quote in (b'"', b"'"):
        new = quote + new + quote
    return body[: span[0]] + new + body[span[1] :]


def _swapped(r: R, body: bytes, size: int, others: Sequence[bytes]) -> bytes:
    one, other = sorted((_among(r, _TEXT, body) or (0, 0), _among(r, _TEXT, body) or (0, 0)))
    if one[1] > other[0]:
        return body
    return (
        body[: one[0]]
        + body[other[0] : other[1]]
        + body[one[1] : other[0]]
        + body[one[0] : one[1]]
        + body[other[1] :]
    )


CHANGES: tuple[Change, ...] = (
    _flipped,
    _cut,
    _doubled,
    _inserted,
    _spliced,
    _recoded,
    _dropped,
    _repeated,
    _nested,
    _renamed,
    _namespaced,
    _filled,
    _filled,
    _filled,
    _swapped,
)
