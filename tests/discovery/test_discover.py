"""Finding what can be polled: real pages on real servers, looked at once, and the best few offers tried."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from aggregator.config import load
from aggregator.discovery import discover
from aggregator.errors import ContactMissing, NothingToShow
from aggregator.model.discovery import Discovery
from aggregator.model.polling import Failure, Request, Response
from tests.builders import rss
from tests.command import call
from tests.conftest import HEAD, Answer, Web, Workplace
from tests.formats.test_listings import body, expected, wanted

CALENDAR = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:User day\r\n"
    b"DTSTART:20261103T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
LISTING = "".join(
    f"<div class=teaser><h3><a href='/news/{n}'>Microscope number {n}</a></h3><time>{n}. 9. 2026</time></div>"
    for n in range(1, 5)
)
RECORDS = {"hits": {"hits": [{"id": 7, "conceptrecid": "6", "metadata": {"title": "Images of cells"}}]}}


def news(n: int) -> dict[str, str]:
    """A news item."""
    return {
        "title": f"News {n}",
        "link": f"https://node.example/{n}",
        "pubDate": f"Mon, {n:02} Sep 2026 10:00:00 GMT",
    }


@pytest.fixture
def empty(place: Workplace) -> Workplace:
    """A feeds.yaml without any source."""
    place.write("")
    return place


def page(web: Web, html: str | bytes, path: str = "/news/") -> str:
    """A page on the server, and its address."""
    written = html if isinstance(html, bytes) else f"<!doctype html><html><body>{html}</body></html>".encode()
    web.answers[path] = Answer(written, headers={"Content-Type": "text/html; charset=utf-8"})
    return web.url + path


def found(place: Workplace, url: str) -> Discovery:
    """What is discovered there."""
    return discover.run(place.app(), url)


def paths(web: Web) -> list[str]:
    """What was asked for, in order."""
    return [asked.path for asked in web.asked]


def loads(place: Workplace, yaml: str) -> str:
    """The kind of the source that this YAML makes of feeds.yaml."""
    file = place.folder / "proposed.yaml"
    file.write_text(f"{HEAD}sources:\n{yaml}", encoding="utf-8")
    (source,) = load(file).sources
    return source.kind


@pytest.mark.parametrize(
    "name",
    [
        "plain-list",
        "news-table",
        "bootstrap-cards",
        "node-typo3",
        "definition-list",
        "university-css-modules",
    ],
)
def test_a_listing_without_a_feed(empty: Workplace, web: Web, name: str) -> None:
    """Of a partner's page without a feed its items are shown, and selectors that load and read the same."""
    here = expected(name)["url"].split("/", 3)[:3]
    served = body(name).replace("/".join(here).encode(), web.url.encode())
    url = page(web, served, "/" + expected(name)["url"].split("/", 3)[3])
    seen = found(empty, url)
    best = next(offer for offer in seen.offers if offer.proposal.page)
    assert (seen.kind, best.well, best.count) == ("page", True, len(wanted(name)))
    assert [g.title for g in best.first] == [item["title"] for item in wanted(name)[:5]]
    assert loads(empty, best.yaml) == "page"
    assert paths(web)[0] == "/robots.txt" and len(paths(web)) <= 6


@pytest.mark.parametrize("name", ["gerbi-wordpress", "elementor-grid", "jekyll-posts"])
def test_a_listing_with_a_feed(empty: Workplace, web: Web, name: str) -> None:
    """The feed of a page is tried, shown with its items, and goes before selectors."""
    site, path = "/".join(expected(name)["url"].split("/", 3)[:3]), expected(name)["url"].split("/", 3)[3]
    feed = expected(name)["feed"].removeprefix(site)
    web.feed(feed, rss(news(1), news(2)))
    url = page(web, body(name).replace(site.encode(), web.url.encode()), f"/{path}")
    best, *_ = found(empty, url).offers
    assert (best.proposal.kind, best.proposal.url, best.well) == ("feed", web.url + feed, True)
    assert [g.title for g in best.first] == ["News 1", "News 2"]
    assert loads(empty, best.yaml) == "feed"


def test_a_declared_feed_is_enough(empty: Workplace, web: Web) -> None:
    """As soon as a declared feed reads well, no other address is asked; declared feeds need no robots.txt."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /feed")
    web.feed("/feed", rss(news(1)))
    links = "<link rel=alternate type=application/rss+xml href=/feed><a href=/other.rss>RSS</a><a href=/a.ics>x</a>"
    seen = found(empty, page(web, links))
    assert paths(web) == ["/robots.txt", "/news/", "/feed"]
    assert [(o.proposal.url, o.tried) for o in seen.offers] == [
        (f"{web.url}/feed", True),
        (f"{web.url}/other.rss", False),
        (f"{web.url}/a.ics", False),
    ]


def test_at_most_four_further_requests(empty: Workplace, web: Web) -> None:
    """Of many feeds that a page links to, four are tried; those that fail come last and say why."""
    links = "".join(f"<a href='/feeds/{n}.rss'>RSS</a>" for n in range(9))
    seen = found(empty, page(web, f"<nav>{links}</nav>"))
    assert len(paths(web)) == 2 + 4
    assert [offer.tried for offer in seen.offers] == [False] * 5 + [True] * 4
    assert {offer.problem for offer in seen.offers[-4:]} == {"not found (404)"}


def test_a_guess_asks_robots(empty: Workplace, web: Web) -> None:
    """CL19: where robots.txt forbids what is only guessed, it is not asked for."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /feed/")
    url = page(web, "<head><meta name=generator content='WordPress 6.5'></head>", "/")
    (offer,) = found(empty, url).offers
    assert offer.problem == "its robots.txt forbids us to read the page"
    assert paths(web) == ["/robots.txt", "/"]


