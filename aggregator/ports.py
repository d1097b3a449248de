"""The few places where a part may be swapped: each one function or one small protocol wide."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from aggregator.model.config import Config
from aggregator.model.polling import Failure, Request, Response

Made = TypeVar("Made")

Clock = Callable[[], datetime]
"""Now, aware UTC. Only `wiring` knows the real one."""

Fetcher = Callable[[Request], Response | Failure]
"""One visit to one source: redirects followed, deadline and size kept. Never raises for an expected failure.

Must be picklable where the executor's workers are processes.
"""

Hub = Callable[[str, str], Failure | None]
"""Tells the hub (first) that a feed (second) has news; why it did not take notice, None if it did."""

MakeExecutor = Callable[[int], Executor]
"""An executor of so many workers; threads by default. Jobs know no more of it than `concurrent.futures` says."""

Mailer = Callable[[bytes, str], None]
"""Hands one letter to the relay for one address; raises `MailRefused`, `MailInterrupted` or MailError."""


class Sandbox(Protocol):
    """Runs `function(*args)` where it can do no harm: at most `seconds`, bounded in memory.

    Arguments are picklable values, and sources lose their credentials on the way; the result is of the type that
    the function declares (`gateways.typedjson`). Raises `Spoiled`, and UnreadableDocument where the function does.
    """

    def __call__(self, function: Callable[..., Made], *args: Any, seconds: float) -> Made:
        """What the function makes."""
        ...


def in_process(function: Callable[..., Made], *args: Any, seconds: float) -> Made:  # noqa: ARG001
    """No isolation at all: for documents of our own making."""
    return function(*args)


Stopping = Callable[[], bool]
"""Whether the process was asked to end: what is in hand is finished, nothing else is begun.

Goes to the workers: where these are processes, it must be picklable (the daemon's, a thread's event, is not).
"""


def never() -> bool:
    """A house that nobody asks to stop."""
    return False


Progress = Callable[[int, int, str], None]
"""Told while long work goes on: how many are done, of how many, and what was last."""


def no_hub() -> Hub:
    """A house without a hub: nobody is told."""
    return lambda _hub, _url: None


class MailRefused(Exception):
    """The relay answered no. `permanent`: for good; `nobody`: because there is no such address (5.1.1 and kin).

    `blameless`: it is about us, or about the letter, and says nothing of the address.
    """

    def __init__(
        self, reason: str, *, permanent: bool, nobody: bool = False, blameless: bool = False
    ) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.nobody = nobody
        self.blameless = blameless


class MailInterrupted(Exception):
    """The connection broke after DATA began: nobody knows whether the letter was accepted (M4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The parts a job works with; `wiring` puts the real ones together, tests their own.

    `fetcher`, `isolate` and `mailer` make their part when it is needed, so that a run with nothing to do imports
    nothing; `isolate` is told how many documents there may be at most.
    `simulated_clock` says that `clock` is not the real one: public servers are then left alone.
    """

    config: Config
    clock: Clock
    fetcher: Callable[[], Fetcher]
    sandbox: Callable[[int], AbstractContextManager[Sandbox]]
    make_executor: MakeExecutor
    mailer: Callable[[], AbstractContextManager[Mailer]]
    hub: Callable[[], Hub] = no_hub
    simulated_clock: bool = False
    stopping: Stopping = never
    host_gap: float = 0.0
    """Seconds between two requests to one host (V2, CL11)."""
