"""Apply robots.txt (RFC 9309) to scraped pages and discovery."""

from __future__ import annotations

import re

MAX_BYTES = 512_000
"""Maximum number of bytes parsed; RFC 9309 section 2.5 requires at least 500 KiB."""


def allows(text: str | None, url: str, agent: str) -> bool:
    """Return whether `agent` may request `url`.

    None, for a file that the server could not send, forbids everything (RFC 9309 section 2.3.1.4).
    """
    from protego import Protego  # only where something is scraped

    if text is None:
        return False
    # A server owner may write the token with a version, as in the User-Agent (RFC 9309 section 2.2.1).
    versioned = rf"^([ \t]*user-?agent[ \t]*:[ \t]*{re.escape(agent)})(?![\w-])[^\r\n#]*"
    text = re.sub(versioned, r"\1", text.removeprefix("\ufeff"), flags=re.IGNORECASE | re.MULTILINE)
    return bool(Protego.parse(text).can_fetch(url, agent))
