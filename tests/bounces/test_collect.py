"""What follows from bounces and complaints, read from a Maildir and a pipe (BO1-BO4)."""

from __future__ import annotations

import json
import os
import stat
from datetime import timedelta

import pytest

from aggregator.bounces import collect
from aggregator.model.bounces import MailKind, MailReading
from aggregator.model.subscribers import Consent, SubscriberState
from aggregator.store import idle_check, returned_mail, subscribers
from aggregator.store.connection import opened
from tests import command
from tests.bounces.mails import complaint, dsn, mail, plain, vacation
from tests.bounces.scenario import PIPE, READER, pipe, put, send_editions, todays_feed
from tests.digests.scenario import plan, poll, rows, run, write
from tests.smtp_server import running_relay
from tests.web_server import Web
from tests.workplace import Workplace

SOFT = ("5.2.2", "smtp; 552 5.2.2 mailbox full")


def suppressed(place: Workplace) -> dict[str, str]:
    """Return the suppressed addresses and why."""
    return dict(rows(place, "SELECT address, reason FROM suppressions"))


def test_a_retried_message_keeps_its_envelope_sender(place: Workplace, web: Web) -> None:
    """Every message has its own envelope sender, the same one at each attempt (BO1)."""
    with running_relay() as relay:
        senders: list[str] = []

        def greylisting(step: str, address: str) -> str | None:
            if step == "MAIL":
                senders.append(address)
            return "451 4.7.1 later" if step == "RCPT" and len(senders) <= 2 else None

        relay.script = greylisting
        sender = f"Imaging news <editors@news.example>, bounces: {PIPE}"
        write(place, {"node": web}, plan(readers=(READER, "other@b.example")), relay=relay, sender=sender)
        web.feed("/feed", todays_feed(place))
        poll(place)
        run(place)
        place.clock.now += timedelta(minutes=6)
        assert run(place).sent == 2
    assert senders[2:] == senders[:2]
    assert len(set(senders)) == 2
    assert all(each.startswith("bounces+") and each.endswith("@news.example") for each in senders)
    assert all(len(each.partition("@")[0]) <= 64 for each in senders)


def test_a_hard_bounce_suppresses_at_once(place: Workplace, web: Web) -> None:
    """It is consumed, reported once, kept for the owner of the data, and shown with its reason."""
    (sent,) = send_editions(place, web)
    file = put(place, dsn(sent[READER]))
    done = command.call(place, "digest", "run")
    assert done.err == "r***@a.example gets no more messages: bounced: 5.1.1 smtp; 550 5.1.1 no such user\n"
    assert not file.exists()
    (kept,) = (place.folder / "var" / "bounces").iterdir()
    assert kept.read_bytes() == dsn(sent[READER])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    shown = command.call(place, "subscriber", "show", READER).out
    assert "is suppressed since 2026-10-05 06:30 UTC: bounced: 5.1.1 smtp; 550 5.1.1 no such user" in shown
    assert f"hard, daily-2026-10-05: 5.1.1 smtp; 550 5.1.1 no such user (kept as bounces/{kept.name}" in shown
    assert READER in command.call(place, "status").out
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert send_editions(place, web, 1) == [{}]


def test_a_lifted_suppression_begins_anew(place: Workplace, web: Web) -> None:
    """An editor ends it with a reason, and former bounces do not count any more (BO4)."""
    sent = send_editions(place, web, 5)
    for each in sent:
        pipe(place, dsn(each[READER], *SOFT))
    assert list(suppressed(place)) == [READER]
    assert command.call(place, "subscriber", "lift", READER, "--reason", " ").code == 2
    assert command.call(place, "subscriber", "lift", READER, READER, "--reason", "by phone").code == 0
    assert suppressed(place) == {}
    assert command.call(place, "subscriber", "lift", READER, "--reason", "again").code == 2
    (last,) = send_editions(place, web)
    pipe(place, dsn(last[READER], *SOFT))
    assert suppressed(place) == {}
    assert command.call(place, "status", "--check").code == 0


def test_five_soft_bounces_in_a_row_suppress(place: Workplace, web: Web) -> None:
    """Not four, whatever order they come in, and not several about one message (BO3)."""
    sent = send_editions(place, web, 5, bounces=PIPE)
    for n, each in enumerate(reversed(sent[1:])):
        assert pipe(place, dsn(each[READER], *SOFT)).out.startswith("r***@a.example: soft")
        pipe(place, dsn(each[READER], *SOFT, head=f"X-Copy: {n}"))
    assert suppressed(place) == {}
    pipe(place, dsn(sent[0][READER], *SOFT))
    assert suppressed(place)[READER].startswith("5 messages in a row bounced, the last: 5.2.2")


