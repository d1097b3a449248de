"""Apply robots.txt (RFC 9309) to scraped pages and discovery."""

from __future__ import annotations

MAX_BYTES = 512_000
"""Maximum number of bytes parsed; RFC 9309 section 2.5 requires at least 500 KiB."""


def allows(text: str | None, url: str, agent: str) -> bool:
    """Return whether `agent` may request `url`.

    None, for a file that the server could not send, forbids everything (RFC 9309 section 2.3.1.4).
    """
    from protego import Protego  # only where something is scraped

    return text is not None and bool(Protego.parse(text.removeprefix("\ufeff")).can_fetch(url, agent))
