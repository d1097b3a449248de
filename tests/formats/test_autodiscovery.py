"""Proposals of pages: declared feeds, usual feeds, and inferred selectors."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given

from aggregator.config import load
from aggregator.errors import UnreadableDocument
from aggregator.formats import autodiscovery, page, selector_inference
from aggregator.model.discovery import Proposal
from tests.builders import source
from tests.formats.test_listings import NAMES, body, expected, news, publisher, wanted
from tests.strategies import law, soup

URL = "https://node.example/news/"
CHANNEL = "UC0123456789abcdefghijAB"


def offered(html: str, url: str = URL) -> tuple[Proposal, ...]:
    """List the proposals of a page with this content."""
    return autodiscovery.proposals(f"<html><body>{html}</body></html>".encode(), url, {})


# --- selectors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_selectors_are_found_for_a_listing(name: str) -> None:
    """The best inferred layout of each listing yields each item's title, link and date."""
    best, *_ = selector_inference.infer_layouts(body(name), expected(name)["url"], {})
    assert news(best.entries, publisher(name)) == wanted(name)


@pytest.mark.parametrize("name", NAMES)
def test_found_selectors_read_what_they_promise(name: str) -> None:
    """The entries of a proposal are those that a visit with its selectors finds."""
    said = expected(name)
    for guess in selector_inference.infer_layouts(body(name), said["url"], {}):
        proposed = source(kind="page", url=said["url"], page=(guess.layout,))
        assert page.read(body(name), said["url"], {}, proposed).entries == guess.entries


@pytest.mark.parametrize(
    "html",
    [
        "<p>Nothing here</p>",
        "<nav><ul><li><a href='/a'>About us</a><li><a href='/b'>Services</a><li><a href='/c'>Contact</a></ul></nav>",
        "<ul><li><a href='https://else.example/1'>A partner of ours</a><li><a href='https://other.example/2'>Another</a></ul>",
        "<footer><p><a href='/1'>Imprint</a></p><p><a href='/2'>Privacy</a></p><p><a href='/3'>Jobs</a></p></footer>",
    ],
)
def test_menus_and_links_elsewhere_are_no_news(html: str) -> None:
    """Links in menus and footers and to other sites are not proposed as a list of news."""
    assert not [proposal for proposal in offered(html) if proposal.kind == "page"]


def test_a_very_long_list_is_understood_in_time() -> None:
    """Selectors for a list of 3,000 items are inferred within seconds."""
    item = "<div class='item'><h3><a href='/n/{0}'>Some title, number {0}</a></h3><time>28 September 2026</time></div>"
    begun = time.thread_time()
    best, *_ = selector_inference.infer_layouts(
        "".join(item.format(n) for n in range(3000)).encode(), URL, {}
    )
    assert len(best.entries) == page.MAX_ENTRIES
    assert time.thread_time() - begun < 30


@given(soup)
@law
def test_any_page_is_understood_or_refused(dirty: str) -> None:
    """Any page gives proposals or UnreadableDocument."""
    try:
        found = offered("<div><a href='/1'>One thing</a></div>" * 3 + dirty)
    except UnreadableDocument:
        return
    assert all(proposal.url.startswith(("http://", "https://")) for proposal in found)


# --- feeds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if "feed" in expected(name)])
def test_the_feed_of_a_listing_goes_before_its_selectors(name: str) -> None:
    """A feed that is declared, linked or usual is the first proposal of a page."""
    best, *_ = autodiscovery.proposals(body(name), expected(name)["url"], {})
    assert (best.kind, best.url) == ("feed", expected(name)["feed"])


def test_declared_feeds_are_ranked() -> None:
    """A feed is ranked before a calendar, the feed of comments last; each URL appears once."""
    html = """
    <link rel="alternate" type="application/rss+xml" title="Node » Comments Feed" href="/comments/feed/">
    <link rel="alternate" type="text/calendar" href="/events/?ical=1">
    <link rel="alternate" type="application/atom+xml; charset=utf-8" title="Node » Feed" href="/feed/atom/">
    <link rel="alternate" type="application/feed+json" href="/feed.json">
    <link rel="alternate" hreflang="de" href="/de/">
    <link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/7">
    <link rel="stylesheet" type="text/xml" href="/x.xml">
    <a href="/feed/atom/">Feed</a>
    """
    found = [(p.kind, p.url) for p in offered(html)]
    assert found == [
        ("feed", "https://node.example/feed/atom/"),
        ("feed", "https://node.example/feed.json"),
        ("ical", "https://node.example/events/?ical=1"),
        ("feed", "https://node.example/comments/feed/"),
    ]


