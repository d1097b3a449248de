"""Credentials of a source are sent to the origin of its configured URL only."""

from __future__ import annotations

import logging
import pickle
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aggregator.discovery import discover, live_check, preview
from aggregator.polling import fetch
from tests.builders import NOW, rss
from tests.command import call, news
from tests.conftest import Answer, Clock, Web, Workplace

Result = TypeVar("Result")
SECRET = "correct-horse"
BASIC = "Basic " + b64encode(f"me:{SECRET}".encode()).decode()
SECRETS = {"FEED_PASSWORD": SECRET}
LAYOUT = "page: {item: article, link: a, title: h3, article: {content: .body}}"

Webs = Callable[[], Web]


def write(place: Workplace, url: str, options: str = "") -> Workplace:
    """Write a feeds.yaml with one source that has a password."""
    more = f", {options}" if options else ""
    place.write(
        f"sources:\n  - {{id: node, name: A Node, url: '{url}', user: me, password: 'env:FEED_PASSWORD'{more}}}\n"
    )
    return place


def listing(*links: str) -> Answer:
    """Return a page that lists articles."""
    blocks = "".join(
        f"<article><h3><a href='{link}'>Piece {n}</a></h3></article>" for n, link in enumerate(links)
    )
    return Answer(f"<html><body>{blocks}</body></html>".encode(), headers={"Content-Type": "text/html"})


def article() -> Answer:
    """Return the page of an article."""
    return Answer(b"<html><body><div class=body><p>Words of the article.</p></div></body></html>")


def to(url: str, status: int = 302) -> Answer:
    """Return a redirect."""
    return Answer(status=status, headers={"Location": url})


def authorizations(web: Web) -> dict[str, str | None]:
    """Return the Authorization header of each requested path."""
    return {asked.path: asked.headers.get("authorization") for asked in web.asked}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_PASSWORD", SECRET)


@pytest.mark.usefixtures("hasty")
def test_pages_articles_robots_and_hops(place: Workplace, web: Web, webs: Webs) -> None:
    """robots.txt, pages and articles of other origins get no password."""
    partner, third = webs(), webs()
    write(place, web.url + "/", f"kind: page, {LAYOUT}")
    web.answers |= {
        "/": to(f"{partner.url}/news/"),
        "/own": article(),
        "/stays": to("/own2"),
        "/own2": article(),
    }
    partner.answers |= {
        "/news/": listing(f"{web.url}/own", f"{web.url}/stays", "/theirs", f"{third.url}/far"),
        "/theirs": article(),
    }
    third.answers["/far"] = article()
    said = call(place, "fetch")
    assert (said.code, said.out) == (0, "")
    assert authorizations(web) == dict.fromkeys(("/", "/robots.txt", "/own", "/stays", "/own2"), BASIC)
    assert authorizations(partner) == dict.fromkeys(("/robots.txt", "/news/", "/theirs"))
    assert authorizations(third) == dict.fromkeys(("/robots.txt", "/far"))


def test_another_port_or_scheme_is_another_origin(place: Workplace, web: Web, webs: Webs) -> None:
    """A redirect to another port, or to a host that looks alike, gets no password."""
    other = webs()
    web.answers["/feed"] = to(other.url.replace("//", f"//{web.url.split('/')[2]}@") + "/feed")
    other.answers["/feed"] = Answer(rss(news(1)))
    write(place, web.url + "/feed")
    assert call(place, "fetch").code == 0
    assert authorizations(web) == {"/feed": BASIC}
    assert authorizations(other) == {"/feed": None}


def test_a_moved_source_gets_no_password(place: Workplace, web: Web, webs: Webs, clock: Clock) -> None:
    """A source that moved to another origin is requested there without the password (CL14)."""
    other = webs()
    other.feed("/feed", rss(news(1)), '"1"')
    web.answers["/feed"] = to(other.url + "/feed", 301)
    write(place, web.url + "/feed")
    for _ in range(8):
        fetch.run(place.app())
        clock.now += timedelta(days=1)
    assert len(other.asked) == 8 > len(web.asked), "the move was learned"
    assert set(authorizations(web).values()) == {BASIC}
    assert set(authorizations(other).values()) == {None}


def test_pages_of_vanished_entries(place: Workplace, web: Web, webs: Webs, clock: Clock) -> None:
    """The page of a missing entry, and its robots.txt, get no password (I8)."""
    other = webs()
    entries = [
        {
            "title": f"Microscope number {n}",
            "link": f"{other.url}/news/{n}",
            "pubDate": format_datetime(NOW - timedelta(days=9 - n)),
        }
        for n in range(5, -1, -1)
    ]
    web.feed("/feed", rss(*entries), '"1"')
    write(place, web.url + "/feed")
    fetch.run(place.app())
    web.feed("/feed", rss(*entries[:2], *entries[3:]), '"2"')
    for _ in range(8):
        clock.now += timedelta(hours=9)
        fetch.run(place.app())
    assert "/news/3" in authorizations(other), "the vanished entry's page was asked for"
    assert set(authorizations(other).values()) == {None}
    assert set(authorizations(web).values()) == {BASIC}


