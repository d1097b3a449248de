"""Telling the WebSub hub: after the bytes are public, each once, with back-off (PB11)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from lxml import etree

from aggregator import health
from aggregator.digests import run as digest
from aggregator.model.polling import Failure
from aggregator.polling import fetch
from aggregator.publishing import publish, websub
from aggregator.store import idle_check, websub_state
from aggregator.store.connection import opened
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace
from tests.publishing.test_publish import news, write

MINUTE = timedelta(minutes=1)
FEEDS = ["https://news.example/atom.xml", "https://news.example/feed.json", "https://news.example/rss.xml"]


class Hub:
    """A hub on loopback that writes down what it is told, and what was public then."""

    def __init__(self, place: Workplace) -> None:
        self.told: list[str] = []
        self.public: list[int] = []
        self.status = 204
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                assert form["hub.mode"] == ["publish"]
                hub.told += form["hub.url"]
                path = form["hub.url"][0].removeprefix("https://news.example/")
                hub.public.append((place.public / path).read_bytes().count(b"News number"))
                self.send_response(hub.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hub(place: Workplace) -> Iterator[Hub]:
    """One hub."""
    server = Hub(place)
    yield server
    server.close()


@pytest.fixture
def told(place: Workplace, web: Web, hub: Hub) -> Hub:
    """A hub that was told of the first story."""
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"a": web})
    file = place.folder / "feeds.yaml"
    hub_too = f"publish: {{automatic: [], hub: '{hub.url}'}}"
    file.write_text(file.read_text().replace("publish: {automatic: []}", hub_too))
    fetch.run(place.app(), force=True)
    return hub


def test_the_feeds_name_the_hub_and_the_hub_is_told(place: Workplace, told: Hub) -> None:
    """PB11: `rel=hub` in each format; one ping a feed, when its new bytes were public."""
    assert told.told == FEEDS
    assert min(told.public) > 0
    atom = etree.fromstring((place.public / "atom.xml").read_bytes())
    links = {e.get("rel"): e.get("href") for e in atom.iterfind("{http://www.w3.org/2005/Atom}link")}
    assert (links["hub"], links["self"]) == (told.url, FEEDS[0])
    assert json.loads((place.public / "feed.json").read_text())["hubs"][0]["url"] == told.url
    assert f'rel="hub" href="{told.url}"' in (place.public / "rss.xml").read_text()


def test_nothing_new_tells_nobody(place: Workplace, told: Hub, web: Web, clock: Clock) -> None:
    """PB11, PB13: the same bytes are no news, also when everything is rendered again."""
    clock.now += 60 * MINUTE
    fetch.run(place.app(), force=True)
    publish.run(place.app())
    assert told.told == FEEDS


def test_a_hub_that_fails_is_asked_again_later_and_given_up_on_once(
    place: Workplace, told: Hub, web: Web, clock: Clock
) -> None:
    """PB11: after 1, 5, 30 … minutes; one silence stands for all feeds, and the end of it is told once."""
    told.told.clear()
    told.status = 503
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    notices = list(fetch.run(place.app(), force=True).notices)
    assert told.told == FEEDS[:1]
    assert health.report(place.app().config).hub == "the hub answered 503"
    app = place.app()
    for wait in websub.WAITS:
        clock.now += wait - timedelta(seconds=1)
        asked = len(told.told)
        assert idle_check.nothing_due(app.config.file, app.clock()) is not None or wait > 30 * MINUTE
        notices += publish.run(place.app()).notices
        assert len(told.told) == asked
        clock.now += timedelta(seconds=1)
        assert idle_check.nothing_due(app.config.file, app.clock()) is None
        notices += publish.run(place.app()).notices
        assert len(told.told) == asked + 1
    assert notices == [
        f"publish.hub: {told.url} does not take pings: the hub answered 503; subscribers find the news by polling"
    ]
    told.status = 204
    clock.now += 1000 * MINUTE
    publish.run(place.app())
    assert len(told.told) == 1 + len(websub.WAITS)
    web.feed("/feed", rss(news(3), news(2), news(1)), '"3"')
    fetch.run(place.app(), force=True)
    assert told.told[-3:] == FEEDS


def test_a_hub_that_comes_back_is_told(place: Workplace, told: Hub, web: Web, clock: Clock) -> None:
    """PB11: what it missed is told when it answers again."""
    told.status = 500
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    told.told.clear()
    told.status = 202
    clock.now += MINUTE
    fetch.run(place.app())
    assert told.told == FEEDS


def test_a_refused_feed_does_not_stop_the_others(place: Workplace, told: Hub, web: Web) -> None:
    """PB11: 4xx is about that feed."""
    told.told.clear()
    told.status = 400
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    assert told.told == FEEDS


def test_a_run_that_dies_before_the_ping_leaves_it_owed(place: Workplace, told: Hub, web: Web) -> None:
    """PB11, P1: the bytes are public and nobody was told: the next run does."""
    told.told.clear()
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    app = place.app()
    with pytest.raises(KeyboardInterrupt):
        fetch.run(_dying(app), force=True)
    assert told.told == []
    fetch.run(place.app())
    assert told.told == FEEDS


def test_the_feed_of_editions_is_announced_as_well(
    place: Workplace, told: Hub, web: Web, clock: Clock
) -> None:
    """PB11: whoever follows the digests by the hub hears of each edition, once it is public."""
    told.told.clear()
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text() + "digests: [{id: daily, title: Daily, schedule: 'daily 08:00'}]\n")
    clock.now += 24 * 60 * MINUTE
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    told.told.clear()
    digest.run(place.app())
    assert told.told == ["https://news.example/digests/atom.xml"]
    assert f'href="{told.url}" rel="hub"' in (place.public / "digests/atom.xml").read_text()
    fetch.run(place.app())
    digest.run(place.app())
    assert told.told == ["https://news.example/digests/atom.xml"]


def _dying(app: object) -> object:
    def dies() -> object:
        raise KeyboardInterrupt

    return replace(app, hub=dies)  # type: ignore[type-var]


def test_a_public_hub_hears_nothing_of_a_demonstration(place: Workplace, told: Hub, web: Web) -> None:
    """V7: neither under a pretended clock nor of a site without a contact; what was owed is forgotten, not hoarded."""
    app = place.app()  # its clock is pretended
    hubs: list[str] = []
    public = replace(
        app,
        config=replace(app.config, hub="https://hub.example/"),
        hub=lambda: lambda hub, _url: hubs.append(hub),
    )
    nameless = replace(public, simulated_clock=False, config=replace(public.config, placeholder="contact"))
    for n, demonstration in enumerate((public, nameless), 2):
        web.feed("/feed", rss(news(n), news(1)), f'"{n}"')
        fetch.run(replace(app, hub=lambda: lambda _hub, _url: Failure(reason="silent")), force=True)
        assert owed(place)
        demonstration.clock.now += 2 * MINUTE  # type: ignore[attr-defined]
        publish.run(demonstration)
        assert hubs == []
        assert not owed(place)
    web.feed("/feed", rss(news(4), news(1)), '"4"')
    fetch.run(replace(public, simulated_clock=False), force=True)
    assert hubs == ["https://hub.example/"] * 3


def owed(place: Workplace) -> list[str]:
    """The feeds that the hub is still to be told of."""
    with opened(place.database, create=False) as store:
        return [ping.url for ping in websub_state.due(store, place.clock.now + timedelta(days=1))]


def test_without_a_hub_nothing_is_owed(place: Workplace, told: Hub, web: Web, clock: Clock) -> None:
    """A hub that left feeds.yaml keeps no idle run awake."""
    told.status = 503
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace(f", hub: '{told.url}'", ""))
    clock.now += 2 * MINUTE
    fetch.run(place.app())
    assert not owed(place)
    assert idle_check.nothing_due(file, clock.now) is not None


def test_a_feed_that_is_published_no_more_is_not_announced(
    place: Workplace, told: Hub, web: Web, clock: Clock
) -> None:
    """The hub would only meet a 404 there."""
    file = place.folder / "feeds.yaml"
    before = file.read_text()
    file.write_text(before + "channels: [{id: x, title: X}]\n")
    told.status = 503
    fetch.run(place.app(), force=True)
    assert any("/channels/x/" in url for url in owed(place))
    file.write_text(before)
    fetch.run(place.app(), force=True)
    assert not any("/channels/x/" in url for url in owed(place))


def test_a_hub_that_pleads_for_silence_is_left_alone(place: Workplace, told: Hub, web: Web) -> None:
    """PB11: 429 is no refusal of one feed, so that the others wait as well."""
    told.told.clear()
    told.status = 429
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    assert told.told == FEEDS[:1]
