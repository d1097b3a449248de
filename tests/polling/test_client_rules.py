"""The rules for HTTP clients (CL1 to CL19), in whole rounds on real servers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from aggregator import health
from aggregator.model.reports import FetchReport
from aggregator.polling import fetch, politeness_audit
from tests.builders import rss
from tests.conftest import Answer, Asked, Clock, Web, Workplace

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def news(n: int) -> dict[str, str]:
    """A news item."""
    return {"title": f"News {n}", "link": f"https://node.example/{n}", "description": f"Words {n}."}


PAGE = b"<html><body><article><h3><a href='/news/1'>News 1</a></h3></article></body></html>"
SELECTORS = "page: {item: article, link: a, title: h3}"


@pytest.fixture
def node(place: Workplace, web: Web) -> Workplace:
    """A folder with one source, the feed at /feed."""
    return one(place, web)


def one(place: Workplace, web: Web, path: str = "/feed", more: str = "") -> Workplace:
    """A folder with one source."""
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}{path}'{more}}}\n")
    return place


def run(place: Workplace, **options: bool) -> FetchReport:
    """One round."""
    return fetch.run(place.app(), **options)


def rounds(place: Workplace, clock: Clock, span: timedelta, step: timedelta = HOUR) -> Iterator[FetchReport]:
    """Rounds every hour through a span of time."""
    for _ in range(int(span / step)):
        clock.now += step
        yield run(place)


def state(place: Workplace) -> str:
    """The state of the only source."""
    return health.read_report(place.app().config).sources[0].state


def redirecting(web: Web, status: int, target: str) -> Callable[[Asked], Answer]:
    """An answer that sends elsewhere."""
    return lambda _asked: Answer(status=status, headers={"Location": target})


# --- conditional requests (CL1-CL4, CL17, CL18) ----------------------------------------------------------


def test_one_unconditional_request_in_a_week(node: Workplace, web: Web, clock: Clock) -> None:
    """The first request is whole, all others carry both validators unchanged (CL1, CL2)."""

    def answer(asked: Asked) -> Answer:
        headers = {"ETag": "W/\"odd 'quote", "Last-Modified": "Mon, 28 Sep 2026 10:15:00 +0000"}
        return Answer(
            rss(news(1)), 304 if asked.headers.get("if-none-match") == headers["ETag"] else 200, headers
        )

    web.answers["/feed"] = answer
    run(node)
    list(rounds(node, clock, 7 * DAY, 3 * HOUR))
    first, *later = web.asked
    assert len(later) == 7 * 8
    assert not {"if-none-match", "if-modified-since", "a-im"} & set(first.headers)
    for asked in later:
        assert asked.headers["if-none-match"] == "W/\"odd 'quote"
        assert asked.headers["if-modified-since"] == "Mon, 28 Sep 2026 10:15:00 +0000"
    assert politeness_audit.read_reports(node.app().config)[0].broken == ()


def test_permanent_304_lead_to_one_full_request(node: Workplace, web: Web, clock: Clock) -> None:
    """A server stuck on 304 gets one unconditional request after eight days (CL17)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    list(rounds(node, clock, 10 * DAY, 3 * HOUR))
    whole = [asked for asked in web.asked if "if-none-match" not in asked.headers]
    assert len(whole) == 2
    assert politeness_audit.read_reports(node.app().config)[0].broken == ()


def test_a_delta_says_nothing_of_what_it_leaves_out(node: Workplace, web: Web, clock: Clock) -> None:
    """A 226 brings new entries; the others and the stored document stay (CL18, RFC 3229)."""

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"1"':
            assert asked.headers["a-im"] == "feed"
            return Answer(rss(news(2)), 226, {"ETag": '"2"', "IM": "feed"})
        return Answer(rss(news(1)), 200, {"ETag": '"1"'})

    web.answers["/feed"] = answer
    run(node)
    clock.now += 2 * HOUR
    assert run(node).new_items == 1
    with sqlite3.connect(node.database) as conn:
        assert conn.execute("SELECT count(*), sum(hidden) FROM stories").fetchone() == (2, 0)
        assert conn.execute("SELECT length(entry_hashes) FROM documents").fetchone() == (24,)
    conn.close()


