"""Mail out, against relays that misbehave (M4): what is said of a letter decides whether it is sent again."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from aggregator.digests import mime
from aggregator.errors import MailError
from aggregator.gateways import smtp
from aggregator.gateways.smtp import relay as mailing
from aggregator.model.config import Smtp
from aggregator.model.digests import Delivery, MessageBody
from aggregator.ports import MailInterrupted, MailRefused
from tests.builders import NOW, site
from tests.smtp_server import DROP, Relay, Script, running_relay, server_context

SENDER = "Imaging news <editors@news.example>"
CERTIFICATES = Path(__file__).parent.parent / "data" / "mail"
CERTIFICATE = str(CERTIFICATES / "loopback.pem")


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A relay without encryption."""
    with running_relay() as made:
        yield made


def letter(address: str = "ada@example.org", words: str = "words", **fields: Any) -> bytes:
    """A message as the digest job makes it."""
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


def once(step: str, said: str) -> Script:
    """The first time `step` comes, `said`; afterwards all is well."""
    left = [said]
    return lambda at, address: left.pop() if at == step and left else None


# --- all is well ---------------------------------------------------------------------------------------


def test_a_letter_arrives_byte_for_byte(relay: Relay) -> None:
    """M4: what the relay takes is the message, dots at line starts and long words included."""
    words = ".\n..\n.leading dot\n" + "ü" * 3000 + "\nFrom here on\n"
    with mailing(relay.rules(), SENDER) as send:
        send(letter(words=words), "ada@example.org")
    (taken,) = relay.messages
    assert taken.address == "ada@example.org"
    assert taken.body == letter(words=words)
    assert max(map(len, taken.body.split(b"\r\n"))) < 998
    assert taken.body.count(b"\n") == taken.body.count(b"\r\n")


def test_a_relay_is_greeted_before_anything_else(relay: Relay) -> None:
    """RFC 5321 4.1.4: EHLO comes before MAIL, also where there is neither STARTTLS nor a login."""
    with mailing(relay.rules(), SENDER) as send:
        send(letter(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]  # else it says 503 to MAIL


def test_the_envelope_carries_the_address_without_the_name(relay: Relay) -> None:
    """RFC 5321 4.1.1.2: MAIL FROM is the bare address of the sender, so that bounces come back."""
    seen: list[str] = []
    relay.script = lambda step, address: seen.append(address) if step == "MAIL" else None
    with mailing(relay.rules(), SENDER) as send:
        send(letter(), "ada@example.org")
    assert seen == ["editors@news.example"]


def test_many_letters_go_over_one_connection(relay: Relay) -> None:
    """M4: the relay is dialled once for all letters of a run, and each goes to its own address only."""
    addresses = [f"reader{n}@example.org" for n in range(20)]
    with mailing(relay.rules(), SENDER) as send:
        for address in addresses:
            send(letter(address), address)
    assert relay.accepted == addresses
    assert relay.connections == 1
    for taken in relay.messages:
        assert taken.body.startswith(f"To: {taken.address}\r\n".encode())


def test_a_long_list_unsubscribe_arrives_in_one_line(relay: Relay) -> None:
    """PB16: the header is not folded into =?utf-8?… on its way to the relay, which would break unsubscribing."""
    contact = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.example"
    with mailing(relay.rules(), SENDER) as send:
        send(letter(contact=contact), "ada@example.org")
    (taken,) = relay.messages
    wanted = f"\r\nList-Unsubscribe: <mailto:{contact}?subject=unsubscribe%20weekly>\r\n"
    assert wanted.encode() in taken.body


# --- refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["RCPT", "DATA", "BODY"])
@pytest.mark.parametrize(
    ("said", "permanent"), [("451 4.7.1 greylisted, come again", False), ("550 5.1.1 nobody here", True)]
)
def test_a_refusal_is_told_apart_and_stops_nobody_else(
    relay: Relay, step: str, said: str, permanent: bool
) -> None:
    """M4: 4xx is for another time, 5xx for good, at whatever step; the relay's words are kept; the next one goes."""
    relay.script = once(step, said)
    with mailing(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(letter("bad@example.org"), "bad@example.org")
        send(letter(), "ada@example.org")
    assert caught.value.permanent is permanent
    assert str(caught.value) == said
    assert relay.accepted == ["ada@example.org"]


@pytest.mark.parametrize(
    "said", ["451 4.3.0 try later", "530 5.7.0 authenticate first", "550 5.7.1 who are you"]
)
def test_a_relay_that_refuses_the_sender_does_not_cost_a_letter(relay: Relay, said: str) -> None:
    """M4: a no to MAIL is about us, not about the address: whatever its code, the letter is not given up."""
    relay.script = once("MAIL", said)
    with mailing(relay.rules(), SENDER) as send, pytest.raises((MailError, MailRefused)) as caught:
        send(letter(), "ada@example.org")
    assert not getattr(caught.value, "permanent", False)
    assert said in str(caught.value)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "BODY"])
