"""Apply robots.txt (RFC 9309) to scraped pages and discovery."""

from __future__ import annotations

import re

MAX_BYTES = 512_000
"""Maximum number of bytes parsed; RFC 9309 section 2.5 requires at least 500 KiB."""

_AGENT_LINE = re.compile(
    r"^([ \t]*user[ -]?agent[ \t]*:[ \t]*)([^\s#][^\r\n#]*)", re.IGNORECASE | re.MULTILINE
)


def allows(text: str | None, url: str, agent: str) -> bool:
    """Return whether `agent` may request `url`.

    None, for a file that the server could not send, forbids everything (RFC 9309 section 2.3.1.4).
    """
    from protego import Protego  # only where something is scraped

    if text is None:
        return False
    text = _AGENT_LINE.sub(lambda line: line[1] + _exact(line[2], agent), text.removeprefix("\ufeff"))
    return bool(Protego.parse(text).can_fetch(url, agent))


def _exact(name: str, agent: str) -> str:
    """Return `agent` for a group of it, with or without a version, else a name that it has not.

    Protego applies a group for "agg" to "aggregator" as well (RFC 9309 section 2.2.1).
    """
    if re.match(rf"{re.escape(agent)}(?![\w-])", name, re.IGNORECASE):
        return agent
    return name if name.startswith("*") else f"not-{agent}"
