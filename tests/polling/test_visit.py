"""One visit: any response becomes a value, and only an accepted document counts."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aggregator.model.config import Source, TopicRule
from aggregator.model.items import IdentityPolicy
from aggregator.model.polling import (
    Failure,
    ParseContext,
    ParsedVisit,
    Request,
    Response,
    Unchanged,
    Validators,
    VisitPlan,
    VisitResult,
)
from aggregator.polling.parse import parse_visit
from aggregator.polling.visit import HostVisit, visit_host
from aggregator.ports import never_stop
from tests.builders import NOW, rss, source

FEED = rss(
    {
        "title": "One",
        "link": "https://node.example/news/1",
        "guid": "1",
        "pubDate": "Mon, 28 Sep 2026 10:15:00 GMT",
    },
    {"title": "Two", "link": "https://node.example/news/2", "guid": "2"},
)
HASH = hashlib.sha256(FEED).hexdigest()
OLD = Validators(
    etag='"old"', last_modified="Mon, 28 Sep 2026 10:15:00 GMT", url="https://node.example/feed/"
)
NO_VALIDATORS, ALL_IDENTIFIERS = Validators(), IdentityPolicy()


def response(status: int = 200, body: bytes = FEED, **headers: str) -> Response:
    """An answer of the node; underscores in names of headers are dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, url="https://node.example/final", headers=named, body=body)


def plan(
    of: Source | None = None,
    *,
    validators: Validators = NO_VALIDATORS,
    identity_policy: IdentityPolicy = ALL_IDENTIFIERS,
    **fields: Any,
) -> VisitPlan:
    """Plan a visit of the node, or of another source."""
    visited = of or source()
    return VisitPlan(
        request=Request(source=visited, validators=validators),
        context=ParseContext(source=visited, identity_policy=identity_policy),
        **fields,
    )


def visit(answer: Response | Failure, **fields: Any) -> VisitResult:
    """Visit the node, which gives this answer; `fields` are those of the plan."""
    work = HostVisit(plans=(plan(**fields),), rules=(), now=NOW)
    (outcome,) = visit_host(work, lambda _request: answer, never_stop)
    return outcome


def result(answer: Response | Failure, **fields: Any) -> Any:
    """The result alone."""
    return visit(answer, **fields).result


# --- 200 -----------------------------------------------------------------------------------------------


def test_a_document_becomes_a_parsed_visit() -> None:
    """An accepted document brings its items together with its validators and its hash (V4)."""
    got = result(response(etag='W/"x"', last_modified="Tue, 29 Sep 2026 10:15:00 GMT"))
    assert isinstance(got, ParsedVisit)
    assert [item.title for item in got.items] == ["One", "Two"]
    assert got.validators == Validators(
        etag='W/"x"', last_modified="Tue, 29 Sep 2026 10:15:00 GMT", url="https://node.example/final"
    )
    assert (got.body, got.body_hash, got.url, got.status) == (FEED, HASH, "https://node.example/final", 200)
    assert (got.profile.title, got.profile.site_link) == ("A Node", "https://node.example/")
    assert got.identity_policy == IdentityPolicy()


def test_validators_are_kept_byte_for_byte() -> None:
    """Validators are kept byte for byte and none is invented (CL2)."""
    assert result(response(etag="no quotes")).validators.etag == "no quotes"
    assert result(response()).validators == Validators(url="https://node.example/final")


def test_what_is_seen_now_is_first_seen_now() -> None:
    """The time of a visit comes in as an argument; no worker has a clock (T1)."""
    assert {item.first_seen for item in result(response()).items} == {NOW}


def test_rules_and_identity_policy_reach_the_items() -> None:
    """Topics and the identity policy reach the worker, and the policy comes back (I1)."""
    planned = plan(identity_policy=IdentityPolicy(guid=False))
    work = HostVisit(plans=(planned,), rules=(TopicRule(topic="t", words=("One",)),), now=NOW)
    (outcome,) = visit_host(work, lambda _request: response(), never_stop)
    assert isinstance(outcome.result, ParsedVisit)
    assert [item.topics for item in outcome.result.items] == [("t",), ()]
    assert outcome.result.items[0].aliases[0].kind == "link"
    assert outcome.result.identity_policy == IdentityPolicy(guid=False)


