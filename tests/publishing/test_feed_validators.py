"""Everything that is published, before the judges: the demo community, hostile words, whatever the edge lets in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import text, urls
from aggregator.items import sanitize
from aggregator.model.documents import Enclosure
from aggregator.model.publishing import ArchiveMonth, Publication, PublishedDocument, Tombstone
from aggregator.model.stories import Story
from aggregator.publishing import archive, edition_pages, paths, renderers
from tests import published_files
from tests.builders import site, story
from tests.feed_validators import atom, chain, jsonfeed, opml, rss
from tests.hostile_strings import VECTORS
from tests.published_files import publication, told
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
    """The feed of editions is Atom of our own: there is no other source to name (PB3)."""
    return [problem for problem in atom.problems(body, url, now) if not problem.startswith("PB3: no source")]


def judge(path: str) -> Callable[[bytes, str, datetime | None], list[str]]:
    """The judge of a document, by its name."""
    if path == paths.EDITION_FEED:
        return editions_problems
    return atom.problems if path.startswith("archive/") else JUDGES[path.rpartition("/")[2]]


def documents(made: Publication) -> list[PublishedDocument]:
    """A publication in every format."""
    return [render(made) for render in renderers.FEEDS.values()]


def found(*made: PublishedDocument) -> list[str]:
    """What the judges say of documents, but for the words of others."""
    return [
        f"{document.path}: {problem}"
        for document in made
        for problem in judge(document.path)(document.body, site().url + document.path, LATER)
        if not problem.startswith(WORDS) and "Invalid codepoint" not in problem
    ]


# --- the demo ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recorded community publishes."""
    out = tmp_path_factory.mktemp("strict") / "run"
    words = [sys.executable, "-m", "aggregator", "demo", "--out", str(out)]
    subprocess.run(words, check=True, capture_output=True)
    return out / "public"


def test_what_the_demo_publishes_is_clean(public: Path) -> None:
    """PB1-PB10, PB14, PB15: every feed, archive and list of a whole community, without one error or warning."""
    paths = [
        file.relative_to(public).as_posix()
        for file in sorted(public.rglob("*"))
        if file.name in JUDGES or (file.parent.name == "archive" and file.suffix == ".xml")
    ]
    assert {"atom.xml", "sources.opml", "channels/events/atom.xml", "digests/atom.xml"} <= set(paths)
    assert [
        f"{path}: {problem}"
        for path in paths
        for problem in judge(path)((public / path).read_bytes(), DEMO + path, PLAYED)
    ] == []


def test_the_demo_s_chain_holds_every_story(public: Path) -> None:
    """PB8, RFC 5005: from atom.xml back, every document is there and none contradicts another."""
    problems, ids = chain.walk(DEMO + "atom.xml", lambda url: (public / url.removeprefix(DEMO)).read_bytes())
    assert problems == []
    assert len(ids) == 71


# --- what others write ---------------------------------------------------------------------------------


def hostile(vector: str) -> Story:
    """A story with this string wherever a partner's string can stand."""
    line = text.line(vector) or "-"
    link = urls.web_link(f"https://node.example/{line}")
    names = {"name": line, "rights": line, "licence": line, "feed_id": line, "site_link": link, "url": link}
    lead = told(
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
    return story("s" * 16, lead, told(id_="b" * 16, link=link, by={"id_": "b"} | names), topics=("data",))


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_words_break_no_rule(vector: str) -> None:
    """PB5: whatever a partner writes, every format stays a valid, harmless document."""
    assert found(*documents(publication(hostile(vector)))) == []


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_words_break_no_rule_in_the_feed_of_editions(vector: str) -> None:
    """PB5: whatever a digest tells; and two that one run composed are no duplicates to the W3C validator."""
    line = text.line(vector) or "-"
    link = urls.web_link(f"https://node.example/{line}")
    said = test_edition_pages.told(title=line, publisher=line, link=link, excerpt=line, also=(line,))
    pair = [
        test_edition_pages.edition(said, id=f"{id_}-2026-10-05", digest_id=id_, subject=line, title=line)
        for id_ in ("one", "two")
    ]
    assert found(edition_pages.feed(pair, site())) == []


@law
@given(
    st.lists(published_files.stories(), max_size=4, unique_by=lambda s: s.id),
    st.lists(published_files.tombstones, max_size=3),
)
def test_whatever_is_published_is_clean(stories: list[Story], stones: list[Tombstone]) -> None:
    """RFC 4287, RSS 2.0, JSON Feed 1.1: no publication makes a document that breaks a rule."""
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
    assert found(archive.render(month)) == []
