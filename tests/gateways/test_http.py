"""HTTP requests keep their limits, also against servers that misbehave."""

from __future__ import annotations

import gzip
import pickle
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import brotli
import pytest

from aggregator import app as wiring
from aggregator.gateways.http import HttpFetcher, user_agent
from aggregator.gateways.redirects import redirect_target, refusal
from aggregator.model.config import FetchRules
from aggregator.model.polling import Failure, Request, Response, Validators
from tests.builders import site, source
from tests.conftest import Answer, Web, Workplace


def fetcher(**rules: Any) -> HttpFetcher:
    """Return a fetcher that may visit loopback, with a short deadline."""
    defaults: dict[str, Any] = {
        "every": timedelta(hours=1),
        "timeout": timedelta(seconds=5),
        "max_bytes": 1_000_000,
        "concurrency": 4,
        "allow_private": ("127.0.0.0/8",),
    }
    return HttpFetcher(rules=FetchRules(**defaults | rules), user_agent=user_agent(site()))


def ask(url: str, fetch: HttpFetcher | None = None, **fields: Any) -> Response | Failure:
    """Request `url` once."""
    known = {key: fields.pop(key) for key in ("validators",) if key in fields}
    return (fetch or fetcher())(Request(source=source(url=url, **fields), **known))


def reason(answer: Response | Failure) -> str:
    """Return the reason of a failure; any other result fails the test."""
    assert isinstance(answer, Failure), answer
    return answer.reason


def test_a_request_has_only_the_needed_headers(web: Web) -> None:
    """A request has name, contact and feed types, but no cookie, referrer or query (CL12, CL13)."""
    web.answers["/feed?x=1"] = Answer(b"ok", headers={"Set-Cookie": "a=b"})
    fetch = fetcher()
    ask(web.url + "/feed?x=1", fetch)
    ask(web.url + "/feed?x=1", fetch)
    for asked in web.asked:
        assert asked.path == "/feed?x=1"
        assert asked.headers["user-agent"].startswith("aggregator/")
        assert "editors@news.example" in asked.headers["user-agent"]
        assert asked.headers["accept"].startswith("application/atom+xml")
        assert asked.headers["accept-encoding"] == "gzip, br, zstd"
        assert not {"cookie", "referer", "authorization", "if-none-match"} & set(asked.headers)


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("/%7Efeed?sig=%2D%5F", "/%7Efeed?sig=%2D%5F"),
        ("/a/../feed?x=a+b;c#part", "/feed?x=a+b;c"),
        ("/caf%C3%A9-100%?at=50%", "/caf%C3%A9-100%25?at=50%25"),
        ("/ä b?q=ö", "/%C3%A4%20b?q=%C3%B6"),
    ],
)
def test_a_url_is_requested_as_configured(web: Web, configured: str, sent: str) -> None:
    """Only what no URL may have is encoded, once, and dot segments are resolved (CL13)."""
    ask(web.url + configured)
    assert [asked.path for asked in web.asked] == [sent]


@pytest.mark.parametrize("written", ['"1" \t', '\r\n "1"', '\r\n\t"1"'])
def test_blanks_around_a_header_are_not_its_value(web: Web, written: str) -> None:
    """Blanks behind a value, and those of a folded value, are removed (RFC 9110 section 5.5)."""
    web.answers["/feed"] = Answer(headers={"ETag": written})
    answer = ask(web.url + "/feed")
    assert isinstance(answer, Response)
    assert answer.headers["etag"] == '"1"'


def test_validators_go_back_byte_for_byte(web: Web) -> None:
    """Both validators are sent exactly as they came (CL2)."""
    web.answers["/feed"] = Answer(status=304)
    validators = Validators(etag='W/"a b\t"', last_modified="yesterday, more or less", url=web.url + "/feed")
    answer = ask(web.url + "/feed", validators=validators)
    assert isinstance(answer, Response) and answer.status == 304
    assert web.asked[0].headers["if-none-match"] == 'W/"a b\t"'
    assert web.asked[0].headers["if-modified-since"] == "yesterday, more or less"


@pytest.mark.parametrize("location", ["/new", "/new#part"])
def test_validators_belong_to_the_final_url(web: Web, location: str) -> None:
    """After a redirect validators are sent only to the URL that they came from (CL3)."""
    web.answers["/old"] = Answer(status=301, headers={"Location": location})
    web.answers["/new"] = Answer(b"feed", headers={"ETag": '"1"'})
    answer = ask(web.url + "/old", validators=Validators(etag='"1"', url=web.url + "/new"))
    assert isinstance(answer, Response)
    assert (answer.url, answer.hops) == (web.url + "/new", (web.url + "/old",))
    assert ["if-none-match" in asked.headers for asked in web.asked] == [False, True]


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)],
)
def test_compressed_answers_are_decoded(web: Web, coding: str, pack: Callable[[bytes], bytes]) -> None:
    """Every coding of Accept-Encoding is decoded (CL12)."""
    web.answers["/feed"] = Answer(pack(b"x" * 5000), headers={"Content-Encoding": coding})
    answer = ask(web.url + "/feed")
    assert isinstance(answer, Response) and answer.body == b"x" * 5000


def test_a_zstd_answer_is_decoded(web: Web) -> None:
    """zstd is decoded, too, which the standard library has only since 3.14 (CL12)."""
    zstd = pytest.importorskip("backports.zstd")
    web.answers["/feed"] = Answer(zstd.compress(b"y" * 5000), headers={"Content-Encoding": "zstd"})
    answer = ask(web.url + "/feed")
    assert isinstance(answer, Response) and answer.body == b"y" * 5000


