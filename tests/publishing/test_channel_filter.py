"""Selection of the channels of a story."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.config import Channel, Selection
from aggregator.model.documents import ItemKind
from aggregator.publishing.channel_filter import channel_selector
from tests.strategies import law


def selected(*channels: Channel, **facts: object) -> tuple[str, ...]:
    """Select the channels of a story; its fields have defaults."""
    usual = {"sources": {"node"}, "topics": {"data"}, "kind": ItemKind.EVENT, "languages": {"en"}} | facts
    return channel_selector(channels)(
        frozenset(usual["sources"]),
        frozenset(usual["topics"]),
        usual["kind"],
        frozenset(usual["languages"]),
    )


def including(**fields: tuple[str, ...]) -> Channel:
    """Return a channel that includes by these fields."""
    return Channel(id="c", title="C", include=Selection(**fields))


def excluding(**fields: tuple[str, ...]) -> Channel:
    """Return a channel that excludes by these fields."""
    return Channel(id="c", title="C", exclude=Selection(**fields))


def test_an_empty_include_takes_everything() -> None:
    """A channel without include and exclude has every story, even without topic and language."""
    assert selected(including(), topics=(), languages=()) == ("c",)


def test_one_value_of_a_field_is_enough() -> None:
    """The values of one field are alternatives."""
    assert selected(including(topics=("jobs", "data"))) == ("c",)
    assert selected(including(topics=("jobs",))) == ()
    assert selected(including(kinds=("event", "course"))) == ("c",)
    assert selected(including(kinds=("course",))) == ()


def test_all_fields_of_include_must_match() -> None:
    """The fields of an include are combined by "and"."""
    assert selected(including(sources=("node",), languages=("en",))) == ("c",)
    assert selected(including(sources=("node",), languages=("de",))) == ()
    assert selected(including(languages=("en",)), languages=()) == ()


def test_one_field_of_exclude_is_enough() -> None:
    """The fields of an exclude are combined by "or", and exclude precedes include."""
    assert selected(excluding(sources=("other",), topics=("data",))) == ()
    assert selected(excluding(sources=("other",), topics=("jobs",))) == ("c",)
    both = Channel(
        id="c", title="C", include=Selection(topics=("data",)), exclude=Selection(kinds=("event",))
    )
    assert selected(both) == ()
    assert selected(both, kind=ItemKind.NEWS) == ("c",)


def test_channels_keep_the_order_of_the_file() -> None:
    """The channels of a story have the order of feeds.yaml."""
    channels = [Channel(id=id_, title=id_) for id_ in ("z", "a", "m")]
    assert selected(*channels) == ("z", "a", "m")


_names = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(tuple)
_selections = st.builds(Selection, sources=_names, topics=_names, languages=_names)


@given(_selections, _selections, _names, _names, _names)
@law
def test_excluded_stories_are_never_selected(
    include: Selection,
    exclude: Selection,
    sources: tuple[str, ...],
    topics: tuple[str, ...],
    languages: tuple[str, ...],
) -> None:
    """Excluding more never selects more stories."""
    facts = {"sources": sources, "topics": topics, "languages": languages}
    narrow = Channel(id="c", title="C", include=include, exclude=exclude)
    wide = Channel(id="c", title="C", include=include)
    assert set(selected(narrow, **facts)) <= set(selected(wide, **facts))
    if set(exclude.sources) & set(sources):
        assert selected(narrow, **facts) == ()


def test_automatic_channels_follow_declared_ones() -> None:
    """`source-<id>` and `topic-<id>` select by one value, after the declared channels."""
    made = [
        Channel(id="source-node", title="Node", include=Selection(sources=("node",)), automatic=True),
        Channel(id="source-other", title="Other", include=Selection(sources=("other",)), automatic=True),
        Channel(id="topic-data", title="Data", include=Selection(topics=("data",)), automatic=True),
    ]
    assert selected(*made, including()) == ("c", "source-node", "topic-data")
    assert selected(*made, sources={"node", "other"}, topics=()) == ("source-node", "source-other")
