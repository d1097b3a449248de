"""Selectors for a page nobody has described yet: blocks that repeat, with a link, a title and perhaps a date.

Every guess is read with `page.read` itself, so that what is proposed is what a visit would find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from aggregator import dates, urls
from aggregator.errors import UnreadableDocument
from aggregator.formats import html_tree, page
from aggregator.formats.html_tree import Node, select
from aggregator.model.config import Layout, Source
from aggregator.model.documents import Entry

FEWEST = 3
"""Blocks that are a list."""
MAX_LINKS = 600
MAX_BLOCKS = 200
MAX_GROUPS = 60
HEIGHT = 8
"""How far above its link a block may begin."""

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_CHROME = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|footer|pagination|pager|social|share|lang|language|languages"
    r"|cookie|login|search|skip|topbar|toolbar)(?=$|[\s_-])",
    re.IGNORECASE,
)
_SIDE = re.compile(r"(?:^|\s)(?:sidebar|widget|secondary|related|recent)(?=$|[\s_-])", re.IGNORECASE)
# Names that say how things look, which of several they are, or that a program invented.
_FICKLE = re.compile(
    r"\d{3,}|^(?:col|row|m[trblxy]?|p[trblxy]?|w|h|text|flex|grid|font|bg|border|rounded|d|gap|justify|align|items|order"
    r"|float|clear|hidden|block|inline|js|is|has|css|sc|jsx|svelte|elementor-element|e|first|last|odd|even|active|even"
    r"|left|right|clearfix|container|wrapper|mx|my|px|py|mt|mb|pt|pb)(?:$|-)|[0-9]$|^_|__[A-Za-z0-9]{5}$|^(?=\w*\d)(?=\w*[A-Z])\w{4,8}$",
)
_MODULE = re.compile(r"([A-Za-z][\w-]*?_[A-Za-z]\w*?)__[\w-]{5}$")
"""A name of CSS modules: NewsCard_title__pp2Oo."""
_IDENTIFIER = re.compile(r"-?[A-Za-z][\w-]{1,50}$")
_MARKS = ("data-hook", "data-testid", "data-type", "itemprop", "role")
_DATE_NAME = re.compile(r"date|time|publish|created|posted|datum", re.IGNORECASE)
_NEWSY = re.compile(
    r"/(?:news|blog|post|posts|article|articles|events?|press|story|stories|aktuelles|meldung|meldungen|announcements?"
    r"|nieuws|noticias|actualites|notizie|nyheter|uutiset|20\d\d)\b|[?&;](?:p|id|news|cHash)=|\d{3,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A layout and what it yields on the page it was made from; `score` from 0 to 1."""

    layout: Layout
    entries: tuple[Entry, ...]
    score: float


def layouts(body: bytes, url: str, headers: Mapping[str, str]) -> list[Guess]:
    """Layouts that read the page as a list of news, best first. Raises UnreadableDocument."""
    root = html_tree.tree(body, headers)
    base = html_tree.base(root, url)
    found: list[Guess] = []
    for blocks in _groups(root, base, url):
        layout = _layout(root, blocks, base)
        guess = _tried(body, url, headers, layout, root) if layout else None
        if guess:
            found.append(guess)
    found.sort(key=lambda guess: (-guess.score, len(str(guess.layout))))
    best: list[Guess] = []
    for guess in found:
        links = {entry.link for entry in guess.entries}
        if not any(len(links & {e.link for e in other.entries}) * 2 > len(links) for other in best):
            best.append(guess)
    return best[:5]


# --- blocks that repeat --------------------------------------------------------------------------------


def _groups(root: Node, base: str, url: str) -> list[list[Node]]:
    """Elements that repeat around links to pages of this site, those with most links first."""
    groups: dict[tuple[object, ...], dict[Node, None]] = {}
    links = [a for a in root.iter("a") if _leads_inside(a, base, url) and not _is_chrome(a)]
    for link in links[:MAX_LINKS]:
        node = link
        for _ in range(HEIGHT):
            if node.tag in ("body", "html", "main"):
                break
            for key in _keys(node):
                groups.setdefault(key, {})[node] = None
            parent = node.getparent()
            if parent is None:
                break
            node = parent
    for terms in root.iter("dl"):
        terms_of = [n for n in terms if isinstance(n, Node) and n.tag == "dt"]
        if select(terms, "dd a[href]") and not select(terms, "dt a[href]"):
            groups[("dl", terms)] = dict.fromkeys(terms_of)
    lists = [list(group)[:MAX_BLOCKS] for group in groups.values() if len(group) >= FEWEST]
    lists = [group for group in lists if not _nested(group)]
    unique = {frozenset(group): group for group in lists}
    return sorted(unique.values(), key=len, reverse=True)[:MAX_GROUPS]


