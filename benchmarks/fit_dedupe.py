"""Fit the weights of near evidence, and estimate its results on unseen kinds of pairs.

usage: python benchmarks/fit_dedupe.py [--write] [--meanings] PAIRS.jsonl ... [--tune PAIRS.jsonl ...]

Of the files after --tune only the half `tune` is read.

A logistic model over the measures of two items (aggregator/dedupe/measures.py), with weights of one sign each: what
agrees counts for a pair, what differs against it. Pairs that exact evidence decides and pairs of one source are left
out. Items of different pairs are compared, too, and count as different. Each pair gets a score from a model that was
fitted without its kind (its first tag, or a tenth of a file without tags), for several ways to divide the kinds;
precision and recall of these scores are the estimate. --write writes aggregator/dedupe/weights.json, scaled so that
the threshold of `compare` is met where the logarithm of the odds is THRESHOLD. --meanings, which needs the extra
`semantic` and takes longer, also fits a table with compared meanings; it is written only if the estimate of the field
is better (`improves`). numpy is needed only here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from zlib import crc32

import ablation

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # on a busy machine more took 0.29 s a text, one 0.01 s
import numpy as np
from numpy.typing import NDArray

from aggregator.dedupe import evidence, measures, semantic, vetoes, weighed_pairs
from aggregator.dedupe.compare import SAME
from aggregator.dedupe.features import for_member
from aggregator.model.stories import Member

FILE = Path(__file__).parent.parent / "aggregator/dedupe/weights.json"
THRESHOLD = 0.5
"""Minimum logarithm of the odds of one story; the estimated precision of the field is 0.99."""
RIDGE = 0.00005
"""Weight of the penalty on large weights, set by cross-validation."""
FOLDS, ITERATIONS = 12, 1_500
FOLDINGS = 8
"""Number of ways to divide the kinds.

In a single one the recall of the field differs by 0.03 by chance.
"""
MIN_PRECISION, MIN_RISE = 0.99, 0.02
"""Minimum precision, and minimum rise of the recall, of the field with compared meanings."""
DIFFERENT_WEIGHT = 4.0
"""Weight of a pair labelled different: a wrong merge costs more than a missed one."""
NEIGHBOUR_WEIGHT = 0.15
"""Weight of a pair of items from two labelled pairs."""
VETOED_WEIGHT = 0.3
"""Weight of a pair that a veto keeps apart in any case."""
MIN_COMMON = 1.5
"""Minimum weight of what items of two pairs have in common, if they are used."""
AGAINST = ("other", "unlike", "words missing", "template", "unspecific")
"""Beginnings of the names of measures that count against a pair."""

GIVEN = {"link": 2.0, "obituary": 1.5, "reference": 2.2, "translated amounts": 1.217}
"""Weights in points of measures for which the labelled pairs have too few examples.

A sum counts across languages as much as in one.
"""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A pair of items with its measures; `domain` is field, or the name of another file."""

    id: str
    same: bool
    domain: str
    kind: str
    weight: float
    values: Mapping[str, float]
    vetoed: bool
    titles: tuple[str, str]


