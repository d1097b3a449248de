"""Which channels a story is in: `include` and `exclude` of feeds.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aggregator.model import Channel, Kind, Selection


def channels_of(
    channels: Sequence[Channel],
    *,
    sources: frozenset[str],
    topics: frozenset[str],
    kind: Kind,
    languages: frozenset[str],
) -> tuple[str, ...]:
    """The ids of the channels that a story with these facts is in."""

    def fits(wanted: Iterable[str], has: Iterable[str]) -> bool:
        return bool(set(wanted) & set(has))

    def sides(selection: Selection) -> list[bool]:
        pairs = (
            (selection.sources, sources),
            (selection.topics, topics),
            (selection.kinds, {kind.value}),
            (selection.languages, languages),
        )
        return [fits(wanted, has) for wanted, has in pairs if wanted]

    return tuple(
        channel.id for channel in channels if all(sides(channel.include)) and not any(sides(channel.exclude))
    )
