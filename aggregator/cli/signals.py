"""Let a job finish its current step on SIGTERM or SIGINT."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aggregator.ports import Flag


@contextmanager
def until_signalled(then: Callable[[], object] | None = None) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal arrived; the first one calls `then`.

    A signal that is ignored stays so: shells start jobs in the background without SIGINT.
    """
    stop = Flag()

    def on_signal(*_: object) -> None:
        first = not stop.is_set()
        stop.set()
        if first and then:
            then()

    handled = [
        each for each in (signal.SIGTERM, signal.SIGINT) if signal.getsignal(each) is not signal.SIG_IGN
    ]
    usual = {number: signal.signal(number, on_signal) for number in handled}
    try:
        yield stop.is_set
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