def test_a_feed_without_entries_is_accepted() -> None:
    """A source that says nothing today has not failed."""
    got = result(response(body=rss()))
    assert isinstance(got, ParsedVisit)
    assert got.items == ()


# --- nothing new ---------------------------------------------------------------------------------------


def test_304_is_no_error_and_no_change() -> None:
    """A 304 changes no item; the validators stay (CL4)."""
    assert result(response(304, b""), validators=OLD) == Unchanged(status=304, validators=OLD)


def test_304_may_refresh_validators() -> None:
    """A 304 may carry newer validators of the same URL (CL3, RFC 9110 15.4.5)."""
    got = result(response(304, b"", etag='"new"'), validators=OLD)
    assert got.validators == Validators(etag='"new"', last_modified=OLD.last_modified, url=OLD.url)


def test_the_same_body_is_no_change() -> None:
    """A 200 with the body we have is not parsed; newer validators are taken (CL3)."""
    got = result(response(etag='"new"'), validators=OLD, body_hash=HASH)
    assert isinstance(got, Unchanged)
    assert (got.status, got.validators.etag, got.bytes_read) == (200, '"new"', len(FEED))


def test_the_same_body_keeps_validators() -> None:
    """A 200 with an identical body keeps the validators, where it brings none of its own (CL3)."""
    got = result(response(), validators=OLD, body_hash=HASH)
    assert (got.validators.etag, got.validators.last_modified) == (OLD.etag, OLD.last_modified)


def test_another_body_is_read() -> None:
    """A body with another hash is a new document even if the server repeats its ETag."""
    assert isinstance(result(response(etag=OLD.etag or ""), validators=OLD, body_hash="other"), ParsedVisit)


def test_an_entry_that_says_nothing_is_no_item() -> None:
    """An entry without title, text, link and file is left out; RSS forbids it."""
    body = rss({}, {"guid": "1", "title": " ", "description": ""}, {"guid": "2", "description": "Text"})
    found = result(response(body=body))
    assert ([item.guid for item in found.items], found.entries) == (["2"], 1)


# --- failures are values -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 410, 418, 429, 500, 503, 599])
def test_another_status_is_a_failure_in_words(status: int) -> None:
    """An error status is a value that names the status; its body is not read as a document (L2)."""
    got = result(response(status))
    assert isinstance(got, Failure)
    assert got.status == status
    assert str(status) in got.reason


def test_retry_after_travels_with_the_failure() -> None:
    """Retry-After is seconds or a date; 429 holds the host, 503 the source (CL8)."""
    too_many = result(response(429, retry_after="120"))
    assert (too_many.wait, too_many.limits_host) == (timedelta(minutes=2), True)
    overloaded = result(
        response(503, retry_after="Sun, 04 Oct 2026 07:30:00 GMT", date="Sun, 04 Oct 2026 06:30:00 GMT")
    )
    assert (overloaded.wait, overloaded.limits_host) == (timedelta(hours=1), False)


def test_an_impossible_retry_after_takes_no_visit_down() -> None:
    """An impossible date in Retry-After fails its source alone (L2)."""
    got = result(response(429, retry_after="Mon, 28 Sep 99999999999 10:00:00 GMT"))
    assert isinstance(got, Failure)
    assert got.status == 429


def test_a_failure_of_the_fetcher_is_returned() -> None:
    """A refused connection arrives as the fetcher put it (L2)."""
    refused = Failure(reason="connection refused")
    assert result(refused) == refused
    hostile = Failure(reason="text/\x1b]0;pwned\x07 \ud800\nx")
    assert result(hostile) == Failure(reason="text/]0;pwned x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html><html><body>Log in</body></html>", "web page"),
        (b"", "empty"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]><rss/>', "entities"),
        (b'{"no": "feed"}', "no JSON Feed"),
    ],
)
def test_a_body_that_is_no_document_is_a_failure(body: bytes, words: str) -> None:
    """A refused document leaves no validators and no hash (V4)."""
    got = result(response(body=body, etag='"x"'))
    assert isinstance(got, Failure)
    assert words in got.reason
    assert got.status == 200


