"""Run jobs when they are due, and serve the site, in one process.

All state is in the database: the daemon may be killed at any time, and cron may run beside it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

from aggregator import database, health, logs, maintenance, urls
from aggregator.app import build
from aggregator.counts import count_of
from aggregator.digests import run as digest
from aggregator.digests.editor_sign_in import mails_links
from aggregator.digests.personal import is_protected
from aggregator.errors import (
    AggregatorError,
    AnotherRunHolds,
    AuthorityChanged,
    ConfigError,
    DatabaseLost,
    FilesError,
    FutureAuthority,
    StoreError,
)
from aggregator.gateways import files, systemd
from aggregator.model.config import Config
from aggregator.polling import contact, fetch
from aggregator.ports import App, Flag
from aggregator.store import idle_check
from aggregator.web import app, server

TICK_SECONDS = 20
GRACE_SECONDS = 30.0
"""Seconds that the current job may take to end after the deadline of a visit."""
RETRY_SECONDS = 300.0
"""Minimum seconds between two attempts of a failing job; each attempt is a recorded run."""
STALLED_SECONDS = 120.0
"""Maximum seconds between two ticks while no job is running."""
STUCK_SECONDS = 3600.0
"""Maximum seconds without progress while a job is running."""
RESUME_SECONDS = 30.0
"""Seconds for a stalled scheduler to continue; the process may have been suspended."""

logger = logging.getLogger("aggregator.daemon")


class ListenError(AggregatorError):
    """Report that `web.listen` cannot be bound."""


class SchedulerStopped(AggregatorError):
    """Report that the scheduler stopped and the process has to be restarted."""


class Worker:
    """Run the jobs that are due at each tick, with the last valid configuration."""

    def __init__(self, config_file: Path, build: Callable[[Path], App] = build) -> None:
        self.config_file = config_file
        self.build = build
        self.stop = Flag()
        self.reload = Flag()
        self.hangup = Flag()
        self.pushed = Flag()
        self.idle = threading.Event()
        self.idle.set()
        self.file_version = self._file_version()
        self.app = self._build_app()
        self.config_problem: str | None = None
        self.pruned_on: date | None = None
        self.retry_at: dict[Callable[[], None], float] = {}  # monotonic time, for jobs that failed
        self.last_progress = time.monotonic()

    def _build_app(self) -> App:
        return replace(self.build(self.config_file), stopping=self.stop.is_set)

    def _file_version(self) -> tuple[int, int]:
        try:
            status = self.config_file.stat()
        except OSError:
            return (0, 0)
        return status.st_mtime_ns, status.st_size

    def tick(self, job: Callable[[], None]) -> None:
        """Reload feeds.yaml if it changed, then run `job`; log failures and continue."""
        if self.stop.is_set():
            return
        self.note_progress()
        self.idle.clear()
        try:
            self.reload_if_changed()
            if time.monotonic() >= self.retry_at.get(job, 0.0):
                self.retry_at[job] = time.monotonic() + RETRY_SECONDS
                job()
                del self.retry_at[job]
        except AnotherRunHolds:
            self.retry_at.pop(job, None)
            logger.debug("another run holds the lock")
        except AggregatorError as error:
            logger.error("%s", error)
        finally:
            self.note_progress()
            self.idle.set()

    def note_progress(self) -> None:
        """Record that a job makes progress."""
        self.last_progress = time.monotonic()

    def stalled(self) -> str | None:
        """Return why the scheduler seems to have stopped, or None."""
        silence = time.monotonic() - self.last_progress
        if self.idle.is_set():
            return f"has not ticked for {silence:.0f} s" if silence > STALLED_SECONDS else None
        return f"has a job that made no progress for {silence:.0f} s" if silence > STUCK_SECONDS else None

    def report_alive(self) -> None:
        """Report to systemd that the scheduler is alive; the scheduler calls this."""
        if self.stalled() is None:
            systemd.notify(systemd.ALIVE)

    @property
    def jobs(self) -> tuple[Callable[[], None], ...]:
        """Return the jobs in the order of a tick."""
        return (self._fetch, self._digest, self._prune)

    def reload_if_changed(self) -> None:
        """Use feeds.yaml as it is now, unless it is not valid."""
        version = self._file_version()
        if version == self.file_version and not self.reload.is_set():
            return
        self.file_version = version
        self.reload.clear()
        self.retry_at.clear()
        problems: Sequence[str] = ()
        try:
            app = self._build_app()
            with suppress(StoreError, DatabaseLost):  # which the jobs report
                database.check_authority(app.config, app.clock())
        except ConfigError as error:
            problems = [str(problem) for problem in error.problems]
        except (AuthorityChanged, FutureAuthority) as error:
            problems = [str(error)]
        if problems:
            self._refuse(problems)
            return
        self.config_problem = None
        if _web_settings(app.config) != _web_settings(self.app.config):
            logger.warning(
                "the web app uses the changes of site, paths, web and publish.hub only from the next start on"
            )
        self.app = app
        logger.info("%s was reloaded", self.config_file.name)

    def _refuse(self, problems: Sequence[str]) -> None:
        """Log why feeds.yaml is not used, and keep that for the health check."""
        for problem in problems:
            logger.error("%s", problem)
        logger.error(
            "%s is not used: it is not valid; the daemon continues with the version it read before",
            self.config_file.name,
        )
        self.config_problem = f"{self.config_file.name} is not valid and not used: {problems[0]}"

    def _fetch(self) -> None:
        if idle_check.count_if_nothing_due(self.config_file, self.app.clock()) is not None:
            return
        report = fetch.run(self.app, spread=True, progress=lambda *_: self.note_progress())
        for notice in report.notices:
            logger.warning("%s", notice)
        if report.visited or report.pushes:
            logger.info(
                "%d visited, %d failed, %s, %s",
                report.visited,
                report.failed,
                count_of(report.new_items, "new item"),
                count_of(report.new_stories, "new story", "new stories"),
            )

    def _digest(self) -> None:
        config = self.app.config
        if not (config.mailings or config.web.url) or not (self.app.config.data / "aggregator.db").exists():
            return
        if idle_check.queue_if_no_mail_due(self.config_file, self.app.clock()) is not None:
            return
        report = digest.run(self.app)
        for notice in report.notices:
            logger.warning("%s", notice)
        for edition in report.composed:
            logger.info("composed", extra={"edition": edition})
        if report.sent:
            logger.info("%s sent, %d queued", count_of(report.sent, "message"), report.owed)

    def _prune(self) -> None:
        today = self.app.clock().date()
        if today != self.pruned_on:  # opening the database to ask takes 4 ms
            maintenance.prune_if_due(self.app)
            self.pruned_on = today

    def problems(self) -> list[str]:
        """Return the problems that monitoring has to report."""
        try:
            found = health.alerts(health.read_report(self.app.config), self.app.clock())
            return [self.config_problem, *found] if self.config_problem else found
        except AggregatorError as error:
            return [str(error)]


def run(config_file: Path, *, verbose: bool) -> None:
    """Run scheduler and web app in one process until SIGTERM or SIGINT."""
    logs.start_logging(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(config_file)
    contact.refuse_public(worker.app)
    with suppress(StoreError):  # every tick logs it; the site is served meanwhile
        database.check_authority(worker.app.config, worker.app.clock())
    listener = _bind(worker.app.config.listen)
    scheduler = _scheduler(worker)
    thread = threading.Thread(target=scheduler.start, name="APScheduler", daemon=True)
    watch = Watch(worker, thread, lambda: _wake(scheduler))
    signal.signal(signal.SIGHUP, lambda *_: worker.hangup.set())
    watch.thread.start()
    threading.Thread(target=_watch_clock, args=(worker, scheduler), daemon=True).start()
    logger.info(
        "running; %s", count_of(sum(source.enabled for source in worker.app.config.sources), "source")
    )
    _serve_until_signalled(worker, listener, worker.stop.set, watch)
    with suppress(SchedulerNotRunningError):  # its thread died before it started
        scheduler.shutdown(wait=False)
    _end_before_deadline(worker)
    if watch.fault:
        raise SchedulerStopped(f"the scheduler {watch.fault}; nothing is lost; start the daemon again")


class Watch:
    """Check from the main thread what signals and the scheduler did; `fault` is why it stopped."""

    def __init__(self, worker: Worker, thread: threading.Thread, wake: Callable[[], None]) -> None:
        self.worker, self.thread, self.wake = worker, thread, wake
        self.fault: str | None = None
        self._stalled_since: float | None = None

    def __call__(self) -> bool:
        """Check once and return whether the process has to end."""
        if self.worker.hangup.is_set():  # SIGHUP: reload feeds.yaml without waiting for the next tick
            self.worker.hangup.clear()
            self.worker.reload.set()
            self.wake()
        if self.worker.pushed.is_set():
            self.worker.pushed.clear()
            self.wake()
        if not self.thread.is_alive():
            self.fault = "thread died"
        elif (reason := self.worker.stalled()) is None:
            self._stalled_since = None
        elif self._stalled_since is None:
            self._stalled_since = time.monotonic()
        elif time.monotonic() > self._stalled_since + RESUME_SECONDS:
            self.fault = reason
        if self.fault:
            logger.critical("the scheduler %s; ending, so that the daemon is started again", self.fault)
        return self.fault is not None


def _scheduler(worker: Worker) -> BlockingScheduler:
    """Make a scheduler with one thread for all jobs and one for `report_alive`.

    APScheduler logs a job that raises, and continues.
    """
    # By default APScheduler drops jobs that are more than one second late.
    defaults = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
    executors = {"default": ThreadPoolExecutor(1), "beat": ThreadPoolExecutor(1)}
    scheduler = BlockingScheduler(timezone=UTC, executors=executors, job_defaults=defaults)
    watched = systemd.watchdog_seconds()
    pause = min(TICK_SECONDS, watched / 3) if watched else TICK_SECONDS
    scheduler.add_job(
        worker.report_alive, "interval", seconds=pause, next_run_time=datetime.now(UTC), executor="beat"
    )
    for job in worker.jobs:
        scheduler.add_job(
            worker.tick, "interval", [job], seconds=TICK_SECONDS, next_run_time=datetime.now(UTC)
        )
    return scheduler


def _wake(scheduler: BaseScheduler) -> None:
    """Run all jobs now."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))


