"""Check random documents from bytes to feed, page and message: errors, scripts, time.

A failure names its seed; `python -m tests.fuzz SEED` replays it. A document that causes a fault goes to tests/data.
"""

from __future__ import annotations

import os
import shutil
import time
from itertools import count
from pathlib import Path

import pytest

from tests import fuzz
from tests.web_server import Web
from tests.workplace import Clock, Workplace

DOCUMENTS = 150
"""Number of documents of the short form."""
SHORT, LONG = 3_000, 100_000
"""Approximate characters of the largest fields."""


@pytest.mark.parametrize("start", range(0, DOCUMENTS, DOCUMENTS // 5))
def test_random_documents(start: int, tmp_path: Path) -> None:
    """Any document is refused or becomes items, feed, page and message by the rules (PB5, I4)."""
    seeds = iter(range(start, start + DOCUMENTS // 5))
    found = list(fuzz.failures(seeds, float("inf"), SHORT, tmp_path))
    assert not found, "\n".join(found)


def test_seed_gives_the_same_document() -> None:
    """A seed always gives the same document, so that a failure can be replayed."""
    assert [fuzz.case(seed, SHORT) for seed in range(30)] == [fuzz.case(seed, SHORT) for seed in range(30)]


def test_random_documents_of_every_kind() -> None:
    """Some random documents are refused, many are parsed, and some have several entries."""
    counts = [fuzz.check(fuzz.case(seed, 500)).items for seed in range(40)]
    assert sum(items is None for items in counts) >= 3
    assert sum(bool(items) for items in counts) >= 15
    assert max(items or 0 for items in counts) >= 5


@pytest.mark.soak
def test_random_documents_for_a_long_time(tmp_path: Path) -> None:
    """Larger documents with new seeds pass the same checks for SOAK_MINUTES (30)."""
    first = int(os.environ.get("FUZZ_SEED") or time.time()) * 1_000
    until = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or 30)
    found = []
    for words in fuzz.failures(count(first), until, LONG, tmp_path):
        print(words, flush=True)
        found.append(words)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_whole_run(place: Workplace, web: Web, seed: int) -> None:
    """Hostile texts in every field of every kind of source break no step."""
    fuzz.rounds(place, web, seed, SHORT)


@pytest.mark.soak
def test_whole_runs_for_a_long_time(tmp_path: Path) -> None:
    """Documents of every kind with new seeds pass all steps for SOAK_MINUTES (30)."""
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
        except Exception as error:  # noqa: BLE001 - each is a bug
            found.append(f"seed {seed}: {type(error).__name__}: {error}"[:500])
        finally:
            web.close()
            shutil.rmtree(folder)
    assert not found, "\n".join(found)
