"""Copy the database and apply retention."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from aggregator.errors import StoreError
from aggregator.model.config import Retention
from aggregator.model.reports import PruneReport
from aggregator.store import embeddings, returned_mail, subscriber_rights
from aggregator.store.connection import Store, copy, stamp


def backup(store: Store, target: Path) -> int:
    """Copy the database while others use it; return the size in bytes."""
    if not target.name:
        raise StoreError("the backup has no file name; name a file")
    if target.exists() and target.samefile(store.path):
        raise StoreError(f"{target} is the database itself; name another file for the backup")
    if target.exists() and not _is_database(target):
        raise StoreError(f"{target} exists and is no backup: it would be lost; name another file")
    if not target.parent.is_dir():
        raise StoreError(f"{target} cannot be written: there is no folder {target.parent}")
    copy(store.db.conn, store.path, target)
    return target.stat().st_size


def _is_database(file: Path) -> bool:
    """Return whether a file is empty or an SQLite database (sqlite.org/fileformat.html 1.3)."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(16) in (b"", b"SQLite format 3\0")


def prune(store: Store, retention: Retention, now: datetime) -> PruneReport:
    """Delete visits, runs, texts of items and addresses of messages older than `retention`.

    Titles, links, excerpts, aliases, titles of revisions and the ledger stay.
    """
    old_visits, old_texts = stamp(now - retention.visits), stamp(now - retention.texts)
    execute = store.db.execute
    with store.transaction():
        embeddings.prune(store, now - retention.texts, now)
        visits = execute("DELETE FROM visits WHERE started < ?", [old_visits]).rowcount
        execute("DELETE FROM source_days WHERE day < ?", [old_visits])
        runs = execute(
            "DELETE FROM runs WHERE started < ? AND NOT EXISTS"
            " (SELECT 1 FROM visits WHERE visits.run_id = runs.id)",
            [old_visits],
        ).rowcount
        texts = execute(
            "UPDATE items SET html = '', text = '' WHERE first_seen < ? AND (html <> '' OR text <> '')"
            " AND source_id NOT IN (SELECT id FROM sources WHERE full_text)",
            [old_texts],
        ).rowcount
        subscriber_rights.anonymise_deliveries(store, now - retention.deliveries)
        returned_mail.prune(store, now)
        execute("UPDATE revisions SET text = '' WHERE replaced < ? AND text <> ''", [old_texts])
    return PruneReport(visits=visits, runs=runs, texts=texts)
