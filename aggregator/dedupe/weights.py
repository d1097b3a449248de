"""Load the weights of measures, which benchmarks/fit_dedupe.py fits on labelled pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from aggregator.model.value_classes import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """The weight of each measure in points.

    `with_meaning` is for compared meanings; it is empty while they do not improve the estimate.
    """

    plain: Mapping[str, float]
    with_meaning: Mapping[str, float]

    @property
    def weighs_meaning(self) -> bool:
        """Return whether compared meanings have a weight; without one, no embedding is computed."""
        return bool(self.with_meaning)

    def has_weight(self, name: str) -> bool:
        """Return whether a measure has a weight."""
        return name in self.plain or name in self.with_meaning


@cache
def weights() -> Weights:
    """Return the weights of weights.json; a measure that is not listed has none."""
    fitted = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return Weights(plain=fitted["plain"], with_meaning=fitted["with_meaning"])
