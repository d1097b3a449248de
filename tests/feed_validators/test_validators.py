"""Test the validators: valid documents pass, and a document that breaks a rule is reported."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.feed_validators import atom, chain, jsonfeed, opml, rss

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = "https://news.example/atom.xml"

CONTENT = (
    '&lt;p&gt;Words &amp;amp; &lt;a href="https://node.example/"&gt;more&lt;/a&gt;&lt;/p&gt;'  # escaped once
)
ENTRY = f"""<entry xml:lang="de">
<id>tag:news.example,2026:story/a</id><title>Fish &amp; chips &lt;course></title>
<updated>2026-11-02T12:00:00.25+00:00</updated><published>2026-11-01T12:00:00Z</published>
<author><name>Ada</name><uri>https://node.example/ada</uri></author>
<category term="data" scheme="https://news.example/#topic"/>
<summary>Words.</summary><content type="html">{CONTENT}</content>
<rights>CC0</rights>
<link rel="alternate" type="text/html" href="https://node.example/?a%5B%5D=1" hreflang="de"/>
<link rel="enclosure" type="audio/mpeg" href="https://node.example/x.mp3" length="1"/>
<link rel="related" href="https://b.example/" title="Also published by B"/>
<source><id>urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6</id><title>Node</title><updated>2026-11-02T12:00:00Z</updated>
<link rel="self" href="https://node.example/feed/"/><link rel="alternate" href="https://node.example/"/></source>
</entry>"""
GOOD = f"""<?xml version="1.0" encoding="utf-8"?>
<?xml-stylesheet type="text/css" href="feed.css"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<id>tag:news.example,2026:channel/all</id><title>News</title><updated>2026-11-02T12:00:00.5Z</updated>
<author><name>News</name></author><generator version="1">aggregator</generator>
<link rel="self" type="application/atom+xml" href="{URL}"/>
<link rel="alternate" type="text/html" href="https://news.example/"/>
<link rel="alternate" type="application/feed+json" href="https://news.example/feed.json"/>
<link rel="hub" href="https://hub.example/"/><link rel="prev-archive" href="https://news.example/archive/2026-10.xml"/>
<at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0" ref="tag:news.example,2026:story/z"
 when="2026-11-02T12:00:01Z"/>
{ENTRY}
</feed>"""
SECOND = ENTRY.replace("story/a", "story/b").replace("12:00:00.25", "12:00:00.26")


def judged(document: str | bytes) -> str:
    """Validate an Atom feed, and return the problems as one text."""
    body = document if isinstance(document, bytes) else document.encode()
    return "\n".join(atom.problems(body, URL, NOW))


@pytest.mark.parametrize("more", ["", SECOND])
def test_valid_atom_feed(more: str) -> None:
    """An Atom feed with every element has no problem (RFC 4287)."""
    assert judged(GOOD.replace("</feed>", f"{more}</feed>")) == ""


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("4.1.1: the document", "feed", "entry"),
        ("not well-formed", "</feed>", ""),
        ("does not say UTF-8", "utf-8", "iso-8859-1"),
        ("document type", "<feed ", "<!DOCTYPE feed><feed "),
        ("BadCharacters", "Fish", "\x85"),
        ("BadCharacters", "Also published", "\ufffd"),
        ("RFC 4287 B", "<title>News</title>", ""),
        ("UnregisteredAtomLinkRel", '<link rel="hub"', '<link rel=""'),
        ("RFC 4287 B", "<summary>", '<summary type="text/plain">'),
        ("RFC 4287 B", "</feed>", "<rights>x</rights></feed>"),
        ("RFC 4287 B", "Ada</name>", "Ada</name><name>Eve</name>"),
        ("UnknownNamespace", "<feed ", '<feed xmlns:x="urn:x" '),
        ("NonstdPrefix", "<feed ", '<feed xmlns:atom="http://www.w3.org/2005/Atom" '),
        ("UndeterminableVocabulary", "<rights>CC0</rights>", '<x xmlns=""/>'),
        ("xml:base", "<feed ", '<feed xml:base="https://x.example/" '),
        ("not absolute", "https://b.example/", "/b"),
        ("leads to javascript", "https://b.example/", "javascript:alert(1)"),
        ("names no host", "https://b.example/", "https:///b"),
        ("InvalidUriChar", "a%5B%5D=1", "a[]=1"),
        ("InvalidUriChar", "https://b.example/", "https://b.example/ä"),
        ("InvalidTAG", "2026:story/a", "26:story/a"),
        ("InvalidTAG", "tag:news.example,2026:story/a", "tag:News.Example,2026:story/a"),
        ("InvalidURN", "60a76c80", "1"),
        ("NonCanonicalURI", "urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6", "http://node.example"),
        ("RFC 6721 3", "tag:news.example,2026:story/z", "z"),
        ("UnregisteredAtomLinkRel", 'rel="hub"', 'rel="centre"'),
        ("InvalidMIMEType", "audio/mpeg", "a,b/c"),
        ("SelfNotAtom", '<link rel="self" href', '<link rel="self" type="application/json" href'),
        ("InvalidNonNegativeInteger", 'length="1"', 'length="-1"'),
        ("AttrNotBlank", 'term="data"', 'term=" "'),
        ("NotBlank", "<summary>Words.", "<summary>"),
        ("NotBlank", "<name>Ada", "<name> "),
        ("AtomLinkNotEmpty", ' title="Also published by B"/>', ' title="B">x</link>'),
        (
            "DuplicateAtomLink",
            '<link rel="related" href="https://b.example/" title="Also published by B"/>',
            '<link type="text/html" hreflang="de" href="https://b.example/"/>',
        ),
        ("ContainsUndeclaredHTML", "<summary>Words.", "<summary>?a=1&amp;utm_source=x"),
        ("ContainsUndeclaredHTML", "<summary>Words.", "<summary>&amp;amp;lt;"),
        ("ContainsUndeclaredHTML", "Fish ", "Fish&lt;/b> "),
        ("NotHtml", "&lt;p&gt;", "&lt;p&gt;&lt;/b&gt;"),
        ("NotHtml", "&amp;amp; ", "&amp;D "),
        ("SecurityRisk", "&lt;p&gt;", "&lt;p onclick='x()'&gt;"),
        ("SecurityRisk", "&lt;p&gt;", "&lt;script&gt;&lt;/script&gt;&lt;p&gt;"),
        ("SecurityRisk", "&lt;p&gt;", "&lt;p style='color:red'&gt;"),
        ("SecurityRisk", 'https://node.example/"&gt;more', 'javascript:x"&gt;more'),
        ("SecurityRisk", "&lt;p&gt;", "&lt;form&gt;&lt;/form&gt;&lt;p&gt;"),
        ("ContainsRelRef", 'href="https://node.example/"&gt;', 'href="/x"&gt;'),
        ("escaped twice", CONTENT, "&amp;lt;p&amp;gt;x&amp;lt;/p&amp;gt;"),
        ("ContainsEmail", "<name>Ada", "<name>Ada &lt;ada@node.example&gt;"),
        ("InvalidLanguage", 'xml:lang="de"', 'xml:lang="german"'),
        ("InvalidLanguage", 'hreflang="de"', 'hreflang="x"'),
        ("RFC 3339", "2026-11-01T12:00:00Z", "2026-11-01T12:00:00"),
        ("RFC 3339", "2026-11-01T12:00:00Z", "2026-13-01T12:00:00Z"),
        ("ImplausibleDate", "2026-11-01T12:00:00Z", "1970-01-01T00:00:00Z"),
        ("ImplausibleDate", "2026-11-02T12:00:00.25", "2027-11-02T12:00:00"),
        ("SelfDoesntMatchLocation", URL, URL + "?x"),
        ("has no author", "<author><name>News</name></author>", ""),
        ("has no generator", '<generator version="1">aggregator</generator>', ""),
        ("MissingDCLanguage", ' xml:lang="en"', ""),
        ("DuplicateEntries", "</feed>", ENTRY + "</feed>"),
        ("DuplicateUpdated", "</feed>", ENTRY.replace("story/a", "story/b") + "</feed>"),
        ("RFC 4287 4.2.15", "12:00:00.5Z", "12:00:00.2Z"),
        ("id of the feed", "story/a", "channel/all"),
        ("no author of its own", "<author><name>Ada</name><uri>https://node.example/ada</uri></author>", ""),
        ("no tag: URI", "tag:news.example,2026:story/a", "https://node.example/a"),
        ("no published", "<published>2026-11-01T12:00:00Z</published>", ""),
        ("after updated", "2026-11-01T12:00:00Z", "2026-11-03T12:00:00Z"),
        ("FeedHistoryRelInEntry", 'rel="related"', 'rel="prev-archive"'),
        ("without a title", ' title="Also published by B"', ""),
        ("not the last child", "<published>2026-11-01T12:00:00Z</published>", ""),
        ("MissingSourceElement", "<title>Node</title>", ""),
        ("source has no alternate", '<link rel="alternate" href="https://node.example/"/>', ""),
        ("2 links prev-archive", 'rel="hub"', 'rel="prev-archive"'),
        (
            "MissingCurrentInArchive",
            "<generator",
            '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/><generator',
        ),
        ("deleted after it", "story/z", "story/a"),
        ("RFC 6721 3: RFC 3339", ' when="2026-11-02T12:00:01Z"', ' when="now"'),
    ],
)
def test_invalid_atom_feed(rule: str, old: str, new: str) -> None:
    """An Atom feed that breaks one rule is reported with the name of the rule."""
    assert old in GOOD
    document = GOOD.replace(old, new)
    if rule == "not the last child":  # moved behind the source
        document = document.replace("</entry>", f"{old}</entry>")
    if rule == "4.1.1: the document":
        document = ENTRY.replace("<entry", '<entry xmlns="http://www.w3.org/2005/Atom"')
    assert rule in judged(document)


def test_atom_entries_without_text() -> None:
    """An Atom entry without text is reported, and remote content without summary (RFC 4287)."""
    start, end = GOOD.index("<summary>"), GOOD.index("<rights>")
    bare = GOOD[:start] + GOOD[end:].replace(
        'rel="alternate" type="text/html" href="https://node', 'rel="via" href="https://node'
    )
    assert "neither content nor alternate" in judged(bare)
    assert "MissingTextualContent" in judged(bare)
    elsewhere = GOOD[:start] + '<content type="audio/mpeg" src="https://x.example/"/>' + GOOD[end:]
    assert "MissingSummary" in judged(elsewhere)
    assert "PB3: no source" in judged(GOOD[: GOOD.index("<source>")] + "</entry></feed>")


def test_size_and_encoding_of_atom() -> None:
    """A feed above 512 KiB is reported, an archive not; bytes outside UTF-8 are (PB14)."""
    heavy = GOOD.replace("Words.", "x" * 530_000)
    assert "PB14" in judged(heavy)
    archive = '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/><link rel="current" href="https://x.example/"/>'
    assert judged(heavy.replace("<generator", f"{archive}<generator")) == ""
    assert "not UTF-8" in judged(GOOD.encode().replace(b"Words", b"\xff"))
    assert "byte order mark" in judged(b"\xef\xbb\xbf" + GOOD.encode())


# --- RSS -----------------------------------------------------------------------------------------------

ITEM = """<item><title>Fish &#x26; &#x3C;course></title><link>https://node.example/a</link>
<guid isPermaLink="false">tag:news.example,2026:story/a</guid><pubDate>Sun, 01 Nov 2026 12:00:00 +0000</pubDate>
<description>&lt;p&gt;Words &amp;amp; more&lt;/p&gt;</description>
<content:encoded>&lt;p&gt;Words&lt;/p&gt;</content:encoded>
<dc:creator>Ada</dc:creator><category domain="https://news.example/#topic">data</category>
<enclosure url="https://node.example/x.mp3" length="0" type="audio/mpeg"/>
<source url="https://node.example/feed/">Node</source><dc:language>de</dc:language>
<atom:link rel="related" href="https://b.example/" title="B"/></item>"""
RSS = f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>News</title><link>https://news.example/</link><description>All of it</description>
<language>en</language><lastBuildDate>Mon, 02 Nov 2026 12:00:00 +0000</lastBuildDate><generator>aggregator 1</generator>
<docs>http://www.rssboard.org/rss-specification</docs><ttl>60</ttl><managingEditor>a@news.example (Ada)</managingEditor>
<image><url>https://news.example/x.png</url><title>News</title><link>https://news.example/</link><width>88</width></image>
<atom:link rel="self" type="application/rss+xml" href="https://news.example/rss.xml"/>
{ITEM}
</channel></rss>"""


