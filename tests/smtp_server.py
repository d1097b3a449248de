"""Run a mail relay on loopback (aiosmtpd) that accepts messages or fails as scripted."""

from __future__ import annotations

import asyncio
import select
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from aggregator.model.config import Smtp

DROP = "drop"
"""Close the connection instead of replying."""
HANG = "hang"
"""Keep the connection open and never reply."""

Script = Callable[[str, str], str | None]
"""(step, address) -> None to reply normally, a reply line, DROP or HANG.

Steps are RSET, MAIL, RCPT, DATA and BODY (the message was read, before the reply). The address is that of the
recipient, in MAIL that of the sender. After 421 the connection is closed.
"""


@dataclass(frozen=True)
class ReceivedMessage:
    """A message that the relay read completely; `accepted` if it answered 250."""

    address: str
    body: bytes
    accepted: bool


class Relay:
    """A relay that records commands and messages.

    `tls` is used from the first byte; `tls_context` (an option of aiosmtpd) offers STARTTLS.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.script: Script = lambda step, address: None
        self.messages: list[ReceivedMessage] = []
        self.commands: list[str] = []
        self.connections = 0
        self.hanging = False
        self.password = b"secret"
        self._options = {"hostname": "relay.example", "authenticator": self._allow, **options}
        self._tls = tls
        self._connections: list[_Connection] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # tests break connections on purpose
        self._server: asyncio.Server | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[ready], daemon=True)
        self._thread.start()
        ready.wait()

    @property
    def port(self) -> int:
        """Return the port on 127.0.0.1."""
        assert self._server
        return int(self._server.sockets[0].getsockname()[1])

    def rules(self, **fields: Any) -> Smtp:
        """Return the configuration of this relay."""
        return Smtp(**{"host": "127.0.0.1", "port": self.port, "security": "none"} | fields)

    @property
    def accepted(self) -> list[str]:
        """Return the addresses of the accepted messages, in order."""
        return [message.address for message in self.messages if message.accepted]

    def close(self) -> None:
        """Close all connections and stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._connect, "127.0.0.1", 0, ssl=self._tls)
        )
        self._loop.call_soon(ready.set)
        self._loop.run_forever()
        self._server.close()
        for connection in self._connections:
            if connection.transport is not None:
                connection.transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.01))  # lets aborted connections notify their protocols
        self._loop.close()

    def _connect(self) -> _Connection:
        self._connections.append(_Connection(self, **self._options))
        return self._connections[-1]

    def _allow(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == self.password, handled=False)


class _Connection(SMTP):
    """One connection."""

    def __init__(self, relay: Relay, **options: Any) -> None:
        super().__init__(self, loop=relay._loop, **options)
        self.relay = relay

    def connection_made(self, transport: Any) -> None:
        if self.transport is None:  # otherwise STARTTLS began on this connection
            self.relay.connections += 1
        super().connection_made(transport)

    async def smtp_RSET(self, arg: str) -> None:
        await self._step("RSET", arg, super().smtp_RSET)

    async def smtp_MAIL(self, arg: str) -> None:
        await self._step("MAIL", arg, super().smtp_MAIL)

    async def smtp_RCPT(self, arg: str) -> None:
        await self._step("RCPT", arg, super().smtp_RCPT)

    async def smtp_DATA(self, arg: str) -> None:
        await self._step("DATA", arg, super().smtp_DATA)

    async def _step(self, step: str, arg: str, reply: Callable[[str], Any]) -> None:
        address = (arg or "").partition("<")[2].partition(">")[0]
        address = address or "".join(self.envelope.rcpt_tos[-1:])
        self.relay.commands.append(step)
        scripted = self.relay.script(step, address)
        if scripted is None:
            await reply(arg)
        elif scripted == DROP:
            self.transport.abort()
        elif scripted == HANG:
            await self._hang()
        else:
            await self.push(scripted)
            if scripted.startswith("421"):
                self.transport.close()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        address = envelope.rcpt_tos[-1]
        scripted = self.relay.script("BODY", address)
        accepted = (scripted or "250").startswith("2")
        self.relay.messages.append(ReceivedMessage(address, envelope.content, accepted))
        if scripted == DROP:
            self.transport.abort()
            raise asyncio.CancelledError
        if scripted == HANG:
            await self._hang()
        return scripted or "250 OK"

    async def _hang(self) -> None:
        self.relay.hanging = True
        await asyncio.sleep(3600)


@contextmanager
def running_relay(**options: Any) -> Iterator[Relay]:
    """Run a relay within a `with` block."""
    relay = Relay(**options)
    try:
        yield relay
    finally:
        relay.close()


def without_waiting(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Let a client time out as soon as the relay hangs, and only then; return those timeouts.

    A short timeout would be over on a busy machine although the relay replies.
    """
    over: list[float | None] = []
    real = smtplib.SMTP.getreply

    def getreply(client: smtplib.SMTP) -> tuple[int, bytes]:
        assert client.sock is not None
        while not relay.hanging and not select.select([client.sock], [], [], 0.01)[0]:
            pass
        if relay.hanging:
            relay.hanging = False
            over.append(client.sock.gettimeout())
            client.sock.settimeout(0.001)
        return real(client)

    monkeypatch.setattr(smtplib.SMTP, "getreply", getreply)
    return over


def server_context(certificate: str) -> ssl.SSLContext:
    """Return a TLS context with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
