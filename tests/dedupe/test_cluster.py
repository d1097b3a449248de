"""Items are assigned by exact evidence, whatever the order in which they arrive (I3 to I6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedupe import vetoes
from aggregator.dedupe.cluster import lead_order, place_items
from aggregator.model.stories import Cluster, Member, Placement
from tests.builders import NOW
from tests.strategies import law


def member(id_: str, *links: str, **fields: Any) -> Member:
    """Return a member of a source of its own, published now unless stated otherwise."""
    usual: dict[str, Any] = {
        "source_id": f"source-{id_}",
        "title": "A title",
        "aggregator": False,
        "priority": 0,
        "sort_time": NOW,
    }
    return Member(item_id=id_, links=frozenset(f"node.example/{link}" for link in links), **usual | fields)


def veto_between(one: str, other: str) -> tuple[str, ...]:
    """Return the vetoes between two titles that hold even against one address."""
    return vetoes.of_one_page(member("one", title=one), member("other", title=other))


def partition(placements: Iterable[Placement]) -> set[frozenset[str]]:
    """Which items are together."""
    stories: dict[str, set[str]] = {}
    for placement in placements:
        stories.setdefault(placement.story_id, set()).add(placement.member.item_id)
    return {frozenset(story) for story in stories.values()}


def together(*members: Member) -> bool:
    """Return whether all of them are one story."""
    return len(partition(place_items(members, ()))) == 1


# --- I5: arrival ---------------------------------------------------------------------------------------

_titles = ("Workshop 2025", "Workshop 2026", "workshop 2026!", "Cancelled: Workshop 2026", "Welcome")
_members = st.lists(
    st.builds(
        lambda links, source, title, aggregator, priority, hours: {
            "links": links,
            "source_id": source,
            "title": title,
            "aggregator": aggregator,
            "priority": priority,
            "sort_time": NOW - timedelta(hours=hours),
        },
        st.frozensets(st.sampled_from("xyz"), max_size=2),
        st.sampled_from("abcd"),
        st.sampled_from(_titles),
        st.booleans(),
        st.integers(0, 1),
        st.integers(0, 2),
    ),
    max_size=7,
).map(lambda drawn: [Member(item_id=f"item{n}", **fields) for n, fields in enumerate(drawn)])


@given(_members, st.randoms(use_true_random=False))
@law
def test_order_of_arrival_does_not_change_the_stories(members: list[Member], random: Any) -> None:
    """Items in any order become the same stories, with the same ids, leads and reasons (I4, I5)."""
    shuffled = list(members)
    random.shuffle(shuffled)
    assert place_items(members, ()) == place_items(shuffled, ())


@given(_members)
@law
def test_a_story_never_holds_what_may_not_be_together(members: list[Member]) -> None:
    """Each member shares a link with the lead, and no veto separates any two (I3, I5).

    No two are of one source.
    """
    by_id = {m.item_id: m for m in members}
    for story in partition(place_items(members, ())):
        ranked = sorted((by_id[id_] for id_ in story), key=lead_order)
        for n, one in enumerate(ranked):
            assert n == 0 or one.links & ranked[0].links
            for other in ranked[:n]:
                assert one.source_id != other.source_id
                assert not veto_between(one.title, other.title)


@given(_members)
@law
def test_every_item_is_placed_once_in_a_story_that_exists(members: list[Member]) -> None:
    """Each item is assigned once; the id of a story depends on its founder alone (I4)."""
    placements = place_items(members, ())
    assert sorted(p.member.item_id for p in placements) == sorted(m.item_id for m in members)
    founders = [p for p in placements if p.founds]
    assert {p.story_id for p in placements} == {p.story_id for p in founders}
    assert len({p.story_id for p in founders}) == len(founders)
    for founder in founders:
        alone = place_items([founder.member], ())
        assert alone[0].story_id == founder.story_id


@given(_members, _members)
@law
def test_published_stories_are_never_merged(members: list[Member], later: list[Member]) -> None:
    """Items that arrive later join or found stories, and never move what was placed before (I5)."""
    before = place_items(members, ())
    clusters = [
        Cluster(story_id=id_, members=tuple(p.member for p in before if p.story_id == id_))
        for id_ in dict.fromkeys(p.story_id for p in before)
    ]
    after = place_items([replace(m, item_id=f"{m.item_id} later") for m in later], clusters)
    known = {cluster.story_id for cluster in clusters}
    assert len(after) == len(later)
    assert not {p.story_id for p in after if p.founds} & known
    assert {p.story_id for p in after if not p.founds} <= known | {p.story_id for p in after if p.founds}


def test_every_order_of_three_partners_is_one_story() -> None:
    """Origin, aggregator and a reader of both are one story, led by the origin (I5)."""
    members = (
        member("o", "x"),
        member("a", "x", aggregator=True),
        member("r", "x", sort_time=NOW + timedelta(hours=1)),
    )
    for order in permutations(members):
        placements = place_items(order, ())
        assert partition(placements) == {frozenset("oar")}
        assert placements[0].member.item_id == "o"


# --- I3: evidence and vetoes ---------------------------------------------------------------------------


def test_an_equal_link_is_one_story() -> None:
    """Two sources with one canonical link are one story, whatever the titles (I3)."""
    assert together(member("a", "x", title="Ein Mikroskop"), member("b", "x", "y", title="A microscope"))
    assert not together(member("a", "x"), member("b", "y"))
    assert not together(member("a"), member("b"))


def test_an_equal_link_with_a_veto_is_related() -> None:
    """A veto turns an equal link into *related*, with the reason in words (I3)."""
    first, second = place_items(
        [member("a", "x", title="Meeting 2025"), member("b", "x", title="Meeting 2026")], ()
    )
    assert second.founds
    ((other, why),) = second.related
    assert other == first.story_id
    assert "x" in why and "2025" in why and "2026" in why


def test_two_items_of_one_source_are_two_stories() -> None:
    """Two items of the same source are one story only on identity evidence; they are related."""
    first, second = place_items([member("a", "x", source_id="s"), member("b", "x", source_id="s")], ())
    assert second.founds and [id_ for id_, _ in second.related] == [first.story_id]
    assert "same source" in second.related[0][1]


def test_a_veto_against_any_member_counts() -> None:
    """To join, an item needs the lead's evidence and no veto against any member (I5)."""
    lead = member("a", "x", title="Ein Treffen", sort_time=NOW - timedelta(hours=2))
    joined = member("b", "x", title="Meeting 2025", sort_time=NOW - timedelta(hours=1))
    late = member("c", "x", title="Meeting 2026")
    assert partition(place_items([lead, joined, late], ())) == {frozenset("ab"), frozenset("c")}


