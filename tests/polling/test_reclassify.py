"""Changed topics and filters of feeds.yaml apply to stored items without a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime

import pytest

from aggregator import health
from aggregator.digests import run as digest
from aggregator.gateways import sandbox
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch, reclassify
from aggregator.ports import Sandbox
from aggregator.store.connection import opened
from aggregator.store.idle_check import count_if_nothing_due
from tests.builders import NOW, rss
from tests.digests.scenario import DAY, editions, rows
from tests.web_server import Web
from tests.workplace import HEAD, Clock, Workplace

CHANNELS = """\
channels:
  - {id: data, title: Data, include: {topics: [data]}}
  - {id: other, title: Other, exclude: {topics: [data]}}
"""
DIGEST = "digests: [{id: weekly, title: Data, channels: [data], schedule: 'mon 08:00', recipients: [a@a.example]}]\n"
TITLES = {
    60: "FAIR images for all",
    20: "Tools for FAIR metadata",
    9: "A fair at the town hall",
    3: "FAIR week",
}
"""The titles of the stories by their age in days."""


def write(
    place: Workplace, web: Web, rules: str = "", *, source: str = "", channels: str = "", more: str = ""
) -> Workplace:
    """Write feeds.yaml with one source, two channels and a digest."""
    topics = f"topics: {rules}\n" if rules else ""
    feed = f"  - {{id: node, name: Node, url: '{web.url}/feed'{source}}}\n"
    place.write(f"sources:\n{feed}{topics}{CHANNELS}{channels}{DIGEST}{more}", HEAD.replace("60s", "2s"))
    return place


def entry(age: int, title: str) -> dict[str, str]:
    """Return an RSS item of some days ago."""
    link = f"https://node.example/{age}"
    when = format_datetime(NOW - age * DAY)
    return {"title": title, "link": link, "guid": link, "description": f"{title}: more.", "pubDate": when}


def run(place: Workplace, **options: bool) -> FetchReport:
    """Run one round."""
    return fetch.run(place.app(), **options)


@pytest.fixture
def archive(place: Workplace, web: Web, clock: Clock) -> Workplace:
    """Provide stories of which only the newest is still in the document of its source."""
    return fill(write(place, web, NONE), web, clock)


def fill(place: Workplace, web: Web, clock: Clock) -> Workplace:
    """Poll each story at its age, and run the digest."""
    for age, title in TITLES.items():
        clock.now = NOW - age * DAY
        web.feed("/feed", rss(entry(age, title)))
        run(place, force=True)
        digest.run(place.app())
    clock.now = NOW
    run(place, force=True)  # ends a month
    return place


def topics(place: Workplace) -> dict[str, str]:
    """Return the topics of stored items by title."""
    return dict(rows(place, "SELECT title, topics FROM items"))


def members(place: Workplace, channel: str) -> set[str]:
    """Return the titles in a channel."""
    found = rows(
        place,
        f"SELECT title FROM stories JOIN channel_stories ON story_id = id WHERE channel_id = '{channel}'",
    )
    return {title for (title,) in found}


def without_categories(feed: bytes) -> bytes:
    """Return a feed without the topics of its stories."""
    return re.sub(rb'\s*<category term="data"[^>]*/>', b"", feed)


def published(place: Workplace, *suffixes: str) -> dict[str, bytes]:
    """Return the published files with these suffixes."""
    files = (file for file in place.public.rglob("*") if file.name.endswith(suffixes))
    return {str(file.relative_to(place.public)): file.read_bytes() for file in files}


NONE = "{data: [unheard-of]}"
"""A rule that finds nothing."""
FAIR = {TITLES[60], TITLES[20], TITLES[3]}
"""What a word in capitals finds."""


@pytest.mark.parametrize("rule", ["FAIR", "/(?-i:FAIR)( |$)/"])
def test_a_topic_holds_the_stories_of_the_archive(archive: Workplace, web: Web, rule: str) -> None:
    """Items without a document get a topic without a request, for channels and search (V4)."""
    requests = len(web.asked)
    assert run(write(archive, web, f"{{data: [{rule!r}]}}")).updated_items == 3
    assert {title for title, found in topics(archive).items() if found == '["data"]'} == FAIR
    assert (members(archive, "data"), members(archive, "other")) == (FAIR, {TITLES[9]})
    for name in ("index.html", "atom.xml", "rss.xml", "feed.json"):
        document = (archive.public / "channels" / "data" / name).read_text(encoding="utf-8")
        assert all(title in document for title in FAIR)
        assert TITLES[9] not in document
    pages = [text for text in published(archive, ".html").values() if b">data</" in text]
    assert len(pages) >= len(FAIR)
    assert rows(archive, "SELECT count(*) FROM items_fts('t' || char(57344) || 'data')") == [(3,)]
    assert len(web.asked) == requests


def test_old_stories_are_no_news_in_the_main_feed(archive: Workplace, web: Web) -> None:
    """A new topic changes categories: no `updated`, revision or ended month (E1, P2)."""
    before = published(archive, ".xml")
    stories = rows(archive, "SELECT id, announced, updated, changed, lead_id FROM stories ORDER BY id")
    run(write(archive, web, "{data: [FAIR]}"))
    after = published(archive, ".xml")
    assert (
        rows(archive, "SELECT id, announced, updated, changed, lead_id FROM stories ORDER BY id") == stories
    )
    assert rows(archive, "SELECT count(*) FROM revisions") == [(0,)]
    assert b'term="data"' in after["atom.xml"]
    assert without_categories(after["atom.xml"]) == before["atom.xml"]
    months = sorted(name for name in before if name.startswith("archive/"))
    assert len(months) == 3
    assert [after[name] for name in months[:-1]] == [before[name] for name in months[:-1]]


def test_stories_that_enter_the_main_channel_enter_its_archive(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """The archive gets stories that `all` excluded by their topic, in ended months too (PB8)."""
    everything = "  - {id: all, title: All, exclude: {topics: [data]}}\n"
    archive = fill(write(place, web, "{data: [FAIR, fair]}", channels=everything), web, clock)
    assert members(archive, "all") == set()
    run(write(archive, web, NONE, channels=everything))
    assert members(archive, "all") == set(TITLES.values())
    feed = (archive.public / "atom.xml").read_text(encoding="utf-8")
    assert [title in feed for title in TITLES.values()] == [True] * 4
    assert TITLES[60] in (archive.public / "archive/2026-08.xml").read_text(encoding="utf-8")


def test_calendars_name_a_new_topic(
    archive: Workplace, web: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calendars that were written since the change name the topics of later rounds, too (P1)."""
    course = entry(0, "Workshop on FAIR images in Ghent, 3-5 November 2026")
    web.feed("/feed", rss(course))
    clock.now += DAY / 4
    run(archive, force=True)
    web.feed("/feed", rss(course, entry(1, "The last of all")))
    clock.now += DAY / 4
    run(archive, force=True)
    monkeypatch.setattr(reclassify, "MAX_ITEMS", 1)
    monkeypatch.setattr(reclassify, "BATCH_ITEMS", 1)
    write(archive, web, "{data: [FAIR]}")
    for expected in (False, True):
        run(archive)
        calendars = published(archive, ".ics")
        events = [text for text in calendars.values() if b"SUMMARY:Workshop" in text]
        assert len(events) >= 3
        named = [b"CATEGORIES:event,data" in text.replace(b"\r\n ", b"") for text in events]
        assert (any(named), all(named)) == (expected, expected)


