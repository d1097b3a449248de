"""Pages of channels."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import html

from aggregator import text, urls
from aggregator.model.config import Channel
from aggregator.model.documents import Enclosure, ItemKind
from aggregator.model.publishing import Publication
from aggregator.model.stories import Story
from aggregator.publishing import site as page
from aggregator.publishing import stylesheet
from tests.builders import NOW, site, story, story_item
from tests.hostile_strings import VECTORS, Shape, faults, shape
from tests.published_files import ALL, EVENTS, publication


def rendered(*stories: Story, **fields: Any) -> html.HtmlElement:
    """Return the page, parsed."""
    return html.document_fromstring(page.render(publication(*stories, **fields)).body)


def words(element: html.HtmlElement) -> str:
    """Return all text of an element in one line."""
    return " ".join(element.text_content().split())


def test_a_page_links_to_its_feeds() -> None:
    """The `rel=alternate` links of each channel are the URLs of its feeds (PB15)."""
    kinds = {
        "atom.xml": "application/atom+xml",
        "rss.xml": "application/rss+xml",
        "feed.json": "application/feed+json",
    }
    for channel, folder in ((ALL, ""), (EVENTS, "channels/events/")):
        found = rendered(channel=channel).xpath("//head/link[@rel='alternate']")
        assert {link.get("href"): link.get("type") for link in found} == {
            f"https://news.example/{folder}{name}": kind for name, kind in kinds.items()
        }


def test_the_navigation_marks_the_current_channel() -> None:
    """Every channel is linked, and `aria-current` marks the shown one (PB15)."""
    links = rendered(channel=EVENTS).xpath("//nav[@class='channels']/a")
    assert [words(link) for link in links] == ["Everything", "Events & courses"]
    assert [link.get("aria-current") for link in links] == [None, "page"]


def test_languages_are_marked() -> None:
    """A page has the site's language, and an article its own if it differs (PB15)."""
    others = story_item(id_="b" * 16, by={"id_": "b"})
    tree = rendered(
        story("de", story_item(language="de"), others),
        story("en", story_item(language="en")),
        story("any", story_item()),
    )
    assert tree.get("lang") == "en"
    assert [article.get("lang") for article in tree.xpath("//article")] == ["de", None, None]
    (also,) = tree.xpath("//article[1]//p[@class='also']")
    assert also.get("lang") == "en"


def test_an_article_shows_its_fields() -> None:
    """An article has linked title, publishers, kind, topics and excerpt (P3)."""
    seen = story_item(
        title="A course", excerpt="Learn things.", html="<p>whole</p>", text="whole", by={"name": "N"}
    )
    other = story_item(id_="b" * 16, link=None, by={"id_": "b", "name": "B & Co"})
    (article,) = rendered(
        story("s" * 16, seen, other, kind=ItemKind.COURSE, topics=("data", "training"))
    ).xpath("//article")
    assert article.get("id") == "story-ssssssssssssssss"
    assert article.xpath("h3/a/@href") == ["https://node.example/aaaaaaaaaaaaaaaa"]
    assert words(article.find("h3")) == "A course"
    assert words(article.xpath("p[@class='meta']")[0]) == "N Course data training Details"
    assert words(article.xpath("p[@class='excerpt']")[0]) == "Learn things."
    assert words(article.xpath("p[@class='also']")[0]) == "Also published by B & Co"
    assert article.xpath("p[@class='also']/a/@href") == ["https://b.example/"]
    assert "whole" not in words(article)


def test_a_page_never_has_full_text() -> None:
    """A page shows excerpts only, even if a licence permits more (P3)."""
    tree = rendered(story("s", story_item(html="<p>all of it</p>", text="all of it", by={"full_text": True})))
    assert "all of it" not in words(tree)


def test_a_story_without_link_is_a_title_without_link() -> None:
    """A story without URL is not linked."""
    (title,) = rendered(story("s", story_item(link=None, title="Bare"))).xpath("//h3")
    assert title.xpath("a") == []
    assert words(title) == "Bare"


def test_a_title_is_not_repeated_as_excerpt() -> None:
    """An item with no more text than its title has no excerpt."""
    tree = rendered(story("s", story_item(title="Same", excerpt="Same")), story("t", story_item(excerpt="")))
    assert tree.xpath("//p[@class='excerpt']") == []


def test_stories_are_grouped_by_announced_day() -> None:
    """Days are those of the site's time zone; `published` and updates are shown (T3)."""
    late = NOW.replace(hour=22, minute=30)  # 00:30 in Berlin, the next day
    tree = rendered(
        story(
            "b", story_item(title="late"), announced=late, published=late - timedelta(days=40), updated=late
        ),
        story("a", story_item(title="early")),
    )
    assert [words(h) for h in tree.xpath("//h2")] == ["6 October 2026", "5 October 2026"]
    assert tree.xpath("//h2/time/@datetime") == ["2026-10-06", "2026-10-05"]
    metas = [words(meta) for meta in tree.xpath("//p[@class='meta']")]
    assert metas == ["The node · 27 Aug 2026 · updated 6 Oct 2026 Details", "The node Details"]