def test_a_document_that_a_proxy_changed_is_one(node: Workplace, web: Web) -> None:
    """A 203 is read as a 200 (RFC 9110 section 15.3.4)."""
    web.answers["/feed"] = Answer(rss(news(1)), 203)
    report = run(node)
    assert (report.new_items, report.sources[0].status) == (1, 200)


# --- how often (CL5-CL8, CL10) ---------------------------------------------------------------------------


def test_a_quiet_source_slows_down(place: Workplace, web: Web, clock: Clock) -> None:
    """By default between once an hour and once in six, by how often it has news (CL5)."""
    old = "Mon, 06 Oct 2025 10:15:00 GMT"
    web.feed("/feed", rss(news(1) | {"pubDate": old}), '"1"')
    head = "site: {title: T, url: 'https://n.example/', contact: a@n.example, authority: 'n.example,2026'}\n"
    head += "mail: {from: a@n.example}\nfetch: {allow_private: [127.0.0.0/8]}\n"
    place.write(f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n", head=head)
    run(place)
    list(rounds(place, clock, 2 * DAY))
    assert 7 <= len(web.asked) <= 9


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Cache-Control": "max-age=36000"}, rss(news(1))),
        ({"Expires": "Mon, 05 Oct 2026 16:30:00 GMT", "Date": "Mon, 05 Oct 2026 06:30:00 GMT"}, rss(news(1))),
        ({}, rss(news(1), head="<ttl>600</ttl>")),
        (
            {},
            rss(
                news(1),
                head="<skipHours>" + "".join(f"<hour>{h}</hour>" for h in range(6, 16)) + "</skipHours>",
            ),
        ),
    ],
)
def test_hints_are_obeyed(
    node: Workplace, web: Web, clock: Clock, headers: dict[str, str], body: bytes
) -> None:
    """A hint of header or document delays the next visit, but not with `--force` (CL7, V3)."""
    web.answers["/feed"] = Answer(body, headers={"ETag": '"1"'} | headers)
    run(node)
    assert [report.visited for report in rounds(node, clock, 9 * HOUR)] == [0] * 9
    assert sum(report.visited for report in rounds(node, clock, 3 * HOUR)) == 1
    clock.now += HOUR / 2
    assert run(node, force=True).visited == 1


def test_a_held_source_costs_no_round(node: Workplace, web: Web, clock: Clock) -> None:
    """While a server wants silence, cron runs find nothing to do at all (CL8)."""
    from aggregator.store import idle_check

    web.answers["/feed"] = Answer(status=503, headers={"Retry-After": "36000"})
    run(node)
    clock.now += 2 * HOUR
    assert run(node).held == 1
    assert idle_check.count_if_nothing_due(node.folder / "feeds.yaml", clock.now) == 1
    clock.now += 9 * HOUR
    assert idle_check.count_if_nothing_due(node.folder / "feeds.yaml", clock.now) is None


def test_after_downtime_the_daemon_spreads(place: Workplace, webs: Callable[[], Web], clock: Clock) -> None:
    """After downtime the daemon spreads due sources over an hour, cron does not (CL10)."""
    lines = []
    for n in range(12):
        server = webs()
        server.feed("/feed", rss(news(n)), '"1"')
        lines.append(f"  - {{id: s{n}, name: S{n}, url: '{server.url}/feed'}}\n")
    place.write("sources:\n" + "".join(lines))
    run(place)
    clock.now += 12 * HOUR
    visited = [run(place, spread=True).visited]
    for _ in range(7):
        clock.now += HOUR / 6
        visited.append(run(place, spread=True).visited)
    assert sum(visited) == 12
    assert max(visited) < 8
    clock.now += 12 * HOUR
    assert run(place).visited == 12


# --- moved and gone (CL14, CL15) -------------------------------------------------------------------------