def test_topics_follow_each_change(archive: Workplace, web: Web) -> None:
    """Topics are added, changed and removed, as rules and as those of a source."""
    every = set(TITLES.values())
    for rules, source, expected in (
        ("{data: [metadata]}", "", {TITLES[20]}),
        ("{data: [week, /^a fair/]}", "", {TITLES[3], TITLES[9]}),
        (NONE, "", set()),
        ("{other: [FAIR], data: [week]}", "", {TITLES[3]}),
        ("", ", topics: [data]", every),
        ("{data: [metadata]}", "", {TITLES[20]}),
    ):
        run(write(archive, web, rules, source=source))
        assert members(archive, "data") == expected
        assert members(archive, "other") == every - expected
    assert topics(archive)[TITLES[3]] == "[]"


def test_a_digest_carries_no_old_story_because_of_a_topic(archive: Workplace, web: Web, clock: Clock) -> None:
    """Of stories with a new topic editions have those of a week, and no updates of others (M1)."""
    assert not editions(archive)
    run(write(archive, web, "{data: [FAIR, fair]}"))
    clock.now = NOW + 7 * DAY
    digest.run(archive.app())
    assert list(editions(archive).values()) == [[TITLES[3]]]
    web.feed("/feed", rss(*(entry(age, f"{title}, at last") for age, title in TITLES.items())))
    run(archive, force=True)
    clock.now = NOW + 14 * DAY
    digest.run(archive.app())
    assert [sorted(found) for found in editions(archive).values()][1:] == [[f"{TITLES[3]}, at last"]]


def test_an_old_item_hides_no_update_of_a_story(archive: Workplace, web: Web, clock: Clock) -> None:
    """A story that an edition carried is carried when it changes, with an old item too (E1)."""
    run(write(archive, web, "{data: [FAIR]}"))
    clock.now = NOW + 7 * DAY
    digest.run(archive.app())
    with opened(archive.database) as store:
        (known,) = store.db.execute("SELECT item_id FROM ledger WHERE reason = 'baseline'").fetchone()
        (carried,) = store.db.execute("SELECT id FROM stories WHERE title = ?", [TITLES[3]]).fetchone()
        store.db.execute("UPDATE items SET story_id = ? WHERE id = ?", [carried, known])
        store.db.execute("UPDATE ledger SET mark = '2027-01-01T00:00:00Z' WHERE item_id = ?", [known])
    web.feed("/feed", rss(entry(3, "FAIR week in two towns")))
    run(archive, force=True)
    clock.now = NOW + 14 * DAY
    digest.run(archive.app())
    assert list(editions(archive).values())[1:] == [["FAIR week in two towns"]]


