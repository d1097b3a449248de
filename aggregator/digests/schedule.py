"""Compute when a digest is due.

A period is a local date in the time zone of the digest, so that a clock change neither skips nor repeats one (M5).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from aggregator.model.config import DigestPlan

MAX_CLOCK_CHANGE = timedelta(hours=3)
"""Maximum shift of a clock change."""


def current_period(plan: DigestPlan, now: datetime) -> date:
    """Return the period of an edition composed at `now`; today if the schedule has none yet."""
    return last_period(plan.schedule, plan.timezone, now) or now.astimezone(plan.timezone).date()


def last_period(schedule: str, zone: ZoneInfo, now: datetime) -> date | None:
    """Return the local date of the last scheduled time at or before `now`.

    `schedule` has five cron fields. Wall-clock times are converted to instants here. A time skipped in spring is the
    instant that the old offset gives. Of a time repeated in autumn the first one counts.
    """
    local = now.astimezone(zone).replace(tzinfo=None)
    # A clock change repeats some hours, so start ahead and go backwards.
    moments = CronSim(schedule, local + MAX_CLOCK_CHANGE, reverse=True)
    for _ in range(1000):
        wall = next(moments, None)
        if wall is None:
            return None
        if _instant(wall, zone) <= now:
            return wall.date()
    return None


def next_moment(schedule: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the first scheduled instant after `now`; until then `last_period` stays the same."""
    # A clock change reorders instants by some hours, so start before `now` and look beyond the first one.
    walls = CronSim(schedule, now.astimezone(zone).replace(tzinfo=None) - MAX_CLOCK_CHANGE)
    first = next((wall for wall in walls if _instant(wall, zone) > now), None)
    if first is None:
        return datetime.max.replace(tzinfo=UTC)
    near = takewhile(lambda wall: wall <= first + MAX_CLOCK_CHANGE, walls)
    return min(_instant(wall, zone) for wall in (first, *near) if _instant(wall, zone) > now)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
