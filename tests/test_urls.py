"""URLs in foreign texts are read as browsers read them, without exceptions."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import urls
from aggregator.items.canonical_urls import canonical
from aggregator.urls import join, web_link
from tests import strategies
from tests.strategies import law


@given(strategies.urls)
@law
def test_a_web_link_is_stable(url: str) -> None:
    """A link stays as written except for encoded characters, and is read again as itself."""
    link = web_link(url)
    assert link is not None
    assert link.isascii() and " " not in link
    assert urlsplit(link).hostname
    assert web_link(link) == link


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ("https://node.example/a?b=c#d", "https://node.example/a?b=c#d"),
        ("HTTP://Node.example/", "http://Node.example/"),
        (" https://node.example/a\n\tb ", "https://node.example/ab"),
        ("ht\ntps://node.\texample/", "https://node.example/"),
        ("\x00\x1f https://node.example/ \x00", "https://node.example/"),
        ("https:\\\\node.example\\a?b\\c", "https://node.example/a?b%5Cc"),
        ("https://例え.jp：８０８０/a", "https://xn--r8jz45g.jp:8080/a"),
        ("https://例え。jp／a", "https://xn--r8jz45g.jp/a"),
        ("https://Müller.example/x", "https://xn--mller-kva.example/x"),
        ("https://m%C3%BCller.example:8443/x", "https://xn--mller-kva.example:8443/x"),
        ("https://xn--mller-kva.example/x", "https://xn--mller-kva.example/x"),
        ("https://straße.example/straße", "https://xn--strae-oqa.example/stra%C3%9Fe"),
        (f"https://{'é' * 80}.example/", f"https://{'%C3%A9' * 80}.example/"),
        ("https://é%40else.example/", "https://%C3%A9%40else.example/"),
        ("https://node.example/a：b", "https://node.example/a%EF%BC%9Ab"),
        ("https://node.example＠else.example/", None),
        ("http://ex℀mple.org/x", None),
        ("http://[x", None),
        ("http://[::1]:80:90/", None),
        ("http://node.example:8o80/", None),
        ("http://node.example:-1/", None),
        ("http://node.example:" + "9" * 5_000 + "/", None),
        ("https://node.example/a b", "https://node.example/a%20b"),
        ('https://node.example/"><script>', "https://node.example/%22%3E%3Cscript%3E"),
        ("https://node.example/ä?q=ö", "https://node.example/%C3%A4?q=%C3%B6"),
        ("https://node.example/%C3%A4", "https://node.example/%C3%A4"),
        (None, None),
        ("", None),
        ("node.example/a", None),
        ("//node.example/a", None),
        ("/a", None),
        ("javascript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("mailto:a@node.example", None),
        ("file:///etc/passwd", None),
        ("https://", None),
        ("https:///a", None),
        ("https://[broken/", None),
        ("https://node.example:port/", None),
        ("https://node.example:99999/", None),
    ],
)
def test_only_web_addresses_are_links(written: str | None, link: str | None) -> None:
    """Only an absolute http or https URL is a link; other characters are encoded (PB5)."""
    assert web_link(written) == link


def test_both_ways_to_write_a_host_are_one_link() -> None:
    """Partners that write the host of a page in Unicode and as in DNS link the same page (I3)."""
    links = {
        web_link(f"https://{host}/x?a=1")
        for host in ("müller.example", "MÜLLER.example", "xn--mller-kva.example")
    }
    assert len({canonical(link or "") for link in links}) == 1


@pytest.mark.parametrize(
    ("base", "written", "link"),
    [
        ("https://node.example/news/", "a", "https://node.example/news/a"),
        ("https://node.example/news/", " /a ", "https://node.example/a"),
        ("https://node.example/news/", "//else.example/b", "https://else.example/b"),
        ("https://node.example/news/", "https://else.example/b", "https://else.example/b"),
        ("https://node.example/news/", "/a\n/b\tc", "https://node.example/a/bc"),
        ("https://node.example/news/", "a  b", "https://node.example/news/a%20%20b"),
        ("https://node.example/news/", "\\\\else.example\\b", "https://else.example/b"),
        ("https://node.example/news/", "//例え.jp：8080/b", "https://xn--r8jz45g.jp:8080/b"),
        ("https://例え.jp:8080/news/", "b", "https://xn--r8jz45g.jp:8080/news/b"),
        ("https://node.example/news/", "/a//b：c", "https://node.example/a//b%EF%BC%9Ac"),
        ("https://node.example/news/", "javascript:x()", None),
        ("https://node.example/news/", "http://[broken", None),
        ("http://[broken/", "a", None),
        ("https://node.example/news/", "", None),
        ("https://node.example/news/", None, None),
        ("https://node.example/news/", 7, None),
    ],
)
def test_a_link_is_joined_to_its_base_or_none(base: str, written: object, link: str | None) -> None:
    """A link that cannot be joined to its base is None, never an exception (L2)."""
    assert join(base, written) == link


@pytest.mark.parametrize("name", ["bücher.example", "straße.example", "例え。jp", "news.example"])
def test_a_host_of_the_configuration_is_written_as_in_links(name: str) -> None:
    """Headers and messages name the host of the site as links to it do (RFC 5891)."""
    assert urls.ascii_url(f"https://{name}/a/") == web_link(f"https://{name}/a/")


def test_origins() -> None:
    """An origin has scheme, host and port but no credentials (RFC 9309 2.3)."""
    assert urls.origin("https://a:b@node.example:8443/x?y") == "https://node.example:8443"
    assert urls.origin("HTTPS://Node.example:443/") == urls.origin("https://node.example/x")
    assert urls.origin("http://[::1]:8080/") == "http://[::1]:8080"
    assert urls.origin("http://[x") == ""


@given(strategies.addresses, strategies.addresses)
@law
def test_any_text_is_accepted(text: str, other: str) -> None:
    """Every function accepts any text, and every resulting link is a valid one."""
    found = [urls.host(text), urls.origin(text), urls.path(text), urls.port(text)]
    assert bool(found[0]) == bool(found[1]) == (urls.parse(text) is not None)
    for link in (web_link(text), join(text, other), join("https://node.example/", text)):
        assert link is None or (link.isascii() and urlsplit(link).hostname and web_link(link) == link)


@given(st.from_regex(urls._PLAIN, fullmatch=True))
@law
def test_a_plain_address_is_what_joining_makes_of_it(address: str) -> None:
    """An address that is returned as written is the same when it is read, joined and quoted."""
    assert join("https://node.example/a/", address) == address
    assert web_link(urljoin("https://node.example/a/", address)) == address
