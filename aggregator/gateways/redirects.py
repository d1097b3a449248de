"""Decide where a redirect leads and whether it is followed (CL14)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from aggregator import urls

MAX_HOPS = 5
"""Maximum number of redirects of one request."""
STATUSES = frozenset({301, 302, 303, 307, 308})
SAME_METHOD = frozenset({307, 308})
"""Redirects after which a POST is sent again with its body."""
PERMANENT = frozenset({301, 308})
_ASCII = bytes(range(128))


def redirect_target(url: str, location: str) -> str:
    """Return the URL of a Location without its fragment; as written where it is not a URL.

    Characters that no URL may have are encoded, and bytes that are not UTF-8 as they are. A fragment is no part of what
    is requested (RFC 9110 4.2.5), and validators belong to what is requested (CL3).
    """
    octets = location.encode("latin-1", "replace")
    try:
        written = octets.decode()
    except UnicodeDecodeError:
        written = quote(octets, safe=_ASCII)
    return (urls.join(url, written) or written).partition("#")[0]


def refusal(url: str, following: str, hops: Sequence[str]) -> str | None:
    """Return why a redirect is not followed, or None. `hops`: the URLs passed, with `url`."""
    if urls.web_link(following) is None:
        return f"it redirects to something that is no web address: {following[:100]!r}"
    if url.startswith("https://") and following.startswith("http://"):
        return "it redirects from https to http, which is refused"
    if following in hops:
        return "it redirects in a circle"
    if len(hops) > MAX_HOPS:
        return f"more than {MAX_HOPS} redirects"
    return None
