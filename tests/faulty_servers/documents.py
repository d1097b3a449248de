"""Define faults of documents: entity bombs, wrong encodings, excessive XML, JSON and pages."""

# ruff: noqa: E501 - one case a line is easier to read and to compare

from __future__ import annotations

import codecs
from collections.abc import Callable

from tests.faulty_servers.server import HEALTHY, Body, Case, answer, feed

MEGABYTE = 1_000_000
ANY_REFUSAL = ""
OWN_ENTITIES = "ENTITY"
DECLARED = b'<?xml version="1.0" encoding="utf-8"?>'


def refused(name: str, says: str, body: Body, words: str = ANY_REFUSAL, *, alone: bool = False) -> Case:
    """Define a document that is not a feed."""
    return Case(name=name, says=says, talk=answer(body), words=words, alone=alone)


def read(name: str, says: str, body: Body, *, alone: bool = False) -> Case:
    """Define a document that is parsed: its healthy entry is kept."""
    return Case(name=name, says=says, talk=answer(body), outcome="changed", alone=alone)


def endured(name: str, says: str, body: Body, *, alone: bool = True) -> Case:
    """Define a document that may be parsed or refused, within time and memory."""
    return Case(name=name, says=says, talk=answer(body), outcome="either", survives=False, alone=alone)


def item(inner: bytes, title: bytes = b"Another entry") -> bytes:
    """Make an item with this content."""
    return (
        b"<item><title>" + title + b"</title><link>https://@NAME@.example/other</link>" + inner + b"</item>"
    )


def odd_item(name: str, says: str, inner: Body, *, alone: bool = False) -> Case:
    """Define a feed with an odd item before a healthy one, which must be kept."""
    body = (lambda: feed(item(inner()), HEALTHY)) if callable(inner) else feed(item(inner), HEALTHY)
    return read(name, says, body, alone=alone)


def weighed(name: str, says: str, inner: Callable[[], bytes]) -> Case:
    """Define a feed with an excessive item, which may be parsed or refused."""
    return endured(name, says, lambda: feed(item(inner()), HEALTHY))


# --- no feeds ------------------------------------------------------------------------------------------

