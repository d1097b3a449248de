"""Store which published feeds the WebSub hub was notified of, and which are due (PB11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from aggregator.model.value_classes import dataclass
from aggregator.store.connection import Store, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """A feed that is due to be pinged, a hash of its bytes, and its failed attempts."""

    url: str
    version: str
    attempts: int


def record_published(store: Store, versions: Mapping[str, str]) -> None:
    """Record the published bytes of feeds as hashes by URL, in the caller's transaction."""
    store.db.conn.executemany(
        "INSERT INTO websub_state (url, version) VALUES (?, ?) ON CONFLICT (url) DO UPDATE"
        " SET version = excluded.version, attempts = 0, not_before = '', reason = NULL"
        " WHERE version <> excluded.version",
        [[url, version] for url, version in versions.items()],
    )


def due(store: Store, now: datetime) -> list[Ping]:
    """Return the feeds that are due to be pinged."""
    rows = store.db.execute(
        "SELECT url, version, attempts FROM websub_state WHERE version <> pinged AND not_before <= ? ORDER BY url",
        [stamp(now)],
    )
    return [Ping(**dict(row)) for row in rows]


def failure_reason(store: Store) -> str | None:
    """Return why pings fail now, None if they do not."""
    row = store.db.execute(
        "SELECT reason FROM websub_state WHERE version <> pinged AND reason IS NOT NULL ORDER BY attempts DESC LIMIT 1"
    ).fetchone()
    return str(row[0]) if row else None


def mark_notified(store: Store, ping: Ping) -> None:
    """Record that the hub was notified of these bytes."""
    _end(store, ping, None)


def give_up(store: Store, ping: Ping, reason: str) -> None:
    """Stop pinging until the feed has other bytes."""
    _end(store, ping, reason)


def _end(store: Store, ping: Ping, reason: str | None) -> None:
    store.db.execute(
        "UPDATE websub_state SET pinged = version, reason = ? WHERE url = ? AND version = ?",
        [reason, ping.url, ping.version],
    )


def given_up_reason(store: Store) -> str | None:
    """Return why pings were given up for bytes that are still published, None if they were not."""
    row = store.db.execute(
        "SELECT reason FROM websub_state WHERE version = pinged AND reason IS NOT NULL ORDER BY not_before DESC, url"
    ).fetchone()
    return str(row[0]) if row else None


def record_failure(store: Store, ping: Ping, not_before: datetime, reason: str) -> None:
    """Record a failed ping; the feed is due again at `not_before`."""
    store.db.execute(
        "UPDATE websub_state SET attempts = attempts + 1, not_before = ?, reason = ? WHERE url = ?",
        [stamp(not_before), reason, ping.url],
    )


def delete(store: Store, urls: Iterable[str]) -> None:
    """Delete feeds that are no longer published."""
    store.db.conn.executemany("DELETE FROM websub_state WHERE url = ?", [[url] for url in urls])
