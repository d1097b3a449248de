"""Corpus of documents: own ones by their expectations, real ones by independent parsing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from lxml.html import fragment_fromstring

from aggregator.errors import UnreadableDocument
from aggregator.formats.parsers import PARSERS
from aggregator.items import normalise
from aggregator.model.documents import Enclosure, ParsedDocument
from aggregator.model.items import IdentityPolicy, Item
from tests.builders import NOW, layout_of, source

OURS = Path(__file__).parents[1] / "data" / "feeds"
REAL = Path(__file__).parents[3] / "shared" / "data" / "feeds"
FEED = "https://node.example/feed/"


# --- documents of our own ------------------------------------------------------------------------------


def _documents() -> list[str]:
    return sorted(p.name for p in OURS.iterdir() if p.suffix != ".md" and ".expected." not in p.name)


def _expected(name: str) -> dict[str, Any]:
    written = (OURS / f"{Path(name).stem}.expected.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(written)
    return loaded


def _read(name: str, expected: Mapping[str, Any]) -> tuple[ParsedDocument, tuple[Item, ...], IdentityPolicy]:
    pages = expected.get("page", [])
    layouts = tuple(layout_of(page) for page in (pages if isinstance(pages, list) else [pages]))
    kind = expected.get("kind", "feed")
    publisher = source(kind=kind, page=layouts, **expected.get("source", {}))
    url, headers = expected.get("url", FEED), expected.get("headers", {})
    reading = PARSERS[kind]((OURS / name).read_bytes(), url, headers, publisher)
    return reading, *normalise.items_of(reading, publisher, IdentityPolicy(), (), NOW)


def _enclosures(item: Item, wanted: list[dict[str, Any]]) -> bool:
    # `True == 1` in Python, but not in a feed.
    written = [Enclosure(**enclosure) for enclosure in wanted]
    return repr(list(item.enclosures)) == repr(written)


CHECKS: dict[str, Callable[[Item, Any], bool]] = {
    "title": lambda item, wanted: wanted is None or item.title == wanted,
    "title_contains": lambda item, wanted: wanted in item.title,
    "link": lambda item, wanted: item.link == wanted,
    "guid": lambda item, wanted: item.guid == wanted,
    "published": lambda item, wanted: item.claimed == (wanted and datetime.fromisoformat(wanted)),
    "text": lambda item, wanted: item.text == wanted,
    "text_words": lambda item, wanted: item.text.split() == wanted,
    "text_contains": lambda item, wanted: all(part in item.text for part in wanted),
    "excerpt": lambda item, wanted: item.excerpt == wanted,
    "html_contains": lambda item, wanted: all(part in item.html for part in wanted),
    "html_lacks": lambda item, wanted: not any(part in item.html for part in wanted),
    "authors": lambda item, wanted: list(item.authors) == wanted,
    "categories": lambda item, wanted: list(item.categories) == wanted,
    "enclosures": _enclosures,
    "language": lambda item, wanted: item.language == wanted,
    "rights": lambda item, wanted: item.rights == wanted,
    "kind": lambda item, wanted: item.kind == wanted,
    "position": lambda item, wanted: item.position == wanted,
    "identified_by": lambda item, wanted: item.aliases[0].kind == wanted,
}
"""Fields that an expectation may have; title, link, guid and published are required."""


def _said(item: Item, key: str) -> object:
    return getattr(item, {"published": "claimed", "identified_by": "aliases"}.get(key, key.partition("_")[0]))


ACCEPTED = [name for name in _documents() if "refused" not in _expected(name)]
REFUSED = [name for name in _documents() if "refused" in _expected(name)]


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_document_becomes_the_entries_written_beside_it(name: str) -> None:
    """Each own document gives exactly the entries of its `.expected.json`, in order."""
    expected = _expected(name)
    reading, items, identity_policy = _read(name, expected)
    wanted = expected["entries"]
    assert [item.link for item in items] == [entry["link"] for entry in wanted]
    wrong = [
        f"{entry['link']}: {key} should be {entry[key]!r}, is {_said(item, key)!r}"
        for item, entry in zip(items, wanted, strict=True)
        for key in entry
        if not CHECKS[key](item, entry[key])
    ]
    assert not wrong, "\n".join(wrong)
    for key, value in expected.get("document", {}).items():
        assert getattr(reading, key) == value, key
    assert identity_policy == IdentityPolicy(**expected.get("verdict", {}))
    for note in expected.get("notes_contain", ()):
        assert note in "\n".join(reading.notes)


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_that_is_none_is_refused_in_words(name: str) -> None:
    """A body of another kind raises UnreadableDocument with the reason."""
    expected = _expected(name)
    with pytest.raises(UnreadableDocument, match=re.escape(expected["refused"])):
        _read(name, expected)


@pytest.mark.parametrize("name", _documents())
def test_an_expectation_is_complete(name: str) -> None:
    """An expectation has one sentence on its document.

    Of each entry it has what identifies and dates it.
    """
    expected = _expected(name)
    assert expected["shows"].endswith(".")
    assert ("entries" in expected) != ("refused" in expected)
    for entry in expected.get("entries", ()):
        assert {"title", "link", "guid", "published"} <= set(entry) <= set(CHECKS)


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_same_document_becomes_the_same_items(name: str) -> None:
    """Equal bytes give equal ids and content, whatever was parsed before (I4)."""
    expected = _expected(name)
    assert _read(name, expected) == _read(name, expected)


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_item_keeps_the_promises_of_the_model(name: str) -> None:
    """Items have a sort time not after first seen, short excerpts, legal text and long ids.

    Excerpts have at most 300 characters, text is legal in XML 1.0, ids have 80 bits (T1, P3, PB5, I4).
    """
    _, items, _ = _read(name, _expected(name))
    assert len({item.id for item in items}) == len(items)
    for item in items:
        assert item.sort_time <= item.first_seen == NOW
        assert len(item.excerpt) <= 300
        assert re.fullmatch(r"[a-z2-7]{16}", item.id)
        assert item.title
        root = etree.Element("legal")
        for text in (item.title, item.text, item.html, item.excerpt, *item.authors, *item.categories):
            root.text = text  # lxml raises ValueError for a character that XML 1.0 cannot have


# --- real documents, judged by a second reading --------------------------------------------------------


def _real() -> list[str]:
    return sorted(path.name for path in REAL.iterdir()) if REAL.is_dir() else []


needs_real = pytest.mark.skipif(not _real(), reason=f"no real documents: {REAL} does not exist")


class Raw:
    """An entry found by regular expressions, independent of the parsers."""

    def __init__(self, written: str) -> None:
        self.written = written

    def element(self, *names: str) -> str | None:
        """Return the content of the first of these elements, without CDATA or one escape."""
        for name in names:
            if match := re.search(rf"<((?:\w+:)?{name})\b([^>]*)>(.*?)</\1>", self.written, re.DOTALL):
                inner = match[3].strip()
                cdata = re.fullmatch(r"<!\[CDATA\[(.*)\]\]>", inner, re.DOTALL)
                if 'type="xhtml"' in match[2]:
                    return inner
                return cdata[1] if cdata else html.unescape(inner)
        return None

    @property
    def link(self) -> str | None:
        """Return the text of an RSS link, or the URL of the first alternate Atom link."""
        for tag in re.findall(r"<link\b[^>]*/>", self.written):
            if 'rel="' not in tag or 'rel="alternate"' in tag:
                return html.unescape(tag.partition('href="')[2].partition('"')[0])
        return self.element("link", "url")

    @property
    def guid(self) -> str | None:
        """Return the guid of RSS, the id of Atom and JSON Feed, the subject of RDF."""
        about = re.search(r'rdf:about="([^"]*)"', self.written)
        return self.element("guid", "id") or (about[1] if about else None)

    @property
    def moment(self) -> datetime:
        """Return the publication time: RFC 822 by email.utils, ISO 8601 by datetime."""
        if rss := self.element("pubDate"):
            return parsedate_to_datetime(rss).astimezone(UTC)
        iso = self.element("published", "date", "date_published") or ""
        return datetime.fromisoformat(iso).astimezone(UTC)

    @property
    def letters(self) -> str:
        """Return the alphanumeric characters of its longest text, with HTML parsed by lxml."""
        found = [self.element(name) for name in ("encoded", "content_html", "content", "content_text")]
        texts = [text for text in found if text] or [self.element("description", "summary") or ""]
        root = fragment_fromstring(texts[0], create_parent=True)
        return _letters("".join(root.xpath(".//text()[not(parent::style or parent::script)]")))


def _letters(text: str) -> str:
    """Keep alphanumeric characters only: these tests do not cover spaces between blocks."""
    return re.sub(r"[\W_]+", "", text)


def _text(name: str) -> str:
    # Declarations lie: davidbau.xml says ISO-8859-1 and is UTF-8.
    body = (REAL / name).read_bytes()
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("utf-16")


def _entries(name: str) -> list[Raw]:
    text = _text(name)
    if name.endswith(".json"):
        return [
            Raw("".join(f"<{key}>{html.escape(str(value))}</{key}>" for key, value in item.items()))
            for item in json.loads(text)["items"]
        ]
    starts = [match.start() for match in re.finditer(r"<(?:\w+:)?(?:item|entry)[\s>]", text)]
    return [Raw(text[a:b]) for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _items(name: str) -> tuple[Item, ...]:
    publisher = source()
    reading = PARSERS["feed"]((REAL / name).read_bytes(), FEED, {}, publisher)
    return normalise.items_of(reading, publisher, IdentityPolicy(), (), NOW)[0]


@needs_real
@pytest.mark.parametrize("name", _real())
def test_no_entry_of_a_real_document_is_lost(name: str) -> None:
    """There is one item for each <item> or <entry>, in order, with its link and id."""
    raws, items = _entries(name), _items(name)
    assert len(items) == len(raws) > 0
    assert len({item.id for item in items}) == len(items)
    assert [item.position for item in items] == list(range(len(raws)))
    assert [item.link for item in items] == [raw.link for raw in raws]
    assert [item.guid for item in items] == [raw.guid for raw in raws]
    assert all((item.link or item.guid) and item.title and item.html for item in items)


@needs_real
@pytest.mark.parametrize("name", _real())
def test_titles_of_a_real_document_keep_their_words(name: str) -> None:
    """Every character of a title is kept, in order."""
    for item, raw in zip(_items(name), _entries(name), strict=True):
        assert _letters(item.title) == _letters(html.unescape(raw.element("title") or ""))


@needs_real
@pytest.mark.parametrize("name", _real())
def test_dates_of_a_real_document_are_its_own(name: str) -> None:
    """Every entry has the date that the standard library parses, and sorts by it (T1, T2)."""
    for item, raw in zip(_items(name), _entries(name), strict=True):
        assert item.claimed == raw.moment == item.sort_time


@needs_real
@pytest.mark.parametrize("name", _real())
def test_texts_of_a_real_document_are_whole(name: str) -> None:
    """Every character of an entry's text is kept, also of 624 KB (pypy.xml)."""
    for item, raw in zip(_items(name), _entries(name), strict=True):
        assert _letters(item.text) == raw.letters
