"""Splitting of documents: parsing only unseen entries gives the same as parsing all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.formats import feed
from aggregator.formats.entry_splitter import remove_entries, split_entries
from aggregator.model.documents import ParsedDocument
from tests.builders import rss, source
from tests.strategies import law

URL = "https://node.example/feed/"
CORPUS = Path(__file__).parents[1] / "data" / "feeds"
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{base}"><title>T</title><updated>{updated}</updated>
{entries}</feed>"""
HEADERS: Mapping[str, str] = {}


def read(body: bytes, seen: frozenset[bytes] = frozenset()) -> ParsedDocument:
    """Parse `body` without the entries that were seen."""
    return feed.read(body, URL, HEADERS, source(), seen)


def item(n: int) -> dict[str, str]:
    """Return an RSS item."""
    return {
        "title": f"News & more {n}",
        "link": f"https://node.example/{n}",
        "guid": f"g{n}",
        "description": f"<p>{n}</p>",
    }


@given(st.lists(st.integers(0, 30), unique=True, max_size=12), st.sets(st.integers(0, 30)))
@law
def test_new_entries_read_alone_are_what_they_are_in_the_whole(now: list[int], before: set[int]) -> None:
    """For any two documents, each new entry is parsed the same, with its position."""
    seen = frozenset(read(rss(*map(item, sorted(before)))).entry_hashes)
    body = rss(*map(item, now))
    whole, part = read(body), read(body, seen)
    assert part.entries == tuple(e for e, n in zip(whole.entries, now, strict=True) if n not in before)
    assert {skipped.guid for skipped in part.skipped} == {f"g{n}" for n in now if n in before}
    assert part.entry_hashes == whole.entry_hashes and len(whole.entry_hashes) == len(now)


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.xml")), ids=lambda file: file.name)
def test_any_document_halved_is_still_read(file: Path) -> None:
    """In each document of the corpus, with half of the entries seen, the others are the same."""
    try:
        whole = read(file.read_bytes())
    except Exception as error:  # noqa: BLE001 - refused documents are another test's
        pytest.skip(f"refused: {error}")
    seen = frozenset(whole.entry_hashes[::2])
    part = read(file.read_bytes(), seen)
    if part.skipped:
        assert part.entries == tuple(
            e for e, d in zip(whole.entries, whole.entry_hashes, strict=True) if d not in seen
        )
    else:
        assert part == whole


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "News & more 1 (corrected)"},
        {"description": "<p>other</p>"},
        {"pubDate": "Mon, 05 Oct 2026 05:00:00 +0000"},
    ],
)
def test_a_changed_entry_is_read_again(changed: dict[str, str]) -> None:
    """Any changed byte of an entry makes it unseen."""
    seen = frozenset(read(rss(item(0), item(1), item(2))).entry_hashes)
    part = read(rss(item(0), item(1) | changed, item(2)), seen)
    assert [entry.position for entry in part.entries] == [1]


def test_what_stands_around_the_entries_counts() -> None:
    """A changed base, namespace or language makes all entries unseen; a changed date does not."""
    entries = '<entry><id>1</id><title>A</title><link href="a"/></entry>'
    first = ATOM.format(base="https://a.example/", updated="2026-10-01T00:00:00Z", entries=entries).encode()
    seen = frozenset(read(first).entry_hashes)
    moved = first.replace(b"a.example", b"b.example")
    (entry,) = read(moved, seen).entries
    assert entry.link == "https://b.example/a"
    assert read(first.replace(b"2026-10-01", b"2026-10-02"), seen).entries == ()


@pytest.mark.parametrize(
    "body",
    [
        b"not xml",
        b"<rss><channel><item></channel></rss>",
        rss(item(1)).decode().replace("utf-8", "utf-16").encode("utf-16"),
        b'<!DOCTYPE rss [<!ENTITY a "b">]>' + rss(item(1)).split(b"?>", 1)[1],
        b"",
    ],
)
def test_what_is_unusual_is_not_cut(body: bytes) -> None:
    """Malformed documents, DTDs and other encodings are not split."""
    assert split_entries(body) == ()


def test_markup_inside_entries_is_not_taken_for_entries() -> None:
    """An <item> within an entry's text or element does not split it."""
    body = rss(item(1) | {"description": "<item>no</item>"}).replace(
        b"<guid>", b"<x><item>in</item></x><guid>"
    )
    (piece,) = split_entries(body)
    assert body[piece.start : piece.end].startswith(b"<item>") and body[: piece.end].endswith(b"</item>")
    assert split_entries(remove_entries(body, (piece,), {piece.hash})) == ()


def test_an_entry_with_a_field_within_itself_leaves_the_others_as_they_are() -> None:
    """A document with <title><title> is not split: feedparser carries it into later entries."""
    body = rss(item(1), item(2)).replace(b"<guid>g1", b"<title><title>x</title></title><guid>g1")
    seen = frozenset(piece.hash for piece in split_entries(body)[:1])
    assert read(body, seen) == read(body)
    assert read(body, seen).entries[1].title == "News & more 2"
