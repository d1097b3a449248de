"""`check --live`: the reason and advice for each kind of failure, with few requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator import health
from aggregator.config import load
from aggregator.discovery import live_check
from aggregator.errors import SandboxFailure
from aggregator.model.discovery import SourceCheck
from aggregator.model.polling import Failure, Request, Response
from aggregator.polling import fetch
from tests.builders import rss
from tests.command import call
from tests.conftest import HEAD, Answer, Clock, Web, Workplace
from tests.discovery.test_discover import LISTING, news, page, paths
from tests.discovery.test_preview import one

HOURS = timedelta(hours=2)
DECLARED = "<link rel=alternate type=application/rss+xml href=/blog/feed>"
WALL = Answer(b"<title>Just a moment...</title>", 403, {"Content-Type": "text/html"})


def checked(place: Workplace) -> SourceCheck:
    """Return the check of the only source."""
    (result,) = live_check.check_sources(place.app())
    return result


def proposed(place: Workplace, result: SourceCheck) -> str:
    """Load the proposal as feeds.yaml; return the URL of its source, which has the same id."""
    file = place.folder / "proposed.yaml"
    file.write_text(f"{HEAD}sources:\n{result.proposal}", encoding="utf-8")
    (source,) = load(file).sources
    assert source.id == result.id
    return source.url


def test_a_source_without_errors(place: Workplace, web: Web) -> None:
    """Items of a good source are stored, and placed and published by the next run."""
    web.feed("/feed", rss(news(1)), '"1"')
    assert replace(checked(one(place, web)), findings=()) == SourceCheck(id="node", state="ok")
    assert not (place.public / "atom.xml").exists()
    status = health.read_report(place.app().config)
    assert (status.items, status.stories) == (1, 0)
    output = json.loads(call(place, "fetch", "--json").out)
    assert (output["visited"], output["new_stories"]) == (0, 1)
    assert b"News 1" in (place.public / "atom.xml").read_bytes()


def test_a_missing_feed_is_found_elsewhere(place: Workplace, web: Web) -> None:
    """After a 404 the partner's site is checked and the feed that it declares is proposed."""
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    result = checked(one(place, web))
    assert (result.state, result.reason) == ("failing", "not found (404)")
    assert result.advice == f"feed found elsewhere: {web.url}/blog/feed"
    assert proposed(place, result) == f"{web.url}/blog/feed"
    assert paths(web) == ["/feed", "/robots.txt", "/", "/blog/feed"]


def test_the_site_that_the_feed_named_is_checked(place: Workplace, web: Web, clock: Clock) -> None:
    """The site link of the last parsed feed is the page to check."""
    web.feed("/feed", rss(news(1)).replace(b"https://node.example/<", f"{web.url}/blog/<".encode()), '"1"')
    assert checked(one(place, web)).state == "ok"
    web.answers["/feed"] = Answer(status=404)
    page(web, DECLARED, "/blog/")
    web.feed("/blog/feed", rss(news(1)))
    clock.now += HOURS
    assert checked(place).advice == f"feed found elsewhere: {web.url}/blog/feed"
    assert "/" not in paths(web)


def test_a_page_instead_of_a_feed(place: Workplace, web: Web) -> None:
    """If the configured URL is a page, this page is checked."""
    page(web, DECLARED, "/feed")
    web.feed("/blog/feed", rss(news(1)))
    result = checked(one(place, web))
    assert result.reason and "web page, not a feed" in result.reason
    assert result.advice == f"feed found elsewhere: {web.url}/blog/feed"


def test_a_page_with_a_list_instead_of_a_feed(place: Workplace, web: Web) -> None:
    """If there is no feed, selectors for the page are proposed."""
    page(web, LISTING, "/feed")
    result = checked(one(place, web))
    assert result.advice and "these selectors would fit its page" in result.advice
    assert proposed(place, result) == f"{web.url}/feed"


def test_a_changed_layout(place: Workplace, web: Web, clock: Clock) -> None:
    """For a page whose selectors find nothing any more, fitting selectors are proposed as YAML."""
    page(web, LISTING.replace("teaser", "tile"), "/news")
    one(place, web, ", kind: page, every: 1h, page: {item: .tile, date: time}", "/news")
    assert checked(place).state == "ok"
    page(web, LISTING, "/news")
    clock.now += HOURS
    result = checked(place)
    assert (result.state, "layout has probably changed" in (result.reason or "")) == ("failing", True)
    assert result.advice and result.advice.startswith("these selectors would fit now: item: .teaser")
    assert proposed(place, result) == f"{web.url}/news"
    assert 'item: ".teaser"' in (result.proposal or "")


