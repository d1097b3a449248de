"""Find the literals of which each match of an expression contains one; most texts have none."""

from __future__ import annotations

from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)

Literals = frozenset[str]


def required_literals(expression: str, flags: int) -> Literals:
    """Return literals of which each match of an expression has one; empty if unknown.

    They are in lower case and in ASCII: `lower(text)` contains one whatever the case of the match. A literal is found
    a hundred times as fast as an expression with IGNORECASE.
    """
    return _of_sequence(_parser.parse(expression, flags)) or frozenset()


def lower(text: str) -> str:
    """Return a text in lower case, with the characters that IGNORECASE takes for i and s."""
    return text.replace("İ", "i").lower().replace("ſ", "s").replace("ı", "i")


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> Literals | None:
    """Return the literals of the part of a sequence whose shortest literal is longest."""
    found: list[Literals | None] = []
    run = ""
    for kind, value in items:
        if kind is sre.LITERAL and value < 128:
            run += chr(value).lower()
            continue
        found += [frozenset({run}), _of_part(kind, value)]
        run = ""
    usable = [literals for literals in (*found, frozenset({run})) if literals and all(literals)]
    return max(usable, key=lambda literals: min(map(len, literals)), default=None)


def _of_part(kind: Any, value: Any) -> Literals | None:
    if kind is sre.SUBPATTERN:
        return _of_sequence(value[-1])
    if kind is sre.ATOMIC_GROUP:
        return _of_sequence(value)
    if kind in _REPEATS and value[0] > 0:
        return _of_sequence(value[2])
    if kind is sre.BRANCH:
        branches = [_of_sequence(branch) for branch in value[1]]
        known = [literals for literals in branches if literals]
        return frozenset().union(*known) if len(known) == len(branches) else None
    return None
