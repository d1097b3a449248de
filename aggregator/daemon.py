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
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

from aggregator import app as wiring
from aggregator import health, locked_store, logs, maintenance
from aggregator.digests import run as digest
from aggregator.errors import AggregatorError, AnotherRunHolds, ConfigError, StoreError
from aggregator.gateways import systemd
from aggregator.model.config import Config
from aggregator.polling import contact, fetch
from aggregator.ports import App
from aggregator.store import idle_check
from aggregator.web import app
from aggregator.web.connections import Bounded

TICK_SECONDS = 20
GRACE_SECONDS = 30.0
"""What is granted, beyond the deadline of a visit, to end properly."""
RETRY_SECONDS = 300.0
"""Minimum pause after a job failed: each try is a run that is recorded and logged."""
STALLED_SECONDS = 120.0
"""Maximum time between two ticks while no job is in hand."""
STUCK_SECONDS = 3600.0
"""Maximum time without a sign of progress while a job is in hand."""
DOUBT_SECONDS = 30.0
"""How long a stalled scheduler is given to go on: the whole process may have been suspended."""

said = logging.getLogger("aggregator.daemon")


class ListenError(AggregatorError):
    """`web.listen` cannot be had."""


class SchedulerStopped(AggregatorError):
    """The scheduler does no work any more; the process is to be started again."""


class Worker:
    """Does what is due, once a tick; keeps the last good configuration."""

    def __init__(self, config_file: Path, build: Callable[[Path], App] = wiring.build) -> None:
        self.config_file = config_file
        self.build = build
        self.stop = threading.Event()
        self.reload = threading.Event()
        self.idle = threading.Event()
        self.idle.set()
        self.seen = self._stamp()
        self.app = self._built()
        self.wrong: str | None = None  # what is wrong with feeds.yaml as it is now
        self.retry: dict[Callable[[], None], float] = {}  # when a job that failed may be tried again
        self.last_sign = time.monotonic()

    def _built(self) -> App:
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
        self.sign()
        self.idle.clear()
        try:
            self._reload_if_changed()
            if time.monotonic() >= self.retry.get(job, 0.0):
                self.retry[job] = time.monotonic() + RETRY_SECONDS
                job()
                del self.retry[job]
        except AnotherRunHolds:
            self.retry.pop(job, None)
            said.debug("another run is at work")
        except AggregatorError as error:
            said.error("%s", error)
        finally:
            self.sign()
            self.idle.set()

    def sign(self) -> None:
        """Note that work goes on."""
        self.last_sign = time.monotonic()

    def stalled(self) -> str | None:
        """Why the scheduler seems to do no work any more, None while it does."""
        silence = time.monotonic() - self.last_sign
        if self.idle.is_set():
            return f"has not ticked for {silence:.0f} s" if silence > STALLED_SECONDS else None
        return (
            f"has a job in hand that does not go on for {silence:.0f} s" if silence > STUCK_SECONDS else None
        )

    def beat(self) -> None:
        """Report to systemd that the scheduler is alive; called by the scheduler itself."""
        if self.stalled() is None:
            systemd.notify(systemd.ALIVE)

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
        self.retry.clear()
        try:
            app = self._built()
        except ConfigError as error:
            for problem in error.problems:
                said.error("%s", problem)
            said.error("%s is not used; the daemon goes on with what it read before", self.config_file.name)
            self.wrong = f"{self.config_file.name} is wrong and not used: {error.problems[0]}"
            return
        self.wrong = None
        if _of_web(app.config) != _of_web(self.app.config):
            said.warning(
                "paths.public, web.listen, and site.url and publish.hub in headers are only used at the next start"
            )
        self.app = app
        said.info("%s was read anew", self.config_file.name)

    def _fetch(self) -> None:
        if idle_check.nothing_due(self.config_file, self.app.clock()) is not None:
            return
        report = fetch.run(self.app, spread=True, progress=lambda *_: self.sign())
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
        if not self.app.config.mailings or not (self.app.config.data / "aggregator.db").exists():
            return
        if idle_check.no_mail_due(self.config_file, self.app.clock()) is not None:
            return
        report = digest.run(self.app)
        for notice in report.notices:
            said.warning("%s", notice)
        for edition in report.composed:
            said.info("composed", extra={"edition": edition})
        if report.sent:
            said.info("%d letters sent, %d owed", report.sent, report.owed)

    def _prune(self) -> None:
        maintenance.prune_if_due(self.app)

    def troubles(self) -> list[str]:
        """What monitoring should know."""
        try:
            found = health.troubles(health.report(self.app.config), self.app.clock())
            return [self.wrong, *found] if self.wrong else found
        except AggregatorError as error:
            return [str(error)]


