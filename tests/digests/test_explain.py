"""`digest why`, `test`, `owed`, `retry` and `dismiss`, as commands, on a real database and a real relay."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests import command
from tests.builders import rss
from tests.conftest import Clock, Web, Workplace
from tests.digests.test_run import READERS, everything, news, plan, poll, rows, run, write
from tests.smtp_server import Relay, relaying


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A relay."""
    with relaying() as made:
        yield made


@pytest.fixture
def told(place: Workplace, web: Web, relay: Relay) -> str:
    """The id of a story; two readers got it, and the third's address does not exist."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: (
        "550 5.1.1 nobody" if (step, address) == ("RCPT", READERS[2]) else None
    )
    run(place)
    relay.script = lambda step, address: None
    return str(rows(place, "SELECT id FROM stories")[0][0])


def test_why_says_what_became_of_a_story_for_an_address(place: Workplace, told: str) -> None:
    """M1, M4: who got it when, with its Message-ID; who did not, and why; people who are no recipients."""
    said = command.call(place, "digest", "why", told, READERS[0])
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == f"{told} “News number 1”"
    assert "weekly: Told as new in weekly-2026-10-05" in said.out and "was accepted by the relay" in said.out
    answer = json.loads(command.call(place, "digest", "why", told, READERS[2], "--json").out)
    assert answer["story"] == told
    (weekly,) = answer["digests"]
    assert weekly["got"] is False
    assert "was not delivered: 550 5.1.1 nobody" in weekly["why"] and "no more letters" in weekly["why"]
    assert "was no recipient then" in command.call(place, "digest", "why", told, "x@y.example").out


def test_why_finds_a_hidden_story_and_one_by_its_item(place: Workplace, web: Web, told: str) -> None:
    """I7: any name that leads to the story will do, and what is hidden is said to be."""
    web.feed("/feed", rss(news(2), news(1)))
    poll(place)
    item, story = rows(place, "SELECT id, story_id FROM items WHERE title LIKE '%number 2'")[0]
    assert "after the last edition" in command.call(place, "digest", "why", item, READERS[0]).out
    assert command.call(place, "story", "hide", story).code == 0
    assert "an editor has hidden it" in command.call(place, "digest", "why", story, READERS[0]).out


def test_why_of_nothing_is_wrong_usage(place: Workplace, told: str) -> None:
    """A story nobody knows ends with 2 and one line."""
    said = command.call(place, "digest", "why", "zzzz", READERS[0])
    assert said.code == 2
    assert "no story 'zzzz'" in said.line


def test_owed_lists_what_waits_and_retry_and_dismiss_end_it(
    place: Workplace, relay: Relay, told: str, clock: Clock
) -> None:
    """M4: the suppressed address is listed with what to do; named, it is served; then nothing is owed."""
    said = command.call(place, "digest", "owed").out
    assert f"{READERS[2]} gets no more letters since 2026-10-05: 550 5.1.1 nobody" in said
    assert f"{READERS[2]} gets no more messages" in command.call(place, "status").out
    assert command.call(place, "status", "--check").code == 0
    assert command.call(place, "digest", "retry", "nobody@x.example").code == 2
    assert "1 letters are to be sent now" in command.call(place, "digest", "retry", READERS[2]).out
    owed = json.loads(command.call(place, "digest", "owed", "--json").out)
    assert [(letter["address"], letter["state"]) for letter in owed["letters"]] == [(READERS[2], "queued")]
    assert command.call(place, "digest", "run").code == 0
    assert READERS[2] in relay.accepted
    assert command.call(place, "digest", "owed").out == "no letter is owed\n"
    relay.close()
    assert "0 parked letters" in command.call(place, "digest", "dismiss").out


def test_a_test_letter_goes_to_one_address_and_leaves_no_trace(
    place: Workplace, web: Web, relay: Relay, told: str, clock: Clock
) -> None:
    """`digest test`: what would go out now, marked, under an id of its own; no row changes."""
    web.feed("/feed", rss(news(2), news(1)))
    poll(place)
    clock.now += timedelta(days=7)
    before, letters = everything(place), len(relay.letters)
    said = command.call(place, "digest", "test", "weekly", "--to", "Me@x.example")
    assert said.code == 0
    assert said.out == f"sent to Me@x.example through 127.0.0.1:{relay.port}: 1 new stories, 0 corrected\n"
    assert everything(place) == before
    (taken,) = relay.letters[letters:]
    mail = email.message_from_bytes(taken.body, policy=email.policy.default)
    assert mail["To"] == taken.address == "Me@x.example"
    assert mail["Subject"] == "[Test] Weekly news, 12 October 2026"
    assert str(mail["Message-ID"]).startswith("<test-weekly-2026-10-12.")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("weekli", "--to", "me@x.example"), 2, 'did you mean "weekly"'),
        (("weekly", "--to", "me"), 2, "is not a mail address"),
        (("weekly", "--to", "me@x.example\nBcc: you@x.example"), 2, "is not a mail address"),
        (("weekly",), 2, "--to"),
        (("weekly", "--to", "gone@x.example"), 1, "was not accepted: 550 5.1.1 nobody"),
    ],
)
def test_a_test_letter_that_cannot_be_sent_is_one_sentence(
    place: Workplace, relay: Relay, told: str, args: tuple[str, ...], code: int, words: str
) -> None:
    """Wrong digests and addresses are wrong usage, a relay's no ends with 1; nothing is recorded."""
    relay.script = lambda step, address: "550 5.1.1 nobody" if address.startswith("gone") else None
    before = everything(place)
    said = command.call(place, "digest", "test", *args)
    assert said.code == code
    assert words in said.err
    assert everything(place) == before


def test_a_test_letter_without_a_relay_is_a_file(place: Workplace, web: Web) -> None:
    """The embedded default: the letter is in the outbox folder."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    assert command.call(place, "digest", "test", "weekly", "--to", "me@x.example").code == 0
    (file,) = (place.folder / "var" / "outbox").iterdir()
    assert file.name.startswith("test-weekly-2026-10-05-")
