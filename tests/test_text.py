"""Strings of foreign documents made legal, and links made absolute."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.text import block, joined, legal, line, web_link
from tests.strategies import law, urls


@given(st.text())
@law
def test_legal_text_is_xml(text: str) -> None:
    """PB5: XML 1.0 can have every character that is left; what is legal stays as it is."""
    kept = legal(text)
    etree.Element("a").text = kept  # lxml raises ValueError for any other character
    assert legal(kept) == kept
    assert set(kept) <= set(text)


def test_what_a_terminal_obeys_is_gone() -> None:
    """PB5: controls, C1 controls, lone surrogates and non-characters go; tabs, line ends and emoji stay."""
    assert legal("a\x00\x07\x1b\x7f\x85\x9b\ud800\ufffe\uffffb") == "ab"
    assert legal("a\t\n\r\xa0ß\u2028😀") == "a\t\n\r\xa0ß\u2028😀"


def test_what_turns_text_round_is_gone() -> None:
    """Bidi embeddings, overrides and isolates go, or a title would reverse what is shown behind it; marks of
    direction and letters written from right to left stay.
    """
    assert legal("a\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b") == "ab"
    assert legal("שלום\u200f\u200e\u061c, مرحبا") == "שלום\u200f\u200e\u061c, مرحبا"


@given(st.text(), st.integers(1, 50))
@law
def test_a_line_is_one_line(text: str, limit: int) -> None:
    """A line has no line break, no blanks at its ends, is never longer than allowed, and is None rather than empty."""
    made = line(text, limit)
    assert made is None or (0 < len(made) <= limit and made == made.strip() and len(made.splitlines()) == 1)


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, b"bytes", "", " \n\t", "\x00"])
def test_what_is_no_text_is_none(value: object) -> None:
    """Anything empty or not a string is None, whatever a document put there."""
    assert line(value) is None
    assert block(value) is None


def test_a_block_keeps_its_lines() -> None:
    """A text keeps line breaks and inner blanks, and is cut at its limit."""
    assert block("  a\n\n b\x00 ") == "a\n\n b"
    assert block("x" * 30, 20) == "x" * 20


@given(urls)
@law
def test_a_web_link_is_a_link_as_it_is(url: str) -> None:
    """A link is published as it was written, but for characters that no URL may have; a second look changes nothing."""
    link = web_link(url)
    assert link is not None
    assert link.isascii() and " " not in link
    assert urlsplit(link).hostname
    assert web_link(link) == link


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ("https://node.example/a?b=c#d", "https://node.example/a?b=c#d"),
        ("HTTP://Node.example/", "HTTP://Node.example/"),
        (" https://node.example/a\n\tb ", "https://node.example/ab"),
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
    """PB5: an absolute http or https URL is a link, with what no URL may have encoded; anything else is none."""
    assert web_link(written) == link


@pytest.mark.parametrize(
    ("base", "written", "link"),
    [
        ("https://node.example/news/", "a", "https://node.example/news/a"),
        ("https://node.example/news/", " /a ", "https://node.example/a"),
        ("https://node.example/news/", "//else.example/b", "https://else.example/b"),
        ("https://node.example/news/", "https://else.example/b", "https://else.example/b"),
        ("https://node.example/news/", "javascript:x()", None),
        ("https://node.example/news/", "http://[broken", None),
        ("http://[broken/", "a", None),
        ("https://node.example/news/", "", None),
        ("https://node.example/news/", None, None),
        ("https://node.example/news/", 7, None),
    ],
)
def test_a_link_is_joined_to_its_base_or_none(base: str, written: object, link: str | None) -> None:
    """L2: neither a base nor a link that cannot be read raises; what leads to no web address is no link."""
    assert joined(base, written) == link
