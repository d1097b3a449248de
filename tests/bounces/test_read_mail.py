"""Reading mail to the bounce address (BO3): RFC 3464, 5965 and 3834, and free words."""

from __future__ import annotations

import base64

import pytest

from aggregator.bounces import bounce_tokens, read_mail, status_codes
from aggregator.errors import UnreadableDocument
from aggregator.model.bounces import MailKind
from tests.bounces.mails import complaint, dsn, mail, plain, vacation

KEY = b"k" * 32
TOKEN = bounce_tokens.bounce_token(KEY, 17)
TO = f"bounces+{TOKEN}@news.example"


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "smtp; 550 5.1.1 user unknown", MailKind.HARD),
        ("5.1.10", "smtp; 556 5.1.10 the domain has a null MX", MailKind.HARD),
        ("5.2.1", "smtp; 550 5.2.1 the mailbox is disabled", MailKind.HARD),
        ("5.4.4", "X-Postfix; Host or domain name not found", MailKind.HARD),
        ("5.0.0", "smtp; 550 5.1.1 user unknown", MailKind.HARD),
        ("5.0.0", "smtp; 550 user unknown", MailKind.HARD),
        ("5.7.1", "smtp; 550 5.7.1 recipient address rejected: user unknown", MailKind.HARD),
        ("5.2.2", "smtp; 552 5.2.2 mailbox full", MailKind.SOFT),
        ("5.2.0", "smtp; 554 5.2.0 an exception of the store", MailKind.SOFT),
        ("5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied", MailKind.HARD),
        ("5.1.1", "smtp; 550 5.1.1 the mailbox is full", MailKind.SOFT),
        ("5.0.0", "smtp; 554 over quota", MailKind.SOFT),
        ("4.4.7", "smtp; 451 the queue gave up", MailKind.SOFT),
        ("5.4.7", "delivery time expired", MailKind.SOFT),
        ("5.4.6", "routing loop", MailKind.SOFT),
        ("5.7.1", "smtp; 550 5.7.1 rejected as spam", MailKind.REFUSED),
        ("5.7.26", "smtp; 550 5.7.26 this mail has no SPF or DKIM", MailKind.REFUSED),
        ("5.1.8", "smtp; 550 5.1.8 the sender's domain has no MX", MailKind.REFUSED),
        ("5.3.4", "smtp; 552 5.3.4 message too big", MailKind.REFUSED),
        ("5.6.1", "smtp; 554 5.6.1 media not supported", MailKind.REFUSED),
        ("4.7.1", "smtp; 451 4.7.1 greylisted", MailKind.REFUSED),
    ],
)
def test_a_status_says_whose_fault_it_is(status: str, diagnostic: str, kind: MailKind) -> None:
    """Only what concerns the mailbox is hard; the rest is not held against it (RFC 3463)."""
    reading = read_mail.read(dsn(TO, status, diagnostic))
    assert (reading.kind, reading.tokens) == (kind, (TOKEN,))


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("delayed", MailKind.DELAYED),
        ("delivered", MailKind.AUTOMATIC),
        ("relayed", MailKind.AUTOMATIC),
        ("Failed (final)", MailKind.HARD),
    ],
)
def test_only_a_failed_delivery_is_a_bounce(action: str, kind: MailKind) -> None:
    """A delay is tried again, a success is no failure (RFC 3464 section 2.3.3)."""
    assert read_mail.read(dsn(TO, action=action)).kind is kind


def test_of_several_recipients_the_worst_decides() -> None:
    """A forwarded message may have failed at one of two mailboxes."""
    second = b"Final-Recipient: rfc822; b@b.example\nAction: delivered\nStatus: 2.0.0\n\nFinal-Recipient:"
    both = dsn(TO).replace(b"Final-Recipient:", second, 1)
    assert read_mail.read(both).kind is MailKind.HARD


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            "I was not able to deliver.\n<r@a.example>:\nSorry, no mailbox here by that name. (#5.1.1)",
            MailKind.HARD,
        ),
        ("<r@a.example>: host mx[192.0.2.5] said: 550 No such user here", MailKind.HARD),
        (
            "The following address failed:\n  r@a.example\n    mailbox is full: retry timeout exceeded",
            MailKind.SOFT,
        ),
        ("r@a.example: 452 4.2.2 over quota, try again later", MailKind.SOFT),
        ("Your mail to r@a.example was blocked by our spam policy", MailKind.REFUSED),
        (
            "This is a warning message only.\nYour message to r@a.example has not yet been delivered.",
            MailKind.DELAYED,
        ),
        ("<r@a.example>: user unknown\nExim 4.94.2", MailKind.HARD),
        ("It was not possible to deliver your mail. Version 5.2.1.8 of the server.", MailKind.SOFT),
    ],
)
def test_a_bounce_in_free_words_is_read(body: str, kind: MailKind) -> None:
    """Many servers return mail without a report; codes and common phrases say why."""
    assert read_mail.read(plain(TO, body)).kind is kind


