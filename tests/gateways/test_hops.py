"""No public server leads to a private address; DNS keeps the deadline."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from aggregator.discovery import discover
from aggregator.gateways import ssrf
from aggregator.polling import fetch
from aggregator.ports import App
from tests.builders import NOW, rss
from tests.command import call, news
from tests.conftest import HEAD, Answer, Clock, Web, Workplace

LAYOUT = "kind: page, page: {item: article, link: a, title: h3, article: {content: .body}}"
Webs = Callable[[], Web]


@pytest.fixture
def public(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Return a server with a public address; those of all other servers are private."""
    own = ipaddress.ip_address(web.url.split("/")[2].partition(":")[0])
    monkeypatch.setattr(ssrf, "is_public", lambda one: one == own)
    return web


def app(place: Workplace) -> App:
    """Return an app that may visit public servers."""
    return replace(place.app(), simulated_clock=False)


def write(place: Workplace, url: str, options: str = "") -> Workplace:
    """Write a feeds.yaml with one source; `allow_private` names every local address."""
    more = f", {options}" if options else ""
    place.write(f"sources:\n  - {{id: node, name: A Node, url: '{url}'{more}}}\n")
    return place


def reason(place: Workplace) -> str:
    """Return why the visit failed."""
    (report,) = fetch.run(app(place)).sources
    assert report.outcome == "failed", report
    return report.reason or ""


def page(*links: str) -> Answer:
    """Return a page that lists articles."""
    blocks = "".join(
        f"<article><h3><a href='{link}'>Piece {n}</a></h3></article>" for n, link in enumerate(links)
    )
    return Answer(f"<html><body>{blocks}</body></html>".encode(), headers={"Content-Type": "text/html"})


def test_a_public_server_redirects_to_no_private_one(place: Workplace, public: Web, webs: Webs) -> None:
    """A redirect from a public to a private address is refused, although it is allowed."""
    inside = webs()
    inside.answers["/feed"] = Answer(rss(news(1)))
    public.answers["/feed"] = Answer(status=301, headers={"Location": inside.url + "/feed"})
    why = reason(write(place, public.url + "/feed"))
    assert "is a private address" in why and "which leads there, is not" in why
    assert inside.asked == []


def test_nor_through_a_private_server(place: Workplace, public: Web, webs: Webs) -> None:
    """A private source that redirects to a public server is not led back to a private one."""
    own, inside = webs(), webs()
    own.answers |= dict.fromkeys(
        ("/feed", "/page"), Answer(status=302, headers={"Location": public.url + "/"})
    )
    public.answers["/"] = Answer(status=302, headers={"Location": inside.url + "/"})
    for url, options in ((own.url + "/feed", ""), (own.url + "/page", LAYOUT)):
        why = reason(write(place, url, options))
        assert "is a private address" in why, why
        place.database.unlink()
        (place.public / "atom.xml").unlink()
    assert inside.asked == [], "not even for its robots.txt"


def test_a_public_page_lists_private_articles(place: Workplace, public: Web, webs: Webs) -> None:
    """robots.txt and pages of private articles are not requested."""
    inside = webs()
    public.answers |= {"/news": page(inside.url + "/secret", "/hop", "/own"), "/own": Answer(b"<p>x</p>")}
    public.answers["/hop"] = Answer(status=302, headers={"Location": inside.url + "/secret"})
    write(place, public.url + "/news", LAYOUT)
    (report,) = fetch.run(app(place)).sources
    assert report.new_items == 3, "what the listing says stands"
    assert "/own" in [asked.path for asked in public.asked]
    assert inside.asked == []


