"""Which feeds the hub was told of, and which it still is to be told of (PB11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aggregator.store.connection import Store, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """A feed whose bytes the hub does not know yet; `attempts` were made in vain."""

    url: str
    version: str
    attempts: int


def owe(store: Store, versions: Mapping[str, str]) -> None:
    """The bytes of these feeds are public, by URL and hash; in the caller's transaction."""
    store.db.conn.executemany(
        "INSERT INTO websub_state (url, version) VALUES (?, ?) ON CONFLICT (url) DO UPDATE"
        " SET version = excluded.version, attempts = 0, not_before = '', reason = NULL"
        " WHERE version <> excluded.version",
        [[url, version] for url, version in versions.items()],
    )


def due(store: Store, now: datetime) -> list[Ping]:
    """The feeds that the hub is to be told of now."""
    rows = store.db.execute(
        "SELECT url, version, attempts FROM websub_state WHERE version <> pinged AND not_before <= ? ORDER BY url",
        [stamp(now)],
    )
    return [Ping(**dict(row)) for row in rows]


def trouble(store: Store) -> str | None:
    """Why the hub does not take notice at present, if it does not."""
    row = store.db.execute(
        "SELECT reason FROM websub_state WHERE version <> pinged AND reason IS NOT NULL ORDER BY attempts DESC LIMIT 1"
    ).fetchone()
    return str(row[0]) if row else None


def told(store: Store, ping: Ping) -> None:
    """The hub knows of these bytes."""
    _settle(store, ping, None)


def give_up(store: Store, ping: Ping, reason: str) -> None:
    """Nobody will try again before there are other bytes."""
    _settle(store, ping, reason)


def _settle(store: Store, ping: Ping, reason: str | None) -> None:
    store.db.execute(
        "UPDATE websub_state SET pinged = version, reason = ? WHERE url = ? AND version = ?",
        [reason, ping.url, ping.version],
    )


def given_up(store: Store) -> str | None:
    """Why the hub was given up on, if it was for bytes that are still public."""
    row = store.db.execute(
        "SELECT reason FROM websub_state WHERE version = pinged AND reason IS NOT NULL ORDER BY not_before DESC, url"
    ).fetchone()
    return str(row[0]) if row else None


def failed(store: Store, ping: Ping, not_before: datetime, reason: str) -> None:
    """The hub did not take notice; again later."""
    store.db.execute(
        "UPDATE websub_state SET attempts = attempts + 1, not_before = ?, reason = ? WHERE url = ?",
        [stamp(not_before), reason, ping.url],
    )


def forget(store: Store, urls: Iterable[str]) -> None:
    """These feeds are published no more."""
    store.db.conn.executemany("DELETE FROM websub_state WHERE url = ?", [[url] for url in urls])
