"""Delivering measured, and shaken: letters a second beside a bare smtplib loop, then kills and a faulty relay.

usage: python benchmarks/mail.py [--recipients 10000] [--kills 100] [--seed 1] [--json]

The relay (`post.py`, aiosmtpd) is a process of its own on loopback and writes down every letter it took. Three
phases: `floor`, a bare smtplib loop of the same letters; `calm`, one `aggregator digest run`; `storm`, the same
with a relay that refuses, defers and breaks off at random while the sending process is killed at random, until
nothing is owed any more. Ends with 1 if anybody was left out or got a letter twice that was not in flight.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import smtplib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aggregator import config as configuration
from aggregator.digests import mime
from aggregator.model.digests import Delivery, Edition, MessageBody, PendingStories
from aggregator.store import deliveries, editions
from aggregator.store.connection import opened

HERE = Path(__file__).resolve().parent
NOW = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
STEP = timedelta(minutes=10)  # between two runs, as cron has it
FEEDS = """\
site: {{title: Bench, url: "https://news.example/", contact: bench@news.example, authority: "news.example,2026"}}
mail: {{from: Bench <bench@news.example>, smtp: {{host: 127.0.0.1, port: {port}, security: none}}}}
"""
LINE = "* A story of some partner, told in as many words as titles have\n  https://news.example/stories/{n}\n"
CELL = (
    '<p style="margin:0"><a href="https://news.example/stories/{n}">A story of some partner</a> and words</p>'
)
LETTER = MessageBody(
    subject="Weekly, 5 October 2026",
    text="".join(LINE.format(n=n) for n in range(40)),
    html="".join(CELL.format(n=n) for n in range(60)),
)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--recipients", type=int, default=10_000)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    addresses = [f"reader{n}@r{n % 7}.example" for n in range(asked.recipients)]
    result = {
        "recipients": asked.recipients,
        "floor": floor(addresses),
        "calm": calm(addresses),
        "storm": storm(addresses, asked.kills, asked.seed),
    }
    result["of_floor"] = round(result["calm"]["letters_per_s"] / result["floor"]["letters_per_s"], 2)
    print(json.dumps(result, indent=2) if asked.json else _lines(result))
    return 1 if result["storm"]["wrong"] or result["calm"]["wrong"] else 0


# --- parts ---------------------------------------------------------------------------------------------


class Post:
    """The relay's process, and what it wrote down: (address, Message-ID, sum of the bytes) of each letter taken."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log

    def taken(self) -> list[tuple[str, str, str]]:
        """Every letter it took, also those after which it hung up without an answer."""
        lines = self.log.read_text("utf-8").splitlines()
        return [(words[0], words[1], words[2]) for words in map(str.split, lines)]

    def size(self) -> int:
        """How much it wrote."""
        return self.log.stat().st_size


