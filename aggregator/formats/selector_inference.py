"""Infer selectors for a page: repeated blocks with a link, a title and perhaps a date.

Each inferred layout is parsed by `page.read`, so that a proposal shows what a visit would find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from aggregator import dates, urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import css_selectors, html_tree, page, repeated_blocks
from aggregator.formats.css_selectors import common_selectors, first_match
from aggregator.formats.html_tree import Node, select
from aggregator.model.config import Layout, Source
from aggregator.model.documents import Entry

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_SIDE = re.compile(r"(?:^|\s)(?:sidebar|widget|secondary|related|recent)(?=$|[\s_-])", re.IGNORECASE)
_DATE_NAME = re.compile(r"date|time|publish|created|posted|datum", re.IGNORECASE)
_NEWSY = re.compile(
    r"/(?:news|blog|post|posts|article|articles|events?|press|story|stories|aktuelles|meldung|meldungen|announcements?"
    r"|nieuws|noticias|actualites|notizie|nyheter|uutiset|20\d\d)\b|[?&;](?:p|id|news|cHash)=|\d{3,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredLayout:
    """A layout and the entries it yields on its page; `score` from 0 to 1."""

    layout: Layout
    entries: tuple[Entry, ...]
    score: float


def infer_layouts(body: bytes, url: str, headers: Mapping[str, str]) -> list[InferredLayout]:
    """Infer layouts for a list of news, best first; may raise UnreadableDocument."""
    root = html_tree.tree(body, headers)
    base = html_tree.base(root, url)
    results: list[InferredLayout] = []
    for blocks in repeated_blocks.find_groups(root, base, url):
        layout = _infer_layout(root, blocks, base)
        inferred = _try_layout(body, url, headers, layout, root) if layout else None
        if inferred:
            results.append(inferred)
    results.sort(key=lambda each: (-each.score, len(str(each.layout))))
    best: list[InferredLayout] = []
    for each in results:
        links = {entry.link for entry in each.entries}
        if not any(len(links & {e.link for e in other.entries}) * 2 > len(links) for other in best):
            best.append(each)
    return best[:5]


def _infer_layout(root: Node, blocks: Sequence[Node], base: str) -> Layout | None:
    item = css_selectors.item_selector(root, blocks, repeated_blocks.MAX_BLOCKS)
    if item is None:
        return None
    if blocks[0].tag == "dt":
        return Layout(item=item, link=("+ dd a",), date=("dt",))
    layout = _title_and_link(Layout(item=item), blocks, base)
    date = _date_selector(blocks)
    summary = _summary_selector(blocks, layout, date)
    return replace(layout, date=(date,) if date else (), summary=(summary,) if summary else ())


def _title_and_link(layout: Layout, blocks: Sequence[Node], base: str) -> Layout:
    """Add title and link to a layout, unless the defaults (first link, its text) find them."""
    targets = [[urls.join(base, a.get("href")) for a in block.iter("a")] for block in blocks]
    shared = Counter(target for links in targets for target in set(links) if target)

    def own(link: Node) -> bool:
        """Return whether a link has a target of its own, unlike links to topics or authors."""
        target = urls.join(base, link.get("href"))
        return target is not None and shared[target] == 1

    for selector in _likely_titles(common_selectors(blocks, _titles, 0.8)):
        nodes = [first_match(block, selector) for block in blocks]
        if all(node is not None and html_tree.text_of(node) for node in nodes):
            links = [_link_of(node, block, own) for node, block in zip(nodes, blocks, strict=True)]
            if any(link is None for link in links):
                continue
            layout = _with_link(layout, blocks, links, base)
            called = [_link_text(block, link, base) for block, link in zip(blocks, links, strict=True)]
            bare = layout.link == Layout().link and called == [
                html_tree.text_of(n) for n in nodes if n is not None
            ]
            return layout if bare else replace(layout, title=(selector,))
    worded = [
        next((a for a in b.iter("a") if own(a) and len(html_tree.text_of(a) or "") > 8), None) for b in blocks
    ]
    return _with_link(layout, blocks, worded, base)


def _with_link(layout: Layout, blocks: Sequence[Node], links: Sequence[Node | None], base: str) -> Layout:
    """Add the selector of these links, unless each is the first link of its block."""

    def target(node: Node | None) -> str | None:
        return urls.join(base, node.get("href")) if node is not None else None

    firsts = [next((t for a in block.iter("a") if (t := target(a))), None) for block in blocks]
    wanted = [target(link) for link in links]
    if firsts == wanted:
        return layout
    for selector in sorted(
        common_selectors(blocks, lambda block: block.iter("a"), 0.8), key=lambda s: (len(s), s)
    ):
        if [target(first_match(block, selector)) for block in blocks] == wanted:
            return replace(layout, link=(selector,))
    return layout


def _link_text(block: Node, link: Node | None, base: str) -> str | None:
    """Return the text of the first equal link that has any, the default title of `page`."""
    target = urls.join(base, link.get("href")) if link is not None else None
    same = (a for a in block.iter("a") if urls.join(base, a.get("href")) == target)
    return next(filter(None, map(html_tree.text_of, same)), None)


def _titles(block: Node) -> Iterator[Node]:
    for node in block.iter():
        if isinstance(node, Node) and node is not block and (node.tag in _HEADINGS or _is_titled(node)):
            yield node


def _is_titled(node: Node) -> bool:
    named = (str(node.get(name) or "") for name in ("class", "data-hook", "itemprop"))
    return re.search(r"title|headline|heading", " ".join(named), re.IGNORECASE) is not None


def _title_rank(selector: str) -> int:
    if re.fullmatch(r"h[1-6]", selector):
        return 0
    if re.search(r"title|headline", selector, re.IGNORECASE):
        return 1 if re.search(r"[._-](?:title|headline)|=", selector) else 2
    return 3 if re.match(r"h[1-6]\.", selector) else 9


def _likely_titles(selectors: Sequence[str]) -> list[str]:
    ranked = sorted(selectors, key=lambda selector: (_title_rank(selector), len(selector), selector))
    return [selector for selector in ranked if _title_rank(selector) < 9][:30]


def _link_of(node: Node | None, block: Node, own: Callable[[Node], bool]) -> Node | None:
    """Return the link in or around a title, or the first link of its block with its own target."""
    if node is None:
        return None
    around = (n for n in (*html_tree.ancestors(node, block), block) if n.tag == "a")
    return next((a for a in (*node.iter("a"), *around, *block.iter("a")) if own(a)), None)


def _date_selector(blocks: Sequence[Node]) -> str | None:
    """Find the selector of dates in the blocks, or `+ …` for dates after them."""
    inside = [
        (selector, _dated_share([first_match(block, selector) for block in blocks]))
        for selector in common_selectors(blocks, _dated, 0.5)
    ]
    own = blocks[0].tag
    if all(block.tag == own for block in blocks):
        inside.append((str(own), _dated_share(blocks) * 0.9))
    if best := _best_selector(inside):
        return best

    def dated_after(block: Node) -> Iterator[Node]:
        return (node for sibling in _siblings(block, blocks) for node in _dated(sibling, own=True))

    after = [
        (f"+ {selector}", _dated_share([_first_after(block, blocks, selector) for block in blocks]))
        for selector in common_selectors(blocks, dated_after, 0.5)
    ]
    return _best_selector(after)


def _dated(block: Node, *, own: bool = False) -> Iterator[Node]:
    for node in block.iter():
        if isinstance(node, Node) and (own or node is not block) and _is_date(node):
            yield node


def _is_date(node: Node | None) -> bool:
    if node is None:
        return False
    return bool(
        dates.find(node.get("datetime"))
        or dates.leading_date(html_tree.text_of(node, 300))
        or _has_own_date(node)
    )


def _has_own_date(node: Node) -> bool:
    return (
        node.tag in ("li", "p", "tr") and dates.leading_date((node.text or "").strip(" \n\t–-:|")) is not None
    )


def _dated_share(nodes: Sequence[Node | None]) -> float:
    return sum(map(_is_date, nodes)) / len(nodes)


def _siblings(block: Node, blocks: Sequence[Node]) -> Iterator[Node]:
    members = set(blocks)
    for sibling in islice(block.itersiblings(), 8):
        if sibling in members:
            return
        if isinstance(sibling, Node):
            yield sibling


def _first_after(block: Node, blocks: Sequence[Node], selector: str) -> Node | None:
    return next((n for sibling in _siblings(block, blocks) for n in select(sibling, selector)), None)


def _best_selector(shares: Sequence[tuple[str, float]]) -> str | None:
    def rank(pair: tuple[str, float]) -> tuple[float, int, int, str]:
        selector, share = pair
        plain = 0 if selector == "time" else 1 if _DATE_NAME.search(selector) else 2
        plain += 2 if selector.lstrip("+ ") in ("p", "div", "span", "td", "i", "em", "small") else 0
        unstable = 1 if css_selectors.UNSTABLE.search(selector.partition(".")[2]) else 0
        return (-round(share, 1), plain + unstable, len(selector), selector)

    good = [pair for pair in shares if pair[1] >= 0.6]
    return min(good, key=rank)[0] if good else None


def _summary_selector(blocks: Sequence[Node], layout: Layout, date: str | None) -> str | None:
    """Find the selector whose first match is most often a text of some length."""

    def texts(block: Node) -> Iterator[Node]:
        titles = {node for selector in layout.title for node in select(block, selector)[:3]}
        for node in block.iter("p", "div", "span", "td"):
            long = node is not block and len(html_tree.text_of(node) or "") >= 40
            if long and not _holds_more(node) and not _is_date(node) and titles.isdisjoint(node.iter()):
                yield node

    good = []
    for selector in common_selectors(blocks, texts, 0.6):
        matches = [first_match(block, selector) for block in blocks]
        if selector not in (*layout.title, date) and all(
            n is None or n in set(texts(b)) for n, b in zip(matches, blocks, strict=True)
        ):
            good.append(selector)
    return min(
        good,
        key=lambda s: (css_selectors.UNSTABLE.search(s.partition(".")[2]) is not None, s == "div", len(s), s),
        default=None,
    )


def _holds_more(node: Node) -> bool:
    """Return whether an element holds a heading or a list, not just text."""
    return any(node.find(f".//{tag}") is not None for tag in (*_HEADINGS, "time", "ul", "table"))


# --- how good a each is -------------------------------------------------------------------------------


def _try_layout(
    body: bytes, url: str, headers: Mapping[str, str], layout: Layout, root: Node
) -> InferredLayout | None:
    source = Source(id="guess", name="guess", url=url, kind="page", page=(layout,))
    try:
        entries = page.read(body, url, headers, source).entries
    except UnreadableDocument:
        return None
    if len(entries) < repeated_blocks.MIN_BLOCKS:
        return None
    return InferredLayout(layout=layout, entries=entries, score=_score(entries, select(root, layout.item)))


def _score(entries: Sequence[Entry], blocks: Sequence[Node]) -> float:
    """Score entries by dates, titles, links, summaries, number, and position on the page."""
    count = len(entries)
    dated = sum(dates.find(entry.published) is not None for entry in entries) / count
    titled = sum(min(len(entry.title), 40) / 40 for entry in entries if len(entry.title) <= 250) / count
    single = min(len({entry.link for entry in entries}), len({entry.title for entry in entries})) / count
    newsy = sum(_NEWSY.search(entry.link or "") is not None for entry in entries) / count
    summarised = sum(entry.summary is not None for entry in entries) / count
    many = min(count, 8) / 8
    whole = min(1.0, count / max(len(blocks), 1))
    quality = 0.4 * dated + 0.2 * titled + 0.1 * newsy + 0.05 * summarised + 0.15 * many + 0.1 * whole
    side = any(
        _SIDE.search(f"{n.get('class') or ''} {n.get('id') or ''}") or n.tag == "aside"
        for n in html_tree.ancestors(blocks[0], blocks[0])
    )
    return round(quality * single * (0.6 if side else 1.0), 3)