def rss_judged(document: str) -> str:
    """Validate an RSS feed, and return the problems as one text."""
    return "\n".join(rss.problems(document.encode(), "https://news.example/rss.xml", NOW))


def test_valid_rss_feed() -> None:
    """An RSS feed with every element has no problem (RSS 2.0)."""
    assert rss_judged(RSS) == ""


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("not well-formed", "</rss>", ""),
        ("not one channel", 'version="2.0"', 'version="0.91"'),
        ("UnknownNamespace", "xmlns:atom", 'xmlns:at="urn:at" xmlns:atom'),
        ("NonstdPrefix", "xmlns:dc=", 'xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:dc='),
        ("UndefinedElement", "<ttl>60</ttl>", "<ttl>60</ttl><interval>60</interval>"),
        ("UndefinedElement", "<dc:language>de</dc:language>", "<atom:source/>"),
        ("UnexpectedAttribute", "<ttl>", '<ttl unit="s">'),
        ("InvalidLanguage", "<item>", '<item xml:lang="english">'),
        ("CharacterData", "Fish &#x26; &#x3C;course>", "Fish &lt;course>"),
        ("CharacterData", ">data<", ">?a=1&amp;b_c=2<"),
        ("ContainsHTML", "Fish", "Fish &#x3C;/b>"),
        ("NotBlank", ">data<", "> <"),
        ("ProblematicalRFC822Date", "02 Nov 2026 12", "02 Nov 26 12"),
        ("IncorrectDOW", "Mon, 02", "Tue, 02"),
        ("InvalidRFC2822Date", "Sun, 01 Nov", "Sun, 31 Nov"),
        ("ImplausibleDate", "Sun, 01 Nov 2026", "Mon, 01 Nov 2027"),
        ("MissingElement", "<description>All of it</description>", ""),
        ("without ttl", "<ttl>60</ttl>", ""),
        ("DuplicateElement", "<ttl>60</ttl>", "<ttl>60</ttl><ttl>60</ttl>"),
        ("DuplicateSemantics", "<ttl>60</ttl>", "<ttl>60</ttl><dc:language>en</dc:language>"),
        ("MisplacedItem", "</channel>", "<category>x</category></channel>"),
        ("InvalidFullLink", "<link>https://news.example/", "<link>/"),
        ("InvalidLanguage", "<language>en", "<language>english"),
        ("InvalidPositiveInteger", "<ttl>60", "<ttl>0"),
        ("EmailFormat", "a@news.example (Ada)", "a@news.example"),
        ("SelfDoesntMatchLocation", "https://news.example/rss.xml", "https://news.example/feed.xml"),
        ("SelfDoesntMatchLocation", 'rel="self"', 'rel="hub"'),
        ("not application/rss+xml", "application/rss+xml", "application/xml"),
        ("ImageTitleDoesntMatch", "<title>News</title><link>https://news.example/</link><width", "<title>N</title><link>https://news.example/</link><width"),
        ("ImageUrlFormat", "x.png", "x.svg"),
        ("InvalidWidth", "88", "145"),
        ("DuplicateEnclosure", "<enclosure", '<enclosure url="https://b.example/y" length="0" type="a/b"/><enclosure'),
        ("DuplicateItemSemantics", "<dc:creator>", "<author>a@node.example (A)</author><dc:creator>"),
        ("neither author", "<dc:creator>Ada</dc:creator>", ""),
        ("InvalidUriChar", "https://node.example/a<", "https://node.example/ä<"),
        ("no pubDate", "<pubDate>Sun, 01 Nov 2026 12:00:00 +0000</pubDate>", ""),
        ("source url", 'url="https://node.example/feed/"', ""),
        ("InvalidURLAttribute", "https://node.example/x.mp3", "https://localhost/x.mp3"),
        ("InvalidIntegerAttribute", 'length="0"', ""),
        ("InvalidMIMEAttribute", 'type="audio/mpeg"', ""),
        ("NotHtml", "Words &amp;amp; more", "R&amp;D"),
        ("ContainsRelRef", "Words &amp;amp; more", "&lt;a href='/x'&gt;x&lt;/a&gt;"),
        ("SecurityRisk", "Words &amp;amp; more", "&lt;script&gt;&lt;/script&gt;"),
        ("NeedDescriptionBeforeContent", "<description>&lt;p&gt;Words &amp;amp; more&lt;/p&gt;</description>", ""),
        ("InvalidPermalink", ' isPermaLink="false"', ""),
        ("InvalidBooleanAttribute", 'isPermaLink="false"', 'isPermaLink="no"'),
        ("NotSufficientlyUnique", ">tag:news.example,2026:story/a<", ">42<"),
        ("MissingGuid", '<guid isPermaLink="false">tag:news.example,2026:story/a</guid>', ""),
        ("DuplicateValue", "</channel>", f"{ITEM}</channel>"),
        ("PB14", "All of it", "x" * 530_000),
    ],
)  # fmt: skip
def test_invalid_rss_feed(rule: str, old: str, new: str) -> None:
    """An RSS feed that breaks one rule is reported with the name of the rule."""
    assert old in RSS
    assert rule in rss_judged(RSS.replace(old, new, 1 if rule == "MissingElement" else -1))


