"""When a digest is due: one period for each local date, in any clock change (M5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aggregator.config import values
from aggregator.digests.schedule import last_period, next_moment
from tests.builders import BERLIN

NEW_YORK = ZoneInfo("America/New_York")


def moment(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    """Return a date of 2026."""
    return date.fromisoformat(f"2026-{text}")


# --- clock changes of 2026 -----------------------------------------------------------------------------
# Berlin: 29 March, 02:00 -> 03:00 (01:00 UTC); 25 October, 03:00 -> 02:00 (01:00 UTC).
# New York: 8 March, 02:00 -> 03:00 (07:00 UTC); 1 November, 02:00 -> 01:00 (06:00 UTC).


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "period"),
    [
        # 02:30 does not exist: it is the instant its clock would have shown, 03:30 summer time
        ("daily 02:30", BERLIN, "2026-03-29T01:29", "03-28"),
        ("daily 02:30", BERLIN, "2026-03-29T01:30", "03-29"),
        ("daily 02:30", BERLIN, "2026-03-30T00:29", "03-29"),
        ("daily 02:30", BERLIN, "2026-03-30T00:30", "03-30"),
        ("daily 02:30", NEW_YORK, "2026-03-08T07:29", "03-07"),
        ("daily 02:30", NEW_YORK, "2026-03-08T07:30", "03-08"),
        ("daily 02:30", NEW_YORK, "2026-03-09T06:30", "03-09"),
        # 02:30 (in New York 01:30) is there twice: the first counts, the second is the same date
        ("daily 02:30", BERLIN, "2026-10-25T00:29", "10-24"),
        ("daily 02:30", BERLIN, "2026-10-25T00:30", "10-25"),
        ("daily 02:30", BERLIN, "2026-10-25T01:30", "10-25"),
        ("daily 02:30", BERLIN, "2026-10-26T01:29", "10-25"),
        ("daily 02:30", BERLIN, "2026-10-26T01:30", "10-26"),
        ("daily 01:30", NEW_YORK, "2026-11-01T05:29", "10-31"),
        ("daily 01:30", NEW_YORK, "2026-11-01T05:30", "11-01"),
        ("daily 01:30", NEW_YORK, "2026-11-01T06:30", "11-01"),
        ("daily 01:30", NEW_YORK, "2026-11-02T06:30", "11-02"),
        # the hour before the change back is also before the first of a doubled time
        ("daily 02:59", BERLIN, "2026-10-25T00:58", "10-24"),
        ("daily 02:59", BERLIN, "2026-10-25T00:59", "10-25"),
        # an ordinary day
        ("daily 08:00", BERLIN, "2026-10-05T05:59", "10-04"),
        ("daily 08:00", BERLIN, "2026-10-05T06:00", "10-05"),
        ("daily 08:00", NEW_YORK, "2026-10-05T11:59", "10-04"),
        ("daily 08:00", NEW_YORK, "2026-10-05T12:00", "10-05"),
        # at the edges of the day the date is the local one, not that of UTC
        ("daily 00:00", BERLIN, "2026-10-04T22:00", "10-05"),
        ("daily 23:59", NEW_YORK, "2026-10-05T03:58", "10-03"),
        ("daily 23:59", NEW_YORK, "2026-10-05T03:59", "10-04"),
        # weekly; 29 March and 25 October are Sundays
        ("mon 08:00", BERLIN, "2026-10-05T05:59", "09-28"),
        ("mon 08:00", BERLIN, "2026-10-05T06:00", "10-05"),
        ("mon 08:00", BERLIN, "2026-10-11T23:59", "10-05"),
        ("sun 02:30", BERLIN, "2026-03-29T01:29", "03-22"),
        ("sun 02:30", BERLIN, "2026-03-29T01:30", "03-29"),
        ("sun 02:30", BERLIN, "2026-10-25T00:30", "10-25"),
        ("sun 02:30", BERLIN, "2026-10-31T23:00", "10-25"),
        ("mon,thu 08:00", BERLIN, "2026-10-08T06:00", "10-08"),
        ("mon,thu 08:00", BERLIN, "2026-10-08T05:00", "10-05"),
        # monthly and yearly, as cron writes it
        ("0 8 1 * *", BERLIN, "2026-10-31T12:00", "10-01"),
        ("0 8 1 * *", BERLIN, "2026-11-01T07:00", "11-01"),
        ("0 8 1 * *", BERLIN, "2026-11-01T06:59", "10-01"),
        ("0 8 31 * *", BERLIN, "2026-07-15T12:00", "05-31"),
        ("0 8 1 1 *", NEW_YORK, "2026-12-31T23:00", "01-01"),
        # twice a day is one period a date
        ("0 8,20 * * *", BERLIN, "2026-10-05T06:00", "10-05"),
        ("0 8,20 * * *", BERLIN, "2026-10-05T18:00", "10-05"),
        ("* * * * *", BERLIN, "2026-10-25T01:30", "10-25"),
    ],
)
def test_the_period_is_the_local_date_of_the_last_scheduled_time(
    schedule: str, zone: ZoneInfo, now: str, period: str
) -> None:
    """A time skipped in spring or repeated in autumn belongs to its date, once (M5)."""
    assert last_period(values.schedule(schedule), zone, moment(now)) == day(period)


def test_a_rare_schedule_has_a_period_years_ago() -> None:
    """29 February is found from years away (M5)."""
    assert last_period("0 8 29 2 *", BERLIN, moment("2027-06-01T00:00")) == date(2024, 2, 29)


def test_the_zone_of_now_does_not_matter() -> None:
    """The same instant in any zone gives the same period (M5)."""
    now = moment("2026-10-25T01:30")
    for zone in (UTC, BERLIN, NEW_YORK):
        assert last_period("30 2 * * *", BERLIN, now.astimezone(zone)) == day("10-25")


# --- properties ----------------------------------------------------------------------------------------

CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Havana", "2026-03-08"),  # at midnight
    ("America/Havana", "2026-11-01"),
    ("Asia/Beirut", "2026-03-29"),
    ("Asia/Beirut", "2026-10-25"),
    ("Atlantic/Azores", "2026-03-29"),
    ("Africa/Casablanca", "2026-02-15"),  # Ramadan
    ("Africa/Casablanca", "2026-03-22"),
    ("Antarctica/Troll", "2026-03-29"),  # by two hours
    ("Antarctica/Troll", "2026-10-25"),
]


def closed_periods(schedule: str, zone: ZoneInfo, moments: Iterable[datetime]) -> list[date]:
    """Return the periods that a digest closes if the job runs at these moments."""
    periods: list[date] = []
    for now in moments:
        period = last_period(schedule, zone, now)
        assert period is not None
        if not periods or period > periods[-1]:
            periods.append(period)
        assert period == periods[-1], "periods must not decrease"
    return periods


def test_over_the_nights_of_berlin_every_date_comes_once() -> None:
    """A job every five minutes closes each date once, in order, at 02:30 of any night (M5)."""
    for night in ("2026-03-28", "2026-10-24"):
        start = moment(f"{night}T00:00")
        moments = (start + timedelta(minutes=n) for n in range(0, 3 * 24 * 60, 5))
        assert closed_periods("30 2 * * *", BERLIN, moments) == [
            start.date() + timedelta(days=n) for n in range(-1, 3)
        ]


@settings(max_examples=25)
@example(change=("Europe/Berlin", "2026-10-25"), hour=2, minute=30, gaps=[1])
@example(change=("America/Havana", "2026-03-08"), hour=0, minute=0, gaps=[7])
@given(
    change=st.sampled_from(CHANGES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    gaps=st.lists(st.integers(20, 400), min_size=1, max_size=6),
)
def test_no_date_is_skipped_or_repeated_however_often_the_job_runs(
    change: tuple[str, str], hour: int, minute: int, gaps: list[int]
) -> None:
    """With any steps below a day across a clock change, each date comes once (M5)."""
    zone, night = ZoneInfo(change[0]), moment(f"{change[1]}T00:00")
    now, end = night - timedelta(days=2), night + timedelta(days=3)
    moments = []
    while now < end:
        moments.append(now)
        now += timedelta(minutes=gaps[len(moments) % len(gaps)])
    periods = closed_periods(f"{minute} {hour} * * *", zone, moments)
    assert periods == [periods[0] + timedelta(days=n) for n in range(len(periods))]
    assert len(periods) >= 4


@settings(max_examples=100)
@given(
    change=st.sampled_from(CHANGES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    offset=st.integers(-2 * 24 * 60, 3 * 24 * 60),
)
def test_a_period_begins_at_its_wall_clock_time(
    change: tuple[str, str], hour: int, minute: int, offset: int
) -> None:
    """A period is the date of now or of the day before, and begins at its time (M5)."""
    zone = ZoneInfo(change[0])
    now = moment(f"{change[1]}T00:00") + timedelta(minutes=offset)
    period = last_period(f"{minute} {hour} * * *", zone, now)
    today = now.astimezone(zone).date()
    begins = datetime(today.year, today.month, today.day, hour, minute, tzinfo=zone)
    assert period == (today if begins.astimezone(UTC) <= now else today - timedelta(days=1))


SCHEDULES = [
    ("daily 08:00", None),
    ("daily 02:30", None),  # skipped and doubled in Berlin, skipped in New York
    ("daily 01:30", None),  # doubled in New York
    ("daily 00:00", None),
    ("daily 23:59", None),
    ("mon 08:00", {0}),
    ("sun 02:30", {6}),  # all changes of clocks are on Sundays
    ("sun 01:30", {6}),
    ("mon,thu 07:15", {0, 3}),
]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK], ids=str)
@pytest.mark.parametrize(("schedule", "weekdays"), SCHEDULES)
def test_every_day_of_three_years_comes_once(
    schedule: str, weekdays: set[int] | None, zone: ZoneInfo
) -> None:
    """Run at each next moment from 2026 to 2028, the periods are the days of the schedule (M5)."""
    cron = values.schedule(schedule)
    first, end = date(2026, 1, 1), date(2028, 12, 31)
    now = datetime(2025, 12, 31, tzinfo=zone).astimezone(UTC)
    periods = []
    while True:
        now = next_moment(cron, zone, now)
        period = last_period(cron, zone, now)
        assert period is not None
        if period > end:
            break
        periods.append(period)
        assert last_period(cron, zone, now - timedelta(seconds=1)) != period, (
            "it was due before the next moment"
        )
    days = [first + timedelta(days=n) for n in range((end - first).days + 1)]
    wanted = [day for day in days if weekdays is None or day.weekday() in weekdays]
    assert [period for period in periods if period >= first] == wanted


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK], ids=str)
@pytest.mark.parametrize("step", [timedelta(hours=2), timedelta(days=8), timedelta(hours=25)], ids=str)
def test_no_period_repeats_at_any_distance_of_runs(step: timedelta, zone: ZoneInfo) -> None:
    """In a year of runs at any distance, periods only increase (M2, M5)."""
    now, end = moment("2026-01-01T00:10"), moment("2026-12-31T23:00")
    moments = []
    while now < end:
        moments.append(now)
        now += step
    for schedule in ("30 2 * * *", "30 1 * * *", "0 8 * * 1"):
        periods = closed_periods(schedule, zone, moments)
        assert len(set(periods)) == len(periods)


@settings(max_examples=150)
@given(
    change=st.sampled_from(CHANGES),
    schedule=st.sampled_from(
        ["daily 02:30", "daily 00:00", "sun 01:30", "* * * * *", "0 8,20 * * *", "30 1-3 * * *"]
    ),
    offset=st.integers(-2 * 24 * 60, 3 * 24 * 60),
    share=st.floats(0, 1, exclude_max=True),
)
def test_until_the_next_moment_nothing_is_due(
    change: tuple[str, str], schedule: str, offset: int, share: float
) -> None:
    """Between now and the next moment the period stays the same, in any clock change (M5)."""
    zone, cron = ZoneInfo(change[0]), values.schedule(schedule)
    now = moment(f"{change[1]}T00:00") + timedelta(minutes=offset)
    wake = next_moment(cron, zone, now)
    assert wake > now
    between = min(now + (wake - now) * share, wake - timedelta(microseconds=1))
    assert last_period(cron, zone, between) == last_period(cron, zone, now)


def test_a_rare_schedule_is_found_years_ahead() -> None:
    """29 February is found from years before (M5)."""
    assert next_moment("0 8 29 2 *", BERLIN, moment("2026-10-05T00:00")) == datetime(
        2028, 2, 29, 7, tzinfo=UTC
    )
