"""Write short CSS selectors for elements of a page, by names that will probably stay."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from aggregator.formats import html_tree
from aggregator.formats.html_tree import Node, select

# Names that say how things look, which of several they are, or that a program invented.
UNSTABLE = re.compile(
    r"\d{3,}|^(?:col|row|m[trblxy]?|p[trblxy]?|w|h|text|flex|grid|font|bg|border|rounded|d|gap|justify|align|items|order"
    r"|float|clear|hidden|block|inline|js|is|has|css|sc|jsx|svelte|elementor-element|e|first|last|odd|even|active|even"
    r"|left|right|clearfix|container|wrapper|mx|my|px|py|mt|mb|pt|pb)(?:$|-)|[0-9]$|^_|__[A-Za-z0-9]{5}$|^(?=\w*\d)(?=\w*[A-Z])\w{4,8}$",
)
_MODULE = re.compile(r"([A-Za-z][\w-]*?_[A-Za-z]\w*?)__[\w-]{5}$")
"""A name of CSS modules, such as NewsCard_title__pp2Oo."""
_IDENTIFIER = re.compile(r"-?[A-Za-z][\w-]{1,50}$")
MARKS = ("data-hook", "data-testid", "data-type", "itemprop", "role")


def stable_names(node: Node, *, fickle: bool = False) -> list[str]:
    """List the class names that will probably stay; with `fickle` add the others at the end."""
    names = [name for name in (node.get("class") or "").split()[:12] if _IDENTIFIER.match(name)]
    steady = [name for name in names if not UNSTABLE.search(name)]
    return steady + ([name for name in names if name not in steady] if fickle else [])


def selectors(node: Node, *, fickle: bool = False) -> Iterator[str]:
    """Yield short selectors that match an element: by class, by attribute, by tag."""
    for name in stable_names(node, fickle=fickle):
        yield f".{name}"
        yield f"{node.tag!s}.{name}"
    for match in map(_MODULE.match, (node.get("class") or "").split()[:12]):
        if match:
            yield f"[class*={match[1]}]"
    for mark in MARKS:
        value = node.get(mark) or ""
        if _IDENTIFIER.match(value):
            yield f"[{mark}={value}]"
    yield str(node.tag)


def item_selector(root: Node, blocks: Sequence[Node], max_blocks: int) -> str | None:
    """Find the shortest selector that selects these blocks and hardly anything else."""
    wanted = set(blocks)
    common = Counter(s for block in blocks for s in dict.fromkeys(selectors(block)))
    own = [selector for selector, count in common.items() if count == len(blocks)]
    parents = {block.getparent() for block in blocks}
    above: list[str] = []
    if len(parents) == 1 and (parent := parents.pop()) is not None:
        near = [parent, *islice(html_tree.ancestors(parent, parent), 4)]
        above = [s for n in near for s in _anchors(n)]
    # A tag alone that selects the right blocks today will select others tomorrow.
    bare = [selector for selector in own if selector.isalnum() and selector != "article"]
    own = [selector for selector in own if selector not in bare]
    tries = [*own, *(f"{top} {tag}" for top in above for tag in bare)]
    tries += [f"{top} > {tag}" for top in above[:6] for tag in bare] + bare
    tries += [f"{top} {selector}" for top in above for selector in own]
    best: tuple[int, int, str] | None = None
    for rank, selector in enumerate(tries[:80]):
        chosen = set(select(root, selector))
        # A list longer than the links that were looked at goes on as it began.
        extra = 0 if len(blocks) >= max_blocks and selector not in bare else len(chosen - wanted)
        if wanted <= chosen and extra * 4 <= len(wanted):
            best = min(best or (extra, rank, selector), (extra, rank, selector))
    return best[2] if best else None


def _anchors(node: Node) -> Iterator[str]:
    identity = node.get("id") or ""
    if _IDENTIFIER.match(identity) and not re.search(r"\d{3,}", identity):
        yield f"#{identity}"
    for name in stable_names(node)[:2]:
        yield f"{node.tag!s}.{name}"
    if node.tag in ("main", "article", "table"):
        yield str(node.tag)


def common_selectors(
    blocks: Sequence[Node], inside: Callable[[Node], Iterator[Node]], share: float
) -> list[str]:
    """List selectors of elements that `inside` finds in at least this share of the blocks."""
    counted: Counter[str] = Counter()
    for block in blocks[:40]:
        counted.update({s for node in islice(inside(block), 60) for s in selectors(node, fickle=True)})
    return [s for s, count in counted.items() if count >= share * min(len(blocks), 40)]


def first_match(block: Node, selector: str) -> Node | None:
    """Return the first element inside a block that a selector matches."""
    return next((node for node in select(block, selector) if node is not block), None)
