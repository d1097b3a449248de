"""Read the entries of unchanged stories from written documents, instead of rendering them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from aggregator.model.publishing import Split, UnchangedStory
from aggregator.model.value_classes import dataclass
from aggregator.store import stories
from aggregator.store.connection import Store

Entries = dict[str, dict[str, bytes]]
"""Entries by story, and by the format of the document."""
BLOCK_BYTES = 256 * 1024
"""Bytes of a document that are read at once."""


def unchanged_entries(
    store: Store,
    documents: Mapping[str, tuple[Path, Split]],
    *,
    publishers: str,
    written: str,
    written_at: int,
) -> Entries:
    """Return the entries that documents have of stories unchanged since they were written.

    `documents` are the file of each format and what splits it. None are returned if the files or the publishers have
    another hash than `written`. `written_at` is the number of changes before (`stories.changes`).
    """
    try:
        bodies = [file.read_bytes() for file, _ in documents.values()]
    except OSError:
        return {}
    if written != entries_hash(publishers, bodies):
        return {}
    entries: Entries = {}
    for (format_, (_, split)), body in zip(documents.items(), bodies, strict=True):
        for id_, entry in split(body).items():
            entries.setdefault(id_, {})[format_] = entry
    changed = stories.changed_since(store, entries, written_at)
    return {id_: entry for id_, entry in entries.items() if id_ not in changed}


def unchanged_stories(
    entries: Entries, window: Mapping[str, datetime], formats: Iterable[str]
) -> dict[str, UnchangedStory]:
    """Return the stories of a window, with announced times, that have entries in all formats."""
    return {
        id_: UnchangedStory(id=id_, announced=announced, entries=entries[id_])
        for id_, announced in window.items()
        if entries.get(id_, {}).keys() >= set(formats)
    }


def entries_hash(inputs: str, bodies: Iterable[bytes]) -> str:
    """Return a hash of documents and of what else their entries depend on."""
    return entries_hash_from(inputs, (hashlib.sha256(body).digest() for body in bodies))


def entries_hash_from(inputs: str, hashes: Iterable[bytes]) -> str:
    """Return the same hash, from the SHA-256 hashes of the documents."""
    digest = hashlib.sha256(inputs.encode())
    for each in hashes:
        digest.update(each)
    return digest.hexdigest()


@dataclass(slots=True)
class EntriesInOrder:
    """Read the entries of a document in its order, some at a time."""

    _blocks: Iterator[dict[str, bytes]]
    _block: dict[str, bytes] = field(default_factory=dict)

    def take(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the entries of stories, asked for in the order of the document.

        If the document lacks a story, or has it earlier, this and all following ones are missing: the caller renders
        them.
        """
        found: dict[str, bytes] = {}
        for id_ in ids:
            while id_ not in self._block:
                following = next(self._blocks, None)
                if following is None:
                    return found
                self._block = following
            found[id_] = self._block[id_]
        return found


def has_hash(document: Path, publishers: str, written: str) -> bool:
    """Return whether a document and the publishers have the hash `written` (`entries_hash`)."""
    try:
        with document.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return False
    return written == entries_hash_from(publishers, [found])


@contextmanager
def opened_in_order(document: Path | None, begin: bytes, split: Split) -> Iterator[EntriesInOrder]:
    """Open a document whose entries start with `begin`; without one there are no entries."""
    if document is None:
        yield EntriesInOrder(iter(()))
        return
    with document.open("rb") as file:
        yield EntriesInOrder(map(split, blocks(file, begin)))


def blocks(file: BinaryIO, begin: bytes) -> Iterator[bytes]:
    """Read a document in blocks, each of which, except the first one, starts with an entry."""
    rest = b""
    while read := file.read(BLOCK_BYTES):
        rest += read
        end = rest.rfind(begin)
        if end > 0:
            yield rest[:end]
            rest = rest[end:]
    yield rest
