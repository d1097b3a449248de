"""URLs of documents with older entries (G1)."""

from __future__ import annotations

import pytest

from aggregator.formats import older_pages
from aggregator.model.config import Layout
from tests.builders import rss, source

AT = "https://node.example/feed/"
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{}<entry><id>1</id></entry></feed>'


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        (
            "feed",
            ATOM.format('<link rel="prev-archive" href="/archive/3"/>'),
            "https://node.example/archive/3",
        ),
        ("feed", ATOM.format('<link href="?page=2&amp;x=1" rel="next"/>'), AT + "?page=2&x=1"),
        ("feed", ATOM.format('<link rel="self" href="/feed/"/>'), None),
        ("feed", ATOM.format('<link rel="next" href="https://other.example/2"/>'), None),
        ("feed", ATOM.format('<link rel="next" href="/feed/"/>'), None),
        ("feed", rss(head="<generator>https://wordpress.org/?v=6.5</generator>").decode(), AT + "?paged=2"),
        ("feed", rss(head="<generator>Hugo</generator>").decode(), None),
        ("feed", '{"items": [], "next_url": "/2"}', "https://node.example/2"),
        ("jsonfeed", '{"items": [], "next_url": 7}', None),
        ("jsonfeed", "[" * 100_000, None),
        (
            "zenodo",
            '{"hits": {}, "links": {"next": "/api/records?page=2"}}',
            "https://node.example/api/records?page=2",
        ),
        ("zenodo", '{"hits": {}, "links": []}', None),
        ("wordpress", "[]", AT + "?page=2"),
        ("page", "<a rel=next href=/news/2>older</a>", "https://node.example/news/2"),
        ("page", "", None),
        ("ical", "BEGIN:VCALENDAR", None),
    ],
)
def test_older_entries_are_where_the_document_says(kind: str, body: str, found: str | None) -> None:
    """Older documents are found by RFC 5005, next_url, page numbers, rel=next; on the same host."""
    layouts = (Layout(item="article"),) if kind == "page" else ()
    assert older_pages.older_url(body.encode(), AT, source(kind=kind, page=layouts)) == found


def test_counting_goes_on() -> None:
    """The next number follows the present one; invalid numbers start again."""
    wordpress = source(kind="wordpress")
    assert older_pages.older_url(b"[]", AT + "?per_page=20&page=2", wordpress) == AT + "?per_page=20&page=3"
    assert older_pages.older_url(b"[]", AT + "?page=x", wordpress) == AT + "?page=2"