def test_the_returned_copy_is_not_taken_for_the_reason() -> None:
    """The message itself may speak of full mailboxes and unknown users."""
    body = "<r@a.example>:\n550 5.1.1 unknown\n\n--- Below this line is a copy of the message.\n\nmailbox is full"
    assert read_mail.read(plain(TO, body)).kind is MailKind.HARD


@pytest.mark.parametrize("type_", ["abuse", "fraud", "opt-out"])
def test_a_complaint_is_read_with_the_token_of_the_original_message(type_: str) -> None:
    """The report of a feedback loop names the envelope sender (RFC 5965)."""
    reading = read_mail.read(complaint("fbl@news.example", type_, mail_from=TO))
    assert (reading.kind, reading.tokens) == (MailKind.COMPLAINT, (TOKEN,))


@pytest.mark.parametrize("type_", ["not-spam", "auth-failure"])
def test_other_feedback_is_no_complaint(type_: str) -> None:
    """`not-spam` says the opposite (RFC 6430), `auth-failure` concerns servers (RFC 6591)."""
    assert read_mail.read(complaint(TO, type_)).kind is MailKind.AUTOMATIC


@pytest.mark.parametrize(
    ("head", "subject"),
    [
        ("Auto-Submitted: auto-replied", "Re: Weekly"),
        ("Auto-Submitted: auto-replied (vacation)", "Undeliverable until Monday"),
        ("X-Autoreply: yes", "Re: Weekly"),
        ("Precedence: auto_reply", "Re: Weekly"),
        ("X-Loop: 1", "Automatic reply: Weekly"),
        ("X-Loop: 1", "Out of Office: Weekly"),
        ("X-Loop: 1", "Automatische Antwort: Weekly"),
        ("X-Loop: 1", "=?utf-8?q?R=C3=A9ponse_automatique_=3A_Weekly?="),
        ("X-Loop: 1", "Abwesenheitsnotiz: Weekly"),
    ],
)
def test_an_automatic_reply_is_no_bounce(head: str, subject: str) -> None:
    """Whatever its words are (RFC 3834)."""
    assert read_mail.read(vacation(TO, head, subject)).kind is MailKind.AUTOMATIC


@pytest.mark.parametrize("head", ["Auto-Submitted: auto-replied", "X-Loop: 1"])
def test_the_vacation_of_a_postmaster_is_no_bounce(head: str) -> None:
    """Postmasters are people as well as programs."""
    raw = vacation(TO, head, "Out of office").replace(
        b"From: Reader <reader@", b"From: Postmaster <postmaster@"
    )
    assert read_mail.read(raw).kind is MailKind.AUTOMATIC


def test_the_vacation_of_a_daemon_is_no_bounce() -> None:
    """Some programs reply for absent people under the name of the mail server."""
    raw = mail(
        f"From: MAILER-DAEMON@a.example\nTo: {TO}\nSubject: Out of office\nAuto-Submitted: auto-replied",
        "I am away.",
    )
    assert read_mail.read(raw).kind is MailKind.AUTOMATIC


def test_a_message_of_a_postmaster_is_not_understood() -> None:
    """Only a code or phrase of servers makes it a bounce."""
    assert (
        read_mail.read(plain(TO, "Please call me.", "postmaster@a.example", "Hello")).kind is MailKind.UNKNOWN
    )
    bounce = plain(TO, "User unknown", "postmaster@a.example", "Hello")
    assert read_mail.read(bounce).kind is MailKind.HARD


