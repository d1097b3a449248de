"""Whole rounds in which one source misbehaves: it costs the others neither time, nor turns, nor what they said."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from aggregator.errors import StoreError
from aggregator.jobs import courtesy, fetch, look, place, publish
from aggregator.model import FetchReport
from aggregator.store import glance, items, sources
from tests import command
from tests.builders import NOW, rss
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
    return {source.id: source.state for source in look.status(place.house().config).sources}


def reasons(report: FetchReport) -> dict[str, str | None]:
    """What the report says of each source that was visited."""
    return {told.id: told.reason for told in report.sources}


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
    monkeypatch.setattr(place, "MAX_NEW_ITEMS", 10)
    return 10


def titles(place: Workplace) -> set[str]:
    """The titles of all stories."""
    return {str(row[0]) for row in stored(place, "SELECT title FROM stories")}


def told(numbers: range) -> set[str]:
    """The titles of these news items."""
    return {news(n)["title"] for n in numbers}


def test_a_long_document_is_placed_over_several_rounds(
    place: Workplace, web: Web, clock: Clock, few: int
) -> None:
    """Its newest entries come first, the others in the next rounds, without another request; then rounds are idle."""
    web.feed("/long", rss(*(news(n) for n in range(25))), '"1"')
    web.feed("/short", rss(news(100), news(101)), '"1"')
    feeds(place, web, "long", "short")
    file = place.folder / "feeds.yaml"
    report = fetch.run(place.house())
    assert (report.new_items, report.new_stories, report.deferred_items) == (27, 12, 15)
    assert titles(place) == told(range(few)) | told(range(100, 102))
    assert glance.idle(file, clock.now) is None
    clock.now += timedelta(minutes=10)
    report = fetch.run(place.house())
    assert (report.visited, report.new_items, report.new_stories, report.deferred_items) == (0, 0, 10, 5)
    assert titles(place) == told(range(20)) | told(range(100, 102))
    report = fetch.run(place.house())
    assert (report.new_stories, report.deferred_items) == (5, 0)
    assert titles(place) == told(range(25)) | told(range(100, 102))
    assert glance.idle(file, clock.now) == 2
    assert asked(web) == ["/long", "/short"]
    assert stored(place, "SELECT count(*) FROM items WHERE held IS NOT NULL") == [(0,)]


def test_what_is_placed_later_is_in_the_feeds_as_if_at_once(
    place: Workplace, web: Web, clock: Clock, few: int
) -> None:
    """T4: the beginning of an installation is one backlog, however many rounds it takes; a later source's is another."""
    old = {"pubDate": "Mon, 01 Jun 2026 10:00:00 +0000"}
    web.feed("/first", rss(*(news(n, **old) for n in range(25))), '"1"')
    feeds(place, web, "first")
    for _ in range(3):
        fetch.run(place.house())
    web.feed("/second", rss(*(news(n, **old) for n in range(100, 115))), '"1"')
    feeds(place, web, "first", "second")
    clock.now += 2 * HOUR
    for _ in range(2):
        fetch.run(place.house())
    assert stored(place, "SELECT fed, count(*) FROM stories GROUP BY fed ORDER BY fed") == [(0, 15), (1, 25)]


def test_a_long_document_that_goes_on_is_neither_flood_nor_gap(
    place: Workplace, web: Web, clock: Clock, few: int
) -> None:
    """G1, G2, I8: what waits for its round is known all the same: nothing is held, missed, or taken for withdrawn."""
    web.feed("/long", rss(*(news(n) for n in range(25))), '"1"')
    feeds(place, web, "long")
    fetch.run(place.house())
    web.feed("/long", rss(news(900), *(news(n) for n in range(24))), '"2"')
    clock.now += 2 * HOUR
    report = fetch.run(place.house())
    assert (report.changed, report.new_items, report.held, report.notices) == (1, 1, 0, ())
    fetch.run(place.house())
    assert titles(place) == told(range(25)) | told(range(900, 901))
    assert stored(place, "SELECT count(*) FROM withdrawals") == [(0,)]


def test_a_round_that_dies_loses_nothing_of_a_long_document(
    place: Workplace, web: Web, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L1: where placing breaks off, the next rounds place everything once."""
    web.feed("/long", rss(*(news(n) for n in range(25))), '"1"')
    feeds(place, web, "long")
    fetch.run(place.house())
    with monkeypatch.context() as patch:
        patch.setattr(publish, "render", broken)
        patch.setattr("aggregator.jobs.place.withdraw.settle", broken)
        with pytest.raises(ZeroDivisionError):
            fetch.run(place.house())
    fetch.run(place.house())
    fetch.run(place.house())
    assert titles(place) == told(range(25))
    assert asked(web) == ["/long"]


def broken(*_: object, **__: object) -> None:
    """A part of ours that raises."""
    raise ZeroDivisionError("by design")


# --- a visit has an end ------------------------------------------------------------------------------------

PAGE = "kind: page, page: {item: article, link: a, title: h3, article: true}"


def listing(*links: str) -> bytes:
    """A page that lists articles."""
    found = "".join(f"<article><h3><a href='{link}'>News of {link}</a></h3></article>" for link in links)
    return f"<html><body>{found}</body></html>".encode()
