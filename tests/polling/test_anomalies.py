"""Detect gaps, floods, migrations and changed layouts in whole rounds on real servers."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from aggregator import health
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch, held_items
from tests.builders import NOW, rss
from tests.conftest import Answer, Asked, Clock, Web, Workplace

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def news(
    n: int, at: datetime | None = None, site: str = "https://node.example", guid: str = ""
) -> dict[str, str]:
    """A news item, dated where a date is given."""
    fields = {"title": f"News number {n}", "link": f"{site}/news/{n}", "description": f"Words of {n}."}
    if guid:
        fields["guid"] = f"{guid}{n}"
    return fields | ({"pubDate": format_datetime(at)} if at else {})


@pytest.fixture
def node(place: Workplace, web: Web) -> Workplace:
    """A folder with one source, the feed at /feed, and an older one that is always the same."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    return place


def run(place: Workplace, **options: bool) -> FetchReport:
    """One round."""
    return fetch.run(place.app(), **options)


def later(place: Workplace, clock: Clock, span: timedelta = 2 * HOUR) -> FetchReport:
    """A round after a while."""
    clock.now += span
    return run(place)


def stories(place: Workplace) -> int:
    """How many stories there are."""
    conn = sqlite3.connect(place.database)
    (count,) = conn.execute("SELECT count(*) FROM stories").fetchone()
    conn.close()
    return int(count)


def state(place: Workplace) -> tuple[str, str]:
    """The state of the only source, and why."""
    source = health.read_report(place.app().config).sources[0]
    return source.state.value, source.reason or ""


def dated(count: int, newest: datetime, **fields: Any) -> list[dict[str, str]]:
    """Make `count` items, a day apart, newest first."""
    return [news(n, newest - n * DAY, **fields) for n in range(count)]


# --- floods (G2) -----------------------------------------------------------------------------------------


def test_a_flood_of_old_posts_waits_for_an_editor(node: Workplace, web: Web, clock: Clock) -> None:
    """Thirty old posts at once are held, reported once, and new items when released (G2)."""
    web.feed("/feed", rss(*dated(5, NOW)), '"1"')
    run(node)
    flood = [news(n, NOW - 400 * DAY) for n in range(100, 130)]
    web.feed("/feed", rss(*dated(5, NOW), *flood), '"2"')
    report = later(node, clock)
    assert (report.held, report.new_stories, stories(node)) == (30, 0, 5)
    assert [notice.split("): ")[1][:34] for notice in report.notices] == [
        "needs_review: 30 unknown old entri"
    ]
    web.feed("/feed", rss(*dated(5, NOW), *flood), '"3"')
    report = later(node, clock)
    assert (report.notices, stories(node), state(node)[0]) == ((), 5, "needs_review")
    assert held_items.release(node.app(), ["node"], "eva") == {"node": 30}
    assert state(node) == ("ok", "")
    clock.now += timedelta(minutes=1)
    assert run(node).new_stories == 30
    conn = sqlite3.connect(node.database)
    announced = conn.execute("SELECT DISTINCT announced FROM stories ORDER BY 1 DESC").fetchone()[0]
    conn.close()
    assert announced == clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("known", "held"), [(10, 10), (11, 0)])
def test_a_flood_is_half_of_all_entries(
    node: Workplace, web: Web, clock: Clock, known: int, held: int
) -> None:
    """Each unchanged entry counts once, whatever identifies it (G2)."""
    with_guids = [each | {"guid": each["link"][-6:]} for each in dated(known, NOW)]
    web.feed("/feed", rss(*with_guids), '"1"')
    run(node)
    flood = [news(n, NOW - 400 * DAY) for n in range(100, 110)]
    web.feed("/feed", rss(*with_guids, *flood), '"2"')
    assert later(node, clock).held == held


def test_discarded_entries_never_come_back(node: Workplace, web: Web, clock: Clock) -> None:
    """What was discarded is known, however often the document is read again (G2)."""
    web.feed("/feed", rss(*dated(5, NOW)), '"1"')
    run(node)
    flood = [news(n) for n in range(100, 130)]
    web.feed("/feed", rss(*dated(5, NOW), *flood), '"2"')
    later(node, clock)
    assert held_items.discard(node.app(), ["node"], "eva") == {"node": 30}
    web.feed("/feed", rss(*dated(6, NOW + DAY), *flood), '"3"')
    later(node, clock)
    assert stories(node) == 6


