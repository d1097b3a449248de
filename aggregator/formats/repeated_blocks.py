"""Find groups of elements that repeat on a page around links to pages of its site."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from aggregator import urls
from aggregator.formats import css_selectors, html_tree
from aggregator.formats.html_tree import Node, select

MIN_BLOCKS = 3
MAX_LINKS = 600
MAX_BLOCKS = 200
MAX_GROUPS = 60
MAX_LEVELS = 8
"""Maximum number of levels between a link and its block."""

_CHROME = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|footer|pagination|pager|social|share|lang|language|languages"
    r"|cookie|login|search|skip|topbar|toolbar)(?=$|[\s_-])",
    re.IGNORECASE,
)


def find_groups(root: Node, base: str, url: str) -> list[list[Node]]:
    """List groups of elements that repeat around links to pages of this site, largest first."""
    groups: dict[tuple[object, ...], dict[Node, None]] = {}
    links = [a for a in root.iter("a") if _leads_inside(a, base, url) and not _is_chrome(a)]
    for link in links[:MAX_LINKS]:
        node = link
        for _ in range(MAX_LEVELS):
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
    lists = [list(group)[:MAX_BLOCKS] for group in groups.values() if len(group) >= MIN_BLOCKS]
    lists = [group for group in lists if not _is_nested(group)]
    unique = {frozenset(group): group for group in lists}
    return sorted(unique.values(), key=len, reverse=True)[:MAX_GROUPS]


def _keys(node: Node) -> Iterator[tuple[object, ...]]:
    """Yield the keys that equal elements share: parent and tag, tag and name."""
    parent = node.getparent()
    yield (parent, node.tag)
    for name in css_selectors.class_names(node):
        yield (node.tag, name)
    for mark in css_selectors.MARKS:
        if node.get(mark):
            yield (node.tag, mark, node.get(mark))


def _is_nested(group: Sequence[Node]) -> bool:
    members = set(group)
    return any(not members.isdisjoint(islice(html_tree.ancestors(node, node), 50)) for node in group[:50])


def _leads_inside(link: Node, base: str, url: str) -> bool:
    target = urls.join(base, link.get("href"))
    if not target or html_tree.site_host(target).split(".")[-2:] != html_tree.site_host(url).split(".")[-2:]:
        return False
    here, there = html_tree.url_key(url), html_tree.url_key(target)
    return there != here and urls.path(target) not in ("", "/") and not there.startswith(f"{here}?page=")


def _is_chrome(node: Node) -> bool:
    """Return whether an element is in a menu, footer or similar part."""
    for element in (node, *html_tree.ancestors(node, node)):
        if element.tag in ("nav", "footer") and not any(
            a.tag == "article" for a in html_tree.ancestors(element, element)
        ):
            return True
        if element.tag in ("body", "html"):
            return False
        if element.get("role") in ("navigation", "contentinfo", "banner", "search"):
            return True
        if element.tag != "main" and _CHROME.search(
            f"{element.get('class') or ''} {element.get('id') or ''}"
        ):
            return not any(a.tag in ("article", "main") for a in html_tree.ancestors(element, element))
    return False
