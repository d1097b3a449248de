"""Every format read back by those who know nothing of us: what went in comes out, the same from all of them."""

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
from tests.builders import site, story
from tests.published_files import publication, told
from tests.strategies import law


@dataclass(frozen=True)
class Told:
    """A story as a reader understands it; moments to the second, `language` its own or that of the feed."""

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
    """A document as feedparser reads it, none of it cleaned or resolved."""
    document = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    assert (document.bozo, document.version) == (False, version)
    return document


def by_feedparser(entry: Any, **fields: str) -> Told:
    """An entry of Atom or RSS; `fields` are those that the formats say in ways of their own."""
    contents = [content.value for content in entry.get("content", ())]
    return Told(
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
    """Plain words of a text construct of Atom, by its type."""
    return html.unescape(detail.value) if detail.type == "text/html" else str(detail.value)


def atom(body: bytes) -> list[Told]:
    """Atom, by feedparser."""
    document = parsed(body, "atom10")
    return [
        by_feedparser(
            entry,
            language=entry.title_detail.language or document.feed.language,
            summary=words(entry.summary_detail),
        )
        for entry in document.entries
    ]


def rss(body: bytes) -> list[Told]:
    """RSS, by feedparser; a description is HTML always, a title and rights never."""
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


def json_feed(body: bytes) -> list[Told]:
    """JSON Feed."""
    feed = json.loads(body)
    return [
        Told(
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


READERS: dict[str, Callable[[bytes], list[Told]]] = {"atom.xml": atom, "rss.xml": rss, "feed.json": json_feed}


def went_in(one: Story) -> Told:
    """A story as it was handed to the renderers."""
    lead = one.lead
    return Told(
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
    """A link of node.example as RFC 3986 has it: brackets only belong around the address of a host."""
    return link.replace("[", "%5B").replace("]", "%5D")


def read_back(made: Publication) -> dict[str, list[Told]]:
    """By format, what its reader says."""
    rendered = [render(made) for render in renderers.FEEDS.values()]
    return {document.path: READERS[document.path](document.body) for document in rendered}


def kept_by_feedparser(written: str) -> bool:
    """feedparser 6.0.14 takes "Â¡" for UTF-8 read as Latin-1 and repairs it, and parts names at their addresses."""
    try:
        return written.encode("latin-1").decode("utf-8") == written
    except ValueError:
        return True


def readable(one: Story) -> bool:
    """Whether feedparser reads the strings of a story as they stand."""
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
def test_what_is_rendered_parses_back_to_what_went_in(stories: list[Story]) -> None:
    """PB2, PB7, PB10: ids, titles, links, moments, authors, categories, texts, rights, sources; from all alike."""
    stories = [
        replace(one, correction=None) for one in stories
    ]  # what the entry says of it is told elsewhere
    expected = [went_in(one) for one in stories]
    for path, back in read_back(publication(*stories)).items():
        assert back == expected, path


def test_words_that_look_like_markup_stay_words() -> None:
    """PB2: titles and excerpts about markup, and addresses in them, are read back as they were written."""
    lines = (
        "R&D for <T> in generics",
        "see https://node.example/?a=1&utm_source=x&lang=de&copy=1",
        "the </b> tag, &amp; the &#8217; reference",
        "a < b && c > d",
        "<p>Not a paragraph</p>",
        "]]> and <![CDATA[",
    )
    stories = [
        story(f"s{n}", told(title=line, excerpt=line, authors=(line,))) for n, line in enumerate(lines)
    ]
    for path, back in read_back(publication(*stories)).items():
        assert [(one.title, one.summary, one.authors[0]) for one in back] == [(x, x, x) for x in lines], path
