"""Compare two titles: equal ones, and the place where two of one template differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.dedupe.features import Features
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.words import concepts


def same_title(a: Features, b: Features) -> bool:
    """Return whether two titles are equal but for typography, or one is the other cut off."""
    if a.compact == b.compact:
        return bool(a.compact)
    return any(
        one.cut and len(one.compact) >= 20 and other.compact.startswith(one.compact)
        for one, other in ((a, b), (b, a))
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """The share of equal words around the place where two titles differ, and their words there."""

    alike: float
    words: str
    other_words: str

    def reason(self) -> str:
        """Return the difference in words."""
        return f"one title says “{self.words}” where the other says “{self.other_words}”"


def slot(a: Features, b: Features) -> Slot | None:
    """Find the place where two titles with one beginning and end say different things.

    Words do not count that the other item has, too, nor words of what is done with a subject.
    """
    one, other = a.key.split(), b.key.split()
    before = _common_length(one, other)
    after = _common_length(one[before:][::-1], other[before:][::-1])
    middles = [each[before : len(each) - after] for each in (one, other)]
    if not before + after or not all(
        _says_more(middle, x, y) for middle, x, y in zip(middles, (a, b), (b, a), strict=True)
    ):
        return None
    return Slot((before + after) / max(len(one), len(other)), *map(" ".join, middles))


def _says_more(middle: Sequence[str], item: Features, other: Features) -> bool:
    """Return whether a part of a title names something that the other item does not."""
    acts = vocabulary().acts
    meant = {c for word in middle for c in concepts(word)} & (item.title.keys() | item.towns | item.countries)
    known = other.words.keys() | other.towns | other.countries | acts
    return any(not any(_alike(concept, each) for each in other.title) for concept in meant - known)


def _alike(one: str, other: str) -> bool:
    """Return whether two long words agree but for two characters."""
    if min(len(one), len(other)) < 6 or one[0] != other[0]:
        return False
    start = _common_length(one, other)
    end = _common_length(one[start:][::-1], other[start:][::-1])
    return start + end >= max(len(one), len(other)) - 2


def _common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the common beginning."""
    return next(
        (n for n, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), min(len(one), len(other))
    )
