"""Identify entries within their source: aliases and ids (I1, I2, I4)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container, Iterable, Sequence

from aggregator.items.caches import MAX_ADDRESS_CHARACTERS, cached
from aggregator.items.canonical_urls import canonical, is_listing, may_be_listing, without_fragment
from aggregator.model.documents import Entry, SkippedEntry
from aggregator.model.items import Alias, IdentityPolicy
from aggregator.text import alphabetic_words

GUID, LINK, LINK_AND_TITLE, TEXT = "guid", "link", "linktitle", "text"
_WORD = re.compile(r"[^\W_]+")
STRENGTH = (GUID, LINK, LINK_AND_TITLE, TEXT)
"""The kinds of aliases, the strongest first (I2)."""

_Words = tuple[str, str]
"""Title and text of an entry."""


@cached(1_024, MAX_ADDRESS_CHARACTERS)
def title_key(title: str) -> str:
    """Return a title without case, punctuation and extra spaces."""
    return " ".join(_WORD.findall(title.casefold()))


def distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries without exact repetitions, such as a pinned entry."""
    seen: dict[tuple[str | None, ...], Entry] = {}
    for entry in entries:
        key = (entry.guid, entry.link, title_key(entry.title), entry.content, entry.summary)
        seen.setdefault(key, entry)
    return list(seen.values())


def decide_policy(
    entries: Iterable[Entry | SkippedEntry], before: IdentityPolicy, homes: Sequence[str | None]
) -> IdentityPolicy:
    """Decide for a whole document whether guids and links identify; a no is permanent (I1)."""
    guids: list[str] = []
    links: dict[str, list[tuple[str, _Words | None]]] = {}
    for entry in entries:
        if entry.guid:
            guids.append(entry.guid)
        if entry.link and not may_be_listing(key := canonical(entry.link), *homes):
            links.setdefault(key, []).append((entry.link, _words(entry)))
    return IdentityPolicy(
        guid=before.guid and len(set(guids)) == len(guids),
        link=before.link and all(len(forms) == 1 or _are_forms(forms) for forms in links.values()),
    )


def _words(entry: Entry | SkippedEntry) -> _Words | None:
    """Return title and text of an entry; None where it was not parsed again."""
    return (
        (title_key(entry.title), entry.content or entry.summary or "") if isinstance(entry, Entry) else None
    )


def _are_forms(links: Sequence[tuple[str, _Words | None]]) -> bool:
    """Return whether links with one key are forms of one address with the same title and text.

    Such an entry is listed twice; what was not parsed again is unknown.
    """
    written, words = {link for link, _ in links}, {words for _, words in links if words}
    return len(written) == len(links) and len(words) <= 1 and all(text for _, text in words)


def aliases(
    entry: Entry,
    title: str,
    text: str,
    identity_policy: IdentityPolicy,
    homes: Sequence[str | None],
    shared: Container[str] = (),
) -> tuple[Alias, ...]:
    """Return everything that identifies an entry, the strongest alias first.

    The alias of title and text is always stored, but used only without guid and link (`diff`). `shared` are
    link-and-title values of several entries of the document, which identify none.
    """
    found = []
    if entry.guid and identity_policy.guid and not _is_home(entry.guid, homes):
        guids = filter(None, (entry.guid, entry.other_guid))
        found += [Alias(kind=GUID, value=guid) for guid in guids]
    if entry.link and not is_listing(key := canonical(entry.link), *homes):
        if identity_policy.link and not may_be_listing(key):
            found.append(Alias(kind=LINK, value=key))
        both = link_and_title(entry.link, title, homes)
        if both and both not in shared:
            found.append(Alias(kind=LINK_AND_TITLE, value=both))
    text_hash = hashlib.sha256(f"{title_key(title)}\n{_dateless(text)}".encode()).hexdigest()[:32]
    return (*found, Alias(kind=TEXT, value=text_hash))


def skipped_aliases(skipped: Sequence[SkippedEntry], identity_policy: IdentityPolicy) -> tuple[Alias, ...]:
    """Return the aliases of entries that were not read again, whose items are still present."""
    guids = (Alias(kind=GUID, value=entry.guid) for entry in skipped if entry.guid and identity_policy.guid)
    links = (
        Alias(kind=LINK, value=canonical(entry.link))
        for entry in skipped
        if entry.link and identity_policy.link
    )
    return (*guids, *links)


def link_and_title(link: str, title: str, homes: Sequence[str | None]) -> str | None:
    """Return page and title as one value, or None; a fragment counts only if titles differ (I2)."""
    page = without_fragment(canonical(link))
    return None if is_listing(page, *homes) else f"{page}\n{title_key(title)}"


def article_key(link: str, title: str) -> str:
    """Return a key of link and title: an article is read again when its title changes."""
    return f"{canonical(link)}\n{title_key(title)}"


def _is_home(guid: str, homes: Sequence[str | None]) -> bool:
    return guid.startswith(("http://", "https://")) and is_listing(canonical(guid), *homes)


def _dateless(text: str) -> str:
    """Return a text without digits, so that dates and counters in it do not matter."""
    return " ".join(alphabetic_words(text.casefold()))


def item_id(source_url: str, alias: Alias) -> str:
    """Return the permanent id of an item: 80 bits of hash in base32, 16 characters (I4)."""
    return short_hash(f"{source_url}\n{alias.kind}\n{alias.value}")


def short_hash(text: str) -> str:
    """Return 80 bits of SHA-256 in lower-case base32."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:10]).decode().lower()
