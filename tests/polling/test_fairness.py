"""Whole rounds in which one source misbehaves and no other source loses by it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from aggregator import health, maintenance
from aggregator.digests import run as digest
from aggregator.errors import StoreError
from aggregator.model.config import ArticleLayout
from aggregator.model.polling import Failure, ParseContext, ParsedVisit, Request, Response, Robots, VisitPlan
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch, polite_client, politeness_audit
from aggregator.polling.visit import HostVisit, visit_host
from aggregator.ports import App, never_stop
from aggregator.publishing import publish
from aggregator.store import idle_check
from aggregator.store.connection import opened
from tests.builders import NOW, layout_of, rss, source
from tests.conftest import Answer, Asked, Clock, Web, Workplace

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def news(n: int, **fields: str) -> dict[str, str]:
    """A news item with words of its own, as old in minutes as its number."""
    at = NOW - timedelta(minutes=n)
    return {
        "title": f"Subject{n} wins prize{n * 7}",
        "link": f"https://node.example/{n}",
        "guid": f"node-{n}",
        "description": f"Word{n * 3} about thing{n * 11}.",
        "pubDate": f"{at:%a, %d %b %Y %H:%M:%S} +0000",
    } | fields


def listed(place: Workplace, *lines: str) -> Workplace:
    """A feeds.yaml with these sources, each given without its dash and braces."""
    place.write("sources:\n" + "".join(f"  - {{{line}}}\n" for line in lines))
    return place


def feeds(place: Workplace, web: Web, *ids: str, more: str = "") -> Workplace:
    """Feeds at /ID of one host, in this order."""
    return listed(place, *(f"id: {id_}, name: {id_}, url: '{web.url}/{id_}'{more}" for id_ in ids))


def states(place: Workplace) -> dict[str, str]:
    """The state of every source."""
    return {source.id: source.state for source in health.read_report(place.app().config).sources}


def reasons(report: FetchReport) -> dict[str, str | None]:
    """What the report says of each source that was visited."""
    return {reported.id: reported.reason for reported in report.sources}


def asked(web: Web) -> list[str]:
    """The paths that were asked for."""
    return [one.path for one in web.asked]


def stored(place: Workplace, sql: str) -> list[tuple[object, ...]]:
    """Rows of the database."""
    with sqlite3.connect(place.database) as conn:
        rows = conn.execute(sql).fetchall()
    conn.close()
    return rows


# --- many new entries --------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many items of one source a round places, so that a short document is a long one."""
    monkeypatch.setattr("aggregator.dedupe.assign.MAX_NEW_ITEMS", 10)
    return 10


def titles(place: Workplace) -> set[str]:
    """The titles of all stories."""
    return {str(row[0]) for row in stored(place, "SELECT title FROM stories")}


def reported(numbers: range) -> set[str]:
    """The titles of these news items."""
    return {news(n)["title"] for n in numbers}


def test_a_long_document_is_placed_over_several_rounds(
    place: Workplace, web: Web, clock: Clock, few: int
) -> None:
    """A long document places its newest entries first and needs no other request."""
    web.feed("/long", rss(*(news(n) for n in range(25))), '"1"')
    web.feed("/short", rss(news(100), news(101)), '"1"')
    feeds(place, web, "long", "short")
    file = place.folder / "feeds.yaml"
    report = fetch.run(place.app())
    assert (report.new_items, report.new_stories) == (27, 12)
    assert report.notices == ("15 new items are left to the next rounds",)
    assert titles(place) == reported(range(few)) | reported(range(100, 102))
    assert idle_check.count_if_nothing_due(file, clock.now) is None
    clock.now += timedelta(minutes=10)
    report = fetch.run(place.app())
    assert (report.visited, report.new_items, report.new_stories, report.notices) == (0, 0, 10, ())
    assert titles(place) == reported(range(20)) | reported(range(100, 102))
    assert fetch.run(place.app()).new_stories == 5
    assert titles(place) == reported(range(25)) | reported(range(100, 102))
    assert idle_check.count_if_nothing_due(file, clock.now) == 2
    assert asked(web) == ["/long", "/short"]
    assert stored(place, "SELECT count(*) FROM items WHERE held IS NOT NULL") == [(0,)]


