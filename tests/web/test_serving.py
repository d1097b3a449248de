"""A table of requests and responses for the daemon's server, nginx and Caddy."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from aggregator.web.headers import SECURITY
from tests.web.servers import HUB, Response, Server, put, serving

BODY = "Bilder für alle\n".encode() * 500
NOT_PACKED = "chart.png"
PACKED = {"Accept-Encoding": "gzip, deflate, br"}
SHORT, LONG = ("public, max-age=600, stale-if-error=86400", "public, max-age=86400, stale-if-error=86400")
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
OLD = "Mon, 01 Jan 2024 00:00:00 GMT"

KINDS = {
    "/": "text/html; charset=utf-8",
    "/index.html": "text/html; charset=utf-8",
    "/channels/events/": "text/html; charset=utf-8",
    "/stories/k3j5.html": "text/html; charset=utf-8",
    "/digests/weekly-2026-10-05.html": "text/html; charset=utf-8",
    "/atom.xml": "application/atom+xml; charset=utf-8",
    "/channels/events/atom.xml": "application/atom+xml; charset=utf-8",
    "/digests/atom.xml": "application/atom+xml; charset=utf-8",
    "/archive/2026-01.xml": "application/atom+xml; charset=utf-8",
    "/rss.xml": "application/rss+xml; charset=utf-8",
    "/channels/events/rss.xml": "application/rss+xml; charset=utf-8",
    "/feed.json": "application/feed+json; charset=utf-8",
    "/channels/events/feed.json": "application/feed+json; charset=utf-8",
    "/events.ics": "text/calendar; charset=utf-8",
    "/deadlines.ics": "text/calendar; charset=utf-8",
    "/sources.opml": "text/x-opml; charset=utf-8",
    "/feed.css": "text/css; charset=utf-8",
    "/sitemap.xml": "application/xml; charset=utf-8",
    "/about.json": "application/json; charset=utf-8",
}
STYLED = [path for path in KINDS if re.search(r"(atom|rss|^/archive/.*)\.xml$", path)]
FEEDS = [path for path in KINDS if re.search(r"(atom\.xml|rss\.xml|feed\.json)$", path)]
FOREIGN = [path for path in KINDS if re.search(r"\.(xml|json|ics|opml)$", path)]


SERVERS = ("own", "nginx", "caddy")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Start each server when it is first needed."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(serving(name, filled(tmp_path_factory.mktemp(name)))))


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """Provide each of the three servers in turn."""
    return servers(request.param)


def filled(folder: Path) -> Path:
    """Return a folder with published files, and with files that must not be served."""
    public = folder / "public"
    today = datetime.now(UTC)
    tomorrow = today + timedelta(days=1)  # may be of another month than the one in which the server is asked
    months = {f"/archive/{day:%Y-%m}.xml" for day in (today, tomorrow)}
    for path in [*KINDS, *months]:
        put(public, path.strip("/") + ("/index.html" if path.endswith("/") else ""), BODY)
    put(public, "404.html", b"<h1>Not found</h1>")
    (public / NOT_PACKED).write_bytes(BODY)
    (public / ".atom.xml.draft").write_bytes(BODY)
    (public / ".git").mkdir()
    (public / ".git" / "config").write_bytes(BODY)
    (public / ".git" / "atom.xml").write_bytes(BODY)
    (folder / "secret.txt").write_bytes(BODY)
    (folder / "atom.xml").write_bytes(BODY)
    (public / "out.txt").symlink_to(folder / "secret.txt")
    (public / "away").symlink_to(folder)
    return folder


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_documents_have_types_lifetimes_and_validators(server: Server, path: str, packed: bool) -> None:
    """Every document has media type, lifetime and validators, plain and compressed (PB6, PB12)."""
    answer = server.ask(path, PACKED if packed else {})
    headers = answer.headers
    assert answer.status == 200
    assert (gzip.decompress(answer.body) if packed else answer.body) == BODY
    assert headers.get("content-encoding") == ("gzip" if packed else None)
    assert headers["content-type"] == KINDS[path]
    assert headers["content-length"] == str(len(answer.body))
    assert varies(answer) == {"accept-encoding"} | ({"accept"} if path in STYLED else set())
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', headers["etag"])
    assert {"date", "last-modified"} <= headers.keys()
    assert secure(answer)
    assert headers.get("access-control-allow-origin") == ("*" if path in FOREIGN else None)
    assert headers.get("access-control-expose-headers") == ("ETag, Link" if path in FOREIGN else None)
    if path.startswith("/archive/"):  # Caddy has no clock to compare with
        assert headers["cache-control"] in {SHORT, LONG} - ({SHORT} if server.name != "caddy" else set())
    else:
        assert headers["cache-control"] == (LONG if path.endswith(".css") else SHORT)


def secure(answer: Response) -> bool:
    """Return whether a response has each header of security exactly once."""
    return all(answer.headers.get(name.decode()) == value.decode() for name, value in SECURITY)


def varies(answer: Response) -> set[str]:
    """Return the request fields that the response depends on."""
    return set(re.split(r", *", answer.headers.get("vary", "").lower())) - {""}


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_browsers_get_feeds_as_xml(server: Server, path: str, packed: bool) -> None:
    """Only media type and ETag differ from the response to a feed reader (PB15)."""
    coding = PACKED if packed else {}
    reader, browser = server.ask(path, coding), server.ask(path, BROWSER | coding)
    about = {"content-type": reader.headers["content-type"]}
    if path in STYLED:
        about = {"content-type": "application/xml; charset=utf-8", "etag": reader.headers["etag"]}
        assert browser.headers.get("etag") != reader.headers["etag"]
    assert (browser.status, browser.body) == (200, reader.body)
    assert {**browser.headers, **about, "date": ""} == {**reader.headers, **about, "date": ""}
    assert browser.headers["content-type"] == about["content-type"]


@pytest.mark.parametrize("path", KINDS)
def test_link_headers_name_feed_and_hub(server: Server, path: str) -> None:
    """`Link` has the public URL of a feed, and the hub if there is one (PB11)."""
    links = server.ask(path).headers.get("link")
    if path not in FEEDS:
        assert links is None
        return
    self_, *hub = str(links).split(", ")
    assert self_ == f'<https://news.example{path}>; rel="self"'
    # feeds.yaml here has no hub; in the configurations of the others its line is uncommented.
    assert hub == ([] if server.name == "own" else [f'<{HUB}>; rel="hub"'])


def test_the_archive_of_this_month_has_a_short_lifetime(server: Server) -> None:
    """A month that still grows has the lifetime of feeds (PB8)."""
    answer = server.ask(f"/archive/{datetime.now(UTC):%Y-%m}.xml")
    assert answer.headers["cache-control"] == SHORT


@dataclass(frozen=True)
class Expected:
    """Asked so, answered so. PLAIN, GZIP and MODIFIED stand for the validators of `path`.

    `without` has the servers of which this cannot be had.
    """

    name: str
    status: int
    path: str = "/atom.xml"
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    says: dict[str, str | None] = field(default_factory=dict)
    without: tuple[str, ...] = ()


AS_ATOM: dict[str, str | None] = {"content-type": KINDS["/atom.xml"]}
SHOWN: dict[str, str | None] = {"content-type": "application/xml; charset=utf-8"}
ALLOWED: dict[str, str | None] = {"allow": "GET, HEAD, OPTIONS"}
PREFLIGHT: dict[str, str | None] = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD, OPTIONS",
    "access-control-allow-headers": "*",
    "access-control-max-age": "86400",
}

TABLE = [
    Expected("the plain tag", 304, headers={"If-None-Match": "PLAIN"}),
    Expected("the packed tag", 304, headers={"If-None-Match": "GZIP", **PACKED}),
    Expected("the packed tag where plain is asked for", 200, headers={"If-None-Match": "GZIP"}),
    Expected("the plain tag where packed is asked for", 200, headers={"If-None-Match": "PLAIN", **PACKED}),
    Expected("a weakened tag", 304, headers={"If-None-Match": "W/PLAIN"}),
    Expected("a list", 304, headers={"If-None-Match": '"x", W/"y,z", PLAIN'}),
    Expected("a list without it", 200, headers={"If-None-Match": '"x", W/"y"'}),
    Expected("any", 304, headers={"If-None-Match": "*"}),
    Expected("rubbish as a tag", 200, headers={"If-None-Match": "rubbish"}),
    Expected("an empty tag", 200, headers={"If-None-Match": '""'}),
    Expected("the date", 304, headers={"If-Modified-Since": "MODIFIED"}),
    Expected("a later date", 304, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
    Expected("an older date", 200, headers={"If-Modified-Since": OLD}),
    Expected("rubbish as a date", 200, headers={"If-Modified-Since": "yesterday"}),
    Expected("the tag as a condition", 200, headers={"If-Match": "PLAIN"}),
    Expected("a list with the tag as a condition", 200, headers={"If-Match": '"x", PLAIN'}),
    Expected("any tag as a condition", 200, headers={"If-Match": "*"}),
    Expected("another tag as a condition", 412, headers={"If-Match": '"x"'}),
    Expected("the weakened tag as a condition", 412, headers={"If-Match": "W/PLAIN"}),
    Expected("another tag as a condition of HEAD", 412, method="HEAD", headers={"If-Match": '"x"'}),
    Expected("the date as a condition", 200, headers={"If-Unmodified-Since": "MODIFIED"}),
    Expected("an older date as a condition", 412, headers={"If-Unmodified-Since": OLD}),
    Expected("rubbish as a condition", 200, headers={"If-Unmodified-Since": "yesterday"}, without=("nginx",)),
    Expected("another tag wins", 200, headers={"If-None-Match": '"x"', "If-Modified-Since": "MODIFIED"}),
    Expected(
        "the tag wins over an older date",
        304,
        headers={"If-None-Match": "PLAIN", "If-Modified-Since": OLD},
        without=("nginx",),  # it wants both to agree
    ),
    Expected("a reader's tag in a browser", 200, headers={"If-None-Match": "PLAIN", **BROWSER}, says=SHOWN),
    Expected("the date in a browser", 304, headers={"If-Modified-Since": "MODIFIED", **BROWSER}),
    Expected("an older date in a browser", 200, headers={"If-Modified-Since": OLD, **BROWSER}, says=SHOWN),
    Expected("HEAD by a browser", 200, method="HEAD", headers=BROWSER, says=SHOWN),
    Expected("POST by a browser", 405, method="POST", headers=BROWSER, says={"allow": "GET, HEAD, OPTIONS"}),
    Expected("a query by a browser", 200, "/atom.xml?x=text/html", BROWSER, says=SHOWN),
    Expected("HTML in capitals", 200, headers={"Accept": "TEXT/HTML"}, says=SHOWN),
    Expected("HTML and Atom", 200, headers={"Accept": "text/html, application/Atom+XML;q=0.1"}, says=AS_ATOM),
    Expected("RSS and HTML", 200, headers={"Accept": "application/rss+xml, text/html"}, says=AS_ATOM),
    Expected("any type", 200, headers={"Accept": "*/*"}, says=AS_ATOM),
    Expected("XML", 200, headers={"Accept": "application/xml, text/xml;q=0.9, */*;q=0.1"}, says=AS_ATOM),
    Expected("nothing there for a browser", 404, "/channels/none/atom.xml", BROWSER),
    Expected("a hidden feed in a browser", 404, "/.git/atom.xml", BROWSER),
    Expected("a feed that leads out, in a browser", 404, "/away/atom.xml", BROWSER, without=("caddy",)),
    Expected("HEAD with the tag", 304, method="HEAD", headers={"If-None-Match": "PLAIN"}),
    Expected("gzip refused", 200, headers={"Accept-Encoding": "gzip;q=0"}, says={"content-encoding": None}),
    Expected("only others", 200, headers={"Accept-Encoding": "br, zstd"}, says={"content-encoding": None}),
    Expected(
        "little gzip is some",
        200,
        headers={"Accept-Encoding": "gzip;q=0.1"},
        says={"content-encoding": "gzip"},
    ),
    Expected(
        "everything",
        200,
        headers={"Accept-Encoding": "*"},
        says={"content-encoding": "gzip"},
        without=("nginx", "caddy"),
    ),
    Expected(
        "rather plain",
        200,
        headers={"Accept-Encoding": "gzip;q=0.5, identity"},
        says={"content-encoding": None},
        without=("nginx", "caddy"),
    ),
    Expected(
        "gzip behind a proxy", 200, headers={"Via": "1.1 x", **PACKED}, says={"content-encoding": "gzip"}
    ),
    Expected("no twin", 200, f"/{NOT_PACKED}", PACKED, says={"content-encoding": None, "vary": None}),
    Expected("a query", 200, "/atom.xml?utm_source=x"),
    Expected("POST", 405, method="POST", says={"allow": "GET, HEAD, OPTIONS"}),
    Expected("DELETE", 405, method="DELETE", says={"allow": "GET, HEAD, OPTIONS"}),
    Expected("OPTIONS", 204, method="OPTIONS", says=ALLOWED | PREFLIGHT),
    Expected("OPTIONS of a calendar", 204, "/events.ics", method="OPTIONS", says=ALLOWED | PREFLIGHT),
    Expected(
        "OPTIONS of a page", 204, "/index.html", method="OPTIONS", says=ALLOWED | dict.fromkeys(PREFLIGHT)
    ),
    Expected("not there", 404, "/nothing.xml"),
    Expected("no folder", 404, "/atom.xml/"),
    Expected("a folder without a page", 404, "/channels/"),
    Expected("a draft", 404, "/.atom.xml.draft"),
    Expected("a hidden folder", 404, "/.git/config"),
    Expected("a hidden folder, encoded", 404, "/%2egit/config"),
    Expected("a twin", 404, "/atom.xml.gz"),
    Expected("a twin, encoded", 404, "/atom.xml%2Egz"),
    Expected("a link that leads out", 404, "/out.txt", without=("caddy",)),
    Expected("a folder that leads out", 404, "/away/secret.txt", without=("caddy",)),
    Expected("a long name", 404, "/" + "a" * 5000, without=("caddy",)),  # 500
    Expected("a deep name", 404, "/" + "a/" * 2000),
    Expected("upwards", 404, "/../secret.txt", without=("nginx",)),  # 400
    Expected("upwards, encoded", 404, "/%2e%2e%2fsecret.txt", without=("nginx",)),
    Expected("upwards inside", 404, "/channels/../../secret.txt", without=("nginx",)),
    Expected("a NUL", 404, "/a%00b", without=("nginx", "caddy")),  # 400, 500
    Expected("a NUL behind a name", 404, "/atom.xml%00.html", without=("nginx", "caddy")),
    Expected("an encoded slash", 404, "/channels%2Fevents/atom.xml", without=("nginx", "caddy")),
    Expected("two slashes", 404, "//atom.xml", without=("nginx", "caddy")),
    Expected("no UTF-8", 404, "/%ff%fe"),
]


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(name, expected, id=f"{name}: {expected.name}")
        for name in SERVERS
        for expected in TABLE
        if name not in expected.without
    ],
    indirect=["server"],
)
def test_the_table(server: Server, expected: Expected) -> None:
    """Each request of the table has its response (PB12)."""
    words = {
        "PLAIN": server.ask(expected.path).headers.get("etag", ""),
        "GZIP": server.ask(expected.path, PACKED).headers.get("etag", ""),
        "MODIFIED": server.ask(expected.path).headers.get("last-modified", ""),
    }
    headers = {name: _filled(value, words) for name, value in expected.headers.items()}
    answer = server.ask(expected.path, headers, expected.method)
    assert answer.status == expected.status
    for name, value in expected.says.items():
        assert answer.headers.get(name) == value
    if answer.status == 304:
        assert answer.body == b""
        assert {"date", "cache-control"} <= answer.headers.keys()
        # What has no tag in the deployed servers' 200 has none here (RFC 9110 15.4.5).
        assert "etag" in answer.headers or (server.name != "own" and "Accept" in expected.headers)
        assert varies(answer) == {"accept-encoding", "accept"}
        assert not {"content-encoding", "content-type"} & answer.headers.keys()
    if answer.status == 404:
        assert BODY[:20] not in answer.body
        assert b"Not found" in answer.body or expected.method == "HEAD"
        assert secure(answer) and answer.headers["content-type"] == KINDS["/"]


def _filled(value: str, words: dict[str, str]) -> str:
    for word, meant in words.items():
        value = value.replace(word, meant)
    return value


@pytest.mark.parametrize("path", ["/atom.xml", "/", f"/{NOT_PACKED}", "/nothing.xml"])
@pytest.mark.parametrize("headers", [{}, PACKED], ids=["plain", "packed"])
def test_head_is_get_without_the_body(server: Server, path: str, headers: dict[str, str]) -> None:
    """HEAD has status and headers of GET, except `Content-Length` of Caddy (PB12)."""
    get, head = server.ask(path, headers), server.ask(path, headers, "HEAD")
    assert head.body == b"" and head.status == get.status
    reported = {"content-length": get.headers["content-length"]} if server.name == "caddy" else {}
    assert {**reported, **head.headers, "date": ""} == {**get.headers, "date": ""}


def test_representations_have_different_etags(server: Server) -> None:
    """Compressed and plain bytes never share a strong ETag (PB12)."""
    assert server.ask("/atom.xml").headers["etag"] != server.ask("/atom.xml", PACKED).headers["etag"]


def test_a_folder_redirects_to_its_slash(server: Server) -> None:
    """A folder redirects to its URL with a slash and keeps the query."""
    answer = server.ask("/channels/events?a=b")
    assert answer.status in (301, 308)
    query = "" if server.name == "caddy" else "?a=b"
    assert answer.headers["location"] in (f"/channels/events/{query}", f"./events/{query}")


def test_a_changed_document_is_served_at_once(server: Server) -> None:
    """A replaced document has other validators; the same bytes keep them (PB13)."""
    put(server.public, "changing.html", b"<p>one")
    first = server.ask("/changing.html")
    put(server.public, "changing.html", b"<p>one")
    same = server.ask("/changing.html")
    put(server.public, "changing.html", b"<p>another")
    second = server.ask("/changing.html", {"If-None-Match": first.headers["etag"]})
    assert same.headers["etag"] == first.headers["etag"]
    assert (second.status, second.body) == (200, b"<p>another")
    (server.public / "changing.html").unlink()
    assert server.ask("/changing.html").status == 404
