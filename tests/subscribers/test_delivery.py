"""Messages of subscribers and a relay: refusals, interruptions, order (M4, DP5)."""

from __future__ import annotations

import pytest

from tests import command
from tests.digests.scenario import poll, rows, run
from tests.smtp_server import DROP, Relay, running_relay
from tests.subscribers.visitor import Visitor
from tests.workplace import Clock, Workplace

ADA = "ada@a.example"


def through(place: Workplace, relay: Relay) -> None:
    """Send through a relay from now on."""
    file = place.folder / "feeds.yaml"
    smtp = f"smtp: {{host: 127.0.0.1, port: {relay.port}, security: none}}"
    text = file.read_text("utf-8").replace("<editors@news.example>", f"<editors@news.example>, {smtp}")
    file.write_text(text, encoding="utf-8")


def sign_ups(place: Workplace, count: int) -> None:
    """Ask many addresses to confirm."""
    for n in range(count):
        command.call(place, "subscriber", "add", f"p{n}@bad.example", "--digest", "weekly")


@pytest.mark.parametrize("reply", ["550 5.1.1 nobody", "450 4.2.0 greylisted"])
def test_wrong_addresses_in_the_form_stop_no_other_message(
    visitor: Visitor, subscription: str, place: Workplace, reply: str
) -> None:
    """Refused confirmations neither pause the relay, nor suppress, nor report anything."""
    with running_relay() as relay:
        through(place, relay)
        relay.script = lambda step, address: reply if step == "RCPT" and "bad" in address else None
        sign_ups(place, 15)
        poll(place)
        report = run(place)
        assert report.notices == () and report.relay_error is None
        assert relay.accepted == [ADA, ADA]
        assert rows(place, "SELECT count(*) FROM suppressions") == [(0,)]
        assert command.call(place, "status", "--check").code == 0


def test_an_interrupted_message_is_repeated_with_the_same_bytes(
    visitor: Visitor, subscription: str, place: Workplace
) -> None:
    """After a broken connection a message is sent once more, with the same bytes (M4)."""
    with running_relay() as relay:
        through(place, relay)
        dropped: list[str] = []

        def script(step: str, address: str) -> str | None:
            if step != "BODY" or len(dropped) == 2:
                return None
            dropped.append(address)
            return DROP

        relay.script = script
        sign_ups(place, 1)
        poll(place)
        run(place)
        run(place)
        bodies = [message.body for message in relay.messages]
        repeated = [message.body for message in relay.messages if not message.accepted]
        assert len(repeated) == 2
        assert all(bodies.count(body) == 2 for body in repeated)


def test_confirmations_come_before_editions(visitor: Visitor, subscription: str, place: Workplace) -> None:
    """A confirmation message is sent before a long queue of editions."""
    with running_relay() as relay:
        through(place, relay)
        poll(place)
        sign_ups(place, 1)
        run(place)
        assert relay.accepted == ["p0@bad.example", ADA, ADA]


def test_nothing_that_was_erased_is_sent_again(visitor: Visitor, subscription: str, place: Workplace) -> None:
    """`digest retry` queues no message whose address was erased (DP2)."""
    with running_relay() as relay:
        through(place, relay)
        relay.script = lambda step, _address: "550 5.7.1 no" if step == "RCPT" else None
        poll(place)
        run(place)
        assert command.call(place, "subscriber", "erase", ADA).code == 0
        assert command.call(place, "digest", "retry").out.startswith("0 messages queued")


def test_logs_shorten_addresses(visitor: Visitor, subscription: str, place: Workplace, clock: Clock) -> None:
    """What a run reports and stores names `a***@a.example`, whatever the relay says (DP5)."""
    with running_relay() as relay:
        through(place, relay)
        relay.script = lambda step, address: f"550 5.1.1 <{address}>: unknown" if step == "RCPT" else None
        poll(place)
        done = command.call(place, "-v", "digest", "run")
        assert "a***@a.example" in done.err and ADA not in done.err + done.out
        assert ADA not in repr(rows(place, "SELECT report FROM runs"))
