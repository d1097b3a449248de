"""Rules of robots.txt (RFC 9309)."""

from __future__ import annotations

import pytest

from aggregator.formats import robots

URL = "https://node.example/news/?page=1"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow: /admin", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: aggregator\nDisallow:", True),
        ("User-agent: *\nDisallow:\n\nUser-agent: aggregator\nDisallow: /news", False),
        ("User-agent: *\nDisallow: /*?page=", False),
        ("User-agent: *\nDisallow: /\nAllow: /news/", True),
        ("User-agent: *\nDisallow: /news$", True),
        ("User-agent: aggregator/1.0\nDisallow: /", False),
        ("user-agent: Aggregator (+https://news.example/bot.html) # you\nDisallow: /", False),
        ("User-agent: aggregator-other\nDisallow: /", True),
        ("User-agent: agg\nDisallow: /", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: a\nAllow: /", False),
        ("User-agent: agg\nUseragent: aggregator\nDisallow: /", False),
        ("<html>not a robots.txt</html>", True),
        ("\ufeffUser-agent: *\nDisallow: /", False),
        (None, False),
    ],
)
def test_a_page_may_be_read_or_not(text: str | None, allowed: bool) -> None:
    """The most specific group and rule apply; an unavailable file forbids all.

    Source: RFC 9309 sections 2.2 and 2.3.1.4.
    """
    assert robots.allows(text, URL, "aggregator") is allowed
