"""Find changes of an announcement in a text: cancelled, extended, results.

The patterns are in phases.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache

from aggregator.dedupe.vocabulary.load import FOLDER
from aggregator.model.value_classes import dataclass


def phases(folded: str) -> frozenset[str]:
    """Return the phases that a folded text names."""
    known = _patterns()
    return frozenset(known.names[match.lastgroup or ""] for match in known.any.finditer(folded))


def wording(phase: str) -> str:
    """Return what an item in a phase reports, as "a cancellation"."""
    return _patterns().reports[phase]


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The phase of each group, what each phase reports, and one pattern with all groups."""

    names: Mapping[str, str]
    reports: Mapping[str, str]
    any: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Read the patterns; those with one initial are tried together, which takes less time."""
    written = tomllib.loads((FOLDER / "phases.toml").read_text("utf-8"))
    names: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    for phase, values in written.items():
        by_initial: dict[str, list[str]] = {}
        for pattern in values["patterns"]:
            by_initial.setdefault(pattern[0] if pattern[0].isalpha() else "", []).append(pattern)
        for initial, patterns in by_initial.items():
            group = f"p{len(names)}"
            names[group] = phase
            groups.setdefault(initial, []).append(f"(?P<{group}>{'|'.join(patterns)})")
    initials = (
        f"{f'(?={initial})' if initial else ''}(?:{'|'.join(each)})" for initial, each in groups.items()
    )
    reports = {phase: values["reports"] for phase, values in written.items()}
    return _Patterns(names=names, reports=reports, any=re.compile(rf"(?<!\w)(?:{'|'.join(initials)})(?!\w)"))
