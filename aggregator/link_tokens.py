"""Make and check the secret tokens of personal links (SU2)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

TOKEN_BYTES = 16
"""Length of a token and of its nonce: 128 bits."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


def link_token(key: bytes, nonce: bytes) -> str:
    """Return the token that belongs to a nonce: the same one for each message (M4).

    The store has nonce and hash only. Without the key, which is a file of its own, they are of no use.
    """
    return encoded(hmac.digest(key, nonce, "sha256")[:TOKEN_BYTES])


def encoded(secret: bytes) -> str:
    """Return secret bytes as the text of a token."""
    return urlsafe_b64encode(secret).rstrip(b"=").decode()


def token_hash(text: str) -> str | None:
    """Return the hash under which a token is stored; None for a text that cannot be one."""
    if not _TOKEN.fullmatch(text):
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(key: bytes) -> str:
    """Return a name of the key that does not disclose it."""
    return hashlib.sha256(b"fingerprint\0" + key).hexdigest()[:16]
