"""JSON Feed 1.0 and 1.1: ids, numbers, limits and arbitrary members."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.errors import UnreadableDocument
from aggregator.formats import jsonfeed
from aggregator.items import normalise
from aggregator.model.documents import ParsedDocument
from aggregator.model.items import IdentityPolicy
from tests.builders import NOW, source
from tests.items.test_sanitize import VECTORS, assert_harmless
from tests.strategies import law

VERSION = "https://jsonfeed.org/version/1.1"


def read(*items: Any, **members: Any) -> ParsedDocument:
    """Parse a JSON Feed of these items."""
    body = json.dumps({"version": VERSION, "items": items} | members).encode()
    return jsonfeed.read(body, "https://node.example/feed.json", {}, source())


@pytest.mark.parametrize(
    ("body", "json_feed"),
    [
        (b'{"items": []}', True),
        (b' \n\t{"items": []}', True),
        (b'\xef\xbb\xbf\n{"items": []}', True),
        (b"[1]", False),
        (b"<rss/>", False),
        (b"", False),
    ],
)
def test_json_is_recognised_by_its_first_character(body: bytes, json_feed: bool) -> None:
    """A body that begins with a brace, after blanks and a byte order mark, is JSON."""
    assert jsonfeed.is_json(body) is json_feed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"items": {}}',
        b'{"items": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_feed_is_refused(body: bytes) -> None:
    """JSON that is cut off, too deep or without a list of items raises UnreadableDocument."""
    with pytest.raises(UnreadableDocument, match="JSON"):
        jsonfeed.read(body, "https://node.example/feed.json", {}, source())


@pytest.mark.parametrize(
    ("written", "guid"),
    [
        ("x", "x"),
        (17, "17"),
        (2.5, "2.5"),
        (10**30, "1" + "0" * 30),
        (-(10**399), "-1" + "0" * 399),
        (True, None),
        (None, None),
        ("", None),
        (["x"], None),
    ],
)
def test_ids_are_strings_or_numbers(written: object, guid: str | None) -> None:
    """An id is a string or a number; other values are no id (JSON Feed 1.1)."""
    assert read({"id": written}).entries[0].guid == guid


@pytest.mark.parametrize("digits", [401, 4_301, 100_000])
def test_an_id_of_thousands_of_digits_costs_nothing_but_itself(digits: int) -> None:
    """A number longer than Python converts (4,300 digits) becomes text, and entries are kept."""
    body = f'{{"version": "{VERSION}", "items": [{{"id": {"7" * digits}, "title": "a"}}, {{"id": 1}}]}}'
    first, second = jsonfeed.read(body.encode(), "https://node.example/feed.json", {}, source()).entries
    assert (first.guid, first.title, second.guid) == ("7" * min(digits, 2_000), "a", "1")


def test_numbers_with_a_point_are_ids_as_written() -> None:
    """1e999 and 1.10 stay text: as floats they would be infinite, or lose a zero."""
    body = b'{"items": [{"id": 1e999}, {"id": 1.10}, {"id": -0.0}, {"id": NaN}, {"id": Infinity}]}'
    entries = jsonfeed.read(body, "https://node.example/feed.json", {}, source()).entries
    assert [entry.guid for entry in entries] == ["1e999", "1.10", "-0.0", None, None]


@pytest.mark.parametrize("depth", [50, 500])
def test_members_nested_deeply_are_passed_over(depth: int) -> None:
    """Nested values of extensions are ignored, also in members that should be texts."""
    nest = "[" * depth + "]" * depth
    body = f'{{"_x": {nest}, "items": [{{"id": "1", "title": {nest}, "tags": [{nest}], "_y": {nest}}}]}}'
    (entry,) = jsonfeed.read(body.encode(), "https://node.example/feed.json", {}, source()).entries
    assert (entry.guid, entry.title, entry.categories) == ("1", "", ())


def test_authors_of_both_versions() -> None:
    """Authors are in `authors` (1.1) or `author` (1.0), of the item or else of the feed."""
    reading = read(
        {"authors": [{"name": "A"}, {"url": "u"}, "B"], "author": {"name": "old"}},
        {"author": {"name": "C"}},
        {"author": "D"},
    )
    assert [entry.authors for entry in reading.entries] == [("A",), ("C",), ()]
    for member in ({"authors": [{"name": "Feed"}]}, {"author": {"name": "Feed"}}):
        reading = read({"author": {"name": "C"}}, {}, **member)
        assert [entry.authors for entry in reading.entries] == [("C",), ("Feed",)]


def test_html_goes_before_text_and_text_before_summary() -> None:
    """The text is the first of content_html, content_text and summary; only HTML is HTML."""
    reading = read(
        {"content_html": "<p>H</p>", "content_text": "T", "summary": "S"},
        {"content_text": "T", "summary": "S"},
        {"summary": "S"},
    )
    said = [(entry.content or entry.summary, entry.text_is_html) for entry in reading.entries]
    assert said == [("<p>H</p>", True), ("T", False), ("S", False)]


def test_titles_are_text() -> None:
    """A title is plain text and contains no markup (JSON Feed 1.1)."""
    (item,) = normalise.items_of(
        read({"id": "1", "title": "<b>1 &lt; 2</b>"}), source(), IdentityPolicy(), (), NOW
    )[0]
    assert item.title == "<b>1 &lt; 2</b>"


def test_an_enclosure_has_a_size_or_none() -> None:
    """A size is a number of bytes, never a boolean, string or negative number."""
    sizes = (5, 0, -1, True, "7", 1.5, None, 10**18)
    reading = read({"attachments": [{"url": f"/{n}", "size_in_bytes": size} for n, size in enumerate(sizes)]})
    found = [enclosure.length for enclosure in reading.entries[0].enclosures]
    assert [repr(length) for length in found] == ["5", "0", *["None"] * 6]


def test_faults_are_reported() -> None:
    """A document without a version or with more than 2,000 items gets a note."""
    assert read(version=None).notes == ("no JSON Feed version given",)
    assert any("2001 entries" in note for note in read(*[{"id": n} for n in range(2_001)]).notes)
    assert read().notes == ()


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_runs_that_came_through_a_json_feed(vector: str) -> None:
    """A hostile string in any member is harmless in the item (PB5)."""
    members = dict.fromkeys(("id", "url", "title", "content_html", "summary"), vector)
    (item,) = normalise.items_of(read(members), source(), IdentityPolicy(), (), NOW)[0]
    assert_harmless(item.html)
    assert item.link is None or item.link.startswith("https://node.example/")


_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("http://[")
    | st.just("2026-09-28"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "url", "items"]), inner, max_size=3)
    ),
    max_leaves=5,
)
_members = st.sampled_from(
    "id url title content_html content_text summary date_published date_modified author authors tags"
    " attachments language".split()
)


@given(st.lists(_anything | st.dictionaries(_members, _anything, max_size=5), max_size=4), _anything)
@law
def test_any_json_is_read(items: list[Any], odd: Any) -> None:
    """Any object in `items` becomes an item without an exception."""
    reading = read(*items, title=odd, language=odd, home_page_url=odd, feed_url=odd, version=odd)
    assert len(reading.entries) == sum(isinstance(item, dict) for item in items)
    normalise.items_of(reading, source(), IdentityPolicy(), (), NOW)


@pytest.mark.parametrize(
    ("members", "link"),
    [
        ({"url": "/1", "external_url": "https://else.example/"}, "https://node.example/1"),
        ({"url": None, "external_url": "https://else.example/"}, "https://else.example/"),
        ({"url": "javascript:x", "external_url": "data:text/html,x"}, None),
        ({"id": "https://node.example/1"}, "https://node.example/1"),
        ({"id": "https://node.example/" + "1" * 3_000}, "https://node.example/" + "1" * 3_000),
        ({"id": "/1"}, None),
    ],
)
def test_an_item_without_url_has_the_next_best_link(members: dict[str, Any], link: str | None) -> None:
    """An item without `url` has its `external_url` as link, else an id that is a URL."""
    assert read({"id": "1", "content_text": "T"} | members).entries[0].link == link
