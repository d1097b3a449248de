"""The cron job against real servers and a real database."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.errors import AuthorityChanged
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch
from aggregator.publishing import stylesheet
from aggregator.store.connection import opened
from tests.builders import NOW, rss
from tests.conftest import HEAD, Answer, Asked, Clock, Web, Workplace
from tests.digests.scenario import rows
from tests.publishing.pages import without_pages

HOUR = timedelta(hours=1)


def news(n: int, **fields: str) -> dict[str, str]:
    """An RSS item."""
    return {
        "title": f"News number {n}",
        "link": f"https://node.example/news/{n}",
        "guid": f"node-{n}",
        "description": f"What happened, part {n}.",
        "pubDate": f"Sat, 03 Oct 2026 1{n}:00:00 +0000",
    } | fields


def one(place: Workplace, web: Web, **options: str) -> Workplace:
    """A feeds.yaml with the one source `node` at /feed."""
    more = "".join(f", {key}: {value}" for key, value in options.items())
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'{more}}}\n")
    return place


def run(place: Workplace, **options: Any) -> FetchReport:
    """One round."""
    return fetch.run(place.app(), **options)


def test_a_feed_becomes_stories_and_documents(place: Workplace, web: Web) -> None:
    """The main job visits, stores, places and publishes each item once."""
    web.feed("/feed", rss(news(1), news(2)), '"1"')
    report = run(one(place, web))
    assert (report.visited, report.changed, report.new_items, report.new_stories) == (1, 1, 2, 2)
    assert without_pages(report.documents_written) == {
        "archive/2026-10.xml",
        "atom.xml",
        "rss.xml",
        "feed.json",
        "index.html",
        "sources.opml",
        "events.ics",
        "deadlines.ics",
        "events/index.html",
        "events/choices.css",
        "feed.css",
        stylesheet.render().path,
    }
    assert b"News number 2" in (place.public / "atom.xml").read_bytes()


def test_a_date_of_a_series_with_one_uid_stays_one_story(place: Workplace, web: Web, clock: Clock) -> None:
    """A date stays one story while a calendar adds or removes others with its UID (I2)."""
    days = ("20261105", "20261112", "20261119")
    for number, listed in enumerate((days[:1], days[:2], days, days[1:], days[2:]), start=1):
        events = "".join(
            f"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:{day}T080000\r\nSUMMARY:Imaging seminar\r\nEND:VEVENT\r\n"
            for day in listed
        )
        body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\n{events}END:VCALENDAR\r\n"
        web.feed("/feed", body.encode(), f'"{number}"')
        run(one(place, web, kind="ical"))
        clock.now += timedelta(hours=6)
    assert rows(place, "SELECT events -> '$[0].start', edits FROM items ORDER BY 1") == [
        (f'"{day[:4]}-{day[4:6]}-{day[6:]}T07:00:00+00:00"', 0) for day in days
    ]


@pytest.mark.parametrize("linked", [True, False])
def test_guids_that_number_the_entries_identify_none(
    place: Workplace, web: Web, clock: Clock, linked: bool
) -> None:
    """Entries of a feed whose guids are positions stay stories, edited or not (I1)."""
    link = {} if linked else {"link": ""}
    entries = {n: news(n, **link) for n in range(1, 7)}
    for number, listed in enumerate(([3, 2, 1], [4, 3, 2], [5, 4, 3]), start=1):
        if number == 3 and linked:
            entries[4]["title"] = "News number 4, corrected"
        web.feed(
            "/feed",
            rss(*(entries[n] | {"guid": str(position)} for position, n in enumerate(listed))),
            f'"{number}"',
        )
        report = run(one(place, web))
        assert report.new_items == (3 if number == 1 else 1)
        assert bool(report.notices) == (number == 2)
        clock.now += timedelta(hours=6)
    titles = [row[0] for row in rows(place, "SELECT title FROM items ORDER BY title")]
    assert titles == sorted(entries[n]["title"] for n in range(1, 6))


def test_titles_that_entries_share_leave_guids_their_entries(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """Dates of a calendar whose titles become "to be announced" stay what they are (I1)."""
    named, open_ = ["Talk of Ada", "Talk of Ben", "To be announced"], ["To be announced"] * 3
    for number, titles in enumerate((named, open_), start=1):
        events = "".join(
            f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:2026110{n}T080000\r\nSUMMARY:{title}\r\nEND:VEVENT\r\n"
            for n, title in enumerate(titles, start=1)
        )
        body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\n{events}END:VCALENDAR\r\n"
        web.feed("/feed", body.encode(), f'"{number}"')
        assert run(one(place, web, kind="ical")).notices == ()
        clock.now += timedelta(hours=6)
    assert rows(place, "SELECT guid, title FROM items ORDER BY 1") == [(n, open_[0]) for n in "123"]


def test_titles_that_pages_exchange_leave_guids_their_entries(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """Guids that agree with links have not moved, although titles and texts have (I1)."""
    for number, titles in enumerate((["Open", "Closed"] * 2, ["Closed", "Open"] * 2), start=1):
        entries = (news(n, title=title, description="") for n, title in enumerate(titles))
        web.feed("/feed", rss(*entries), f'"{number}"')
        assert run(one(place, web)).notices == ()
        clock.now += timedelta(hours=6)


def test_nothing_is_visited_before_its_time(place: Workplace, web: Web, clock: Clock) -> None:
    """Within the hour a source is not due; after it, it is (CL5)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    assert run(place).not_due == 1
    clock.now += timedelta(minutes=59)
    assert run(place).visited == 0
    clock.now += timedelta(minutes=10)
    assert run(place).visited == 1
    assert len(web.asked) == 2


