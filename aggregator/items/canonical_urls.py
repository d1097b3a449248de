"""Make canonical keys of links, which are equal for one page; they are never published."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult

from aggregator import urls
from aggregator.items import link_redirectors, query_parameters
from aggregator.items.caches import MAX_ADDRESS_CHARACTERS, cached
from aggregator.items.url_rules import BY_HOST, BY_PARAMETER, BY_SEGMENT, UrlRule

_EXTENSION = r"\.(?:[sx]?html?|php[3-8]?|aspx?|jsp|cfm)"
"""The extension of a page in a path."""
_INDEX = re.compile(
    rf"/(?:(?:index|default){_EXTENSION}|index_html|amp|comment-page-[0-9]+)",
    re.IGNORECASE,
)
_BEGINNINGS = frozenset(("ind", "def", "amp", "com"))
"""The first three characters of what `_INDEX` matches."""
_FRONT_CONTROLLER = re.compile(r"/index\.php(?=/[^/])", re.IGNORECASE)
_PLAIN = re.compile(
    r"https?://(?:www\.)*((?!www\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+"
    # Other ports than the usual ones, below 60,000 and without a query.
    r"(?::(?!(?:80|443)\b)(?:[1-9][0-9]{0,3}|[1-5][0-9]{4})(?=/[^?]*\Z|\Z))?)"
    r"((?:/[A-Za-z0-9._~@-]*)*)(?:\?([A-Za-z0-9._~=&-]*))?"
)
_SUBDOMAINS = re.compile(r"^(?:www|m|mobile|amp)\.(?=[^.]+\.[^.]*[^.0-9])")
_MOBILE_HOSTS = ("m.", "mobile.", "amp.", "www.")
_MOBILE_LABEL = re.compile(r"^([a-z]{2})\.m\.(?=[^.]+\.[^.]*[^.0-9])")
"""A language before the label of pages for phones: `de.m.` (MediaWiki, MobileFrontend)."""
# Servlet specification 7.1.3; ASP.NET `sessionState cookieless`.
_SESSION_IN_PATH = re.compile(r";jsessionid=[^/;]*|/\((?:[ASF]\([^()/]*\))+\)(?=/)", re.IGNORECASE)
_SLASHES = re.compile("//+")
MAX_RULES = 4
"""Maximum number of passes of the rules: the result of one may be a form of another."""
_DATE_IN_PATH = re.compile(r"/(?:19|20)\d\d(?:[/-]\d{1,2}){1,2}[/-]")
_LANGUAGE_IN_PATH = re.compile(
    r"^/(en|de|fr|es|it|pt|nl|fi|sv|da|no|nb|pl|cs|hu|sl|hr|el|english|deutsch)(?:[-_][a-z]{2})?/",
    re.IGNORECASE,
)
_LISTING = re.compile(
    r"(?:all-)?(?:news|newsroom|newsletters?|blog|events?|calendar|announcements?|press|press-?releases?|home(-\d+)?|start"
    r"|index|trainings?|courses|workshops|seminars|webinars|services?|jobs?|job-?offers?|careers?|vacancies|calls"
    r"|opportunities|funding|publications|projects|resources|downloads|media|archives?"
    r"|aktuelles|aktuell|nachrichten|meldungen|termine|veranstaltungen|presse|pressemitteilungen|startseite|rundbrief"
    r"|kurse|schulungen|seminare|fortbildung(?:en)?|stellen|stellenangebote|stellenausschreibungen|karriere|publikationen"
    r"|projekte|archiv|kalender|veranstaltungskalender|actualites|evenements|noticias|eventos|notizie|eventi|nyheter"
    r"|uutiset|tapahtumat|aktuality|novinky|aktualnosci)"
)
_LISTING_QUALIFIERS = frozenset(
    "all and archive current een en et feed for in latest list live more new next of online open our other overview"
    " past recent the training und upcoming y aktuelle alle unsere kommende offene nos tous toutes".split()
)
"""Words beside those of `_LISTING` in the name of a listing, such as `upcoming-events`."""
_PROFILE = re.compile(
    r"[^/]+/@[^/]+|youtube\.com/(?:channel|c|user)/[^/]+|linkedin\.com/(?:in|company|school|showcase)/[^/]+"
    r"|bsky\.app/profile/[^/]+|(?:x|twitter|facebook|instagram)\.com/[^/]+"
)
"""The page of an author or publisher on a network, which lists what they publish."""
_FORM = re.compile(
    r"(?:forms\.(?:office\.com|cloud\.microsoft|gle)|docs\.google\.com/forms|(?:[^/]+\.)?(?:typeform|jotform|surveymonkey)\.com"
    r"|[^/]+\.limesurvey\.net|nettskjema\.no)/.*"
)
_LISTED_BELOW = frozenset(
    "category categories tag tags author authors page"
    " kategorie kategorien rubrik schlagwort schlagworte autor seite".split()
)
"""Segments below which each page is a listing, such as WordPress' category and tag."""
_SHORT = re.compile(
    r"[^/?]+/?\?(?:p|page_id)=\d+(?:&post_type=\w+)?"
    # Drupal, TYPO3, Joomla and Plone
    r"|[^?]+/node/\d+|[^/?]+\?id=\d+(?:&option=com_\w+&view=\w+)?|[^?]+/resolveuid/\w+"
)
MAX_SECTION_WORDS = 3
"""Maximum number of words that name a section of a site."""
_IDLE_FRAGMENT = re.compile(
    r":~:.*|more(-\d+)?|comments?|respond|disqus_thread|top|content|main|main-content|page-content|skip-?\w*"
    # Share buttons and newsletters: AddThis, AT Internet, Echobox
    r"|\.[\w-]{8,14}|xtor=.*|echobox=.*|(?:utm|at|mtm|pk)_\w+=.*|",
    re.IGNORECASE,
)


