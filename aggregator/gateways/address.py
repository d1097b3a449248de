"""Which network addresses may be connected to: public ones, and those that `fetch.allow_private` names.

The check runs on the addresses the connection is then made to, so that no second look-up can answer otherwise.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import cast

from aggregator import urls

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# `is_global` is true for these, yet they lead to private or other machines (RFC 6052, 3056, 4380).
_DETOURS = tuple(
    ipaddress.ip_network(net)
    for net in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "fec0::/10",
        "::/96",
        "::ffff:0:0:0/96",
        "5f00::/16",
        "3fff::/20",
    )
)


def is_public(address: Address) -> bool:
    """Whether an address is one that everybody on the Internet may reach."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in net for net in _DETOURS):
            return False
    return address.is_global and not address.is_multicast


def is_allowed(host: str, port: int, address: Address, allowed: Sequence[str]) -> bool:
    """Whether `host`, resolved to `address`, may be connected to. `allowed` as in `fetch.allow_private`."""
    if is_public(address):
        return True
    host = host.lower().strip("[]").rstrip(".")
    for place in allowed:
        if place.strip("[]") in (host, str(address)) or place in (f"{host}:{port}", f"[{host}]:{port}"):
            return True
        try:
            network = ipaddress.ip_network(place)
        except ValueError:
            continue
        plain = getattr(address, "ipv4_mapped", None) or address
        if plain.version == network.version and plain in network:
            return True
    return False


def resolve(host: str, port: int) -> list[Address]:
    """Every address of `host`; raises OSError (socket.gaierror) if there is none."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(cast(str, entry[4][0]).partition("%")[0]) for entry in found]


def is_private(url: str, allowed: Sequence[str]) -> bool:
    """Whether a URL leads to the operator's own machines as far as can be told without asking DNS."""
    host = urls.host(url)
    try:
        return not is_public(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return any(place in (host, f"{host}:{urls.port(url)}") for place in allowed)