def _keys(node: Node) -> Iterator[tuple[object, ...]]:
    """What makes elements alike: a parent and a tag, or a tag and a name anywhere on the page."""
    parent = node.getparent()
    yield (parent, node.tag)
    for name in _names(node):
        yield (node.tag, name)
    for mark in _MARKS:
        if node.get(mark):
            yield (node.tag, mark, node.get(mark))


def _nested(group: Sequence[Node]) -> bool:
    members = set(group)
    return any(not members.isdisjoint(islice(html_tree.above(node, node), 50)) for node in group[:50])


def _leads_inside(link: Node, base: str, url: str) -> bool:
    target = urls.join(base, link.get("href"))
    if not target or html_tree.host(target).split(".")[-2:] != html_tree.host(url).split(".")[-2:]:
        return False
    here, there = html_tree.place(url), html_tree.place(target)
    return there != here and urls.path(target) not in ("", "/") and not there.startswith(f"{here}?page=")


def _is_chrome(node: Node) -> bool:
    """Whether an element stands in a menu, a foot or the like, not in the content."""
    for element in (node, *html_tree.above(node, node)):
        if element.tag in ("nav", "footer") and not any(
            a.tag == "article" for a in html_tree.above(element, element)
        ):
            return True
        if element.tag in ("body", "html"):
            return False
        if element.get("role") in ("navigation", "contentinfo", "banner", "search"):
            return True
        if element.tag != "main" and _CHROME.search(
            f"{element.get('class') or ''} {element.get('id') or ''}"
        ):
            return not any(a.tag in ("article", "main") for a in html_tree.above(element, element))
    return False


# --- selectors -----------------------------------------------------------------------------------------


def _names(node: Node, *, fickle: bool = False) -> list[str]:
    """Class names that a selector may rely on, the more telling first."""
    names = [name for name in (node.get("class") or "").split()[:12] if _IDENTIFIER.match(name)]
    steady = [name for name in names if not _FICKLE.search(name)]
    return steady + ([name for name in names if name not in steady] if fickle else [])


def _selectors(node: Node, *, fickle: bool = False) -> Iterator[str]:
    """Short selectors that match an element: by class, by mark, by tag."""
    for name in _names(node, fickle=fickle):
        yield f".{name}"
        yield f"{node.tag!s}.{name}"
    for match in map(_MODULE.match, (node.get("class") or "").split()[:12]):
        if match:
            yield f"[class*={match[1]}]"
    for mark in _MARKS:
        value = node.get(mark) or ""
        if _IDENTIFIER.match(value):
            yield f"[{mark}={value}]"
    yield str(node.tag)


def _item_selector(root: Node, blocks: Sequence[Node]) -> str | None:
    """The shortest selector that selects these blocks and, of the whole page, hardly anything else."""
    wanted = set(blocks)
    common = Counter(s for block in blocks for s in dict.fromkeys(_selectors(block)))
    own = [selector for selector, count in common.items() if count == len(blocks)]
    parents = {block.getparent() for block in blocks}
    above: list[str] = []
    if len(parents) == 1 and (parent := parents.pop()) is not None:
        near = [parent, *islice(html_tree.above(parent, parent), 4)]
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
        extra = 0 if len(blocks) >= MAX_BLOCKS and selector not in bare else len(chosen - wanted)
        if wanted <= chosen and extra * 4 <= len(wanted):
            best = min(best or (extra, rank, selector), (extra, rank, selector))
    return best[2] if best else None


def _anchors(node: Node) -> Iterator[str]:
    identity = node.get("id") or ""
    if _IDENTIFIER.match(identity) and not re.search(r"\d{3,}", identity):
        yield f"#{identity}"
    for name in _names(node)[:2]:
        yield f"{node.tag!s}.{name}"
    if node.tag in ("main", "article", "table"):
        yield str(node.tag)


def _layout(root: Node, blocks: Sequence[Node], base: str) -> Layout | None:
    item = _item_selector(root, blocks)
    if item is None:
        return None
    if blocks[0].tag == "dt":
        return Layout(item=item, link=("+ dd a",), date=("dt",))
    layout = _title_and_link(Layout(item=item), blocks, base)
    date = _date(blocks, item)
    summary = _summary(blocks, layout, date)
    return replace(layout, date=(date,) if date else (), summary=(summary,) if summary else ())