@pytest.mark.parametrize("between", ["a success", "more than 30 days"])
def test_soft_bounces_apart_do_not_suppress(place: Workplace, web: Web, between: str) -> None:
    """An accepted message ends a row of soft bounces, and old ones do not count (BO3)."""
    sent = send_editions(place, web, 6, bounces=PIPE)
    for n, each in enumerate(sent):
        if n == 3 and between == "a success":
            continue
        pipe(place, dsn(each[READER], *SOFT))
        if n == 3:
            place.clock.now += timedelta(days=31)
    assert suppressed(place) == {}


def test_what_says_nothing_about_the_mailbox_suppresses_none(place: Workplace, web: Web) -> None:
    """Not after any number of editions; the mails are understood, so they are consumed."""
    for n, each in enumerate(send_editions(place, web, 6)):
        mails = (
            vacation(each[READER]),
            dsn(each[READER], "4.4.1", "smtp; not yet", action="delayed"),
            dsn(each[READER], "2.0.0", "smtp; 250 ok", action="delivered"),
            dsn(each[READER], "5.7.1", "smtp; 554 5.7.1 spam"),
            complaint(each[READER], "not-spam"),
        )
        for kind, raw in enumerate(mails):
            put(place, raw, f"{n}.{kind}")
    assert run(place).notices == ()
    assert suppressed(place) == {}
    assert list((place.folder / "mail" / "new").iterdir()) == []
    assert rows(place, "SELECT count(*) FROM returned_mail") == [(30,)]


def test_a_complaint_unsubscribes_and_suppresses(place: Workplace, web: Web) -> None:
    """After lifting the suppression the person still has to sign up again (BO3, SU6)."""
    (sent,) = send_editions(place, web, bounces=PIPE)
    with opened(place.database) as store, store.transaction():
        consent = Consent(how="form", evidence="2026-11")
        subscribers.add_pending(store, READER, "en", consent, place.clock())
        found = subscribers.find(store, READER)
        assert found
        subscribers.activate(store, found, ["daily"], "en", consent, place.clock())
    assert (
        "gets no more messages: complaint: reported as abuse"
        in pipe(place, complaint("fbl@news.example", mail_from=sent[READER])).out
    )
    shown = json.loads(command.call(place, "subscriber", "show", READER, "--json").out)
    assert shown["subscriber"]["state"] == "suppressed"
    assert [event["event"] for event in shown["history"]][-2:] == ["unsubscribed", "suppressed"]
    assert command.call(place, "subscriber", "lift", READER, "--reason", "a mistake").code == 0
    shown = json.loads(command.call(place, "subscriber", "show", READER, "--json").out)
    assert shown["subscriber"]["state"] == SubscriberState.UNSUBSCRIBED
    assert shown["history"][-1]["evidence"] == "a mistake"


def test_a_bounced_confirmation_suppresses_none(place: Workplace, web: Web) -> None:
    """Anybody can enter any address into the form; a complaint about it counts."""
    send_editions(place, web, bounces=PIPE)
    with opened(place.database) as store, store.transaction():
        store.db.execute("UPDATE deliveries SET purpose = 'confirm'")
    with opened(place.database) as store:
        for n, kind in enumerate((MailKind.HARD, MailKind.COMPLAINT)):
            reading = MailReading(kind=kind, tokens=(), reason="words")
            done = returned_mail.record(store, str(n), reading, 1, None, place.clock())
            assert done.suppressed is (kind is MailKind.COMPLAINT)


@pytest.mark.parametrize("to", ["bounces@news.example", "bounces+1-aaaaaaaaaaaaaaaaaaaaaaaaaa@news.example"])
def test_a_forged_bounce_suppresses_nobody(place: Workplace, web: Web, to: str) -> None:
    """Without a valid token it is counted as a warning, whatever address it names (BO1)."""
    send_editions(place, web)
    file = put(place, dsn(to, recipient=READER))
    assert "names no message that was sent from here" in command.call(place, "digest", "run").err
    assert pipe(place, dsn(to, recipient=READER)).out.startswith("hard, without consequence")
    assert suppressed(place) == {}
    assert file.exists()
    status = command.call(place, "status").out
    assert "warning: 2 bounces in 30 days name no message that was sent from here" in status


