"""Check that every cited rule code is defined in docs/rules.md, and every rule cited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .prose import Passage

DEFINITIONS = "docs/rules.md"
NOT_RULES = frozenset({"C1"})
"""What looks like a rule code: C1 control characters."""
_CODE = re.compile(r"\b[A-Z]{1,2}[1-9][0-9]?\b")
_DEFINITION = re.compile(r"^- \*\*([A-Z]{1,2}[1-9][0-9]?)\*\* ", re.MULTILINE)


def check(root: Path, prose: Iterable[Passage]) -> Iterator[str]:
    """Yield codes without a definition, with a second one, or that nothing else cites."""
    definitions = _DEFINITION.findall((root / DEFINITIONS).read_text("utf-8"))
    cited = set()
    for passage in prose:
        for match in _CODE.finditer(passage.text):
            code = match.group()
            if passage.path != DEFINITIONS:
                cited.add(code)
            if code not in definitions and code not in NOT_RULES:
                line = passage.line + passage.text.count("\n", 0, match.start())
                yield f"{passage.path}:{line}: {DEFINITIONS} does not define {code}"
    for code in sorted({code for code in definitions if definitions.count(code) > 1}):
        yield f"{DEFINITIONS}: {code} is defined twice"
    for code in definitions:
        if code not in cited:
            yield f"{DEFINITIONS}: nothing cites {code}; remove it or cite it where it is kept"
