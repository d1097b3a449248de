"""Extract date, text, title and authors from the page of one article."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from aggregator import dates
from aggregator.formats import html_tree, microformats, structured_data
from aggregator.formats.html_tree import Node, select, split_attribute
from aggregator.model.config import ArticleLayout, Source
from aggregator.model.documents import ArticleDetails
from aggregator.text import block, line

MAX_TEXT_CHARACTERS = 500_000
MIN_TEXT_CHARACTERS = 140
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
_ASIDE_SELECTOR = (
    "script, style, noscript, template, nav, aside, form, footer, header, button, iframe, svg, dialog,"
    " [role=navigation], [role=complementary], [hidden], [aria-hidden=true]"
)
# Whole words of class names and ids: "share" but not "shareholders".
_SURROUNDINGS = re.compile(
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
    head = structured_data.meta_details(root, base)
    details = structured_data.fill_missing(
        _about_this(structured_data.json_ld_objects(root, base, source.timezone), url, head), head
    )
    main = _main_element(root, layout)
    date = _configured_date(root, layout) or _readable(details.published) or _visible_date(root, main)
    return replace(
        details,
        title=details.title or _heading(root, main),
        published=date,
        updated=_readable(details.updated),
        html=_content_html(main, details.title) if main is not None else None,
        event=details.event or microformats.event_in(main if main is not None else root, source.timezone),
    )


def _about_this(objects: tuple[ArticleDetails, ...], url: str, head: ArticleDetails) -> ArticleDetails:
    """Choose the JSON-LD object of this page: by its link, or the only one without a link."""
    here = {html_tree.url_key(url), html_tree.url_key(head.link)} - {""}
    named = [each for each in objects if each.link and html_tree.url_key(each.link) in here]
    nameless = [each for each in objects if not each.link]
    return next(iter(named or (nameless if len(nameless) == 1 else [])), ArticleDetails())


def _readable(written: str | None) -> str | None:
    return written if dates.find(written) else None


# --- the main content ----------------------------------------------------------------------------------


def _main_element(root: Node, layout: ArticleLayout) -> Node | None:
    """Find the element with the text of the article; None if no element has enough text."""
    configured = (node for selector in layout.content for node in select(root, selector))
    if (element := next((node for node in configured if html_tree.text_of(node)), None)) is not None:
        return element
    for selector in (*_BODIES, "article", "main, [role=main], #main, #content"):
        element = _longest(node for node in select(root, selector) if not _is_aside(node, root))
        if element is not None:
            return element
    return _longest(_element_with_most_text(root))


def _longest(nodes: Iterator[Node]) -> Node | None:
    weighed = [(_weight(node), node) for node in islice(nodes, 50)]
    weight, node = max(weighed, key=lambda pair: pair[0], default=(0, None))
    return node if weight >= MIN_TEXT_CHARACTERS else None


def _element_with_most_text(root: Node) -> Iterator[Node]:
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
    return any(_is_surrounding(element) for element in (node, *html_tree.ancestors(node, root)))


def _is_surrounding(element: Node) -> bool:
    if element.tag in ("nav", "aside", "footer", "form"):
        return True
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    return element.tag not in ("body", "main", "article") and _SURROUNDINGS.search(named) is not None


def _content_html(main: Node, title: str | None) -> str | None:
    """Return the content without menus, sharing buttons, teasers and the title."""
    kept = copy.deepcopy(main)
    gone = [
        *select(kept, _ASIDE_SELECTOR),
        *(node for node in kept.iter() if isinstance(node, Node) and _is_surrounding(node)),
    ]
    gone += [node for node in kept.iter("h1", "h2") if title and html_tree.text_of(node) == line(title)]
    for node in gone:
        parent = node.getparent()
        if parent is not None and node is not kept:
            node.drop_tree()
    text = html_tree.text_of(kept, MAX_TEXT_CHARACTERS)
    return block(html_tree.markup(kept), MAX_TEXT_CHARACTERS) if text else None


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
    content = main if main is not None else root
    heading = next((node for node in root.iter("h1") if not _is_aside(node, root)), None)
    own = {content, *html_tree.ancestors(content, content)}
    if heading is not None:
        own |= {heading, *html_tree.ancestors(heading, heading)}
        content = next(
            node
            for node in (content, *html_tree.ancestors(content, content))
            if node in _with_ancestors(heading)
        )
    after, before = _split_at(content, heading)
    for nodes in (after, before):
        marked = set(select(content, _DATES))
        mine = [node for node in nodes if not _belongs_elsewhere(node, own)]
        for node in (n for n in mine if n in marked):
            date = dates.find(node.get("datetime") or node.get("content")) or dates.leading_date(
                html_tree.text_of(node)
            )
            if date:
                return date
        for node in mine[:60]:
            if date := dates.leading_date(line(node.text)) or (
                dates.leading_date(line(node.tail)) if node is not content else None
            ):
                return date
    return None


def _with_ancestors(node: Node) -> set[Node]:
    return {node, *html_tree.ancestors(node, node)}


def _split_at(content: Node, heading: Node | None) -> tuple[list[Node], list[Node]]:
    """Split the elements into those from the heading on and those before it."""
    nodes = [node for node in islice(content.iter(), 2_000) if isinstance(node, Node)]
    at = nodes.index(heading) if heading in nodes else 0
    return nodes[at:], nodes[:at]


def _belongs_elsewhere(node: Node, own: set[Node]) -> bool:
    """Return whether an element belongs to another article.

    It does in a sidebar or link, and in a block with a linked heading of its own.
    """
    for element in (node, *html_tree.ancestors(node, node)):
        if element in own:
            return False
        if _is_surrounding(element) or element.tag == "a":
            return True
        if element.tag in ("article", "li", "tr") and element.find(".//a") is not None:
            return True
        if any(h.find(".//a") is not None for h in element.iter("h2", "h3", "h4", "h5", "h6")):
            return True
    return False