def test_an_outage_of_a_month_holds_nothing_back(node: Workplace, web: Web, clock: Clock) -> None:
    """What was published while we could not come is news, all of it, once (G2)."""
    web.feed("/feed", rss(*dated(5, NOW)), '"1"')
    run(node)
    web.feed("/feed", rss(*[news(n, NOW + (n - 90) * DAY) for n in range(119, 90, -1)]), '"2"')
    report = later(node, clock, 30 * DAY)
    assert (report.new_stories, report.held) == (29, 0)
    undated = [news(n) for n in range(300, 320)]
    web.feed("/feed", rss(*undated), '"3"')
    assert later(node, clock, 30 * DAY).new_stories == 20


def test_a_first_visit_is_never_held(node: Workplace, web: Web) -> None:
    """A new source comes with what it has (G2)."""
    web.feed("/feed", rss(*[news(n, NOW - 900 * DAY) for n in range(50)]), '"1"')
    assert (run(node).held, stories(node)) == (0, 50)


@pytest.mark.parametrize("count", [4, 25])
def test_a_migration_makes_no_new_stories(node: Workplace, web: Web, clock: Clock, count: int) -> None:
    """A site that moves and changes guids and links keeps its items by title and day (G2)."""
    web.feed("/feed", rss(*dated(count, NOW, guid="old-")), '"1"')
    run(node)
    moved = dated(count, NOW, site="https://new.example/en", guid="https://new.example/?p=")
    web.feed("/feed", rss(*moved), '"2"')
    report = later(node, clock)
    assert (report.new_stories, report.held, stories(node)) == (0, 0, count)
    fresh = news(99, clock.now, site="https://new.example/en", guid="https://new.example/?p=")
    web.feed("/feed", rss(fresh, *moved[:-1]), '"3"')
    assert later(node, clock).new_stories == 1


def test_re_dated_posts_stay_where_they_are(node: Workplace, web: Web, clock: Clock) -> None:
    """A site that dates all its posts anew moves none of them (T1)."""
    web.feed("/feed", rss(*dated(12, NOW)), '"1"')
    run(node)
    before = (node.public / "atom.xml").read_bytes()
    web.feed("/feed", rss(*[news(n, NOW + HOUR) for n in range(12)]), '"2"')
    report = later(node, clock)
    assert (report.new_stories, report.held) == (0, 0)
    assert (node.public / "atom.xml").read_bytes() == before


def test_a_repeated_guid_loses_nothing(node: Workplace, web: Web, clock: Clock) -> None:
    """A template that gives every post the same guid costs no post, and makes none twice (I1)."""
    web.feed("/feed", rss(*dated(6, NOW, guid="post-")), '"1"')
    run(node)
    same = [fields | {"guid": "post-0"} for fields in dated(8, NOW + DAY)]
    web.feed("/feed", rss(*same), '"2"')
    assert later(node, clock, DAY).new_stories == 2
    web.feed("/feed", rss(*same[:7]), '"3"')
    assert later(node, clock).new_stories == 0


# --- gaps (G1) -------------------------------------------------------------------------------------------


def paged(web: Web, every: list[dict[str, str]], size: int = 10, *, link: bool = True) -> None:
    """Serve a feed of `size` entries a document, each linking to the older one (RFC 5005)."""
    for n in range(0, len(every), size):
        page = n // size + 1
        path = "/feed" if page == 1 else f"/feed?paged={page}"
        head = "<generator>https://wordpress.org/?v=6.5</generator>"
        if link and n + size < len(every):
            head = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="next" href="/feed?paged={page + 1}"/>'
        web.answers[path] = Answer(rss(*every[n : n + size], head=head), headers={"ETag": f'"{len(every)}"'})


@pytest.mark.parametrize("link", [True, False])
def test_a_gap_is_filled_from_older_documents(node: Workplace, web: Web, clock: Clock, link: bool) -> None:
    """A gap is reported and filled from older documents until an entry is known (G1)."""
    first = dated(15, NOW)
    paged(web, first, link=link)
    run(node)
    assert stories(node) == 10
    many = [news(1000 + n, NOW + (40 - n) * HOUR) for n in range(25)]
    paged(web, [*many, *first], link=link)
    report = later(node, clock, 2 * DAY)
    assert report.new_stories == 10
    assert [n for n in report.notices if "may have been missed; older ones are requested" in n]
    web.asked.clear()
    report = later(node, clock)
    assert report.new_stories == 15
    assert [asked.path for asked in web.asked] == ["/feed", "/feed?paged=2", "/feed?paged=3"]
    assert stories(node) == 35
    web.asked.clear()
    assert later(node, clock).notices == ()
    assert [asked.path for asked in web.asked] == ["/feed"]


