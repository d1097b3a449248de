"""What all judges ask: of XML, addresses, dates, languages and of text that may be HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html.entities import name2codepoint

from html5lib.html5parser import HTMLParser, ParseError
from lxml import etree

from tests.hostile_strings import faults, parsed

ATOM = "http://www.w3.org/2005/Atom"
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # what the W3C validator allows where it knows no zones

HTML_NAMES = frozenset(
    "a abbr address article aside audio b bdi bdo big blockquote body br button canvas caption center cite code col"
    " colgroup data dd del details dfn dialog div dl dt em embed fieldset figcaption figure font footer form frame"
    " h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li link main map mark menu meta"
    " meter nav noscript object ol optgroup option output p param picture pre progress q s samp script section select"
    " small source span strike strong style sub summary sup table tbody td template textarea tfoot th thead time title"
    " tr track tt u ul var video wbr xmp plaintext marquee applet".split()
)


def xml(document: bytes) -> tuple[etree._Element | None, list[str]]:
    """The root of a document, and what is wrong with it as XML 1.0 in UTF-8."""
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [f"XML 1.0 4.3.3: not UTF-8: {error}"]
    found = []
    if text.startswith("\ufeff"):
        found.append("XML 1.0 4.3.3: begins with a byte order mark")
    declared = re.match(r"<\?xml [^>]*encoding=['\"]([^'\"]+)", text)
    if declared is None or declared[1].lower() != "utf-8":
        found.append("XML 1.0 4.3.3: the declaration does not say UTF-8")
    if "<!DOCTYPE" in text:
        found.append("PB5: has a document type")
    try:
        root = etree.fromstring(document)
    except etree.XMLSyntaxError as error:
        return None, [*found, f"XML 1.0: not well-formed: {error}"]
    for element in elements(root):
        for said in (element.text, element.tail, *map(str, element.attrib.values())):
            if bad := re.findall("[\x80-\x9f\ufffd]", said or ""):
                found.append(f"W3C BadCharacters: {name(element)} has {bad[:3]!r}")
    return root, found


def elements(root: etree._Element, *tags: str) -> Iterator[etree._Element]:
    """Yield elements in document order, without comments and processing instructions."""
    return (element for element in root.iter(*tags) if isinstance(element.tag, str))


def name(element: etree._Element) -> str:
    """Return the local name of an element."""
    return etree.QName(element).localname


# --- addresses -----------------------------------------------------------------------------------------

_AUTHORITY = (
    r"//(?:[0-9a-zA-Z;:@&=+$.\-_!~*'()%,]*@)?(?:\[[0-9A-Fa-f:.]+\]|[0-9a-zA-Z;@&=+$.\-_!~*'()%,]+)(?::\d*)?"
)
_URI = re.compile(rf"[a-zA-Z][0-9a-zA-Z+\-.]*:(?:{_AUTHORITY})?[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,#]*")
_TAG = re.compile(
    r"tag:(?:[a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(?:-\d\d(?:-\d\d)?)?:[0-9a-zA-Z;/?:@&=+$.\-_!~*'()%,#]*"
)
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{1,31}:(?:[a-z0-9()+,.:=@;$_!*'-]|%[0-9a-f]{2})+", re.IGNORECASE)
MIME = re.compile(
    r"[^\s()<>,;:\\\"/\[\]?=]+/[^\s()<>,;:\\\"/\[\]?=]+(?:\s*;\s*[^\s;=]+=(?:\"[^\"]*\"|[^\s;]+))*"
)


def address(value: str | None, where: str, schemes: tuple[str, ...] = ("http", "https")) -> list[str]:
    """Check an absolute URI of one of these schemes."""
    if not value or not (scheme := re.match(r"([a-zA-Z][0-9a-zA-Z+\-.]*):", value)):
        return [f"W3C InvalidFullLink: {where} is not absolute: {value!r}"]
    if scheme[1].lower() not in schemes:
        return [f"PB5: {where} leads to {scheme[1]}: {value[:80]!r}"]
    if scheme[1].lower() in ("http", "https") and not re.match(r"\w+://[^/?#]", value):
        return [f"W3C InvalidFullLink: {where} names no host: {value[:80]!r}"]
    if not _URI.fullmatch(value):
        return [f"W3C InvalidUriChar: {where} is no URI: {value[:200]!r}"]
    return []


def identifier(value: str | None, where: str) -> list[str]:
    """Check an IRI that is only a name."""
    value = value or ""
    scheme = value.partition(":")[0].lower()
    if scheme == "tag":
        return (
            [] if _TAG.fullmatch(value) else [f"W3C InvalidTAG: {where} is no tag: URI (RFC 4151): {value!r}"]
        )
    if scheme == "urn":
        shape = _UUID if value.lower().startswith("urn:uuid:") else _URN
        return [] if shape.fullmatch(value) else [f"W3C InvalidURN: {where} is no URN: {value!r}"]
    found = address(value, where)
    if not found and re.match(r"http://[^/]*([A-Z]|:80(/|$)|[^/]$)", value):
        found.append(f"W3C NonCanonicalURI: {where} is {value!r}")
    return found


# --- dates and languages -------------------------------------------------------------------------------


_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"


def rfc3339(value: str | None, where: str, now: datetime | None) -> tuple[datetime | None, list[str]]:
    """Parse a time, and list what is wrong with it (RFC 3339; RFC 4287 section 3.3)."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value or ""):
        return None, [f"RFC 3339: {where} is {value!r}"]
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None, [f"RFC 3339: {where} is {value!r}"]
    return moment, plausible(moment, where, now)


