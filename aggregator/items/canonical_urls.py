"""Make canonical keys of links, which are equal for one page; they are never published."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

from w3lib.url import canonicalize_url

from aggregator import urls
from aggregator.items.caches import ADDRESS_CHARACTERS, cached

_TRACKING = re.compile(
    r"(utm|mtm|pk|piwik|matomo|hsa|_hs|vero|oly|wt|ga|cm)_.*"
    r"|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|igshid|igsh|twclid|mc_[ce]id|mkt_tok|_ga|_gl|s_cid|ns_\w+"
    r"|chash"  # TYPO3's checksum of the other parameters: another one after each move of the server
    # TYPO3's plugin switches, AMP and print views, share buttons
    r"|tx_\w+(\[\w+\])*\[(overwritedemand|backpid|controller|action)\].*|no_cache|amp|share|shared|print|ref_src",
    re.IGNORECASE,
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$|/amp$", re.IGNORECASE)
_PLAIN = re.compile(r"https?://(?:www\.)*((?!www\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/[A-Za-z0-9._~-]*)*)")
_DATE_IN_PATH = re.compile(r"/(?:19|20)\d\d(?:[/-]\d{1,2}){1,2}[/-]")
_LANGUAGE_IN_PATH = re.compile(
    r"^/(en|de|fr|es|it|pt|nl|fi|sv|da|no|nb|pl|cs|hu|sl|hr|el|english|deutsch)(?:[-_][a-z]{2})?/",
    re.IGNORECASE,
)
_LISTING = re.compile(
    r"(all-)?(news|newsroom|newsletters?|blog|events?|calendar|announcements?|press|home(-\d+)?|start|index"
    r"|aktuelles|aktuell|nachrichten|meldungen|termine|veranstaltungen|presse|startseite|rundbrief)",
    re.IGNORECASE,
)
_SHORT = re.compile(r"[^/?]+/?\?(?:p|page_id)=\d+(?:&post_type=\w+)?")
_IDLE_FRAGMENT = re.compile(r":~:.*|more(-\d+)?|comments?|respond|top|content|main|", re.IGNORECASE)


@cached(8_192, ADDRESS_CHARACTERS)
def canonical(url: str) -> str:
    """Return a key that is equal for all spellings of an address.

    Spellings differ in scheme, www, usual port, tracking parameters, final slash, index page and order of parameters.
    A fragment stays part of the key, since items of a series may differ in it (I2), unless it only scrolls.
    Canonical keys are stable: `canonical("https://" + canonical(url)) == canonical(url)`.
    """
    if (plain := _PLAIN.fullmatch(url)) and "//" not in plain[2] and "/." not in plain[2]:
        # Most links are plain, and the general case below takes twenty times as long.
        host, path, query = _youtube(plain[1], _without_end(plain[2]), [])
        return host + path + ("?" + urlencode(query) if query else "")
    url, _, fragment = url.strip().partition("#")
    try:
        parts = urls.parse(canonicalize_url(url))  # dot segments, percent-encoding, order of parameters
    except ValueError:
        parts = None
    if parts is None:
        return url
    host = re.sub(r"^(www\.)+", "", parts.hostname or "").rstrip(".")
    port = parts.port
    query = [
        (key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _TRACKING.fullmatch(key)
    ]
    path = _without_end(parts.path)
    host, path, query = _youtube(host, path, query)
    if ":" in host:
        host = f"[{host}]"
    if port not in (None, 80, 443):
        host = f"{host}:{port}"
    key = host + path + ("?" + urlencode(query) if query else "")
    return key if _IDLE_FRAGMENT.fullmatch(fragment) else f"{key}#{fragment}"


def _without_end(path: str) -> str:
    """Return a path without slashes, index page or `/amp` at its end."""
    while True:
        path = path.rstrip("/;")
        index = _INDEX.search(path, max(0, len(path) - 20))  # from the start, the search would be quadratic
        if index is None:
            return path
        path = path[: index.start()]


def _youtube(host: str, path: str, query: list[tuple[str, str]]) -> tuple[str, str, list[tuple[str, str]]]:
    """Return host, path and query that are equal for all addresses of a video or channel."""
    if host == "youtu.be" and len(path) > 1:
        return "youtube.com", "/watch", [("v", path[1:])]
    if host not in ("youtube.com", "m.youtube.com", "youtube-nocookie.com"):
        return host, path, query
    video = re.fullmatch(r"/(?:embed|shorts|live)/([\w-]+)", path)
    if video:
        return "youtube.com", "/watch", [("v", video[1])]
    if path == "/watch":
        return "youtube.com", path, [pair for pair in query if pair[0] == "v"]
    channel = re.fullmatch(r"/(?:c/|user/|@)([^/]+)(?:/(?:videos|featured|streams|about))?", path)
    return "youtube.com", f"/@{channel[1].lower()}" if channel else path, query


@cached(4_096, ADDRESS_CHARACTERS)
def loose(url: str) -> str | None:
    """Return a key without language, date, file extension and punctuation, or None.

    Equal keys alone prove nothing (`dedupe.evidence`). An address that is too long for a permalink has none.
    """
    if len(url) > ADDRESS_CHARACTERS:
        return None
    page, _, query = without_fragment(canonical(url)).partition("?")
    host, _, path = page.partition("/")
    path = _DATE_IN_PATH.sub("/", _LANGUAGE_IN_PATH.sub("/", f"/{path}"))
    path = re.sub(r"\.(?:html?|php|aspx?)$", "", path)
    return f"{host}/{re.sub(r'[^a-z0-9%]+', '', path.lower())}{'?' if query else ''}{query}"


def host(url: str) -> str:
    """Return the host of an address as its canonical key has it."""
    return canonical(url).partition("/")[0].partition("?")[0]


def language_in(url: str) -> str | None:
    """Return the language that the beginning of a path names, if any."""
    match = _LANGUAGE_IN_PATH.match("/" + canonical(url).partition("/")[2])
    return match[1] if match else None


def dated_path(url: str) -> str | None:
    """Return the date in a permalink as written, if any."""
    match = _DATE_IN_PATH.search("/" + canonical(url).partition("/")[2])
    return match[0] if match else None


def slug(url: str) -> str:
    """Return the last part of a path without file extension."""
    return re.sub(
        r"\.(?:html?|php|aspx?)$", "", without_fragment(canonical(url)).partition("?")[0].rpartition("/")[2]
    )


def short_link(url: str) -> bool:
    """Return whether a link is WordPress' `/?p=123`, which each post has beside its permalink."""
    return len(url) <= ADDRESS_CHARACTERS and bool(_SHORT.fullmatch(canonical(url)))


def without_fragment(key: str) -> str:
    """Return the canonical key of the page without its fragment."""
    return key.partition("#")[0]


def is_listing(key: str, *homes: str | None) -> bool:
    """Return whether a key is a home, listing or newsletter page and identifies no entry (I1).

    `homes` are further such pages: the source's own page and site.
    """
    page = without_fragment(key)
    if page != key:
        return False
    if page in {canonical(home) for home in homes if home}:
        return True
    if "?" in page:
        return False
    segments = page.split("/")[1:]
    if segments and re.fullmatch(r"[a-z]{2}(-[a-z]{2})?", segments[0]):
        segments = segments[1:]  # /en/news
    if not segments:
        return True
    return bool(_LISTING.fullmatch(segments[-1])) and len(segments) <= 2
