"""The labelled strings of tests/data/events are read exactly."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).parent.parent
DATES = TESTS / "data" / "events" / "dates.jsonl"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """Load `benchmarks/events.py`, which is a script."""
    file = TESTS.parent / "benchmarks" / "events.py"
    spec = importlib.util.spec_from_file_location("benchmark_events", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("half", ["tune", "held"])
def test_labelled_strings_are_read_exactly(benchmark: ModuleType, half: str) -> None:
    """At least 95 of 100 strings are exact, and none without an event has one, in both halves."""
    rows = [row for row in benchmark.read(DATES) if row["half"] == half]
    assert len(rows) >= 50
    result = benchmark.summary(rows)
    assert result["exact"] >= 0.95, result
    assert result["false_events"] == []
