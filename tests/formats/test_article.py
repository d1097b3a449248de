"""Pages of single articles, by documents with expectations, and limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from aggregator.errors import UnreadableDocument
from aggregator.formats.article import article
from aggregator.items import sanitize
from aggregator.model.config import ArticleLayout, Layout
from aggregator.model.documents import ArticleDetails
from tests.builders import source
from tests.strategies import law, soup

PAGES = Path(__file__).parents[1] / "data" / "articles"
URL = "https://node.example/news/one"


def expected(name: str) -> dict[str, Any]:
    """Load the expectation of a document."""
    loaded: dict[str, Any] = json.loads((PAGES / f"{name}.expected.json").read_text("utf-8"))
    return loaded


def read(name: str) -> ArticleDetails:
    """Parse a document as the page of an article."""
    said = expected(name)
    layout = ArticleLayout(**{key: tuple(value) for key, value in said.get("article", {}).items()})
    publisher = source(kind="page", page=(Layout(item="x", article=layout),))
    return article((PAGES / f"{name}.html").read_bytes(), said["url"], {}, publisher)


@pytest.mark.parametrize("name", sorted(path.stem for path in PAGES.glob("*.html")))
def test_a_page_of_an_article_says_what_is_written_beside_it(name: str) -> None:
    """Each document gives the title, date, text and authors of its `.expected.json`."""
    details, said = read(name), expected(name)
    assert said["shows"].endswith(".")
    text = sanitize.plain(sanitize.fragment(details.html or "", said["url"]))
    for key, wanted in said["details"].items():
        match key:
            case "text_contains":
                assert all(part in text for part in wanted), text
            case "text_lacks":
                assert not any(part in text for part in wanted), text
            case "authors":
                assert list(details.authors) == wanted
            case _:
                assert getattr(details, key) == wanted, key


@pytest.mark.parametrize("body", [b"", b"  "])
def test_what_is_no_page_is_refused(body: bytes) -> None:
    """A body without markup raises UnreadableDocument."""
    with pytest.raises(UnreadableDocument, match="cannot be read as HTML"):
        article(body, URL, {}, source(kind="page"))


@given(soup)
@law
def test_any_page_has_details(dirty: str) -> None:
    """Any page is parsed, and all that it yields is text."""
    try:
        details = article(f"<html><body><h1>T</h1>{dirty}<p>x".encode(), URL, {}, source(kind="page"))
    except UnreadableDocument:
        return
    assert details.html is None or isinstance(details.html, str)


def test_a_very_long_page_ends() -> None:
    """A page of 20,000 paragraphs and links is parsed quickly, and its text is limited."""
    body = "<h1>T</h1><div>" + "<p>words and <a href='/x'>links</a></p>" * 20_000
    details = article(body.encode(), URL, {}, source(kind="page"))
    assert details.html is not None and len(details.html) <= 500_000
