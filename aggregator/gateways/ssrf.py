"""Allow connections to public addresses and to those that `fetch.allow_private` names.

The check runs on the addresses that the connection is then made to, so that a second lookup cannot differ.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from aggregator import urls

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_SPECIAL = tuple(
    ipaddress.ip_network(net)
    for net in (
        # `is_global` is true for these, yet they lead to private or other machines (RFC 6052, 3056, 4380).
        "2002::/16",
        "2001::/23",
        "fec0::/10",
        "::/96",
        "::ffff:0:0:0/96",
        "5f00::/16",
        "3fff::/20",
        "192.0.0.0/24",  # IETF protocol assignments; metadata of a cloud
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "168.63.129.16/32",  # the host of virtual machines in a cloud
    )
)
_NAT64 = cast(ipaddress.IPv6Network, ipaddress.ip_network("64:ff9b::/96"))
_NAT64_LOCAL = cast(ipaddress.IPv6Network, ipaddress.ip_network("64:ff9b:1::/48"))
_THIS_NETWORK = cast(ipaddress.IPv4Network, ipaddress.ip_network("0.0.0.0/8"))

MAX_LOOKUPS = 64
"""Maximum number of name resolutions at once, abandoned ones included."""
_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


class SlowLookup(OSError):
    """A name was not resolved in time."""


# --- addresses ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def is_public(address: Address) -> bool:
    """Return whether an address is reachable for everybody on the Internet."""
    if isinstance(address, ipaddress.IPv6Address) and (inner := _embedded(address)):
        return all(is_public(address) for address in inner)
    if any(address.version == net.version and address in net for net in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses inside an IPv6 address: mapped or translated by NAT64."""
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(address.packed[12:])]
    if address not in _NAT64_LOCAL:
        return []
    # RFC 8215 leaves the prefix length to the network: RFC 6052 2.2 has four within a /48.
    octets = address.packed
    places = (octets[12:], octets[9:13], octets[7:8] + octets[9:12], octets[6:8] + octets[9:11])
    readings = [ipaddress.IPv4Address(place) for place in places]
    return [reading for reading in readings if reading not in _THIS_NETWORK] or readings


def is_allowed(host: str, port: int, address: Address, allowed: Sequence[str]) -> bool:
    """Return whether a connection to `host` at `address` is allowed.

    `allowed` as in `fetch.allow_private`.
    """
    if is_public(address):
        return True
    host = host.lower().strip("[]").rstrip(".")
    inner = _embedded(address) if isinstance(address, ipaddress.IPv6Address) else []
    meanings = [meaning for meaning in ([address], inner) if meaning]
    for place in allowed:
        if place.strip("[]") in (host, str(address)) or place in (f"{host}:{port}", f"[{host}]:{port}"):
            return True
        network = _network(place)
        if network and any(
            all(a.version == network.version and a in network for a in meaning) for meaning in meanings
        ):
            return True
    return False


@lru_cache(maxsize=64)
def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network of an entry of `fetch.allow_private`; None for a host."""
    try:
        return ipaddress.ip_network(entry)
    except ValueError:
        return None


def refusal(
    host: str,
    port: int,
    addresses: Iterable[Address],
    allowed: Sequence[str],
    via: Iterable[str],
    seconds: Callable[[], float],
) -> str | None:
    """Return why `host` with these addresses may not be connected to, or None.

    `via` are the URLs that led to the host: the source's configured one and redirects. Only private URLs may lead to a
    private address, whatever `allowed` says. `seconds` returns the time left to look them up.
    """
    private = [address for address in addresses if not is_public(address)]
    for address in private:
        if not is_allowed(host, port, address, allowed):
            return f"{host} is a private address" + ("" if host == str(address) else f" ({address})")
    others = (urls.origin(url) for url in via if private and urls.host(url) != host.lower())
    for origin in dict.fromkeys(others):
        if not _is_allowed_private(origin, allowed, seconds()):
            return f"{host} is a private address ({private[0]}), and {origin}, which leads there, is not"
    return None


def _is_allowed_private(url: str, allowed: Sequence[str], seconds: float) -> bool:
    """Return whether all addresses of a host are private and may be connected to."""
    host, port = urls.host(url), urls.port(url) or 0
    try:
        addresses = resolve_addresses(host, port, seconds)
    except (OSError, ValueError):
        return False
    return all(not is_public(address) and is_allowed(host, port, address, allowed) for address in addresses)


def is_private(url: str, allowed: Sequence[str]) -> bool:
    """Return whether a URL is private, as far as that is known without DNS."""
    host = urls.host(url)
    try:
        return not is_public(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return any(place in (host, f"{host}:{urls.port(url)}") for place in allowed)


# --- names -----------------------------------------------------------------------------------------------


def resolve_addresses(host: str, port: int, seconds: float) -> list[Address]:
    """Return every address of `host`.

    Raises OSError (socket.gaierror) if there is none, and SlowLookup.
    """
    host = host.strip("[]")
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        found = _looked_up(host, port, seconds)
    return [ipaddress.ip_address(cast(str, entry[4][0]).partition("%")[0]) for entry in found]


def _looked_up(host: str, port: int, seconds: float) -> list[Any]:
    """Call getaddrinfo in a thread, because it has no timeout.

    The thread is abandoned when `seconds` are over.
    """
    late = SlowLookup(f"name resolution took longer than {round(seconds, 1) or seconds:.3g} s")
    if not _lookups.acquire(timeout=seconds):
        raise late
    answer: queue.SimpleQueue[list[Any] | OSError | ValueError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answer.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, ValueError) as error:  # UnicodeError: no name that DNS could have
            answer.put(error)
        finally:
            _lookups.release()

    threading.Thread(target=look_up, name="lookup", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except queue.Empty:
        raise late from None
    if isinstance(found, (OSError, ValueError)):
        raise found
    return found
