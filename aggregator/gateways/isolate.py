"""Work on foreign documents in processes of their own: neither their time nor their memory is ours (L2).

pebble rather than concurrent.futures, where one killed worker breaks every pending future.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as TookTooLong
from concurrent.futures import wait
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from aggregator.errors import Spoiled

if TYPE_CHECKING:
    from pebble import ProcessPool  # imported where a document is to be read at all: it costs 100 ms

Made = TypeVar("Made")

MEGABYTES = 180
"""What one process may hold, of which 60 MB are the parsers themselves."""
PROCESSES = max(2, min(4, os.cpu_count() or 2))
LOOK = 2.0
"""Seconds between two looks whether the processes are still the ones that were asked."""

_lock = threading.Lock()
_pool: ProcessPool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The `Isolate` seam. Picklable: the processes belong to the module, are begun with the first call and
    ended by `close`."""

    megabytes: int = MEGABYTES
    processes: int = PROCESSES

    def __call__(self, function: Callable[..., Made], *args: Any, seconds: float) -> Made:
        """`function(*args)`; raises Spoiled when it takes longer than `seconds`, too much memory, or dies."""
        from pebble import ProcessExpired

        try:
            return self._made(function, args, seconds)
        except ProcessExpired as error:
            if error.exitcode not in (signal.SIGTERM, -signal.SIGTERM):
                raise Spoiled(f"reading it killed its process (exit code {error.exitcode})") from error
        # Somebody ended all processes of ours: the document is innocent.
        try:
            return self._made(function, args, seconds)
        except ProcessExpired as error:
            raise Spoiled("the processes that read documents were ended") from error

    def _made(self, function: Callable[..., Made], args: tuple[Any, ...], seconds: float) -> Made:
        pool = self._processes()
        try:
            future = pool.schedule(_bounded, args=(function, args, seconds), timeout=seconds)
            while not wait([future], LOOK).done:
                if _pool is not pool:
                    raise Spoiled("the processes that read documents were ended")
            made: Made = future.result()
        except TookTooLong as error:
            raise Spoiled(f"reading it takes longer than {seconds:.3g} s") from error
        except MemoryError as error:
            raise Spoiled(f"reading it takes more than {self.megabytes} MB of memory") from error
        except RuntimeError as error:
            if hasattr(error, "traceback"):  # the function's own, as pebble hands it on
                raise
            _end(pool)  # pebble's: no process is left at all
            raise Spoiled("the processes that read documents died") from error
        return made

    def _processes(self) -> ProcessPool:
        from multiprocessing import get_context

        from pebble import CONSTS, ProcessPool

        global _pool
        with _lock:
            if _pool is None:
                # A process that hangs in C hears no SIGTERM, and pebble would wait three seconds to kill it.
                CONSTS.term_timeout = 0.2
                _hide_main()
                # Not forked: threads of ours may hold locks.
                _pool = ProcessPool(
                    max_workers=self.processes,
                    context=get_context("spawn"),
                    initializer=_limit,
                    initargs=(self.megabytes, os.getpid()),
                )
            return _pool


def close() -> None:
    """End the processes; the next call begins new ones."""
    if _pool is not None:
        _end(_pool)


def _end(pool: ProcessPool) -> None:
    global _pool
    with _lock:
        if _pool is pool:
            _pool = None
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _hide_main() -> None:
    """A console script would be run again in each new process (85 ms of imports); a package's main is not."""
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is None:
        main.__spec__ = find_spec("aggregator.__main__")


# --- in the other process ----------------------------------------------------------------------------------


def _limit(megabytes: int, parent: int) -> None:
    """In a new process: at most so much memory, where the system can keep to that, and no life without its parent."""
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    try:
        import resource
    except ImportError:
        return
    limit = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _bounded(function: Callable[..., Made], args: tuple[Any, ...], seconds: float) -> Made:
    """What the function makes. The kernel ends a process that is still busy long after its time, though it hangs
    in C and nobody is left to kill it."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, 2 * seconds + 5)
    try:
        return function(*args)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
