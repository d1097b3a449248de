"""The archive of everything that was ever announced, month by month (RFC 5005, P2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lxml import etree

from aggregator.model.publishing import EPOCH, ArchiveMonth, PublishedDocument
from aggregator.publishing import atom, paths

_ATOM = "{http://www.w3.org/2005/Atom}"


def render(month: ArchiveMonth) -> PublishedDocument:
    """`archive/<yyyy-mm>.xml`, whole; what is told again was changed after its tombstone: `updated` never goes back."""
    moments = [*(story.changed for story in month.stories), *(stone.at for stone in month.tombstones)]
    return _document(month, max(moments, default=EPOCH))


def _document(month: ArchiveMonth, updated: datetime) -> PublishedDocument:
    site, channel = month.site, month.channel
    links = [("current", paths.url(site, channel, "atom.xml"))]
    if month.previous:
        links.append(("prev-archive", site.url + paths.archive_path(month.previous)))
    return atom.document(
        atom.FeedDocument(
            site=site,
            channel=channel,
            path=paths.archive_path(month.month),
            updated=updated,
            stories=month.stories,
            tombstones=month.tombstones,
            links=tuple(links),
            archived=True,
        )
    )


def told(body: bytes) -> set[str]:
    """The ids of the stories in a document; raises ValueError."""
    return {_id(entry.findtext(f"{_ATOM}id")) for entry in _root(body).iterfind(f"{_ATOM}entry")}


def amend(body: bytes, month: ArchiveMonth) -> bytes:
    """A frozen document in which nothing but withdrawals is changed; raises ValueError.

    `month.tombstones` are all of the month; `month.stories` only those that are told although the document lacks
    them, because they were withdrawn when it was written. Every other entry stays as it was.
    """
    root = _root(body)
    gone = {stone.story_id for stone in month.tombstones}
    entries = [entry for entry in root.iterfind(f"{_ATOM}entry") if _id(entry.findtext(f"{_ATOM}id")) in gone]
    if not entries and not month.stories:
        return body
    before = root.findtext(f"{_ATOM}updated")
    changes = [*(stone.at for stone in month.tombstones), *(story.changed for story in month.stories)]
    fresh = etree.fromstring(_document(month, max(datetime.fromisoformat(before), *changes)).body)
    kept = [entry for entry in root.iterfind(f"{_ATOM}entry") if entry not in entries]
    # The document of the withdrawals alone has everything that changes; what was told is put behind it.
    fresh.extend(kept)
    etree.indent(fresh)
    whole = etree.tostring(fresh, xml_declaration=True, encoding="UTF-8")
    return atom.styled(whole + b"\n", paths.archive_path(month.month))


def _root(body: bytes) -> Any:
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError as error:
        raise ValueError("the archive document is not well-formed") from error


def _id(tag: str | None) -> str:
    return str(tag).rpartition(":story/")[2]