ODD = {
    "no header": b"\x00\x01 nothing\n\nat all",
    "empty": b"",
    "20 MB": b"Subject: large\n\n" + b"x" * 20_000_000,
    "broken MIME": mail('Subject: x\nContent-Type: multipart/mixed; boundary="', "--\n--x\n\n"),
    "deeply nested": b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3_000)
    ),
    "foreign": mail("From: a@b.example\nSubject: hello\nTo: bounces@news.example", "When do you open?"),
    "unknown charset": mail(
        'From: a@b.example\nSubject: =?nope?q?x?=\nContent-Type: text/plain; charset="nope"', "x"
    ),
    "own bounce": plain(
        "bounces@news.example", "mail loops back to myself", "bounces@news.example", "Weekly"
    ),
}


def test_odd_mail_is_left_and_reported_once(place: Workplace, web: Web) -> None:
    """It does not stop what comes after it, and nothing of it is deleted (BO2)."""
    (sent,) = send_editions(place, web)
    odd = {put(place, raw, f"1.{name}"): raw for name, raw in ODD.items()}
    bounce = put(place, dsn(sent[READER]), "2.bounce")
    first = command.call(place, "digest", "run", sandboxed=True)
    assert first.code == 0
    assert f"{len(ODD)} mails were left in the mailbox of bounces: 1.20 MB: it is larger than" in first.err
    assert "r***@a.example gets no more messages" in first.err
    assert not bounce.exists()
    for file, raw in odd.items():
        assert file.read_bytes() == raw
        file.rename(file.parent.parent / "cur" / f"{file.name}:2,S")  # a person looked at it
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    reasons = rows(place, "SELECT count(*) FROM returned_mail WHERE kind = 'unknown' AND reason <> ''")
    assert reasons == [(len(ODD),)]


def test_folders_and_links_in_a_maildir_are_left(place: Workplace, web: Web) -> None:
    """Another program may put anything there; a link could lead to any file."""
    (sent,) = send_editions(place, web)
    (place.folder / "elsewhere").write_bytes(dsn(sent[READER]))
    (place.folder / "mail" / "new" / "link").symlink_to(place.folder / "elsewhere")
    (place.folder / "mail" / "new" / "folder").mkdir()
    os.mkfifo(place.folder / "mail" / "new" / "fifo")
    assert run(place).notices == ()
    assert suppressed(place) == {}


def test_a_mailbox_that_is_missing_is_reported_once(place: Workplace, web: Web) -> None:
    """Messages are sent all the same; `status` names the fault until the mailbox is back."""
    send_editions(place, web)
    (place.folder / "mail").rename(place.folder / "away")
    assert (
        "cannot be read: No such file or directory; check `mail.bounces`"
        in command.call(place, "digest", "run").err
    )
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert "warning: bounces are not read since 2026-10-05 06:30 UTC" in command.call(place, "status").out
    (place.folder / "away").rename(place.folder / "mail")
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert "bounces are not read" not in command.call(place, "status").out


@pytest.mark.parametrize(
    "change", [lambda raw: raw, lambda raw: b"From x Mon Oct  5\n" + raw.replace(b"\n", b"\r\n")]
)
def test_a_mail_that_comes_twice_counts_once(place: Workplace, web: Web, change: object) -> None:
    """A mail server passes a mail on again after a failure, perhaps with other line ends."""
    (sent,) = send_editions(place, web, bounces=PIPE)
    pipe(place, dsn(sent[READER]))
    assert pipe(place, change(dsn(sent[READER]))).out == "this mail was recorded before\n"  # type: ignore[operator]
    assert rows(place, "SELECT count(*) FROM returned_mail") == [(1,)]


def test_a_pipe_keeps_every_mail_and_succeeds(place: Workplace, web: Web) -> None:
    """A mail server would return a mail to its sender otherwise; 20 MB are cut (BO2)."""
    send_editions(place, web, bounces=PIPE)
    assert pipe(place, ODD["foreign"]).out.startswith("not understood, only kept: neither")
    assert pipe(place, ODD["20 MB"]).out == "not understood, only kept: it is larger than 5,000,000 bytes\n"
    sizes = sorted(file.stat().st_size for file in (place.folder / "var" / "bounces").iterdir())
    assert sizes == [len(ODD["foreign"]), collect.MAX_MAIL_BYTES + 1]
    assert pipe(place, b"").code == 2