def test_rss_item_without_title_and_description() -> None:
    """An RSS item without title and description is reported (RSS 2.0)."""
    bare = RSS[: RSS.index("<item>")] + "<item><guid>https://node.example/a</guid></item></channel></rss>"
    assert "ItemMustContainTitleOrDescription" in rss_judged(bare)


# --- JSON Feed -----------------------------------------------------------------------------------------

JSON = """{"version": "https://jsonfeed.org/version/1.1", "title": "News", "home_page_url": "https://news.example/",
"feed_url": "https://news.example/feed.json", "language": "en", "authors": [{"name": "News"}],
"hubs": [{"type": "WebSub", "url": "https://hub.example/"}], "_ours": {"about": "https://news.example/docs"}, "items": [
{"id": "tag:news.example,2026:story/a", "url": "https://node.example/a", "title": "Fish & chips",
"content_html": "<p>Words</p>", "summary": "Words", "date_published": "2026-11-01T12:00:00Z",
"date_modified": "2026-11-02T12:00:00Z", "authors": [{"name": "Ada"}], "tags": ["data"], "language": "de",
"attachments": [{"url": "https://node.example/x.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 1}]}]}"""


def json_judged(document: str) -> str:
    """Validate a JSON feed, and return the problems as one text."""
    return "\n".join(jsonfeed.problems(document.encode(), "https://news.example/feed.json", NOW))


