"""Store subscriptions to hubs of sources: requests, leases and pushes (WS1 to WS8)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aggregator.model.documents import HubLinks
from aggregator.model.websub import Mode, Push, Subscription
from aggregator.store.connection import Store, moment, stamp, sure_moment

MAX_UNREAD = 5
"""Maximum number of unread pushes of a subscription; a visit replaces further ones."""
HASH_LIFETIME = timedelta(days=30)
"""Time for which the hash of a push is stored, so that a repeated push is recognised."""
UNPROVEN_AFTER_MISS = 3
"""Number of pushes that must arrive after a visit found items that were not pushed (WS8)."""


# --- subscriptions ---------------------------------------------------------------------------------------


def read_all(store: Store) -> list[Subscription]:
    """Return all subscriptions, those due first."""
    return [
        _subscription(row) for row in store.db.execute("SELECT * FROM websub_subscriptions ORDER BY due, id")
    ]


def find(store: Store, token: str) -> Subscription | None:
    """Return the subscription whose callback has this token."""
    row = store.db.execute("SELECT * FROM websub_subscriptions WHERE token = ?", [token]).fetchone()
    return _subscription(row) if row else None


def _subscription(row: Mapping[str, Any]) -> Subscription:
    return Subscription(
        id=row["id"],
        source_id=row["source_id"],
        hub=row["hub"],
        topic=row["topic"],
        callback=row["callback"],
        token=row["token"],
        secret=row["secret"],
        wanted=bool(row["wanted"]),
        due=sure_moment(row["due"]),
        requested_mode=Mode(row["asked"]) if row["asked"] else None,
        requested_at=moment(row["asked_at"]),
        awaiting=bool(row["awaiting"]),
        attempts=row["attempts"],
        lease_until=moment(row["lease_until"]),
    )


def add(
    store: Store,
    source_id: str,
    links: HubLinks,
    callback: str,
    token: str,
    secret: str | None,
    now: datetime,
) -> None:
    """Add a subscription, whose first request is due now; `callback` ends with `token`."""
    store.db.execute(
        "INSERT INTO websub_subscriptions (source_id, hub, topic, callback, token, secret, due)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [source_id, links.hub, links.topic, callback, token, secret, stamp(now)],
    )


def set_wanted(store: Store, subscription_id: int, now: datetime, *, wanted: bool) -> None:
    """Record whether a subscription is to be kept or ended; the request for it is due now."""
    store.db.execute(
        "UPDATE websub_subscriptions SET wanted = ?, due = ?, attempts = 0, awaiting = 0, visit = '' WHERE id = ?",
        [wanted, stamp(now), subscription_id],
    )


def restart_ahead(store: Store, latest: datetime, now: datetime) -> None:
    """End leases and plans after `latest`, made by a clock ahead of its time; request them now."""
    store.db.execute(
        "UPDATE websub_subscriptions SET lease_until = NULL, awaiting = 0, attempts = 0, due = ?1"
        " WHERE due > ?2 OR lease_until > ?2",
        [stamp(now), stamp(latest)],
    )


def remove(store: Store, subscription_id: int) -> None:
    """Delete a subscription with its pushes."""
    store.db.execute("DELETE FROM websub_subscriptions WHERE id = ?", [subscription_id])


# --- requests to hubs (WS2) ------------------------------------------------------------------------------


def record_request(store: Store, subscription_id: int, mode: Mode, now: datetime, due: datetime) -> None:
    """Record a request before it is sent; without a verification the next one is `due`."""
    store.db.execute(
        "UPDATE websub_subscriptions SET asked = ?, asked_at = ?, awaiting = 1, due = ? WHERE id = ?",
        [mode, stamp(now), stamp(due), subscription_id],
    )


def record_failure(store: Store, subscription_id: int, reason: str, due: datetime) -> None:
    """Record a failed request, unless the hub verified it meanwhile."""
    store.db.execute(
        "UPDATE websub_subscriptions SET awaiting = 0, attempts = attempts + 1, reason = ?, due = ?"
        " WHERE id = ? AND awaiting = 1",
        [reason, stamp(due), subscription_id],
    )


# --- verification by hubs (WS3, WS4) ---------------------------------------------------------------------


def grant(store: Store, subscription_id: int, until: datetime, due: datetime, now: datetime) -> None:
    """Record a lease until a moment; its renewal is `due` before."""
    store.db.execute(
        "UPDATE websub_subscriptions SET leased = CASE WHEN lease_until >= ?1 THEN leased ELSE ?1 END,"
        " lease_until = ?2, due = ?3, awaiting = 0, attempts = 0, reason = NULL WHERE id = ?4",
        [stamp(now), stamp(until), stamp(due), subscription_id],
    )


def record_denial(store: Store, subscription_id: int, reason: str, due: datetime) -> None:
    """Record that the hub denied the subscription; the source is to be visited as usual."""
    store.db.execute(
        "UPDATE websub_subscriptions SET lease_until = NULL, awaiting = 0, attempts = attempts + 1, reason = ?,"
        " due = ?, visit = 'wanted' WHERE id = ?",
        [reason, stamp(due), subscription_id],
    )


def end(store: Store, subscription_id: int, due: datetime) -> None:
    """Record that the hub confirmed the end of the subscription; it is deleted when `due`."""
    store.db.execute(
        "UPDATE websub_subscriptions SET lease_until = NULL, awaiting = 0, due = ? WHERE id = ?",
        [stamp(due), subscription_id],
    )


# --- pushes (WS5, WS6) -----------------------------------------------------------------------------------


def refuse_push(store: Store, subscription_id: int) -> None:
    """Count a push without a valid signature."""
    store.db.execute("UPDATE websub_subscriptions SET refused = refused + 1 WHERE id = ?", [subscription_id])


def add_push(
    store: Store, subscription_id: int, push_hash: str, media_type: str, body: bytes, now: datetime
) -> None:
    """Store a push; request a visit if it is repeated or more than MAX_UNREAD are stored."""
    (unread,) = store.db.execute(
        "SELECT count(*) FROM websub_pushes WHERE subscription = ? AND body IS NOT NULL", [subscription_id]
    ).fetchone()
    if unread >= MAX_UNREAD:
        request_visit(store, subscription_id)
    elif not store.db.execute(
        "INSERT OR IGNORE INTO websub_pushes (subscription, hash, at, media_type, body) VALUES (?, ?, ?, ?, ?)",
        [subscription_id, push_hash, stamp(now), media_type, zlib.compress(body, 1)],
    ).rowcount:
        request_visit(store, subscription_id)
        return
    store.db.execute(
        "UPDATE websub_subscriptions SET last_push = ?, pushes = pushes + 1, unproven = max(unproven - 1, 0)"
        " WHERE id = ?",
        [stamp(now), subscription_id],
    )


def next_unread(store: Store) -> Push | None:
    """Return the oldest push that was not parsed yet."""
    row = store.db.execute(
        "SELECT websub_pushes.*, source_id, wanted FROM websub_pushes"
        " JOIN websub_subscriptions ON websub_subscriptions.id = subscription"
        " WHERE body IS NOT NULL ORDER BY at, websub_pushes.rowid LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    return Push(
        subscription_id=row["subscription"],
        source_id=row["source_id"],
        wanted=bool(row["wanted"]),
        hash=row["hash"],
        media_type=row["media_type"],
        body=zlib.decompress(row["body"]),
    )


def mark_read(store: Store, push: Push, now: datetime) -> None:
    """Delete the body of a push, and hashes older than HASH_LIFETIME.

    This is part of the transaction that stores its items.
    """
    store.db.execute(
        "UPDATE websub_pushes SET body = NULL WHERE subscription = ? AND hash = ?",
        [push.subscription_id, push.hash],
    )
    store.db.execute(
        "DELETE FROM websub_pushes WHERE subscription = ? AND body IS NULL AND at < ?",
        [push.subscription_id, stamp(now - HASH_LIFETIME)],
    )


# --- visits (WS7, WS8) -----------------------------------------------------------------------------------


def request_visit(store: Store, subscription_id: int) -> None:
    """Request a visit of the source, which the next round plans."""
    store.db.execute("UPDATE websub_subscriptions SET visit = 'wanted' WHERE id = ?", [subscription_id])


def visits_to_plan(store: Store) -> dict[int, str]:
    """Return the sources with a requested visit that is not planned yet, by subscription."""
    rows = store.db.execute("SELECT id, source_id FROM websub_subscriptions WHERE visit = 'wanted'")
    return {row["id"]: row["source_id"] for row in rows}


def plan_visit(store: Store, subscription_id: int, source_id: str, at: datetime | None) -> None:
    """Plan the visit of a source at `at` or earlier; None does not change its plan."""
    store.db.execute(
        "UPDATE sources SET next_visit = min(next_visit, ?) WHERE id = ? AND next_visit IS NOT NULL AND ? IS NOT NULL",
        [stamp(at), source_id, stamp(at)],
    )
    store.db.execute("UPDATE websub_subscriptions SET visit = 'planned' WHERE id = ?", [subscription_id])


def record_visit(store: Store, source_id: str) -> None:
    """Record a successful visit, which fulfils the planned one."""
    store.db.execute(
        "UPDATE websub_subscriptions SET visit = '' WHERE source_id = ? AND visit = 'planned'", [source_id]
    )


def record_miss(store: Store, source_id: str) -> None:
    """Record that a visit found items that were not pushed (WS8)."""
    store.db.execute(
        "UPDATE websub_subscriptions SET unproven = ? WHERE source_id = ? AND wanted = 1",
        [UNPROVEN_AFTER_MISS, source_id],
    )


def has_unread(store: Store, source_id: str) -> bool:
    """Return whether a push of the source was not parsed yet."""
    row = store.db.execute(
        "SELECT 1 FROM websub_pushes JOIN websub_subscriptions ON websub_subscriptions.id = subscription"
        " WHERE body IS NOT NULL AND source_id = ? LIMIT 1",
        [source_id],
    ).fetchone()
    return row is not None
