"""Decide when a source may be visited again, from its record, the result of a visit and now.

Pure; rules V1, V3, CL5 to CL10, CL14, CL15 and CL17.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model.config import FetchRules, Source
from aggregator.model.documents import RefreshHints
from aggregator.model.moves import Move
from aggregator.model.polling import (
    Failure,
    NextVisit,
    ParsedVisit,
    PostingStats,
    SourceRecord,
    SourceState,
    Unchanged,
    Validators,
    VisitResult,
)
from aggregator.polling.wait_headers import MAX_REQUESTED_WAIT

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIN_INTERVAL_WITHOUT_VALIDATORS = DAY
"""Minimum interval of a source whose server sends no validators (CL6)."""
MIN_REFUSAL_PAUSE = 4 * HOUR
"""Minimum pause after 401, 403, and after 429 or 503 without Retry-After (CL8, CL15)."""
MAX_BACKOFF = DAY
"""Maximum pause after failures, unless the interval itself is longer."""
MIN_FAILURES = 3
"""Minimum number of failures in a row of a failing source."""
MAX_JITTER = 0.1
"""Maximum part of a pause that is added to it (CL10)."""
MAX_UNMODIFIED_TIME = 8 * DAY
"""Maximum time of nothing but 304 until the whole document is requested (CL17)."""
MIN_MOVED_VISITS, MIN_MOVED_TIME = 3, 72 * HOUR
"""Minimum number of visits, and their time, until a permanent redirect is learned (CL14)."""
MIN_GONE_TIME, MIN_NOT_FOUND_TIME, GONE_INTERVAL = DAY, 14 * DAY, 7 * DAY
"""Minimum time between two 410, and of 404, until a source is gone; interval then (CL15)."""
MIN_SHRUNK_TIME = 7 * DAY
"""Minimum time of the same number of items after which a shrunk page is accepted (G4)."""
MIN_STALE_TIME = 90 * DAY
"""Minimum time without new items of a stale source."""

PUSHED_INTERVAL = DAY
"""Interval of a source while its hub pushes what is new (WS8)."""

_WAITING = frozenset({SourceState.RATE_LIMITED, SourceState.NEEDS_REVIEW})


# --- before the visit ------------------------------------------------------------------------------------


def provisional_visit(
    record: SourceRecord, source: Source, rules: FetchRules, posting_stats: PostingStats, now: datetime
) -> datetime:
    """Return the next time to commit before the first request, as if the visit failed (V1)."""
    interrupted = VisitResult(
        source_id=source.id, result=Failure(reason="interrupted"), conditional=False, seconds=0.0
    )
    return next_visit(record, source, rules, interrupted, posting_stats, now).due


def spread_time(source: Source, rules: FetchRules, now: datetime) -> datetime:
    """Return a time within the next hour for a source that became due during downtime (CL10)."""
    return now + min(rules.every, HOUR) * constant_share(source.id)


def is_late(record: SourceRecord, rules: FetchRules, now: datetime) -> bool:
    """Check whether a source has been due for so long that the program was not running."""
    return record.next_visit is not None and now - record.next_visit > max(rules.every, HOUR)


def wants_full_document(record: SourceRecord, source: Source, now: datetime) -> bool:
    """Check whether to request the whole document once, after days of nothing but 304 (CL17)."""
    last_full = record.last_full
    return last_full is not None and now - last_full > MAX_UNMODIFIED_TIME + DAY * constant_share(source.id)


def accepted_entries(record: SourceRecord, now: datetime) -> int | None:
    """Return the number of items of a page that shrank MIN_SHRUNK_TIME ago; else None (G4)."""
    since = record.shrunk_since
    return record.shrunk_to if since is not None and now - since >= MIN_SHRUNK_TIME else None


# --- after the visit -------------------------------------------------------------------------------------


def next_visit(
    record: SourceRecord,
    source: Source,
    rules: FetchRules,
    visit: VisitResult,
    posting_stats: PostingStats,
    now: datetime,
    *,
    shares_entry: bool = False,
    held_items: int = 0,
    has_coverage_gap: bool = False,
    fewest_failures_beside: int | None = None,
    pushed_until: datetime | None = None,
) -> NextVisit:
    """Return when and how a source is visited after `visit`.

    `shares_entry`: the document has an entry that the source had before (CL14). `held_items`: the number of items that
    an editor must review (G2). `has_coverage_gap`: one is to be filled soon (G1). `fewest_failures_beside`: the fewest
    failures in a row of another source on a rate-limited host, None if there is no other. `pushed_until`: the end of
    the lease of a hub whose pushes are relied on (WS8).
    """
    result = visit.result
    if isinstance(result, Failure):
        return _after_failure(
            record,
            source,
            rules,
            result,
            posting_stats,
            now,
            held_items=held_items,
            fewest_failures_beside=fewest_failures_beside,
        )
    return _after_success(
        record,
        source,
        rules,
        visit,
        result,
        posting_stats,
        now,
        shares_entry=shares_entry,
        held_items=held_items,
        has_coverage_gap=has_coverage_gap,
        pushed_until=pushed_until,
    )


def _after_success(
    record: SourceRecord,
    source: Source,
    rules: FetchRules,
    visit: VisitResult,
    result: ParsedVisit | Unchanged,
    posting_stats: PostingStats,
    now: datetime,
    *,
    shares_entry: bool,
    held_items: int,
    has_coverage_gap: bool,
    pushed_until: datetime | None,
) -> NextVisit:
    if has_coverage_gap or (isinstance(result, ParsedVisit) and result.unfinished):
        posting_stats = PostingStats(count=1, oldest=now, newest=now)
    pause = _pause(source, rules, result.validators, posting_stats, now)
    if pushed_until and source.every is None and not has_coverage_gap:
        pause = max(pause, min(PUSHED_INTERVAL, pushed_until - now))
    share = 1.0 if is_late(record, rules, now) else MAX_JITTER  # spreads what became due together (CL10)
    due = now + pause * (1 + share * constant_share(source.id))
    hints = _current_hints(record, visit)
    notes: tuple[str, ...] = ()
    if source.every is None:  # the operator's `every` overrides hints (V3)
        due, notes = _delayed_by_hints(hints, due, now)
    move = _move_after_success(record, visit, now, shares_entry=shares_entry)
    state, reason = _state_after_success(move, posting_stats, held_items, now)
    limit = visit.side.rate_limit
    requested_pause = _requested_pause(limit, 1) if limit else None
    host_pause = requested_pause if limit and limit.limits_host else None
    if host_pause:  # other sources of the host come first, although they may be spread over an hour (CL10)
        due = max(due, now + host_pause + 2 * HOUR)
    return NextVisit(
        due=due,
        not_before=now + requested_pause if requested_pause else None,
        limit_host_until=now + host_pause if host_pause else None,
        state=state,
        failures=0,
        reason=reason,
        min_interval=minimum_interval(source, rules, result.validators),
        hints=hints,
        move=move,
        notes=notes,
    )


def _pause(
    source: Source, rules: FetchRules, validators: Validators, posting_stats: PostingStats, now: datetime
) -> timedelta:
    """Return the source's own `every`, else half the mean interval of its items (CL5, CL6)."""
    if source.every is not None:
        return source.every
    pause = rules.slowest
    if posting_stats.oldest is not None:
        # The time since the newest item counts, so that quiet sources slow down.
        pause = min(pause, (now - posting_stats.oldest) / posting_stats.count / 2)
    return max(pause, minimum_interval(source, rules, validators))


