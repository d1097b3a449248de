"""Check words and docstrings against docs/style.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .prose import Passage

STYLE = "docs/style.md"
MAX_FIRST_LINE = 90
"""Maximum characters of the first line of a docstring."""
_AFTER_NEWS = r"(?!\s+(?:items?|pages?|feeds?|sites?|sources?|stor(?:y|ies)|listings?)\b)"
"""Nouns that may follow a phrase of the table that ends in "news": they make it correct."""
_ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
_PAGE = re.compile(r"\b\w+\.md\b")
_CODE_FIRST = re.compile(r"[A-Z]{1,2}[1-9][0-9]?\b\S*[:,] ")


class Finding(NamedTuple):
    """A place that deviates from docs/style.md."""

    path: str
    line: int
    text: str


def report(root: Path, prose: Iterable[Passage]) -> tuple[list[Finding], list[str]]:
    """Return deviations in `prose`, and their number for each file, the largest first."""
    passages = list(prose)
    found = sorted([*_words(root, passages), *_docstrings(passages), *_absent_pages(root, passages)])
    counts = Counter(each.path for each in found)
    return found, [f"{count:6} {path}" for path, count in counts.most_common()]


def banned(root: Path) -> dict[str, str]:
    """Read the table of docs/style.md: word -> what to write instead."""
    table = (root / STYLE).read_text("utf-8").partition("\n## Words\n")[2]
    return {
        word: instead
        for words, instead in _ROW.findall(table)
        if words != "not"
        for word in words.split(", ")
    }


def _words(root: Path, passages: list[Passage]) -> Iterator[Finding]:
    table = banned(root)
    # Longer ones first: the first alternative that fits hides all others.
    alternatives = "|".join(_pattern(word) for word in sorted(table, key=len, reverse=True))
    any_word = re.compile(rf"\b(?:{alternatives})\b", re.IGNORECASE)
    for passage in passages:
        text = passage.text
        if passage.path == STYLE:
            text = _ROW.sub("", text)
        for match in any_word.finditer(text):
            line = passage.line + text.count("\n", 0, match.start())
            phrase = " ".join(match.group().split())
            yield Finding(passage.path, line, f"“{phrase}”: use {_instead(table, phrase)}")


def _pattern(word: str) -> str:
    pattern = re.escape(word).replace(r"\ …\ ", r"\s+(?:\S+\s+){0,4}?").replace(r"\ ", r"\s+")
    return pattern + (_AFTER_NEWS if word.endswith(" news") else "")


def _instead(table: dict[str, str], phrase: str) -> str:
    return next(
        instead for word, instead in table.items() if re.fullmatch(_pattern(word), phrase, re.IGNORECASE)
    )


def _docstrings(passages: list[Passage]) -> Iterator[Finding]:
    for passage in passages:
        if passage.kind != "docstring":
            continue
        first = passage.text.partition("\n")[0].strip()
        if not first:
            yield Finding(passage.path, passage.line, "the docstring or its first line is missing")
        if len(first) > MAX_FIRST_LINE:
            yield Finding(
                passage.path, passage.line, f"first line: {len(first)} characters, at most {MAX_FIRST_LINE}"
            )
        if _CODE_FIRST.match(first):
            yield Finding(passage.path, passage.line, "begins with a rule code; begin with a sentence")


def _absent_pages(root: Path, passages: list[Passage]) -> Iterator[Finding]:
    names = {path.name for path in [*root.glob("*.md"), *root.glob("docs/**/*.md")]}
    for passage in passages:
        for match in _PAGE.finditer(passage.text):
            if passage.kind in ("comment", "docstring") and match.group() not in names:
                line = passage.line + passage.text.count("\n", 0, match.start())
                yield Finding(passage.path, line, f"{match.group()} is not a page of this project")