def _watch_clock(worker: Worker, scheduler: BaseScheduler) -> None:
    """Wake the jobs when the system clock was set.

    APScheduler would wait until a clock that was put back has caught up.
    """
    offset = time.time() - time.monotonic()
    while not worker.stop.is_set():
        time.sleep(TICK_SECONDS)
        now = time.time() - time.monotonic()
        if abs(now - offset) > TICK_SECONDS:
            logger.warning("the clock was set by %+d s", now - offset)
            _wake(scheduler)
        offset = now


def serve(config_file: Path, *, verbose: bool) -> None:
    """Run the web app without the scheduler until SIGTERM or SIGINT."""
    logs.start_logging(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(config_file, build=lambda file: build(file, secrets=False))
    listener = _bind(worker.app.config.listen)

    def reload() -> bool:
        """Use a changed feeds.yaml, so that an editor who was removed is signed out at once."""
        worker.reload_if_changed()
        return False

    _serve_until_signalled(worker, listener, worker.stop.set, reload)


def _bind(address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets whose protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen()  # so that clients may connect as soon as the log says "serving"
    except OSError as error:
        listener.close()
        raise ListenError(
            f"cannot listen at {address[0]}:{address[1]}: {error.strerror}; change `web.listen`"
        ) from error
    return listener


def _web_settings(config: Config) -> tuple[object, ...]:
    """Return the settings that the web app uses until the next start."""
    return config.public, config.data, config.listen, config.site, config.hub, config.web


def _serve_until_signalled(
    worker: Worker, listener: socket.socket, stopped: Callable[[], None], watch: Callable[[], bool]
) -> None:
    """Serve until SIGTERM or SIGINT, or until `watch` returns that the process has to end."""
    worker.app.config.public.mkdir(parents=True, exist_ok=True)

    class Server(server.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            """Stop the worker first, so that both end at the same time."""
            stopped()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            systemd.notify(systemd.READY)

        async def on_tick(self, counter: int) -> bool:
            """Every tenth of a second."""
            if counter % 10 == 0 and watch():  # no assignment of False: a signal may arrive meanwhile
                self.should_exit = True
            return await super().on_tick(counter)

    config = worker.app.config
    web = app.build(
        config, worker.problems, clock=worker.app.clock, app=lambda: worker.app, pushed=worker.pushed.set
    )
    with suppress(FilesError):  # a process that only serves need not own the data folder
        files.close_data(config.data, config.public)
    _warn_of_proxies(config)
    _warn_of_cookies(config)
    host, port = listener.getsockname()[:2]
    logger.info("serving %s on http://%s:%d/", config.public, host, port)
    running = Server(server.config(web, config.site, config.web.trusted_proxies))
    # uvicorn sets the same handler when it starts and restores this one at its end, when it raises the signals again.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, running.handle_exit)
    running.run(sockets=[listener])
    stopped()
    systemd.notify(systemd.STOPPING)


_LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names of this machine."""


def _warn_of_proxies(config: Config) -> None:
    """Warn if sign-ups of all visitors count as those of one network (SU3)."""
    local = config.listen[0] in _LOOPBACK
    direct = urls.host(config.web.url).strip("[]") in _LOOPBACK  # a trial on this machine, without a proxy
    if config.web.url and local and not direct and not config.web.trusted_proxies:
        logger.warning(
            "the web app listens at %s, so that a proxy is in front of it, and web.trusted_proxies is empty:"
            " all visitors together may sign up as often as one network; name the proxy there",
            config.listen[0],
        )


def _warn_of_cookies(config: Config) -> None:
    """Warn if browsers would not keep the session of an editor (ED3)."""
    if mails_links(config) and not is_protected(config.web.url or ""):
        logger.warning(
            "web.url is %s: browsers keep the session of an editor at https only, so that nobody can sign in there",
            config.web.url,
        )


def _end_before_deadline(worker: Worker) -> None:
    """Wait for the current visit or message; end the process after the deadline in any case."""
    deadline = worker.app.config.fetch.timeout.total_seconds() + GRACE_SECONDS
    if worker.idle.wait(deadline):
        logger.info("ended")
        return
    logger.error(
        "the current job did not end within %g s: the process ends without it; nothing is lost", deadline
    )
    os._exit(1)