def test_documents_that_fill_a_gap(place: Workplace, web: Web, webs: Webs, clock: Clock) -> None:
    """An older document gets the password only at the source's own origin (G1)."""
    other = webs()
    web.feed("/feed", rss(*(news(n) for n in range(3))), '"1"')
    write(place, web.url + "/feed")
    fetch.run(place.app())
    older = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="prev-archive" href="{other.url}/old"/>'
    own = older.replace(other.url, web.url)
    web.feed("/feed", rss(*(news(n) for n in range(10, 13)), head=own), '"2"')
    web.answers["/old"] = to(other.url + "/old")
    other.answers["/old"] = Answer(rss(*(news(n) for n in range(3, 10))))
    for _ in range(3):
        clock.now += timedelta(hours=9)
        fetch.run(place.app())
    assert authorizations(other) == {}
    assert set(authorizations(web)) >= {"/feed", "/old"}
    assert set(authorizations(web).values()) == {BASIC}


def test_discovery_preview_and_live_check(place: Workplace, web: Web, webs: Webs) -> None:
    """Discovery, preview and live check send the password to the source's origin only."""
    other = webs()
    web.answers["/feed"] = to(other.url + "/page")
    other.answers["/page"] = Answer(
        f"<html><head><link rel=alternate type=application/rss+xml href='{other.url}/feed'>"
        "</head><body>Our page</body></html>".encode(),
        headers={"Content-Type": "text/html"},
    )
    other.answers["/feed"] = Answer(rss(news(1)))
    write(place, web.url + "/feed")
    live_check.check_sources(place.app())
    with pytest.raises(Exception, match="web page"):
        preview.preview_source(place.app(), "node", force=True)
    assert set(authorizations(web).values()) == {BASIC}
    discover.discover_sources(place.app(), web.url + "/feed")
    assert authorizations(web)["/feed"] is None, "an address of the command line is nobody's source"
    assert {"/page", "/feed"} <= authorizations(other).keys()
    assert set(authorizations(other).values()) == {None}


def test_sandbox_processes_get_no_password(place: Workplace, web: Web) -> None:
    """No argument of a sandbox process has the password in it."""
    web.answers |= {"/news/": listing("/a"), "/a": article()}
    write(place, web.url + "/news/", f"kind: page, {LAYOUT}")
    handed: list[bytes] = []

    def sandbox(function: Callable[..., Result], *args: Any, seconds: float) -> Result:
        handed.append(pickle.dumps((function, args)))
        return function(*args)

    @contextmanager
    def processes(_documents: int) -> Iterator[Any]:
        yield sandbox

    fetch.run(replace(place.app(), sandbox=processes))
    assert BASIC in authorizations(web).values()
    assert len(handed) >= 3, "the page, its links and an article were read"
    assert not any(SECRET.encode() in one for one in handed)


def test_userinfo_in_addresses(
    place: Workplace, web: Web, webs: Webs, caplog: pytest.LogCaptureFixture
) -> None:
    """`user:password@` in a redirect or a link is not sent, logged or published."""
    caplog.set_level(logging.DEBUG)
    other = webs()
    named = other.url.replace("//", "//bob:hunter2@")
    web.answers["/feed"] = to(named + "/feed")
    body = f"<p>See <a href='{named}/in-text'>this</a> <img src='{named}/i.png'></p>"
    enclosure = f'<enclosure url="{named}/talk.mp3" type="audio/mpeg" length="1"/>'
    document = rss(news(1, link=named + "/entry", description=body), head=f"<docs>{named}</docs>")
    other.answers["/feed"] = Answer(document.replace(b"</item>", enclosure.encode() + b"</item>"))
    write(place, web.url + "/feed", "full_text: true, licence: CC-BY-4.0")
    said = call(place, "-vv", "fetch")
    assert said.code == 0
    assert authorizations(other) == {"/feed": None}
    published = {path.name: path.read_bytes() for path in place.public.rglob("*") if path.is_file()}
    assert b"/in-text" in published["atom.xml"]
    assert b"/talk.mp3" in published["atom.xml"]
    for name, text in published.items():
        assert b"hunter2" not in text, name
    for text in (said.err, said.out, caplog.text, call(place, "status", "--json").out):
        assert "hunter2" not in text
    assert "hunter2" not in call(place, "source", "preview", "node").out


def test_the_password_is_in_no_file(place: Workplace, web: Web, tmp_path: Path) -> None:
    """The password is in no database, document or log."""
    web.answers["/feed"] = Answer(status=401, headers={"WWW-Authenticate": "Basic"})
    said = call(write(place, web.url + "/feed"), "-vv", "fetch")
    assert SECRET not in said.err + said.out
    assert authorizations(web) == {"/feed": BASIC}
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


def test_a_host_beyond_ascii_gets_its_password(place: Workplace) -> None:
    """Origins are compared as they are sent: bücher.example is xn--bcher-kva.example."""
    from aggregator.gateways import http
    from aggregator.model.polling import Failure, Request

    write(place, "http://bücher.example:1/feed")
    sent: list[Any] = []

    class Deaf(http.HttpFetcher):
        __slots__ = ()

        @staticmethod
        def _send(prepared: Any) -> Any:
            sent.append(prepared)
            raise OSError("nobody is asked")

    config = place.app().config
    fetcher = Deaf(rules=config.fetch, user_agent="x", credentials=config.credentials)
    for url in (None, "http://xn--bcher-kva.example:1/other", "http://buecher.example:1/feed"):
        assert isinstance(fetcher(Request(source=config.sources[0], url=url)), Failure)
    assert [one.headers.get("Authorization") for one in sent] == [BASIC, BASIC, None]
