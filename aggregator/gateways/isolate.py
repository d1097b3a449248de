"""Work on foreign documents in processes of their own: neither their time nor their memory is ours (L2).

pebble rather than concurrent.futures, where one killed worker breaks every pending future.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessPool

from aggregator.errors import Spoiled

Made = TypeVar("Made")

MEGABYTES = 180
"""What one process may hold, of which 60 MB are the parsers themselves."""
PROCESSES = max(2, min(4, os.cpu_count() or 2))

# A process that hangs in C hears no SIGTERM, and pebble would wait three seconds before it kills it.
CONSTS.term_timeout = 0.2

_lock = threading.Lock()
_pool: ProcessPool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The `Isolate` seam. Picklable: the processes belong to the module, are begun with the first call and
    ended by `close`."""

    megabytes: int = MEGABYTES

    def __call__(self, function: Callable[..., Made], *args: Any, seconds: float) -> Made:
        """`function(*args)`; raises Spoiled when it takes longer than `seconds`, too much memory, or dies."""
        try:
            made: Made = self._processes().schedule(function, args=args, timeout=seconds).result()
        except TookTooLong as error:
            raise Spoiled(f"reading it takes longer than {seconds:.3g} s") from error
        except MemoryError as error:
            raise Spoiled(f"reading it takes more than {self.megabytes} MB of memory") from error
        except ProcessExpired as error:
            raise Spoiled(f"reading it killed its process (exit code {error.exitcode})") from error
        except RuntimeError as error:  # also concurrent.futures' BrokenExecutor: no process is left at all
            close()
            raise Spoiled("the processes that read documents died") from error
        return made

    def _processes(self) -> ProcessPool:
        global _pool
        with _lock:
            if _pool is None:
                # Not forked: threads of ours may hold locks.
                _pool = ProcessPool(
                    max_workers=PROCESSES,
                    context=get_context("spawn"),
                    initializer=_limit,
                    initargs=(self.megabytes,),
                )
            return _pool


def close() -> None:
    """End the processes; the next call begins new ones."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool is not None:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _limit(megabytes: int) -> None:
    """In a new process: at most so much memory of its own, where the system can keep to that (Linux)."""
    try:
        import resource
    except ImportError:
        return
    limit = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
