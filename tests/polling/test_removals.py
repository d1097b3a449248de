"""Removal of items that leave their document, over simulated days (I8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from lxml import etree

from aggregator import health
from aggregator.dedupe import editor_commands, explain
from aggregator.digests import run as digest
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch, politeness_audit
from tests.builders import NOW, rss
from tests.conftest import Answer, Clock, Web, Workplace

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A = "{http://www.w3.org/2005/Atom}"
TOPICS = (
    "confocal course",
    "cloud storage",
    "new director",
    "sample clearing",
    "open call",
    "staff meeting",
    "jobs",
)


def item(web: Web, n: int) -> dict[str, str]:
    """Make news item `n`; higher numbers are newer."""
    return {
        "title": f"{TOPICS[n % 7].capitalize()} in Lyon",
        "link": f"{web.url}/news/{n}",
        "pubDate": format_datetime(NOW - (9 - n) * DAY),
    }


class Partner:
    """Serve a partner with a feed at /feed and a page for each story."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.version = 0
        self.pages(*range(9), status=200)

    def lists(self, *numbers: int) -> None:
        """Publish another document."""
        self.version += 1
        items = [item(self.web, n) for n in numbers]
        self.web.feed("/feed", rss(*items), f'"{self.version}"')

    def pages(self, *numbers: int, status: int, **headers: str) -> None:
        """What the pages of these news answer from now on."""
        for n in numbers:
            self.web.answers[f"/news/{n}"] = Answer(b"words " * 9, status, headers)

    def asked(self) -> list[str]:
        """The pages that were asked for since the last time."""
        paths = [asked.path for asked in self.web.asked if asked.path.startswith("/news")]
        self.web.asked.clear()
        return paths


@pytest.fixture
def node(place: Workplace, web: Web) -> Partner:
    """One partner, polled once when it listed five news."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    partner = Partner(web)
    partner.lists(5, 4, 3, 2, 1)
    run(place)
    partner.asked()
    return partner


def run(place: Workplace, **options: bool) -> FetchReport:
    """One round."""
    return fetch.run(place.app(), **options)


def later(place: Workplace, clock: Clock, span: timedelta = 2 * HOUR) -> FetchReport:
    """A round after a while."""
    clock.now += span
    return run(place)


def days(place: Workplace, clock: Clock, count: int) -> list[str]:
    """Run rounds every four hours for a number of days; return the notices."""
    return [notice for _ in range(6 * count) for notice in later(place, clock, 4 * HOUR).notices]


def fed(place: Workplace) -> list[str]:
    """The titles in the feed."""
    root = etree.fromstring((place.public / "atom.xml").read_bytes())
    return [str(entry.findtext(f"{A}title")) for entry in root.iter(f"{A}entry")]


def rows(place: Workplace, sql: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    conn = sqlite3.connect(place.database)
    found = conn.execute(sql).fetchall()
    conn.close()
    return found


def missing_ids(place: Workplace) -> list[str]:
    """The titles of who left a document and is not withdrawn."""
    return [
        row[0]
        for row in rows(
            place,
            "SELECT title FROM missing_items JOIN items ON items.id = item_id WHERE withdrawn IS NULL ORDER BY 1",
        )
    ]


def decided(place: Workplace) -> list[str]:
    """What was decided, in order."""
    return [row[0] for row in rows(place, "SELECT verb FROM decisions ORDER BY number")]


# --- withdrawn -------------------------------------------------------------------------------------------


def test_what_is_gone_twice_is_withdrawn(node: Partner, place: Workplace, clock: Clock) -> None:
    """An item whose page is gone twice, a day apart, is removed and reported once (I8, V8)."""
    (story,) = rows(place, "SELECT id FROM stories WHERE title LIKE 'Sample%'")[0]
    node.lists(5, 4, 2, 1)
    node.pages(3, status=404)
    assert (later(place, clock).notices, node.asked(), missing_ids(place)) == (
        (),
        [],
        ["Sample clearing in Lyon"],
    )
    assert (later(place, clock).notices, node.asked()) == ((), ["/news/3"])
    assert (days(place, clock, 1)[1:], node.asked()) == ([], ["/news/3"])
    assert "Sample clearing in Lyon" not in fed(place) and len(fed(place)) == 4
    assert rows(place, "SELECT story_id, became FROM tombstones") == [(story, None)]
    reported = explain.story(place.app().config, story)
    assert [(one["who"], one["verb"]) for one in reported["decisions"]] == [
        ("its publisher (404 or 410, twice)", "withdraw"),
        ("its publisher (404 or 410, twice)", "hide"),
    ]
    assert (days(place, clock, 3), node.asked()) == ([], [])
    assert [source.state for source in health.read_report(place.app().config).sources] == ["ok"]


def test_a_removal_is_reported_once_in_words(node: Partner, place: Workplace, clock: Clock) -> None:
    """Cron's mail says what was removed, why, and of whom (V8)."""
    node.lists(5, 4, 2, 1)
    node.pages(3, status=410)
    assert days(place, clock, 3) == [
        "node: “Sample clearing in Lyon” was removed by its publisher: its page is gone (410 twice)"
    ]