@pytest.mark.parametrize(
    ("html", "kind", "url"),
    [
        ("<a href='/rss.xml'>RSS</a>", "feed", "https://node.example/rss.xml"),
        (
            "<a href='index.php?option=x&amp;format=feed'>x</a>",
            "feed",
            f"{URL}index.php?option=x&format=feed",
        ),
        ("<a href='https://feeds.example.com/node'>x</a>", "feed", "https://feeds.example.com/node"),
        ("<a href='webcal://node.example/all.ics'>Calendar</a>", "ical", "https://node.example/all.ics"),
        ("<meta name=generator content='Joomla! - x'>", "feed", f"{URL}?format=feed&type=rss"),
        ("<meta name=generator content='Hugo 0.130'>", "feed", f"{URL}index.xml"),
        ("<meta name=generator content='Drupal 10'>", "feed", "https://node.example/rss.xml"),
        ("<meta name=generator content='TYPO3 CMS'>", "feed", f"{URL}?type=9818"),
        ("<link href='/wp-content/x.css'>", "feed", "https://node.example/feed/"),
        (
            "<link rel='https://api.w.org/' href='https://node.example/sub/wp-json/'>",
            "feed",
            "https://node.example/sub/feed/",
        ),
        (
            "<link rel='https://api.w.org/' href='https://node.example/sub/wp-json/'>",
            "wordpress",
            "https://node.example/sub/",
        ),
        (
            "<link rel='https://api.w.org/' href='http://node.example/index.php?rest_route=/'> /wp-json/",
            "feed",
            "http://node.example/?feed=rss2",
        ),
        (
            "<a href='https://zenodo.org/communities/north-node/about'>Z</a>",
            "zenodo",
            "https://zenodo.org/api/records?communities=north-node&sort=newest&size=25",
        ),
        (
            f"<a href='https://www.youtube.com/channel/{CHANNEL}'>Y</a>",
            "feed",
            f"https://www.youtube.com/feeds/videos.xml?channel_id={CHANNEL}",
        ),
        (
            "<a rel='me noopener' href='https://social.example/@node'>M</a>",
            "feed",
            "https://social.example/@node.rss",
        ),
    ],
)
def test_a_page_shows_where_its_feed_may_be(html: str, kind: str, url: str) -> None:
    """Links, generators and accounts each lead to an address worth a visit."""
    assert (kind, url) in [(proposal.kind, proposal.url) for proposal in offered(html)]


@pytest.mark.parametrize(
    ("place", "html", "kind", "url"),
    [
        (
            f"https://www.youtube.com/channel/{CHANNEL}/videos",
            "",
            "feed",
            f"https://www.youtube.com/feeds/videos.xml?channel_id={CHANNEL}",
        ),
        (
            "https://www.youtube.com/@Node",
            f'<script>{{"externalId":"{CHANNEL}"}}</script>',
            "feed",
            f"https://www.youtube.com/feeds/videos.xml?channel_id={CHANNEL}",
        ),
        ("https://social.example/@node", "<div id='mastodon'>", "feed", "https://social.example/@node.rss"),
        ("https://github.com/ome/ngff/issues", "", "feed", "https://github.com/ome/ngff/releases.atom"),
        (
            "https://zenodo.org/communities/gerbi/records?q=x",
            "",
            "zenodo",
            "https://zenodo.org/api/records?communities=gerbi&sort=newest&size=25",
        ),
        (
            "https://forum.example/c/announcements/10",
            "<meta name=generator content='Discourse 3'>",
            "feed",
            "https://forum.example/c/announcements/10.rss",
        ),
        (
            "https://forum.example/t/upcoming-events/60018",
            "",
            "feed",
            "https://forum.example/t/upcoming-events/60018.rss",
        ),
    ],
)
def test_known_places_have_feeds_by_their_address(place: str, html: str, kind: str, url: str) -> None:
    """On YouTube, Mastodon, GitHub, Zenodo and Discourse the feed follows from the URL."""
    best, *_ = offered(html, place)
    assert (best.kind, best.url) == (kind, url)


def test_a_handle_is_not_taken_for_mastodon_everywhere() -> None:
    """A path with an @ is a Mastodon account only if the page names Mastodon."""
    assert not offered("<p>x", "https://medium.example/@node")


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ("<link rel=sitemap href='/sitemap_index.xml'>", "https://node.example/sitemap_index.xml"),
        ("<a href='/sitemap.xml'>Sitemap</a>", "https://node.example/sitemap.xml"),
        ("<a href='/sitemap/'>Sitemap</a>", None),
    ],
)
def test_a_sitemap_is_a_hint(html: str, url: str | None) -> None:
    """A sitemap is named separately; it is no proposal."""
    assert autodiscovery.sitemap(f"<html><body>{html}".encode(), URL, {}) == url


@pytest.mark.parametrize("name", NAMES)
def test_a_proposal_can_be_pasted(name: str, tmp_path: Path) -> None:
    """The YAML of every proposal loads as the same source."""
    for proposal in autodiscovery.proposals(body(name), expected(name)["url"], {}):
        text = (
            "site: {title: T, url: 'https://n.example/', contact: a@n.example, authority: 'n.example,2026'}\n"
        )
        text += "sources:\n"
        (tmp_path / "feeds.yaml").write_text(text + autodiscovery.as_yaml(proposal, "new", 'The "new" one'))
        (loaded,) = load(tmp_path / "feeds.yaml").sources
        assert (loaded.kind, loaded.page, loaded.name) == (proposal.kind, proposal.page, 'The "new" one')
        assert proposal.kind == "wordpress" or loaded.url == proposal.url