def test_what_is_placed_later_is_in_the_feeds_as_if_at_once(
    place: Workplace, web: Web, clock: Clock, few: int
) -> None:
    """The beginning of an installation is one backlog, however many rounds it takes (T4)."""
    old = {"pubDate": "Mon, 01 Jun 2026 10:00:00 +0000"}
    web.feed("/first", rss(*(news(n, **old) for n in range(25))), '"1"')
    feeds(place, web, "first")
    for _ in range(3):
        fetch.run(place.app())
    web.feed("/second", rss(*(news(n, **old) for n in range(100, 115))), '"1"')
    feeds(place, web, "first", "second")
    clock.now += 2 * HOUR
    for _ in range(2):
        fetch.run(place.app())
    assert stored(place, "SELECT fed, count(*) FROM stories GROUP BY fed ORDER BY fed") == [(0, 15), (1, 25)]


def test_a_long_document_that_goes_on_is_neither_flood_nor_gap(
    place: Workplace, web: Web, clock: Clock, few: int
) -> None:
    """Items that wait for a later round are neither held nor missing (G1, G2, I8)."""
    web.feed("/long", rss(*(news(n) for n in range(25))), '"1"')
    feeds(place, web, "long")
    fetch.run(place.app())
    web.feed("/long", rss(news(900), *(news(n) for n in range(24))), '"2"')
    clock.now += 2 * HOUR
    report = fetch.run(place.app())
    assert (report.changed, report.new_items, report.held) == (1, 1, 0)
    assert report.notices == ("6 new items are left to the next rounds",)
    fetch.run(place.app())
    assert titles(place) == reported(range(25)) | reported(range(900, 901))
    assert stored(place, "SELECT count(*) FROM missing_items") == [(0,)]


