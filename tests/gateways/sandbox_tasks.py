"""Tasks for sandbox processes: harmless, faulty and hostile ones.

pytest is not imported there.
"""

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
    """Return twice the number."""
    return 2 * number


def hang(seconds: float) -> None:
    """Sleep in C code, which handles no signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(seconds)


def swell(megabytes: int) -> int:
    """Allocate memory."""
    return len(bytearray(megabytes * 1_000_000))


def die() -> None:
    """End the process."""
    os.kill(os.getpid(), signal.SIGKILL)


def stumble() -> None:
    """Raise an exception that no caller expects."""
    raise RecursionError("too deep")


def burn() -> None:
    """Run C code without end, under a name of its own."""
    ctypes.CDLL(None).prctl(15, b"burning", 0, 0, 0)
    re.match(r"(a+)+$", "a" * 60 + "b")


def refuse(reason: str) -> None:
    """Raise UnreadableDocument."""
    raise UnreadableDocument(reason)


def length(data: bytes) -> int:
    """Return the length of a large argument."""
    return len(data)


def fill(megabytes: int) -> tuple[str, ...]:
    """Return a large result."""
    return ("x" * 1_000_000,) * megabytes


def snooze(seconds: float) -> float:
    """Sleep for a moment."""
    time.sleep(seconds)
    return seconds


def environment() -> tuple[str, ...]:
    """Return the environment and the arguments of the process."""
    return (*os.environ, *os.environ.values(), *sys.orig_argv)


def write(file: str) -> str:
    """Write a file."""
    try:
        with Path(file).open("w") as opened:
            opened.write("harm")
    except OSError as error:
        return type(error).__name__
    return "written"


def attempts(file: str, port: int) -> Mapping[str, str]:
    """Try to reach files, programs and the network."""
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
    """Write to the channel itself, then hang, end, or go on without end."""
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