@cached(8_192, MAX_ADDRESS_CHARACTERS)
def canonical(url: str) -> str:
    """Return a key that is equal for all spellings of an address.

    Spellings differ in scheme, www, usual port, tracking parameters, final slash, index page and order of parameters.
    The rules of `url_rules` add what is known of the software of sites.
    A fragment stays part of the key, since items of a series may differ in it (I2), unless it only scrolls.
    Canonical keys are stable: `canonical("https://" + canonical(url)) == canonical(url)`.
    """
    fragment = ""
    if (plain := _PLAIN.fullmatch(url)) and "//" not in plain[2] and "/." not in plain[2]:
        # Most links are plain, and the general case below takes twenty times as long.
        host, path, query = (
            plain[1],
            plain[2],
            query_parameters.identifying_parameters(plain[3], is_plain=True) if plain[3] else "",
        )
    else:
        from w3lib.url import canonicalize_url  # takes 4 ms to import

        page = link_redirectors.target_page(_as_browsers_read(url))
        address, _, fragment = page.partition("#")
        address, _, written = address.partition("?")
        try:
            parts = urls.parse(canonicalize_url(address))  # dot segments, percent-encoding, IDNA
        except ValueError:
            parts = None
        if parts is None:
            return url
        host, path = _host(parts), _SESSION_IN_PATH.sub("", parts.path)
        path = _SLASHES.sub("/", path)
        query = query_parameters.identifying_parameters(written) if written else ""
    if host.startswith(_MOBILE_HOSTS) or host.startswith(".m.", 2):
        host = _without_subdomains(host)
    path = _without_end(path)
    key = f"{host}{path}?{query}" if query else host + path
    if query or _may_have_rule(host, path):
        key = _by_rules(host, path, key)
    return key if not fragment or _IDLE_FRAGMENT.fullmatch(fragment) else f"{key}#{fragment}"


def _as_browsers_read(url: str) -> str:
    """Return an address without what browsers remove from it (URL Standard 4.4)."""
    return url.translate(_REMOVED).strip(_BLANKS)


_REMOVED = dict.fromkeys(map(ord, "\t\r\n"))
_BLANKS = "".join(map(chr, range(0x21))) + "\x85\xa0"


def _host(parts: SplitResult) -> str:
    host = re.sub(r"^(www\.)+", "", parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, 80, 443) else f"{host}:{parts.port}"


def _without_subdomains(host: str) -> str:
    """Return a host without `m.`, `mobile.` or `amp.`, which show the same pages to phones.

    `m.` may stand behind a language.
    """
    while host != (host := _MOBILE_LABEL.sub(r"\1.", _SUBDOMAINS.sub("", host))):
        pass
    return host


def _without_end(path: str) -> str:
    """Return a path without slashes, index page, page of comments or `/amp` at its end."""
    if "/index.php/" in path:  # Joomla and MediaWiki without rewritten addresses
        path = _FRONT_CONTROLLER.sub("", path, count=1)
    while True:
        path = path.rstrip("/;")
        start = path.rfind("/")
        if path[start + 1 : start + 4].lower() not in _BEGINNINGS or not _INDEX.fullmatch(path, start):
            return path
        path = path[:start]


def _may_have_rule(host: str, path: str) -> bool:
    return (
        host in BY_HOST
        or host[host.find(".") :] in BY_HOST
        or "/@" in path
        or not BY_SEGMENT.keys().isdisjoint(path.split("/"))
    )


def _by_rules(host: str, path: str, key: str) -> str:
    """Return the key that the rules of the site's software make of a key."""
    if len(key) > MAX_ADDRESS_CHARACTERS:
        return key
    for _ in range(MAX_RULES):
        rules = _rules(host, path, key)
        before = key
        for rule in rules:
            key = rule.apply(key)
        if key == before:
            break
        page, _, query = key.partition("?")
        host, slash, rest = page.partition("/")
        host, path = _without_subdomains(host), _without_end(slash + rest)
        key = f"{host}{path}?{query}" if query else host + path
    return key


