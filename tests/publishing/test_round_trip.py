"""Every format read back by independent parsers, with the same result."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import feedparser
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model.publishing import Publication
from aggregator.model.stories import Story
from aggregator.publishing import renderers
from tests import published_files
from tests.builders import site, story, story_item
from tests.published_files import publication
from tests.strategies import law


@dataclass(frozen=True)
class ReadStory:
    """Hold a story as a reader parses it, with times in seconds."""

    id: str
    title: str
    link: str
    published: datetime
    updated: datetime
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    summary: str
    content: str | None
    language: str
    rights: str | None
    source: str


def parsed(body: bytes, version: str) -> Any:
    """Parse a document by feedparser without sanitizing or resolving."""
    document = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    assert (document.bozo, document.version) == (False, version)
    return document


def by_feedparser(entry: Any, **fields: str) -> ReadStory:
    """Return an entry of Atom or RSS; `fields` depend on the format."""
    contents = [content.value for content in entry.get("content", ())]
    return ReadStory(
        id=entry.id,
        title=words(entry.title_detail),
        link=entry.link,
        published=datetime(*entry.published_parsed[:6], tzinfo=UTC),
        updated=datetime(*entry.updated_parsed[:6], tzinfo=UTC),
        authors=tuple(author["name"] for author in entry.authors),
        categories=tuple(dict.fromkeys(tag["term"] for tag in entry.tags)),
        content=contents[0] if contents else None,
        rights=words(entry.rights_detail) if "rights" in entry else None,
        source=entry.source.title,
        **fields,
    )


def words(detail: Any) -> str:
    """Return the plain text of an Atom text construct by its type."""
    return html.unescape(detail.value) if detail.type == "text/html" else str(detail.value)


def atom(body: bytes) -> list[ReadStory]:
    """Read Atom by feedparser."""
    document = parsed(body, "atom10")
    return [
        by_feedparser(
            entry,
            language=entry.title_detail.language or document.feed.language,
            summary=words(entry.summary_detail),
        )
        for entry in document.entries
    ]


def rss(body: bytes) -> list[ReadStory]:
    """Read RSS by feedparser: descriptions are HTML, titles and rights are text."""
    document = parsed(body, "rss20")
    for entry in document.entries:
        for detail in (entry.title_detail, entry.get("rights_detail", {})):
            detail["type"] = "text/plain"
    return [
        by_feedparser(
            entry,
            language=entry.get("language") or document.feed.language,
            summary=html.unescape(entry.summary),
        )
        for entry in document.entries
    ]


def json_feed(body: bytes) -> list[ReadStory]:
    """Read JSON Feed."""
    feed = json.loads(body)
    return [
        ReadStory(
            id=item["id"],
            title=item["title"],
            link=item["url"],
            published=datetime.fromisoformat(item["date_published"]),
            updated=datetime.fromisoformat(item["date_modified"]),
            authors=tuple(author["name"] for author in item["authors"]),
            categories=tuple(item["tags"]),
            summary=item.get("summary") or item["content_text"],
            content=item.get("content_html"),
            language=item.get("language") or feed["language"],
            rights=item["_aggregator"].get("rights"),
            source=item["_aggregator"]["source"]["title"],
        )
        for item in feed["items"]
    ]


READERS: dict[str, Callable[[bytes], list[ReadStory]]] = {
    "atom.xml": atom,
    "rss.xml": rss,
    "feed.json": json_feed,
}


def went_in(one: Story) -> ReadStory:
    """Return a story as it was passed to the renderers."""
    lead = one.lead
    return ReadStory(
        id=f"tag:news.example,2026:story/{one.id}",
        title=lead.title,
        link=brackets(lead.link or f"https://news.example/#story-{one.id}"),
        published=one.published,
        updated=one.updated,
        authors=lead.authors or (one.publisher.name,),
        categories=tuple(dict.fromkeys((*one.topics, one.kind.value, *lead.categories))),
        summary=lead.excerpt or lead.title,
        content=lead.html if one.publisher.full_text and lead.html else None,
        language=lead.language or site().language,
        rights=one.publisher.licence or lead.rights,
        source=one.publisher.name,
    )


def brackets(link: str) -> str:
    """Return a link of node.example with encoded brackets (RFC 3986 section 3.2.2)."""
    return link.replace("[", "%5B").replace("]", "%5D")


def read_back(made: Publication) -> dict[str, list[ReadStory]]:
    """Return the stories of each format as read."""
    rendered = [render(made) for render in renderers.FEEDS.values()]
    return {document.path: READERS[document.path](document.body) for document in rendered}


def kept_by_feedparser(written: str) -> bool:
    """Return whether feedparser 6.0.14 keeps a string; it repairs "Â¡" and splits names."""
    try:
        return written.encode("latin-1").decode("utf-8") == written
    except ValueError:
        return True


def readable(one: Story) -> bool:
    """Return whether feedparser keeps all strings of a story."""
    lead = one.lead
    said = (
        lead.title,
        lead.excerpt,
        lead.html,
        one.publisher.name,
        lead.rights or "",
        *lead.authors,
        *lead.categories,
    )
    return all(map(kept_by_feedparser, said)) and not any(
        "@" in name for name in (*lead.authors, one.publisher.name)
    )


@law
@given(st.lists(published_files.stories().filter(readable), max_size=4, unique_by=lambda s: s.id))
def test_formats_read_back_to_their_input(stories: list[Story]) -> None:
    """Ids, titles, links, times, authors, categories, texts and rights survive (PB2, PB7, PB10)."""
    stories = [replace(one, correction=None) for one in stories]  # the test above compares these
    expected = [went_in(one) for one in stories]
    for path, back in read_back(publication(*stories)).items():
        assert back == expected, path


def test_text_that_looks_like_markup_stays_text() -> None:
    """Titles and excerpts about markup are read back as written (PB2)."""
    lines = (
        "R&D for <T> in generics",
        "see https://node.example/?a=1&utm_source=x&lang=de&copy=1",
        "the </b> tag, &amp; the &#8217; reference",
        "a < b && c > d",
        "<p>Not a paragraph</p>",
        "]]> and <![CDATA[",
    )
    stories = [
        story(f"s{n}", story_item(title=line, excerpt=line, authors=(line,))) for n, line in enumerate(lines)
    ]
    for path, back in read_back(publication(*stories)).items():
        assert [(one.title, one.summary, one.authors[0]) for one in back] == [(x, x, x) for x in lines], path
