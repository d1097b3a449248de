"""Compose the document of a month in parts, so that memory does not grow with its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from aggregator.model.publishing import EPOCH, ArchiveMonth
from aggregator.model.reports import QuarantineStep
from aggregator.publishing import archive, atom, written_entries
from aggregator.quarantine import Quarantine
from aggregator.store import archives, stories
from aggregator.store.connection import Store
from aggregator.store.items import chunked


def month_in_parts(
    store: Store, quarantine: Quarantine, month: ArchiveMonth, written: Path | None, change_count: int
) -> Iterator[bytes]:
    """Yield the document of a month, in the caller's snapshot.

    `written` is the document that has the entries of stories without a change after `change_count`, if there is one.
    """
    yield archive.head(month, archives.last_change_of_month(store, month.month) or EPOCH)
    with written_entries.opened_in_order(written, atom.ENTRY, atom.split) as entries:
        for changes in archives.stories_in_parts(store, month.month):
            sound = quarantine.not_quarantined(QuarantineStep.PUBLISHING, changes)
            kept = entries.take(id_ for id_ in sound if changes[id_] <= change_count)
            rendered = partial(_entries, store, month, kept)
            yield quarantine.apply_without_failing(QuarantineStep.PUBLISHING, sound, rendered)
    yield atom.END


def _entries(store: Store, month: ArchiveMonth, kept: dict[str, bytes], ids: Sequence[str]) -> bytes:
    """Return the entries of some stories, in one piece: small ones would fragment memory."""
    read = stories.read(store, [id_ for id_ in ids if id_ not in kept])
    rendered = archive.entries(replace(month, stories=tuple(read)))
    return b"".join(kept.get(id_) or rendered[id_] for id_ in ids)


def amended_in_parts(
    store: Store, quarantine: Quarantine, month: ArchiveMonth, document: Path, *, as_written: bool
) -> Iterable[bytes] | None:
    """Apply removals to a frozen document; return None if it is lost and must be rendered again.

    It is parsed only if it is not `as_written`.
    """
    ids = archives.story_ids(store, month.month)
    try:
        contents = archive.contents(_blocks(document), month) if as_written else None
        published = contents.story_ids if contents else archive.story_ids(document.read_bytes())
        missing = quarantine.not_quarantined(
            QuarantineStep.PUBLISHING, [id_ for id_ in ids if id_ not in published]
        )
        if contents is None:
            missing_stories = tuple(stories.read(store, missing))
            return [archive.amend(document.read_bytes(), replace(month, stories=missing_stories))]
    except (OSError, ValueError):
        return None
    if not missing and contents.is_current:
        return _blocks(document)
    return _amended(store, month, document, contents, missing)


def _amended(
    store: Store, month: ArchiveMonth, document: Path, contents: archive.Contents, missing: Sequence[str]
) -> Iterator[bytes]:
    """Yield a document without removed entries, with missing ones before the others."""
    changed = archives.last_change(store, missing) or EPOCH
    yield archive.head(month, max(changed, contents.updated))
    for part in chunked(missing):
        yield _entries(store, month, {}, part)
    removed = {tombstone.story_id for tombstone in month.tombstones}
    for block in _blocks(document):
        yield b"".join(entry for id_, entry in atom.split(block).items() if id_ not in removed)
    yield atom.END


def _blocks(document: Path) -> Iterator[bytes]:
    with document.open("rb") as file:
        yield from written_entries.blocks(file, atom.ENTRY)
