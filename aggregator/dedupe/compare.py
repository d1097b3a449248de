"""Compare two items: weigh evidence and vetoes into same, related or different (I3)."""

from __future__ import annotations

import math

from aggregator.dedupe import evidence, vetoes
from aggregator.model.stories import Comparison, Evidence, Member, Strength

SAME, RELATED = 7.5, 5.5
"""Minimum scores of near evidence; benchmarks/fit_dedupe.py scales the weights to the first."""


_UNRELATED = Comparison(
    strength=Strength.DIFFERENT,
    score=0.0,
    threshold=SAME,
    failed="they have too little in common to be related",
)


def compare(
    a: Member, b: Member, common_keys: frozenset[int] = frozenset(), *, all_vetoes: bool = False
) -> Comparison:
    """Weigh evidence and vetoes between two items; words with `common_keys` weigh less.

    Between items that are not even related, vetoes change nothing, and evidence and vetoes are only listed with
    `all_vetoes`.
    """
    if found := evidence.exact(a, b):
        against = vetoes.of_reposts(a, b) if found.name == "repost" else vetoes.of_one_page(a, b)
        return _comparison((found,), against, Strength.RELATED if against else Strength.SAME)
    if a.source_id == b.source_id:
        return _comparison(
            (), ("both are of the same source, which lists them separately",), Strength.DIFFERENT
        )
    if abs(a.sort_time - b.sort_time) > evidence.MAX_TIME_BETWEEN_ITEMS:
        reason = f"published more than {evidence.MAX_TIME_BETWEEN_ITEMS.days} days apart"
        pieces = evidence.near(a, b, common_keys) if all_vetoes else ()
        return _comparison(pieces, (reason,), Strength.DIFFERENT)
    pieces = evidence.near(a, b, common_keys, -math.inf if all_vetoes else RELATED)
    score = evidence.score(pieces)
    if score < RELATED and not all_vetoes:
        return _UNRELATED
    against, only_template = vetoes.of_all(a, b)
    if score < RELATED:
        return _comparison(pieces, against, Strength.DIFFERENT, _too_little(score))
    if only_template:
        return _comparison(pieces, against, Strength.DIFFERENT)
    if score < SAME:
        return _comparison(pieces, against, Strength.RELATED, _too_little(score))
    return _comparison(pieces, against, Strength.RELATED if against else Strength.SAME)


def _too_little(score: float) -> str:
    return f"the evidence is too weak for one story: {score:g} of {SAME:g} points"


def _comparison(
    pieces: tuple[Evidence, ...], against: tuple[str, ...], strength: Strength, failed: str | None = None
) -> Comparison:
    exact = any(piece.weight >= evidence.PROOF_WEIGHT for piece in pieces)
    return Comparison(
        strength=strength,
        score=evidence.score(pieces),
        threshold=evidence.PROOF_WEIGHT if exact else SAME,
        evidence=pieces,
        vetoes=against,
        failed=failed,
    )
