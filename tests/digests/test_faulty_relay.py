"""A faulty relay and kills of the sending process lose and repeat no message (M4)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "mail.py"


def delivered(recipients: int, kills: int) -> dict[str, Any]:
    """Run `benchmarks/mail.py`; it exits with 1 if a message was lost or sent twice."""
    call = [sys.executable, str(PROGRAM), "--recipients", str(recipients), "--kills", str(kills)]
    call += ["--repeat", "1", "--json"]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    print(ended.stdout)
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def check(result: dict[str, Any]) -> None:
    """Check that no message was lost or repeated without a reason, and that few are unknown."""
    faulty = result["faulty"]
    assert faulty["errors"] == result["faultless"]["errors"] == []
    assert faulty["accepted"] + faulty["failed"] + faulty["unknown"] == result["recipients"]
    assert faulty["unknown"] <= max(3, result["recipients"] // 500)


def test_kills_and_faults_lose_no_message() -> None:
    """150 recipients, four kills, and a relay that refuses, defers and breaks off (M4)."""
    result = delivered(150, 4)
    check(result)
    assert result["faulty"]["killed"] == 4


@pytest.mark.soak
def test_many_kills_and_faults_lose_no_message() -> None:
    """10,000 recipients and a hundred kills, in constant memory (M4)."""
    result = delivered(10_000, 100)
    check(result)
    assert result["faulty"]["killed"] == 100
    assert result["faultless"]["memory_mb"] < 100
    assert all(made["grown_mb"] < 5 for made in result["composing"])
