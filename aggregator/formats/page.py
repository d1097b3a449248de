"""Parse a news page into entries by CSS selectors; if nothing matches, raise an error."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from aggregator import dates, urls
from aggregator.counts import count_of
from aggregator.errors import UnreadableDocument
from aggregator.formats import bot_wall, html_tree, microformats, structured_data
from aggregator.formats.html_tree import Node, select, split_attribute
from aggregator.model.config import Layout, Source
from aggregator.model.documents import BREAKS_OFF, ArticleDetails, Entry, ParsedDocument
from aggregator.text import block, line

MAX_ENTRIES = 500
MAX_MATCHES = 50
"""Maximum number of elements of a block that one selector may match."""


def read(
    body: bytes,
    url: str,
    headers: Mapping[str, str],
    source: Source,
    seen: Container[bytes] = (),
) -> ParsedDocument:
    """Parse a page with the layouts of `source.page`; its order counts as newest first."""
    layouts = source.page
    if not layouts:
        raise UnreadableDocument("a page source needs selectors (`page:`)")
    root = html_tree.tree(body, headers)
    base = html_tree.base(root, url)
    objects = structured_data.json_ld_objects(root, base, source.timezone)
    blocks = _blocks(root, layouts)
    block_entries = _parse_blocks(blocks, base, source.timezone)
    by_url = {html_tree.url_key(details.link): details for details in reversed(objects) if details.link}
    candidates = [
        _complete_entry(each.entry, by_url.get(html_tree.url_key(each.entry.link))) for each in block_entries
    ]
    if any(layout.structured for layout in layouts):
        candidates += [
            _structured_entry(details, base) for details in objects if details.title and details.link
        ]
    entries: dict[tuple[str | None, str], Entry] = {}
    for entry in candidates:
        entries.setdefault((entry.link, entry.title), replace(entry, position=len(entries)))
    if not entries:
        raise UnreadableDocument(
            _no_entries_reason(root, layouts, len(blocks), bot_wall.detect(200, headers, body))
        )
    notes = []
    if (without := len(blocks) - len(entries)) > 0:
        notes.append(f"{without} of {len(blocks)} blocks without a link and title of their own")
    if blocks and blocks[-1].node in html_tree.open_at_end(root, body):
        notes.append(BREAKS_OFF)
    return ParsedDocument(
        entries=tuple(entries.values()),
        title=line(root.findtext(".//title"), 300),
        site_link=url,
        language=line(root.get("lang"), 40),
        notes=(*notes, *_notes(layouts, blocks, block_entries)),
    )


def next_page(body: bytes, url: str, source: Source) -> str | None:
    """Return the URL of the page with older items: by `next:`, else by rel=next.

    It is on the same host. Raises UnreadableDocument.
    """
    root = html_tree.tree(body, {})
    base = html_tree.base(root, url)
    selectors = [selector for layout in source.page for selector in layout.next]
    for selector in selectors or ["link[rel~=next]", "a[rel~=next]"]:
        path, attribute = split_attribute(selector)
        for node in select(root, path or "*")[:MAX_MATCHES]:
            link = urls.join(base, node.get(attribute or "href"))
            if (
                link
                and html_tree.site_host(link) == html_tree.site_host(url)
                and html_tree.url_key(link) != html_tree.url_key(url)
            ):
                return link.partition("#")[0]
    return None


def loss_reason(now: int, before: int) -> str | None:
    """Return why a page with `now` entries after `before` must be reviewed, or None.

    A page that loses half of at least six items at once has probably changed its layout (G4).
    """
    if before < 6 or now * 2 > before:
        return None
    verb = "is" if now == 1 else "are"
    return f"only {now} of {before} items {verb} left at once: part of the page's layout has probably changed"


# --- blocks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """The element of an item, the layouts that select it, and the siblings up to the next item."""

    node: Node
    layouts: tuple[Layout, ...]
    after: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class _BlockEntry:
    """An entry, its layout, and whether a date was found."""

    entry: Entry
    layout: Layout
    dated: bool


def _blocks(root: Node, layouts: Sequence[Layout]) -> list[_Block]:
    """List what the layouts select in page order; an element that several select is one block."""
    chosen: dict[Node, list[Layout]] = {}
    for layout in layouts:
        for node in select(root, layout.item) if layout.item else []:
            chosen.setdefault(node, []).append(layout)
    ordered = [node for node in root.iter() if node in chosen][:MAX_ENTRIES]
    return [_Block(node, tuple(chosen[node]), tuple(_after(node, chosen))) for node in ordered]


def _after(node: Node, blocks: Container[Node]) -> Iterator[Node]:
    for sibling in node.itersiblings():
        if sibling in blocks:
            return
        if isinstance(sibling, Node):
            yield sibling


def _parse_blocks(blocks: Sequence[_Block], base: str, zone: tzinfo) -> list[_BlockEntry]:
    """List the entries of the blocks; elements of an inner block belong to it alone."""
    owned: dict[Node, set[Node]] = {}
    results = []
    for part in reversed(blocks):
        inner = owned.get(part.node, set())
        parsed = next(
            filter(None, (_parse_block(part, layout, base, inner) for layout in part.layouts)), None
        )
        if parsed:
            event = microformats.event_in(part.node, zone)
            results.append(replace(parsed, entry=replace(parsed.entry, event=event)))
            for outer in html_tree.ancestors(part.node, part.node):
                owned.setdefault(outer, set()).add(part.node)
    return results[::-1]


def _parse_block(part: _Block, layout: Layout, base: str, inner: set[Node]) -> _BlockEntry | None:
    link, name = _link(part, layout, base, inner)
    title = _text(part, layout.title, inner) if layout.title else name
    if not link or not title:
        return None
    date, dated = _date(part, layout, inner)
    entry = Entry(
        position=0,
        link=link,
        title=title,
        title_is_html=False,
        summary=_summary(part, layout, inner),
        published=date,
        base=base,
    )
    return _BlockEntry(entry, layout, dated)


def _matches(part: _Block, selector: str, inner: set[Node]) -> list[Node]:
    """Select in a block, or with a selector that begins with + in the siblings after it."""
    beside = selector.startswith("+")
    tops = part.after if beside else (part.node,)
    matches = [node for top in tops for node in select(top, selector.lstrip("+ ") or "*")]
    if inner:
        matches = [
            n for n in matches if n not in inner and inner.isdisjoint(html_tree.ancestors(n, part.node))
        ]
    return matches[:MAX_MATCHES]


def _link(part: _Block, layout: Layout, base: str, inner: set[Node]) -> tuple[str | None, str | None]:
    """Return the first link of a block and its text, which may be that of an equal link."""
    for selector in layout.link:
        path, attribute = split_attribute(selector)
        own = [part.node] if part.node.tag == "a" and not attribute else []
        matches = [*own, *_matches(part, path or "*", inner)]
        targets = [urls.join(base, node.get(attribute or "href")) for node in matches]
        link = next(filter(None, targets), None)
        if link:
            same = [node for node, target in zip(matches, targets, strict=True) if target == link]
            named = (*map(html_tree.text_of, same), *map(_label, same))
            return link, next(filter(None, named), None)
    return None, None


def _label(node: Node) -> str | None:
    return line(node.get("title") or node.get("aria-label"))


def _text(part: _Block, selectors: Sequence[str], inner: set[Node]) -> str | None:
    """Return the first text, or attribute named after @, that one of the selectors finds."""
    for selector in selectors:
        path, attribute = split_attribute(selector)
        for node in _matches(part, path, inner) if path else [part.node]:
            if text := line(node.get(attribute), 5_000) if attribute else html_tree.text_of(node):
                return text
    return None


def _date(part: _Block, layout: Layout, inner: set[Node]) -> tuple[str | None, bool]:
    """Return the text of the date and whether it is a date; other text is used in notes."""
    unread = None
    for selector in layout.date:
        path, attribute = split_attribute(selector)
        for node in _matches(part, path, inner) if path else [part.node]:
            written = (
                [node.get(attribute)]
                if attribute
                else [node.get("datetime"), html_tree.text_of(node, 20_000)]
            )
            for text in written:
                if date := dates.find(text) or _epoch(text):
                    return date, True
                unread = unread or line(text, 200)
    return unread, False


def _epoch(text: str | None) -> str | None:
    return text.strip() if re.fullmatch(r"\s*1\d{9}(?:\d{3})?\s*", text or "") and text else None


def _summary(part: _Block, layout: Layout, inner: set[Node]) -> str | None:
    for selector in layout.summary:
        path, attribute = split_attribute(selector)
        for node in _matches(part, path or "*", inner):
            text = node.get(attribute) if attribute else html_tree.markup(node)
            if text and (attribute or html_tree.text_of(node)):
                return block(text)
    return None


# --- what the page says to machines --------------------------------------------------------------------


def _complete_entry(entry: Entry, details: ArticleDetails | None) -> Entry:
    """Add to an entry what JSON-LD states about the same page."""
    if details is None:
        return entry
    return replace(
        entry,
        published=entry.published if dates.find(entry.published) else details.published or entry.published,
        updated=details.updated,
        summary=entry.summary or details.summary,
        text_is_html=bool(entry.summary),
        authors=details.authors,
        kind=details.kind,
        event=details.event or entry.event,
    )


def _structured_entry(details: ArticleDetails, base: str) -> Entry:
    """Make an entry of JSON-LD alone."""
    return Entry(
        position=0,
        link=details.link,
        title=details.title or "",
        title_is_html=False,
        summary=details.summary,
        text_is_html=False,
        published=details.published,
        updated=details.updated,
        authors=details.authors,
        categories=details.categories,
        language=details.language,
        kind=details.kind,
        base=base,
        event=details.event,
    )


# --- what is wrong -------------------------------------------------------------------------------------


def _no_entries_reason(root: Node, layouts: Sequence[Layout], blocks: int, owner: str | None) -> str:
    items = ", ".join(f"`item: {layout.item}`" for layout in layouts if layout.item) or "`structured: true`"
    if blocks:
        links = ", ".join(dict.fromkeys(selector for layout in layouts for selector in layout.link))
        return (
            f"{items} selects {count_of(blocks, 'block')}, but none has a title and a link"
            f" (`link: {links}`): the layout has probably changed"
        )
    text = html_tree.visible(root)
    if owner and len(text) < 1_500:  # a whole page may well have a captcha in its contact form
        return f"a bot wall stands before it ({owner})"
    if len(text) < 300 and len(list(root.iter("script"))) > 1:
        return f"the page has nothing that {items} selects and hardly any text: it is filled in by scripts"
    return f"the page has nothing that {items} selects: its layout has probably changed"


def _notes(
    layouts: Sequence[Layout], blocks: Sequence[_Block], parsed: Sequence[_BlockEntry]
) -> Iterator[str]:
    """Yield notes on selectors that find nothing while other layouts succeed."""
    for layout in layouts:
        if layout.item and not any(layout in part.layouts for part in blocks):
            yield f"`item: {layout.item}` selects nothing any more; other layouts of the page serve"
        mine = [each for each in parsed if each.layout is layout]
        dated = sum(each.dated for each in mine)
        if not layout.date or not mine or dated * 2 > len(mine):
            continue
        selector = ", ".join(layout.date)
        undated = (each.entry.published for each in mine if not each.dated)
        unread = next(filter(None, undated), None)
        only = f", only words such as {unread[:50]!r}" if unread else ""
        if dated:
            yield f"`date: {selector}` finds a date in {dated} of {len(mine)} items{only}"
        else:
            yield f"`date: {selector}` finds no date in any item{only}"