def test_a_permanent_redirect(place: Workplace, web: Web, clock: Clock) -> None:
    """A permanent redirect is reported with its target before it is used (CL14)."""
    web.feed("/feed", rss(news(1)), '"1"')
    web.feed("/new", rss(news(1)), '"1"')
    checked(one(place, web))
    web.answers["/feed"] = Answer(status=301, headers={"Location": "/new"})
    clock.now += HOURS
    result = checked(place)
    assert (result.state, f"{web.url}/new" in (result.advice or "")) == ("moved", True)
    assert proposed(place, result) == f"{web.url}/new"


def test_gone(place: Workplace, web: Web) -> None:
    """A first 410 is a failure, and the site is checked (CL15)."""
    web.answers["/feed"] = Answer(status=410)
    page(web, "<p>Farewell</p>", "/")
    result = checked(one(place, web))
    assert (result.state, result.proposal) == ("failing", None)
    assert result.advice == f"{web.url}/ offers nothing that could be polled: ask the partner"


def test_a_bot_wall_is_named_and_not_evaded(place: Workplace, web: Web) -> None:
    """A bot wall is named, and nothing else is requested (CL15)."""
    web.answers["/feed"] = WALL
    result = checked(one(place, web))
    assert result.reason and "(Cloudflare)" in result.reason
    assert result.advice == "ask the partner to let our User-Agent through; it names your contact"
    assert paths(web) == ["/feed"]


def test_robots(place: Workplace, web: Web) -> None:
    """A page that robots.txt forbids is reported and not checked (CL19)."""
    page(web, LISTING, "/news")
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /")
    result = checked(one(place, web, ", kind: page, page: {item: .other}", "/news"))
    assert result.reason == "its robots.txt forbids us to read the page"
    assert paths(web) == ["/robots.txt"]


def test_a_site_that_fails_too(place: Workplace, web: Web) -> None:
    """If the site fails too, the advice gives the reason."""
    result = checked(one(place, web))
    assert result.advice == f"{web.url}/ cannot be checked either: not found (404)"


def test_a_second_check_sends_no_requests(place: Workplace, web: Web, clock: Clock) -> None:
    """A check soon after another answers from the store; a later one visits again (CL5)."""
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    first = checked(one(place, web))
    before = paths(web)
    assert checked(place) == first
    assert paths(web) == before
    clock.now += HOURS
    assert checked(place) == first
    assert paths(web) == before * 2


def test_a_failure_of_a_cron_run_is_checked(place: Workplace, web: Web) -> None:
    """A failure of an earlier run is reported without another visit, and the site is checked."""
    fetch.run(one(place, web).app())
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    assert checked(place).advice == f"feed found elsewhere: {web.url}/blog/feed"
    assert paths(web).count("/feed") == 1


def test_a_rate_limited_host_receives_no_requests(place: Workplace, web: Web, clock: Clock) -> None:
    """After a 429 not even the front page of the host is requested (CL8)."""
    web.answers["/b"] = Answer(status=429, headers={"Retry-After": "36000"})
    place.write(
        "sources:\n" + "".join(f"  - {{id: {p}, name: N, url: '{web.url}/{p}'}}\n" for p in ("a", "b"))
    )
    first, second = live_check.check_sources(place.app())
    assert (first.state, second.state, paths(web)) == ("failing", "failing", ["/a", "/b"])


def test_a_repaired_source_has_no_advice(place: Workplace, web: Web, clock: Clock) -> None:
    """Advice from an earlier check is not shown once the source succeeds again."""
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    checked(one(place, web))
    web.feed("/feed", rss(news(1)), '"1"')
    clock.now += HOURS
    assert replace(checked(place), findings=()) == SourceCheck(id="node", state="ok")