def minimum_interval(source: Source, rules: FetchRules, validators: Validators) -> timedelta:
    """Return the source's own interval, else the global one, a day without validators (CL6)."""
    if source.every is not None:
        return source.every
    if not validators.is_usable:
        return max(rules.every, MIN_INTERVAL_WITHOUT_VALIDATORS)
    return rules.every


def after_push(record: SourceRecord, source: Source, rules: FetchRules) -> datetime | None:
    """Return when a source may be visited after a push, by the rules of all visits (WS7).

    None if the visit stays as it is planned: the source was never visited, or it fails.
    """
    if record.last_attempt is None or record.last_success is None or record.failures:
        return None
    last = record.last_attempt
    due = last + minimum_interval(source, rules, record.validators)
    return due if source.every is not None else _delayed_by_hints(record.hints, due, last)[0]


def _current_hints(record: SourceRecord, visit: VisitResult) -> RefreshHints:
    """Return the hints in force; a 304 without freshness keeps the former one (RFC 9111 4.3.4)."""
    hints = visit.result.hints if isinstance(visit.result, ParsedVisit) else record.hints
    fresh = visit.fresh_for
    if fresh is None and visit.result.status == 304:
        fresh = record.hints.fresh_for
    return replace(hints, fresh_for=fresh)


def _delayed_by_hints(hints: RefreshHints, due: datetime, now: datetime) -> tuple[datetime, tuple[str, ...]]:
    """Return `due`, delayed by the hints of server and document, and notes about it (CL7)."""
    requested = max(hints.fresh_for or timedelta(0), hints.update_interval or timedelta(0))
    notes: tuple[str, ...] = ()
    if requested > MAX_REQUESTED_WAIT:
        notes = (
            f"it asks not to be visited for {requested.days} days; it is visited after {MAX_REQUESTED_WAIT.days} days",
        )
    due = max(due, now + min(requested, MAX_REQUESTED_WAIT))
    for _ in range(8 * 24):  # a week and a day; a document cannot skip every hour
        if due.hour not in hints.skip_hours and due.weekday() not in hints.skip_days:
            break
        due = due + HOUR
    return due, notes


