"""Measure what each piece of evidence and each veto contributes, by leaving it out.

usage: python benchmarks/ablation.py [--half tune|unseen] [PAIRS.jsonl ...]

Each labelled pair is stored once, and its candidates are read once. The items are then assigned to stories with
all rules, and with one rule less at a time. Output: for each rule and file the pairs that are assigned otherwise,
with a rule that changes nothing anywhere marked as such. Without files: those in tests/data/dedupe.

A pair that is merged only without the rule is counted as *wrong* or *right* by its label, a pair that is split
only without it as *missed* or *parted*; *related* counts pairs whose link between two stories changes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import dedupe as labelled

from aggregator.dedupe import candidates, cluster, evidence, measures, vetoes
from aggregator.items import caches
from aggregator.model.stories import Member, Placement
from aggregator.store import story_members

ROOT = Path(__file__).parent.parent
FILES = (ROOT / "tests/data/dedupe/pairs.jsonl", ROOT / "tests/data/dedupe/pairs-2.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPair:
    """A labelled pair as the job reads it before it assigns stories."""

    id: str
    same: bool
    members: tuple[Member, ...]
    candidates: candidates.Candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A function that can be left out, with the tables that list it and its neutral result."""

    module: ModuleType
    name: str
    tables: tuple[str, ...] = ()
    neutral: Any = None

    def __str__(self) -> str:
        return f"{self.module.__name__.rpartition('.')[2]}.{self.name}"


def main() -> int:
    """Print one line for each rule and file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=FILES)
    parser.add_argument("--half", choices=["tune", "unseen"])
    options = parser.parse_args()
    sets = {file: stored_pairs(read(file, options.half)) for file in options.files}
    usual = {file: outcomes(pairs) for file, pairs in sets.items()}
    for rule in rules():
        with left_out(rule):
            lines = [
                f"  {file.name}: {changes}"
                for file, pairs in sets.items()
                if (changes := difference(pairs, usual[file], outcomes(pairs)))
            ]
        print(rule, "" if lines else "(changes nothing)", flush=True)
        print("\n".join(lines), end="\n" if lines else "")
    return 0


def read(file: Path, half: str | None) -> list[dict[str, Any]]:
    """Read the pairs of a file; `half` counts only in a file whose pairs have halves."""
    return [pair for pair in labelled.read(file) if half in (None, pair.get("half", half))]


def stored_pairs(pairs: Sequence[Mapping[str, Any]]) -> list[StoredPair]:
    """Store each pair in a database of its own; return what the job would then assign."""
    found = []
    for pair, store in labelled.stores(pairs):
        labelled.keep(store, pair["a"], pair["b"])
        candidates.index_items(store)
        members = story_members.unplaced(store)
        found.append(
            StoredPair(
                id=pair["id"],
                same=pair["label"] == "same",
                members=tuple(members),
                candidates=candidates.find_candidates(store, members),
            )
        )
    return found


def rules() -> Iterator[Rule]:
    """Yield every rule that can be left out."""
    for piece in evidence.EXACT:
        yield Rule(module=evidence, name=piece.__name__, tables=("EXACT",))
    for near in measures.NEAR:
        yield Rule(module=measures, name=near.__name__, tables=("NEAR",))
    yield Rule(module=measures, name="pointer", neutral=())
    yield Rule(module=measures, name="closeness", neutral=())
    yield Rule(module=vetoes, name="_nothing_particular", neutral=())
    for veto in (*vetoes.TITLE, *vetoes.NEAR):
        yield Rule(module=vetoes, name=veto.__name__, tables=("TITLE", "NEAR"))


@contextmanager
def left_out(rule: Rule) -> Iterator[None]:
    """Leave a rule out within a block."""
    original = getattr(rule.module, rule.name)
    tables = {table: getattr(rule.module, table) for table in rule.tables}
    neutral: Callable[..., Any] = lambda *_: rule.neutral  # noqa: E731
    try:
        setattr(rule.module, rule.name, neutral)
        for table, functions in tables.items():
            setattr(rule.module, table, tuple(each for each in functions if each is not original))
        yield
    finally:
        setattr(rule.module, rule.name, original)
        for table, functions in tables.items():
            setattr(rule.module, table, functions)


def outcomes(pairs: Sequence[StoredPair]) -> dict[str, str]:
    """Assign each pair; return by id the outcome: same, related or different."""
    with caches.emptied():
        return {pair.id: outcome(assigned(pair)) for pair in pairs}


def assigned(pair: StoredPair) -> tuple[Placement, ...]:
    """Assign the items of a pair to stories."""
    given = pair.candidates
    return cluster.place_items(
        pair.members, given.clusters, given.candidate_ids, given.constraints, given.common_keys
    )


def outcome(placements: Sequence[Placement]) -> str:
    """Return same, related or different."""
    if len({placement.story_id for placement in placements}) == 1:
        return "same"
    return "related" if any(placement.related for placement in placements) else "different"


def difference(pairs: Sequence[StoredPair], usual: Mapping[str, str], without: Mapping[str, str]) -> str:
    """Describe the pairs whose outcome changes."""
    counted: Counter[str] = Counter()
    named = []
    for pair in pairs:
        before, after = usual[pair.id], without[pair.id]
        if before == after:
            continue
        if "same" not in (before, after):
            counted["related"] += 1
            continue
        merged = after == "same"
        word = {
            (True, True): "right",
            (True, False): "missed",
            (False, True): "wrong",
            (False, False): "parted",
        }
        counted[word[pair.same, merged]] += 1
        named.append(pair.id)
    counts = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
    return f"{counts} ({', '.join(named[:8])}{' …' if len(named) > 8 else ''})" if named else counts


if __name__ == "__main__":
    sys.exit(main())