def _rules(host: str, path: str, key: str) -> list[UrlRule]:
    """Return the rules to try, found by host, segments and parameters without an expression."""
    rules = [*BY_HOST.get(host, ()), *BY_HOST.get(host[host.find(".") :], ())]
    for segment in path.split("/"):
        if segment in BY_SEGMENT:
            rules += BY_SEGMENT[segment]
    if "/@" in path:
        rules += BY_SEGMENT["@"]
    if len(key) > len(host) + len(path):
        for part in key[len(host) + len(path) + 1 :].split("&"):
            rules += BY_PARAMETER.get(part.partition("=")[0], ())
    return rules


@cached(4_096, MAX_ADDRESS_CHARACTERS)
def loose_url_key(url: str) -> str | None:
    """Return a key without language, date, file extension and punctuation, or None.

    Equal keys alone prove nothing (`dedupe.evidence`). An address that is too long for a permalink has none.
    """
    if len(url) > MAX_ADDRESS_CHARACTERS:
        return None
    page, _, query = without_fragment(canonical(url)).partition("?")
    host, _, path = page.partition("/")
    path = _DATE_IN_PATH.sub("/", _LANGUAGE_IN_PATH.sub("/", f"/{path}"))
    path = re.sub(r"\.(?:html?|php|aspx?)$", "", path)
    return f"{host}/{folded(path)}{'?' if query else ''}{query}"


def folded(path: str) -> str:
    """Return a path in lower case without punctuation."""
    return re.sub(r"[^a-z0-9%]+", "", path.lower())


def host(url: str) -> str:
    """Return the host of an address as its canonical key has it."""
    return canonical(url).partition("/")[0].partition("?")[0]


def dated_path(url: str) -> str | None:
    """Return the date in a permalink as written, if any."""
    match = _DATE_IN_PATH.search("/" + canonical(url).partition("/")[2])
    return match[0] if match else None


def is_short_link(url: str) -> bool:
    """Return whether a link names a page by number only, as `/?p=123` and `/node/123` do.

    Each such page has a permalink beside it.
    """
    return len(url) <= MAX_ADDRESS_CHARACTERS and bool(_SHORT.fullmatch(canonical(url)))


def without_fragment(key: str) -> str:
    """Return the canonical key of the page without its fragment."""
    return key.partition("#")[0]


@lru_cache(maxsize=256)
def is_listing(key: str, *homes: str | None) -> bool:
    """Return whether a key is a home, listing or newsletter page and identifies no entry (I1).

    `homes` are further such pages: the source's own page and site. Where this takes more pages for listings, their
    known entries lose all identifiers and are published again.
    """
    page = without_fragment(key)
    if page != key:
        return False
    if page in {canonical(home) for home in homes if home}:
        return True
    if "?" in page:
        return False
    segments = _segments(page)
    if not segments:
        return True
    if len(segments) >= 2 and segments[-2].lower() in _LISTED_BELOW:
        return True
    return len(segments) <= 2 and _LISTING.fullmatch(segments[-1].lower()) is not None


def _segments(page: str) -> list[str]:
    """Return the parts of a path without a language at its beginning, as in /en/news."""
    segments = page.split("/")[1:]
    begins_with_language = segments and re.fullmatch(r"[a-z]{2}(-[a-z]{2})?", segments[0])
    return segments[1:] if begins_with_language else segments


def may_be_listing(key: str, *homes: str | None) -> bool:
    """Return whether a key is a listing, also by a name of several words: `upcoming-events`.

    Such a page identifies an entry only together with its title (I1), and connects no items.
    """
    if is_listing(key, *homes):
        return True
    page = without_fragment(key)
    segments = _segments(page)
    if page != key or "?" in page or len(segments) > 2:
        return False
    words = re.sub(f"{_EXTENSION}$", "", segments[-1].lower()).split("-")
    listed = [word for word in words if _LISTING.fullmatch(word)]
    return bool(listed) and _LISTING_QUALIFIERS.issuperset(set(words) - set(listed))


def section_words(key: str) -> list[str] | None:
    """Return the words that name a page which may be a section of a site, few levels deep.

    A home page, a profile and a form have none, since all kinds of news link them. None for a page with a number or
    query in its address, or with a name of many words.
    """
    page, _, query = key.partition("?")
    if _FORM.fullmatch(page) or _PROFILE.fullmatch(page):
        return []
    segments = page.split("/")[1:]
    words = re.split("[-_/]", "/".join(segments)) if segments else []
    if query or len(segments) > 3 or not all(map(str.isalpha, words)):
        return None
    name = re.split("[-_]", segments[-1]) if segments else []
    return name if len(name) <= MAX_SECTION_WORDS else None
