"""Messages are sent once, also through relays that misbehave (M4)."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.digests import mime
from aggregator.errors import MailError
from aggregator.gateways import smtp
from aggregator.gateways.smtp import connected_relay as sending
from aggregator.model.config import Smtp
from aggregator.model.digests import Delivery, MessageBody
from aggregator.ports import MailInterrupted, MailRefused
from tests.builders import NOW, site
from tests.smtp_server import DROP, HANG, Relay, Script, running_relay, server_context, without_waiting

SENDER = "Imaging news <editors@news.example>"
CERTIFICATES = Path(__file__).parent.parent / "data" / "mail"
CERTIFICATE = str(CERTIFICATES / "loopback.pem")


@pytest.fixture
def relay() -> Iterator[Relay]:
    """Return a relay without encryption."""
    with running_relay() as made:
        yield made


def message(address: str = "ada@example.org", words: str = "words", **fields: Any) -> bytes:
    """Return a message as the digest job makes it."""
    delivery = Delivery(
        id=1,
        edition_id="weekly-2026-10-05",
        digest_id="weekly",
        address=address,
        message_id=mime.message_id("weekly-2026-10-05", address, site()),
        composed=NOW,
        attempts=0,
        body=MessageBody(subject="Weekly", text=words + "\n", html=f"<p>{words}</p>"),
    )
    return mime.build_message(delivery, SENDER, "Weekly", site(**fields))


def once(step: str, reply: str) -> Script:
    """Return a script that replies `reply` to the first `step`, and then nothing unusual."""
    left = [reply]
    return lambda at, address: left.pop() if at == step and left else None


# --- sent ---------------------------------------------------------------------------------------


def test_a_message_arrives_byte_for_byte(relay: Relay) -> None:
    """The relay receives every byte of the message, dots at line starts included (M4)."""
    words = ".\n..\n.leading dot\n" + "ü" * 3000 + "\nFrom here on\n"
    with sending(relay.rules(), SENDER) as send:
        send(message(words=words), "ada@example.org")
    (taken,) = relay.messages
    assert taken.address == "ada@example.org"
    assert taken.body == message(words=words)
    assert max(map(len, taken.body.split(b"\r\n"))) < 998
    assert taken.body.count(b"\n") == taken.body.count(b"\r\n")


def test_a_relay_is_greeted_before_anything_else(relay: Relay) -> None:
    """EHLO is sent before MAIL, also without STARTTLS and login (RFC 5321 4.1.4)."""
    with sending(relay.rules(), SENDER) as send:
        send(message(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]  # else it says 503 to MAIL


def test_the_envelope_carries_the_address_without_the_name(relay: Relay) -> None:
    """MAIL FROM is the bare address of the sender (RFC 5321 4.1.1.2)."""
    seen: list[str] = []
    relay.script = lambda step, address: seen.append(address) if step == "MAIL" else None
    with sending(relay.rules(), SENDER) as send:
        send(message(), "ada@example.org")
    assert seen == ["editors@news.example"]


def test_many_messages_use_one_connection(relay: Relay) -> None:
    """All messages of a run use one connection, and each goes to its address only (M4)."""
    addresses = [f"reader{n}@example.org" for n in range(20)]
    with sending(relay.rules(), SENDER) as send:
        for address in addresses:
            send(message(address), address)
    assert relay.accepted == addresses
    assert relay.connections == 1
    for taken in relay.messages:
        assert taken.body.startswith(f"To: {taken.address}\r\n".encode())


def test_a_long_list_unsubscribe_arrives_in_one_line(relay: Relay) -> None:
    """A long List-Unsubscribe is not folded, which would break unsubscribing (PB16)."""
    contact = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.example"
    with sending(relay.rules(), SENDER) as send:
        send(message(contact=contact), "ada@example.org")
    (taken,) = relay.messages
    wanted = f"\r\nList-Unsubscribe: <mailto:{contact}?subject=unsubscribe%20weekly>\r\n"
    assert wanted.encode() in taken.body


# --- refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
@pytest.mark.parametrize(
    ("reply", "permanent"), [("451 4.7.1 greylisted, come again", False), ("550 5.1.1 nobody here", True)]
)
def test_a_refusal_is_temporary_or_permanent_and_stops_no_other(
    relay: Relay, step: str, reply: str, permanent: bool
) -> None:
    """4xx is temporary and 5xx permanent at every step; the next message is sent (M4)."""
    relay.script = once(step, reply)
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(message("bad@example.org"), "bad@example.org")
        send(message(), "ada@example.org")
    assert caught.value.permanent is permanent
    assert str(caught.value) == reply
    assert relay.accepted == ["ada@example.org"]


@pytest.mark.parametrize("step", ["RCPT", "BODY"])
@pytest.mark.parametrize("reply", ["no code", "100 wait", "354 go ahead", "999 out of range"])
def test_a_reply_of_no_known_kind_is_a_temporary_refusal(relay: Relay, step: str, reply: str) -> None:
    """Only 2xx accepts; a reply without a known code is no permanent refusal (M4)."""
    relay.script = once(step, reply)
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(message("bad@example.org"), "bad@example.org")
        send(message(), "ada@example.org")
    assert caught.value.permanent is False
    assert relay.accepted[-1] == "ada@example.org"


@pytest.mark.parametrize(
    "reply", ["451 4.3.0 try later", "530 5.7.0 authenticate first", "550 5.7.1 who are you"]
)
def test_a_refusal_of_the_sender_fails_no_message(relay: Relay, reply: str) -> None:
    """A refusal of MAIL concerns the sender and does not fail the message (M4)."""
    relay.script = once("MAIL", reply)
    with sending(relay.rules(), SENDER) as send, pytest.raises((MailError, MailRefused)) as caught:
        send(message(), "ada@example.org")
    assert not getattr(caught.value, "permanent", False)
    assert reply in str(caught.value)


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
def test_after_421_the_relay_is_connected_again(relay: Relay, step: str) -> None:
    """421 refuses one message for now; the next gets a new connection (M4, RFC 5321 3.8)."""
    relay.script = once(step, "421 4.3.2 shutting down")
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(message("bad@example.org"), "bad@example.org")
        send(message(), "ada@example.org")
    assert (caught.value.permanent, caught.value.connection_lost) == (False, True)
    assert relay.accepted == ["ada@example.org"]


@pytest.mark.parametrize("reply", [DROP, "421 4.4.2 idle for too long", "451 4.7.1 too many in a session"])
def test_after_a_lost_connection_the_relay_is_connected_again(relay: Relay, reply: str) -> None:
    """A connection closed between messages costs no message, and none is sent twice (M4)."""
    closing = once("MAIL", reply)
    relay.script = lambda step, address: closing(step, address) if relay.messages else None
    with sending(relay.rules(), SENDER) as send:
        send(message("one@example.org"), "one@example.org")
        send(message("two@example.org"), "two@example.org")
    assert relay.accepted == ["one@example.org", "two@example.org"]
    assert relay.connections == 2


def test_a_long_reply_is_one_line(relay: Relay) -> None:
    """The reply of a relay is one line of bounded length (M4)."""
    relay.script = once("RCPT", "550-5.7.1 first line\r\n550 5.7.1 " + "x" * 400)
    with sending(relay.rules(), SENDER) as send, pytest.raises(MailRefused) as caught:
        send(message(), "ada@example.org")
    reply = str(caught.value)
    assert reply.startswith("550 5.7.1 first line 5.7.1 xxx")
    assert "\n" not in reply and len(reply) <= 300


@pytest.mark.parametrize("address", ["jörg@example.org", "info@bücher.example", "日本@example.org"])
def test_an_address_beyond_ascii_stops_no_other(relay: Relay, address: str) -> None:
    """An accepted address is delivered or refused, never a broken run (M4; RFC 5891, 6531)."""
    with sending(relay.rules(), SENDER) as send:
        with suppress(MailRefused):
            send(message(address), address)
        send(message(), "ada@example.org")
    assert relay.accepted[-1] == "ada@example.org"


# --- interrupted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [DROP, "421 4.3.2 shutting down", "452 4.3.1 disk full", "550 5.7.1 no"])
def test_what_a_new_connection_says_to_mail_concerns_the_relay(relay: Relay, reply: str) -> None:
    """A refusal of MAIL is one of the relay, and no message is begun (M4)."""
    relay.script = once("MAIL", reply)
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises(MailError, match="cannot be used"):
            send(message(), "ada@example.org")
        send(message(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]
    assert relay.connections == 2


@pytest.mark.parametrize(
    ("step", "error", "factor"), [("RCPT", MailRefused, 1), ("DATA", MailInterrupted, smtp.ACCEPTANCE_FACTOR)]
)
def test_an_address_without_reply_gets_the_timeout_and_the_next_ones_less(
    relay: Relay,
    step: str,
    error: type[MailRefused | MailInterrupted],
    factor: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No reply in time is not the end of the connection by the relay; waiting gets shorter (M4)."""
    over = without_waiting(relay, monkeypatch)
    relay.script = lambda at, address: HANG if at == step and "hang" in address else None
    with sending(relay.rules(timeout=timedelta(seconds=20)), SENDER) as send:
        for _ in range(4):
            with pytest.raises(error) as caught:
                send(message(), "hang@example.org")
            assert "did not reply in time" in str(caught.value)
            assert caught.value.connection_lost is False  # type: ignore[attr-defined]
        send(message(), "ada@example.org")
    assert over == [factor * seconds for seconds in (20, 10, 5, 5)]
    assert relay.accepted == ["ada@example.org"]