def test_a_withdrawn_story_is_in_no_digest(node: Partner, place: Workplace, clock: Clock, web: Web) -> None:
    """What was removed before it was mailed is not mailed (I8)."""
    node.lists(4, 3, 2, 1)
    node.pages(5, status=404)
    days(place, clock, 2)
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n"
        "digests:\n  - {id: weekly, title: Weekly, channels: [all], schedule: 'mon 08:00', recipients: [a@b.example]}\n"
    )
    run(place)
    digest.run(place.app())
    (text,) = rows(place, "SELECT text FROM editions")[0]
    assert "Open call in Lyon" in text and "Staff meeting" not in text


# --- not withdrawn ---------------------------------------------------------------------------------------


def test_an_entry_that_left_the_end_is_not_checked(node: Partner, place: Workplace, clock: Clock) -> None:
    """Items that left the end of a feed are not missing (I8)."""
    node.pages(*range(9), status=404)
    for newest in (6, 7, 8):
        node.lists(*range(newest, newest - 5, -1))
        days(place, clock, 1)
    assert (node.asked(), missing_ids(place), len(fed(place))) == ([], [], 8)


def test_a_page_that_lives_is_asked_for_once(node: Partner, place: Workplace, clock: Clock) -> None:
    """An entry that left the document is no deletion (I8)."""
    node.lists(5, 4, 2, 1)
    days(place, clock, 4)
    assert (node.asked(), missing_ids(place), len(fed(place))) == (["/news/3"], [], 5)


def test_a_page_that_moved_lives(node: Partner, place: Workplace, clock: Clock) -> None:
    """A redirect to a living page is no withdrawal; one to a page that is gone is (I8)."""
    node.lists(5, 2, 1)
    node.pages(3, status=301, Location="/archive/3")
    node.pages(4, status=302, Location="/archive/4")
    node.web.answers["/archive/3"] = Answer(b"words")
    days(place, clock, 4)
    assert sorted(set(fed(place))) == [
        "Cloud storage in Lyon",
        "New director in Lyon",
        "Sample clearing in Lyon",
        "Staff meeting in Lyon",
    ]


def test_errors_remove_nothing(node: Partner, place: Workplace, clock: Clock) -> None:
    """A page that answers 500 is checked once a day, five times (I8)."""
    node.lists(5, 4, 2, 1)
    node.pages(3, status=500)
    days(place, clock, 10)
    assert (node.asked(), missing_ids(place), len(fed(place))) == (["/news/3"] * 5, [], 5)


def test_an_entry_that_returns_in_time_is_not_missing_any_more(
    node: Partner, place: Workplace, clock: Clock
) -> None:
    """An entry that was away for a day and is there again is asked after no more (I8)."""
    node.lists(5, 4, 2, 1)
    node.pages(3, status=404)
    later(place, clock)
    later(place, clock)
    node.lists(5, 4, 3, 2, 1)
    node.asked()
    days(place, clock, 4)
    assert (node.asked(), missing_ids(place), len(fed(place))) == ([], [], 5)


@pytest.mark.parametrize("numbers", [(5, 1), (8, 7, 6, 0, 1), (8, 7, 6)])
def test_a_document_made_anew_withdraws_nothing(
    node: Partner, place: Workplace, clock: Clock, numbers: Sequence[int]
) -> None:
    """No item is missing if more than half of a document left at once (G1, G2)."""
    node.pages(*range(9), status=404)
    node.lists(*numbers)
    days(place, clock, 3)
    assert (node.asked(), missing_ids(place)) == ([], [])


def test_a_delta_leaves_out_what_is_still_there(node: Partner, place: Workplace, clock: Clock) -> None:
    """No item is missing from a 226, nor from the whole document after it (CL18)."""
    node.web.answers["/feed"] = Answer(rss(item(node.web, 6)), 226, {"ETag": '"1"', "IM": "feed"})
    later(place, clock)
    assert missing_ids(place) == []
    node.lists(6, 5, 4, 2, 1)
    later(place, clock)
    assert missing_ids(place) == ["Sample clearing in Lyon"]


