"""A real mail relay on loopback (aiosmtpd) that takes letters, or misbehaves as a test tells it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

from aggregator.model.config import Smtp

DROP = "drop"
"""Instead of a reply: the connection breaks."""

Script = Callable[[str, str], str | None]
"""(step, address) -> None to go on as usual, a reply line, or DROP. Steps: RSET, MAIL, RCPT, DATA and BODY (after
the letter was read, before the answer). The address is the recipient's, in MAIL the sender's. 421 hangs up."""


@dataclass(frozen=True)
class Taken:
    """A letter the relay answered 250 for, or read whole before it broke off."""

    address: str
    body: bytes
    accepted: bool


class Relay:
    """The relay's side: what it heard and took.

    `tls` is spoken from the first byte; `tls_context` (an option of aiosmtpd) offers STARTTLS.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.script: Script = lambda step, address: None
        self.letters: list[Taken] = []
        self.heard: list[str] = []
        self.connections = 0
        self.password = b"secret"
        self._options = {"hostname": "relay.example", "authenticator": self._allow, **options}
        self._tls = tls
        self._talks: list[_Talk] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # a broken connection is the test's wish
        self._server: asyncio.Server | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[ready], daemon=True)
        self._thread.start()
        ready.wait()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        assert self._server
        return int(self._server.sockets[0].getsockname()[1])

    def rules(self, **fields: Any) -> Smtp:
        """The configuration that leads here."""
        return Smtp(**{"host": "127.0.0.1", "port": self.port, "security": "none"} | fields)

    @property
    def accepted(self) -> list[str]:
        """The addresses of the letters it answered 250 for, in order."""
        return [taken.address for taken in self.letters if taken.accepted]

    def close(self) -> None:
        """Hang up and listen no more."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._talk, "127.0.0.1", 0, ssl=self._tls)
        )
        self._loop.call_soon(ready.set)
        self._loop.run_forever()
        self._server.close()
        for talk in self._talks:
            if talk.transport is not None:
                talk.transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.01))  # the aborted connections tell their protocols
        self._loop.close()

    def _talk(self) -> _Talk:
        self._talks.append(_Talk(self, **self._options))
        return self._talks[-1]

    def _allow(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == self.password, handled=False)


class _Talk(SMTP):
    """One connection."""

    def __init__(self, relay: Relay, **options: Any) -> None:
        super().__init__(self, loop=relay._loop, **options)
        self.relay = relay

    def connection_made(self, transport: Any) -> None:
        if self.transport is None:  # else TLS just began on the same connection
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

    async def _step(self, step: str, arg: str, usual: Callable[[str], Any]) -> None:
        address = (arg or "").partition("<")[2].partition(">")[0]
        address = address or "".join(self.envelope.rcpt_tos[-1:])
        self.relay.heard.append(step)
        said = self.relay.script(step, address)
        if said is None:
            await usual(arg)
        elif said == DROP:
            self.transport.abort()
        else:
            await self.push(said)
            if said.startswith("421"):
                self.transport.close()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        address = envelope.rcpt_tos[-1]
        said = self.relay.script("BODY", address)
        accepted = (said or "250").startswith("2")
        self.relay.letters.append(Taken(address, envelope.content, accepted))
        if said == DROP:
            self.transport.abort()
            raise asyncio.CancelledError
        return said or "250 OK"


@contextmanager
def relaying(**options: Any) -> Iterator[Relay]:
    """A relay for a while."""
    relay = Relay(**options)
    try:
        yield relay
    finally:
        relay.close()


def server_context(certificate: str) -> ssl.SSLContext:
    """TLS as a relay offers it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
