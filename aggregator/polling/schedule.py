"""When a source may be visited again: one pure decision from its past, the answer and now (V1, V3, CL5-CL10,
CL14, CL15, CL17)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.model.config import FetchRules, Source
from aggregator.model.documents import RefreshHints
from aggregator.model.polling import (
    Failure,
    Move,
    NextVisit,
    ParsedVisit,
    PostingStats,
    SourceRecord,
    SourceState,
    Unchanged,
    Validators,
    VisitResult,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WITHOUT_VALIDATORS = DAY  # CL6
PUSHED_BACK = 4 * HOUR  # CL8, CL15
LONGEST_BACKOFF = DAY
LONGEST_WAIT = 31 * DAY  # CL7, CL8
FAILING_AFTER = 3
JITTER = 0.1
WHOLE_AGAIN = 8 * DAY  # CL17
MOVED_VISITS, MOVED_FOR = 3, 72 * HOUR  # CL14
GONE_FOR, MISSED_FOR, PROBE = DAY, 14 * DAY, 7 * DAY  # CL15
SILENT_FOR = 90 * DAY


# --- before the visit ------------------------------------------------------------------------------------


def provisional_visit(
    record: SourceRecord, source: Source, rules: FetchRules, posting_stats: PostingStats, now: datetime
) -> datetime:
    """V1: the next allowed time that is committed before the first request: as if the visit were to fail."""
    died = VisitResult(
        source_id=source.id, result=Failure(reason="interrupted"), conditional=False, seconds=0.0
    )
    return next_visit(record, source, rules, died, posting_stats, now).due


def spread(source: Source, rules: FetchRules, now: datetime) -> datetime:
    """CL10: when to visit a source that became due while nobody was there, so that not all come at once."""
    return now + min(rules.every, HOUR) * _share(source)


def is_late(record: SourceRecord, rules: FetchRules, now: datetime) -> bool:
    """Whether a source has been due for so long that the program must have been away."""
    return record.next_visit is not None and now - record.next_visit > max(rules.every, HOUR)


def wants_full_document(record: SourceRecord, source: Source, now: datetime) -> bool:
    """CL17: after eight days of nothing but 304 the whole document is asked for once."""
    whole = record.last_whole
    return whole is not None and now - whole > WHOLE_AGAIN + DAY * _share(source)


# --- after the visit -------------------------------------------------------------------------------------


def next_visit(
    record: SourceRecord,
    source: Source,
    rules: FetchRules,
    outcome: VisitResult,
    posting_stats: PostingStats,
    now: datetime,
    *,
    known: bool = False,
    waiting: int = 0,
    gap: bool = False,
    neighbours: int | None = None,
) -> NextVisit:
    """The next visit after `outcome`.

    `known` says that the document shares an entry with what is known (CL14); `waiting` items are for an editor to
    decide (G2); a `gap` wants to be filled soon (G1). `neighbours` is the smallest number of failures in a row of
    another source on a host that wants silence, None where there is no other.
    """
    result = outcome.result
    if isinstance(result, Failure):
        return _after_failure(
            record, source, rules, result, posting_stats, now, waiting=waiting, neighbours=neighbours
        )
    if gap or (isinstance(result, ParsedVisit) and result.unfinished):
        posting_stats = PostingStats(count=1, oldest=now, newest=now)
    pause = _pause(source, rules, result.validators, posting_stats, now)
    share = 1.0 if is_late(record, rules, now) else JITTER  # CL10: what became due together is parted
    due = now + pause * (1 + share * _share(source))
    hints = _hints(record, outcome)
    notes: tuple[str, ...] = ()
    if source.every is None:  # V3: the source's own `every` is the operator's word
        due, notes = _heeding(hints, due, now)
    move = _moved(record, outcome, now, known=known or isinstance(result, Unchanged))
    state, reason = _state(move, posting_stats, waiting, now)
    silence = _asked_pause(outcome.silence, 1) if outcome.silence else None
    hold = silence if outcome.silence and outcome.silence.holds_host else None
    if hold:  # the host's other sources come first, although they may be spread over an hour (CL10)
        due = max(due, now + hold + 2 * HOUR)
    return NextVisit(
        due=due,
        not_before=now + silence if silence else None,
        hold_host_until=now + hold if hold else None,
        state=state,
        failures=0,
        reason=reason,
        floor=minimum_interval(source, rules, result.validators),
        hints=hints,
        move=move,
        notes=notes,
    )


def _pause(
    source: Source, rules: FetchRules, validators: Validators, posting_stats: PostingStats, now: datetime
) -> timedelta:
    """The source's own `every`; else half the mean gap between its news, within the rules (CL5, CL6)."""
    if source.every is not None:
        return source.every
    pause = rules.slowest
    if (
        posting_stats.oldest is not None
    ):  # the silence since the newest counts, so that quiet sources slow down
        pause = min(pause, (now - posting_stats.oldest) / posting_stats.count / 2)
    return max(pause, minimum_interval(source, rules, validators))


