"""Read one source's document, and store the last check of its site."""

from __future__ import annotations

import json
import zlib
from datetime import datetime

from aggregator.store import meta
from aggregator.store.connection import Store, moment, stamp

_KEY = "look:"


def document(store: Store, source_id: str, url: str) -> tuple[str, bytes] | None:
    """Return the URL and bytes of the last accepted document of a source polled at `url`."""
    row = store.db.execute(
        "SELECT documents.url, body FROM documents JOIN sources ON sources.id = source_id"
        " WHERE source_id = ? AND sources.url = ? AND last_success IS NOT NULL",
        [source_id, url],
    ).fetchone()
    return (row["url"], zlib.decompress(row["body"])) if row else None


def begin_site_check(store: Store, source_id: str, now: datetime) -> None:
    """Record that a source's site is about to be checked, before any request."""
    store_site_check(store, source_id, now, "", None)


def store_site_check(store: Store, source_id: str, now: datetime, repair: str, proposal: str | None) -> None:
    """Store the result of a check: how to repair the source, and the YAML for it."""
    result = json.dumps({"at": stamp(now), "mend": repair, "proposal": proposal}, ensure_ascii=False)
    with store.transaction():
        meta.put(store, f"{_KEY}{source_id}", result)


def last_site_check(store: Store, source_id: str) -> tuple[datetime, str, str | None] | None:
    """Return time, repair and YAML of the last check of a source's site."""
    stored = meta.get(store, f"{_KEY}{source_id}")
    if stored is None:
        return None
    result = json.loads(stored)
    at = moment(result["at"])
    return (at, result["mend"], result["proposal"]) if at else None
