"""Documents at random, from their bytes to feed, page and letter: nothing breaks, nothing runs, nothing takes long.

A failure names its seed; `python -m tests.fuzz SEED` replays it. What it found becomes a document in tests/data.
"""

from __future__ import annotations

import os
import shutil
import time
from itertools import count
from pathlib import Path

import pytest

from tests import fuzz
from tests.conftest import Clock, Web, Workplace

FEW = 150
"""Documents of the short form."""
SHORT, LONG = 3_000, 100_000
"""About how many characters the largest fields have."""


@pytest.mark.parametrize("start", range(0, FEW, FEW // 5))
def test_documents_at_random_keep_every_promise(start: int, tmp_path: Path) -> None:
    """Any document is refused in words or becomes items, a feed, a page and a letter that keep PB5, PB13, P3 and I4."""
    seeds = iter(range(start, start + FEW // 5))
    found = list(fuzz.failures(seeds, float("inf"), SHORT, tmp_path))
    assert not found, "\n".join(found)


def test_a_seed_is_a_document() -> None:
    """The same seed makes the same document, so that a failure can be replayed."""
    assert [fuzz.case(seed, SHORT) for seed in range(30)] == [fuzz.case(seed, SHORT) for seed in range(30)]


def test_documents_at_random_are_of_every_kind() -> None:
    """Some are refused, many are read, many have several entries: the fuzz does not only knock at the door."""
    judged = [fuzz.judge(fuzz.case(seed, 500)).items for seed in range(40)]
    assert sum(items is None for items in judged) >= 3
    assert sum(bool(items) for items in judged) >= 15
    assert max(items or 0 for items in judged) >= 5


@pytest.mark.soak
def test_documents_at_random_for_a_long_time(tmp_path: Path) -> None:
    """The same with larger documents, seeds never tried before, for SOAK_MINUTES (30)."""
    first = int(os.environ.get("FUZZ_SEED") or time.time()) * 1_000
    until = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or 30)
    found = []
    for words in fuzz.failures(count(first), until, LONG, tmp_path):
        print(words, flush=True)
        found.append(words)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_document_goes_the_whole_way(place: Workplace, web: Web, seed: int) -> None:
    """Hostile texts in every field of every kind of source break no step from fetching to explaining."""
    fuzz.rounds(place, web, seed, SHORT)


@pytest.mark.soak
def test_every_kind_of_document_goes_the_whole_way_for_a_long_time(tmp_path: Path) -> None:
    """The same with seeds never tried before, each in a place of its own, for SOAK_MINUTES (30)."""
    first = int(os.environ.get("FUZZ_SEED") or time.time()) * 1_000
    until = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or 30)
    found = []
    for seed in count(first):
        if time.monotonic() > until:
            break
        folder, web = tmp_path / str(seed), Web()
        folder.mkdir()
        try:
            fuzz.rounds(Workplace(folder, Clock()), web, seed, SHORT)
        except Exception as error:  # noqa: BLE001 - any is a find
            found.append(f"seed {seed}: {type(error).__name__}: {error}"[:500])
        finally:
            web.close()
            shutil.rmtree(folder)
    assert not found, "\n".join(found)
