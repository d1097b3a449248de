"""Dates as publishers write them -> aware UTC moments (T2). Reads the raw string: feedparser takes CET for UTC,
epoch numbers for the year 1749, and knows neither German nor dates without a zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = timedelta(hours=24)

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar jänner jaenner jan jän",
            "february februar feber feb",
            "march märz maerz mar mär mrz",
            "april apr",
            "may mai",
            "june juni jun",
            "july juli jul",
            "august aug",
            "september sept sep",
            "october oktober oct okt",
            "november nov",
            "december dezember dec dez",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = r"(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
# Two digits are a year only where they cannot be a time: "20 Oct 12:00", "3 Oct 14-16h".
_YEAR = r"(?P<year>\d{4}(?!\d)|\d{2}(?![\d:.\-–]|\s*(?:h|uhr|[ap]\.?m)\b))"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<year>\d{4})/(?P<number>\d{1,2})/(?P<day>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<number>\d{2})(?P<day>\d{2})(?=T|$|\s)",
        r"(?<!\d)(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?[ \-]+(?:of )?" + _MONTH + r",?[ \-]+" + _YEAR,
        r"\b" + _MONTH + r" +(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,| )\s*(?P<year>\d{4})(?!\d)",
        r"(?<!\d)(?P<day>\d{1,2})\. ?(?P<number>\d{1,2})\. ?(?P<year>\d{4})(?!\d)",
        r"(?<!\d)(?P<day>\d{1,2})/(?P<number>\d{1,2})/(?P<year>\d{4})(?!\d)",
        # asctime and date(1): Mon Sep 28 10:15:00 2026, Mon Sep 28 10:15:00 CEST 2026
        r"\b" + _MONTH + r" +(?P<day>\d{1,2}) (?=\d{1,2}:\d{2})[\d:]+ (?:[A-Z]{1,5} )?(?P<year>\d{4})",
    )
)
_TIME = re.compile(
    r"(?<![\d:+\-])(?P<hour>\d{1,2})(?:[:.]|(?<=T\d\d))(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[ap]\.?m\b\.?)?\s*(?:Uhr\b|h\b)?\s*\(?(?:(?:GMT|UTC)(?=[+-]\d))?(?P<zone>Z\b|[+-]\d{2}:?\d{2}|[+-]\d{2}\b|[A-Za-z]{1,5}\b)?",
    re.IGNORECASE,
)
_ZONES = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET"), 0),
    **dict.fromkeys(("CET", "MEZ", "BST", "WEST"), 1),
    **dict.fromkeys(("CEST", "MESZ", "EET"), 2),
    "EEST": 3,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}


def read(text: str | None, zone: tzinfo) -> datetime | None:
    """The moment `text` names, or None if it names no whole date.

    A date alone means 12:00 in `zone`; a time without zone is in `zone` (T2). Words around are passed over,
    because pages write "Published: 2026-09-28" and "June 5, 2026 Board UK Node".
    """
    if not text:
        return None
    text = " ".join(text.split())[:200]
    if re.fullmatch(r"\d{10}|\d{13}", text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    for pattern in _DATES:
        if match := pattern.search(text):
            return _moment(match, text, zone)
    return None


def sane(moment: datetime | None, now: datetime) -> datetime | None:
    """T2: before 1990 or more than a day ahead is no date."""
    return moment if moment and EARLIEST <= moment <= now + LATEST else None


def _moment(match: re.Match[str], text: str, zone: tzinfo) -> datetime | None:
    parts = match.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 50 else 1900  # RFC 2822, 4.3
    month = _MONTHS.get(parts["month"].casefold(), 0) if parts.get("month") else int(parts["number"])
    day = int(parts["day"])
    if month > 12 and day <= 12 and "/" in match[0]:
        month, day = day, month  # 9/28/2026: no day-month date
    inside = _TIME.search(match[0]) if match[0].count(":") else None
    hour, minute, second, where = _clock(
        inside or _TIME.search(text, match.end()) or _before(text, match), zone
    )
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=where)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _before(text: str, match: re.Match[str]) -> re.Match[str] | None:
    """A time that stands in front of the date: "10:15 Uhr, 28. September 2026"."""
    return _TIME.search(text[: match.start()])


def _clock(time: re.Match[str] | None, zone: tzinfo) -> tuple[int, int, int, tzinfo]:
    noon = (12, 0, 0, zone)
    if time is None:
        return noon
    hour, minute, second = int(time["hour"]), int(time["minute"]), int(time["second"] or 0)
    half = (time["half"] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    if hour > 23 or minute > 59:
        return noon
    return hour, minute, min(second, 59), _zone(time["zone"], zone)


def _zone(written: str | None, default: tzinfo) -> tzinfo:
    if not written:
        return default
    if written[0] in "+-":
        digits = written[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        if offset >= timedelta(hours=24):
            return default
        return timezone(-offset if written[0] == "-" else offset)
    hours = _ZONES.get(written.upper())
    return default if hours is None else timezone(timedelta(hours=hours))
