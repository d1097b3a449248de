"""Read the prose of the repository: comments, docstrings, messages and pages."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

CODE = ("aggregator", "benchmarks", "docs", "tests")
"""Folders whose Python files are read."""
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "feeds.yaml",
    "Makefile",
    "deploy/*",
    "docs/**/*.md",
    "aggregator/**/*.j2",
)
RECORDED = ("aggregator/demo/community", "tests/data")
"""Folders of documents in the words of their publishers."""
NOT_MESSAGES = ("aggregator/store", "benchmarks", "docs", "tests")
"""Folders whose strings are SQL or test data, not messages."""


class Passage(NamedTuple):
    """Hold a piece of prose of the kind comment, docstring, message or page.

    A module without a docstring yields an empty one.
    """

    path: str
    line: int
    kind: str
    text: str


def passages(root: Path, below: Iterable[str] = ()) -> Iterator[Passage]:
    """Yield the prose of `root`, or only of files whose path begins with one of `below`."""
    wanted = tuple(below) or ("",)
    for path in python_files(root, *CODE):
        name = path.relative_to(root).as_posix()
        if name.startswith(wanted):
            yield from _of_python(name, path.read_text("utf-8"))
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            if path.is_file() and name.startswith(wanted):
                yield Passage(name, 1, "page", path.read_text("utf-8"))


def python_files(root: Path, *folders: str) -> Iterator[Path]:
    """Yield the Python files below folders of `root`, without recorded documents."""
    recorded = tuple(root / folder for folder in RECORDED)
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            if not any(path.is_relative_to(each) for each in recorded):
                yield path


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements below a node, without expressions: there are ten times as many."""
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        for each in getattr(node, name, ()):
            yield each
            yield from statements(each)


def _of_python(path: str, text: str) -> Iterator[Passage]:
    tree = ast.parse(text)
    if tree.body and ast.get_docstring(tree) is None:
        yield Passage(path, 1, "docstring", "")
    docstrings = {
        (node.lineno, node.col_offset)
        for node in statements(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    strings = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(path, token.start[0], "comment", token.string)
        elif token.type in strings and token.start in docstrings:
            yield Passage(path, token.start[0], "docstring", token.string.lstrip("rR").strip("\"'"))
        elif token.type in strings and not path.startswith(NOT_MESSAGES):
            yield Passage(path, token.start[0], "message", token.string)
