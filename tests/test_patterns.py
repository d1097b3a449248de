"""Test regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import aggregator
from aggregator.patterns import lazy_re

ROOT = Path(aggregator.__file__).parent
USERS = sorted(
    ".".join(("aggregator", *path.relative_to(ROOT).with_suffix("").parts))
    for path in ROOT.rglob("*.py")
    if "lazy_re(" in path.read_text("utf-8") and path.name != "patterns.py"
)


@pytest.mark.parametrize("module", USERS)
def test_every_pattern_compiles(module: str) -> None:
    """Each pattern of the program is a regular expression."""
    written = [value for value in vars(import_module(module)).values() if type(value) is lazy_re]
    assert all(isinstance(re.compile(each.pattern, each.flags), re.Pattern) for each in written)


def test_a_pattern_acts_as_a_compiled_one() -> None:
    """A pattern has the methods and attributes of `re.Pattern`, also when used again."""
    word = lazy_re(r"(?P<first>b)(A)", re.IGNORECASE)
    for _ in range(2):
        match = word.search("ABA")
        assert match
        assert match["first"] == "B"
    assert word.sub("-", "xbay") == "x-y"
    assert (word.pattern, word.groups) == (r"(?P<first>b)(A)", 2)
    assert lazy_re(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_a_wrong_pattern_is_an_error_when_it_is_used() -> None:
    """A pattern that cannot be compiled raises `re.error` at its use, each time."""
    wrong = lazy_re("(")
    for _ in range(2):
        with pytest.raises(re.error):
            wrong.search("x")
