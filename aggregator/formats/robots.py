"""robots.txt (RFC 9309): whether a page may be read, for pages that are scraped and for discovery (CL19)."""

from __future__ import annotations

MAX_BYTES = 512_000
"""RFC 9309 2.5 wants at least 500 KiB to be read; what is beyond is not."""


def allows(text: str | None, url: str, agent: str) -> bool:
    """Whether `agent` may read `url`. A file that the server could not give (None) forbids (2.3.1.4)."""
    from protego import Protego  # only where something is scraped

    return text is not None and bool(Protego.parse(text.removeprefix("\ufeff")).can_fetch(url, agent))
