"""Everybody is served, nobody twice: a faulty relay and a sending process that is really killed (M4)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "mail.py"


def stormed(recipients: int, kills: int) -> dict[str, Any]:
    """What `benchmarks/mail.py` says; it ends with 1 if anybody was left out or served twice."""
    call = [sys.executable, str(PROGRAM), "--recipients", str(recipients), "--kills", str(kills), "--json"]
    said = subprocess.run(call, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    print(said.stdout)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def served(found: dict[str, Any]) -> None:
    """Nobody was lost or served twice without a reason, and only few are in doubt."""
    storm = found["storm"]
    assert storm["wrong"] == found["calm"]["wrong"] == []
    assert storm["accepted"] + storm["failed"] + storm["unknown"] == found["recipients"]
    assert storm["unknown"] <= max(3, found["recipients"] // 500)


def test_a_storm_of_kills_and_faults_leaves_nobody_out() -> None:
    """M4: three hundred readers, eight kills, a relay that refuses, defers and breaks off at random."""
    found = stormed(300, 8)
    served(found)
    assert found["storm"]["killed"] == 8


@pytest.mark.soak
def test_a_long_storm() -> None:
    """M4: ten thousand readers, a hundred kills; memory stays what it is for a few."""
    found = stormed(10_000, 100)
    served(found)
    assert found["storm"]["killed"] == 100
    assert found["calm"]["memory_mb"] < 100
