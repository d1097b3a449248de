"""Subscriptions to the WebSub hubs of sources, against a hub with faults."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator import health
from aggregator.daemon import Watch, Worker
from aggregator.gateways import files
from aggregator.model.reports import FetchReport, SourceHealth
from aggregator.polling import fetch, websub_leases
from aggregator.store import idle_check
from aggregator.web import app as web_app
from aggregator.web import websub as web_websub
from tests.builders import NOW, rss
from tests.command import PROGRAM, call, news
from tests.conftest import HEAD, Clock, Web, Workplace
from tests.digests.scenario import rows
from tests.polling.websub_hub import Form, Hub, callback, hub_running, push, signature, verify
from tests.subscribers.visitor import Visitor, visiting
from tests.web.asgi import ask

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ON = 'web: {url: "https://news.example/"}\n'


@dataclass
class Scene:
    """A source that names a hub, the web app of a workplace, and the hub."""

    place: Workplace
    web: Web
    hub: Hub
    visitor: Visitor
    clock: Clock
    edition: int = 0

    @property
    def topic(self) -> str:
        """The topic of the feed, which is not the URL that is polled."""
        return f"{self.web.url}/self"

    def document(self, *numbers: int, hub: str | None = None, **fields: str) -> bytes:
        """Return a feed with these items that names the hub."""
        links = f'<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="hub" href="{hub or self.hub.url}"/>'
        links += f'<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="self" href="{self.topic}"/>'
        return rss(*(news(n, **fields) for n in numbers), head=links)

    def serve(self, *numbers: int, **options: str) -> None:
        """Serve a feed with these items."""
        self.edition += 1
        self.web.feed("/feed", self.document(*numbers, **options), f'"{self.edition}"')

    def write(self, web: str = ON, **options: str) -> None:
        """Write feeds.yaml with the source."""
        keys = "".join(f", {key}: {value}" for key, value in options.items())
        self.place.write(f"{web}sources: [{{id: node, name: Node, url: '{self.web.url}/feed'{keys}}}]\n")

    def run(self, later: timedelta = timedelta(0), **options: Any) -> FetchReport:
        """Run one round, after some time."""
        self.clock.now += later
        return fetch.run(self.place.app(), **options)

    def state(self) -> SourceHealth:
        """Return the health of the source."""
        return health.read_report(self.place.app().config).sources[0]

    def stored(self, columns: str) -> tuple[Any, ...]:
        """Return columns of the only subscription."""
        (row,) = rows(self.place, f"SELECT {columns} FROM websub_subscriptions")
        return tuple(row)

    def titles(self) -> list[str]:
        """Return the titles of all stories in order."""
        return sorted(row[0] for row in rows(self.place, "SELECT title FROM stories"))

    def subscribed(self) -> Form:
        """Subscribe, verify, and return the request."""
        self.serve(1)
        self.run()
        (form,) = self.hub.forms
        assert verify(self.visitor, form).status == 200
        self.hub.forms.clear()
        return form

    def pause(self) -> timedelta:
        """Return the time until the next visit."""
        planned = self.state().next_visit
        assert planned
        return planned - self.clock.now


@pytest.fixture
def scene(place: Workplace, web: Web, clock: Clock) -> Iterator[Scene]:
    """Run a source, a hub and the web app."""
    with hub_running() as hub:
        place.write(ON + "sources: []\n")
        with visiting(place) as visitor:
            made = Scene(place, web, hub, visitor, clock)
            made.write()
            yield made


# --- subscribing (WS1 to WS4) ----------------------------------------------------------------------------


def test_a_named_hub_is_subscribed_and_pushes(scene: Scene) -> None:
    """After verification there is a lease, and a push becomes a story without a visit (WS2)."""
    form = scene.subscribed()
    assert form["hub.topic"] == scene.topic
    assert (form["hub.mode"], form["hub.lease_seconds"]) == ("subscribe", "864000")
    assert re.fullmatch(r"https://news\.example/websub/[\w-]{22}", form["hub.callback"])
    assert re.fullmatch("[0-9a-f]{64}", form["hub.secret"])
    assert scene.state().subscribed_until == NOW + 10 * DAY
    asked = len(scene.web.asked)
    assert push(scene.visitor, form, scene.document(2, 1)) == 202
    assert idle_check.count_if_nothing_due(scene.place.folder / "feeds.yaml", scene.clock()) is None
    report = scene.run(MINUTE)
    assert (report.pushes, report.new_items, report.new_stories, report.visited) == (1, 1, 1, 0)
    assert len(scene.web.asked) == asked
    assert b"Microscope number 2" in (scene.place.public / "atom.xml").read_bytes()
    assert scene.state().last_push == NOW
    assert idle_check.count_if_nothing_due(scene.place.folder / "feeds.yaml", scene.clock()) == 1
    scene.serve(2, 1)
    assert scene.run(2 * DAY).new_items == 0
    assert len(scene.titles()) == 2


def test_the_challenge_is_echoed_as_text(scene: Scene) -> None:
    """The response to a verification is the challenge alone, as plain text (WS3)."""
    scene.serve(1)
    scene.run()
    page = verify(scene.visitor, scene.hub.forms[0], challenge="<script>")
    assert (page.status, page.text) == (200, "<script>")
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_a_hub_may_verify_before_it_responds(scene: Scene) -> None:
    """A verification during the request is valid although the hub responds with an error (WS2)."""
    scene.hub.on_request = lambda form: verify(scene.visitor, form)
    scene.hub.status = 500
    scene.serve(1)
    scene.run()
    assert scene.state().subscribed_until == NOW + 10 * DAY
    assert scene.state().hub_error is None


WRONG: tuple[dict[str, str | None], ...] = (
    {"topic": "https://other.example/"},
    {"topic": None},
    {"mode": "unsubscribe"},
    {"mode": "publish"},
    {"mode": None},
    {"challenge": None},
    {"challenge": ""},
    {"challenge": "x" * 3000},
    {"lease_seconds": "0"},
    {"lease_seconds": "-5"},
    {"lease_seconds": "soon"},
)
"""Parameters of verifications that differ from the request or cannot be granted."""


def test_a_wrong_verification_is_refused(scene: Scene) -> None:
    """Only a request that was sent is verified, and only with an acceptable lease (WS3, WS4)."""
    scene.serve(1)
    scene.run()
    form = scene.hub.forms[0]
    assert [verify(scene.visitor, form, **changed).status for changed in WRONG] == [404] * len(WRONG)
    assert scene.state().subscribed_until is None
    assert scene.state().hub_error == "the hub offers a lease of 0 seconds"


def test_an_unasked_verification_is_refused(scene: Scene) -> None:
    """Unknown tokens, doubled parameters, and requests that are days old are not verified (WS3)."""
    scene.serve(1)
    scene.run()
    form = scene.hub.forms[0]
    for token in ("x" * 22, "x", "%00", "a" * 3000):
        other = {**form, "hub.callback": f"https://news.example/websub/{token}"}
        assert verify(scene.visitor, other).status == 404
    doubled = f"{callback(form)}?hub.mode=subscribe&hub.topic=x&hub.topic={scene.topic}&hub.challenge=c"
    assert scene.visitor.get(doubled).status == 404
    scene.clock.now += 2 * DAY
    assert verify(scene.visitor, form).status == 404
    assert scene.state().subscribed_until is None


def test_a_lease_is_bounded(scene: Scene) -> None:
    """A lease is used for at most 30 days; without one, the requested lease applies (WS4)."""
    scene.serve(1)
    scene.run()
    stated = {"3600": HOUR, "99999999999999999999": 30 * DAY, None: 10 * DAY, "9" * 400: 30 * DAY}
    for seconds, granted in stated.items():
        assert verify(scene.visitor, scene.hub.forms[0], lease_seconds=seconds).status == 200
        assert scene.state().subscribed_until == NOW + granted


def test_a_lease_is_renewed_before_it_ends(scene: Scene) -> None:
    """A renewal has the same callback and secret and prolongs the lease without a gap (WS4)."""
    first = scene.subscribed()
    for _ in range(3):
        until = scene.state().subscribed_until
        assert until
        assert (
            6 * DAY <= scene.stored("julianday(due)")[0] * DAY - _julian(scene.clock.now) * DAY <= 8.6 * DAY
        )
        scene.run(8.6 * DAY)
        (form,) = scene.hub.forms
        assert form == first
        assert verify(scene.visitor, form).status == 200
        assert scene.stored("leased")[0] == "2026-10-05T06:30:00Z"
        scene.hub.forms.clear()


def _julian(moment: Any) -> float:
    return float(moment.timestamp() / 86400 + 2440587.5)


def test_a_hub_that_never_verifies_is_asked_again_later(scene: Scene) -> None:
    """A request without verification counts as failed after an hour, with a growing pause (WS2)."""
    scene.serve(1)
    scene.run()
    for pause in websub_leases.RETRY_PAUSES[:3]:
        assert scene.hub.modes() == ["subscribe"]
        scene.run(HOUR)
        assert "did not verify" in str(scene.state().hub_error)
        assert scene.hub.modes() == []
        scene.run(pause * 0.95)
        assert scene.hub.modes() == []
        scene.run(pause * 0.2)


@pytest.mark.parametrize("fault", ["refuses", "fails", "closed"])
def test_a_hub_that_is_gone_changes_nothing_else(scene: Scene, fault: str) -> None:
    """The source is polled as before, and its state is no failure (WS2)."""
    scene.hub.status = {"refuses": 404, "fails": 503, "closed": 202}[fault]
    if fault == "closed":
        scene.hub.close()
    scene.serve(1)
    assert scene.run().failed == 0
    for n in range(2, 6):
        scene.serve(*range(n, 0, -1))
        assert scene.run(HOUR * 1.2).new_items == 1
    assert scene.state().hub_error
    assert scene.state().failures == 0
    assert len(scene.hub.forms) <= 2


def test_a_denial_ends_the_subscription(scene: Scene) -> None:
    """A denied source is polled as usual at once; the next request follows after a day (WS3)."""
    form = scene.subscribed()
    push(scene.visitor, form, scene.document(2, 1))
    scene.serve(2, 1)
    scene.run(2 * HOUR)
    assert scene.pause() > 20 * HOUR
    assert verify(scene.visitor, form, mode="denied", topic="https://other.example/").status == 404
    assert verify(scene.visitor, form, mode="denied", reason="no\nmore\x1b[31m").status == 200
    assert scene.state().hub_error == "the hub denies the subscription: no more[31m"
    scene.run(MINUTE)
    assert scene.state().subscribed_until is None
    assert scene.pause() <= HOUR
    scene.run(HOUR)
    assert scene.hub.modes() == []
    scene.run(DAY * 3.5)
    assert scene.hub.modes() == ["subscribe"]


def test_a_redirecting_hub_is_followed_with_the_form(scene: Scene) -> None:
    """307 and 308 lead to the hub that verifies; other redirects and loops are failures (WS2)."""
    with hub_running() as real:
        scene.hub.status, scene.hub.headers = 307, {"Location": real.url}
        form = None
        scene.serve(1)
        scene.run()
        (form,) = real.forms
        assert form == scene.hub.forms[0]
        assert verify(scene.visitor, form).status == 200
    for status, location in ((302, real.url), (308, scene.hub.url), (307, "ftp://hub.example/")):
        scene.hub.status, scene.hub.headers = status, {"Location": location}
        scene.run(9 * DAY)
        assert scene.state().hub_error


def test_a_hub_at_a_private_address_is_refused(scene: Scene) -> None:
    """The hub that a feed names is connected to at allowed addresses only (WS2)."""
    hubs = ("http://10.1.2.3/", "http://169.254.169.254/latest", "http://[::1]:9/", "http://192.168.0.1:22/")
    for hub in hubs:
        scene.serve(1, hub=hub, title=f"News of {hub}")
        scene.run(2 * HOUR)
        assert "private address" in str(scene.state().hub_error)
    assert rows(scene.place, "SELECT hub FROM websub_subscriptions WHERE wanted") == [(hubs[-1],)]


# --- what is subscribed (WS1) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("", {}),
        (ON, {"websub": "false"}),
        (ON.replace("}", ", websub: false}"), {}),
        (ON, {"enabled": "false"}),
    ],
)
def test_subscriptions_end_by_configuration(scene: Scene, head: str, options: dict[str, str]) -> None:
    """A subscription that is not wanted any more is ended at its hub and deleted (WS1)."""
    form = scene.subscribed()
    scene.write(head, **options)
    scene.run(HOUR)
    (ending,) = scene.hub.forms
    assert ending == {k: form[k] for k in ("hub.topic", "hub.callback")} | {"hub.mode": "unsubscribe"}
    if head:
        assert push(scene.visitor, form, scene.document(2)) == 410
        assert verify(scene.visitor, form).status == 404
        assert verify(scene.visitor, ending).status == 200
        assert verify(scene.visitor, ending).status == 200  # its response may have been lost
    for _ in range(7):  # without the web app, no hub can verify the end
        scene.run(DAY)
    assert rows(scene.place, "SELECT * FROM websub_subscriptions") == []
    assert "subscribe" not in scene.hub.modes()[1:]
    assert scene.titles() == ["Microscope number 1"]


def test_one_source_may_be_subscribed_alone(scene: Scene) -> None:
    """`websub: true` of a source overrides `web.websub: false`."""
    scene.write(ON.replace("}", ", websub: false}"), websub="true")
    scene.serve(1)
    scene.run()
    assert scene.hub.modes() == ["subscribe"]


def test_another_hub_replaces_the_former_one(scene: Scene) -> None:
    """When the feed names another hub, or none, the subscription to the former is ended (WS1)."""
    first = scene.subscribed()
    with hub_running() as other:
        scene.serve(2, 1, hub=other.url)
        scene.run(2 * HOUR)
        assert other.forms[0]["hub.secret"] != first["hub.secret"]
        assert callback(other.forms[0]) != callback(first)
        assert scene.hub.modes() == ["unsubscribe"]
        scene.web.feed("/feed", rss(news(3), news(2), news(1)), '"none"')
        scene.run(2 * HOUR)
        scene.run(2 * DAY)
    assert rows(scene.place, "SELECT wanted FROM websub_subscriptions WHERE wanted") == []


def test_a_removed_source_discards_its_pushes(scene: Scene) -> None:
    """A push for a source that left feeds.yaml is not read, and its hub is asked to stop (WS1)."""
    form = scene.subscribed()
    scene.place.write(ON + "sources: []\n")
    assert push(scene.visitor, form, scene.document(2, 1)) == 202
    assert scene.run(MINUTE).new_items == 0
    assert scene.hub.modes() == ["unsubscribe"]
    assert push(scene.visitor, form, scene.document(3, 1)) == 410


def test_another_address_of_the_web_app_is_a_new_subscription(scene: Scene) -> None:
    """Subscriptions with callbacks at the former `web.url` are ended (WS1)."""
    first = scene.subscribed()
    scene.write('web: {url: "https://new.example/app/"}\n')
    scene.run(HOUR)
    by_mode = {form["hub.mode"]: form for form in scene.hub.forms}
    assert by_mode["subscribe"]["hub.callback"].startswith("https://new.example/app/websub/")
    assert by_mode["unsubscribe"]["hub.callback"] == first["hub.callback"]


# --- pushes (WS5, WS6) -----------------------------------------------------------------------------------


def test_each_algorithm_of_the_specification_is_accepted(scene: Scene) -> None:
    """Signatures by SHA-1, SHA-256, SHA-384 and SHA-512 authenticate a push (WS5)."""
    form = scene.subscribed()
    for n, method in enumerate(("sha1", "sha256", "sha384", "sha512"), 2):
        body = scene.document(n, 1)
        signed = signature(form, body, method)
        assert push(scene.visitor, form, body, signed.upper() if n == 2 else signed) == 202
    assert scene.run(MINUTE).new_items == 4


def test_a_push_without_a_valid_signature_is_ignored(scene: Scene) -> None:
    """A push without a valid signature gets the same response, is counted and never read (WS5)."""
    form, body = scene.subscribed(), scene.document(2, 1)
    wrong = {**form, "hub.secret": "guessed"}
    bad = [
        signature(wrong, body),
        signature(form, body + b" "),
        "",
        "sha256=",
        "sha256=zz",
        "md5=" + "0" * 32,
    ]
    bad += [signature(form, body)[:-2], "sha256", signature(form, body) + "00", "shake_128=00", "=" * 5000]
    assert [push(scene.visitor, form, body, signed) for signed in bad] == [202] * len(bad)
    assert scene.stored("refused, pushes, last_push, visit") == (len(bad), 0, None, "")
    assert scene.run(MINUTE).pushes == 0
    assert scene.titles() == ["Microscope number 1"]


def test_a_repeated_push_adds_nothing(scene: Scene) -> None:
    """The same body is read once; a repeated push requests a visit (WS6, WS7)."""
    form, body = scene.subscribed(), scene.document(2, 1)
    assert [push(scene.visitor, form, body) for _ in range(3)] == [202] * 3
    assert scene.run(MINUTE).new_items == 1
    assert push(scene.visitor, form, body) == 202
    report = scene.run(MINUTE)
    assert (report.pushes, report.new_items, report.visited) == (0, 0, 0)
    assert timedelta(0) < scene.pause() <= HOUR
    assert len(scene.titles()) == 2
    assert rows(scene.place, "SELECT body FROM websub_pushes") == [(None,)]


def test_a_late_push_of_an_older_text_changes_nothing(scene: Scene) -> None:
    """Edits are taken from a visit, not from a push, which may be delayed (WS6)."""
    form = scene.subscribed()
    push(scene.visitor, form, scene.document(1, title="Microscope of last year"))
    assert scene.run(MINUTE).updated_items == 0
    assert timedelta(0) < scene.pause() <= HOUR
    scene.serve(1, title="Microscope 1 is for sale")
    assert scene.run(HOUR).updated_items == 1
    assert scene.titles() == ["Microscope 1 is for sale"]


MOVED = {"link": "https://new.node.example/p/1", "guid": "https://new.node.example/?p=1"}
"""Other identifiers of an entry, after its site has moved."""


def test_a_pushed_old_entry_under_other_identifiers_adds_nothing(scene: Scene) -> None:
    """A visit learns the identifiers of an entry that was pushed again after a move (I2, WS6)."""
    form = scene.subscribed()
    assert push(scene.visitor, form, scene.document(1, **MOVED)) == 202
    assert scene.run(MINUTE).new_items == 0
    scene.serve(1, **MOVED)
    report = scene.run(HOUR)
    assert (report.visited, report.new_items, report.updated_items) == (1, 0, 1)
    assert scene.titles() == ["Microscope number 1"]
    assert b"new.node.example/p/1" in (scene.place.public / "atom.xml").read_bytes()
    assert push(scene.visitor, form, scene.document(1)) == 202  # the hub still has the former ones
    assert scene.run(MINUTE).new_items == 0


@pytest.mark.parametrize("linked", [True, False])
def test_a_pushed_entry_with_the_words_of_another_waits_for_a_visit(scene: Scene, linked: bool) -> None:
    """Only the whole document shows whether it is another entry, so that a visit follows (WS7)."""
    entries = [news(1) | MOVED | {"guid": "urn:new:1"}, news(1, guid="urn:old:1")]
    for entry in () if linked else entries:
        del entry["link"]
    links = (
        scene.document().partition(b"<description>d</description>")[2].partition(b"</channel>")[0].decode()
    )
    scene.web.feed("/feed", rss(entries[1], head=links), '"1"')
    scene.run()
    (form,) = scene.hub.forms
    assert verify(scene.visitor, form).status == 200
    assert push(scene.visitor, form, scene.document(2)) == 202
    scene.run(2 * HOUR)
    assert scene.pause() > 20 * HOUR
    assert push(scene.visitor, form, rss(entries[0], head=links)) == 202
    assert scene.run(MINUTE).new_items == 0
    assert scene.pause() <= HOUR
    scene.web.feed("/feed", rss(*entries, head=links), '"2"')
    assert scene.run(HOUR).new_items == 1
    assert scene.run(HOUR).new_items == 0
    assert len(scene.titles()) == 3


def test_a_push_of_some_entries_removes_none(scene: Scene) -> None:
    """A push may have only the new entries; the entries that it omits stay (WS6)."""
    scene.serve(3, 2, 1)
    scene.run()
    form = scene.hub.forms[0]
    verify(scene.visitor, form)
    push(scene.visitor, form, scene.document(4))
    scene.run(MINUTE)
    assert len(scene.titles()) == 4
    assert rows(scene.place, "SELECT * FROM missing_items") == []
    scene.serve(4, 3, 2, 1)
    scene.run(2 * DAY)
    assert rows(scene.place, "SELECT * FROM missing_items") == []
    assert len(scene.titles()) == 4


def test_a_pushed_flood_is_held(scene: Scene) -> None:
    """Many unknown old entries in a push are held for review, as after a visit (G2)."""
    form = scene.subscribed()
    old = {"pubDate": "Mon, 05 Oct 2020 05:00:00 +0000"}
    push(scene.visitor, form, scene.document(*range(10, 40), **old))
    report = scene.run(MINUTE)
    assert (report.held, report.new_stories) == (30, 0)


UNREADABLE = (
    b"<rss><channel><item><title>cut</title><link>https://node.example/cu",
    b"",
    b"\x00" * 100,
    b"<!DOCTYPE x [<!ENTITY a 'b'>]><rss/>",
    b"{}",
)
"""Bodies that are no feed, or only a part of one."""


def test_an_unreadable_push_is_a_reason_to_visit(scene: Scene) -> None:
    """The source is visited within its interval, and is not failing (WS7)."""
    form = scene.subscribed()
    for n, body in enumerate(UNREADABLE, 2):
        scene.serve(*range(n, 0, -1))
        assert push(scene.visitor, form, body) == 202
        assert scene.run(MINUTE).new_items == 0
        assert timedelta(0) < scene.pause() <= HOUR
        report = scene.run(HOUR)
        assert (report.visited, report.new_items, report.failed) == (1, 1, 0)
        assert scene.stored("unproven, visit") == (0, "")


def test_pushes_do_not_raise_the_number_of_visits(scene: Scene) -> None:
    """Any number of unreadable pushes causes at most one visit an hour (CL5, WS7)."""
    form = scene.subscribed()
    asked = len(scene.web.asked)
    for n in range(36):
        if n < 30:
            push(scene.visitor, form, b"ping %d" % n)
        scene.run(5 * MINUTE)
    assert len(scene.web.asked) - asked == 3
    assert all(not report.broken for report in _politeness(scene))


def _politeness(scene: Scene) -> Any:
    from aggregator.polling import politeness_audit

    return politeness_audit.read_reports(scene.place.app().config)


def test_a_large_push_is_refused(scene: Scene) -> None:
    """A body beyond `fetch.max_bytes` gets 413, whether its length is stated or not (WS5)."""
    scene.place.write(
        f"{ON}sources: [{{id: node, name: Node, url: '{scene.web.url}/feed'}}]\n",
        HEAD.replace("fetch: {", "fetch: {max_bytes: 100kB, "),
    )
    with visiting(scene.place) as visitor:
        scene.serve(1)
        scene.run()
        form = scene.hub.forms[0]
        verify(visitor, form)
        body = b"x" * 100_001
        assert push(visitor, form, body) == 413
        with closing(http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)) as line:
            signed = {"X-Hub-Signature": signature(form, body)}
            line.request("POST", callback(form), iter([body]), signed, encode_chunked=True)
            assert line.getresponse().status == 413
        assert push(visitor, form, b"x" * 100_000) == 202
        assert visitor.send("/websub/" + "x" * 22, body).status in (404, 413)
        assert visitor.send("/subscribe", b"x" * 70_000).status == 413
    assert rows(scene.place, "SELECT length(hash) FROM websub_pushes") == [(64,)]


def test_a_slow_push_is_cut(scene: Scene) -> None:
    """A body that is not complete within `fetch.timeout` gets 408, others go on (WS5)."""
    scene.place.write(
        f"{ON}sources: [{{id: node, name: Node, url: '{scene.web.url}/feed'}}]\n",
        HEAD.replace("timeout: 60s", "timeout: 1s"),
    )
    form, body = scene.subscribed(), scene.document(2, 1)
    with closing(http.client.HTTPConnection("127.0.0.1", scene.visitor.port, timeout=60)) as line:
        line.putrequest("POST", callback(form))
        line.putheader("Content-Length", str(len(body)))
        line.putheader("X-Hub-Signature", signature(form, body))
        line.endheaders(body[:10])
        begun = time.monotonic()
        assert push(scene.visitor, form, body) == 202
        assert line.getresponse().status == 408
        assert time.monotonic() - begun < 30
    assert scene.run(MINUTE).new_items == 1


def test_requests_to_a_callback_are_limited(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback responds 429 to more than MAX_REQUESTS in an hour (WS5)."""
    monkeypatch.setattr(web_websub, "MAX_REQUESTS", 3)
    form = scene.subscribed()
    with visiting(scene.place) as visitor:
        assert [push(visitor, form, b"x", "") for _ in range(5)] == [202] * 3 + [429] * 2
        assert (
            verify(visitor, {**form, "hub.callback": "https://news.example/websub/" + "x" * 22}).status == 404
        )


