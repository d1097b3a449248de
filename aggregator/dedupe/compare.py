"""Two items compared: evidence and vetoes weighed into same, related or different (I3)."""

from __future__ import annotations

from aggregator.dedupe import evidence, vetoes
from aggregator.dedupe.features import for_member
from aggregator.dedupe.vocabulary.words import TOOLS
from aggregator.model.stories import Comparison, Evidence, Member, Strength

SAME, RELATED = 7.5, 5.0
"""Thresholds of near evidence, set on labelled pairs so that no two news become one."""
SUBJECT = 1.5
"""So much must the items share of what is said, not only of who, when and where."""
EQUAL_TITLES = 3.0
ANCHOR = 1.5
ANCHOR_OF_PLAIN_WORDS = 3.0
"""So much must be particular: a title that two houses may write of themselves proves nothing."""


def compare(a: Member, b: Member, common: frozenset[str] = frozenset(), *, whole: bool = False) -> Comparison:
    """What stands for and against two items telling the same news. `common` are words the archive uses often.

    Vetoes against what is not even related are only looked for when the `whole` truth is asked for.
    """
    if found := evidence.exact(a, b):
        against = vetoes.of_reposts(a, b) if found.name == "repost" else vetoes.of_titles(a, b)
        return _judged((found,), against, Strength.RELATED if against else Strength.SAME)
    if a.source_id == b.source_id:  # two items of one source are one story only on identity evidence
        return _judged((), ("both are of the same source, which tells them apart",), Strength.DIFFERENT)
    pieces = evidence.near(a, b, common)
    if abs(a.sort - b.sort) > evidence.WINDOW:
        return _judged(pieces, (f"told more than {evidence.WINDOW.days} days apart",), Strength.DIFFERENT)
    score = _score(pieces)
    if score < RELATED and not whole:
        return _judged(pieces, (), Strength.DIFFERENT)
    against = vetoes.of_all(a, b)
    if score < RELATED or not _particular(a, b, pieces) or vetoes.template(a, b):
        return _judged(pieces, against, Strength.DIFFERENT)
    if score < SAME or against or not _on_one_subject(pieces):
        return _judged(pieces, against, Strength.RELATED)
    return _judged(pieces, (), Strength.SAME)


def _particular(a: Member, b: Member, pieces: tuple[Evidence, ...]) -> bool:
    """Whether something in what agrees is particular: two houses may write one title, each of itself and its tools.

    Where all shared words are those of every vacancy and every course, more must agree.
    """
    one, other = for_member(a), for_member(b)
    shared = one.words.keys() & other.words.keys()
    released = (
        "release" in one.title and "release" in other.title and one.facts.versions & other.facts.versions
    )
    tools = frozenset() if released else TOOLS
    told = {
        c for c in shared if c in one.title or c in other.title or min(one.words[c], other.words[c]) > 1.0
    }
    rare = sum(0.5 for c in told - tools if evidence.is_rare(c) and c not in one.names)
    days = min(len(one.facts.dates & other.facts.dates), 2)
    anchors = _sum(pieces, "reference", "amounts", "places", "mention", "numbers", "link") + 0.9 * days
    if names := shared & (one.names | other.names):
        own = {c for c in names - tools if evidence.is_rare(c)}
        anchors += _sum(pieces, "names") * len(own) / len(names)
    plain = not rare and not {c for c in shared & one.names & other.names - tools if evidence.is_rare(c)}
    return anchors + min(rare, 2.0) >= (ANCHOR_OF_PLAIN_WORDS if plain else ANCHOR)


def _on_one_subject(pieces: tuple[Evidence, ...]) -> bool:
    """Whether what is said agrees, and not only who says it, where and when."""
    # A name and a town make titles alike, too: half of that likeness is no subject.
    title = _sum(pieces, "title")
    title = title if title > EQUAL_TITLES else title / 2
    return title + _sum(pieces, "words", "reference", "amounts") >= SUBJECT


def _sum(pieces: tuple[Evidence, ...], *names: str) -> float:
    return sum(piece.weight for piece in pieces if piece.name in names)


def _judged(pieces: tuple[Evidence, ...], against: tuple[str, ...], strength: Strength) -> Comparison:
    exact = any(piece.weight >= evidence.PROOF for piece in pieces)
    return Comparison(
        strength=strength,
        score=_score(pieces),
        threshold=evidence.PROOF if exact else SAME,
        evidence=pieces,
        vetoes=against,
    )


def _score(pieces: tuple[Evidence, ...]) -> float:
    return round(sum(piece.weight for piece in pieces), 2)
