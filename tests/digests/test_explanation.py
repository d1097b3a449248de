"""Why an address got a story in a digest, or did not: every case as a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator.digests.explanation import why
from aggregator.model.config import DigestPlan
from aggregator.model.digests import DeliveryFacts, DigestExplanation, PastDelivery, PastEntry, Suppression
from tests.builders import BERLIN, NOW

DAY = timedelta(days=1)
PLAN = DigestPlan(
    id="weekly",
    title="Weekly",
    channels=("all", "events"),
    schedule="0 8 * * 1",
    language="en",
    timezone=BERLIN,
    recipients=("ada@a.example",),
)
LETTER = PastDelivery(
    edition="weekly-2026-10-05",
    state="accepted",
    message_id="<1@x>",
    last_attempt=NOW,
    next_attempt=None,
    reason=None,
)
TOLD = PastEntry(edition="weekly-2026-10-05", reason="new", composed=NOW)


def asked(**fields: Any) -> DigestExplanation:
    """The answer for a story of yesterday that the weekly digest told Ada, but for `fields`."""
    telling = DeliveryFacts(
        digest="weekly",
        plan=PLAN,
        address="Ada@a.example",
        announced=NOW - DAY,
        fed=True,
        hidden=False,
        in_channels=True,
        of_kinds=True,
        since=NOW - 30 * DAY,
        last_composed=NOW,
        told=(TOLD,),
        letters=(LETTER,),
        suppressed=None,
    )
    return why(replace(telling, **fields), baseline=7 * DAY, reach=31 * DAY, now=NOW)


@pytest.mark.parametrize(
    ("fields", "got", "said"),
    [
        ({}, True, "was accepted by the relay 2026-10-05 06:30 UTC (Message-ID <1@x>)."),
        ({"state": "queued"}, False, "is still to be sent."),
        ({"state": "sending"}, None, "is being sent, or its sending was cut off; the next run knows."),
        (
            {"state": "deferred", "reason": "451 later", "next_attempt": NOW + timedelta(hours=1)},
            False,
            "was refused for now 2026-10-05 06:30 UTC, next attempt 2026-10-05 07:30 UTC: 451 later.",
        ),
        ({"state": "unknown"}, None, "nobody knows whether it arrived (Message-ID <1@x>)."),
        ({"state": "failed", "reason": "550 nobody"}, False, "was not delivered: 550 nobody."),
    ],
)
def test_a_told_story_is_as_well_off_as_its_letter(
    fields: dict[str, Any], got: bool | None, said: str
) -> None:
    """M4: each state of a letter is said in words, and whether the address got it."""
    answer = asked(letters=(replace(LETTER, **fields),))
    beginning = (
        "Told as new in weekly-2026-10-05, composed 2026-10-05 06:30 UTC; the letter to Ada@a.example "
    )
    assert answer.why.startswith(beginning) and answer.why.endswith(said)
    assert (answer.got, answer.editions, answer.message_ids) == (got, ("weekly-2026-10-05",), ("<1@x>",))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"letters": ()}, "Ada@a.example was no recipient then."),
        (
            {"told": (PastEntry(edition=None, reason="new", composed=None),)},
            "It counted as told when the digest began.",
        ),
        ({"told": (replace(TOLD, reason="updated"),)}, "Told as corrected in weekly-2026-10-05"),
        (
            {"told": (replace(TOLD, reason="closing"),)},
            "Told because its deadline is near in weekly-2026-10-05",
        ),
        ({"told": (), "plan": None}, "the digest is not configured any more"),
        ({"told": (), "hidden": True}, "an editor has hidden it"),
        ({"told": (), "in_channels": False}, "it is in none of its channels (all, events)"),
        ({"told": (), "fed": False}, "it is no news for feeds and digests"),
        ({"told": (), "since": NOW}, "announced 2026-10-04 06:30 UTC, and the digest begins on 2026-10-05"),
        ({"told": (), "since": None, "last_composed": None}, "the first edition is still to come"),
        (
            {"told": (), "since": None, "last_composed": None, "announced": NOW - 8 * DAY},
            "the digest begins with what is at most a week old",
        ),
        (
            {"told": (), "since": NOW - 99 * DAY, "announced": NOW - 40 * DAY},
            "came into the channels long after",
        ),
        ({"told": (), "announced": NOW + DAY}, "after the last edition (2026-10-05 06:30 UTC)"),
        ({"told": ()}, "it came into the channels after the last edition"),
        ({"told": (), "address": "grace@b.example"}, "grace@b.example is no recipient of it."),
        (
            {"suppressed": Suppression(address="ada@a.example", since=NOW, reason="550 5.1.1 nobody")},
            "Ada@a.example gets no more letters since 2026-10-05: 550 5.1.1 nobody.",
        ),
    ],
)
def test_every_reason_is_said(fields: dict[str, Any], said: str) -> None:
    """M1-M3: hidden, in no channel, before the digest began, after its last edition, to somebody else …"""
    assert said in asked(**fields).why


def test_a_story_told_twice_is_two_sentences() -> None:
    """E1: told as new and later as corrected, with the letter of each."""
    later = PastEntry(edition="weekly-2026-10-12", reason="updated", composed=NOW + 7 * DAY)
    letters = (LETTER, replace(LETTER, edition="weekly-2026-10-12", state="failed", message_id="<2@x>"))
    answer = asked(told=(TOLD, later), letters=letters)
    assert answer.why.count("Told as") == 2
    assert (answer.got, answer.message_ids) == (True, ("<1@x>", "<2@x>"))