def test_a_round_that_dies_loses_nothing_of_a_long_document(
    place: Workplace, web: Web, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where placing breaks off, the next rounds place everything once (L1)."""
    web.feed("/long", rss(*(news(n) for n in range(25))), '"1"')
    feeds(place, web, "long")
    fetch.run(place.app())
    with monkeypatch.context() as patch:
        patch.setattr("aggregator.dedupe.removed_stories.hide_removed", full)
        with pytest.raises(OSError, match="by design"):
            fetch.run(place.app())
    fetch.run(place.app())
    fetch.run(place.app())
    assert titles(place) == reported(range(25))
    assert asked(web) == ["/long"]


def full(*_: object, **__: object) -> None:
    """A disk that is full."""
    raise OSError(28, "by design")


def broken(*_: object, **__: object) -> None:
    """A part of ours that raises."""
    raise ZeroDivisionError("by design \ud800")


# --- a visit has an end ------------------------------------------------------------------------------------

ARTICLES = ", kind: page, every: 1h, page: {item: article, link: a, title: h3, article: {content: .body}}"


def listing(web: Web, *links: str) -> None:
    """A page at /list that lists articles, on a site without robots.txt."""
    found = "".join(f"<article><h3><a href='{link}'>News of {link}</a></h3></article>" for link in links)
    web.answers["/list"] = Answer(f"<html><body>{found}</body></html>".encode())


def article(asked: Asked) -> Answer:
    """The page of an article."""
    return Answer(f"<html><body><div class='body'><p>Words of {asked.path}.</p></div></body></html>".encode())


def to(target: str, status: int = 302) -> Answer:
    """A redirect."""
    return Answer(status=status, headers={"Location": target})


def test_articles_lead_to_no_other_site(place: Workplace, web: Web, webs: Callable[[], Web]) -> None:
    """Articles that redirect to other hosts are not read; their listing stands (V2)."""
    others = [webs() for _ in range(3)]
    for n, other in enumerate(others):
        for a in range(10):
            other.answers[f"/{a}"] = to(f"{others[(n + 1) % 3].url}/{a}")
    for a in range(9):
        web.answers[f"/{a}"] = to(f"{others[0].url}/{a}")
    web.answers["/9"], web.answers["/here"] = to("/here"), article
    listing(web, *(f"/{a}" for a in range(10)))
    listed(place, f"id: list, name: L, url: '{web.url}/list'{ARTICLES}")
    report = fetch.run(place.app())
    assert (report.new_items, report.failed) == (10, 0)
    assert [other.asked for other in others] == [[], [], []]
    assert stored(place, "SELECT text FROM items WHERE text LIKE 'Words%'") == [("Words of /here.",)]


@pytest.mark.parametrize(
    ("url", "following", "stays"),
    [
        ("https://a.example/1", "https://a.example/2", True),
        ("https://a.example/1", "http://www.a.example:8080/", True),
        ("https://www.a.example/1", "https://news.a.example/", True),
        ("https://news.a.example/1", "https://a.example/", True),
        ("https://news.a.example/1", "https://www.a.example/", True),
        ("https://a.example/1", "https://b.example/", False),
        ("https://a.example/1", "https://nota.example/", False),
        ("https://a.b.example/1", "https://c.b.example/", False),
        ("http://127.0.0.1/1", "http://127.0.0.2/", False),
        ("https://a.example/1", "https://A.EXAMPLE./", True),
        ("https://a.example/1", "mailto:x", False),
    ],
)
def test_what_a_site_is(url: str, following: str, stays: bool) -> None:
    """A site is a host with or without `www.`, its subdomains and its parents (V2)."""
    assert (polite_client.leaves_site(url, following) is None) is stays


def host_visit(plan: VisitPlan, **more: Any) -> HostVisit:
    """One visit of a second at most for each document."""
    return HostVisit(plans=(plan,), rules=(), now=NOW, **{"seconds": 1.0} | more)


def page_source(web: Web) -> VisitPlan:
    """Plan a visit of the page at /list, whose robots.txt is known."""
    pieces = ArticleLayout(content=(".body",))
    layout = layout_of({"item": "article", "link": "a", "title": "h3", "article": pieces})
    page = source(id="list", url=f"{web.url}/list", kind="page", page=(layout,))
    return VisitPlan(
        request=Request(source=page),
        context=ParseContext(source=page),
        robots=(Robots(origin=web.url, read=NOW, text=""),),
    )


@pytest.mark.usefixtures("passed")
def test_a_slow_server_is_left_when_the_time_of_a_visit_is_over(place: Workplace, web: Web) -> None:
    """A visit ends with its budget and leaves unread articles to the next one (V2)."""

    def slow(asked: Asked) -> Answer:
        time.sleep(0.5)
        return article(asked)

    listing(web, *(f"/{a}" for a in range(40)))
    web.answers |= {f"/{a}": slow for a in range(40)}
    place.write("")
    (outcome,) = visit_host(host_visit(page_source(web), budget=2.0), place.app().fetcher(), never_stop)
    parsed = outcome.result
    assert isinstance(parsed, ParsedVisit) and parsed.unfinished
    assert asked(web) == ["/list", "/0", "/1", "/2", "/3", "/4"]
    assert [item.text for item in parsed.items] == [f"Words of {path}." for path in asked(web)[1:]]


@pytest.mark.usefixtures("passed")
def test_the_hops_of_a_document_share_its_time(place: Workplace, web: Web) -> None:
    """A page that redirects slowly from address to address ends like one slow answer (V2)."""

    def onward(asked: Asked) -> Answer:
        time.sleep(0.4)
        return to(f"{asked.path}x")

    for hops in range(6):
        web.answers["/list" + "x" * hops] = onward
    place.write("")
    (outcome,) = visit_host(host_visit(page_source(web)), place.app().fetcher(), never_stop)
    assert isinstance(outcome.result, Failure) and outcome.result.reason == "no complete response within 1 s"
    assert len(asked(web)) == 3


def test_pauses_have_an_end_too(place: Workplace, web: Web, passed: Callable[[], float]) -> None:
    """The gaps between the requests of one visit add up to twice its budget at most (V2, CL11)."""
    listing(web, *(f"/{a}" for a in range(10)))
    web.answers |= {f"/{a}": article for a in range(10)}
    place.write("")
    visit = host_visit(page_source(web), budget=2.0, host_gap=0.9)
    (outcome,) = visit_host(visit, place.app().fetcher(), never_stop)
    assert 4 < passed() < 4.2
    assert isinstance(outcome.result, ParsedVisit) and outcome.result.unfinished
    assert asked(web) == ["/list", "/0", "/1", "/2", "/3"]


def test_a_pause_ends_when_the_program_does(place: Workplace, web: Web, passed: Callable[[], float]) -> None:
    """SIGTERM: a visit that waits for a gap asks for nothing more, and what it has is kept."""
    listing(web, "/0", "/1")
    place.write("")
    visit = host_visit(page_source(web), host_gap=30.0)
    (outcome,) = visit_host(visit, place.app().fetcher(), lambda: passed() > 0.4)
    assert passed() < 0.6
    assert isinstance(outcome.result, ParsedVisit) and not outcome.interrupted
    assert asked(web) == ["/list"]


def test_a_visit_that_is_stopped_before_its_document_counts_as_begun(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """A visit stopped between two hops is no failure and keeps its next time (V1)."""
    stop = threading.Event()

    def stopping(_asked: Asked) -> Answer:
        stop.set()
        return to("/there")

    web.answers["/list"] = stopping
    web.feed("/other", rss(news(1)))
    listed(
        place,
        f"id: list, name: L, url: '{web.url}/list'{ARTICLES}",
        f"id: other, name: O, url: '{web.url}/other'",
    )
    report = fetch.run(replace(place.app(), stopping=stop.is_set))
    assert (report.visited, report.failed, asked(web)) == (0, 0, ["/robots.txt", "/list"])
    assert stored(place, "SELECT source_id, outcome FROM visits") == [("list", "begun")]
    assert stored(place, "SELECT failures, next_visit > last_attempt FROM sources WHERE id = 'list'") == [
        (0, 1)
    ]
    clock.now += HOUR / 6
    assert (fetch.run(place.app()).visited, asked(web)[2:]) == (1, ["/other"])


# --- one source after the other ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "spread"),
    [(None, False), (None, True), (60, False), (3600, True), (86_400, True)],
)
def test_a_source_that_is_always_refused_delays_no_other(
    place: Workplace, web: Web, clock: Clock, wait: int | None, spread: bool
) -> None:
    """A source that is always refused waits longer each time; its host's others get turns (CL8)."""
    refused: list[datetime] = []
    times: list[tuple[str, datetime]] = []
    body = rss(news(1))

    def offender(_asked: Asked) -> Answer:
        refused.append(clock.now)
        return Answer(status=429, headers={"Retry-After": str(wait)} if wait else {})

    def other(asked: Asked) -> Answer:
        times.append((asked.path, clock.now))
        return Answer(body, headers={"ETag": '"1"'})

    web.answers |= {"/a": offender, "/b": other, "/c": other}
    feeds(place, web, "a", "b", "c")
    for _ in range(4 * 24):
        if idle_check.count_if_nothing_due(place.folder / "feeds.yaml", clock.now) is None:
            fetch.run(place.app(), spread=spread)
        clock.now += HOUR
    hold = timedelta(seconds=wait) if wait else 4 * HOUR
    for moment in refused:
        assert not [path for path, at in times if moment < at < moment + hold]
    pauses = [after - before for before, after in pairwise(refused)]
    assert len(refused) >= 3 and all(pause >= hold for pause in pauses)
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(pauses[:4]))
    for path in ("/b", "/c"):
        visits = [at for one, at in times if one == path]
        assert visits[0] <= NOW + hold + 2 * HOUR
        assert len(visits) >= (36 if hold < DAY else 12)
    assert all(reported.broken == () for reported in politeness_audit.read_reports(place.app().config))


