"""Authors, categories and languages of entries."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest

from aggregator.formats import feed
from tests.builders import rss, source


def entry(inside: str, malformed: str = "") -> Any:
    """Return the entry that an RSS item with these elements is."""
    body = rss({"title": "T"}).replace(b"<rss ", b'<rss xmlns:dc="http://purl.org/dc/elements/1.1/" ')
    body = body.replace(b"<item>", f"<item>{malformed}{inside}".encode())
    return feed.read(body, "https://node.example/feed", {}, source()).entries[0]


@pytest.mark.parametrize("element", ["author", "dc:creator"])
@pytest.mark.parametrize("malformed", ["", "<b>"])
@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Ada Desk", "Ada Desk"),
        ("desk@imaging.institute", "desk@imaging.institute"),
        ("desk@imaging.institute (Ada Desk)", "Ada Desk"),
        ("Ada Desk <desk@imaging.institute>", "Ada Desk"),
        ("Ada Desk (desk@imaging.org)", "Ada Desk"),
        ("desk@imaging.org (Ada Desk (Bonn))", "Ada Desk (Bonn)"),
        ("@desk@imaging.institute", "@desk@imaging.institute"),
    ],
)
def test_an_address_beside_a_name_is_left_out(element: str, malformed: str, written: str, name: str) -> None:
    """An author is a name, whatever the domain of the address beside it."""
    assert entry(f"<{element}>{escape(written)}</{element}>", malformed).authors == (name,)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("<a href='https://node.example/ada'>Ada Desk</a>", ("Ada Desk",)),
        ("Desk &amp; Lab", ("Desk & Lab",)),
        ("<br>", ()),
    ],
)
def test_an_author_has_no_markup(written: str, names: tuple[str, ...]) -> None:
    """Some systems write a link as the name of an author."""
    assert entry(f"<dc:creator>{escape(written)}</dc:creator>").authors == names


def test_an_address_of_one_author_is_no_name_of_another() -> None:
    """An author and a creator with one name are one author."""
    found = entry("<author>desk@imaging.institute (Ada Desk)</author><dc:creator>Ada Desk</dc:creator>")
    assert set(found.authors) == {"Ada Desk"}


@pytest.mark.parametrize(
    ("written", "category"),
    [("R&amp;D", "R&D"), ("<b>Grants</b>", "Grants"), ("Grants & Calls", "Grants & Calls"), ("&#27;a", "a")],
)
def test_a_category_that_was_escaped_twice_is_text(written: str, category: str) -> None:
    """Many systems escape names of categories in RSS twice."""
    assert entry(f"<category>{escape(written)}</category>").categories == (category,)


def test_a_category_of_atom_is_taken_as_it_is() -> None:
    """Atom says that a category is text (RFC 4287 section 4.2.2)."""
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><id>f</id><entry><id>1</id><title>T</title>
        <category term="&amp;amp; in XML"/></entry></feed>"""
    (found,) = feed.read(body, "https://node.example/feed", {}, source()).entries
    assert found.categories == ("&amp; in XML",)


def test_an_item_has_the_language_that_it_states() -> None:
    """The language of Dublin Core is that of its item."""
    assert entry("<dc:language>de</dc:language>").language == "de"


def test_blanks_around_the_length_of_an_enclosure_do_not_matter() -> None:
    """An enclosure has the length that is stated."""
    (enclosure,) = entry('<enclosure url="/a.mp3" length=" 12 " type="audio/mpeg"/>').enclosures
    assert (enclosure.url, enclosure.length) == ("https://node.example/a.mp3", 12)
