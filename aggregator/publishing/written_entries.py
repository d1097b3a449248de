"""Read the entries of unchanged stories from written documents, instead of rendering them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from aggregator.model.publishing import KeptStory, Split
from aggregator.store import stories
from aggregator.store.connection import Store

Entries = dict[str, dict[str, bytes]]
"""Entries by story, and by the format of the document."""


def unchanged(
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
    if written != made_of(publishers, bodies):
        return {}
    entries: Entries = {}
    for (format_, (_, split)), body in zip(documents.items(), bodies, strict=True):
        for id_, entry in split(body).items():
            entries.setdefault(id_, {})[format_] = entry
    changed = stories.changed_since(store, entries, written_at)
    return {id_: entry for id_, entry in entries.items() if id_ not in changed}


def kept_stories(
    entries: Entries, fed: Mapping[str, datetime], shown: Mapping[str, datetime]
) -> dict[str, KeptStory]:
    """Return the stories of a channel that have entries in all its files."""
    from aggregator.publishing import renderers

    return {
        id_: KeptStory(id=id_, announced=announced, entries=entries[id_])
        for id_, announced in {**fed, **shown}.items()
        if {*(renderers.FEEDS if id_ in fed else ()), *(renderers.PAGES if id_ in shown else ())}
        <= entries.get(id_, {}).keys()
    }


def made_of(inputs: str, bodies: Iterable[bytes]) -> str:
    """Return a hash of documents and of what else their entries depend on."""
    digest = hashlib.sha256(inputs.encode())
    for body in bodies:
        digest.update(hashlib.sha256(body).digest())
    return digest.hexdigest()
