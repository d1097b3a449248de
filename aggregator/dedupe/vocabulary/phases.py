"""Find changes of an announcement in a text: cancelled, extended, results.

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


@dataclass(frozen=True, slots=True)
class _Patterns:
    """All phases by name, and one pattern with a group for each name."""

    names: tuple[str, ...]
    any: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    written = tomllib.loads(files(PACKAGE).joinpath("phases.toml").read_text("utf-8"))
    groups = (f"(?P<p{n}>{'|'.join(phase['patterns'])})" for n, phase in enumerate(written.values()))
    return _Patterns(
        names=tuple(written),
        any=re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)"),
    )
