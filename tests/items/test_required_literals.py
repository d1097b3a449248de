"""Each match of an expression contains one of its required literals."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.items import required_literals

EXPRESSIONS = (
    r"fair.(data|image|princip)",
    r"light.?microscop|lichtmikroskop|hochauflösende mikroskop",
    r"\b[ck]ryo-?e[mt]\b",
    r"(?<!\w)(?:OMERO|ImageJ)(?!\w)",
    r"(?:kiss){1,3}|(s)kin(?(1)ny|s)|(?>masks?)",
    r"(?:ab)?(?:cd)*e{2,}",
    r"(?x) s k i n # comment",
    r"(?-i:Skin)|[ab]k",
    r"\s|",
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(data=st.data())
def test_each_match_contains_a_literal(expression: str, data: st.DataObject) -> None:
    """A text that an expression matches contains one of the literals, in any case and spelling."""
    written = data.draw(st.from_regex(re.compile(expression, re.IGNORECASE)))
    text = "".join(data.draw(st.sampled_from(_SPELLINGS.get(each, each + each.upper()))) for each in written)
    literals = required_literals.required_literals(expression, re.IGNORECASE)
    if re.search(expression, text, re.IGNORECASE) and literals:
        assert any(literal in required_literals.lower(text) for literal in literals)


_SPELLINGS = {"s": "sSſ", "k": "kK\u212a", "i": "iIİı"}
"""Characters that IGNORECASE takes for one."""


def test_literals_are_those_whose_shortest_is_longest() -> None:
    """Of the parts of an expression the one that fewest texts contain is taken; some have none."""
    find = required_literals.required_literals
    assert find("light.?microscop|raster", 0) == {"microscop", "raster"}
    assert find("Metadat", re.IGNORECASE) == {"metadat"}
    assert find("[ab]|c?", 0) == frozenset()
