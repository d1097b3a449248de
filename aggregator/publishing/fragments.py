"""Render the entry of a story once in each format, for all channels that contain it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from aggregator.model.config import Channel
from aggregator.model.publishing import Fragments, KeptStory
from aggregator.model.stories import Story

MAX_KEPT_BYTES = 8 * 1024 * 1024
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
    kept: Fragments,
    format_: str,
    story: Story | KeptStory,
    channel: Channel,
    render: Callable[[Story], bytes],
) -> bytes:
    """Return the entry of a story in a feed as `kept`, or rendered.

    The entry of a story without a link of its own contains the address of the channel.
    """
    if isinstance(story, KeptStory):
        return story.entries[format_]
    return shared(kept, _key(format_, story, channel), partial(render, story))


def keep(kept: Fragments, story: Story, channel: Channel, entries: Mapping[str, bytes]) -> None:
    """Keep entries of a story in feeds, by format, that were written before and are right."""
    for format_, entry in entries.items():
        shared(kept, _key(format_, story, channel), lambda entry=entry: entry)  # type: ignore[misc]


def _key(format_: str, story: Story, channel: Channel) -> tuple[str, ...]:
    return (format_, story.id, "" if story.lead.link else channel.id)


def shared(kept: Fragments, key: tuple[str, ...], render: Callable[[], bytes]) -> bytes:
    """Return what is kept under a key; render it if nothing is."""
    found = kept.get(key)
    if found is None:
        kept[key] = found = render()
    return found


def split(body: bytes, begin: bytes, end: bytes, story: re.Pattern[bytes]) -> dict[str, bytes]:
    """Return the rendered entries of a document by story.

    `begin` begins each entry and occurs nowhere else, since text contains no `<` in XML and no line end in JSON. `end`
    follows the last entry. `story` matches the id in what follows `begin`.
    """
    entries: dict[str, bytes] = {}
    stop = len(body) - len(end) if body.endswith(end) else len(body)
    start = body.find(begin)
    while start >= 0:
        following = body.find(begin, start + len(begin))
        entry = body[start : following if following >= 0 else stop]
        if found := story.match(entry, len(begin)):
            entries[found[1].decode()] = entry
        start = following
    return entries
