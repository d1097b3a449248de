"""Find ports for processes and threads beside a test, and wait for what they do."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from itertools import count

LONGEST_SECONDS = 60.0
"""Maximum wait for what takes a moment on an idle machine; a busy machine is no failure."""
_steps = count(os.getpid() * 37)


def until(
    condition: Callable[[], object],
    otherwise: Callable[[], str] = lambda: "the condition does not become true",
    seconds: float = LONGEST_SECONDS,
) -> None:
    """Wait until a condition holds that another process or thread causes, at most `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.01)


def free_port() -> int:
    """Return a free port of 127.0.0.1 that no other test or connection gets meanwhile.

    The system assigns ports from 32768 on; parallel tests begin at different ports below.
    """
    while True:
        port = 10_000 + next(_steps) % 20_000
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
