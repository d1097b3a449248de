"""`check --live`: for each kind of trouble what is wrong and how to mend it, and no request too many."""

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
    """The diagnosis of the only source."""
    (told,) = live_check.run(place.app())
    return told


def proposed(place: Workplace, told: SourceCheck) -> str:
    """The URL of the source that the proposal makes of feeds.yaml, under the same id."""
    file = place.folder / "proposed.yaml"
    file.write_text(f"{HEAD}sources:\n{told.proposal}", encoding="utf-8")
    (source,) = load(file).sources
    assert source.id == told.id
    return source.url


def test_a_source_that_is_well(place: Workplace, web: Web) -> None:
    """A source that answers is well; its items are stored, but neither placed nor published, until the next run."""
    web.feed("/feed", rss(news(1)), '"1"')
    assert checked(one(place, web)) == SourceCheck(id="node", state="ok")
    assert not (place.public / "atom.xml").exists()
    status = health.report(place.app().config)
    assert (status.items, status.stories) == (1, 0)
    said = json.loads(call(place, "fetch", "--json").out)
    assert (said["visited"], said["new_stories"]) == (0, 1)
    assert b"News 1" in (place.public / "atom.xml").read_bytes()


def test_a_feed_that_is_not_found_is_found_elsewhere(place: Workplace, web: Web) -> None:
    """A 404: the partner's site is looked at, and the feed that it declares is read and proposed."""
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    told = checked(one(place, web))
    assert (told.state, told.reason) == ("failing", "not found (404)")
    assert told.mend == f"feed found elsewhere: {web.url}/blog/feed"
    assert proposed(place, told) == f"{web.url}/blog/feed"
    assert paths(web) == ["/feed", "/robots.txt", "/", "/blog/feed"]


def test_the_site_that_the_feed_named_is_looked_at(place: Workplace, web: Web, clock: Clock) -> None:
    """A feed that was once read said where its site is: this is where it is looked for."""
    web.feed("/feed", rss(news(1)).replace(b"https://node.example/<", f"{web.url}/blog/<".encode()), '"1"')
    assert checked(one(place, web)).state == "ok"
    web.answers["/feed"] = Answer(status=404)
    page(web, DECLARED, "/blog/")
    web.feed("/blog/feed", rss(news(1)))
    clock.now += HOURS
    assert checked(place).mend == f"feed found elsewhere: {web.url}/blog/feed"
    assert "/" not in paths(web)


def test_a_page_instead_of_a_feed(place: Workplace, web: Web) -> None:
    """Where the configured address leads to a page, this page is looked at."""
    page(web, DECLARED, "/feed")
    web.feed("/blog/feed", rss(news(1)))
    told = checked(one(place, web))
    assert told.reason and "web page, not a feed" in told.reason
    assert told.mend == f"feed found elsewhere: {web.url}/blog/feed"


def test_a_page_with_a_list_instead_of_a_feed(place: Workplace, web: Web) -> None:
    """Where there is no feed at all, selectors for the page are proposed."""
    page(web, LISTING, "/feed")
    told = checked(one(place, web))
    assert told.mend and "these selectors would fit its page" in told.mend
    assert proposed(place, told) == f"{web.url}/feed"


def test_a_changed_layout(place: Workplace, web: Web, clock: Clock) -> None:
    """A page whose selectors find nothing any more: selectors that fit now, ready for feeds.yaml."""
    page(web, LISTING.replace("teaser", "tile"), "/news")
    one(place, web, ", kind: page, every: 1h, page: {item: .tile, date: time}", "/news")
    assert checked(place).state == "ok"
    page(web, LISTING, "/news")
    clock.now += HOURS
    told = checked(place)
    assert (told.state, "layout has probably changed" in (told.reason or "")) == ("failing", True)
    assert told.mend and told.mend.startswith("these selectors would fit now: item: .teaser")
    assert proposed(place, told) == f"{web.url}/news"
    assert 'item: ".teaser"' in (told.proposal or "")


