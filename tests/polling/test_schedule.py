"""When a source may be visited again, by its server, its operator and politeness."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.config import FetchRules
from aggregator.model.documents import RefreshHints
from aggregator.model.items import IdentityPolicy
from aggregator.model.moves import Move
from aggregator.model.polling import (
    Failure,
    NextVisit,
    ParsedVisit,
    PostingStats,
    SourceProfile,
    SourceRecord,
    SourceState,
    Unchanged,
    Validators,
    VisitResult,
)
from aggregator.polling import schedule, wait_headers
from tests.builders import NOW, source
from tests.strategies import law, moments

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = FetchRules(
    every=HOUR,
    slowest=6 * HOUR,
    timeout=timedelta(seconds=20),
    max_bytes=10**7,
    concurrency=4,
    allow_private=(),
)
BUSY = PostingStats(count=20, oldest=NOW - 10 * HOUR, newest=NOW)
WITH_ETAG = Unchanged(status=304, validators=Validators(etag='"1"'))
WITHOUT = Unchanged(status=200, validators=Validators())
ETAG = Validators(etag='"1"')
WELL = SourceRecord(id="node", state=SourceState.OK, last_success=NOW - HOUR, validators=ETAG)


def outcome(result: Any, **fields: Any) -> VisitResult:
    """A visit with this result."""
    return VisitResult(source_id="node", result=result, conditional=True, seconds=0.1, **fields)


def after(
    result: Any,
    record: SourceRecord = WELL,
    *,
    posting_stats: PostingStats = BUSY,
    met: dict[str, Any] | None = None,
    shares_entry: bool = False,
    **fields: Any,
) -> NextVisit:
    """Return the decision under the usual rules; `fields` of the source, `met` of the result."""
    return schedule.next_visit(
        record,
        source(**fields),
        RULES,
        outcome(result, **met or {}),
        posting_stats,
        NOW,
        shares_entry=shares_entry,
    )


def parsed_visit(**fields: Any) -> ParsedVisit:
    """A document that was accepted."""
    usual: dict[str, Any] = {
        "items": (),
        "present": (),
        "entry_hashes": (),
        "validators": Validators(etag='"1"'),
        "url": "https://node.example/feed/",
        "status": 200,
        "body": b"",
        "body_hash": "",
        "profile": SourceProfile(),
        "identity_policy": IdentityPolicy(),
    }
    return ParsedVisit(**usual | fields)


def provisional(**fields: Any) -> datetime:
    """What is committed before the request to a source with these fields."""
    return schedule.provisional_visit(WELL, source(**fields), RULES, BUSY, NOW)


def failed(times: int, **fields: Any) -> NextVisit:
    """Return the decision after this number of failures in a row."""
    record = replace(WELL, last_success=NOW - DAY, failures=times - 1)
    return after(Failure(reason="r", **fields), record)


def jittered(moment: datetime, pause: timedelta) -> bool:
    """Whether a moment is a pause from now, lengthened by at most a tenth (CL10)."""
    return NOW + pause <= moment <= NOW + pause * 1.1


# --- success -------------------------------------------------------------------------------------------


def test_a_source_is_due_after_its_own_pause() -> None:
    """An hour by default, the source's own `every` where it has one (CL5)."""
    assert jittered(after(WITH_ETAG).due, HOUR)
    assert jittered(after(WITH_ETAG, every=6 * HOUR).due, 6 * HOUR)


def test_without_validators_once_a_day() -> None:
    """A source without validators is visited once in 24 h unless it sets `every` (CL6, V3)."""
    assert jittered(after(WITHOUT).due, DAY)
    assert jittered(after(WITHOUT, every=2 * HOUR).due, 2 * HOUR)
    assert jittered(after(Unchanged(status=200, validators=Validators(last_modified="x"))).due, HOUR)


def test_success_forgets_failures() -> None:
    """One success makes a failing source ok and clears its failures and limits (CL9)."""
    record = SourceRecord(id="node", state=SourceState.FAILING, failures=7, not_before=NOW - HOUR, reason="r")
    decided = after(WITH_ETAG, record)
    assert (decided.state, decided.failures, decided.reason, decided.not_before) == (
        SourceState.OK,
        0,
        None,
        None,
    )
    assert decided.limit_host_until is None


