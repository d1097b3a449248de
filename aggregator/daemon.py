"""The daemon: APScheduler wakes what the store says is due. No state of its own, all of it is on disk."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from aggregator import log, wiring
from aggregator.errors import AggregatorError, AnotherRunHolds, ConfigError, StoreError
from aggregator.jobs import digest, fetch, look, upkeep
from aggregator.model import Config
from aggregator.seams import House
from aggregator.store import glance
from aggregator.web import app
from aggregator.web.connections import Bounded

TICK_SECONDS = 20
GRACE_SECONDS = 30.0
"""What is granted, beyond the deadline of a visit, to end properly."""

said = logging.getLogger("aggregator.daemon")


class ListenError(AggregatorError):
    """`web.listen` cannot be had."""


class Worker:
    """Does what is due, once a tick; keeps the last good configuration."""

    def __init__(self, config_file: Path, build: Callable[[Path], House] = wiring.build) -> None:
        self.config_file = config_file
        self.build = build
        self.stop = threading.Event()
        self.reload = threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self.seen = self._stamp()
        self.house = self._built()
        self.wrong: str | None = None  # what is wrong with feeds.yaml as it is now

    def _built(self) -> House:
        return replace(self.build(self.config_file), stopping=self.stop.is_set)

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self.config_file.stat()
        except OSError:
            return (0, 0)
        return status.st_mtime_ns, status.st_size

    def tick(self, job: Callable[[], None]) -> None:
        """Reload if feeds.yaml changed, then do what of `job` is due. Failures are told; the daemon lives on."""
        if self.stop.is_set():
            return
        self.idle.clear()
        try:
            self._reload_if_changed()
            job()
        except AnotherRunHolds:
            said.debug("another run is at work")
        except AggregatorError as error:
            said.error("%s", error)
        finally:
            self.idle.set()

    @property
    def jobs(self) -> tuple[Callable[[], None], ...]:
        """What is looked after, in the order of a tick."""
        return (self._fetch, self._digest, self._prune)

    def _reload_if_changed(self) -> None:
        now = self._stamp()
        if now == self.seen and not self.reload.is_set():
            return
        self.seen = now
        self.reload.clear()
        try:
            house = self._built()
        except ConfigError as error:
            for problem in error.problems:
                said.error("%s", problem)
            said.error("%s is not used; the daemon goes on with what it read before", self.config_file.name)
            self.wrong = f"{self.config_file.name} is wrong and not used: {error.problems[0]}"
            return
        self.wrong = None
        if _of_web(house.config) != _of_web(self.house.config):
            said.warning(
                "paths.public, web.listen, and site.url and publish.hub in headers are only used at the next start"
            )
        self.house = house
        said.info("%s was read anew", self.config_file.name)

    def _fetch(self) -> None:
        if glance.idle(self.config_file, self.house.clock()) is not None:
            return
        report = fetch.run(self.house, spread=True)
        for notice in report.notices:
            said.warning("%s", notice)
        if report.visited:
            said.info(
                "%d visited, %d failed, %d new items, %d new stories",
                report.visited,
                report.failed,
                report.new_items,
                report.new_stories,
            )

    def _digest(self) -> None:
        if not self.house.config.mailings or not (self.house.config.data / "aggregator.db").exists():
            return
        if glance.no_mail(self.config_file, self.house.clock()) is not None:
            return
        report = digest.run(self.house)
        for notice in report.notices:
            said.warning("%s", notice)
        for edition in report.composed:
            said.info("composed", extra={"edition": edition})
        if report.sent:
            said.info("%d letters sent, %d owed", report.sent, report.owed)

    def _prune(self) -> None:
        upkeep.prune_if_due(self.house)

    def troubles(self) -> list[str]:
        """What monitoring should know."""
        try:
            found = look.troubles(look.status(self.house.config), self.house.clock())
            return [self.wrong, *found] if self.wrong else found
        except AggregatorError as error:
            return [str(error)]


def run(config_file: Path, *, verbose: bool) -> None:
    """Scheduler and web app in one process, until SIGTERM or SIGINT."""
    log.start(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(config_file)
    fetch.refuse_public(worker.house)
    with suppress(
        StoreError
    ):  # the site is served also without a database; every tick says what is wrong with it
        look.check_authority(worker.house.config)
    listener = _listener(worker.house.config.listen)
    scheduler = _scheduler(worker)
    signal.signal(signal.SIGHUP, lambda *_: _reload_now(worker, scheduler))
    scheduler.start()
    threading.Thread(target=_watch_clock, args=(worker, scheduler), daemon=True).start()
    said.info("running; %d sources", sum(source.enabled for source in worker.house.config.sources))
    _serve_until_signalled(worker, listener, worker.stop.set)
    scheduler.shutdown(wait=False)
    _await_end(worker)


def _scheduler(worker: Worker) -> BackgroundScheduler:
    """One thread, so that jobs follow each other; a job that breaks is told by APScheduler and tried again."""
    # The default grace of one second silently drops late jobs.
    usual = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
    scheduler = BackgroundScheduler(
        timezone=UTC, executors={"default": ThreadPoolExecutor(1)}, job_defaults=usual
    )
    for job in worker.jobs:
        scheduler.add_job(
            worker.tick, "interval", [job], seconds=TICK_SECONDS, next_run_time=datetime.now(UTC)
        )
    return scheduler


def _reload_now(worker: Worker, scheduler: BackgroundScheduler) -> None:
    """SIGHUP: read feeds.yaml anew without waiting for the next tick."""
    worker.reload.set()
    _wake(scheduler)


def _wake(scheduler: BackgroundScheduler) -> None:
    """All jobs now."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))


