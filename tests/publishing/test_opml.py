"""The list of sources as OPML 2.0 (opml.org/spec2.opml)."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from aggregator import text
from aggregator.model.publishing import SourceDirectory
from aggregator.model.stories import Publisher
from aggregator.publishing import opml
from tests.builders import publisher, site
from tests.feed_validators import opml as judge
from tests.hostile_strings import VECTORS


def listed(*publishers: Publisher, **fields: Any) -> etree._Element:
    """Return `sources.opml`, parsed."""
    return etree.fromstring(opml.render(SourceDirectory(site=site(**fields), sources=publishers)).body)


def test_the_list_is_opml_2_0() -> None:
    """The list has version 2.0, a head with the owner, and a body, in UTF-8 (PB15)."""
    document = opml.render(SourceDirectory(site=site(), sources=(publisher(),)))
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
    """A feed has type=rss, text and xmlUrl, and htmlUrl and language where known."""
    (outline,) = listed(publisher(name="A & B", language="de"))[1]
    assert dict(outline.attrib) == {
        "text": "A & B",
        "title": "A & B",
        "type": "rss",
        "xmlUrl": "https://node.example/feed/",
        "htmlUrl": "https://node.example/",
        "language": "de",
    }
    (bare,) = listed(publisher(site_link=None, kind="jsonfeed"))[1]
    assert sorted(bare.attrib) == ["text", "title", "type", "xmlUrl"]


def test_a_page_is_a_link() -> None:
    """A page without feed is a link and no subscription."""
    (outline,) = listed(publisher(kind="page", url="https://node.example/news/"))[1]
    assert outline.get("type") == "link"
    assert outline.get("url") == "https://node.example/news/"
    assert outline.get("xmlUrl") is None


@pytest.mark.parametrize("kind", ["ical", "wordpress", "zenodo"])
def test_other_kinds_have_their_own_type(kind: str) -> None:
    """Sources that feed readers cannot subscribe to are not listed as feeds."""
    (outline,) = listed(publisher(kind=kind, url="https://node.example/api"))[1]
    assert (outline.get("type"), outline.get("url")) == (kind, "https://node.example/api")
    assert outline.get("xmlUrl") is None
    assert outline.get("htmlUrl") == "https://node.example/"


def test_topics_are_categories() -> None:
    """Topics are categories separated by commas, without a slash."""
    directory = SourceDirectory(
        site=site(), sources=(publisher("a"), publisher("b")), topics={"a": ("data", "image-analysis")}
    )
    body = opml.render(directory).body
    assert [o.get("category") for o in etree.fromstring(body)[1]] == ["data,image-analysis", None]
    assert judge.problems(body, "") == []


def test_sources_keep_their_order_and_the_list_its_bytes() -> None:
    """The order is that of feeds.yaml, and the same sources are the same document (PB13)."""
    publishers = [publisher(f"node{n}") for n in (3, 1, 2)]
    assert [o.get("text") for o in listed(*publishers)[1]] == ["The node3", "The node1", "The node2"]
    directory = SourceDirectory(site=site(), sources=tuple(publishers))
    assert opml.render(directory) == opml.render(directory)


@pytest.mark.parametrize("vector", VECTORS)
def test_hostile_names_stay_names(vector: str) -> None:
    """Markup in the name of a source is read back as an attribute value (PB5)."""
    line = text.line(vector) or "-"
    root = listed(publisher(name=line, language=line, site_link=line), title=line)
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
