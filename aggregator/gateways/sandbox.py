"""Read foreign documents in processes of their own, so that neither their time nor their memory is ours (L2).

A process gets no secret: its environment has only PASSED_VARIABLES, and sources reach it without credentials. It gets
pickles from us, but hands back frames of JSON, which are checked against the type that the called function declares
(`typedjson`): whatever runs in a process that a document has taken over, nothing of it is executed here.
"""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from aggregator.errors import SandboxFailure, UnreadableDocument
from aggregator.gateways import typedjson
from aggregator.gateways.sandbox_worker import Answer
from aggregator.model.config import Config, Credentials, MailRules, Smtp
from aggregator.text import line

Made = TypeVar("Made")

MEGABYTES = 180
"""Maximum memory of one process, of which 60 MB are the parsers themselves."""
PROCESSES = max(2, min(4, os.cpu_count() or 2))
MAX_RESULT_BYTES = 64_000_000
"""Maximum size of what one call hands back."""
START_SECONDS = 60.0
"""Maximum time for a new process until it takes its first document."""
EXIT_SECONDS = 1.0
"""Maximum time for a process that closed its channel until it has ended."""
PASSED_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TZ")
"""The environment that a process gets of ours."""

_START = "import sys; sys.path[:] = sys.argv[3:]; from aggregator.gateways.sandbox_worker import main; main()"
_ENDED_BY_OTHERS = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)

