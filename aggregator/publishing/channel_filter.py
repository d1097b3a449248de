"""Which channels a story is in: `include` and `exclude` of feeds.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from aggregator.model.config import Channel, Selection
from aggregator.model.documents import Kind

Chooser = Callable[[frozenset[str], frozenset[str], Kind, frozenset[str]], tuple[str, ...]]
"""The ids of the channels that a story with these sources, topics, kind and languages is in."""


def chooser(channels: Sequence[Channel]) -> Chooser:
    """The choice among `channels`.

    Those made of a source or a topic are looked up, not tried: there may be hundreds of them.
    """
    tried = [channel for channel in channels if not channel.automatic]
    made = [channel for channel in channels if channel.automatic]
    by_source = {source: channel.id for channel in made for source in channel.include.sources}
    by_topic = {topic: channel.id for channel in made for topic in channel.include.topics}

    def choose(
        sources: frozenset[str], topics: frozenset[str], kind: Kind, languages: frozenset[str]
    ) -> tuple[str, ...]:
        has = (sources, topics, frozenset((kind.value,)), languages)
        return (
            *(c.id for c in tried if all(_sides(c.include, has)) and not any(_sides(c.exclude, has))),
            *(by_source[source] for source in sorted(sources & by_source.keys())),
            *(by_topic[topic] for topic in sorted(topics & by_topic.keys())),
        )

    return choose


def _sides(selection: Selection, has: Iterable[frozenset[str]]) -> list[bool]:
    wanted = (selection.sources, selection.topics, selection.kinds, selection.languages)
    return [not there.isdisjoint(these) for these, there in zip(wanted, has, strict=True) if these]
