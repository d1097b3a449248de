"""Decide when requests to WebSub hubs are due, and which leases are accepted. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEASE = 10 * DAY
"""Lease that subscriptions request."""
MIN_LEASE = timedelta(minutes=1)
"""Minimum lease that is accepted: a shorter one ends before it can be renewed."""
MAX_LEASE = 30 * DAY
"""Maximum lease that is used; a longer one is renewed as early as this one."""
VERIFICATION = HOUR
"""Maximum time until a hub verifies a request, before it counts as failed."""
VERIFIABLE = DAY
"""Maximum age of a request that a hub may still verify; it may do so more than once."""
BACKOFF = (HOUR, 4 * HOUR, DAY, 3 * DAY, 7 * DAY)
"""Wait after each failure in a row; the last one is repeated."""
MIN_ATTEMPTS_AFTER_DENIAL = 3
"""Minimum number of failures that a denial counts as, so that the next request waits a day."""
MAX_UNSUBSCRIBE_ATTEMPTS = 3
"""Maximum number of requests to end a subscription; then its lease ends it."""


def parse_lease(lease_seconds: str | None) -> timedelta | None:
    """Parse `hub.lease_seconds` of a verification; return None if it is not accepted.

    Without it the requested lease is used, although WebSub section 5.3 requires the parameter.
    """
    if lease_seconds is None:
        return LEASE
    if not re.fullmatch(r"[0-9]{1,400}", lease_seconds):
        return None
    seconds = min(int(lease_seconds), int(MAX_LEASE.total_seconds()))
    granted = timedelta(seconds=seconds)
    return granted if granted >= MIN_LEASE else None


def renewal(now: datetime, granted: timedelta, token: str) -> datetime:
    """Return when to renew a lease: after 60 to 85 % of it, constant for a subscription (CL10)."""
    return now + granted * (0.6 + 0.25 * _share(token))


def retry(now: datetime, attempts: int, token: str) -> datetime:
    """Return when to repeat a request to a hub after `attempts` failures in a row."""
    pause = BACKOFF[min(attempts, len(BACKOFF)) - 1]
    return now + pause * (1 + 0.1 * _share(token))


def _share(token: str) -> float:
    """Return a number from 0 to 1 that is constant for a subscription."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:4], "big") / 2**32
