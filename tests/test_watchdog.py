"""The daemon under systemd: readiness, watchdog, and the end after the scheduler stopped."""

from __future__ import annotations

import queue
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from aggregator.gateways import systemd
from tests.builders import rss
from tests.conftest import Answer, Asked, Web, Workplace
from tests.processes import LONGEST_SECONDS, until
from tests.test_daemon import item, one, running

INJURED = """
import ctypes, os, threading, time
from aggregator import daemon
from aggregator.cli import main

def kill():
    while not os.path.exists(os.environ["KILL"]):
        time.sleep(0.05)
    # Not from the start on, which takes longer on a busy machine.
    for name in ("STALLED_SECONDS", "STUCK_SECONDS", "RESUME_SECONDS"):
        if name in os.environ:
            setattr(daemon, name, float(os.environ[name]))
    # Like an exception in its loop; it arrives when the thread runs next. Within a job the pool would catch it,
    # so repeat it until the thread is dead.
    victims = [thread for thread in threading.enumerate() if thread.name.startswith(os.environ["VICTIM"])]
    while any(thread.is_alive() for thread in victims):
        for thread in victims:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        time.sleep(0.05)
    os.remove(os.environ["KILL"])

threading.Thread(target=kill, daemon=True).start()
daemon.TICK_SECONDS = float(os.environ.get("TICK_SECONDS", daemon.TICK_SECONDS))
main()
"""
PROGRAM = ("-c", INJURED)


class Supervisor:
    """Act as systemd: receive the datagrams of a service.

    They are received at once: Linux keeps about ten of them for a socket, and a service drops further ones.
    """

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.received: queue.Queue[str] = queue.Queue()
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self) -> None:
        while message := self.socket.recv(1000):
            self.received.put(message.decode())

    def close(self) -> None:
        """Stop receiving."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()

    def next(self, patience: float = LONGEST_SECONDS) -> str:
        """Return the next message; raises queue.Empty."""
        return self.received.get(timeout=patience)

    def until_stopping(self) -> list[str]:
        """Return the messages before STOPPING, which must come."""
        return list(iter(self.next, "STOPPING=1"))

    def during(self, seconds: float) -> list[str]:
        """Return all messages of the next seconds, and those not read before."""
        found = []
        end = time.monotonic() + seconds
        with suppress(queue.Empty):
            while (left := end - time.monotonic()) > 0:
                found.append(self.next(left))
        return found


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Return a supervisor at the socket `notify`."""
    with closing(Supervisor(str(tmp_path / "notify"))) as made:
        yield made


def env(place: Workplace, victim: str = "nobody", **more: str) -> dict[str, str]:
    """Return the environment of a daemon whose thread `victim` dies once the file `kill` exists."""
    paths = {"NOTIFY_SOCKET": str(place.folder / "notify"), "KILL": str(place.folder / "kill")}
    return {"WATCHDOG_USEC": "1200000", **paths, "VICTIM": victim, **more}


def test_readiness_liveness_and_the_end_are_reported(
    place: Workplace, web: Web, supervisor: Supervisor
) -> None:
    """READY once it serves, WATCHDOG more than twice as often as asked for, STOPPING at its end."""
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web), **env(place)) as daemon:
        messages = [supervisor.next() for _ in range(6)]
        if "READY=1" not in messages:  # a busy machine starts slowly
            messages += [*iter(supervisor.next, "READY=1"), "READY=1"]
        assert messages.count("READY=1") == 1 and messages.count("WATCHDOG=1") >= 5
        assert daemon.get("/nothing")[0] == 404
        assert daemon.end() == 0
    assert "READY=1" not in supervisor.until_stopping()


def test_a_dead_scheduler_ends_the_daemon(place: Workplace, web: Web, supervisor: Supervisor) -> None:
    """When the thread of the scheduler dies the process ends with 1 and reports STOPPING."""
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web), program=PROGRAM, **env(place, "APScheduler")) as daemon:
        daemon.until("1 visited")
        (place.folder / "kill").touch()
        assert daemon.process.wait(LONGEST_SECONDS) == 1
        log = daemon.log.read_text("utf-8")
    assert "aggregator: the scheduler thread died; nothing is lost; start the daemon again" in log
    supervisor.until_stopping()


QUICK = {"TICK_SECONDS": "0.3", "STALLED_SECONDS": "1.5", "RESUME_SECONDS": "1"}


def test_a_dead_worker_ends_the_daemon(place: Workplace, web: Web, supervisor: Supervisor) -> None:
    """When the thread of the jobs dies no tick comes any more, and the process ends with 1."""
    web.feed("/feed", rss(item(1)), '"1"')
    options = env(place, "ThreadPoolExecutor-0", **QUICK)
    with running(place, one(web), program=PROGRAM, **options) as daemon:
        daemon.until("1 visited")
        (place.folder / "kill").touch()
        assert daemon.process.wait(LONGEST_SECONDS) == 1
        assert re.search(r"aggregator: the scheduler has not ticked for \d+ s", daemon.log.read_text("utf-8"))


def test_a_job_that_hangs_ends_the_daemon(place: Workplace, web: Web, supervisor: Supervisor) -> None:
    """A job without progress stops the WATCHDOG reports and ends the daemon with 1."""

    before: list[int] = []
    ended = threading.Event()

    def hanging(_: Asked) -> Answer:
        before.append(supervisor.received.qsize())
        (place.folder / "kill").touch()
        ended.wait(LONGEST_SECONDS)
        return Answer(rss(item(1)))

    web.answers["/feed"] = hanging
    slowly = QUICK | {"RESUME_SECONDS": "4"}
    with running(place, one(web), program=PROGRAM, **env(place, STUCK_SECONDS="1", **slowly)) as daemon:
        daemon.until("a job that made no progress")
        messages = supervisor.until_stopping()
        ended.set()  # the process waits for the thread of its job
        assert daemon.process.wait(LONGEST_SECONDS) == 1
    assert "WATCHDOG=1" in messages
    assert messages[before[0] :].count("WATCHDOG=1") <= 8  # of 16 in 5 s


def test_a_process_that_was_suspended_goes_on(place: Workplace, web: Web, supervisor: Supervisor) -> None:
    """A process that was suspended for longer than the limit gets time to continue."""
    web.feed("/feed", rss(item(1)), '"1"')
    with running(place, one(web), program=PROGRAM, **env(place, **QUICK | {"RESUME_SECONDS": "5"})) as daemon:
        daemon.until("1 visited")
        (place.folder / "kill").touch()
        until(lambda: not (place.folder / "kill").exists())
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        supervisor.during(0.1)
        daemon.process.send_signal(signal.SIGCONT)
        assert [supervisor.next() for _ in range(4)] == ["WATCHDOG=1"] * 4
        assert daemon.end() == 0


# --- the protocol --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["@aggregator-test-{}", "{}/socket"])
def test_message_is_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Messages reach sockets with a path and abstract sockets."""
    address = address.format(tmp_path if address.startswith("{") else tmp_path.name)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with closing(Supervisor("\0" + address[1:] if address.startswith("@") else address)) as supervisor:
        systemd.notify(systemd.READY)
        assert supervisor.next() == "READY=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "@nobody-listens", "x" * 500])
def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    """A missing socket, or one without a listener, is no error."""
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify(systemd.READY)


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [("3000000", None, 3), ("3000000", "1", None), (None, None, None), ("x", None, None), ("0", None, None)],
)
def test_watchdog_seconds(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, seconds: float | None
) -> None:
    """WATCHDOG_USEC counts unless it is meant for another process."""
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    assert systemd.watchdog_seconds() == seconds
