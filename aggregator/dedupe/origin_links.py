"""Find the page that an item names as its origin: "read more at …", or a lone link (I3).

Other pages that it links in a text of its own are pointers, which are near evidence.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from aggregator import urls
from aggregator.items.canonical_urls import canonical, may_be_listing

MAX_POINTERS = 3
"""Maximum number of linked pages that are pointers: a longer list of links is no evidence."""
MAX_WORDS_BESIDE_LINK = 1
"""Maximum number of words beside its only link with which a body is no text of its own."""
# Both begin with one character class, so that a search skips all other characters.
_LINK = re.compile(
    r"""[hH](?:(?i:ref\s*=\s*["'](https?://[^"'\s<>]+)["'])|(?<!["'=].)(?i:ttps?://[^\s"'<>\[\]]+))"""
)
_NAMES_ORIGIN = re.compile(
    r"(?<!\w)(?:read (?:the )?(?:more|on|full (?:story|article|text|post|news))|continue reading|full (?:story"
    r"|article|text)|original(?:ly)?"
    r" (?:article|post|text|news|story|published|posted|appeared)|original:|first (?:published|appeared)"
    r"|cross-?posted|reposted|weiterlesen|mehr (?:lesen|dazu|erfahren)|zum (?:original|artikel"
    r"|beitrag)|original(?:beitrag|artikel|meldung)|zuerst (?:erschienen|veroffentlicht|veröffentlicht)"
    r"|lire la suite|leer m[aá]s)\b[^.!?]{0,60}$",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(
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
# What `urls.path` returns for most links, in a tenth of the time.
_PLAIN = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?((?:/[^?#]*)?)(?=[?#]|\Z)", re.IGNORECASE
)
_FILE = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|pdf|zip|mp4|css|js)$", re.IGNORECASE)


def find_origins(body: str, link: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the origin of a body (HTML or text), and its pointers, as canonical keys.

    `link` is the item's own page, which is neither.
    """
    if "http" not in body:
        return frozenset(), frozenset()
    matches = [match for match in _LINK.finditer(body) if _is_page(match[1] or match[0])]
    few = len({match[1] or match[0] for match in matches}) <= MAX_POINTERS
    origins = _keys((match for match in matches if _is_named_as_origin(body, match)), link)
    pages = _keys(matches, link) if few else frozenset()
    if len(origins) == 1:
        return origins, pages - origins
    if not origins and len(pages) == 1 and len(_words_beside_links(body)) <= MAX_WORDS_BESIDE_LINK:
        return pages, frozenset()
    return frozenset(), pages


def _words_beside_links(body: str) -> list[str]:
    """Return the words of a body without links and the words that introduce them."""
    beside = _TAG.sub(" ", _LINK.sub(" ", _ANCHOR.sub(" ", body)))
    return re.findall(r"\w+", _INTRODUCTION.sub(" ", html.unescape(beside)))


def _keys(matches: Iterable[re.Match[str]], own: str | None) -> frozenset[str]:
    pages = {html.unescape(match[1] or match[0]).rstrip(".,;:)]") for match in matches} - {own}
    if not pages:
        return frozenset()
    keys = {canonical(page) for page in pages} - {canonical(own) if own else ""}
    return frozenset(key for key in keys if not may_be_listing(key))


def _is_named_as_origin(body: str, match: re.Match[str]) -> bool:
    before = body[max(match.start() - 160, 0) : match.start()]
    words = " ".join(_TAG.sub(" ", before.rpartition("<a ")[0] or before).split())
    # Only the end of a sentence can match, so that the search begins there.
    if _NAMES_ORIGIN.search(words, max(map(words.rfind, ".!?")) + 1):
        return True
    return bool(match[1] and _LABEL.match(body[match.end() : match.end() + 60]))


def _is_page(url: str) -> bool:
    """Return whether a link leads to a page, and not to a picture, a file or a home page."""
    match = _PLAIN.match(url)
    path = match[1] if match else urls.path(url)
    return path.strip("/") != "" and not _FILE.search(path)
