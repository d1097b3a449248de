"""RSS 2.0 and JSON Feed 1.1 with the same stories as Atom."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import feedparser
import pytest
from lxml import etree

from aggregator.items import sanitize
from aggregator.model.config import Channel
from aggregator.model.documents import Enclosure
from aggregator.model.publishing import Publication, UnchangedStory
from aggregator.model.stories import Correction, Story, StoryItem
from aggregator.publishing import jsonfeed, renderers, rss
from tests.builders import NOW, site, story, story_item

ALL = Channel(id="all", title="Imaging news")
EVENTS = Channel(id="events", title="Events & courses")
DC = "{http://purl.org/dc/elements/1.1/}"
ATOM = "{http://www.w3.org/2005/Atom}"


def publication(*stories: Story, channel: Channel = ALL, **fields: Any) -> Publication:
    """Return what the documents of a channel are rendered from."""
    return Publication(site=site(), channel=channel, channels=(ALL, EVENTS), stories=stories, **fields)


def rss_item(*story_items: StoryItem, **fields: Any) -> etree._Element:
    """Return the only item of an RSS feed with one story."""
    body = rss.render(publication(story("s" * 16, *story_items, **fields))).body
    return etree.fromstring(body).find("channel/item")


def json_item(*story_items: StoryItem, **fields: Any) -> dict[str, Any]:
    """Return the only item of a JSON feed with one story."""
    (ours,) = json.loads(jsonfeed.render(publication(story("s" * 16, *story_items, **fields))).body)["items"]
    return ours


def test_an_rss_channel_has_its_metadata() -> None:
    """An RSS channel has title, link, language, self, hub, ttl and RFC 822 dates (PB7)."""
    document = rss.render(publication(story(), channel=EVENTS, updated=NOW, hub="https://hub.example/"))
    channel = etree.fromstring(document.body).find("channel")
    assert channel.findtext("title") == "Events & courses"
    assert channel.findtext("link") == "https://news.example/channels/events/"
    assert channel.findtext("language") == "en"
    assert channel.findtext("ttl") == "60"
    assert channel.findtext("lastBuildDate") == "Mon, 05 Oct 2026 06:30:00 +0000"
    links = {link.get("rel"): link.get("href") for link in channel.findall(f"{ATOM}link")}
    assert links == {"self": "https://news.example/channels/events/rss.xml", "hub": "https://hub.example/"}
    assert document.media_type == "application/rss+xml; charset=utf-8"
    assert b'<?xml-stylesheet type="text/css" href="../../feed.css"?>' in document.body[:150]


def test_an_rss_item_has_all_fields() -> None:
    """An RSS item has guid, authors, source, one enclosure and related links (PB7)."""
    files = (
        Enclosure(url="https://node.example/a[1].mp3", type="audio/mpeg", length=12),
        Enclosure(url="https://node.example/b.pdf", type="pdf"),
    )
    ours = rss_item(
        story_item(
            authors=("Ada", "Grace"), categories=("Training",), enclosures=files, language="de", rights="© A"
        ),
        story_item(id_="b" * 16, by={"id_": "b", "name": "B & Co"}),
        topics=("data",),
    )
    guid = ours.find("guid")
    assert (guid.text, guid.get("isPermaLink")) == ("tag:news.example,2026:story/ssssssssssssssss", "false")
    assert ours.findtext("link") == "https://node.example/aaaaaaaaaaaaaaaa"
    assert [creator.text for creator in ours.findall(f"{DC}creator")] == ["Ada", "Grace"]
    assert ours.find("author") is None
    assert [(c.text, c.get("domain")) for c in ours.findall("category")] == [
        ("data", "https://news.example/#topic"),
        ("news", "https://news.example/#kind"),
        ("Training", None),
    ]
    assert dict(ours.find("enclosure").attrib) == {
        "url": "https://node.example/a%5B1%5D.mp3",
        "length": "12",
        "type": "audio/mpeg",
    }
    assert (ours.findtext("source"), ours.find("source").get("url")) == (
        "The node",
        "https://node.example/feed/",
    )
    assert (ours.findtext(f"{DC}language"), ours.findtext(f"{DC}rights")) == ("de", "© A")
    assert [
        (link.get("rel"), link.get("href"), link.get("title")) for link in ours.findall(f"{ATOM}link")
    ] == [
        ("enclosure", "https://node.example/b.pdf", None),
        ("related", "https://node.example/bbbbbbbbbbbbbbbb", "Also published by B & Co"),
    ]


def test_an_rss_description_is_html_and_a_title_is_not() -> None:
    """Description and title are read back as the same text, with numeric references (PB7)."""
    body = rss.render(publication(story("s", story_item(title="a < b & c", excerpt="x < y & z")))).body
    assert b"<title>a &#x3C; b &#x26; c</title>" in body
    assert b"<description>x &#x26;lt; y &#x26;amp; z</description>" in body


def test_full_text_is_in_every_format_where_it_is_permitted() -> None:
    """`content:encoded` and `content_html` exist only with a licence (P3)."""
    free = story_item(html="<p>All of it</p>", by={"full_text": True, "licence": "CC0"})
    content = "{http://purl.org/rss/1.0/modules/content/}encoded"
    assert rss_item(free).findtext(content) == json_item(free)["content_html"] == "<p>All of it</p>"
    assert rss_item(story_item()).find(content) is None
    assert "content_html" not in json_item(story_item())
    assert (
        json_item(story_item())["content_text"]
        == rss_item(story_item()).findtext("description")
        == "Some words."
    )


def test_a_json_feed_has_its_metadata() -> None:
    """A JSON feed has version 1.1, URLs, authors and the hub (PB10)."""
    document = jsonfeed.render(publication(channel=EVENTS, hub="https://hub.example/"))
    assert json.loads(document.body) == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Events & courses",
        "home_page_url": "https://news.example/channels/events/",
        "feed_url": "https://news.example/channels/events/feed.json",
        "authors": [{"name": "Imaging news", "url": "https://news.example/"}],
        "language": "en",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
        "items": [],
    }
    assert document.media_type == "application/feed+json; charset=utf-8"


def test_a_json_item_has_all_fields() -> None:
    """A JSON item has id, dates, authors, tags, attachments and our extension (PB10)."""
    ours = json_item(
        story_item(
            authors=("Ada",),
            categories=("Training", "data"),
            enclosures=(Enclosure(url="https://node.example/x", type="image"),),
            language="de",
        ),
        story_item(id_="b" * 16, by={"id_": "b"}),
        topics=("data",),
        updated=NOW + timedelta(days=1),
    )
    assert ours["id"] == "tag:news.example,2026:story/ssssssssssssssss"
    assert ours["date_published"] == "2026-10-05T06:30:00+00:00"
    assert ours["date_modified"] == "2026-10-06T06:30:00+00:00"
    assert ours["tags"] == ["data", "news", "Training"]
    assert ours["authors"] == [{"name": "Ada"}]
    assert ours["attachments"] == [{"url": "https://node.example/x", "mime_type": "application/octet-stream"}]
    assert ours["language"] == "de"
    assert ours["_aggregator"] == {
        "source": {"title": "The node", "url": "https://node.example/feed/"},
        "related": [{"url": "https://node.example/bbbbbbbbbbbbbbbb", "title": "Also published by The b"}],
    }


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Corrected on 7 October 2026. Previous title: “Old & <b>”."),
        ("de-AT", "Berichtigt am 7. Oktober 2026. Bisheriger Titel: „Old & <b>“."),
    ],
)
def test_a_correction_is_stated_in_every_format(language: str, words: str) -> None:
    """The summary states what was corrected, and when in the site's time zone (E1)."""
    at = NOW.replace(day=6, hour=23)  # the 7th in Berlin
    corrected = replace(
        story("s", story_item(html="<p>All</p>", by={"full_text": True})),
        correction=Correction(at=at, title_before="Old & <b>"),
    )
    published = replace(publication(corrected), site=site(language=language))
    atom, as_rss, as_json = (document.body for document in renderers.feeds(published))
    for parsed in (feedparser.parse(io.BytesIO(body), sanitize_html=False) for body in (atom, as_rss)):
        entry = parsed.entries[0]
        assert words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in entry.content[0].value
    ours = json.loads(as_json)["items"][0]
    assert ours["summary"] == f"{words} Some words."
    assert ours["content_html"].endswith("</em></p>\n<p>All</p>")


