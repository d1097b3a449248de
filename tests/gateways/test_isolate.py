"""Foreign documents are read in processes of their own: whatever they do there, it is one failure in words."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aggregator.errors import Spoiled, UnreadableDocument
from aggregator.gateways import isolate
from tests.processes import until


@pytest.fixture(scope="module")
def isolated() -> Iterator[isolate.Isolation]:
    """Processes that are ended afterwards."""
    yield isolate.Isolation()
    isolate.close()


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
    """A task that raises what pebble itself raises when it is broken."""
    raise RecursionError("too deep")


def burn(file: str) -> None:
    """A task that is busy for ever, in C."""
    Path(file).touch()
    re.match(r"(a+)+$", "a" * 60 + "b")


def refuse() -> None:
    """A task that raises."""
    raise UnreadableDocument("no")


def test_values_go_in_and_come_out(isolated: isolate.Isolation) -> None:
    """What the function makes comes back, and what it raises is raised."""
    assert isolated(double, 21, seconds=10) == 42
    with pytest.raises(UnreadableDocument, match="no"):
        isolated(refuse, seconds=10)


def test_time_memory_and_death_are_failures_in_words(isolated: isolate.Isolation) -> None:
    """L2: a task that hangs, swells or dies is Spoiled, soon, and the next one is done as if nothing had been."""
    begun = time.monotonic()
    with pytest.raises(Spoiled, match=r"takes longer than 0\.5 s"):
        isolated(hang, 60, seconds=0.5)
    assert time.monotonic() - begun < 30
    with pytest.raises(Spoiled, match="more than 180 MB of memory"):
        isolated(swell, 1000, seconds=10)
    with pytest.raises(Spoiled, match="killed its process"):
        isolated(die, seconds=10)
    assert isolated(double, 1, seconds=10) == 2


def test_a_dead_process_takes_nobody_with_it(isolated: isolate.Isolation) -> None:
    """L2: tasks beside and behind one that kills its process are done."""
    with ThreadPoolExecutor(4) as pool:
        dead = pool.submit(isolated, die, seconds=20)
        others = [pool.submit(isolated, double, n, seconds=20) for n in range(20)]
        assert [other.result() for other in others] == [2 * n for n in range(20)]
        assert isinstance(dead.exception(), Spoiled)


def test_an_error_of_the_function_breaks_nothing(isolated: isolate.Isolation) -> None:
    """L2: RecursionError is a RuntimeError, like pebble's own of a broken pool; tasks beside it are done."""
    with ThreadPoolExecutor(4) as pool:
        stumbled = pool.submit(isolated, stumble, seconds=20)
        others = [pool.submit(isolated, double, n, seconds=20) for n in range(10)]
        assert [other.result(30) for other in others] == [2 * n for n in range(10)]
        assert isinstance(stumbled.exception(30), RecursionError)


def test_processes_that_somebody_ended_are_begun_again(isolated: isolate.Isolation) -> None:
    """L2: a service manager that ends all processes of a group makes no innocent document fail."""
    assert isolated(double, 1, seconds=10) == 2
    for child in multiprocessing.active_children():
        os.kill(child.pid or 0, signal.SIGTERM)
    results = []
    for n in range(5):
        try:
            results.append(isolated(double, n, seconds=10) == 2 * n)
        except Spoiled as error:
            assert "processes that read documents" in str(error)
    assert len(results) >= 3 and all(results)


def test_closed_processes_are_begun_anew(isolated: isolate.Isolation) -> None:
    """After `close` nothing is left, and the next call works."""
    isolate.close()
    assert isolated(double, 2, seconds=10) == 4


def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    """A run that is killed leaves no process behind, not even one that is busy in C."""
    script = (
        "from tests.gateways.test_isolate import double\n"
        "from aggregator.gateways import isolate\nimport os, time\n"
        "if __name__ == '__main__':\n"
        "    import threading\n    from tests.gateways.test_isolate import burn\n"
        "    run = isolate.Isolation()\n    run(double, 1, seconds=10)\n"
        f"    call = dict(args=(burn, {str(tmp_path / 'ready')!r}), kwargs=dict(seconds=0.5))\n"
        "    threading.Thread(target=run, **call).start()\n"
        "    time.sleep(60)\n"
    )
    file = tmp_path / "script.py"
    file.write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "ORPHAN_MARK": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, str(file)], env=environment)
    until(lambda: (tmp_path / "ready").exists() or parent.poll() is not None)
    assert parent.poll() is None
    parent.kill()
    parent.wait()

    def left() -> list[str]:
        found = []
        for status in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"ORPHAN_MARK={tmp_path}".encode() in status.read_bytes():
                    found.append(status.parent.name)
            except OSError:
                continue
        return found

    # The kernel ends it after seconds of processor time, which are minutes of a busy machine.
    until(lambda: not left(), lambda: f"left behind: {left()}", seconds=600)
