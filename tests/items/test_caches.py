"""Caches hold results of short arguments until the round ends."""

from __future__ import annotations

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import pytest

from aggregator.dedupe import features
from aggregator.dedupe.compare import compare
from aggregator.dedupe.vocabulary import words
from aggregator.items import canonical_urls
from aggregator.items.caches import cached, emptied
from aggregator.model.stories import Member
from tests.dedupe.test_cluster import member


@pytest.fixture
def asked() -> list[str]:
    """What `upper` was called with."""
    return []


def test_a_result_is_kept_until_others_take_its_place(asked: list[str]) -> None:
    """The last results are kept, the oldest is dropped first."""
    upper = cached(2, 10)(lambda text: asked.append(text) or text.upper())  # type: ignore[func-returns-value]
    assert [upper(text) for text in ("a", "b", "a", "c", "b", "a")] == ["A", "B", "A", "C", "B", "A"]
    assert asked == ["a", "b", "c", "a"]


def test_results_of_long_arguments_are_not_kept(asked: list[str]) -> None:
    """The result for a long argument is computed at each call."""
    upper = cached(2, 10)(lambda text: asked.append(text) or text.upper())  # type: ignore[func-returns-value]
    assert [upper("a" * 11) for _ in range(2)] == ["A" * 11] * 2
    assert len(asked) == 2


def test_all_caches_are_emptied_at_the_end_of_a_round(asked: list[str]) -> None:
    """Also when the round ends with an error, nothing stays."""
    upper = cached(2, 10)(lambda text: asked.append(text) or text.upper())  # type: ignore[func-returns-value]
    with pytest.raises(ValueError, match="round"), emptied():
        upper("a")
        raise ValueError("round")
    upper("a")
    assert asked == ["a", "a"]


def test_threads_may_drop_results_at_the_same_time() -> None:
    """No call fails because another thread drops results, as in the web app."""
    upper = cached(64, 10)(str.upper)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            texts = [[f"{n}x{thread}" for n in range(3_000)] for thread in range(8)]
            results = [*threads.map(lambda some: [upper(text) for text in some], texts)]
    finally:
        sys.setswitchinterval(usual)
    assert results == [[text.upper() for text in some] for some in texts]


def test_long_foreign_texts_fill_no_memory() -> None:
    """Of fifty addresses, words and items of ten thousand characters nothing stays."""
    _ = features.for_member(member("a", title="a word", text="a word")).words  # loads the lists, which stay
    with emptied():
        tracemalloc.start()
        try:
            for n in range(50):
                canonical_urls.canonical(f"https://node.example/{n}/" + "long/" * 2_000)
                canonical_urls.loose_url_key(f"https://node.example/{n}/" + "long/" * 2_000)
                words.concepts(f"{n}" + "word" * 2_000)
                _ = features.for_member(member(f"{n}", title=f"{n}", text=f"{n}" * 5_000)).words
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 2**18


def test_compared_items_take_little_memory() -> None:
    """An item that was compared with similar ones takes at most nine kilobytes."""
    drawn = Random(0)
    known = ["".join(drawn.choices("abdegiklmnorstuv", k=8)) for _ in range(200)]
    shared = "New Imaging Center opens for electron microscopy in Heidelberg"
    texts = (f"{shared}: {' '.join(drawn.sample(known, 70))}" for _ in range(1_000))
    items = [member(f"{n}", title=f"{shared} {n}", text=text) for n, text in enumerate(texts)]

    def compare_neighbours(some: list[Member]) -> None:
        for a, b in pairwise(some):
            assert compare(a, b).reason

    compare_neighbours(items[:500])  # loads the lists, and looks up the words
    with emptied():
        tracemalloc.start()
        try:
            compare_neighbours(items[500:])
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 500 * 9_000
