"""Fixtures of tests of subscribers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders import rss
from tests.digests.scenario import WEEK, news, run
from tests.subscribers.visitor import Visitor, configure, link_in, mailbox, visiting
from tests.web_server import Web
from tests.workplace import Clock, Workplace


@pytest.fixture
def visitor(place: Workplace, web: Web) -> Iterator[Visitor]:
    """Serve sign-up for two digests of one source with one story."""
    web.feed("/feed", rss(news(1)))
    configure(place, sources=f"[{{id: node, name: The node, url: '{web.url}/feed'}}]")
    with visiting(place) as person:
        yield person


@pytest.fixture
def subscription(visitor: Visitor, place: Workplace, web: Web, clock: Clock) -> str:
    """Return the path of the subscription of ada@a.example, a week later with a story."""
    visitor.sign_up("ada@a.example", "weekly", "daily")
    run(place)
    (asked,) = mailbox(place, "ada@a.example")
    visitor.post(link_in(asked, "confirm"))
    run(place)
    clock.now += WEEK
    web.feed("/feed", rss(news(2, clock.now)))
    return link_in(mailbox(place, "ada@a.example")[-1], "subscription")