def _move_after_success(
    record: SourceRecord, visit: VisitResult, now: datetime, *, shares_entry: bool
) -> Move | None:
    """Return the redirect; learned after three visits over 72 h with known entries (CL14).

    The entries of another feed are known from its second visit on. So a redirect to it is stored with the time until
    which the source had its own entries, and stays stored while the redirect is absent. Its visits are counted from
    the first one that finds an entry of that time, or one of the last document without the redirect.
    """
    before = record.move
    if before is not None and before.learned:
        return before
    if visit.moved is None:
        if before is None or before.is_same_feed:
            return None
        is_whole = isinstance(visit.result, ParsedVisit) and visit.result.is_whole
        return replace(before, visits=-1) if is_whole else before
    if isinstance(visit.result, Unchanged):
        shares_entry = before is None or before.is_same_feed or before.is_over
    if not shares_entry:
        since = record.last_success if before is None or before.is_same_feed else before.since
        return Move(url=visit.moved, since=since, visits=0) if since else None
    if before is None or before.url != visit.moved or not before.is_same_feed:
        return Move(url=visit.moved, since=now)
    visits = before.visits + 1
    learned = visits >= MIN_MOVED_VISITS and now - before.since >= MIN_MOVED_TIME
    return replace(before, visits=visits, learned=learned)


def _move_after_failure(record: SourceRecord, failures: int) -> Move | None:
    """Return the redirect, without a learned URL that fails repeatedly and may be wrong."""
    is_elsewhere = record.move is not None and not record.move.is_same_feed
    return record.move if failures < MIN_FAILURES or is_elsewhere else None


def _state_after_success(
    move: Move | None, posting_stats: PostingStats, held_items: int, now: datetime
) -> tuple[SourceState, str | None]:
    if held_items:
        return (
            SourceState.NEEDS_REVIEW,
            f"{held_items} unknown old entries came at once and wait for an editor",
        )
    if move is not None and move.learned:
        return SourceState.MOVED, f"moved for good to {move.url}: put this address into feeds.yaml"
    if posting_stats.oldest is not None and posting_stats.newest is not None and posting_stats.count > 2:
        gap = (posting_stats.newest - posting_stats.oldest) / (posting_stats.count - 1)
        if now - posting_stats.newest > max(MIN_STALE_TIME, 4 * gap):
            return (
                SourceState.STALE,
                f"nothing new since {posting_stats.newest:%Y-%m-%d}, which is unlike it",
            )
    return SourceState.OK, None


