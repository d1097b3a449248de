"""Measure how `aggregator serve` responds to requests for a feed, a page and searches.

    python benchmarks/serve.py [--seconds 3] [--connections 8] [--kib 400] [--stories 100000] [--json]

Searches are for one or two words, each query once, in an archive of `--stories` as in benchmarks/scale.py.

Server and client are two processes on loopback with keep-alive connections, each on its own core if there are two.
`cpu_us` is the processor time of the server for one request, `a_core_second` the requests that a core of its own would
serve in a second, and `a_second` the requests served beside the client and other processes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote_plus

import scale

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
TIMEOUT_SECONDS = 20.0
"""Seconds until the server accepts connections, and until a response is complete."""
MAX_REQUESTS = 200_000
"""Maximum requests of each kind."""

FRONT_PAGE_BYTES = 60_000
"""Maximum size of the front page."""
ENTRY = """\
<entry><id>tag:news.example,2026:story/{n}</id><title>{title}</title><updated>2026-10-05T06:30:00Z</updated>
<link href="https://node.example/news/{n}"/><summary>{text}</summary></entry>
"""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seconds", type=float, default=3.0, help="for each kind")
    options.add_argument("--connections", type=int, default=8)
    options.add_argument("--kib", type=int, default=400, help="size of atom.xml")
    options.add_argument("--stories", type=int, default=1_000, help="size of the archive that is searched")
    options.add_argument("--archive", type=Path, help="the folder of an archive that exists already")
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    with ExitStack() as stack:
        folder = arguments.archive or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not arguments.archive:
            scale.fill(folder, arguments.stories)
        process, port = stack.enter_context(served(folder, arguments.kib))
        result = measure(process, port, arguments.connections, arguments.seconds)
    print(json.dumps(result, indent=2) if arguments.json else _table(result))
    return 0


@contextmanager
def served(folder: Path, kib: int) -> Iterator[tuple[int, int]]:
    """Run `aggregator serve` on a folder with a feed and its `.gz`; yield process id and port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    settings = (folder / "feeds.yaml").read_text(encoding="utf-8").partition("\nweb:")[0]
    settings += f"\nweb: {{listen: '127.0.0.1:{port}'}}\n"
    (folder / "feeds.yaml").write_text(settings, encoding="utf-8")
    public = folder / "public"
    public.mkdir(exist_ok=True)
    page = feed_of(FRONT_PAGE_BYTES)
    (public / "index.html").write_bytes(page)
    (public / "index.html.gz").write_bytes(gzip.compress(page, mtime=0))
    feed = feed_of(kib * 1024)
    (public / "atom.xml").write_bytes(feed)
    (public / "atom.xml.gz").write_bytes(gzip.compress(feed, mtime=0))
    command = [sys.executable, "-m", "aggregator", "-c", str(folder / "feeds.yaml"), "serve"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait_until_listening(port, process, folder / "log")
        _pin_to_cores(process.pid)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def feed_of(size: int) -> bytes:
    """Return an Atom feed of at least `size` bytes that compresses like prose."""
    words, parts, length = random.Random(1), [b'<feed xmlns="http://www.w3.org/2005/Atom">\n'], 0
    for n in range(size):
        text = " ".join("".join(words.choices("aeinorstdlm", k=words.randint(2, 9))) for _ in range(60))
        parts.append(ENTRY.format(n=n, title=text[:60], text=text).encode())
        length += len(parts[-1])
        if length >= size:
            break
    return b"".join([*parts, b"</feed>\n"])


def _wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server does not start:\n" + log.read_text("utf-8", "replace"))


def _pin_to_cores(pid: int) -> None:
    """Pin server and client to different cores."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(pid, {cores[0]})
        os.sched_setaffinity(0, set(cores[1:]))


def measure(pid: int, port: int, connections: int, seconds: float) -> dict[str, Any]:
    """Return the measurements of each kind of request."""
    etag = _tag(_once(port, _request("GET", gzip=True)))
    kinds = {
        "front page": (200, _request("GET", "/", gzip=True)),
        "304": (304, _request("GET", gzip=True, known=etag)),
        "200 gzip": (200, _request("GET", gzip=True)),
        "200 identity": (200, _request("GET")),
        "HEAD": (200, _request("HEAD", gzip=True)),
    }
    found = {}
    for kind, (status, request) in kinds.items():
        answer = _once(port, request)
        if int(answer.split(None, 2)[1]) != status:
            raise SystemExit(f"{kind}: {answer[:200]!r}")
        before = _cpu(pid)
        count, wall = drive(port, request, len(answer), connections, seconds)
        found[kind] = _row(count, wall, _cpu(pid) - before, len(answer))
    before = _cpu(pid)
    count, wall, size = search(port, seconds)
    found["search"] = _row(count, wall, _cpu(pid) - before, size)
    return {"connections": connections, "kinds": found, "memory_mb": _memory(pid)}


def _row(count: int, wall: float, cpu: float, size: int) -> dict[str, int]:
    cpu = max(cpu, 1 / TICKS)
    return {
        "requests": count,
        "a_second": round(count / wall),
        "a_core_second": round(count / cpu),
        "cpu_us": round(cpu / count * 1e6),
        "bytes": size,
    }


def search(port: int, seconds: float) -> tuple[int, float, int]:
    """Search for other words each time; return number, seconds and mean size of responses."""
    words, count, size = scale.Words(3), 0, 0
    with (
        socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client,
        client.makefile("rb") as answers,
    ):
        begun = time.perf_counter()
        while (wall := time.perf_counter() - begun) < seconds:
            query = quote_plus(" ".join(words.word() for _ in range(1 + count % 2)))
            client.sendall(_request("GET", f"/search?q={query}", gzip=True))
            answer = _read(answers)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"search: {answer[:200]!r}")
            count, size = count + 1, size + len(answer)
    return count, wall, size // max(count, 1)


def drive(port: int, request: bytes, length: int, connections: int, seconds: float) -> tuple[int, float]:
    """Send `request` on each connection whenever a response of `length` bytes is complete.

    Return the number of responses and the seconds.
    """
    buffer = memoryview(bytearray(1 << 20))
    with ExitStack() as stack:
        waiting = stack.enter_context(selectors.DefaultSelector())
        for _ in range(connections):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS))
            waiting.register(client, selectors.EVENT_READ, (client, [0]))
            client.sendall(request)
        begun = time.perf_counter()
        count = 0
        while count < MAX_REQUESTS and (wall := time.perf_counter() - begun) < seconds:
            ready = waiting.select(TIMEOUT_SECONDS)
            if not ready:
                raise SystemExit("no response within the time limit")
            for key, _ in ready:
                client, got = key.data
                read = client.recv_into(buffer)
                got[0] += read
                if not read or got[0] > length:
                    raise SystemExit("the server closed the connection, or sent another response than before")
                if got[0] == length:
                    got[0] = 0
                    count += 1
                    client.sendall(request)
        return count, wall


def _request(method: str, path: str = "/atom.xml", *, gzip: bool = False, known: str = "") -> bytes:
    fields = ["Host: 127.0.0.1", "User-Agent: benchmark/1 (+https://reader.example)", "Accept: */*"]
    fields += ["Accept-Encoding: gzip, deflate, br"] if gzip else []
    fields += [f"If-None-Match: {known}"] if known else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode()


def _once(port: int, request: bytes) -> bytes:
    """Send a request on a new connection; return the complete response."""
    with (
        socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client,
        client.makefile("rb") as answer,
    ):
        client.sendall(request)
        return _read(answer, bodiless=request.startswith(b"HEAD"))


def _read(answers: BinaryIO, *, bodiless: bool = False) -> bytes:
    """Read one response."""
    head = b"".join(iter(answers.readline, b"\r\n")) + b"\r\n"
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    bodiless = bodiless or b" 304 " in head[:13]
    return head if bodiless or not length else head + answers.read(int(length[1]))


def _tag(answer: bytes) -> str:
    found = re.search(rb"\r\netag: (\S+)\r\n", answer, re.IGNORECASE)
    if not found:
        raise SystemExit(f"no ETag: {answer[:300]!r}")
    return found[1].decode()


def _cpu(pid: int) -> float:
    """Return the processor seconds of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


def _table(result: dict[str, Any]) -> str:
    keys = ("a_second", "a_core_second", "cpu_us", "bytes")
    lines = [f"{'kind':<14}" + "".join(f"{key:>15}" for key in keys)]
    for kind, row in result["kinds"].items():
        lines.append(f"{kind:<14}" + "".join(f"{row[key]:>15,}" for key in keys))
    return "\n".join([*lines, f"{result['connections']} connections, at most {result['memory_mb']} MB"])


if __name__ == "__main__":
    sys.exit(main())
