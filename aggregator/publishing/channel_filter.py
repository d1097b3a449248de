"""Select the channels of a story by `include` and `exclude` of feeds.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from aggregator.model.config import Channel, Selection
from aggregator.model.documents import ItemKind

Selector = Callable[[frozenset[str], frozenset[str], ItemKind, frozenset[str]], tuple[str, ...]]
"""Return the ids of the channels of a story, given its sources, topics, kind and languages."""


def channel_selector(channels: Sequence[Channel]) -> Selector:
    """Return a function that selects among `channels`.

    Automatic channels, one for each source and topic, are looked up, because there may be hundreds of them.
    """
    declared = [channel for channel in channels if not channel.automatic]
    automatic = [channel for channel in channels if channel.automatic]
    by_source = {source: channel.id for channel in automatic for source in channel.include.sources}
    by_topic = {topic: channel.id for channel in automatic for topic in channel.include.topics}

    def select(
        sources: frozenset[str], topics: frozenset[str], kind: ItemKind, languages: frozenset[str]
    ) -> tuple[str, ...]:
        fields = (sources, topics, frozenset((kind.value,)), languages)
        return (
            *(
                channel.id
                for channel in declared
                if all(_matches(channel.include, fields)) and not any(_matches(channel.exclude, fields))
            ),
            *(by_source[source] for source in sorted(sources & by_source.keys())),
            *(by_topic[topic] for topic in sorted(topics & by_topic.keys())),
        )

    return select


def _matches(selection: Selection, fields: Iterable[frozenset[str]]) -> list[bool]:
    """Return for each non-empty field of `selection` whether the story has one of its values."""
    wanted = (selection.sources, selection.topics, selection.kinds, selection.languages)
    return [not present.isdisjoint(values) for values, present in zip(wanted, fields, strict=True) if values]
