"""Measure delivery against a bare smtplib loop, and test it with kills and a faulty relay.

usage: python benchmarks/mail.py [--recipients 10000] [--repeat 3] [--kills 100] [--seed 1] [--json]

The relay (`post.py`, aiosmtpd) is a process on loopback that logs every message it receives. Phases: `bare_loop`, an
smtplib loop with the same messages, and `faultless`, `aggregator digest run`, are repeated in turn, and the medians are
shown; `faulty` is the latter with a relay that refuses, defers and breaks off at random while the sending process is
killed at random, until no message is queued (not with `--kills 0`); `composing` queues an edition for 1,000, 10,000 and
100,000 recipients, unless `--recipients` is below 1,000. Exits with 1 if a message was lost, or repeated without an
interruption.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import smtplib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from aggregator import config as configuration
from aggregator.digests import mime
from aggregator.model.config import Config
from aggregator.model.digests import Delivery, Edition, MessageBody, PendingStories
from aggregator.store import deliveries, editions
from aggregator.store.connection import Store, opened

HERE = Path(__file__).resolve().parent
NOW = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
STEP = timedelta(minutes=10)  # between two runs of cron
COMPOSED_FOR = (1_000, 10_000, 100_000)
FEEDS = """\
site: {{title: Bench, url: "https://news.example/", contact: bench@news.example, authority: "news.example,2026"}}
mail: {{from: Bench <bench@news.example>, smtp: {{host: 127.0.0.1, port: {port}, security: none}}}}
"""
LINE = "* A story of some partner, told in as many words as titles have\n  https://news.example/stories/{n}\n"
CELL = (
    '<p style="margin:0"><a href="https://news.example/stories/{n}">A story of some partner</a> and words</p>'
)
BODY = MessageBody(
    subject="Weekly, 5 October 2026",
    text="".join(LINE.format(n=n) for n in range(40)),
    html="".join(CELL.format(n=n) for n in range(60)),
)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--recipients", type=int, default=10_000)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    addresses = [f"reader{n}@r{n % 7}.example" for n in range(arguments.recipients)]
    pairs = [(bare_loop(addresses), faultless(addresses)) for _ in range(arguments.repeat)]
    bare, sent = (median_low([pair[n] for pair in pairs], key=_seconds) for n in (0, 1))
    result = {
        "recipients": arguments.recipients,
        "bare_loop": bare,
        "faultless": sent,
        "of_bare_loop": round(median(_seconds(loop) / _seconds(run) for loop, run in pairs), 2),
        "faulty": faulty(addresses, arguments.kills, arguments.seed) if arguments.kills else None,
        "composing": [composing(n) for n in COMPOSED_FOR if arguments.recipients >= COMPOSED_FOR[0]],
    }
    print(json.dumps(result, indent=2) if arguments.json else _lines(result))
    return 1 if result["faultless"]["errors"] or (result["faulty"] or {}).get("errors") else 0


def _seconds(measured: dict[str, Any]) -> float:
    return float(measured["seconds"])


def median_low(values: list[dict[str, Any]], key: Callable[[dict[str, Any]], float]) -> dict[str, Any]:
    """Return the median value; of an even number the smaller one of both."""
    return sorted(values, key=key)[(len(values) - 1) // 2]


# --- parts ---------------------------------------------------------------------------------------------


class RelayProcess:
    """The relay process, and its log of (address, Message-ID, checksum) for each message."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log

    def received(self) -> list[tuple[str, str, str]]:
        """Read every message it received, also those after which it hung up."""
        lines = self.log.read_text("utf-8").splitlines()
        return [(words[0], words[1], words[2]) for words in map(str.split, lines)]

    def log_size(self) -> int:
        """Return the size of the log, in bytes."""
        return self.log.stat().st_size


