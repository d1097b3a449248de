"""When a digest is due: periods are local dates in the digest's zone, so DST can neither skip nor double one (M5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim


def last_period(schedule: str, zone: ZoneInfo, now: datetime) -> date | None:
    """The local date of the last moment `schedule` (five cron fields) names at or before `now`.

    Works on wall-clock time and turns each into an instant itself: a time that a spring night leaves out
    is the instant its clock would have shown, one that an autumn night has twice is the first of them.
    """
    local = now.astimezone(zone).replace(tzinfo=None)
    # A wall clock put back repeats up to some hours, so start a little ahead and go backwards.
    moments = CronSim(schedule, local + timedelta(hours=3), reverse=True)
    for _ in range(1000):
        wall = next(moments, None)
        if wall is None:
            return None
        if wall.replace(tzinfo=zone).astimezone(UTC) <= now:
            return wall.date()
    return None