def main() -> int:
    """Fit the tables; print the weights, the estimate and the wrong merges."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--tune", nargs="*", type=Path, default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--meanings", action="store_true")
    options = parser.parse_args()
    if options.meanings and not semantic.is_on():
        parser.error("meanings cannot be compared: the extra `semantic` is not installed; install it")
    with semantic.cached(lambda *_: None) if options.meanings else semantic.switched_off():
        found = examples(dict.fromkeys(options.files) | dict.fromkeys(options.tune, "tune"))
    measured = sorted({name for one in found for name in one.values})
    names_by_table = {"plain": [name for name in measured if name != semantic.EVIDENCE]}
    if options.meanings:
        names_by_table["with_meaning"] = measured
    tables: dict[str, dict[str, float]] = {"with_meaning": {}}
    estimates = {}
    for name, names in names_by_table.items():
        fitted, intercept, estimates[name] = fit_and_estimate(found, names)
        report(name, found, estimates[name])
        scale = SAME / (THRESHOLD - intercept)
        tables[name] = {
            each: round(scale * weight, 3)
            for each, weight in sorted(zip(names, fitted, strict=True))
            if abs(scale * weight) >= 0.05
        } | GIVEN
        print(json.dumps(dict(sorted(tables[name].items(), key=lambda pair: -pair[1])), indent=1))
    if options.meanings and not improves(found, estimates["plain"], estimates["with_meaning"]):
        print("with_meaning is not better on the field: meanings get no weight")
        tables["with_meaning"] = {}
    if options.write:
        FILE.write_text(json.dumps(tables, indent=2) + "\n", "utf-8")
    return 0


# --- examples --------------------------------------------------------------------------------------------


def examples(files: Mapping[Path, str | None]) -> list[Example]:
    """Return what near evidence has to decide in files of labelled pairs, or in their halves."""
    found: list[Example] = []
    of_field: list[tuple[Member, Member]] = []
    for file, half in files.items():
        for pair, stored in _stored(file, half):
            a, b = stored.members
            is_field = bool(pair["tags"])
            if is_field:
                of_field.append((a, b))
            if a.source_id != b.source_id and not evidence.exact(a, b):
                domain = "field" if is_field else file.stem
                tenth = crc32(pair["id"].encode()) % 10
                kind = f"field {pair['tags'][0]}" if is_field else f"{domain} {tenth}"
                found.append(_example(pair["id"], a, b, stored.same, domain, kind))
    return [*found, *neighbours(of_field)]


def _stored(file: Path, half: str | None) -> Iterator[tuple[dict[str, Any], ablation.StoredPair]]:
    """Yield the pairs of a file with what is stored of them."""
    pairs = {pair["id"]: pair for pair in ablation.read(file, half)}
    for stored in ablation.stored_pairs(list(pairs.values())):
        if len(stored.members) == 2:
            yield pairs[stored.id], stored


def neighbours(pairs: Sequence[tuple[Member, Member]]) -> Iterator[Example]:
    """Yield pairs of items from two labelled pairs: different, unless a title connects them."""
    groups: dict[str, str] = {}

    def group(name: str) -> str:
        while groups.setdefault(name, name) != name:
            name = groups[name]
        return name

    members: dict[str, Member] = {}
    for pair in pairs:
        for member in pair:
            members[f"{member.source_id} {member.title} {member.text}"] = member
        first, second = (for_member(member).compact_title for member in pair)
        groups[group(second)] = group(first)
    for number, (a, b) in enumerate(combinations(members.values(), 2)):
        one, other = for_member(a), for_member(b)
        if a.source_id == b.source_id or group(one.compact_title) == group(other.compact_title):
            continue
        common: float = sum(one.words[c] for c in one.words.keys() & other.words.keys())
        common += len(one.facts.dates & other.facts.dates) + len(one.towns & other.towns)
        if (
            common >= MIN_COMMON
            and abs(a.sort_time - b.sort_time) <= evidence.MAX_TIME_BETWEEN_ITEMS
            and not evidence.exact(a, b)
        ):
            yield _example(f"neighbour{number}", a, b, False, "neighbours", f"neighbours {number % 10}")


def _example(id_: str, a: Member, b: Member, same: bool, domain: str, kind: str) -> Example:
    pair = weighed_pairs.weigh_pair(for_member(a), for_member(b))
    found = [measure for piece in measures.NEAR for measure in piece(pair) or ()]
    found += [*measures.closeness(a, b), *measures.pointer(a, b)]
    if meaning := measures.meaning(a, b):
        found.append(meaning)
    vetoed = bool(vetoes.of_all(a, b)[0]) or abs(a.sort_time - b.sort_time) > evidence.MAX_TIME_BETWEEN_ITEMS
    weight = {"field": 2.0, "neighbours": NEIGHBOUR_WEIGHT}.get(domain, 1.0)
    weight *= (1.0 if same else DIFFERENT_WEIGHT) * (VETOED_WEIGHT if vetoed else 1.0)
    return Example(
        id=id_,
        same=same,
        domain=domain,
        kind=kind,
        weight=weight,
        values={measure.name: measure.value for measure in found},
        vetoed=vetoed,
        titles=(a.title, b.title),
    )


# --- model -----------------------------------------------------------------------------------------------


def fit_and_estimate(found: Sequence[Example], names: Sequence[str]) -> tuple[Numbers, float, Numbers]:
    """Fit on all examples; also score each, FOLDINGS times, by a model without its kind."""
    values = np.array([[one.values.get(name, 0.0) for name in names] for one in found])
    same = np.array([float(one.same) for one in found])
    weight = np.array([one.weight for one in found])
    against = np.array([_counts_against(name) for name in names])
    estimated = np.zeros((FOLDINGS, len(found)))
    for folding in range(FOLDINGS):
        fold = np.array([crc32(f"{folding} {one.kind}".encode()) % FOLDS for one in found])
        for number in range(FOLDS):
            rest = fold != number
            fitted, intercept = fit(values[rest], same[rest], weight[rest], against)
            estimated[folding, ~rest] = values[~rest] @ fitted + intercept
    return (*fit(values, same, weight, against), estimated)


def _counts_against(name: str) -> bool:
    return name.removeprefix("translated ").removeprefix("bare ").startswith(AGAINST)


def fit(values: Numbers, same: Numbers, weight: Numbers, against: NDArray[np.bool_]) -> tuple[Numbers, float]:
    """Fit a logistic model with weights of a given sign by accelerated projected gradients."""
    rows = np.hstack([values, np.ones((len(values), 1))])
    weight = weight / weight.sum()
    lowest = np.append(np.where(against, -np.inf, 0.0), -np.inf)
    highest = np.append(np.where(against, 0.0, np.inf), np.inf)
    penalty = np.append(np.full(values.shape[1], RIDGE), 0.0)
    step = 1 / (0.25 * np.linalg.eigvalsh((rows * weight[:, None]).T @ rows)[-1] + RIDGE)
    fitted = ahead = np.zeros(rows.shape[1])
    momentum = 1.0
    for _ in range(ITERATIONS):
        chance = 1 / (1 + np.exp(-rows @ ahead))
        gradient = rows.T @ (weight * (chance - same)) + penalty * ahead
        new = np.clip(ahead - step * gradient, lowest, highest)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - fitted)
        fitted, momentum = new, following
    return fitted[:-1], float(fitted[-1])


# --- report ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Hold precision, mean recall, and mean number and ids of wrong merges of all foldings."""

    precision: float
    recall: float
    wrong: float
    wrong_ids: frozenset[str]

    def __str__(self) -> str:
        recall = "" if np.isnan(self.recall) else f", R {self.recall:.3f}"
        return f"{self.wrong:.1f} wrong, P {self.precision:.3f}{recall}"