def test_a_permanent_move_is_learned_and_used(node: Workplace, web: Web, clock: Clock) -> None:
    """A redirect is learned after three visits over 72 h and reported once (CL14)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    web.feed("/new", rss(news(1)), '"n"')
    web.answers["/feed"] = redirecting(web, 301, "/new")
    notices = [notice for report in rounds(node, clock, 5 * DAY, 6 * HOUR) for notice in report.notices]
    assert len(notices) == 1 and f"moved for good to {web.url}/new" in notices[0]
    assert state(node) == "moved"
    before = len(web.asked)
    clock.now += 6 * HOUR
    run(node)
    assert [asked.path for asked in web.asked[before:]] == ["/new"]
    assert web.asked[-1].headers["if-none-match"] == '"n"'
    assert politeness_audit.read_reports(node.app().config)[0].broken == ()


@pytest.mark.parametrize("status", [301, 308])
@pytest.mark.parametrize("grows", [False, True])
def test_a_move_to_another_feed_is_never_learned(
    node: Workplace, web: Web, clock: Clock, status: int, grows: bool
) -> None:
    """Entries that came by the redirect itself do not show that it is the same feed (CL14)."""
    web.feed("/feed", rss(news(1), news(2)), '"1"')
    run(node)
    clock.now += 6 * HOUR
    web.feed("/parked", rss(news(50)), '"p"')
    web.answers["/feed"] = redirecting(web, status, "/parked")
    notices: list[str] = []
    for day in range(8):
        notices += [notice for report in rounds(node, clock, DAY, 6 * HOUR) for notice in report.notices]
        if grows:
            web.feed("/parked", rss(*(news(50 + n) for n in range(day + 2))), f'"p{day}"')
    assert not any("moved for good" in notice for notice in notices)
    assert state(node) != "moved"
    assert web.asked[-2].path == "/feed"


def test_a_redirect_to_another_feed_that_comes_again_is_never_learned(
    node: Workplace, web: Web, clock: Clock
) -> None:
    """Entries of an earlier redirect are not those of the source, also after it ended (CL14)."""
    web.feed("/feed", rss(news(1), news(2)), '"1"')
    run(node)
    web.feed("/parked", rss(news(50)), '"p"')
    usual, redirect = web.answers["/feed"], redirecting(web, 301, "/parked")
    for answer, days in ((redirect, 1), (usual, 2), (redirect, 8)):
        web.answers["/feed"] = answer
        list(rounds(node, clock, days * DAY, 6 * HOUR))
    assert state(node) != "moved"
    assert web.asked[-2].path == "/feed"


@pytest.mark.parametrize("same_bytes", [False, True])
@pytest.mark.parametrize("quiet", [False, True])
def test_a_later_move_for_good_is_learned(
    node: Workplace, web: Web, clock: Clock, same_bytes: bool, quiet: bool
) -> None:
    """A redirect that led elsewhere once does not hinder a later move of the feed (CL14)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    web.feed("/parked", rss(news(50)), '"p"')
    web.answers["/feed"] = redirecting(web, 301, "/parked")
    list(rounds(node, clock, DAY, 6 * HOUR))
    last = news(1) if quiet else news(9)
    web.feed("/feed", rss(last), '"2"')
    list(rounds(node, clock, 2 * DAY, 6 * HOUR))
    web.feed("/new", rss(last) if same_bytes else rss(news(10), last), '"n"')
    web.answers["/feed"] = redirecting(web, 301, "/new")
    list(rounds(node, clock, 2 * DAY, 6 * HOUR))
    assert state(node) != "moved"
    list(rounds(node, clock, 3 * DAY, 6 * HOUR))
    assert state(node) == "moved"
    clock.now += 6 * HOUR
    run(node)
    assert web.asked[-1].path == "/new"