def test_a_coverage_gap_that_cannot_be_filled_is_reported_once(
    node: Workplace, web: Web, clock: Clock
) -> None:
    """A gap without older documents is reported and nothing else happens (G1)."""
    web.feed("/feed", rss(*dated(5, NOW)), '"1"')
    run(node)
    web.feed("/feed", rss(*[news(n, NOW + HOUR) for n in range(50, 55)]), '"2"')
    report = later(node, clock, DAY)
    assert report.new_stories == 5
    assert len(report.notices) == 1 and "it offers no older ones" in report.notices[0]
    assert later(node, clock).notices == ()


def test_the_first_entries_of_an_empty_feed_are_no_gap(node: Workplace, web: Web, clock: Clock) -> None:
    """Nothing can have been missed before the first entries of a source (G1)."""
    web.feed("/feed", rss(), '"1"')
    run(node)
    web.feed("/feed", rss(*dated(2, NOW)), '"2"')
    report = later(node, clock, DAY)
    assert (report.new_stories, report.notices) == (2, ())


# --- pages -----------------------------------------------------------------------------------------------

SELECTORS = "{item: article, link: a, title: h3, article: {content: .body}}"


def listing(*numbers: int) -> bytes:
    """A page that lists articles."""
    blocks = "".join(f"<article><h3><a href='/news/{n}'>Piece {n}</a></h3></article>" for n in numbers)
    return f"<html><body>{blocks}</body></html>".encode()


def piece(asked: Asked) -> Answer:
    """The page of an article."""
    n = int(asked.path.rpartition("/")[2])
    day = 1 + n % 28
    return Answer(
        f"<html><body><h1>Piece {n}</h1><time datetime='2026-09-{day:02d}'>x</time>"
        f"<div class='body'><p>All the words of piece {n}.</p></div></body></html>".encode()
    )


@pytest.fixture
def page(place: Workplace, web: Web) -> Workplace:
    """A folder with one page source that reads articles; 25 of them."""
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/news', kind: page, every: 1h,"
        f" page: {SELECTORS}}}\n"
    )
    web.answers["/robots.txt"] = Answer(status=404)
    for n in range(60):
        web.answers[f"/news/{n}"] = piece
    return place


def test_articles_are_read_once_ten_a_visit(page: Workplace, web: Web, clock: Clock) -> None:
    """Ten new articles are read a visit, each once, and all are stored in the end (V2)."""
    web.feed("/news", listing(*range(25)), '"1"')
    assert [run(page).new_items, *(later(page, clock).new_items for _ in range(3))] == [10, 10, 5, 0]
    asked = [a.path for a in web.asked if a.path.startswith("/news/")]
    assert sorted(asked) == sorted(f"/news/{n}" for n in range(25))
    conn = sqlite3.connect(page.database)
    rows = dict(conn.execute("SELECT title, claimed || ' ' || text FROM items"))
    conn.close()
    assert rows["Piece 3"] == "2026-09-04T10:00:00Z All the words of piece 3."
    web.feed("/news", listing(30, *range(24)), '"2"')
    web.asked.clear()
    assert later(page, clock).new_items == 1
    assert [a.path for a in web.asked if a.path.startswith("/news/")] == ["/news/30"]