@pytest.mark.parametrize(
    ("robots", "words"),
    [
        (
            Answer(b"User-agent: aggregator\nDisallow: /"),
            "robots.txt forbids us to read the page; a feed that",
        ),
        (Answer(status=500), "robots.txt is not available"),
        (Answer(status=429), "too many requests"),
    ],
)
def test_a_forbidden_page_is_refused(empty: Workplace, web: Web, robots: Answer, words: str) -> None:
    """CL19: a page that robots.txt forbids is not looked at, and this is said in words."""
    web.answers["/robots.txt"] = robots
    with pytest.raises(NothingToShow, match=words):
        found(empty, page(web, "<p>Hello</p>"))
    assert paths(web) == ["/robots.txt"]


@pytest.mark.parametrize(
    ("document", "kind", "words", "title"),
    [
        (rss(news(1)), "feed", "the address itself is a feed", "News 1"),
        (
            b'{"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [{"id": "1", "title": "Tiny"}]}',
            "jsonfeed",
            "the address itself is a JSON Feed",
            "Tiny",
        ),
        (CALENDAR, "ical", "the address itself is a calendar", "User day"),
        (json.dumps(RECORDS).encode(), "zenodo", "an answer of Zenodo's API", "Images of cells"),
        (
            b'[{"id": 1, "title": {"rendered": "A post"}, "link": "https://node.example/1"}]',
            "wordpress",
            "WordPress' REST API",
            "A post",
        ),
    ],
)
def test_an_address_that_is_a_document(
    empty: Workplace, web: Web, document: bytes, kind: str, words: str, title: str
) -> None:
    """An address that is no page but a feed, JSON or a calendar is said to be one, with its entries."""
    web.answers["/wp-json/x"] = Answer(document)
    seen = found(empty, f"{web.url}/wp-json/x")
    (offer,) = seen.offers
    assert (seen.kind, offer.well, offer.first[0].title) == (kind, True, title)
    assert words in offer.proposal.why
    assert loads(empty, offer.yaml) == kind


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "not found \\(404\\)"),
        (Answer(b"<title>Just a moment...</title>", 403, {"Content-Type": "text/html"}), "Cloudflare"),
        (Answer(b""), "the answer is empty"),
        (Answer(b'{"error": 1}', headers={"Content-Type": "application/json"}), "no JSON Feed"),
        (Answer(b"%PDF-1.7", headers={"Content-Type": "application/pdf"}), "not a feed \\(application/pdf"),
    ],
)
def test_nothing_to_discover(empty: Workplace, web: Web, answer: Answer, words: str) -> None:
    """What cannot be had, and what is neither page nor feed, is one message."""
    web.answers["/x"] = answer
    with pytest.raises(NothingToShow, match=words):
        found(empty, f"{web.url}/x")


@pytest.mark.usefixtures("hasty")
def test_a_sitemap_is_named(empty: Workplace, web: Web) -> None:
    """Where nothing can be polled, the page's sitemap is named for a person."""
    url = page(web, "<p>Hello</p><a href='/sitemap.xml'>Sitemap</a>")
    seen = found(empty, url)
    assert (seen.offers, seen.sitemap) == ((), f"{web.url}/sitemap.xml")
    said = call(empty, "source", "discover", url)
    assert f"{web.url}/sitemap.xml" in said.out


def test_a_private_address_is_not_asked(place: Workplace, web: Web) -> None:
    """Without `allow_private` neither the page nor what it links to on a private address is asked."""
    place.write("", head=HEAD.replace("127.0.0.0/8", "127.99.99.99"))
    with pytest.raises(NothingToShow, match="private address"):
        found(place, page(web, "<p>Hello</p>"))
    assert web.asked == []


@pytest.mark.parametrize("contact", ["news@example.org", "editors@news.example"])
def test_public_servers_need_a_contact(place: Workplace, web: Web, contact: str) -> None:
    """V7: with the placeholder contact, or under a pretended clock, public servers are not asked: neither the
    address itself nor a feed that a page of ours names."""
    place.write("", head=HEAD.replace("editors@news.example,", f"{contact},"))
    app = replace(place.app(), pretended_clock=contact == "editors@news.example")
    with pytest.raises(ContactMissing):
        discover.run(app, "https://far.invalid/")
    link = "<link rel=alternate type=application/rss+xml href=https://far.invalid/feed>"
    (offer,) = discover.run(app, page(web, link)).offers
    assert offer.problem and "public server" in offer.problem


