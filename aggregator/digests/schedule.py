"""When a digest is due: periods are local dates in the digest's zone, so DST can neither skip nor double one (M5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

CHANGE = timedelta(hours=3)
"""No change of clocks is longer."""


def last_period(schedule: str, zone: ZoneInfo, now: datetime) -> date | None:
    """The local date of the last moment `schedule` (five cron fields) names at or before `now`.

    Works on wall-clock time and turns each into an instant itself: a time that a spring night leaves out
    is the instant its clock would have shown, one that an autumn night has twice is the first of them.
    """
    local = now.astimezone(zone).replace(tzinfo=None)
    # A wall clock put back repeats up to some hours, so start a little ahead and go backwards.
    moments = CronSim(schedule, local + CHANGE, reverse=True)
    for _ in range(1000):
        wall = next(moments, None)
        if wall is None:
            return None
        if _instant(wall, zone) <= now:
            return wall.date()
    return None


def next_moment(schedule: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The first instant after `now` that `schedule` names: until then `last_period` stays as it is."""
    # A clock that is changed puts the order of instants out by some hours: look a little behind, and beyond.
    walls = CronSim(schedule, now.astimezone(zone).replace(tzinfo=None) - CHANGE)
    first = next((wall for wall in walls if _instant(wall, zone) > now), None)
    if first is None:
        return datetime.max.replace(tzinfo=UTC)
    near = takewhile(lambda wall: wall <= first + CHANGE, walls)
    return min(_instant(wall, zone) for wall in (first, *near) if _instant(wall, zone) > now)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
