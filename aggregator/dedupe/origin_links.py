"""Pages that an item says it is a copy of: "read more at …", an empty body with one link (I3).

Other pages that it links among words of its own are pointers: evidence among others.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from aggregator import urls
from aggregator.items.canonical_urls import canonical, is_listing

FEW = 3
NEXT_TO_NONE = 1
"""So many words beside its only link are no text of one's own; what says more only points there."""
_LINK = re.compile(
    r"""href\s*=\s*["'](https?://[^"'\s<>]+)["']|(?<!["'=])(https?://[^\s"'<>\[\]]+)""", re.IGNORECASE
)
_SAYS_SO = re.compile(
    r"(?<!\w)(?:read (?:the )?(?:more|on|full (?:story|article|text|post|news))|continue reading|full (?:story"
    r"|article|text)|original(?:ly)?"
    r" (?:article|post|text|news|story|published|posted|appeared)|original:|first (?:published|appeared)"
    r"|cross-?posted|reposted|weiterlesen|mehr (?:lesen|dazu|erfahren)|zum (?:original|artikel"
    r"|beitrag)|original(?:beitrag|artikel|meldung)|zuerst (?:erschienen|veroffentlicht|veröffentlicht)"
    r"|lire la suite|leer m[aá]s)\b[^.!?]{0,60}$",
    re.IGNORECASE,
)
_LEADS_IN = re.compile(
    r"(?<!\w)(?:announced|source|via|quelle|link|url|more|mehr|infos?|read it|see|siehe)(?: (?:at|by|on|in|auf|bei|here"
    r"|hier|unter))?(?!\w)",
    re.IGNORECASE,
)
_ANCHOR = re.compile(r"<a\b[^>]*>.*?</a>", re.IGNORECASE | re.DOTALL)
_LABEL = re.compile(
    r"[^<>]{0,80}>\s*(?:<[^<>]*>\s*)*(?:read (?:more|on|the full)|weiterlesen|mehr (?:lesen|erfahren|dazu)|original)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")


def find_origins(body: str, link: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """What a body (HTML or text) points to, as canonical keys, the item's own page not among them.

    (The page it says is its original, other pages it links if they are few.)
    """
    if "http" not in body:
        return frozenset(), frozenset()
    written = [match for match in _LINK.finditer(body) if _is_page(match[1] or match[2])]
    few = len({match[1] or match[2] for match in written}) <= FEW
    originals = _keys((match for match in written if _says_so(body, match)), link)
    pages = _keys(written, link) if few else frozenset()
    if len(originals) == 1:
        return originals, pages - originals
    if not originals and len(pages) == 1 and len(_said_beside(body).split()) <= NEXT_TO_NONE:
        return pages, frozenset()
    return frozenset(), pages


def _said_beside(body: str) -> str:
    """The words of a body but for its links and what leads in to them."""
    beside = _TAG.sub(" ", _LINK.sub(" ", _ANCHOR.sub(" ", body)))
    return " ".join(re.findall(r"\w+", _LEADS_IN.sub(" ", html.unescape(beside))))


def _keys(matches: Iterable[re.Match[str]], own: str | None) -> frozenset[str]:
    pages = {html.unescape(match[1] or match[2]).rstrip(".,;:)]") for match in matches} - {own}
    if not pages:
        return frozenset()
    keys = {canonical(page) for page in pages} - {canonical(own) if own else ""}
    return frozenset(key for key in keys if not is_listing(key))


def _says_so(body: str, match: re.Match[str]) -> bool:
    before = body[max(match.start() - 160, 0) : match.start()]
    words = _TAG.sub(" ", before.rpartition("<a ")[0] or before)
    if _SAYS_SO.search(" ".join(words.split())):
        return True
    return bool(match[1] and _LABEL.match(body[match.end() : match.end() + 60]))


def _is_page(url: str) -> bool:
    """Whether a link leads to a page of its own, and is no picture, form or mere site."""
    path = urls.path(url)
    return path.strip("/") != "" and not re.search(
        r"\.(?:png|jpe?g|gif|svg|webp|pdf|zip|mp4|css|js)$", path, re.IGNORECASE
    )
