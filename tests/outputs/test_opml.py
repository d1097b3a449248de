"""The list of sources: OPML 2.0 (opml.org/spec2.opml), PB15."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from aggregator import text
from aggregator.model import Directory, Teller
from aggregator.outputs import opml
from tests.builders import site, teller
from tests.hostile import VECTORS
from tests.strict import opml as judge


def listed(*tellers: Teller, **fields: Any) -> etree._Element:
    """`sources.opml`, parsed."""
    return etree.fromstring(opml.render(Directory(site=site(**fields), sources=tellers)).body)


def test_the_list_is_opml_2_0() -> None:
    """PB15: version 2.0, a head that says whose list it is, and a body; UTF-8 with an XML declaration."""
    document = opml.render(Directory(site=site(), sources=(teller(),)))
    assert document.path == "sources.opml"
    assert document.media_type == "text/x-opml; charset=utf-8"
    assert document.body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    root = etree.fromstring(document.body)
    assert (root.tag, dict(root.attrib)) == ("opml", {"version": "2.0"})
    assert [part.tag for part in root] == ["head", "body"]
    assert {part.tag: part.text for part in root[0]} == {
        "title": "Sources of Imaging news",
        "ownerName": "Imaging news",
        "ownerId": "https://news.example/",
    }


def test_a_feed_is_a_subscription() -> None:
    """OPML 2.0: type=rss needs text and xmlUrl; htmlUrl and language are told where they are known."""
    (outline,) = listed(teller(name="A & B", language="de"))[1]
    assert dict(outline.attrib) == {
        "text": "A & B",
        "title": "A & B",
        "type": "rss",
        "xmlUrl": "https://node.example/feed/",
        "htmlUrl": "https://node.example/",
        "language": "de",
    }
    (bare,) = listed(teller(site_link=None, kind="jsonfeed"))[1]
    assert sorted(bare.attrib) == ["text", "title", "type", "xmlUrl"]


def test_a_page_is_a_link() -> None:
    """OPML 2.0: what has no feed is no subscription."""
    (outline,) = listed(teller(kind="page", url="https://node.example/news/"))[1]
    assert outline.get("type") == "link"
    assert outline.get("url") == "https://node.example/news/"
    assert outline.get("xmlUrl") is None


@pytest.mark.parametrize("kind", ["ical", "wordpress", "zenodo"])
def test_what_only_a_program_can_poll_is_of_its_own_type(kind: str) -> None:
    """OPML 2.0 leaves types open: what no feed reader can subscribe to does not pretend to be a feed."""
    (outline,) = listed(teller(kind=kind, url="https://node.example/api"))[1]
    assert (outline.get("type"), outline.get("url")) == (kind, "https://node.example/api")
    assert outline.get("xmlUrl") is None
    assert outline.get("htmlUrl") == "https://node.example/"


def test_topics_are_categories() -> None:
    """OPML 2.0: tags are a list with commas, and no slash."""
    directory = Directory(
        site=site(), sources=(teller("a"), teller("b")), topics={"a": ("data", "image-analysis")}
    )
    body = opml.render(directory).body
    assert [o.get("category") for o in etree.fromstring(body)[1]] == ["data,image-analysis", None]
    assert judge.problems(body, "") == []


def test_sources_keep_their_order_and_the_list_its_bytes() -> None:
    """PB13: the order is that of feeds.yaml, and the same sources are the same document."""
    tellers = [teller(f"node{n}") for n in (3, 1, 2)]
    assert [o.get("text") for o in listed(*tellers)[1]] == ["The node3", "The node1", "The node2"]
    directory = Directory(site=site(), sources=tuple(tellers))
    assert opml.render(directory) == opml.render(directory)


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_names_stay_names(vector: str) -> None:
    """PB5: whatever a source calls itself is an attribute's value when it is read back."""
    line = text.line(vector) or "-"
    root = listed(teller(name=line, language=line, site_link=line), title=line)
    (outline,) = root[1]
    assert outline.get("text") == outline.get("language") == outline.get("htmlUrl") == line
    assert root.findtext("head/ownerName") == line
    assert [e.tag for e in root.iter()] == [
        "opml",
        "head",
        "title",
        "ownerName",
        "ownerId",
        "body",
        "outline",
    ]
