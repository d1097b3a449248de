"""Discovery of what can be polled, with real pages on real servers."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    """Return the fields of one news item."""
    return {
        "title": f"News {n}",
        "link": f"https://node.example/{n}",
        "pubDate": f"Mon, {n:02} Sep 2026 10:00:00 GMT",
    }


@pytest.fixture
def empty(place: Workplace) -> Workplace:
    """Provide a feeds.yaml without any source."""
    place.write("")
    return place


def page(web: Web, html: str | bytes, path: str = "/news/") -> str:
    """Serve a page; return its URL."""
    written = html if isinstance(html, bytes) else f"<!doctype html><html><body>{html}</body></html>".encode()
    web.answers[path] = Answer(written, headers={"Content-Type": "text/html; charset=utf-8"})
    return web.url + path


def discovered(place: Workplace, url: str) -> Discovery:
    """Return the discovery of a URL."""
    return discover.discover_sources(place.app(), url)


def paths(web: Web) -> list[str]:
    """List the requested paths in order."""
    return [asked.path for asked in web.asked]


def loads(place: Workplace, yaml: str) -> str:
    """Load a feeds.yaml with this YAML; return the kind of its source."""
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
    """For a page without a feed, discovery proposes selectors that load and find the same items."""
    here = expected(name)["url"].split("/", 3)[:3]
    served = body(name).replace("/".join(here).encode(), web.url.encode())
    url = page(web, served, "/" + expected(name)["url"].split("/", 3)[3])
    discovery = discovered(empty, url)
    best = next(tried for tried in discovery.proposals if tried.proposal.page)
    assert (discovery.kind, best.succeeded, best.count) == ("page", True, len(wanted(name)))
    assert [g.title for g in best.first_items] == [item["title"] for item in wanted(name)[:5]]
    assert loads(empty, best.yaml) == "page"
    assert paths(web)[0] == "/robots.txt" and len(paths(web)) <= 6


@pytest.mark.parametrize("name", ["gerbi-wordpress", "elementor-grid", "jekyll-posts"])
def test_a_listing_with_a_feed(empty: Workplace, web: Web, name: str) -> None:
    """The feed of a page is tried, shown with its items, and ranked before selectors."""
    site, path = "/".join(expected(name)["url"].split("/", 3)[:3]), expected(name)["url"].split("/", 3)[3]
    feed = expected(name)["feed"].removeprefix(site)
    web.feed(feed, rss(news(1), news(2)))
    url = page(web, body(name).replace(site.encode(), web.url.encode()), f"/{path}")
    best, *_ = discovered(empty, url).proposals
    assert (best.proposal.kind, best.proposal.url, best.succeeded) == ("feed", web.url + feed, True)
    assert [g.title for g in best.first_items] == ["News 1", "News 2"]
    assert loads(empty, best.yaml) == "feed"


def test_a_declared_feed_is_enough(empty: Workplace, web: Web) -> None:
    """After a declared feed succeeds nothing else is requested; robots.txt is not applied to it."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /feed")
    web.feed("/feed", rss(news(1)))
    links = "<link rel=alternate type=application/rss+xml href=/feed><a href=/other.rss>RSS</a><a href=/a.ics>x</a>"
    discovery = discovered(empty, page(web, links))
    assert paths(web) == ["/robots.txt", "/news/", "/feed"]
    assert [(o.proposal.url, o.tried) for o in discovery.proposals] == [
        (f"{web.url}/feed", True),
        (f"{web.url}/other.rss", False),
        (f"{web.url}/a.ics", False),
    ]


def test_at_most_four_further_requests(empty: Workplace, web: Web) -> None:
    """Four of many linked feeds are tried; those that fail come last, with the reason."""
    links = "".join(f"<a href='/feeds/{n}.rss'>RSS</a>" for n in range(9))
    discovery = discovered(empty, page(web, f"<nav>{links}</nav>"))
    assert len(paths(web)) == 2 + 4
    assert [tried.tried for tried in discovery.proposals] == [False] * 5 + [True] * 4
    assert {tried.problem for tried in discovery.proposals[-4:]} == {"not found (404)"}


