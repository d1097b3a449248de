"""When a source may be visited again: never sooner than its server, its owner or politeness allows."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.jobs import cadence
from aggregator.model import Failure, FetchRules, NextVisit, SourceRecord, State, Unchanged, Validators
from tests.builders import NOW, source
from tests.strategies import law, moments

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = FetchRules(
    every=HOUR, timeout=timedelta(seconds=20), max_bytes=10**7, concurrency=4, allow_private=()
)
WITH_ETAG = Unchanged(status=304, validators=Validators(etag='"1"'))
WITHOUT = Unchanged(status=200, validators=Validators())
WELL = SourceRecord(id="node", state=State.WELL, last_success=NOW - HOUR)


def after(result: Any, record: SourceRecord = WELL, **fields: Any) -> NextVisit:
    """The decision on a source with these fields, under the usual rules, now."""
    return cadence.after(record, source(**fields), RULES, result, NOW)


def failed(times: int, **fields: Any) -> NextVisit:
    """The decision after so many failures in a row."""
    record = SourceRecord(id="node", state=State.WELL, last_success=NOW - DAY, failures=times - 1)
    return after(Failure(reason="r", **fields), record)


def jittered(moment: datetime, pause: timedelta) -> bool:
    """CL10: whether a moment is a pause from now, lengthened by at most a tenth."""
    return NOW + pause <= moment <= NOW + pause * 1.1


# --- success -------------------------------------------------------------------------------------------


def test_a_source_is_due_after_its_own_pause() -> None:
    """CL5: an hour by default, the source's own `every` where it has one."""
    assert jittered(after(WITH_ETAG).due, HOUR)
    assert jittered(after(WITH_ETAG, every=6 * HOUR).due, 6 * HOUR)


def test_without_validators_once_a_day() -> None:
    """CL6, V3: a server that sends no validators is asked once in 24 h, unless the source itself says otherwise."""
    assert jittered(after(WITHOUT).due, DAY)
    assert jittered(after(WITHOUT, every=2 * HOUR).due, 2 * HOUR)
    assert jittered(after(Unchanged(status=200, validators=Validators(last_modified="x"))).due, HOUR)


def test_success_forgets_failures() -> None:
    """CL9: one good answer and a failing source is well, its failures and its server's wishes forgotten."""
    record = SourceRecord(id="node", state=State.FAILING, failures=7, not_before=NOW - HOUR, reason="r")
    decided = after(WITH_ETAG, record)
    assert (decided.state, decided.failures, decided.reason, decided.not_before) == (
        State.WELL,
        0,
        None,
        None,
    )
    assert decided.hold_host_until is None


def test_the_next_time_is_known_before_the_request() -> None:
    """V1: what is committed before the first request is a whole pause away, so a crash loop hammers nobody."""
    assert jittered(cadence.provisional(source(), RULES, NOW), HOUR)
    assert jittered(cadence.provisional(source(every=DAY), RULES, NOW), DAY)


@given(st.text(min_size=1, max_size=20), st.integers(1, 10**6))
@law
def test_jitter_is_the_sources_own_for_ever(id_: str, seconds: int) -> None:
    """CL10: never early, at most a tenth late, and the same for the same source every time."""
    pause = timedelta(seconds=seconds)
    due = cadence.provisional(source(id=id_, every=pause), RULES, NOW)
    assert jittered(due, pause)
    assert due == cadence.provisional(source(id=id_, every=pause), RULES, NOW)


def test_jitter_spreads_sources() -> None:
    """CL10: a hundred sources do not all come at minute 0."""
    minutes = {cadence.provisional(source(id=f"s{n}"), RULES, NOW).minute for n in range(100)}
    assert len(minutes) > 3


# --- failure -------------------------------------------------------------------------------------------


def test_failures_back_off_to_a_day_and_never_stop() -> None:
    """CL9: the pause doubles with each failure, up to a day, and after a hundred failures it is still a day."""
    pauses = [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]
    for times, pause in enumerate(pauses, start=1):
        assert jittered(failed(times).due, pause), times
    assert jittered(failed(100).due, DAY)


def test_a_rare_source_is_not_asked_more_often_when_it_fails() -> None:
    """CL5: a source polled weekly is not polled daily because it fails."""
    assert jittered(after(Failure(reason="r"), every=7 * DAY).due, 7 * DAY)


@pytest.mark.parametrize("status", [401, 403])
def test_a_closed_door_slows_down(status: int) -> None:
    """CL15: 401 and 403 are asked again after four hours at the earliest."""
    assert jittered(failed(1, status=status).due, 4 * HOUR)
    assert jittered(failed(5, status=status).due, 16 * HOUR)


def test_a_source_fails_after_three_failures() -> None:
    """V8: one or two failures are no state; the third is, and so is the first of a source that never answered."""
    assert [failed(n).state for n in (1, 2, 3, 4)] == [State.WELL, State.WELL, State.FAILING, State.FAILING]
    assert after(Failure(reason="r"), SourceRecord(id="node")).state is State.FAILING
    assert failed(2).reason == "r"
    assert failed(2).failures == 2