def test_a_complaint_of_microsoft_is_read() -> None:
    """It is the bare message with a header of its own (JMRP)."""
    raw = mail(
        """
        From: staff@provider.example
        Subject: complaint about message from 192.0.2.1
        MIME-Version: 1.0
        Content-Type: multipart/mixed; boundary="b"
        """,
        f"""
        --b
        Content-Type: message/rfc822

        X-HmXmrOriginalRecipient: reader@a.example
        Return-Path: {TO}
        Subject: Weekly

        Words.

        --b--
        """,
    )
    reading = read_mail.read(raw)
    assert (reading.kind, reading.tokens) == (MailKind.COMPLAINT, (TOKEN,))


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_all_line_ends_are_read(end: bytes) -> None:
    """Mail programs and archives store mails with CRLF, and even with CR."""
    assert read_mail.read(dsn(TO).replace(b"\n", end)).kind is MailKind.HARD


@pytest.mark.parametrize("sender", ["", "From: ,\n", "From: Zoë <zoe@a.example>\n", "From: =?x?=\n"])
def test_a_bounce_with_any_sender_is_read(sender: str) -> None:
    """Without From, and with one that no standard allows."""
    raw = f"{sender}To: {TO}\nSubject: Zürück: failure notice\nX: Ä\n\n<r@a.example>: 550 5.1.1 unknown\n".encode()
    assert read_mail.read(raw).kind is MailKind.HARD


def test_a_reply_of_a_person_is_not_understood() -> None:
    """Somebody who writes to the bounce address is to be answered by a person."""
    raw = mail(
        f"From: r@a.example\nTo: {TO}\nSubject: Re: Weekly", "Please send this to my colleague instead."
    )
    assert read_mail.read(raw).kind is MailKind.UNKNOWN


def test_a_mail_without_a_header_is_unreadable() -> None:
    """It is left where it is."""
    with pytest.raises(UnreadableDocument, match="no header"):
        read_mail.read(b"\x00\xff garbage\n\nmore")


@pytest.mark.parametrize("encoded", [TO.replace("+", "=2B"), TO.upper(), f"SRS0=ab=cd=news.example={TO}"])
def test_a_token_is_found_however_servers_write_it(encoded: str) -> None:
    """Servers encode the plus sign, change case, and rewrite senders."""
    raw = dsn("postmaster@news.example").replace(b"Subject: Weekly", f"Return-Path: <{encoded}>".encode())
    assert read_mail.read(raw).tokens == (TOKEN,)


def test_a_token_is_found_in_an_encoded_part() -> None:
    """Some servers return the message in base64."""
    copy = base64.encodebytes(f"Return-Path: <{TO}>\n".encode()).decode()
    raw = mail(
        "From: MAILER-DAEMON@a.example\nSubject: failure\nMIME-Version: 1.0\n"
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64",
        copy,
    )
    assert read_mail.read(raw).tokens == (TOKEN,)


def test_the_token_of_the_header_comes_first() -> None:
    """What the server was given as recipient outweighs what a text quotes."""
    other = bounce_tokens.bounce_token(KEY, 18)
    assert read_mail.read(plain(TO, f"bounces+{other}@news.example")).tokens == (TOKEN, other)


@pytest.mark.parametrize("forged", ["18-" + TOKEN[3:], f"0{TOKEN}", "17-" + "a" * 26, "17", "", "x" * 500])
def test_a_token_of_another_key_or_delivery_is_none(forged: str) -> None:
    """Nobody can invent the token of somebody else's message (BO1)."""
    assert bounce_tokens.delivery_of_token(KEY, TOKEN) == 17
    assert bounce_tokens.delivery_of_token(KEY, forged) is None
    assert bounce_tokens.delivery_of_token(b"x" * 32, TOKEN) is None


def test_reasons_are_sought_in_linear_time() -> None:
    """Hostile text does not make expressions take long."""
    for piece in ("user ", "5.", "mailbox is ", "<a", "exceed quota ", "550 ", "<style "):
        read_mail.read(plain(TO, piece * (4_000_000 // len(piece))))


def test_an_address_of_a_network_is_no_status() -> None:
    """`5.1.1.1` and versions are no codes (RFC 3463 section 2)."""
    assert status_codes.stated_code("from 5.1.1.1 by version 10.5.1.1") is None
    assert status_codes.stated_code("550-5.1.1 unknown") == "5.1.1"