def test_raw_mail_is_removed_after_30_days_and_with_its_address(place: Workplace, web: Web) -> None:
    """What names a person goes with the person (DP2)."""
    sent = send_editions(place, web, 2, readers=(READER, "other@b.example"))
    folder = place.folder / "var" / "bounces"
    put(place, vacation(sent[0][READER]), "1")
    put(place, vacation(sent[1]["other@b.example"]), "2")
    run(place)
    assert len([*folder.iterdir()]) == 2
    with opened(place.database) as store, store.transaction():
        store.db.execute("UPDATE deliveries SET address = 'erased-' || id WHERE address = ?", [READER])
    for file in folder.iterdir():
        os.utime(file, (0, 0))
    run(place)
    (left,) = folder.iterdir()
    assert b"I am away" in left.read_bytes()
    assert rows(place, "SELECT reason, file FROM returned_mail WHERE delivery_id = 1") == [("", None)]
    place.clock.now += timedelta(days=31)
    command.call(place, "prune")
    os.utime(left, (0, 0))
    run(place)
    assert [*folder.iterdir()] == []


def test_rates_are_in_status_metrics_and_warnings(place: Workplace, web: Web) -> None:
    """More than 2 % bounces and 0.1 % complaints are warnings (BO4)."""
    readers = tuple(f"r{n}@a.example" for n in range(50))
    operator = "operator: {to: op@news.example}\n"
    (sent,) = send_editions(place, web, bounces=PIPE, readers=readers, more=operator)
    pipe(place, dsn(sent[readers[0]], *SOFT))
    assert "warning" not in command.call(place, "status").out
    pipe(place, dsn(sent[readers[1]], *SOFT))
    pipe(place, complaint(sent[readers[2]]))
    status = command.call(place, "status").out
    assert "of 50 messages sent in 30 days 2 bounced and 1 was reported as unwanted" in status
    assert "warning: 2 of 50 (4.0%) messages bounced in 30 days, more than 2 %" in status
    assert "warning: 1 of 50 (2.0%) messages were reported as unwanted in 30 days, more than 0.1 %" in status
    assert command.call(place, "status", "--textfile", "metrics").code == 0
    metrics = (place.folder / "metrics").read_text()
    assert "aggregator_messages_bounced_30d 2.0" in metrics
    assert "aggregator_messages_complained_30d 1.0" in metrics
    assert command.call(place, "digest", "preview", "operator", "--out", "report").code == 0
    (html,) = (place.folder / "report").glob("*.html")
    assert "messages bounced in 30 days, more than 2 %" in html.read_text()
    assert "@a.example" not in metrics


def test_the_daemon_reads_the_mailbox_every_ten_minutes(place: Workplace, web: Web) -> None:
    """Its ticks are more frequent; `digest run` reads it each time (BO2)."""
    send_editions(place, web)
    file, now = place.folder / "feeds.yaml", place.clock.now
    assert idle_check.has_mailbox(file)
    assert idle_check.queue_if_no_mail_due(file, now + timedelta(minutes=9)) is not None
    assert idle_check.queue_if_no_mail_due(file, now + timedelta(minutes=10)) is None
    send_editions(place, web, bounces=PIPE)
    assert not idle_check.has_mailbox(file)


def test_a_bare_retry_lifts_no_suppression(place: Workplace, web: Web) -> None:
    """Operators retry after a fault of the relay, which is no reason to lift others (SU6)."""
    sent = send_editions(place, web, bounces=PIPE)
    pipe(place, dsn(sent[0][READER]))
    send_editions(place, web, bounces=PIPE)
    assert command.call(place, "digest", "retry").out.startswith("0 messages queued")
    assert list(suppressed(place)) == [READER]
    assert command.call(place, "digest", "retry", READER).out.startswith("1 message queued")


def test_without_an_address_of_bounces_a_pipe_is_refused(place: Workplace) -> None:
    """The command says what is missing (exit 78)."""
    place.write("digests: []\n")
    output = pipe(place, dsn("bounces@news.example"))
    assert output.code == 78 and "has no `mail.bounces`" in output.line


def test_unknown_addresses_are_named(place: Workplace, web: Web) -> None:
    """One sentence, exit 2, for what is no address and what is not known."""
    send_editions(place, web, bounces=PIPE)
    for address in ("nobody@x.example", "nonsense"):
        assert command.call(place, "subscriber", "show", address).code == 2
        assert command.call(place, "subscriber", "lift", address, "--reason", "x").code == 2