def test_more_unread_pushes_than_are_kept_lead_to_a_visit(scene: Scene) -> None:
    """At most five bodies of a source are stored at a time; a visit replaces the others (WS6)."""
    form = scene.subscribed()
    numbers = range(2, 12)
    for n in numbers:
        assert push(scene.visitor, form, scene.document(n, 1)) == 202
    assert rows(scene.place, "SELECT count(*) FROM websub_pushes WHERE body IS NOT NULL") == [(5,)]
    scene.serve(*reversed(numbers), 1)
    scene.run(MINUTE)
    scene.run(HOUR)
    assert len(scene.titles()) == 11


def test_a_push_during_a_run_is_read_by_the_next(scene: Scene) -> None:
    """The web app stores a push beside a job that holds the lock; nothing is lost or twice (L1)."""
    form = scene.subscribed()
    with files.lock(scene.place.app().config.data):
        assert push(scene.visitor, form, scene.document(2, 1)) == 202
    sent = False

    def serve_and_push(_: object) -> Any:
        nonlocal sent
        if not sent:
            sent = True
            assert push(scene.visitor, form, scene.document(3, 2, 1)) == 202
        return answers(_)

    scene.serve(3, 2, 1)
    answers: Any = scene.web.answers["/feed"]
    scene.web.answers["/feed"] = serve_and_push
    assert scene.run(2 * HOUR).new_items == 2
    assert sent
    assert scene.run(MINUTE).new_items == 0
    assert len(scene.titles()) == 3
    assert scene.stored("unproven") == (0,)


