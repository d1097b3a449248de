"""Read when a feed wants the next visit: `ttl`, `skipHours`, `skipDays`, `sy:updatePeriod`."""

from __future__ import annotations

import re
from datetime import timedelta

from aggregator import calendar_names
from aggregator.model.documents import RefreshHints

SEARCHED_BYTES = 65_536
"""Number of bytes that are searched: hints stand before the first item."""

_PERIODS = {
    b"hourly": timedelta(hours=1),
    b"daily": timedelta(days=1),
    b"weekly": timedelta(days=7),
    b"monthly": timedelta(days=30),
    b"yearly": timedelta(days=365),
}
_DAYS = tuple(name.lower().encode() for name in calendar_names.weekdays("en"))
_ITEM = re.compile(rb"<(?:\w+:)?(?:item|entry)\b")
_TTL = re.compile(rb"<ttl>\s*(\d{1,9})\s*</ttl>")
_PERIOD = re.compile(rb"<\w+:updatePeriod[^<>]{0,300}>\s*(\w{1,10})\s*</")
_FREQUENCY = re.compile(rb"<\w+:updateFrequency[^<>]{0,300}>\s*(\d{1,6})\s*</")
_HOUR = re.compile(rb"<hour>\s*(\d{1,2})\s*</hour>")
_DAY = re.compile(rb"<day>\s*(\w{1,10})\s*</day>", re.IGNORECASE)


def read(body: bytes) -> RefreshHints:
    """Read the hints in the head of a feed; invalid values are ignored."""
    head = body[:SEARCHED_BYTES]
    first = _ITEM.search(head)
    head = head[: first.start()] if first else head
    if b"<ttl" not in head and b"updatePeriod" not in head and b"<skip" not in head:
        return RefreshHints()
    ttl = _TTL.search(head)
    waits = [timedelta(minutes=int(ttl[1]))] if ttl else []
    if (period := _PERIOD.search(head)) and period[1].lower() in _PERIODS:
        frequency = _FREQUENCY.search(head)
        waits.append(_PERIODS[period[1].lower()] / max(int(frequency[1]) if frequency else 1, 1))
    # RSS 0.91 counted hours from 1 to 24, RSS 2.0 from 0 to 23: 24 is midnight in both.
    hours = {int(hour) % 24 for hour in _HOUR.findall(head) if int(hour) <= 24}
    days = {_DAYS.index(day.lower()) for day in _DAY.findall(head) if day.lower() in _DAYS}
    return RefreshHints(
        update_interval=max(waits, default=None),
        skip_hours=tuple(sorted(hours)) if len(hours) < 24 else (),
        skip_days=tuple(sorted(days)) if len(days) < 7 else (),
    )
