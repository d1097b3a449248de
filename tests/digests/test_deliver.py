"""Delivery: retries, pauses of the relay, suppressed addresses, and the end of a round (M4)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import health
from aggregator.addresses import shortened
from aggregator.digests import deliver, queue
from aggregator.digests import run as digest
from aggregator.errors import MailError, UnknownName
from aggregator.model.reports import DigestReport
from aggregator.store.connection import opened
from tests import command
from tests.builders import NOW, rss
from tests.digests.scenario import DAY, READERS, WEEK, news, plan, poll, rows, run, write
from tests.processes import until
from tests.smtp_server import DROP, HANG, Relay, Script, running_relay, without_waiting
from tests.web_server import Web
from tests.workplace import Clock, Workplace

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


Start = Callable[..., None]


@pytest.fixture
def start(place: Workplace, web: Web, relay: Relay) -> Start:
    """Return a function that makes a story due to be sent to `readers` through the relay."""

    def begin(*readers: str, mail: str = "") -> None:
        write(place, {"node": web}, plan(readers=readers or READERS), relay=relay)
        if mail:
            file = place.folder / "feeds.yaml"
            file.write_text(file.read_text().replace("security: none}", f"security: none}}, {mail}"))
        web.feed("/feed", rss(news(1)))
        poll(place)

    return begin


def run_next_edition(place: Workplace, web: Web, n: int) -> DigestReport:
    """Run the job a week later, with one new story."""
    place.clock.now = NOW + n * WEEK + timedelta(hours=2)
    web.feed("/feed", rss(*(news(k, NOW + (k - 1) * WEEK) for k in range(n + 1, 0, -1))))
    poll(place)
    return run(place)


def replying(reply: str, step: str = "RCPT", *addresses: str) -> Script:
    """Return a script that replies `reply` at `step`, to `addresses` or to all."""
    return lambda at, address: reply if at == step and (not addresses or address in addresses) else None


def states(place: Workplace) -> dict[str, str]:
    """Return the state of the last message to each address."""
    return dict(rows(place, "SELECT address, state FROM deliveries ORDER BY id"))  # type: ignore[arg-type]


# --- deferred ------------------------------------------------------------------------------------------


@given(waited=st.integers(-(10**6), 10**7), latest=st.integers(1, 10))
def test_a_delay_doubles_within_its_bounds(waited: int, latest: int) -> None:
    """A delay is the time waited so far, from five minutes to the maximum; clocks may jump (M4)."""
    now, longest = NOW, timedelta(hours=latest)
    pause = deliver.retry_delay(now - timedelta(seconds=waited), now, longest)
    assert timedelta(minutes=5) <= pause <= longest
    if timedelta(minutes=5) < timedelta(seconds=waited) < longest:
        assert pause == timedelta(seconds=waited)


def test_a_deferred_message_is_tried_less_and_less_often_and_fails_after_five_days(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """Attempts come after 5, 10, 20 … minutes, then every four hours for five days (M4).

    Source: RFC 5321 section 4.5.4.1.
    """
    start()
    relay.script = replying("450 4.2.0 mailbox busy", "RCPT", READERS[0])
    assert run(place).deferred == 1
    tried: list[datetime] = []
    notices: list[str] = []
    app = place.app()
    while states(place)[READERS[0]] == "deferred":
        clock.now += 5 * MINUTE if clock.now < NOW + 3 * HOUR else HOUR
        before = len(relay.commands)
        notices += digest.run(app).notices
        if len(relay.commands) > before:
            tried.append(clock.now)
        assert clock.now < NOW + 6 * DAY
    gaps = [after - before for before, after in zip([NOW, *tried], tried, strict=False)]
    assert gaps[:5] == [5 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE]
    assert set(gaps[7:]) == {4 * HOUR}
    assert states(place)[READERS[0]] == "failed"
    assert NOW + 5 * DAY <= clock.now < NOW + 5 * DAY + 4 * HOUR
    (notice,) = notices
    assert "given up after 5 days: 450 4.2.0 mailbox busy" in notice
    assert relay.accepted == list(READERS[1:])


def test_a_clock_put_back_does_not_delay_a_message(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """An attempt planned under a clock a year ahead is due after the clock is corrected (M4)."""
    clock.now = NOW + 365 * DAY
    start()
    web.feed("/feed", rss(news(2, clock.now)))
    poll(place)
    relay.script = replying("450 4.2.0 mailbox busy", "RCPT", READERS[0])
    assert run(place).deferred == 1
    relay.script = lambda step, address: None
    clock.now = NOW
    assert run(place).sent == 1


def test_a_run_without_due_messages_does_not_connect(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """Between two attempts no connection is made and nothing is printed (M4)."""
    start()
    relay.script = replying("450 4.2.0 mailbox busy", "RCPT", READERS[0])
    run(place)
    connections = relay.connections
    clock.now += 4 * MINUTE
    assert run(place).owed == 1
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert relay.connections == connections


# --- the relay -----------------------------------------------------------------------------------------


def test_a_failing_relay_is_paused_longer_and_longer(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """The round ends, the pause doubles up to an hour, and no message loses an attempt (M4)."""
    start()
    relay.script = replying("530 5.7.0 authenticate first", "MAIL")
    tried = []
    while clock.now < NOW + 6 * HOUR:
        before = relay.commands.count("MAIL")
        report = run(place)
        if relay.commands.count("MAIL") > before:
            tried.append(clock.now)
            assert relay.commands.count("MAIL") == before + 1
            assert report.relay_error and "authenticate first" in report.relay_error
        else:
            assert (report.relay_error, report.notices) == (None, ())
            assert report.waiting and clock.now < report.waiting
        clock.now += 5 * MINUTE
    gaps = [after - before for before, after in pairwise(tried)]
    assert gaps[:5] == [5 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE]
    assert set(gaps[5:]) == {HOUR}
    assert rows(place, "SELECT DISTINCT state, attempts FROM deliveries") == [("queued", 0)]
    (problem,) = health.alerts(health.read_report(place.app().config), clock.now)
    assert "no message was sent since 2026-10-05 06:30 UTC" in problem and "authenticate first" in problem
    relay.script = lambda step, address: None
    clock.now += HOUR
    assert run(place).sent == 3
    assert health.read_report(place.app().config).relay is None


def test_other_settings_are_another_relay(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """A pause does not apply to a relay with other settings (M4)."""
    start()
    relay.script = replying("530 5.7.0 authenticate first", "MAIL")
    run(place)
    with running_relay() as other:
        write(place, {"node": web}, plan(readers=READERS), relay=other)
        assert run(place).sent == 3


def test_a_relay_that_refuses_every_address_suppresses_few(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """Every message is tried; after nine refusals in a row no address is suppressed (M4)."""
    readers = [f"reader{n:02}@a.example" for n in range(30)]
    start(*readers)
    relay.script = replying("550 5.1.1 unknown user")
    report = run(place)
    assert (report.relay_error, report.sent, report.owed) == (None, 0, 0)
    assert len(health.read_report(place.app().config).suppressed) == 9
    relay.script = lambda step, address: None
    assert run(place).sent == 0
    assert queue.retry_messages(place.app().config, ()) == 30
    assert run(place).sent == 30
    assert sorted(relay.accepted) == readers
    assert health.read_report(place.app().config).suppressed == ()


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("RCPT", "550 5.1.1 unknown user"),
        ("RCPT", "554 5.7.1 not for this address"),
        ("RCPT", "451 4.7.1 greylisted"),
        ("DATA", "451 4.7.1 greylisted"),
        ("BODY", "550 5.6.0 not this"),
        ("RCPT", HANG),
        ("DATA", HANG),
        ("BODY", HANG),
    ],
)
def test_addresses_in_a_row_that_are_not_served_stop_no_other(
    place: Workplace, start: Start, relay: Relay, step: str, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, greylisted or without a reply: all others get theirs in the same round (M4)."""
    bad = [f"bad{n:02}@a.example" for n in range(15)]
    start(*bad, *READERS)
    without_waiting(relay, monkeypatch)
    relay.script = replying(reply, step, *bad)
    report = run(place)
    assert (report.relay_error, report.sent) == (None, 3)
    assert relay.accepted == list(READERS)


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
def test_a_relay_that_says_421_to_every_message_is_paused(
    place: Workplace, start: Start, relay: Relay, step: str
) -> None:
    """After three messages at which the relay closed the channel the round ends (RFC 5321 3.8)."""
    start(*(f"reader{n:02}@a.example" for n in range(30)))
    relay.script = replying("421 4.3.2 shutting down", step)
    report = run(place)
    assert report.relay_error and "ended the connection at 3 messages in a row" in report.relay_error
    assert (report.owed, report.failed) == (30, 0)
    assert relay.commands.count("MAIL") == 3


