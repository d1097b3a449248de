"""Finding stories by their words."""

from __future__ import annotations

import pytest

from aggregator import story_view
from aggregator.polling import fetch
from tests.builders import rss
from tests.conftest import Web, Workplace


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("microscope", 1),
        ("MICROSCOPE", 1),
        ("uberblick", 1),
        ("microscope nonsense", 0),
        ('"', 0),
        ("* OR (", 0),
        ("", 0),
    ],
)
def test_search_takes_any_words(place: Workplace, web: Web, query: str, count: int) -> None:
    """All words must occur, accents and case do not matter, and no query is a syntax error."""
    web.feed(
        "/feed", rss({"title": "Überblick", "link": "https://n.example/a", "description": "a microscope"})
    )
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    fetch.run(place.app())
    assert len(story_view.search(place.app().config, query, 10)) == count
