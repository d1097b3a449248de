"""Config -> House: the only place where concrete parts meet, and the only one that knows the real clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from aggregator.gateways.http import HttpFetcher
    from aggregator.model.config import Config
    from aggregator.ports import App, Mailer, Sandbox

CLOCK_VARIABLE = "AGGREGATOR_NOW"
HOST_GAP_SECONDS = 5.0  # V2, CL11


class ClockError(AggregatorError):
    """AGGREGATOR_NOW is set to something that is no moment."""

    exit_code = 2


def clock() -> Callable[[], datetime]:
    """Now in whole seconds, as the store keeps it; AGGREGATOR_NOW pretends another time (demo, tests)."""
    pretended = os.environ.get(CLOCK_VARIABLE)
    if not pretended:
        return lambda: datetime.now(UTC).replace(microsecond=0)
    try:
        fixed = moment(pretended, UTC)
    except ValueError as error:
        raise ClockError(
            f"{CLOCK_VARIABLE}={pretended!r} is no moment such as 2026-10-05T08:00:00+00:00"
        ) from error
    return lambda: fixed


def moment(text: str, zone: tzinfo) -> datetime:
    """A moment in ISO 8601, in `zone` where it names none; raises ValueError, also outside 1990 to 2199."""
    try:
        read = datetime.fromisoformat(text)
        read = (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error
    if not 1990 <= read.year < 2200:
        raise ValueError(text)
    return read.replace(microsecond=0)


def build(config_file: Path, *, secrets: bool = True, mail: bool = True) -> App:
    """The house for a configuration file, with which `secrets` (see `config.load`); raises ConfigError."""
    from aggregator.config import load
    from aggregator.ports import App

    config = load(config_file, secrets=secrets, mail=mail)
    return App(
        config=config,
        clock=clock(),
        fetcher=lambda: _fetcher(config),
        sandbox=_isolation,
        make_executor=_threads,
        mailer=lambda: _mailer(config),
        hub=lambda: _fetcher(config).ping,
        simulated_clock=bool(os.environ.get(CLOCK_VARIABLE)),
        host_gap=HOST_GAP_SECONDS,
    )


def _fetcher(config: Config) -> HttpFetcher:
    from aggregator.gateways.http import HttpFetcher, user_agent

    return HttpFetcher(rules=config.fetch, user_agent=user_agent(config.site), credentials=config.credentials)


FEW = 12
"""Visits of a round that one reading process is enough for: most of them bring no document to read."""


@contextmanager
def _isolation(documents: int) -> Iterator[Sandbox]:
    from aggregator.gateways import sandbox

    try:
        yield sandbox.ProcessSandbox(processes=1 if documents <= FEW else sandbox.PROCESSES)
    finally:
        sandbox.close()


def _threads(workers: int) -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max_workers=workers, thread_name_prefix="visit")


def _mailer(config: Config) -> AbstractContextManager[Mailer]:
    if config.mail.smtp is None:
        from aggregator.gateways.files import OUTBOX, outbox

        return outbox(config.data / OUTBOX)
    from aggregator.gateways.smtp import relay

    return relay(config.mail.smtp, config.mail.sender)
