"""Limits of sign-up: networks, addresses, all together, other sites, programs (SU1, SU3)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import product

import pytest

from aggregator.store import subscription_requests
from aggregator.web.cross_site import is_same_site
from aggregator.web.request_limit import MAX_NETWORKS, MAX_REQUESTS, RequestLimit, network
from tests import command
from tests.digests.scenario import all_rows, rows, run
from tests.subscribers.visitor import Visitor, mailbox, visiting
from tests.workplace import Clock, Workplace

ADA = "ada@a.example"
PROXY = "web: {url: 'https://news.example/', trusted_proxies: [127.0.0.1]}\n"


@pytest.fixture
def proxied(visitor: Visitor, place: Workplace) -> Iterator[Visitor]:
    """Trust X-Forwarded-For of this machine, so that each request may have a network of its own."""
    file = place.folder / "feeds.yaml"
    text = file.read_text("utf-8").replace('web: {url: "https://news.example/"}\n', PROXY)
    file.write_text(text, encoding="utf-8")
    with visiting(place) as person:
        yield person


def messages_queued(place: Workplace) -> int:
    """Count the messages that sign-ups caused."""
    run(place)
    return int(rows(place, "SELECT count(*) FROM deliveries WHERE edition_id IS NULL")[0][0])


def test_a_network_gets_five_messages_an_hour(visitor: Visitor, place: Workplace) -> None:
    """200 sign-ups from a network cause 5 messages, whatever header they forge (SU3)."""
    statuses = [
        visitor.sign_up(f"p{n}@a.example", x_forwarded_for=f"198.51.{n % 250}.1").status for n in range(200)
    ]
    assert statuses == [200] * 5 + [429] * 195
    assert messages_queued(place) == 5


def test_a_bomb_against_one_address_is_one_message(proxied: Visitor, place: Workplace, clock: Clock) -> None:
    """Many networks that enter one address cause one message; others get through (SU3)."""
    for n in range(60):
        address = "Victim@A.example" if n % 2 else "victim@a.EXAMPLE"
        assert proxied.sign_up(address, x_forwarded_for=f"10.9.9.9, 203.0.{n}.7").status == 200
    assert proxied.sign_up(ADA, x_forwarded_for="198.51.100.7").status == 200
    assert messages_queued(place) == 2
    assert len(mailbox(place, ADA)) == 1
    clock.now += timedelta(hours=24)
    proxied.sign_up("victim@a.example", x_forwarded_for="203.0.113.7")
    assert messages_queued(place) == 3


def test_all_sign_ups_together_are_limited(
    proxied: Visitor, place: Workplace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the global limit sign-ups are refused for an hour (SU3)."""
    monkeypatch.setattr(subscription_requests, "MAX_MESSAGES_AN_HOUR", 10)
    statuses = [proxied.sign_up(f"p{n}@a.example", x_forwarded_for=f"203.0.{n}.7").status for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    assert messages_queued(place) == 10
    clock.now += timedelta(hours=1)
    assert proxied.sign_up(ADA, x_forwarded_for="198.51.100.7").status == 200


def test_the_response_says_nothing_about_an_address(
    proxied: Visitor, subscription: str, place: Workplace
) -> None:
    """New, subscribed, suppressed and pending addresses get the same response (SU1)."""
    command.call(place, "subscriber", "add", "gone@a.example", "--digest", "weekly", "--confirmed", "fair")
    run(place)
    with closing(sqlite3.connect(place.database)) as conn, conn:
        conn.execute("INSERT INTO suppressions VALUES ('gone@a.example', '2026-10-05T00:00:00Z', 'bounced')")
    answers = set()
    for n, address in enumerate(("new@a.example", ADA, "gone@a.example", "new@a.example")):
        answer = proxied.sign_up(address, x_forwarded_for=f"203.0.{n}.7")
        answers.add((answer.status, answer.text))
        asked = proxied.ask_for_link(address)
        answers.add((asked.status, asked.text))
    assert len(answers) == 2  # one for each form
    run(place)
    assert len(mailbox(place, "gone@a.example")) == 1  # from before


def test_programs_fill_the_field_that_people_do_not_see(visitor: Visitor, place: Workplace) -> None:
    """A filled trap gets the usual response, and nothing is stored (SU3)."""
    page = visitor.post(
        "/subscribe", ("action", "signup"), ("address", ADA), ("digest", "weekly"), ("website", "x")
    )
    assert page == visitor.sign_up("eve@e.example") or page.status == 200
    assert ADA not in repr(all_rows(place))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://news.example"}, 200),
        ({"sec_fetch_site": "same-origin", "origin": "https://other.example"}, 200),
        ({}, 200),
    ],
)
def test_forms_of_other_sites_are_refused(
    visitor: Visitor, subscription: str, place: Workplace, headers: dict[str, str], status: int
) -> None:
    """Another site's form neither signs up nor changes a subscription (SU3)."""
    assert visitor.sign_up("eve@e.example", **headers).status == status
    assert visitor.post(subscription, ("action", "pause"), **headers).status == status
    paused = rows(place, f"SELECT state = 'paused' FROM subscribers WHERE address = '{ADA}'")
    assert paused == [(int(status == 200),)]


