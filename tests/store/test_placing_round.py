"""The temporary tables of a round of placing."""

from __future__ import annotations

from pathlib import Path

from aggregator.store import placing_round
from aggregator.store.connection import opened


def test_a_round_keeps_the_order_of_its_items(tmp_path: Path) -> None:
    """Items come back in batches in their order, and a new round removes those of the last one."""
    with opened(tmp_path / "a.db") as store:
        assert placing_round.begin(store, ["old"]) == 1
        placing_round.add_stories(store, ["old"])
        assert placing_round.begin(store, ["c", "a", "b"]) == 3
        assert list(placing_round.items_in_batches(store, 2)) == [["c", "a"], ["b"]]
        assert placing_round.items_of_round(store, ["b", "old", "c"]) == {"b", "c"}
        assert list(placing_round.stories_in_batches(store, 2)) == []


def test_a_changed_story_is_returned_once(tmp_path: Path) -> None:
    """Stories come in the order of their ids, each once, however often they changed."""
    with opened(tmp_path / "a.db") as store:
        placing_round.begin(store, [])
        placing_round.add_stories(store, ["c", "a", "c"])
        placing_round.add_stories(store, ["b", "a"])
        assert list(placing_round.stories_in_batches(store, 2)) == [["a", "b"], ["c"]]
