"""Notification of the WebSub hub after publishing, with back-off."""

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
from aggregator.store import idle_check, websub_pings
from aggregator.store.connection import opened
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace
from tests.publishing.test_publish import news, write

MINUTE = timedelta(minutes=1)
FEEDS = ["https://news.example/atom.xml", "https://news.example/feed.json", "https://news.example/rss.xml"]


class Hub:
    """Record pings, and which files were public at each."""

    def __init__(self, place: Workplace) -> None:
        self.pings: list[str] = []
        self.public: list[int] = []
        self.status = 204
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                assert form["hub.mode"] == ["publish"]
                hub.pings += form["hub.url"]
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
    """Run a hub on loopback."""
    server = Hub(place)
    yield server
    server.close()


@pytest.fixture
def notified_hub(place: Workplace, web: Web, hub: Hub) -> Hub:
    """Provide a hub that was notified of the first story."""
    web.feed("/feed", rss(news(1)), '"1"')
    write(place, {"a": web})
    file = place.folder / "feeds.yaml"
    hub_too = f"publish: {{automatic: [], hub: '{hub.url}'}}"
    file.write_text(file.read_text().replace("publish: {automatic: []}", hub_too))
    fetch.run(place.app(), force=True)
    return hub


def test_feeds_name_the_hub_and_it_is_pinged(place: Workplace, notified_hub: Hub) -> None:
    """Each format has `rel=hub`, and one ping follows its new public bytes (PB11)."""
    assert notified_hub.pings == FEEDS
    assert min(notified_hub.public) > 0
    atom = etree.fromstring((place.public / "atom.xml").read_bytes())
    links = {e.get("rel"): e.get("href") for e in atom.iterfind("{http://www.w3.org/2005/Atom}link")}
    assert (links["hub"], links["self"]) == (notified_hub.url, FEEDS[0])
    assert json.loads((place.public / "feed.json").read_text())["hubs"][0]["url"] == notified_hub.url
    assert f'rel="hub" href="{notified_hub.url}"' in (place.public / "rss.xml").read_text()


def test_unchanged_feeds_are_not_pinged(place: Workplace, notified_hub: Hub, web: Web, clock: Clock) -> None:
    """The same bytes are not pinged, also when everything is rendered again (PB11)."""
    clock.now += 60 * MINUTE
    fetch.run(place.app(), force=True)
    publish.run(place.app())
    assert notified_hub.pings == FEEDS


def test_a_failing_hub_is_pinged_with_back_off(
    place: Workplace, notified_hub: Hub, web: Web, clock: Clock
) -> None:
    """After 1, 5, 30 … minutes one ping stands for all feeds; giving up is reported once (PB11)."""
    notified_hub.pings.clear()
    notified_hub.status = 503
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    notices = list(fetch.run(place.app(), force=True).notices)
    assert notified_hub.pings == FEEDS[:1]
    assert health.read_report(place.app().config).hub == "the hub answered 503"
    app = place.app()
    for wait in websub.RETRY_PAUSES:
        clock.now += wait - timedelta(seconds=1)
        asked = len(notified_hub.pings)
        assert idle_check.count_if_nothing_due(app.config.file, app.clock()) is not None or wait > 30 * MINUTE
        notices += publish.run(place.app()).notices
        assert len(notified_hub.pings) == asked
        clock.now += timedelta(seconds=1)
        assert idle_check.count_if_nothing_due(app.config.file, app.clock()) is None
        notices += publish.run(place.app()).notices
        assert len(notified_hub.pings) == asked + 1
    assert notices == [
        f"publish.hub: {notified_hub.url} does not accept pings: the hub answered 503;"
        " subscribers find new entries by polling"
    ]
    notified_hub.status = 204
    clock.now += 1000 * MINUTE
    publish.run(place.app())
    assert len(notified_hub.pings) == 1 + len(websub.RETRY_PAUSES)
    web.feed("/feed", rss(news(3), news(2), news(1)), '"3"')
    fetch.run(place.app(), force=True)
    assert notified_hub.pings[-3:] == FEEDS


def test_a_recovered_hub_gets_missed_pings(
    place: Workplace, notified_hub: Hub, web: Web, clock: Clock
) -> None:
    """A hub that responds again gets the pings that it missed (PB11)."""
    notified_hub.status = 500
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    notified_hub.pings.clear()
    notified_hub.status = 202
    clock.now += MINUTE
    fetch.run(place.app())
    assert notified_hub.pings == FEEDS


