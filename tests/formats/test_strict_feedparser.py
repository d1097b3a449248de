"""The strict parser of feedparser, run directly: the same results as `feedparser.parse`."""

from __future__ import annotations

import io
import random
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import feedparser
import pytest

from aggregator.formats import feed_repair, strict_feedparser

FEEDS = sorted((Path(__file__).parents[1] / "data" / "feeds").rglob("*.xml"))
HEADERS = {"content-location": "https://node.example/news/feed.xml"}
RSS = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>{}</channel></rss>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/a/b"><id>x</id>{}</feed>'


def by_feedparser(body: bytes, headers: dict[str, str]) -> Any:
    """Parse a document by feedparser alone."""
    return feedparser.parse(
        io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )


def without_parsed_dates(value: Any) -> Any:
    """Return a value of feedparser as plain dicts and lists, without dates that it parsed."""
    if isinstance(value, dict):
        return {
            key: without_parsed_dates(each)
            for key, each in value.items()
            if not (isinstance(key, str) and key.endswith("_parsed"))
        }
    return [without_parsed_dates(each) for each in value] if isinstance(value, list) else value


def assert_equal(body: bytes, headers: dict[str, str] = HEADERS) -> None:
    """Check that a document is parsed as by feedparser, or rejected as not well-formed."""
    ours = strict_feedparser.parse(body, headers)
    if ours is None:
        with suppress(UnicodeEncodeError):  # the loose parser raises it for halves of surrogate pairs
            assert by_feedparser(body, headers).bozo or not body
        return
    theirs = by_feedparser(body, headers)
    assert ours.version == theirs.version
    assert bool(ours.bozo) == bool(theirs.bozo)
    for part in ("feed", "entries"):
        assert without_parsed_dates(ours[part]) == without_parsed_dates(theirs[part])


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.name)
def test_recorded_feeds_are_parsed_as_by_feedparser(path: Path) -> None:
    """Each recorded feed has the same entries, whatever type the server states."""
    body = feed_repair.decode_wide(path.read_bytes()) or path.read_bytes()
    for kind in ("application/rss+xml", "text/xml; charset=utf-8", None):
        assert_equal(body, HEADERS | ({"content-type": kind} if kind else {}))


@pytest.mark.parametrize(
    "document",
    [
        RSS.format(
            "<item><title>A &lt;b&gt;b&lt;/b&gt;</title><dc:creator>Ada (a@b.example)</dc:creator></item>"
        ),
        RSS.format("<item><guid isPermaLink='false'>/1</guid><link>/2?a=1&amp;b;=2</link></item>"),
        RSS.format(
            "<item><guid>/1</guid><description>one</description><description>two</description></item>"
        ),
        RSS.format("<item xml:base='x/'><link>y</link></item><item><link>y</link></item>"),
        RSS.format("<item><title>caf\u00c3\u00a9</title></item><item><title>\x96 \u0394</title></item>"),
        RSS.format(
            "<item><category domain='d'>a</category><category>b</category><pubDate>x</pubDate></item>"
        ),
        RSS.format("<item><x:a xmlns:x='urn:x' x:b='1'>c</x:a><x:a xmlns:x='urn:y'>d</x:a></item>"),
        RSS.format(
            "<image><title>i</title><url>/i.png</url></image><item><title/><enclosure url='/e'/></item>"
        ),
        RSS.format("<title>a<title>b</title></title><item><title>c</title></item>"),
        ATOM.format(
            "<entry><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>a<b>b</b></div></content></entry>"
        ),
        ATOM.format("<entry><content type='application/octet-stream'>YQ==</content></entry>"),
        ATOM.format(
            "<entry><content src='/c' type='text/html'/><summary>s</summary><updated>2026</updated></entry>"
        ),
        ATOM.format(
            "<entry><link rel='enclosure' href='e'/><link href='l'/><author><name>N</name></author></entry>"
        ),
        ATOM.format(
            "<entry><source><title>t</title><id>i</id></source><title type='html'>&lt;i&gt;</title></entry>"
        ),
        ATOM.format(
            "<entry><content type='html'><svg xmlns='http://www.w3.org/2000/svg'><title>t</title></svg></content></entry>"
        ),
        "<rss xmlns='http://backend.userland.com/RSS2'><channel><item><title>t</title></item></channel></rss>",
        "<feed xmlns='a b c'><entry/></feed>",
        "<rss><channel><item><title>not closed</item></channel></rss>",
        "",
    ],
)
def test_rare_forms_are_parsed_as_by_feedparser(document: str) -> None:
    """Rare forms of RSS and Atom have the same entries, or make both raise the same error."""
    body = document.encode()
    try:
        by_feedparser(body, HEADERS)
    except ValueError as error:
        with pytest.raises(type(error)):
            strict_feedparser.parse(body, HEADERS)
    else:
        assert_equal(body)


def test_a_long_text_of_lines_and_entities_stays_whole() -> None:
    """A text larger than the buffer of expat is one value, with its line breaks."""
    text = "line &amp;amp; line\n" * 3_000
    (entry,) = strict_feedparser.parse(
        RSS.format(f"<item><description>{text}</description></item>").encode(), HEADERS
    ).entries
    assert entry.summary == ("line &amp; line\n" * 3_000).strip()