def test_gaps_and_vanished_entries(place: Workplace, public: Web, webs: Webs, clock: Clock) -> None:
    """Older documents and pages of missing entries are not requested at private addresses."""
    inside = webs()

    def entry(n: int) -> dict[str, str]:
        when = format_datetime(NOW - timedelta(days=20 - n))
        return {"title": f"Microscope number {n}", "link": f"{inside.url}/news/{n}", "pubDate": when}

    public.feed("/feed", rss(*map(entry, (5, 4, 3, 2, 1))), '"1"')
    write(place, public.url + "/feed")
    fetch.run(app(place))
    public.feed("/feed", rss(*map(entry, (5, 4, 2, 1))), '"2"')
    for _ in range(3):
        clock.now += timedelta(hours=30)
        fetch.run(app(place))
    head = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" href="{public.url}/old"/>'
    public.feed("/feed", rss(*map(entry, (18, 17, 16)), head=head), '"3"')
    public.answers["/old"] = Answer(status=302, headers={"Location": inside.url + "/old"})
    for _ in range(3):
        clock.now += timedelta(hours=30)
        fetch.run(app(place))
    assert "/old" in [asked.path for asked in public.asked]
    assert inside.asked == []


def test_discovery_at_a_public_address(place: Workplace, public: Web, webs: Webs) -> None:
    """Discovery at a public address requests no private one."""
    inside = webs()
    link = f"<link rel=alternate type=application/rss+xml href='{inside.url}/feed'>"
    public.answers["/"] = Answer(
        f"<html><head>{link}</head><body>Our news</body></html>".encode(),
        headers={"Content-Type": "text/html"},
    )
    place.write("")
    found = discover.discover_sources(app(place), public.url + "/")
    assert [
        bool(offer.problem) for offer in found.proposals if offer.proposal.url == inside.url + "/feed"
    ] == [True]
    assert inside.asked == []


def test_the_operators_own_servers_may_lead_to_each_other(place: Workplace, web: Web, webs: Webs) -> None:
    """A private source may redirect to an allowed private address, and to no other."""
    other = webs()
    web.answers["/feed"] = Answer(status=302, headers={"Location": other.url + "/feed"})
    other.answers["/feed"] = Answer(rss(news(1)))
    write(place, web.url + "/feed")
    assert call(place, "fetch").code == 0
    assert [asked.path for asked in other.asked] == ["/feed"]
    own = web.url.split("/")[2].partition(":")[0]
    head = HEAD.replace("allow_private: [127.0.0.0/8]", f"allow_private: ['{own}']")
    place.write(f"sources:\n  - {{id: again, name: A Node, url: '{web.url}/feed'}}\n", head)
    call(place, "fetch", "--force", "again")
    assert len(web.asked) == 2
    assert len(other.asked) == 1
    assert "is a private address" in call(place, "status").out


def test_a_configured_hub_may_be_private(place: Workplace, public: Web, webs: Webs) -> None:
    """The WebSub hub of feeds.yaml may be private where `allow_private` names it."""
    hub = webs()
    write(place, public.url + "/feed")
    refused = app(place).hub()(hub.url + "/", "https://news.example/atom.xml")
    assert refused is not None and refused.reason == "the hub answered 501"


def test_a_name_that_hangs_in_dns(place: Workplace, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that never answers costs its visit the timeout, and other sources nothing."""
    real = socket.getaddrinfo
    ended = threading.Event()

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        if host == "slow.example":
            ended.wait(60)
            raise socket.gaierror
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    web.answers["/feed"] = Answer(rss(news(1)))
    head = HEAD.replace("timeout: 60s", "timeout: 3s").replace("[127.0.0.0/8]", "[127.0.0.0/8, slow.example]")
    urls = {"slow": "http://slow.example/", "node": f"{web.url}/feed"}
    listed = "".join(f"  - {{id: {name}, name: N, url: '{url}'}}\n" for name, url in urls.items())
    place.write("sources:\n" + listed, head)
    begun = time.monotonic()
    report = {one.id: one for one in fetch.run(place.app()).sources}
    assert time.monotonic() - begun < 30
    ended.set()
    assert report["node"].outcome == "changed"
    assert report["slow"].reason == "name resolution took longer than 3 s"