def rfc822(value: str | None, where: str, now: datetime | None) -> list[str]:
    """Check a date of RFC 822 with a year of four digits, as RSS and OPML require."""
    value = value or ""
    match = re.fullmatch(
        rf"({_DAYS}), \d\d (?:{_MONTHS}) \d{{4}} \d\d:\d\d:\d\d (?:[+-]\d\d[03]0|GMT)", value
    )
    if match is None:
        return [f"W3C ProblematicalRFC822Date: {where} is {value!r}"]
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return [f"W3C InvalidRFC2822Date: {where} is {value!r}"]
    if f"{moment:%a}" != match[1]:
        return [f"W3C IncorrectDOW: {where} is {value!r}, which is no {match[1]}"]
    return plausible(moment, where, now)


def plausible(moment: datetime, where: str, now: datetime | None) -> list[str]:
    """Check that a time is neither before 1990 nor in the future (PB4)."""
    if moment < EARLIEST or (now and moment > now + AHEAD):
        return [f"W3C ImplausibleDate: {where} is {moment.isoformat()}"]
    return []


def language(tag: str | None, where: str) -> list[str]:
    """Check a language tag of RFC 5646 that begins with an ISO 639 language."""
    if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag or ""):
        return []
    return [f"W3C InvalidLanguage: {where} is {tag!r}"]


# --- text and HTML -------------------------------------------------------------------------------------


def looks_like_html(text: str) -> str | None:
    """Return what readers may take for HTML in a plain text, or None: an end tag or a reference.

    A reference counts with and without `;`.
    """
    for tag in re.findall(r"</(\w+)>", text):
        if tag.lower() in HTML_NAMES:
            return f"</{tag}>"
    for reference in re.findall(r"&(#?\w+)", text):
        if reference in name2codepoint or reference == "apos" or not reference.isalpha():
            return f"&{reference}"
    return None


def html(markup: str, where: str, *, whole: bool = False) -> list[str]:
    """Check HTML that others show: markup, security, relative addresses (PB5).

    `whole` is a text that was HTML at its source: without any element it was escaped twice.
    """
    found = []
    try:
        HTMLParser(strict=True).parseFragment(markup)
    except ParseError as error:
        found.append(f"W3C NotHtml: {where}: {error}")
    found += [f"PB5 SecurityRisk: {where} {fault}" for fault in faults(f"<body>{markup}</body>")]
    tree = parsed(f"<body>{markup}</body>")
    for element in tree.iter():
        tag = str(element.tag).rpartition("}")[2]
        if tag in ("style", "link", "meta") or element.get("style") is not None:
            found.append(f"PB5 SecurityRisk: {where} has style: <{tag}>")
        for attribute in ("href", "src", "cite", "srcset"):
            said = element.get(attribute)
            if said is not None and not re.match(r"\s*\w+:", said):
                found.append(f"W3C ContainsRelRef: {where} has {attribute}={said[:60]!r}")
    shown = "".join(tree.itertext())
    if whole and "<" not in markup and re.search(r"</(p|div|a|b|i|em|strong|li|ul|span)>|<br ?/?>", shown):
        found.append(f"PB2: {where} is escaped twice")
    return found