WRONG = [
    "",
    "ada",
    "ada@",
    "@a.example",
    "a b@a.example",
    "ada@a",
    "ada@a.example\nBcc: x@x.example",
    "ädä@a.example",
]
WRONG += ["x" * 65 + "@a.example", "<script>@a.example", "ada@a.example,eve@e.example", "\0@a.example"]


def test_what_is_no_address_is_said_at_once(visitor: Visitor, place: Workplace) -> None:
    """The form comes back with one sentence, filled as before, and nothing is stored."""
    for address in WRONG:
        page = visitor.sign_up(address)
        assert page.status == 400 and "not an e-mail address" in page.text, address
        assert "<script>" not in page.text
    assert not place.database.exists() or rows(place, "SELECT count(*) FROM subscription_requests") == [(0,)]


def test_any_body_gets_a_page(visitor: Visitor, subscription: str) -> None:
    """No body of a form is an error of the program."""
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json", "")
    bodies = (b"", b"\xff\xfe", b"&" * 5000, b"x" * 60_000, b"a=1&" * 4000)
    for kind, body in product(kinds, bodies):
        assert visitor.send("/subscribe", body, content_type=kind).status == 400, (kind, body[:4])
        assert visitor.send(subscription, body, content_type=kind).status == 200, (kind, body[:4])


def test_a_large_body_is_refused(visitor: Visitor, subscription: str) -> None:
    """No form has more than 64 KiB."""
    for path in ("/subscribe", subscription, subscription.replace("subscription", "unsubscribe")):
        assert visitor.send(path, b"x" * 70_000).status == 413


def test_unknown_digests_are_refused(visitor: Visitor) -> None:
    """A digest that does not exist is not chosen; without any the form comes back."""
    page = visitor.sign_up(ADA, "operator", "nope")
    assert page.status == 400 and "at least one digest" in page.text


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("203.0.113.9:4711", "203.0.113.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("[2001:db8:1:2ff::1]:4711", "2001:db8:1:200::/56"),
        ("2001:db8::1%eth0", "2001:db8::/56"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("nonsense", "unknown"),
        ("nonsense:1", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_network_of_a_client(host: str, expected: str) -> None:
    """Addresses with one prefix are one network, and so are all texts that are no address (SU3)."""
    assert network(host) == expected


@pytest.mark.parametrize(
    "forwarded", ["198.51.100.1", "10.{n}.9.9, 198.51.100.1", "10.{n}.9.9, 198.51.100.1, 127.0.0.1"]
)
def test_forwarded_addresses_count_from_their_end(proxied: Visitor, forwarded: str) -> None:
    """What a client itself writes into X-Forwarded-For does not make it another network (SU3)."""
    statuses = [
        proxied.sign_up(f"p{n}@a.example", x_forwarded_for=forwarded.format(n=n)).status for n in range(6)
    ]
    assert statuses == [200] * 5 + [429]


def test_the_window_moves_and_memory_is_bounded() -> None:
    """A network may sign up again after an hour; at most a fixed number is counted."""
    now = [0.0]
    limit = RequestLimit(lambda: now[0])
    assert [limit.allows("n") for _ in range(MAX_REQUESTS + 1)] == [True] * MAX_REQUESTS + [False]
    now[0] += 3600
    assert limit.allows("n")
    for n in range(MAX_NETWORKS + 10):
        limit.allows(str(n))
    assert len(limit._times) == MAX_NETWORKS


def test_the_host_of_a_proxied_form_may_be_the_public_one() -> None:
    """`Origin` may be that of `web.url`, or the host that was asked."""
    assert is_same_site({"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}, "https://news.example")
    assert not is_same_site(
        {"origin": "http://evil.example", "host": "127.0.0.1:8000"}, "https://news.example"
    )
