"""Listings of news with the layouts of real partners."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aggregator.config import load
from aggregator.errors import UnreadableDocument
from aggregator.formats import page
from aggregator.items import normalise
from aggregator.model.config import Source
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.items import IdentityPolicy
from tests.builders import NOW, layout_of, source

PAGES = Path(__file__).parents[1] / "data" / "pages"
NAMES = sorted(path.stem for path in PAGES.glob("*.html"))


def expected(name: str) -> dict[str, Any]:
    """Load the expectation of a document."""
    loaded: dict[str, Any] = json.loads((PAGES / f"{name}.expected.json").read_text("utf-8"))
    return loaded


def body(name: str) -> bytes:
    """Read the document."""
    return (PAGES / f"{name}.html").read_bytes()


def publisher(name: str) -> Source:
    """Return the source with the selectors of the document."""
    said = expected(name)
    return source(kind="page", url=said["url"], page=(layout_of(said["page"]),))


def news(entries: tuple[Entry, ...], publisher: Source) -> list[dict[str, Any]]:
    """List title, link and date of each entry."""
    items, _ = normalise.items_of(ParsedDocument(entries=entries), publisher, IdentityPolicy(), (), NOW)
    return [{"title": i.title, "link": i.link, "published": i.claimed} for i in items]


def wanted(name: str) -> list[dict[str, Any]]:
    """List the expected title, link and date of each entry."""
    entries = expected(name)["entries"]
    return [e | {"published": e["published"] and datetime.fromisoformat(e["published"])} for e in entries]


@pytest.mark.parametrize("name", NAMES)
def test_a_listing_yields_every_item(name: str) -> None:
    """Each item has its own title, link and date, in page order, without notes."""
    reading = page.read(body(name), expected(name)["url"], {}, publisher(name))
    assert news(reading.entries, publisher(name)) == wanted(name)
    assert not [note for note in reading.notes if "no date" in note or "selects nothing" in note]


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_layout_is_noticed(name: str) -> None:
    """A listing with other class names raises an error, so that it never means "no news"."""
    changed = body(name).decode()
    for old, new in expected(name)["changed"]:
        assert old in changed
        changed = changed.replace(old, new)
    with pytest.raises(UnreadableDocument, match="layout has probably changed"):
        page.read(changed.encode(), expected(name)["url"], {}, publisher(name))


@pytest.mark.parametrize("name", [name for name in NAMES if "next" in expected(name)])
def test_the_older_items_of_a_listing_are_found(name: str) -> None:
    """The page with older items is the one that the listing names."""
    said = expected(name)
    assert page.next_page(body(name), said["url"], publisher(name)) == said["next"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("eurobioimaging")])
def test_the_shipped_layouts_read_every_layout_of_the_hub(name: str) -> None:
    """The layouts of feeds.yaml for Euro-BioImaging find every item of each page layout."""
    shipped = load(Path(__file__).parents[2] / "feeds.yaml").sources
    hub = next(source for source in shipped if source.id == "euro-bioimaging")
    reading = page.read(body(name), expected(name)["url"], {}, hub)
    assert [entry for entry in news(reading.entries, hub) if entry in wanted(name)] == wanted(name)
