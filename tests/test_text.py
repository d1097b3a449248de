"""Characters that break XML, terminals or readers' view are removed from foreign text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.text import (
    MAX_LINE_CHARACTERS,
    MAX_WORD_CHARACTERS,
    alphabetic_words,
    block,
    legal,
    line,
    visible,
    without_long_words,
)
from tests.strategies import law


@given(st.text())
@law
def test_legal_text_is_xml(text: str) -> None:
    """XML 1.0 allows every remaining character, and allowed text is unchanged (PB5)."""
    kept = legal(text)
    etree.Element("a").text = kept  # lxml raises ValueError for any other character
    assert legal(kept) == kept
    assert set(kept) <= set(text)


@given(st.text(), st.integers(0, 3_000), st.sampled_from(["x", "a b", "\n"]))
@law
def test_a_message_is_shortened_once(text: str, times: int, repeated: str) -> None:
    """A shortened message has short lines, keeps both ends and is shortened no further."""
    message = f"no source {text}{repeated * times}; what to do"
    short = without_long_words(message)
    assert without_long_words(short) == short
    assert short.startswith("no source") and short.endswith("what to do")
    assert all(len(line) <= MAX_LINE_CHARACTERS + 1 for line in short.split("\n"))


def test_an_address_that_is_a_little_too_long_loses_little() -> None:
    """A word of a message keeps as much as is allowed, and a shorter one is exact."""
    address = f"https://node.example/{'a/' * 138}?x"
    assert without_long_words(f"{address} cannot be read") == f"{address} cannot be read"
    assert len(without_long_words(f"{address}={address}")) == MAX_WORD_CHARACTERS + 1


def test_control_characters_are_removed() -> None:
    """Controls, lone surrogates and non-characters go; tabs, line ends and emoji stay (PB5)."""
    assert legal("a\x00\x07\x1b\x7f\x85\x9b\ud800\ufffe\uffffb") == "ab"
    assert legal("a\t\n\r\xa0ß\u2028😀") == "a\t\n\r\xa0ß\u2028😀"


def test_bidi_controls_are_removed() -> None:
    """Bidi embeddings, overrides and isolates go; they would reverse the text behind them.

    Directional marks and right-to-left scripts stay.
    """
    assert legal("a\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b") == "ab"
    assert legal("שלום\u200f\u200e\u061c, مرحبا") == "שלום\u200f\u200e\u061c, مرحبا"


@given(st.text(), st.integers(1, 50))
@law
def test_a_line_is_one_line(text: str, limit: int) -> None:
    """A line has no line break, no blanks at its ends, keeps to its limit, and is never empty."""
    result = line(text, limit)
    assert result is None or (
        0 < len(result) <= limit and result == result.strip() and len(result.splitlines()) == 1
    )


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, b"bytes", "", " \n\t", "\x00"])
def test_values_without_text_are_none(value: object) -> None:
    """An empty value or another type than text is None."""
    assert line(value) is None
    assert block(value) is None


def test_a_block_keeps_its_lines() -> None:
    """A block keeps line breaks and inner blanks, and is cut at its limit."""
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
def test_invisible_characters_are_removed(written: str, shown: str) -> None:
    """Zero-width characters and tags go; joiners stay where scripts and emoji need them."""
    assert visible(written) == shown
    assert visible(shown) == shown


@given(st.text() | st.text("aZß’–… 1२Ⅷ_\xa0\u0301漢İ", max_size=40))
@law
def test_alphabetic_words_are_those_of_an_expression(text: str) -> None:
    """Digits, marks and signs separate alphabetic words in every script."""
    assert alphabetic_words(text) == re.findall(r"[^\W\d_]+", text)
