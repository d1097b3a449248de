"""Leads follow the ranks of sources in feeds.yaml (I6)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from aggregator.model.reports import FetchReport
from aggregator.polling import fetch
from tests.builders import rss
from tests.conftest import Web, Workplace
from tests.digests.scenario import DAY, rows
from tests.publishing.pages import without_pages

TITLE = "A laser microscope of the third generation arrives in Jena"


def poll(place: Workplace, webs: dict[str, Web], **ranks: str) -> FetchReport:
    """Visit all sources a day later, with these keys in feeds.yaml."""
    place.clock.now += DAY
    sources = [
        f"  - {{id: {id_}, name: The {id_}, url: '{web.url}/feed'{ranks.get(id_, '')}}}\n"
        for id_, web in webs.items()
    ]
    place.write("sources:\n" + "".join(sources))
    return fetch.run(place.app(), force=True)


@pytest.fixture
def sources(webs: Callable[[], Web]) -> dict[str, Web]:
    """Serve one story at two sources, and one of each alone."""
    found = {"one": webs(), "two": webs()}
    for n, (id_, web) in enumerate(found.items()):
        shared = {"title": TITLE, "link": "https://node.example/laser", "guid": f"{id_}-laser"}
        own = {"title": f"Only at {id_}", "link": f"https://{id_}.example/own", "guid": f"{id_}-own"}
        dates = {"pubDate": f"Sun, 04 Oct 2026 0{n + 4}:00:00 +0000"}
        web.feed("/feed", rss(shared | dates, own | dates))
    return found


def lead(place: Workplace) -> str:
    """Return the author of the shared story in the published feed."""
    items = json.loads((place.public / "feed.json").read_text())["items"]
    (shared,) = (item for item in items if item["title"] == TITLE)
    return str(shared["authors"][0]["name"])


@pytest.mark.parametrize(
    "ranks", [{"two": ", priority: 1"}, {"one": ", aggregator: true"}, {"one": ", priority: -1"}]
)
def test_a_new_rank_changes_leads(place: Workplace, sources: dict[str, Web], ranks: dict[str, str]) -> None:
    """Another `priority` or `aggregator` changes leads, and neither ids nor times."""
    poll(place, sources)
    assert lead(place) == "The one"
    before = rows(place, "SELECT id, announced, published, updated FROM stories ORDER BY id")
    poll(place, sources, **ranks)
    assert lead(place) == "The two"
    poll(place, sources)
    assert lead(place) == "The one"
    assert rows(place, "SELECT id, announced, published, updated FROM stories ORDER BY id") == before


def test_unchanged_ranks_change_no_document(place: Workplace, sources: dict[str, Web]) -> None:
    """Leads are chosen once for each change of ranks."""
    poll(place, sources, two=", priority: 1")
    assert without_pages(poll(place, sources, two=", priority: 1").documents_written) == set()
