"""Run the real program against faulty servers, and collect what it leaves."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aggregator.store import connection
from tests.builders import NOW, rss
from tests.command import PROGRAM, news
from tests.faulty_servers.server import SERVER_SECONDS, Case, Servers
from tests.web_server import Web

TIMEOUT_SECONDS = 3.0
RUN_SECONDS = 60.0
"""Maximum seconds of a run."""
MAX_MEGABYTES = 300
"""Maximum megabytes of a run."""
SAMPLE_SECONDS = 0.02
"""Seconds between two measurements of memory."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
HEAD = """\
site: {title: Imaging news, url: "https://news.example/", contact: editors@news.example,
       timezone: Europe/Berlin, authority: "news.example,2026"}
fetch: {timeout: 3s, concurrency: 24, allow_private: [127.88.0.0/16, 127.89.0.0/16]}
sources:
"""


@dataclass(frozen=True)
class Run:
    """Hold exit code, output, seconds and peak memory of one process with its children.

    Up to MAX_MEGABYTES, memory that processes share is counted in each.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Visit:
    """Hold a visit as the database has it."""

    outcome: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Round:
    """Hold the results of visits to cases and two healthy sources."""

    folder: Path
    runs: tuple[Run, ...]
    visits: dict[str, list[Visit]]
    """By source; the healthy ones are `good-first` and `good-last`."""
    next_visits: dict[str, datetime]
    titles: dict[str, set[str]]
    longest_text: int
    sound: str
    atom: bytes
    servers: Servers
    canaries: int


def make(folder: Path, cases: Sequence[Case]) -> Round:
    """Visit the cases, those with `then` twice, and collect the results."""
    folder.mkdir(parents=True)
    servers, webs = Servers(cases, folder), (Web(), Web())
    try:
        for n, web in enumerate(webs, 1):
            web.feed("/feed", rss(news(n)))
        _write(folder, servers, cases, webs)
        with connection.opened(folder / "var" / "aggregator.db") as store:
            connection.record_schema(store)  # migrating takes a fifth of a run of three sources
        runs = [observed(folder, NOW)]
        if again := [case.name for case in cases if case.then]:
            runs.append(observed(folder, NOW + timedelta(hours=2), *again))
    finally:
        servers.close()
        for web in webs:
            web.close()
    return _seen(folder, servers, tuple(runs))


def _write(folder: Path, servers: Servers, cases: Sequence[Case], webs: tuple[Web, Web]) -> None:
    lines = [f"  - {{id: good-first, name: Good, url: '{webs[0].url}/feed'}}"]
    for case in cases:
        more = f", {case.options}" if case.options else ""
        lines.append(f"  - {{id: {case.name}, name: {case.name}, url: '{servers.url(case)}'{more}}}")
    lines.append(f"  - {{id: good-last, name: Good, url: '{webs[1].url}/feed'}}")
    (folder / "feeds.yaml").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def observed(folder: Path, now: datetime, *ids: str) -> Run:
    """Run `aggregator fetch` in `folder`, and measure its memory."""
    env = {**os.environ, "AGGREGATOR_NOW": now.isoformat(), "FAULTY": "secret"}
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        env.pop(name, None)  # coverage takes time and memory, which are measured here
    started = time.monotonic()
    with (folder / "out").open("wb+") as out, (folder / "err").open("wb+") as err:
        command = [str(PROGRAM), "fetch", "--json", "--force", *ids]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        peak, memory = 0.0, _Memory(process.pid)
        while process.poll() is None:
            peak = max(peak, memory.megabytes())
            if time.monotonic() - started > RUN_SECONDS:
                os.killpg(process.pid, 9)
                process.wait()
                break
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        code = process.returncode
        return Run(code, out.read().decode(), err.read().decode(), seconds, peak)


class _Memory:
    """Measure the megabytes of all processes of a session.

    Shared pages are counted once where that matters: adding up the shares takes a hundred times as long as reading the
    resident sizes, which are never smaller. Only Linux has the figures; elsewhere they are 0.
    """

    def __init__(self, session: int) -> None:
        self.session = session
        self.members: list[str] = []
        self.listed = 0.0

    def megabytes(self) -> float:
        """Return the megabytes now; processes are listed less often, which takes longer."""
        if sys.platform != "linux":
            return 0.0
        if time.monotonic() - self.listed > 5 * SAMPLE_SECONDS:
            self.members = [pid for pid in _processes() if self._is_member(pid)]
            self.listed = time.monotonic()
        resident = sum(map(_resident, self.members)) / 1_000_000
        return resident if resident <= MAX_MEGABYTES else sum(map(_proportional, self.members)) / 1_000

    def _is_member(self, pid: str) -> bool:
        try:
            return os.getsid(int(pid)) == self.session
        except OSError:
            return False


def _processes() -> list[str]:
    with os.scandir("/proc") as found:
        return [entry.name for entry in found if entry.name.isdigit()]


def _resident(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def _proportional(pid: str) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return 0
    return int(rollup.split(b"\nPss:", 1)[1].split(None, 1)[0]) if b"\nPss:" in rollup else 0


def _seen(folder: Path, servers: Servers, runs: tuple[Run, ...]) -> Round:
    visits: dict[str, list[Visit]] = {}
    titles: dict[str, set[str]] = {}
    sound, longest, planned = "no database", 0, {}
    if (folder / "var" / "aggregator.db").exists():
        conn = sqlite3.connect(folder / "var" / "aggregator.db")
        sound = str(conn.execute("PRAGMA integrity_check").fetchone()[0])
        for id_, outcome, reason, seconds in conn.execute(
            "SELECT source_id, outcome, reason, seconds FROM visits ORDER BY id"
        ):
            visits.setdefault(id_, []).append(Visit(outcome, reason or "", seconds or 0.0))
        for id_, title in conn.execute("SELECT source_id, title FROM items"):
            titles.setdefault(id_, set()).add(title)
        longest = conn.execute(
            "SELECT max(max(length(title), length(html), length(text))) FROM items"
        ).fetchone()[0]
        conn.close()
    sources: list[dict[str, Any]] = _json(runs[0].out).get("sources", [])
    planned = {source["id"]: datetime.fromisoformat(source["next_visit"]) for source in sources}
    atom = folder / "public" / "atom.xml"
    return Round(
        folder=folder,
        runs=runs,
        visits=visits,
        next_visits=planned,
        titles=titles,
        longest_text=longest or 0,
        sound=sound,
        atom=atom.read_bytes() if atom.exists() else b"",
        servers=servers,
        canaries=servers.canary.connections + servers.inside.connections,
    )


def _json(text: str) -> dict[str, Any]:
    try:
        report = json.loads(text)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


__all__ = ["SERVER_SECONDS", "TIMEOUT_SECONDS", "Round", "Run", "Visit", "make"]
