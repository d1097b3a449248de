"""Read when a feed wants the next visit: `ttl`, `skipHours`, `skipDays`, `sy:updatePeriod`."""

from __future__ import annotations

import re
from datetime import timedelta

from aggregator import calendar_names
from aggregator.model.documents import RefreshHints

SEARCHED_BYTES = 65_536
"""Maximum number of bytes that are searched before the first item, and after the last one."""

_PERIODS = {
    b"hourly": timedelta(hours=1),
    b"daily": timedelta(days=1),
    b"weekly": timedelta(days=7),
    b"monthly": timedelta(days=30),
    b"yearly": timedelta(days=365),
}
_DAYS = tuple(name.lower().encode() for name in calendar_names.weekdays("en"))
_ITEM = re.compile(rb"<(?:\w+:)?(?:item|entry)\b")
_ITEM_END = re.compile(rb"</(?:\w+:)?(?:item|entry)\s*>")
_COMMENT = re.compile(rb"<!--.*?(?:-->|$)", re.DOTALL)


def _element(name: bytes, value: bytes) -> re.Pattern[bytes]:
    return re.compile(
        rb"<(?:\w+:)?%b(?:\s[^<>]{0,300})?>\s*(?:<!\[CDATA\[\s*)?(%b)\s*(?:\]\]>\s*)?</" % (name, value)
    )


_TTL = _element(b"ttl", rb"\d{1,9}")
_PERIOD = _element(b"updatePeriod", rb"\w{1,10}")
_FREQUENCY = _element(b"updateFrequency", rb"\d{1,6}")
_HOUR = _element(b"hour", rb"\d{1,2}")
_DAY = _element(b"day", rb"\w{1,10}")


def read(body: bytes) -> RefreshHints:
    """Read the hints beside the items of a feed; invalid values are ignored."""
    head, tail = body[:SEARCHED_BYTES], body[-SEARCHED_BYTES:]
    first, ends = _ITEM.search(head), [end.end() for end in _ITEM_END.finditer(tail)]
    head = (head[: first.start()] if first else head) + (tail[ends[-1] :] if ends else b"")
    if b"ttl" not in head and b"updatePeriod" not in head and b"skip" not in head:
        return RefreshHints()
    head = _COMMENT.sub(b"", head)
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