def test_robots_applies_to_a_guessed_url(empty: Workplace, web: Web) -> None:
    """A guessed URL that robots.txt forbids is not requested (CL19)."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /feed/")
    url = page(web, "<head><meta name=generator content='WordPress 6.5'></head>", "/")
    (tried,) = discovered(empty, url).proposals
    assert tried.problem == "its robots.txt forbids us to read the page"
    assert paths(web) == ["/robots.txt", "/"]


@pytest.mark.parametrize(
    ("robots", "words"),
    [
        (
            Answer(b"User-agent: aggregator\nDisallow: /"),
            "robots.txt forbids us to read the page; if you know a feed",
        ),
        (Answer(status=500), "robots.txt is not available"),
        (Answer(status=429), "too many requests"),
    ],
)
def test_a_forbidden_page_is_refused(empty: Workplace, web: Web, robots: Answer, words: str) -> None:
    """A page that robots.txt forbids is not requested, and the message names the reason (CL19)."""
    web.answers["/robots.txt"] = robots
    with pytest.raises(NothingToShow, match=words):
        discovered(empty, page(web, "<p>Hello</p>"))
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
        (json.dumps(RECORDS).encode(), "zenodo", "a response of Zenodo's API", "Images of cells"),
        (
            b'[{"id": 1, "title": {"rendered": "A post"}, "link": "https://node.example/1"}]',
            "wordpress",
            "WordPress' REST API",
            "A post",
        ),
    ],
)
def test_an_url_of_a_document(
    empty: Workplace, web: Web, document: bytes, kind: str, words: str, title: str
) -> None:
    """A URL of a feed, JSON document or calendar is proposed itself, with its entries."""
    web.answers["/wp-json/x"] = Answer(document)
    discovery = discovered(empty, f"{web.url}/wp-json/x")
    (tried,) = discovery.proposals
    assert (discovery.kind, tried.succeeded, tried.first_items[0].title) == (kind, True, title)
    assert words in tried.proposal.why
    assert loads(empty, tried.yaml) == kind


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "not found \\(404\\)"),
        (Answer(b"<title>Just a moment...</title>", 403, {"Content-Type": "text/html"}), "Cloudflare"),
        (Answer(b""), "the response is empty"),
        (Answer(b'{"error": 1}', headers={"Content-Type": "application/json"}), "no JSON Feed"),
        (Answer(b"%PDF-1.7", headers={"Content-Type": "application/pdf"}), "not a feed \\(application/pdf"),
    ],
)
def test_nothing_to_discover(empty: Workplace, web: Web, answer: Answer, words: str) -> None:
    """A failed request, and a document that is neither page nor feed, give one message."""
    web.answers["/x"] = answer
    with pytest.raises(NothingToShow, match=words):
        discovered(empty, f"{web.url}/x")


@pytest.mark.usefixtures("hasty")
def test_a_sitemap_is_named(empty: Workplace, web: Web) -> None:
    """If nothing can be polled, the page's sitemap is named."""
    url = page(web, "<p>Hello</p><a href='/sitemap.xml'>Sitemap</a>")
    discovery = discovered(empty, url)
    assert (discovery.proposals, discovery.sitemap) == ((), f"{web.url}/sitemap.xml")
    result = call(empty, "source", "discover", url)
    assert f"{web.url}/sitemap.xml" in result.out


def test_a_private_address_is_not_requested(place: Workplace, web: Web) -> None:
    """Without `allow_private` nothing is requested from a private address."""
    place.write("", head=HEAD.replace("127.0.0.0/8", "127.99.99.99"))
    with pytest.raises(NothingToShow, match="private address"):
        discovered(place, page(web, "<p>Hello</p>"))
    assert web.asked == []


@pytest.mark.parametrize("contact", ["news@example.org", "editors@news.example"])
def test_public_servers_need_a_contact(place: Workplace, web: Web, contact: str) -> None:
    """With the placeholder contact or a simulated clock no public server is visited (V7).

    This holds for the URL itself and for a feed that a private page names.
    """
    place.write("", head=HEAD.replace("editors@news.example,", f"{contact},"))
    app = replace(place.app(), simulated_clock=contact == "editors@news.example")
    with pytest.raises(ContactMissing):
        discover.discover_sources(app, "https://far.invalid/")
    link = "<link rel=alternate type=application/rss+xml href=https://far.invalid/feed>"
    (tried,) = discover.discover_sources(app, page(web, link)).proposals
    assert tried.problem and "public server" in tried.problem


def test_a_hostile_page_does_no_harm(empty: Workplace, web: Web) -> None:
    """A hostile page is inspected in the sandbox and at worst offers nothing."""
    deep = b"<html><body>" + b"<div class='a b c'><a href='/news/1'>x</a>" * 20_000
    discovery = discovered(empty, page(web, deep))
    assert discovery.kind == "page"


