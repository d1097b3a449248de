"""Cache embeddings of short texts by model and hash of the text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from aggregator.store.connection import Store, stamp

MAX_EMBEDDINGS = 20_000
"""Maximum number of embeddings kept, the newest ones: about 25 MB."""
MAX_AGE = timedelta(days=60)
"""Maximum age of an embedding: items are compared with those of the last 60 days."""


def read(store: Store, model: str, text_hash: bytes) -> bytes | None:
    """Return an embedding, or None."""
    row = store.db.execute(
        "SELECT vector FROM embeddings WHERE model = ? AND text_hash = ?", [model, text_hash]
    ).fetchone()
    return row["vector"] if row else None


def write(store: Store, now: datetime, model: str, vectors: Mapping[bytes, bytes]) -> None:
    """Keep embeddings made at `now`, and remove the oldest ones beyond `MAX_EMBEDDINGS`."""
    with store.in_transaction():
        store.db.conn.executemany(
            "INSERT OR IGNORE INTO embeddings (model, text_hash, vector, made) VALUES (?, ?, ?, ?)",
            [[model, text_hash, vector, stamp(now)] for text_hash, vector in vectors.items()],
        )
        store.db.execute(
            "DELETE FROM embeddings WHERE number <= (SELECT max(number) FROM embeddings) - ?",
            [MAX_EMBEDDINGS],
        )


def prune(store: Store, oldest: datetime, now: datetime) -> None:
    """Delete embeddings older than `oldest` or `MAX_AGE`; in the caller's transaction."""
    store.db.execute("DELETE FROM embeddings WHERE made < ?", [stamp(max(oldest, now - MAX_AGE))])
