"""Read URLs in foreign texts as browsers do (URL Standard).

No function raises, whatever the text, except `ascii_url`, which takes checked URLs of the configuration.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

MAX_CHARACTERS = 8_000
"""Maximum length of a link (RFC 9110 4.1).

A longer one is dropped, because a cut one would lead elsewhere.
"""

# Full-width characters, as input methods for Chinese and Japanese write them, in the part that names the host.
# Each is read as its ASCII character, so that https://例え.jp：８０／ is a link. Not "＠": the host before it would
# become a user.
_FULL_WIDTH = str.maketrans("：／？＃．。｡０１２３４５６７８９", ":/?#...0123456789")
_AUTHORITY = re.compile(r"\A(?:https?:)?//[^/?#]*", re.IGNORECASE)
_REMOVED = re.compile(r"[\t\r\n]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BEFORE_QUERY = re.compile(r"[^?#]*")
_USERINFO = re.compile(r"^((?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//)[^/?#\\]*@")
_PLAIN = re.compile(r"https?://[.-]*[a-z0-9][a-z0-9.-]*(?:/[\w.~/-]*(?:\?[\w.~&=/-]+)?)?", re.ASCII)
"""An address that is the same however it is read and joined."""
MAX_HOST_CHARACTERS = 254
"""Maximum length of a name in DNS, with the dot at its end (RFC 1035 2.3.4)."""
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
"""A name of RFC 1123 2.1; some hosts have an underscore."""
_BLANKS = "".join(map(chr, range(0x21)))
_PORTS = {"http": 80, "https": 443}
_KEPT = "!#$%&'()*+,/:;=?@[]~-._"


def parse(url: str | None) -> SplitResult | None:
    """Split an absolute URL; None for any text without a host or with an impossible port."""
    try:
        parts = urlsplit(url or "")
        # `port` raises unless it is a number below 65536; full-width punctuation and brackets raise before.
        return parts if parts.hostname and (parts.port is None or parts.port >= 0) else None
    except ValueError:
        return None


def host(url: str | None) -> str:
    """Return the host of a URL in lower case; empty for any other text."""
    parts = parse(url)
    return (parts.hostname or "") if parts else ""


def port(url: str | None) -> int | None:
    """Return the port of a web URL; None for any other text."""
    parts = parse(url)
    return (parts.port or _PORTS.get(parts.scheme)) if parts else None


def origin(url: str | None) -> str:
    """Return scheme, host and port (RFC 6454) of a URL; empty for any other text."""
    parts = parse(url)
    if parts is None or parts.hostname is None:
        return ""
    place = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    same = parts.port in (None, _PORTS.get(parts.scheme))
    return f"{parts.scheme}://{place}" if same else f"{parts.scheme}://{place}:{parts.port}"


def path(url: str | None) -> str:
    """Return the path of a URL; empty for any other text."""
    parts = parse(url)
    return parts.path if parts else ""


def ascii_host(url: str) -> str:
    """Return the host of a URL of the configuration in ASCII (RFC 5891)."""
    name = host(url) or "localhost"
    return dns_name(name) or name


def dns_name(name: str) -> str | None:
    """Return a host as it is written in DNS (RFC 5891); None for one that DNS cannot have."""
    if name.isascii():
        return name if len(name) <= MAX_HOST_CHARACTERS and _NAME.fullmatch(name) else None
    import idna  # only hosts beyond ASCII need it

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return None


def ascii_url(base: str) -> str:
    """Return a base URL of the configuration in ASCII, for headers and forms (RFC 3986)."""
    parts = parse(base)
    assert parts is not None, "the configuration has checked it"
    number = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{ascii_host(base)}{number}{quote(parts.path, safe='/%~')}"


def without_userinfo(url: str) -> str:
    """Return a URL without `user:password@`, which is neither shown nor sent."""
    return _USERINFO.sub(r"\1", url)


def web_link(url: str | None) -> str | None:
    """Return an absolute http(s) URL as a link, None for any other text.

    Characters that no URL may have are percent-encoded, but those of its host are written as in DNS.
    """
    url = without_userinfo(_read(url or ""))
    parts = parse(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return None
    if not parts.netloc.isascii() or "%" in parts.netloc:
        url = url.replace(f"//{parts.netloc}", f"//{_ascii_authority(parts.netloc)}", 1)
    # Hand-written links have blanks and quotes; only characters that no URL may have are encoded.
    link = parts.scheme + quote(url[len(parts.scheme) :], safe=_KEPT)
    return link if len(link) <= MAX_CHARACTERS else None


def _ascii_authority(authority: str) -> str:
    """Return `host:port` with the host as in DNS, so that both spellings of a host are one link.

    A host that cannot be in DNS stays as it is.
    """
    host, colon, number = authority.partition(":")
    name = unquote(host)
    in_dns = None if name.isascii() else dns_name(name)
    return f"{in_dns}{colon}{number}" if in_dns else authority


def join(base: str, written: object) -> str | None:
    """Return a link made absolute against `base`; None where it is not a web address."""
    link = _read(written) if isinstance(written, str) else ""
    if not link:
        return None
    if len(link) <= MAX_CHARACTERS and _PLAIN.fullmatch(link):
        return link
    try:
        return web_link(urljoin(base, link))
    except ValueError:
        return None


def _read(written: str) -> str:
    """Return a URL with the characters replaced that browsers replace (URL Standard 4.4)."""
    if len(written) > 2 * MAX_CHARACTERS:
        return ""
    url = _SURROGATES.sub("\ufffd", _REMOVED.sub("", written).strip(_BLANKS))
    if "\\" in url:
        url = _BEFORE_QUERY.sub(lambda match: match[0].replace("\\", "/"), url, count=1)
    if not url.isascii():
        url = _AUTHORITY.sub(lambda match: match[0].translate(_FULL_WIDTH), url)
    return url