def test_the_next_time_is_known_before_the_request() -> None:
    """The time committed before a request is a whole pause away (V1)."""
    assert jittered(provisional(), HOUR)
    assert jittered(provisional(every=DAY), DAY)
    without = replace(WELL, validators=Validators())
    assert jittered(schedule.provisional_visit(without, source(), RULES, BUSY, NOW), DAY)  # CL6 as well


@given(st.text(min_size=1, max_size=20), st.integers(1, 10**6))
@law
def test_jitter_is_constant_for_a_source(id_: str, seconds: int) -> None:
    """Never early, at most a tenth late, and the same for the same source every time (CL10)."""
    pause = timedelta(seconds=seconds)
    due = provisional(id=id_, every=pause)
    assert jittered(due, pause)
    assert due == provisional(id=id_, every=pause)


def test_jitter_spreads_sources() -> None:
    """A hundred sources do not all come at minute 0 (CL10)."""
    minutes = {provisional(id=f"s{n}").minute for n in range(100)}
    assert len(minutes) > 3


# --- failure -------------------------------------------------------------------------------------------


def test_failures_back_off_to_a_day_and_never_stop() -> None:
    """The pause doubles with each failure up to a day and stays there (CL9)."""
    pauses = [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]
    for times, pause in enumerate(pauses, start=1):
        assert jittered(failed(times).due, pause), times
    assert jittered(failed(100).due, DAY)


def test_a_rare_source_is_not_asked_more_often_when_it_fails() -> None:
    """A source polled weekly is not polled daily because it fails (CL5)."""
    assert jittered(after(Failure(reason="r"), every=7 * DAY).due, 7 * DAY)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_slows_down(status: int) -> None:
    """401 and 403 are asked again after four hours at the earliest (CL15)."""
    assert jittered(failed(1, status=status).due, 4 * HOUR)
    assert jittered(failed(5, status=status).due, 16 * HOUR)


def test_a_source_fails_after_three_failures() -> None:
    """A source fails from the third failure on, or if it never answered (V8)."""
    assert [failed(n).state for n in (1, 2, 3, 4)] == [
        SourceState.OK,
        SourceState.OK,
        SourceState.FAILING,
        SourceState.FAILING,
    ]
    assert after(Failure(reason="r"), SourceRecord(id="node")).state is SourceState.FAILING
    assert failed(2).reason == "r"
    assert failed(2).failures == 2


# --- 429 and 503 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_retry_after_is_obeyed(status: int) -> None:
    """Retry-After is kept apart from `due`, so that `--force` cannot ignore it (CL8, V3)."""
    decided = failed(1, status=status, wait=9 * HOUR)
    assert decided.not_before == NOW + 9 * HOUR
    assert decided.state is SourceState.RATE_LIMITED


@pytest.mark.parametrize("status", [404, 429])
def test_a_wait_of_nothing_is_no_rate_limit(status: int) -> None:
    """A source whose server asks for no time is not rate limited (CL8)."""
    decided = failed(1, status=status, wait=timedelta(0), limits_host=status == 429)
    assert (decided.state, decided.not_before) == (SourceState.OK, None)


@pytest.mark.parametrize("limits_host", [False, True])
def test_a_repeated_rate_limit_doubles_the_pause_once(limits_host: bool) -> None:
    """The pause without the header doubles with each failure, also where the host waits (CL8)."""
    decided = [failed(n, status=429, limits_host=limits_host) for n in (1, 2, 3)]
    pauses = [max(each.due, each.not_before or NOW) for each in decided]
    assert all(jittered(at, n * HOUR) for at, n in zip(pauses, (4, 8, 16), strict=True))


@pytest.mark.parametrize("status", [429, 503])
def test_without_retry_after_four_hours_doubling(status: int) -> None:
    """Without the header at least four hours, doubling, at most 31 days (CL8)."""
    assert [failed(n, status=status).not_before for n in (1, 2, 3)] == [NOW + n * HOUR for n in (4, 8, 16)]
    assert failed(50, status=status).not_before == NOW + 31 * DAY


def test_retry_after_is_capped() -> None:
    """A server cannot send us away for longer than 31 days (CL7, CL8)."""
    assert failed(1, status=503, wait=timedelta(days=4000)).not_before == NOW + 31 * DAY


def test_429_holds_the_host_and_503_the_source() -> None:
    """Too many requests is said to all our sources on a host, an overload to one (CL8)."""
    assert failed(1, status=429, wait=HOUR, limits_host=True).limit_host_until == NOW + HOUR
    assert failed(1, status=503, wait=HOUR).limit_host_until is None


