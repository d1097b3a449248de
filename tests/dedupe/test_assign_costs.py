"""The cost of assigning, in comparisons and SQLite steps, where items share something."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.dedupe import assign as placing
from aggregator.dedupe import evidence, explain, recluster
from aggregator.dedupe.features import Features
from aggregator.items import diff
from aggregator.items.identity import short_hash
from aggregator.model.items import Alias, Item
from aggregator.model.stories import Evidence, Member
from aggregator.polling import fetch
from aggregator.store import items, sources, stories, story_members
from aggregator.store.connection import Store, opened
from tests.builders import NOW, item, rss, source
from tests.conftest import Web, Workplace

ROUNDS = 4
COMPARED = {"neighbouring records": 50, "as many things as still count": 250}
"""Maximum number of comparisons for one item, where it is more than `FEW`."""
FEW = 5
_drawn = random.Random(0)


def words(count: int) -> str:
    """Words that nobody else writes."""
    return " ".join("".join(_drawn.choices("bdfgklmnprstvz", k=9)) for _ in range(count))


def words_of(group: str) -> str:
    """Words that a group shares, and nobody else."""
    return group.translate(str.maketrans("0123456789 ", "bdfgklmnprs")) * 2


def body(*more: str) -> str:
    """A text of its own, and what is shared."""
    return f"<p>{words(20)}</p>{' '.join(more)}"


ABOUT = '<a href="https://node.example/about/us">About</a>'
PICTURE = '<a href="https://node.example/logo?size=3"><img src="https://node.example/logo"></a>'
ORIGINAL = 'Read more at <a href="https://node.example/the/original">the Node</a>'
TITLE = "Image analysis course for everybody in Konstanz"


def group(n: int, step: int) -> str:
    """One of the groups of 29 items that lie `step` apart."""
    return f"{step} {n // (29 * step)} {n % step}"


def punctuated(n: int) -> dict[str, Any]:
    """An address that differs from the others in punctuation only."""
    return {"link": f"https://node.example/one{'-' * (n % 50 + 1)}page{'.' * (n // 50 + 1)}here"}


def dated(n: int) -> dict[str, Any]:
    """An address that differs from the others in its date only."""
    return {"link": f"https://node.example/{NOW - timedelta(days=n):%Y/%m/%d}/weekly-news"}


SHARED: dict[str, Callable[[int], dict[str, Any]]] = {
    "a link": lambda n: {"html": body(ABOUT)},
    "an image": lambda n: {"html": body(PICTURE)},
    "an original": lambda n: {"html": body(ORIGINAL)},
    "a DOI": lambda n: {"guid": "doi:10.1000/journal"},
    "a loose address": punctuated,
    "a permalink but for its date": dated,
    "a title": lambda n: {"title": TITLE},
    "a text": lambda n: {"text": "All say that the Node in Heidelberg gets 20,000 euros on 3 May 2026.", "html": ""},
    "neighbouring records": lambda n: {"link": f"https://zenodo.org/records/{n + 100}", "title": TITLE},
    "as many things as still count": lambda n: {
        "html": body(f'<a href="https://node.example/page/{group(n, 1)}">p</a>'),
        "guid": f"doi:10.1000/{group(n, 2)}",
        "title": f"Lecture of {words_of(group(n, 3))} in Konstanz",
    },
    "everything": lambda n: {
        "title": TITLE,
        "text": "All say the same in Heidelberg.",
        "html": f"<p>All say the same in Heidelberg.</p> {ABOUT} {ORIGINAL}",
        "guid": "doi:10.1000/journal",
        **dated(n),
    },
}  # fmt: skip


def made(n: int, **fields: Any) -> Item:
    """An item of its own words but for `fields`."""
    html = fields.get("html", body())
    usual = {
        "link": f"https://node.example/news/{n}",
        "title": words(6),
        "html": html,
        "text": html.partition("<p>")[2].partition("</p>")[0],
        "claimed": NOW - timedelta(minutes=n),
    } | fields
    link = usual["link"].removeprefix("https://")
    return item(short_hash(f"item {n}"), aliases=(Alias(kind="link", value=link),), **usual)


@dataclass
class Counted:
    """What was done since the start: comparisons of two items, and hundreds of steps of SQLite."""

    comparisons: int = 0
    steps: int = 0

    def step(self) -> None:
        """SQLite did its next hundred steps."""
        self.steps += 1


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Comparisons are counted while they are made: each begins with exact evidence."""
    found = Counted()
    exact = evidence.exact

    def counting(one: Member, other: Member) -> Evidence | None:
        found.comparisons += 1
        return exact(one, other)

    monkeypatch.setattr(evidence, "exact", counting)
    return found


@pytest.fixture
def store(tmp_path: Path, counted: Counted) -> Iterator[Store]:
    """A store with one source, whose steps are counted."""
    with opened(tmp_path / "a.db") as found:
        found.db.execute("PRAGMA synchronous = OFF")
        sources.synchronise(found, [source()], {"node": ""})
        found.db.conn.set_progress_handler(counted.step, 100)
        yield found


