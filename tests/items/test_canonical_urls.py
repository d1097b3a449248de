"""Canonical keys: equal for spellings of one address, different for different pages."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.items import url_rules
from aggregator.items.canonical_urls import canonical, is_listing, may_be_listing, without_fragment
from aggregator.items.url_rules import RULES, UrlRule
from tests.strategies import law, urls


@given(urls)
@example("https://www.www.node.example/a")
@example("https://node.example/index.html/index.html")
@example("https://node.example/index.html/a/..")
@example("https://node.example/;/")
@law
def test_the_key_of_a_key_is_itself(url: str) -> None:
    """The canonical key of a canonical key is itself, so that keys of any age are comparable."""
    key = canonical(url)
    assert canonical(f"https://{key}") == key


@given(urls)
@law
def test_scheme_host_spelling_and_tracking_play_no_part(url: str) -> None:
    """One page has one key, whatever scheme, www, final slash or tracking parameters."""
    page, mark, fragment = url.partition("#")
    tracked = (
        page + ("&" if "?" in page else "?") + "utm_medium=feed&UTM_Source=x&fbclid=abc" + mark + fragment
    )
    assert canonical(tracked) == canonical(url)
    assert canonical(url.replace("https:", "http:", 1)) == canonical(url)
    assert (
        canonical(url.replace("://", "://www.", 1)) == canonical(url)
        or "[::1]" in url
        or "127." in url
        or "//www." in url
    )


@given(st.text(max_size=60))
@law
def test_any_text_has_a_key(text: str) -> None:
    """Every text has a key, also one that is no URL."""
    assert isinstance(is_listing(canonical(text)), bool)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://www.node.example/news/x/", "https://node.example/news/x"),
        ("https://node.example:443/a", "http://node.example:80/a"),
        ("https://NODE.example/a", "https://node.example/a"),
        ("https://node.example/a?b=2&a=1", "https://node.example/a?a=1&b=2"),
        ("https://node.example/a?utm_source=rss&utm_campaign=x", "https://node.example/a"),
        ("https://node.example/a?mc_cid=1&mc_eid=2&gclid=3", "https://node.example/a"),
        ("https://node.example/a/index.html", "https://node.example/a/"),
        ("https://node.example/index.php?p=5", "https://node.example/?p=5"),
        ("https://node.example/%7Eada/", "https://node.example/~ada"),
        ("https://node.example/a b", "https://node.example/a%20b"),
        ("https://node.example/ä", "https://node.example/%C3%A4"),
        ("https://müller.example/", "https://xn--mller-kva.example"),
        ("https://node.example/a#more-12", "https://node.example/a"),
        ("https://node.example/a#respond", "https://node.example/a"),
        ("https://node.example/a#:~:text=cells", "https://node.example/a"),
        ("https://node.example./a", "https://node.example/a"),
        (" https://node.example/a ", "https://node.example/a"),
        ("\n\thttps://node.example/news/\n\t\tnew-\r\ncamera\t", "https://node.example/news/new-camera"),
        ("https://node.example/a?b=&a=1&c=", "https://node.example/a?a=1"),
        ("https://node.example/a?&&", "https://node.example/a"),
        ("https://node.example/a?at_medium=email&at_campaign=may", "https://node.example/a#xtor=RSS-24"),
        ("https://node.example/a?ref=twitter", "https://node.example/a?source=newsletter"),
        ("https://node.example/a?fbclid=Iw&mibextid=Zx", "https://node.example/a?li_fat_id=1&ttclid=2"),
        ("https://node.example/a?print=1", "https://node.example/a?view=print"),
        ("https://node.example/a?page=0", "https://node.example/a"),
        ("https://m.node.example/a", "https://node.example/a"),
        ("https://www.mobile.node.example/a", "https://amp.node.example/a?amp"),
        ("https://node.example/index.php/news/a", "https://node.example/news/a"),
        ("https://node.example/a/default.aspx", "https://node.example/a/index.shtml"),
        ("https://node.example/a/comment-page-3/#respond", "https://node.example/a"),
        ("https://de.m.node.example/a", "https://de.node.example/a"),
        ("https://node.example//news///a", "https://node.example/news/a"),
        ("https://node.example/a.html;jsessionid=8B2D.worker-1?b=1", "https://node.example/a.html?b=1"),
        ("https://node.example/(S(lit3py55t21z5v55))/a.aspx", "https://node.example/a.aspx"),
        (
            "https://eur03.safelinks.protection.outlook.com/?url=https%3A%2F%2Fnode.example%2Fa&data=05%7C02",
            "https://node.example/a",
        ),
        (
            "https://www.linkedin.com/redir/redirect?url=https%3A%2F%2Fnode.example%2Fa%3Fb%3D1",
            "http://node.example/a?b=1",
        ),
        (
            "https://www.google.com/url?sa=t&q=https://www.google.com/url?q=https://node.example/a",
            "https://node.example/a",
        ),
        (
            "https://l.facebook.com/l.php?u=https%3A%2F%2Fnode.example%2Fa%3Ffbclid%3DIw&h=AT0",
            "https://node.example/a",
        ),
        ("https://www.google.com/url/?q=HTTPS%3A%2F%2Fnode.example%2Fa", "https://node.example/a"),
    ],
)
def test_spellings_of_one_page_have_one_key(one: str, other: str) -> None:
    """What leads to one page compares equal (I3)."""
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://node.example/a", "https://node.example/b"),
        ("https://node.example/a", "https://else.example/a"),
        ("https://node.example/A", "https://node.example/a"),
        ("https://node.example/?p=1", "https://node.example/?p=2"),
        ("https://node.example/a?id=1", "https://node.example/a"),
        ("https://node.example/a?a=1&a=2", "https://node.example/a?a=1"),
        ("https://node.example:8080/a", "https://node.example/a"),
        ("https://node.example/seminars#one", "https://node.example/seminars#two"),
        ("https://node.example/#/news/1", "https://node.example/#/news/2"),
        ("https://node.example/a%2Fb", "https://node.example/a/b"),
        ("https://node.example/a?b=%26c", "https://node.example/a?b=&c"),
        ("https://node.example/index.html.txt", "https://node.example/"),
        ("https://blog.node.example/a", "https://node.example/a"),
        ("https://node.example/a?b", "https://node.example/a"),
        ("https://node.example/?new-camera", "https://node.example/?old-camera"),
        ("https://node.example/a?ref=main", "https://node.example/a?ref=dev"),
        ("https://node.example/a?source=12", "https://node.example/a?source=13"),
        ("https://node.example/a?view=print1", "https://node.example/a?view=print2"),
        ("https://node.example/a?page=1", "https://node.example/a?page=2"),
        ("https://node.example/a?q=%E4", "https://node.example/a?q=%FC"),
        ("https://m.example/a", "https://n.example/a"),
        ("https://node.example/a%09b", "https://node.example/ab"),
        ("https://node.example/a?id=1&type=1", "https://node.example/a?id=1&type=2"),
        ("https://node.example/view", "https://node.example/"),
        ("https://node.example/amplifier", "https://node.example/"),
        ("https://node.example/a#comment-17", "https://node.example/a#comment-18"),
        ("https://de.m.node.example/a", "https://fr.m.node.example/a"),
        ("https://lab.m.node.example/a", "https://lab.node.example/a"),
        ("https://node.example/a;id=1", "https://node.example/a;id=2"),
        ("https://node.example/(cells)/a", "https://node.example/a"),
        ("https://node.example/share?url=https%3A%2F%2Felse.example%2Fa", "https://else.example/a"),
        ("https://www.google.com/search?q=https%3A%2F%2Fnode.example%2Fa", "https://node.example/a"),
        ("https://notgoogle.com/url?q=https%3A%2F%2Fnode.example%2Fa", "https://node.example/a"),
        ("https://www.google.com/url?q=node.example%2Fa", "https://node.example/a"),
    ],
)
def test_different_pages_have_different_keys(one: str, other: str) -> None:
    """What may lead to different pages never compares equal; a fragment counts (I2) (I3)."""
    assert canonical(one) != canonical(other)


def test_a_key_knows_its_page() -> None:
    """A fragment is a part of a page (I2)."""
    assert without_fragment(canonical("https://www.node.example/seminars/#one")) == "node.example/seminars"
    assert without_fragment("node.example/a") == "node.example/a"


@given(
    st.sampled_from([form for rule in RULES for forms in rule.same for form in forms]),
    st.sampled_from(
        ["", "/", "/2", "/view", "/print", "/amp", "/feed/", "/index.php", "/en", "?t=1", "&p=2", "?type=98"]
    ),
    st.sampled_from(
        ["", "/1", "/embed", "?id=3", "&v=aB3-_fGhIjk", "#p456", "/@@view", "/t/a-b/12/3", "?q=node/1"]
    ),
)
@law
def test_the_key_of_a_form_is_stable(form: str, one: str, other: str) -> None:
    """The key of a key is itself, whatever follows a form that a rule knows."""
    key = canonical(form + one + other)
    assert canonical(f"https://{key}") == key


HOMES = ("https://www.node.example/feed/", "https://node.example/community")


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example",
        "https://node.example/index.html",
        "https://node.example/news/",
        "https://node.example/en/news",
        "https://node.example/de-AT/aktuelles/",
        "https://node.example/community-integration/newsletter/",
        "https://node.example/newsletters",
        "https://node.example/about/events/",
        "https://node.example/all-news",
        "https://node.example/home-2/",
        "https://node.example/de",
        "https://node.example/feed",
        "https://node.example/en/training",
        "https://node.example/karriere/stellenangebote/",
        "https://node.example/category/jobs/?utm_source=rss",
        "https://node.example/blog/tag/napari",
        "https://node.example/news/page/3/",
        "http://www.node.example/community/",
    ],
)
def test_home_listing_and_newsletter_pages_are_listings(url: str) -> None:
    """A home, listing or newsletter page identifies no entry, nor does the source's page (I1)."""
    assert is_listing(canonical(url), *HOMES, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example/training/live-events",
        "https://node.example/en/news-and-events",
        "https://node.example/training.html",
        "https://node.example/en/upcoming-events.shtml",
        "https://node.example/events.jsp",
        "https://node.example/our-projects",
    ],
)
def test_a_name_of_several_words_may_be_that_of_a_listing(url: str) -> None:
    """Such a page identifies entries only together with their titles (I1)."""
    assert may_be_listing(canonical(url))
    assert not is_listing(canonical(url), *HOMES, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example/news/new-camera",
        "https://node.example/2026/09/news",
        "https://node.example/?p=17",
        "https://node.example/news?id=17",
        "https://node.example/newsletter-2026-09",
        "https://node.example/news/2026/events-of-march",
        "https://node.example/training/confocal-course-in-may",
        "https://node.example/summer-courses",
        "https://node.example/and-more",
        "https://node.example/category-theory-and-cells",
        "https://node.example/news/tag-along-with-a-microscopist",
        "https://node.example/seminars#one",
        "https://node.example/news#camera",
        "https://node.example/a",
        "https://else.example/community",
    ],
)
def test_articles_are_no_listings(url: str) -> None:
    """The page of one item identifies it, and so does a named part of a listing (I2) (I1)."""
    assert not is_listing(canonical(url), *HOMES, None)
    assert not may_be_listing(canonical(url))