def test_another_failure_forgets_no_retry_after() -> None:
    """A timeout after a 429 does not shorten what the server asked for (CL8)."""
    record = SourceRecord(
        id="node", state=SourceState.RATE_LIMITED, not_before=NOW + 9 * HOUR, failures=1, last_success=NOW
    )
    assert after(Failure(reason="timeout"), record).not_before == NOW + 9 * HOUR


# --- intervals (CL5, CL10) --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("posting_stats", "pause"),
    [
        (PostingStats(count=20, oldest=NOW - 20 * HOUR, newest=NOW), HOUR),
        (PostingStats(count=20, oldest=NOW - 100 * HOUR, newest=NOW), 2.5 * HOUR),
        (PostingStats(count=4, oldest=NOW - DAY, newest=NOW - DAY), 3 * HOUR),
        (PostingStats(count=20, oldest=NOW - 400 * DAY, newest=NOW), 6 * HOUR),
        (PostingStats(count=20, oldest=NOW, newest=NOW), HOUR),
        (PostingStats(), 6 * HOUR),
    ],
)
def test_the_pause_is_half_the_mean_gap_between_news(posting_stats: PostingStats, pause: timedelta) -> None:
    """The interval adapts between `every` and `slowest`; quiet sources slow down (CL5)."""
    assert jittered(after(WITH_ETAG, posting_stats=posting_stats).due, pause)
    assert jittered(after(WITH_ETAG, posting_stats=posting_stats, every=2 * HOUR).due, 2 * HOUR)


