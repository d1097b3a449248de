"""Strings of foreign documents made legal: no characters that XML 1.0, a terminal or a reader's eye cannot bear."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

# XML 1.0 (5th ed.) section 2.2; without C1 controls, which terminals obey; without bidi embeddings, overrides and
# isolates (U+202A-202E, U+2066-2069), which turn round what follows them and which "Unicode in XML" (3.2) leaves
# to markup.
_ILLEGAL = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def legal(text: str) -> str:
    """`text` without characters that XML 1.0 forbids (feedgen refuses a whole feed for one of them), terminals obey
    or that reverse the text around them.
    """
    return _ILLEGAL.sub("", text)


def line(value: object, limit: int = 2_000) -> str | None:
    """A one-line string of at most `limit` characters, or None for anything empty or not a string."""
    if not isinstance(value, str):
        return None
    return " ".join(legal(value[: limit * 4]).split())[:limit].strip() or None


def block(value: object, limit: int = 1_000_000) -> str | None:
    """A text of at most `limit` characters, or None for anything empty or not a string."""
    if not isinstance(value, str):
        return None
    return legal(value[:limit]).strip() or None


def joined(base: str, written: object) -> str | None:
    """A link as written, made absolute against `base`; None for what leads to no web address."""
    link = line(written, 4_000)
    if not link:
        return None
    try:
        return web_link(urljoin(base, link))
    except ValueError:
        return None


def web_link(url: str | None) -> str | None:
    """`url` if it is an absolute http(s) URL without blanks or controls, else None."""
    if not url:
        return None
    url = without_userinfo(re.sub(r"[\t\r\n]", "", url).strip())
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            return None
        _ = parts.port
    except ValueError:
        return None
    # Blanks, quotes and the like occur in hand-written links; percent-encode only what no URL may have.
    return quote(url[:4000], safe="!#$%&'()*+,/:;=?@[]~-._")


_USERINFO = re.compile(r"^((?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//)[^/?#\\]*@")


def without_userinfo(url: str) -> str:
    """`url` without `user:password@`: that is nobody else's to see, and is sent to no server."""
    return _USERINFO.sub(r"\1", url)


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of an http(s) URL (RFC 6454), None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port or _PORTS[parts.scheme]


_PORTS = {"http": 80, "https": 443}