def minimum_interval(source: Source, rules: FetchRules, validators: Validators) -> timedelta:
    """The shortest pause allowed: the source's own, else the general one, and a day where nothing can be asked
    conditionally (CL5, CL6)."""
    if source.every is not None:
        return source.every
    if not validators.usable:
        return max(rules.every, WITHOUT_VALIDATORS)
    return rules.every


def _hints(record: SourceRecord, outcome: VisitResult) -> RefreshHints:
    """What is to be heeded from now on: a 304 that says nothing leaves what was said before (RFC 9111 4.3.4)."""
    said = outcome.result.hints if isinstance(outcome.result, ParsedVisit) else record.hints
    fresh = outcome.fresh_for
    if fresh is None and outcome.result.status == 304:
        fresh = record.hints.fresh_for
    return replace(said, fresh_for=fresh)


def _heeding(hints: RefreshHints, due: datetime, now: datetime) -> tuple[datetime, tuple[str, ...]]:
    """`due`, put off as the server and its document wish (CL7), and what is to be said of that."""
    wish = max(hints.fresh_for or timedelta(0), hints.update_interval or timedelta(0))
    notes: tuple[str, ...] = ()
    if wish > LONGEST_WAIT:
        notes = (
            f"it asks not to be visited for {wish.days} days; after {LONGEST_WAIT.days} it is all the same",
        )
    due = max(due, now + min(wish, LONGEST_WAIT))
    for _ in range(8 * 24):  # a week of hours and a bit: hours and days cannot all be closed
        if due.hour not in hints.skip_hours and due.weekday() not in hints.skip_days:
            break
        due = due + HOUR
    return due, notes


def _moved(record: SourceRecord, outcome: VisitResult, now: datetime, *, known: bool) -> Move | None:
    """CL14: a permanent redirect is believed after three visits over 72 h that found what we know."""
    before = record.move
    if before is not None and before.learned:
        return before
    if outcome.moved is None or not known:
        return None
    if before is None or before.url != outcome.moved:
        return Move(url=outcome.moved, since=now)
    visits = before.visits + 1
    learned = visits >= MOVED_VISITS and now - before.since >= MOVED_FOR
    return replace(before, visits=visits, learned=learned)


def _state(
    move: Move | None, posting_stats: PostingStats, waiting: int, now: datetime
) -> tuple[SourceState, str | None]:
    if waiting:
        return SourceState.HELD, f"{waiting} unknown old entries came at once and wait for an editor"
    if move is not None and move.learned:
        return SourceState.MOVED, f"moved for good to {move.url}: put this address into feeds.yaml"
    if posting_stats.oldest is not None and posting_stats.newest is not None and posting_stats.count > 2:
        gap = (posting_stats.newest - posting_stats.oldest) / (posting_stats.count - 1)
        if now - posting_stats.newest > max(SILENT_FOR, 4 * gap):
            return (
                SourceState.SILENT,
                f"nothing new since {posting_stats.newest:%Y-%m-%d}, which is unlike it",
            )
    return SourceState.WELL, None


