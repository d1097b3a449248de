"""When a source may be visited again: one pure decision from its past, the answer and now (V3, CL5-CL9)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.model import Failure, FetchRules, Harvest, NextVisit, Source, SourceRecord, State, Unchanged

WITHOUT_VALIDATORS = timedelta(hours=24)  # CL6
PUSHED_BACK = timedelta(hours=4)  # CL8, CL15
LONGEST_BACKOFF = timedelta(days=1)
LONGEST_WAIT = timedelta(days=31)  # CL7, CL8
FAILING_AFTER = 3
JITTER = 0.1


def provisional(source: Source, rules: FetchRules, now: datetime) -> datetime:
    """V1: the next allowed time that is committed before the first request."""
    return now + _with_jitter(source, source.every or rules.every)


def after(
    record: SourceRecord,
    source: Source,
    rules: FetchRules,
    result: Harvest | Unchanged | Failure,
    now: datetime,
) -> NextVisit:
    """The next visit after `result`."""
    if isinstance(result, Failure):
        return _after_failure(record, source, rules, result, now)
    every = source.every or rules.every
    validators = result.validators
    if source.every is None and validators.etag is None and validators.last_modified is None:
        every = max(every, WITHOUT_VALIDATORS)
    return NextVisit(
        due=now + _with_jitter(source, every), not_before=None, state=State.WELL, failures=0, reason=None
    )


def _after_failure(
    record: SourceRecord, source: Source, rules: FetchRules, failure: Failure, now: datetime
) -> NextVisit:
    failures = record.failures + 1
    every = source.every or rules.every
    pause = min(every * 2 ** min(failures - 1, 10), max(LONGEST_BACKOFF, every))
    if failure.status in (401, 403):
        pause = max(pause, PUSHED_BACK)
    asked = _asked_pause(failure, failures)
    not_before = now + asked if asked else record.not_before
    lasting = failures >= FAILING_AFTER or record.last_success is None
    return NextVisit(
        due=now + _with_jitter(source, pause),
        not_before=not_before,
        state=State.FAILING if lasting else State.HELD if asked else _without_hold(record.state),
        failures=failures,
        reason=failure.reason,
        hold_host_until=now + asked if asked and failure.holds_host else None,
    )


def _without_hold(state: State) -> State:
    return State.WELL if state is State.HELD else state


def _asked_pause(failure: Failure, failures: int) -> timedelta | None:
    """What a 429 or 503 asks for: its Retry-After, or four hours, doubling (CL8)."""
    if failure.status not in (429, 503):
        return None
    if failure.wait is not None:
        return min(failure.wait, LONGEST_WAIT)
    doubled: timedelta = PUSHED_BACK * 2 ** min(failures - 1, 10)
    return min(doubled, LONGEST_WAIT)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """`Retry-After` in seconds or as a date, read against the server's own clock (CL8, RFC 9110 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), int(LONGEST_WAIT.total_seconds())))
    until = _http_date(value)
    if until is None:
        return None
    return max(until - (_http_date(headers.get("date", "")) or now), timedelta(0))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _with_jitter(source: Source, pause: timedelta) -> timedelta:
    """A pause lengthened by a share that is the source's own for ever, so that not all come at minute 0 (CL10)."""
    share = int.from_bytes(hashlib.sha256(source.id.encode()).digest()[:4], "big") / 2**32
    return pause * (1 + JITTER * share)