# fmt: off
_NO_FEEDS = (
    refused("page-instead", "A web page instead of a feed.", b"<!doctype html><html><head><title>News</title></head><body><p>Hello</p></body></html>", "web page"),
    refused("login-instead", "A login page instead of a feed.", b"<html><body><form action=/login><input name=password type=password></form></body></html>", "web page"),
    refused("xhtml-instead", "XHTML instead of a feed.", DECLARED + b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body/></html>', "web page"),
    refused("empty", "Nothing at all.", b"", "empty"),
    refused("blanks", "Only blanks.", b" \r\n\t" * 100, "empty"),
    refused("mark-only", "Only a byte order mark.", codecs.BOM_UTF8, "empty|not a feed"),
    refused("mark-16-only", "Only a byte order mark of UTF-16.", codecs.BOM_UTF16_LE, "empty|not a feed"),
    refused("nul-only", "Only NUL bytes.", bytes(1_000), "empty|not a feed"),
    refused("one-bracket", "A single <.", b"<", "not a feed"),
    refused("declaration-only", "An XML declaration, and nothing.", DECLARED, "not a feed"),
    refused("image", "A picture.", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "not a feed"),
    refused("pdf", "A PDF.", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj", "not a feed"),
    refused("zip", "An archive.", b"PK\3\4" + bytes(500), "not a feed"),
    refused("svg", "A drawing.", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "not a feed"),
    refused("soap-fault", "A SOAP fault.", b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>', "not a feed"),
    refused("opml-instead", "A list of feeds instead of a feed.", b'<opml version="2.0"><body><outline xmlUrl="@CANARY@/"/></body></opml>', "not a feed"),
    refused("path-as-body", "The name of a file.", b"/etc/passwd", "not a feed"),
    refused("url-as-body", "An address.", b"@CANARY@/feed", "not a feed"),
    refused("php", "The source of the program that should have made the feed.", b"<?php readfile('feed.xml'); ?>", "not a feed"),
)
# fmt: on

# --- entities ------------------------------------------------------------------------------------------


def doctype(inside: bytes, *, item_text: bytes = b"&e;") -> bytes:
    """Make a feed with an internal DTD and an entry that uses it."""
    prologue = b'<?xml version="1.0"?><!DOCTYPE rss [' + inside + b"]>"
    return feed(item(b"", title=item_text), HEALTHY, prologue=prologue)


LAUGHS = b"\n".join(
    [
        b'<!ENTITY e0 "lol">',
        *(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10)),
        b'<!ENTITY e "&e9;">',
    ]
)

# fmt: off
_ENTITIES = (
    refused("entities-in-one-line", "An entity bomb in one line, which feedparser's own filter lets pass.", doctype(LAUGHS.replace(b"\n", b"")), OWN_ENTITIES),
    refused("billion-laughs", "A billion laughs.", doctype(b"\n" + LAUGHS + b"\n"), OWN_ENTITIES),
    refused("quadratic-blow-up", "One long entity, used often.", doctype(b'<!ENTITY e "' + b"x" * 50_000 + b'">', item_text=b"&e;" * 2_000), OWN_ENTITIES),
    refused("entity-of-itself", "An entity that is made of itself.", doctype(b'<!ENTITY e "&e;">'), OWN_ENTITIES),
    refused("xxe-file", "An entity that is a file.", doctype(b'<!ENTITY e SYSTEM "file:///etc/passwd">'), OWN_ENTITIES),
    refused("xxe-http", "An entity that is at an address; nobody asks there.", doctype(b'<!ENTITY e SYSTEM "@CANARY@/xxe">'), OWN_ENTITIES),
    refused("xxe-public", "A public entity.", doctype(b'<!ENTITY e PUBLIC "-//X" "@CANARY@/xxe">'), OWN_ENTITIES),
    refused("xxe-parameter", "A parameter entity that loads declarations.", doctype(b'<!ENTITY % p SYSTEM "@CANARY@/p.dtd"> %p;'), OWN_ENTITIES),
    refused("xxe-out-of-band", "A parameter entity that would carry a file away.", doctype(b"<!ENTITY % f SYSTEM \"file:///etc/hostname\"><!ENTITY % o \"<!ENTITY e SYSTEM '@CANARY@/%f;'>\">%o;"), OWN_ENTITIES),
    refused("xxe-lower-case", "An entity declared in lower case, which is none.", doctype(b'<!entity e SYSTEM "file:///etc/passwd">'), OWN_ENTITIES),
    refused("xxe-behind-a-comment", "An entity behind a comment that looks like the first element.", doctype(b'<!-- <rss> --><!ENTITY e SYSTEM "@CANARY@/xxe">'), OWN_ENTITIES),
    refused("xxe-behind-an-instruction", "An entity behind an instruction that looks like the first element.", doctype(b'<?x <rss> ?><!ENTITY e SYSTEM "@CANARY@/xxe">'), OWN_ENTITIES),
    read("xxe-behind-a-string", "An entity behind a string that looks like the first element: it stays what it is.", doctype(b'<!ATTLIST rss x CDATA "<rss>"><!ENTITY e SYSTEM "@CANARY@/xxe">')),
    read("xxe-behind-a-false-comment", "An entity behind a string that looks like a comment: it stays what it is.", doctype(b"<!ATTLIST rss x CDATA '<!--'><!ENTITY e SYSTEM \"@CANARY@/xxe\"><!ATTLIST rss y CDATA '-->'>")),
    *(
        endured(f"{name}-behind-{what}", f"{name.title()} behind a string that looks like {what.replace('-', ' ')}.", doctype(before + entity + after))
        for name, entity in {"laughs": LAUGHS.replace(b"\n", b""), "blow-up": b'<!ENTITY e "' + b"x" * 50_000 + b'">'}.items()
        for what, before, after in (("an-element", b'<!ATTLIST rss x CDATA "<rss>">', b""), ("a-comment", b"<!ATTLIST rss x CDATA '<!--'>", b"<!ATTLIST rss y CDATA '-->'>"))
    ),
    refused("laughs-in-utf-16", "A billion laughs in UTF-16.", doctype(LAUGHS).decode().encode("utf-16"), OWN_ENTITIES),
    refused("laughs-in-utf-16-unmarked", "A billion laughs in UTF-16 without a mark.", doctype(LAUGHS).decode().encode("utf-16-be"), OWN_ENTITIES),
    refused("laughs-in-utf-32", "A billion laughs in UTF-32.", doctype(LAUGHS).decode().encode("utf-32"), OWN_ENTITIES),
    refused("laughs-in-ebcdic-in-one-line", "A billion laughs in one line of EBCDIC.", doctype(LAUGHS.replace(b"\n", b"")).replace(b'"1.0"', b'"1.0" encoding="cp037"', 1).decode().encode("cp037"), ANY_REFUSAL, alone=True),
    refused("laughs-in-ebcdic", "A billion laughs in EBCDIC.", doctype(LAUGHS).replace(b'"1.0"', b'"1.0" encoding="cp037"', 1).decode().encode("cp037"), ANY_REFUSAL),
    refused("laughs-in-utf-7", "A billion laughs in UTF-7, as the declaration says.", b'<?xml version="1.0" encoding="utf-7"?>' + doctype(LAUGHS).split(b"?>", 1)[1].decode().encode("utf-7"), ANY_REFUSAL),
    read("doctype-outside", "A DTD at an address, as RSS 0.91 has it; nobody asks there.", feed(HEALTHY, prologue=b'<?xml version="1.0"?><!DOCTYPE rss SYSTEM "@CANARY@/rss.dtd">')),
    read("doctype-netscape", "The DTD of RSS 0.91.", feed(HEALTHY, prologue=b'<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">')),
    read("xinclude", "An inclusion; nobody asks there.", feed(b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="@CANARY@/x" parse="text"/>', HEALTHY)),
    read("stylesheet", "A stylesheet at an address; nobody asks there.", feed(HEALTHY, prologue=DECLARED + b'<?xml-stylesheet type="text/xsl" href="@CANARY@/x.xsl"?>')),
    read("schema-location", "A schema at an address; nobody asks there.", feed(HEALTHY).replace(b"<rss ", b'<rss xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="@CANARY@/x.xsd" ')),
    odd_item("pictures-that-call-home", "Pictures, frames and hubs at an address; nobody asks there.", b'<description>&lt;img src="@CANARY@/p.gif"&gt;&lt;iframe src="@CANARY@/"&gt;&lt;/iframe&gt;</description><enclosure url="@CANARY@/e.mp3" length="1" type="audio/mpeg"/><comments>@CANARY@/c</comments>'),
    odd_item("entities-unknown", "Entities nobody declared.", b"<description>&nosuch; &auml; &; &#; &#x; &#xFFFFFFFFFF; &#55357;&#56832; &#0; &#8;</description>"),
    odd_item("entity-spoken-of", "An entry about entity declarations.", b"<description><![CDATA[<!ENTITY e SYSTEM 'file:///etc/passwd'>]]></description>"),
)
# fmt: on

# --- encodings -----------------------------------------------------------------------------------------

PLAIN = feed(HEALTHY, prologue=b"").decode()


def declared(encoding: str, actual: str = "utf-8", text: str = PLAIN) -> bytes:
    """Make a document that declares one encoding and has another."""
    return f'<?xml version="1.0" encoding="{encoding}"?>'.encode("ascii") + text.encode(actual)


def wholly(actual: str, named: str | None = None) -> bytes:
    """Make a document in the encoding `actual`, where @NAME@ cannot be replaced."""
    text = (
        PLAIN.replace("@NAME@.example", "wide.example").replace("-@NAME@", "-wide").replace("@NAME@", "wide")
    )
    head = f'<?xml version="1.0" encoding="{named}"?>' if named else '<?xml version="1.0"?>'
    return (head + text).encode(actual)


# fmt: off
_ENCODINGS = (
    *(read(f"written-in-{name}", f"A document in {name}.", wholly(name, "utf-16")) for name in ("utf-16", "utf-16-le", "utf-16-be")),
    read("written-in-utf-32", "A document in UTF-32.", wholly("utf-32", "utf-32")),
    read("written-in-utf-16-undeclared", "A marked document in UTF-16 that does not say so.", wholly("utf-16")),
    read("written-in-utf-32-unmarked", "A document in UTF-32 without a mark.", wholly("utf-32-be", "utf-32")),
    read("mark-of-utf-8", "A byte order mark before UTF-8.", codecs.BOM_UTF8 + feed(HEALTHY)),
    read("mark-of-utf-16-untrue", "The mark of UTF-16 before UTF-8.", codecs.BOM_UTF16_LE + feed(HEALTHY)),
    read("two-marks", "Two byte order marks.", codecs.BOM_UTF8 * 2 + feed(HEALTHY)),
    *(
        read(f"declares-{name.replace('_', '-')}", f"UTF-8 that declares {name}.", declared(name, text=PLAIN.replace("Still", "Größe, still")))
        for name in ("utf-16", "us-ascii", "iso-8859-1", "windows-1252", "x-klingon", "unicode_escape", "idna", "rot13", "undefined", "shift_jis", "gb18030")
    ),
    read("declares-nothing", "A declaration with an empty encoding.", declared("")),
    read("declares-a-path", "A declaration whose encoding is a path.", declared("../../../etc/passwd")),
    read("declares-much", "A declaration whose encoding has 10 KB.", declared("x" * 10_000)),
    read("latin-1-undeclared", "Latin-1 that declares UTF-8.", declared("utf-8", "latin-1", PLAIN.replace("Still", "Größe, still"))),
    odd_item("utf-8-invalid", "Bytes that are no UTF-8.", b"<description>\xff\xfe\xc3\x28\xf0\x28\x8c\xbc</description>"),
    odd_item("utf-8-overlong", "Overlong UTF-8: a hidden <.", b"<description>\xc0\xbcscript\xc0\xbe \xe0\x80\xbc</description>"),
    odd_item("utf-8-surrogates", "Halves of surrogate pairs in UTF-8.", b"<description>\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\x80</description>"),
    odd_item("nul-in-text", "NUL in an entry.", b"<description>before\0after</description>"),
    odd_item("controls-in-text", "Control characters and terminal escapes in an entry.", b"<description>\x01\x02\x07\x08\x0b\x0c\x1b[2J\x7f\xc2\x9b31m</description>"),
    read("controls-in-title", "Terminal escapes in titles.", feed(item(b"", b"\x1b]0;owned\x07 \xc2\x9b2J \xe2\x80\xaeevil"), HEALTHY, head=b"<title>\x1b[31m</title>")),
    odd_item("not-characters", "Characters that XML forbids, and such as break lines.", "<description>\ufffe\uffff \u2028\u2029\u0085\u202e</description>".encode()),
    read("blanks-before", "A blank line before the declaration.", b"\r\n  " + feed(HEALTHY)),
    read("words-before", "A warning of PHP before the feed.", b"<br />\n<b>Warning</b>: Cannot modify header information<br />\n" + feed(HEALTHY)),
    read("words-after", "A page after the feed.", feed(HEALTHY) + b"<html><script>alert(1)</script></html>"),
    read("nul-after", "NUL bytes after the feed.", feed(HEALTHY) + bytes(1_000)),
    read("feed-twice", "The same feed twice in one document.", feed(HEALTHY) * 2),
)
# fmt: on

# --- without measure -----------------------------------------------------------------------------------


def nested(tag: bytes, depth: int) -> bytes:
    """Nest an element `depth` times."""
    return b"<%s>" % tag * depth + b"</%s>" % tag * depth


def escaped(html: bytes) -> bytes:
    """Escape HTML as the description of an RSS item."""
    return b"<description>" + html.replace(b"<", b"&lt;").replace(b">", b"&gt;") + b"</description>"


def many(one: bytes, n: int) -> bytes:
    """Repeat `one` with the numbers below `n`."""
    return b"".join(one % k for k in range(n))


SMALL = b"<item><guid>%d</guid><title>t</title></item>"

# fmt: off
_LARGE = (
    endured("deep-elements", "100,000 elements, each in the other.", lambda: feed(nested(b"a", 100_000), HEALTHY)),
    endured("deep-without-end", "A million elements that never end.", lambda: feed(HEALTHY, b"<a>" * MEGABYTE)),
    endured("deep-items", "50,000 items, each in the other.", lambda: feed(HEALTHY, nested(b"item", 50_000))),
    endured("deep-in-entry", "100,000 elements, each in the other, in an entry.", lambda: feed(item(nested(b"b", 100_000)), HEALTHY)),
    odd_item("deep-html", "40,000 div in each other as the HTML of an entry.", lambda: escaped(nested(b"div", 40_000)), alone=True),
    odd_item("deep-html-unclosed", "A megabyte of div that never end as the HTML of an entry.", lambda: escaped(b"<div>" * 200_000), alone=True),
    odd_item("deep-html-inline", "A megabyte of b and i, crossed, as the HTML of an entry.", lambda: escaped(b"<b><i></b>" * 100_000), alone=True),
    odd_item("deep-html-tables", "100,000 tables without cells as the HTML of an entry.", lambda: escaped(b"<table>" * 100_000), alone=True),
    odd_item("deep-html-xhtml", "5,000 div in each other as XHTML content.", lambda: b'<content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/">' + nested(b"div", 5_000) + b"</content:encoded>", alone=True),
    endured("many-items", "200,000 tiny items after a healthy one.", lambda: feed(HEALTHY, many(SMALL, 200_000))),
    endured("many-items-alike", "100,000 times the same item after a healthy one.", lambda: feed(HEALTHY, b"<item><guid>1</guid><title>t</title></item>" * 100_000)),
    endured("many-long-items", "2,000 items of 4 KB.", lambda: feed(HEALTHY, many(b"<item><guid>%d</guid><title>t</title><description>" + b"word " * 800 + b"</description></item>", 2_000))),
    weighed("many-categories", "50,000 categories in one item.", lambda: many(b"<category>c%d</category>", 50_000)),
    weighed("many-enclosures", "50,000 enclosures in one item.", lambda: many(b'<enclosure url="http://@NAME@.example/%d" length="1" type="a/b"/>', 50_000)),
    weighed("many-authors", "50,000 authors of one item.", lambda: many(b"<author>a%d@a.example</author>", 50_000)),
    weighed("many-links", "50,000 links of one item.", lambda: many(b"<link>http://@NAME@.example/%d</link>", 50_000)),
    weighed("many-descriptions", "50,000 descriptions of one item.", lambda: many(b"<description>d%d</description>", 50_000)),
    weighed("many-references", "A million character references.", lambda: b"<description>" + b"&#65;" * MEGABYTE + b"</description>"),
    weighed("many-impossible-references", "A million impossible character references.", lambda: b"<description>" + b"&#xD800;" * MEGABYTE + b"</description>"),
    endured("many-attributes", "20,000 attributes of one element.", lambda: feed(item(b"<a " + many(b'a%d="" ', 20_000) + b"/>"), HEALTHY)),
    endured("many-namespaces", "100,000 namespaces of one element.", lambda: feed(item(b"<a " + many(b'xmlns:n%d="u" ', 100_000) + b"/>"), HEALTHY)),
    endured("many-namespaces-nested", "20,000 namespaces, one inside the other.", lambda: feed(HEALTHY, many(b'<a xmlns:n%d="u">', 20_000))),
    endured("many-bases", "5,000 xml:base, one inside the other.", lambda: feed(HEALTHY, b'<a xml:base="a/">' * 5_000)),
    odd_item("long-title", "A title of a megabyte.", lambda: b"<title>" + b"word " * 200_000 + b"</title>", alone=True),
    odd_item("long-title-one-word", "A title that is one word of a megabyte.", lambda: b"<title>" + b"w" * MEGABYTE + b"</title>", alone=True),
    odd_item("long-title-accents", "A letter with a million accents.", lambda: b"<title>a" + "\u0301".encode() * MEGABYTE + b"</title>", alone=True),
    odd_item("long-attribute", "An attribute of five megabytes.", lambda: b'<enclosure url="http://@NAME@.example/' + b"x" * 5 * MEGABYTE + b'"/>', alone=True),
    odd_item("long-name", "An author of five megabytes.", lambda: b"<author>" + b"name " * MEGABYTE + b"</author>", alone=True),
    odd_item("long-date", "A date of a megabyte.", lambda: b"<pubDate>" + b"1" * MEGABYTE + b"</pubDate>", alone=True),
    odd_item("long-link", "A link of a megabyte.", lambda: b"<guid>http://@NAME@.example/?" + b"a=%%20&amp;" * 100_000 + b"</guid>", alone=True),
    odd_item("long-element-name", "An element whose name has a megabyte.", lambda: b"<" + b"n" * MEGABYTE + b"/>", alone=True),
    odd_item("long-text", "Two megabytes of words.", lambda: b"<description>" + b"Wort und Wort " * 140_000 + b"</description>", alone=True),
    odd_item("long-text-links", "A megabyte of addresses in a text.", lambda: escaped(b'<a href="http://a.example/?utm_source=x">a</a> ' * 20_000), alone=True),
    odd_item("long-text-comments", "A megabyte of comments that never end in a text.", lambda: escaped(b"<!--" * 250_000), alone=True),
    endured("long-text-brackets", "A megabyte of < in a text.", lambda: escaped(b"<" * MEGABYTE)),
    odd_item("long-text-quotes", "An attribute that never ends in a text.", lambda: escaped(b'<a href="' * 100_000), alone=True),
    endured("unclosed-cdata", "CDATA that never ends.", feed(HEALTHY, b"<item><title><![CDATA[open"), alone=False),
    endured("unclosed-comment", "A comment that never ends.", feed(HEALTHY, b"<!-- open"), alone=False),
    endured("unclosed-instruction", "An instruction that never ends.", feed(HEALTHY, b"<?open "), alone=False),
    endured("unclosed-tag", "A tag that never ends.", feed(HEALTHY, b"<item ").removesuffix(b"</channel></rss>"), alone=False),
    endured("unclosed-doctype", "A DTD that never ends.", feed(HEALTHY, prologue=DECLARED + b"<!DOCTYPE rss ["), alone=False),
    read("unclosed-item", "An item that never ends, after a healthy one.", feed(HEALTHY, b"<item><title>open").removesuffix(b"</channel></rss>")),
    read("feed-in-feed", "A feed within an entry of a feed.", feed(HEALTHY, item(b"<description>" + feed(b"<item><title>inner</title></item>", prologue=b"") + b"</description>"))),
    read("atom-in-rss", "An Atom feed within RSS.", feed(HEALTHY, b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>inner</title></entry></feed>')),
    *(
        endured(f"nine-megabytes-{name}", f"Nine megabytes of {unit.decode()!r}.", lambda unit=unit: unit * (9 * MEGABYTE // len(unit)))  # type: ignore[misc]
        for name, unit in {
            "brackets": b"<", "ampersands": b"&", "references": b"&#", "blanks": b" ", "comments": b"<!--", "instructions": b"<?",
            "cdata": b"<![CDATA[", "doctypes": b"<!DOCTYPE\n", "attributes": b"<a b=", "quotes": b"<a b='", "ends": b"</a>",
            "tags": b"<a>", "marks": codecs.BOM_UTF8, "letters": b"x", "nul": b"\0", "entities": b"<!entity ", "items": b"<item>",
            "prefixes": b"<a:item>", "declarations": b"<?xml version='1.0'?>", "digits": b"&#1;",
        }.items()
    ),
    *(
        endured(f"feed-with-{name}", f"A feed, and in it eight megabytes of {unit.decode()!r}.", lambda unit=unit: feed(HEALTHY, unit * (8 * MEGABYTE // len(unit))))  # type: ignore[misc]
        for name, unit in {
            "brackets": b"<", "ampersands": b"& ", "comments": b"<!--", "cdata": b"<![CDATA[", "cdata-ends": b"]]>", "blanks": b" \n",
            "ends": b"</a>", "titles": b"<title>", "descriptions": b"<description>", "entities": b"&amp;", "declarations": b"<!x ",
        }.items()
    ),
    endured("doctypes-in-lines", "A hundred thousand lines that each begin a DTD.", lambda: b"\n<!DOCTYPE x" * 100_000 + feed(HEALTHY, prologue=b"")),
    endured("broken-and-large", "A feed of nine megabytes with one mistake, which the loose parser must read.", lambda: feed(HEALTHY, b"<oops>", many(b"<item><guid>%d</guid><title>t &amp; t</title><description>&lt;p&gt;text&lt;/p&gt;</description></item>", 85_000))),
)
# fmt: on

# --- JSON ----------------------------------------------------------------------------------------------

GOOD = b'{"id": "healthy-@NAME@", "url": "https://@NAME@.example/healthy", "title": "The healthy entry of @NAME@", "content_text": "x"}'


def json_feed(*items: bytes, members: bytes = b"") -> bytes:
    """Make a JSON feed of raw items."""
    return (
        b'{"version": "https://jsonfeed.org/version/1.1", "title": "J", '
        + members
        + b'"items": ['
        + b", ".join(items)
        + b"]}"
    )


# fmt: off
_JSON = (
    refused("json-no-feed", "JSON that is no feed.", b'{"error": "no such feed"}', "no list of items"),
    refused("json-items-object", "Items that are no list.", b'{"items": {"0": ' + GOOD + b"}}", "no list of items"),
    refused("json-array", "A list instead of a feed.", b"[" + GOOD + b"]", "not a feed"),
    refused("json-cut", "JSON that breaks off.", json_feed(GOOD)[:-20], "not JSON"),
    refused("json-comma", "JSON with a comma too many.", json_feed(GOOD, b""), "not JSON"),
    refused("json-not-utf-8", "JSON in no encoding.", json_feed(GOOD, b'"\xff\xfe"'), "not JSON"),
    refused("json-deep-lists", "100,000 lists, each in the other.", b'{"items": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON", alone=True),
    refused("json-deep-objects", "100,000 objects, each in the other.", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not JSON", alone=True),
    refused("json-deep-open", "A million lists that never end.", b'{"items": ' + b"[" * MEGABYTE, "not JSON", alone=True),
    read("json-long-number", "A number of 5,000 digits.", json_feed(b'{"id": ' + b"9" * 5_000 + b"}", GOOD)),
    read("json-numbers", "Numbers that are none, or too large, where names belong.", json_feed(b'{"id": NaN, "title": "n"}', b'{"id": 1e999, "title": "i"}', b'{"id": -Infinity, "title": "m"}', b'{"id": ' + b"9" * 4_000 + b', "title": "d"}', GOOD)),
    read("json-twice", "Keys that are there twice.", json_feed(GOOD, b'{"id": "1", "id": "2", "title": "a", "title": "b"}', members=b'"title": "again", ')),
    read("json-surrogates", "Halves of surrogate pairs everywhere.", json_feed(b'{"id": "\\ud800", "url": "https://x.example/\\udfff", "title": "t \\ud83d", "content_html": "<p>\\udc00</p>", "tags": ["\\ud800"]}', GOOD, members=b'"language": "\\ud800", "home_page_url": "https://x.example/\\ud800", ')),
    read("json-controls", "Control characters in names.", json_feed(b'{"id": "\\u0000\\u001b[2J", "title": "\\u009b31m\\u0007", "url": "https://x.example/\\r\\nX: y"}', GOOD)),
    read("json-not-objects", "Items that are no objects.", json_feed(b"1", b"null", b'"text"', b"[]", b"true", b"{}", GOOD)),
    read("json-wrong-types", "Members of every wrong type.", json_feed(b'{"id": [1], "url": {"a": 1}, "title": 7, "content_html": ["x"], "summary": {}, "date_published": 1, "authors": "me", "author": 3, "tags": {"a": 1}, "attachments": [1, {"url": 2, "size_in_bytes": "many"}], "language": 1}', GOOD, members=b'"language": 1, "feed_url": [], "home_page_url": {}, "authors": 1, ')),
    read("json-javascript", "Links that are programs.", json_feed(b'{"id": "j", "url": "javascript:alert(1)", "external_url": "data:text/html,x", "title": "j", "content_html": "<a href=javascript:alert(1)>x</a>"}', GOOD)),
    read("json-beckons", "Addresses to look at; nobody asks there.", json_feed(GOOD, members=b'"next_url": "@CANARY@/next", "hubs": [{"type": "WebSub", "url": "@CANARY@/hub"}], "icon": "@CANARY@/i.png", ')),
    read("json-many-items", "200,000 items.", lambda: json_feed(GOOD, *(b'{"id":"%d","date_published":"2020-01-01"}' % n for n in range(200_000))), alone=True),
    read("json-large-strings", "Eight megabytes of escapes in one string.", lambda: json_feed(b'{"id": "l", "title": "l", "content_html": "' + b"\\u0000" * 1_300_000 + b'"}', GOOD), alone=True),
    read("json-deep-html", "200,000 div as the HTML of an item.", lambda: json_feed(b'{"id": "l", "title": "l", "content_html": "' + b"<div>" * 200_000 + b'"}', GOOD), alone=True),
    endured("json-many-members", "500,000 members.", lambda: json_feed(GOOD, members=many(b'"m%d": 1, ', 500_000))),
    endured("json-many-empty-lists", "Four million empty lists, which need much more memory than bytes.", lambda: b'{"items": [' + b"[]," * 3_300_000 + b"[]]}"),
    endured("json-many-empty-objects", "Three million empty objects, which need much more memory than bytes.", lambda: b'{"items": [' + b"{}," * 3_300_000 + b"{}]}"),
)
# fmt: on

# --- pages ---------------------------------------------------------------------------------------------

ARTICLE = b'<article><a href="/healthy">The healthy entry of @NAME@</a></article>'
SELECTORS = "kind: page, page: {item: article, link: a}"


def page(
    name: str, says: str, body: Body, outcome: str = "changed", words: str = "", *, alone: bool = False
) -> Case:
    """Define a page that is parsed with selectors."""
    return Case(
        name=f"page-{name}",
        says=says,
        talk=answer(body, b"Content-Type: text/html"),
        outcome=outcome,
        words=words,
        survives=outcome == "changed",
        options=SELECTORS,
        asked=lambda asked: all(a.path in ("/feed", "/robots.txt") for a in asked),
        alone=alone,
    )


# fmt: off
_PAGES = (
    page("empty", "An empty page.", b"", "failed", ANY_REFUSAL),
    page("without-match", "A page with a new layout.", b"<html><body><p>New</p></body></html>", "failed", "layout"),
    page("feed-instead", "A feed instead of a page.", feed(HEALTHY), "failed", "layout"),
    page("binary", "A picture instead of a page.", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "failed", ANY_REFUSAL),
    page("entities", "A DTD with entities in a page; nobody asks there.", b'<!DOCTYPE html [<!ENTITY e SYSTEM "@CANARY@/x">]><html><body>&e;' + ARTICLE),
    page("base-file", "A base that is a file.", b'<html><head><base href="file:///etc/"></head><body>' + ARTICLE),
    page("base-elsewhere", "A base at an address; nobody asks there.", b'<html><head><base href="@CANARY@/"><meta http-equiv=refresh content="0;url=@CANARY@/"></head><body>' + ARTICLE),
    page("controls", "NUL and control characters in a page.", b"<html>\0<body>\x1b[2J\x07" + ARTICLE + b"\0"),
    page("charset-path", "A page whose charset is a path.", b'<meta charset="../../etc/passwd">' + ARTICLE),
    page("charset-idna", "A page whose charset is a codec for names.", b"<meta charset=idna>" + ARTICLE),
    page("charset-utf-7", "A page in UTF-7, as it says; no browser reads that.", b"<meta charset=utf-7>+ADw-script+AD4-" + ARTICLE),
    page("utf-16-untrue", "A page that says it is UTF-16.", b"<meta charset=utf-16>" + ARTICLE),
    page("javascript", "Links that are programs.", b'<article><a href="javascript:alert(1)">x</a></article><article><a href="data:text/html,x">y</a></article>' + ARTICLE),
    page("deep", "100,000 div, each in the other, after the article.", lambda: ARTICLE + b"<div>" * 100_000, alone=True),
    page("deep-article", "100,000 b, each in the other, within an article.", lambda: ARTICLE + b"<article><a href=/x>" + b"<b>" * 100_000 + b"x", "either", alone=True),
    page("many-links", "200,000 links in one article.", lambda: ARTICLE + b"<article>" + many(b"<a href=/%d>l</a>", 200_000), alone=True),
    page("many-articles", "200,000 articles.", lambda: ARTICLE + many(b"<article><a href=/%d>l</a></article>", 200_000), "either", alone=True),
    page("nested-articles", "200 articles in each other around 200,000 links, all of which each of them selects.", lambda: b"<article>" * 200 + many(b"<a href=/%d>l</a>", 200_000), "either", alone=True),
    page("attributes", "5,000 attributes of one element.", lambda: ARTICLE + b"<p " + many(b"a%d ", 5_000) + b">", alone=True),
    page("many-attributes", "20,000 attributes of one element, which may take longer than the limit.", lambda: ARTICLE + b"<p " + many(b"a%d ", 20_000) + b">", "either", alone=True),
    page("long-title", "A link with a text of eight megabytes.", lambda: ARTICLE + b"<article><a href=/x>" + b"word " * 1_600_000 + b"</a></article>", alone=True),
    page("brackets", "Nine megabytes of <.", lambda: ARTICLE + b"<" * 9 * MEGABYTE, "either", alone=True),
    page("comments", "Nine megabytes of comments that never end.", lambda: ARTICLE + b"<!--" * (9 * MEGABYTE // 4), "either", alone=True),
    page("tables", "A million tables without cells.", lambda: ARTICLE + b"<table>" * MEGABYTE, "either", alone=True),
    page("formatting", "A million crossed tags.", lambda: ARTICLE + b"<b><i></b></i>" * (MEGABYTE // 2), "either", alone=True),
)
# fmt: on

DOCUMENTS = (*_NO_FEEDS, *_ENTITIES, *_ENCODINGS, *_LARGE, *_JSON, *_PAGES)