def test_without_a_private_way_a_push_is_only_a_reason_to_visit(scene: Scene) -> None:
    """A public hub without TLS gets no secret: its pushes are not read (WS5)."""
    scene.place.write(
        f"{ON}sources: [{{id: node, name: Node, url: '{scene.web.url}/feed'}}]\n",
    )
    scene.serve(1, hub="http://hub.example/")
    forms: list[Form] = []

    def record(_hub: str, form: Any, _lead: str) -> None:
        forms.append(dict(form))

    app = replace(scene.place.app(), hub_request=lambda: record, simulated_clock=False)
    fetch.run(app)
    (form,) = forms
    assert "hub.secret" not in form
    assert verify(scene.visitor, form).status == 200
    assert scene.visitor.send(callback(form), scene.document(2, 1)).status == 202
    scene.serve(2, 1, hub="http://hub.example/")
    assert scene.run(MINUTE).new_items == 0
    assert scene.run(HOUR).new_items == 1
    assert scene.pause() <= HOUR * 1.1


def test_a_push_wakes_the_daemon(scene: Scene) -> None:
    """`run` reads a push within seconds, not at its next regular check."""
    form = scene.subscribed()
    woken: list[bool] = []
    worker = Worker(scene.place.folder / "feeds.yaml", lambda _file: scene.place.app())
    watch = Watch(worker, threading.current_thread(), lambda: woken.append(True))
    web = web_app.build(
        worker.app.config, list, clock=scene.clock, app=lambda: worker.app, pushed=worker.pushed.set
    )
    assert ask(web, callback(form), method="POST").status == 202
    assert [watch(), watch()] == [False, False]
    assert woken == [True]