def _common(blocks: Sequence[Node], inside: Callable[[Node], Iterator[Node]], share: float) -> list[str]:
    """Selectors of elements that `inside` names in at least this share of the blocks, the telling ones first."""
    counted: Counter[str] = Counter()
    for block in blocks[:40]:
        counted.update({s for node in islice(inside(block), 60) for s in _selectors(node, fickle=True)})
    return [s for s, count in counted.items() if count >= share * min(len(blocks), 40)]


def _first(block: Node, selector: str) -> Node | None:
    return next((node for node in select(block, selector) if node is not block), None)


def _title_and_link(layout: Layout, blocks: Sequence[Node], base: str) -> Layout:
    """Title and link, as far as they are not what a layout has by default: the first link and its text."""
    targets = [[urls.join(base, a.get("href")) for a in block.iter("a")] for block in blocks]
    shared = Counter(target for found in targets for target in set(found) if target)

    def own(link: Node) -> bool:
        """Whether a link leads where no other block leads: not to a topic or an author."""
        target = urls.join(base, link.get("href"))
        return target is not None and shared[target] == 1

    for selector in _by_telling(_common(blocks, _titles, 0.8)):
        nodes = [_first(block, selector) for block in blocks]
        if all(node is not None and html_tree.words(node) for node in nodes):
            links = [_link_of(node, block, own) for node, block in zip(nodes, blocks, strict=True)]
            if any(link is None for link in links):
                continue
            layout = _linked(layout, blocks, links, base)
            called = [_called(block, link, base) for block, link in zip(blocks, links, strict=True)]
            bare = layout.link == Layout().link and called == [
                html_tree.words(n) for n in nodes if n is not None
            ]
            return layout if bare else replace(layout, title=(selector,))
    worded = [
        next((a for a in b.iter("a") if own(a) and len(html_tree.words(a) or "") > 8), None) for b in blocks
    ]
    return _linked(layout, blocks, worded, base)


def _linked(layout: Layout, blocks: Sequence[Node], links: Sequence[Node | None], base: str) -> Layout:
    """With the selector of these links, unless each leads where the first link of its block leads."""

    def target(node: Node | None) -> str | None:
        return urls.join(base, node.get("href")) if node is not None else None

    firsts = [next((t for a in block.iter("a") if (t := target(a))), None) for block in blocks]
    wanted = [target(link) for link in links]
    if firsts == wanted:
        return layout
    for selector in sorted(_common(blocks, lambda block: block.iter("a"), 0.8), key=lambda s: (len(s), s)):
        if [target(_first(block, selector)) for block in blocks] == wanted:
            return replace(layout, link=(selector,))
    return layout


def _called(block: Node, link: Node | None, base: str) -> str | None:
    """The words of the first link to the same place that has any: what `page` takes for a title by itself."""
    target = urls.join(base, link.get("href")) if link is not None else None
    same = (a for a in block.iter("a") if urls.join(base, a.get("href")) == target)
    return next(filter(None, map(html_tree.words, same)), None)


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


def _by_telling(selectors: Sequence[str]) -> list[str]:
    ranked = sorted(selectors, key=lambda selector: (_title_rank(selector), len(selector), selector))
    return [selector for selector in ranked if _title_rank(selector) < 9][:30]


def _link_of(node: Node | None, block: Node, own: Callable[[Node], bool]) -> Node | None:
    """The link in or around a title, or the first one in its block that is its own."""
    if node is None:
        return None
    around = (n for n in (*html_tree.above(node, block), block) if n.tag == "a")
    return next((a for a in (*node.iter("a"), *around, *block.iter("a")) if own(a)), None)


def _date(blocks: Sequence[Node], item: str) -> str | None:
    """The selector whose first match most often is a date; `+ …` where dates stand behind the blocks."""
    inside = [(s, _share(blocks, lambda b, s=s: _first(b, s))) for s in _common(blocks, _dated, 0.5)]  # type: ignore[misc]
    own = blocks[0].tag
    if all(block.tag == own for block in blocks):
        inside.append((str(own), _share(blocks, lambda block: block) * 0.9))
    best = _best(inside)
    if best:
        return best
    beside = [
        (f"+ {s}", _share(blocks, lambda b, s=s: _behind(b, blocks, s)))  # type: ignore[misc]
        for s in _common(
            blocks, lambda block: (n for b in _siblings(block, blocks) for n in _dated(b, own=True)), 0.5
        )
    ]
    return _best(beside)


def _dated(block: Node, *, own: bool = False) -> Iterator[Node]:
    for node in block.iter():
        if isinstance(node, Node) and (own or node is not block) and _is_date(node):
            yield node


