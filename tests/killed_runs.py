"""Fork runs of the real jobs, kill them at random points, and compare what they leave.

Usage: `python -m tests.killed_runs FOLDER KILLS SEED`; `test_kills.py` calls it. The parent has imported
everything, so that a kill costs 0.1 s and hits the job instead of its imports.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import aggregator.digests.body
import aggregator.digests.mime
import aggregator.formats.parsers
import aggregator.gateways.http
import aggregator.items.diff  # noqa: F401
from aggregator import app as builder
from aggregator.digests import run as digest
from aggregator.polling import fetch
from aggregator.ports import call_in_process


def main(folder: Path, kills: int, seed: int) -> int:
    """Compare the end states of killed and undisturbed runs; return 0 if they are equal."""
    chance = random.Random(seed)
    undisturbed = folder / "undisturbed"
    _prepare(folder, undisturbed)
    started = time.monotonic()
    _finish(undisturbed)
    seconds = time.monotonic() - started
    expected = state(undisturbed)
    hits = 0
    for n in range(kills):
        work = folder / "killed"
        if n % 4 == 0:
            shutil.rmtree(work, ignore_errors=True)
            _prepare(folder, work)
        hits += _killed(work, chance.uniform(0, seconds))
        if n % 4 == 3:
            _finish(work)
            actual = state(work)
            if actual != expected:
                print(
                    f"after kill {n}: state differs in", [k for k in expected if expected[k] != actual.get(k)]
                )
                return 1
    print(f"{kills} kills, {hits} during work")
    return 0 if hits else 1


def _prepare(folder: Path, work: Path) -> None:
    work.mkdir(parents=True)
    shutil.copy(folder / "feeds.yaml", work)


def _run(work: Path) -> None:
    app = builder.build(work / "feeds.yaml")
    app = replace(app, sandbox=lambda _documents: nullcontext(call_in_process))  # a kill is to hit the job
    fetch.run(app, force=True)
    digest.run(app)


def _killed(work: Path, delay: float) -> bool:
    """Start a run, kill it after `delay` seconds, and return whether it was still running."""
    child = os.fork()
    if child == 0:
        _run(work)
        os._exit(0)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _finish(work: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            _run(work)
        except BaseException as error:  # noqa: BLE001 - the parent reports it
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit("a run failed")


def state(work: Path) -> dict[str, object]:
    """Read a folder: tables without counters of attempts, and the bytes of every file."""
    conn = sqlite3.connect(work / "var" / "aggregator.db")
    tables = {
        "sources": "SELECT id, url, state, failures, etag, body_hash, guid_ok, link_ok, last_success, read_with"
        " FROM sources",
        "items": "SELECT * FROM items ORDER BY id",
        "stories": "SELECT id, lead_id, title, announced, published, updated, changed, fed FROM stories ORDER BY id",
        "aliases": "SELECT * FROM aliases ORDER BY 1, 2, 3",
        "memberships": "SELECT * FROM channel_stories ORDER BY 1, 2",
        "channels": "SELECT id, revision = written_revision FROM channels ORDER BY id",
        "ledger": "SELECT * FROM ledger ORDER BY 1, 2",
        "editions": "SELECT * FROM editions",
        "deliveries": "SELECT address, message_id, state FROM deliveries ORDER BY 1",
        "revisions": "SELECT * FROM revisions",
    }
    result: dict[str, object] = {}
    for name, sql in tables.items():
        rows = conn.execute(sql).fetchall()
        result[name] = [row[1:] for row in rows] if name == "items" else rows  # without the row number
    conn.close()
    for file in sorted((*work.glob("public/**/*"), *work.glob("var/outbox/*"))):
        if file.is_file() and not file.name.startswith("."):
            result[str(file.relative_to(work))] = file.read_bytes()
    return result


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
