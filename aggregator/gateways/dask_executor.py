"""Run the visits of a round on the workers of a Dask cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from threading import Event, Thread
from typing import Any, TypeVar
from uuid import uuid4

from aggregator import __version__
from aggregator.errors import ExecutorError, ExecutorMissing
from aggregator.extras import DISTRIBUTION

Result = TypeVar("Result")
Arguments = tuple[Any, ...]

SCHEME = "dask://"
CONNECT_SECONDS = 10.0
"""Maximum seconds to wait for the scheduler, and for its first worker."""
WATCH_SECONDS = 2.0
"""Seconds between two checks that there are workers."""
LOST_SECONDS = 30.0
"""Maximum seconds without any worker; then the round ends."""
RESULT_SECONDS = 60.0
"""Maximum seconds until the result of a task that has ended arrives."""


class WorkerLost(Exception):
    """The worker that had begun a task was lost, and the task is not begun again."""


class DaskExecutor(Executor):
    """An executor over a Dask scheduler that begins no task twice.

    A scheduler repeats the tasks of a lost worker on another one, so that a partner would be visited twice within
    seconds (V1). Each task therefore sets an event of its own at the scheduler before it begins, and ends with
    WorkerLost if the event is set. `prepare` returns the arguments of a task as they are sent to a worker.
    """

    def __init__(self, address: str, prepare: Callable[[Arguments], Arguments]) -> None:
        self._address, self._prepare = address, prepare
        self._client = _connect(address)
        self._tokens: list[str] = []
        self._running: set[Future[Any]] = set()
        self._threads: set[Thread] = set()
        self._lost, self._closing = Event(), Event()
        self._start_thread("dask workers", self._watch)

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Submit a task; raises ExecutorError if the scheduler or all workers are lost."""
        if self._lost.is_set() or self._client.status != "running":
            raise ExecutorError(
                f"fetch.executor {self._address} was lost during the round: its scheduler or all workers have ended;"
                " start them again, the next run visits the sources that are due"
            )
        token, outer = f"aggregator-{uuid4().hex}", Future[Result]()
        self._tokens.append(token)
        self._running.add(outer)
        inner = self._client.submit(_begin_once, token, fn, self._prepare(args), kwargs, pure=False)
        outer.add_done_callback(partial(self._forget, inner))
        inner.add_done_callback(partial(self._receive, outer))
        return outer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the tasks, or cancel them, and close the connection.

        Threads that still call the client then would leave coroutines that never run.
        """
        running = list(self._running)
        if cancel_futures or not wait:
            for future in running:
                future.cancel()
        futures.wait(running)
        self._closing.set()
        deadline = time.monotonic() + CONNECT_SECONDS
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        with suppress(Exception):  # a lost scheduler has none
            self._client.sync(self._clear_tokens, callback_timeout=CONNECT_SECONDS)
        self._client.close(timeout=CONNECT_SECONDS)

    async def _clear_tokens(self) -> None:
        for token in self._tokens:
            await self._client.scheduler.event_clear(name=token)

    def _forget(self, inner: Any, outer: Future[Any]) -> None:
        self._running.discard(outer)
        if outer.cancelled():
            inner.cancel()

    def _receive(self, outer: Future[Any], inner: Any) -> None:
        """Wait for the result of a task in a thread, so that lost results are waited for together.

        Dask calls the callbacks of all tasks in one thread, and those of unfinished tasks when the connection
        closes.
        """
        if not outer.done():
            self._start_thread("dask result", partial(_pass_on, outer, inner))

    def _start_thread(self, name: str, function: Callable[[], None]) -> None:
        def run() -> None:
            function()
            self._threads.discard(thread)

        thread = Thread(target=run, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _watch(self) -> None:
        """End all tasks with WorkerLost once there was no worker for `LOST_SECONDS`."""
        seen = time.monotonic()
        while not self._closing.wait(WATCH_SECONDS):
            with suppress(Exception):  # the scheduler does not answer
                if self._client.nthreads():
                    seen = time.monotonic()
            if time.monotonic() - seen > LOST_SECONDS:
                self._lost.set()
                for outer in list(self._running):
                    _end(outer, WorkerLost("all workers were lost"))
                return


def _begin_once(
    token: str, function: Callable[..., Result], args: Arguments, kwargs: dict[str, Any]
) -> Result:
    """Call a function in a worker, unless a lost worker has already begun to."""
    from distributed import Event as SchedulerEvent

    begun = SchedulerEvent(token)
    if begun.is_set():
        raise WorkerLost("it was lost during the visit, which is not repeated before its time")
    begun.set()
    return function(*args, **kwargs)


def _pass_on(outer: Future[Any], inner: Any) -> None:
    """End a task as the scheduler's has ended.

    Not `Client.get_executor`, whose futures never end if the worker of a result is lost before it is sent here.
    """
    try:
        result = inner.result(timeout=RESULT_SECONDS)
    except Exception as error:  # noqa: BLE001 - of the task, or of whatever prevents that its result arrives
        if inner.status == "error":
            _end(outer, error)
        else:
            _end(outer, WorkerLost(f"its result was lost ({type(error).__name__})"))
        return
    with suppress(InvalidStateError):
        outer.set_result(result)


def _end(future: Future[Any], error: BaseException) -> None:
    with suppress(InvalidStateError):  # it is done or cancelled
        future.set_exception(error)


def require_package(address: str) -> None:
    """Raise ExecutorMissing if the package of the extra `dask` is not installed."""
    if find_spec("distributed") is None:
        raise ExecutorMissing(
            f"fetch.executor {address} needs the package distributed, which is not installed:"
            f" install {DISTRIBUTION}[dask], or remove fetch.executor"
        )


def _connect(address: str) -> Any:
    """Connect to the scheduler; check that it has workers with this version of the program."""
    require_package(address)
    import dask
    from distributed import Client

    for name in ("distributed", "distributed.client"):  # their errors are reported here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    scheme = "tls" if dask.config.get("distributed.comm.require-encryption") else "tcp"
    place = f"{scheme}://{address.removeprefix(SCHEME)}"
    try:
        client = Client(place, timeout=CONNECT_SECONDS, set_as_default=False, name="aggregator")
    except (OSError, ValueError, RuntimeError) as error:
        raise ExecutorError(
            f"fetch.executor {address} cannot be used: no scheduler of Dask responds there;"
            " start it with `dask scheduler`, or remove fetch.executor"
        ) from error
    try:
        _check_workers(client, address, place)
    except BaseException:
        client.close(timeout=CONNECT_SECONDS)
        raise
    return client


def _check_workers(client: Any, address: str, place: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise ExecutorError(
            f"fetch.executor {address} cannot be used: it has no workers; start some with `dask worker {place}`"
        ) from error
    try:
        versions = client.run(_version)
    except Exception as error:
        raise ExecutorError(
            f"fetch.executor {address} cannot be used: its workers cannot import this program;"
            f" install {DISTRIBUTION}[dask] {__version__} on each"
        ) from error
    other = sorted({version for version in versions.values() if version != __version__})
    if other:
        raise ExecutorError(
            f"fetch.executor {address} cannot be used: workers have version {', '.join(other)}, this is"
            f" {__version__}; install the same version on each"
        )


def _version() -> str:
    return __version__
