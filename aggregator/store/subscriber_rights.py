"""Export and erase what is stored about a person, and apply retention (DP2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aggregator import addresses
from aggregator.store import editor_sessions, subscribers
from aggregator.store.connection import Store, stamp

_ANONYMOUS = (
    "UPDATE deliveries SET address = 'erased-' || id, message_id = 'erased-' || id,"
    " nonce = NULL, reason = NULL"
)


def export(store: Store, address: str) -> dict[str, Any] | None:
    """Return all that is stored about an address, as plain values for JSON; None for nothing."""
    subscriber = subscribers.find(store, address)
    found: dict[str, Any] = {"address": subscriber.address if subscriber else address}
    if subscriber:
        found |= {
            "language": subscriber.language,
            "state": subscriber.state,
            "reason": subscriber.reason,
            "since": stamp(subscriber.since),
            "created": stamp(subscriber.created),
            "digests": list(subscriber.digests),
            "history": _rows(
                store,
                "SELECT at, event, how, evidence, digests FROM subscriber_history WHERE subscriber_id = ?"
                " ORDER BY id",
                subscriber.id,
            ),
        }
    more = {
        "suppressions": "SELECT since, reason FROM suppressions WHERE address = ?",
        "requests": "SELECT kind, language, digests, at FROM subscription_requests"
        " WHERE address = ? COLLATE NOCASE ORDER BY id",
        "messages": "SELECT coalesce(edition_id, purpose) AS message, state, attempts, last_attempt, reason,"
        " message_id FROM deliveries WHERE address = ? COLLATE NOCASE ORDER BY id",
    }
    more["bounces"] = (
        "SELECT kind, at, returned_mail.reason FROM returned_mail JOIN deliveries ON deliveries.id = delivery_id"
        " WHERE address = ? COLLATE NOCASE ORDER BY returned_mail.id"
    )
    found |= {name: _rows(store, sql, address) for name, sql in more.items()}
    as_editor = {
        "sign_in_links": "SELECT created, expires, language FROM editor_links WHERE address = ?",
        "sessions": "SELECT expires FROM editor_sessions WHERE address = ?",
    }
    found |= {name: _rows(store, sql, addresses.key(address)) for name, sql in as_editor.items()}
    return found if subscriber or any(found[name] for name in (*more, *as_editor)) else None


def _rows(store: Store, sql: str, value: object) -> list[dict[str, Any]]:
    rows = [dict(row) for row in store.db.execute(sql, [value])]
    for row in rows:
        if "digests" in row:
            row["digests"] = json.loads(row["digests"])
    return rows


def erase(store: Store, address: str, now: datetime) -> bool:
    """Erase all that is stored about an address; return whether there was anything (DP2).

    A salted hash stays, so that an import does not bring the address back. Runs in the transaction of the caller.
    """
    if export(store, address) is None:
        return False
    store.db.execute(
        "INSERT OR REPLACE INTO erased_addresses (hash, at) VALUES (?, ?)",
        [subscribers.erasure_hash(store, address), stamp(now)],
    )
    delete_subscribers(store, [address])
    editor_sessions.delete_of_address(store, address)
    store.db.execute("DELETE FROM suppressions WHERE address = ?", [address])
    return True


def delete_subscribers(store: Store, given: Iterable[str]) -> None:
    """Delete subscribers and the addresses of their messages; those still queued are not sent."""
    for address in given:
        store.db.execute(
            f"{_ANONYMOUS}, next_attempt = NULL, acknowledged = 1,"
            " state = CASE WHEN state = 'accepted' THEN state ELSE 'failed' END"
            " WHERE address = ? COLLATE NOCASE",
            [address],
        )
        store.db.execute("DELETE FROM subscription_requests WHERE address = ? COLLATE NOCASE", [address])
        store.db.execute("DELETE FROM subscribers WHERE key = ?", [addresses.key(address)])


def expire(store: Store, now: datetime) -> int:
    """Delete expired links and addresses not confirmed in time; return their number (SU2)."""
    with store.transaction():
        store.db.execute("DELETE FROM tokens WHERE expires <= ?", [stamp(now)])
        rows = store.db.execute(
            "SELECT address FROM subscribers WHERE state = 'pending'"
            " AND NOT EXISTS (SELECT 1 FROM tokens WHERE subscriber_id = subscribers.id)"
        ).fetchall()
        delete_subscribers(store, [row["address"] for row in rows])
    return len(rows)


def anonymise_deliveries(store: Store, before: datetime) -> int:
    """Remove addresses from messages that are done and older than `retention.deliveries`."""
    return store.db.execute(
        f"{_ANONYMOUS}, subscriber_id = NULL WHERE address LIKE '%@%' AND state IN ('accepted', 'failed', 'unknown')"
        " AND coalesce(created, (SELECT composed FROM editions WHERE editions.id = edition_id)) < ?",
        [stamp(before)],
    ).rowcount
