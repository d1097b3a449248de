"""The last accepted document of each source: its body, entry hashes and items (V4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from zlib_ng import zlib_ng

from aggregator.model.documents import ENTRY_HASH_BYTES
from aggregator.model.polling import ParsedVisit, SourceProfile, StoredDocument
from aggregator.store import channels
from aggregator.store.connection import Store
from aggregator.store.items import chunked, placeholders

MAX_ITEMS_TOUCHED = 500
"""Maximum number of a source's newest items whose stories change with its profile."""


def accept(
    store: Store, source_id: str, parsed: ParsedVisit, parsing_hash: str, listed: Sequence[str]
) -> None:
    """Store a parsed document with its profile; `listed` are its item ids in order (V4, I1)."""
    _touch_stories(store, source_id, parsed.profile)
    profile = parsed.profile
    store.db.execute(
        "UPDATE sources SET body_hash = ?, read_with = ?, title = ?, feed_id = ?, site_link = ?, language = ?,"
        " rights = ?, format = ?, malformed = ?, guid_ok = min(guid_ok, ?), link_ok = min(link_ok, ?), unfinished = ?,"
        " entries = CASE WHEN ? = 226 THEN entries ELSE ? END WHERE id = ?",
        [
            parsed.body_hash,
            parsing_hash,
            profile.title,
            profile.feed_id,
            profile.site_link,
            profile.language,
            profile.rights,
            parsed.format,
            parsed.malformed,
            parsed.identity_policy.guid,
            parsed.identity_policy.link,
            parsed.unfinished,
            parsed.status,
            parsed.entries,
            source_id,
        ],
    )
    hashes, items = b"".join(parsed.entry_hashes), " ".join(listed)
    if parsed.status == 226:  # a delta: entries that it omits are still in the document (CL18)
        store.db.execute(
            "UPDATE documents SET entry_hashes = CAST(entry_hashes || ? AS BLOB), items = ? WHERE source_id = ?",
            [hashes, items, source_id],
        )
        return
    store.db.execute(
        "INSERT OR REPLACE INTO documents (source_id, url, body, entry_hashes, items) VALUES (?, ?, ?, ?, ?)",
        # Two thirds of the time of zlib's level 1, and 5 to 9 % smaller.
        [source_id, parsed.url, zlib_ng.compress(parsed.body, 2), hashes, items],
    )


def _touch_stories(store: Store, source_id: str, profile: SourceProfile) -> None:
    """Count the newest stories of a source as changed if its published profile is new (P1).

    Feeds, open months of the archive, pages and the list of partners have it beside stories. Older stories are in no
    window, so that a profile that changes at every visit costs no more in a large archive.
    """
    published = [profile.feed_id, profile.site_link, profile.rights]
    changed = store.db.execute(
        "SELECT 1 FROM sources WHERE id = ? AND (feed_id, site_link, rights) IS NOT (?, ?, ?)",
        [source_id, *published],
    ).fetchone()
    if changed:
        rows = store.db.execute(
            "SELECT story_id FROM items INDEXED BY items_of_source WHERE source_id = ? AND story_id IS NOT NULL"
            " ORDER BY sort DESC LIMIT ?",
            [source_id, MAX_ITEMS_TOUCHED],
        )
        channels.touch_quietly(store, {row[0] for row in rows})


def last_accepted(store: Store, source_id: str) -> StoredDocument:
    """Return the last accepted body and the final URL it came from."""
    row = store.db.execute("SELECT url, body FROM documents WHERE source_id = ?", [source_id]).fetchone()
    return StoredDocument(url=row["url"], body=zlib.decompress(row["body"]))


def last_accepted_from(store: Store, source_id: str, url: str) -> StoredDocument | None:
    """Return the last accepted document of a source that is polled at `url`; None without one."""
    row = store.db.execute(
        "SELECT documents.url, body FROM documents JOIN sources ON sources.id = source_id"
        " WHERE source_id = ? AND sources.url = ? AND last_success IS NOT NULL",
        [source_id, url],
    ).fetchone()
    return StoredDocument(url=row["url"], body=zlib.decompress(row["body"])) if row else None


def entry_hashes(store: Store, ids: Iterable[str]) -> dict[str, frozenset[bytes]]:
    """Return the hashes of the entries of the last accepted documents by source."""
    found = {}
    for part in chunked(ids):
        for source_id, joined in store.db.execute(
            f"SELECT source_id, entry_hashes FROM documents WHERE source_id IN ({placeholders(part)})", part
        ):
            places = range(0, len(joined), ENTRY_HASH_BYTES)
            found[source_id] = frozenset(joined[at : at + ENTRY_HASH_BYTES] for at in places)
    return found


def listed_items(store: Store, source_id: str) -> tuple[str, ...]:
    """Return the item ids of the last accepted document in its order (I8)."""
    row = store.db.execute("SELECT items FROM documents WHERE source_id = ?", [source_id]).fetchone()
    return tuple(row[0].split()) if row else ()


def list_first(store: Store, source_id: str, item_ids: Sequence[str]) -> None:
    """Record items that the last accepted document does not contain yet at its beginning (I8)."""
    if item_ids:
        store.db.execute(
            "UPDATE documents SET items = trim(? || ' ' || items) WHERE source_id = ?",
            [" ".join(item_ids), source_id],
        )


def outdated(store: Store) -> list[tuple[str, str]]:
    """Return (source id, new key) of documents parsed with another version or options (V4)."""
    rows = store.db.execute(
        "SELECT id, reading_key FROM sources JOIN documents ON documents.source_id = sources.id"
        " WHERE configured = 1 AND read_with <> reading_key ORDER BY position"
    )
    return [(row["id"], row["reading_key"]) for row in rows]


def mark_unreadable(store: Store, source_id: str, parsing_hash: str) -> None:
    """Drop the validators of an unreadable document, so that it is requested whole."""
    store.db.execute(
        "UPDATE sources SET read_with = ?, etag = NULL, last_modified = NULL, validators_url = NULL,"
        " body_hash = NULL WHERE id = ?",
        [parsing_hash, source_id],
    )
    # The visit log must agree, because politeness is computed from it (CL20).
    store.db.execute(
        "UPDATE visits SET validated = 0 WHERE id = (SELECT max(id) FROM visits WHERE source_id = ?"
        " AND outcome IN ('changed', 'unchanged'))",
        [source_id],
    )


def mark_unfinished(store: Store, source_id: str, parsing_hash: str) -> None:
    """Leave a document to the next visit, which may request its articles (V2)."""
    store.db.execute(
        "UPDATE sources SET read_with = ?, unfinished = 1 WHERE id = ?", [parsing_hash, source_id]
    )
