"""Pages that an item says it is a copy of: "read more at …", an empty body with one link, a forum's back-link (I3)."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from aggregator.stories.links import canonical, is_listing

SHORT = 280
"""A text of so few characters beside its only link announces what the link leads to."""
_LINK = re.compile(
    r"""href\s*=\s*["'](https?://[^"'\s<>]+)["']|(?<!["'=])(https?://[^\s"'<>\[\]]+)""", re.IGNORECASE
)
_SAYS_SO = re.compile(
    r"(?:read (?:the )?(?:more|on|full (?:story|article|text|post|news))|continue reading|full (?:story"
    r"|article|text)|original(?:ly)?"
    r"(?: (?:article|post|text|news|story|published|posted|appeared))?|first (?:published|appeared)"
    r"|announced|source|via|cross-?post(?:ed)?"
    r"|reposted|weiterlesen|mehr (?:lesen|dazu|erfahren|infos?|informationen)|zum (?:original|artikel"
    r"|beitrag)|originalbeitrag|quelle|lire la suite"
    r"|leer mas|read it)\b[^.!?]{0,60}$",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")


def origins(body: str, link: str | None) -> frozenset[str]:
    """Canonical keys of the pages that a body (HTML or text) points to as its original; the item's own not."""
    found: dict[str, bool] = {}
    own = canonical(link) if link else ""
    for match in _LINK.finditer(body):
        url = html.unescape(match[1] or match[2]).rstrip(".,;:)]")
        key = canonical(url)
        if key == own or is_listing(key) or not _is_page(url):
            continue
        before = _TAG.sub(
            " ",
            body[max(match.start() - 160, 0) : match.start()].rpartition("<a ")[0]
            or body[max(match.start() - 160, 0) : match.start()],
        )
        after = _TAG.sub(" ", body[match.end() : match.end() + 60])
        says_so = bool(_SAYS_SO.search(" ".join(before.split()))) or bool(
            match[1]
            and re.match(
                r"[^<]{0,3}>?\s*(?:read (?:more|on|the full)|weiterlesen|mehr (?:lesen|erfahren|dazu)|original)",
                after.strip(),
                re.IGNORECASE,
            )
        )
        found[key] = found.get(key, False) or says_so
    said = {key for key, says_so in found.items() if says_so}
    if said:
        return frozenset(said) if len(said) == 1 else frozenset()
    words = " ".join(_TAG.sub(" ", _LINK.sub(" ", body)).split())
    return frozenset(found) if len(found) == 1 and len(words) <= SHORT else frozenset()


def _is_page(url: str) -> bool:
    """Whether a link leads to a page of its own, and is no picture, form or mere site."""
    path = urlsplit(url).path
    return path.strip("/") != "" and not re.search(
        r"\.(?:png|jpe?g|gif|svg|webp|pdf|zip|mp4|css|js)$", path, re.IGNORECASE
    )
