"""Canonical keys of links: what makes two written URLs the same page. For comparing only, never published."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

from w3lib.url import canonicalize_url

_TRACKING = re.compile(
    r"(utm|mtm|pk|piwik|matomo|hsa|_hs|vero|oly|wt|ga|cm)_.*"
    r"|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|twclid|mc_[ce]id|mkt_tok|_ga|_gl|s_cid|ns_\w+"
    r"|chash",  # TYPO3's checksum of the other parameters: another one after each move of the server
    re.IGNORECASE,
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)
_LISTING = re.compile(
    r"(all-)?(news|newsroom|newsletters?|blog|events?|calendar|announcements?|press|home(-\d+)?|start|index"
    r"|aktuelles|aktuell|nachrichten|meldungen|termine|veranstaltungen|presse|startseite|rundbrief)",
    re.IGNORECASE,
)
_IDLE_FRAGMENT = re.compile(r":~:.*|more(-\d+)?|comments?|respond|top|content|main|", re.IGNORECASE)


@lru_cache(maxsize=4096)
def canonical(url: str) -> str:
    """A key that is equal for spellings of one address: scheme, www, port, tracking, slash, index page, order.

    A fragment stays part of the key (series live in fragments; I2), unless it only scrolls.
    Canonical keys are stable: `canonical("https://" + canonical(url)) == canonical(url)`.
    """
    url, _, fragment = url.strip().partition("#")
    try:
        parts = urlsplit(canonicalize_url(url))  # dot segments, percent-encoding, order of parameters
        host = re.sub(r"^(www\.)+", "", parts.hostname or "").rstrip(".")
        port = parts.port
    except ValueError:
        return url
    query = [
        (key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _TRACKING.fullmatch(key)
    ]
    path = _without_end(parts.path)
    if ":" in host:
        host = f"[{host}]"
    if port not in (None, 80, 443):
        host = f"{host}:{port}"
    key = host + path + ("?" + urlencode(query) if query else "")
    return key if _IDLE_FRAGMENT.fullmatch(fragment) else f"{key}#{fragment}"


def _without_end(path: str) -> str:
    """A path without slashes and index pages at its end."""
    while True:
        path = path.rstrip("/;")
        index = _INDEX.search(
            path, max(0, len(path) - 20)
        )  # searched from the start it would cost by the square
        if index is None:
            return path
        path = path[: index.start()]


def without_fragment(key: str) -> str:
    """The page a canonical key belongs to."""
    return key.partition("#")[0]


def is_listing(key: str, *homes: str | None) -> bool:
    """Whether a key is a home, listing or newsletter page and so identifies no entry (I1).

    `homes` are further pages known to be such: the source's own page and site.
    """
    page = without_fragment(key)
    if page != key:
        return False
    if page in {canonical(home) for home in homes if home}:
        return True
    if "?" in page:
        return False
    segments = page.split("/")[1:]
    if segments and re.fullmatch(r"[a-z]{2}(-[a-z]{2})?", segments[0]):
        segments = segments[1:]  # /en/news
    if not segments:
        return True
    return bool(_LISTING.fullmatch(segments[-1])) and len(segments) <= 2
