"""Limit the requests an hour of each client network, or for each callback (SU3, WS5)."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_REQUESTS = 5
"""Maximum number of sign-ups from a network in `WINDOW_SECONDS` (SU3)."""
WINDOW_SECONDS = 3600.0
MAX_NETWORKS = 50_000
"""Maximum number of networks that are counted; the global limit holds for more."""
PREFIXES = {4: 24, 6: 56}
"""Lengths of the prefix that one customer of a provider has, by version of IP."""

UNKNOWN = "unknown"
"""The network of all clients whose address a proxy does not state, or not as an address."""


def network(host: str) -> str:
    """Return the network of a client from its address, behind which a proxy may write a port."""
    written, _, port = host.rpartition(":")
    if port.isdigit() and (written.count(":") == 0 or written.endswith("]")):
        host = written
    try:
        address = ipaddress.ip_address(host.partition("%")[0].strip("[]"))
    except ValueError:
        return UNKNOWN
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, PREFIXES[address.version]), strict=False))


class RequestLimit:
    """Count the requests under each key within the window, in memory only (DP1).

    `maximum` is the number of requests in the window. The key is a network or the token of a callback.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, maximum: int = MAX_REQUESTS) -> None:
        self.clock, self.maximum = clock, maximum
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Count a request; return False if there were too many."""
        now = self.clock()
        times = self._times.setdefault(key, deque(maxlen=self.maximum))
        self._times.move_to_end(key)
        if len(self._times) > MAX_NETWORKS:
            self._times.popitem(last=False)
        if len(times) == self.maximum and now - times[0] < WINDOW_SECONDS:
            return False
        times.append(now)
        return True