def test_an_article_that_fails_costs_itself(page: Workplace, web: Web) -> None:
    """Where an article cannot be had or is forbidden, what the listing says of it stands (V2)."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /news/2")
    web.answers["/news/1"] = Answer(status=500)
    web.feed("/news", listing(1, 2, 3), '"1"')
    assert run(page).new_items == 3
    assert "/news/2" not in [asked.path for asked in web.asked]


def test_a_page_that_loses_its_items_is_a_failure(page: Workplace, web: Web, clock: Clock) -> None:
    """A sudden drop is reported with the probable reason until an editor accepts it."""
    web.feed("/news", listing(*range(8)), '"1"')
    run(page)
    web.feed("/news", listing(0, 1, 2), '"2"')
    report = later(page, clock)
    assert report.failed == 1
    assert "only 3 of 8 items are left at once" in (report.sources[0].reason or "")
    held_items.discard(page.app(), ["node"], "eva")
    assert run(page, force=True).failed == 1
    held_items.release(page.app(), ["node"], "eva")
    assert run(page, force=True).failed == 0


DAY = timedelta(days=1)


def test_a_page_that_shrinks_for_good_is_accepted_after_a_week(
    page: Workplace, web: Web, clock: Clock
) -> None:
    """After a week the same number is accepted, also with other failures between (G4)."""
    web.feed("/news", listing(*range(20)), '"1"')
    run(page)
    later(page, clock)  # the rest of the articles
    web.feed("/news", listing(0, 1, 2), '"2"')
    assert later(page, clock, DAY).failed == 1
    for _ in range(2):
        assert later(page, clock, 2 * DAY).failed == 1
    web.answers["/news"] = Answer(status=500)
    assert later(page, clock, 2 * DAY).failed == 1
    web.feed("/news", listing(3, 1, 2), '"3"')
    report = later(page, clock, 2 * DAY)
    assert (report.failed, report.changed) == (0, 1)
    web.feed("/news", listing(30, 1, 2), '"4"')
    assert later(page, clock, DAY).new_items == 1  # it is polled as before


def test_a_page_of_changing_size_is_not_accepted(page: Workplace, web: Web, clock: Clock) -> None:
    """The week begins again with each other number of items."""
    web.feed("/news", listing(*range(8)), '"1"')
    run(page)
    for n in range(6):
        web.feed("/news", listing(*range(2 + n % 2)), f'"s{n}"')
        assert later(page, clock, 3 * DAY).failed == 1


def test_other_selectors_take_no_words_away(page: Workplace, web: Web, clock: Clock) -> None:
    """Other selectors parse the kept page at the next visit and read no article twice (V4)."""
    web.feed("/news", listing(*range(4)), '"1"')
    run(page)
    file = page.folder / "feeds.yaml"
    file.write_text(file.read_text("utf-8").replace("item: article", "item: body > article"), "utf-8")
    web.asked.clear()
    later(page, clock)
    assert [asked.path for asked in web.asked] == ["/news"]
    conn = sqlite3.connect(page.database)
    assert conn.execute("SELECT count(*) FROM items WHERE text LIKE 'All the words%'").fetchone() == (4,)
    conn.close()


@pytest.mark.parametrize("status", [429, 503])
def test_articles_of_an_overloaded_server_wait(page: Workplace, web: Web, clock: Clock, status: int) -> None:
    """A refused article ends a visit; the unread ones follow when the server allows it (CL8)."""
    web.feed("/news", listing(*range(8)), '"1"')
    for n in range(2, 8):
        web.answers[f"/news/{n}"] = Answer(status=status, headers={"Retry-After": "86400"})
    assert run(page).new_items == 2
    assert [asked.path for asked in web.asked].count("/news/3") == 0
    clock.now += 5 * HOUR
    assert run(page, force=True).held == 1
    for n in range(2, 8):
        web.answers[f"/news/{n}"] = piece
    assert later(page, clock, 30 * HOUR).new_items == 6


def test_a_flood_is_no_gap(node: Workplace, web: Web, clock: Clock) -> None:
    """A relaunch without dates is held and no older document is requested (G1, G2)."""
    first = dated(5, NOW)
    paged(web, first)
    run(node)
    paged(web, [news(n, site="https://new.example") for n in range(500, 560)], size=20)
    assert later(node, clock).held == 20
    web.asked.clear()
    later(node, clock)
    assert [asked.path for asked in web.asked] == ["/feed"]
    assert stories(node) == 5


# --- a single entry under other identifiers --------------------------------------------------------------

FIRST = ("https://node.example", "a")
MOVED = ("https://node.example/en", "urn:new:")


def document(web: Web, numbers: range, moved: range, **changed: str) -> None:
    """Serve dated news, those of `moved` with other identifiers, the first `changed`."""
    entries = [news(n, NOW - n * DAY, *(MOVED if n in moved else FIRST)) for n in numbers]
    web.answers["/feed"] = Answer(
        rss(*[entry | (changed if n == 0 else {}) for n, entry in enumerate(entries)])
    )


@pytest.mark.parametrize(
    ("changed", "new"),
    [({}, 0), ({"description": "Words of 0, and others."}, 1), ({"pubDate": format_datetime(NOW)}, 1)],
)
def test_an_old_entry_comes_back_after_a_move(
    node: Workplace, web: Web, clock: Clock, changed: dict[str, str], new: int
) -> None:
    """An entry that a document lacked during a move is recognised afterwards (I2)."""
    document(web, range(2, 9), range(0))
    run(node)
    document(web, range(3, 10), range(9))
    assert later(node, clock, 2 * DAY).new_items == 1
    document(web, range(2, 9), range(9), **changed)
    assert later(node, clock, 2 * DAY).new_items == new
