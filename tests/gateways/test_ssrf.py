"""Only public and explicitly allowed addresses may be connected to."""

from __future__ import annotations

import ipaddress
import socket
import threading

import pytest

from aggregator.gateways.ssrf import (
    MAX_LOOKUPS,
    SlowLookup,
    is_allowed,
    is_public,
    refusal,
    resolve_addresses,
)
from tests.processes import until


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
        "192.0.0.9",
        "192.0.0.192",
        "192.88.99.1",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::c0a8:101",
        "64:ff9b::a83f:8110",
        "64:ff9b:1::",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1:a00:0:100::",
        "64:ff9b:1:a00:5:100:808:808",
        "::ffff:168.63.129.16",
    ],
)
def test_private_addresses(text: str) -> None:
    """Loopback, private, link-local, multicast and translated addresses are not public."""
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "168.63.129.17",
        "193.166.3.2",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:808:8:800::",
    ],
)
def test_public_addresses(text: str) -> None:
    """Ordinary addresses are public, also where NAT64 translates them."""
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
def test_allow_private_allows_exactly_what_it_names(place: str, host: str, port: int, allowed: bool) -> None:
    """A host, a host:port or a network allows itself and nothing else."""
    assert is_allowed(host, port, ipaddress.ip_address("10.1.2.3"), (place,)) is allowed


def test_a_network_of_ipv4_is_named_as_such_behind_nat64() -> None:
    """`allow_private` allows an address by the IPv4 inside, or by the IPv6 as written."""
    address = ipaddress.ip_address("64:ff9b::10.1.2.3")
    for place, allowed in (("10.0.0.0/8", True), ("64:ff9b::/96", True), ("192.168.0.0/16", False)):
        assert is_allowed("intranet", 80, address, (place,)) is allowed


NAMES = {
    "partner.example": ["193.166.3.2"],
    "intranet.example": ["10.0.0.7"],
    "both.example": ["10.0.0.7", "193.166.3.2"],
    "wiki.example": ["10.0.0.8"],
}


@pytest.mark.parametrize(
    ("leads", "refused"),
    [
        (["http://wiki.example/feed"], False),
        (["http://intranet.example/feed"], False),
        (["http://INTRANET.example:8080/feed", "http://10.0.0.9/"], False),
        (["http://partner.example/feed"], True),
        (["http://both.example/feed"], True),
        (["http://nowhere.example/feed"], True),
        (["http://intranet.example/feed", "http://partner.example/hop"], True),
        (["http://wiki.example/feed", "http://partner.example/hop"], True),
        (["http://192.168.1.1/feed"], True),
    ],
)
def test_only_private_urls_lead_to_a_private_address(
    monkeypatch: pytest.MonkeyPatch, leads: list[str], refused: bool
) -> None:
    """Only allowed private servers may lead to a private address."""

    def getaddrinfo(host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        if host not in NAMES:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in NAMES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    inside = [ipaddress.ip_address("10.0.0.8")]
    why = refusal("wiki.example", 80, inside, ("10.0.0.0/8",), leads, lambda: 5.0)
    assert bool(why) is refused, why
    public = [ipaddress.ip_address("193.166.3.2")]
    assert refusal("partner.example", 80, public, (), leads, lambda: 5.0) is None


def test_a_name_that_is_not_resolved_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name resolution ends at the deadline, and abandoned threads are bounded."""
    answer = threading.Event()

    def hanging(*_args: object, **_options: object) -> list[object]:
        answer.wait(30)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    before = threading.active_count()
    try:
        for _ in range(MAX_LOOKUPS + 5):
            with pytest.raises(SlowLookup, match=r"name resolution took longer than 0\.01 s"):
                resolve_addresses("partner.example", 80, 0.01)
        assert threading.active_count() - before <= MAX_LOOKUPS
        assert resolve_addresses("127.0.0.1", 80, 0.01) == [ipaddress.ip_address("127.0.0.1")]
    finally:
        answer.set()
    until(lambda: threading.active_count() <= before)
    with pytest.raises(socket.gaierror):
        resolve_addresses("partner.example", 80, 60)
