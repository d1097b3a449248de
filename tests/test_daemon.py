"""The daemon: real processes and signals, and weeks of simulated time."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from aggregator import health, maintenance
from aggregator.app import build as build_app
from aggregator.daemon import Worker
from aggregator.errors import StoreError
from aggregator.model.polling import Failure, Request, Response
from aggregator.polling import fetch, politeness_audit
from aggregator.ports import App, Fetcher, call_in_process
from tests.builders import NOW, rss
from tests.conftest import HEAD, Answer, Asked, Clock, Web, Workplace
from tests.processes import LONGEST_SECONDS, free_port, until


class Daemon:
    """A running `aggregator run` or `aggregator serve`."""

    def __init__(
        self,
        folder: Path,
        port: int,
        command: str = "run",
        program: tuple[str, ...] = ("-m", "aggregator"),
        **env: str,
    ) -> None:
        self.port = port
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "-c", str(folder / "feeds.yaml"), command],
                stderr=log,
                stdout=log,
                env={**os.environ, **env},
            )

    def until(self, words: str) -> None:
        """Wait until the log has `words`."""

        def logged() -> bool:
            present = words in self.log.read_text("utf-8")
            assert present or self.process.poll() is None, self.log.read_text("utf-8")
            return present

        until(logged, lambda: f"{words!r} is not in the log:\n{self.log.read_text('utf-8')}")

    def get(self, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(LONGEST_SECONDS)


@contextmanager
def running(place: Workplace, rest: str, **options: Any) -> Iterator[Daemon]:
    """Run a daemon on a folder while the context lasts; `options` of Daemon."""
    port = free_port()
    place.write(f"web: {{listen: '127.0.0.1:{port}'}}\n{rest}")
    daemon = Daemon(place.folder, port, **options)
    try:
        yield daemon
    finally:
        daemon.process.kill()
        daemon.process.wait()


def one(web: Web) -> str:
    """Return feeds.yaml lines of a source `node`."""
    return f"sources:\n  - {{id: node, name: Node, url: '{web.url}/feed'}}\n"


def item(n: int) -> dict[str, str]:
    """Return the fields of a news item."""
    return {"title": f"News {n}", "link": f"https://node.example/{n}", "description": f"Words {n}."}


def test_visits_publishes_serves_and_ends(place: Workplace, web: Web) -> None:
    """The daemon does what is due, serves it with the right types, and ends with 0 on SIGTERM."""
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web)) as daemon:
        daemon.until("1 visited")
        status, kind, body = daemon.get("/atom.xml")
        assert (status, kind) == (200, "application/atom+xml; charset=utf-8") and b"News 1" in body
        month = next((place.public / "archive").glob("*.xml")).name
        assert {
            path: daemon.get(path)[:2]
            for path in ("/rss.xml", "/feed.json", f"/archive/{month}", "/sources.opml")
        } == {
            "/rss.xml": (200, "application/rss+xml; charset=utf-8"),
            "/feed.json": (200, "application/feed+json; charset=utf-8"),
            f"/archive/{month}": (200, "application/atom+xml; charset=utf-8"),
            "/sources.opml": (200, "text/x-opml; charset=utf-8"),
        }
        assert daemon.get("/")[0] == 200
        assert daemon.get("/atom.xml.gz")[0] == 404
        assert daemon.get("/healthz") == (200, "text/plain; charset=utf-8", b"ok")
        assert daemon.end() == 0
        lines = [json.loads(line) for line in daemon.log.read_text("utf-8").splitlines()]
    assert {"message": "changed", "source": "node", "run": 1}.items() <= next(
        line for line in lines if "source" in line
    ).items()
    assert lines[-1]["message"] == "ended"


def test_sigterm_finishes_the_current_visit(place: Workplace, web: Web) -> None:
    """The current visit is finished and stored; the next source is not visited and stays due."""
    begun: list[str] = []
    signalled = threading.Event()

    def slow(asked: Asked) -> Answer:
        begun.append(asked.path)
        signalled.wait(LONGEST_SECONDS)
        return Answer(rss(item(1)), headers={"ETag": '"1"'})

    web.answers["/feed"] = web.answers["/second"] = slow
    rest = one(web) + f"  - {{id: second, name: Second, url: '{web.url}/second'}}\n"
    with running(place, rest) as daemon:
        until(lambda: begun)
        daemon.process.terminate()
        signalled.set()
        assert daemon.process.wait(LONGEST_SECONDS) == 0
    conn = sqlite3.connect(place.database)
    states = dict(conn.execute("SELECT id, coalesce(last_success, next_visit) IS NOT NULL FROM sources"))
    assert conn.execute("SELECT count(*) FROM stories").fetchone() == (1,)
    conn.close()
    assert begun == ["/feed"]
    assert states == {"node": 1, "second": 0}


PATIENT = """
from aggregator.cli import main
from aggregator.polling import polite_client
polite_client.HOST_GAP_SECONDS = 50.0  # a busy machine needs seconds to end a process
main()
"""


def test_sigterm_ends_a_pause_between_two_requests(place: Workplace, web: Web) -> None:
    """A visit that waits for the host gap ends at once, and keeps its schedule (V1, CL11)."""
    web.answers["/robots.txt"] = Answer(status=404)
    line = f"id: node, name: N, url: '{web.url}/list', kind: page, page: {{item: article, link: a}}"
    with running(place, f"sources:\n  - {{{line}}}\n", program=("-c", PATIENT)) as daemon:
        until(lambda: web.asked)
        begun = time.monotonic()
        assert daemon.end() == 0
        assert time.monotonic() - begun < 40
    assert [asked.path for asked in web.asked] == ["/robots.txt"]
    with sqlite3.connect(place.database) as conn:
        assert conn.execute("SELECT failures, next_visit > last_attempt FROM sources").fetchall() == [(0, 1)]
    conn.close()


def test_reload(place: Workplace, web: Web) -> None:
    """SIGHUP reloads feeds.yaml; a file that is not valid is logged and the last one stays."""
    web.feed("/feed", rss(item(1)), '"1"')
    web.feed("/more", rss(item(2)), '"1"')
    with running(place, one(web)) as daemon:
        daemon.until("1 visited")
        good = (place.folder / "feeds.yaml").read_text("utf-8")
        (place.folder / "feeds.yaml").write_text(good + "rubbish: [", encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until("the daemon continues with the version it read before")
        assert daemon.get("/atom.xml")[0] == 200
        more = f"  - {{id: more, name: More, url: '{web.url}/more'}}\n"
        (place.folder / "feeds.yaml").write_text(good + more, encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until("was reloaded")
        assert daemon.end() == 0
        assert re.search(r"feeds.yaml:\d+", daemon.log.read_text("utf-8"))


@pytest.mark.parametrize("command", ["run", "serve"])
def test_many_signals_at_once(place: Workplace, web: Web, command: str) -> None:
    """Signals during the handling of earlier ones reload and end the process as one does."""
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web), command=command) as daemon:
        daemon.until("serving")
        for number in (signal.SIGHUP, signal.SIGTERM):
            if (command, number) != ("serve", signal.SIGHUP):  # which ends a process that does not handle it
                for _ in range(3_000):
                    daemon.process.send_signal(number)
        late = -signal.SIGTERM  # a signal after Python gave up its handlers
        assert daemon.process.wait(LONGEST_SECONDS) in (0, late)


SIGNAL_DURING_A_CHECK = """
import os, signal, sys
from pathlib import Path
from aggregator import daemon
daemon.Worker.reload_if_changed = lambda worker: os.kill(os.getpid(), signal.SIGTERM)
daemon.serve(Path(sys.argv[1]), verbose=False)
"""


def test_a_signal_during_a_check_ends_the_process(place: Workplace) -> None:
    """A signal that arrives while the main thread checks for changes is not lost."""
    place.write(f"web: {{listen: '127.0.0.1:{free_port()}'}}\nsources: []\n")
    script = [sys.executable, "-c", SIGNAL_DURING_A_CHECK, str(place.folder / "feeds.yaml")]
    assert subprocess.run(script, capture_output=True, timeout=LONGEST_SECONDS, check=False).returncode == 0


def test_cron_beside_the_daemon(place: Workplace, web: Web) -> None:
    """Daemon and cron exclude each other by the lock, and neither visits a source twice (L1)."""
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web)) as daemon:
        daemon.until("1 visited")
        command = [sys.executable, "-m", "aggregator", "-c", str(place.folder / "feeds.yaml"), "fetch"]
        assert subprocess.run(command, capture_output=True, check=False).returncode in (0, 75)
        assert daemon.end() == 0
    assert len(web.asked) == 1


def test_port_in_use(place: Workplace, web: Web) -> None:
    """A port in use ends the daemon with one line before any visit."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place.write(f"web: {{listen: '127.0.0.1:{port}'}}\n{one(web)}")
        ended = subprocess.run(
            [sys.executable, "-m", "aggregator", "-c", str(place.folder / "feeds.yaml"), "run"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert "cannot listen at" in ended.stderr and "Traceback" not in ended.stderr
    assert not web.asked


def test_clock_put_back_wakes_the_jobs(
    place: Workplace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs run after the clock was put back, although APScheduler alone would wait."""
    from aggregator import daemon

    place.write("sources: []\n")
    worker = Worker(place.folder / "feeds.yaml")
    ran: list[int] = []
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(ran.append, "interval", [1], hours=1)
    scheduler.start()
    monkeypatch.setattr(daemon, "TICK_SECONDS", 0.05)
    thread = threading.Thread(target=daemon._watch_clock, args=(worker, scheduler))
    thread.start()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    try:
        until(lambda: ran)
    finally:
        worker.stop.set()
        thread.join()
        scheduler.shutdown()


def test_another_authority_is_not_used(place: Workplace, web: Web) -> None:
    """A feeds.yaml with another authority is refused like one that is not valid (V5)."""
    web.feed("/feed", rss(item(1)), '"1"')
    worker = Worker(place.write(one(web)))
    fetch.run(worker.app)
    other = HEAD.replace("news.example,2026", "news.example,2025")
    place.write(one(web), other)
    worker.reload.set()
    worker.reload_if_changed()
    assert worker.app.config.site.authority == "news.example,2026"
    assert worker.config_problem and "site.authority is 'news.example,2025'" in worker.config_problem
    place.write(one(web))
    worker.reload.set()
    worker.reload_if_changed()
    assert worker.config_problem is None


@pytest.mark.parametrize("content", [b"damaged" * 100, b""])
def test_a_reload_needs_no_database(place: Workplace, content: bytes) -> None:
    """A feeds.yaml is used while the database is damaged or lost, which the jobs report."""
    worker = Worker(place.write("sources: []\n"))
    fetch.run(worker.app)
    place.database.write_bytes(content)
    place.write("sources: []\n", HEAD.replace("Imaging news,", "Other news,"))
    worker.reload.set()
    worker.reload_if_changed()
    assert worker.app.config.site.title == "Other news"


def test_requests_on_one_connection_do_not_wait(place: Workplace, web: Web) -> None:
    """Responses on one connection are sent at once.

    With Nagle's algorithm each but the first would wait 40 ms for the client's ACK.
    """
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web)) as daemon:
        daemon.until("1 visited")
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port)
        taken = []
        for _ in range(15):
            begun = time.perf_counter()
            connection.request("GET", "/atom.xml")
            assert b"News 1" in connection.getresponse().read()
            taken.append(time.perf_counter() - begun)
        connection.close()
    assert min(taken[1:]) < 0.03


# --- simulated time --------------------------------------------------------------------------------------


class SimulatedSources:
    """Answer for sources by rule, without a network, and record visits by source.

    Of ten sources one is down at times. With `odd`, one of each: overloaded with Retry-After, without validators,
    fresh for ten hours, moved permanently, gone, closed at night.
    """

    def __init__(self, clock: Clock, *, odd: bool) -> None:
        self.clock, self.odd = clock, odd
        self.visits: dict[str, list[datetime]] = {}

    def __call__(self, request: Request) -> Response | Failure:
        """Every tenth source is down at times; the others have a new item every other day."""
        name = request.source.id
        self.visits.setdefault(name, []).append(self.clock.now)
        n = int(name.removeprefix("s"))
        day = (self.clock.now - NOW).days
        if n % 10 == 0 and day % 5 == 1:
            return Failure(reason="the server answered 500", status=500)
        if self.odd and n % 10 == 1 and day % 7 == 2:
            return Response(status=503, url=request.target, headers={"retry-after": "40000"}, body=b"")
        if self.odd and n % 10 == 5 and day > 9:
            return Response(status=410, url=request.target, headers={}, body=b"")
        etag = f'"{day // 2}"'
        headers = {} if self.odd and n % 10 == 2 else {"etag": etag}
        if self.odd and n % 10 == 3:
            headers["cache-control"] = "max-age=36000"
        moved = self.odd and n % 10 == 4 and request.url == request.source.url
        url = request.source.url + "new" if self.odd and n % 10 == 4 else request.target
        if request.validators.etag == etag and request.validators.url == url:
            return Response(status=304, url=url, headers=headers, body=b"", permanent=moved)
        night = "".join(f"<hour>{hour}</hour>" for hour in range(6))
        head = f"<skipHours>{night}</skipHours>" if self.odd and n % 10 == 6 else ""
        items = [
            {"title": f"News {n} of day {d}", "link": f"https://{name}.example/{d}", "description": f"d{d}"}
            for d in range(max(0, day - 6), day + 1, 1)
            if d % 2 == 0
        ]
        body = rss(*(items or [item(0)]), head=head)
        return Response(status=200, url=url, headers=headers, body=body, permanent=moved)


def simulated_worker(
    place: Workplace, clock: Clock, sources: int, head: str = HEAD, *, odd: bool = False
) -> tuple[Worker, SimulatedSources]:
    """Return a worker with simulated sources and clock."""
    lines = [
        f"  - {{id: s{n}, name: S{n}, url: 'http://127.9.{n // 250}.{n % 250}/'}}" for n in range(sources)
    ]
    digest = "digests:\n  - {id: daily, title: Daily, schedule: 'daily 07:00', recipients: [a@x.example]}\n"
    place.write("sources:\n" + "\n".join(lines) + "\n" + digest, head=head)
    simulated_sources = SimulatedSources(clock, odd=odd)

    def fetcher() -> Fetcher:
        return simulated_sources

    def build(file: Path) -> App:
        sandbox = lambda _documents: nullcontext(call_in_process)  # noqa: E731
        return replace(build_app(file), clock=clock, fetcher=fetcher, sandbox=sandbox)

    return Worker(place.folder / "feeds.yaml", build=build), simulated_sources


def tick(worker: Worker) -> None:
    """Run all jobs once."""
    for job in worker.jobs:
        worker.tick(job)


def run_for(worker: Worker, clock: Clock, span: timedelta, step: timedelta) -> None:
    """Tick through a span of time."""
    end = clock.now + span
    while clock.now < end:
        tick(worker)
        clock.now += step


def check_intervals(simulated_sources: SimulatedSources, end: datetime) -> None:
    """Check that no visit came within the hour and no source was forgotten (CL5)."""
    for name, visits in simulated_sources.visits.items():
        gaps = [later - earlier for earlier, later in pairwise(visits)]
        assert min(gaps) >= timedelta(hours=1), name
        limit = timedelta(hours=26) if int(name[1:]) % 10 == 0 else timedelta(hours=1, minutes=30)
        assert max([*gaps, end - visits[-1]]) <= limit, name


def test_an_idle_daemon_asks_once_a_day_whether_to_prune(
    place: Workplace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ticks open the database for pruning once a day, and again after a failure."""
    worker, _ = simulated_worker(place, clock, 1)
    asked: list[datetime] = []

    def prune_if_due(app: App) -> None:
        asked.append(app.clock())
        if len(asked) == 1:
            raise StoreError("the disk is full")

    monkeypatch.setattr(maintenance, "prune_if_due", prune_if_due)
    for _ in range(9):
        worker.tick(worker.jobs[-1])
        worker.retry_at.clear()
        clock.now += timedelta(hours=6)
    assert asked == [NOW, *(NOW + timedelta(hours=hours) for hours in (6, 18, 42))]


def test_three_days(place: Workplace, clock: Clock) -> None:
    """No visit is missed or doubled; a day has one digest if it has new stories, else none."""
    worker, simulated_sources = simulated_worker(place, clock, 10)
    run_for(worker, clock, timedelta(days=3), timedelta(minutes=10))
    check_intervals(simulated_sources, clock.now)
    editions = sorted(file.name[:16] for file in (place.folder / "var" / "outbox").iterdir())
    assert editions == ["daily-2026-10-05", "daily-2026-10-08"]


@pytest.mark.parametrize("step", [timedelta(days=-400), timedelta(hours=-5), timedelta(hours=5)])
def test_clock_step(place: Workplace, clock: Clock, step: timedelta) -> None:
    """After a clock step sources are visited at their intervals, and never twice an hour."""
    worker, simulated_sources = simulated_worker(place, clock, 3)
    run_for(worker, clock, timedelta(hours=6), timedelta(minutes=10))
    clock.now += step
    stepped, before = clock.now, {name: len(visits) for name, visits in simulated_sources.visits.items()}
    run_for(worker, clock, timedelta(hours=4), timedelta(minutes=10))
    for name, visits in simulated_sources.visits.items():
        after = [visit for visit in visits[before[name] :] if visit >= stepped]
        assert len(after) >= 3, name
        gaps = [later - earlier for earlier, later in pairwise(after)]
        assert min(gaps) >= timedelta(hours=1)


@pytest.mark.soak
def test_a_month_with_200_sources(place: Workplace, clock: Clock) -> None:
    """Over a month with a clock change memory stays flat and no visit is missed or doubled."""

    def memory_kb() -> int:
        return int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1]) * 4

    worker, simulated_sources = simulated_worker(place, clock, 200)
    run_for(worker, clock, timedelta(days=3), timedelta(minutes=10))
    early = memory_kb()
    run_for(worker, clock, timedelta(days=27), timedelta(minutes=10))
    late = memory_kb()
    check_intervals(simulated_sources, clock.now)
    assert not [report for report in politeness_audit.read_reports(worker.app.config) if report.broken]
    visits = sum(len(times) for times in simulated_sources.visits.values())
    editions = [file.name[:16] for file in (place.folder / "var" / "outbox").iterdir()]
    print(f"{visits} visits, {visits / 200 / 30:.1f} per source and day; memory {early} -> {late} kB")
    assert len(editions) == len(set(editions)) >= 14
    assert late - early < 20_000


def weeks(place: Workplace, clock: Clock, sources: int, days: int) -> None:
    """Simulate weeks with downtime, clock steps and the end of summer time.

    Prints requests per source and day, by the kind of source.
    """
    head = HEAD.replace(", slowest: 1h", "")
    worker, _pretended = simulated_worker(place, clock, sources, head, odd=True)
    tenth, step = timedelta(days=days) / 10, timedelta(minutes=30)
    run_for(worker, clock, 2 * tenth, step)
    clock.now += timedelta(hours=9)  # the machine was off
    run_for(worker, clock, 2 * tenth, step)
    clock.now += timedelta(hours=5)  # the clock ran ahead …
    run_for(worker, clock, tenth, step)
    clock.now -= timedelta(hours=5)  # … and was put right
    run_for(worker, clock, 5 * tenth, step)
    politeness_report = {
        report.source_id: report for report in politeness_audit.read_reports(worker.app.config)
    }
    assert {id_: report.broken for id_, report in politeness_report.items() if report.broken} == {}
    kinds = (
        "down at times",
        "503",
        "no validators",
        "max-age 10 h",
        "moved",
        "gone",
        "shut at night",
        "plain",
    )
    for n, kind in enumerate(kinds):
        shares = [
            report.per_day for id_, report in politeness_report.items() if min(int(id_[1:]) % 10, 7) == n
        ]
        print(
            f"{kind:14} {sum(shares) / len(shares):5.2f} requests per source and day, at most {max(shares)}"
        )
    moved = next(source for source in health.read_report(worker.app.config).sources if source.id == "s4")
    assert moved.state == "moved"
    assert (
        politeness_report["s2"].per_day <= 1.1
        and politeness_report["s3"].per_day <= 2.5
        and politeness_report["s5"].per_day <= 4
    )
    assert all(
        2.5 <= report.per_day <= 24 for id_, report in politeness_report.items() if int(id_[1:]) % 10 > 6
    )
    editions = [file.name[:16] for file in (place.folder / "var" / "outbox").iterdir()]
    assert len(editions) == len(set(editions)) >= days // 3


def test_fortnight_with_all_kinds_of_sources(place: Workplace, clock: Clock) -> None:
    """No client rule is broken in 14 days with downtime and clock steps."""
    weeks(place, clock, 8, 14)


@pytest.mark.soak
def test_six_weeks_with_all_kinds_of_sources(place: Workplace, clock: Clock) -> None:
    """No client rule is broken in six weeks with 200 sources."""
    weeks(place, clock, 200, 42)
