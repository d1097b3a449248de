"""Numbers in the output of commands agree with their nouns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aggregator import counts

COMMANDS = Path(counts.__file__).parent / "cli"
NOUNS = (
    "bytes|channels|digests|documents|entries|items|messages|pairs|pushes|runs|sources|stories|subscribers"
    "|updates|visits"
)


@pytest.mark.parametrize(("number", "text"), [(0, "0 stories"), (1, "1 story"), (2, "2 stories")])
def test_only_one_has_the_singular(number: int, text: str) -> None:
    """A noun has the plural unless its number is 1."""
    assert counts.count_of(number, "story", "stories") == text


def test_the_regular_plural_needs_no_second_form() -> None:
    """A noun with a regular plural is given once; thousands are separated."""
    assert (counts.count_of(1, "new item"), counts.count_of(1_200, "item")) == ("1 new item", "1,200 items")


def test_commands_print_no_plural_by_hand() -> None:
    """No command puts a plural behind a number that may be 1."""
    by_hand = re.compile(rf"\}} (?:[a-z]+ )?(?:{NOUNS})\b")
    found = [
        f"{file.name}: {line}"
        for file in COMMANDS.glob("*.py")
        for line in file.read_text().split("\n")
        if by_hand.search(line)
    ]
    assert found == []