def test_few_pushes_are_received_at_the_same_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """While MAX_BODIES are in memory, further pushes get 503 (WS5)."""
    form, body = scene.subscribed(), scene.document(2, 1)
    monkeypatch.setattr(web_websub, "MAX_BODIES", 0)
    assert push(scene.visitor, form, body) == 503
    monkeypatch.setattr(web_websub, "MAX_BODIES", 1)
    assert [push(scene.visitor, form, body[:n]) for n in (5, len(body))] == [202, 202]
    assert scene.run(MINUTE).new_items == 1


def test_a_renamed_source_keeps_its_subscription(scene: Scene) -> None:
    """Another id in feeds.yaml changes neither callback nor lease (V5, WS1)."""
    form = scene.subscribed()
    scene.place.write(f"{ON}sources: [{{id: renamed, name: Node, url: '{scene.web.url}/feed'}}]\n")
    assert push(scene.visitor, form, scene.document(2, 1)) == 202
    assert scene.run(MINUTE).new_items == 1
    assert (scene.state().id, scene.state().subscribed_until) == ("renamed", NOW + 10 * DAY)
    assert scene.hub.modes() == []


def test_another_url_of_a_source_ends_its_subscription(scene: Scene) -> None:
    """The hub of the former URL of a source is not used for the new one (WS1)."""
    form = scene.subscribed()
    scene.web.feed("/other", rss(news(7)), '"7"')
    scene.place.write(f"{ON}sources: [{{id: node, name: Node, url: '{scene.web.url}/other'}}]\n")
    assert push(scene.visitor, form, scene.document(2, 1)) == 202
    scene.run(MINUTE)
    assert scene.titles() == ["Microscope number 1", "Microscope number 7"]
    assert scene.hub.modes() == ["unsubscribe"]


