"""Pages of editions, their list and their feed."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree, html

from aggregator import text, urls
from aggregator.model.digests import Edition, EditionEntry, EditionSummary, EntryReason, UpdateKind
from aggregator.publishing import edition_pages, renderers
from tests.builders import NOW, site
from tests.hostile_strings import VECTORS, Shape, faults, shape, xml_faults

A = "{http://www.w3.org/2005/Atom}"
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).parent.parent / "data" / "atom" / "rfc4287.rng"))
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def new_entry(**fields: Any) -> EditionEntry:
    """Return a new story of the section `news`."""
    defaults: dict[str, Any] = {
        "story_id": "s" * 16,
        "item_id": "i" * 16,
        "reason": EntryReason.NEW,
        "section": "news",
        "title": "Light for all",
        "publisher": "The node",
        "day": date(2026, 10, 3),
        "link": "https://node.example/1",
        "excerpt": "Some words.",
    }
    return EditionEntry(**defaults | fields)


def edition(*stories: EditionEntry, n: int = 0, **fields: Any) -> Edition:
    """Return the edition of a Monday, `n` weeks after the first."""
    day = date(2026, 10, 5) + timedelta(weeks=n)
    defaults: dict[str, Any] = {
        "id": f"weekly-{day}",
        "digest_id": "weekly",
        "title": "Weekly",
        "subject": f"Weekly, {day.day} October 2026",
        "language": "en",
        "period": day,
        "composed": NOW + timedelta(weeks=n),
        "entries": stories or (new_entry(),),
    }
    return Edition(**defaults | fields)


def page(made: Edition) -> Any:
    """Return the page of an edition, parsed."""
    return html.document_fromstring(edition_pages.page(made, site()).body)


def feed(*some: Edition, **fields: Any) -> etree._Element:
    """Return the feed after validation by the grammar of RFC 4287."""
    root = etree.fromstring(edition_pages.feed(some, site(**fields)).body)
    GRAMMAR.assertValid(root)
    return root


# --- the page ------------------------------------------------------------------------------------------


def test_a_page_is_the_whole_edition() -> None:
    """A page has all stories under their headings, with all their publishers (M4)."""
    stories = [new_entry(title=f"News {n}", also=("B & Co",)) for n in range(400)]
    later = new_entry(
        section="updates",
        reason=EntryReason.UPDATED,
        title="Now",
        update_kind=UpdateKind.MOVED,
        updated_on=date(2026, 10, 4),
    )
    tree = page(edition(*stories, replace(later, former_title="Then")))
    assert [h.text_content() for h in tree.iter("h2")] == ["News", "Corrected or cancelled"]
    assert [h.text_content() for h in tree.iter("h3")] == [*(f"News {n}" for n in range(400)), "Now"]
    assert len(tree.xpath("//p[@class='meta'][contains(., 'also published by B & Co')]")) == 400
    (note,) = tree.xpath("//p[@class='note']")
    assert note.text_content() == "Postponed or moved (as of 4 October 2026). Previous title: “Then”"


def test_a_page_links_to_feed_list_and_site() -> None:
    """A page has the path that mails link to, and links to feed, list and site (PB15)."""
    document = edition_pages.page(edition(), site())
    assert (document.path, document.media_type) == (
        "digests/weekly-2026-10-05.html",
        "text/html; charset=utf-8",
    )
    tree = html.document_fromstring(document.body)
    assert tree.xpath("//link[@rel='alternate']/@href") == ["https://news.example/digests/atom.xml"]
    assert {"index.html", "../index.html", "atom.xml"} <= set(tree.xpath("//a/@href"))


@pytest.mark.parametrize(("language", "heading"), [("en", "News"), ("de", "Neuigkeiten")])
def test_pages_are_in_the_language_of_the_digest(language: str, heading: str) -> None:
    """Text of partners keeps its own language and states it (PB15)."""
    tree = page(edition(new_entry(language="fi"), language=language))
    assert tree.get("lang") == language
    assert [h.text_content() for h in tree.iter("h2")] == [heading]
    assert tree.xpath("//h3/@lang") == tree.xpath("//p[@class='excerpt']/@lang") == ["fi"]


def test_hidden_stories_leave_no_text() -> None:
    """Title, link, publisher and text of a hidden story are on neither page nor feed (I7)."""
    secret = new_entry(
        title="Secret", publisher="Whoever", link="https://secret.example/", excerpt="Hush.", hidden=True
    )
    made = edition(
        new_entry(),
        replace(
            secret,
            former_title="Secret before",
            update_kind=UpdateKind.CORRECTED,
            updated_on=date(2026, 10, 4),
        ),
    )
    for body in (edition_pages.page(made, site()).body, edition_pages.feed([made], site()).body):
        said = body.decode()
        assert "This story was withdrawn after the edition was sent." in said
        assert "Light for all" in said
        assert not [word for word in ("Secret", "Whoever", "secret.example", "Hush") if word in said]


def hostile(line: str, link: str) -> Edition:
    """Return an edition with `line` in every text that a partner can write."""
    one = new_entry(title=line, publisher=line, also=(line,), excerpt=line, link=link)
    again = replace(
        one,
        section="updates",
        update_kind=UpdateKind.CORRECTED,
        updated_on=date(2026, 10, 4),
        former_title=f"{line} before",
    )
    return edition(one, again)


@pytest.fixture(scope="module")
def harmless() -> Shape:
    """Return the structure of a page with harmless texts."""
    return shape(edition_pages.page(hostile("harmless", "https://node.example/"), site()).body.decode())


@pytest.mark.parametrize("vector", VECTORS)
def test_no_text_changes_a_page_or_the_feed(vector: str, harmless: Shape) -> None:
    """No text of a partner adds elements or runs anything (PB5)."""
    line = text.line(vector, 500) or "-"
    for address in (vector, f"https://evil.example/{vector}"):
        made = hostile(line, urls.join("https://node.example/", address) or "https://node.example/")
        body = edition_pages.page(made, site()).body.decode()
        assert faults(body) == []
        assert shape(body) == harmless
        document = edition_pages.feed([made], site()).body
        assert xml_faults(document) == []
        content = etree.fromstring(document).findtext(f"{A}entry/{A}content")
        assert faults(str(content)) == []


# --- the list ------------------------------------------------------------------------------------------


def test_the_list_has_every_edition_by_year() -> None:
    """The list has all editions by local year, with languages other than the site's (PB15)."""
    lines = [
        EditionSummary(
            id=id_, subject=subject, language=language, composed=NOW - timedelta(days=days), stories=n
        )
        for id_, subject, language, days, n in (
            ("a-2026-10-05", "A", "en", 0, 12),
            ("b-2026-10-04", "B", "de", 1, 1),
            ("a-2025-10-06", "A before", "en", 364, 2),
        )
    ]
    tree = html.document_fromstring(edition_pages.index(lines, site()).body)
    assert [h.text_content() for h in tree.iter("h2")] == ["2026", "2025"]
    links = [(a.get("href"), a.get("lang"), a.text) for a in tree.xpath("//li/a")]
    assert links == [
        ("a-2026-10-05.html", None, "A"),
        ("b-2026-10-04.html", "de", "B"),
        ("a-2025-10-06.html", None, "A before"),
    ]
    assert [s.text for s in tree.xpath("//li/span")] == ["12 stories", "1 story", "2 stories"]


