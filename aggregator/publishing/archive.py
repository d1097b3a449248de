"""Render the monthly archive documents of all stories ever announced (RFC 5005 section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from lxml import etree

from aggregator.model.publishing import EPOCH, ArchiveMonth, PublishedDocument
from aggregator.model.value_classes import dataclass
from aggregator.publishing import atom, paths

_ATOM = "{http://www.w3.org/2005/Atom}"
_UPDATED = re.compile(rb"<updated>([^<]+)</updated>")
"""The first one in a document is that of the feed."""


def head(month: ArchiveMonth, changed: datetime) -> bytes:
    """Render what precedes the entries of a month; `changed` is the latest change of a story.

    `updated` is the latest change of a story or tombstone. It never goes back, because a story that is published again
    has changed after its tombstone.
    """
    updated = max([changed, *(tombstone.at for tombstone in month.tombstones)])
    return _document(replace(month, stories=()), updated).body.removesuffix(atom.END)


def entries(month: ArchiveMonth) -> dict[str, bytes]:
    """Render the entries of the month's stories, by id."""
    rendered = atom.entries(_content(month, EPOCH))
    return dict(zip((story.id for story in month.stories), rendered, strict=True))


def _document(month: ArchiveMonth, updated: datetime) -> PublishedDocument:
    return atom.document(_content(month, updated))


def _content(month: ArchiveMonth, updated: datetime) -> atom.FeedDocument:
    site, channel = month.site, month.channel
    links = [("current", paths.url(site, channel, "atom.xml"))]
    if month.previous:
        links.append(("prev-archive", site.url + paths.archive_path(month.previous)))
    return atom.FeedDocument(
        site=site,
        channel=channel,
        path=paths.archive_path(month.month),
        updated=updated,
        stories=month.stories,
        tombstones=month.tombstones,
        links=tuple(links),
        archived=True,
        fragments=month.fragments,
    )


def story_ids(body: bytes) -> set[str]:
    """Return the ids of the stories in an archive document.

    Raise ValueError if it is not well-formed.
    """
    return {_id(entry.findtext(f"{_ATOM}id")) for entry in _root(body).iterfind(f"{_ATOM}entry")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a document contains; `is_current` if all removals and tombstones are in it."""

    story_ids: set[str]
    is_current: bool
    updated: datetime


_TOMBSTONE = re.compile(rb"<at:deleted-entry\b[^>]*(?:/>|>.*?</at:deleted-entry>)", re.DOTALL)


def contents(blocks: Iterable[bytes], month: ArchiveMonth) -> Contents | None:
    """Read without parsing what a document contains, from blocks that start with entries.

    Return None where entries are not written as `atom` writes them.
    """
    ids: set[str] = set()
    updated = None
    written: list[bytes] = []
    for block in blocks:
        if updated is None:
            updated = _UPDATED.search(block)
            written = _TOMBSTONE.findall(block.partition(atom.ENTRY)[0])
        entries = atom.split(block)
        if not updated or len(entries) != block.count(b"<entry"):
            return None
        ids.update(entries)
    removed = {tombstone.story_id for tombstone in month.tombstones}
    is_current = ids.isdisjoint(removed) and written == _TOMBSTONE.findall(head(month, EPOCH))
    moment = datetime.fromisoformat(updated[1].decode()) if updated else EPOCH
    return Contents(story_ids=ids, is_current=is_current, updated=moment)


def amend(body: bytes, month: ArchiveMonth) -> bytes:
    """Apply removals and missing entries to a frozen document.

    `month.tombstones` are all of the month. `month.stories` are only the stories that the document lacks because they
    were removed when it was written. Every other entry keeps its content. Raise ValueError if the document is not
    well-formed.
    """
    root = _root(body)
    removed_ids = {tombstone.story_id for tombstone in month.tombstones}
    removed: list[Any] = []
    kept: list[Any] = []
    for entry in root.iterfind(f"{_ATOM}entry"):
        (removed if _id(entry.findtext(f"{_ATOM}id")) in removed_ids else kept).append(entry)
    wanted = etree.fromstring(head(month, EPOCH) + atom.END)
    if not removed and not month.stories and _tombstones(root) == _tombstones(wanted):
        return body
    before = root.findtext(f"{_ATOM}updated")
    changes = [*(tombstone.at for tombstone in month.tombstones), *(story.changed for story in month.stories)]
    fresh = etree.fromstring(_document(month, max(datetime.fromisoformat(before), *changes)).body)
    # `fresh` has the head, the tombstones and the missing entries; the kept entries follow them.
    fresh.extend(kept)
    etree.indent(fresh)
    document = etree.tostring(fresh, xml_declaration=True, encoding="UTF-8")
    return atom.with_stylesheet(document + b"\n", paths.archive_path(month.month))


def _root(body: bytes) -> Any:
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError as error:
        raise ValueError("the archive document is not well-formed") from error


def _tombstones(root: Any) -> list[tuple[str | None, str | None, str | None]]:
    """Return the story, time and comment of each tombstone."""
    return [
        (of.get("ref"), of.get("when"), of.findtext(f"{{{atom.TOMBSTONES}}}comment"))
        for of in root.iterfind(f"{{{atom.TOMBSTONES}}}deleted-entry")
    ]


def _id(tag: str | None) -> str:
    return str(tag).rpartition(":story/")[2]