def test_nothing_is_recorded(empty: Workplace, web: Web) -> None:
    """A discovery writes nothing to disk."""
    web.feed("/feed", rss(news(1)))
    discovered(empty, f"{web.url}/feed")
    assert [file.name for file in empty.folder.iterdir()] == ["feeds.yaml"]


def test_the_name_and_id_are_free(place: Workplace, web: Web) -> None:
    """The YAML has the page's title, with its quotes, as name and an id not used yet."""
    host = web.url.split("//")[1].split(":")[0]
    place.write(f"sources: [{{id: {host.replace('.', '-')}, name: N, url: '{web.url}/x'}}]\n")
    web.feed("/feed", rss(news(1), title='Say "cheese" \\ wait'))
    (tried,) = discovered(place, f"{web.url}/feed").proposals
    file = place.folder / "proposed.yaml"
    file.write_text(f"{HEAD}sources:\n{tried.yaml}", encoding="utf-8")
    (source,) = load(file).sources
    assert (source.id, source.name) == (f"{host.replace('.', '-')}-2", 'Say "cheese" \\ wait')


@pytest.mark.usefixtures("hasty")
def test_the_command_shows_and_prints(empty: Workplace, web: Web) -> None:
    """`source discover` shows proposals with entries and YAML; `--json` prints one object."""
    web.feed("/feed", rss(news(1)))
    url = page(web, "<link rel=alternate type=application/rss+xml href=/feed><title>A Node</title>")
    result = call(empty, "source", "discover", url)
    assert (result.code, result.err) == (0, "")
    for words in (
        f"{web.url}/feed",
        "the page declares it",
        "100% sure",
        "2026-09-01  News 1",
        "For feeds.yaml",
    ):
        assert words in result.out
    assert loads(empty, result.out.partition("`sources:`\n\n")[2]) == "feed"
    listing = call(
        empty,
        "source",
        "discover",
        page(web, f"<link rel=alternate type=application/rss+xml href=/feed>{LISTING}", "/list/"),
    )
    assert loads(empty, listing.out.partition("Or, as page\n\n")[2].partition("\n\n")[0]) == "page"
    output = json.loads(call(empty, "source", "discover", url, "--json").out)
    (proposal,) = output["proposals"]
    assert (output["kind"], proposal["tried"], proposal["items"]) == ("page", True, 1)
    assert proposal["first"][0] == {
        "title": "News 1",
        "date": "2026-09-01T10:00:00+00:00",
        "link": "https://node.example/1",
    }


def test_requests_to_a_host_have_a_gap(empty: Workplace, web: Web, passed: Callable[[], float]) -> None:
    """Requests for robots.txt, the page and each feed have the host gap between them (CL11)."""
    moments: list[float] = []
    links = "".join(f"<a href='/feeds/{n}.rss'>RSS</a>" for n in range(2))
    url = page(web, f"<nav>{links}</nav>")
    app = empty.app()
    real = app.fetcher()

    def fetcher(request: Request) -> Response | Failure:
        moments.append(passed())
        return real(request)

    discover.discover_sources(replace(app, fetcher=lambda: fetcher, host_gap=4.0), url)
    gaps = [after - before for before, after in pairwise(moments)]
    assert len(gaps) == 3 and min(gaps) >= 4.0


def test_an_url_with_credentials_is_not_proposed(empty: Workplace, web: Web) -> None:
    """A URL that feeds.yaml would refuse is neither tried nor proposed."""
    link = (
        f"<link rel=alternate type=application/rss+xml href='{web.url.replace('//', '//me:secret@')}/feed'>"
    )
    assert discovered(empty, page(web, link)).proposals == ()
    assert paths(web) == ["/robots.txt", "/news/"]


def test_robots_applies_to_each_hop(empty: Workplace, web: Web) -> None:
    """A redirect to a page that robots.txt forbids is not followed (CL19)."""
    web.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private")
    web.answers["/news/"] = Answer(status=302, headers={"Location": "/private/"})
    with pytest.raises(NothingToShow, match="forbids us to read"):
        discovered(empty, f"{web.url}/news/")
    assert paths(web) == ["/robots.txt", "/news/"]


def test_a_429_ends_requests_to_its_host(empty: Workplace, web: Web) -> None:
    """After a 429 nothing else is requested from its host (CL8)."""
    web.answers["/1.rss"] = Answer(status=429)
    (first, second) = discovered(empty, page(web, "<a href=/1.rss>RSS</a><a href=/2.rss>RSS</a>")).proposals
    assert ("429" in (first.problem or ""), "429" in (second.problem or "")) == (True, True)
    assert paths(web) == ["/robots.txt", "/news/", "/1.rss"]