def test_a_document_that_breaks_a_parser_is_a_failure() -> None:
    """A document that breaks a parser fails its source alone, named by its class (L2)."""
    broken = source(id="broken", kind="page")
    strange = Response(status=200, url="https://node.example/", headers={"content-type": None}, body=FEED)  # type: ignore[dict-item]
    work = HostVisit(plans=(plan(broken), plan()), rules=(), now=NOW)
    first, second = visit_host(work, lambda r: strange if r.source is broken else response(), never_stop)
    assert isinstance(first.result, Failure)
    assert isinstance(second.result, ParsedVisit)
    got = parse_visit(ParseContext(source=source(kind="no such kind")), response(), (), NOW)
    assert isinstance(got, Failure)
    assert "broke the parser (KeyError" in got.reason


# --- the unit of work ----------------------------------------------------------------------------------


def test_the_sources_of_a_host_are_asked_in_order() -> None:
    """The sources of a host are visited one by one in order, failures included (CL11)."""
    asked: list[str] = []

    def fetcher(request: Request) -> Response | Failure:
        asked.append(request.source.id)
        return Failure(reason="no") if request.source.id == "b" else response()

    plans = tuple(plan(source(id=id_, url=f"https://node.example/{id_}")) for id_ in "cba")
    outcomes = visit_host(HostVisit(plans=plans, rules=(), now=NOW), fetcher, never_stop)
    assert asked == [outcome.source_id for outcome in outcomes] == ["c", "b", "a"]
    assert [type(outcome.result) for outcome in outcomes] == [ParsedVisit, Failure, ParsedVisit]


def test_stopping_sends_no_further_request() -> None:
    """A running visit is finished; the others are left out and stay due."""
    asked: list[str] = []

    def fetcher(request: Request) -> Response:
        asked.append(request.source.id)
        return response()

    plans = tuple(plan(source(id=id_)) for id_ in "abc")
    outcomes = visit_host(HostVisit(plans=plans, rules=(), now=NOW), fetcher, lambda: len(asked) == 2)
    assert asked == [outcome.source_id for outcome in outcomes] == ["a", "b"]


def test_a_visit_states_whether_it_was_conditional() -> None:
    """The visit log can show the share of conditional requests (CL20)."""
    assert visit(response(304, b""), validators=OLD).conditional
    assert visit(response(304, b""), validators=Validators(last_modified="x")).conditional
    assert not visit(response()).conditional
    assert not visit(response(), validators=Validators(url="https://node.example/final")).conditional
    assert visit(response()).seconds >= 0


def test_work_and_outcome_travel_between_processes() -> None:
    """Work and results of a worker survive pickling, so that any executor fits."""
    work = HostVisit(plans=(plan(validators=OLD),), rules=(), now=NOW)
    assert pickle.loads(pickle.dumps(work)) == work
    for outcome in (visit(response()), visit(response(304, b"")), visit(response(500))):
        assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_requests_to_one_host_keep_their_distance(passed: Callable[[], float]) -> None:
    """The gap counts from the end of a response and not as time of a visit (V2, CL11)."""
    times: list[tuple[float, float]] = []

    def slow(_request: Request) -> Response:
        begun = passed()
        time.sleep(0.25)
        times.append((begun, passed()))
        return response()

    plans = (plan(), plan(source(id="b", url="https://node.example/b")))
    elsewhere = plan(source(id="c", url="https://other.example/c"))
    work = HostVisit(plans=(*plans, elsewhere), rules=(), now=NOW, host_gap=4.0)
    outcomes = visit_host(work, slow, never_stop)
    assert times == [(0, 0.25), (4.25, 4.5), (4.5, 4.75)]
    assert [outcome.seconds for outcome in outcomes] == [0.25, 0.25, 0.25]