def test_an_empty_channel_is_a_complete_page() -> None:
    """A page without stories states why it is empty (PB15)."""
    tree = rendered()
    assert tree.xpath("//article") == []
    assert "No news yet" in words(tree.xpath("//main")[0])


def test_nothing_runs_and_nothing_is_loaded_from_elsewhere() -> None:
    """A page has the stylesheet of the site and no script, image, font or frame (PB5)."""
    tree = rendered(story())
    assert tree.xpath("//script | //iframe | //img | //style | //*[@src] | //*[@style]") == []
    loaded = tree.xpath("//link[@rel!='alternate']/@href")
    assert loaded == [stylesheet.render().path, "icon.svg", "icon.png", "site.webmanifest"]
    css = stylesheet.render().body
    assert b"url(" not in css and b"@import" not in css
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def hostile_page(line: str, link: str) -> str:
    """Render a page with `line` and `link` in every text and URL of a partner."""
    hostile_item = story_item(
        title=line,
        excerpt=f"{line} and more",
        link=link,
        authors=(line,),
        categories=(line,),
        rights=line,
        language="de",
        enclosures=(Enclosure(url=link, type=line),),
        by={"name": line, "site_link": link, "rights": line, "licence": line, "feed_id": line},
    )
    other = story_item(id_="b" * 16, link=link, title=line, by={"id_": "b", "name": line})
    linkless = story_item(id_="c" * 16, link=None, by={"id_": "c", "name": line, "site_link": link})
    channel = Channel(id="all", title=line)
    published = Publication(
        site=site(title=line),
        channel=channel,
        channels=(channel, Channel(id="events", title=line)),
        stories=(story("s" * 16, hostile_item, other, linkless, topics=(line,)),),
    )
    return page.render(published).body.decode("utf-8")


@pytest.fixture(scope="module")
def harmless() -> Shape:
    """Return the structure of the page with harmless texts."""
    return shape(hostile_page("harmless", "https://node.example/harmless"))


@pytest.mark.parametrize("vector", VECTORS)
def test_no_text_or_url_changes_the_page(vector: str, harmless: Shape) -> None:
    """No text of a partner adds elements, attributes or scripts (PB5)."""
    line = text.line(vector) or "-"
    for address in (vector, f"https://evil.example/{vector}", f"https://evil.example/?q={vector}"):
        link = urls.join("https://node.example/", address) or "https://node.example/"
        shown = hostile_page(line, link)
        assert faults(shown) == []
        assert shape(shown) == harmless
        tree = html.document_fromstring(shown)
        if line.isprintable():
            assert words(tree.xpath("//h3")[0]) == " ".join(line.split())
        assert tree.xpath("//h3/a/@href") == [link]


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if set('<"') & set(vector)])
def test_these_tests_detect_unescaped_markup(vector: str, harmless: Shape) -> None:
    """Unescaped markup is detected as a problem or a changed structure."""
    raw = hostile_page("harmless", "https://node.example/").replace("harmless", vector)
    assert faults(raw) or shape(raw) != harmless


def test_the_same_publication_is_the_same_page() -> None:
    """Rendering depends only on the publication (PB13)."""
    stories = [story(f"s{n}", story_item(), topics=("a", "b")) for n in range(5)]
    assert page.render(publication(*stories)) == page.render(publication(*stories))


def test_a_page_has_its_path_and_media_type() -> None:
    """A page is HTML in UTF-8, at the top for `all`, else in its own folder (PB6)."""
    document = page.render(publication(channel=EVENTS))
    assert document.media_type == "text/html; charset=utf-8"
    assert document.path == "channels/events/index.html"
    assert b'<meta charset="utf-8">' in document.body
    assert page.render(publication()).path == "index.html"


def test_each_text_of_a_partner_has_its_own_direction() -> None:
    """Titles, excerpts and names have `dir=auto`."""
    tree = html.document_fromstring(page.render(publication(story())).body)
    shown = [
        *tree.xpath("//h3"),
        *tree.xpath("//p[@class='excerpt']"),
        *tree.xpath("//span[@class='source']"),
    ]
    assert len(shown) == 3 and {one.get("dir") for one in shown} == {"auto"}
    assert tree.xpath("//html/@dir") == ["ltr"]
    assert tree.xpath("//meta[@name='referrer']/@content") == ["no-referrer"]


def test_pages_link_to_existing_editions() -> None:
    """Every channel links to the list of editions once there is one."""
    for channel, folder in ((ALL, ""), (EVENTS, "../../")):
        without_editions = publication(story(), channel=channel)
        tree = html.document_fromstring(page.render(replace(without_editions, editions=True)).body)
        assert [a.get("href") for a in tree.iter("a") if a.text == "Digests" and a.get("class")] == [
            f"{folder}digests/index.html"
        ]
        assert b"digests/" not in page.render(without_editions).body
