"""RSS, Atom and RDF: limits, headers, hostile bytes, faults of feedparser."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aggregator import urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import entry_splitter, feed, feed_repair
from aggregator.items import normalise
from aggregator.model.documents import ParsedDocument
from aggregator.model.items import IdentityPolicy
from tests.builders import NOW, rss, source
from tests.items.test_sanitize import VECTORS, assert_harmless
from tests.strategies import fuzz, law

URL = "https://node.example/feed/"
CORPUS = Path(__file__).parents[1] / "data" / "feeds"


def read(body: bytes, **headers: str) -> ParsedDocument:
    """Parse a document; underscores in names of headers are dashes."""
    return feed.read(body, URL, {name.replace("_", "-"): value for name, value in headers.items()}, source())


def test_entries_come_in_the_order_of_the_document() -> None:
    """Positions count from the top of the document (T4)."""
    reading = read(rss(*({"title": f"T{n}", "link": f"https://node.example/{n}"} for n in range(5))))
    assert [(entry.position, entry.title) for entry in reading.entries] == [(n, f"T{n}") for n in range(5)]


def test_updated_is_not_made_up() -> None:
    """`updated` is only an element that exists; feedparser would return `published`."""
    (entry,) = read(rss({"title": "T", "pubDate": "Mon, 28 Sep 2026 10:15:00 GMT"})).entries
    assert (entry.published, entry.updated) == ("Mon, 28 Sep 2026 10:15:00 GMT", None)


def test_dates_are_returned_as_written() -> None:
    """Dates are kept as written: feedparser takes CET for UTC and cannot parse German."""
    written = ["Mo, 28 Sep 2026 10:15:00 CEST", "28. September 2026", "1790583300"]
    assert [e.published for e in read(rss(*({"pubDate": date} for date in written))).entries] == written


@pytest.mark.parametrize("body", [b"/etc/passwd", b"http://127.0.0.1:9/feed", b"file:///etc/passwd", b"<"])
def test_a_body_is_never_a_place(body: bytes) -> None:
    """A body is never opened as a file, as `feedparser.parse(b"/etc/passwd")` would."""
    with pytest.raises(UnreadableDocument, match="not a feed"):
        read(body)


@pytest.mark.parametrize(
    ("declaration", "content_type"),
    [
        (b'<?xml version="1.0" encoding="utf-8"?>', "text/xml"),
        (b"<?xml version='1.0'?>", "application/rss+xml; charset=UTF8"),
        (b"\xef\xbb\xbf", "application/xml"),
        (b"", "text/xml"),
    ],
)
@pytest.mark.parametrize(
    "pasted", [b"\x93quoted\x94 \x96 caf\xe9", b"50 \x80", b"a\xed\xa0\x80b", b"cut \xe2\x82"]
)
def test_a_pasted_byte_changes_no_other_text(declaration: bytes, content_type: str, pasted: bytes) -> None:
    """A byte that is not UTF-8 is read as Windows-1252, all other text as UTF-8."""
    _, _, body = rss({"title": "Grüße aus Łódź", "description": "PASTED", "guid": "g"}).partition(b"?>")
    reading = read(declaration + body.strip().replace(b"PASTED", pasted), content_type=content_type)
    (entry,) = reading.entries
    assert (entry.title, entry.guid) == ("Grüße aus Łódź", "g")
    assert reading.notes == ("malformed but read: bytes that are not UTF-8",)


def test_an_error_of_rss_bridge_is_no_news() -> None:
    """A feed with nothing but errors of RSS-Bridge is a failure; beside others they stay."""
    error = {"title": "Bridge returned error 500! (20789)", "guid": "e"}
    with pytest.raises(UnreadableDocument, match="RSS-Bridge reports an error: Bridge returned error 500!"):
        read(rss(error))
    assert len(read(rss(error, {"title": "News", "guid": "n"})).entries) == 2


def test_a_syntax_error_is_named_with_its_line() -> None:
    """A note about a malformed feed has the line of the error, and no name of the parser."""
    reading = read(rss({"title": "A & B", "guid": "g"}).replace(b"&amp;", b"&"))
    (note,) = reading.notes
    assert re.fullmatch(r"malformed but read: line [0-9]+: not well-formed \(invalid token\)", note)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("stated", ["UTF-8", "iso-8859-1", "unknown"])
def test_a_wide_document_without_a_byte_order_mark_is_read(encoding: str, stated: str) -> None:
    """Its first character shows its encoding, whatever it states (XML 1.0, appendix F)."""
    body = rss({"title": "Müller"}).decode().replace("utf-8", stated)
    reading = read(body.encode(encoding), content_type="text/xml; charset=iso-8859-1")
    assert (reading.entries[0].title, reading.notes) == ("Müller", ())


def test_a_stated_encoding_is_not_replaced() -> None:
    """A document that states another encoding than UTF-8 is read in it."""
    body = rss({"title": "Łódź"}).decode().replace("utf-8", "iso-8859-2").replace("UTF-8", "iso-8859-2")
    assert [entry.title for entry in read(body.encode("iso-8859-2")).entries] == ["Łódź"]


def test_a_title_after_a_nested_one_is_text() -> None:
    """A title of which feedparser keeps no type is text, whatever another entry contains."""
    body = rss({"title": "One", "pubDate": "Mon"}, {"title": "Two"})
    nested = body.replace(b"Mon</pubDate>", b"Mon<title><title>N</title></title></pubDate>")
    assert nested != body
    for document in (body, nested):
        assert read(document).entries[1].title_is_html is False


GUID = "<item><title>T</title>{}<guid{}>{}</guid></item>"


@pytest.mark.parametrize(
    ("guid", "attribute", "link"),
    [
        ("https://node.example/1", "", "https://node.example/1"),
        ("https://node.example/1", ' isPermaLink="TRUE"', "https://node.example/1"),
        ("https://node.example/1", ' isPermaLink=" true "', "https://node.example/1"),
        ("https://node.example/1", ' isPermaLink="False"', None),
        ("17", "", None),
        ("node 17", ' isPermaLink="true"', None),
        ("/17", "", None),
        ("urn:uuid:1", "", None),
    ],
)
@pytest.mark.parametrize("malformed", ["", "<b>"])
def test_only_an_address_is_a_permalink(guid: str, attribute: str, link: str | None, malformed: str) -> None:
    """A guid is kept as written, and is the link only if it is an absolute URL."""
    feed_of = rss({"title": "T"}).replace(b"<item>", b"<item>" + malformed.encode())
    begin, end = feed_of.index(b"<item>"), feed_of.index(b"</item>")
    body = feed_of[:begin] + GUID.format(malformed, attribute, guid)[:-7].encode() + feed_of[end:]
    (entry,) = read(body).entries
    assert (entry.guid, entry.link) == (guid, link)


@pytest.mark.parametrize("link", ["<link/>", "<link></link>", "<link> </link>"])
@pytest.mark.parametrize("guid_first", [False, True])
def test_an_empty_link_hides_no_permalink(link: str, guid_first: bool) -> None:
    """The guid of an item with an empty link is its link."""
    parts = [link, "<guid>https://node.example/1</guid>"]
    inside = "".join(reversed(parts) if guid_first else parts)
    (entry,) = read(rss({"title": "T"}).replace(b"<item>", b"<item>" + inside.encode())).entries
    assert entry.link == "https://node.example/1"


LINK = "<link>https://node.example/1</link>"
LINKS_OF_AN_ITEM = {
    "the first": (LINK + "<link>https://node.example/2</link>", "1"),
    "before an empty one": (LINK + "<link/>", "1"),
    "before one of Atom": (LINK + '<a:link href="https://node.example/2"/>', "1"),
    "behind one of Atom": ('<a:link href="https://node.example/2"/>' + LINK, "1"),
    "behind one that is none": ("<link>javascript:go()</link>" + LINK, "1"),
    "before one that is none": (LINK + "<link>mailto:desk@node.example</link>", "1"),
    "behind the feed's own": ("<link>#</link>" + LINK, "1"),
    "the guid for one that is none": ("<link>about:blank</link><guid>https://node.example/3</guid>", "3"),
    "the guid before one that is none": ("<guid>https://node.example/3</guid><link>http://</link>", "3"),
    "no guid that is no permalink": (
        '<link>javascript:go()</link><guid isPermaLink="false">https://node.example/3</guid>',
        None,
    ),
}


@pytest.mark.parametrize(("inside", "page"), LINKS_OF_AN_ITEM.values(), ids=list(LINKS_OF_AN_ITEM))
@pytest.mark.parametrize("malformed", ["", "<b>"])
def test_the_first_usable_link_of_an_item_counts(inside: str, page: str | None, malformed: str) -> None:
    """The link of an item is the first web address, as for items that are not parsed again."""
    body = rss({"title": "T"}).replace(b"<rss ", b'<rss xmlns:a="http://www.w3.org/2005/Atom" ')
    body = body.replace(b"<item>", f"<item>{malformed}{inside}".encode())
    (entry,) = read(body).entries
    assert entry.link == (page and f"https://node.example/{page}")
    for known in entry_splitter.split_entries(body):
        assert entry.link in (known.link, known.guid)


@pytest.mark.parametrize("name", ["prism:publicationDate", "dc:issued", "dcterms:available", "dc:modified"])
def test_other_dates_count_where_there_is_no_usual_one(name: str) -> None:
    """Dates of PRISM and Dublin Core that feedparser does not know are used last."""
    names = (
        b'<rss xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
        b' xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" '
    )
    body = rss(
        {"title": "1", name: "2026-09-28"}, {"title": "2", name: "2026-09-28", "dc:date": "2026-10-01"}
    )
    first, second = read(body.replace(b"<rss ", names)).entries
    assert (first.published, first.updated) == ("2026-09-28", None)
    assert (second.published, second.updated) == (None, "2026-10-01")


@pytest.mark.parametrize(
    ("inside", "link"),
    [
        ('<id>17</id><content src="/17.pdf" type="application/pdf"/>', "https://node.example/17.pdf"),
        (
            '<id>17</id><link href="/17"/><content src="/17.pdf" type="application/pdf"/>',
            "https://node.example/17",
        ),
        (
            '<id>17</id><link hreflang="en" href="/en"/><link hreflang="de" href="/de"/>',
            "https://node.example/en",
        ),
        (
            '<id>17</id><link type="application/json" href="/j"/><link type="text/html; charset=utf-8" href="/17"/>',
            "https://node.example/17",
        ),
        (
            '<id>https://node.example/17</id><link type="application/pdf" href="/17.pdf"/>',
            "https://node.example/17.pdf",
        ),
        ('<id>https://node.example/17</id><link href="javascript:go()"/>', "https://node.example/17"),
        ("<id>17</id>", None),
        ("<id>https://node.example/17</id>", "https://node.example/17"),
        ("<id>tag:node.example,2026:17</id>", None),
    ],
)
def test_an_atom_entry_has_the_link_that_it_states(inside: str, link: str | None) -> None:
    """An entry without alternate link has that of its content, else an id that is a URL."""
    body = (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><entry><title>T</title>{inside}</entry></feed>'
    )
    reading = read(body.encode())
    assert (reading.site_link, reading.entries[0].link) == (None, link)
    (known,) = entry_splitter.split_entries(body.encode())
    assert known.link is None or urls.join("https://node.example/", known.link) == link


def test_a_charset_in_the_header_is_believed() -> None:
    """The charset of the HTTP header precedes the declaration in the document (RFC 7303)."""
    body = rss({"title": "Größe"}).decode().encode("latin-1")
    (entry,) = read(body, content_type="application/rss+xml; charset=iso-8859-1").entries
    assert entry.title == "Größe"


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "application/octet-stream", "nonsense", ""])
def test_a_wrong_media_type_is_no_loss(kind: str) -> None:
    """A feed with another content type is parsed without a note."""
    reading = read(rss({"title": "Größe", "link": "https://node.example/1"}), content_type=kind)
    assert [entry.title for entry in reading.entries] == ["Größe"]
    assert reading.notes == ()


def test_too_many_entries_are_reported() -> None:
    """Of more than 2,000 entries the first 2,000 are taken, with a note."""
    body = rss(*({"title": str(n)} for n in range(feed.MAX_ENTRIES + 1)))
    reading = read(body)
    assert len(reading.entries) == feed.MAX_ENTRIES
    assert any("2001 entries" in note for note in reading.notes)


def test_a_json_feed_under_a_feed_url_is_recognised() -> None:
    """A source of kind feed may be a JSON Feed, whatever its content type."""
    body = (
        b'\xef\xbb\xbf {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "T"}]}'
    )
    assert [entry.guid for entry in read(body, content_type="application/rss+xml").entries] == ["1"]


def test_a_short_bomb_is_refused() -> None:
    """A DTD of one line is refused: feedparser expands 595 bytes to 2 MB."""
    entities = "".join(
        f'<!ENTITY {b} "&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};">'
        for a, b in zip("abcde", "bcdef", strict=True)
    )
    bomb = f'<!DOCTYPE r [<!ENTITY a "ha">{entities}]><rss version="2.0"><channel><title>&f;</title></channel></rss>'
    for body in (bomb, '<?xml version="1.0"?>' + bomb, bomb.replace("ENTITY", "entity")):
        with pytest.raises(UnreadableDocument, match="XML bombs"):
            read(body.encode())


@pytest.mark.parametrize("aside", ["<!--{}-->", "<?made {}?>", "{}", "<!-- <rss> {} -->"])
def test_no_distance_hides_a_bomb(aside: str) -> None:
    """Entities are found after any number of bytes before the DTD."""
    bomb = '<!DOCTYPE r [<!ENTITY a "ha ha ">]><rss version="2.0"><channel><title>&a;</title></channel></rss>'
    with pytest.raises(UnreadableDocument):
        read(aside.format(" " * 300_000).encode() + bomb.encode())


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_runs_that_came_through_a_feed(vector: str) -> None:
    """A hostile string in any field of an RSS item is harmless in its item (PB5)."""
    fields = dict.fromkeys(("title", "description", "link", "category", "guid"), vector)
    (item,) = normalise.items_of(read(rss(fields)), source(), IdentityPolicy(), (), NOW)[0]
    assert_harmless(item.html)
    assert item.link is None or re.fullmatch(r'https://[a-z.]+/[^<>"\s]*', item.link)


# --- hostile bytes -------------------------------------------------------------------------------------

_documents = st.sampled_from(sorted(p for p in CORPUS.iterdir() if p.suffix == ".xml"))
_pieces = st.sampled_from(
    [
        b"<",
        b">",
        b"&",
        b"]]>",
        b"<![CDATA[",
        b"\xff",
        b"\0",
        b"&#0;",
        b"&#xD800;",
        b"&#99999999999;",
        b"</item>",
        b"<item>",
        b"<link>http://[/</link>",
        b'<enclosure url="//["/>',
        b"<guid>http://[</guid>",
        b'<a xml:base="http://[">',
        b"<image><width>x",
        b"<pubDate>99999999999999</pubDate>",
        b"<pubDate>-1</pubDate>",
        b"<author>a@b (c</author>",
        b"<content type='xhtml'>",
    ]
)
_injuries = st.lists(st.tuples(st.integers(0, 3_000), _pieces), min_size=1, max_size=4)


def injured(path: Path, injuries: list[tuple[int, bytes]], end: int | None) -> bytes:
    """Insert strings into a document of the corpus, and perhaps cut it off."""
    body = path.read_bytes()
    for place, piece in injuries:
        body = body[: place % len(body or b" ")] + piece + body[place % len(body or b" ") :]
    return body[:end]


def assert_read_or_refused(body: bytes) -> None:
    """Parse a document and make its items, or get UnreadableDocument."""
    try:
        reading = read(body)
    except UnreadableDocument:
        return
    made: Any = normalise.items_of(reading, source(), IdentityPolicy(), (), NOW)[0]
    assert len({item.id for item in made}) == len(made)


@given(_documents, _injuries, st.one_of(st.none(), st.integers(200, 2_000)))
@settings(law, phases=[Phase.generate])  # shrinking whole documents takes longer than reading them
def test_an_injured_document_is_read_or_refused(
    path: Path, injuries: list[tuple[int, bytes]], end: int | None
) -> None:
    """A parser raises only UnreadableDocument; one bad reference or URL fails no document."""
    assert_read_or_refused(injured(path, injuries, end))


@pytest.mark.soak
@given(_documents, _injuries, st.one_of(st.none(), st.integers(200, 2_000)))
@fuzz
def test_very_many_injured_documents_are_read_or_refused(
    path: Path, injuries: list[tuple[int, bytes]], end: int | None
) -> None:
    """The same property holds in a soak test."""
    assert_read_or_refused(injured(path, injuries, end))


@pytest.mark.parametrize(
    "piece",
    [
        b"<description>&#xD83D;&#xDE00; &amp; &bogus;</description>",
        b"<description>&#99999999999; &bogus;</description>",
        b'<enclosure url="http://[2001:db8/a.pdf" type="a/b" length="1"/>',
        b"<image><url>u</url><width><b>1</b></width></image>",
        b"<guid>http://[2001:db8/</guid>",
        b"<link>http://[2001:db8/</link>",
    ],
)
def test_one_bad_piece_costs_no_document(piece: bytes) -> None:
    """A fault in one element costs at most that element."""
    good = b"<item><title>Good</title><link>https://node.example/good</link></item>"
    body = rss({"title": "Bad"}).replace(b"</item>", piece + b"</item>" + good)
    assert [entry.title for entry in read(body).entries] == ["Bad", "Good"]


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0" encoding="\xff"?>' + rss({"title": "T"}),
        b'<?xml version="1.0" encoding="a\0b"?>' + rss({"title": "T"}),
        rss({"title": "T"}).replace(b"</channel>", b"<image><width>x"),
        rss({"title": "T"}).replace(b"</channel>", b"<image><width><b>1</b></width></image></channel></b>"),
        injured(
            CORPUS / "rss-truncated.xml", [(237, b"<pubDate>-1</pubDate>"), (872, b"<image><width>x")], None
        ),
        injured(CORPUS / "youtube-videos.xml", [(1059, b">")], None),
    ],
)
def test_documents_on_which_feedparser_fails_are_read_or_refused(body: bytes) -> None:
    """Exceptions of feedparser are translated: a document or UnreadableDocument."""
    assert_read_or_refused(body)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_xml_declaration_gets_a_line_of_its_own(mark: bytes) -> None:
    """feedparser searches the encoding in that line in quadratic time."""
    body = rss({"title": "encoding='a'"})
    prepared = feed_repair.without_slow_parts(mark + body)
    first, rest = prepared.split(b"\n", 1)
    assert first + rest == mark + body and first.endswith(b'encoding="utf-8"?>')


@pytest.mark.soak
@pytest.mark.parametrize(
    "inside",
    [
        b"<category>c</category>" * 40_000,
        b"".join(b"<category>%d</category>" % n for n in range(30_000)),
        b"<a>" * 200_000,
        b"<description>" + b"<a " * 200_000,
        b"<description>" + b"a & b " * 100_000,
        b"<enclosure url='/a'/>" * 30_000,
        b"<description>encoding='" + b"'\" " * 100_000,
    ],
)
def test_a_large_document_of_anything_ends(inside: bytes) -> None:
    """No document takes quadratic time; these took 4 to 113 seconds once."""
    assert_read_or_refused(rss({"title": "T"}).replace(b"</item>", inside + b"</item>"))


def test_a_redated_post_is_the_same_item() -> None:
    """A post with a new date only keeps its id and content."""

    def item(date: str) -> tuple[str, str]:
        reading = read(rss({"title": "T", "guid": "1", "link": "https://node.example/1", "pubDate": date}))
        (found,) = normalise.items_of(reading, source(), IdentityPolicy(), (), NOW)[0]
        return found.id, found.content_hash

    assert item("Mon, 03 Mar 2025 10:15:00 +0000") == item("Mon, 28 Sep 2026 10:15:00 +0000")


def test_an_address_that_urllib_cannot_read_is_no_empty_one() -> None:
    """Links with full-width punctuation, or under an invalid base, are resolved."""
    (wide, under_none) = read(
        b'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>'
        + '<entry><id>1</id><title>a</title><link href="https://例え.jp：8080/a"/></entry>'
        '<entry xml:base="http://[x"><id>2</id><title>b</title><link href="b"/></entry></feed>'.encode()
    ).entries
    assert wide.link == "https://xn--r8jz45g.jp:8080/a"
    assert under_none.link == "https://node.example/feed/b"


def test_an_entry_whose_text_alone_is_cut_is_kept() -> None:
    """Its title and guid are whole, so that the next visit completes its text."""
    whole = rss({"title": "Whole", "guid": "1"}, {"title": "Cut", "guid": "2", "description": "Long text"})
    assert whole.index(b"</guid>") < whole.index(b"Long text")
    cut = whole[: whole.index(b" text")]
    assert [entry.title for entry in read(cut).entries] == ["Whole", "Cut"]


def test_a_feed_that_breaks_off_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving out its last entry costs no second run of the slow parser."""
    runs: list[object] = []
    parse = feed.feedparser.parse
    monkeypatch.setattr(
        feed.feedparser, "parse", lambda *args, **more: runs.append(args) or parse(*args, **more)
    )
    cut = rss({"title": "Whole", "guid": "1"}, {"title": "Cut", "guid": "2"}).partition(
        b"</guid></item></ch"
    )[0]
    assert [entry.title for entry in read(cut).entries] == ["Whole"]
    assert len(runs) == 1


