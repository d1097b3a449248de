"""Read bounces in processes that are killed at random moments, and count what they recorded.

Usage: `python -m tests.bounces.killed_readers FOLDER KILLS SEED`; `test_kills.py` calls it. FOLDER has a feeds.yaml, a
database and mails in its Maildir. The parent has imported everything, so that a kill hits the reading.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import flufl.bounce  # noqa: F401 - imported once, before the processes

import aggregator.bounces.read_mail
import aggregator.gateways.mailboxes  # noqa: F401
from aggregator import app as builder
from aggregator.digests import run as digest
from aggregator.ports import call_in_process


def main(folder: Path, kills: int, seed: int) -> int:
    """Kill readers until the mailbox is empty or `kills` is reached, then let one finish."""
    chance = random.Random(seed)
    hits = 0
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            app = builder.build(folder / "feeds.yaml")
            digest.run(replace(app, sandbox=lambda _documents: nullcontext(call_in_process)))
            os._exit(0)
        time.sleep(chance.uniform(0.02, 0.2))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        hits += os.WIFSIGNALED(status)
    digest.run(builder.build(folder / "feeds.yaml"))
    print(f"{hits} of {kills} kills hit")
    return 0 if hits else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
