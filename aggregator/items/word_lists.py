"""Read word lists from data files; lines that begin with `#` are comments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def words(folder: Path, name: str) -> frozenset[str]:
    """Return the words of a file with one word a line."""
    return frozenset(_lines(folder, name))


def pairs(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yield (word, meaning) for each word of a file with lines `meaning = word word …`."""
    return ((word, meaning) for meaning, listed in groups(folder, name) for word in listed)


def groups(folder: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (meaning, words) for each line of such a file."""
    for line in _lines(folder, name):
        meaning, _, listed = line.partition(" = ")
        yield meaning, listed.split()


def _lines(folder: Path, name: str) -> Iterator[str]:
    text = (folder / f"{name}.txt").read_text("utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))
