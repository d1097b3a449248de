"""Zenodo and WordPress: unusual members and arbitrary JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.errors import UnreadableDocument
from aggregator.formats import wordpress, zenodo
from aggregator.formats.parsers import PARSERS
from tests.builders import source
from tests.strategies import law

URL = "https://node.example/api"

_leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10))
_names = st.sampled_from(
    "hits metadata title description creators name person_or_org keywords publication_date created id doi pids"
    " links self_html parent rendered guid link content excerpt date_gmt date _embedded author wp:term slug".split()
)
anything = st.recursive(
    _leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=5)),
)


@pytest.mark.parametrize("kind", ["zenodo", "wordpress"])
@given(data=anything)
@law
def test_any_json_is_read_or_refused(kind: str, data: Any) -> None:
    """Any JSON of an API is parsed or refused with a reason."""
    for body in (data, [data], {"hits": {"hits": [data]}}):
        try:
            PARSERS[kind](json.dumps(body).encode(), URL, {}, source(kind=kind), ())
        except UnreadableDocument:
            continue


@pytest.mark.parametrize("kind", ["zenodo", "wordpress"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(kind: str, body: bytes) -> None:
    """A web page, or deeply nested brackets, raise UnreadableDocument."""
    with pytest.raises(UnreadableDocument, match="not JSON"):
        PARSERS[kind](body, URL, {}, source(kind=kind), ())


def test_records_of_another_form_are_a_failure() -> None:
    """Records without any id or link raise an error: the format of the response changed."""
    with pytest.raises(UnreadableDocument, match="format has probably changed"):
        zenodo.read(b'{"hits": {"hits": [{"name": "x"}]}}', URL, {}, source(kind="zenodo"))


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://node.example/blog/wp-json/wp/v2/posts?per_page=20", "https://node.example/blog/"),
        ("https://node.example/?rest_route=/wp/v2/posts", "https://node.example/"),
        ("https://node.example/index.php/wp-json/wp/v2/posts", "https://node.example/"),
    ],
)
def test_the_site_of_an_api_is_its_home(url: str, site: str) -> None:
    """The site link of a WordPress source is the site, not its API."""
    assert wordpress.read(b"[]", url, {}, source(kind="wordpress")).site_link == site
