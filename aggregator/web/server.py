"""Run uvicorn with limits on the number, the size and the slowness of its clients."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from aggregator.model.config import Site
from aggregator.publishing.paths import HTML_TYPE
from aggregator.web import pages
from aggregator.web.headers import SECURITY
from aggregator.web.origin_form import OriginForm
from aggregator.web.proxies import TrustedProxies

MAX_CONNECTIONS = 400
"""Maximum open connections.

A process may usually open 1,024 files, and the daemon's jobs need some of them.
"""
BACKLOG = 100
"""Maximum connections that wait to be accepted; asyncio accepts all of them at once."""
MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of a request line with its header fields."""
STALLED_SECONDS = 60
"""Seconds without a byte sent after which a connection is aborted."""

_LAST_DATA_SENT = struct.Struct("44xI")
"""`tcpi_last_data_sent` of Linux's `struct tcp_info`: milliseconds since data was last sent."""


def config(app: ASGIApp, site: Site, trusted_proxies: Sequence[str] = ()) -> uvicorn.Config:
    """Configure uvicorn for `app`: h11, because httptools has no limit on the size of a request."""

    class Protocol(H11Protocol):
        def send_400_response(self, msg: str) -> None:  # noqa: ARG002
            """Send the page of an error to a client that sent no HTTP; uvicorn sends one line of text."""
            _send_bad_request(self, site)

    app = OriginForm(app)
    return uvicorn.Config(
        TrustedProxies(app, trusted_proxies) if trusted_proxies else app,
        http=Protocol,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        backlog=BACKLOG,
        ws="none",
        log_config=None,
        log_level="error",  # malformed requests are warnings, and any client can send them
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        proxy_headers=False,  # it would lose the address of the socket
        server_header=False,
    )


def _send_bad_request(protocol: H11Protocol, site: Site) -> None:
    body = pages.render_error(site, "/", 400)
    headers = [
        *SECURITY,
        (b"content-type", HTML_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    for event in (
        h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
        h11.Data(data=body),
        h11.EndOfMessage(),
    ):
        protocol.transport.write(protocol.conn.send(event) or b"")
    protocol.transport.close()


class Server(uvicorn.Server):
    """Abort connections on which nothing was sent for too long.

    Above the maximum number, those that were silent longest are aborted.

    uvicorn has a timeout only between two requests (`timeout_keep_alive`). It waits without limit for a request, and
    for a client to take its response. `limit_concurrency` counts no connection before its request. A response is sent
    as soon as a request is complete. So a silent connection belongs to a client that sends no complete request or takes
    no response.
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
    """Return the seconds since data was last sent, or since the connection was opened."""
    try:
        info = transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT.size
        )
    except OSError:  # closed a moment ago
        return 0.0
    return float(_LAST_DATA_SENT.unpack(info)[0]) / 1000
