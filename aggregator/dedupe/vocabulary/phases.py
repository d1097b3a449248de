"""Find phases of a subject in a text: registration open, cancelled, results.

The patterns are in phases.toml.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aggregator.dedupe.vocabulary.load import PACKAGE


def phases(folded: str) -> frozenset[str]:
    """Return the phases that a folded text names."""
    known = _patterns()
    return frozenset(known.names[int((match.lastgroup or "p0")[1:])] for match in known.any.finditer(folded))


def decisive() -> frozenset[str]:
    """Return the phases that make two stories even if only one of two titles names them."""
    return _patterns().decisive


@dataclass(frozen=True, slots=True)
class _Patterns:
    """All phases by name, those that are decisive, and one pattern with a group for each name."""

    names: tuple[str, ...]
    decisive: frozenset[str]
    any: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    written = tomllib.loads(files(PACKAGE).joinpath("phases.toml").read_text("utf-8"))
    groups = (f"(?P<p{n}>{'|'.join(phase['patterns'])})" for n, phase in enumerate(written.values()))
    return _Patterns(
        names=tuple(written),
        decisive=frozenset(name for name, phase in written.items() if phase.get("decisive")),
        any=re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)"),
    )
