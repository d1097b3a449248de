"""The shipped feeds.yaml: its sources, the certainty of each address, and its selectors."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from aggregator.config import load
from aggregator.errors import UnreadableDocument
from aggregator.formats import page
from aggregator.items import canonical_urls
from aggregator.model.config import Source

ROOT = Path(__file__).parents[1]
SOURCES = load(ROOT / "feeds.yaml").sources
PAGES = [source for source in SOURCES if source.kind == "page" and source.enabled]
POLLED = ("documented", "likely", "guess")
MISSING = "missing"

# No source was ever requested, so no note may claim that it was.
_BOASTS = re.compile(r"\b(verified|confirmed|checked|tested|tried|works?|working)\b", re.IGNORECASE)

_ERROR_PAGE = b"""<!DOCTYPE html><html lang="en"><head><title>Not found</title></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/news/">News</a></li>
<li><a href="/events/">Events</a></li></ul></nav>
<main><h1>Page not found</h1><p>What you are looking for has moved, or it has never been here.</p></main>
</body></html>"""

# The layout of the page for which the selectors of the BiAPoL blog were written, with invented posts.
_BOOK = b"""<!DOCTYPE html><html lang="en"><head><title>Welcome! - a blog</title></head><body>
<nav><ul><li><a class="reference internal" href="anna/readme.html">Anna</a></li></ul></nav>
<main><article class="bd-article"><section id="welcome"><h1>Welcome!</h1><p>We blog.</p>
<section id="recent"><h2>Recent posts<a class="headerlink" href="#recent">#</a></h2>
<section id="a"><h3><a class="reference internal" href="anna/tiles/readme.html"><span>Large images in tiles</span></a
><a class="headerlink" href="#a">#</a></h3>
<p><small><a class="reference internal" href="anna/readme.html">Anna</a>, January 26th, 2026</small><br>
<a class="reference internal" href="_images/a.png"><img alt="" src="_images/a.png"></a>
<p>How to cut them.</p></p></section>
<section id="b"><h3><a class="reference internal" href="ben/masks/readme.html"><span>Masks by hand</span></a
><a class="headerlink" href="#b">#</a></h3>
<p><small>Ben, Oct 21st, 2025</small><br><p>When no model helps.</p></p></section>
</section><section id="thanks"><h2>Thanks</h2><p>To <a href="imprint.html">all</a>.</p></section>
</section></article></main></body></html>"""


def of(id_: str) -> Source:
    """Return a shipped source."""
    return next(source for source in SOURCES if source.id == id_)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.id)
def test_every_note_states_the_certainty(source: Source) -> None:
    """A note begins with a word of the fixed list, `missing` if disabled, and has a reason."""
    word, _, reason = source.note.partition(": ")
    assert word in (POLLED if source.enabled else (MISSING,))
    assert len(reason) > 20
    assert not _BOASTS.search(source.note)


def test_words_of_notes_are_explained() -> None:
    """The words of notes are explained at the top of the file and in docs/configuration.md."""
    top = (ROOT / "feeds.yaml").read_text("utf-8").partition("\nsite:")[0]
    manual = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    for word in (*POLLED, MISSING):
        assert re.search(rf"^#   {word}: ", top, re.MULTILINE)
        assert f"| `{word}:` |" in manual
        assert any(source.note.startswith(f"{word}: ") for source in SOURCES)


def test_no_two_sources_poll_the_same_address() -> None:
    """No two sources have the same canonical URL."""
    counted = Counter(canonical_urls.canonical(source.url) for source in SOURCES)
    assert [address for address, count in counted.items() if count > 1] == []


def test_no_full_text() -> None:
    """No shipped source has `full_text`, because no partner has permitted it yet."""
    assert not [source.id for source in SOURCES if source.full_text]


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.id)
def test_menus_are_no_entries(source: Source) -> None:
    """A page that has only menus is a failure for the selectors of every source."""
    with pytest.raises(UnreadableDocument):
        page.read(_ERROR_PAGE, source.url, {}, source)


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("global-bioimaging", "globalbioimaging"),
        ("czech-bioimaging", "globalbioimaging"),
        ("leiden", "university-css-modules"),
    ],
)
def test_guessed_selectors(id_: str, name: str) -> None:
    """Guessed selectors read every entry of a listing in the expected layout."""
    folder = ROOT / "tests" / "data" / "pages"
    expected = json.loads((folder / f"{name}.expected.json").read_text("utf-8"))
    reading = page.read((folder / f"{name}.html").read_bytes(), expected["url"], {}, of(id_))
    assert [(e.title, e.link) for e in reading.entries] == [
        (e["title"], e["link"]) for e in expected["entries"]
    ]
    assert all(e.published for e in reading.entries)
    assert reading.notes == ()


def test_list_of_a_book() -> None:
    """The selectors of BiAPoL read the recent posts with their dates, and no other sections."""
    reading = page.read(_BOOK, "https://biapol.example/blog/intro.html", {}, of("biapol"))
    assert [(e.title, e.link, e.published) for e in reading.entries] == [
        ("Large images in tiles", "https://biapol.example/blog/anna/tiles/readme.html", "January 26th, 2026"),
        ("Masks by hand", "https://biapol.example/blog/ben/masks/readme.html", "Oct 21st, 2025"),
    ]
    assert [e.summary for e in reading.entries] == ["<p>How to cut them.</p>", "<p>When no model helps.</p>"]
    assert reading.notes == ()


@pytest.mark.parametrize(
    ("id_", "listing"),
    [
        (
            "embl-jobs",
            '<ul><li><a href="/jobs/position/HD1">Microscopist</a></li><li><a href="/jobs/">All</a></li></ul>',
        ),
        (
            "embl-events",
            '<article><h3><a href="/events/x26-01/">Microscopist</a></h3><p>In May.</p></article>'
            '<article><h3><a href="/about/">About us</a></h3></article>',
        ),
        (
            "ebi-training",
            '<article><h3><a href="/training/events/a/">Microscopist</a></h3></article><a href="/">Home</a>',
        ),
    ],
)
def test_links_of_other_forms_are_no_entries(id_: str, listing: str) -> None:
    """Selectors that know only the form of the links read no link of another form."""
    document = f"<html><body><main>{listing}</main></body></html>".encode()
    reading = page.read(document, of(id_).url, {}, of(id_))
    assert [entry.title for entry in reading.entries] == ["Microscopist"]
