"""What the store holds of one source, for whoever looks it over: its kept document, what a look found."""

from __future__ import annotations

import json
import zlib
from datetime import datetime

from aggregator.store.connection import Store, moment, stamp

_LOOK = "look:"


def document(store: Store, source_id: str, url: str) -> tuple[str, bytes] | None:
    """The last accepted document of a source that is polled at `url`, and the final URL it came from, if any."""
    row = store.db.execute(
        "SELECT documents.url, body FROM documents JOIN sources ON sources.id = source_id"
        " WHERE source_id = ? AND sources.url = ? AND last_success IS NOT NULL",
        [source_id, url],
    ).fetchone()
    return (row["url"], zlib.decompress(row["body"])) if row else None


def begin_site_check(store: Store, source_id: str, now: datetime) -> None:
    """Commit that a source's site is about to be looked at, so that it is not looked at again soon."""
    store_site_check(store, source_id, now, "", None)


def store_site_check(store: Store, source_id: str, now: datetime, mend: str, proposal: str | None) -> None:
    """What a look at a source's site found."""
    said = json.dumps({"at": stamp(now), "mend": mend, "proposal": proposal}, ensure_ascii=False)
    with store.transaction():
        store.db.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [f"{_LOOK}{source_id}", said]
        )


def last_site_check(store: Store, source_id: str) -> tuple[datetime, str, str | None] | None:
    """When a source's site was last looked at, what would mend the source, and the YAML for it."""
    row = store.db.execute("SELECT value FROM meta WHERE key = ?", [f"{_LOOK}{source_id}"]).fetchone()
    if row is None:
        return None
    said = json.loads(row[0])
    at = moment(said["at"])
    return (at, said["mend"], said["proposal"]) if at else None