def test_a_refused_feed_does_not_stop_the_others(place: Workplace, notified_hub: Hub, web: Web) -> None:
    """A 4xx is about one feed only (PB11)."""
    notified_hub.pings.clear()
    notified_hub.status = 400
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    assert notified_hub.pings == FEEDS


def test_an_interrupted_run_leaves_pings_due(place: Workplace, notified_hub: Hub, web: Web) -> None:
    """The next run sends the pings of published bytes (P1)."""
    notified_hub.pings.clear()
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    app = place.app()
    with pytest.raises(KeyboardInterrupt):
        fetch.run(_dying(app), force=True)
    assert notified_hub.pings == []
    fetch.run(place.app())
    assert notified_hub.pings == FEEDS


def test_the_feed_of_editions_is_pinged(place: Workplace, notified_hub: Hub, web: Web, clock: Clock) -> None:
    """The hub is pinged for each published edition (PB11)."""
    notified_hub.pings.clear()
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text() + "digests: [{id: daily, title: Daily, schedule: 'daily 08:00'}]\n")
    clock.now += 24 * 60 * MINUTE
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    notified_hub.pings.clear()
    digest.run(place.app())
    assert notified_hub.pings == ["https://news.example/digests/atom.xml"]
    assert f'href="{notified_hub.url}" rel="hub"' in (place.public / "digests/atom.xml").read_text()
    fetch.run(place.app())
    digest.run(place.app())
    assert notified_hub.pings == ["https://news.example/digests/atom.xml"]


def _dying(app: object) -> object:
    def dies() -> object:
        raise KeyboardInterrupt

    return replace(app, hub=dies)  # type: ignore[type-var]


def test_a_public_hub_is_not_pinged_by_a_demo(place: Workplace, notified_hub: Hub, web: Web) -> None:
    """A set clock or a missing contact drops the pings of a public hub (V7)."""
    app = place.app()  # its clock is simulated
    hubs: list[str] = []
    public = replace(
        app,
        config=replace(app.config, hub="https://hub.example/"),
        hub=lambda: lambda hub, _url: hubs.append(hub),
    )
    nameless = replace(
        public, simulated_clock=False, config=replace(public.config, placeholders=("contact",))
    )
    for n, demonstration in enumerate((public, nameless), 2):
        web.feed("/feed", rss(news(n), news(1)), f'"{n}"')
        fetch.run(replace(app, hub=lambda: lambda _hub, _url: Failure(reason="silent")), force=True)
        assert due(place)
        demonstration.clock.now += 2 * MINUTE  # type: ignore[attr-defined]
        publish.run(demonstration)
        assert hubs == []
        assert not due(place)
    web.feed("/feed", rss(news(4), news(1)), '"4"')
    fetch.run(replace(public, simulated_clock=False), force=True)
    assert hubs == ["https://hub.example/"] * 3


def due(place: Workplace) -> list[str]:
    """Return the feeds that are due to be pinged."""
    with opened(place.database, create=False) as store:
        return [ping.url for ping in websub_pings.due(store, place.clock.now + timedelta(days=1))]


def test_without_a_hub_no_ping_is_due(place: Workplace, notified_hub: Hub, web: Web, clock: Clock) -> None:
    """A hub that left feeds.yaml causes no further runs."""
    notified_hub.status = 503
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace(f", hub: '{notified_hub.url}'", ""))
    clock.now += 2 * MINUTE
    fetch.run(place.app())
    assert not due(place)
    assert idle_check.count_if_nothing_due(file, clock.now) is not None


def test_a_removed_feed_is_not_pinged(place: Workplace, notified_hub: Hub, web: Web, clock: Clock) -> None:
    """A feed that is no longer published is not pinged."""
    file = place.folder / "feeds.yaml"
    before = file.read_text()
    file.write_text(before + "channels: [{id: x, title: X}]\n")
    notified_hub.status = 503
    fetch.run(place.app(), force=True)
    assert any("/channels/x/" in url for url in due(place))
    file.write_text(before)
    fetch.run(place.app(), force=True)
    assert not any("/channels/x/" in url for url in due(place))


def test_a_429_stops_all_pings(place: Workplace, notified_hub: Hub, web: Web) -> None:
    """A 429 is about the hub, so that the other feeds wait too (PB11)."""
    notified_hub.pings.clear()
    notified_hub.status = 429
    web.feed("/feed", rss(news(2), news(1)), '"2"')
    fetch.run(place.app(), force=True)
    assert notified_hub.pings == FEEDS[:1]
