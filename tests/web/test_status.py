"""The status page, its JSON and the metrics, none of which shows a secret."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from aggregator import maintenance
from aggregator.i18n import phrases
from aggregator.model.polling import SourceState
from aggregator.model.reports import SourceHealth
from aggregator.polling import fetch
from aggregator.publishing import charts
from aggregator.publishing.charts import bar_chart
from aggregator.store import statistics
from aggregator.store.connection import opened
from aggregator.web import app, status
from tests.builders import NOW, rss
from tests.conftest import Answer, Clock, Web, Workplace
from tests.web.asgi import ask

SECRET = "token=sesame"


def build(place: Workplace) -> ASGIApp:
    """Return the app of a workplace."""
    return app.build(place.app().config, list, clock=place.clock)


@pytest.fixture
def visited(place: Workplace, web: Web, clock: Clock) -> Workplace:
    """Visit a source that is well, and one that fails and has a secret in its address."""
    web.feed("/feed", rss({"title": "a", "link": "https://node.example/a"}))
    web.answers[f"/broken?{SECRET}"] = Answer(status=500)
    place.write(
        f"sources:\n  - {{id: node, name: 'Node <b>', url: '{web.url}/feed'}}\n"
        f"  - {{id: broken, name: Broken, url: '{web.url}/broken?{SECRET}'}}\n"
    )
    for _ in range(3):
        fetch.run(place.app())
        clock.now += timedelta(days=2)
    return place


def test_the_page_shows_sources_in_words_and_pictures(visited: Workplace) -> None:
    """Each source has state, reason, last success and a strip with a text alternative."""
    page = ask(build(visited), "/status")
    assert page.status == 200
    assert "Node &lt;b&gt;" in page.text and "well" in page.text
    assert "its server responds with an error (500)" in page.text
    labels = re.findall('aria-label="(Last 90 days[^"]*)"', page.text)
    assert labels == [
        "Last 90 days: 3 ok, 0 partly failed, 0 failed, 87 not visited.",
        "Last 90 days: 0 ok, 0 partly failed, 3 failed, 87 not visited.",
    ]
    assert "October 2026: 1" in page.text
    assert "<p>1 story from 2 sources. " in page.text


def test_what_lines_show_is_said_beside_them(visited: Workplace) -> None:
    """The sentence about the lines of sources stands below their heading."""
    text = ask(build(visited), "/status").text
    assert text.index("<h2>Sources</h2>") < text.index("Each line shows the last 90 days of a source.")


@pytest.mark.parametrize("path", ["/status", "/status.json"])
def test_no_address_or_secret_is_shown(visited: Workplace, web: Web, path: str) -> None:
    """Addresses of sources and reasons of failures stay with the operator."""
    page = ask(build(visited), path).text
    assert SECRET not in page and web.url not in page and "127." not in page and "Traceback" not in page


def test_json_has_the_same_facts(visited: Workplace) -> None:
    """`/status.json` states what the page shows, for other origins, too."""
    answer = ask(build(visited), "/status.json")
    facts = json.loads(answer.body)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert [(source["id"], source["state"]) for source in facts["sources"]] == [
        ("node", "ok"),
        ("broken", "failing"),
    ]
    assert facts["sources"][0]["days"][0] == {"day": "2026-10-05", "accepted": 1, "failed": 0}
    assert facts["stories"] == 1 and facts["last_success"] == (NOW + timedelta(days=4)).isoformat()


def test_reports_are_kept_for_a_minute(visited: Workplace) -> None:
    """Many requests read the database once."""
    running = build(visited)
    first = ask(running, "/status.json")
    visited.database.rename(visited.folder / "away.db")
    assert ask(running, "/status.json").body == first.body


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("https://x.example/?key=1 answered 503", "its server responds with an error (503)"),
        ("the page is gone (404)", "its server responds with an error (404)"),
        ("a bot wall stands there", "its server blocks automated requests"),
        ("no complete response within 20 s from 10.0.0.1", "its server cannot be reached"),
        ("no complete answer within 20 s", "its server cannot be reached"),  # stored by earlier versions
        ("not a feed: <title>x</title>", "its document cannot be read"),
        (None, "its document cannot be read"),
    ],
)
def test_reasons_are_words_of_this_program(reason: str | None, words: str) -> None:
    """Of a failure readers see one of few sentences."""
    source = SourceHealth(
        id="a",
        name="A",
        state=SourceState.FAILING,
        last_success=None,
        last_attempt=None,
        next_visit=None,
        failures=1,
        reason=reason,
        advice=None,
        items=0,
        stories=0,
    )
    assert status.reason(source, phrases.pages("en")) == words


def failed_once(place: Workplace, web: Web, clock: Clock, *paths: str) -> ASGIApp:
    """Visit three sources, then once more with failures at some paths; return the app."""
    for path in ("/a", "/b", "/c"):
        web.feed(path, rss({"title": path, "link": f"https://node.example{path}"}))
    place.write(
        "sources:\n" + "".join(f"  - {{id: {p}, name: {p.upper()}, url: '{web.url}/{p}'}}\n" for p in "abc")
    )
    fetch.run(place.app())
    clock.now += timedelta(days=2)
    for path in paths:
        web.answers[path] = Answer(status=500)
    fetch.run(place.app())
    return build(place)


@pytest.mark.parametrize(
    ("paths", "sentence", "tone", "fresh"),
    [
        ((), "Everything is up to date.", "well", True),
        (
            ("/b",),
            "The last visit of 1 of 3 sources failed and will be tried again. Everything else is up to date.",
            "mixed",
            True,
        ),
        (
            ("/a", "/b", "/c"),
            "No source could be read at its last visit. All of them will be visited again.",
            "late",
            False,
        ),
    ],
)
def test_the_page_names_visits_that_failed(
    place: Workplace, web: Web, clock: Clock, paths: tuple[str, ...], sentence: str, tone: str, fresh: bool
) -> None:
    """The page does not say that all is up to date while the last visit of a source failed."""
    running = failed_once(place, web, clock, *paths)
    assert f'<p class="state {tone}">{sentence}</p>' in ask(running, "/status").text
    facts = json.loads(ask(running, "/status.json").body)
    assert facts["fresh"] is fresh
    assert [source["failures"] for source in facts["sources"]] == [
        (f"/{p}" in paths and 1) or 0 for p in "abc"
    ]


def test_a_failed_visit_has_its_reason(place: Workplace, web: Web, clock: Clock) -> None:
    """A source that failed once is shown as ok, with the reason of its last visit."""
    page = ask(failed_once(place, web, clock, "/b"), "/status").text
    assert '<span class="state mixed">ok</span> · its last visit failed: its server responds' in page


def test_counters_outlive_visits(visited: Workplace, clock: Clock) -> None:
    """Days are counted when a visit ends, and removed with the retention of visits."""
    with opened(visited.database) as store:
        days = statistics.source_days(store, NOW.date())
        assert [day.failed for day in days["broken"].values()] == [1, 1, 1]
    clock.now += timedelta(days=200)
    maintenance.prune_if_due(visited.app())
    with opened(visited.database) as store:
        assert statistics.source_days(store, NOW.date()) == {}


def test_bars_and_months() -> None:
    """The largest bar has the whole height, an empty month none, and months cross years."""
    assert bar_chart([0, 1, 200]).path == "M4 23h3v1h-3zM8 0h3v24h-3z"
    assert bar_chart([]).path == bar_chart([0]).path == ""
    assert charts.last_months(NOW.date().replace(month=2), 3) == ["2025-12", "2026-01", "2026-02"]


def metrics(
    place: Workplace, client: str, *trusted: str, forwarded: str | None = None, rules: str = ""
) -> int:
    """Return the status of `/metrics` for a client, perhaps behind proxies."""
    place.write(f"sources: []\n{rules}")
    with opened(place.database):
        running = build(place)
    if trusted:
        running = ProxyHeadersMiddleware(running, list(trusted))  # type: ignore[arg-type]
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return ask(running, "/metrics", headers=headers, client=(client, 4000)).status


@pytest.mark.parametrize(
    ("client", "expected"),
    [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.1", 403), ("no address", 403)],
)
def test_metrics_are_for_loopback(place: Workplace, client: str, expected: int) -> None:
    """By default only this machine reads the metrics."""
    assert metrics(place, client) == expected


def test_metrics_are_for_configured_networks(place: Workplace) -> None:
    """`web.metrics_from` replaces the default."""
    rules = "web: {metrics_from: [192.0.2.0/24]}\n"
    assert metrics(place, "192.0.2.9", rules=rules) == 200
    assert metrics(place, "127.0.0.1", rules=rules) == 403


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        ((), "127.0.0.1", 403),  # a proxy that is not configured, for anybody
        (("127.0.0.1",), "192.0.2.1", 403),
        (("127.0.0.1",), "127.0.0.1, 192.0.2.1", 403),  # the client's own claim comes first
        (("127.0.0.1", "10.0.0.0/8"), "192.0.2.1, 10.0.0.7", 403),
        (("10.0.0.0/8",), "127.0.0.1", 403),
        (("127.0.0.1",), "rubbish", 403),
        (("127.0.0.1",), "::1", 200),
    ],
)
def test_metrics_behind_proxies(
    place: Workplace, trusted: tuple[str, ...], forwarded: str, expected: int
) -> None:
    """Behind trusted proxies the address of the client counts; other proxies prove nothing."""
    assert metrics(place, "127.0.0.1", *trusted, forwarded=forwarded) == expected


def test_metrics_can_be_read_by_prometheus(visited: Workplace) -> None:
    """The endpoint has the samples of the textfile."""
    answer = ask(build(visited), "/metrics")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert {"aggregator_sources", "aggregator_stories"} <= names
