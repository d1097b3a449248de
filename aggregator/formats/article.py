"""Extract date, text, title, authors and image from the page of one article."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from aggregator import dates
from aggregator.formats import html_tree, structured_data
from aggregator.formats.html_tree import Node, select, split_attribute
from aggregator.model.config import ArticleLayout, Source
from aggregator.model.documents import ArticleDetails
from aggregator.text import block, line

MAX_TEXT = 500_000
ENOUGH = 140
"""Minimum number of characters of a page part that counts as an article."""

_BODIES = (
    "[itemprop=articleBody]",
    ".entry-content",
    ".post-content",
    ".article-content",
    ".article-body",
    ".article__body",
    ".post-body",
    ".news-text-wrap",
    ".field--name-body",
    ".node__content",
    ".blog-item-content",
    ".single-content",
    ".rich-text",
)
_ASIDE = (
    "script, style, noscript, template, nav, aside, form, footer, header, button, iframe, svg, dialog,"
    " [role=navigation], [role=complementary], [hidden], [aria-hidden=true]"
)
# Whole words of class names and ids: "share" but not "shareholders".
_OTHERS = re.compile(
    r"(?:^|[\s_-])(?:related|teasers?|sidebar|share|sharing|social|breadcrumbs?|comments?|cookies?|newsletter|promo"
    r"|recommended|more-news|latest|pagination|pager|prev|next|post-navigation|tags|menu|banner)(?=$|[\s_-])",
    re.IGNORECASE,
)
_DATES = ", ".join(
    (
        "time",
        "[itemprop=datePublished]",
        "[class*=date]",
        "[class*=Date]",
        "[class*=published]",
        "[class*=meta]",
    )
)


def article(body: bytes, url: str, headers: Mapping[str, str], source: Source) -> ArticleDetails:
    """Extract what the page of an article at `url` states; missing details are None.

    Sources in order: the selectors of `article:` in the source's `page`, JSON-LD, the <meta> elements, the page's text.
    Teasers of other articles are ignored. Raises UnreadableDocument.
    """
    root = html_tree.tree(body, headers)
    base = html_tree.base(root, url)
    layout = next((page.article for page in source.page if page.article), ArticleLayout())
    head = structured_data.head(root, base)
    machine = structured_data.completed(_about_this(structured_data.things(root, base), url, head), head)
    main = _main(root, layout, machine.title)
    date = _configured_date(root, layout) or _readable(machine.published) or _visible_date(root, main)
    return replace(
        machine,
        title=machine.title or _heading(root, main),
        published=date,
        updated=_readable(machine.updated),
        html=_html(main, machine.title) if main is not None else None,
    )


def _about_this(things: tuple[ArticleDetails, ...], url: str, head: ArticleDetails) -> ArticleDetails:
    """Choose the JSON-LD object of this page: by its link, or the only one without a link."""
    here = {html_tree.url_key(url), html_tree.url_key(head.link)} - {""}
    named = [thing for thing in things if thing.link and html_tree.url_key(thing.link) in here]
    nameless = [thing for thing in things if not thing.link]
    return next(iter(named or (nameless if len(nameless) == 1 else [])), ArticleDetails())


def _readable(written: str | None) -> str | None:
    return written if dates.find(written) else None


# --- the main content ----------------------------------------------------------------------------------


def _main(root: Node, layout: ArticleLayout, title: str | None) -> Node | None:
    """Find the element with the text of the article; None if no element has enough text."""
    configured = (node for selector in layout.content for node in select(root, selector))
    if (found := next((node for node in configured if html_tree.text_of(node)), None)) is not None:
        return found
    for selector in (*_BODIES, "article", "main, [role=main], #main, #content"):
        found = _longest(node for node in select(root, selector) if not _is_aside(node, root))
        if found is not None:
            return found
    return _longest(_richest(root))


def _longest(nodes: Iterator[Node]) -> Node | None:
    weighed = [(_weight(node), node) for node in islice(nodes, 50)]
    weight, node = max(weighed, key=lambda pair: pair[0], default=(0, None))
    return node if weight >= ENOUGH else None


def _richest(root: Node) -> Iterator[Node]:
    """Yield the element whose own paragraphs hold the most text."""
    parents: dict[Node, int] = {}
    for paragraph in islice(root.iter("p"), 2_000):
        parent = paragraph.getparent()
        if parent is not None and not _is_aside(paragraph, root):
            parents[parent] = parents.get(parent, 0) + _weight(paragraph)
    yield from sorted(parents, key=lambda node: -parents[node])[:1]


def _weight(node: Node) -> int:
    """Count the characters of text outside links."""
    linked = sum(len(html_tree.text_of(link) or "") for link in islice(node.iter("a"), 200))
    return len(html_tree.text_of(node, 50_000) or "") - linked


def _is_aside(node: Node, root: Node) -> bool:
    return any(_aside(element) for element in (node, *html_tree.ancestors(node, root)))


def _aside(element: Node) -> bool:
    if element.tag in ("nav", "aside", "footer", "form"):
        return True
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    return element.tag not in ("body", "main", "article") and _OTHERS.search(named) is not None


def _html(main: Node, title: str | None) -> str | None:
    """Return the content without menus, sharing buttons, teasers and the title."""
    kept = copy.deepcopy(main)
    gone = [*select(kept, _ASIDE), *(node for node in kept.iter() if isinstance(node, Node) and _aside(node))]
    gone += [node for node in kept.iter("h1", "h2") if title and html_tree.text_of(node) == line(title)]
    for node in gone:
        parent = node.getparent()
        if parent is not None and node is not kept:
            node.drop_tree()
    text = html_tree.text_of(kept, MAX_TEXT)
    return block(html_tree.markup(kept), MAX_TEXT) if text else None


# --- title and date ------------------------------------------------------------------------------------


def _heading(root: Node, main: Node | None) -> str | None:
    """Return the first <h1> of the article or page, else the page's title without the site."""
    inside = list(main.iter("h1")) if main is not None else []
    everywhere = [node for node in root.iter("h1") if not _is_aside(node, root)]
    for node in (*inside, *everywhere):
        if text := html_tree.text_of(node, 500):
            return text
    title = line(root.findtext(".//title"), 500)
    return re.split(r"\s[|–—·«»-]\s", title)[0] if title else None


