"""Processes and threads beside a test: ports for them, and waiting for what they do."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from itertools import count

LONGEST_SECONDS = 60.0
"""Maximum wait for something that takes a moment on an idle machine: a busy one is no failure."""
_steps = count(os.getpid() * 37)


def until(
    true: Callable[[], object],
    otherwise: Callable[[], str] = lambda: "it does not come true",
    seconds: float = LONGEST_SECONDS,
) -> None:
    """Wait for something that another process or thread brings about, at most `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.01)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at, and that no other test or connection gets meanwhile.

    The system gives ports from 32768 on to whoever asks for any; parallel tests begin at different ones below.
    """
    while True:
        port = 10_000 + next(_steps) % 20_000
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