def test_other_filters_withdraw_nothing(node: Partner, place: Workplace, clock: Clock, web: Web) -> None:
    """Entries that another parser does not find are not missing (V4)."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed', drop: [sample]}}\n")
    days(place, clock, 1)
    assert (node.asked(), missing_ids(place), len(fed(place))) == ([], [], 5)


# --- several sources -------------------------------------------------------------------------------------


@pytest.fixture
def two(place: Workplace, webs: Callable[[], Web]) -> tuple[Partner, Partner]:
    """Set up two partners that both publish item 3; the first leads."""
    one, other = webs(), webs()
    place.write(
        f"sources:\n  - {{id: one, name: One, url: '{one.url}/feed', priority: 1}}\n"
        f"  - {{id: other, name: Other, url: '{other.url}/feed'}}\n"
    )
    partners = Partner(one), Partner(other)
    partners[0].lists(5, 4, 3, 2, 1)
    items = [
        {"title": "Unlike all others", "link": f"{other.url}/news/9", "pubDate": format_datetime(NOW - DAY)},
        {
            "title": "Sample clearing, told by another",
            "link": f"{one.url}/news/3",
            "guid": f"{other.url}/news/3",
        },
        {
            "title": "Old words of the other",
            "link": f"{other.url}/news/0",
            "pubDate": format_datetime(NOW - 20 * DAY),
        },
    ]
    other.feed("/feed", rss(*items), '"1"')
    run(place)
    return partners


def lead(place: Workplace) -> tuple[Any, ...]:
    """Id, times, title and state of the story of number 3."""
    return rows(
        place,
        "SELECT id, published, announced, updated, title, hidden FROM stories WHERE title LIKE 'Sample%'",
    )[0]


def test_while_another_item_reports_it_only_the_lead_changes(
    two: tuple[Partner, Partner], place: Workplace, clock: Clock
) -> None:
    """A removed item no longer leads; the story stays with id and times (I6, I8)."""
    before = lead(place)
    assert before[4] == "Sample clearing in Lyon"
    two[0].lists(5, 4, 2, 1)
    two[0].pages(3, status=404)
    assert len(days(place, clock, 2)) == 1
    assert lead(place) == (*before[:4], "Sample clearing, told by another", 0)
    assert "Sample clearing, told by another" in fed(place)
    assert decided(place) == ["withdraw"]
    two[0].lists(5, 4, 3, 2, 1)
    days(place, clock, 1)
    assert (lead(place), decided(place)) == (before, ["withdraw", "return"])


def test_a_later_report_shows_the_story_again(
    two: tuple[Partner, Partner], place: Workplace, clock: Clock
) -> None:
    """A removed story returns under its id when another partner publishes it (I8)."""
    two[0].lists(5, 4, 2, 1)
    two[0].pages(1, 2, status=404)
    two[0].lists(5, 4, 1)
    days(place, clock, 2)
    (id_, hidden) = rows(place, "SELECT id, hidden FROM stories WHERE title = 'New director in Lyon'")[0]
    assert hidden == 1
    item = {"title": "New director in Lyon", "link": f"{two[0].web.url}/news/2", "guid": "x"}
    two[1].web.feed("/feed", rss(item), '"2"')
    days(place, clock, 1)
    assert rows(place, "SELECT id, hidden FROM stories WHERE title = 'New director in Lyon'") == [(id_, 0)]
    assert "New director in Lyon" in fed(place)


# --- back again ------------------------------------------------------------------------------------------


def test_a_returned_item_is_published_again(node: Partner, place: Workplace, clock: Clock) -> None:
    """A removal is reverted when the entry or its link is in the document again (I8)."""
    before = rows(place, "SELECT id, published, announced, updated FROM stories ORDER BY id")
    node.lists(5, 4, 2, 1)
    node.pages(3, status=404)
    days(place, clock, 2)
    node.lists(5, 4, 3, 2, 1)
    assert days(place, clock, 1) == [
        "node: “Sample clearing in Lyon” is back in its document and published again"
    ]
    assert len(fed(place)) == 5
    assert rows(place, "SELECT id, published, announced, updated FROM stories ORDER BY id") == before
    assert rows(place, "SELECT * FROM tombstones") == rows(place, "SELECT * FROM missing_items") == []


@pytest.mark.parametrize("hidden_first", [True, False])
def test_an_editor_s_word_is_not_lifted(
    node: Partner, place: Workplace, clock: Clock, *, hidden_first: bool
) -> None:
    """A story hidden by an editor stays hidden when its item returns (I8)."""
    (story,) = rows(place, "SELECT id FROM stories WHERE title LIKE 'Sample%'")[0]
    node.pages(3, status=404)
    if hidden_first:
        editor_commands.hide(place.app(), [story], "ada")
    node.lists(5, 4, 2, 1)
    days(place, clock, 2)
    if not hidden_first:
        assert editor_commands.hide(place.app(), [story], "ada") == [story]
    assert editor_commands.hide(place.app(), [story], "ada") == []
    node.lists(5, 4, 3, 2, 1)
    days(place, clock, 1)
    assert rows(place, "SELECT hidden FROM stories WHERE title LIKE 'Sample%'") == [(1,)]


def test_an_editor_may_show_what_was_withdrawn(node: Partner, place: Workplace, clock: Clock) -> None:
    """Unhidden by an editor it stays, though its page is gone (I7)."""
    (story,) = rows(place, "SELECT id FROM stories WHERE title LIKE 'Sample%'")[0]
    node.lists(5, 4, 2, 1)
    node.pages(3, status=404)
    days(place, clock, 2)
    editor_commands.unhide(place.app(), [story], "ada")
    days(place, clock, 3)
    assert len(fed(place)) == 5


# --- politely --------------------------------------------------------------------------------------------


def test_few_pages_are_asked_for_at_once(node: Partner, place: Workplace, clock: Clock) -> None:
    """A visit checks three pages, counts them and is not made for their sake (V2)."""
    node.lists(8, 7, 6, 5, 4, 3, 2, 1, 0)
    later(place, clock)
    node.lists(8, 4, 2, 1, 0)
    later(place, clock)
    asked = []
    for _ in range(3):
        node.asked()
        later(place, clock)
        asked.append(len(node.asked()))
    assert asked == [3, 1, 0]
    (politeness_report,) = politeness_audit.read_reports(place.app().config)
    visits, requests = rows(place, "SELECT count(*), sum(requests) FROM visits")[0]
    assert (
        politeness_report.broken == () and politeness_report.requests == requests == visits + 5
    )  # robots.txt once


def test_a_page_that_robots_forbid_is_not_asked_for(node: Partner, place: Workplace, clock: Clock) -> None:
    """A page that is not to be read is not asked for either (CL19)."""
    node.web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /news/")
    node.lists(5, 4, 2, 1)
    node.pages(3, status=404)
    days(place, clock, 10)
    assert (node.asked(), missing_ids(place), len(fed(place))) == ([], [], 5)


def test_a_page_that_asks_for_silence_gets_it(node: Partner, place: Workplace, clock: Clock) -> None:
    """A 429 of a page holds its host, feed included (CL8)."""
    node.lists(5, 2, 1)
    node.pages(3, 4, status=429, **{"Retry-After": "90000"})
    later(place, clock)
    node.asked()
    later(place, clock)
    assert len(node.asked()) == 1
    days(place, clock, 1)
    assert node.web.asked == []
    (politeness_report,) = politeness_audit.read_reports(place.app().config)
    assert politeness_report.broken == ()


def test_public_pages_are_left_alone_before_their_time(place: Workplace, web: Web, clock: Clock) -> None:
    """A private feed causes no request to public servers under a simulated clock (V7)."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n")
    items = [{"title": f"{TOPICS[n]} in Lyon", "link": f"https://node.example/{n}"} for n in range(5)]
    web.feed("/feed", rss(*items), '"1"')
    run(place)
    web.feed("/feed", rss(*items[:2], *items[3:]), '"2"')
    days(place, clock, 2)
    assert rows(place, "SELECT tries FROM missing_items") == [(0,)]


def test_no_host_is_asked_by_two_at_once(place: Workplace, webs: Callable[[], Web], clock: Clock) -> None:
    """A page on a host that another worker visits waits for another round (CL11)."""
    one, other = webs(), webs()
    place.write(
        f"sources:\n  - {{id: one, name: One, url: '{one.url}/feed'}}\n"
        f"  - {{id: other, name: Other, url: '{other.url}/feed', every: 1d}}\n"
    )
    items = [{"title": f"{TOPICS[n]} in Lyon", "link": f"{other.url}/{n}"} for n in range(5)]
    one.feed("/feed", rss(*items), '"1"')
    other.feed("/feed", rss({"title": "Of its own", "link": f"{other.url}/own"}), '"1"')
    run(place)
    one.feed("/feed", rss(*items[:2], *items[3:]), '"2"')
    later(place, clock)
    other.asked.clear()
    run(place, force=True)
    assert [asked.path for asked in other.asked] == ["/feed"]
    later(place, clock)
    assert [asked.path for asked in other.asked] == ["/feed", "/robots.txt", "/2"]
