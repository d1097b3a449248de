"""The number of items that are compared together decides nothing about stories (I5)."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from aggregator.dedupe import assign as placing
from aggregator.items import diff
from aggregator.items.identity import short_hash
from aggregator.model.items import Alias, Item
from aggregator.store import items, sources
from aggregator.store.connection import opened
from tests.builders import NOW, item, source

SOURCES = ("node", "hub", "society")
WORDS = (
    "microscope facility course image analysis users network open data training workshop imaging node school"
    " programme light sheet electron cell plant method new first call visit talk award team"
).split()
NAMES = "Oslo Turin Brno Ghent Porto Vienna Lisbon Dresden Graz Lund Basel Delft".split()


def entries(seed: int) -> list[Item]:
    """Return items that share words, many of them common, acronyms, pages and originals."""
    drawn = random.Random(seed)
    made = []
    for n in range(250):
        title = " ".join([*drawn.sample(WORDS, 4), drawn.choice(NAMES)]).capitalize()
        text = " ".join([*drawn.sample(WORDS, 12), *drawn.sample(NAMES, 2)]) + "."
        if made and drawn.random() < 0.3:
            other = drawn.choice(made)
            title = drawn.choice([title, other.title])
            text = f"{other.text} {drawn.choice(NAMES)}"
        source_id = drawn.choice(SOURCES)
        page = f"{source_id}.example/news/{n}"
        if made and drawn.random() < 0.2:
            page = str(drawn.choice(made).link).removeprefix("https://")
        if drawn.random() < 0.3:
            title = title.replace("training", "research data management")
            text = text.replace("data", drawn.choice(["RDM", "Research Data Management"]))
        html = f"<p>{text}</p>"
        if made and drawn.random() < 0.4:
            html += f'<p>Read more at <a href="{drawn.choice(made).link}">the original</a></p>'
            if drawn.random() < 0.5:  # nothing else leads from one to the other
                title, text = (_rare_words(drawn, count) for count in (3, 9))
                html = f"<p>{text}</p>{html}"
        made.append(
            item(
                short_hash(f"{seed} {n}"),
                source_id=source_id,
                aliases=(Alias(kind="guid", value=str(n)), Alias(kind="link", value=page)),
                link=f"https://{page}",
                title=title,
                text=text,
                html=html,
                claimed=NOW - timedelta(minutes=drawn.randrange(20_000)),
            )
        )
    return made


def _rare_words(drawn: random.Random, count: int) -> str:
    return " ".join("".join(drawn.choices("bdfgklmnprstvz", k=9)) for _ in range(count))


def placed(file: Path, arrived: list[Item], batch_items: int) -> list[list[tuple[object, ...]]]:
    """Place items in two rounds, each in batches; return what is stored about their stories."""
    with opened(file) as store, pytest.MonkeyPatch.context() as patch:
        store.db.execute("PRAGMA synchronous = OFF")
        patch.setattr(placing, "BATCH_ITEMS", batch_items)
        polled = [source(id=id_, url=f"https://{id_}.example/feed") for id_ in SOURCES]
        sources.synchronise(store, polled, dict.fromkeys(SOURCES, ""))
        for part in (arrived[: len(arrived) // 2], arrived[len(arrived) // 2 :]):
            with store.transaction():
                items.save(store, diff.item_changes(part, lambda _: None), backlog=False, now=NOW)
            placing.assign_items(store, (), NOW)
        return [
            [tuple(row) for row in store.db.execute(f"SELECT {columns} ORDER BY 1, 2")]
            for columns in (
                "id, lead_id, title FROM stories",
                "id, story_id, why, evidence FROM items",
                "story_id, other_id, why FROM related",
                "story_id, other_id, round(score, 9), why FROM merge_candidates",
            )
        ]


@pytest.mark.parametrize(
    "seed", [12, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(100, 160))]
)
def test_any_size_of_batches(tmp_path: Path, seed: int) -> None:
    """Batches of any size give the stories, evidence and candidates of a single one (I5)."""
    arrived = entries(seed)
    whole = placed(tmp_path / "whole.db", arrived, 1_000)
    assert all(whole)
    size = (1, 4, 31)[seed % 3]
    assert placed(tmp_path / "parts.db", arrived, size) == whole
