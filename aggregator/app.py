"""Build an App from a configuration file, with the real clock and gateways."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aggregator.errors import AggregatorError

if TYPE_CHECKING:
    from aggregator.gateways.http import HttpFetcher
    from aggregator.model.config import Config
    from aggregator.ports import App, Mailbox, Mailer, Sandbox

Result = TypeVar("Result")

CLOCK_VARIABLE = "AGGREGATOR_NOW"


class ClockError(AggregatorError):
    """AGGREGATOR_NOW is set, but not to a moment in ISO 8601."""

    exit_code = 2


def clock() -> Callable[[], datetime]:
    """Return a clock in whole seconds, as the store keeps them.

    AGGREGATOR_NOW sets it to another time (demo, tests).
    """
    simulated = os.environ.get(CLOCK_VARIABLE)
    if not simulated:
        return lambda: datetime.now(UTC).replace(microsecond=0)
    try:
        fixed = parse_moment(simulated, UTC)
    except ValueError as error:
        raise ClockError(
            f"{CLOCK_VARIABLE}={simulated!r} is not a moment: write it as 2026-10-05T08:00:00+00:00"
        ) from error
    return lambda: fixed


def parse_moment(text: str, zone: tzinfo) -> datetime:
    """Parse a moment in ISO 8601 in the years 1990 to 2199; `zone` is used where it names none.

    Raises ValueError.
    """
    try:
        parsed = datetime.fromisoformat(text)
        parsed = (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error
    if not 1990 <= parsed.year < 2200:
        raise ValueError(text)
    return parsed.replace(microsecond=0)


def build(config_file: Path, *, secrets: bool = True, mail: bool = True) -> App:
    """Return the App of a configuration file; `secrets` and `mail` as in `config.load`.

    Raises ConfigError.
    """
    from aggregator import config_cache
    from aggregator.polling.polite_client import HOST_GAP_SECONDS
    from aggregator.ports import App

    config = config_cache.load(config_file, secrets=secrets, mail=mail)
    return App(
        config=config,
        clock=clock(),
        fetcher=lambda: _fetcher(config),
        sandbox=_sandbox,
        make_executor=_threads
        if config.fetch.executor == "threads"
        else partial(_dask, config.fetch.executor),
        mailer=lambda: _mailer(config),
        link_key=lambda: _link_key(config),
        random_bytes=os.urandom,
        mailbox=_mailbox(config),
        hub=lambda: _fetcher(config).ping,
        hub_request=lambda: _fetcher(config).send_form,
        simulated_clock=bool(os.environ.get(CLOCK_VARIABLE)),
        host_gap=HOST_GAP_SECONDS,
    )


def _fetcher(config: Config) -> HttpFetcher:
    from aggregator.gateways.http import BOT_PAGE, HttpFetcher, user_agent

    page = BOT_PAGE if (config.public / BOT_PAGE).is_file() else ""
    return HttpFetcher(
        rules=config.fetch, user_agent=user_agent(config.site, page), credentials=config.credentials
    )


@contextmanager
def _sandbox(documents: int) -> Iterator[Sandbox]:
    try:
        yield partial(_sandboxed, documents)
    finally:
        if module := sys.modules.get("aggregator.gateways.sandbox"):
            module.end_processes()


def _sandboxed(documents: int, function: Callable[..., Result], *args: Any, seconds: float) -> Result:
    """Call a function in the sandbox, which is imported with the first document."""
    from aggregator.gateways.sandbox import PROCESSES, ProcessSandbox

    processes = ProcessSandbox(processes=min(max(1, documents), PROCESSES))
    return processes(function, *args, seconds=seconds)


def _threads(workers: int) -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    from aggregator import memory

    memory.use_one_arena()
    return ThreadPoolExecutor(max_workers=workers, thread_name_prefix="visit")


def _dask(address: str, _workers: int) -> Executor:
    from aggregator.gateways.dask_executor import DaskExecutor

    return DaskExecutor(address, _for_other_machine)


def _for_other_machine(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a task with only the credentials that it needs.

    The task is `visit_host` or `check_host`. The flag that this process is stopping stays here: what was handed over
    is finished.
    """
    from aggregator.polling.visit import HostVisit
    from aggregator.ports import never_stop

    work, fetcher, *_, sandbox = args
    parts = work.plans if isinstance(work, HostVisit) else work.checks
    own = {part.source.id for part in parts}
    credentials = {id_: kept for id_, kept in fetcher.credentials.items() if id_ in own}
    limited = replace(fetcher, credentials=credentials)
    return (work, limited, never_stop, sandbox) if isinstance(work, HostVisit) else (work, limited, sandbox)


def _link_key(config: Config) -> bytes:
    from aggregator.gateways.files import link_key

    return link_key(config.data)


def _mailbox(config: Config) -> Callable[[], AbstractContextManager[Mailbox]] | None:
    rules = config.mail.bounces
    if rules is None or not rules.has_mailbox:
        return None

    def opened() -> AbstractContextManager[Mailbox]:
        from aggregator.gateways import mailboxes

        return mailboxes.opened(rules)

    return opened


def _mailer(config: Config) -> AbstractContextManager[Mailer]:
    if config.mail.smtp is None:
        from aggregator.gateways.files import OUTBOX, outbox

        return outbox(config.data / OUTBOX)
    from aggregator.gateways.smtp import connected_relay

    return connected_relay(config.mail.smtp, config.mail.sender)
