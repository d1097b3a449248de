"""Use the client addresses that trusted proxies state, and keep the address of the socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

PEER = "aggregator.peer"
"""Key in the scope for the address of the socket, which no header of a proxy changes."""


class TrustedProxies:
    """Replace the client of a request by the address that a trusted proxy states."""

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        middleware: Any = ProxyHeadersMiddleware(
            app,  # type: ignore[arg-type]
            trusted_hosts=[*networks, *_mapped(networks)],
        )
        self.app: ASGIApp = middleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store the address of the socket, then replace the client."""
        scope[PEER] = scope.get("client")
        await self.app(scope, receive, send)


def _mapped(networks: Sequence[str]) -> list[str]:
    """Return IPv4 networks as IPv4-mapped IPv6 networks (RFC 4291 section 2.5.5.2)."""
    parsed = (ipaddress.ip_network(network) for network in networks)
    return [f"::ffff:{ipv4.network_address}/{96 + ipv4.prefixlen}" for ipv4 in parsed if ipv4.version == 4]


def is_from(request: Request, networks: Sequence[str]) -> bool:
    """Return whether the socket of a request is connected to an address in one of the networks."""
    peer = request.scope.get(PEER) or request.scope.get("client")
    try:
        address = ipaddress.ip_address(peer[0] if peer else "")
    except ValueError:  # a socket of another kind
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(network) for network in networks)
