"""Run a mail relay on loopback that fails as asked. Started by `mail.py`.

usage: post.py LOG FAULTS SEED - prints its port. Each line of LOG is an accepted message: address, Message-ID,
checksum.

`FAULTS` is the share of messages that fail. Some are refused permanently (always the same addresses), some
temporarily. For others the connection breaks: before DATA, in it, or between acceptance and the response.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import sys
from typing import Any

from aiosmtpd.smtp import SMTP

DEAD = 7
"""One fault in this number is a permanent refusal."""


class Talk(SMTP):
    """One connection."""

    log: int
    faults: float
    chance: random.Random

    def __init__(self) -> None:
        super().__init__(self, hostname="relay.example", loop=asyncio.get_running_loop())

    async def smtp_RCPT(self, arg: str) -> None:
        """Refuse for good, for now, or hang up."""
        address = arg.partition("<")[2].partition(">")[0]
        if int(hashlib.sha256(address.encode()).hexdigest()[:8], 16) % 10**6 < self.faults / DEAD * 10**6:
            await self.push("550 5.1.1 nobody here")
        elif self.chance.random() < self.faults / 3:
            await self.push("451 4.3.0 later")
        elif self.chance.random() < self.faults / 6:
            self._abort()
        else:
            await super().smtp_RCPT(arg)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002
        """Accept the message, or fail as asked."""
        fault = self.chance.random() / self.faults if self.faults else 1.0
        if fault < 1 / 6:
            return "452 4.2.2 full at present"
        if fault < 2 / 6:
            self._hang_up()
        body: bytes = envelope.content
        named = re.search(rb"^Message-ID: (\S+)\r$", body, re.MULTILINE)
        checksum = hashlib.sha256(body).hexdigest()[:12]
        line = f"{envelope.rcpt_tos[-1]} {named[1].decode() if named else '-'} {checksum}\n"
        os.write(self.log, line.encode())
        if fault < 3 / 6:
            self._hang_up()
        return "250 OK"

    def _abort(self) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()

    def _hang_up(self) -> None:
        self._abort()
        raise asyncio.CancelledError


async def serve(log: int, faults: float, seed: int) -> None:
    """Until we are killed."""
    Talk.log, Talk.faults, Talk.chance = log, faults, random.Random(seed)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)

    server = await loop.create_server(Talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(
        serve(
            os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            float(sys.argv[2]),
            int(sys.argv[3]),
        )
    )