def test_valid_json_feed() -> None:
    """A JSON feed with every key has no problem (JSON Feed 1.1)."""
    assert json_judged(JSON) == ""


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("no JSON", "]}]}", "]}]"),
        ("no JSON", '"size_in_bytes": 1', '"size_in_bytes": NaN'),
        ("not an object", JSON, "[]"),
        ("stands 2 times", '"language": "en"', '"language": "en", "language": "de"'),
        ("version", "version/1.1", "version/1"),
        ("no title", '"title": "News", ', ""),
        ("feed.title is", '"title": "News"', '"title": 1'),
        ("no home_page_url", '"home_page_url": "https://news.example/",', ""),
        ("served at", "news.example/feed.json", "news.example/x.json"),
        ("feed.author is unknown", '"authors": [{"name": "News"}]', '"author": {"name": "News"}'),
        ("neither name, url nor avatar", '{"name": "Ada"}', "{}"),
        ("hub without url", ', "url": "https://hub.example/"', ""),
        ("Extensions", '"_ours": {"about": "https://news.example/docs"}', '"_ours": 1'),
        ("id is no string", '"tag:news.example,2026:story/a"', "1"),
        ("no tag: URI", "tag:news.example,2026:story/a", "a"),
        ("2 items have the id", '"items": [', '"items": [{"id": "tag:news.example,2026:story/a"}, '),
        ("neither content_html", '"content_html": "<p>Words</p>", ', ""),
        ("is blank", '"summary": "Words"', '"summary": " "'),
        ("is None", '"summary": "Words"', '"summary": null'),
        ("control characters", '"summary": "Words"', '"summary": "x\\u0085"'),
        ("SecurityRisk", "<p>Words</p>", "<script></script>"),
        ("ContainsRelRef", "<p>Words</p>", "<a href='/x'>x</a>"),
        ("not absolute", "https://node.example/a", "/a"),
        ("RFC 3339", "2026-11-01T12:00:00Z", "2026-11-01"),
        ("published after modified", "2026-11-01T12:00:00Z", "2026-11-03T12:00:00Z"),
        ("no date_published", '"date_published": "2026-11-01T12:00:00Z",', ""),
        ("InvalidLanguage", '"language": "de"', '"language": "german"'),
        ("tags are", '["data"]', '[""]'),
        ("without mime_type", '"mime_type": "audio/mpeg", ', ""),
        ("size_in_bytes is", '"size_in_bytes": 1', '"size_in_bytes": "1"'),
        ("an item is no object", '"items": [', '"items": [1, '),
    ],
)
def test_invalid_json_feed(rule: str, old: str, new: str) -> None:
    """A JSON feed that breaks one rule is reported (JSON Feed 1.1, PB10)."""
    assert old in JSON
    assert rule in json_judged(JSON.replace(old, new))


