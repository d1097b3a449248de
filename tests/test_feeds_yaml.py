"""The feeds.yaml that is shipped: what it polls, how sure it says it is of it, and what its selectors do."""

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

# Nothing of it was ever fetched, so nothing may sound as if it had been.
_BOASTS = re.compile(r"\b(verified|confirmed|checked|tested|tried|works?|working)\b", re.IGNORECASE)

_ERROR_PAGE = b"""<!DOCTYPE html><html lang="en"><head><title>Not found</title></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/news/">News</a></li>
<li><a href="/events/">Events</a></li></ul></nav>
<main><h1>Page not found</h1><p>What you are looking for has moved, or it has never been here.</p></main>
</body></html>"""

# After the page that the selectors for the BiAPoL blog were written for; the posts are made up.
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
    """A shipped source."""
    return next(source for source in SOURCES if source.id == id_)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.id)
def test_every_source_says_how_sure_it_is(source: Source) -> None:
    """A word of the fixed vocabulary, then a reason: `missing` for what is not polled, another for what is."""
    word, _, reason = source.note.partition(": ")
    assert word in (POLLED if source.enabled else (MISSING,))
    assert len(reason) > 20
    assert not _BOASTS.search(source.note)


def test_the_vocabulary_is_explained_where_people_look() -> None:
    """At the top of the file and in the documentation."""
    top = (ROOT / "feeds.yaml").read_text("utf-8").partition("\nsite:")[0]
    manual = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    for word in (*POLLED, MISSING):
        assert re.search(rf"^#   {word}: ", top, re.MULTILINE)
        assert f"| `{word}:` |" in manual
        assert any(source.note.startswith(f"{word}: ") for source in SOURCES)


def test_no_two_sources_poll_the_same_address() -> None:
    """Nor spellings of one address."""
    counted = Counter(canonical_urls.canonical(source.url) for source in SOURCES)
    assert [address for address, count in counted.items() if count > 1] == []


def test_nothing_is_republished_whole() -> None:
    """No partner has permitted it yet."""
    assert not [source.id for source in SOURCES if source.full_text]


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.id)
def test_no_selector_takes_menus_for_news(source: Source) -> None:
    """Wrong selectors must fail: a page that has no news but links is never read as news."""
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
def test_guessed_selectors_read_a_layout_of_their_sort(id_: str, name: str) -> None:
    """Every item of a made-up listing, with its title, link and a date."""
    folder = ROOT / "tests" / "data" / "pages"
    said = json.loads((folder / f"{name}.expected.json").read_text("utf-8"))
    reading = page.read((folder / f"{name}.html").read_bytes(), said["url"], {}, of(id_))
    assert [(e.title, e.link) for e in reading.entries] == [(e["title"], e["link"]) for e in said["entries"]]
    assert all(e.published for e in reading.entries)
    assert reading.notes == ()


def test_the_list_of_a_book_is_read() -> None:
    """BiAPoL: the recent posts with their dates, none of the other sections and links."""
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
def test_only_links_of_the_known_form_are_news(id_: str, listing: str) -> None:
    """Where only the form of the addresses is known, a link of another form is never news."""
    document = f"<html><body><main>{listing}</main></body></html>".encode()
    reading = page.read(document, of(id_).url, {}, of(id_))
    assert [entry.title for entry in reading.entries] == ["Microscopist"]