# --- random documents ----------------------------------------------------------------------------------

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "media": "http://search.yahoo.com/mrss/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "atom": "http://www.w3.org/2005/Atom",
    "georss": "http://www.georss.org/georss",
    "gml": "http://www.opengis.net/gml",
    "cc": "http://web.resource.org/cc/",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "svg": "http://www.w3.org/2000/svg",
    "x": "urn:X",
    "DC": "http://purl.org/DC/elements/1.1/",
    "ul": "http://backend.userland.com/rss2",
}
HANDLED = sorted(
    {m[1] for m in map(re.compile("_start_(.+)").match, dir(feedparser.api.StrictFeedParser)) if m}
)
"""Elements that feedparser has methods for; an underscore follows their prefix."""
COMMON = (
    "title",
    "link",
    "description",
    "content",
    "summary",
    "id",
    "guid",
    "author",
    "source",
    "div",
    "svg",
    "Title",
)
ATTRIBUTES = (
    *(
        f'type="{kind}"'
        for kind in ("html", "xhtml", "text", "text/plain", "application/xhtml+xml", "image/png")
    ),
    *('mode="base64"', 'mode="xml"', 'xml:base="/b/c"', 'xml:base="http://[z"', 'xml:base="javascript:a"'),
    *('xml:lang="de_AT"', 'xml:lang=""', 'href="e"', 'url="u"', 'rel="self"', 'rel="enclosure"', 'src="s"'),
    *('isPermaLink="false"', 'domain="d"', 'term="t"', 'label="l"', 'x:y="1"', 'A="1"', 'a="2"', 'dc:t="z"'),
    *(
        'xmlns=""',
        'xmlns="urn:d"',
        'xmlns:x="urn:Z"',
        'xmlns:dc="urn:other"',
        'xmlns="http://www.w3.org/1999/xhtml"',
    ),
)
TEXTS = (
    *("", " b ", "\n\n x \n", "caf\u00c3\u00a9", "&#150;", "&#xe9;", "\u0394&#x85;", "\u00a0x\u2028", "&e;"),
    *(
        "&lt;b&gt;x&lt;/b&gt;",
        "&amp;lt;i&amp;gt;",
        "<![CDATA[<p>x</p>]]>",
        "<![CDATA[<b>\n]]>&#10;",
        "YQ==\nYg==",
        "YQ=",
    ),
    *(
        "/rel?a=1&amp;b;=2",
        "http://[bad",
        "http://o.example/x",
        "a@b.example (Ada)",
        "2026-01-02T03:04:05Z",
        "a,b , c",
    ),
    *(
        "<?pi x?>",
        "<!-- c -->",
        '<div xmlns="http://www.w3.org/1999/xhtml">\n a &lt; b\n</div>',
        "line\n" * 2_000,
    ),
)


def random_document(chance: random.Random) -> bytes:
    """Return a random document of RSS, RDF or Atom; some are cut or name an undeclared entity."""

    def element(depth: int) -> str:
        name = chance.choice((*HANDLED, *COMMON))
        prefix, _, local = name.partition("_")
        if prefix in NAMESPACES and local:
            name = f"{prefix}:{local}"
        elif chance.random() < 0.15:
            name = f"{chance.choice([*NAMESPACES])}:{name}"
        some = {
            each.partition("=")[0]: each for each in chance.choices(ATTRIBUTES, k=chance.choice((0, 0, 1, 3)))
        }
        inside = "".join(
            element(depth - 1) if depth and chance.random() < 0.4 else chance.choice(TEXTS)
            for _ in range(chance.randint(0, 3))
        )
        return f"<{' '.join([name, *some.values()])}>{inside}</{name}>"

    def several(depth: int) -> str:
        return "".join(element(chance.randint(0, depth)) for _ in range(chance.randint(0, 5)))

    def entries(name: str) -> str:
        return "".join(f"<{name}>{several(3)}</{name}>" for _ in range(chance.randint(0, 3)))

    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    text = chance.choice(
        (
            f'<rss version="2.0"{declared}><channel>{several(2)}{entries("item")}</channel></rss>',
            f'<feed xmlns="http://www.w3.org/2005/Atom"{declared}>{several(2)}{entries("entry")}</feed>',
            f'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"{declared}>'
            f"<channel>{several(2)}</channel>{entries('item')}</r:RDF>",
        )
    )
    if chance.random() < 0.1:
        text = text[: chance.randrange(len(text))] + text[chance.randrange(len(text)) :]
    head = chance.choice(("", '<?xml version="1.0" encoding="iso-8859-1"?>', '<?xml version="1.0"?>\n'))
    entity = '<!DOCTYPE rss [\n<!ENTITY e "entity">\n]>' if chance.random() < 0.8 else ""
    return (head + entity + text).encode("latin-1" if "iso" in head else "utf-8", "xmlcharrefreplace")


def compare_random(seed: int, count: int) -> int:
    """Compare random documents; return the number of those that feedparser can parse."""
    chance, compared = random.Random(seed), 0
    for _ in range(count):
        body = random_document(chance)
        try:
            by_feedparser(body, HEADERS)
        except (LookupError, ValueError, TypeError, AttributeError):
            continue  # feedparser fails, for example, in a text input without its parent
        assert_equal(body)
        compared += 1
    return compared


def test_random_documents_are_parsed_as_by_feedparser() -> None:
    """Random elements, prefixes, types and bases give the entries that feedparser gives."""
    assert compare_random(seed=20, count=250) > 150


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_many_random_documents_are_parsed_as_by_feedparser(seed: int) -> None:
    """The same holds for many random documents."""
    assert compare_random(seed, count=2_000) > 1_000