def test_moved_for_good(place: Workplace, web: Web, clock: Clock) -> None:
    """A permanent redirect is told with the new address before it is believed (CL14)."""
    web.feed("/feed", rss(news(1)), '"1"')
    web.feed("/new", rss(news(1)), '"1"')
    checked(one(place, web))
    web.answers["/feed"] = Answer(status=301, headers={"Location": "/new"})
    clock.now += HOURS
    told = checked(place)
    assert (told.state, f"{web.url}/new" in (told.mend or "")) == ("moved", True)
    assert proposed(place, told) == f"{web.url}/new"


def test_gone(place: Workplace, web: Web) -> None:
    """CL15: a first 410 is a failure, and its site is looked at."""
    web.answers["/feed"] = Answer(status=410)
    page(web, "<p>Farewell</p>", "/")
    told = checked(one(place, web))
    assert (told.state, told.proposal) == ("failing", None)
    assert told.mend == f"{web.url}/ offers nothing that could be polled: ask the partner"


def test_a_bot_wall_is_named_and_left_alone(place: Workplace, web: Web) -> None:
    """CL15: who shuts us out is named; no other door is tried."""
    web.answers["/feed"] = WALL
    told = checked(one(place, web))
    assert told.reason and "(Cloudflare)" in told.reason
    assert told.mend and "`aggregator source letter node` writes to them" in told.mend
    assert paths(web) == ["/feed"]


def test_robots(place: Workplace, web: Web) -> None:
    """CL19: a page that robots.txt forbids is told so and not looked at."""
    page(web, LISTING, "/news")
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /")
    told = checked(one(place, web, ", kind: page, page: {item: .other}", "/news"))
    assert told.reason == "its robots.txt forbids us to read the page"
    assert paths(web) == ["/robots.txt"]


def test_a_site_that_cannot_be_looked_at_either(place: Workplace, web: Web) -> None:
    """Where the site fails as well, this is what is said."""
    told = checked(one(place, web))
    assert told.mend == f"{web.url}/ cannot be looked at either: not found (404)"


def test_twice_is_no_second_visit(place: Workplace, web: Web, clock: Clock) -> None:
    """CL5: run again at once, it says the same from the store, and nobody is asked; later, everybody again."""
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    first = checked(one(place, web))
    before = paths(web)
    assert checked(place) == first
    assert paths(web) == before
    clock.now += HOURS
    assert checked(place) == first
    assert paths(web) == before * 2


def test_a_failure_met_by_cron_is_looked_into(place: Workplace, web: Web) -> None:
    """What a normal run found broken is told from the store, without another visit, and its site is looked at."""
    fetch.run(one(place, web).app())
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    assert checked(place).mend == f"feed found elsewhere: {web.url}/blog/feed"
    assert paths(web).count("/feed") == 1


def test_a_held_host_is_left_alone(place: Workplace, web: Web, clock: Clock) -> None:
    """CL8: while a host wants silence, not even its front page is asked for."""
    web.answers["/b"] = Answer(status=429, headers={"Retry-After": "36000"})
    place.write(
        "sources:\n" + "".join(f"  - {{id: {p}, name: N, url: '{web.url}/{p}'}}\n" for p in ("a", "b"))
    )
    first, second = live_check.run(place.app())
    assert (first.state, second.state, paths(web)) == ("failing", "failing", ["/a", "/b"])


def test_mended_is_well(place: Workplace, web: Web, clock: Clock) -> None:
    """What was found for a broken source is not told of one that is well again."""
    page(web, DECLARED, "/")
    web.feed("/blog/feed", rss(news(1)))
    checked(one(place, web))
    web.feed("/feed", rss(news(1)), '"1"')
    clock.now += HOURS
    assert checked(place) == SourceCheck(id="node", state="ok")


