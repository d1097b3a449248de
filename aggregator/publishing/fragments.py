"""Render the entry of a story once in each format, for all channels that contain it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from aggregator.model.config import Channel
from aggregator.model.publishing import Fragments, UnchangedStory
from aggregator.model.stories import Story

MAX_CACHE_BYTES = 8 * 1024 * 1024
"""Maximum size of the cached entries; beyond it the oldest are rendered again."""


class FragmentCache(dict[tuple[str, ...], bytes]):
    """Cache rendered entries, of bounded size."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0

    def __setitem__(self, key: tuple[str, ...], fragment: bytes) -> None:
        """Add an entry; drop the oldest ones if all are too large together."""
        super().__setitem__(key, fragment)
        self._bytes += len(fragment)
        while self._bytes > MAX_CACHE_BYTES:
            self._bytes -= len(self.pop(next(iter(self))))


def fragment(
    cache: Fragments,
    format_: str,
    story: Story | UnchangedStory,
    channel: Channel,
    render: Callable[[Story], bytes],
) -> bytes:
    """Return the entry of a story in a feed from the cache, or render it.

    The entry of a story without a link of its own contains the address of the channel.
    """
    if isinstance(story, UnchangedStory):
        return story.entries[format_]
    return get_or_render(cache, _key(format_, story, channel), partial(render, story))


def _key(format_: str, story: Story, channel: Channel) -> tuple[str, ...]:
    return (format_, story.id, "" if story.lead.link else channel.id)


def get_or_render(cache: Fragments, key: tuple[str, ...], render: Callable[[], bytes]) -> bytes:
    """Return the cached entry of a key, or render and cache it."""
    found = cache.get(key)
    if found is None:
        cache[key] = found = render()
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
