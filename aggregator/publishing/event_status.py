"""Find in a title what it says about an event for which it names no date (EX6)."""

from __future__ import annotations

from aggregator.events import words
from aggregator.events.tokens import folded
from aggregator.model.events import EventStatus

MAX_CHARACTERS = 500, 100
"""Maximum characters of title and text that are read; later text may be about conditions."""
_STATUSES = (
    EventStatus.CANCELLED,
    EventStatus.MOVED_ONLINE,
    EventStatus.RESCHEDULED,
    EventStatus.POSTPONED,
    EventStatus.EXTENDED,
)


def status_in(title: str, text: str) -> EventStatus | None:
    """Return the status that a title or the beginning of its text states, if any."""
    for written, limit in zip((title, text), MAX_CHARACTERS, strict=True):
        low = folded(written[:limit])
        for status in _STATUSES:
            if words.pattern(status.value).search(low):
                return status
    return None