def _watch_clock(worker: Worker, scheduler: BackgroundScheduler) -> None:
    """Wake the jobs when the clock was set: APScheduler would wait until a clock put back has caught up."""
    behind = time.time() - time.monotonic()
    while not worker.stop.wait(TICK_SECONDS):
        now = time.time() - time.monotonic()
        if abs(now - behind) > TICK_SECONDS:
            said.warning("the clock was set by %+d s", now - behind)
            _wake(scheduler)
        behind = now


def serve(config_file: Path, *, verbose: bool) -> None:
    """The web app alone."""
    log.start(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(config_file, build=lambda file: wiring.build(file, secrets=False))
    _serve_until_signalled(worker, _listener(worker.house.config.listen), worker.stop.set)


def _listener(place: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY only on sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen at {place[0]}:{place[1]} (web.listen): {error.strerror}") from error
    return listener


def _of_web(config: Config) -> tuple[Path, tuple[str, int], str, str | None]:
    """What the web app is made of, once."""
    return config.public, config.listen, config.site.url, config.hub


def _serve_until_signalled(worker: Worker, listener: socket.socket, stopped: Callable[[], None]) -> None:
    worker.house.config.public.mkdir(parents=True, exist_ok=True)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            """Tell the worker first, so that both end at the same time."""
            stopped()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

    public, _, site_url, hub = _of_web(worker.house.config)
    config = uvicorn.Config(
        app.build(public, worker.troubles, site_url=site_url, hub=hub, clock=worker.house.clock),
        http=Bounded,
        ws="none",
        log_config=None,
        log_level="error",  # rubbish that clients send is no news
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        proxy_headers=False,
        server_header=False,
    )
    host, port = listener.getsockname()[:2]
    said.info("serving %s on http://%s:%d/", public, host, port)
    server = Server(config)
    # uvicorn raises the signal again after its own end; by then we have been told and end by ourselves.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    stopped()


def _await_end(worker: Worker) -> None:
    """The visit and the letter in hand are finished; past the deadline the process ends all the same."""
    deadline = worker.house.config.fetch.timeout.total_seconds() + GRACE_SECONDS
    if worker.idle.wait(deadline):
        said.info("ended")
        return
    said.error("a job did not end within %g s; ending without it (nothing is lost)", deadline)
    os._exit(1)
