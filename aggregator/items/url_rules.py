"""Read the rules for forms of the URL of one page, by software (url_rules.toml).

A rule is looked up by host, by a segment of the path or by a parameter before an expression of it is tried. Each has
the source of its knowledge and examples, which the tests run.
"""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from aggregator.model.value_classes import dataclass

_TITLE = r"(?![0-9]+(?:[/?]|$))[^/?]+"
_FORUM = r"(?:forums?|community|discuss|discussions?|discourse|meta|talk|support|users|board)"
_PARTS = {
    "<title>": _TITLE,
    "<slug>": rf"(?:{_TITLE}/)",
    "<forum>": rf"(?=(?:[^/?]*[./]|[^?]*/)?{_FORUM}[./])([^?]*?)",
    "<rest>": r"(?:\?.*)?",
}
"""What stands in the expressions of the data file, which explains it."""


@dataclass(frozen=True, kw_only=True)
class UrlRule:
    """Forms of one page in one software.

    `shapes` are expressions of a whole key (host, path, sorted query) with the key that replaces it; the first that
    matches applies. `hosts` that begin with a dot are those below a domain; `segments` and `parameters` are names
    that the key contains; the segment `@` is any that begins so. `lower`: the result is in lower case. `same` are
    groups of addresses with one key, `distinct` are pairs with two.
    """

    name: str
    source: str
    shapes: tuple[tuple[str, str], ...]
    same: tuple[tuple[str, ...], ...]
    distinct: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    lower: bool = False

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        return [
            (re.compile(_written_out(shape), re.DOTALL), _formatted(target)) for shape, target in self.shapes
        ]

    def apply(self, key: str) -> str:
        """Return the key that replaces `key`, or `key` itself."""
        for pattern, target in self._patterns:
            if match := pattern.fullmatch(key):
                new = target.format(*match.groups(""))
                return new.lower() if self.lower else new
        return key


def _formatted(target: str) -> str:
    r"""Return a target with `{0}` for `\1`.

    `Match.expand` reads its template anew each time, which takes 10 microseconds.
    """
    return re.sub(r"\\([0-9])", lambda match: f"{{{int(match[1]) - 1}}}", target)


def _written_out(shape: str) -> str:
    for part, expression in _PARTS.items():
        shape = shape.replace(part, expression)
    return shape


def _read() -> tuple[UrlRule, ...]:
    text = Path(__file__).with_name("url_rules.toml").read_text("utf-8")
    return tuple(
        UrlRule(**{key: _frozen(value) for key, value in rule.items()})
        for rule in tomllib.loads(text)["rule"]
    )


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _index(names: str) -> dict[str, tuple[UrlRule, ...]]:
    index: dict[str, tuple[UrlRule, ...]] = {}
    for rule in RULES:
        for name in getattr(rule, names):
            index[name] = (*index.get(name, ()), rule)
    return index


RULES = _read()
BY_HOST, BY_SEGMENT, BY_PARAMETER = map(_index, ("hosts", "segments", "parameters"))
"""The rules by what an address contains."""
