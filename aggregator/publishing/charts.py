"""Draw bars of numbers as one path of inline SVG, and list the months that they show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from aggregator.model.value_classes import dataclass

BAR_WIDTH, BAR_GAP, HEIGHT = 3, 1, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A path with a bar for each number, the size of its view, sum and maximum of the numbers."""

    path: str
    width: int
    total: int
    most: int
    height: int = HEIGHT


def bar_chart(numbers: Sequence[int]) -> Chart:
    """Draw one bar for each number; those above zero are at least one unit high."""
    most = max(numbers, default=0)
    largest = most or 1
    parts = []
    for n, number in enumerate(numbers):
        height = -(-number * HEIGHT // largest)
        if number > 0:
            x = n * (BAR_WIDTH + BAR_GAP)
            parts.append(f"M{x} {HEIGHT - height}h{BAR_WIDTH}v{height}h-{BAR_WIDTH}z")
    width = max(len(numbers) * (BAR_WIDTH + BAR_GAP) - BAR_GAP, 1)
    return Chart(path="".join(parts), width=width, total=sum(numbers), most=most)


def last_months(last: date, count: int) -> list[str]:
    """Return `count` months (`yyyy-mm`) up to that of a day."""
    number = last.year * 12 + last.month - 1
    return [_month(n) for n in range(number - count + 1, number + 1)]


def months_between(first: str, last: str) -> list[str]:
    """Return the months (`yyyy-mm`) from the first to the last one."""
    begin, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [_month(n) for n in range(begin, end + 1)]


def _month(number: int) -> str:
    return f"{number // 12:04}-{number % 12 + 1:02}"