def test_a_relay_that_says_421_and_hangs_up_is_dialled_again(relay: Relay, step: str) -> None:
    """M4, RFC 5321 3.8: 421 at any step refuses this letter for now; the next letter gets a new connection."""
    relay.script = once(step, "421 4.3.2 shutting down")
    with mailing(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(letter("bad@example.org"), "bad@example.org")
        send(letter(), "ada@example.org")
    assert caught.value.permanent is False
    assert relay.accepted == ["ada@example.org"]


@pytest.mark.parametrize("said", [DROP, "421 4.4.2 idle for too long", "451 not now"])
def test_a_relay_that_hung_up_between_letters_is_dialled_again(relay: Relay, said: str) -> None:
    """M4: many relays take some letters per connection; the next letter is not lost, refused or sent twice."""
    closing = once("RSET", said)
    relay.script = lambda step, address: closing(step, address) if relay.messages else None
    with mailing(relay.rules(), SENDER) as send:
        send(letter("one@example.org"), "one@example.org")
        send(letter("two@example.org"), "two@example.org")
    assert relay.accepted == ["one@example.org", "two@example.org"]
    assert relay.connections == 2


def test_a_long_answer_is_one_line_of_words(relay: Relay) -> None:
    """M4: what a relay says ends in a notice: one line, of bounded length."""
    relay.script = once("RCPT", "550-5.7.1 first line\r\n550 5.7.1 " + "x" * 400)
    with mailing(relay.rules(), SENDER) as send, pytest.raises(MailRefused) as caught:
        send(letter(), "ada@example.org")
    said = str(caught.value)
    assert said.startswith("550 5.7.1 first line 5.7.1 xxx")
    assert "\n" not in said and len(said) <= 300


@pytest.mark.parametrize("address", ["jörg@example.org", "info@bücher.example", "日本@example.org"])
def test_an_address_beyond_ascii_stops_nobody_else(relay: Relay, address: str) -> None:
    """M4: an address that feeds.yaml accepts is delivered (RFC 5891, 6531) or refused, never a broken run."""
    with mailing(relay.rules(), SENDER) as send:
        with suppress(MailRefused):
            send(letter(address), address)
        send(letter(), "ada@example.org")
    assert relay.accepted[-1] == "ada@example.org"


# --- interrupted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_connection_lost_before_data_cost_nothing(relay: Relay, step: str) -> None:
    """M4: before DATA the relay cannot have the letter: it is refused for now, not in doubt."""
    relay.script = once(step, DROP)
    with mailing(relay.rules(), SENDER) as send:
        with pytest.raises(MailRefused) as caught:
            send(letter("bad@example.org"), "bad@example.org")
        send(letter(), "ada@example.org")
    assert caught.value.permanent is False
    assert relay.accepted == ["ada@example.org"]


def test_a_connection_lost_before_the_answer_leaves_the_letter_in_doubt(relay: Relay) -> None:
    """M4: the relay had the whole letter and said nothing: only MailInterrupted is true; the next one goes."""
    relay.script = once("BODY", DROP)
    with mailing(relay.rules(), SENDER) as send:
        with pytest.raises(MailInterrupted):
            send(letter("lost@example.org"), "lost@example.org")
        send(letter(), "ada@example.org")
    assert [(taken.address, taken.accepted) for taken in relay.messages] == [
        ("lost@example.org", False),
        ("ada@example.org", True),
    ]


def test_the_word_that_a_letter_was_taken_may_come_late(relay: Relay) -> None:
    """M4, RFC 5321 4.5.3.2.6: who waits only as long as for other answers sends letters twice."""
    patience: dict[str, float] = {}
    with mailing(relay.rules(), SENDER) as send:

        def look(step: str, address: str) -> None:
            patience[step] = send.__self__.smtp.sock.gettimeout()  # type: ignore[attr-defined]

        relay.script = look
        send(letter(), "ada@example.org")
        send(letter(), "bob@example.org")
    assert (
        patience["BODY"]
        == smtp.ACCEPTANCE_TIMEOUT_SECONDS
        > smtp.TIMEOUT_SECONDS
        == patience["RCPT"]
        == patience["RSET"]
    )


def test_a_connection_lost_at_data_is_no_success(relay: Relay) -> None:
    """M4: dropped on DATA itself the letter is refused or in doubt, never taken for sent; the next one goes."""
    relay.script = once("DATA", DROP)
    with mailing(relay.rules(), SENDER) as send:
        with pytest.raises((MailRefused, MailInterrupted)):
            send(letter("lost@example.org"), "lost@example.org")
        send(letter(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]


# --- no relay ------------------------------------------------------------------------------------------


@contextmanager
def saying(greeting: bytes) -> Iterator[int]:
    """A port where somebody says one line and hangs up."""
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
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_relay_that_is_not_there_is_one_sentence() -> None:
    """M4: nothing listens: one MailError with host and port, and all messages stay queued."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rules = Smtp(host="127.0.0.1", port=port, security="none")
    where = rf"127\.0\.0\.1:{port} cannot be used: .*; all messages stay queued"
    with pytest.raises(MailError, match=where), mailing(rules, SENDER):
        pass


@pytest.mark.parametrize(
    "greeting", [b"554 5.7.1 your address is on a list\r\n", b"\x16\x03\x01 what?\r\n", b""]
)
def test_a_relay_that_does_not_want_us_is_one_sentence(greeting: bytes) -> None:
    """M4: a relay that says no, nonsense or nothing at all to begin with cannot be used, and no socket leaks."""
    with saying(greeting) as port:
        rules = Smtp(host="127.0.0.1", port=port, security="none")
        with pytest.raises(MailError, match="cannot be used"), mailing(rules, SENDER):
            pass
    gc.collect()


def test_a_relay_that_goes_away_in_the_middle_ends_the_run_with_one_sentence() -> None:
    """M4: what was sent is sent, the letter at hand was not begun, and leaving is no error of its own."""
    with running_relay() as relay, mailing(relay.rules(), SENDER) as send:
        send(letter("one@example.org"), "one@example.org")
        relay.close()
        with pytest.raises(MailError, match="all messages stay queued"):
            send(letter("two@example.org"), "two@example.org")
    assert relay.accepted == ["one@example.org"]


# --- encryption and login ------------------------------------------------------------------------------


def test_starttls_and_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """`security: starttls`: encrypted and verified before anything is said, then logged in."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls_context=server_context(CERTIFICATE), auth_required=True) as relay:
        rules = relay.rules(security="starttls", user="news", password="secret")
        with mailing(rules, SENDER) as send:
            send(letter(), "ada@example.org")
    assert relay.accepted == ["ada@example.org"]


def test_starttls_without_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3207 4.2: after STARTTLS the relay has forgotten everything and is greeted again."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls_context=server_context(CERTIFICATE)) as relay:
        with mailing(relay.rules(security="starttls"), SENDER) as send:
            send(letter(), "ada@example.org")
        assert relay.accepted == ["ada@example.org"]


def test_tls_from_the_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """`security: tls`: the connection is encrypted and verified before SMTP begins."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls=server_context(CERTIFICATE)) as relay:
        with mailing(relay.rules(security="tls"), SENDER) as send:
            send(letter(), "ada@example.org")
        assert relay.accepted == ["ada@example.org"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_relay_whose_certificate_nobody_signed_gets_nothing(security: str) -> None:
    """CL16: TLS is verified: neither password nor letter goes to whoever happens to listen."""
    context = server_context(CERTIFICATE)
    options: dict[str, Any] = {"tls": context} if security == "tls" else {"tls_context": context}
    with running_relay(**options) as relay:
        rules = relay.rules(security=security, user="news", password="secret")
        with pytest.raises(MailError, match=r"(?i)certificate"), mailing(rules, SENDER):
            pass
        assert relay.commands == relay.messages == []
    gc.collect()


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("name", "words"), [("expired", "expired"), ("elsewhere", "IP address mismatch")])
def test_a_certificate_that_is_trusted_but_wrong_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, security: str, name: str, words: str
) -> None:
    """CL16: a certificate that ran out, or that is another host's, is no certificate, whoever signed it."""
    certificate = str(CERTIFICATES / f"{name}.pem")
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    context = server_context(certificate)
    options: dict[str, Any] = {"tls": context} if security == "tls" else {"tls_context": context}
    with running_relay(**options) as relay:
        rules = relay.rules(security=security, user="news", password="secret")
        with pytest.raises(MailError, match=words), mailing(rules, SENDER):
            pass
        assert relay.commands == relay.messages == []
    gc.collect()


@pytest.mark.parametrize("answer", [b"220 go on\r\n235 you are in\r\n250 OK\r\n", b"454 not today\r\n"])
def test_words_slipped_in_before_encryption_count_for_nothing(answer: bytes) -> None:
    """RFC 3207 6: who answers STARTTLS with more than one answer, or with a no, is not spoken to in clear."""
    said: list[bytes] = []
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
                    said.append(caller.recv(1000))

        thread = threading.Thread(target=strip, daemon=True)
        thread.start()
        port = int(listener.getsockname()[1])
        rules = Smtp(host="127.0.0.1", port=port, security="starttls", user="news", password="secret")
        with pytest.raises(MailError, match="cannot be used"), mailing(rules, SENDER):
            pass
        thread.join()
    assert not any(b"AUTH" in words or b"MAIL" in words for words in said)
    gc.collect()


@pytest.mark.parametrize(
    ("said", "permanent", "nobody"),
    [
        ("550 5.1.1 unknown user", True, True),
        ("550 5.1.10 null MX", True, True),
        ("553 5.1.3 bad address", True, True),
        ("550 5.1.16 unknown code", True, False),
        ("550 nobody here", True, False),
        ("552 5.2.2 mailbox full", True, False),
        ("553 5.1.8 sender's domain does not exist", False, False),
        ("554 5.7.1 relay access denied", False, False),
        ("530 log in first", False, False),
        ("450 4.1.1 not sure", False, False),
    ],
)
def test_what_a_refusal_says_of_the_address(relay: Relay, said: str, permanent: bool, nobody: bool) -> None:
    """RFC 3463: 5.1.1 and kin say that nobody is there; 5.7.x, 5.1.7 and 5.1.8 are about us, not about the address."""
    relay.script = once("RCPT", said)
    with mailing(relay.rules(), SENDER) as send, pytest.raises(MailRefused) as caught:
        send(letter(), "ada@example.org")
    assert (caught.value.permanent, caught.value.nobody) == (permanent, nobody)


def test_a_relay_that_offers_no_encryption_gets_nothing(relay: Relay) -> None:
    """`security: starttls` is a demand, not a wish, and no socket leaks."""
    with pytest.raises(MailError, match="STARTTLS"), mailing(relay.rules(security="starttls"), SENDER):
        pass
    assert relay.commands == []
    gc.collect()


@pytest.mark.parametrize("password", ["wrong", "falsches Paßwort"])
def test_a_login_that_is_refused_is_one_sentence(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """M4: a wrong password, of whatever letters, is a MailError; all messages stay queued and no socket leaks."""
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with running_relay(tls_context=server_context(CERTIFICATE), auth_required=True) as relay:
        rules = relay.rules(security="starttls", user="news", password=password)
        with pytest.raises(MailError, match="all messages stay queued"), mailing(rules, SENDER):
            pass
    gc.collect()