def test_the_second_visit_is_conditional_and_changes_nothing(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """A 304 changes no item and touches no file (CL1, CL4, PB13)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    before = {f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in place.public.rglob("*") if f.is_file()}
    clock.now += 2 * HOUR
    report = run(place)
    assert (report.unchanged, report.failed, report.documents_written) == (1, 0, ())
    assert web.asked[1].headers["if-none-match"] == '"1"'
    assert {
        f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in place.public.rglob("*") if f.is_file()
    } == before


def test_the_same_body_again_is_unchanged(place: Workplace, web: Web) -> None:
    """A server that ignores validators costs a body, but nothing is parsed or written."""
    web.feed("/feed", rss(news(1)))
    run(one(place, web))
    report = run(place, force=True)
    assert (report.unchanged, report.changed, report.documents_written) == (1, 0, ())


def test_the_attempt_is_committed_before_the_first_request(place: Workplace, web: Web) -> None:
    """While the server answers, the next allowed time already stands in the database (V1)."""
    seen: list[Any] = []

    def answer(asked: Asked) -> Answer:
        seen.extend(rows(place, "SELECT last_attempt, next_visit FROM sources"))
        return Answer(rss(news(1)))

    web.answers["/feed"] = answer
    run(one(place, web))
    assert seen[0][0] == "2026-10-05T06:30:00Z"
    assert seen[0][1] > "2026-10-05T07:29"


def test_without_validators_a_day_passes(place: Workplace, web: Web, clock: Clock) -> None:
    """A source without validators is visited daily unless it sets `every` (CL6, V3)."""
    web.feed("/feed", rss(news(1)))
    run(one(place, web))
    clock.now += timedelta(hours=23)
    assert run(place).visited == 0
    clock.now += timedelta(hours=4)
    assert run(one(place, web, every="2h")).visited == 1
    clock.now += timedelta(hours=3)
    assert run(place).visited == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_even_against_force(place: Workplace, web: Web, clock: Clock, status: int) -> None:
    """No request before the time the server named, forced or not (CL8, V3)."""
    web.answers["/feed"] = Answer(status=status, headers={"Retry-After": "7200"})
    assert run(one(place, web)).failed == 1
    clock.now += timedelta(seconds=7100)
    assert run(place, force=True).held == 1
    clock.now += timedelta(seconds=200)
    assert run(place, force=True).visited == 1
    assert len(web.asked) == 2


@pytest.mark.parametrize(("status", "held"), [(429, 1), (503, 0)])
def test_429_holds_the_host_and_503_only_the_source(
    place: Workplace, web: Web, clock: Clock, status: int, held: int
) -> None:
    """429 speaks for the whole host (CL8)."""
    web.answers["/feed"] = Answer(status=status, headers={"Retry-After": "90000"})
    web.feed("/other", rss(news(1)), '"1"')
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n"
        f"  - {{id: other, name: Other, url: '{web.url}/other'}}\n"
    )
    run(place)
    clock.now += 3 * HOUR
    report = run(place, ids=["other"])
    assert (report.held, report.visited) == (held, 1 - held)


def test_a_failed_parse_leaves_everything_as_it_was(place: Workplace, web: Web) -> None:
    """Validators and body hash are stored only with an accepted parse (V4)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    web.answers["/feed"] = Answer(b"<html>maintenance</html>", headers={"ETag": '"2"'})
    report = run(place, force=True)
    assert report.failed == 1 and "web page" in (report.sources[0].reason or "")
    assert rows(place, "SELECT etag FROM sources") == [('"1"',)]
    assert rows(place, "SELECT count(*) FROM items") == [(1,)]


def test_changed_options_are_applied_without_a_request(place: Workplace, web: Web, clock: Clock) -> None:
    """The kept body is read again when the source's options change (V4)."""
    web.feed("/feed", rss(news(1), news(2, title="A course on FAIR data")), '"1"')
    run(one(place, web))
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed', topics: [mine]}}\n"
        "topics: {data: [FAIR]}\nchannels: [{id: data, title: Data, include: {topics: [data]}}]\n"
    )
    report = run(place)
    assert (report.visited, len(web.asked), report.updated_items) == (0, 1, 2)
    assert rows(place, "SELECT title, topics FROM items ORDER BY 1") == [
        ("A course on FAIR data", '["mine", "data"]'),
        ("News number 1", '["mine"]'),
    ]
    assert b"FAIR data" in (place.public / "channels/data/atom.xml").read_bytes()
    assert rows(place, "SELECT count(*) FROM revisions") == [(0,)]