def test_evidence_with_another_member_than_the_lead_is_not_enough() -> None:
    """A link that is not the lead's makes two stories related, not one (I5)."""
    cluster = Cluster(story_id="s", members=(member("lead", "x"), member("other", "x", "y")))
    (placement,) = place_items([member("new", "y")], [cluster])
    assert placement.founds
    assert [id_ for id_, _ in placement.related] == ["s"]


def test_an_item_joins_a_known_story() -> None:
    """A later item with the lead's link joins the published story and says why (I5)."""
    (placement,) = place_items([member("new", "x")], [Cluster(story_id="s", members=(member("lead", "x"),))])
    assert (placement.story_id, placement.founds, placement.related) == ("s", False, ())
    assert "x" in placement.why


@pytest.mark.parametrize("ids", [("s1", "s2"), ("s2", "s1")])
def test_a_later_bridge_makes_stories_related(ids: tuple[str, str]) -> None:
    """An item equal to the leads of two published stories joins one and relates them (I5)."""
    clusters = [
        Cluster(story_id=ids[0], members=(member("a", "x"),)),
        Cluster(story_id=ids[1], members=(member("b", "y"),)),
    ]
    (placement,) = place_items([member("bridge", "x", "y")], clusters)
    assert not placement.founds
    assert {placement.story_id, *(id_ for id_, _ in placement.related)} == {"s1", "s2"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Annual Meeting 2025", "Annual Meeting 2026"),
        ("11th Users Meeting", "12th Users Meeting"),
        ("Newsletter March", "Newsletter April"),
        ("Newsletter März 2026", "Newsletter Mai 2026"),
        ("Part II: optics", "Part III: optics"),
        ("Volume V", "Volume X"),
        ("Viewer 1.4 released", "Viewer 1.5 released"),
        ("Viewer 1.4.0 released", "Viewer 1.4.1 released"),
        ("Symposium in Turin", "Cancelled: Symposium in Turin"),
        ("Bewerbungsfrist", "Bewerbungsfrist verlängert"),
        ("Workshop", "Workshop (new date)"),
        ("Kurs 1", "Kurs 2 – abgesagt"),
    ],
)
def test_a_template_with_another_value_is_other_news(one: str, other: str) -> None:
    """Other numbers, months, years, versions, numerals or phases veto, in both directions."""
    assert veto_between(one, other)
    assert veto_between(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Viewer 5.6 released", "Viewer 5.6.1 released"),
        ("Newsletter Sep 2026", "Newsletter Oct 2026"),
        ("Deadline extended: summer school", "Cancelled: summer school"),
    ],
)
def test_a_value_may_be_longer_or_shorter(one: str, other: str) -> None:
    """A version with one more digit, a month cut short and another turn are other news too."""
    assert veto_between(one, other)
    assert veto_between(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Annual Meeting 2026", "annual meeting, 2026!"),
        ("A microscope in Turin", "Ein Mikroskop in Turin"),
        ("Meeting cancelled", "Treffen abgesagt"),
        ("Cancelled: Meeting 2026", "Canceled: the meeting in 2026"),
        ("Our news", "Three new cameras"),
        ("", ""),
    ],
)
def test_other_words_are_no_veto(one: str, other: str) -> None:
    """Another wording or language is no reason for two stories (I3)."""
    assert not veto_between(one, other)
    assert not veto_between(other, one)


@given(st.text(max_size=40), st.text(max_size=40))
@law
def test_a_veto_is_mutual(one: str, other: str) -> None:
    """A veto holds in both directions; a title has none against itself (I3)."""
    assert bool(veto_between(one, other)) == bool(veto_between(other, one))
    assert not veto_between(one, one)


# --- I6: lead ------------------------------------------------------------------------------------------


def test_the_lead_is_the_origin() -> None:
    """Origin before aggregator, then priority, then earliest sort, then id (I6)."""
    hour = timedelta(hours=1)
    in_order = [
        member("z", priority=1, sort_time=NOW),
        member("y", sort_time=NOW - hour),
        member("a", sort_time=NOW),
        member("b", sort_time=NOW),
        member("c", aggregator=True, priority=9, sort_time=NOW - 9 * hour),
    ]
    for one, next_ in pairwise(in_order):
        assert lead_order(one) < lead_order(next_)


def test_the_lead_founds_the_story() -> None:
    """Of items that arrive together the best ranked founds the story (I4, I6)."""
    placements = place_items([member("a", "x", aggregator=True), member("z", "x")], ())
    assert [(p.member.item_id, p.founds) for p in placements] == [("z", True), ("a", False)]
