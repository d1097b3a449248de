"""Documents are parsed in separate processes, and any fault there is one failure."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aggregator.errors import SandboxFailure, UnreadableDocument
from aggregator.gateways import sandbox
from aggregator.model.config import Credentials, Smtp
from tests.gateways.sandbox_tasks import (
    attempts,
    die,
    double,
    environment,
    fill,
    forge,
    hang,
    length,
    refuse,
    snooze,
    stumble,
    swell,
    write,
)
from tests.processes import until


@pytest.fixture(scope="module")
def processes() -> Iterator[sandbox.ProcessSandbox]:
    """Return a sandbox whose processes are ended afterwards."""
    yield sandbox.ProcessSandbox()
    sandbox.end_processes()


def children(parent: int) -> dict[int, str]:
    """Return the sandbox processes of a process, with their names."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().partition("(")[2].rpartition(")")
            ours = b"sandbox_worker" in (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        state, its_parent = rest.split()[:2]
        if int(its_parent) == parent and ours and state != "Z":
            found[int(status.parent.name)] = name
    return found


def test_values_are_passed_and_returned(processes: sandbox.ProcessSandbox) -> None:
    """The function's result is returned, and its UnreadableDocument is raised."""
    assert processes(double, 21, seconds=10) == 42
    with pytest.raises(UnreadableDocument, match="no"):
        processes(refuse, "no", seconds=10)
    with pytest.raises(UnreadableDocument, match=r"^\[2J x{140,150}…x{140,150}$"):
        processes(refuse, "\x1b[2J\n" + "x" * 900_000, seconds=10)


def test_time_memory_and_death_are_failures(processes: sandbox.ProcessSandbox) -> None:
    """A task that hangs, takes memory or ends its process fails; the next one works (L2)."""
    begun = time.monotonic()
    with pytest.raises(SandboxFailure, match=r"takes longer than 0\.5 s"):
        processes(hang, 60, seconds=0.5)
    assert time.monotonic() - begun < 30
    with pytest.raises(SandboxFailure, match="more than 180 MB of memory"):
        processes(swell, 1000, seconds=10)
    with pytest.raises(SandboxFailure, match="more than 180 MB of memory"):
        processes(length, bytes(300_000_000), seconds=20)
    with pytest.raises(SandboxFailure, match="result is larger than 64 MB"):
        processes(fill, 65, seconds=20)
    with pytest.raises(SandboxFailure, match="killed its process"):
        processes(die, seconds=10)
    assert processes(double, 1, seconds=10) == 2


def test_a_dead_process_harms_no_other_task(processes: sandbox.ProcessSandbox) -> None:
    """Tasks beside and after one that kills its process are done (L2)."""
    with ThreadPoolExecutor(4) as pool:
        dead = pool.submit(processes, die, seconds=20)
        others = [pool.submit(processes, double, n, seconds=20) for n in range(20)]
        assert [other.result() for other in others] == [2 * n for n in range(20)]
        assert isinstance(dead.exception(), SandboxFailure)


def test_an_error_of_the_function_breaks_nothing(processes: sandbox.ProcessSandbox) -> None:
    """An exception of a parser is a failure of its document only (L2)."""
    with ThreadPoolExecutor(4) as pool:
        stumbled = pool.submit(processes, stumble, seconds=20)
        others = [pool.submit(processes, double, n, seconds=20) for n in range(10)]
        assert [other.result(30) for other in others] == [2 * n for n in range(10)]
    with pytest.raises(SandboxFailure, match="RecursionError: too deep"):
        stumbled.result()


def test_ended_processes_are_started_again(processes: sandbox.ProcessSandbox) -> None:
    """Processes that a service manager ended, idle or busy, are started again (L2)."""
    for child in children(os.getpid()):
        os.kill(child, signal.SIGTERM)
    assert processes(double, 1, seconds=10) == 2
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(processes, snooze, 1.5, seconds=20)
        time.sleep(0.5)
        for child in children(os.getpid()):
            os.kill(child, signal.SIGTERM)
        assert slow.result() == 1.5


def test_closed_processes_are_started_again(processes: sandbox.ProcessSandbox) -> None:
    """After `close` no process is left, and the next call works."""
    sandbox.end_processes()
    assert not children(os.getpid())
    assert processes(double, 2, seconds=10) == 4


def test_processes_are_started_when_needed() -> None:
    """Successive documents share one process; more are started while documents wait for it."""
    sandbox.end_processes()
    processes = sandbox.ProcessSandbox(processes=2)
    for n in range(5):
        processes(double, n, seconds=10)
    assert len(children(os.getpid())) == 1
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: processes(snooze, 0.3, seconds=20), range(6))) == [0.3] * 6
    assert len(children(os.getpid())) == 2


