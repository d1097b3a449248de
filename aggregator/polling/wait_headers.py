"""Parse the headers by which a server states when it wants the next request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from aggregator import http_dates

MAX_REQUESTED_WAIT = timedelta(days=31)
"""Maximum pause that a server or document can ask for (CL7, CL8)."""
_SECONDS_LIST = re.compile(r"[0-9]+(?:\s*,\s*[0-9]+)*")
_QUOTED_ARGUMENT = re.compile(r'="(?![0-9]+")[^"]*"')
"""The argument of a directive that is no number; it may contain names of directives."""


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Parse `Retry-After`: seconds, or a date by the server's own clock (RFC 9110 10.2.3).

    A header that was sent twice is one value with a comma; the longest of several waits counts.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS_LIST.fullmatch(value):
        return min(max(map(_seconds, value.split(","))), MAX_REQUESTED_WAIT)
    until = http_dates.parse(value)
    if until is None:
        return None
    return max(until - _sent(headers, now), timedelta(0))


def fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Parse how long a response stays fresh (CL7, RFC 9111 4.2); None if it states nothing.

    `no-cache` without field names and `no-store` ask for revalidation at each visit: zero. So do values that are no
    number and no date (4.2.1).
    """
    directives = _QUOTED_ARGUMENT.sub("=", headers.get("cache-control", "").lower())
    if re.search(r"(?<![-\w])no-(?:cache|store)\b(?!\s*=)", directives):
        return timedelta(0)
    if max_age := re.search(r"(?<![-\w])max-age\b(?:\s*=\s*\"?([0-9]+))?", directives):
        lifetime = _seconds(max_age[1] or "0")
    elif "expires" in headers:
        sent = _sent(headers, now)
        lifetime = (http_dates.parse(headers["expires"]) or sent) - sent
    else:
        return None
    age = re.match(r"(\d{1,9})(?:\d*)\s*(?:,|$)", headers.get("age", ""))  # the first counts (5.1)
    return max(lifetime - timedelta(seconds=int(age[1]) if age else 0), timedelta(0))


def _seconds(digits: str) -> timedelta:
    """Return a number of seconds as a time; 2**31 stands for all larger ones (RFC 9111 1.2.2)."""
    return timedelta(seconds=min(float(digits), 2**31))


def _sent(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return when a response was sent, by the server's clock if it states that (RFC 9110 6.6.1)."""
    return http_dates.parse(headers.get("date", "")) or now
