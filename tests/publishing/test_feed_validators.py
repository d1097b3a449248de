"""Feed validators applied to the demo community, hostile strings and random stories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import text, urls
from aggregator.items import sanitize
from aggregator.model.documents import Enclosure
from aggregator.model.publishing import EPOCH, ArchiveMonth, Publication, PublishedDocument, Tombstone
from aggregator.model.stories import Story
from aggregator.publishing import archive, edition_pages, paths, renderers
from aggregator.publishing.atom import END
from tests import published_files
from tests.builders import site, story, story_item
from tests.feed_validators import atom, jsonfeed, opml, rss
from tests.hostile_strings import VECTORS
from tests.published_files import publication
from tests.publishing import test_edition_pages
from tests.strategies import law

JUDGES: dict[str, Callable[[bytes, str, datetime | None], list[str]]] = {
    "atom.xml": atom.problems,
    "rss.xml": rss.problems,
    "feed.json": jsonfeed.problems,
    "sources.opml": opml.problems,
}
DEMO = "http://127.0.0.1:8017/"
PLAYED = datetime(2026, 10, 6, tzinfo=UTC)
LATER = datetime(2050, 1, 1, tzinfo=UTC)

# What the W3C validator guesses of words that partners may well have written: a title about the </b> tag, a damaged
# character. It is republished as it is.
WORDS = (
    "W3C ContainsUndeclaredHTML",
    "W3C ContainsHTML",
    "W3C BadCharacters",
    "W3C ContainsEmail",
)


def editions_problems(body: bytes, url: str, now: datetime | None) -> list[str]:
    """Validate the feed of editions, which has no other source to name."""
    return [problem for problem in atom.problems(body, url, now) if not problem.startswith("PB3: no source")]


def judge(path: str) -> Callable[[bytes, str, datetime | None], list[str]]:
    """Return the validator of a document by its file name."""
    if path == paths.EDITION_FEED:
        return editions_problems
    return atom.problems if path.startswith("archive/") else JUDGES[path.rpartition("/")[2]]


def documents(made: Publication) -> list[PublishedDocument]:
    """Render a publication in every format."""
    return [render(made) for render in renderers.FEEDS.values()]


def found(*made: PublishedDocument) -> list[str]:
    """Return the problems that validators report, without those in texts of partners."""
    return [
        f"{document.path}: {problem}"
        for document in made
        for problem in judge(document.path)(document.body, site().url + document.path, LATER)
        if not problem.startswith(WORDS) and "Invalid codepoint" not in problem
    ]


# --- what others write ---------------------------------------------------------------------------------


def hostile(vector: str) -> Story:
    """Return a story with this string in every field of a partner."""
    line = text.line(vector) or "-"
    link = urls.web_link(f"https://node.example/{line}")
    names = {"name": line, "rights": line, "licence": line, "feed_id": line, "site_link": link, "url": link}
    lead = story_item(
        title=line,
        excerpt=sanitize.excerpt(line),
        html=sanitize.fragment(text.block(f"<p>before {vector} after</p>") or "", "https://node.example/"),
        authors=(line,),
        categories=(line,),
        rights=line,
        link=link,
        enclosures=(Enclosure(url=link or "https://node.example/x", type=text.line(vector, 100), length=1),),
        by=names | {"full_text": True},
    )
    return story(
        "s" * 16, lead, story_item(id_="b" * 16, link=link, by={"id_": "b"} | names), topics=("data",)
    )


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_strings_keep_documents_valid(vector: str) -> None:
    """Every format stays valid whatever a partner writes (PB5)."""
    assert found(*documents(publication(hostile(vector)))) == []


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_strings_keep_the_feed_of_editions_valid(vector: str) -> None:
    """The feed stays valid, and two editions of one run are no duplicates (PB5)."""
    line = text.line(vector) or "-"
    link = urls.web_link(f"https://node.example/{line}")
    entry = test_edition_pages.new_entry(title=line, publisher=line, link=link, excerpt=line, also=(line,))
    pair = [
        test_edition_pages.edition(entry, id=f"{id_}-2026-10-05", digest_id=id_, subject=line, title=line)
        for id_ in ("one", "two")
    ]
    assert found(edition_pages.feed(pair, site())) == []


@law
@given(
    st.lists(published_files.stories(), max_size=4, unique_by=lambda s: s.id),
    st.lists(published_files.tombstones, max_size=3),
)
def test_random_publications_are_valid(stories: list[Story], stones: list[Tombstone]) -> None:
    """No publication makes a document that breaks RFC 4287, RSS 2.0 or JSON Feed 1.1."""
    gone = {stone.story_id: stone for stone in stones if stone.story_id not in {one.id for one in stories}}
    made = replace(
        publication(*stories), tombstones=tuple(gone.values()), previous="2026-10", hub="https://hub.example/"
    )
    assert found(*documents(made)) == []
    month = ArchiveMonth(
        site=made.site,
        channel=made.channel,
        month="2026-10",
        previous="2026-09",
        stories=made.stories,
        tombstones=made.tombstones,
    )
    changed = max((one.updated for one in made.stories), default=EPOCH)
    body = archive.head(month, changed) + b"".join(archive.entries(month).values()) + END
    assert found(PublishedDocument(path="archive/2026-10.xml", media_type=paths.ATOM_TYPE, body=body)) == []
