"""Read word lists from data files of a package; lines that begin with `#` are comments."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files


def words(package: str, name: str) -> frozenset[str]:
    """Return the words of a file with one word a line."""
    return frozenset(_lines(package, name))


def pairs(package: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield (word, meaning) for each word of a file with lines `meaning = word word …`."""
    return ((word, meaning) for meaning, listed in groups(package, name) for word in listed)


def groups(package: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (meaning, words) for each line of such a file."""
    for line in _lines(package, name):
        meaning, _, listed = line.partition(" = ")
        yield meaning, listed.split()


def _lines(package: str, name: str) -> Iterator[str]:
    text = files(package).joinpath(f"{name}.txt").read_text("utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))