@contextmanager
def posting(folder: Path, *, faults: float = 0.0, seed: int = 0) -> Iterator[Post]:
    """A relay for a while."""
    log = folder / "taken"
    log.touch()
    call = [sys.executable, str(HERE / "post.py"), str(log), str(faults), str(seed)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Post(int(process.stdout.readline()), log)
        finally:
            process.kill()


def owing(folder: Path, post: Post, addresses: list[str]) -> None:
    """A database in which an edition is owed to all of them, as composing leaves it."""
    file = folder / "feeds.yaml"
    file.write_text(FEEDS.format(port=post.port), encoding="utf-8")
    config = configuration.load(file)
    edition = Edition(
        id="weekly-2026-10-05",
        digest_id="weekly",
        title="Weekly",
        subject=LETTER.subject,
        language="en",
        period=date(2026, 10, 5),
        composed=NOW,
        told=(),
    )
    ids = (mime.message_id(edition.id, address, config.site) for address in addresses)
    with opened(config.data / "aggregator.db") as store, store.transaction():
        editions.close_period(store, edition.digest_id, edition.period, NOW, NOW)
        editions.compose(store, edition, LETTER, PendingStories())
        deliveries.queue(store, edition.id, zip(addresses, ids, strict=True))


def sending(folder: Path, now: datetime) -> subprocess.Popen[bytes]:
    """`aggregator digest run` as cron calls it, at a pretended time."""
    return subprocess.Popen(
        [sys.executable, "-m", "aggregator", "digest", "run"],
        cwd=folder,
        env={**os.environ, "AGGREGATOR_NOW": now.isoformat(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def asked(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the database says."""
    with closing(sqlite3.connect(folder / "var" / "aggregator.db", timeout=30)) as conn:
        return conn.execute(sql).fetchall()


# --- phases --------------------------------------------------------------------------------------------


def floor(addresses: list[str]) -> dict[str, float]:
    """A loop of the same letters without any memory: what smtplib and this relay can do at best."""
    with tempfile.TemporaryDirectory() as name, posting(Path(name)) as post:
        config_file = Path(name) / "feeds.yaml"
        config_file.write_text(FEEDS.format(port=post.port), encoding="utf-8")
        site = configuration.load(config_file).site
        owed = Delivery(
            id=0,
            edition_id="e",
            digest_id="weekly",
            address=addresses[0],
            message_id=mime.message_id("e", addresses[0], site),
            composed=NOW,
            attempts=0,
            letter=LETTER,
        )
        body = mime.build_message(owed, "bench@news.example", "Weekly", site)
        begun = time.perf_counter()
        with smtplib.SMTP("127.0.0.1", post.port, timeout=30) as smtp:
            for address in addresses:
                smtp.sendmail("bench@news.example", [address], body)
        seconds = time.perf_counter() - begun
    return {"seconds": round(seconds, 2), "letters_per_s": round(len(addresses) / seconds, 1)}


def calm(addresses: list[str]) -> dict[str, Any]:
    """The real command, start and imports included; rounds that reach their time limit are followed by others."""
    with tempfile.TemporaryDirectory() as name, posting(Path(name)) as post:
        folder = Path(name)
        owing(folder, post, addresses)
        begun, peak, now = time.perf_counter(), 0, NOW
        while asked(folder, "SELECT 1 FROM deliveries WHERE state <> 'accepted' LIMIT 1"):
            process = sending(folder, now)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            peak, now = max(peak, usage.ru_maxrss), now + STEP
        seconds = time.perf_counter() - begun
        wrong = _wrong(folder, post)
    return {
        "seconds": round(seconds, 2),
        "letters_per_s": round(len(addresses) / seconds, 1),
        "memory_mb": round(peak / 1024, 1),
        "wrong": wrong,
    }


def storm(addresses: list[str], kills: int, seed: int) -> dict[str, Any]:
    """Faults of the relay, and the sending process killed after a random number of letters, until none is owed."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, posting(Path(name), faults=0.06, seed=seed) as post:
        folder = Path(name)
        owing(folder, post, addresses)
        begun, killed, runs, now = time.perf_counter(), 0, 0, NOW
        stride = max(len(addresses) * 3 // (4 * max(kills, 1)), 1)
        while _owed(folder):
            wanted = post.size() + chance.randint(1, 2 * stride) * 60 if killed < kills else None
            killed += _sent(sending(folder, now), post, wanted, chance)
            runs, now = runs + 1, now + STEP
        states = Counter(state for (state,) in asked(folder, "SELECT state FROM deliveries"))
        taken = Counter(address for address, _, _ in post.taken())
        return {
            "seconds": round(time.perf_counter() - begun, 1),
            "runs": runs,
            "killed": killed,
            "accepted": states["accepted"],
            "failed": states["failed"],
            "unknown": states["unknown"],
            "doubles": sum(1 for count in taken.values() if count > 1),
            "wrong": _wrong(folder, post),
        }


def _owed(folder: Path) -> bool:
    return bool(
        asked(folder, "SELECT 1 FROM deliveries WHERE state IN ('queued', 'sending', 'deferred') LIMIT 1")
    )


def _sent(process: subprocess.Popen[bytes], post: Post, wanted: int | None, chance: random.Random) -> bool:
    """Whether the run was killed: as soon as the relay wrote down so much, and a moment more."""
    while process.poll() is None:
        if wanted is not None and post.size() >= wanted:
            time.sleep(chance.uniform(0, 0.01))
            process.kill()
            process.wait()
            return process.returncode < 0
        time.sleep(0.001)
    return False


def _wrong(folder: Path, post: Post) -> list[str]:
    """What must not be: a letter lost, forgotten, or taken more often than attempts were in flight, or changed."""
    rows = asked(folder, "SELECT address, message_id, state, interrupted FROM deliveries")
    taken: dict[str, list[tuple[str, str]]] = {}
    for address, id_, checksum in post.taken():
        taken.setdefault(address, []).append((id_, checksum))
    found = []
    for address, id_, state, interrupted in rows:
        copies = taken.get(address, [])
        if state == "accepted" and not copies:
            found.append(f"{address}: struck off, but never taken")
        if state not in ("accepted", "failed", "unknown"):
            found.append(f"{address}: left {state}")
        if len(copies) > 1 + interrupted - (state == "unknown"):
            found.append(f"{address}: taken {len(copies)} times, {interrupted} attempts were interrupted")
        if len(set(copies)) > 1 or any(copy[0] != id_ for copy in copies):
            found.append(f"{address}: copies that differ")
    return found


def _lines(result: dict[str, Any]) -> str:
    lines = [f"{result['recipients']} recipients; calm is {result['of_floor']} of the floor's speed"]
    for phase in ("floor", "calm", "storm"):
        lines.append(f"{phase}: " + ", ".join(f"{key} {value}" for key, value in result[phase].items()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
