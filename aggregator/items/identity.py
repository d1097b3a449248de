"""What identifies an entry within its source (I1, I2, I4)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container, Iterable, Sequence

from aggregator.items.canonical_urls import canonical, is_listing, without_fragment
from aggregator.model.documents import Entry, SkippedEntry
from aggregator.model.items import Alias, IdentityPolicy

GUID, LINK, LINK_AND_TITLE, TEXT = "guid", "link", "linktitle", "text"
STRENGTH = (GUID, LINK, LINK_AND_TITLE, TEXT)
"""The order in which aliases are believed (I2)."""


def title_key(title: str) -> str:
    """A title without case, punctuation and blanks."""
    return re.sub(r"[\W_]+", " ", title.casefold()).strip()


def distinct(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without exact repetitions (a pinned entry that is also in the list)."""
    seen: dict[tuple[str | None, ...], Entry] = {}
    for entry in entries:
        key = (entry.guid, entry.link, title_key(entry.title), entry.content, entry.summary)
        seen.setdefault(key, entry)
    return list(seen.values())


def decide_policy(
    entries: Iterable[Entry | SkippedEntry], before: IdentityPolicy, homes: Sequence[str | None]
) -> IdentityPolicy:
    """I1: whether guids and links identify, judged on the whole document; a no is for ever."""
    guids: list[str] = []
    links: list[str] = []
    for entry in entries:
        if entry.guid:
            guids.append(entry.guid)
        if entry.link and not is_listing(key := canonical(entry.link), *homes):
            links.append(key)
    return IdentityPolicy(
        guid=before.guid and len(set(guids)) == len(guids),
        link=before.link and len(set(links)) == len(links),
    )


def aliases(
    entry: Entry,
    title: str,
    text: str,
    identity_policy: IdentityPolicy,
    homes: Sequence[str | None],
    shared: Container[str] = (),
) -> tuple[Alias, ...]:
    """Everything that identifies an entry, strongest first. Title and text are always remembered, but only
    asked where no guid and no link serves (`reconcile`).

    `shared` are the link-and-title values that several entries of the document have.
    """
    found = []
    if entry.guid and identity_policy.guid and not _is_home(entry.guid, homes):
        found.append(Alias(kind=GUID, value=entry.guid))
    if entry.link and not is_listing(key := canonical(entry.link), *homes):
        if identity_policy.link:
            found.append(Alias(kind=LINK, value=key))
        both = link_and_title(entry.link, title, homes)
        if both and both not in shared:
            found.append(Alias(kind=LINK_AND_TITLE, value=both))
    digest = hashlib.sha256(f"{title_key(title)}\n{_dateless(text)}".encode()).hexdigest()[:32]
    return (*found, Alias(kind=TEXT, value=digest))


def skipped_aliases(skipped: Sequence[SkippedEntry], identity_policy: IdentityPolicy) -> tuple[Alias, ...]:
    """What identifies the entries that were not read again: the items behind it are taken."""
    guids = (Alias(kind=GUID, value=entry.guid) for entry in skipped if entry.guid and identity_policy.guid)
    links = (
        Alias(kind=LINK, value=canonical(entry.link))
        for entry in skipped
        if entry.link and identity_policy.link
    )
    return (*guids, *links)


def link_and_title(link: str, title: str, homes: Sequence[str | None]) -> str | None:
    """A page and a title as one value: a fragment counts only where the titles differ (I2)."""
    page = without_fragment(canonical(link))
    return None if is_listing(page, *homes) else f"{page}\n{title_key(title)}"


def article_key(link: str, title: str) -> str:
    """A link and what it is called: an article is read again when its title changes."""
    return f"{canonical(link)}\n{title_key(title)}"


def _is_home(guid: str, homes: Sequence[str | None]) -> bool:
    return guid.startswith(("http://", "https://")) and is_listing(canonical(guid), *homes)


def _dateless(text: str) -> str:
    """A text without its digits: dates and counters in it do not make it another text."""
    return re.sub(r"[\d\W_]+", " ", text.casefold()).strip()


def item_id(source_url: str, alias: Alias) -> str:
    """80 bits of hash in base32, 16 characters: an id for ever (I4)."""
    return short_hash(f"{source_url}\n{alias.kind}\n{alias.value}")


def short_hash(text: str) -> str:
    """80 bits of SHA-256 in lower-case base32."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:10]).decode().lower()
