"""A run of the real program beside misbehaving servers, and all that can be seen of it from outside."""

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

from tests.builders import NOW, rss
from tests.command import PROGRAM, news
from tests.conftest import Web
from tests.faulty_servers.server import PATIENCE, Case, Town

TIMEOUT = 3.0
PATIENT = 60.0
"""Seconds after which a run is given up."""
LOOK = 0.02
HEAD = """\
site: {title: Imaging news, url: "https://news.example/", contact: editors@news.example,
       timezone: Europe/Berlin, authority: "news.example,2026"}
fetch: {timeout: 3s, concurrency: 24, allow_private: [127.88.0.0/16, 127.89.0.0/16]}
sources:
"""


@dataclass(frozen=True)
class Run:
    """One process: how it ended, what it said, how long it took, and the most memory it and its children held."""

    code: int | None
    out: str
    err: str
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Visit:
    """A visit as the database keeps it."""

    outcome: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Round:
    """Some cases between two good sources, visited once, and those that want it twice."""

    folder: Path
    runs: tuple[Run, ...]
    visits: dict[str, list[Visit]]
    """By source; the good ones are `good-first` and `good-last`."""
    next_visits: dict[str, datetime]
    titles: dict[str, set[str]]
    longest_text: int
    sound: str
    atom: bytes
    town: Town
    canaries: int


def make(folder: Path, cases: Sequence[Case]) -> Round:
    """Visit the cases, and look at what is left of it."""
    folder.mkdir(parents=True)
    town, webs = Town(cases, folder), (Web(), Web())
    try:
        for n, web in enumerate(webs, 1):
            web.feed("/feed", rss(news(n)))
        _write(folder, town, cases, webs)
        runs = [observed(folder, NOW)]
        if again := [case.name for case in cases if case.then]:
            runs.append(observed(folder, NOW + timedelta(hours=2), *again))
    finally:
        town.close()
        for web in webs:
            web.close()
    return _seen(folder, town, tuple(runs))


def _write(folder: Path, town: Town, cases: Sequence[Case], webs: tuple[Web, Web]) -> None:
    lines = [f"  - {{id: good-first, name: Good, url: '{webs[0].url}/feed'}}"]
    for case in cases:
        more = f", {case.options}" if case.options else ""
        lines.append(f"  - {{id: {case.name}, name: {case.name}, url: '{town.url(case)}'{more}}}")
    lines.append(f"  - {{id: good-last, name: Good, url: '{webs[1].url}/feed'}}")
    (folder / "feeds.yaml").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def observed(folder: Path, now: datetime, *ids: str) -> Run:
    """`aggregator fetch` in `folder`, with an eye on its memory."""
    env = {**os.environ, "AGGREGATOR_NOW": now.isoformat(), "MISBEHAVING": "secret"}
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        env.pop(name, None)  # coverage would weigh and slow what is weighed and timed here
    begun = time.monotonic()
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
        most, scales = 0.0, _Scales(process.pid)
        while process.poll() is None:
            most = max(most, scales.weigh())
            if time.monotonic() - begun > PATIENT:
                os.killpg(process.pid, 9)
                process.wait()
                break
            time.sleep(LOOK)
        seconds = time.monotonic() - begun
        out.seek(0)
        err.seek(0)
        code = process.returncode
        return Run(code, out.read().decode(), err.read().decode(), seconds, most)


class _Scales:
    """Megabytes held by all processes of a session, shared pages counted once; 0 where nobody can tell."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.members: list[str] = []
        self.looked = 0.0

    def weigh(self) -> float:
        """What is held now; looks for new processes every now and then, which costs more than weighing."""
        if sys.platform != "linux":
            return 0.0
        if time.monotonic() - self.looked > 5 * LOOK:
            self.members = [pid for pid in _processes() if self._is_member(pid)]
            self.looked = time.monotonic()
        return sum(map(_proportional, self.members)) / 1_000

    def _is_member(self, pid: str) -> bool:
        try:
            return os.getsid(int(pid)) == self.session
        except OSError:
            return False


def _processes() -> list[str]:
    with os.scandir("/proc") as found:
        return [entry.name for entry in found if entry.name.isdigit()]


def _proportional(pid: str) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return 0
    return int(told.split(b"\nPss:", 1)[1].split(None, 1)[0]) if b"\nPss:" in told else 0


def _seen(folder: Path, town: Town, runs: tuple[Run, ...]) -> Round:
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
    told: list[dict[str, Any]] = _json(runs[0].out).get("sources", [])
    planned = {one["id"]: datetime.fromisoformat(one["next_visit"]) for one in told}
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
        town=town,
        canaries=town.canary.connections + town.inside.connections,
    )


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


__all__ = ["PATIENCE", "TIMEOUT", "Round", "Run", "Visit", "make"]
