"""Run queries for pages in few threads, with limits on their time and number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aggregator.errors import StoreError
from aggregator.store.connection import Store
from aggregator.store.read_only import Reader

THREADS = 2
"""Number of threads, each with a connection: SQLite and Python use one core anyway."""
MAX_WAITING = 50
"""Maximum number of requests that wait for a thread."""

_Result = TypeVar("_Result")


class Busy(StoreError):
    """Report that too many requests wait for the database."""


class Queries:
    """Read the database for pages."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")
        self._running = 0

    async def run(self, work: Callable[[Store], _Result], seconds: float) -> _Result:
        """Return the result of `work`, which reads for at most `seconds`. Raises StoreError."""
        if self._running >= THREADS + MAX_WAITING:
            raise Busy("too many requests wait for the database; try again")
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, work, seconds)
        finally:
            self._running -= 1

    def _read(self, work: Callable[[Store], _Result], seconds: float) -> _Result:
        with self.reader.reading(seconds) as store:
            return work(store)
