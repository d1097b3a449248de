"""Check the length of modules and functions of the program, and the names of modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .prose import python_files

MAX_MODULE_LINES = 450
MAX_MEDIAN_LINES = 150
MAX_FUNCTION_LINES = 60
SAYS_NOTHING = frozenset(
    "utils helpers common manager base misc look lately glance dossier tellings asking surveying courtesy cadence"
    " shelf model working upkeep wording wiring seams".split()
)
"""Names from which nobody guesses what a module does."""


def check(root: Path) -> Iterator[str]:
    """Yield what exceeds a limit, the longest first, and names that say nothing."""
    modules: list[tuple[int, str]] = []
    functions: list[tuple[int, str]] = []
    for path in python_files(root, "aggregator"):
        name, text = path.relative_to(root).as_posix(), path.read_text("utf-8")
        modules.append((len(text.splitlines()), name))
        functions += [(length, f"{name}:{line}: {title}()") for length, line, title in _functions(text)]
        if path.stem in SAYS_NOTHING:
            yield f"{name}: the name does not say what the module does"
    for length, name in sorted(modules, reverse=True):
        if length > MAX_MODULE_LINES:
            yield f"{name}: {length} lines, at most {MAX_MODULE_LINES}"
    for length, name in sorted(functions, reverse=True):
        if length > MAX_FUNCTION_LINES:
            yield f"{name} has {length} lines, at most {MAX_FUNCTION_LINES}"
    # Modules of a docstring alone, such as most __init__.py, would make the median look better.
    middle = median([length for length, _ in modules if length > 1] or [0])
    if middle >= MAX_MEDIAN_LINES:
        yield f"aggregator: half of the modules have {middle:.0f} lines or more, not below {MAX_MEDIAN_LINES}"


def _functions(text: str) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, node.lineno, node.name