def test_an_entry_that_a_new_version_reads_differently_stays_known(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """An entry without guid and link of its own stays known when its text is read anew (V4)."""
    web.feed("/feed", rss(*(news(n, guid="", link="https://node.example/news") for n in (1, 2))), '"1"')
    run(one(place, web))
    before = rows(place, "SELECT id, story_id FROM items ORDER BY 1")
    with opened(place.database) as store, store.transaction():  # as an earlier version stored them
        store.db.execute("UPDATE items SET text = text || ' Enable scripts.', content_hash = ''")
        store.db.execute("UPDATE aliases SET value = 'earlier' || value WHERE kind = 'text'")
    clock.now += timedelta(minutes=10)
    report = run(one(place, web, topics="[mine]"))
    assert (report.visited, report.new_items, report.updated_items) == (0, 0, 2)
    assert rows(place, "SELECT id, story_id FROM items ORDER BY 1") == before


def test_a_renamed_source_keeps_its_past(place: Workplace, web: Web) -> None:
    """A source is recognised by its URL when its id changes (V5)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    before = (place.public / "atom.xml").read_bytes()
    place.write(f"sources:\n  - {{id: renamed, name: Node, url: '{web.url}/feed'}}\n")
    report = run(place)
    assert (report.visited, report.not_due, report.new_items) == (0, 1, 0)
    assert rows(place, "SELECT DISTINCT source_id FROM items") == [("renamed",)]
    assert (place.public / "atom.xml").read_bytes() == before


def test_a_removed_source_is_left_alone_and_its_stories_stay(place: Workplace, web: Web) -> None:
    """No more visits, no story lost, and it can come back under another name (V5)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    place.write("sources: []\n")
    assert run(place, force=True).visited == 0
    assert b"News number 1" in (place.public / "atom.xml").read_bytes()
    assert b"feed" not in (place.public / "sources.opml").read_bytes().split(b"<body")[1]
    place.write(f"sources:\n  - {{id: back, name: Node, url: '{web.url}/feed'}}\n")
    assert (run(place, force=True).unchanged, rows(place, "SELECT count(*) FROM stories")) == (1, [(1,)])


def test_a_changed_url_is_asked_without_validators(place: Workplace, web: Web) -> None:
    """A changed URL drops the validators and keeps the known items (CL3)."""
    web.feed("/feed", rss(news(1)), '"1"')
    web.feed("/new", rss(news(1), news(2)), '"1"')
    run(one(place, web))
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/new'}}\n")
    report = run(place)
    assert "if-none-match" not in web.asked[1].headers
    assert (report.visited, report.new_items) == (1, 1)


def test_swapped_urls_do_not_collide(place: Workplace, web: Web) -> None:
    """Two sources may exchange their URLs (V5)."""
    web.feed("/a", rss(news(1)), '"1"')
    web.feed("/b", rss(news(2)), '"1"')
    lines = "sources:\n  - {{id: a, name: A, url: '{0}'}}\n  - {{id: b, name: B, url: '{1}'}}\n"
    place.write(lines.format(web.url + "/a", web.url + "/b"))
    run(place)
    place.write(lines.format(web.url + "/b", web.url + "/a"))
    assert run(place, force=True).failed == 0


@pytest.mark.parametrize(
    "ids",
    [{"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}, {"a": "b", "new": "a"}, {"a": "c", "b": "a"}],
)
def test_exchanged_ids_move_no_items(place: Workplace, web: Web, ids: dict[str, str]) -> None:
    """Sources with exchanged ids keep their items, and channels select by the new ids (V5).

    The items have no links, by which another source would recognise them.
    """
    for n, name in enumerate(["a", "b", "c", "new"]):
        web.feed(f"/{name}", rss(news(n, link="", title=f"News of {name}", guid=name)), f'"{name}"')

    def configure(new_ids: dict[str, str]) -> None:
        lines = [f"  - {{id: {id_}, name: N, url: '{web.url}/{name}'}}\n" for name, id_ in new_ids.items()]
        channels = "channels:\n  - {id: chosen, title: C, include: {sources: [a]}}\n"
        place.write("sources:\n" + "".join(lines) + channels)

    configure({name: name for name in ids if name != "new"})
    run(place, force=True)
    configure(ids)
    place.clock.now += 12 * HOUR
    report = run(place, force=True)
    assert (report.new_items, report.failed) == (1 if "new" in ids else 0, 0)
    found = dict(rows(place, "SELECT title, source_id FROM items"))
    assert found == {f"News of {name}": id_ for name, id_ in ids.items()}
    chosen = (place.public / "channels/chosen/atom.xml").read_text()
    assert [name for name in ids if f"News of {name}<" in chosen] == [
        n for n, id_ in ids.items() if id_ == "a"
    ]


def test_the_authority_is_permanent(place: Workplace, web: Web) -> None:
    """A changed authority is refused before anything is touched (V5)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    place.write("sources: []\n", HEAD.replace("news.example,2026", "other.example,2026"))
    with pytest.raises(AuthorityChanged, match="set it back"):
        run(place)


def test_changes_of_state_are_reported_once(place: Workplace, web: Web, clock: Clock) -> None:
    """A failing source is reported once, and once when it is well again (V8)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    good = web.answers["/feed"]
    reported = []
    for broken in (True, True, True, True, False, False):
        clock.now += timedelta(days=2)
        web.answers["/feed"] = Answer(status=500) if broken else good
        reported.append(run(place).notices)
    assert [len(notices) for notices in reported] == [0, 0, 1, 0, 1, 0]
    assert "failing: the server answered 500" in reported[2][0]
    assert "well again" in reported[4][0]


def test_failures_slow_a_source_down_but_never_stop_it(place: Workplace, web: Web, clock: Clock) -> None:
    """The pause doubles up to a day and stays there (CL9)."""
    web.answers["/feed"] = Answer(status=500)
    one(place, web)
    pauses = []
    for _ in range(8):
        next_visit = run(place, force=True).sources[0].next_visit
        assert next_visit is not None
        pauses.append((next_visit - clock.now) / HOUR)
        clock.now = next_visit
    assert pauses == sorted(pauses)
    assert 1 <= pauses[0] <= 1.1 and 24 <= pauses[-1] <= 26.5


def test_filtered_items_are_stored_but_not_published(place: Workplace, web: Web) -> None:
    """What `drop` keeps out stays explainable and becomes no story (G3)."""
    web.feed("/feed", rss(news(1), news(2, title="Canteen menu")), '"1"')
    report = run(one(place, web, drop="[canteen]"))
    assert (report.new_items, report.new_stories) == (1, 1)
    assert rows(place, "SELECT title, dropped, story_id FROM items WHERE dropped IS NOT NULL") == [
        ("Canteen menu", "drop: canteen", None)
    ]


def test_the_same_link_is_one_story_of_both_partners(place: Workplace, webs: Callable[[], Web]) -> None:
    """Equal canonical links join; the partner is credited, id and time stay (I3)."""
    first, second = webs(), webs()
    first.feed("/feed", rss(news(1)), '"1"')
    second.feed(
        "/feed",
        rss(
            news(
                1,
                guid="x",
                link="http://www.node.example/news/1/?utm_source=x",
                pubDate="Sun, 04 Oct 2026 09:00:00 +0000",
            )
        ),
        '"1"',
    )
    lines = f"sources:\n  - {{id: first, name: First, url: '{first.url}/feed'}}\n"
    place.write(lines)
    run(place)
    story = rows(place, "SELECT id, published, updated FROM stories")
    place.write(lines + f"  - {{id: second, name: Second, url: '{second.url}/feed'}}\n")
    report = run(place)
    assert (report.new_stories, report.joined_stories) == (0, 1)
    assert rows(place, "SELECT id, published, updated FROM stories") == story
    assert b'title="Also published by Second"' in (place.public / "atom.xml").read_bytes()


def test_only_a_significant_edit_moves_updated(place: Workplace, web: Web, clock: Clock) -> None:
    """A typo leaves `updated`, another title moves it; both keep the earlier words (E1, PB4)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    updated = rows(place, "SELECT updated FROM stories")
    clock.now += 2 * HOUR
    web.feed("/feed", rss(news(1, description="What happened, part one.")), '"2"')
    assert run(place).updated_items == 1
    assert rows(place, "SELECT updated FROM stories") == updated
    clock.now += 2 * HOUR
    web.feed("/feed", rss(news(1, title="Cancelled: news number 1")), '"3"')
    run(place)
    assert rows(place, "SELECT updated FROM stories") == [("2026-10-05T10:30:00Z",)]
    assert rows(place, "SELECT number, significant, title FROM revisions") == [
        (0, 0, "News number 1"),
        (1, 1, "News number 1"),
    ]


ATOM_ENTRY = """<entry><title>News {n}</title><id>urn:{n}</id><link href="https://node.example/{n}"/>\
<summary>What.</summary><content>What happened, where, and who took part in it.</content></entry>"""
ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><id>urn:a</id>\
{ATOM_ENTRY.format(n=1)}{ATOM_ENTRY.format(n=2)}</feed>"""


@pytest.mark.parametrize("cut", [0, 20, 45])
@pytest.mark.parametrize(
    ("whole", "end"),
    [(rss(news(1), news(2, description="What happened. " * 10)), b"</desc"), (ATOM.encode(), b"</content")],
)
def test_a_feed_that_breaks_off_takes_no_text_away(
    place: Workplace, web: Web, clock: Clock, whole: bytes, end: bytes, cut: int
) -> None:
    """A document that ends within a known entry is no edit of it, and an edit of the others."""
    web.feed("/feed", whole, '"1"')
    run(one(place, web))
    before = rows(place, "SELECT text, guid FROM items ORDER BY guid")
    broken = whole[: whole.rindex(end) - cut].replace(b"1</title>", b"1 again</title>", 1)
    web.feed("/feed", broken, '"2"')
    clock.now += 2 * HOUR
    report = run(place)
    assert (report.changed, report.updated_items) == (1, 1)
    assert rows(place, "SELECT text, guid FROM items ORDER BY guid") == before


def test_an_entry_that_left_the_feed_is_not_deleted(place: Workplace, web: Web) -> None:
    """Feeds are windows; what slid out stays (I8)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    web.feed("/feed", rss(news(2)), '"2"')
    run(place, force=True)
    assert rows(place, "SELECT count(*) FROM stories") == [(2,)]


def test_one_broken_source_does_not_disturb_the_others(place: Workplace, webs: Callable[[], Web]) -> None:
    """One source's failure never stops another."""
    good, bad = webs(), webs()
    good.feed("/feed", rss(news(1)), '"1"')
    bad.answers["/feed"] = Answer(b"\xff\xfe\x00\x00garbage")
    place.write(
        f"sources:\n  - {{id: bad, name: Bad, url: '{bad.url}/feed'}}\n"
        f"  - {{id: good, name: Good, url: '{good.url}/feed'}}\n"
    )
    report = run(place)
    assert (report.changed, report.failed, report.new_stories) == (1, 1, 1)


class DyingExecutor(ThreadPoolExecutor):
    """An executor whose workers die on the second task, as a killed process does."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # type: ignore[override]
        """Run the task, or fail as if its process had been killed."""
        self.tasks = getattr(self, "tasks", 0) + 1
        if self.tasks == 2:
            broken: Future[Any] = Future()
            broken.set_exception(RuntimeError("killed"))
            return broken
        return super().submit(fn, *args, **kwargs)


def test_a_dead_worker_costs_its_own_sources_only(place: Workplace, webs: Callable[[], Web]) -> None:
    """What a worker took with it is a failed visit; the others are kept (L2)."""
    sites = [webs() for _ in range(3)]
    lines = ["sources:"]
    for n, web in enumerate(sites):
        web.feed("/feed", rss(news(n, link=f"https://n{n}.example/news/1")), '"1"')
        lines.append(f"  - {{id: n{n}, name: N, url: '{web.url}/feed'}}")
    place.write("\n".join(lines) + "\n")

    def executor(workers: int) -> Executor:
        return DyingExecutor(workers)

    report = fetch.run(replace(place.app(), make_executor=executor))
    assert (report.changed, report.failed) == (2, 1)
    assert "the worker died" in (report.sources[1].reason or "")


def test_processes_fit_the_executor_seam(place: Workplace, webs: Callable[[], Web]) -> None:
    """The executor seam: worker processes instead of threads need no change to the job."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    web = webs()
    web.feed("/feed", rss(news(1)), '"1"')

    def executor(workers: int) -> Executor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    report = fetch.run(replace(one(place, web).app(), make_executor=executor))
    assert (report.changed, report.new_stories) == (1, 1)


def test_views_read_well(place: Workplace, web: Web) -> None:
    """The database can be opened by people: the views name what they show."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    assert rows(place, "SELECT title, source, link FROM news") == [
        ("News number 1", "Node", "https://node.example/news/1")
    ]
    assert rows(place, "SELECT id, state, items FROM source_health") == [("node", "ok", 1)]
    assert rows(place, "SELECT count(*) FROM mail_owed") == [(0,)]


def test_a_report_is_kept(place: Workplace, web: Web) -> None:
    """Every run leaves its report in the database."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    assert rows(place, "SELECT job, outcome, report ->> 'new_items' FROM runs") == [("fetch", "done", 1)]


def test_an_item_stays_in_its_story_when_its_link_changes(place: Workplace, webs: Callable[[], Web]) -> None:
    """An item that would come to connect two published stories merges nothing (I5)."""
    a, b, c = webs(), webs(), webs()
    a.feed("/feed", rss(news(1, link="https://a.example/news/1")), '"1"')
    b.feed("/feed", rss(news(2, link="https://b.example/news/2")), '"1"')
    sources = "".join(
        f"  - {{id: {name}, name: {name}, url: '{site.url}/feed'}}\n" for name, site in (("a", a), ("b", b))
    )
    place.write("sources:\n" + sources)
    run(place)
    c.feed("/feed", rss(news(1, link="https://a.example/news/1", guid="c1")), '"1"')
    place.write("sources:\n" + sources + f"  - {{id: c, name: c, url: '{c.url}/feed'}}\n")
    run(place)
    c.feed("/feed", rss(news(1, link="https://b.example/news/2", guid="c1")), '"2"')
    run(place, force=True)
    assert rows(
        place,
        "SELECT group_concat(source_id) FROM (SELECT * FROM items ORDER BY source_id) GROUP BY story_id ORDER BY 1",
    ) == [("a,c",), ("b",)]


def test_now_is_one_moment(place: Workplace, web: Web) -> None:
    """A round has one `now`: all it writes carries the same time."""
    web.feed("/feed", rss(news(1, pubDate="")), '"1"')
    run(one(place, web))
    assert rows(place, "SELECT first_seen, sort FROM items") == [("2026-10-05T06:30:00Z",) * 2]
    assert NOW.isoformat().startswith("2026-10-05T06:30:00")


def test_full_disk_is_not_half_a_document(place: Workplace, web: Web, tmp_path: Path) -> None:
    """A draft left behind by a killed run does not get in the way of the next."""
    web.feed("/feed", rss(news(1)), '"1"')
    place.public.mkdir()
    (place.public / ".atom.xml.draft").write_bytes(b"half")
    run(one(place, web))
    assert not (place.public / ".atom.xml.draft").exists()
    assert (place.public / "atom.xml").read_bytes().endswith(b"</feed>\n")


def test_only_new_entries_are_read_and_none_is_mistaken(place: Workplace, web: Web) -> None:
    """A new entry that shares page and title with known ones is an item of its own (I1, I2)."""
    series = [
        news(n, title="Weekly seminar", link=f"https://node.example/seminar#{n}", guid="") for n in (1, 2, 3)
    ]
    web.feed("/feed", rss(series[0]), '"1"')
    run(one(place, web))
    web.feed("/feed", rss(series[1], series[0]), '"2"')
    assert run(place, force=True).new_items == 1
    web.feed("/feed", rss(*reversed(series)), '"3"')
    assert run(place, force=True).new_items == 1
    assert rows(place, "SELECT count(*), count(DISTINCT story_id) FROM items") == [(3, 3)]


def test_a_guid_that_turns_out_to_be_shared_is_noticed(place: Workplace, web: Web) -> None:
    """Identifiers are judged by the whole document, not only by its new entries (I1)."""
    web.feed("/feed", rss(news(1, guid="same"), news(2)), '"1"')
    run(one(place, web))
    web.feed("/feed", rss(news(3, guid="same"), news(1, guid="same"), news(2)), '"2"')
    assert run(place, force=True).new_items == 1
    assert rows(place, "SELECT guid_ok, link_ok FROM sources") == [(0, 1)]
    assert rows(place, "SELECT title FROM items ORDER BY title") == [(f"News number {n}",) for n in (1, 2, 3)]


def test_an_entry_that_is_pinned_twice_does_not_change_the_identity_policy(
    place: Workplace, web: Web
) -> None:
    """One entry listed twice is one entry, also where it is not read again (I1)."""
    web.feed("/feed", rss(news(1), news(1), news(2)), '"1"')
    run(one(place, web))
    web.feed("/feed", rss(news(3), news(1), news(1), news(2)), '"2"')
    assert run(place, force=True).new_items == 1
    assert rows(place, "SELECT guid_ok, link_ok FROM sources") == [(1, 1)]


@pytest.mark.parametrize(
    "target", ["http://[::1", "http://[zz]/", "http://a..b/", "http://℀/", f"http://{'a' * 70}/"]
)
def test_an_odd_redirect_costs_its_own_source_only(place: Workplace, web: Web, target: str) -> None:
    """Whatever a redirect says, the other sources of the host are kept (L2)."""
    web.feed("/good", rss(news(1)), '"1"')
    web.answers["/odd"] = Answer(status=302, headers={"Location": target.encode().decode("latin-1")})
    place.write(
        f"sources:\n  - {{id: good, name: G, url: '{web.url}/good'}}\n"
        f"  - {{id: odd, name: O, url: '{web.url}/odd', user: me}}\n"
    )
    report = run(place)
    assert [reported.outcome for reported in report.sources] == ["changed", "failed"]


def test_after_a_429_no_other_source_of_the_host_is_requested(place: Workplace, web: Web) -> None:
    """After a 429 the other sources of the host are not visited and stay due (CL8)."""
    web.answers["/feed"] = Answer(status=429, headers={"Retry-After": "86400"})
    web.feed("/other", rss(news(1)), '"1"')
    place.write(
        f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n"
        f"  - {{id: other, name: Other, url: '{web.url}/other'}}\n"
    )
    assert run(place).visited == 1
    assert [asked.path for asked in web.asked] == ["/feed"]
    assert rows(place, "SELECT next_visit FROM sources WHERE id = 'other'") == [(None,)]


def test_a_304_to_an_unconditional_request_is_a_failure(place: Workplace, web: Web) -> None:
    """A 304 to an unconditional request is a failure; the backlog stays one (CL1)."""
    web.answers["/feed"] = Answer(status=304)
    assert run(one(place, web)).failed == 1


def test_a_filter_taken_away_announces_no_old_news(place: Workplace, web: Web, clock: Clock) -> None:
    """What was kept out and is let in later is backlog, not today's news (T4)."""
    old = news(2, title="Canteen menu", pubDate="Thu, 01 Jan 2026 10:00:00 +0000")
    web.feed("/feed", rss(news(1), old), '"1"')
    run(one(place, web, drop="[canteen]"))
    clock.now += timedelta(minutes=5)
    assert run(one(place, web)).new_stories == 1
    assert b"Canteen" not in (place.public / "atom.xml").read_bytes()
    assert b"Canteen" in (place.public / "index.html").read_bytes()


def test_a_lost_public_folder_comes_back(place: Workplace, web: Web) -> None:
    """Nothing due does not mean nothing to do: missing files are written again."""
    from aggregator.store import idle_check

    web.feed("/feed", rss(news(1)), '"1"')
    run(one(place, web))
    file = place.folder / "feeds.yaml"
    assert idle_check.count_if_nothing_due(file, place.clock()) == 1
    shutil.rmtree(place.public)
    assert idle_check.count_if_nothing_due(file, place.clock()) is None
    assert "atom.xml" in run(place).documents_written


def test_a_lost_public_folder_comes_back_whole(place: Workplace, web: Web) -> None:
    """A run without due sources also writes the pages that nothing else would write again."""
    web.feed("/feed", rss(news(1), news(2)), '"1"')
    run(one(place, web))
    before = {file.relative_to(place.public): file.read_bytes() for file in place.public.rglob("*.*")}
    assert len([file for file in before if file.match("stories/*.html")]) == 2
    shutil.rmtree(place.public)
    run(place)
    after = {file.relative_to(place.public): file.read_bytes() for file in place.public.rglob("*.*")}
    assert after == before


@pytest.mark.parametrize(
    "name", ["atom.xml", "rss.xml", "feed.json", "index.html", "events.ics", "robots.txt"]
)
def test_a_lost_public_folder_comes_back_after_a_kill(
    place: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A run that is killed while it writes `public` again leaves the rest to the next one."""

    class KilledError(BaseException):
        pass

    def die(draft: str, target: str) -> None:
        if Path(target) == place.public / name:
            raise KilledError
        Path(draft).rename(target)

    web.feed("/feed", rss(news(1), news(2)), '"1"')
    run(one(place, web))
    before = {file.relative_to(place.public): file.read_bytes() for file in place.public.rglob("*.*")}
    shutil.rmtree(place.public)
    with monkeypatch.context() as killed, pytest.raises(KilledError):
        killed.setattr("os.replace", die)
        run(place)
    run(place)
    after = {
        file.relative_to(place.public): file.read_bytes()
        for file in place.public.rglob("*.*")
        if not file.name.startswith(".")
    }
    assert after == before
