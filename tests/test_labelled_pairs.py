"""Run labelled pairs of items through the code of the job: no wrong merge, few missed ones."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests import benchmark_scripts

FOLDER = Path(__file__).parent / "data" / "dedupe"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """Load `benchmarks/dedupe.py`."""
    return benchmark_scripts.load("dedupe")


@pytest.mark.parametrize("wrong", ["{", "[]", '{"id": "x"}', '{"id": 1, "a": {}, "b": {}}'])
def test_a_wrong_file_is_named_with_its_line(benchmark: ModuleType, tmp_path: Path, wrong: str) -> None:
    """A line that is no labelled pair ends the benchmark before it measures anything."""
    (tmp_path / "pairs").write_text(f"\n{wrong}\n")
    with pytest.raises(ValueError, match="line 2 is not"):
        benchmark.read(tmp_path / "pairs")


@pytest.mark.parametrize(
    ("file", "half", "recall", "known_wrong"),
    [
        ("pairs.jsonl", "tune", 0.8, []),
        ("pairs.jsonl", "unseen", 0.8, []),
        ("pairs-3.jsonl", "tune", 0.7, []),
        ("pairs-6.jsonl", "tune", 0.8, ["D1513"]),
    ],
)
def test_precision_and_recall(
    benchmark: ModuleType, file: str, half: str, recall: float, known_wrong: list[str]
) -> None:
    """Labelled pairs give no new wrong merge, and at least the recall that was reached."""
    pairs = [pair for pair in benchmark.read(FOLDER / file) if pair["half"] == half]
    assert len(pairs) >= 70
    result = benchmark.summary(pairs)
    assert result["wrong_merges"] == known_wrong
    assert result["recall"] >= recall
    assert set(result) == {"pairs", "precision", "recall", "wrong_merges", "missed", "by_difficulty"}