def test_malformed_but_well(place: Workplace, web: Web) -> None:
    """A fault that was read over is told of a source that is well."""
    web.answers["/feed"] = Answer(rss(news(1)).replace(b"<description>d", b"<description>d & d"))
    told = checked(one(place, web))
    assert (told.state, (told.reason or "").partition(":")[0]) == ("ok", "malformed but read")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("broken", "well", "code"), [(3, 0, 1), (2, 0, 0), (3, 1, 0)])
def test_exit_codes(place: Workplace, webs: Callable[[], Web], broken: int, well: int, code: int) -> None:
    """L3: single failed sources are normal; only when all of at least three fail, the command failed."""
    servers = [webs() for _ in range(broken + well)]
    for server in servers[broken:]:
        server.feed("/feed", rss(news(1)), '"1"')
    listed = "".join(f"  - {{id: s{n}, name: S, url: '{w.url}/feed'}}\n" for n, w in enumerate(servers))
    place.write(
        f"fetch: {{allow_private: [127.0.0.0/8], every: 1h}}\nsources:\n{listed}",
        head=HEAD.replace("fetch: {allow_private: [127.0.0.0/8], timeout: 60s, slowest: 1h}\n", ""),
    )
    said = call(place, "check", "--live", "--json") if code else call(place, "check", "--live")
    assert said.code == code
    if code:
        told = json.loads(said.out)["sources"]
        assert [set(one) for one in told] == [{"id", "state", "reason", "mend", "proposal"}] * 3
        assert said.err.startswith("aggregator: all 3 sources fail (first: s0: not found (404))")
    else:
        assert said.out.splitlines()[0] == "s0: failing: not found (404)"
        assert said.out.splitlines()[-1] == f"{broken + well} sources, {well} of them well"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_host_that_does_not_exist_any_more(
    place: Workplace, webs: Callable[[], Web], clock: Clock, elsewhere: bool
) -> None:
    """DNS no: the site is looked at where it is known to be on another host; the lost host is not asked again."""
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
    (told,) = live_check.run(replace(app, fetcher=lambda: fetcher))
    assert told.reason == "the host name is unknown (DNS)"
    found = f"feed found elsewhere: {new.url}/blog/feed"
    assert told.mend == (found if elsewhere else "is the host spelled right, and is the network up?")


def test_a_dead_worker_takes_nobody_with_it(place: Workplace, web: Web) -> None:
    """L2: where looking at a site breaks down, the source is told all the same."""
    app = one(place, web).app()
    real = app.fetcher()

    def fetcher(request: Request) -> Response | Failure:
        if request.target.endswith("robots.txt"):
            raise SandboxFailure("broken in two")
        return real(request)

    (told,) = live_check.run(replace(app, fetcher=lambda: fetcher))
    assert (told.state, told.reason) == ("failing", "not found (404)")


def test_a_kept_robots_lasts_a_day(place: Workplace, web: Web, clock: Clock) -> None:
    """RFC 9309 2.4: what a visit read of robots.txt is used by a look for a day, and not longer."""
    page(web, LISTING.replace("teaser", "tile"), "/news")
    one(place, web, ", kind: page, every: 1h, page: {item: .other}", "/news")
    for hours in (0, 2, 30):
        clock.now += timedelta(hours=hours)
        checked(place)
    assert paths(web) == ["/robots.txt", "/news", "/news", "/news", "/news", "/robots.txt", "/news", "/news"]


def test_a_site_that_wants_silence_has_it(place: Workplace, web: Web, clock: Clock) -> None:
    """CL8: a 429 met by a look holds the host for the sources as well."""
    web.answers["/"] = Answer(status=429, headers={"Retry-After": "36000"})
    told = checked(one(place, web))
    assert told.mend and "too many requests" in told.mend
    clock.now += HOURS
    assert checked(place).reason == "not found (404)"
    assert fetch.run(place.app(), force=True).held == 1
    assert paths(web) == ["/feed", "/robots.txt", "/"]