def placed(store: Store, arrived: list[Item]) -> None:
    """Items arrive and are placed."""
    with store.transaction():
        items.save(store, diff.item_changes(arrived, lambda _: None), backlog=False, now=NOW)
    placing.assign_items(store, (), NOW)


def costs(store: Store, counted: Counted, what: str, count: int) -> Iterator[tuple[int, int]]:
    """Yield the comparisons and steps of each round in which such entries arrive."""
    for start in range(0, ROUNDS * count, count):
        before = replace(counted)
        placed(store, [made(n, **SHARED[what](n)) for n in range(start, start + count)])
        yield counted.comparisons - before.comparisons, counted.steps - before.steps


def judge(rounds: Iterable[tuple[int, int]], most: int) -> None:
    """The last round cost what the first cost, and no more comparisons than `most`."""
    (first, first_steps), *_, (last, last_steps) = rounds
    assert last <= most
    assert last <= 1.2 * first + 10
    assert last_steps <= 1.3 * first_steps


@pytest.mark.parametrize("what", SHARED)
def test_what_many_entries_share_costs_no_more_in_a_larger_archive(
    store: Store, counted: Counted, what: str
) -> None:
    """Of 480 entries that share something the last 120 cost what the first 120 cost."""
    judge(costs(store, counted, what, 120), 120 * COMPARED.get(what, FEW))


@pytest.mark.soak
@pytest.mark.parametrize("what", SHARED)
def test_two_thousand_entries_that_share_something(store: Store, counted: Counted, what: str) -> None:
    """Of 2,000 entries that share something the last 500 cost what the first 500 cost."""
    judge(costs(store, counted, what, 500), 500 * COMPARED.get(what, FEW))


def test_a_feed_whose_entries_share_everything(place: Workplace, web: Web, counted: Counted) -> None:
    """300 entries with one link, DOI and title cost little to visit, re-cluster and explain."""
    place.write(f'sources:\n  - {{id: node, name: A Node, url: "{web.url}/feed"}}\n')
    entries = [made(n, **SHARED["everything"](n)) for n in range(300)]
    reported = [
        {"title": e.title, "link": str(e.link), "description": e.html, "guid": str(e.guid)} for e in entries
    ]
    web.feed("/feed", rss(*reported))
    fetch.run(place.app())
    recluster.run(place.app(), dry_run=False)
    with opened(place.database, create=False) as store:
        (first, *_, last) = [row[0] for row in store.db.execute("SELECT id FROM stories ORDER BY number")]
    explain.story(place.app().config, last)
    explain.pair(place.app().config, first, last)
    assert counted.comparisons <= FEW * len(entries)


def test_words_are_looked_up_for_comparisons_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of a text are not looked up for an item that shares only a common word."""
    looked_up: list[Features] = []
    monkeypatch.setattr(Features, "in_both", property(looked_up.append))
    placed(store, [made(n, title=f"Konstanz {words(5)}") for n in range(40)])
    assert stories.counts(store) == (40, 40)
    assert not looked_up


def test_a_large_story_is_read_in_part(store: Store, counted: Counted) -> None:
    """Assigning reads as much of a story with 1,000 items as of one with 100.

    That is the lead, the items asked for and the newest ones.
    """
    costs = []
    for start, count in ((0, 100), (100, 1_000)):
        lead, asked, *rest = [made(n) for n in range(start, start + count)]
        placed(store, [lead])
        (story_id,) = stories.stories_of(store, [lead.id])
        placed(store, [asked, *rest])
        store.db.execute("UPDATE items SET story_id = ? WHERE number > ?", [story_id, start])
        before = replace(counted)
        (reported,) = story_members.clusters_around(store, [asked.id])
        costs.append(counted.steps - before.steps)
        assert {lead.id, asked.id, rest[-1].id} <= {member.item_id for member in reported.members}
        assert reported.lead.item_id == lead.id
        assert len(reported.members) == story_members.MAX_OTHERS + 2
    assert costs[1] <= costs[0] + 3


def test_one_link_of_forty_sources_is_one_story(store: Store) -> None:
    """What many sources link is one story: each has one item of a link (I3)."""
    partners = [source(id=f"p{n}", name=f"P{n}", url=f"https://p{n}.example/feed") for n in range(45)]
    sources.synchronise(store, partners, {partner.id: "" for partner in partners})
    link = "https://node.example/2026/the-call"
    reported = [made(n, source_id=f"p{n}", link=link, title=f"{words(3)}") for n in range(45)]
    for one in reported:
        placed(store, [one])
    assert stories.counts(store)[0] == 1


@pytest.mark.parametrize(("count", "found"), [(15, 1), (40, 40)])
def test_what_many_share_is_no_evidence(store: Store, count: int, found: int) -> None:
    """A DOI is of one work; one that stands in every entry of a feed is not (I3)."""
    placed(store, [made(n, guid="doi:10.1000/one") for n in range(count)])
    assert stories.counts(store) == (found, count)
    later = made(count, guid="doi:10.1000/one")
    placed(store, [later])
    assert stories.counts(store)[0] == (found if found == 1 else found + 1)
