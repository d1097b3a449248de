"""Parse foreign documents in separate processes with limits on time and memory (L2).

A process gets no secret: its environment has only PASSED_VARIABLES, and sources are passed without credentials.
It receives pickles, but returns frames of JSON, which are checked against the type that the called function
declares (`typedjson`). Nothing of a process that a document has taken over is executed here.
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
from typing import Any, NoReturn, TypeVar

from aggregator.errors import SandboxFailure, UnreadableDocument
from aggregator.gateways import typedjson
from aggregator.gateways.sandbox_worker import Answer
from aggregator.model.config import Config, Credentials, MailRules, Smtp
from aggregator.model.value_classes import dataclass
from aggregator.text import line

Result = TypeVar("Result")

MEMORY_MEGABYTES = 180
"""Maximum memory of one process, of which 60 MB are the parsers themselves."""
PROCESSES = max(2, min(4, os.cpu_count() or 2))
MAX_RESULT_BYTES = 64_000_000
"""Maximum size of the result of one call."""
BUSY_WAIT_SECONDS = 0.5
"""Seconds that a document waits for a busy process before another one is started.

A start takes 0.18 s of CPU, as long as parsing 30 documents with one new entry each.
"""
START_SECONDS = 60.0
"""Maximum time until a new process accepts its first document."""
EXIT_SECONDS = 1.0
"""Maximum time until a process has ended after it closed its channel."""
PASSED_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TZ")
"""Environment variables that are passed to a process."""

_START = "import sys; sys.path[:] = sys.argv[3:]; from aggregator.gateways.sandbox_worker import main; main()"
_ENDED_BY_OTHERS = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)

_changed = threading.Condition()
_idle: list[_Process] = []
_busy: set[_Process] = set()
_landlock_kills = False
"""Whether a filter of system calls has killed a process because it uses Landlock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSandbox:
    """The Sandbox of separate processes. Picklable: the processes belong to the module.

    A call starts one if none is idle; `end_processes` ends them.
    """

    megabytes: int = MEMORY_MEGABYTES
    processes: int = PROCESSES

    def __call__(self, function: Callable[..., Result], *args: Any, seconds: float) -> Result:
        """Call `function(*args)` in a process.

        Raises UnreadableDocument where the function does. Raises SandboxFailure if it takes longer than `seconds` or
        too much memory, if it raises or its process ends, and for a result of another type than declared.
        """
        request = _pickled((function, args, seconds))
        try:
            return self._call(function, request, seconds)
        except _Ended:  # not the document's fault
            pass
        try:
            return self._call(function, request, seconds)
        except _Ended as error:
            raise SandboxFailure("the processes that read documents were ended") from error

    def _call(self, function: Callable[..., Result], request: bytes, seconds: float) -> Result:
        process = _acquire(self)
        healthy = False
        try:
            process.ready()
            answer, content = process.ask(request, seconds)
            if answer is Answer.OUT_OF_MEMORY:
                raise SandboxFailure(f"reading it takes more than {self.megabytes} MB of memory")
            if answer is Answer.READY:
                raise ValueError("ready again")
            if answer is Answer.VALUE:
                value: Result = typedjson.decode(content, typedjson.returned_by(function))
            healthy = True
        except TimeoutError as error:
            raise SandboxFailure(f"reading it takes longer than {seconds:.3g} s") from error
        except ValueError as error:
            raise SandboxFailure("the process that read it returned no valid result") from error
        finally:
            _release(process, healthy=healthy)
        if answer is Answer.VALUE:
            return value
        reason = line(content.decode("utf-8", "replace"), 300) or "no reason given"
        if answer is Answer.UNREADABLE:
            raise UnreadableDocument(reason)
        raise SandboxFailure(f"reading it failed ({reason})")


def end_processes() -> None:
    """End the processes; the next call starts new ones."""
    with _changed:
        idle, busy = [*_idle], [*_busy]
        _idle.clear()
    for process in idle:
        process.dispose()
    for process in busy:  # its caller disposes of it
        process.end()


class _Ended(Exception):
    """The process was ended for another reason than the document.

    `end_processes`, a service manager or a filter of system calls did it.
    """


def _acquire(settings: ProcessSandbox) -> _Process:
    """Return an idle process or a new one; wait for a busy one first, or at the maximum."""
    patient_until = time.monotonic() + BUSY_WAIT_SECONDS
    with _changed:
        while True:
            while _idle:
                process = _idle.pop()
                if process.is_alive():
                    _busy.add(process)
                    return process
                process.dispose()
            patience = patient_until - time.monotonic() if _busy else 0.0
            may_start = len(_busy) < settings.processes
            if may_start and patience <= 0:
                try:
                    process = _Process(settings.megabytes)
                except OSError as error:
                    raise SandboxFailure(f"no process to read it can be begun: {error}") from error
                _busy.add(process)
                return process
            _changed.wait(patience if may_start else None)


def _release(process: _Process, *, healthy: bool) -> None:
    reusable = healthy and process.is_alive()
    if not reusable:
        process.dispose()
    with _changed:
        _busy.discard(process)
        if reusable:
            _idle.append(process)
        _changed.notify()


class _Process:
    """A process that parses one document at a time; its channel is a socket as stdin."""

    def __init__(self, megabytes: int) -> None:
        self.ended = self._is_ready = False
        landlock = "without" if _landlock_kills else "with"
        self._channel, theirs = socket.socketpair()
        paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 - "" is the working folder
        # Isolated (-I), without bytecode files (-B) and site (-S): the search path is passed.
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

    def is_alive(self) -> bool:
        """Return whether it can take a document."""
        return not self.ended and self._process.poll() is None

    def end(self) -> None:
        """Kill it, because a process in C code handles no signal."""
        self.ended = True
        self._process.kill()
        self._process.wait()

    def dispose(self) -> None:
        """End it and close the channel, which nothing else may be using."""
        self.end()
        self._channel.close()

    def ready(self) -> None:
        """Wait until a new process can take a document; raises SandboxFailure."""
        if self._is_ready:
            return
        try:
            answer, _ = self._received(time.monotonic() + START_SECONDS)
        except (TimeoutError, ValueError) as error:
            raise SandboxFailure("the process that reads documents does not start") from error
        self._is_ready = answer is Answer.READY

    def ask(self, request: bytes, seconds: float) -> tuple[Answer, bytearray]:
        """Send one request and return the answer.

        Raises TimeoutError, ValueError, SandboxFailure and _Ended.
        """
        deadline = time.monotonic() + seconds
        self._channel.settimeout(seconds)
        with suppress(ConnectionError):  # it may have answered that memory was short
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
        if code == -signal.SIGALRM:  # its own alarm, shortly after this deadline
            raise TimeoutError
        if not self._is_ready:
            if code == -signal.SIGSYS and not _landlock_kills:
                _landlock_kills = True
                raise _Ended
            raise SandboxFailure(f"the process that reads documents does not start (exit code {code})")
        raise SandboxFailure(f"reading it killed its process (exit code {code})")


# --- requests ----------------------------------------------------------------------------


def _pickled(request: object) -> bytes:
    file = io.BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(request)
    return file.getvalue()


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} holds secrets and is not sent to a process that reads documents")


class _Pickler(pickle.Pickler):
    """Pickles a request; refuses values that hold secrets."""

    dispatch_table = {
        **copyreg.dispatch_table,
        Config: _refuse,
        Credentials: _refuse,
        MailRules: _refuse,
        Smtp: _refuse,
    }
