"""Which channels a story is in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.config import Channel, Selection
from aggregator.model.documents import Kind
from aggregator.publishing.channel_filter import selector
from tests.strategies import law


def chosen(*channels: Channel, **facts: object) -> tuple[str, ...]:
    """The channels of a story of one node, about data, an event, in English, unless said otherwise."""
    usual = {"sources": {"node"}, "topics": {"data"}, "kind": Kind.EVENT, "languages": {"en"}} | facts
    return selector(channels)(
        frozenset(usual["sources"]),
        frozenset(usual["topics"]),
        usual["kind"],
        frozenset(usual["languages"]),
    )


def including(**fields: tuple[str, ...]) -> Channel:
    """A channel that includes by these fields."""
    return Channel(id="c", title="C", include=Selection(**fields))


def excluding(**fields: tuple[str, ...]) -> Channel:
    """A channel that excludes by these fields."""
    return Channel(id="c", title="C", exclude=Selection(**fields))


def test_an_empty_include_takes_everything() -> None:
    """A channel without include and exclude has every story, even one without topic and language."""
    assert chosen(including(), topics=(), languages=()) == ("c",)


def test_any_value_of_a_field_will_do() -> None:
    """Within a field one of the values is enough."""
    assert chosen(including(topics=("jobs", "data"))) == ("c",)
    assert chosen(including(topics=("jobs",))) == ()
    assert chosen(including(kinds=("event", "course"))) == ("c",)
    assert chosen(including(kinds=("course",))) == ()


def test_all_fields_of_include_must_fit() -> None:
    """Between the fields of an include stands "and"."""
    assert chosen(including(sources=("node",), languages=("en",))) == ("c",)
    assert chosen(including(sources=("node",), languages=("de",))) == ()
    assert chosen(including(languages=("en",)), languages=()) == ()


def test_any_field_of_exclude_keeps_out() -> None:
    """Between the fields of an exclude stands "or", and exclude wins over include."""
    assert chosen(excluding(sources=("other",), topics=("data",))) == ()
    assert chosen(excluding(sources=("other",), topics=("jobs",))) == ("c",)
    both = Channel(
        id="c", title="C", include=Selection(topics=("data",)), exclude=Selection(kinds=("event",))
    )
    assert chosen(both) == ()
    assert chosen(both, kind=Kind.NEWS) == ("c",)


def test_channels_come_in_the_order_of_the_file() -> None:
    """A story's channels are named in the order of feeds.yaml."""
    channels = [Channel(id=id_, title=id_) for id_ in ("z", "a", "m")]
    assert chosen(*channels) == ("z", "a", "m")


_names = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(tuple)
_selections = st.builds(Selection, sources=_names, topics=_names, languages=_names)


@given(_selections, _selections, _names, _names, _names)
@law
def test_what_a_channel_excludes_it_never_has(
    include: Selection,
    exclude: Selection,
    sources: tuple[str, ...],
    topics: tuple[str, ...],
    languages: tuple[str, ...],
) -> None:
    """A channel and its negation never share a story, and excluding more never brings a story in."""
    facts = {"sources": sources, "topics": topics, "languages": languages}
    narrow = Channel(id="c", title="C", include=include, exclude=exclude)
    wide = Channel(id="c", title="C", include=include)
    assert set(chosen(narrow, **facts)) <= set(chosen(wide, **facts))
    if set(exclude.sources) & set(sources):
        assert chosen(narrow, **facts) == ()


def test_channels_made_of_a_source_or_a_topic_are_looked_up() -> None:
    """`source-<id>` has what its source tells, `topic-<id>` what has the topic; they come behind the declared."""
    made = [
        Channel(id="source-node", title="Node", include=Selection(sources=("node",)), automatic=True),
        Channel(id="source-other", title="Other", include=Selection(sources=("other",)), automatic=True),
        Channel(id="topic-data", title="Data", include=Selection(topics=("data",)), automatic=True),
    ]
    assert chosen(*made, including()) == ("c", "source-node", "topic-data")
    assert chosen(*made, sources={"node", "other"}, topics=()) == ("source-node", "source-other")
