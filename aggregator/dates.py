"""Parse dates as publishers write them, as aware moments in UTC (T2).

Dates are read from the raw text. feedparser reads CET as UTC and epoch numbers as the year 1749. It knows neither
German dates nor dates without a zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from itertools import islice

from aggregator import calendar_names

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
MAX_AHEAD = timedelta(hours=24)

_MONTHS = calendar_names.month_numbers(calendar_names.DATE_LANGUAGES, calendar_names.DATE_LANGUAGES)
_MONTH = rf"(?P<month>{calendar_names.one_of(_MONTHS)})\b\.?"
# Two digits are a year only where they cannot be a time: "20 Oct 12:00", "3 Oct 14-16h".
_NO_TIME = r"(?![\d:.\-]|\s*(?:h|uhr|[ap]\.?m)\b)"
_YEAR = rf"(?P<year>\d{{4}}(?!\d)|(?<=')\d{{2}}(?!\d)|\d{{2}}{_NO_TIME})"
_DATES = (
    r"(?<!\d)(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})(?!\d)",
    r"(?<!\d)(?P<year>\d{4})/(?P<number>\d{1,2})/(?P<day>\d{1,2})(?!\d)",
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<number>\d{2})(?P<day>\d{2})(?=T|$|\s)",
    # Hungarian, and Asian with two digits: 2026.1.2 is a version.
    r"(?<![\w.])(?P<year>(?:19|20)\d{2})\. (?P<number>\d{1,2})\. (?P<day>\d{1,2})(?!\d)",
    r"(?<![\w.])(?P<year>(?:19|20)\d{2})\.(?P<number>\d{2})\.(?P<day>\d{2})(?![\w-])(?!\.\d)",
    r"(?<!\d)(?P<year>\d{4}) ?[年년] ?(?P<number>\d{1,2}) ?[月월] ?(?P<day>\d{1,2}) ?[日일]",
    r"(?<!\d)(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|η)?\.?[ \-/]+(?:of |de |d')?"
    + _MONTH
    + r",?[ \-/]+(?:del? )?'?"
    + _YEAR,
    r"\b" + _MONTH + r",? +(?P<day>\d{1,2})(?:st|nd|rd|th)?(?: ?[,.]| )\s*(?P<year>\d{4})(?!\d)",
    # Hungarian, Lithuanian, Latvian
    r"(?<!\d)(?P<year>\d{4})(?:\. ?| m\. ?)" + _MONTH + r" (?P<day>\d{1,2})(?!\d)\.?",
    r"(?<!\d)(?P<year>\d{4})\. ?(?:gada |g\. ?)(?P<day>\d{1,2})\. ?" + _MONTH,
    r"(?<!\d)(?P<day>\d{1,2})\. ?(?P<number>\d{1,2})\. ?(?P<year>\d{4})(?!\d)",
    # With a year of two digits the month has two as well: 1.2.26 is a version.
    r"(?<![\w.])(?P<day>\d{1,2})\.(?P<number>\d{2})\.(?P<year>\d{2})(?![\w:-])(?!\.\d)",
    r"(?<!\d)(?P<day>\d{1,2})/(?P<number>\d{1,2})/(?P<year>\d{4})(?!\d)",
    r"(?<![\w/])(?P<day>\d{2})/(?P<number>\d{2})/(?P<year>\d{2})(?![\w/:])",
    r"(?<![\d-])(?P<day>\d{1,2})-(?P<number>\d{1,2})-(?P<year>(?:19|20)\d{2})(?![\d-])",
    # asctime and date(1): Mon Sep 28 10:15:00 2026, Mon Sep 28 10:15:00 CEST 2026
    r"\b" + _MONTH + r" +(?P<day>\d{1,2}) (?=\d{1,2}:\d{2})[\d:]+ (?:[A-Z]{1,5} )?(?P<year>\d{4})",
)
_TIME = re.compile(
    r"(?<![\d:+\-])(?P<hour>\d{1,2})(?::|(?<!\d\.\d)(?<!\d\.\d\d)\.| ?h ?|(?<=T\d\d))(?P<minute>\d{2})(?!\.\d{4})"
    r"(?::?(?P<second>\d{2})(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\b\.?)?\s*(?:Uhr\b|h\b)?\s*\(?(?:(?:GMT|UTC)(?=[+-]\d))?(?P<zone>"
    r"Z\b|[+-]\d{2}:?\d{2}|[+-]\d{2}\b|(?<=GMT|UTC)[+-]\d\b|[A-Za-z]{1,5}\b)?",
    re.IGNORECASE,
)
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_USUAL = tuple(
    re.compile(pattern + "(?P<half>)")
    for pattern in (
        # RFC 822 as in RSS, with four digits of the year: Mon, 28 Sep 2026 10:15:00 +0200
        rf"(?:[A-Z][a-z]{{2}}, )?(?P<day>\d{{1,2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK}"
        r" (?P<zone>[+-]\d{4}|(?![AP]M)[A-Z]{1,4})",
        # RFC 3339 as in Atom: 2026-09-28T10:15:00.000+02:00
        rf"(?P<year>\d{{4}})-(?P<number>\d\d)-(?P<day>\d\d)T{_CLOCK}(?:\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?",
    )
)
"""The two usual forms, tried first, because all others together take five times as long."""
# Allowed between a date and its time: "at", "a las", "r. o godz.", a T; between a time and its date: a weekday.
_GAP_WORDS = (
    "t|at|um|à|om|ore|alle|kl|klo|kello|klockan|a|las|les|às|as|o|ob|v|u|r|roku|godz|d|ora|la|kell|plkst|saat"
    "|в|г|от|р|о|об|στις"
)
_GAP = re.compile(rf"[^\w]*(?:(?:{_GAP_WORDS})\b[^\w]*){{0,3}}|[^\w]*t", re.IGNORECASE)
_GAP_BEFORE = re.compile(r"[^\w]*(?:[^\W\d]{2,12}[^\w]*)?")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("’‘ʼ", "'"))
_UPDATED = re.compile(r"updated(?: on)?\W{0,3}$", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:published|posted|updated|(?<!up)date|veröffentlicht|erstellt|publié|publicado|pubblicato|gepubliceerd|publicerad"
    r"|publisert|udgivet|julkaistu)(?: on| am| le| el| op| il)?\W{0,3}$",
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
    "HST": -10,
    "MSK": 3,
    "JST": 9,
    "KST": 9,
    "AWST": 8,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
"""Hours east of Greenwich. Names of several zones, such as IST, mean that of the source."""


def parse(text: str | None, zone: tzinfo, language: str | None = None) -> datetime | None:
    """Return the moment that a text names; None where it names no whole date.

    A date alone means 12:00 in `zone`; a time without zone is in `zone` (T2). Words around the date are ignored,
    because pages write "Published: 2026-09-28" and "June 5, 2026 Board UK Node". Months are first read in `language`.
    """
    if not text:
        return None
    text = " ".join(text.split())[:200].translate(_DASHES)
    if re.fullmatch(r"\d{10}|\d{13}", text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    for pattern in _USUAL:
        if usual := pattern.fullmatch(text):
            if any(_months(usual.groupdict().get("month") or "Jan", language)):
                return _moment(usual, usual, zone, language)
            break
    match = _date_in(text)
    return _moment(match, _time_of(match, text), zone, language) if match else None


def find(text: str | None) -> str | None:
    """Return the part of a text that is a date with its time; `parse` reads it."""
    text = " ".join((text or "").split())[:20_000]
    plain = text.translate(_DASHES)  # of the same length
    match = _date_in(plain)
    if match is None:
        return None
    time = _time_of(match, plain)
    start, end = (time or match).span()
    return text[min(start, match.start()) : max(end, match.end())].strip()[:200]


def leading_date(text: str | None) -> str | None:
    """Return the date that a short text begins with; None where it is a sentence.

    A label or a weekday may stand before it.
    """
    text = " ".join((text or "").split())
    found = find(text) if len(text) <= 120 else None
    if found is None or found not in text:
        return None
    before = text[: text.index(found)]
    return found if len(before.split()) < 2 or _LABEL.search(before) else None


@cache
def _date_patterns() -> tuple[re.Pattern[str], ...]:
    """Compile the patterns of rare dates at their first use, because that takes 12 ms."""
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in _DATES)


def _date_in(text: str) -> re.Match[str] | None:
    """Return the first date with a label such as "Published:", else the first one.

    Days that no calendar has, such as 31 February, are skipped.
    """
    matches = (match for pattern in _date_patterns() for match in islice(pattern.finditer(text), 20))
    return min(
        filter(_day, matches), key=lambda match: (not _is_published(match, text), match.start()), default=None
    )


def _is_published(date: re.Match[str], text: str) -> bool:
    """Return whether the label of a date says that it is one of publication, not of an update."""
    before = text[max(0, date.start() - 40) : date.start()]
    return bool(_LABEL.search(before)) and not _UPDATED.search(before)


def _time_of(date: re.Match[str], text: str) -> re.Match[str] | None:
    """Return the time within, right behind or right before a date.

    An example of the last is "10:15 Uhr, 28. September 2026".
    """
    if date[0].count(":"):
        return _TIME.search(text, date.start(), date.end())
    behind = _TIME.search(text, date.end())
    if behind and _GAP.fullmatch(text, date.end(), behind.start()):
        return behind
    before = _TIME.search(text, max(0, date.start() - 40), date.start())
    return before if before and _GAP_BEFORE.fullmatch(text, before.end(), date.start()) else None


def plausible(moment: datetime | None, now: datetime) -> datetime | None:
    """Return `moment` unless it is before 1990 or more than a day ahead (T2)."""
    return moment if moment and EARLIEST <= moment <= now + MAX_AHEAD else None


def _moment(
    match: re.Match[str], time: re.Match[str] | None, zone: tzinfo, language: str | None
) -> datetime | None:
    day = _day(match, language)
    if day is None:
        return None
    hour, minute, second, where = _clock(time, zone)
    try:
        local = datetime(day.year, day.month, day.day, hour % 24, minute, second, tzinfo=where)
        return (local + timedelta(days=hour // 24)).astimezone(UTC)
    except OverflowError:
        return None


def _day(match: re.Match[str], language: str | None = None) -> date | None:
    """Return the day of a match; None if no calendar has it."""
    parts = match.groupdict()
    months = _months(parts["month"], language) if parts.get("month") else (int(parts["number"]),)
    return next(filter(None, (_existing_day(match, parts, month) for month in months)), None)


def _existing_day(match: re.Match[str], parts: Mapping[str, str], month: int) -> date | None:
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 50 else 1900  # RFC 2822, 4.3
    day = int(parts["day"])
    if month > 12 and day <= 12 and re.match(r"\d{1,2}[/-]", match[0]):
        month, day = day, month  # 9/28/2026: no day-month date
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _months(name: str, language: str | None) -> Iterator[int]:
    """Yield the month that a name is in a language, else what it is in others.

    A Turkish İ folds to i and a dot.
    """
    name = name.casefold().replace("\u0307", "")
    if own := calendar_names.own_month_numbers(language).get(name):
        yield own
    else:
        numbers = map(calendar_names.own_month_numbers, calendar_names.DATE_LANGUAGES)
        yield from filter(None, (each.get(name) for each in numbers))


def _clock(time: re.Match[str] | None, zone: tzinfo) -> tuple[int, int, int, tzinfo]:
    noon = (12, 0, 0, zone)
    if time is None:
        return noon
    hour, minute, second = int(time["hour"]), int(time["minute"]), int(time["second"] or 0)
    half = (time["half"] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
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