def test_a_host_that_refuses_all_its_sources_is_asked_ever_more_rarely(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """Three sources on one host wait at least four hours, doubling (CL8)."""
    refused: list[datetime] = []

    def refusing(_asked: Asked) -> Answer:
        refused.append(clock.now)
        return Answer(status=429)

    web.answers |= dict.fromkeys(("/a", "/b", "/c"), refusing)
    feeds(place, web, "a", "b", "c")
    for _ in range(6 * 24):
        if idle_check.count_if_nothing_due(place.folder / "feeds.yaml", clock.now) is None:
            fetch.run(place.app())
        clock.now += HOUR
    pauses = [after - before for before, after in pairwise(refused)]
    assert min(pauses) >= 4 * HOUR and len(refused) <= 14
    assert pauses[-1] >= 8 * HOUR


def test_a_redirect_that_is_always_refused_delays_no_other(
    place: Workplace, web: Web, webs: Callable[[], Web], clock: Clock
) -> None:
    """A source refused by the host it redirects to does not block that host (CL8)."""
    end = webs()
    web.answers["/a"] = to(f"{end.url}/a")
    end.answers["/a"] = Answer(status=429)
    end.feed("/b", rss(news(1)), '"1"')
    listed(
        place,
        f"id: a, name: A, url: '{web.url}/a'",
        f"id: b, name: B, url: '{end.url}/b'",
    )
    for _ in range(4 * 24):
        if idle_check.count_if_nothing_due(place.folder / "feeds.yaml", clock.now) is None:
            fetch.run(place.app())
        clock.now += HOUR
    assert asked(end).count("/b") >= 36
    assert asked(end).count("/a") <= 6


def test_a_refused_article_delays_no_other_source(place: Workplace, web: Web, clock: Clock) -> None:
    """A page whose articles are refused does not block other sources of its host (CL8)."""
    listing(web, "/0", "/1")
    web.answers |= {"/0": Answer(status=429), "/1": Answer(status=429)}
    web.feed("/b", rss(news(1)), '"1"')
    listed(
        place,
        f"id: a, name: A, url: '{web.url}/list'{ARTICLES}",
        f"id: b, name: B, url: '{web.url}/b'",
    )
    assert fetch.run(place.app()).visited == 1, "the host asked for silence"
    for _ in range(2 * 24):
        clock.now += HOUR
        if idle_check.count_if_nothing_due(place.folder / "feeds.yaml", clock.now) is None:
            fetch.run(place.app(), spread=True)
    assert asked(web).count("/b") >= 7
    assert all(reported.broken == () for reported in politeness_audit.read_reports(place.app().config))


# --- what breaks one visit ---------------------------------------------------------------------------------


def broken_at(app: App, *paths: str) -> App:
    """Return an app whose fetcher raises an unexpected exception for these paths."""
    real = app.fetcher()

    def fetcher(request: Request) -> Response | Failure:
        if request.target.endswith(paths):
            raise ZeroDivisionError(f"by design \ud800 {request.target}")
        return real(request)

    return replace(app, fetcher=lambda: fetcher)


BAD_LOCATIONS = (
    "//[://http://[x",
    "http://[x",
    "http://ex\u2100mple.org/x".encode().decode("latin-1"),
    "//[",
)


@pytest.mark.parametrize("location", BAD_LOCATIONS)
@pytest.mark.parametrize("kind", ["", ARTICLES])
def test_a_location_that_is_no_address_fails_its_source_alone(
    place: Workplace, web: Web, kind: str, location: str
) -> None:
    """What the others of the host said, before and after, is kept (L2)."""
    web.answers["/list"] = to(location)
    web.feed("/before", rss(news(1)))
    web.feed("/after", rss(news(2)))
    listed(
        place,
        f"id: before, name: B, url: '{web.url}/before'",
        f"id: list, name: L, url: '{web.url}/list'{kind}",
        f"id: after, name: A, url: '{web.url}/after'",
    )
    report = fetch.run(place.app())
    assert (report.changed, report.failed, report.new_stories) == (2, 1, 2)


def test_an_exception_is_the_failure_of_its_source(place: Workplace, web: Web, clock: Clock) -> None:
    """An exception of one visit backs its source off and affects no other (L2)."""
    for n, id_ in enumerate("abc"):
        web.feed(f"/{id_}", rss(news(n)), '"1"')
    feeds(place, web, "a", "b", "c")
    report = fetch.run(broken_at(place.app(), "/b"))
    assert (report.changed, report.failed, report.new_stories) == (2, 1, 2)
    assert (reasons(report)["b"] or "").startswith("the visit broke (ZeroDivisionError: by design")
    assert states(place) == {"a": "ok", "b": "failing", "c": "ok"}
    clock.now += 2 * HOUR
    report = fetch.run(place.app())
    assert (report.changed, report.unchanged) == (1, 2)


def test_an_article_that_breaks_costs_itself(place: Workplace, web: Web) -> None:
    """A broken article leaves its listing and all other articles stored (V2)."""
    listing(web, "/0", "/1", "http://[x/2")
    web.answers |= {"/0": article, "/1": article}
    listed(place, f"id: list, name: L, url: '{web.url}/list'{ARTICLES}")
    report = fetch.run(broken_at(place.app(), "/0"))
    assert report.failed == 0
    texts = dict(stored(place, "SELECT link, text FROM items"))
    assert texts[f"{web.url}/1"] == "Words of /1." and f"{web.url}/0" in texts


def test_a_look_at_a_vanished_page_that_breaks_keeps_the_document(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """A broken page check leaves the document stored and the other checks due (I8)."""

    def entry(n: int) -> dict[str, str]:
        return news(n, link=f"{web.url}/n{n}")

    web.feed("/a", rss(*(entry(n) for n in range(6))), '"1"')
    feeds(place, web, "a")
    fetch.run(place.app())
    web.feed("/a", rss(*(entry(n) for n in (0, 3, 4, 5))), '"2"')
    clock.now += 2 * HOUR
    fetch.run(place.app())
    assert stored(place, "SELECT count(*) FROM missing_items") == [(2,)]
    web.feed("/a", rss(*(entry(n) for n in (9, 0, 3, 4, 5))), '"3"')
    clock.now += 2 * HOUR
    report = fetch.run(broken_at(place.app(), "/n1", "/n2"))
    assert (report.changed, report.failed, report.new_items) == (1, 0, 1)
    clock.now += 2 * HOUR
    web.answers |= {"/n1": Answer(status=404), "/n2": Answer(status=404)}
    fetch.run(place.app())
    assert set(asked(web)) & {"/n1", "/n2"}


def test_an_older_document_that_breaks_keeps_the_document(place: Workplace, web: Web, clock: Clock) -> None:
    """The visit that fills a gap keeps its own document, whatever the older one does (G1)."""
    web.feed("/a", rss(news(1)), '"1"')
    feeds(place, web, "a")
    fetch.run(place.app())
    for n in (2, 3):
        head = (
            f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" href="{web.url}/old"/>'
        )
        web.feed("/a", rss(news(n), head=head), f'"{n}"')
        clock.now += 2 * HOUR
        report = fetch.run(broken_at(place.app(), "/old"))
        assert (report.changed, report.failed, report.new_items) == (1, 0, 1)


TRIGGER = (
    "CREATE TRIGGER refuse BEFORE INSERT ON items WHEN new.source_id = 'b' BEGIN"
    " SELECT RAISE(ABORT, 'by design'); END"
)


def test_what_cannot_be_stored_is_the_failure_of_its_source(place: Workplace, web: Web, clock: Clock) -> None:
    """A visit that cannot be stored is rolled back, logged as failed and reported once (L2)."""
    web.feed("/a", rss(news(0)), '"1"')
    feeds(place, web, "a", "b", "c")
    fetch.run(place.app())
    with sqlite3.connect(place.database) as conn:
        conn.execute(TRIGGER)
    conn.close()
    web.feed("/b", rss(*(news(n) for n in range(20, 40))), '"1"')
    web.feed("/c", rss(news(2)), '"1"')
    clock.now += 3 * HOUR
    report = fetch.run(place.app())
    assert (report.changed, report.failed, report.new_items, report.new_stories) == (1, 1, 1, 1)
    (notice,) = (notice for notice in report.notices if notice.startswith("b "))
    assert "by design" in notice
    assert stored(
        place, "SELECT outcome, status, new_items FROM visits WHERE source_id = 'b' ORDER BY id DESC LIMIT 1"
    ) == [("failed", 200, 0)]
    assert stored(place, "SELECT etag, body_hash FROM sources WHERE id = 'b'") == [(None, None)]
    clock.now += 5 * HOUR
    report = fetch.run(place.app())
    assert report.failed == 1 and report.notices == ()
    with sqlite3.connect(place.database) as conn:
        conn.execute("DROP TRIGGER refuse")
    conn.close()
    clock.now += DAY
    assert fetch.run(place.app()).new_items == 20


def test_a_stored_document_that_cannot_be_read_again_stops_no_other(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """A damaged body is requested again and the other sources are visited (V4)."""
    for n, id_ in enumerate("ab"):
        web.feed(f"/{id_}", rss(news(n)), '"1"')
    feeds(place, web, "a", "b")
    fetch.run(place.app())
    with sqlite3.connect(place.database) as conn:
        conn.execute("UPDATE documents SET body = x'00ff' WHERE source_id = 'a'")
    conn.close()
    feeds(place, web, "a", "b", more=", language: de")
    clock.now += 3 * HOUR
    report = fetch.run(place.app())
    assert (report.visited, report.failed) == (2, 0)
    assert [notice for notice in report.notices if "cannot be read any more" in notice]


def test_a_source_whose_past_cannot_be_read_fails_alone(place: Workplace, web: Web, clock: Clock) -> None:
    """If the record of one source is damaged, the others of its host are visited (L2)."""
    listing(web, *(f"/{a}" for a in range(12)))
    web.answers |= {f"/{a}": article for a in range(12)}
    web.feed("/b", rss(news(1)))
    listed(
        place,
        f"id: a, name: A, url: '{web.url}/list'{ARTICLES}",
        f"id: b, name: B, url: '{web.url}/b', every: 1h",
    )
    fetch.run(place.app())
    with sqlite3.connect(place.database) as conn:
        conn.execute("UPDATE documents SET body = x'00ff' WHERE source_id = 'a'")
    conn.close()
    clock.now += 3 * HOUR
    report = fetch.run(place.app())
    assert (report.visited, report.failed, report.unchanged) == (2, 1, 1)


# --- jobs that end badly -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "part"),
    [
        (fetch.run, "aggregator.store.story_members.has_items_to_place"),
        (fetch.run, "aggregator.publishing.publish.freeze_ended_months"),
        (publish.run, "aggregator.publishing.publish.render"),
        (digest.run, "aggregator.digests.deliver.next_attempt_time"),
        (maintenance.prune, "aggregator.store.maintenance.prune"),
    ],
)
def test_any_exception_ends_a_run_as_failed(
    place: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch, job: Callable[[App], object], part: str
) -> None:
    """An exception of a job is in the list of runs, and so is the next success (L3)."""
    web.feed("/a", rss(news(1)), '"1"')
    feeds(place, web, "a")
    fetch.run(place.app())
    with monkeypatch.context() as patch:
        patch.setattr(part, broken)
        with pytest.raises(ZeroDivisionError):
            job(place.app())
    last = health.read_report(place.app().config).runs[0]
    assert (last.outcome, last.report) == ("failed", {"reason": "ZeroDivisionError: by design "})
    job(place.app())
    assert health.read_report(place.app().config).runs[0].outcome == "done"


def test_an_error_of_the_database_ends_the_round(place: Workplace, web: Web) -> None:
    """What no source can help is no source's failure (L2)."""
    web.feed("/a", rss(news(1)), '"1"')
    feeds(place, web, "a")
    fetch.run(place.app())
    with opened(place.database) as store, pytest.raises(StoreError), store.transaction():
        store.db.execute("SELECT * FROM missing")
