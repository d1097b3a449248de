"""Visits on a Dask cluster: the database of threads, and no source lost (V1, L2)."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import app as wiring
from aggregator.errors import ExecutorError, ExecutorMissing
from aggregator.gateways import dask_executor
from aggregator.gateways.http import HttpFetcher
from aggregator.model.config import Config
from aggregator.model.polling import ParseContext, Request, VisitPlan
from aggregator.polling import fetch
from aggregator.polling.visit import HostVisit, visit_host
from aggregator.ports import call_in_process
from tests import command
from tests.builders import NOW, rss
from tests.processes import free_port
from tests.web_server import Answer, Asked, Web
from tests.workplace import HEAD, Clock, Workplace

DUMPED = {
    "sources": "SELECT id, url, title, state, reason, failures, etag, body_hash, guid_ok, link_ok, next_visit"
    " FROM sources",
    "documents": "SELECT source_id, url, body, entry_hashes FROM documents",
    "visits": "SELECT source_id, started, outcome, status, conditional, bytes, reason, new_items, requests FROM visits",
    "items": "SELECT source_id, story_id, guid, link, title, html, text, claimed, first_seen, sort, topics FROM items",
    "aliases": "SELECT aliases.source_id, aliases.kind, value, link FROM aliases JOIN items ON items.id = item_id",
    "stories": "SELECT stories.id, stories.title, announced, published, items.link"
    " FROM stories JOIN items ON items.id = lead_id",
    "channels": "SELECT channel_id, story_id, announced, position FROM channel_stories",
    "robots": "SELECT origin, text FROM robots",
    "hosts": "SELECT * FROM hosts",
}


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """Run a scheduler and worker processes on loopback."""
    distributed = pytest.importorskip(
        "distributed", reason="distributed is not installed: pip install .[dask]"
    )
    made = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=2,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    )
    with made:
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Run a cluster of two workers."""
    with local_cluster(2) as made:
        yield made


@pytest.fixture
def places(tmp_path: Path) -> Callable[[str], Workplace]:
    """Return a function that makes a workplace in a folder of its own."""

    def make(name: str) -> Workplace:
        (tmp_path / name).mkdir()
        return Workplace(tmp_path / name, Clock())

    return make


def write(place: Workplace, sites: list[Web], address: str = "", more: str = "") -> None:
    """Write feeds.yaml with a source for each server and perhaps the address of a scheduler."""
    lines = ["sources:"]
    for n, web in enumerate(sites):
        lines.append(f"  - {{id: n{n}, name: Node {n}, url: '{web.url}/feed'{more if n == 1 else ''}}}")
    executor = f", executor: 'dask://{address}'" if address else ""
    place.write("\n".join(lines) + "\n", HEAD.replace("slowest: 1h", f"slowest: 1h{executor}"))


def address_of(cluster: Any) -> str:
    """Return host:port of the scheduler."""
    return str(cluster.scheduler_address.removeprefix("tcp://"))


def dump(place: Workplace) -> dict[str, list[Any]]:
    """Return the contents of the database, without row numbers and durations."""
    with closing(sqlite3.connect(place.database)) as conn:
        return {name: sorted(conn.execute(sql).fetchall(), key=repr) for name, sql in DUMPED.items()}


def item(n: int, k: int) -> dict[str, str]:
    """Return an RSS item of a source."""
    return {
        "title": f"News {n}-{k}",
        "link": f"https://n{n}.example/news/{k}",
        "description": f"Words about a microscope, part {k} of node {n}.",
    }