# --- the feed ------------------------------------------------------------------------------------------


def test_the_feed_has_its_metadata() -> None:
    """The feed has permanent ids, a self link, and page, times and language of entries (PB1)."""
    root = feed(edition(n=1, language="de"), edition())
    assert root.findtext(f"{A}id") == "tag:news.example,2026:editions"
    assert root.findtext(f"{A}updated") == "2026-10-12T06:30:00.999999+00:00"
    links = {(link.get("rel"), link.get("type"), link.get("href")) for link in root.findall(f"{A}link")}
    assert links == {
        ("self", "application/atom+xml", "https://news.example/digests/atom.xml"),
        ("alternate", "text/html", "https://news.example/digests/"),
    }
    newest, oldest = root.findall(f"{A}entry")
    assert newest.findtext(f"{A}id") == "tag:news.example,2026:edition/weekly-2026-10-12"
    assert newest.findtext(f"{A}title") == "Weekly, 12 October 2026"
    assert newest.findtext(f"{A}published") == (NOW + timedelta(weeks=1)).isoformat()
    assert (newest.findtext(f"{A}updated") or "").startswith("2026-10-12T06:30:00.")
    assert newest.findtext(f"{A}author/{A}name") == site().title
    assert (newest.get(LANG), oldest.get(LANG)) == ("de", None)
    (link,) = oldest.findall(f"{A}link")
    assert dict(link.attrib) == {
        "rel": "alternate",
        "type": "text/html",
        "href": "https://news.example/digests/weekly-2026-10-05.html",
    }


def test_the_feed_content_has_linked_titles() -> None:
    """The content has the titles with links under their headings, escaped once (PB2)."""
    made = edition(
        new_entry(title="A < B & C", link="https://node.example/?a=1&b=2"),
        new_entry(title="No link", link=None),
    )
    (entry,) = feedparser.parse(io.BytesIO(edition_pages.feed([made], site()).body)).entries
    tree = html.fragment_fromstring(entry.content[0].value, create_parent="div")
    assert [h.text for h in tree.iter("h3")] == ["News"]
    assert [li.text_content() for li in tree.iter("li")] == ["A < B & C (The node)", "No link (The node)"]
    assert tree.xpath("//a/@href") == ["https://node.example/?a=1&b=2"]
    assert entry.summary == "2 new stories from 1 partner"


def test_the_feed_shortens_large_editions() -> None:
    """The feed states how many titles it omits and links to the page (PB14)."""
    made = edition(*(new_entry(title=f"News {n}") for n in range(100)))
    content = str(feed(made).findtext(f"{A}entry/{A}content"))
    assert content.count("<li>") == edition_pages.MAX_TITLES
    assert f"and {100 - edition_pages.MAX_TITLES} more in the full edition" in content
    assert 'href="https://news.example/digests/weekly-2026-10-05.html"' in content


def test_the_feed_is_readable_in_a_browser() -> None:
    """The feed names the stylesheet of all feeds relative to its folder (PB15)."""
    assert (
        b'<?xml-stylesheet type="text/css" href="../feed.css"?>'
        in edition_pages.feed([edition(new_entry())], site()).body
    )


def test_the_feed_stays_small() -> None:
    """The feed has the newest editions that fit in 512 KiB (PB14)."""
    long = [new_entry(title="ü" * 300, link=f"https://node.example/{'x' * 1000}") for _ in range(60)]
    some = [edition(*long, n=-n, id=f"weekly-{n}") for n in range(30)]
    body = edition_pages.feed(some, site()).body
    assert len(body) <= renderers.MAX_BYTES
    ids = [entry.findtext(f"{A}id") for entry in etree.fromstring(body).findall(f"{A}entry")]
    assert 0 < len(ids) < 30
    assert ids == [f"tag:news.example,2026:edition/weekly-{n}" for n in range(len(ids))]


def test_the_same_editions_are_the_same_bytes() -> None:
    """Rendering depends only on the stored editions (PB13)."""
    made = edition(new_entry(also=("B",)), n=1)
    assert edition_pages.feed([made], site()) == edition_pages.feed([made], site())
    assert edition_pages.page(made, site()) == edition_pages.page(made, site())
