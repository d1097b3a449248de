"""Tasks for processes that read documents: harmless, faulty and hostile ones; pytest is not imported there."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from aggregator.errors import UnreadableDocument
from aggregator.model.documents import ArticleDetails
from aggregator.model.polling import Failure


def double(number: int) -> int:
    """A task that does no harm."""
    return 2 * number


def hang(seconds: float) -> None:
    """A task that takes its time, in C, where no signal is heard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(seconds)


def swell(megabytes: int) -> int:
    """A task that takes memory."""
    return len(bytearray(megabytes * 1_000_000))


def die() -> None:
    """A task that takes its process down."""
    os.kill(os.getpid(), signal.SIGKILL)


def stumble() -> None:
    """A task that raises what no caller expects."""
    raise RecursionError("too deep")


def burn() -> None:
    """A task that is busy for ever, in C; it gives its process a name first."""
    ctypes.CDLL(None).prctl(15, b"burning", 0, 0, 0)
    re.match(r"(a+)+$", "a" * 60 + "b")


def refuse(reason: str) -> None:
    """A task that raises."""
    raise UnreadableDocument(reason)


def length(data: bytes) -> int:
    """A task that is given much."""
    return len(data)


def fill(megabytes: int) -> tuple[str, ...]:
    """A task that hands back much."""
    return ("x" * 1_000_000,) * megabytes


def snooze(seconds: float) -> float:
    """A task that takes a moment."""
    time.sleep(seconds)
    return seconds


def environment() -> tuple[str, ...]:
    """A task that hands back its environment and its arguments."""
    return (*os.environ, *os.environ.values(), *sys.orig_argv)


def write(file: str) -> str:
    """A task that writes a file."""
    try:
        with Path(file).open("w") as opened:
            opened.write("harm")
    except OSError as error:
        return type(error).__name__
    return "written"


def attempts(file: str, port: int) -> Mapping[str, str]:
    """A task that tries to leave its process."""
    tries = {
        "read": lambda: Path(file).read_text(),
        "remove": lambda: Path(file).unlink(),
        "run": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
        "connect": lambda: socket.create_connection(("127.0.0.1", port)).close(),
        "environment of the parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "signal the parent": lambda: os.kill(os.getppid(), 0),
    }
    done = {}
    for name, attempt in tries.items():
        try:
            attempt()
            done[name] = "done"
        except OSError:
            done[name] = "denied"
    return done


def forge(data: bytes, then: str) -> ArticleDetails | Failure:
    """A task that writes to the channel itself, and then hangs, ends, or goes on for ever."""
    channel = next(n for n in range(3, 32) if _is_socket(n))
    os.write(channel, data)
    if then == "end":
        os._exit(0)
    while then in ("repeat", "trickle"):
        os.write(channel, data)
        if then == "trickle":
            time.sleep(0.01)
    time.sleep(60)
    raise AssertionError


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False
