"""The few places where a part may be swapped: each one function or one small protocol wide."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from email.message import EmailMessage
from typing import Protocol

from aggregator.model import Failure, Request, Response

Clock = Callable[[], datetime]
"""Now, aware UTC. Only `wiring` knows the real one."""

Fetcher = Callable[[Request], Response | Failure]
"""One visit to one source: redirects followed, deadline and size kept. Never raises for an expected failure.

Must be picklable where the executor's workers are processes.
"""

Mailer = Callable[[EmailMessage, str], None]
"""Hands one letter to the relay for one address; raises `MailRefused` or `MailInterrupted`."""

Progress = Callable[[int, int, str], None]
"""Told while long work goes on: how many are done, of how many, and what was last."""


class MailRefused(Exception):
    """The relay answered no. `permanent` for 5xx answers."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class MailInterrupted(Exception):
    """The connection broke after DATA began: nobody knows whether the letter was accepted (M4)."""


class Executing(Protocol):
    """Any `concurrent.futures.Executor`: threads by default."""

    def __call__(self) -> Executor: ...


__all__ = [
    "Clock",
    "Executing",
    "Fetcher",
    "Future",
    "MailInterrupted",
    "MailRefused",
    "Mailer",
    "Progress",
]
