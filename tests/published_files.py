"""Build publications for the tests of all formats, also at random."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from aggregator import text, urls
from aggregator.items import sanitize
from aggregator.model.config import Channel
from aggregator.model.documents import Enclosure
from aggregator.model.publishing import EPOCH, Publication, Tombstone
from aggregator.model.stories import Correction, Story
from tests.builders import site, story, story_item

ALL = Channel(id="all", title="Imaging news")
EVENTS = Channel(id="events", title="Events & courses")


def publication(*stories: Story, channel: Channel = ALL, **fields: Any) -> Publication:
    """Build the content of a channel's documents."""
    changed = max((one.updated for one in stories), default=EPOCH)
    return Publication(
        site=site(**fields), channel=channel, channels=(ALL, EVENTS), stories=stories, updated=changed
    )


lines = st.text(max_size=60).map(text.line).filter(bool)
markup = st.text(max_size=60).map(lambda s: sanitize.fragment(s, "https://node.example/")).filter(bool)
links = lines.map(lambda s: urls.web_link(f"https://node.example/{s}"))
moments = st.integers(631152000, 1798761600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
enclosures = st.builds(
    Enclosure,
    url=links,
    type=st.none() | st.sampled_from(["audio/mpeg", "image", "", "text/html; charset=utf-8", "a,b/c"]),
    length=st.none() | st.integers(0, 10**12),
)


IDS = (
    "tag:a.example,2026:x",
    "tag:A.Example,2026:x",
    "urn:uuid:1",
    "URN:UUID:60A76C80-d399-11d9-b93C-0003939e0af6",
    "urn:isbn:1/2",
    "http://a.example",
    "http://A.example:80/",
    "https://a.example",
    "https://a.example/?a[]=1",
)
ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16)
tombstones = st.builds(Tombstone, story_id=ids, at=moments, merged_into=st.none() | ids)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw a story of one or two partners, with any strings that parsing can return."""
    lead = story_item(
        title=draw(lines),
        excerpt=draw(st.just("") | lines),
        html=draw(st.just("") | markup),
        authors=tuple(draw(st.lists(lines, max_size=3, unique=True))),
        categories=tuple(draw(st.lists(lines, max_size=3, unique=True))),
        enclosures=tuple(draw(st.lists(enclosures, max_size=2))),
        rights=draw(st.none() | lines),
        link=draw(st.none() | links),
        language=draw(st.sampled_from([None, "en", "de", "nds"])),
        by={
            "name": draw(lines),
            "full_text": draw(st.booleans()),
            "feed_id": draw(st.none() | lines | st.sampled_from(IDS)),
        },
    )
    other = story_item(id_="b" * 16, link=draw(st.none() | links), by={"id_": "b", "name": draw(lines)})
    published = draw(moments)
    return story(
        draw(ids),
        *([lead, other] if draw(st.booleans()) else [lead]),
        published=published,
        updated=published + timedelta(seconds=draw(st.integers(0, 10**7))),
        correction=draw(st.none() | st.builds(Correction, at=moments, title_before=st.none() | lines)),
        topics=tuple(draw(st.lists(st.sampled_from(["data", "image-analysis"]), max_size=2, unique=True))),
    )