# --- OPML ----------------------------------------------------------------------------------------------

OPML = """<?xml version="1.0" encoding="utf-8"?>
<opml version="2.0"><head><title>Sources</title><ownerId>https://news.example/</ownerId>
<dateModified>Mon, 02 Nov 2026 12:00:00 GMT</dateModified><ownerEmail>a@news.example</ownerEmail></head><body>
<outline text="A" title="A" type="rss" xmlUrl="https://a.example/feed" htmlUrl="https://a.example/"
 language="en" category="/data,x"/>
<outline text="B" type="link" url="https://b.example/"/></body></opml>"""


def opml_judged(document: str) -> str:
    """Validate an OPML document, and return the problems as one text."""
    return "\n".join(opml.problems(document.encode(), "", NOW))


def test_valid_opml() -> None:
    """A list of a feed and a page has no problem (OPML 2.0)."""
    assert opml_judged(OPML) == ""


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("InvalidOPMLVersion", 'version="2.0"', 'version="3.0"'),
        ("one head and one body", "<head>", "<body/><head>"),
        ("UndefinedElement", "<title>Sources</title>", "<title>Sources</title><name>x</name>"),
        ("DuplicateElement", "<title>Sources</title>", "<title>Sources</title><title>x</title>"),
        ("no title", "<title>Sources</title>", ""),
        ("ProblematicalRFC822Date", "Mon, 02 Nov 2026", "2026-11-02"),
        ("InvalidContact", "a@news.example", "Ada"),
        ("ownerId", "https://news.example/<", "Ada<"),
        ("without text", 'text="A"', 'text=""'),
        ("Missingurl", ' url="https://b.example/"', ""),
        ("MissingxmlUrl", ' xmlUrl="https://a.example/feed"', ""),
        ("MissingOutlineType", ' type="rss"', ""),
        ("UnexpectedAttribute", 'type="link"', 'type="link" id="b"'),
        ("InvalidOutlineVersion", 'type="rss"', 'type="rss" version="Atom"'),
        ("InvalidLanguage", 'language="en"', 'language="english"'),
        ("category", "/data,x", "/data,,x"),
        ("UnexpectedText", 'url="https://b.example/"/>', 'url="https://b.example/">b</outline>'),
        ("UndefinedElement", "</body>", "<line/></body>"),
    ],
)
def test_invalid_opml(rule: str, old: str, new: str) -> None:
    """A list that breaks one rule is reported (OPML 2.0, PB15)."""
    assert old in OPML
    assert rule in opml_judged(OPML.replace(old, new))


