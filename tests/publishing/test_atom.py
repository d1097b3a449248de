"""Atom feeds by RFC 4287 and the rules for publishers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree

from aggregator import __version__, text
from aggregator.items import sanitize
from aggregator.model.config import Channel
from aggregator.model.documents import Enclosure, ItemKind
from aggregator.model.stories import Story, StoryItem
from aggregator.publishing import atom
from aggregator.publishing import site as page
from tests.builders import NOW, site, story, story_item
from tests.hostile_strings import VECTORS, faults
from tests.published_files import ALL, EVENTS, publication

A = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).parent.parent / "data" / "atom" / "rfc4287.rng"))


def feed(*stories: Story, **fields: Any) -> etree._Element:
    """Return the rendered feed as XML after validation."""
    root = etree.fromstring(atom.render(publication(*stories, **fields)).body)
    assert_valid(root)
    return root


def entry(*story_items: StoryItem, **fields: Any) -> etree._Element:
    """Return the only entry of a feed with one story."""
    return feed(story("s" * 16, *story_items, **fields)).find(f"{A}entry")


def texts(parent: etree._Element, name: str) -> list[str | None]:
    """Return the texts of the children `name`."""
    found = parent.findall(A + name)
    # Words that look like markup come as HTML (`type`): what a reader shows of them is what they were.
    return [
        unescape(c.text) if c.get("type") == "html" and name != "content" and c.text else c.text
        for c in found
    ]


def links(parent: etree._Element, rel: str) -> list[dict[str, str]]:
    """Return the attributes of the links of one relation, without `rel`."""
    found = [dict(link.attrib) for link in parent.findall(f"{A}link") if link.get("rel") == rel]
    return [{key: value for key, value in link.items() if key != "rel"} for link in found]


def assert_valid(root: etree._Element) -> None:
    """Validate a feed by RFC 4287: Appendix B and sections 3.3, 4.1.1 and 4.1.2."""
    GRAMMAR.assertValid(root)
    for moment in root.iter(f"{A}updated", f"{A}published"):
        assert datetime.fromisoformat(moment.text).tzinfo is not None  # RFC 3339 wants a zone
    for ours in root.findall(f"{A}entry"):
        alternates = [(link.get("type"), link.get("hreflang")) for link in links(ours, "alternate")]
        assert len(alternates) == len(set(alternates))
        assert alternates or ours.find(f"{A}content") is not None
    ids = texts(root, "id") + [ours.findtext(f"{A}id") for ours in root.findall(f"{A}entry")]
    assert len(ids) == len(set(ids))
    for link in root.iter(f"{A}link"):
        assert urlsplit(link.get("href")).scheme in ("http", "https")


# --- the feed (PB1) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "served_at", "page_at"),
    [
        (ALL, "https://news.example/atom.xml", "https://news.example/"),
        (EVENTS, "https://news.example/channels/events/atom.xml", "https://news.example/channels/events/"),
    ],
)
def test_a_feed_has_its_metadata(channel: Channel, served_at: str, page_at: str) -> None:
    """A feed has id, title, updated, self, alternate, author and generator once each (PB1)."""
    changed = NOW + timedelta(hours=3)
    document = atom.render(replace(publication(story(), channel=channel), updated=changed))
    root = etree.fromstring(document.body)
    assert texts(root, "id") == [f"tag:news.example,2026:channel/{channel.id}"]
    assert texts(root, "title") == [channel.title]
    assert texts(root, "updated") == ["2026-10-05T09:30:00.999999+00:00"]
    assert links(root, "self") == [{"href": served_at, "type": "application/atom+xml"}]
    assert links(root, "alternate") == [{"href": page_at, "type": "text/html"}]
    assert site().url + document.path == served_at
    assert [author.findtext(f"{A}name") for author in root.findall(f"{A}author")] == ["Imaging news"]
    assert [(g.text, g.get("version")) for g in root.findall(f"{A}generator")] == [
        ("aggregator", __version__)
    ]
    assert document.media_type == "application/atom+xml; charset=utf-8"
    steps = "../" * document.path.count("/")
    style = f'<?xml-stylesheet type="text/css" href="{steps}feed.css"?>'
    assert document.body.startswith(f"<?xml version='1.0' encoding='UTF-8'?>\n{style}\n<feed".encode())


def test_an_empty_channel_is_a_valid_feed() -> None:
    """A channel without stories is a valid feed with a constant date (PB1)."""
    root = feed()
    assert root.findall(f"{A}entry") == []
    assert texts(root, "updated") == ["1990-01-01T00:00:00.999999+00:00"]


def test_no_entry_is_newer_than_its_feed() -> None:
    """The time of a feed is at or after those of all its entries (RFC 4287 section 4.2.15)."""
    root = feed(*(story(f"s{n}") for n in range(50)))
    whole, *entries = (datetime.fromisoformat(moment.text) for moment in root.iter(f"{A}updated"))
    assert entries and all(moment <= whole for moment in entries)


def test_entries_keep_the_order_of_the_publication() -> None:
    """Entries have the order of the publication, newest announced first."""
    root = feed(*(story(f"s{n}") for n in range(5)))
    assert [e.findtext(f"{A}id")[-2:] for e in root.findall(f"{A}entry")] == ["s0", "s1", "s2", "s3", "s4"]


def test_the_grammar_detects_missing_elements() -> None:
    """The grammar of these tests reports every required element that is removed."""
    whole = atom.render(
        publication(story("s" * 16, story_item(), story_item(id_="b" * 16, by={"id_": "b"})))
    ).body
    assert GRAMMAR.validate(etree.fromstring(whole))
    for name in ("id", "title", "updated", "entry/id", "entry/title", "entry/updated"):
        root = etree.fromstring(whole)
        gone = root.find("/".join(A + part for part in name.split("/")))
        gone.getparent().remove(gone)
        assert not GRAMMAR.validate(root), name
    for wrong in ("<b/>", "<title>again</title>", "<updated>yesterday</updated>", "<link/>"):
        root = etree.fromstring(whole)
        part = etree.fromstring(f'<x xmlns="{A[1:-1]}">{wrong}</x>')[0]
        root.find(f"{A}entry").append(part)
        assert not GRAMMAR.validate(root), wrong


# --- an entry (PB2, PB4) -------------------------------------------------------------------------------


def test_an_entry_has_all_fields() -> None:
    """An entry has id, title, dates, authors, categories, rights and typed links (PB2)."""
    item_with_publisher = story_item(
        title="Image analysis <course>",
        authors=("Ada", "Grace"),
        categories=("Training",),
        rights="© A Node",
        language="de",
    )
    ours = entry(item_with_publisher, topics=("image-analysis",), kind=ItemKind.COURSE)
    assert texts(ours, "id") == ["tag:news.example,2026:story/ssssssssssssssss"]
    assert texts(ours, "title") == ["Image analysis <course>"]
    assert [author.findtext(f"{A}name") for author in ours.findall(f"{A}author")] == ["Ada", "Grace"]
    assert [(c.get("term"), c.get("scheme")) for c in ours.findall(f"{A}category")] == [
        ("image-analysis", "https://news.example/#topic"),
        ("course", "https://news.example/#kind"),
        ("Training", None),
    ]
    assert texts(ours, "rights") == ["© A Node"]
    assert links(ours, "alternate") == [
        {"href": "https://node.example/aaaaaaaaaaaaaaaa", "type": "text/html", "hreflang": "de"}
    ]
    assert texts(ours, "summary") == ["Some words."]


def test_the_publisher_is_the_default_author() -> None:
    """An item without author has its publisher as author (PB2)."""
    ours = entry(story_item(by={"name": "The Node"}))
    assert [author.findtext(f"{A}name") for author in ours.findall(f"{A}author")] == ["The Node"]


def test_a_configured_licence_precedes_claimed_rights() -> None:
    """`rights` is the configured licence, else the rights of the item (PB2)."""
    assert texts(entry(story_item(rights="all mine", by={"licence": "CC BY 4.0"})), "rights") == ["CC BY 4.0"]
    assert texts(entry(story_item()), "rights") == []


def test_dates_are_those_of_the_story() -> None:
    """`published` is constant, and `updated` moves only with significant edits (PB4)."""
    ours = entry(
        story_item(claimed=NOW + timedelta(days=5), source_updated=NOW + timedelta(days=6)),
        published=NOW - timedelta(days=2),
        updated=NOW - timedelta(days=1),
        changed=NOW + timedelta(days=3),
    )
    assert texts(ours, "published") == ["2026-10-03T06:30:00+00:00"]
    (updated,) = texts(ours, "updated")
    assert datetime.fromisoformat(updated).replace(microsecond=0) == NOW - timedelta(days=1)


def test_entries_of_one_moment_have_different_updated() -> None:
    """Each story adds its own constant fraction of a second to `updated` (PB4)."""
    root = feed(*(story(f"s{n}") for n in range(50)))
    moments = [ours.findtext(f"{A}updated") for ours in root.findall(f"{A}entry")]
    assert len(set(moments)) == 50
    assert {moment[:19] for moment in moments} == {"2026-10-05T06:30:00"}
    assert moments[7] == feed(story("s7")).findtext(f"{A}entry/{A}updated")


def test_entries_in_another_language_state_it() -> None:
    """The feed has `xml:lang`, and so have entries in another language (PB2)."""
    root = feed(
        story("de", story_item(language="de")),
        story("en", story_item(language="en")),
        story("any", story_item()),
        language="en",
    )
    assert root.get(LANG) == "en"
    assert [ours.get(LANG) for ours in root.findall(f"{A}entry")] == ["de", None, None]


def test_enclosures_keep_their_attributes() -> None:
    """An enclosure keeps its URL, and type and length where the source states them (PB2)."""
    files = (
        Enclosure(url="https://node.example/talk.mp3", type="audio/mpeg", length=123),
        Enclosure(url="https://node.example/empty.txt", length=0),
        Enclosure(url="https://node.example/a.pdf?x=1&y=2"),
    )
    assert links(entry(story_item(enclosures=files)), "enclosure") == [
        {"href": "https://node.example/talk.mp3", "type": "audio/mpeg", "length": "123"},
        {"href": "https://node.example/empty.txt", "length": "0"},
        {"href": "https://node.example/a.pdf?x=1&y=2"},
    ]


def test_a_story_without_link_links_to_the_site() -> None:
    """Its alternate link is an existing anchor of our page (RFC 4287 section 4.1.2)."""
    linkless = story("s" * 16, story_item(link=None))
    published = publication(linkless, channel=EVENTS)
    ours = etree.fromstring(atom.render(published).body).find(f"{A}entry")
    (alternate,) = links(ours, "alternate")
    assert alternate["href"] == "https://news.example/channels/events/#story-ssssssssssssssss"
    assert 'id="story-ssssssssssssssss"' in page.render(published).body.decode()


# --- source and related (PB3) --------------------------------------------------------------------------


def test_source_is_complete_and_last() -> None:
    """`source` has id, title, updated, links and rights, and ends the entry (PB3)."""
    seen = story_item(
        source_updated=NOW - timedelta(hours=1),
        enclosures=(Enclosure(url="https://node.example/a.pdf"),),
        by={"name": "A Node", "feed_id": "urn:x-node:1", "rights": "© 2026", "full_text": True},
    )
    ours = entry(seen, story_item(id_="b" * 16, source_id="b", by={"id_": "b"}))
    source = ours[-1]
    assert source.tag == f"{A}source"
    assert len(ours.findall(f"{A}source")) == 1
    assert texts(source, "id") == ["urn:x-node:1"]
    assert texts(source, "title") == ["A Node"]
    assert texts(source, "updated") == ["2026-10-05T05:30:00+00:00"]
    assert links(source, "self") == [{"href": "https://node.example/feed/"}]
    assert links(source, "alternate") == [{"href": "https://node.example/"}]
    assert texts(source, "rights") == ["© 2026"]


@pytest.mark.parametrize(
    "feed_id",
    [
        None,
        "",
        "42",
        "news of the node",
        "javascript:alert(1)",
        "urn:uuid:1",
        "tag:Node",
        "urn:x",
    ],
)
def test_an_invalid_feed_id_is_replaced_by_the_url(feed_id: str | None) -> None:
    """`atom:id` must be an IRI, so an invalid feed id is replaced by the URL (PB3)."""
    source = entry(story_item(by={"feed_id": feed_id}))[-1]
    assert texts(source, "id") == ["https://node.example/feed/"]
    assert texts(source, "updated") == ["2026-10-05T06:30:00+00:00"]  # when we saw it


def test_a_page_source_has_no_self_link() -> None:
    """The `source` of a scraped page has an alternate and no self link (PB3)."""
    source = entry(story_item(by={"kind": "page", "site_link": None, "url": "https://node.example/news/"}))[
        -1
    ]
    assert links(source, "self") == []
    assert links(source, "alternate") == [{"href": "https://node.example/news/"}]


def test_other_partners_are_named_once_each() -> None:
    """Each further publisher is a related link to its item, site or feed (PB3)."""
    others = [
        story_item(id_="b" * 16, link="https://b.example/x", by={"id_": "b", "name": "B & Co"}),
        story_item(id_="c" * 16, link=None, by={"id_": "c"}),
        story_item(id_="d" * 16, link=None, by={"id_": "d", "site_link": None}),
        story_item(id_="e" * 16, link="https://b.example/again", by={"id_": "b", "name": "B & Co"}),
        story_item(id_="f" * 16, link="https://node.example/twin"),
    ]
    assert links(entry(story_item(), *others), "related") == [
        {"href": "https://b.example/x", "title": "Also published by B & Co"},
        {"href": "https://c.example/", "title": "Also published by The c"},
        {"href": "https://d.example/feed/", "title": "Also published by The d"},
    ]


# --- text (P3, PB2, PB5) -------------------------------------------------------------------------------


def test_full_text_is_off_by_default() -> None:
    """Title, excerpt and link are published by default, even if there is more text (P3)."""
    ours = entry(story_item(html="<p>all of it</p>", text="all of it", excerpt="an excerpt"))
    assert ours.find(f"{A}content") is None
    assert texts(ours, "summary") == ["an excerpt"]
    assert b"all of it" not in etree.tostring(ours)


def test_an_item_without_text_has_its_title_as_summary() -> None:
    """An entry without content has a summary that is not empty (PB2)."""
    assert texts(entry(story_item(excerpt="", html="", title="Only a title")), "summary") == ["Only a title"]


def test_full_text_is_html_escaped_once() -> None:
    """Permitted full text is HTML in `content`, escaped once, beside the summary (PB2, P3)."""
    markup = (
        '<p>Fish &amp; chips, 1 &lt; 2, <a href="https://node.example/?a=1&amp;b=2">more</a> &amp;amp;</p>'
    )
    ours = entry(story_item(html=markup, excerpt="Fish & chips", by={"full_text": True, "licence": "CC0"}))
    (content,) = ours.findall(f"{A}content")
    assert content.get("type") == "html"
    assert content.text == markup
    assert len(content) == 0
    assert texts(ours, "summary") == ["Fish & chips"]


def test_full_text_of_an_item_without_text_is_a_summary() -> None:
    """An item without text has no empty content element (PB2)."""
    ours = entry(story_item(html="", excerpt="", title="Bare", by={"full_text": True}))
    assert ours.find(f"{A}content") is None
    assert texts(ours, "summary") == ["Bare"]


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_text_stays_text(vector: str) -> None:
    """Markup in titles, authors, categories, rights and names is read back as text (PB5)."""
    line = text.line(vector) or "-"
    names: dict[str, Any] = {"name": line, "rights": line, "licence": line}
    ours = entry(
        story_item(title=line, excerpt=line, authors=(line,), categories=(line,), rights=line, by=names),
        story_item(id_="b" * 16, by={"id_": "b", "name": line}),
        topics=("data",),
    )
    plain = entry(
        story_item(authors=("a",), categories=("a",), by={"licence": "a", "rights": "a"}),
        story_item(id_="b" * 16, by={"id_": "b"}),
        topics=("data",),
    )
    assert [e.tag for e in ours.iter()] == [e.tag for e in plain.iter()]
    source = ours[-1]
    assert texts(ours, "title") == texts(ours, "summary") == texts(ours, "rights") == [line]
    assert ours.findtext(f"{A}author/{A}name") == line
    assert [c.get("term") for c in ours.findall(f"{A}category")] == ["data", "news", line]
    assert texts(source, "title") == texts(source, "rights") == [line]
    assert links(ours, "related")[0]["title"] == f"Also published by {line}"


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_html_is_sanitized(vector: str) -> None:
    """`content` has no script, style, iframe, form, event or javascript: link (PB5)."""
    written = text.block(f"<p>before {vector} after</p>") or ""
    markup = sanitize.fragment(written, "https://node.example/feed/")
    ours = entry(story_item(html=markup, by={"full_text": True}))
    (content,) = texts(ours, "content")
    assert faults(f"<body>{content}</body>") == []


def test_full_text_has_only_absolute_links() -> None:
    """Relative links of a source are resolved before they are republished (PB5)."""
    markup = sanitize.fragment(
        '<a href="/x">x</a><img src="y.png"><a href="#z">z</a>', "https://node.example/a/b"
    )
    (content,) = texts(entry(story_item(html=markup, by={"full_text": True})), "content")
    unpacked = etree.HTML(content)
    hrefs = unpacked.xpath("//@href | //@src")
    assert hrefs == ["https://node.example/x", "https://node.example/a/y.png", "https://node.example/a/b#z"]


def test_control_characters_never_reach_the_feed() -> None:
    """A feed is well-formed UTF-8 without characters that XML 1.0 forbids (PB5)."""
    everything = "".join(map(chr, range(0x110000)))
    for start in range(0, 0x110000, 0x8000):
        line = text.line("x" + everything[start : start + 0x8000], limit=0x8000) or "x"
        root = etree.fromstring(
            atom.render(publication(story("s", story_item(title=line, authors=(line,))))).body
        )
        assert root.findtext(f"{A}entry/{A}title") == line


# --- the same again (PB13) -----------------------------------------------------------------------------


def test_the_same_publication_is_the_same_bytes() -> None:
    """Rendering depends only on the publication (PB13)."""
    stories = [
        story(f"s{n}", story_item(), story_item(id_=f"b{n}", by={"id_": "b"}), topics=("a", "b"))
        for n in range(9)
    ]
    assert atom.render(publication(*stories)).body == atom.render(publication(*stories)).body
