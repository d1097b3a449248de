"""Each fault of relay or process leaves every message delivered, queued or reported (M4)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from aggregator.addresses import shortened
from aggregator.digests import run as digest
from aggregator.errors import ConfigError, MailError
from aggregator.model.reports import DigestReport
from aggregator.ports import App, Mailer
from aggregator.store import connection
from aggregator.store.connection import opened
from tests import command
from tests.builders import NOW, rss
from tests.digests.scenario import (
    DAY,
    READERS,
    WEEK,
    messages,
    news,
    parsed,
    plan,
    poll,
    rows,
    run,
    titles,
    write,
)
from tests.smtp_server import DROP, Relay, running_relay
from tests.web_server import Web
from tests.workplace import Clock, Workplace


class Killed(BaseException):
    """What a kill -9 while sending looks like: no code of the program catches it."""


class RecordingMailer:
    """A mailer that records messages and raises Killed for the first `deaths` of them."""

    def __init__(self, deaths: int = 0) -> None:
        self.deaths = deaths
        self.given: list[tuple[str, bytes]] = []

    @contextmanager
    def open(self) -> Iterator[Mailer]:
        yield self.put

    def put(self, message: bytes, address: str, sender: str | None = None) -> None:
        self.given.append((address, message))
        if self.deaths:
            self.deaths -= 1
            raise Killed

    def app(self, place: Workplace) -> App:
        return replace(place.app(), mailer=self.open)


def test_edition_ledger_and_messages_are_one_transaction(place: Workplace, web: Web) -> None:
    """If a delivery cannot be stored, neither edition, ledger nor closed period is (M4)."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    with opened(place.database) as store:
        store.db.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON deliveries WHEN new.address = '{READERS[2]}'"
            " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    assert "disk full" in " ".join(run(place).notices)
    for table in ("digests", "editions", "edition_entries", "ledger", "deliveries"):
        assert rows(place, f"SELECT count(*) FROM {table}") == [(0,)]
    assert not (place.public / "digests").exists()
    with opened(place.database) as store:
        store.db.execute("DROP TRIGGER full")
    assert run(place).sent == 3


def test_a_message_killed_while_it_was_sent_is_sent_again_with_the_same_bytes(
    place: Workplace, web: Web, clock: Clock
) -> None:
    """The next run sends a leased message with the same bytes and Message-ID, however late (M4)."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    mailer = RecordingMailer(deaths=1)
    with pytest.raises(Killed):
        digest.run(mailer.app(place))
    assert [address for address, _ in mailer.given] == [READERS[0]]
    clock.now += timedelta(hours=30)
    report = digest.run(mailer.app(place))
    assert (report.composed, report.sent, report.owed, report.unknown) == ((), 3, 0, 0)
    assert mailer.given[1] == mailer.given[0]
    assert parsedate_to_datetime(parsed(mailer.given[1][1])["Date"]) == NOW
    assert [address for address, _ in mailer.given] == [READERS[0], *READERS]


def test_a_message_killed_twice_is_unknown_and_reported(place: Workplace, web: Web, clock: Clock) -> None:
    """A message interrupted twice is not sent a third time, and is reported once (M4)."""
    write(place, {"node": web}, plan(readers=READERS[:2]))
    web.feed("/feed", rss(news(1)))
    poll(place)
    mailer = RecordingMailer(deaths=2)
    for _ in range(2):
        with pytest.raises(Killed):
            digest.run(mailer.app(place))
    report = digest.run(mailer.app(place))
    assert (report.sent, report.owed, report.unknown) == (1, 0, 1)
    assert [address for address, _ in mailer.given] == [READERS[0], READERS[0], READERS[1]]
    assert any(shortened(READERS[0]) in notice for notice in report.notices), (
        "cron's mail must name the unknown message"
    )
    clock.now += DAY
    again = digest.run(mailer.app(place))
    assert (again.sent, again.notices) == (0, ())
    assert len(mailer.given) == 3


def after_power_failure(place: Workplace, mailer: RecordingMailer) -> DigestReport:
    """Run, lose the commits since the block was recorded, and run on a restarted machine."""
    copy = place.folder / "on-disk.db"

    def put(message: bytes, address: str, sender: str | None = None) -> None:
        if not copy.exists():  # at the first message
            with opened(place.database) as store:
                connection.copy(store.db.conn, place.database, copy)
        mailer.put(message, address)

    digest.run(replace(place.app(), mailer=lambda: nullcontext(put)))
    for file in place.database.parent.glob("aggregator.db*"):
        file.unlink()
    copy.rename(place.database)
    with opened(place.database) as store:
        store.db.execute(
            "UPDATE meta SET value = json_set(value, '$.boot', 'earlier') WHERE key = 'sending_block'"
        )
    return digest.run(mailer.app(place))


def test_a_batch_interrupted_by_a_power_failure_is_sent_again_once(place: Workplace, web: Web) -> None:
    """Messages with a lost result are sent again with the same bytes, then unknown (M4)."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    mailer = RecordingMailer()
    assert after_power_failure(place, mailer).sent == 3
    assert mailer.given[3:] == mailer.given[:3]
    with opened(place.database) as store:
        store.db.execute("UPDATE deliveries SET state = 'queued' WHERE address = ?", [READERS[0]])
        store.db.execute("DELETE FROM meta WHERE key = 'mail_idle'")
    report = after_power_failure(place, mailer)
    assert (report.sent, report.unknown) == (0, 1)
    assert report.notices[0].startswith("a***@a.example: ")


