"""News pages without a feed, by CSS selectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from aggregator.errors import UnreadableDocument
from aggregator.model import Layout, Reading, Verdict
from aggregator.sources import page
from aggregator.stories import normalise
from tests.builders import NOW, source
from tests.stories.test_clean import VECTORS, assert_harmless
from tests.strategies import law, soup

URL = "https://node.example/news/"


def read(body: str | bytes, content_type: str = "text/html; charset=utf-8", **layout: Any) -> Reading:
    """A page read with these selectors; every <article> is an item unless said otherwise."""
    raw = body if isinstance(body, bytes) else body.encode()
    teller = source(kind="page", page=Layout(**{"item": "article"} | layout))
    return page.read(raw, URL, {"content-type": content_type}, teller)


def article(inner: str) -> str:
    """A page with one item."""
    return f"<html><body><article>{inner}</article></body></html>"


def test_the_link_is_the_title_where_no_other_is_named() -> None:
    """Without a `title` selector the text of the link is the title, on one line."""
    (entry,) = read(article("<a href='one'>One\n <b>thing</b></a>")).entries
    assert (entry.title, entry.link) == ("One thing", "https://node.example/news/one")


def test_an_attribute_may_be_taken() -> None:
    """`selector@name` takes an attribute instead of the text, for dates, titles and links."""
    (entry,) = read(
        article(
            "<a class='x' href='/1' title='Whole title'>Whole…</a><time datetime='2026-09-28'>yesterday</time>"
        ),
        title="a@title",
        date="time@datetime",
        link="a.x@href",
    ).entries
    assert (entry.title, entry.published, entry.link) == (
        "Whole title",
        "2026-09-28",
        "https://node.example/1",
    )


def test_the_first_link_that_leads_somewhere_counts() -> None:
    """Links to scripts, mail or nowhere are passed over."""
    (entry,) = read(
        article(
            "<a>no</a><a href='javascript:x()'>no</a><a href='mailto:a@b'>no</a><a href='http://['>no</a>"
            "<a href='/y'>yes</a>"
        ),
        title="a:last-child",
    ).entries
    assert (entry.link, entry.title) == ("https://node.example/y", "yes")


def test_a_summary_is_html_and_other_fields_are_text() -> None:
    """The summary keeps its markup for cleaning; a title keeps its signs."""
    (entry,) = read(
        article("<a href='/1'>1 &lt; 2 &amp; <i>C.</i></a><p>A <b>bold</b> word</p> tail"), summary="p"
    ).entries
    assert (entry.title, entry.title_is_html) == ("1 < 2 & C.", False)
    assert (entry.summary, entry.text_is_html) == ("<p>A <b>bold</b> word</p>", True)


def test_a_block_without_link_or_title_is_no_entry() -> None:
    """What cannot be opened or called is passed over and told, as long as something remains."""
    reading = read(
        "<article><a href='/1'>One</a></article><article>Two</article><article><a href='/3'> </a></article>"
    )
    assert [entry.title for entry in reading.entries] == ["One"]
    assert reading.notes == ("2 of 3 blocks have no link and title of their own",)


def test_two_items_under_one_link_are_two() -> None:
    """I1: items of different titles are different entries even if all of them link to one registration page."""
    reading = read(
        "<article><h2>A</h2><a href='/r'>Register</a></article><article><h2>B</h2><a href='/r'>Register</a></article>",
        title="h2",
    )
    assert [entry.title for entry in reading.entries] == ["A", "B"]


def test_an_item_shown_twice_is_one() -> None:
    """I1: a featured item that is also in the list is one entry, in its first place."""
    one, two = "<article><a href='/1'>One</a></article>", "<article><a href='/2'>Two</a></article>"
    reading = read(one + two + one)
    assert [(entry.position, entry.title) for entry in reading.entries] == [(0, "One"), (1, "Two")]


@pytest.mark.parametrize(
    ("body", "layout", "words"),
    [
        ("<html><body><section>x</section></body></html>", {}, "nothing that `item: article` selects"),
        (article("no link at all"), {}, "none has a title and a link"),
        (article("<a href='/1'>x</a>"), {"title": "h3"}, "none has a title and a link"),
        (article("<a href='/1'>x</a>"), {"link": "b"}, "none has a title and a link"),
        ("", {}, "cannot be read as HTML"),
        ("   ", {}, "cannot be read as HTML"),
    ],
)
def test_no_match_is_a_failure(body: str, layout: dict[str, str], words: str) -> None:
    """A page on which the selectors find nothing has changed its layout; it is never read as "no news"."""
    with pytest.raises(UnreadableDocument, match=words):
        read(body, **layout)


def test_a_date_that_is_nowhere_is_told() -> None:
    """A `date` selector that finds no date in any item is told, and costs no entry."""
    reading = read(article("<a href='/1'>One</a>"), date=".date")
    assert reading.entries[0].published is None
    assert reading.notes == ("`date: .date` finds no date in any item",)


def test_a_source_without_selectors_is_a_failure() -> None:
    """A page source needs selectors; without them the failure says so."""
    with pytest.raises(UnreadableDocument, match="needs selectors"):
        page.read(b"<html></html>", URL, {}, source(kind="page"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (article("<a href='/1'>Größe</a>").encode("latin-1"), "text/html; charset=iso-8859-1"),
        (article("<a href='/1'>Größe</a>").encode("utf-8"), "text/html"),
        (b"\xef\xbb\xbf" + article("<a href='/1'>Größe</a>").encode("utf-8"), "text/html"),
        (b"<meta charset=windows-1252>" + article("<a href='/1'>Größe</a>").encode("cp1252"), "text/html"),
        (article("<a href='/1'>Größe</a>").encode("utf-16"), "text/html"),
        (article("<a href='/1'>Gr&ouml;&szlig;e</a>").encode(), ""),
    ],
)
def test_the_charset_is_found(body: bytes, content_type: str) -> None:
    """Byte order mark, header, <meta>, else UTF-8: an umlaut is an umlaut."""
    assert [entry.title for entry in read(body, content_type).entries] == ["Größe"]


def test_the_page_itself_is_a_listing() -> None:
    """I1: an item that links to the page it stands on is told apart by its title and text."""
    reading = read("<article><a href='/news/'>A</a></article>")
    (item,) = normalise.items(reading, source(url=URL, kind="page"), Verdict(), (), NOW)[0]
    assert [alias.kind for alias in item.aliases] == ["text"]


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_runs_that_came_through_a_page(vector: str) -> None:
    """PB5: a vector inside an item's link and summary is harmless in the item made of it."""
    reading = read(article(f"<a href='/1'>Title</a><div class='s'>{vector}</div>"), summary=".s")
    for item in normalise.items(reading, source(kind="page"), Verdict(), (), NOW)[0]:
        assert_harmless(item.html)
        assert item.link in (
            "https://node.example/1",
            "https://evil.example/1",
        )  # of a <base> that is http(s)


@given(soup)
@law
def test_any_page_is_read_or_refused(dirty: str) -> None:
    """Whatever a page is made of, it has items or is refused in words."""
    try:
        reading = read(article("<a href='/1'>One</a>" + dirty), title="a", summary="p", date="time@datetime")
    except UnreadableDocument:
        return
    assert reading.entries


def test_a_page_of_very_many_items_ends() -> None:
    """A page of 20,000 items gives the first 500 and no more."""
    body = "".join(f"<article><a href='/{n}'>N{n}</a></article>" for n in range(20_000))
    assert len(read(body).entries) == page.MAX_ENTRIES
