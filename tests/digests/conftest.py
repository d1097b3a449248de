"""Fixtures of all tests of digests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders import rss
from tests.digests.scenario import READERS, news, plan, poll, rows, run, write
from tests.smtp_server import Relay, running_relay
from tests.web_server import Web
from tests.workplace import Workplace


@pytest.fixture
def relay() -> Iterator[Relay]:
    """Run a mail relay."""
    with running_relay() as running:
        yield running


@pytest.fixture
def story_id(place: Workplace, web: Web, relay: Relay) -> str:
    """Return the id of a story sent to two readers; the third address does not exist."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: (
        "550 5.1.1 nobody" if (step, address) == ("RCPT", READERS[2]) else None
    )
    run(place)
    relay.script = lambda step, address: None
    return str(rows(place, "SELECT id FROM stories")[0][0])