def test_a_connection_lost_before_data_is_a_temporary_refusal(relay: Relay) -> None:
    """A connection lost before DATA refuses the message for now (M4)."""
    relay.script = once("RCPT", DROP)
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(message("bad@example.org"), "bad@example.org")
        send(message(), "ada@example.org")
    assert caught.value.permanent is False
    assert relay.accepted == ["ada@example.org"]


def test_a_connection_lost_before_the_reply_leaves_the_message_unknown(relay: Relay) -> None:
    """A connection lost after the body leaves the message unknown; the next is sent (M4)."""
    relay.script = once("BODY", DROP)
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises(MailInterrupted):
            send(message("lost@example.org"), "lost@example.org")
        send(message(), "ada@example.org")
    assert [(taken.address, taken.accepted) for taken in relay.messages] == [
        ("lost@example.org", False),
        ("ada@example.org", True),
    ]


def test_the_reply_to_the_body_may_come_late(relay: Relay) -> None:
    """The reply to the body has a longer timeout (M4, RFC 5321 4.5.3.2.6)."""
    timeouts: dict[str, float] = {}
    with sending(relay.rules(), SENDER) as send:

        def look(step: str, address: str) -> None:
            timeouts[step] = send.__self__.smtp.sock.gettimeout()  # type: ignore[attr-defined]

        relay.script = look
        send(message(), "ada@example.org")
        send(message(), "bob@example.org")
    assert timeouts == {"MAIL": 30, "RCPT": 30, "DATA": 300, "BODY": 300}