def _is_date(node: Node | None) -> bool:
    if node is None:
        return False
    return bool(
        dates.find(node.get("datetime")) or dates.leading_date(html_tree.words(node, 300)) or _own_date(node)
    )


def _own_date(node: Node) -> bool:
    return (
        node.tag in ("li", "p", "tr") and dates.leading_date((node.text or "").strip(" \n\t–-:|")) is not None
    )


def _share(blocks: Sequence[Node], find: Callable[[Node], Node | None]) -> float:
    return sum(_is_date(find(block)) for block in blocks) / len(blocks)


def _siblings(block: Node, blocks: Sequence[Node]) -> Iterator[Node]:
    members = set(blocks)
    for sibling in islice(block.itersiblings(), 8):
        if sibling in members:
            return
        if isinstance(sibling, Node):
            yield sibling


def _behind(block: Node, blocks: Sequence[Node], selector: str) -> Node | None:
    return next((n for sibling in _siblings(block, blocks) for n in select(sibling, selector)), None)


def _best(shares: Sequence[tuple[str, float]]) -> str | None:
    def rank(pair: tuple[str, float]) -> tuple[float, int, int, str]:
        selector, share = pair
        telling = 0 if selector == "time" else 1 if _DATE_NAME.search(selector) else 2
        telling += 2 if selector.lstrip("+ ") in ("p", "div", "span", "td", "i", "em", "small") else 0
        fickle = 1 if _FICKLE.search(selector.partition(".")[2]) else 0
        return (-round(share, 1), telling + fickle, len(selector), selector)

    good = [pair for pair in shares if pair[1] >= 0.6]
    return min(good, key=rank)[0] if good else None


def _summary(blocks: Sequence[Node], layout: Layout, date: str | None) -> str | None:
    """The selector whose first match most often is a text of some length."""

    def texts(block: Node) -> Iterator[Node]:
        titles = {node for selector in layout.title for node in select(block, selector)[:3]}
        for node in block.iter("p", "div", "span", "td"):
            long = node is not block and len(html_tree.words(node) or "") >= 40
            if long and not _holds_more(node) and not _is_date(node) and titles.isdisjoint(node.iter()):
                yield node

    good = []
    for selector in _common(blocks, texts, 0.6):
        found = [_first(block, selector) for block in blocks]
        if selector not in (*layout.title, date) and all(
            n is None or n in set(texts(b)) for n, b in zip(found, blocks, strict=True)
        ):
            good.append(selector)
    return min(
        good,
        key=lambda s: (_FICKLE.search(s.partition(".")[2]) is not None, s == "div", len(s), s),
        default=None,
    )


def _holds_more(node: Node) -> bool:
    """Whether an element holds a heading or a list of others rather than a text."""
    return any(node.find(f".//{tag}") is not None for tag in (*_HEADINGS, "time", "ul", "table"))


# --- how good a guess is -------------------------------------------------------------------------------


def _tried(body: bytes, url: str, headers: Mapping[str, str], layout: Layout, root: Node) -> Guess | None:
    source = Source(id="guess", name="guess", url=url, kind="page", page=(layout,))
    try:
        entries = page.read(body, url, headers, source).entries
    except UnreadableDocument:
        return None
    if len(entries) < FEWEST:
        return None
    return Guess(layout=layout, entries=entries, score=_score(entries, select(root, layout.item)))


def _score(entries: Sequence[Entry], blocks: Sequence[Node]) -> float:
    """Dates, titles that are sentences, one page each, addresses as news have them, a place in the content."""
    count = len(entries)
    dated = sum(dates.find(entry.published) is not None for entry in entries) / count
    titled = sum(min(len(entry.title), 40) / 40 for entry in entries if len(entry.title) <= 250) / count
    single = min(len({entry.link for entry in entries}), len({entry.title for entry in entries})) / count
    newsy = sum(_NEWSY.search(entry.link or "") is not None for entry in entries) / count
    told = sum(entry.summary is not None for entry in entries) / count
    many = min(count, 8) / 8
    whole = min(1.0, count / max(len(blocks), 1))
    quality = 0.4 * dated + 0.2 * titled + 0.1 * newsy + 0.05 * told + 0.15 * many + 0.1 * whole
    side = any(
        _SIDE.search(f"{n.get('class') or ''} {n.get('id') or ''}") or n.tag == "aside"
        for n in html_tree.above(blocks[0], blocks[0])
    )
    return round(quality * single * (0.6 if side else 1.0), 3)
