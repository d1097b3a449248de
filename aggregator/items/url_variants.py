"""Find what URLs of one article have in common: translations, posts, test servers.

Equal variants are evidence (`dedupe.evidence`), and no identity: a post of a topic may be an item of its own.
"""

from __future__ import annotations

import re

from aggregator.items.caches import MAX_ADDRESS_CHARACTERS, cached
from aggregator.items.canonical_urls import canonical, folded, without_fragment
from aggregator.model.value_classes import dataclass

MIN_SLUG_CHARACTERS = 12
"""Minimum length of the last part of an address that identifies a page without a number."""
_LANGUAGE = (
    r"(?:en|de|fr|es|it|pt|nl|fi|sv|se|da|dk|no|nb|nn|pl|cs|cz|sk|hu|sl|hr|el|bg|ro|et|lv|lt|ga|mt|tr|uk|is|ca"
    r"|english|deutsch|francais)(?:[-_][a-z]{2})?"
)
_SEGMENT = re.compile(_LANGUAGE, re.IGNORECASE)
_SUFFIX = re.compile(rf"(?<=.)[_.]({_LANGUAGE})(?=(?:\.(?:html?|php|aspx?))?$)", re.IGNORECASE)
_FILE = re.compile(r"\.(?:[sx]?html?|php|aspx?)$", re.IGNORECASE)
_LANGUAGE_PARAMETERS = frozenset(
    ("lang", "language", "locale", "hl", "l", "lng", "set_language", "sprache", "langue")
)
_STAGING = re.compile(
    r"(?:www-)?(?:staging|stage|test|dev|preview|preprod|beta|relaunch)(?:-www)?\.(?=[^.]+\.[^.]+)"
)
# A number alone, as in news861234, or before a title of words: not s41592-026-02000-1.
_NUMBERED = re.compile(
    r"([a-z]*[1-9][0-9]{3,}(?=$)|[1-9][0-9]{3,}(?=[-_].*[a-z]{3}))(?:[-_].*)?", re.IGNORECASE
)
_YEAR_OR_DAY = re.compile(r"(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:[0-3][0-9])?)?(?:[-_].*)?")
_POST = re.compile(
    r"(?P<t>.*/(?:t|topic|d)/[0-9]+)/(?P<a>[0-9]+|last)|(?P<x>.*/threads/[0-9]+)/(?P<b>post-[0-9]+|page-[0-9]+)"
)
_POST_PARAMETERS = re.compile(r"(.*\?)((?:p|start)=[0-9]+)&(t=[0-9]+)|(.*\?topic=[0-9]+)\.(\w+)")
_SECTIONS = {
    word: words[0]
    for words in (
        "news aktuelles aktuell nachrichten meldungen actualites actus noticias notizie nyheter nyhed uutiset aktuality"
        " novinky aktualnosci nieuws".split(),
        "events event veranstaltungen veranstaltung termine kalender calendar evenements eventi eventos agenda".split(),
        "press presse press-releases pressemitteilungen communiques prensa stampa tiedotteet".split(),
        "jobs careers karriere stellenangebote emploi empleo lavoro".split(),
    )
    for word in words
}
"""Names of sections in several languages, each with the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What the addresses of one article have in common (`key`), and in what this one differs.

    `part` is a post or page of it, `title` the words behind the number that names it, `slug` the last part.
    """

    key: str
    language: str | None
    part: str | None
    is_staging: bool
    is_numbered: bool
    title: str
    slug: str

    @property
    def identifies(self) -> bool:
        """Return whether the key names one article and no section of a site."""
        return self.is_numbered or len(self.slug) >= MIN_SLUG_CHARACTERS


