"""Find changes of an announcement in a text: cancelled, extended, results.

The patterns are in phases.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
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


_BEGINNING_AND_END = re.compile(r"((?:[a-z]{1,2}(?![?*{]))?)(.*)")
"""The first characters of a pattern, at most two and the same in each text, and the rest."""


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The phase of each group, what each phase reports, and one pattern with all groups."""

    names: Mapping[str, str]
    reports: Mapping[str, str]
    any: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Read the patterns; try those with one beginning together, which takes less time."""
    written = tomllib.loads((FOLDER / "phases.toml").read_text("utf-8"))
    names: dict[str, str] = {}
    by_initial: dict[str, dict[str, list[str]]] = {}
    for phase, values in written.items():
        ends: dict[str, list[str]] = {}
        for pattern in values["patterns"]:
            beginning, end = _BEGINNING_AND_END.findall(pattern)[0]
            ends.setdefault(beginning, []).append(end)
        for beginning, patterns in ends.items():
            names[group := f"p{len(names)}"] = phase
            by_second = by_initial.setdefault(beginning[:1], {})
            by_second.setdefault(beginning[1:], []).append(f"(?P<{group}>{'|'.join(patterns)})")
    initials = (
        _one_of(initial, (_one_of(second, groups) for second, groups in by_second.items()))
        for initial, by_second in by_initial.items()
    )
    reports = {phase: values["reports"] for phase, values in written.items()}
    return _Patterns(names=names, reports=reports, any=re.compile(rf"(?<!\w){_one_of('', initials)}(?!\w)"))


def _one_of(beginning: str, patterns: Iterable[str]) -> str:
    """Return an expression for a beginning and one of the patterns."""
    return f"{beginning}(?:{'|'.join(patterns)})"