# --- polling while a hub pushes (WS8) --------------------------------------------------------------------


def test_polling_slows_down_while_pushes_arrive(scene: Scene) -> None:
    """With pushes, polling is daily; after a miss it is as usual until three pushes came (WS8)."""
    form = scene.subscribed()
    assert scene.pause() <= 1.1 * HOUR
    scene.run(1.2 * HOUR)
    assert scene.pause() <= 1.1 * HOUR  # nothing was pushed yet
    push(scene.visitor, form, scene.document(2, 1))
    scene.serve(2, 1)
    scene.run(1.2 * HOUR)
    assert 23 * HOUR < scene.pause() < 27 * HOUR
    scene.serve(3, 2, 1)
    assert scene.run(1.2 * DAY).new_items == 1  # a push of it never came
    for n in range(4, 7):
        assert scene.pause() <= 2 * HOUR
        push(scene.visitor, form, scene.document(*range(n, 0, -1)))
        scene.serve(*range(n, 0, -1))
        scene.run(2 * HOUR)
    assert scene.pause() > 23 * HOUR


def test_an_own_interval_is_kept(scene: Scene) -> None:
    """`every` of a source applies although its hub pushes (V3, WS8)."""
    scene.write(every="30m")
    form = scene.subscribed()
    push(scene.visitor, form, scene.document(2, 1))
    scene.run(2 * HOUR)
    assert scene.pause() < HOUR


