"""Real parts for tests: HTTP servers on loopback addresses of their own, a house on a folder, a clock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aggregator import app as wiring
from aggregator.ports import App, in_process
from aggregator.store import connection
from tests.builders import NOW

_hosts = count(1)


@dataclass
class Asked:
    """One request a server got; header names in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass
class Answer:
    """What a server answers."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Asked], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no news."""


class Web:
    """A web server on 127.88.x.y: `answers` maps paths to an Answer or a function of the request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Script] = {}
        self.asked: list[Asked] = []
        n = next(_hosts)
        self._server = _Server((f"127.88.{n // 250}.{n % 250 + 1}", 0), self._handler())
        host, port = self._server.server_address[:2]
        self.url = f"http://{host}:{port}"  # type: ignore[str-bytes-safe]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def feed(self, path: str, body: bytes, etag: str | None = None) -> None:
        """A feed that honours its ETag."""

        def answer(asked: Asked) -> Answer:
            headers = {"ETag": etag} if etag else {}
            if etag and asked.headers.get("if-none-match") == etag:
                return Answer(status=304, headers=headers)
            return Answer(body=body, headers=headers | {"Content-Type": "application/rss+xml"})

        self.answers[path] = answer

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()})
                web.asked.append(asked)
                found = web.answers.get(self.path, Answer(status=404))
                answer = found if isinstance(found, Answer) else found(asked)
                # send_response would add a Date of its own.
                (self.send_response_only if "Date" in answer.headers else self.send_response)(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="session", autouse=True)
def surroundings() -> Iterator[None]:
    """Whoever runs the tests may have a proxy, which loopback does not go through, or pretend a time of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.lower().endswith("_proxy") or name == wiring.CLOCK_VARIABLE:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Nothing that the tests' own process writes waits for the disk: a killed process needs no fsync, and no test
    cuts the power.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "SYNCHRONOUS", "OFF")
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


@pytest.fixture
def web() -> Iterator[Web]:
    """One web server."""
    server = Web()
    yield server
    server.close()


@pytest.fixture
def webs() -> Iterator[Callable[[], Web]]:
    """As many web servers as asked for, each on an address of its own."""
    servers: list[Web] = []

    def another() -> Web:
        servers.append(Web())
        return servers[-1]

    yield another
    for server in servers:
        server.close()


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at NOW until it is moved."""
    return Clock()


HEAD = """\
site: {title: Imaging news, url: "https://news.example/", contact: editors@news.example, timezone: Europe/Berlin, \
authority: "news.example,2026"}
fetch: {allow_private: [127.0.0.0/8], timeout: 60s, slowest: 1h}
mail: {from: Imaging news <editors@news.example>}
publish: {automatic: []}
"""


@dataclass
class Workplace:
    """A folder with a feeds.yaml; `house()` reads it as it is now."""

    folder: Path
    clock: Clock
    _built: tuple[object, App] | None = None

    def write(self, rest: str, head: str = HEAD) -> Path:
        """Write feeds.yaml: a usual head and what the test is about."""
        file = self.folder / "feeds.yaml"
        file.write_text(head + rest, encoding="utf-8")
        return file

    def app(self) -> App:
        """The house on this folder, with the test's clock and no pauses between visits.

        The file is parsed again when it or the environment was changed: parsing takes longer than a small round.
        """
        from dataclasses import replace

        file = self.folder / "feeds.yaml"
        read = (file.read_bytes(), dict(os.environ))
        if self._built is None or self._built[0] != read:
            self._built = (read, wiring.build(file))
        app = self._built[1]
        fetcher = app.fetcher()
        return replace(
            app,
            clock=self.clock,
            fetcher=lambda: fetcher,
            sandbox=lambda _documents: nullcontext(in_process),
            host_gap=0.0,
            simulated_clock=True,
        )

    @property
    def public(self) -> Path:
        """Where documents are published."""
        return self.folder / "public"

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "var" / "aggregator.db"


@pytest.fixture
def place(tmp_path: Path, clock: Clock) -> Workplace:
    """An empty folder to work in."""
    return Workplace(tmp_path, clock)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands do not pause between two requests to one host."""
    from dataclasses import replace

    real = wiring.build
    monkeypatch.setattr(wiring, "build", lambda file, **options: replace(real(file, **options), host_gap=0.0))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--soak` runs the long forms."""
    parser.addoption("--soak", action="store_true", help="run the long tests (kills, fuzz, simulated weeks)")


def pytest_configure(config: pytest.Config) -> None:
    """The marker of long tests, and how Hypothesis draws: the same each time, and anew in a soak.

    Nothing is timed, because that says how busy the machine is.
    """
    config.addinivalue_line("markers", "soak: long form, only with --soak")
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("suite", patient, derandomize=True)
    settings.register_profile("soak", patient)
    settings.load_profile("soak" if config.getoption("--soak") else "suite")


LONGEST = (
    "test_year.py",
    "test_ten_weeks.py",
    "test_storm.py",
    "test_strict.py",
    "test_demo.py",
    "test_daemon.py",
    "test_kills.py",
    "test_safety.py",
    "test_deliver.py",
)
"""Files that are begun first: one worker takes a whole file, and the other would wait for it at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests only when asked for, and then only they."""
    soak = config.getoption("--soak")
    chosen: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        (chosen if (item.get_closest_marker("soak") is not None) == soak else left).append(item)
    config.hook.pytest_deselected(items=left)
    rank = {name: n for n, name in enumerate(LONGEST)}
    items[:] = sorted(chosen, key=lambda item: rank.get(item.path.name, len(LONGEST)))