def _after_failure(
    record: SourceRecord,
    source: Source,
    rules: FetchRules,
    failure: Failure,
    posting_stats: PostingStats,
    now: datetime,
    *,
    waiting: int,
    neighbours: int | None,
) -> NextVisit:
    failures = record.failures + 1
    every = (
        _pause(source, rules, record.validators, posting_stats, now) if record.last_success else rules.every
    )
    every = source.every or every
    pause = min(every * 2 ** min(failures - 1, 10), max(LONGEST_BACKOFF, every))
    if failure.status in (401, 403):
        pause = max(pause, PUSHED_BACK)
    elif failure.status == 410:
        pause = max(pause, GONE_FOR)
    missing_since = record.gone_since or (now if failure.status in (404, 410) else None)
    gone = _is_gone(record, failure, missing_since, now)
    if gone:
        pause = max(pause, PROBE)
    asked = _asked_pause(failure, failures)
    hold = None
    if asked and failure.holds_host:
        # The pause of the host doubles only while all its sources fail: one source cannot shut out the others.
        hold = _asked_pause(failure, failures if neighbours is None else min(failures, neighbours + 1))
        if failures > 1:
            pause = max(pause, min(_doubled(asked, failures), max(2 * asked, PROBE), LONGEST_WAIT))
    return NextVisit(
        due=now + pause * (1 + JITTER * _share(source)),
        not_before=now + asked if asked else record.not_before,
        state=SourceState.GONE if gone else _failing(record, failures, held=bool(asked) or waiting > 0),
        failures=failures,
        reason=failure.reason,
        floor=source.every or rules.every,
        hold_host_until=now + hold if hold else None,
        failed_status=failure.status,
        gone_since=missing_since,
        hints=record.hints,
        move=record.move if failures < FAILING_AFTER else None,  # what was learned may have been wrong
    )


def _is_gone(record: SourceRecord, failure: Failure, since: datetime | None, now: datetime) -> bool:
    """CL15: 410 twice, 24 h apart, or 404 for 14 days; once gone, gone until it answers again."""
    if record.state is SourceState.GONE:
        return True
    if since is None:
        return False
    twice = failure.status == record.failed_status == 410 and now - since >= GONE_FOR
    return twice or (failure.status in (404, 410) and now - since >= MISSED_FOR)


def _failing(record: SourceRecord, failures: int, *, held: bool) -> SourceState:
    """One or two failures are no state; three are, and so is the first of a source that never answered (V8)."""
    if failures >= FAILING_AFTER or record.last_success is None:
        return SourceState.FAILING
    if held:
        return SourceState.HELD
    return SourceState.WELL if record.state is SourceState.HELD else record.state


def _asked_pause(failure: Failure, failures: int) -> timedelta | None:
    """What a 429 or 503 asks for: its Retry-After, or four hours, doubling (CL8)."""
    if failure.status not in (429, 503):
        return None
    if failure.wait is not None:
        return min(failure.wait, LONGEST_WAIT)
    return min(_doubled(PUSHED_BACK, failures), LONGEST_WAIT)


def _doubled(pause: timedelta, failures: int) -> timedelta:
    """`pause`, doubled with each failure after the first."""
    longer: timedelta = pause * 2 ** min(failures - 1, 10)
    return longer


# --- headers ---------------------------------------------------------------------------------------------


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """`Retry-After` in seconds or as a date, read against the server's own clock (CL8, RFC 9110 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), int(LONGEST_WAIT.total_seconds())))
    until = _http_date(value)
    if until is None:
        return None
    return max(until - (_http_date(headers.get("date", "")) or now), timedelta(0))


def fresh_for(headers: Mapping[str, str]) -> timedelta | None:
    """How long an answer stays fresh by its own account (CL7, RFC 9111 4.2.1); None where it says nothing.

    `no-cache` and the like mean that every visit is to ask anew: no time at all.
    """
    directives = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(?:cache|store)\b", directives):
        return timedelta(0)
    if age := re.search(r"(?<![-\w])max-age\s*=\s*\"?(\d{1,10})", directives):
        already = headers.get("age", "").strip()
        passed = int(already[:9]) if already.isascii() and already.isdigit() else 0
        return timedelta(seconds=max(int(age[1]) - passed, 0))
    expires, date = _http_date(headers.get("expires", "")), _http_date(headers.get("date", ""))
    if expires is not None and date is not None:
        return max(expires - date, timedelta(0))
    return timedelta(0) if "expires" in headers else None  # "0" and other nonsense: expired already


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _share(source: Source) -> float:
    """A number from 0 to 1 that is the source's own for ever (CL10)."""
    return int.from_bytes(hashlib.sha256(source.id.encode()).digest()[:4], "big") / 2**32
