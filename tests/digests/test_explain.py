"""Why an address received a story in a digest or did not, as sentences and as `digest why`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator.digests.explain import explain
from aggregator.model.config import DigestPlan
from aggregator.model.digests import DeliveryFacts, DigestExplanation, PastDelivery, PastEntry, Suppression
from tests import command
from tests.builders import BERLIN, NOW, rss
from tests.digests.scenario import READERS, news, poll, rows
from tests.web_server import Web
from tests.workplace import Workplace

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
MESSAGE = PastDelivery(
    edition="weekly-2026-10-05",
    state="accepted",
    message_id="<1@x>",
    last_attempt=NOW,
    next_attempt=None,
    reason=None,
)
ENTRY = PastEntry(edition="weekly-2026-10-05", reason="new", composed=NOW)


def explained(**fields: Any) -> DigestExplanation:
    """Explain a story of yesterday that the weekly digest sent to Ada, except for `fields`."""
    facts = DeliveryFacts(
        digest="weekly",
        plan=PLAN,
        address="Ada@a.example",
        announced=NOW - DAY,
        in_feeds=True,
        hidden=False,
        in_channels=True,
        of_kinds=True,
        since=NOW - 30 * DAY,
        last_composed=NOW,
        entries=(ENTRY,),
        deliveries=(MESSAGE,),
        suppressed=None,
    )
    return explain(replace(facts, **fields), max_first_age=7 * DAY, max_pending_age=31 * DAY, now=NOW)


@pytest.mark.parametrize(
    ("fields", "received", "sentence"),
    [
        ({}, True, "was accepted by the relay 2026-10-05 06:30 UTC (Message-ID <1@x>)."),
        ({"state": "queued"}, False, "is queued."),
        (
            {"state": "sending"},
            None,
            "is being sent, or sending was interrupted; the next run will show which.",
        ),
        (
            {"state": "deferred", "reason": "451 later", "next_attempt": NOW + timedelta(hours=1)},
            False,
            "was refused temporarily 2026-10-05 06:30 UTC, next attempt 2026-10-05 07:30 UTC: 451 later.",
        ),
        ({"state": "unknown"}, None, "and may have arrived or not (Message-ID <1@x>)."),
        ({"state": "failed", "reason": "550 nobody"}, False, "was not delivered: 550 nobody."),
    ],
)
def test_each_state_of_a_message_is_a_sentence(
    fields: dict[str, Any], received: bool | None, sentence: str
) -> None:
    """The sentence gives the state of the message and whether it was received (M4)."""
    answer = explained(deliveries=(replace(MESSAGE, **fields),))
    beginning = (
        "Included as new in weekly-2026-10-05, composed 2026-10-05 06:30 UTC; the message to Ada@a.example "
    )
    assert answer.explanation.startswith(beginning) and answer.explanation.endswith(sentence)
    assert (answer.received, answer.editions, answer.message_ids) == (
        received,
        ("weekly-2026-10-05",),
        ("<1@x>",),
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"deliveries": ()}, "Ada@a.example was not a recipient then."),
        (
            {"entries": (PastEntry(edition=None, reason="baseline", composed=None),)},
            "Not included: it was already old when a change of feeds.yaml brought it into the digest.",
        ),
        ({"entries": (replace(ENTRY, reason="updated"),)}, "Included as corrected in weekly-2026-10-05"),
        (
            {"entries": (replace(ENTRY, reason="closing"),)},
            "Included because its deadline is near in weekly-2026-10-05",
        ),
        ({"entries": (), "plan": None}, "the digest is no longer configured"),
        ({"entries": (), "hidden": True}, "an editor has hidden it"),
        ({"entries": (), "in_channels": False}, "it is in none of the channels (all, events)"),
        ({"entries": (), "in_feeds": False}, "it was not announced"),
        (
            {"entries": (), "since": NOW},
            "announced 2026-10-04 06:30 UTC, and the digest begins at 2026-10-05 06:30 UTC",
        ),
        ({"entries": (), "since": None, "last_composed": None}, "the first edition is still to come"),
        (
            {"entries": (), "since": None, "last_composed": None, "announced": NOW - 8 * DAY},
            "the digest begins with stories of at most 7 days",
        ),
        (
            {"entries": (), "since": NOW - 99 * DAY, "announced": NOW - 40 * DAY},
            "came into the channels long after that",
        ),
        ({"entries": (), "announced": NOW + DAY}, "after the last edition (2026-10-05 06:30 UTC)"),
        ({"entries": ()}, "it came into the channels after the last edition"),
        ({"entries": (), "address": "grace@b.example"}, "grace@b.example is not a recipient."),
        (
            {"suppressed": Suppression(address="ada@a.example", since=NOW, reason="550 5.1.1 nobody")},
            "Ada@a.example gets no more messages since 2026-10-05: 550 5.1.1 nobody.",
        ),
    ],
)
def test_each_reason_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    """Hidden, in no channel, before the digest began, after its last edition and others (M1-M3)."""
    assert sentence in explained(**fields).explanation


def test_a_story_in_two_editions_is_two_sentences() -> None:
    """A story that was new and later corrected has one sentence for each message (E1)."""
    later = PastEntry(edition="weekly-2026-10-12", reason="updated", composed=NOW + 7 * DAY)
    deliveries = (MESSAGE, replace(MESSAGE, edition="weekly-2026-10-12", state="failed", message_id="<2@x>"))
    answer = explained(entries=(ENTRY, later), deliveries=deliveries)
    assert answer.explanation.count("Included as") == 2
    assert (answer.received, answer.message_ids) == (True, ("<1@x>", "<2@x>"))


# --- the command ---------------------------------------------------------------------------------------


def test_why_explains_a_story_for_an_address(place: Workplace, story_id: str) -> None:
    """Received with Message-ID, not received with the reason, and not a recipient (M1, M4)."""
    result = command.call(place, "digest", "why", story_id, READERS[0])
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == f"{story_id} “News number 1”"
    assert (
        "weekly: Included as new in weekly-2026-10-05" in result.out
        and "was accepted by the relay" in result.out
    )
    answer = json.loads(command.call(place, "digest", "why", story_id, READERS[2], "--json").out)
    assert answer["story"] == story_id
    (weekly,) = answer["digests"]
    assert weekly["received"] is False
    assert (
        "was not delivered: 550 5.1.1 nobody" in weekly["explanation"]
        and "no more messages" in weekly["explanation"]
    )
    assert "was not a recipient then" in command.call(place, "digest", "why", story_id, "x@y.example").out


def test_why_finds_a_hidden_story_and_one_by_its_item(place: Workplace, web: Web, story_id: str) -> None:
    """The id of an item leads to its story, and a hidden story is explained as such (I7)."""
    web.feed("/feed", rss(news(2), news(1)))
    poll(place)
    item, story = rows(place, "SELECT id, story_id FROM items WHERE title LIKE '%number 2'")[0]
    assert "after the last edition" in command.call(place, "digest", "why", item, READERS[0]).out
    assert command.call(place, "story", "hide", story).code == 0
    assert "an editor has hidden it" in command.call(place, "digest", "why", story, READERS[0]).out


def test_why_of_an_unknown_story_exits_with_2(place: Workplace, story_id: str) -> None:
    """An unknown id exits with 2 and one line."""
    result = command.call(place, "digest", "why", "zzzz", READERS[0])
    assert result.code == 2
    assert "no story 'zzzz'" in result.line
