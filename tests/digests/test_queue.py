"""`digest queue`, `retry` and `acknowledge`, as commands."""

from __future__ import annotations

import json

from aggregator import addresses
from aggregator.store.connection import opened
from tests import command
from tests.digests.scenario import READERS
from tests.smtp_server import Relay
from tests.workplace import Clock, Workplace


def test_queue_lists_messages_and_retry_and_acknowledge_remove_them(
    place: Workplace, relay: Relay, story_id: str, clock: Clock
) -> None:
    """A suppressed address is listed with what to do; after a retry nothing is queued (M4)."""
    output = command.call(place, "digest", "queue", "--addresses").out
    assert f"{READERS[2]} gets no more messages since 2026-10-05: 550 5.1.1 nobody" in output
    status = command.call(place, "status").out
    assert READERS[2] in status and "550 5.1.1 nobody; see `aggregator digest queue`" in status
    assert command.call(place, "status", "--check").code == 0
    assert command.call(place, "digest", "retry", "nobody@x.example").code == 2
    assert "1 message queued" in command.call(place, "digest", "retry", READERS[2]).out
    queue = json.loads(command.call(place, "digest", "queue", "--json").out)
    assert [(message["address"], message["state"]) for message in queue["messages"]] == [
        (READERS[2], "queued")
    ]
    assert command.call(place, "digest", "run").code == 0
    assert READERS[2] in relay.accepted
    assert command.call(place, "digest", "queue").out == "the mail queue is empty\n"
    relay.close()
    assert "0 messages acknowledged" in command.call(place, "digest", "acknowledge").out


def test_queue_shortens_addresses(place: Workplace, relay: Relay, story_id: str) -> None:
    """Whole addresses are shown on request only, also those in the replies of a relay (DP5)."""
    with opened(place.database) as store:
        store.db.execute("UPDATE suppressions SET reason = '550 no such user <' || address || '>'")
    output = command.call(place, "digest", "queue").out
    assert READERS[2] not in output
    assert output.count(addresses.shortened(READERS[2])) == 2
    assert "aggregator digest queue --addresses" in output
    command.call(place, "digest", "retry", READERS[2])
    table = command.call(place, "digest", "queue").out
    assert READERS[2] not in table
    assert addresses.shortened(READERS[2]) in table
    assert READERS[2] in command.call(place, "digest", "queue", "--addresses").out