def test_a_correction_of_the_text_states_its_date() -> None:
    """A correction of the text alone states its date (E1)."""
    corrected = replace(story("s" * 16), correction=Correction(at=NOW))
    ours = json.loads(jsonfeed.render(publication(corrected)).body)["items"][0]
    assert ours["content_text"] == "Corrected on 5 October 2026. Some words."


def test_a_correction_counts_towards_the_excerpt() -> None:
    """A summary with a correction has at most 300 characters in every format (P3)."""
    long = story("s", story_item(title="T" * 900, excerpt=" ".join(["word"] * 60)))
    corrected = replace(long, correction=Correction(at=NOW, title_before="Old " * 200))
    atom, as_rss, as_json = (document.body for document in renderers.feeds(publication(corrected)))
    said = [feedparser.parse(io.BytesIO(body)).entries[0].summary for body in (atom, as_rss)]
    said.append(json.loads(as_json)["items"][0]["content_text"])
    assert len(set(said)) == 1
    assert 200 < len(said[0]) <= 300
    assert said[0].startswith("Corrected on 5 October 2026. Previous title: “Old ")


# --- size (PB14) ---------------------------------------------------------------------------------------


def sized(characters: int, count: int, letter: str = "x") -> list[Story]:
    """Return `count` stories with this number of characters."""
    lead = story_item(html=f"<p>{letter * characters}</p>", by={"full_text": True})
    return [story(f"s{n:04}", lead) for n in range(count)]


