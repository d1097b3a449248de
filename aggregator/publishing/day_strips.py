"""Draw strips of days as paths of inline SVG."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from aggregator.model.reports import SourceDay
from aggregator.model.value_classes import dataclass

DAY_WIDTH, STRIP_HEIGHT = 4, 20
TONES = {"well": STRIP_HEIGHT, "mixed": 13, "failed": 7, "none": 2}
"""Result of the visits of one day, and the height of its bar in pixels.

The heights differ, so that the bars can be read without colours.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The days of a source: a path of SVG for each tone, and the number of days of each."""

    paths: tuple[tuple[str, str], ...]
    days: Mapping[str, int]


def day_strip(visits: Mapping[date, SourceDay], first: date, days: int) -> Strip:
    """Draw one bar a day from `first` on."""
    tones = [tone(visits.get(first + timedelta(days=n))) for n in range(days)]
    days_by_tone = {tone: [n for n, day_tone in enumerate(tones) if day_tone == tone] for tone in TONES}
    return Strip(
        paths=tuple(
            (tone, "".join(_bar(n, TONES[tone]) for n in numbers))
            for tone, numbers in days_by_tone.items()
            if numbers
        ),
        days={tone: len(numbers) for tone, numbers in days_by_tone.items()},
    )


def _bar(n: int, height: int) -> str:
    return f"M{n * DAY_WIDTH} {STRIP_HEIGHT - height}h{DAY_WIDTH - 1}v{height}h-{DAY_WIDTH - 1}z"


def tone(day: SourceDay | None) -> str:
    """Return the tone for the visits of a day."""
    if day is None or not day.accepted + day.failed:
        return "none"
    if not day.failed:
        return "well"
    return "mixed" if day.accepted else "failed"