def test_opml_without_outline() -> None:
    """A list without an outline is reported (OPML 2.0)."""
    assert "an empty body" in opml_judged(OPML[: OPML.index("<outline")] + "</body></opml>")


# --- the chain -----------------------------------------------------------------------------------------


def archive(month: str, before: str, story: str) -> str:
    """Make an archive document with one story."""
    back = f'<link rel="prev-archive" href="https://news.example/archive/{before}.xml"/>' if before else ""
    return (
        GOOD.replace(URL, f"https://news.example/archive/{month}.xml")
        .replace('<link rel="prev-archive" href="https://news.example/archive/2026-10.xml"/>', back)
        .replace(
            "<generator",
            '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/>'
            f'<link rel="current" href="{URL}"/><generator',
        )
        .replace("story/a", f"story/{story}")
        .replace("story/z", f"story/gone-{story}")
    )


OCTOBER, MAY = "https://news.example/archive/2026-10.xml", "https://news.example/archive/2026-05.xml"
CHAIN = {URL: GOOD, OCTOBER: archive("2026-10", "2026-05", "b"), MAY: archive("2026-05", "", "c")}


def walked(**changes: tuple[str, str]) -> tuple[str, list[str]]:
    """Walk a chain with parts of single documents changed; return problems and ids."""
    documents = dict(CHAIN)
    for name, (old, new) in changes.items():
        url = {"now": URL, "october": OCTOBER, "may": MAY}[name]
        assert old in documents[url]
        documents[url] = documents[url].replace(old, new)
    found, ids = chain.walk(URL, lambda url: documents[url].encode())
    return "\n".join(found), [id_.rpartition("/")[2] for id_ in ids]


