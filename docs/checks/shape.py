"""Check the length of modules and functions of the program, and the names of modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .prose import python_files, statements

MAX_MODULE_LINES = 450
MAX_MEDIAN_LINES = 150
MAX_FUNCTION_LINES = 60
MEANINGLESS_NAMES = frozenset("utils helpers common manager base misc".split())
"""Names of modules that state no duty."""
FORMER_NAMES = frozenset(
    "address announce appeal asking cadence clean compose conditions courtesy diagnose dossier edit facts glance"
    " isolate lately lexicon links log look model operator pings place published reading reconcile reposts seams"
    " shelf signature surveying tellings trace traces upkeep why wiring withdraw wording working works".split()
)
"""Names that modules had before the folders became the stages; nobody guessed their content."""
FORMER_FOLDERS = frozenset("editions jobs outputs sources stories".split())
"""Folders that the package had before."""


def check(root: Path) -> Iterator[str]:
    """Yield what exceeds a limit, the longest first, and names that say nothing."""
    modules: list[tuple[int, str]] = []
    functions: list[tuple[int, str]] = []
    for path in python_files(root, "aggregator"):
        name, text = path.relative_to(root).as_posix(), path.read_text("utf-8")
        modules.append((len(text.splitlines()), name))
        functions += [(length, f"{name}:{line}: {title}()") for length, line, title in _functions(text)]
        if path.stem in MEANINGLESS_NAMES | FORMER_NAMES or FORMER_FOLDERS & {*path.parent.parts[-1:]}:
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
    for node in statements(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, node.lineno, node.name