PAGE, LICENCE = "https://node.example/2026/one/", "https://creativecommons.org/licenses/by/4.0/"
REFERENCES = '<a href="#n">n</a><a href="x">x</a>'


def atom_texts(content: str, attribute: str = "") -> bytes:
    """Return a feed whose only entry has this content."""
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><entry {attribute}><title>t</title><id>1</id>'
        f'<link href="{PAGE}"/>{content}</entry></feed>'
    ).encode()


@pytest.mark.parametrize(
    ("body", "part", "other"),
    [
        (rss({"title": "t", "link": PAGE, "description": REFERENCES}), PAGE, URL),
        (rss({"title": "t", "description": REFERENCES}), URL, URL),
        (atom_texts(f'<content type="html">{html.escape(REFERENCES)}</content>'), PAGE, URL),
        (
            atom_texts(f'<content type="html">{html.escape(REFERENCES)}</content>', 'xml:base="b/"'),
            *[f"{URL}b/"] * 2,
        ),
        (
            atom_texts(
                '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml" xml:base="b/">'
                '<a href="#n">n</a><i xml:base="c/"><a href="../x">x</a></i></div></content>'
            ),
            f"{URL}b/",
            f"{URL}b/",
        ),
        (json.dumps({"items": [{"id": "1", "url": PAGE, "content_html": REFERENCES}]}).encode(), PAGE, URL),
    ],
)
def test_links_in_texts_have_the_stated_base(body: bytes, part: str, other: str) -> None:
    """Links in texts are relative to the innermost `xml:base`, else to the final URL.

    Without it those to parts of the text lead to its page, not to the feed (RFC 3986 section 4.4).
    """
    (item,) = normalise.items_of(read(body), source(), IdentityPolicy(), (), NOW)[0]
    assert re.findall('href="([^"]*)"', item.html) == [f"{part}#n", f"{other}x"]


