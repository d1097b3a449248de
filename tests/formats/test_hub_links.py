"""The WebSub hub and the topic in headers and feeds."""

from __future__ import annotations

import json
import time

import pytest

from aggregator.formats import hub_links
from aggregator.formats.parsers import PARSERS
from aggregator.model.documents import HubLinks, ParsedDocument
from aggregator.model.polling import Response
from tests.builders import reading, rss, source

URL = "https://node.example/news/feed"
BOTH = HubLinks(hub="https://hub.example/", topic="https://node.example/feed")
ATOM = 'xmlns="http://www.w3.org/2005/Atom"'


def of(document: ParsedDocument, link: str = "", kind: str = "feed") -> HubLinks | None:
    """Return hub and topic of a response with this `Link` header and document."""
    headers = {"link": link} if link else {}
    response = Response(status=200, url=URL, headers=headers, body=b"")
    return hub_links.of_response(document, response, source(kind=kind))


def read(body: str, kind: str = "feed") -> ParsedDocument:
    """Parse a document from URL."""
    return PARSERS[kind](body.encode(), URL, {}, source(kind=kind))


@pytest.mark.parametrize(
    "link",
    [
        '<https://hub.example/>; rel="hub", <https://node.example/feed>; rel="self"',
        "</feed>;rel=self,<//hub.example/>;rel=hub",
        '<https://hub.example/> ; title="a, b; rel=self" ; REL="Hub preload", </feed>;foo;rel="self alternate"',
        '<ftp://hub.example/>; rel=hub, <>; rel=hub, <https://hub.example/>; rel=hub, <../feed>; rel="self"',
        "<https://hub.example/>; rel=hub, <https://second.example/>; rel=hub, <../feed>; rel=self",
    ],
)
def test_link_headers_name_hub_and_topic(link: str) -> None:
    """Headers are read by the grammar of RFC 8288; the first usable hub is taken (WS1)."""
    assert of(reading(), link) == BOTH


@pytest.mark.parametrize(
    "link",
    [
        "",
        "<https://hub.example/>; rel=hub",
        "</feed>; rel=self",
        'x, y; rel="hub"',
        "<a>; rel=hubs, <b>; rel=self",
    ],
)
def test_half_of_the_links_name_nothing(link: str) -> None:
    """Without a hub or without a topic there is nothing to subscribe to (WS1)."""
    assert of(reading(), link) is None


@pytest.mark.parametrize(
    "text", ["<" * 70_000, "<a>" + ";a" * 30_000, "<a>;" + '"' * 60_000, "<a>;" + " " * 60_000]
)
def test_hostile_headers_take_no_time(text: str) -> None:
    """A long header that is no list of links is read in linear time."""
    begun = time.process_time()
    assert of(reading(), text) is None
    assert time.process_time() - begun < 1


def test_links_of_the_document_complete_the_headers() -> None:
    """Each link is taken from the headers, else from the document (WS1)."""
    document = read(
        f'<feed {ATOM}><title>t</title><link rel="hub" href="https://other.example/"/>'
        f'<link rel="self" href="/feed"/></feed>'
    )
    assert of(document, "<https://hub.example/>; rel=hub") == BOTH
    assert of(document) == HubLinks(hub="https://other.example/", topic=BOTH.topic)


@pytest.mark.parametrize(
    "body",
    [
        f'<feed {ATOM}><title>t</title><link rel="self" href="/feed"/><link rel="hub" href="https://hub.example/"/></feed>',
        f'<feed {ATOM} xml:base="https://hub.example/"><title>t</title><link rel="hub" href="."/>'
        '<link rel="self" href="https://node.example/feed"/></feed>',
        rss(
            head='<x:link xmlns:x="http://www.w3.org/2005/Atom" rel="hub" href="https://hub.example/"/>'
            '<x:link xmlns:x="http://www.w3.org/2005/Atom" rel="self" href="/feed"/>'
        ).decode(),
        json.dumps(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "title": "t",
                "items": [],
                "feed_url": "/feed",
                "hubs": [
                    {"type": "rssCloud", "url": "https://no.example/"},
                    7,
                    {"type": "WebSub", "url": "https://hub.example/"},
                ],
            }
        ),
    ],
    ids=["atom", "base", "rss", "json"],
)
def test_documents_name_hub_and_topic(body: str) -> None:
    """Atom, RSS with Atom links, and JSON Feed each state the hub in their own form (WS1)."""
    assert of(read(body)) == BOTH


def test_links_of_entries_are_none_of_the_feed() -> None:
    """Links and quotations in an entry state no hub (WS1)."""
    links = '<link rel="hub" href="https://evil.example/"/><link rel="self" href="/evil"/>'
    body = (
        f"<feed {ATOM}><title>t</title><entry><id>1</id><title>x</title>{links}"
        f'<content type="html"><![CDATA[{links}]]></content></entry></feed>'
    )
    assert of(read(body)) is None


def test_only_feeds_are_subscribed() -> None:
    """Hubs push feeds; a page or an API with such a header is polled (WS1)."""
    link = '<https://hub.example/>; rel="hub", <https://node.example/feed>; rel="self"'
    assert [kind for kind in PARSERS if of(reading(), link, kind)] == ["feed", "jsonfeed"]