def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    """A killed run leaves no process behind, not even one that is busy in C."""
    script = (
        "from tests.gateways.sandbox_tasks import burn, double\n"
        "from aggregator.gateways import sandbox\n"
        "from aggregator.errors import SandboxFailure\n"
        "import contextlib, threading, time\n"
        "run = sandbox.ProcessSandbox()\n"
        "def burn_again():\n"
        "    while True:\n"
        "        with contextlib.suppress(SandboxFailure):\n"
        "            run(burn, seconds=3)\n"
        "threading.Thread(target=burn_again).start()\n"
        "run(double, 1, seconds=10)\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment)
    busy: dict[int, str] = {}
    while "burning" not in busy.values():
        assert parent.poll() is None
        time.sleep(0.05)
        busy = children(parent.pid)
    parent.kill()
    parent.wait()
    until(lambda: not [pid for pid in busy if _lives(pid)], lambda: "left behind")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- secrets and files ---------------------------------------------------------------------------------


def test_no_secret_is_in_environment_or_arguments(
    processes: sandbox.ProcessSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox process gets a few harmless variables and no credentials."""
    monkeypatch.setenv("SMTP_PASSWORD", "hush-hush")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    sandbox.end_processes()
    said = processes(environment, seconds=10)
    assert not any("hush-hush" in value or "SMTP_PASSWORD" in value for value in said)
    assert "Europe/Berlin" in said
    relay = Smtp(host="relay.example", port=25, security="none", password="hush-hush")
    for secret in (relay, Credentials(origin="https://a.example", user="me", password="hush-hush")):
        with pytest.raises(TypeError, match="holds secrets"):
            processes(length, secret, seconds=10)


def test_no_file_is_written(processes: sandbox.ProcessSandbox, tmp_path: Path) -> None:
    """A sandbox process cannot write files, and continues after it tried."""
    assert processes(write, str(tmp_path / "file"), seconds=10) in ("OSError", "PermissionError")
    assert not any(file.stat().st_size for file in tmp_path.iterdir())
    assert processes(double, 1, seconds=10) == 2


def test_files_programs_and_network_are_denied(processes: sandbox.ProcessSandbox, tmp_path: Path) -> None:
    """With Landlock a process reads only Python's files, runs and connects to nothing."""
    version = ctypes.CDLL(None).syscall(444, None, 0, 1)
    if version < 6:
        pytest.skip(f"needs Landlock 6, the kernel has {version}")
    secret = tmp_path / "secret"
    secret.write_text("hush-hush")
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = processes(attempts, str(secret), server.getsockname()[1], seconds=10)
    assert set(done.values()) == {"denied"}, done
    assert secret.exists()


def test_documents_are_parsed_without_landlock_if_it_kills() -> None:
    """Where a filter kills for Landlock, documents are parsed without it."""
    script = (
        "import ctypes, struct\n"
        "from aggregator.gateways import sandbox\n"
        "from tests.gateways.sandbox_tasks import double\n"
        "# Load the number of the call; kill the process for 444, allow all others.\n"
        "steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000)]\n"
        "code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))\n"
        "program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(steps), ctypes.addressof(code)))\n"
        "libc = ctypes.CDLL(None)\n"
        "assert libc.prctl(38, 1, 0, 0, 0) == 0\n"
        "assert libc.prctl(22, 2, program, 0, 0) == 0\n"
        "run = sandbox.ProcessSandbox()\n"
        "assert [run(double, n, seconds=10) for n in range(3)] == [0, 2, 4]\n"
        "assert sandbox._landlock_kills\n"
        "sandbox.end_processes()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


# --- a process that a document has taken over ----------------------------------------------------------


class Bomb:
    """An object whose unpickling creates a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.file}",)


def _frame(content: bytes) -> bytes:
    return content[:1] + (len(content) - 1).to_bytes(4, "big") + content[1:]


FORGED = {
    "a pickle in place of a result": (lambda bomb: _frame(b"v" + bomb), "hang", "no valid result"),
    "a pickle in place of an answer": (lambda bomb: _frame(bomb), "hang", "no valid result"),
    "a pickle without a frame": (lambda bomb: bomb, "hang", "no valid result"),
    "a text in place of a value": (lambda _: _frame(b'v"text"'), "hang", "no valid result"),
    "a type that is not declared": (lambda _: _frame(b"v[2,[]]"), "hang", "no valid result"),
    "a negative type": (lambda _: _frame(b"v[-1,[]]"), "hang", "no valid result"),
    "too few fields": (lambda _: _frame(b'v[1,["reason"]]'), "hang", "no valid result"),
    "a field of another type": (
        lambda _: _frame(b"v[1,[7,null,null,false,null]]"),
        "hang",
        "no valid result",
    ),
    "an empty value": (lambda _: _frame(b"v"), "hang", "no valid result"),
    "an unknown answer": (lambda _: _frame(b"x"), "hang", "no valid result"),
    "no JSON": (lambda _: _frame(b"v\xff{"), "hang", "no valid result"),
    "deep JSON": (lambda _: _frame(b"v" + b"[" * 200_000), "hang", "no valid result"),
    "a long number": (lambda _: _frame(b"v" + b"9" * 100_000), "hang", "no valid result"),
    "a huge length": (lambda _: b"v" + b"\xff" * 4, "hang", "larger than 64 MB"),
    "a length that never comes": (lambda _: b"v\x00\x00\x01\x00[", "hang", "longer than 1 s"),
    "half a frame": (lambda _: b"v\x00\x00\x01\x00[", "end", "killed its process"),
    "half a length": (lambda _: b"v\x00", "end", "killed its process"),
    "bytes without end": (lambda _: b"v" * 60_000, "repeat", "larger than 64 MB"),
    "zeros without end": (lambda _: bytes(60_000), "repeat", "no valid result"),
    "a frame byte by byte": (lambda _: b"v\x00\x10", "trickle", "longer than 1 s"),
}


@pytest.mark.parametrize("case", FORGED)
def test_nothing_that_a_process_sends_is_executed(
    case: str, processes: sandbox.ProcessSandbox, tmp_path: Path
) -> None:
    """Any frame in place of a result is a failure, and nothing of it is executed."""
    make, then, words = FORGED[case]
    data = make(pickle.dumps(Bomb(tmp_path / "harm")))
    with pytest.raises(SandboxFailure, match=words):
        processes(forge, data, then, seconds=1 if "longer" in words else 60)
    assert not list(tmp_path.iterdir())
    assert processes(double, 3, seconds=10) == 6