@contextmanager
def running_relay(folder: Path, *, faults: float = 0.0, seed: int = 0) -> Iterator[RelayProcess]:
    """Run a relay within a `with` block."""
    log = folder / "relay.log"
    log.touch()
    call = [sys.executable, str(HERE / "post.py"), str(log), str(faults), str(seed)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield RelayProcess(int(process.stdout.readline()), log)
        finally:
            process.kill()


def queue_messages(folder: Path, relay: RelayProcess, addresses: list[str]) -> None:
    """Write a database in which an edition is queued for all addresses."""
    file = folder / "feeds.yaml"
    file.write_text(FEEDS.format(port=relay.port), encoding="utf-8")
    config = configuration.load(file)
    with opened(config.data / "aggregator.db") as store, store.transaction():
        _queue(store, config, addresses)


def _queue(store: Store, config: Config, addresses: Iterable[str]) -> None:
    edition = Edition(
        id="weekly-2026-10-05",
        digest_id="weekly",
        title="Weekly",
        subject=BODY.subject,
        language="en",
        period=date(2026, 10, 5),
        composed=NOW,
        entries=(),
    )
    editions.close_period(store, edition.digest_id, edition.period, NOW, NOW)
    editions.add(store, edition, BODY, PendingStories())
    recipients = ((address, mime.message_id(edition.id, address, config.site), None) for address in addresses)
    deliveries.queue(store, edition.id, recipients)


def start_run(folder: Path, now: datetime) -> subprocess.Popen[bytes]:
    """Start `aggregator digest run` as cron does, at a simulated time."""
    return subprocess.Popen(
        [sys.executable, "-m", "aggregator", "digest", "run"],
        cwd=folder,
        env={**os.environ, "AGGREGATOR_NOW": now.isoformat(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with closing(sqlite3.connect(folder / "var" / "aggregator.db", timeout=30)) as conn:
        return conn.execute(sql).fetchall()


# --- phases --------------------------------------------------------------------------------------------


def bare_loop(addresses: list[str]) -> dict[str, float]:
    """Send the same messages in a bare smtplib loop, as the fastest possible way."""
    with tempfile.TemporaryDirectory() as name, running_relay(Path(name)) as relay:
        config_file = Path(name) / "feeds.yaml"
        config_file.write_text(FEEDS.format(port=relay.port), encoding="utf-8")
        site = configuration.load(config_file).site
        due = Delivery(
            id=0,
            edition_id="e",
            digest_id="weekly",
            address=addresses[0],
            message_id=mime.message_id("e", addresses[0], site),
            composed=NOW,
            attempts=0,
            body=BODY,
        )
        body = mime.build_message(due, "bench@news.example", "Weekly", site)
        begun = time.perf_counter()
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=30) as smtp:
            for address in addresses:
                smtp.sendmail("bench@news.example", [address], body)
        seconds = time.perf_counter() - begun
    return {"seconds": round(seconds, 2), "messages_per_s": round(len(addresses) / seconds, 1)}


def faultless(addresses: list[str]) -> dict[str, Any]:
    """Run the real command, start and imports included, until no message is queued."""
    with tempfile.TemporaryDirectory() as name, running_relay(Path(name)) as relay:
        folder = Path(name)
        queue_messages(folder, relay, addresses)
        begun, peak, now = time.perf_counter(), 0, NOW
        while rows(folder, "SELECT 1 FROM deliveries WHERE state <> 'accepted' LIMIT 1"):
            process = start_run(folder, now)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            peak, now = max(peak, usage.ru_maxrss), now + STEP
        seconds = time.perf_counter() - begun
        errors = _errors(folder, relay)
    return {
        "seconds": round(seconds, 2),
        "messages_per_s": round(len(addresses) / seconds, 1),
        "memory_mb": round(peak / 1024, 1),
        "errors": errors,
    }


def faulty(addresses: list[str], kills: int, seed: int) -> dict[str, Any]:
    """Deliver with faults of the relay, killing the process at random, until none is queued."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, running_relay(Path(name), faults=0.06, seed=seed) as relay:
        folder = Path(name)
        queue_messages(folder, relay, addresses)
        begun, killed, runs, now = time.perf_counter(), 0, 0, NOW
        stride = max(len(addresses) * 3 // (4 * max(kills, 1)), 1)
        while _unsent(folder):
            wanted = relay.log_size() + chance.randint(1, 2 * stride) * 60 if killed < kills else None
            killed += _wait_or_kill(start_run(folder, now), relay, wanted, chance)
            runs, now = runs + 1, now + STEP
        states = Counter(state for (state,) in rows(folder, "SELECT state FROM deliveries"))
        received = Counter(address for address, _, _ in relay.received())
        return {
            "seconds": round(time.perf_counter() - begun, 1),
            "runs": runs,
            "killed": killed,
            "accepted": states["accepted"],
            "failed": states["failed"],
            "unknown": states["unknown"],
            "doubles": sum(1 for count in received.values() if count > 1),
            "errors": _errors(folder, relay),
        }


def composing(recipients: int) -> dict[str, Any]:
    """Queue an edition in a process of its own; return duration and growth of memory."""
    with tempfile.TemporaryDirectory() as name:
        call = [sys.executable, __file__, "--compose", str(recipients), name]
        output = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result


def compose(recipients: int, folder: Path) -> None:
    """Queue an edition as `aggregator digest run` does, and print what it took."""
    file = folder / "feeds.yaml"
    file.write_text(FEEDS.format(port=25), encoding="utf-8")
    config = configuration.load(file)
    with opened(config.data / "aggregator.db") as store, store.transaction():
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        addresses = (f"reader{n}@r{n % 7}.example" for n in range(recipients))
        _queue(store, config, addresses)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = time.perf_counter() - begun
    print(
        json.dumps(
            {"recipients": recipients, "seconds": round(seconds, 2), "grown_mb": round(grown / 1024, 1)}
        )
    )


def _unsent(folder: Path) -> bool:
    return bool(
        rows(folder, "SELECT 1 FROM deliveries WHERE state IN ('queued', 'start_run', 'deferred') LIMIT 1")
    )


def _wait_or_kill(
    process: subprocess.Popen[bytes], relay: RelayProcess, wanted: int | None, chance: random.Random
) -> bool:
    """Wait for a run; kill it after the log has the wanted size. Return whether it was killed."""
    while process.poll() is None:
        if wanted is not None and relay.log_size() >= wanted:
            time.sleep(chance.uniform(0, 0.01))
            process.kill()
            process.wait()
            return process.returncode < 0
        time.sleep(0.001)
    return False


def _errors(folder: Path, relay: RelayProcess) -> list[str]:
    """Return messages that were lost, changed, or received more often than interruptions allow."""
    records = rows(folder, "SELECT address, message_id, state, interrupted FROM deliveries")
    received: dict[str, list[tuple[str, str]]] = {}
    for address, id_, checksum in relay.received():
        received.setdefault(address, []).append((id_, checksum))
    errors = []
    for address, id_, state, interrupted in records:
        copies = received.get(address, [])
        if state == "accepted" and not copies:
            errors.append(f"{address}: accepted, but never received")
        if state not in ("accepted", "failed", "unknown"):
            errors.append(f"{address}: still {state}")
        if len(copies) > 1 + interrupted - (state == "unknown"):
            errors.append(f"{address}: received {len(copies)} times, {interrupted} attempts were interrupted")
        if len(set(copies)) > 1 or any(copy[0] != id_ for copy in copies):
            errors.append(f"{address}: copies that differ")
    return errors


def _lines(result: dict[str, Any]) -> str:
    share = result["of_bare_loop"]
    lines = [
        f"{result['recipients']} recipients; faultless delivery has {share} of the speed of the bare loop"
    ]
    phases = [(phase, result[phase]) for phase in ("bare_loop", "faultless", "faulty") if result[phase]]
    for phase, measured in [*phases, *(("composing", made) for made in result["composing"])]:
        lines.append(f"{phase}: " + ", ".join(f"{key} {value}" for key, value in measured.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compose"]:
        compose(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
