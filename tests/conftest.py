"""Fixtures and options of the whole suite: web servers, workplaces, a clock, new databases."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aggregator import app as wiring
from aggregator.store import connection
from tests import new_database
from tests.web_server import Answer, Asked, Web
from tests.workplace import HEAD, Clock, Workplace

__all__ = ["HEAD", "Answer", "Asked", "Clock", "Web", "Workplace"]


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """Remove proxies and a simulated time from the environment.

    Proxies do not reach loopback addresses.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.lower().endswith("_proxy") or name == wiring.CLOCK_VARIABLE:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Make writes of this process not wait for the disk.

    A killed process needs no fsync, and no test cuts the power.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "SYNCHRONOUS", "OFF")
        patch.setattr(os, "fsync", lambda _handle: None)
        patch.setattr(os, "sync", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def migrated() -> Iterator[None]:
    """Make new databases copies of one that was migrated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_prepare", new_database.prepare)
        yield


@pytest.fixture
def web() -> Iterator[Web]:
    """Run one web server."""
    server = Web()
    yield server
    server.close()


@pytest.fixture
def webs() -> Iterator[Callable[[], Web]]:
    """Run web servers on request, each on an address of its own."""
    servers: list[Web] = []

    def another() -> Web:
        servers.append(Web())
        return servers[-1]

    yield another
    for server in servers:
        server.close()


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands at NOW until a test sets it."""
    return Clock()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """Let time pass only in `time.sleep`; return a function that returns the seconds passed.

    A busy machine changes nothing then. Timeouts of sockets and locks still measure real time.
    """
    begun = now = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    return lambda: now - begun


@pytest.fixture
def place(tmp_path: Path, clock: Clock) -> Workplace:
    """Return an empty workplace."""
    return Workplace(tmp_path, clock)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the minimum time between two requests to one host."""
    real = wiring.build
    monkeypatch.setattr(wiring, "build", lambda file, **options: replace(real(file, **options), host_gap=0.0))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--soak`, which runs the long forms."""
    parser.addoption(
        "--soak", action="store_true", help="run only the long tests (kills, fuzz, simulated weeks)"
    )


MEMORY = Path("/dev/shm")
MIN_FREE_BYTES = 2 * 2**30
"""Minimum free memory for the files of tests, several times of what they take at once."""


def _keep_files_in_memory() -> None:
    """Put temporary files into memory, if it has space and runs programs, as on disk.

    On disk, tests of jobs take a sixth more processor time, and 40 % more time.
    """
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        system = os.statvfs(MEMORY)
        if system.f_bavail * system.f_frsize >= MIN_FREE_BYTES and not system.f_flag & os.ST_NOEXEC:
            os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of long tests, set where files are, and how Hypothesis draws.

    The suite draws the same examples each time, a soak new ones. Nothing is timed: that measures how busy the
    machine is.
    """
    config.addinivalue_line("markers", "soak: long form, only with --soak")
    _keep_files_in_memory()
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("suite", patient, derandomize=True)
    settings.register_profile("soak", patient)
    settings.load_profile("soak" if config.getoption("--soak") else "suite")
    gc.disable()  # while ten thousand tests are collected: a third of the time of that


def pytest_collection_finish() -> None:
    """Exclude modules and collected tests, which stay to the end, from garbage collection.

    Collect rarely: after each 700 objects, as by default, takes 3 % of the time of all tests.
    """
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


LONGEST = (
    "test_safety.py",
    "test_daemon.py",
    "test_walk.py",
    "test_deliver.py",
    "test_fuzz.py",
    "test_browser.py",
    "test_simulated_year.py",
    "test_fairness.py",
    "test_websub.py",
    "test_client_rules.py",
    "test_watchdog.py",
    "test_demo.py",
    "test_sandbox.py",
    "test_ten_weeks.py",
    "test_actions.py",
    "test_labelled_pairs.py",
    "test_wrong_input.py",
    "test_commands.py",
    "test_faulty_relay.py",
    "test_removals.py",
    "test_kills.py",
    "test_dask_executor.py",
)
"""Files to begin with: a worker runs whole files, and a long one at the end delays all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select long tests with `--soak`, all others without; put the longest files first."""
    soak = config.getoption("--soak")
    selected: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        (selected if (item.get_closest_marker("soak") is not None) == soak else deselected).append(item)
    config.hook.pytest_deselected(items=deselected)
    rank = {name: n for n, name in enumerate(LONGEST)}
    items[:] = sorted(selected, key=lambda item: rank.get(item.path.name, len(LONGEST)))