@pytest.mark.parametrize(
    "part",
    [
        "/",
        ";",
        "/;",
        "/index.html",
        "/index.html;",
        "?a=",
        "&a",
        "#",
        "%41",
        "www.",
        ":",
        "m.",
        "/t/a-b",
        "/t/1",
        "/viewtopic.php?t=1&p=1",
        "&p=1&start=1",
        "?option=com_content&id=1&",
        "/@a/1",
        "/print",
        "/forum/topic/1",
    ],
)
def test_no_link_takes_long(part: str) -> None:
    """A link of 4,000 characters, the maximum, takes less than 50 ms, and so does a shorter one.

    A document may have 2,000 of them.
    """
    link = "https://forum.node.example" + "/x" + (part * 4_000)[:3_900] + "x"
    begun = time.thread_time()
    canonical(link)
    canonical(link[:480])
    assert time.thread_time() - begun < 0.05


def test_a_checksum_is_no_part_of_an_address() -> None:
    """TYPO3's cHash is another one after the server moved; the news it leads to is the same."""
    one, two = (f"https://node.example/news?tx_news_pi1[news]=42&cHash={n * 32}" for n in "ab")
    assert canonical(one) == canonical(two) != canonical(one.replace("=42", "=43"))


@given(
    st.sampled_from(["http://", "https://"]),
    st.sampled_from(
        ["a.example", "www.a.example", "WWW.A.example", "www.www.a.example", "a.b-c.example", "youtu.be"]
    ),
    st.text("ab/-._~Z0", max_size=24).map(lambda path: f"/{path}"),
)
@law
def test_plain_links_have_the_key_of_all_links(scheme: str, host: str, path: str) -> None:
    """The fast path for plain links gives the key of the general case."""
    assert canonical(scheme + host + path) == canonical(scheme + host + path + "#")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_examples_of_each_rule_hold(rule: UrlRule) -> None:
    """Each rule gives forms of one page one stable key, and other pages other keys (I3)."""
    for forms in rule.same:
        keys = {canonical(form) for form in forms}
        assert len(keys) == 1, keys
        assert canonical(f"https://{(key := keys.pop())}") == key
    for one, other in rule.distinct:
        assert canonical(one) != canonical(other)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_decides_an_example_of_its_own(rule: UrlRule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any rule for software, some forms of each example have different keys."""
    for index in (url_rules.BY_HOST, url_rules.BY_SEGMENT, url_rules.BY_PARAMETER):
        for name in index:
            monkeypatch.setitem(index, name, ())
    forms = [f"{form}{'&' if '?' in form else '?'}uncached=1" for form in rule.same[0]]
    assert len({canonical(form) for form in forms}) > 1