_changed = threading.Condition()
_idle: list[_Process] = []
_busy: set[_Process] = set()
_landlock_kills = False
"""Whether a filter of system calls was seen to kill a process that uses Landlock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSandbox:
    """The `Isolate` seam. Picklable: the processes belong to the module, are begun one by one when a call finds none
    idle, and ended by `close`."""

    megabytes: int = MEGABYTES
    processes: int = PROCESSES

    def __call__(self, function: Callable[..., Made], *args: Any, seconds: float) -> Made:
        """Call `function(*args)`; raises UnreadableDocument where it does, and Spoiled for every other end.

        Spoiled: it takes longer than `seconds` or too much memory, its process dies, it raises, or its result is not
        of the type that it declares.
        """
        request = _pickled((function, args, seconds))
        try:
            return self._asked(function, request, seconds)
        except _Ended:  # the document is innocent
            pass
        try:
            return self._asked(function, request, seconds)
        except _Ended as error:
            raise SandboxFailure("the processes that read documents were ended") from error

    def _asked(self, function: Callable[..., Made], request: bytes, seconds: float) -> Made:
        process = _take(self)
        healthy = False
        try:
            process.ready()
            answer, content = process.ask(request, seconds)
            if answer is Answer.OUT_OF_MEMORY:
                raise SandboxFailure(f"reading it takes more than {self.megabytes} MB of memory")
            if answer is Answer.READY:
                raise ValueError("ready again")
            if answer is Answer.VALUE:
                value: Made = typedjson.decode(content, typedjson.returned_by(function))
            healthy = True
        except TimeoutError as error:
            raise SandboxFailure(f"reading it takes longer than {seconds:.3g} s") from error
        except ValueError as error:
            raise SandboxFailure("the process that read it handed back no valid result") from error
        finally:
            _give_back(process, healthy=healthy)
        if answer is Answer.VALUE:
            return value
        reason = line(content.decode("utf-8", "replace"), 300) or "no reason given"
        if answer is Answer.UNREADABLE:
            raise UnreadableDocument(reason)
        raise SandboxFailure(f"reading it failed ({reason})")


def close() -> None:
    """End the processes; the next call begins new ones."""
    with _changed:
        idle, busy = [*_idle], [*_busy]
        _idle.clear()
    for process in idle:
        process.dispose()
    for process in busy:  # its caller notices, and disposes of it
        process.end()


class _Ended(Exception):
    """Not the document ended the process: `close` did, a service manager ended all of a group, or a filter of
    system calls did."""


def _take(isolation: ProcessSandbox) -> _Process:
    """An idle process, or a new one where fewer than allowed are busy; otherwise wait."""
    with _changed:
        while True:
            while _idle:
                process = _idle.pop()
                if process.lives():
                    _busy.add(process)
                    return process
                process.dispose()
            if len(_busy) < isolation.processes:
                try:
                    process = _Process(isolation.megabytes)
                except OSError as error:
                    raise SandboxFailure(f"no process to read it can be begun: {error}") from error
                _busy.add(process)
                return process
            _changed.wait()


def _give_back(process: _Process, *, healthy: bool) -> None:
    reusable = healthy and process.lives()
    if not reusable:
        process.dispose()
    with _changed:
        _busy.discard(process)
        if reusable:
            _idle.append(process)
        _changed.notify()


class _Process:
    """A process that reads one document at a time; the channel is a socket, as its standard input."""

    def __init__(self, megabytes: int) -> None:
        self.ended = self._is_ready = False
        landlock = "without" if _landlock_kills else "with"
        self._channel, theirs = socket.socketpair()
        paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 - "" is the working folder
        # Isolated (-I), without bytecode files (-B) and site (-S): the paths are ours already.
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", "-B", "-S", "-c", _START, str(megabytes), landlock, *paths],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ},
                )
        except BaseException:
            self._channel.close()
            raise

    def lives(self) -> bool:
        """Whether it can be given a document."""
        return not self.ended and self._process.poll() is None

    def end(self) -> None:
        """Kill it: a process that hangs in C hears nothing else."""
        self.ended = True
        self._process.kill()
        self._process.wait()

    def dispose(self) -> None:
        """End it and close the channel, which nobody else may be using."""
        self.end()
        self._channel.close()

    def ready(self) -> None:
        """Wait until a new process can take a document; raises Spoiled where it does not start."""
        if self._is_ready:
            return
        try:
            answer, _ = self._received(time.monotonic() + START_SECONDS)
        except (TimeoutError, ValueError) as error:
            raise SandboxFailure("the process that reads documents does not start") from error
        self._is_ready = answer is Answer.READY

    def ask(self, request: bytes, seconds: float) -> tuple[Answer, bytearray]:
        """Send one request and receive the answer to it; raises TimeoutError, ValueError, Spoiled and _Ended."""
        deadline = time.monotonic() + seconds
        self._channel.settimeout(seconds)
        with suppress(ConnectionError):  # it may have answered all the same, that memory was short
            self._channel.sendall(len(request).to_bytes(4, "big") + request)
        return self._received(deadline)

    def _received(self, deadline: float) -> tuple[Answer, bytearray]:
        head = self._exactly(5, deadline)
        answer, size = Answer(bytes(head[:1])), int.from_bytes(head[1:], "big")
        if size > MAX_RESULT_BYTES:
            raise SandboxFailure(f"its result is larger than {MAX_RESULT_BYTES // 1_000_000} MB")
        return answer, self._exactly(size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytearray:
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._channel.settimeout(left)
            try:
                piece = self._channel.recv(min(size - len(data), 1_000_000))
            except ConnectionError:
                piece = b""
            if not piece:
                self._died()
            data += piece
        return data

    def _died(self) -> NoReturn:
        global _landlock_kills
        try:
            code = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise SandboxFailure("the process that read it closed its channel") from None
        if self.ended or code in _ENDED_BY_OTHERS:
            raise _Ended
        if code == -signal.SIGALRM:  # its own deadline, a little later than ours
            raise TimeoutError
        if not self._is_ready:
            if code == -signal.SIGSYS and not _landlock_kills:
                _landlock_kills = True
                raise _Ended
            raise SandboxFailure(f"the process that reads documents does not start (exit code {code})")
        raise SandboxFailure(f"reading it killed its process (exit code {code})")


# --- what a process is sent ----------------------------------------------------------------------------


def _pickled(request: object) -> bytes:
    file = io.BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(request)
    return file.getvalue()


def _kept_here(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} holds secrets and is not sent to a process that reads documents")


class _Pickler(pickle.Pickler):
    """Pickle a request; refuse values that hold secrets."""

    dispatch_table = {
        **copyreg.dispatch_table,
        Config: _kept_here,
        Credentials: _kept_here,
        MailRules: _kept_here,
        Smtp: _kept_here,
    }
