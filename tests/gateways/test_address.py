"""Which addresses may be connected to."""

from __future__ import annotations

import ipaddress

import pytest

from aggregator.gateways.address import is_allowed, is_public


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
    ],
)
def test_addresses_that_are_not_everybodys(text: str) -> None:
    """Loopback, private, link-local, multicast, mapped, NAT64, 6to4 and Teredo addresses are not public."""
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "193.166.3.2", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
def test_public_addresses(text: str) -> None:
    """Ordinary addresses are public."""
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("place", "host", "port", "allowed"),
    [
        ("intranet", "intranet", 80, True),
        ("intranet", "INTRANET.", 80, True),
        ("intranet:8080", "intranet", 8080, True),
        ("intranet:8080", "intranet", 80, False),
        ("10.0.0.0/8", "intranet", 80, True),
        ("10.9.0.0/16", "intranet", 80, False),
        ("10.1.2.3", "intranet", 80, True),
        ("other", "intranet", 80, False),
    ],
)
def test_allow_private_opens_exactly_what_it_names(place: str, host: str, port: int, allowed: bool) -> None:
    """A host, a host:port or a network opens itself and nothing else."""
    assert is_allowed(host, port, ipaddress.ip_address("10.1.2.3"), (place,)) is allowed