def test_a_cluster_gives_the_database_of_threads(
    cluster: Any, places: Callable[[str], Workplace], webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feeds, failures, a password, then unchanged feeds: all tables are equal (L2)."""
    monkeypatch.setenv("PARTNER_PASSWORD", "secret")
    sites = [webs() for _ in range(6)]
    for n, web in enumerate(sites):
        web.feed("/feed", rss(*(item(n, k) for k in range(3))), f'"{n}"')
    sites[2].answers["/feed"] = Answer(status=500)
    sites[3].answers["/feed"] = Answer(body=b"<html>no feed</html>", headers={"Content-Type": "text/html"})
    login = ", user: news, password: 'env:PARTNER_PASSWORD'"
    dumps = []
    for name, address in (("threads", ""), ("dask", address_of(cluster))):
        place = places(name)
        write(place, sites, address, login)
        for later in range(2):
            place.clock.now = NOW + timedelta(hours=2 * later)
            report = fetch.run(place.app())
            assert report.sources
        dumps.append(dump(place))
    threads, dask = dumps
    assert dask == threads
    assert all(threads[name] for name in ("items", "aliases", "stories", "visits"))
    with_login = [asked for asked in sites[1].asked if "authorization" in asked.headers]
    assert len(with_login) == len(sites[1].asked) > 0


def test_a_killed_worker_loses_no_source_and_repeats_no_visit(
    cluster: Any, place: Workplace, webs: Callable[[], Web]
) -> None:
    """A visit that was begun has failed, others are made elsewhere; none is made twice (V1, L2)."""
    from distributed import Client

    sites = [webs() for _ in range(12)]
    for n, web in enumerate(sites):
        web.feed("/feed", rss(item(n, 0)), f'"{n}"')
    feed = sites[0].answers["/feed"]
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        pids = client.run(os.getpid)
        killed = threading.Event()

        def kill(asked: Asked) -> Answer:
            """Kill the worker that sends the request of the first source."""
            if not killed.is_set():
                killed.set()
                mine = [worker for worker, tasks in client.processing().items() if tasks]
                os.kill(pids[mine[0]], signal.SIGKILL)
                threading.Event().wait(0.2)
            return feed(asked) if callable(feed) else feed

        for web in sites[:4]:  # whichever is first
            web.answers["/feed"] = kill
        write(place, sites, address_of(cluster))
        report = fetch.run(place.app())
    assert killed.is_set()
    assert sorted(source.id for source in report.sources) == sorted(f"n{n}" for n in range(12))
    assert all(len(web.asked) <= 1 for web in sites), "a visit was repeated before its time"
    failed = {source.id for source in report.sources if source.reason}
    assert len(failed) <= 4  # none, if the killed worker had begun no visit
    assert all("WorkerLost" in (source.reason or "WorkerLost") for source in report.sources)
    with closing(sqlite3.connect(place.database)) as conn:
        assert conn.execute("SELECT count(*), count(DISTINCT source_id) FROM visits").fetchone() == (12, 12)
        assert conn.execute("SELECT count(DISTINCT source_id) FROM items").fetchone() == (12 - len(failed),)
        assert conn.execute("SELECT count(*) FROM sources WHERE next_visit <= last_attempt").fetchone() == (
            0,
        )


@pytest.mark.parametrize(
    ("status", "raised", "expected"),
    [
        ("finished", OSError("no route to the worker"), dask_executor.WorkerLost),
        ("cancelled", CancelledError("scheduler-connection-lost"), dask_executor.WorkerLost),
        ("error", ValueError("of the task"), ValueError),
    ],
)
def test_a_task_whose_result_is_lost_ends(status: str, raised: Exception, expected: type[Exception]) -> None:
    """A worker may be lost after a visit and before its result is sent: the round goes on (L2)."""

    class Ended:
        """A task that has ended at the scheduler, whose result cannot be had."""

        def __init__(self) -> None:
            self.status = status

        def result(self, timeout: float) -> object:
            raise raised

    outer = Future[object]()
    dask_executor._pass_on(outer, Ended())
    assert type(outer.exception(timeout=0)) is expected


def test_lost_results_are_waited_for_together(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many results that never arrive end as soon as one of them (L2)."""
    from distributed import Client

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    executor = dask_executor.DaskExecutor(f"dask://{address_of(cluster)}", lambda arguments: arguments)
    monkeypatch.setattr(dask_executor, "RESULT_SECONDS", 1.0)
    with monkeypatch.context() as patch:
        patch.setattr(Client, "_gather", never)
        begun = time.monotonic()
        tasks = [executor.submit(int, "1") for _ in range(10)]
        assert all(isinstance(task.exception(timeout=60), dask_executor.WorkerLost) for task in tasks)
        assert time.monotonic() - begun < 10  # one after the other, it would take longer
    executor.shutdown()


def test_closing_after_lost_tasks_leaves_no_coroutine_behind(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks that the scheduler ends as the connection closes are asked for no result (L2)."""
    from distributed import Client

    monkeypatch.setattr(dask_executor, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(dask_executor, "LOST_SECONDS", 0.05)
    unraisable: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: unraisable.append(str(raised.exc_value)))
    for _ in range(10):
        executor = dask_executor.DaskExecutor(f"dask://{address_of(cluster)}", lambda arguments: arguments)
        tasks = [executor.submit(time.sleep, 1) for _ in range(10)]
        with monkeypatch.context() as patch:
            patch.setattr(Client, "nthreads", lambda _client: {})
            assert any(isinstance(task.exception(timeout=60), dask_executor.WorkerLost) for task in tasks)
        executor.shutdown()
    gc.collect()
    assert unraisable == []


def test_a_worker_gets_no_credentials_of_other_hosts(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task has the password of its own source only, and not the flag of this process."""
    monkeypatch.setenv("ONE", "first-secret")
    monkeypatch.setenv("TWO", "second-secret")
    place.write(
        "sources:\n"
        "  - {id: one, name: One, url: 'https://one.example/feed', user: a, password: 'env:ONE'}\n"
        "  - {id: two, name: Two, url: 'https://two.example/feed', user: b, password: 'env:TWO'}\n"
    )
    config = place.app().config
    fetcher = HttpFetcher(rules=config.fetch, user_agent="x", credentials=config.credentials)
    work = HostVisit(plans=(plan_of(config, "one"),), rules=(), now=NOW)
    stopping = threading.Event().is_set
    sent = pickle.dumps((visit_host, *wiring._for_other_machine((work, fetcher, stopping, call_in_process))))
    assert b"first-secret" in sent
    assert b"second-secret" not in sent


def plan_of(config: Config, id_: str) -> Any:
    """Return the plan of a first visit."""
    source = config.source(id_)
    return VisitPlan(
        request=Request(source=source),
        context=ParseContext(source=source),
    )


def test_a_scheduler_that_does_not_answer_is_one_sentence(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is visited, the exit code is 1, and the message names what to do."""
    pytest.importorskip("distributed", reason="distributed is not installed: pip install .[dask]")
    monkeypatch.setattr(dask_executor, "CONNECT_SECONDS", 0.3)
    web = webs()
    write(place, [web], f"127.0.0.1:{free_port()}")
    with pytest.raises(ExecutorError, match="no scheduler of Dask responds there; start it with") as caught:
        fetch.run(place.app())
    assert caught.value.exit_code == 1
    assert web.asked == []


def test_without_the_extra_it_is_one_sentence(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is an error of configuration: 78, with the name of the extra."""
    monkeypatch.setattr(dask_executor, "find_spec", lambda _name: None)
    write(place, [], "127.0.0.1:8786")
    with pytest.raises(
        ExecutorMissing, match=r"install community-feed-aggregator\[dask\], or remove fetch.executor"
    ) as caught:
        place.app().make_executor(1)
    assert caught.value.exit_code == 78
    result = command.call(place, "check")
    assert (result.code, "install community-feed-aggregator[dask]" in result.err) == (78, True)


@pytest.mark.parametrize(
    "wrong", ["ray://h:1", "dask://", "dask://h", "dask://h:0", "dask://h:99999", "processes"]
)
def test_another_executor_is_an_error_with_its_line(place: Workplace, wrong: str) -> None:
    """An unknown scheme or incomplete address is named with its key (exit 78)."""
    place.write("sources: []\n", HEAD.replace("slowest: 1h", f"slowest: 1h, executor: '{wrong}'"))
    result = command.call(place, "check")
    assert result.code == 78
    assert f"fetch.executor: '{wrong}' is not an executor: write threads, or dask://host:port" in result.err


def test_a_lost_cluster_ends_the_round(
    place: Workplace, webs: Callable[[], Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any worker the visits have failed and no further one is begun."""
    monkeypatch.setattr(dask_executor, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(dask_executor, "LOST_SECONDS", 0.3)
    with local_cluster(1) as cluster:
        (nanny,) = cluster.workers.values()
        nanny.auto_restart = False

        def kill(_: Asked) -> Answer:
            """Kill the worker."""
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
            return Answer()

        sites = [webs() for _ in range(12)]
        for web in sites:
            web.answers["/feed"] = kill
        write(place, sites, address_of(cluster))
        app = place.app()
        config = replace(app.config, fetch=replace(app.config.fetch, concurrency=1))
        with pytest.raises(ExecutorError, match="was lost during the round"):
            fetch.run(replace(app, config=config))
    with closing(sqlite3.connect(place.database)) as conn:
        lost = "SELECT count(*) FROM visits WHERE reason LIKE '%WorkerLost%'"
        assert conn.execute(lost).fetchone()[0] >= 1
        assert conn.execute("SELECT count(*) FROM visits").fetchone()[0] <= 6