def test_the_size_limit_counts_decoded_bytes(web: Web) -> None:
    """A small response that decodes to more than max_bytes is refused (CL16)."""
    web.answers["/bomb"] = Answer(gzip.compress(b"0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    assert "larger than fetch.max_bytes" in reason(ask(web.url + "/bomb"))


def test_a_declared_length_over_the_limit_is_not_read(web: Web) -> None:
    """A Content-Length above the limit is refused without reading (CL16)."""
    web.answers["/big"] = Answer(b"short", headers={"Content-Length": "99999999"})
    assert "larger than fetch.max_bytes" in reason(ask(web.url + "/big"))


def test_a_body_that_is_not_needed_is_not_read(web: Web) -> None:
    """The status of a page is read without its body, however large or broken that is (I8)."""
    web.answers["/big"] = Answer(b"short", headers={"Content-Length": "99999999"})
    answer = fetcher()(Request(source=source(url=web.url + "/big"), headers_only=True))
    assert isinstance(answer, Response)
    assert (answer.status, answer.body) == (200, b"")


def test_wrong_redirects_are_failures(web: Web) -> None:
    """Circles, more than five redirects and other schemes are failures (CL14)."""
    web.answers["/a"] = Answer(status=302, headers={"Location": "/b"})
    web.answers["/b"] = Answer(status=302, headers={"Location": "/a"})
    assert "circle" in reason(ask(web.url + "/a"))
    for n in range(9):
        web.answers[f"/{n}"] = Answer(status=302, headers={"Location": f"/{n + 1}"})
    assert "more than 5 redirects" in reason(ask(web.url + "/0"))
    web.answers["/file"] = Answer(status=302, headers={"Location": "file:///etc/passwd"})
    assert "no web address" in reason(ask(web.url + "/file"))


def test_https_to_http_is_refused() -> None:
    """A redirect from https to http is refused (CL14)."""
    assert refusal("https://a.example/", "http://a.example/", [])
    assert refusal("http://a.example/", "https://a.example/", []) is None


@pytest.mark.parametrize(
    ("location", "path"), [("/\xc3\xbc", "/%C3%BC"), ("/\xfc?q=\xe4#x", "/%FC?q=%E4"), ("/%FC b", "/%FC%20b")]
)
def test_a_location_keeps_its_bytes(location: str, path: str) -> None:
    """Bytes of a Location that are not UTF-8 are encoded as they are."""
    assert redirect_target("https://a.example/", location) == f"https://a.example{path}"


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Start a server that sends what `talk` sends after the first request line."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn, suppress(OSError):
            conn.recv(4096)
            talk(conn)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which `close` does not
        thread.join(5)
        listener.close()


def test_a_slow_response_ends_at_the_deadline() -> None:
    """Single bytes never outlast the total deadline, in body or headers (CL16)."""
    done = threading.Event()

    def drip(head: bytes) -> Callable[[socket.socket], None]:
        def talk(conn: socket.socket) -> None:
            conn.sendall(head)
            while not done.wait(0.1):
                conn.sendall(b"x")

        return talk

    fetch = fetcher(timeout=timedelta(seconds=1))
    for head in (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "):
        with raw_server(drip(head)) as url:
            assert "no complete response within 1 s" in reason(ask(url, fetch))
            done.set()
        done.clear()


def test_a_truncated_response_is_a_failure() -> None:
    """A truncated body is a failure, not a document (V4)."""
    with raw_server(lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<rss>")) as url:
        assert "cut short" in reason(ask(url))


@pytest.mark.parametrize("garbage", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_response_that_is_not_http_is_a_failure(garbage: bytes) -> None:
    """A response that is not HTTP is a failure, not an exception."""
    with raw_server(lambda c: c.sendall(garbage)) as url:
        assert reason(ask(url))


def test_a_wrong_coding_is_a_failure(web: Web) -> None:
    """A wrong Content-Encoding is a failure."""
    web.answers["/feed"] = Answer(b"not gzip at all", headers={"Content-Encoding": "gzip"})
    assert "cannot be decoded" in reason(ask(web.url + "/feed"))


def test_unknown_hosts_and_closed_ports_are_failures() -> None:
    """Errors of DNS and connections are failures with a reason."""
    assert "refused" in reason(ask("http://127.0.0.1:9/"))
    assert reason(ask("http://nowhere.invalid/"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "2130706433"]
)
def test_private_addresses_are_not_visited(host: str) -> None:
    """Loopback, link-local and odd spellings are refused unless allowed."""
    answer = reason(ask(f"http://{host}:9/", fetcher(allow_private=())))
    assert "private address" in answer or "unknown" in answer


def test_a_redirect_to_a_private_address_is_refused(web: Web) -> None:
    """Addresses are checked at every redirect, not only the first request."""
    web.answers["/feed"] = Answer(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})
    host = web.url.split("/")[2]
    assert "private address" in reason(ask(web.url + "/feed", fetcher(allow_private=(host,))))


def test_a_fetcher_can_be_sent_to_another_process(web: Web) -> None:
    """A fetcher is picklable, without its connections."""
    web.answers["/feed"] = Answer(b"ok")
    fetch = pickle.loads(pickle.dumps(fetcher()))
    answer = ask(web.url + "/feed", fetch)
    assert isinstance(answer, Response) and answer.body == b"ok"


def test_the_user_agent_names_the_page_for_server_owners(place: Workplace) -> None:
    """Once `bot.html` is published, the User-Agent leads to it (CL12)."""
    place.write("sources: []\n")
    fetcher = wiring.build(place.folder / "feeds.yaml").fetcher
    assert "(+https://news.example/; editors" in fetcher().user_agent
    place.public.mkdir()
    (place.public / "bot.html").touch()
    assert "(+https://news.example/bot.html; editors" in fetcher().user_agent