@cached(4_096, MAX_ADDRESS_CHARACTERS)
def variant(url: str) -> Variant | None:
    """Return what an address has in common with others of its article; None if it is too long."""
    key = canonical(url)
    if len(key) > MAX_ADDRESS_CHARACTERS:
        return None
    page, part = _without_part(without_fragment(key))
    page, _, query = page.partition("?")
    host, _, path = page.partition("/")
    staging = _STAGING.match(host)
    query, language = _without_language_parameter(query)
    segments, named = _without_language(path.split("/"))
    segments, is_numbered, title = _without_title(segments)
    host = host[staging.end() :] if staging else host
    common = "/".join((host, *(_SECTIONS.get(segment, segment) for segment in segments)))
    return Variant(
        key=f"{common}?{query}" if query else common,
        language=language or named,
        part=part,
        is_staging=bool(staging),
        is_numbered=is_numbered or part is not None or bool(re.search(r"=[0-9]{2,}(?![^&])", query)),
        title=title,
        slug=segments[-1] if segments else "",
    )


def loose_variant_key(url: str) -> str | None:
    """Return the variant of an address without punctuation, as `loose_url_key` spells it."""
    found = variant(url)
    if found is None:
        return None
    page, mark, query = found.key.partition("?")
    host, _, path = page.partition("/")
    return f"{host}/{folded(path)}{mark}{query}"


def _without_part(page: str) -> tuple[str, str | None]:
    """Return a page of a forum as its topic, and the post or page that it shows."""
    if match := _POST.fullmatch(page):
        return match["t"] or match["x"], match["a"] or match["b"]
    if "?" in page and (match := _POST_PARAMETERS.fullmatch(page)):
        return (f"{match[1]}{match[3]}", match[2]) if match[1] else (match[4], match[5])
    return page, None


def _without_language_parameter(query: str) -> tuple[str, str | None]:
    kept, language = [], None
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name.lower() in _LANGUAGE_PARAMETERS and (value.isdigit() or _SEGMENT.fullmatch(value)):
            language = value.lower()[:2]
        else:
            kept.append(part)
    return "&".join(kept), language


def _without_language(segments: list[str]) -> tuple[list[str], str | None]:
    """Return segments without the first that is a language or ends with one, and the language."""
    for n, segment in enumerate(segments):
        if _SEGMENT.fullmatch(segment):
            start = n - 1 if n and segments[n - 1].lower() in ("lang", "language") else n
            return segments[:start] + segments[n + 1 :], segment.lower()[:2]
    if segments and (match := _SUFFIX.search(segments[-1])):
        last = segments[-1][: match.start()] + segments[-1][match.end() :]
        return [*segments[:-1], last], match[1].lower()[:2]
    return segments, None


def _without_title(segments: list[str]) -> tuple[list[str], bool, str]:
    """Return segments up to the number of an article, whether it has one, and its title.

    The title follows the number in the same segment, or is the last segment and has several words.
    """
    segments = [*segments[:-1], _FILE.sub("", segments[-1])] if segments else []
    if segments and (found := _number(segments[-1])):
        return [*segments[:-1], found], True, segments[-1][len(found) :]
    if len(segments) > 1 and "-" in segments[-1] and segments[-2].isdigit() and _number(segments[-2]):
        return segments[:-1], True, segments[-1]
    return segments, False, ""


def _number(segment: str) -> str | None:
    """Return the number of an article at the beginning of a segment."""
    match = _NUMBERED.fullmatch(segment)
    return match[1] if match and not _YEAR_OR_DAY.fullmatch(segment) else None


def are_in_two_sections(one: str, other: str) -> bool:
    """Return whether two addresses have one name in sections of a site: /x, /news/x, /press/x.

    Other segments, such as /jena/x and /turku/x, may name the subject.
    """
    a, b = (canonical(url).split("/") for url in (one, other))
    if a[-1] != b[-1] or a[0] != b[0] or "?" in a[-1] or len(a[-1]) < MIN_SLUG_CHARACTERS:
        return False
    here, there = set(a[1:-1]) - set(b), set(b[1:-1]) - set(a)
    return not here or not there or here | there <= _SECTIONS.keys()
