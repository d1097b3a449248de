"""Decide when requests to WebSub hubs are due, and which leases are accepted. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from aggregator.polling.schedule import DAY, HOUR, constant_share

REQUESTED_LEASE = 10 * DAY
"""Lease that subscriptions request."""
MIN_LEASE = timedelta(minutes=1)
"""Minimum lease that is accepted: a shorter one ends before it can be renewed."""
MAX_LEASE = 30 * DAY
"""Maximum lease that is used; a longer one is renewed as early as this one."""
MAX_VERIFICATION_TIME = HOUR
"""Maximum time until a hub verifies a request, before it counts as failed."""
MAX_REQUEST_AGE = DAY
"""Maximum age of a request that a hub may still verify; it may do so more than once."""
RETRY_PAUSES = (HOUR, 4 * HOUR, DAY, 3 * DAY, 7 * DAY)
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
        return REQUESTED_LEASE
    if not re.fullmatch(r"[0-9]{1,400}", lease_seconds):
        return None
    seconds = min(int(lease_seconds), int(MAX_LEASE.total_seconds()))
    granted = timedelta(seconds=seconds)
    return granted if granted >= MIN_LEASE else None


def renewal_time(now: datetime, granted: timedelta, token: str) -> datetime:
    """Return when to renew a lease: after 60 to 85 % of it, constant for a subscription (CL10)."""
    return now + granted * (0.6 + 0.25 * constant_share(token))


def retry_time(now: datetime, attempts: int, token: str) -> datetime:
    """Return when to repeat a request to a hub after `attempts` failures in a row."""
    pause = RETRY_PAUSES[min(attempts, len(RETRY_PAUSES)) - 1]
    return now + pause * (1 + 0.1 * constant_share(token))
