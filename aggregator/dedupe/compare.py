"""Compare two items: weigh evidence and vetoes into same, related or different (I3)."""

from __future__ import annotations

from aggregator.dedupe import evidence, vetoes
from aggregator.dedupe.features import Features, for_member
from aggregator.dedupe.vocabulary.words import is_rare, tools
from aggregator.model.stories import Comparison, Evidence, Member, Strength

SAME, RELATED = 7.5, 5.0
"""Minimum scores of near evidence, set on labelled pairs so that no merge is wrong."""
MIN_SUBJECT_WEIGHT = 1.5
"""Minimum weight of evidence about the subject, in contrast to publisher, time and place."""
MIN_TITLE_AS_SUBJECT = 3.0
"""Minimum weight of equal titles that counts fully as evidence about the subject."""
MIN_SPECIFIC_WEIGHT, MIN_SPECIFIC_WEIGHT_OF_PLAIN_WORDS = 1.5, 3.0
"""Minimum weight of specific evidence, and the same if all shared words are common ones."""
NOT_SPECIFIC = "nothing particular agrees, as a name, place, sum or rare word: others may write the same"
NOT_ONE_SUBJECT = "publisher, time and place agree, but not the subject"
_SPECIFIC = ("reference", "amounts", "places", "mention", "numbers", "link")
"""Near evidence that is specific."""


def compare(
    a: Member, b: Member, common: frozenset[str] = frozenset(), *, all_vetoes: bool = False
) -> Comparison:
    """Weigh evidence and vetoes between two items; `common` words weigh less.

    Between items that are not even related, vetoes change nothing and are only listed with `all_vetoes`.
    """
    if found := evidence.exact(a, b):
        against = vetoes.of_reposts(a, b) if found.name == "repost" else vetoes.of_titles(a, b)
        return _comparison((found,), against, Strength.RELATED if against else Strength.SAME)
    if a.source_id == b.source_id:
        return _comparison(
            (), ("both are of the same source, which lists them separately",), Strength.DIFFERENT
        )
    pieces = evidence.near(a, b, common)
    if abs(a.sort - b.sort) > evidence.WINDOW:
        reason = f"published more than {evidence.WINDOW.days} days apart"
        return _comparison(pieces, (reason,), Strength.DIFFERENT)
    score = _score(pieces)
    if score < RELATED and not all_vetoes:
        return _comparison(pieces, (), Strength.DIFFERENT, _too_little(score))
    against = vetoes.of_all(a, b)
    if score < RELATED:
        return _comparison(pieces, against, Strength.DIFFERENT, _too_little(score))
    if not _is_specific(a, b, pieces):
        return _comparison(pieces, against, Strength.DIFFERENT, NOT_SPECIFIC)
    if vetoes.only_template_agrees(a, b):
        return _comparison(pieces, against, Strength.DIFFERENT)
    if score < SAME:
        return _comparison(pieces, against, Strength.RELATED, _too_little(score))
    if not _is_about_one_subject(pieces):
        return _comparison(pieces, against, Strength.RELATED, NOT_ONE_SUBJECT)
    return _comparison(pieces, against, Strength.RELATED if against else Strength.SAME)


def _too_little(score: float) -> str:
    return f"too little agrees: {score:g} of the {SAME:g} that one story needs"


def _is_specific(a: Member, b: Member, pieces: tuple[Evidence, ...]) -> bool:
    """Return whether the evidence is specific, and not only a title that many may use.

    Two partners may use one title, each about itself and its tools.

    More must agree where all shared words are those of any vacancy or course.
    """
    one, other = for_member(a), for_member(b)
    shared = one.words.keys() & other.words.keys()
    ignored = frozenset() if _is_one_release(one, other) else tools()
    emphasised = {
        c for c in shared if c in one.title or c in other.title or min(one.words[c], other.words[c]) > 1.0
    }
    rare = sum(0.5 for c in emphasised - ignored if is_rare(c) and c not in one.names)
    days = min(len(one.facts.dates & other.facts.dates), 2)
    weight = _sum(pieces, *_SPECIFIC) + 0.9 * days
    if names := shared & (one.names | other.names):
        own = {c for c in names - ignored if is_rare(c)}
        weight += _sum(pieces, "names") * len(own) / len(names)
    plain = not rare and not {c for c in shared & one.names & other.names - ignored if is_rare(c)}
    return weight + min(rare, 2.0) >= (MIN_SPECIFIC_WEIGHT_OF_PLAIN_WORDS if plain else MIN_SPECIFIC_WEIGHT)


def _is_one_release(a: Features, b: Features) -> bool:
    """Return whether both announce one version of a tool, so that its name is specific."""
    return bool("release" in a.title and "release" in b.title and a.facts.versions & b.facts.versions)


def _is_about_one_subject(pieces: tuple[Evidence, ...]) -> bool:
    """Return whether the subject agrees, and not only publisher, time and place."""
    # A name and a town make titles similar, too: half of that likeness is no subject.
    title = _sum(pieces, "title")
    title = title if title > MIN_TITLE_AS_SUBJECT else title / 2
    return title + _sum(pieces, "words", "reference", "amounts") >= MIN_SUBJECT_WEIGHT


def _sum(pieces: tuple[Evidence, ...], *names: str) -> float:
    return sum(piece.weight for piece in pieces if piece.name in names)


def _comparison(
    pieces: tuple[Evidence, ...], against: tuple[str, ...], strength: Strength, failed: str | None = None
) -> Comparison:
    exact = any(piece.weight >= evidence.PROOF for piece in pieces)
    return Comparison(
        strength=strength,
        score=_score(pieces),
        threshold=evidence.PROOF if exact else SAME,
        evidence=pieces,
        vetoes=against,
        failed=failed,
    )


def _score(pieces: tuple[Evidence, ...]) -> float:
    return round(sum(piece.weight for piece in pieces), 2)