def test_stories_since_the_last_edition_are_new(archive: Workplace, web: Web, clock: Clock) -> None:
    """A topic that comes late in a long period brings all stories of that period (M2)."""
    with opened(archive.database) as store:
        store.db.execute("UPDATE digests SET last_composed = '2026-09-20T06:00:00Z'")
    run(write(archive, web, "{data: [fair, FAIR]}"))
    clock.now = NOW + 7 * DAY
    digest.run(archive.app())
    assert [set(found) for found in editions(archive).values()] == [{TITLES[3], TITLES[9]}]


def test_rounds_continue_where_the_last_one_ended(
    archive: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round reads some items, the newest first; one that is killed loses no change."""
    monkeypatch.setattr(reclassify, "MAX_ITEMS", 1)
    monkeypatch.setattr(reclassify, "BATCH_ITEMS", 1)
    with opened(archive.database) as store:
        store.db.execute("UPDATE sources SET next_visit = '2026-11-01T00:00:00Z', not_before = NULL")
    file = write(archive, web, "{data: [FAIR]}").folder / "feeds.yaml"
    assert health.read_report(archive.app().config).unclassified == 4
    run(archive)
    assert members(archive, "data") == {TITLES[3]}
    assert health.read_report(archive.app().config).unclassified == 3

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(reclassify, "MAX_ITEMS", 2)
        killed.setattr(reclassify, "update_channels_quietly", stop)
        run(archive)
    assert topics(archive)[TITLES[20]] == "[]"
    rounds = 0
    while count_if_nothing_due(file, archive.clock.now) is None:
        run(archive)
        rounds += 1
    assert (members(archive, "data"), rounds) == (FAIR, 3)


def test_a_round_without_a_change_reads_no_items(
    archive: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other edits of feeds.yaml and visits do not read stored items again."""

    def refuse(*_: object) -> None:
        raise AssertionError("items were read")

    run(write(archive, web, "{data: [FAIR]}"))
    monkeypatch.setattr(reclassify, "reclassify", refuse)
    run(write(archive, web, "{data: [FAIR]}", source=", priority: 5", more="retention: {visits: 99d}\n"))
    run(archive, force=True)


@contextmanager
def processes(_documents: int) -> Iterator[Sandbox]:
    """Provide the real sandbox."""
    yield sandbox.ProcessSandbox(processes=1)
    sandbox.end_processes()


def test_an_expression_that_takes_too_long_ends_the_round(
    archive: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items keep their topics where an expression takes too long, which is reported once (EX8)."""
    monkeypatch.setattr(reclassify, "BATCH_ITEMS", 1)
    with opened(archive.database) as store:
        store.db.execute(
            "UPDATE items SET text = ?, topics = '[\"data\"]' WHERE title IN (?, ?)",
            ["a" * 60 + "!", TITLES[9], TITLES[20]],
        )
    write(archive, web, "{data: ['/(a+)+$/', FAIR]}")
    notices = []
    for _ in range(4):
        report = fetch.run(replace(archive.app(), sandbox=processes))
        notices += [notice for notice in report.notices if "stored item" in notice]
    assert notices == [
        "topics and filters of 1 stored item cannot be found: reading it takes longer than 2 s;"
        " simplify the expressions in feeds.yaml"
    ]
    assert topics(archive) == dict.fromkeys(TITLES.values(), '["data"]')


def test_what_words_do_not_show_stays(archive: Workplace, web: Web) -> None:
    """A removed source keeps its own topics, and an item without its text those of rules (V5)."""
    run(write(archive, web, "{data: [more]}", source=", topics: [own, lost]"))
    with opened(archive.database) as store:
        store.db.execute("UPDATE items SET text = '', html = '', excerpt = 'x' WHERE title = ?", [TITLES[60]])
    other = f"sources: [{{id: else, name: E, url: '{web.url}/2', topics: [own]}}]\n"
    archive.write(f"{other}topics: {{data: [metadata], tools: [Tools]}}\n{CHANNELS}")
    run(archive)
    assert topics(archive) == {
        TITLES[60]: '["own", "data"]',
        TITLES[20]: '["data", "tools", "own"]',
        TITLES[9]: '["own"]',
        TITLES[3]: '["own"]',
    }


def test_items_that_a_filter_dropped_come_back_as_old_ones(place: Workplace, web: Web, clock: Clock) -> None:
    """Without a filter its items become stories, those of more than a week on pages only (T4)."""
    write(place, web, NONE, source=", drop: [FAIR]")
    for age, title in TITLES.items():
        clock.now = NOW - age * DAY
        web.feed("/feed", rss(entry(age, title)))
        run(place, force=True)
    clock.now = NOW
    assert rows(place, "SELECT title FROM stories") == [(TITLES[9],)]
    write(place, web, NONE, source=", drop: [nothing]")
    run(place)
    assert set(rows(place, "SELECT title, fed FROM stories")) == {
        (TITLES[60], 0),
        (TITLES[20], 0),
        (TITLES[9], 1),
        (TITLES[3], 1),
    }
    feed = (place.public / "atom.xml").read_text(encoding="utf-8")
    assert (TITLES[3] in feed, TITLES[60] in feed) == (True, False)