def improves(found: Sequence[Example], plain: Numbers, with_meaning: Numbers) -> bool:
    """Return whether meanings find more of the field, precisely and without a new wrong merge."""
    before, after = (rates(found, scores, THRESHOLD, "field") for scores in (plain, with_meaning))
    return (
        after.precision >= MIN_PRECISION
        and after.recall >= before.recall + MIN_RISE
        and after.wrong_ids <= before.wrong_ids
    )


def report(name: str, found: Sequence[Example], estimated: Numbers) -> None:
    """Print the estimate for several thresholds, and the wrong merges at THRESHOLD."""
    print(f"== {name}: estimate on kinds that a model has not seen, mean of {FOLDINGS} foldings")
    domains = sorted({one.domain for one in found})
    for threshold in (THRESHOLD - 1, THRESHOLD - 0.5, THRESHOLD, THRESHOLD + 0.5, THRESHOLD + 1):
        parts = (f"{domain} {rates(found, estimated, threshold, domain)}" for domain in domains)
        print(f"{threshold:5.1f}  {'; '.join(parts)}")
    missed: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for one, scores in zip(found, estimated.T, strict=True):
        merged = 0 if one.vetoed else int((scores >= THRESHOLD).sum())
        if one.same and one.domain == "field":
            every[one.kind] += 1
            missed[one.kind] += FOLDINGS - merged
        if merged and not one.same:
            titles = " | ".join(title[:90] for title in one.titles)
            print(f"  wrong in {merged} foldings: {one.domain} {one.id} {scores.max():.1f}: {titles}")
    means = (f"{kind} {count / FOLDINGS:.1f}/{every[kind]}" for kind, count in missed.most_common() if count)
    print("  missed:", ", ".join(means))


def rates(found: Sequence[Example], estimated: Numbers, threshold: float, domain: str) -> Rates:
    """Return precision and recall of a domain over all foldings."""
    chosen = np.array([one.domain == domain for one in found])
    same = np.array([one.same for one in found])
    merged = (estimated >= threshold) & chosen & ~np.array([one.vetoed for one in found])
    right, wrong = int((merged & same).sum()), int((merged & ~same).sum())
    of_domain = int((chosen & same).sum()) * FOLDINGS
    return Rates(
        precision=right / max(right + wrong, 1),
        recall=right / of_domain if of_domain else float("nan"),
        wrong=wrong / FOLDINGS,
        wrong_ids=frozenset(
            one.id for one, some in zip(found, (merged & ~same).any(axis=0), strict=True) if some
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