def test_a_move_counts_from_the_first_entry_of_the_feed(node: Workplace, web: Web, clock: Clock) -> None:
    """A redirect that led elsewhere is learned once entries of before came back (CL14)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    clock.now += 6 * HOUR
    web.feed("/new", rss(news(50)), '"e"')
    web.answers["/feed"] = redirecting(web, 301, "/new")
    list(rounds(node, clock, 5 * DAY, 6 * HOUR))
    assert state(node) != "moved"
    web.feed("/new", rss(news(50), news(1)), '"n"')
    list(rounds(node, clock, 2 * DAY, 6 * HOUR))
    assert state(node) != "moved"
    list(rounds(node, clock, 3 * DAY, 6 * HOUR))
    assert state(node) == "moved"


@pytest.mark.parametrize("status", [302, 307])
def test_a_temporary_move_is_never_learned(node: Workplace, web: Web, clock: Clock, status: int) -> None:
    """The configured address is asked every time (CL14, CL13)."""
    web.feed("/new", rss(news(1)), '"n"')
    web.answers["/feed"] = redirecting(web, status, "/new")
    list(rounds(node, clock, 6 * DAY, 6 * HOUR))
    assert [asked.path for asked in web.asked] == ["/feed", "/new"] * 24
    assert state(node) == "ok"


def test_a_move_that_proves_wrong_is_forgotten(node: Workplace, web: Web, clock: Clock) -> None:
    """When the new address fails, the configured one is asked again, and no item is lost (CL14)."""
    web.feed("/new", rss(news(1)), '"n"')
    web.answers["/feed"] = redirecting(web, 308, "/new")
    list(rounds(node, clock, 5 * DAY, 6 * HOUR))
    web.answers["/new"] = Answer(status=404)
    web.feed("/feed", rss(news(1), news(2)), '"2"')
    reports = list(rounds(node, clock, 3 * DAY, 6 * HOUR))
    assert sum(report.new_items for report in reports) == 1
    assert state(node) == "ok"


def test_a_gone_source_is_visited_weekly_and_reported_once(node: Workplace, web: Web, clock: Clock) -> None:
    """A source is gone after two 410, visited weekly, and ok when it answers again (CL15)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    web.answers["/feed"] = Answer(status=410)
    reports = list(rounds(node, clock, 30 * DAY, 12 * HOUR))
    assert [n.split("): ")[1][:4] for r in reports for n in r.notices] == ["gone"]
    assert len(web.asked) <= 1 + 2 + 4
    assert state(node) == "gone"
    assert "News 1" in (node.public / "atom.xml").read_text("utf-8")
    web.feed("/feed", rss(news(1), news(2)), '"2"')
    reports = list(rounds(node, clock, 8 * DAY, 12 * HOUR))
    assert [n.split("): ")[1] for r in reports for n in r.notices] == ["well again"]


