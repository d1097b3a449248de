"""Render the entry of a story once in each format, for all channels of a run that contain it."""

from __future__ import annotations

from collections.abc import Callable

from aggregator.model.config import Channel
from aggregator.model.publishing import Fragments
from aggregator.model.stories import Story

MAX_KEPT_BYTES = 12 * 1024 * 1024
"""Maximum size of the entries that are kept; beyond it the oldest are rendered again."""


class KeptFragments(dict[tuple[str, ...], bytes]):
    """Keep rendered entries of bounded size."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0

    def __setitem__(self, key: tuple[str, ...], fragment: bytes) -> None:
        """Keep an entry; forget the oldest ones if they are too large together."""
        super().__setitem__(key, fragment)
        self._bytes += len(fragment)
        while self._bytes > MAX_KEPT_BYTES:
            self._bytes -= len(self.pop(next(iter(self))))


def fragment(
    kept: Fragments, format_: str, story: Story, channel: Channel, render: Callable[[], bytes]
) -> bytes:
    """Return the entry of a story as `kept`, or rendered.

    The entry of a story without a link of its own contains the address of the channel.
    """
    key = (format_, story.id, "" if story.lead.link else channel.id)
    found = kept.get(key)
    if found is None:
        kept[key] = found = render()
    return found
