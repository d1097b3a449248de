"""News pages without a feed, parsed by CSS selectors."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given

from aggregator.errors import UnreadableDocument
from aggregator.formats import page
from aggregator.items import normalise
from aggregator.model.documents import BREAKS_OFF, ParsedDocument
from aggregator.model.items import IdentityPolicy
from tests.builders import NOW, layout_of, source
from tests.items.test_sanitize import VECTORS, assert_harmless
from tests.strategies import law, soup

URL = "https://node.example/news/"


def read(body: str | bytes, content_type: str = "text/html; charset=utf-8", **layout: Any) -> ParsedDocument:
    """Parse a page with these selectors; every <article> is an item by default."""
    raw = body if isinstance(body, bytes) else body.encode()
    publisher = source(kind="page", page=(layout_of({"item": "article"} | layout),))
    return page.read(raw, URL, {"content-type": content_type}, publisher)


def article(inner: str) -> str:
    """Return a page with one item."""
    return f"<html><body><article>{inner}</article></body></html>"


def test_the_link_is_the_title_where_no_other_is_named() -> None:
    """Without a `title` selector the text of the link is the title, on one line."""
    (entry,) = read(article("<a href='one'>One\n <b>thing</b></a>")).entries
    assert (entry.title, entry.link) == ("One thing", "https://node.example/news/one")


def test_an_attribute_may_be_taken() -> None:
    """`selector@name` takes an attribute for dates, titles and links."""
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


def test_code_is_no_text() -> None:
    """Scripts and style sheets in a block, as in inline images, are part of no title or date."""
    drawing = "<svg><style>.a{fill:red}</style><script>x()</script></svg>"
    inner = f"<a href='/1'>{drawing}News <b>of {drawing}today</b></a> <i>{drawing}5 October 2026</i>"
    (entry,) = read(article(inner), item="article", date="i").entries
    assert (entry.title, entry.published) == ("News of today", "5 October 2026")


def test_a_template_is_no_part_of_a_page() -> None:
    """What scripts may insert later is no entry; declarative shadow trees are shown."""
    inert, shown = article("<a href='/1'>Sample</a>"), article("<a href='/2'>Shown</a>")
    body = f"<template>{inert}</template>{shown}<div><template shadowrootmode=open>{article('<a href=/3>Third</a>')}"
    assert [entry.title for entry in read(body, item="article").entries] == ["Shown", "Third"]


def test_the_first_link_that_leads_somewhere_counts() -> None:
    """Links to scripts, mail addresses or nothing are ignored."""
    (entry,) = read(
        article(
            "<a>no</a><a href='javascript:x()'>no</a><a href='mailto:a@b'>no</a><a href='http://['>no</a>"
            "<a href='/y'>yes</a>"
        ),
        title="a:last-child",
    ).entries
    assert (entry.link, entry.title) == ("https://node.example/y", "yes")


def test_a_summary_is_html_and_other_fields_are_text() -> None:
    """The summary keeps its markup for sanitising; a title keeps its characters."""
    (entry,) = read(
        article("<a href='/1'>1 &lt; 2 &amp; <i>C.</i></a><p>A <b>bold</b> word</p> tail"), summary="p"
    ).entries
    assert (entry.title, entry.title_is_html) == ("1 < 2 & C.", False)
    assert (entry.summary, entry.text_is_html) == ("<p>A <b>bold</b> word</p>", True)


def test_a_block_without_link_or_title_is_no_entry() -> None:
    """Blocks without a link or title are ignored with a note if entries remain."""
    reading = read(
        "<article><a href='/1'>One</a></article><article>Two</article><article><a href='/3'> </a></article>"
    )
    assert [entry.title for entry in reading.entries] == ["One"]
    assert reading.notes == ("2 of 3 blocks without a link and title of their own",)


def test_two_items_under_one_link_are_two() -> None:
    """Items with different titles are different entries even with one common link (I1)."""
    reading = read(
        "<article><h2>A</h2><a href='/r'>Register</a></article><article><h2>B</h2><a href='/r'>Register</a></article>",
        title="h2",
    )
    assert [entry.title for entry in reading.entries] == ["A", "B"]


def test_an_item_shown_twice_is_one() -> None:
    """A featured item that is also in the list is one entry, at its first position (I1)."""
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
    """A page on which selectors find nothing raises an error, so that it never means "no news"."""
    with pytest.raises(UnreadableDocument, match=words):
        read(body, **layout)


def test_a_missing_date_is_reported() -> None:
    """A `date` selector that finds no date is noted, and the entries are kept."""
    reading = read(article("<a href='/1'>One</a>"), date=".date")
    assert reading.entries[0].published is None
    assert reading.notes == ("`date: .date` finds no date in any item",)


def test_a_source_without_selectors_is_a_failure() -> None:
    """A page source without selectors raises an error that names them."""
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
    """A page is decoded by byte order mark, header, <meta>, else UTF-8."""
    assert [entry.title for entry in read(body, content_type).entries] == ["Größe"]


@pytest.mark.parametrize(
    ("body", "breaks_off"),
    [
        ("<body><main><article><a href=/1>One</a><p>Words that sto", True),
        ("<div><article><a href=/1>One</a></article><article><a href=/2>Two</a><p>Words</p><p cla", True),
        ("<main><article><a href=/1>One</a></article><footer>Ab", False),
        ("<main><article><a href=/1>One</a><p>Words<li>x</article></main>", False),
        ("<article><a href=/1>One</a><p>Words</body>", False),
        ("<article><a href=/1>One</a></article> the en", False),
    ],
)
def test_a_page_that_breaks_off_within_an_item_says_so(body: str, breaks_off: bool) -> None:
    """Its last item is then no edit; end tags that may be omitted prove nothing (HTML)."""
    assert (BREAKS_OFF in read(body).notes) is breaks_off


def test_the_page_itself_is_a_listing() -> None:
    """An item that links to its own page is identified by title and text (I1)."""
    reading = read("<article><a href='/news/'>A</a></article>")
    (item,) = normalise.items_of(reading, source(url=URL, kind="page"), IdentityPolicy(), (), NOW)[0]
    assert [alias.kind for alias in item.aliases] == ["text"]


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_runs_that_came_through_a_page(vector: str) -> None:
    """A hostile string in link or summary is harmless in the item (PB5)."""
    reading = read(article(f"<a href='/1'>Title</a><div class='s'>{vector}</div>"), summary=".s")
    for item in normalise.items_of(reading, source(kind="page"), IdentityPolicy(), (), NOW)[0]:
        assert_harmless(item.html)
        assert item.link in (
            "https://node.example/1",
            "https://evil.example/1",
        )  # of a <base> that is http(s)


@given(soup)
@law
def test_any_page_is_read_or_refused(dirty: str) -> None:
    """Any page has entries or raises UnreadableDocument."""
    try:
        reading = read(article("<a href='/1'>One</a>" + dirty), title="a", summary="p", date="time@datetime")
    except UnreadableDocument:
        return
    assert reading.entries


def test_a_page_of_very_many_items_ends() -> None:
    """Of 20,000 items the first 500 are taken."""
    body = "".join(f"<article><a href='/{n}'>N{n}</a></article>" for n in range(20_000))
    assert len(read(body).entries) == page.MAX_ENTRIES


# --- several selectors, several layouts ------------------------------------------------------------------


def dated(body: str, *dates: str) -> list[str | None]:
    """List the dates of the items by these selectors."""
    return [entry.published for entry in read(body, date=list(dates)).entries]


def test_of_several_selectors_the_first_that_finds_something_counts() -> None:
    """Link, title, date and summary may be lists that are tried in order for each item."""
    body = (
        "<article><h2>A</h2><a class=x href=/1>more</a><time datetime=2026-09-28>x</time><p>one</p></article>"
        "<article><h3>B</h3><a href=/2>more</a><span class=d>5 May 2026</span><div class=s>two</div></article>"
    )
    reading = read(
        body, link=["a.x", "a"], title=["h2", "h3"], date=["time@datetime", ".d"], summary=["p", ".s"]
    )
    assert [(e.link, e.title, e.published) for e in reading.entries] == [
        ("https://node.example/1", "A", "2026-09-28"),
        ("https://node.example/2", "B", "5 May 2026"),
    ]
    assert [e.summary for e in reading.entries] == ["<p>one</p>", '<div class="s">two</div>']


def test_a_selector_that_finds_no_date_gives_way_to_one_that_does() -> None:
    """A match that is no date is skipped if a later match is one."""
    body = article("<a href='/1'>One</a><i class=d>News</i><i class=d>yesterday</i><b class=e>28.09.2026</b>")
    assert dated(body, ".d", ".e") == ["28.09.2026"]


def test_a_date_is_cut_out_of_longer_text() -> None:
    """Only the date is taken, without the words around it."""
    words = "word " * 300
    body = article(
        f"<a href='/1'>One</a><div class=d>{words} Published: June 5, 2026 Board UK Node {words}</div>"
    )
    assert dated(body, ".d") == ["June 5, 2026"]


def test_a_time_element_is_read_by_its_attribute_first() -> None:
    """`time` without an attribute means its `datetime` if that is a date, else its text."""
    body = (
        "<article><a href='/1'>1</a><time datetime='2026-09-28T10:15Z'>last week</time></article>"
        "<article><a href='/2'>2</a><time datetime='P2D'>28 September 2026</time></article>"
    )
    assert dated(body, "time") == ["2026-09-28T10:15Z", "28 September 2026"]


def test_all_layouts_are_applied_in_the_order_of_the_page() -> None:
    """Several layouts give one list; for one block the first layout with an entry counts."""
    body = (
        "<div class=card><b>C</b><a href=/1>x</a></div><article><h3>A</h3><a href=/2>y</a></article>"
        "<div class='card old'><i>O</i><a href=/3>z</a></div>"
    )
    layouts = (
        layout_of({"item": ".card", "title": "b"}),
        layout_of({"item": "article", "title": "h3"}),
        layout_of({"item": ".old", "title": "i"}),
    )
    reading = page.read(body.encode(), URL, {}, source(kind="page", page=layouts))
    assert [(e.position, e.title) for e in reading.entries] == [(0, "C"), (1, "A"), (2, "O")]


def test_a_layout_that_selects_nothing_is_reported() -> None:
    """One of several layouts may find nothing while others succeed; a note names it."""
    layouts = (layout_of({"item": "article"}), layout_of({"item": ".gone"}))
    reading = page.read(article("<a href='/1'>One</a>").encode(), URL, {}, source(kind="page", page=layouts))
    assert reading.notes == ("`item: .gone` selects nothing any more; other layouts of the page serve",)


# --- blocks in blocks ------------------------------------------------------------------------------------


def test_a_teaser_inside_an_item_lends_it_nothing() -> None:
    """Date, title and summary of an inner block never belong to an outer entry."""
    body = (
        "<div class=item><div class=item><h3>Teaser</h3><a href=/t>t</a><i>3 May 2026</i><p>small</p></div>"
        "<h3>News</h3><a href=/n>n</a><p>large</p></div>"
    )
    reading = read(body, item=".item", title="h3", date="i", summary="p")
    assert [(e.title, e.link, e.published, e.summary) for e in reading.entries] == [
        ("News", "https://node.example/n", None, "<p>large</p>"),
        ("Teaser", "https://node.example/t", "3 May 2026", "<p>small</p>"),
    ]


def test_a_block_inside_that_is_no_entry_owns_nothing() -> None:
    """A nested block without a link of its own is part of the outer item."""
    body = "<div class=item><a href=/n>News</a><div class=item><i>3 May 2026</i></div></div>"
    assert [e.published for e in read(body, item=".item", date="i").entries] == ["3 May 2026"]


def test_flat_pages_are_read_beside_the_item() -> None:
    """A selector that begins with + is searched in the siblings up to the next item."""
    body = (
        "<dl><dt>5 May 2026</dt><dd><a href=/1>One</a></dd><dd>text</dd>"
        "<dt>4 May 2026</dt><dt>3 May 2026</dt><dd><a href=/3>Three</a></dd></dl>"
    )
    reading = read(body, item="dt", link="+ dd a", date="dt", summary="+ dd:not(:has(a))")
    assert [(e.title, e.link, e.published) for e in reading.entries] == [
        ("One", "https://node.example/1", "5 May 2026"),
        ("Three", "https://node.example/3", "3 May 2026"),
    ]
    assert reading.entries[0].summary == "<dd>text</dd>"


# --- what the page says to machines ----------------------------------------------------------------------


def json_ld(data: object) -> str:
    """Return a script element with this data."""
    return f"<script type='application/ld+json'>{json.dumps(data)}</script>"


NEWS = {"@type": "NewsArticle", "url": "/1", "headline": "One", "datePublished": "2026-09-28T10:15:00Z"}


@pytest.mark.parametrize(
    "data",
    [
        NEWS,
        [NEWS],
        {"@context": "https://schema.org", "@graph": [{"@type": "WebSite"}, NEWS]},
        {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "position": 1, "item": NEWS}]},
        {"@type": "Blog", "blogPost": [NEWS | {"@type": ["BlogPosting"], "url": "https://node.example/1/"}]},
        {"@type": "CollectionPage", "mainEntity": {"hasPart": [NEWS | {"url": None, "@id": "/1"}]}},
        NEWS | {"url": None, "mainEntityOfPage": {"@id": "http://www.node.example/1#x"}},
    ],
)
def test_json_ld_fills_in_what_selectors_do_not_find(data: object) -> None:
    """JSON-LD at any depth dates the item with the same link."""
    (entry,) = read("<article><a href='/1'>One</a></article>" + json_ld(data)).entries
    assert entry.published == "2026-09-28T10:15:00Z"


def test_a_selected_date_goes_before_json_ld() -> None:
    """The visible date precedes JSON-LD, unless it is no date."""
    body = "<article><a href='/1'>One</a><i>DATE</i></article>" + json_ld(NEWS)
    assert dated(body.replace("DATE", "3 May 2026"), "i") == ["3 May 2026"]
    assert dated(body.replace("DATE", "yesterday"), "i") == ["2026-09-28T10:15:00Z"]


def test_structured_data_may_be_all_there_is() -> None:
    """With `structured: true` JSON-LD gives entries; events state when and where."""
    event = {
        "@type": "EducationEvent",
        "name": "Course",
        "url": "/2",
        "startDate": "2026-11-05",
        "endDate": "2026-11-06",
        "location": {"@type": "Place", "name": "EMBL", "address": {"addressLocality": "Heidelberg"}},
        "description": "Two days.",
    }
    reading = read("<body>" + json_ld([NEWS, event, {"@type": "Event"}]), item="", structured=True)
    assert [(e.title, e.link, e.kind) for e in reading.entries] == [
        ("One", "https://node.example/1", "news"),
        ("Course", "https://node.example/2", "event"),
    ]
    assert reading.entries[1].summary == (
        "When: 2026-11-05 – 2026-11-06 · Where: EMBL, Heidelberg · Two days."
    )


@pytest.mark.parametrize(
    "script", ["{", "[[[[", "<!--{}-->", "null", '{"@type": 5}', '{"@type": "Event", "url": []}']
)
def test_injured_json_ld_costs_nothing(script: str) -> None:
    """Scripts that are no JSON, or another form of it, are ignored."""
    body = f"<article><a href='/1'>One</a></article><script type='application/ld+json'>{script}</script>"
    assert [e.title for e in read(body).entries] == ["One"]


def test_deep_json_ld_ends() -> None:
    """Data of unlimited depth is searched only to a limit."""
    deep = '{"a":' * 100_000
    assert read(
        article("<a href='/1'>One</a>") + f"<script type='application/ld+json'>{deep}</script>"
    ).entries


# --- what is wrong, in words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<title>Just a moment...</title><p>x", "a bot wall stands before it (Cloudflare)"),
        (
            "<title>News</title><div id=app></div><script src=a></script><script src=b></script>",
            "filled in by scripts",
        ),
        ("<title>News</title><p>" + "words " * 100, "its layout has probably changed"),
    ],
)
def test_nothing_selected_says_the_probable_reason(body: str, words: str) -> None:
    """A bot wall, a page made by scripts and a changed layout have different reasons."""
    with pytest.raises(UnreadableDocument, match=re.escape(words)):
        read(body)


def test_texts_that_are_no_dates_are_reported() -> None:
    """A note shows an example of text that is no date, or how few dates were found."""
    some = "<article><a href='/{0}'>{0}</a><i>{1}</i></article>"
    body = "".join(some.format(n, "3 May 2026" if n == 1 else "yesterday") for n in range(1, 6))
    assert read(body, date="i").notes == (
        "`date: i` finds a date in 1 of 5 items, only words such as 'yesterday'",
    )
    assert read(some.format(2, "soon"), date="i").notes == (
        "`date: i` finds no date in any item, only words such as 'soon'",
    )


@pytest.mark.parametrize(
    ("now", "before", "is_drop"),
    [
        (10, 10, False),
        (12, 10, False),
        (6, 10, False),
        (5, 10, True),
        (1, 6, True),
        (1, 5, False),
        (0, 0, False),
    ],
)
def test_half_of_the_items_at_once_is_a_sudden_drop(now: int, before: int, is_drop: bool) -> None:
    """Losing half of at least six items is a changed layout; losing fewer is not."""
    assert (page.loss_reason(now, before) is not None) == is_drop


# --- the next page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "selector", "link"),
    [
        ("<link rel=next href='?page=2'>", None, "https://node.example/news/?page=2"),
        (
            "<a rel='nofollow next' href='/news/page/2/#top'>older</a>",
            None,
            "https://node.example/news/page/2/",
        ),
        ("<a rel=next href='https://www.node.example/news/2'>", None, "https://www.node.example/news/2"),
        ("<a rel=next href='https://evil.example/'>", None, None),
        ("<a rel=next href='#'>", None, None),
        ("<a rel=next href='javascript:x()'>", None, None),
        ("<a class=older href='/2'>", None, None),
        ("<a class=older href='/2'>", ".older", "https://node.example/2"),
        ("<b class=older data-href='/2'>", ".older@data-href", "https://node.example/2"),
        ("<link rel=next href='/3'><a class=older href='/2'>", ".older", "https://node.example/2"),
    ],
)
def test_the_next_page_is_selected_or_declared(body: str, selector: str | None, link: str | None) -> None:
    """`next:` or rel=next gives the page with older items, never another host or the same page."""
    layout = layout_of({"item": "article"} | ({"next": selector} if selector else {}))
    publisher = source(kind="page", page=(layout,))
    assert page.next_page(f"<html>{body}</html>".encode(), URL, publisher) == link