def test_after_downtime_sources_are_parted() -> None:
    """Overdue sources are spread over a whole pause, so that they part (CL10)."""
    late = replace(WELL, next_visit=NOW - 5 * HOUR)
    dues = [after(WITH_ETAG, late, id=f"s{n}").due - NOW for n in range(200)]
    assert min(dues) >= HOUR and max(dues) <= 2 * HOUR
    assert len({due // timedelta(minutes=6) for due in dues}) == 10
    assert jittered(after(WITH_ETAG, replace(WELL, next_visit=NOW - timedelta(minutes=30))).due, HOUR)


def test_who_comes_back_soon_spreads_what_is_late() -> None:
    """Late sources are visited within the next hour, each at its own moment (CL10)."""
    moments = {schedule.spread_time(source(id=f"s{n}"), RULES, NOW) for n in range(50)}
    assert len(moments) == 50 and min(moments) >= NOW and max(moments) <= NOW + HOUR
    assert schedule.is_late(replace(WELL, next_visit=NOW - 2 * HOUR), RULES, NOW)
    assert not schedule.is_late(replace(WELL, next_visit=NOW - HOUR), RULES, NOW)
    assert not schedule.is_late(SourceRecord(id="node"), RULES, NOW)


def test_a_stale_source_is_reported() -> None:
    """Stale is three months and four usual intervals without items; new sources are not (V8)."""
    quiet = PostingStats(count=20, oldest=NOW - 200 * DAY, newest=NOW - 100 * DAY)
    assert (after(WITH_ETAG, posting_stats=quiet).state, after(WITH_ETAG, posting_stats=quiet).reason) == (
        SourceState.STALE,
        "nothing new since 2026-06-27, which is unlike it",
    )
    yearly = PostingStats(count=5, oldest=NOW - 1500 * DAY, newest=NOW - 300 * DAY)
    assert after(WITH_ETAG, posting_stats=yearly).state is SourceState.OK
    assert after(WITH_ETAG, posting_stats=replace(quiet, count=2)).state is SourceState.OK


# --- hints (CL7) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hints", "fresh", "due"),
    [
        (RefreshHints(), None, NOW + HOUR),
        (RefreshHints(), timedelta(0), NOW + HOUR),
        (RefreshHints(), 8 * HOUR, NOW + 8 * HOUR),
        (RefreshHints(update_interval=12 * HOUR), 8 * HOUR, NOW + 12 * HOUR),
        (RefreshHints(update_interval=timedelta(minutes=5)), None, NOW + HOUR),
        (RefreshHints(), 365 * DAY, NOW + 31 * DAY),
        (RefreshHints(skip_hours=(7, 8, 9)), None, NOW + 4 * HOUR),
        (RefreshHints(skip_days=(0, 1)), None, NOW + 42 * HOUR),
        (RefreshHints(skip_hours=tuple(range(24))), None, NOW + 8 * DAY),
    ],
)
def test_hints_put_a_visit_off(hints: RefreshHints, fresh: timedelta | None, due: datetime) -> None:
    """The longest of freshness, pace, skipped hours and days counts, up to 31 days (CL7)."""
    decided = after(parsed_visit(hints=hints), met={"fresh_for": fresh}).due
    assert due - HOUR < decided <= due + 1.1 * HOUR
    assert decided >= NOW + max(HOUR, min(fresh or HOUR, 31 * DAY))
    assert decided.hour not in hints.skip_hours or len(hints.skip_hours) == 24


def test_a_capped_hint_is_reported() -> None:
    """A hint of a year is cut and logged (CL7)."""
    assert after(WITH_ETAG, met={"fresh_for": 365 * DAY}).notes == (
        "it asks not to be visited for 365 days; it is visited after 31 days",
    )
    assert after(WITH_ETAG, met={"fresh_for": DAY}).notes == ()


def test_the_operators_word_goes_before_hints() -> None:
    """A source's own `every` is kept to, whatever server and document wish (V3)."""
    decided = after(parsed_visit(hints=RefreshHints(update_interval=DAY)), met={"fresh_for": DAY}, every=HOUR)
    assert jittered(decided.due, HOUR)


def test_hints_outlive_a_304() -> None:
    """A 304 without hints keeps the known ones; one with hints replaces them (CL7)."""
    record = replace(WELL, hints=RefreshHints(fresh_for=3 * HOUR, update_interval=2 * HOUR))
    assert after(WITH_ETAG, record).hints == record.hints
    assert after(WITH_ETAG, record, met={"fresh_for": DAY}).hints == RefreshHints(
        fresh_for=DAY, update_interval=2 * HOUR
    )
    same = Unchanged(status=200, validators=Validators(etag='"1"'))
    assert after(same, record).hints == RefreshHints(update_interval=2 * HOUR)
    assert after(parsed_visit(), record).hints == RefreshHints()
    assert after(Failure(reason="r"), record).hints == record.hints


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ({}, None),
        ({"cache-control": "max-age=3600"}, HOUR),
        ({"cache-control": "public, max-age=3600, s-maxage=9"}, HOUR),
        ({"cache-control": "s-maxage=9"}, None),
        ({"cache-control": "max-age=3600", "age": "600"}, timedelta(minutes=50)),
        ({"cache-control": "max-age=60", "age": "600"}, timedelta(0)),
        ({"cache-control": 'max-age="3600"'}, HOUR),
        ({"cache-control": "no-cache, max-age=3600"}, timedelta(0)),
        ({"cache-control": "no-store"}, timedelta(0)),
        ({"cache-control": 'no-cache="set-cookie", max-age=3600'}, HOUR),
        ({"cache-control": "x-no-cache, max-age=3600"}, HOUR),
        ({"cache-control": "max-age=soon"}, timedelta(0)),
        ({"cache-control": "max-age=-1", "expires": "Mon, 05 Oct 2026 08:30:00 GMT"}, timedelta(0)),
        ({"cache-control": "max-age=3600", "age": "600, 5"}, timedelta(minutes=50)),
        ({"cache-control": "max-age=3600", "age": "-600"}, HOUR),
        ({"cache-control": "private", "expires": "0"}, timedelta(0)),
        ({"expires": "Mon, 05 Oct 2026 08:30:00 GMT", "date": "Mon, 05 Oct 2026 06:30:00 GMT"}, 2 * HOUR),
        (
            {
                "expires": "Mon, 05 Oct 2026 08:30:00 GMT",
                "date": "Mon, 05 Oct 2026 06:30:00 GMT",
                "age": "3600",
            },
            HOUR,
        ),
        ({"expires": "Mon, 05 Oct 2026 08:30:00 GMT"}, 2 * HOUR),
        ({"expires": "Mon, 05 Oct 2020 08:30:00 GMT", "date": "Mon, 05 Oct 2026 06:30:00 GMT"}, timedelta(0)),
        (
            {"cache-control": "max-age=60", "expires": "Mon, 05 Oct 2037 08:30:00 GMT"},
            timedelta(seconds=60),
        ),
        ({"cache-control": "max-age=00000003600"}, HOUR),
        ({"cache-control": 'private="no-cache", x="max-age=5", max-age=3600'}, HOUR),
        ({"cache-control": "max-age=99999999999999999999"}, timedelta(seconds=2**31)),
    ],
)
def test_freshness_is_read_as_rfc_9111_says(headers: dict[str, str], fresh: timedelta | None) -> None:
    """Freshness is max-age, else Expires less Date, less Age; no-cache is zero (CL7)."""
    assert wait_headers.fresh_for(headers, NOW) == fresh


