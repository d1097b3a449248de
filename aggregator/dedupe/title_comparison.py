"""Compare two titles: whether they are equal, and in which words titles of one form differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from aggregator.dedupe.features import Features
from aggregator.dedupe.vocabulary.load import vocabulary
from aggregator.dedupe.vocabulary.words import concepts
from aggregator.model.value_classes import dataclass

MIN_EQUAL_SHARE = 0.4
"""Minimum share of equal words in two titles of one template."""
MAX_WORDS_ALIGNED = 100
"""Maximum number of words of a title that are aligned; the time grows with their square."""


def same_title(a: Features, b: Features) -> bool:
    """Return whether titles are equal except for typography, or one is the start of the other."""
    if a.compact_title == b.compact_title:
        return bool(a.compact_title)
    return any(
        short.title_is_cut
        and len(short.compact_title) >= 20
        and long.compact_title.startswith(short.compact_title)
        for short, long in ((a, b), (b, a))
    )


@dataclass(frozen=True, slots=True)
class TitleDifference:
    """The words in which two titles differ, and the share of equal words around them."""

    equal_share: float
    words: str
    other_words: str

    def reason(self) -> str:
        """Return the difference in words."""
        return f"one title says “{self.words}” where the other says “{self.other_words}”"


def title_difference(a: Features, b: Features) -> TitleDifference | None:
    """Return in which words titles of one template name different things, else None.

    Words that the other item has as well are ignored, and words for actions. One reference number in both means that
    they name one thing in other words.
    """
    if b.key < a.key:  # an alignment depends on which title is the first
        found = title_difference(b, a)
        return found and TitleDifference(found.equal_share, found.other_words, found.words)
    words_a, words_b = (item.key.split()[:MAX_WORDS_ALIGNED] for item in (a, b))
    longer = max(len(words_a), len(words_b))
    # Most pairs end here, without being aligned.
    if sum(word in words_b for word in words_a) < MIN_EQUAL_SHARE * longer:
        return None
    if a.facts.references & b.facts.references:
        return None
    equal, alone_a, alone_b = 0, [], []
    aligned = SequenceMatcher(None, words_a, words_b, autojunk=False)
    for kind, start_a, end_a, start_b, end_b in aligned.get_opcodes():
        if kind == "equal":
            equal += end_a - start_a
        else:
            alone_a += words_a[start_a:end_a]
            alone_b += words_b[start_b:end_b]
    if equal < MIN_EQUAL_SHARE * longer or not (_names_more(alone_a, a, b) and _names_more(alone_b, b, a)):
        return None
    return TitleDifference(equal / longer, " ".join(alone_a), " ".join(alone_b))


def _names_more(middle: Sequence[str], item: Features, other: Features) -> bool:
    """Return whether a part of a title names something that the other item does not."""
    acts = vocabulary().acts
    named = {c for word in middle for c in concepts(word)} & (item.title.keys() | item.towns | item.countries)
    return any(
        not any(_is_similar(concept, other_concept) for other_concept in other.title)
        for concept in named.difference(other.words, other.towns, other.countries, acts)
    )


def _is_similar(a: str, b: str) -> bool:
    """Return whether two long words differ in at most two characters."""
    if min(len(a), len(b)) < 6 or a[0] != b[0]:
        return False
    start = _common_length(a, b)
    end = _common_length(a[start:][::-1], b[start:][::-1])
    return start + end >= max(len(a), len(b)) - 2


def _common_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the common start."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