def test_a_kill_leaves_only_the_message_being_sent_in_doubt(place: Workplace, web: Web) -> None:
    """Other messages of the block keep their one retry, however often runs are killed (M4)."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    mailer = RecordingMailer(deaths=1)
    with pytest.raises(Killed):
        digest.run(mailer.app(place))
    digest.run(mailer.app(place))
    assert rows(place, "SELECT interrupted FROM deliveries ORDER BY id") == [(1,), (0,), (0,)]
    assert rows(place, "SELECT count(*) FROM meta WHERE key = 'sending_block'") == [(0,)]


def test_an_interrupted_message_is_sent_again_once_then_unknown(
    place: Workplace, web: Web, relay: Relay
) -> None:
    """If a relay breaks off in DATA, others get theirs and the retry has the same bytes (M4)."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: DROP if (step, address) == ("BODY", READERS[1]) else None
    report = run(place)
    assert (report.sent, report.owed, report.unknown) == (2, 1, 0)
    assert relay.accepted == [READERS[0], READERS[2]]
    assert any(shortened(READERS[1]) in notice for notice in report.notices)
    report = run(place)
    assert (report.sent, report.owed, report.unknown) == (0, 0, 1)
    assert any(shortened(READERS[1]) in notice for notice in report.notices)
    interrupted = [taken.body for taken in relay.messages if not taken.accepted]
    assert len(interrupted) == 2
    assert interrupted[0] == interrupted[1]
    run(place)
    assert len(relay.messages) == 4