def test_polling_is_as_usual_when_the_lease_ends(scene: Scene) -> None:
    """A hub that is gone after a lease was granted delays no visit beyond its end (WS8)."""
    form = scene.subscribed()
    push(scene.visitor, form, scene.document(2, 1))
    scene.serve(2, 1)
    scene.hub.close()
    for _ in range(10):
        scene.run(1.1 * DAY)
    assert scene.pause() <= 2 * HOUR
    assert scene.state().hub_error


def test_a_clock_that_was_ahead_ends_no_subscription(scene: Scene) -> None:
    """A lease that was granted while the clock was a year ahead is requested again."""
    scene.serve(1)
    scene.run(365 * DAY)
    assert verify(scene.visitor, scene.hub.forms[-1]).status == 200
    scene.hub.forms.clear()
    scene.run(-365 * DAY, force=True)
    (form,) = scene.hub.forms
    assert (form["hub.mode"], scene.state().subscribed_until) == ("subscribe", None)
    assert verify(scene.visitor, form).status == 200
    assert scene.state().subscribed_until == scene.clock.now + 10 * DAY


def test_a_small_step_of_the_clock_changes_no_subscription(scene: Scene) -> None:
    """A lease of the maximum length survives a clock that is set back by some minutes."""
    scene.serve(1)
    scene.run()
    assert verify(scene.visitor, scene.hub.forms[-1], lease_seconds="99999999").status == 200
    scene.hub.forms.clear()
    scene.run(-10 * MINUTE)
    assert (scene.hub.modes(), scene.state().subscribed_until) == ([], NOW + 30 * DAY)