def test_a_hostile_page_is_survived(empty: Workplace, web: Web) -> None:
    """A page made to hurt is looked at in isolation: at worst it offers nothing."""
    deep = b"<html><body>" + b"<div class='a b c'><a href='/news/1'>x</a>" * 20_000
    seen = found(empty, page(web, deep))
    assert seen.kind == "page"


def test_nothing_is_recorded(empty: Workplace, web: Web) -> None:
    """A discovery leaves no trace on disk."""
    web.feed("/feed", rss(news(1)))
    found(empty, f"{web.url}/feed")
    assert [file.name for file in empty.folder.iterdir()] == ["feeds.yaml"]


def test_the_name_and_id_are_free(place: Workplace, web: Web) -> None:
    """The YAML has the page's title for a name, quotes and all, and an id that feeds.yaml does not have yet."""
    host = web.url.split("//")[1].split(":")[0]
    place.write(f"sources: [{{id: {host.replace('.', '-')}, name: N, url: '{web.url}/x'}}]\n")
    web.feed("/feed", rss(news(1), title='Say "cheese" \\ wait'))
    (offer,) = found(place, f"{web.url}/feed").offers
    file = place.folder / "proposed.yaml"
    file.write_text(f"{HEAD}sources:\n{offer.yaml}", encoding="utf-8")
    (source,) = load(file).sources
    assert (source.id, source.name) == (f"{host.replace('.', '-')}-2", 'Say "cheese" \\ wait')


@pytest.mark.usefixtures("hasty")
def test_the_command_shows_and_prints(empty: Workplace, web: Web) -> None:
    """`source discover` shows what was found with first entries and YAML; `--json` is one object."""
    web.feed("/feed", rss(news(1)))
    url = page(web, "<link rel=alternate type=application/rss+xml href=/feed><title>A Node</title>")
    said = call(empty, "source", "discover", url)
    assert (said.code, said.err) == (0, "")
    for words in (
        f"{web.url}/feed",
        "the page declares it",
        "100% sure",
        "2026-09-01  News 1",
        "For feeds.yaml",
    ):
        assert words in said.out
    assert loads(empty, said.out.partition("`sources:`\n\n")[2]) == "feed"
    listing = call(
        empty,
        "source",
        "discover",
        page(web, f"<link rel=alternate type=application/rss+xml href=/feed>{LISTING}", "/list/"),
    )
    assert loads(empty, listing.out.partition("Or, as page\n\n")[2].partition("\n\n")[0]) == "page"
    told = json.loads(call(empty, "source", "discover", url, "--json").out)
    (proposal,) = told["proposals"]
    assert (told["kind"], proposal["tried"], proposal["items"]) == ("page", True, 1)
    assert proposal["first"][0] == {
        "title": "News 1",
        "date": "2026-09-01T10:00:00+00:00",
        "link": "https://node.example/1",
    }


def test_requests_to_a_host_are_parted(empty: Workplace, web: Web) -> None:
    """V2, CL11: between robots.txt, the page and each feed that is tried there is the house's gap."""
    moments: list[float] = []
    links = "".join(f"<a href='/feeds/{n}.rss'>RSS</a>" for n in range(2))
    url = page(web, f"<nav>{links}</nav>")
    app = empty.app()
    real = app.fetcher()

    def fetcher(request: Request) -> Response | Failure:
        moments.append(time.monotonic())
        return real(request)

    discover.run(replace(app, fetcher=lambda: fetcher, host_gap=0.2), url)
    gaps = [after - before for before, after in pairwise(moments)]
    assert len(gaps) == 3 and min(gaps) >= 0.2


def test_an_address_with_credentials_is_no_offer(empty: Workplace, web: Web) -> None:
    """What feeds.yaml could not have is neither tried nor proposed."""
    link = (
        f"<link rel=alternate type=application/rss+xml href='{web.url.replace('//', '//me:secret@')}/feed'>"
    )
    assert found(empty, page(web, link)).offers == ()
    assert paths(web) == ["/robots.txt", "/news/"]


def test_robots_has_a_say_in_each_hop(empty: Workplace, web: Web) -> None:
    """CL19: a redirect to what robots.txt forbids is not followed."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private")
    web.answers["/news/"] = Answer(status=302, headers={"Location": "/private/"})
    with pytest.raises(NothingToShow, match="forbids us to read"):
        found(empty, f"{web.url}/news/")
    assert paths(web) == ["/robots.txt", "/news/"]


def test_a_429_is_the_last_word(empty: Workplace, web: Web) -> None:
    """CL8: after a 429 nothing else of the host is tried."""
    web.answers["/1.rss"] = Answer(status=429)
    (first, second) = found(empty, page(web, "<a href=/1.rss>RSS</a><a href=/2.rss>RSS</a>")).offers
    assert ("429" in (first.problem or ""), "429" in (second.problem or "")) == (True, True)
    assert paths(web) == ["/robots.txt", "/news/", "/1.rss"]