def test_missing_for_a_fortnight_is_gone(node: Workplace, web: Web, clock: Clock) -> None:
    """A 404 backs off to a day, and after fourteen days to a week (CL15)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    web.answers["/feed"] = Answer(status=404)
    list(rounds(node, clock, 13 * DAY, 6 * HOUR))
    assert state(node) == "failing"
    list(rounds(node, clock, 4 * DAY, 6 * HOUR))
    assert state(node) == "gone"
    before = len(web.asked)
    list(rounds(node, clock, 28 * DAY, 12 * HOUR))
    assert 3 <= len(web.asked) - before <= 4


def test_a_bot_wall_is_named(node: Workplace, web: Web) -> None:
    """A bot wall is named with its owner and not evaded (CL15)."""
    page = b"<html><title>Just a moment...</title></html>"
    web.answers["/feed"] = Answer(page, 403, {"Content-Type": "text/html", "Server": "cloudflare"})
    (reported,) = run(node).sources
    assert reported.reason == "access is forbidden (403): a bot wall stands before it (Cloudflare)"
    assert len(web.asked) == 1


# --- robots.txt (CL19) -----------------------------------------------------------------------------------


def test_a_page_asks_robots_once_a_day(place: Workplace, web: Web, clock: Clock) -> None:
    """Robots.txt is read before a page is scraped, and kept for a day; a feed needs none (CL19)."""
    one(place, web, "/news", f", kind: page, every: 1h, {SELECTORS}")
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /admin")
    web.answers["/news"] = Answer(PAGE)
    assert run(place).new_items == 1
    list(rounds(place, clock, 20 * HOUR))
    paths = [asked.path for asked in web.asked]
    assert paths[:2] == ["/robots.txt", "/news"]
    assert paths.count("/robots.txt") == 1 and paths.count("/news") > 9
    list(rounds(place, clock, 10 * HOUR))
    assert [asked.path for asked in web.asked].count("/robots.txt") == 2


@pytest.mark.parametrize(
    ("robots", "words"),
    [
        (Answer(b"User-agent: aggregator\nDisallow: /news"), "robots.txt forbids us to read the page"),
        (Answer(status=500), "robots.txt is not available, which forbids"),
        (Answer(status=503), "overloaded or under maintenance (503)"),
    ],
)
def test_a_forbidden_page_is_not_read(place: Workplace, web: Web, robots: Answer, words: str) -> None:
    """Pages that robots.txt forbids, or without a usable robots.txt, are not read (CL19, V3)."""
    one(place, web, "/news", f", kind: page, {SELECTORS}")
    web.answers["/robots.txt"], web.answers["/news"] = robots, Answer(PAGE)
    (reported,) = run(place).sources
    assert words in (reported.reason or "")
    run(place, force=True)
    assert {asked.path for asked in web.asked} == {"/robots.txt"}


def test_two_pages_of_a_host_share_one_robots(place: Workplace, web: Web) -> None:
    """Within one round a host's robots.txt is asked for once; feeds of the host do not ask (V2)."""
    web.answers["/robots.txt"] = Answer(status=404)
    web.answers["/a"] = web.answers["/b"] = Answer(PAGE)
    web.feed("/feed", rss(news(1)), '"1"')
    place.write(
        "sources:\n"
        + "".join(
            f"  - {{id: {p}, name: N, url: '{web.url}/{p}', kind: page, {SELECTORS}}}\n" for p in ("a", "b")
        )
        + f"  - {{id: f, name: N, url: '{web.url}/feed'}}\n"
    )
    assert run(place).failed == 0
    assert [asked.path for asked in web.asked] == ["/robots.txt", "/a", "/b", "/feed"]


def test_a_redirect_to_a_forbidden_page_is_not_followed(place: Workplace, webs: Callable[[], Web]) -> None:
    """Robots.txt has a say in each hop, and that of another host is asked first (CL19)."""
    near, far = webs(), webs()
    near.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private")
    far.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /")
    near.answers["/a"] = redirecting(near, 302, "/private/news")
    near.answers["/b"] = redirecting(near, 302, f"{far.url}/news")
    near.answers["/c"] = redirecting(near, 302, "/news")
    near.answers["/news"] = near.answers["/private/news"] = far.answers["/news"] = Answer(PAGE)
    sources = "".join(
        f"  - {{id: {p}, name: N, url: '{near.url}/{p}', kind: page, {SELECTORS}}}\n" for p in ("a", "b", "c")
    )
    place.write(f"sources:\n{sources}")
    assert [reported.outcome for reported in run(place).sources] == ["failed", "failed", "changed"]
    assert [asked.path for asked in near.asked] == ["/robots.txt", "/a", "/b", "/c", "/news"]
    assert [asked.path for asked in far.asked] == ["/robots.txt"]


def test_an_overloaded_robots_holds_the_host(place: Workplace, web: Web, clock: Clock) -> None:
    """A 429 of any request holds its host until the time given, also with force (CL8, V3)."""
    one(place, web, "/news", f", kind: page, {SELECTORS}")
    web.answers["/robots.txt"] = Answer(status=429, headers={"Retry-After": "86400"})
    run(place)
    clock.now += 2 * HOUR
    assert run(place, force=True).held == 1
    assert len(web.asked) == 1


# --- what a review found ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Length": "999999"}, {"Content-Encoding": "br"}]
)
def test_a_broken_error_page_loses_no_retry_after(
    node: Workplace, web: Web, clock: Clock, headers: dict[str, str]
) -> None:
    """The body of an error only names a bot wall; the status counts without it (CL8)."""
    usual = {"Retry-After": "86400", "Content-Type": "text/html"}
    web.answers["/feed"] = Answer(b"<html>not compressed", 429, usual | headers)
    (reported,) = run(node).sources
    assert reported.status == 429
    clock.now += 2 * HOUR
    assert run(node, force=True).held == 1


