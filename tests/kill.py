"""A process that forks runs of the real jobs and kills them at random points. Run by `test_kills.py`.

Forking from one process that has everything imported makes a kill cost a tenth of a second, and lets the kill
hit the work instead of the imports. usage: killer.py FOLDER KILLS SEED
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
from aggregator import app as wiring
from aggregator.digests import run as digest
from aggregator.polling import fetch
from aggregator.ports import in_process


def main(folder: Path, kills: int, seed: int) -> int:
    """Compare the state after each killed and completed run with an undisturbed one's."""
    chance = random.Random(seed)
    undisturbed = folder / "undisturbed"
    _prepare(folder, undisturbed)
    begun = time.monotonic()
    _finish(undisturbed)
    whole = time.monotonic() - begun
    expected = state(undisturbed)
    hit = 0
    for n in range(kills):
        work = folder / "killed"
        if n % 4 == 0:
            shutil.rmtree(work, ignore_errors=True)
            _prepare(folder, work)
        hit += _killed(work, chance.uniform(0, whole))
        if n % 4 == 3:
            _finish(work)
            found = state(work)
            if found != expected:
                print(
                    f"after kill {n}: state differs in", [k for k in expected if expected[k] != found.get(k)]
                )
                return 1
    print(f"{kills} kills, {hit} while at work")
    return 0 if hit else 1


def _prepare(folder: Path, work: Path) -> None:
    work.mkdir(parents=True)
    shutil.copy(folder / "feeds.yaml", work)


def _run(work: Path) -> None:
    app = wiring.build(work / "feeds.yaml")
    app = replace(app, sandbox=lambda _documents: nullcontext(in_process))  # kills shall hit the jobs
    fetch.run(app, force=True)
    digest.run(app)


def _killed(work: Path, delay: float) -> bool:
    """Start a run, kill it after `delay` seconds; whether it was still at work."""
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
        except BaseException as error:  # noqa: BLE001 - the parent must learn of it
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit("a run did not end well")


def state(work: Path) -> dict[str, object]:
    """All that matters of a folder: tables without counters of attempts, and the bytes of every file."""
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
    found: dict[str, object] = {}
    for name, sql in tables.items():
        rows = conn.execute(sql).fetchall()
        found[name] = [row[1:] for row in rows] if name == "items" else rows  # without the row number
    conn.close()
    for file in sorted((*work.glob("public/**/*"), *work.glob("var/outbox/*"))):
        if file.is_file() and not file.name.startswith("."):
            found[str(file.relative_to(work))] = file.read_bytes()
    return found


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
