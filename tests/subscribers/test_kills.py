"""kill -9 at random points of sign-up, confirmation, sending and leaving."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests.subscribers.visitor import configure
from tests.workplace import Workplace


def killed(place: Workplace, kills: int, seed: int) -> None:
    """Run the killer in a process of its own, without threads."""
    configure(place)
    call = [sys.executable, "-m", "tests.subscribers.killed_sign_ups", place.folder, str(kills), str(seed)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"


@pytest.mark.soak
@pytest.mark.parametrize("n", range(10))
def test_kills_lose_no_consent(place: Workplace, n: int) -> None:
    """After kills each person has agreed once and got each message once (M4, SU2)."""
    killed(place, kills=40, seed=random.SystemRandom().randrange(2**32) + n)
