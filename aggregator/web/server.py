"""Run uvicorn with limits on the number, the size and the slowness of its clients."""

from __future__ import annotations

import asyncio
import socket
import struct

import uvicorn
from starlette.types import ASGIApp

MAX_CONNECTIONS = 400
"""Maximum open connections; a process may usually open 1,024 files, and the jobs need some of them."""
BACKLOG = 100
"""Maximum connections that wait to be accepted; asyncio accepts all of them before it checks the others again."""
MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of a request line with its header fields."""
STALLED_SECONDS = 60
"""Seconds without a byte sent after which a connection is aborted."""

_LAST_DATA_SENT = struct.Struct("44xI")
"""`tcpi_last_data_sent` of Linux's `struct tcp_info`: milliseconds since data was last sent."""


def config(app: ASGIApp) -> uvicorn.Config:
    """Configure uvicorn for `app`: h11, because httptools has no limit on the size of a request."""
    return uvicorn.Config(
        app,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        backlog=BACKLOG,
        ws="none",
        log_config=None,
        log_level="error",  # malformed requests are warnings, and any client can send them
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        proxy_headers=False,
        server_header=False,
    )


class Server(uvicorn.Server):
    """Abort connections that send nothing for too long, and the longest silent ones if there are too many.

    uvicorn has a timeout only between two requests (`timeout_keep_alive`): it waits without limit for a request and
    for a client to take its response, and `limit_concurrency` counts no connection before its request. A response is
    sent as soon as a request is complete. Therefore a connection on which nothing was sent for a while belongs to a
    client that sends no complete request or takes no response.
    """

    async def on_tick(self, counter: int) -> bool:
        """Check all connections; uvicorn calls this every tenth of a second."""
        silences = [(_silence(line.transport), line.transport) for line in self.server_state.connections]
        silences.sort(key=lambda pair: pair[0], reverse=True)
        excess = len(silences) - MAX_CONNECTIONS
        for n, (seconds, transport) in enumerate(silences):
            if n < excess or seconds > STALLED_SECONDS:
                transport.abort()
        return await super().on_tick(counter)


def _silence(transport: asyncio.Transport) -> float:
    """Return the seconds since data was last sent on a connection, or since it was opened; 0 if unknown."""
    try:
        info = transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT.size
        )
    except OSError:  # closed a moment ago
        return 0.0
    return float(_LAST_DATA_SENT.unpack(info)[0]) / 1000
