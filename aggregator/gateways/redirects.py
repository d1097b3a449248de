"""Redirects, hop by hop: where one leads, and why it is not followed (CL14)."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator import urls

MAX_HOPS = 5
STATUSES = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})


def target(url: str, location: str) -> str:
    """Where a Location leads, as a URL without anything that no URL may have; as written where it is none."""
    written = location.encode("latin-1", "replace").decode("utf-8", "replace")
    return urls.join(url, written) or written


def refused(url: str, following: str, hops: Sequence[str]) -> str | None:
    """Why a redirect is not followed, or None. `hops`: the URLs passed so far, `url` included."""
    if urls.web_link(following) is None:
        return f"it redirects to something that is no web address: {following[:100]!r}"
    if url.startswith("https://") and following.startswith("http://"):
        return "it redirects from https to http, which is refused"
    if following in hops:
        return "it redirects in a circle"
    if len(hops) > MAX_HOPS:
        return f"more than {MAX_HOPS} redirects"
    return None
