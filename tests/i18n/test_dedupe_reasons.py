"""Reasons of deduplication on the editors' pages are in German as well."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from aggregator.dedupe import cluster
from aggregator.dedupe.compare import compare
from aggregator.dedupe.vocabulary.load import FOLDER
from aggregator.i18n import dedupe_reasons
from aggregator.i18n.phrases import FOLDER as PHRASES
from aggregator.model.stories import Member
from tests.dedupe.test_same_story import reported

PAIRS = Path(__file__).parents[1] / "data" / "dedupe"


def member(side: dict[str, Any], id_: str) -> Member:
    """Return the item of one side of a labelled pair."""
    return reported(
        id_,
        side["title"],
        side.get("summary") or "",
        publisher=side["source"],
        language=side.get("lang"),
        link=side["url"],
        sort_time=datetime.fromisoformat(side["date"] or "2026-04-14").replace(tzinfo=UTC),
    )


def pairs() -> Iterator[tuple[Member, Member]]:
    """Yield the labelled pairs, and pairs of neighbours, which differ in all respects."""
    lines = [line for file in sorted(PAIRS.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    found = [json.loads(line) for line in lines]
    labelled = [(member(each["a"], "one"), member(each["b"], "two")) for each in found]
    yield from labelled
    yield from ((one, other) for (one, _), (_, other) in pairwise(labelled))


def test_every_reason_of_the_labelled_pairs_is_translated() -> None:
    """Each piece of evidence, each veto and what is missing has a German phrase."""
    seen = set()
    for one, other in pairs():
        comparison = compare(one, other, all_vetoes=True)
        reasons = [piece.reason for piece in comparison.evidence]
        reasons += [*comparison.vetoes, *filter(None, [comparison.failed]), comparison.reason]
        unknown = [reason for reason in reasons if not dedupe_reasons.is_known(reason, "de")]
        assert unknown == []
        seen |= {piece.name for piece in comparison.evidence}
    assert len(seen) > 30


def test_every_reason_of_placing_is_translated() -> None:
    """What is stored with items, relations and merge candidates has German phrases."""
    members = list(chain.from_iterable((one, other) for one, other in pairs()))[:300]
    numbered = [
        replace(each, item_id=f"item{n:04}", source_id=f"source{n}") for n, each in enumerate(members)
    ]
    ids = {each.item_id: [other.item_id for other in numbered[n - 6 : n]] for n, each in enumerate(numbered)}
    placements = cluster.place_items(numbered, (), ids)
    reasons = {placement.why for placement in placements}
    reasons |= {why for placement in placements for _, why in placement.related}
    reasons |= {each.why for placement in placements for each in placement.merge_candidates}
    assert [reason for reason in reasons if not dedupe_reasons.is_known(reason, "de")] == []
    assert len(reasons) > 30


def test_every_stage_of_an_event_is_translated() -> None:
    """What only one item reports has a German phrase, also where no labelled pair has it."""
    phases = tomllib.loads((FOLDER / "phases.toml").read_text("utf-8"))
    for phase in phases.values():
        assert dedupe_reasons.is_known(f"only one reports {phase['reports']}", "de")


@pytest.mark.parametrize(
    ("reason", "german"),
    [
        (
            "both titles say course, Jena; published within 3 days, but only one reports a cancellation",
            "in beiden Titeln steht course, Jena; im Abstand von höchstens 3 Tagen erschienen, aber nur einer"
            " meldet: eine Absage",
        ),
        ("dates: 3 May, 12 June here, 5 June there", "Daten: hier 3. Mai, 12. Juni, dort 5. Juni"),
        ("months: May here, June, July there", "Monate: hier Mai, dort Juni, Juli"),
        ("the same title (8.25 points, 7.5 needed)", "derselbe Titel (8,25 Punkte, nötig sind 7,5)"),
        (
            "one title says “one; two, but three” where the other says “{four}”",
            "in einem Titel steht „one; two, but three“, im anderen an dieser Stelle „{four}“",
        ),
        (
            "only the later one calls for registration or applications",
            "nur der spätere ruft zur Anmeldung oder Bewerbung auf",
        ),
        ("split off by Eva on 2026-10-05", "abgetrennt von Eva am 2026-10-05"),
        ("nobody knows why", "nobody knows why"),
    ],
)
def test_a_reason_in_german(reason: str, german: str) -> None:
    """Phrases are joined as in English; words of items and unknown reasons stay as they are."""
    assert dedupe_reasons.translated(reason, "de") == german
    assert dedupe_reasons.translated(reason, "en") == reason


@pytest.mark.parametrize(
    ("stored", "english", "german"),
    [
        (
            "little that they share is particular",
            "what both have in common is in many other items as well",
            "was beide gemeinsam haben, steht auch in vielen anderen Beiträgen",
        ),
        (
            "the same title (8.25 of the 7.5 needed)",
            "the same title (8.25 points, 7.5 needed)",
            "derselbe Titel (8,25 Punkte, nötig sind 7,5)",
        ),
        (
            "titles alike to 53%; they give other dates, 3 May and 5 June, but little that they share is particular",
            "the titles are 53% alike; they give different dates, 3 May and 5 June, but what both have in common is in"
            " many other items as well",
            "die Titel sind zu 53% ähnlich; sie nennen verschiedene Daten, 3. Mai und 5. Juni, aber was beide gemeinsam"
            " haben, steht auch in vielen anderen Beiträgen",
        ),
    ],
)
def test_reasons_of_earlier_versions_are_worded_anew(stored: str, english: str, german: str) -> None:
    """Stored reasons have the words of this version, in each language."""
    assert dedupe_reasons.translated(stored, "en") == english
    assert dedupe_reasons.translated(stored, "de") == german
    assert dedupe_reasons.is_known(stored, "de")


def test_every_former_phrase_has_one_of_this_version() -> None:
    """A former phrase has the placeholders of the one that replaced it, which is translated."""
    phrases = json.loads((PHRASES / "de" / "dedupe_reasons.json").read_bytes())
    for former, phrase in json.loads(dedupe_reasons.FORMER_FILE.read_bytes()).items():
        assert phrase in phrases
        assert sorted(re.findall(r"{\w+}", former)) == sorted(re.findall(r"{\w+}", phrase))


def test_a_reason_of_many_words_stays_in_english() -> None:
    """Only a reason of bounded length is compared with phrases: it has words of items."""
    words = "x, but y; " * 190
    assert dedupe_reasons.translated(f"both name {words}", "de") == f"both name {words}"
    assert dedupe_reasons.translated("both name " + "x " * 900, "de") == "beide nennen " + "x " * 900
    assert dedupe_reasons.translated("both name " + "x " * 1_000, "de") == "both name " + "x " * 1_000


def test_a_reason_is_translated_as_a_whole() -> None:
    """A reason of which one part has no phrase stays in English, as the page marks its language."""
    assert dedupe_reasons.translated("both name alpha; nobody knows", "de") == "both name alpha; nobody knows"
