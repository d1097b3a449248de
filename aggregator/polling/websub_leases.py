"""Decide when requests to WebSub hubs are due, and which leases are accepted. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEASE = 10 * DAY
"""Lease that hubs are asked for."""
MIN_LEASE = timedelta(minutes=1)
"""Minimum lease that is accepted: a shorter one ends before it can be renewed."""
MAX_LEASE = 30 * DAY
"""Maximum lease that is believed; a longer one is renewed as if it were this one."""
VERIFICATION = HOUR
"""Maximum time until a hub verifies a request, before it counts as failed."""
VERIFIABLE = DAY
"""Maximum age of a request that a hub may still verify; it may do so more than once."""
BACKOFF = (HOUR, 4 * HOUR, DAY, 3 * DAY, 7 * DAY)
"""Wait after each failure in a row; the last one is repeated."""
DENIED = 3
"""Minimum number of failures that a denial counts as, so that a day passes."""
MAX_UNSUBSCRIBE_ATTEMPTS = 3
"""Maximum number of requests to end a subscription; then its lease ends it."""


def lease(stated: str | None) -> timedelta | None:
    """Return the lease that a verification states in seconds; None if it is not accepted.

    A hub that states none gets the one that was asked for, although WebSub section 5.3 requires it.
    """
    if stated is None:
        return LEASE
    if not re.fullmatch(r"[0-9]{1,400}", stated):
        return None
    seconds = min(int(stated), int(MAX_LEASE.total_seconds()))
    granted = timedelta(seconds=seconds)
    return granted if granted >= MIN_LEASE else None


def renewal(now: datetime, granted: timedelta, token: str) -> datetime:
    """Return when to renew a lease: after 60 to 85 % of it, by the subscription (CL10)."""
    return now + granted * (0.6 + 0.25 * _share(token))


def retry(now: datetime, attempts: int, token: str) -> datetime:
    """Return when to ask a hub again after `attempts` failures in a row."""
    pause = BACKOFF[min(attempts, len(BACKOFF)) - 1]
    return now + pause * (1 + 0.1 * _share(token))


def _share(token: str) -> float:
    """Return a number from 0 to 1 that is constant for a subscription."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:4], "big") / 2**32
