"""List the months that charts show."""

from __future__ import annotations

from datetime import date


def months(last: date, count: int) -> list[str]:
    """Return `count` months (`yyyy-mm`) up to that of a day."""
    number = last.year * 12 + last.month - 1
    return [f"{n // 12}-{n % 12 + 1:02}" for n in range(number - count + 1, number + 1)]
