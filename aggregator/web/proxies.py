"""Believe what trusted proxies say of their clients, and keep the address of the socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

PEER = "aggregator.peer"
"""Key in the scope of the address from which the connection came, whatever a proxy says."""


class TrustedProxies:
    """Replace the client of a request by that which a trusted proxy names."""

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        believing: Any = ProxyHeadersMiddleware(
            app,  # type: ignore[arg-type]
            trusted_hosts=[*networks, *_mapped(networks)],
        )
        self.app: ASGIApp = believing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the peer, then replace the client."""
        scope[PEER] = scope.get("client")
        await self.app(scope, receive, send)


def _mapped(networks: Sequence[str]) -> list[str]:
    """Return IPv4 networks as IPv6 sockets name them (RFC 4291 section 2.5.5.2)."""
    parsed = (ipaddress.ip_network(network) for network in networks)
    return [f"::ffff:{each.network_address}/{96 + each.prefixlen}" for each in parsed if each.version == 4]


def is_from(request: Request, networks: Sequence[str]) -> bool:
    """Return whether the socket of a request is connected to an address in one of the networks."""
    peer = request.scope.get(PEER) or request.scope.get("client")
    try:
        address = ipaddress.ip_address(peer[0] if peer else "")
    except ValueError:  # a socket of another kind
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ipaddress.ip_network(network) for network in networks)