def _after_failure(
    record: SourceRecord,
    source: Source,
    rules: FetchRules,
    failure: Failure,
    posting_stats: PostingStats,
    now: datetime,
    *,
    held_items: int,
    fewest_failures_beside: int | None,
) -> NextVisit:
    failures = record.failures + 1
    every = (
        _pause(source, rules, record.validators, posting_stats, now) if record.last_success else rules.every
    )
    every = source.every or every
    pause = min(every * 2 ** min(failures - 1, 10), max(MAX_BACKOFF, every))
    if failure.status in (401, 403):
        pause = max(pause, MIN_REFUSAL_PAUSE)
    elif failure.status == 410:
        pause = max(pause, MIN_GONE_TIME)
    missing_since = record.gone_since or (now if failure.status in (404, 410) else None)
    gone = _is_gone(record, failure, missing_since, now)
    if gone:
        pause = max(pause, GONE_INTERVAL)
    requested_pause = _requested_pause(failure, failures)
    host_pause = None
    if requested_pause and failure.limits_host:
        # The pause of the host doubles only while all its sources fail: one source must not block the others.
        host_pause = _requested_pause(
            failure, failures if fewest_failures_beside is None else min(failures, fewest_failures_beside + 1)
        )
        if failures > 1:
            pause = max(
                pause,
                min(
                    _doubled(failure.wait or MIN_REFUSAL_PAUSE, failures),
                    max(2 * requested_pause, GONE_INTERVAL),
                    MAX_REQUESTED_WAIT,
                ),
            )
    return NextVisit(
        due=now + pause * (1 + MAX_JITTER * constant_share(source.id)),
        not_before=now + requested_pause if requested_pause else record.not_before,
        state=SourceState.GONE
        if gone
        else _state_after_failure(
            record, failures, is_rate_limited=bool(requested_pause), held_items=held_items
        ),
        failures=failures,
        reason=failure.reason,
        min_interval=source.every or rules.every,
        limit_host_until=now + host_pause if host_pause else None,
        failed_status=failure.status,
        gone_since=missing_since,
        hints=record.hints,
        move=_move_after_failure(record, failures),
    )


def _is_gone(record: SourceRecord, failure: Failure, since: datetime | None, now: datetime) -> bool:
    """Check for 410 twice, 24 h apart, or 404 for 14 days; or gone before (CL15)."""
    if record.state is SourceState.GONE:
        return True
    if since is None:
        return False
    is_second_410 = failure.status == record.failed_status == 410 and now - since >= MIN_GONE_TIME
    return is_second_410 or (failure.status in (404, 410) and now - since >= MIN_NOT_FOUND_TIME)


def _state_after_failure(
    record: SourceRecord, failures: int, *, is_rate_limited: bool, held_items: int
) -> SourceState:
    """Return the state after a failure: failing from the third, or at a first visit (V8)."""
    if failures >= MIN_FAILURES or record.last_success is None:
        return SourceState.FAILING
    if is_rate_limited:
        return SourceState.RATE_LIMITED
    if held_items:
        return SourceState.NEEDS_REVIEW
    return SourceState.OK if record.state in _WAITING else record.state


def _requested_pause(failure: Failure, failures: int) -> timedelta | None:
    """Return the pause of Retry-After; without it four hours, doubling, after 429 or 503 (CL8)."""
    if failure.wait is not None:
        return min(failure.wait, MAX_REQUESTED_WAIT)
    if failure.status not in (429, 503):
        return None
    return min(_doubled(MIN_REFUSAL_PAUSE, failures), MAX_REQUESTED_WAIT)


def _doubled(pause: timedelta, failures: int) -> timedelta:
    """Return `pause`, doubled with each failure after the first."""
    longer: timedelta = pause * 2 ** min(failures - 1, 10)
    return longer


def constant_share(name: str) -> float:
    """Return a number from 0 to 1 that is constant for a source or subscription (CL10)."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
