"""Generate documents of every kind from a grammar, with arbitrary text in their fields."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from html import escape
from typing import Any

from tests.hostile_strings import POISON, VECTORS

R = random.Random
Make = Callable[[R, int], str]
"""(random numbers, approximate maximum of characters) -> text of a field."""


def document(r: R, size: int) -> tuple[bytes, str]:
    """Generate a feed, and describe it."""
    make = r.choice((_rss, _rss, _atom, _rdf, _json))
    count = r.choice((0, 1, 2, 5, 20))
    text = make(r, count, size)
    encoding = r.choice(
        ("utf-8",) * 6 + ("utf-16", "iso-8859-1", "windows-1252", "utf-32", "utf-7", "koi8-r")
    )
    if make is not _json and r.random() < 0.9:
        declared = encoding if r.random() < 0.9 else r.choice(("utf-8", "bogus", "utf-16"))
        text = f'<?xml version="1.0" encoding="{declared}"?>' + text
    errors = "xmlcharrefreplace" if r.random() < 0.8 else "replace"
    encodable = (
        text if encoding == "utf-8" else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
    errors = "replace" if encoding == "utf-8" else errors
    return encodable.encode(encoding, errors), f"{make.__name__[1:]} of {count}, {encoding}"


def _words(r: R, most: int = 12) -> str:
    return " ".join(r.choice(_WORDS) for _ in range(r.randint(0, most)))


_WORDS = (
    "cells",
    "microscope",
    "Übersicht",
    "R&D",
    "1 < 2",
    "CO<sub>2</sub>",
    "&amp;amp;",
    "&nbsp;",
    "🔬",
    "中文",
    "שלום",
    "\u202etxt",
    "]]>",
    "a\x00b",
    "\x1b[31m",
    "e\u0301" * 5,
    "-- ",
    "<T>",
    "2026-10-05",
    "x" * 90,
)


def a_text(r: R, size: int) -> str:
    """Generate the text of any field."""
    kind = r.random()
    if kind < 0.35:
        return _words(r)
    if kind < 0.55:
        return _markup(r, r.randint(1, 5))
    if kind < 0.65:
        return r.choice(VECTORS)
    if kind < 0.75:
        return " ".join(r.choice(POISON)[:size] for _ in range(r.choice((1, 1, 3))))
    if kind < 0.80:
        return much(r, size)
    if kind < 0.85:
        return "".join(
            chr(r.choice((r.randrange(0x80), r.randrange(0x3000), r.randrange(0x110000)))) for _ in range(30)
        )
    return r.choice(("", " ", "0", "-1", "null", "None", "1e999", "\n\n", "&", "<", "'\"", "NaN"))


PARTS = (
    "<b>",
    "<div>",
    "<p>",
    "<a href=",
    "&",
    "&lt;",
    "&amp",
    "<!--",
    "<![CDATA[",
    "\n",
    " ",
    "x",
    "<pre>",
    "<table><tr><td>",
    "<font color=red>",
    '"',
    "=",
    "(",
    "&#x41;",
    "<script>",
    "<li>",
    "The post ",
    "1. ",
    "a@b.c (",
    "</b>",
    "[",
    "../",
    "%41",
    "- ",
    "https://x.example/",
)


def much(r: R, size: int) -> str:
    """Repeat one part, to find code that takes quadratic time."""
    part = r.choice(PARTS) + (r.choice(PARTS) if r.random() < 0.5 else "")
    return (part * (size // len(part) + 1))[: r.randint(size // 2, size)]


_TAGS = (
    "p div b a ul li table tr td pre blockquote img h2 br span details summary ruby script style svg math form font"
    " dl dd caption colgroup time del"
).split()
_HTML_NAMES = "href src title onclick style class lang dir width xlink:href datetime cite".split()
_HTML_VALUES = ("/x", "", "1", "javascript:x()", "https://x.example/?a=1&b=2", "a b", "><")
_QUOTES = ('"%s"', "'%s'", "%s")


def _markup(r: R, depth: int) -> str:
    if depth == 0 or r.random() < 0.2:
        return escape(_words(r, 4)) if r.random() < 0.8 else r.choice(VECTORS)
    name = r.choice(_TAGS)
    attributes = "".join(
        f" {r.choice(_HTML_NAMES)}={r.choice(_QUOTES) % r.choice(_HTML_VALUES)}"
        for _ in range(r.choice((0, 0, 1, 2)))
    )
    inner = "".join(_markup(r, depth - 1) for _ in range(r.randint(0, 3)))
    return f"<{name}{attributes}>{inner}" + (f"</{name}>" if r.random() < 0.85 else "")


def an_address(r: R, size: int) -> str:
    """Generate a link or guid: valid, relative, broken or arbitrary text."""
    return r.choice(
        (
            f"https://node.example/news/{r.randrange(50)}",
            f"https://node.example/news/{r.randrange(50)}",
            f"/relative/{r.randrange(9)}",
            "../../..",
            f"https://node.example/#part-{r.randrange(5)}",
            "//other.example/x",
            "https://[::1",
            "http://node.example:99999/",
            "https://nöde.example/ä?ü=ß",
            "mailto:a@b.example",
            "tag:node.example,2026:1",
            f"https://node.example/?utm_source=x&p={r.randrange(9)}",
            r.choice(VECTORS),
            r.choice(POISON),
            r.choice(POISON),
            f"https://node.example/{r.choice(POISON)}",
            a_text(r, size),
        )
    )


_ZONES = ("+0200", "CEST", "GMT", "XYZ", "-9999", "")


def a_date(r: R, size: int) -> str:
    """Generate a date in a format of feeds, possible or not, or arbitrary text."""
    return r.choice(
        (
            f"Mon, {r.randint(1, 31):02} Oct 2026 {r.randint(0, 25):02}:{r.randint(0, 61):02}:00 {r.choice(_ZONES)}",
            f"{r.randint(0, 9999):04}-{r.randint(0, 13):02}-{r.randint(0, 32):02}T{r.randint(0, 24):02}:00:00"
            + r.choice(("Z", "+02:00", "", "+99:99")),
            f"{r.randint(1, 31)}. {r.choice(('März', 'Oktober', 'Feber', 'Foo'))} {r.randint(1, 9999)}",
            str(r.randrange(10 ** r.choice((3, 10, 13, 20)))),
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "٢٠٢٦-١٠-٠٥",
            r.choice(POISON)[:200],
            a_text(r, size),
        )
    )


def _element(r: R, name: str, text: str, attributes: str = "") -> str:
    how = r.random()
    if how < 0.6:
        text = escape(text)
    elif how < 0.85:
        text = f"<![CDATA[{text}]]>"
    return f"<{name}{attributes}>{text}</{name}>"


def _attribute(r: R, name: str, text: str) -> str:
    return f' {name}="{escape(text) if r.random() < 0.95 else text}"'


def _some(r: R, size: int, choices: dict[str, Make], attributes: tuple[str, ...] = ()) -> str:
    written = []
    for name, make in choices.items():
        for _ in range(r.choice((0, 1, 1, 1, 1, 2))):
            extra = (
                _attribute(r, r.choice(attributes), a_text(r, 50)) if attributes and r.random() < 0.2 else ""
            )
            written.append(_element(r, name, make(r, size), extra))
    r.shuffle(written)
    return "".join(written)


_RSS_ITEM: dict[str, Make] = {
    "title": a_text,
    "link": an_address,
    "guid": an_address,
    "description": a_text,
    "content:encoded": a_text,
    "pubDate": a_date,
    "dc:date": a_date,
    "author": a_text,
    "dc:creator": a_text,
    "category": a_text,
    "dc:rights": a_text,
    "itunes:duration": a_text,
    "media:title": a_text,
    "feedburner:origLink": an_address,
    "comments": an_address,
    "source": a_text,
}
_SPACES = (
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:media="http://search.yahoo.com/mrss/"'
    ' xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" xmlns:georss="http://www.georss.org/georss"'
    ' xmlns:gml="http://www.opengis.net/gml" xmlns:atom="http://www.w3.org/2005/Atom"'
)
_FORMS = ("isPermaLink", "type", "url", "domain", "xml:lang", "xml:base", "rdf:about", "encoding", "mode")


def _enclosure(r: R) -> str:
    named = {"url": an_address, "length": a_date, "type": a_text}
    return f"<enclosure{''.join(_attribute(r, name, make(r, 50)) for name, make in named.items())}/>"


def _rss(r: R, count: int, size: int) -> str:
    items = "".join(f"<item>{_some(r, size, _RSS_ITEM, _FORMS)}{_enclosure(r)}</item>" for _ in range(count))
    head = _some(
        r,
        200,
        {
            "title": a_text,
            "link": an_address,
            "description": a_text,
            "language": a_text,
            "copyright": a_text,
            "lastBuildDate": a_date,
            "ttl": a_date,
            "skipHours": a_text,
            "image": a_text,
            "cloud": a_text,
            "georss:point": a_date,
            "gml:pos": a_text,
        },
    )
    return f'<rss version="2.0"{_SPACES}><channel>{head}{items}</channel></rss>'


def _rdf(r: R, count: int, size: int) -> str:
    about = "".join(
        f"<item{_attribute(r, 'rdf:about', an_address(r, 50))}>{_some(r, size, _RSS_ITEM)}</item>"
        for _ in range(count)
    )
    head = _some(r, 200, {"title": a_text, "link": an_address})
    spaces = (
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"' + _SPACES
    )
    return f"<rdf:RDF {spaces}><channel>{head}</channel>{about}</rdf:RDF>"


_RELATIONS = ("alternate", "self", "enclosure", "related", "via", "")


def _atom(r: R, count: int, size: int) -> str:
    texts: dict[str, Make] = {
        "title": a_text,
        "summary": a_text,
        "content": a_text,
        "rights": a_text,
        "id": an_address,
        "published": a_date,
        "updated": a_date,
        "author": lambda r, s: f"<name>{escape(a_text(r, 50))}</name>",
    }
    forms = ("type", "xml:base", "xml:lang", "src", "mode")

    def one() -> str:
        links = "".join(
            f"<link{_attribute(r, 'href', an_address(r, 50))}{_attribute(r, 'rel', r.choice(_RELATIONS))}/>"
            for _ in range(r.choice((0, 1, 2, 30)))
        )
        category = f"<category{_attribute(r, 'term', a_text(r, 50))}{_attribute(r, 'label', a_text(r, 50))}/>"
        xhtml = (
            f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{_markup(r, 4)}</div></content>'
            if r.random() < 0.2
            else ""
        )
        base = _attribute(r, "xml:base", an_address(r, 50)) if r.random() < 0.2 else ""
        return f"<entry{base}>{links}{category}{xhtml}{_some(r, size, texts, forms)}</entry>"

    head = _some(r, 200, {"title": a_text, "id": an_address, "updated": a_date, "subtitle": a_text})
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{head}{"".join(one() for _ in range(count))}</feed>'


def _json(r: R, count: int, size: int) -> str:
    def value(make: Make) -> Any:
        odd = (None, True, 5, -1.5, 10**30, [], {}, ["x", None, 3], {"name": "x"}, [[[[]]]], "\ud800")
        return make(r, size) if r.random() < 0.85 else r.choice(odd)

    makers = {
        "id": an_address,
        "url": an_address,
        "title": a_text,
        "content_html": a_text,
        "content_text": a_text,
        "summary": a_text,
        "date_published": a_date,
        "date_modified": a_date,
        "language": a_text,
        "image": an_address,
    }
    items: list[Any] = []
    for _ in range(count):
        one = {name: value(make) for name, make in makers.items() if r.random() < 0.7}
        one |= {
            "tags": [value(a_text) for _ in range(r.randrange(3))],
            "authors": [{"name": value(a_text)}, value(a_text)],
        }
        one["attachments"] = [
            {"url": value(an_address), "mime_type": value(a_text), "size_in_bytes": value(a_date)}
        ]
        items.append(one if r.random() < 0.9 else value(a_text))
    whole = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": value(a_text),
        "home_page_url": value(an_address),
        "language": value(a_text),
        "items": items,
    }
    return json.dumps(whole, ensure_ascii=r.random() < 0.5).replace(
        "\\u0000", "\\u0001" if r.random() < 0.5 else "\\u0000"
    )


# --- other kinds than feeds ---------------------------------------------------------------------------


def calendar(r: R, count: int, size: int) -> bytes:
    """Generate a calendar (RFC 5545) with lines folded, escaped or neither."""

    def a_line(name: str, text: str) -> str:
        written = text.replace("\\", "\\\\").replace("\n", "\\n") if r.random() < 0.8 else text
        parameter = r.choice(
            ("", "", "", ";LANGUAGE=de", ";TZID=Europe/Berlin", f";X={r.choice(POISON)[:80]}")
        )
        return f"{name}{parameter}:{written}\r\n"

    makers: dict[str, Make] = {
        "UID": an_address,
        "SUMMARY": a_text,
        "DESCRIPTION": a_text,
        "LOCATION": a_text,
        "URL": an_address,
        "ATTACH": an_address,
        "CATEGORIES": a_text,
        "ORGANIZER": an_address,
        "DTSTAMP": a_date,
        "CREATED": a_date,
        "LAST-MODIFIED": a_date,
        "DTEND": a_date,
        "DURATION": a_date,
        "RRULE": a_text,
        "STATUS": a_text,
    }

    def event() -> str:
        start = r.choice((f"202611{r.randint(1, 30):02}T100000Z", "20261105", a_date(r, 50)))
        lines = [a_line(name, make(r, size)) for name, make in makers.items() if r.random() < 0.6]
        return "BEGIN:VEVENT\r\n" + a_line("DTSTART", start) + "".join(lines) + "END:VEVENT\r\n"

    events = "".join(event() for _ in range(count))
    head = a_line("X-WR-CALNAME", a_text(r, 100)) + a_line("URL", an_address(r, 100))
    whole = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{events}END:VCALENDAR\r\n"
    return whole.encode("utf-8", "replace")


def page(r: R, count: int, size: int) -> bytes:
    """Generate a news page: a list of `li.news` with link, title, date and summary."""

    def one() -> str:
        date = f"<time{_attribute(r, 'datetime', a_date(r, 50))}>{escape(a_date(r, 50))}</time>"
        link = f"<a{_attribute(r, 'href', an_address(r, size))}>{escape(a_text(r, size))}</a>"
        return f'<li class="news">{date}{link}<p>{_markup(r, 3)}{escape(a_text(r, size))}</p></li>'

    base = f"<base{_attribute(r, 'href', an_address(r, 100))}>" if r.random() < 0.3 else ""
    listed = "".join(one() for _ in range(count))
    whole = (
        f"<!doctype html><html><head>{base}<title>{escape(a_text(r, 50))}</title></head><body><ul>{listed}"
    )
    return f"{whole}</ul></body></html>".encode("utf-8", "replace")


def wordpress(r: R, count: int, size: int) -> bytes:
    """Generate a response of the REST API of WordPress."""

    def one() -> dict[str, Any]:
        return {
            "id": r.randrange(10**6),
            "date_gmt": a_date(r, 50),
            "modified_gmt": a_date(r, 50),
            "link": an_address(r, size),
            "guid": {"rendered": an_address(r, size)},
            "title": {"rendered": a_text(r, size)},
            "excerpt": {"rendered": a_text(r, size)},
            "content": {"rendered": a_text(r, size)},
            "_embedded": {"author": [{"name": a_text(r, 50)}], "wp:term": [[{"name": a_text(r, 50)}]]},
        }

    return json.dumps([one() for _ in range(count)]).encode()


def zenodo(r: R, count: int, size: int) -> bytes:
    """Generate a response of the API of Zenodo."""

    def one() -> dict[str, Any]:
        return {
            "id": r.choice((r.randrange(10**6), an_address(r, 50), 10**400)),
            "conceptrecid": r.choice((str(r.randrange(10**6)), a_text(r, 50), None)),
            "doi": r.choice(
                (f"10.5281/zenodo.{r.randrange(10**6)}", "10.5281/zenodo." + "9" * 5_000, a_text(r, 50))
            ),
            "created": a_date(r, 50),
            "updated": a_date(r, 50),
            "links": {"self_html": an_address(r, size), "html": an_address(r, size)},
            "metadata": {
                "title": a_text(r, size),
                "description": a_text(r, size),
                "publication_date": a_date(r, 50),
                "creators": [{"name": a_text(r, 50)}],
                "keywords": [a_text(r, 50)],
                "language": a_text(r, 20),
                "license": {"id": a_text(r, 50)},
                "resource_type": {"title": a_text(r, 50)},
            },
        }

    return json.dumps({"hits": {"hits": [one() for _ in range(count)]}}).encode()


KINDS: dict[str, Callable[[R, int, int], bytes]] = {
    "feed": lambda r, count, size: document(r, size)[0],
    "jsonfeed": lambda r, count, size: _json(r, count, size).encode("utf-8", "replace"),
    "ical": calendar,
    "page": page,
    "wordpress": wordpress,
    "zenodo": zenodo,
}
"""By kind of source: (random numbers, entries, characters of a field) -> document."""