# --- 429 and 503 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(status: int) -> None:
    """CL8, V3: no request before the server's time, which no `--force` ignores, so it is kept apart from `due`."""
    decided = failed(1, status=status, wait=9 * HOUR)
    assert decided.not_before == NOW + 9 * HOUR
    assert decided.state is State.HELD


@pytest.mark.parametrize("status", [429, 503])
def test_without_retry_after_four_hours_doubling(status: int) -> None:
    """CL8: without the header at least four hours, doubling, at most 31 days."""
    assert [failed(n, status=status).not_before for n in (1, 2, 3)] == [NOW + n * HOUR for n in (4, 8, 16)]
    assert failed(50, status=status).not_before == NOW + 31 * DAY


def test_retry_after_is_capped() -> None:
    """CL7, CL8: a server cannot send us away for longer than 31 days."""
    assert failed(1, status=503, wait=timedelta(days=4000)).not_before == NOW + 31 * DAY


def test_429_holds_the_host_and_503_the_source() -> None:
    """CL8: too many requests is said to all our sources on a host, an overload to one."""
    assert failed(1, status=429, wait=HOUR, holds_host=True).hold_host_until == NOW + HOUR
    assert failed(1, status=503, wait=HOUR).hold_host_until is None


def test_another_failure_forgets_no_retry_after() -> None:
    """CL8: a timeout after a 429 does not shorten what the server asked for."""
    record = SourceRecord(
        id="node", state=State.HELD, not_before=NOW + 9 * HOUR, failures=1, last_success=NOW
    )
    assert after(Failure(reason="timeout"), record).not_before == NOW + 9 * HOUR


# --- reading Retry-After -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("999999999999999999", 31 * DAY),
        ("Mon, 05 Oct 2026 07:30:00 GMT", HOUR),
        ("Monday, 05-Oct-26 07:30:00 GMT", HOUR),
        ("Mon Oct  5 07:30:00 2026", HOUR),
        ("Mon, 05 Oct 2026 05:30:00 GMT", timedelta(0)),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Mon, 31 Feb 2026 10:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, wait: timedelta | None) -> None:
    """RFC 9110 10.2.3: seconds, or any of the three forms of a date; nonsense is as if it were missing."""
    assert cadence.retry_after({"retry-after": value}, NOW) == wait


def test_a_date_is_read_against_the_servers_own_clock() -> None:
    """CL8: a server whose clock is a day slow still means the hour it means."""
    headers = {"retry-after": "Sun, 04 Oct 2026 07:30:00 GMT", "date": "Sun, 04 Oct 2026 06:30:00 GMT"}
    assert cadence.retry_after(headers, NOW) == HOUR
    assert cadence.retry_after({**headers, "date": "nonsense"}, NOW) == timedelta(0)
    assert cadence.retry_after({}, NOW) is None


@pytest.mark.parametrize(
    "value", ["Mon, 28 Sep 99999999999 10:00:00 GMT", "Mon, 28 Sep 2026 99999999999999999999:00:00 GMT"]
)
def test_an_impossible_date_is_as_if_it_were_missing(value: str) -> None:
    """CL8, L2: no header a server can send raises."""
    assert cadence.retry_after({"retry-after": value}, NOW) is None


@given(st.text(max_size=40))
@law
def test_no_header_raises(value: str) -> None:
    """L2: whatever a server writes, reading it ends in a wait or none, and a wait is never negative."""
    wait = cadence.retry_after({"retry-after": value, "date": value}, NOW)
    assert wait is None or wait >= timedelta(0)


@given(moments)
@law
def test_a_date_means_its_moment(moment: datetime) -> None:
    """RFC 9110 10.2.3: the wait reaches exactly to the moment the server names, and a moment in the past is no wait."""
    headers = {"retry-after": format_datetime(moment, usegmt=True)}
    assert cadence.retry_after(headers, NOW) == max(moment - NOW, timedelta(0))


# --- laws ----------------------------------------------------------------------------------------------

_results = st.one_of(
    st.sampled_from([WITH_ETAG, WITHOUT]),
    st.builds(
        Failure,
        reason=st.just("r"),
        status=st.sampled_from([None, 401, 403, 404, 410, 429, 500, 503]),
        wait=st.one_of(st.none(), st.timedeltas(timedelta(0), 400 * DAY)),
        holds_host=st.booleans(),
    ),
)
_records = st.builds(
    SourceRecord,
    id=st.just("node"),
    state=st.sampled_from(State),
    failures=st.integers(0, 60),
    last_success=st.one_of(st.none(), st.just(NOW - DAY)),
    not_before=st.one_of(st.none(), st.just(NOW - HOUR)),
)
_pauses = st.one_of(st.none(), st.timedeltas(HOUR, 30 * DAY))


@given(_records, _results, _pauses)
@law
def test_nothing_brings_a_visit_sooner_than_the_pause(
    record: SourceRecord, result: Any, every: timedelta | None
) -> None:
    """CL5, CL9: no outcome makes a source due sooner than its own pause, and none puts it off for ever."""
    decided = after(result, record, every=every)
    assert decided.due >= NOW + (every or HOUR)
    assert decided.due <= NOW + 33 * DAY
    assert decided.not_before is None or decided.not_before <= NOW + 31 * DAY
