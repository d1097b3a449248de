"""Draw bars of numbers as one path of inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BAR_WIDTH, BAR_GAP, HEIGHT = 3, 1, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A path with a bar for each number, and the size of its view."""

    path: str
    width: int
    height: int = HEIGHT


def bars(numbers: Sequence[int]) -> Chart:
    """Draw one bar for each number; those above zero are at least one unit high."""
    largest = max(numbers, default=0) or 1
    parts = []
    for n, number in enumerate(numbers):
        height = -(-number * HEIGHT // largest)
        if number > 0:
            x = n * (BAR_WIDTH + BAR_GAP)
            parts.append(f"M{x} {HEIGHT - height}h{BAR_WIDTH}v{height}h-{BAR_WIDTH}z")
    return Chart(path="".join(parts), width=max(len(numbers) * (BAR_WIDTH + BAR_GAP) - BAR_GAP, 1))