# --- moved, gone, only 304 (CL14, CL15, CL17) --------------------------------------------------------

TARGET = "https://new.example/feed/"


def test_a_move_is_learned_after_three_visits_over_three_days() -> None:
    """A redirect permanent for three visits over 72 h with a known entry is learned (CL14)."""
    record, met = WELL, {"moved": TARGET}
    for hours, learned in ((0, False), (24, False), (48, False), (71, False), (73, True)):
        decided = schedule.next_visit(
            record,
            source(),
            RULES,
            outcome(WITH_ETAG, **met),
            BUSY,
            NOW + hours * HOUR,
        )
        assert decided.move is not None and decided.move.learned is learned, hours
        record = replace(record, move=decided.move)
    assert decided.state is SourceState.MOVED
    assert decided.reason == f"moved for good to {TARGET}: put this address into feeds.yaml"


@pytest.mark.parametrize(
    ("met", "result", "shares_entry"),
    [({}, WITH_ETAG, False), ({"moved": "https://other.example/"}, WITH_ETAG, False)],
)
def test_a_move_that_is_not_the_same_begins_anew(
    met: dict[str, Any], result: Any, shares_entry: bool
) -> None:
    """A temporary hop, or another target, and what was met so far counts no more (CL14)."""
    record = replace(WELL, move=Move(url=TARGET, since=NOW - 10 * DAY, visits=9))
    move = after(result, record, met=met, shares_entry=shares_entry).move
    assert move is None or (move.url, move.visits) == ("https://other.example/", 1)
    foreign = replace(WELL, move=Move(url=TARGET, since=NOW - 10 * DAY, visits=0))
    move = after(result, foreign, met=met, shares_entry=shares_entry).move
    assert move is None or (move.visits, move.since) == (0, NOW - 10 * DAY)


def test_a_move_to_something_else_is_not_believed() -> None:
    """A redirect to a document without known entries is not learned (CL14)."""
    record = replace(WELL, move=Move(url=TARGET, since=NOW - 10 * DAY, visits=9))
    elsewhere = after(parsed_visit(), record, met={"moved": TARGET}, shares_entry=False).move
    assert elsewhere is not None and not elsewhere.is_same_feed and not elsewhere.learned
    learned = after(parsed_visit(), record, met={"moved": TARGET}, shares_entry=True).move
    assert learned is not None and learned.learned


def test_a_learned_move_is_forgotten_when_it_fails() -> None:
    """A learned URL is used until the third failure, then the configured one (CL14)."""
    record = replace(
        WELL, state=SourceState.MOVED, move=Move(url=TARGET, since=NOW - DAY, visits=3, learned=True)
    )
    assert after(WITH_ETAG, record).move == record.move
    assert after(Failure(reason="r"), record).move == record.move
    assert after(Failure(reason="r"), replace(record, failures=2)).move is None
    elsewhere = Move(url=TARGET, since=NOW - DAY, visits=0)
    assert after(Failure(reason="r"), replace(WELL, move=elsewhere, failures=2)).move == elsewhere


def test_410_twice_a_day_apart_is_gone() -> None:
    """A gone source is visited after a day, then weekly, permanently (CL15)."""
    first = failed(1, status=410)
    assert (first.state, first.gone_since) == (SourceState.OK, NOW)
    assert jittered(first.due, DAY)
    record = replace(WELL, failures=1, failed_status=410, gone_since=NOW - DAY)
    second = after(Failure(reason="gone", status=410), record)
    assert second.state is SourceState.GONE
    assert jittered(second.due, 7 * DAY)
    sooner = replace(record, gone_since=NOW - 23 * HOUR)
    assert after(Failure(reason="gone", status=410), sooner).state is SourceState.OK


