"""Make, find and check the tokens of envelope senders (VERP): one for each delivery (BO1)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Iterable

TOKEN_BYTES = 16
"""Length of the secret part of a token: 128 bits."""
MAX_CANDIDATES = 20
"""Maximum number of tokens of a mail that are checked."""

_TOKEN = re.compile(r"([1-9]\d{0,17})-([a-z2-7]{26})")
# The sign before a token may be encoded: =2B, %2B, or +2B in xtext (RFC 3461 section 4).
_IN_MAIL = re.compile(rb"(?:\+|2[Bb])([1-9][0-9]{0,17}-[A-Za-z2-7]{26})(?![A-Za-z0-9])")


def bounce_token(key: bytes, delivery_id: int) -> str:
    """Return the token of a delivery, the same one at each attempt.

    It has no case, because some servers write the local part in lower case.
    """
    mac = hmac.digest(key, str(delivery_id).encode(), hashlib.sha256)[:TOKEN_BYTES]
    return f"{delivery_id}-{b32encode(mac).rstrip(b'=').decode().lower()}"


def envelope_sender(address: str, key: bytes, delivery_id: int) -> str:
    """Return the envelope sender of a delivery: `bounces+TOKEN@domain`."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{bounce_token(key, delivery_id)}@{domain}"


def delivery_of_token(key: bytes, text: str) -> int | None:
    """Return the delivery of a token, None if the token was not made with this key."""
    match = _TOKEN.fullmatch(text.lower())
    if match is None or not hmac.compare_digest(bounce_token(key, int(match[1])), match[0]):
        return None
    return int(match[1])


def token_candidates(raw: bytes, decoded: Iterable[str]) -> tuple[str, ...]:
    """Return what may be tokens in a mail: of its header, then of its bytes and decoded parts.

    `raw` has LF as line ends. The returned message has the token in Return-Path, a complaint in Original-Mail-From
    (RFC 5965).
    """
    header, _, _ = raw.partition(b"\n\n")
    unfolded = raw.replace(b"=\n", b"")
    found: dict[str, None] = {}
    for place in (header, unfolded, *(text.encode() for text in decoded)):
        for match in _IN_MAIL.finditer(place):
            found.setdefault(match[1].decode().lower())
            if len(found) == MAX_CANDIDATES:
                return tuple(found)
    return tuple(found)