def sizes(*stories: Story) -> tuple[list[int], list[str]]:
    """Return the sizes of all formats, and the ids that they contain."""
    documents = renderers.feeds(publication(*stories))
    atom, as_rss, as_json = documents
    ids = [e.findtext(f"{ATOM}id") for e in etree.fromstring(atom.body).findall(f"{ATOM}entry")]
    assert ids == [guid.text for guid in etree.fromstring(as_rss.body).iter("guid")]
    assert ids == [ours["id"] for ours in json.loads(as_json.body)["items"]]
    return [len(document.body) for document in documents], [str(id_)[-5:] for id_ in ids]


HOSTILE = (
    '<guid isPermaLink="false">tag:news.example,2026:story/s0002</guid>',
    "\n  <entry>\n    <id>tag:news.example,2026:story/s0002</id>",
    '\n  {\n   "id": "tag:news.example,2026:story/s0002"',
    "</entry></feed></channel></rss>]]>",
    '</article><article id="story-s0002">',
)


@pytest.mark.parametrize("format_", renderers.SPLITTERS)
def test_the_entries_of_a_written_document_are_those_that_were_rendered(format_: str) -> None:
    """Splitting a document returns the entry of each story, whatever its texts imitate (P1)."""
    leads = [story_item(title=text, html=f"{text}<p>x</p>", by={"full_text": True}) for text in HOSTILE]
    stories = [story(f"s{n:04}", lead, leads[0]) for n, lead in enumerate(leads)]
    first = publication(*stories)
    render = (renderers.FEEDS | renderers.PAGES)[format_]
    body = render(first).body
    _, split = renderers.SPLITTERS[format_]
    rendered = {key[1]: entry for key, entry in first.fragments.items()}
    assert split(body) == rendered
    assert list(rendered) == [each.id for each in stories]
    assert split(render(publication()).body) == {}
    assert render(publication(*stories, fragments=dict(first.fragments))).body == body
    kept = [
        UnchangedStory(id=each.id, announced=each.announced, entries={format_: rendered[each.id]})
        for each in stories
    ]
    assert render(replace(publication(), stories=tuple(kept))).body == body


def test_a_large_feed_omits_its_oldest_stories() -> None:
    """All formats have the same newest stories, as many as fit in 512 KiB (PB14)."""
    stories = sized(20_000, 100)
    found, kept = sizes(*stories)
    assert 400 * 1024 < max(found) <= 512 * 1024
    assert kept == [s.id for s in stories[: len(kept)]]
    assert 0 < len(kept) < 100


def test_a_feed_within_the_limit_is_complete() -> None:
    """No story is omitted below the limit (PB14)."""
    assert len(sizes(*sized(3_500, 100))[1]) == 100


def test_the_newest_stories_that_fit_stay() -> None:
    """Large old stories do not displace small new ones (PB14)."""
    stories = [*sized(100, 60), *sized(60_000, 40)]
    stories = [replace(one, id=f"t{n:04}") for n, one in enumerate(stories)]
    assert len(sizes(*stories)[1]) >= 60


def test_one_huge_story_does_not_break_the_limit() -> None:
    """The limit holds even if the newest story alone is larger (PB14)."""
    assert max(sizes(*sized(sanitize.MAX_CHARACTERS - 7, 2, "ü"))[0]) <= 512 * 1024