def test_a_malformed_document_that_was_parsed(place: Workplace, web: Web) -> None:
    """A malformed document that could be parsed is reported, with a validator's URL."""
    web.answers["/feed"] = Answer(rss(news(1)).replace(b"<description>d", b"<description>d & d"))
    result = checked(one(place, web))
    assert (result.state, (result.reason or "").partition(":")[0]) == ("ok", "malformed but read")
    assert result.advice and "validator.w3.org" in result.advice


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("broken", "well", "code"), [(3, 0, 1), (2, 0, 0), (3, 1, 0)])
def test_exit_codes(place: Workplace, webs: Callable[[], Web], broken: int, well: int, code: int) -> None:
    """The command fails only if all of at least three sources fail (L3)."""
    servers = [webs() for _ in range(broken + well)]
    for server in servers[broken:]:
        server.feed("/feed", rss(news(1)), '"1"')
    listed = "".join(f"  - {{id: s{n}, name: S, url: '{w.url}/feed'}}\n" for n, w in enumerate(servers))
    place.write(
        f"fetch: {{allow_private: [127.0.0.0/8], every: 1h}}\nsources:\n{listed}",
        head=HEAD.replace("fetch: {allow_private: [127.0.0.0/8], timeout: 60s, slowest: 1h}\n", ""),
    )
    output = call(place, "check", "--live", "--json") if code else call(place, "check", "--live")
    assert output.code == code
    if code:
        result = json.loads(output.out)["sources"]
        assert [set(one) for one in result] == [
            {"id", "state", "reason", "advice", "proposal", "findings"}
        ] * 3
        assert output.err.startswith("aggregator: all 3 sources fail (first: s0: not found (404))")
    else:
        assert output.out.splitlines()[0] == "s0: failing: not found (404)"
        assert output.out.splitlines()[-1] == f"{broken + well} sources, {well} of them ok"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_host_that_no_longer_exists(
    place: Workplace, webs: Callable[[], Web], clock: Clock, elsewhere: bool
) -> None:
    """A host without DNS is not visited again; a site on another host is checked."""
    old, new = webs(), webs()
    site = new.url if elsewhere else old.url
    old.feed("/feed", rss(news(1)).replace(b"https://node.example/<", f"{site}/<".encode()), '"1"')
    page(new, DECLARED, "/")
    new.feed("/blog/feed", rss(news(1)))
    checked(one(place, old))
    app = place.app()
    real = app.fetcher()

    def fetcher(request: Request) -> Response | Failure:
        lost = request.target.startswith(old.url)
        return Failure(reason="the host name is unknown (DNS)") if lost else real(request)

    clock.now += HOURS
    (result,) = live_check.check_sources(replace(app, fetcher=lambda: fetcher))
    assert result.reason == "the host name is unknown (DNS)"
    found = f"feed found elsewhere: {new.url}/blog/feed"
    assert result.advice == (found if elsewhere else "is the host spelled right, and is the network up?")


def test_a_killed_worker_fails_only_its_check(place: Workplace, web: Web) -> None:
    """If the check of a site fails, its source is reported all the same (L2)."""
    app = one(place, web).app()
    real = app.fetcher()

    def fetcher(request: Request) -> Response | Failure:
        if request.target.endswith("robots.txt"):
            raise SandboxFailure("broken in two")
        return real(request)

    (result,) = live_check.check_sources(replace(app, fetcher=lambda: fetcher))
    assert (result.state, result.reason) == ("failing", "not found (404)")


def test_robots_txt_is_used_for_a_day(place: Workplace, web: Web, clock: Clock) -> None:
    """A robots.txt that a visit read is used by checks for one day (RFC 9309 section 2.4)."""
    page(web, LISTING.replace("teaser", "tile"), "/news")
    one(place, web, ", kind: page, every: 1h, page: {item: .other}", "/news")
    for hours in (0, 2, 30):
        clock.now += timedelta(hours=hours)
        checked(place)
    assert paths(web) == ["/robots.txt", "/news", "/news", "/news", "/news", "/robots.txt", "/news", "/news"]


def test_a_429_of_a_site_holds_its_host(place: Workplace, web: Web, clock: Clock) -> None:
    """A 429 during a check holds the host for visits too (CL8)."""
    web.answers["/"] = Answer(status=429, headers={"Retry-After": "36000"})
    result = checked(one(place, web))
    assert result.advice and "too many requests" in result.advice
    clock.now += HOURS
    assert checked(place).reason == "not found (404)"
    assert fetch.run(place.app(), force=True).held == 1
    assert paths(web) == ["/feed", "/robots.txt", "/"]


def test_missing_validators_are_reported(place: Workplace, web: Web) -> None:
    """A feed without validators is reported with what its publisher can improve."""
    web.answers["/feed"] = Answer(rss(news(1)))
    result = checked(one(place, web))
    assert (result.state, (result.reason or "").partition(",")[0]) == (
        "ok",
        "its server sends neither ETag nor Last-Modified",
    )
    assert result.advice and "ask the partner" in result.advice