def test_a_relay_that_interrupts_every_message_makes_none_unknown(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """After three interruptions in a row the round ends, and the retries are kept (M4)."""
    readers = [f"reader{n:02}@a.example" for n in range(30)]
    start(*readers)
    relay.script = replying(DROP, "BODY")
    report = run(place)
    assert report.relay_error and "ended the connection at 3 messages in a row" in report.relay_error
    assert (report.owed, report.unknown) == (30, 0)
    relay.script = lambda step, address: None
    clock.now += 5 * MINUTE
    assert run(place).sent == 30


def test_a_bad_address_never_stops_the_others(place: Workplace, start: Start, relay: Relay) -> None:
    """Whatever the reply to each third message, others are delivered in the same round (M4)."""
    readers = [f"reader{n:02}@a.example" for n in range(30)]
    start(*readers)
    replies = ["550 5.1.1 nobody", "451 later", DROP, "421 hang up", "552 too much", "554 5.7.1 not you"]
    wrong = dict(zip(readers[::3], replies * 2, strict=False))
    relay.script = lambda step, address: wrong.get(address) if step == "BODY" else None
    assert run(place).sent == 20
    assert relay.accepted == [reader for reader in readers if reader not in wrong]


# --- suppressed ----------------------------------------------------------------------------------------


def test_an_address_without_mailbox_gets_no_more_messages(
    place: Workplace, web: Web, start: Start, relay: Relay
) -> None:
    """After 5.1.1 an address is suppressed and reported once; `status --check` stays ok (M4)."""
    start()
    relay.script = replying("550 5.1.1 unknown user", "RCPT", READERS[1])
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (2, 0, 0)
    (notice,) = report.notices
    assert f"{shortened(READERS[1])}: weekly-2026-10-05 was refused: 550 5.1.1 unknown user" in notice
    assert "gets no more messages" in notice
    config = place.app().config
    (suppression,) = health.read_report(config).suppressed
    assert (suppression.address, suppression.reason) == (READERS[1], "550 5.1.1 unknown user")
    assert health.alerts(health.read_report(config), place.clock.now) == []
    relay.script = lambda step, address: None
    report = run_next_edition(place, web, 1)
    assert (report.sent, report.owed, report.failed, report.notices) == (2, 0, 0, ())
    assert READERS[1] not in relay.accepted


def test_an_address_refused_in_two_editions_in_a_row_is_suppressed(
    place: Workplace, web: Web, start: Start, relay: Relay
) -> None:
    """A refusal may concern the message, two in a row the address; acceptance resets it (M4)."""
    start()
    refusing = replying("554 5.6.0 not such a message", "BODY", READERS[0])
    for n, (script, suppressed) in enumerate(
        [(refusing, 0), (lambda *_: None, 0), (refusing, 0), (refusing, 1)]
    ):
        relay.script = script
        report = run_next_edition(place, web, n) if n else run(place)
        assert report.sent == (2 if script is refusing else 3)
        assert len(health.read_report(place.app().config).suppressed) == suppressed


@pytest.mark.parametrize(
    ("reply", "days"), [("552 5.3.4 too big for the system", 0), ("554 5.7.1 relay access denied", 6)]
)
def test_a_refusal_that_does_not_concern_the_address_suppresses_none(
    place: Workplace, web: Web, start: Start, relay: Relay, reply: str, days: int
) -> None:
    """Too large messages or a denied relay suppress no address; the next edition is sent (M4)."""
    start()
    relay.script = replying(reply)
    run(place)
    for n in (1, 2):
        place.clock.now += days * DAY
        run(place)
        run_next_edition(place, web, n)
    place.clock.now += days * DAY
    run(place)
    assert {state for (state,) in rows(place, "SELECT DISTINCT state FROM deliveries")} == {"failed"}
    assert health.read_report(place.app().config).suppressed == ()
    relay.script = lambda *_: None
    assert run_next_edition(place, web, 3).sent == 3


def test_an_address_in_two_digests_is_suppressed_in_both(place: Workplace, web: Web, relay: Relay) -> None:
    """Queued messages of other digests are not sent either, in upper or lower case (M4)."""
    two = plan(readers=READERS[:1]), plan("daily", "daily 07:00", (READERS[0].capitalize(), READERS[1]))
    write(place, {"node": web}, *two, relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: (
        "550 5.1.1 nobody" if step == "RCPT" and address == READERS[0] else None
    )
    report = run(place)
    assert (report.sent, report.owed) == (1, 0)
    assert relay.accepted == [READERS[1]]


def test_retry_ends_a_suppression_and_sends_the_last_edition_again(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """`digest retry ADDRESS` sends the last edition again, with the same Message-ID (M4)."""
    start()
    relay.script = replying("550 5.1.1 unknown user", "RCPT", READERS[1])
    run(place)
    run_next_edition(place, web, 1)
    relay.script = lambda step, address: None
    assert queue.retry_messages(place.app().config, [READERS[1].upper()]) == 1
    assert run(place).sent == 1
    assert [message.address for message in relay.messages][-1] == READERS[1]
    assert b"weekly-2026-10-12" in relay.messages[-1].body
    assert run(place).sent == 0
    assert run_next_edition(place, web, 2).sent == 3


def test_unknown_messages_are_sent_again_only_to_named_addresses(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """`digest retry` alone omits unknown messages; `digest acknowledge` ends their report (M4)."""
    start()
    relay.script = replying(DROP, "BODY", READERS[0], READERS[2])
    run(place)
    assert run(place).unknown == 2
    config = place.app().config
    assert queue.retry_messages(config, ()) == 0
    assert [message.state for message in queue.read_queue(config).messages] == ["unknown", "unknown"]
    assert "2 unknown" in health.alerts(health.read_report(config), clock.now)[0]
    relay.script = lambda step, address: None
    assert queue.retry_messages(config, READERS[:1]) == 1
    assert run(place).sent == 1
    sent = [message.body for message in relay.messages if message.address == READERS[0]]
    assert len(set(sent)) == 1 and len(sent) == 3
    assert queue.acknowledge_messages(config, ()) == 1
    assert health.alerts(health.read_report(config), clock.now) == []
    assert queue.read_queue(config).messages == ()
    assert run(place).sent == 0


@pytest.mark.parametrize("command_of", [queue.retry_messages, queue.acknowledge_messages])
def test_an_address_without_messages_is_an_error(
    place: Workplace, start: Start, command_of: Callable[..., int]
) -> None:
    """One unknown address leaves all messages unchanged."""
    start()
    run(place)
    with pytest.raises(UnknownName, match=r"no message to ada@b\.example is in the queue"):
        command_of(place.app().config, ["ada@b.example"])


# --- rounds --------------------------------------------------------------------------------------------


def test_messages_obey_their_rate(
    place: Workplace, start: Start, relay: Relay, passed: Callable[[], float]
) -> None:
    """`mail.rate` spreads messages evenly over a minute."""
    start(mail="rate: 6")
    moments: list[float] = []
    relay.script = lambda step, address: moments.append(passed()) if step == "MAIL" else None
    assert run(place).sent == 3
    assert moments == [0, 10, 20]


def test_a_stopped_round_finishes_its_present_message(place: Workplace, start: Start, relay: Relay) -> None:
    """When asked to stop between two messages, none is unknown and the rest stays queued."""
    start(mail="rate: 1")
    app = replace(place.app(), stopping=lambda: bool(relay.messages))
    report = digest.run(app)
    assert (report.sent, report.owed, report.unknown) == (1, 2, 0)
    assert rows(place, "SELECT count(*) FROM deliveries WHERE state = 'sending'") == [(0,)]


def test_a_terminated_command_leaves_no_message_unknown(place: Workplace, start: Start, relay: Relay) -> None:
    """After SIGTERM `digest run` exits with 0, and the rest stays queued."""
    start(mail="rate: 1")
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "digest", "run"],
        cwd=place.folder,
        env={**os.environ, "AGGREGATOR_NOW": NOW.isoformat()},
    )
    until(lambda: relay.messages or process.poll() is not None)
    assert process.poll() is None
    process.terminate()
    assert process.wait(60) == 0
    assert rows(place, "SELECT state, count(*) FROM deliveries GROUP BY 1") == [
        ("accepted", 1),
        ("queued", 2),
    ]


def test_a_round_ends_so_that_other_jobs_get_the_lock(
    place: Workplace, start: Start, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `ROUND_SECONDS` a round ends, and the next run continues (L1)."""
    start()
    monkeypatch.setattr(deliver, "ROUND_SECONDS", 0.0)
    assert run(place).sent == 0
    monkeypatch.undo()
    assert run(place).sent == 3


def test_many_messages_are_read_page_by_page(
    place: Workplace, start: Start, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Across the edges of pages each recipient gets one message, in order (M4)."""
    monkeypatch.setattr(deliver.due_deliveries, "PAGE_DELIVERIES", 4)
    readers = [f"reader{n:02}@a.example" for n in range(21)]
    start(*readers)
    assert run(place).sent == 21
    assert relay.accepted == readers


def test_many_refusals_are_counted(place: Workplace, start: Start, relay: Relay) -> None:
    """The mail of cron names some messages and counts the others (V8)."""
    readers = [f"reader{n:03}@a.example" for n in range(80)]
    start(*readers)
    relay.script = replying("450 later", "RCPT", *readers[::2])
    notices = run(place).notices
    assert len(notices) == 21
    assert notices[-2] == "and 20 more messages: `aggregator digest queue`"


def test_a_former_recipient_gets_no_deferred_message(place: Workplace, start: Start, relay: Relay) -> None:
    """A deferred message to a removed address is cancelled and not reported (M4)."""
    start("ada@a.example", "bob@b.example")
    relay.script = replying("450 later")
    run(place)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text().replace("ada@a.example, bob@b.example", "bob@b.example"))
    assert "ada@" not in file.read_text()
    relay.script = lambda _step, _address: None
    place.clock.now += DAY
    assert run(place).sent == 1
    assert states(place) == {"ada@a.example": "failed", "bob@b.example": "accepted"}
    assert health.read_report(place.app().config).parked == {}


# --- from older versions -------------------------------------------------------------------------------


def test_messages_of_an_older_version_stay_sent(place: Workplace, start: Start, relay: Relay) -> None:
    """The former state sent becomes accepted; a failed message is still reported (M4)."""
    start()
    run(place)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as conn:
        conn.execute("UPDATE deliveries SET state = 'sent'")
        conn.execute("UPDATE deliveries SET state = 'failed' WHERE id = 2")
        for sql in (
            "DELETE FROM _sqlite_migrations WHERE name = 'm0006_outbox' OR name GLOB '*_digest_names'",
            "DROP VIEW mail_owed",
            "CREATE VIEW mail_owed AS SELECT 1",
            "DROP INDEX deliveries_unaccepted",
            "DROP INDEX deliveries_of_address",
            "CREATE INDEX deliveries_by_state ON deliveries(state)",
            "DROP TABLE suppressions",
            "DROP TABLE relays",
            "ALTER TABLE deliveries DROP COLUMN next_attempt",
            "ALTER TABLE deliveries DROP COLUMN deferred_since",
            "ALTER TABLE deliveries DROP COLUMN acknowledged",
            "ALTER TABLE edition_entries RENAME COLUMN update_kind TO turn",
            "ALTER TABLE edition_entries RENAME COLUMN updated_on TO turned",
            "ALTER TABLE edition_entries RENAME COLUMN former_title TO before",
        ):
            conn.execute(sql)
    with opened(place.database):
        pass
    assert rows(place, "SELECT state FROM deliveries ORDER BY id") == [
        ("accepted",),
        ("failed",),
        ("accepted",),
    ]
    assert run(place).sent == 0
    assert health.read_report(place.app().config).parked == {"failed": 1}


# --- nothing to do -------------------------------------------------------------------------------------

IMPORTS = "import sys, aggregator.cli; sys.argv = ['aggregator', 'digest', 'run']\ntry:\n    aggregator.cli.main()\n"
IMPORTS += "finally:\n    print(sorted({'pydantic', 'ruamel', 'jinja2', 'css_inline', 'smtplib'} & set(sys.modules)))"


def test_an_idle_run_imports_nothing(place: Workplace, start: Start, clock: Clock) -> None:
    """Until a digest or message is due, `digest run` does not parse feeds.yaml."""
    start()
    run(place)

    def imported(now: datetime) -> str:
        return subprocess.run(
            [sys.executable, "-c", IMPORTS],
            cwd=place.folder,
            env={"AGGREGATOR_NOW": now.isoformat(), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert imported(NOW + HOUR) == "[]"
    assert imported(NOW + WEEK - HOUR) == "[]"
    assert "jinja2" in imported(NOW + WEEK - 30 * MINUTE)
    file = place.folder / "feeds.yaml"
    file.write_text(file.read_text() + "# edited\n")
    assert "pydantic" in imported(NOW + WEEK + HOUR)


def test_the_idle_check_ends_when_something_is_due(
    place: Workplace, web: Web, start: Start, relay: Relay, clock: Clock
) -> None:
    """The command sees a deferred message, a retry, and a clock put back (M2, M4)."""
    start()
    relay.script = replying("450 later", "RCPT", READERS[0])
    result = command.call(place, "-v", "digest", "run", "--json")
    assert '"deferred": 1' in result.out
    relay.script = lambda step, address: None
    clock.now += MINUTE
    assert '"owed": 1' in command.call(place, "digest", "run", "--json").out
    assert command.call(place, "digest", "retry").code == 0
    assert '"sent": 1' in command.call(place, "digest", "run", "--json").out
    for moved, composed in ((WEEK, 1), (-DAY, 0), (2 * WEEK, 1)):
        clock.now = NOW + moved + HOUR
        web.feed("/feed", rss(news(8 if moved == WEEK else 9, clock.now), news(1)))
        poll(place)
        assert command.call(place, "digest", "run", "--json").out.count('"weekly-2026') == composed


def test_a_failing_relay_fails_the_command_once(
    place: Workplace, start: Start, relay: Relay, clock: Clock
) -> None:
    """The failing attempt exits with 1; runs in the pause exit with 0 and print nothing (L3)."""
    start()
    relay.script = replying("530 5.7.0 authenticate first", "MAIL")
    assert command.call(place, "digest", "run").code == 1
    clock.now += MINUTE
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert "paused until 2026-10-05 06:35 UTC" in command.call(place, "-v", "digest", "run").out
    clock.now += 5 * MINUTE
    assert command.call(place, "digest", "run").code == 1
    assert command.call(place, "digest", "retry").code == 0
    assert command.call(place, "digest", "run").code == 1
    with pytest.raises(MailError), place.app().mailer() as send:
        send(b"", READERS[0])
