"""Walk from a subscription document back through all its archives (RFC 5005 section 4, PB8)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from lxml import etree

from tests.feed_validators import rules
from tests.feed_validators.atom import AT, FH, A, links


def walk(url: str, fetch: Callable[[str], bytes]) -> tuple[list[str], list[str]]:
    """Return broken rules and the ids of all reachable entries, newest document first.

    Each id is listed once.
    """
    found: list[str] = []
    documents: dict[str, etree._Element] = {}
    here, newer = url, ""
    while here:
        if here in documents:
            found.append(f"RFC 5005 4: {here} leads back to itself")
            break
        try:
            documents[here] = etree.fromstring(fetch(here))
        except (OSError, LookupError, etree.XMLSyntaxError) as error:
            found.append(f"RFC 5005 4: {here} cannot be read: {error!r}")
            break
        found += _judged(documents, here, newer, url)
        back = [link.get("href") or "" for link in links(documents[here], "prev-archive")]
        here, newer = (back[0] if back else ""), here
        found += rules.address(here, "prev-archive") if here else []
    return found + _contradictions(list(documents.values())), _ids(list(documents.values()))


def _judged(documents: dict[str, etree._Element], here: str, newer: str, url: str) -> list[str]:
    """Check one document, reached at `here` from `newer`."""
    root, first, found = documents[here], documents[url], []

    def hrefs(rel: str) -> list[str | None]:
        return [link.get("href") for link in links(root, rel)]

    archive = root.find(f"{FH}archive") is not None
    if archive is (here == url):
        found.append(f"RFC 5005 4: {here} is {'an' if archive else 'no'} archive document")
    if hrefs("self") != [here]:
        found.append(f"PB1: {here} says it is {hrefs('self')}")
    if root.findtext(f"{A}id") != first.findtext(f"{A}id"):
        found.append(f"RFC 5005 4: {here} is of another feed: {root.findtext(f'{A}id')}")
    if archive and hrefs("current") != [url]:
        found.append(f"RFC 5005 4: the current document of {here} is {hrefs('current')}")
    if archive and hrefs("next-archive") not in ([], [newer]):
        found.append(f"RFC 5005 4: behind {here} stands {hrefs('next-archive')}, not {newer}")
    months = [match[1] for one in (newer, here) if (match := re.search(r"(\d{4}-\d\d)\.xml$", one))]
    if months != sorted(set(months), reverse=True):
        found.append(f"PB8: {here} follows {newer}")
    if archive and not months:
        found.append(f"PB8: {here} is no month's archive")
    return found


def _ids(documents: list[etree._Element]) -> list[str]:
    said = [entry.findtext(f"{A}id") or "" for root in documents for entry in root.findall(f"{A}entry")]
    return list(dict.fromkeys(said))


def _contradictions(documents: list[etree._Element]) -> list[str]:
    """Check ids in two documents: the newer has the newer entry, or a tombstone alone."""
    found = []
    known: dict[str, tuple[datetime, str]] = {}
    dead = {
        str(deleted.get("ref")): datetime.fromisoformat(str(deleted.get("when")))
        for root in documents
        for deleted in root.findall(f"{AT}deleted-entry")
    }
    for root in documents:
        ids = [entry.findtext(f"{A}id") or "" for entry in root.findall(f"{A}entry")]
        found += [
            f"RFC 4287 4.1.1: {id_} stands twice in a document"
            for id_ in {i for i in ids if ids.count(i) > 1}
        ]
        for entry in root.findall(f"{A}entry"):
            id_, title = entry.findtext(f"{A}id") or "", entry.findtext(f"{A}title") or ""
            updated = datetime.fromisoformat(str(entry.findtext(f"{A}updated")))
            newest, reported = known.setdefault(id_, (updated, title))
            if updated > newest or (updated == newest and title != reported):
                found.append(f"RFC 5005 4: {id_} is newer in an older document, or another at the same time")
            if id_ in dead and dead[id_] >= updated:
                found.append(f"RFC 6721: {id_} is withdrawn in one document and stands in another")
    return found