def run(config_file: Path, *, verbose: bool) -> None:
    """Scheduler and web app in one process, until SIGTERM or SIGINT."""
    logs.start(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(config_file)
    contact.refuse_public(worker.app)
    with suppress(StoreError):  # every tick says what is wrong; the site is served meanwhile
        locked_store.check_authority(worker.app.config)
    listener = _listener(worker.app.config.listen)
    scheduler = _scheduler(worker)
    watch = Watch(worker, threading.Thread(target=scheduler.start, name="APScheduler", daemon=True))
    signal.signal(signal.SIGHUP, lambda *_: _reload_now(worker, scheduler))
    watch.thread.start()
    threading.Thread(target=_watch_clock, args=(worker, scheduler), daemon=True).start()
    said.info("running; %d sources", sum(source.enabled for source in worker.app.config.sources))
    _serve_until_signalled(worker, listener, worker.stop.set, watch)
    with suppress(SchedulerNotRunningError):  # it died before it began
        scheduler.shutdown(wait=False)
    _await_end(worker)
    if watch.fault:
        raise SchedulerStopped(f"the scheduler {watch.fault}; nothing is lost, start again")


class Watch:
    """Look after the scheduler from the main thread; `fault` is why it does not work any more."""

    def __init__(self, worker: Worker, thread: threading.Thread) -> None:
        self.worker, self.thread = worker, thread
        self.fault: str | None = None
        self._doubted: float | None = None

    def __call__(self) -> bool:
        """Look once, about every second; whether the process has to end."""
        if not self.thread.is_alive():
            self.fault = "thread died"
        elif (reason := self.worker.stalled()) is None:
            self._doubted = None
        elif self._doubted is None:
            self._doubted = time.monotonic()
        elif time.monotonic() > self._doubted + DOUBT_SECONDS:
            self.fault = reason
        if self.fault:
            said.critical("the scheduler %s; ending, to be started again", self.fault)
        return self.fault is not None


def _scheduler(worker: Worker) -> BlockingScheduler:
    """Make a scheduler with one thread for the jobs, so that they follow each other, and one for `beat`.

    APScheduler logs a job that raises, and goes on.
    """
    # The default grace of one second silently drops late jobs.
    usual = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
    executors = {"default": ThreadPoolExecutor(1), "beat": ThreadPoolExecutor(1)}
    scheduler = BlockingScheduler(timezone=UTC, executors=executors, job_defaults=usual)
    watched = systemd.watchdog_seconds()
    pause = min(TICK_SECONDS, watched / 3) if watched else TICK_SECONDS
    scheduler.add_job(
        worker.beat, "interval", seconds=pause, next_run_time=datetime.now(UTC), executor="beat"
    )
    for job in worker.jobs:
        scheduler.add_job(
            worker.tick, "interval", [job], seconds=TICK_SECONDS, next_run_time=datetime.now(UTC)
        )
    return scheduler


def _reload_now(worker: Worker, scheduler: BaseScheduler) -> None:
    """SIGHUP: read feeds.yaml anew without waiting for the next tick."""
    worker.reload.set()
    _wake(scheduler)


def _wake(scheduler: BaseScheduler) -> None:
    """All jobs now."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))


def _watch_clock(worker: Worker, scheduler: BaseScheduler) -> None:
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
    logs.start(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(config_file, build=lambda file: wiring.build(file, secrets=False))
    listener = _listener(worker.app.config.listen)
    _serve_until_signalled(worker, listener, worker.stop.set, lambda: False)


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


def _serve_until_signalled(
    worker: Worker, listener: socket.socket, stopped: Callable[[], None], watch: Callable[[], bool]
) -> None:
    """Serve until SIGTERM, SIGINT, or until `watch` says that the process has to end."""
    worker.app.config.public.mkdir(parents=True, exist_ok=True)

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            """Tell the worker first, so that both end at the same time."""
            stopped()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            systemd.notify(systemd.READY)

        async def on_tick(self, counter: int) -> bool:
            """Every tenth of a second."""
            self.should_exit = self.should_exit or (counter % 10 == 0 and watch())
            return await super().on_tick(counter)

    public, _, site_url, hub = _of_web(worker.app.config)
    config = uvicorn.Config(
        app.build(public, worker.troubles, site_url=site_url, hub=hub, clock=worker.app.clock),
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
    systemd.notify(systemd.STOPPING)


def _await_end(worker: Worker) -> None:
    """The visit and the letter in hand are finished; past the deadline the process ends all the same."""
    deadline = worker.app.config.fetch.timeout.total_seconds() + GRACE_SECONDS
    if worker.idle.wait(deadline):
        said.info("ended")
        return
    said.error("a job did not end within %g s; ending without it (nothing is lost)", deadline)
    os._exit(1)
