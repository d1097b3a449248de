"""Validate Atom feeds by RFC 4287, 5005, 6721, this project's rules and the W3C's.

Of RFC 4287 both the grammar and the prose are checked; of the project's rules PB1 to PB5 and PB14.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lxml import etree

from tests.feed_validators import rules

A = f"{{{rules.ATOM}}}"
FH = "{http://purl.org/syndication/history/1.0}"
AT = "{http://purl.org/atompub/tombstones/1.0}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
BASE = "{http://www.w3.org/XML/1998/namespace}base"
KNOWN = {rules.ATOM: None, FH[1:-1]: "fh", AT[1:-1]: "at"}
HISTORY = ("current", "first", "last", "next", "previous", "prev-archive", "next-archive")
RELATIONS = {*HISTORY, *"alternate enclosure hub license related replies search self via".split()}
SELVES = ("application/atom+xml", "application/rss+xml", "application/rdf+xml")
MAX_BYTES = 512 * 1024
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).parent.parent / "data" / "atom" / "rfc4287.rng"))


def problems(document: bytes, url: str, now: datetime | None = None) -> list[str]:
    """List the rules that an Atom feed served at `url` breaks."""
    root, found = rules.xml(document)
    if root is None:
        return found
    if root.tag != f"{A}feed":
        return [*found, f"RFC 4287 4.1.1: the document is <{root.tag}>"]
    if not GRAMMAR.validate(root):
        found += [f"RFC 4287 B: line {error.line}: {error.message}" for error in GRAMMAR.error_log]
    for judged in (_namespaces, _addresses, _links, _texts, _persons, _languages):
        found += judged(root)
    found += _dates(root, now)
    found += _feed(root, url)
    found += _history(root)
    found += _tombstones(root, now)
    for entry in root.findall(f"{A}entry"):
        found += (f"{problem} (entry {entry.findtext(f'{A}id')})" for problem in _entry(entry, root))
    if root.find(f"{FH}archive") is None and len(document) > MAX_BYTES:
        found.append(f"PB14: {len(document)} bytes")
    return found


def links(parent: etree._Element, rel: str) -> list[etree._Element]:
    """Return the links of one relation; a link without `rel` is an alternate."""
    return [link for link in parent.findall(f"{A}link") if link.get("rel", "alternate") == rel]


def _namespaces(root: etree._Element) -> Iterator[str]:
    for prefix, uri in {pair for element in rules.elements(root) for pair in element.nsmap.items()}:
        if uri not in KNOWN:
            yield f"W3C UnknownNamespace: {uri}"
        elif KNOWN[uri] != prefix:
            yield f"W3C NonstdPrefix: {prefix} for {uri}"
    for element in rules.elements(root):
        if not etree.QName(element).namespace:
            yield f"W3C UndeterminableVocabulary: <{element.tag}> has no namespace"
        if element.get(BASE):
            yield f"PB5: xml:base on <{rules.name(element)}>"


def _addresses(root: etree._Element) -> Iterator[str]:
    for link in rules.elements(root, f"{A}link"):
        yield from rules.address(link.get("href"), f"link rel={link.get('rel')}")
    for element in rules.elements(root, f"{A}uri", f"{A}icon", f"{A}logo"):
        yield from rules.address(element.text, rules.name(element))
    for element in rules.elements(root, f"{A}id"):
        yield from rules.identifier(element.text, "id")
    for element in rules.elements(root, f"{A}category"):
        if element.get("scheme") is not None:
            yield from rules.address(element.get("scheme"), "category scheme")


def _links(root: etree._Element) -> Iterator[str]:
    for link in rules.elements(root, f"{A}link"):
        rel, kind = link.get("rel", "alternate"), link.get("type")
        if rel not in RELATIONS and ":" not in rel:
            yield f"W3C UnregisteredAtomLinkRel: {rel!r}"
        if kind is not None and not rules.MIME.fullmatch(kind):
            yield f"W3C InvalidMIMEType: link type={kind!r}"
        if rel == "self" and kind and kind.partition(";")[0] not in SELVES:
            yield f"W3C SelfNotAtom: {kind}"
        if link.get("length") is not None and not link.get("length", "").isdigit():
            yield f"W3C InvalidNonNegativeInteger: link length={link.get('length')!r}"
        if (title := link.get("title")) is not None:
            yield from _plain(title, "link title")
        if (link.text or "").strip() or len(link):
            yield "W3C AtomLinkNotEmpty"
    for parent in rules.elements(root, f"{A}feed", f"{A}entry", f"{A}source"):
        kinds = Counter((link.get("type"), link.get("hreflang")) for link in links(parent, "alternate"))
        for sort, count in kinds.items():
            if count > 1:
                yield f"W3C DuplicateAtomLink (RFC 4287 4.1.1): {count} alternates of {sort}"


def _texts(root: etree._Element) -> Iterator[str]:
    names = [A + name for name in ("title", "subtitle", "summary", "rights", "content")]
    for element in rules.elements(root, *names):
        name, kind, text = rules.name(element), element.get("type", "text"), element.text or ""
        if element.get("src") is None and not text.strip() and not len(element):
            yield f"W3C NotBlank: {name}"
        elif kind == "html":
            yield from rules.html(text, name, whole=name == "content")
        elif kind == "text":
            yield from _plain(text, name)
    for element in rules.elements(root, f"{A}category"):
        if not (element.get("term") or "").strip():
            yield "W3C AttrNotBlank: category term"
    for element in rules.elements(root, f"{A}generator"):
        yield from _plain(element.text or "", "generator")


def _plain(text: str, where: str) -> Iterator[str]:
    if not text.strip():
        yield f"W3C NotBlank: {where}"
    if mark := rules.looks_like_html(text):
        yield f"W3C ContainsUndeclaredHTML: {where} has {mark} without type=html"


def _persons(root: etree._Element) -> Iterator[str]:
    for person in rules.elements(root, f"{A}author", f"{A}contributor"):
        name = person.findtext(f"{A}name") or ""
        yield from _plain(name, "name")
        if re.search(r"<[\w+.'-]+@[\w-]+(\.[\w-]+)+>", name):
            yield f"W3C ContainsEmail: {name!r}"


def _languages(root: etree._Element) -> Iterator[str]:
    for element in rules.elements(root):
        for attribute in (LANG, "hreflang"):
            if element.get(attribute) is not None:
                yield from rules.language(element.get(attribute), attribute.rpartition("}")[2])


def _dates(root: etree._Element, now: datetime | None) -> Iterator[str]:
    for element in rules.elements(root, f"{A}updated", f"{A}published"):
        yield from rules.rfc3339(element.text, rules.name(element), now)[1]


def _feed(root: etree._Element, url: str) -> Iterator[str]:
    if [link.get("href") for link in links(root, "self")] != [url]:
        yield f"PB1 SelfDoesntMatchLocation: self is {[x.get('href') for x in links(root, 'self')]}, served at {url}"
    for wanted in ("author", "generator"):
        if root.find(A + wanted) is None:
            yield f"PB1: the feed has no {wanted}"
    if not links(root, "alternate"):
        yield "PB1: the feed has no alternate"
    if root.get(LANG) is None:
        yield "W3C MissingDCLanguage: the feed says no language"
    for name, rule in (("id", "DuplicateEntries (RFC 4287 4.1.1)"), ("updated", "DuplicateUpdated")):
        said = Counter(entry.findtext(A + name) for entry in root.findall(f"{A}entry"))
        for value, count in said.items():
            if count > 1:
                yield f"W3C {rule}: {count} entries have {name} {value}"
    times = [rules.rfc3339(e.findtext(f"{A}updated"), "", None)[0] for e in root.findall(f"{A}entry")]
    whole = rules.rfc3339(root.findtext(f"{A}updated"), "", None)[0]
    if whole and any(moment > whole for moment in times if moment):
        yield f"RFC 4287 4.2.15: the feed of {whole} is older than one of its entries"
    if root.findtext(f"{A}id") in {entry.findtext(f"{A}id") for entry in root.findall(f"{A}entry")}:
        yield "RFC 4287 4.2.6: an entry has the id of the feed"


def _entry(entry: etree._Element, root: etree._Element) -> Iterator[str]:
    content, summary = entry.find(f"{A}content"), entry.find(f"{A}summary")
    if entry.find(f"{A}author") is None:
        yield "PB2: no author of its own"
        if root.find(f"{A}author") is None and entry.find(f"{A}source/{A}author") is None:
            yield "RFC 4287 4.1.1: neither entry, source nor feed has an author"
    if content is None and not links(entry, "alternate"):
        yield "RFC 4287 4.1.2: neither content nor alternate"
    if summary is None:
        kind = "" if content is None else content.get("type", "text")
        if content is None:
            yield "W3C MissingTextualContent: neither content nor summary"
        elif content.get("src") is not None or ("/" in kind and not re.match(r"text/|.*[+/]xml$", kind)):
            yield "RFC 4287 4.1.2 MissingSummary: content that is no text needs a summary"
    if not (entry.findtext(f"{A}id") or "").startswith("tag:"):
        yield "PB2: the id is no tag: URI"
    published, updated = entry.findtext(f"{A}published"), entry.findtext(f"{A}updated")
    if published is None:
        yield "PB2: no published"
    else:
        first, last = (rules.rfc3339(said, "", None)[0] for said in (published, updated))
        if first and last and first > last:
            yield f"PB4: published {published} after updated {updated}"
    for rel in HISTORY:
        if links(entry, rel):
            yield f"W3C FeedHistoryRelInEntry: {rel}"
    for link in links(entry, "related"):
        if not link.get("title"):
            yield "PB3: a related link without a title"
    yield from _source(entry)


def _source(entry: etree._Element) -> Iterator[str]:
    source = entry.find(f"{A}source")
    if source is None:
        yield "PB3: no source"
        return
    if entry[-1] is not source:
        yield "PB3: source is not the last child"
    for wanted in ("id", "title", "updated"):
        if source.find(A + wanted) is None:
            yield f"W3C MissingSourceElement (PB3): {wanted}"
    if not links(source, "alternate"):
        yield "PB3: the source has no alternate"


def _history(root: etree._Element) -> Iterator[str]:
    for rel in ("current", "prev-archive", "next-archive"):
        if len(links(root, rel)) > 1:
            yield f"RFC 5005 4: {len(links(root, rel))} links {rel}"
    if root.find(f"{FH}archive") is not None:
        if not links(root, "current"):
            yield "W3C MissingCurrentInArchive (RFC 5005 4)"
        if root.find(f"{FH}complete") is not None:
            yield "RFC 5005 2: an archive document is no complete feed"


def _tombstones(root: etree._Element, now: datetime | None) -> Iterator[str]:
    alive = {entry.findtext(f"{A}id"): entry.findtext(f"{A}updated") for entry in root.findall(f"{A}entry")}
    refs = Counter(deleted.get("ref") for deleted in root.findall(f"{AT}deleted-entry"))
    yield from (f"RFC 6721 3: {count} tombstones of {ref}" for ref, count in refs.items() if count > 1)
    for deleted in rules.elements(root, f"{AT}deleted-entry"):
        ref = deleted.get("ref")
        yield from (f"RFC 6721 3: {problem}" for problem in rules.identifier(ref, "ref"))
        when, wrong = rules.rfc3339(deleted.get("when"), "deleted-entry when", now)
        yield from (f"RFC 6721 3: {problem}" for problem in wrong)
        if deleted.getparent() is not root:
            yield "RFC 6721 3: a tombstone that is no child of the feed"
        last = rules.rfc3339(alive.get(ref), "", None)[0]
        if when and last and when >= last:
            yield f"RFC 6721 3: {ref} is an entry and deleted after it"