def test_404_for_a_fortnight_is_gone() -> None:
    """A 404 is gone after 14 days; a timeout in between does not restart them (CL15)."""
    record = replace(WELL, failures=20, failed_status=None, gone_since=NOW - 14 * DAY)
    assert after(Failure(reason="r", status=404), record).state is SourceState.GONE
    assert after(Failure(reason="timeout"), record).state is SourceState.FAILING
    assert after(Failure(reason="timeout"), record).gone_since == record.gone_since
    recent = replace(record, gone_since=NOW - 13 * DAY)
    assert after(Failure(reason="r", status=404), recent).state is SourceState.FAILING


def test_gone_is_left_by_an_answer_only() -> None:
    """A timeout at the weekly probe is no return; one good answer is (CL15)."""
    record = replace(WELL, state=SourceState.GONE, failures=30, gone_since=NOW - 60 * DAY)
    assert after(Failure(reason="timeout"), record).state is SourceState.GONE
    assert jittered(after(Failure(reason="timeout"), record).due, 7 * DAY)
    back = after(WITH_ETAG, record)
    assert (back.state, back.gone_since) == (SourceState.OK, None)


def test_permanent_304_lead_to_a_full_request_in_eight_days() -> None:
    """After eight days and up to one more of its own, the whole document is asked for (CL17)."""
    assert not schedule.wants_full_document(replace(WELL, last_full=NOW - 8 * DAY), source(), NOW)
    assert schedule.wants_full_document(replace(WELL, last_full=NOW - 9 * DAY), source(), NOW)
    assert not schedule.wants_full_document(WELL, source(), NOW)
    due = [
        schedule.wants_full_document(replace(WELL, last_full=NOW - 8.5 * DAY), source(id=f"s{n}"), NOW)
        for n in range(99)
    ]
    assert 20 < sum(due) < 80


# --- reading Retry-After -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("999999999999999999", 31 * DAY),
        ("0000000000120", timedelta(minutes=2)),
        ("86400, 86400", DAY),
        ("120,86400", DAY),
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
    """Retry-After has seconds or one of three date forms; others count as absent."""
    assert wait_headers.retry_after({"retry-after": value}, NOW) == wait


def test_a_date_is_read_against_the_servers_own_clock() -> None:
    """A date in Retry-After counts from the `Date` of the response (CL8)."""
    headers = {"retry-after": "Sun, 04 Oct 2026 07:30:00 GMT", "date": "Sun, 04 Oct 2026 06:30:00 GMT"}
    assert wait_headers.retry_after(headers, NOW) == HOUR
    assert wait_headers.retry_after({**headers, "date": "nonsense"}, NOW) == timedelta(0)
    assert wait_headers.retry_after({}, NOW) is None


@pytest.mark.parametrize(
    "value", ["Mon, 28 Sep 99999999999 10:00:00 GMT", "Mon, 28 Sep 2026 99999999999999999999:00:00 GMT"]
)
def test_an_impossible_date_is_as_if_it_were_missing(value: str) -> None:
    """No header a server can send raises (CL8, L2)."""
    assert wait_headers.retry_after({"retry-after": value}, NOW) is None


@given(st.text(max_size=40))
@law
def test_no_header_raises(value: str) -> None:
    """Any Retry-After parses to a wait that is not negative, or to none (L2)."""
    wait = wait_headers.retry_after({"retry-after": value, "date": value}, NOW)
    assert wait is None or wait >= timedelta(0)


@given(moments)
@law
def test_a_date_means_its_moment(moment: datetime) -> None:
    """A date in Retry-After is reached exactly; one in the past is no wait (RFC 9110 10.2.3)."""
    headers = {"retry-after": format_datetime(moment, usegmt=True)}
    assert wait_headers.retry_after(headers, NOW) == max(moment - NOW, timedelta(0))


# --- laws ----------------------------------------------------------------------------------------------

_results = st.one_of(
    st.sampled_from([WITH_ETAG, WITHOUT]),
    st.builds(
        Failure,
        reason=st.just("r"),
        status=st.sampled_from([None, 401, 403, 404, 410, 429, 500, 503]),
        wait=st.one_of(st.none(), st.timedeltas(timedelta(0), 400 * DAY)),
        limits_host=st.booleans(),
    ),
)
_records = st.builds(
    SourceRecord,
    id=st.just("node"),
    state=st.sampled_from(SourceState),
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
    """No result makes a source due before its pause or delays it permanently (CL5, CL9)."""
    decided = after(result, record, every=every)
    assert decided.due >= NOW + (every or HOUR)
    assert decided.due <= NOW + 33 * DAY
    assert decided.not_before is None or decided.not_before <= NOW + 31 * DAY