def test_relations_of_links_have_several_spellings() -> None:
    """A relation may be a URL (RFC 4287 4.2.7.2), also of an entry that is not parsed again.

    An enclosure without address is no file.
    """
    links = "".join(
        f'<entry><title>{n}</title><id>{n}</id><link rel="{rel}" href="/{n}"/><link rel="enclosure" href=""/></entry>'
        for n, rel in enumerate(("http://www.iana.org/assignments/relation/alternate", " Alternate "))
    )
    body = f'<feed xmlns="http://www.w3.org/2005/Atom">{links}</feed>'.encode()
    entries = read(body).entries
    assert [(entry.link, entry.enclosures) for entry in entries] == [
        (f"https://node.example/{n}", ()) for n in (0, 1)
    ]
    assert [part.link for part in entry_splitter.split_entries(body)] == ["/0", "/1"]


@pytest.mark.parametrize(
    ("inside", "rights"),
    [
        (
            f'<c:license xmlns:c="http://backend.userland.com/creativeCommonsRssModule">{LICENCE}</c:license>',
            LICENCE,
        ),
        (f'<link xmlns="http://www.w3.org/2005/Atom" rel="license" href="{LICENCE}"/>', LICENCE),
        (
            f"<copyright>© Node</copyright>"
            f'<link xmlns="http://www.w3.org/2005/Atom" rel="license" href="{LICENCE}"/>',
            f"© Node {LICENCE}",
        ),
        (f"<copyright>© Node, {LICENCE}</copyright>", f"© Node, {LICENCE}"),
    ],
)
def test_the_licence_of_a_feed_or_item_is_part_of_its_rights(inside: str, rights: str) -> None:
    """A licence that is stated as a link is known (PB2, RFC 4946)."""
    item = f"<item><title>t</title>{inside}</item>"
    reading = read(f'<rss version="2.0"><channel><title>T</title>{inside}{item}</channel></rss>'.encode())
    assert (reading.rights, reading.entries[0].rights) == (rights, rights)


def test_an_entry_of_another_feed_has_the_rights_of_that_one() -> None:
    """The rights of `atom:source` precede those of the collecting feed (RFC 4287 4.2.11)."""
    (entry,) = read(atom_texts("<source><id>s</id><title>S</title><rights>© S</rights></source>")).entries
    assert entry.rights == "© S"
