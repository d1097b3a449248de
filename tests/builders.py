"""Build values with defaults, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aggregator.model.config import Layout, Site, Source
from aggregator.model.documents import Entry, ParsedDocument
from aggregator.model.items import Alias, Item
from aggregator.model.polling import SourceState
from aggregator.model.reports import SourceHealth, StatusReport
from aggregator.model.stories import Publisher, Story, StoryItem

NOW = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def source(**fields: Any) -> Source:
    """Build a source `node` with an RSS feed."""
    return Source(
        **{"id": "node", "name": "A Node", "url": "https://node.example/feed/", "timezone": BERLIN} | fields
    )


def layout_of(keys: Mapping[str, Any]) -> Layout:
    """Build a layout from keys of feeds.yaml, each one selector or a list."""
    lists = {k: (v,) if isinstance(v, str) and k != "item" else v for k, v in keys.items()}
    return Layout(**{k: tuple(v) if isinstance(v, list) else v for k, v in lists.items()})


def entry(position: int = 0, **fields: Any) -> Entry:
    """Build an entry that has only a position."""
    return Entry(**{"position": position, "base": "https://node.example/feed/"} | fields)


def reading(*entries: Entry, **fields: Any) -> ParsedDocument:
    """Build a parsed document of these entries."""
    return ParsedDocument(entries=entries, **fields)


def item(id_: str = "aaaaaaaaaaaaaaaa", **fields: Any) -> Item:
    """Build an item that was published at NOW."""
    defaults: dict[str, Any] = {
        "id": id_,
        "source_id": "node",
        "aliases": (Alias(kind="link", value=f"node.example/{id_}"),),
        "guid": None,
        "link": f"https://node.example/{id_}",
        "title": f"News {id_}",
        "html": "<p>Some words.</p>",
        "text": "Some words.",
        "excerpt": "Some words.",
        "claimed": NOW,
        "claimed_raw": NOW.isoformat(),
        "first_seen": NOW,
        "position": 0,
        "content_hash": "hash",
    }
    return Item(**defaults | fields)


def publisher(id_: str = "node", **fields: Any) -> Publisher:
    """Build the publisher of a source."""
    defaults: dict[str, Any] = {
        "id": id_,
        "name": f"The {id_}",
        "url": f"https://{id_}.example/feed/",
        "kind": "feed",
        "site_link": f"https://{id_}.example/",
        "feed_id": None,
        "language": None,
        "rights": None,
        "licence": None,
        "full_text": False,
    }
    return Publisher(**defaults | fields)


def story_item(*, by: dict[str, Any] | None = None, **fields: Any) -> StoryItem:
    """Build an item of a story: fields of the item, and of its publisher in `by`."""
    return StoryItem(item=item(**fields), publisher=publisher(**by or {}))


def story(id_: str = "ssssssssssssssss", *story_items: StoryItem, **fields: Any) -> Story:
    """Build a story of `story_items`, or of one item of the source `node`."""
    items = story_items or (story_item(),)
    moments = dict.fromkeys(("announced", "published", "updated", "changed"), NOW)
    defaults: dict[str, Any] = {"kind": items[0].item.kind, "topics": ()}
    return Story(**{"id": id_, "items": items, **moments, **defaults} | fields)


def site(**fields: Any) -> Site:
    """Build the publishing site."""
    defaults: dict[str, Any] = {
        "title": "Imaging news",
        "url": "https://news.example/",
        "contact": "editors@news.example",
        "language": "en",
        "timezone": BERLIN,
        "authority": "news.example,2026",
    }
    return Site(**defaults | fields)


def source_health(**fields: Any) -> SourceHealth:
    """Build the health of a source without faults, visited at NOW."""
    defaults: dict[str, Any] = {
        "id": "node",
        "name": "The node",
        "state": SourceState.OK,
        "last_success": NOW,
        "last_attempt": NOW,
        "next_visit": NOW + timedelta(hours=1),
        "failures": 0,
        "reason": None,
        "advice": None,
        "items": 1,
        "stories": 1,
    }
    return SourceHealth(**defaults | fields)


def status_report(*sources: SourceHealth, **fields: Any) -> StatusReport:
    """Build a report without faults, of `sources` or of one source."""
    defaults: dict[str, Any] = {
        "sources": sources or (source_health(),),
        "stories": 1,
        "items": 1,
        "subscribers": 0,
        "owed": 0,
        "oldest_owed": None,
        "parked": {},
        "runs": (),
    }
    return StatusReport(**defaults | fields)


def rss(*items: Mapping[str, str], title: str = "A Node", head: str = "") -> bytes:
    """Build an RSS document of items that map names of elements to text, which is escaped here."""
    from xml.sax.saxutils import escape

    parts = [
        "<item>" + "".join(f"<{key}>{escape(text)}</{key}>" for key, text in fields.items()) + "</item>"
        for fields in items
    ]
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        f"<title>{escape(title)}</title><link>https://node.example/</link><description>d</description>{head}"
        + "".join(parts)
        + "</channel></rss>"
    ).encode()