def test_a_connection_lost_at_data_is_no_success(relay: Relay) -> None:
    """A connection lost at DATA never counts as sent; the next message is sent (M4)."""
    relay.script = once("DATA", DROP)
    with sending(relay.rules(), SENDER) as send:
        with pytest.raises((MailRefused, MailInterrupted)):
            send(message("lost@example.org"), "lost@example.org")
        send(message(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]


# --- no relay ------------------------------------------------------------------------------------------


@contextmanager
def saying(greeting: bytes) -> Iterator[int]:
    """Serve a port that sends one line and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listener.accept()
                    with caller:
                        caller.sendall(greeting)
                        caller.shutdown(socket.SHUT_WR)
                        caller.recv(1000)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_missing_relay_is_one_error() -> None:
    """A missing relay is one MailError with host and port (M4)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rules = Smtp(host="127.0.0.1", port=port, security="none")
    where = rf"127\.0\.0\.1:{port} cannot be used: Connection refused; all messages stay queued"
    with pytest.raises(MailError, match=where), sending(rules, SENDER):
        pass


@pytest.mark.parametrize(
    "greeting", [b"554 5.7.1 your address is on a list\r\n", b"\x16\x03\x01 what?\r\n", b""]
)
def test_a_wrong_greeting_is_one_error(greeting: bytes) -> None:
    """A relay with a wrong greeting cannot be used, and no socket leaks (M4)."""
    with saying(greeting) as port:
        rules = Smtp(host="127.0.0.1", port=port, security="none")
        with pytest.raises(MailError, match="cannot be used"), sending(rules, SENDER):
            pass
    gc.collect()


def test_a_relay_that_disappears_is_one_error() -> None:
    """A relay that disappears ends the run; sent messages stay sent (M4)."""
    with running_relay() as relay, sending(relay.rules(), SENDER) as send:
        send(message("one@example.org"), "one@example.org")
        relay.close()
        with pytest.raises(MailError, match="all messages stay queued"):
            send(message("two@example.org"), "two@example.org")
    assert relay.accepted == ["one@example.org"]


# --- encryption and login ------------------------------------------------------------------------------


def test_starttls_and_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `security: starttls` login follows encryption and verification."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls_context=server_context(CERTIFICATE), auth_required=True) as relay:
        rules = relay.rules(security="starttls", user="news", password="secret")
        with sending(rules, SENDER) as send:
            send(message(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]


def test_starttls_without_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """After STARTTLS the relay is greeted again (RFC 3207 4.2)."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls_context=server_context(CERTIFICATE)) as relay:
        with sending(relay.rules(security="starttls"), SENDER) as send:
            send(message(), "ada@example.org")
        assert relay.accepted == ["ada@example.org"]


def test_tls_from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `security: tls` the connection is encrypted before SMTP begins."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls=server_context(CERTIFICATE)) as relay:
        with sending(relay.rules(security="tls"), SENDER) as send:
            send(message(), "ada@example.org")
        assert relay.accepted == ["ada@example.org"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_relay_with_an_untrusted_certificate_gets_nothing(security: str) -> None:
    """A relay with an untrusted certificate gets neither password nor message (CL16)."""
    context = server_context(CERTIFICATE)
    options: dict[str, Any] = {"tls": context} if security == "tls" else {"tls_context": context}
    with running_relay(**options) as relay:
        rules = relay.rules(security=security, user="news", password="secret")
        with pytest.raises(MailError, match=r"(?i)certificate"), sending(rules, SENDER):
            pass
        assert relay.commands == relay.messages == []
    gc.collect()


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("name", "words"), [("expired", "expired"), ("elsewhere", "IP address mismatch")])
def test_a_relay_with_a_wrong_certificate_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, security: str, name: str, words: str
) -> None:
    """An expired or foreign certificate is refused, although it is trusted (CL16)."""
    certificate = str(CERTIFICATES / f"{name}.pem")
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    context = server_context(certificate)
    options: dict[str, Any] = {"tls": context} if security == "tls" else {"tls_context": context}
    with running_relay(**options) as relay:
        rules = relay.rules(security=security, user="news", password="secret")
        with pytest.raises(MailError, match=words), sending(rules, SENDER):
            pass
        assert relay.commands == relay.messages == []
    gc.collect()


@pytest.mark.parametrize("answer", [b"220 go on\r\n235 you are in\r\n250 OK\r\n", b"454 not today\r\n"])
def test_a_wrong_reply_to_starttls_ends_the_connection(answer: bytes) -> None:
    """A relay with a wrong reply to STARTTLS gets nothing in clear (RFC 3207 6)."""
    reply: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def strip() -> None:
            caller, _ = listener.accept()
            with caller, suppress(OSError):
                for words in (
                    b"220 relay.example\r\n",
                    b"250-relay.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
                    answer,
                ):
                    caller.sendall(words)
                    reply.append(caller.recv(1000))

        thread = threading.Thread(target=strip, daemon=True)
        thread.start()
        port = int(listener.getsockname()[1])
        rules = Smtp(host="127.0.0.1", port=port, security="starttls", user="news", password="secret")
        with pytest.raises(MailError, match="cannot be used"), sending(rules, SENDER):
            pass
        thread.join()
    assert not any(b"AUTH" in words or b"MAIL" in words for words in reply)
    gc.collect()


@pytest.mark.parametrize(
    ("reply", "permanent", "no_mailbox"),
    [
        ("550 5.1.1 unknown user", True, True),
        ("550 5.1.10 null MX", True, True),
        ("553 5.1.3 bad address", True, True),
        ("550 5.1.16 unknown code", True, False),
        ("550 nobody here", True, False),
        ("552 5.2.2 mailbox full", True, False),
        ("553 5.1.8 sender's domain does not exist", False, False),
        ("554 5.7.1 relay access denied", False, False),
        ("450 4.1.1 not sure", False, False),
    ],
)
def test_refusals_of_the_address(relay: Relay, reply: str, permanent: bool, no_mailbox: bool) -> None:
    """5.1.1 and similar concern the address; 5.7.x, 5.1.7 and 5.1.8 do not (RFC 3463)."""
    relay.script = once("RCPT", reply)
    with sending(relay.rules(), SENDER) as send, pytest.raises(MailRefused) as caught:
        send(message(), "ada@example.org")
    assert (caught.value.permanent, caught.value.no_mailbox) == (permanent, no_mailbox)


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_demand_for_a_login_concerns_the_relay(relay: Relay, step: str) -> None:
    """530 and similar are no refusal of an address, at whatever step (RFC 4954 section 6)."""
    relay.script = once(step, "530 5.7.0 log in first")
    with (
        sending(relay.rules(), SENDER) as send,
        pytest.raises(MailError, match=r"530 5\.7\.0 log in first; all messages stay queued"),
    ):
        send(message(), "ada@example.org")


def test_a_relay_without_encryption_gets_nothing(relay: Relay) -> None:
    """A relay without STARTTLS is refused, and no socket leaks."""
    with pytest.raises(MailError, match="STARTTLS"), sending(relay.rules(security="starttls"), SENDER):
        pass
    assert relay.commands == []
    gc.collect()


@pytest.mark.parametrize("password", ["wrong", "falsches Paßwort"])
def test_a_refused_login_is_one_error(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """A wrong password is a MailError, and no socket leaks (M4)."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls_context=server_context(CERTIFICATE), auth_required=True) as relay:
        rules = relay.rules(security="starttls", user="news", password=password)
        with pytest.raises(MailError, match="all messages stay queued"), sending(rules, SENDER):
            pass
    gc.collect()