def test_an_interrupted_message_may_succeed_the_second_time(place: Workplace, web: Web, relay: Relay) -> None:
    """A retry that the relay accepts ends the interruption (M4)."""
    write(place, {"node": web}, relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda step, address: DROP if step == "BODY" else None
    run(place)
    relay.script = lambda step, address: None
    report = run(place)
    assert (report.sent, report.owed, report.unknown) == (1, 0, 0)
    assert relay.messages[0].body == relay.messages[1].body


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
def test_a_message_refused_temporarily_stays_queued(
    place: Workplace, web: Web, clock: Clock, relay: Relay, step: str
) -> None:
    """After 4xx the others get theirs, and a later run sends it without composing (M4)."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "451 come again" if (at, address) == (step, READERS[0]) else None
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (2, 1, 0)
    assert relay.accepted == [READERS[1], READERS[2]]
    assert any(shortened(READERS[0]) in notice and "451 come again" in notice for notice in report.notices)
    relay.script = lambda at, address: None
    clock.now += timedelta(hours=1)
    report = run(place)
    assert (report.composed, report.sent, report.owed, report.notices) == ((), 1, 0, ())
    assert relay.accepted == [READERS[1], READERS[2], READERS[0]]


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
def test_a_message_refused_permanently_has_failed(
    place: Workplace, web: Web, relay: Relay, step: str
) -> None:
    """After 5xx a message is not sent again and does not stop the others (M4)."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "550 nobody here" if (at, address) == (step, READERS[1]) else None
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (2, 0, 1)
    assert relay.accepted == [READERS[0], READERS[2]]
    assert any(shortened(READERS[1]) in notice and "550 nobody here" in notice for notice in report.notices)
    relay.script = lambda at, address: None
    assert run(place).sent == 0
    assert relay.accepted == [READERS[0], READERS[2]]


def test_a_relay_that_refuses_the_sender_leaves_everything_queued(
    place: Workplace, web: Web, clock: Clock, relay: Relay
) -> None:
    """After a wrong `mail.from` or login is corrected, every message is sent (M4)."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "530 5.7.0 authenticate first" if at == "MAIL" else None
    report = run(place)
    assert (report.sent, report.owed, report.failed) == (0, 3, 0)
    assert any("authenticate first" in notice for notice in report.notices)
    relay.script = lambda at, address: None
    clock.now += timedelta(minutes=5)
    assert run(place).sent == 3
    assert relay.accepted == list(READERS)


@pytest.mark.parametrize("sender", ["Büro <news@bücher.example>", "Büro <büro@news.example>"])
def test_a_sender_beyond_ascii_does_not_break_a_run(
    place: Workplace, web: Web, relay: Relay, sender: str
) -> None:
    """A `mail.from` that `check` accepts is used, or reported with all messages queued (M4)."""
    web.feed("/feed", rss(news(1)))
    try:
        write(place, {"node": web}, plan(readers=READERS), relay=relay, sender=sender)
        poll(place)
    except ConfigError as error:
        assert "mail.from" in str(error)
        return
    report = run(place)
    assert (report.sent, report.failed) in ((3, 0), (0, 0))
    assert report.sent == 3 or (report.owed == 3 and report.notices)


def test_a_relay_that_hangs_up_on_one_message_does_not_stop_the_others(
    place: Workplace, web: Web, clock: Clock, relay: Relay
) -> None:
    """After 421 a message stays queued; the others use a new connection (M4)."""
    write(place, {"node": web}, plan(readers=READERS), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    relay.script = lambda at, address: "421 too busy" if (at, address) == ("DATA", READERS[0]) else None
    report = run(place)
    assert (report.sent, report.owed) == (2, 1)
    relay.script = lambda at, address: None
    clock.now += timedelta(minutes=5)
    assert run(place).sent == 1
    assert sorted(relay.accepted) == sorted(READERS)


def test_a_recipient_at_a_domain_beyond_ascii_gets_the_message(
    place: Workplace, web: Web, relay: Relay
) -> None:
    """The relay gets the domain in its ASCII form (M4, RFC 5891)."""
    write(place, {"node": web}, plan(readers=("info@bücher.example", *READERS)), relay=relay)
    web.feed("/feed", rss(news(1)))
    poll(place)
    assert run(place).sent == 4
    assert relay.accepted == ["info@xn--bcher-kva.example", *READERS]


def test_an_address_that_smtp_cannot_express_does_not_stop_the_others(
    place: Workplace, web: Web, relay: Relay
) -> None:
    """A local part beyond ASCII is refused by `check` or as one message (M4)."""
    web.feed("/feed", rss(news(1)))
    write(place, {"node": web}, plan(readers=("jörg@a.example", *READERS)), relay=relay)
    try:
        poll(place)
    except ConfigError as error:
        assert "jörg@a.example" in str(error)
        return
    report = run(place)
    assert (report.owed, report.sent + report.failed) == (0, 4)
    assert set(READERS) <= set(relay.accepted)


@pytest.mark.parametrize("twice", [READERS[0], READERS[0].capitalize()])
def test_an_address_listed_twice_gets_one_message(place: Workplace, web: Web, twice: str) -> None:
    """A repeated address neither doubles messages nor breaks the digest (M4)."""
    write(place, {"node": web}, plan(readers=(*READERS, twice)))
    web.feed("/feed", rss(news(1)))
    poll(place)
    assert run(place).sent == len(READERS)
    assert len(messages(place)) == len(READERS)


def test_without_a_relay_everything_stays_queued(place: Workplace, web: Web, clock: Clock) -> None:
    """Without a relay one notice is printed, and later all messages are sent unchanged (M4)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    write(place, {"node": web}, plan(readers=READERS), relay=port)
    web.feed("/feed", rss(news(1)))
    poll(place)
    report = run(place)
    assert (report.composed, report.sent, report.owed) == (("weekly-2026-10-05",), 0, 3)
    assert len(report.notices) == 1
    assert f"127.0.0.1:{port} cannot be used" in report.notices[0]
    clock.now += 2 * DAY
    with running_relay() as relay:
        write(place, {"node": web}, plan(readers=READERS), relay=relay)
        report = run(place)
        assert (report.composed, report.sent, report.owed, report.notices) == ((), 3, 0, ())
    assert relay.accepted == list(READERS)
    assert all(b"Date: Mon, 05 Oct 2026 06:30:00 +0000\r\n" in taken.body for taken in relay.messages)


def test_a_run_that_delivered_nothing_exits_with_1(place: Workplace, web: Web) -> None:
    """`digest run` prints why, that messages stay queued, and exits with 1 (L3, M4)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    write(place, {"node": web}, plan(readers=READERS), relay=port)
    web.feed("/feed", rss(news(1)))
    poll(place)
    result = command.call(place, "digest", "run")
    assert result.code == 1
    assert "cannot be used" in result.err
    assert "3 messages stay queued" in result.err
    with running_relay() as relay:
        write(place, {"node": web}, plan(readers=READERS), relay=relay)
        result = command.call(place, "digest", "run")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert relay.accepted == list(READERS)


def test_a_relay_that_fails_leaves_the_rest_queued(place: Workplace, web: Web) -> None:
    """Messages not begun stay queued and keep their one retry (M4)."""
    write(place, {"node": web}, plan(readers=READERS))
    web.feed("/feed", rss(news(1)))
    poll(place)
    mailer = RecordingMailer()
    put = mailer.put

    def failing(message: bytes, address: str, sender: str | None = None) -> None:
        if mailer.given:
            raise MailError("the mail relay went away; all messages stay queued")
        put(message, address)

    mailer.put = failing  # type: ignore[method-assign]
    for _ in range(3):
        report = digest.run(mailer.app(place))
        assert (report.owed, report.unknown) == (2, 0)
    mailer.put = put  # type: ignore[method-assign]
    assert digest.run(mailer.app(place)).sent == 2
    assert [address for address, _ in mailer.given] == list(READERS)


def test_a_queued_edition_is_sent_before_the_next_one(place: Workplace, web: Web, clock: Clock) -> None:
    """An older message is sent first, as it was composed (M4)."""
    write(place, {"node": web})
    web.feed("/feed", rss(news(1)))
    poll(place)
    mailer = RecordingMailer(deaths=1)
    with pytest.raises(Killed):
        digest.run(mailer.app(place))
    clock.now = NOW + WEEK
    web.feed("/feed", rss(news(2, clock.now - DAY), news(1)))
    poll(place)
    assert digest.run(mailer.app(place)).sent == 2
    assert [titles(parsed(body)) for _, body in mailer.given[1:]] == [["News number 1"], ["News number 2"]]