def test_a_subscription_that_ends_plans_an_early_visit(scene: Scene) -> None:
    """When a subscription ends, the source is visited before its daily visit (WS8)."""
    form = scene.subscribed()
    push(scene.visitor, form, scene.document(2, 1))
    scene.serve(2, 1)
    scene.run(1.2 * HOUR)
    assert scene.pause() > 20 * HOUR
    scene.write(websub="false")
    scene.run(MINUTE)
    assert scene.pause() <= HOUR


# --- the program -----------------------------------------------------------------------------------------


def test_status_shows_lease_and_last_push(scene: Scene) -> None:
    """`status` and `status --json` show the end of a lease and the last push (WS9)."""
    form = scene.subscribed()
    assert "node: lease ends in 10 d, no push yet\n" in call(scene.place, "status").out
    push(scene.visitor, form, scene.document(2, 1))
    scene.clock.now += 5 * MINUTE
    assert "node: lease ends in 10 d, last push 5 min ago\n" in call(scene.place, "status").out
    (source,) = json.loads(call(scene.place, "status", "--json").out)["sources"]
    assert source["last_push"].startswith("2026-10-05T06:30:00")
    assert source["subscribed_until"].startswith("2026-10-15T06:30:00")


def test_a_kill_between_request_and_verification_loses_nothing(scene: Scene) -> None:
    """The token of a request is stored before it is sent: a hub may verify after the kill (WS2)."""
    killed: list[Form] = []
    scene.hub.status = 503
    scene.serve(1)
    scene.run()
    scene.clock.now += 2 * HOUR
    env = {**os.environ, "AGGREGATOR_NOW": scene.clock.now.isoformat()}
    process = subprocess.Popen([PROGRAM, "fetch"], cwd=scene.place.folder, env=env, stderr=subprocess.PIPE)
    scene.hub.status, scene.hub.on_request = 202, lambda form: (process.kill(), killed.append(form))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, errors
    scene.hub.on_request = lambda form: form
    assert verify(scene.visitor, killed[0]).status == 200
    scene.hub.forms.clear()
    scene.run(2 * HOUR)
    assert scene.hub.modes() == []
    assert push(scene.visitor, killed[0], scene.document(2, 1)) == 202
    assert scene.run(MINUTE).new_items == 1