def test_valid_chain() -> None:
    """A walk from the subscription document reaches each archive and story once (RFC 5005)."""
    assert walked() == ("", ["a", "b", "c"])
    assert walked(october=("story/b", "story/a")) == ("", ["a", "c"])
    for document, url in ((CHAIN[OCTOBER], OCTOBER), (CHAIN[MAY], MAY)):
        assert atom.problems(document.encode(), url, NOW) == []


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (
            "leads back to itself",
            {"may": ("<generator", f'<link rel="prev-archive" href="{OCTOBER}"/><generator')},
        ),
        ("cannot be read", {"october": ("2026-05.xml", "2026-04.xml")}),
        ("not absolute", {"october": ("https://news.example/archive/2026-05.xml", "2026-05.xml")}),
        ("no archive document", {"may": ("<fh:archive", "<fh:x")}),
        (
            "says it is",
            {"may": ('href="https://news.example/archive/2026-05.xml"', 'href="https://x.example/"')},
        ),
        ("is of another feed", {"may": ("channel/all", "channel/other")}),
        (
            "the current document",
            {"may": (f'rel="current" href="{URL}"', 'rel="current" href="https://x.example/"')},
        ),
        ("behind", {"may": ("<generator", f'<link rel="next-archive" href="{URL}"/><generator')}),
        ("newer in an older document", {"may": ("story/c", "story/a"), "now": ("00.25", "00")}),
        ("at the same time", {"may": ("story/c", "story/a"), "now": ("Fish", "Meat")}),
        ("withdrawn in one document", {"now": ("story/z", "story/c"), "may": ("12:00:00.25", "11:00:00")}),
    ],
)
def test_invalid_chain(rule: str, changes: dict[str, tuple[str, str]]) -> None:
    """A chain that is broken, loops or contradicts itself is reported (RFC 5005, RFC 6721, PB8)."""
    assert rule in walked(**changes)[0]


def test_months_out_of_order() -> None:
    """An archive that does not precede the month before it is reported (PB8)."""
    documents = {URL: GOOD, OCTOBER: archive("2026-10", "2026-11", "b")}
    documents["https://news.example/archive/2026-11.xml"] = archive("2026-11", "", "c")
    found, _ = chain.walk(URL, lambda url: documents[url].encode())
    assert any("follows" in problem for problem in found)