def _configured_date(root: Node, layout: ArticleLayout) -> str | None:
    for selector in layout.date:
        path, attribute = split_attribute(selector)
        for node in select(root, path or "*")[:50]:
            for text in (
                [node.get(attribute)]
                if attribute
                else [node.get("datetime"), html_tree.text_of(node, 20_000)]
            ):
                if date := dates.find(text):
                    return date
    return None


def _visible_date(root: Node, main: Node | None) -> str | None:
    """Find the visible date of the article: after its heading, else before it."""
    whole = main if main is not None else root
    heading = next((node for node in root.iter("h1") if not _is_aside(node, root)), None)
    own = {whole, *html_tree.ancestors(whole, whole)}
    if heading is not None:
        own |= {heading, *html_tree.ancestors(heading, heading)}
        whole = next(
            node for node in (whole, *html_tree.ancestors(whole, whole)) if node in _lineage(heading)
        )
    behind, before = _parts(whole, heading)
    for nodes in (behind, before):
        marked = set(select(whole, _DATES))
        mine = [node for node in nodes if not _elsewhere(node, own)]
        for node in (n for n in mine if n in marked):
            said = dates.find(node.get("datetime") or node.get("content")) or dates.leading_date(
                html_tree.text_of(node)
            )
            if said:
                return said
        for node in mine[:60]:
            if said := dates.leading_date(line(node.text)) or (
                dates.leading_date(line(node.tail)) if node is not whole else None
            ):
                return said
    return None


def _lineage(node: Node) -> set[Node]:
    return {node, *html_tree.ancestors(node, node)}


def _parts(whole: Node, heading: Node | None) -> tuple[list[Node], list[Node]]:
    """Split the elements into those from the heading on and those before it."""
    nodes = [node for node in islice(whole.iter(), 2_000) if isinstance(node, Node)]
    at = nodes.index(heading) if heading in nodes else 0
    return nodes[at:], nodes[:at]


def _elsewhere(node: Node, own: set[Node]) -> bool:
    """Return whether an element belongs to another article.

    It does in a sidebar or link, and in a block with a linked heading of its own.
    """
    for element in (node, *html_tree.ancestors(node, node)):
        if element in own:
            return False
        if _aside(element) or element.tag == "a":
            return True
        if element.tag in ("article", "li", "tr") and element.find(".//a") is not None:
            return True
        if any(h.find(".//a") is not None for h in element.iter("h2", "h3", "h4", "h5", "h6")):
            return True
    return False