@pytest.mark.soak
def test_kills_while_pushes_are_read_lose_nothing(scene: Scene) -> None:
    """Each pushed item is stored once, although runs are killed (WS6)."""
    form = scene.subscribed()
    chance = random.SystemRandom()
    numbers = iter(range(2, 50))
    for _ in range(12):
        for n in itertools.islice(numbers, 4):
            assert push(scene.visitor, form, scene.document(n, 1)) == 202
        env = {**os.environ, "AGGREGATOR_NOW": scene.clock.now.isoformat()}
        with subprocess.Popen([PROGRAM, "fetch"], cwd=scene.place.folder, env=env) as process:
            time.sleep(chance.uniform(0.1, 3))
            process.kill()
        scene.run(MINUTE)
    assert scene.titles() == sorted(f"Microscope number {n}" for n in range(1, 50))
    assert rows(scene.place, "SELECT count(*) FROM items") == [(49,)]


def test_nothing_of_websub_is_imported_without_a_hub(place: Workplace, web: Web) -> None:
    """A round in which no source names a hub imports no module for subscriptions."""
    web.feed("/feed", rss(news(1)), '"1"')
    place.write(f"{ON}sources: [{{id: node, name: Node, url: '{web.url}/feed'}}]\n")
    fetch.run(place.app())
    code = (
        "import sys; from aggregator.cli import main; sys.argv = ['aggregator', 'fetch']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "print([name for name in sys.modules if 'websub_' in name and name != 'aggregator.store.websub_pings'])"
    )
    env = {**os.environ, "AGGREGATOR_NOW": (NOW + 2 * HOUR).isoformat()}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stderr
    assert len(web.asked) == 2
