"""Run labelled pairs of items through the code of the job: no wrong merge, few missed ones."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests import benchmark_scripts

PAIRS = Path(__file__).parent / "data" / "dedupe" / "pairs.jsonl"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """Load `benchmarks/dedupe.py`."""
    return benchmark_scripts.load("dedupe")


@pytest.mark.parametrize("half", ["tune", "unseen"])
def test_precision_and_recall(benchmark: ModuleType, half: str) -> None:
    """Labelled pairs give a precision of 1.00 and a recall of at least 0.80 on both halves."""
    pairs = [pair for pair in benchmark.read(PAIRS) if pair["half"] == half]
    assert len(pairs) >= 70
    result = benchmark.summary(pairs)
    assert result["wrong_merges"] == []
    assert result["recall"] >= 0.8
    assert set(result) == {"pairs", "precision", "recall", "wrong_merges", "missed", "by_difficulty"}