def test_a_hostile_location_moves_no_terminal(node: Workplace, web: Web, clock: Clock) -> None:
    """A learned move is reported without control characters."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    web.answers["/feed"] = redirecting(web, 301, "/n\x1b]0;pwned\x07\xe2\x80\xae")
    web.feed("/n%1B%5D0;pwned%07%E2%80%AE", rss(news(1)), '"n"')
    notices = [notice for report in rounds(node, clock, 5 * DAY, 6 * HOUR) for notice in report.notices]
    assert len(notices) == 1 and "moved for good" in notices[0]
    assert notices[0].isprintable() and state(node) == "moved"


def test_taking_the_advice_costs_no_request(node: Workplace, web: Web, clock: Clock) -> None:
    """The learned address put into feeds.yaml is the same document as before (CL1, CL5, CL14)."""
    web.feed("/new", rss(news(1)), '"n"')
    web.answers["/feed"] = redirecting(web, 301, "/new")
    list(rounds(node, clock, 5 * DAY, 6 * HOUR))
    assert state(node) == "moved"
    one(node, web, "/new")
    before = len(web.asked)
    clock.now += HOUR / 4
    assert run(node).not_due == 1
    assert state(node) == "ok"
    clock.now += 6 * HOUR
    run(node)
    assert [asked.headers.get("if-none-match") for asked in web.asked[before:]] == ['"n"']


def test_a_pause_does_not_apply_to_another_address(
    node: Workplace, webs: Callable[[], Web], web: Web, clock: Clock
) -> None:
    """A pause that one server requested does not apply to a source that moved to another (CL8)."""
    web.answers["/feed"] = Answer(status=429, headers={"Retry-After": "864000"})
    run(node)
    other = webs()
    other.feed("/feed", rss(news(1)), '"1"')
    one(node, other)
    clock.now += 2 * HOUR
    assert run(node).new_items == 1


def test_304_to_a_question_without_condition_is_a_failure(node: Workplace, web: Web, clock: Clock) -> None:
    """Who was not asked conditionally cannot say that nothing changed (CL4)."""
    web.answers["/feed"] = Answer(rss(news(1)))
    run(node)
    web.answers["/feed"] = Answer(status=304)
    clock.now += 30 * HOUR
    assert run(node).failed == 1


def test_a_plan_of_a_clock_that_ran_ahead_is_made_anew(node: Workplace, web: Web, clock: Clock) -> None:
    """Sources planned by a clock a year ahead are visited after its correction (CL10, CL5)."""
    web.feed("/feed", rss(news(1)), '"1"')
    run(node)
    clock.now += 365 * DAY
    run(node, spread=True)
    clock.now -= 365 * DAY - 2 * HOUR
    run(node)
    assert sum(report.visited for report in rounds(node, clock, 9 * HOUR)) >= 1


def test_sources_that_lead_to_one_host_are_asked_one_by_one(
    place: Workplace, webs: Callable[[], Web], clock: Clock
) -> None:
    """A 429 of the host that answers in the end pauses all sources that lead to it (CL8, CL11)."""
    end = webs()
    lines = []
    for n in range(3):
        server = webs()
        server.answers["/feed"] = redirecting(server, 302, f"{end.url}/{n}")
        end.feed(f"/{n}", rss(news(n)), f'"{n}"')
        lines.append(f"  - {{id: s{n}, name: S{n}, url: '{server.url}/feed'}}\n")
    place.write("sources:\n" + "".join(lines))
    run(place)
    for n in range(3):
        end.answers[f"/{n}"] = Answer(status=429, headers={"Retry-After": "86400"})
    clock.now += 2 * HOUR
    assert run(place).failed == 1
    assert len(end.asked) == 4
    clock.now += 2 * HOUR
    assert run(place, force=True).held == 3
