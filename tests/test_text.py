"""Strings of foreign documents made legal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.text import block, legal, line, visible
from tests.strategies import law


@given(st.text())
@law
def test_legal_text_is_xml(text: str) -> None:
    """PB5: XML 1.0 can have every character that is left; what is legal stays as it is."""
    kept = legal(text)
    etree.Element("a").text = kept  # lxml raises ValueError for any other character
    assert legal(kept) == kept
    assert set(kept) <= set(text)


def test_what_a_terminal_obeys_is_gone() -> None:
    """PB5: controls, C1 controls, lone surrogates and non-characters go; tabs, line ends and emoji stay."""
    assert legal("a\x00\x07\x1b\x7f\x85\x9b\ud800\ufffe\uffffb") == "ab"
    assert legal("a\t\n\r\xa0ß\u2028😀") == "a\t\n\r\xa0ß\u2028😀"


def test_what_turns_text_round_is_gone() -> None:
    """Bidi embeddings, overrides and isolates go, or a title would reverse what is shown behind it; marks of
    direction and letters written from right to left stay.
    """
    assert legal("a\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b") == "ab"
    assert legal("שלום\u200f\u200e\u061c, مرحبا") == "שלום\u200f\u200e\u061c, مرحبا"


@given(st.text(), st.integers(1, 50))
@law
def test_a_line_is_one_line(text: str, limit: int) -> None:
    """A line has no line break, no blanks at its ends, is never longer than allowed, and is None rather than empty."""
    made = line(text, limit)
    assert made is None or (0 < len(made) <= limit and made == made.strip() and len(made.splitlines()) == 1)


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, b"bytes", "", " \n\t", "\x00"])
def test_what_is_no_text_is_none(value: object) -> None:
    """Anything empty or not a string is None, whatever a document put there."""
    assert line(value) is None
    assert block(value) is None


def test_a_block_keeps_its_lines() -> None:
    """A text keeps line breaks and inner blanks, and is cut at its limit."""
    assert block("  a\n\n b\x00 ") == "a\n\n b"
    assert block("x" * 30, 20) == "x" * 20


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Mi\u200bcro\u2060scope\ufeff", "Microscope"),
        ("Nano\u00adtechnologie", "Nanotechnologie"),
        ("a\u200d\u200cb \u200dc\u200c", "ab c"),
        ("open\U000e0068\U000e0069\U000e007f call", "open call"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d🔬 at work", "👩\u200d🔬 at work"),
        ("👩\u200d", "👩"),
        ("שלום\u200f", "שלום\u200f"),
        ("plain", "plain"),
        ("é" + "\u200d" * 100_000, "é"),
    ],
)
def test_what_cannot_be_seen_is_taken_out(written: str, shown: str) -> None:
    """Zero-width characters and tags go; joiners stay where scripts and emoji need them, and marks of direction."""
    assert visible(written) == shown
    assert visible(shown) == shown
