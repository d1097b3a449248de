"""The labelled strings of tests/data/events are read exactly."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests import benchmark_scripts

DATES = Path(__file__).parent.parent / "data" / "events" / "dates.jsonl"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """Load `benchmarks/events.py`."""
    return benchmark_scripts.load("events")


@pytest.mark.parametrize("half", ["tune", "held"])
def test_labelled_strings_are_read_exactly(benchmark: ModuleType, half: str) -> None:
    """At least 95 of 100 strings are exact, and none without an event has one, in both halves."""
    rows = [row for row in benchmark.read(DATES) if row["half"] == half]
    assert len(rows) >= 50
    result = benchmark.summary(rows)
    assert result["exact"] >= 0.95, result
    assert result["false_events"] == []
