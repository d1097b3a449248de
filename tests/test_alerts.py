"""Faults are reported by `status`, its exit code, metrics, mail and `/healthz`."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest

from tests import command
from tests.builders import rss
from tests.command import news, one_source
from tests.conftest import Answer, Asked, Web, Workplace
from tests.processes import LONGEST_SECONDS
from tests.test_daemon import Daemon, free_port

HOUR = timedelta(hours=1)


def sql(place: Workplace, statement: str) -> None:
    """Change the database by a statement."""
    with closing(sqlite3.connect(place.database)) as conn, conn:
        conn.execute(statement)


def check(place: Workplace) -> str:
    """Return the output of `status --check`; empty if it exits with 0."""
    done = command.call(place, "status", "--check")
    assert done.code == bool(done.err) and done.out == ""
    both = command.call(place, "status", "--check", "--json")
    assert (both.code, both.err) == (done.code, done.err) and "sources" in json.loads(both.out)
    return done.err


def fetch(place: Workplace) -> int:
    """Return the exit code of `fetch --force`."""
    return command.call(place, "fetch", "--force").code


def set_entries(web: Web, count: int) -> None:
    """Give the feed this number of entries."""
    web.feed("/feed", rss(*(news(n) for n in range(1, count + 1))), f'"{count}"')


BREAK_PLACING = "ALTER TABLE candidate_index RENAME TO aside"
REPAIRED = "ALTER TABLE aside RENAME TO candidate_index"


def test_items_without_a_story_are_reported_after_two_hours(place: Workplace, web: Web) -> None:
    """Unplaced items are reported after two hours, until they are placed."""
    one_source(place, web)
    assert fetch(place) == 0
    sql(place, BREAK_PLACING)
    set_entries(web, 5)
    place.clock.now += HOUR
    assert fetch(place) == 1
    place.clock.now += 2 * HOUR
    assert "items have no story" not in check(place)
    place.clock.now += timedelta(minutes=1)
    assert "3 items have no story, the oldest since 2026-10-05 07:30 UTC" in check(place)
    sql(place, REPAIRED)
    assert fetch(place) == 0
    assert check(place) == ""


def test_released_items_wait_since_their_release(place: Workplace, web: Web) -> None:
    """Released items are reported only two hours after their release."""
    one_source(place, web)
    assert fetch(place) == 0
    sql(place, "UPDATE items SET story_id = NULL, held = 'waiting'")
    place.clock.now += timedelta(days=2)
    assert fetch(place) == 0
    assert command.call(place, "source", "release", "node").code == 0
    assert check(place) == ""
    place.clock.now += 3 * HOUR
    assert "2 items have no story" in check(place)


def test_a_channel_that_lags_is_reported_after_an_hour(place: Workplace, web: Web) -> None:
    """A channel is out of date since its first change that is not written."""
    one_source(place, web)
    assert fetch(place) == 0
    place.public.rename(place.folder / "aside")
    place.public.touch()
    for n in range(3, 6):
        place.clock.now += HOUR / 2
        set_entries(web, n)
        assert fetch(place) == 1
    assert "1 channel is not written" not in check(place)
    place.clock.now += timedelta(minutes=1)
    assert "1 channel is not written, the oldest since 2026-10-05 07:00 UTC: all" in check(place)
    place.public.unlink()
    assert fetch(place) == 0
    assert check(place) == ""


def test_a_renamed_source_is_not_reported(place: Workplace, web: Web) -> None:
    """A channel whose configuration changed is out of date from then on, not earlier."""
    one_source(place, web)
    assert fetch(place) == 0
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("A Node", "Another Node"))
    place.public.rename(place.folder / "aside")
    place.public.touch()
    place.clock.now += 5 * HOUR
    assert fetch(place) == 1
    assert check(place) == ""


@pytest.mark.parametrize("job", [("fetch", "--force"), ("publish",)])
def test_a_job_that_fails_twice_is_reported(place: Workplace, web: Web, job: tuple[str, ...]) -> None:
    """Two failed runs in a row are reported with their reason, until a run succeeds."""
    one_source(place, web)
    assert fetch(place) == 0
    place.public.rename(place.folder / "aside")
    place.public.touch()
    assert command.call(place, *job).code == 1
    assert check(place) == ""
    assert command.call(place, *job).code == 1
    assert (
        f"the last 2 runs of {job[0]} failed or were interrupted, the first at 2026-10-05 06:30 UTC: "
        in check(place)
    )
    assert f"{place.public}" in check(place)
    place.public.unlink()
    assert fetch(place) == 0  # which publishes, too
    assert check(place) == ""


def test_killed_runs_are_reported_and_a_running_one_is_not(place: Workplace, web: Web) -> None:
    """Killed runs are reported once their process is gone; a running one is not."""
    begun = threading.Semaphore(0)

    def slow(_: Asked) -> Answer:
        begun.release()
        time.sleep(60)
        return Answer()

    one_source(place, web)
    web.answers["/feed"] = slow
    environment = {**os.environ, "AGGREGATOR_NOW": place.clock.now.isoformat()}
    for n in range(3):
        process = subprocess.Popen(
            [str(command.PROGRAM), "fetch", "--force"], cwd=place.folder, env=environment
        )
        try:
            assert begun.acquire(timeout=LONGEST_SECONDS)
            assert ("runs of fetch" in check(place)) == (n == 2)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert ("runs of fetch failed or were interrupted" in check(place)) == (n >= 1)
    assert "the last 3 runs of fetch failed or were interrupted" in check(place)
    assert "it was interrupted" in check(place)


@pytest.fixture
def faulty(place: Workplace, web: Web) -> Workplace:
    """Return a place with every kind of fault, three hours later."""
    one_source(place, web)
    file = place.folder / "feeds.yaml"
    file.write_text(
        f"operator: {{to: [ada@a.example]}}\nweb: {{listen: '127.0.0.1:{free_port()}'}}\n{file.read_text()}"
    )
    assert fetch(place) == 0
    sql(place, BREAK_PLACING)
    set_entries(web, 5)
    assert [fetch(place), fetch(place)] == [1, 1]
    sql(place, "UPDATE channels SET revision = revision + 1 WHERE id = 'all'")
    place.clock.now += 3 * HOUR
    return place


def test_every_fault_is_in_status(faulty: Workplace) -> None:
    """`status` reports every fault as text and JSON."""
    done = command.call(faulty, "status")
    assert done.code == 0
    for words in (
        "3 items have no story yet",
        "the files of channel all are out of date, first noticed",
        "the last 2 runs of fetch",
    ):
        assert words in done.out
    found = json.loads(command.call(faulty, "status", "--json").out)
    assert (found["unplaced"], list(found["unwritten"]), found["failing"][0]["runs"]) == (3, ["all"], 2)


def test_every_fault_is_in_metrics(faulty: Workplace) -> None:
    """The textfile has a metric for every fault."""
    target = faulty.folder / "a.prom"
    assert command.call(faulty, "status", "--textfile", str(target)).code == 0
    text = target.read_text()
    for words in (
        "aggregator_items_unplaced 3.0",
        "aggregator_items_unplaced_oldest_timestamp_seconds 1.7",
        'aggregator_channel_unwritten_timestamp_seconds{channel="all"} 1.7',
        'aggregator_job_failed_runs{job="fetch"} 2.0',
    ):
        assert words in text


def test_every_fault_is_in_the_operators_mail(faulty: Workplace) -> None:
    """The operator's mail reports every fault with what to do."""
    assert command.call(faulty, "digest", "preview", "operator", "--out", "out").code == 0
    (file,) = (faulty.folder / "out").glob("*.html")
    html = file.read_text()
    for words in (
        "3 items without a story",
        "1 channel not written",
        "The last 2 runs of fetch did not complete",
    ):
        assert words in html


@pytest.fixture
def serving(faulty: Workplace, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Daemon]:
    """Return a function that starts `serve` at the place's time."""

    def start() -> Daemon:
        monkeypatch.setenv("AGGREGATOR_NOW", faulty.clock.now.isoformat())
        text = (faulty.folder / "feeds.yaml").read_text()
        port = int(text.partition("127.0.0.1:")[2].partition("'")[0])
        daemon = Daemon(faulty.folder, port, "serve")
        daemon.until("serving")
        return daemon

    return start


def test_healthz_reports_ok_or_not_ok_only(faulty: Workplace, serving: Callable[[], Daemon]) -> None:
    """`/healthz` answers 503 `not ok`, then 200 `ok`, without any reason or name."""
    daemon = serving()
    try:
        assert daemon.get("/healthz") == (503, "text/plain; charset=utf-8", b"not ok")
        sql(faulty, REPAIRED)
        assert fetch(faulty) == 0
        assert daemon.get("/healthz") == (200, "text/plain; charset=utf-8", b"ok")
        faulty.database.write_bytes(b"rubbish" * 1000)
        assert daemon.get("/healthz") == (503, "text/plain; charset=utf-8", b"not ok")
    finally:
        daemon.process.kill()
        daemon.process.wait()
