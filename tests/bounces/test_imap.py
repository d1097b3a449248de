"""Bounces in a folder of a real IMAP server, over TLS (BO2)."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator

import pytest

from tests import command
from tests.bounces.imap_server import CERTIFICATE, DOVECOT, PASSWORD, ImapServer, running_imap_server
from tests.bounces.mails import dsn, mail
from tests.bounces.scenario import READER, send_editions
from tests.digests.scenario import rows
from tests.processes import free_port
from tests.web_server import Web
from tests.workplace import Workplace

pytestmark = pytest.mark.skipif(DOVECOT is None, reason="Dovecot is not installed (dovecot-imapd)")
FOREIGN = mail("From: a@b.example\nSubject: hello", "When do you open?")


@pytest.fixture(scope="module")
def server() -> Iterator[ImapServer]:
    """Run one server for all tests of this module."""
    with running_imap_server() as running:
        yield running


@pytest.fixture
def imap(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> ImapServer:
    """Return the server with an empty mailbox, whose certificate and password are known."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("IMAP_PASSWORD", PASSWORD)
    for part in ("new", "cur"):
        for file in (server.mails / part).iterdir():
            file.unlink()
    return server


def settings(port: object, **more: str) -> str:
    """Return `mail.bounces` with a port."""
    keys = {"host": "127.0.0.1", "port": port, "user": "bounces", "password": "env:IMAP_PASSWORD"} | more
    return f"{{address: bounces@news.example, imap: {{{', '.join(f'{k}: {v}' for k, v in keys.items())}}}}}"


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_bounces_are_consumed_and_all_else_is_left(
    place: Workplace, web: Web, imap: ImapServer, security: str
) -> None:
    """Foreign, huge and headless mails stay unseen in the mailbox and are reported once."""
    port = imap.tls if security == "tls" else imap.starttls
    (sent,) = send_editions(place, web, bounces=settings(port, security=security))
    imap.put(FOREIGN, "1.foreign")
    imap.put(b"Subject: large\n\n" + b"x" * 20_000_000, "2.large")
    imap.put(b"\n\nno header", "3.headless")
    imap.put(dsn(sent[READER]), "4.bounce")
    done = command.call(place, "digest", "run", sandboxed=True)
    assert "r***@a.example gets no more messages" in done.err
    assert "3 mails were left in the mailbox of bounces: " in done.err
    assert imap.names() == ["1.foreign", "2.large", "3.headless"]
    assert list(_flags(imap)) == []
    assert command.call(place, "digest", "run") == command.Output(0, "", "")
    assert rows(place, "SELECT address FROM suppressions") == [(READER,)]


def _flags(imap: ImapServer) -> Iterator[str]:
    for file in (imap.mails / "cur").iterdir():
        yield from file.name.partition(":2,")[2]


def test_mails_that_others_marked_as_deleted_stay(place: Workplace, web: Web, imap: ImapServer) -> None:
    """A plain EXPUNGE would remove them as well (RFC 4315)."""
    (sent,) = send_editions(place, web, bounces=settings(imap.tls))
    imap.put(FOREIGN, "1.foreign")
    imap.put(dsn(sent[READER]), "2.bounce")
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    with imaplib.IMAP4_SSL("127.0.0.1", imap.tls, ssl_context=context) as client:
        client.authenticate("PLAIN", lambda _: f"\0bounces\0{PASSWORD}".encode())
        client.select()
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.unselect()
    assert command.call(place, "digest", "run").code == 0
    assert imap.names() == ["1.foreign"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "env:WRONG"}, "read: [AUTHENTICATIONFAILED] Authentication failed"),
        ({"folder": "Nowhere"}, "there is no folder Nowhere"),
        ({"port": "closed"}, "Connection refused"),
        ({"security": "starttls", "port": "closed"}, "Connection refused"),
    ],
)
def test_a_server_that_cannot_be_used_is_reported_once(
    place: Workplace,
    web: Web,
    imap: ImapServer,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    reason: str,
) -> None:
    """Messages are sent all the same, and nothing names the password."""
    monkeypatch.setenv("WRONG", "wrong-password")
    changed = {key: str(free_port()) if value == "closed" else value for key, value in change.items()}
    bounces = settings(**{"port": imap.tls} | changed)
    (sent,) = send_editions(place, web, bounces=bounces)
    assert list(sent) == [READER]
    status = command.call(place, "status").out
    assert "warning: bounces are not read" in status and reason in status
    assert "wrong-password" not in status
    assert command.call(place, "digest", "run") == command.Output(0, "", "")


def test_an_unknown_certificate_is_refused(
    place: Workplace, web: Web, imap: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is sent to no other server."""
    monkeypatch.delenv("SSL_CERT_FILE")
    send_editions(place, web, bounces=settings(imap.tls))
    assert "certificate verify failed" in command.call(place, "status").out
