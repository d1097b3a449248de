"""Store subscribers: their state, their digests and their history."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator import addresses
from aggregator.model.digests import Addressee
from aggregator.model.subscribers import (
    AccountMessage,
    Consent,
    Subscriber,
    SubscriberEvent,
    SubscriberState,
)
from aggregator.store import meta
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.idle_check import MAIL_IDLE_KEY

SALT_NAME = "erasure_salt"
"""Key in `meta` of the salt of erased addresses."""
_SUBSCRIBERS = (
    "SELECT subscribers.*, suppressions.since AS suppressed_since, suppressions.reason AS suppressed_reason,"
    " (SELECT json_group_array(digest_id) FROM (SELECT digest_id FROM subscriptions"
    "  WHERE subscriber_id = subscribers.id ORDER BY digest_id)) AS digests"
    " FROM subscribers LEFT JOIN suppressions ON suppressions.address = subscribers.key"
)


def find(store: Store, address: str) -> Subscriber | None:
    """Return the subscriber with an address, in whatever state."""
    row = store.db.execute(f"{_SUBSCRIBERS} WHERE key = ?", [addresses.key(address)]).fetchone()
    return _subscriber(row) if row else None


def read(store: Store, subscriber_id: int) -> Subscriber:
    """Return a subscriber by id."""
    return _subscriber(
        store.db.execute(f"{_SUBSCRIBERS} WHERE subscribers.id = ?", [subscriber_id]).fetchone()
    )


def listed(store: Store) -> Iterator[Subscriber]:
    """Yield all subscribers in the order of their addresses."""
    return map(_subscriber, store.db.execute(f"{_SUBSCRIBERS} ORDER BY key"))


def _subscriber(row: Mapping[str, Any]) -> Subscriber:
    suppressed = row["suppressed_since"] is not None
    return Subscriber(
        id=row["id"],
        address=row["address"],
        language=row["language"],
        state=SubscriberState.SUPPRESSED if suppressed else SubscriberState(row["state"]),
        reason=row["suppressed_reason"] if suppressed else row["reason"],
        since=sure_moment(row["suppressed_since"] if suppressed else row["since"]),
        created=sure_moment(row["created"]),
        digests=tuple(json.loads(row["digests"])),
    )


def count_served(store: Store, listed: Iterable[str]) -> int:
    """Count the addresses that get digests: active subscribers, and those listed in feeds.yaml."""
    keys = sorted({addresses.key(address) for address in listed})
    (active, others) = store.db.execute(
        "SELECT (SELECT count(*) FROM subscribers WHERE state = 'active'),"
        " (SELECT count(*) FROM json_each(?) WHERE value NOT IN"
        "  (SELECT key FROM subscribers WHERE state <> 'pending'))",
        [json.dumps(keys)],
    ).fetchone()
    return int(active + others)


def history(store: Store, subscriber_id: int) -> list[SubscriberEvent]:
    """Return what happened to a subscription, oldest first."""
    rows = store.db.execute(
        "SELECT * FROM subscriber_history WHERE subscriber_id = ? ORDER BY id", [subscriber_id]
    )
    return [
        SubscriberEvent(
            at=sure_moment(row["at"]),
            event=row["event"],
            how=row["how"],
            evidence=row["evidence"],
            digests=tuple(json.loads(row["digests"])),
        )
        for row in rows
    ]


# --- changes, in the transaction of the caller -----------------------------------------------------------


def add_pending(store: Store, address: str, language: str, consent: Consent, now: datetime) -> int:
    """Add an address that is still to be confirmed; return its id (SU2)."""
    cursor = store.db.execute(
        "INSERT INTO subscribers (key, address, language, state, since, created) VALUES (?, ?, ?, ?, ?, ?)",
        [addresses.key(address), address, language, SubscriberState.PENDING, stamp(now), stamp(now)],
    )
    subscriber_id = int(cursor.lastrowid or 0)
    record(store, subscriber_id, "requested", consent, now)
    return subscriber_id


def activate(
    store: Store,
    subscriber: Subscriber,
    digests: Iterable[str],
    language: str,
    consent: Consent,
    now: datetime,
) -> None:
    """Subscribe to digests after consent; digests of an active subscription stay (SU6)."""
    stored = stored_state(store, subscriber.id)
    kept = subscriber.digests if stored in (SubscriberState.ACTIVE, SubscriberState.PAUSED) else ()
    store.db.execute("UPDATE subscribers SET language = ? WHERE id = ?", [language, subscriber.id])
    _replace_digests(store, subscriber.id, {*kept, *digests}, now)
    set_state(store, subscriber.id, SubscriberState.ACTIVE, consent, now)
    store.db.execute("DELETE FROM erased_addresses WHERE hash = ?", [erasure_hash(store, subscriber.address)])


def stored_state(store: Store, subscriber_id: int) -> SubscriberState:
    """Return the state that a subscriber has apart from a suppression of the address."""
    row = store.db.execute("SELECT state FROM subscribers WHERE id = ?", [subscriber_id]).fetchone()
    return SubscriberState(row["state"])


def set_state(
    store: Store, subscriber_id: int, state: SubscriberState, consent: Consent, now: datetime
) -> None:
    """Set the state; end queued messages that it excludes.

    Editions are sent to active subscribers only. After unsubscribing, neither a welcome nor a request to confirm is
    sent.
    """
    store.db.execute(
        "UPDATE subscribers SET state = ?, since = ?, reason = ? WHERE id = ?",
        [state, stamp(now), f"{consent.how}: {consent.evidence}", subscriber_id],
    )
    record(store, subscriber_id, state, consent, now)
    if state is not SubscriberState.ACTIVE:
        _cancel_queued(store, subscriber_id, now)
    if state is SubscriberState.UNSUBSCRIBED:
        for purpose in (AccountMessage.WELCOME, AccountMessage.CONFIRM):
            _cancel_message(store, subscriber_id, purpose, _unsubscribed_since(now))


def cancel_confirmation(store: Store, subscriber_id: int) -> None:
    """End queued messages that ask a subscriber to confirm, after consent was given otherwise."""
    _cancel_message(store, subscriber_id, AccountMessage.CONFIRM, "consent was given otherwise")


def _cancel_message(store: Store, subscriber_id: int, purpose: AccountMessage, reason: str) -> None:
    store.db.execute(
        "UPDATE deliveries SET state = 'failed', reason = ?, next_attempt = NULL, acknowledged = 1"
        " WHERE subscriber_id = ? AND purpose = ? AND state IN ('queued', 'deferred')",
        [reason, subscriber_id, purpose],
    )


def change(
    store: Store,
    subscriber_id: int,
    digests: Iterable[str],
    language: str,
    consent: Consent,
    now: datetime,
) -> None:
    """Set digests and language of a subscription."""
    store.db.execute("UPDATE subscribers SET language = ? WHERE id = ?", [language, subscriber_id])
    _replace_digests(store, subscriber_id, set(digests), now)
    record(store, subscriber_id, "changed", consent, now)
    _cancel_queued(store, subscriber_id, now)


def _replace_digests(store: Store, subscriber_id: int, digests: set[str], now: datetime) -> None:
    store.db.execute(
        "DELETE FROM subscriptions WHERE subscriber_id = ?"
        " AND digest_id NOT IN (SELECT value FROM json_each(?))",
        [subscriber_id, json.dumps(sorted(digests))],
    )
    store.db.conn.executemany(
        "INSERT OR IGNORE INTO subscriptions (subscriber_id, digest_id, since) VALUES (?, ?, ?)",
        [[subscriber_id, digest, stamp(now)] for digest in sorted(digests)],
    )


def record(store: Store, subscriber_id: int, event: str, consent: Consent, now: datetime) -> None:
    """Record an event in the history, with the digests as they are now."""
    store.db.execute(
        "INSERT INTO subscriber_history (subscriber_id, at, event, how, evidence, digests) SELECT ?, ?, ?, ?, ?,"
        " (SELECT json_group_array(digest_id) FROM subscriptions WHERE subscriber_id = ?)",
        [subscriber_id, stamp(now), event, consent.how, consent.evidence, subscriber_id],
    )


def _cancel_queued(store: Store, subscriber_id: int, now: datetime) -> None:
    """End queued editions that the subscriber does not get any more.

    Somebody who unsubscribed or paused does not get those of the list in feeds.yaml either.
    """
    store.db.execute(
        "UPDATE deliveries SET state = 'failed', reason = ?1, next_attempt = NULL, acknowledged = 1,"
        " subscriber_id = ?2 WHERE state IN ('queued', 'deferred') AND edition_id IS NOT NULL"
        " AND address = (SELECT address FROM subscribers WHERE id = ?2) COLLATE NOCASE"
        " AND (subscriber_id IS NOT NULL OR (SELECT state FROM subscribers WHERE id = ?2) <> 'active')"
        " AND NOT EXISTS (SELECT 1 FROM editions JOIN subscriptions USING (digest_id)"
        "  JOIN subscribers ON subscribers.id = subscriptions.subscriber_id"
        "  WHERE editions.id = deliveries.edition_id AND subscribers.id = ?2 AND subscribers.state = 'active')",
        [_unsubscribed_since(now), subscriber_id],
    )


def queue_again(store: Store, subscriber_id: int, unsubscribed_at: datetime) -> None:
    """Queue the editions again that unsubscribing cancelled at a moment."""
    store.db.execute(
        "UPDATE deliveries SET state = 'queued', reason = NULL, acknowledged = 0"
        " WHERE state = 'failed' AND subscriber_id = ? AND reason = ? AND edition_id IN"
        " (SELECT editions.id FROM editions JOIN subscriptions USING (digest_id) WHERE subscriber_id = ?)",
        [subscriber_id, _unsubscribed_since(unsubscribed_at), subscriber_id],
    )
    wake_mail(store)


def _unsubscribed_since(now: datetime) -> str:
    return f"not subscribed any more since {stamp(now)}"


def wake_mail(store: Store) -> None:
    """Record that the job that sends mail has work."""
    meta.delete(store, MAIL_IDLE_KEY)


def message_digests(store: Store, to: Addressee) -> tuple[str, ...]:
    """Return the digests that a message without edition names."""
    if to.purpose is AccountMessage.CONFIRM:
        row = store.db.execute("SELECT digests FROM tokens WHERE nonce = ?", [to.nonce]).fetchone()
        return tuple(json.loads(row[0] or "[]")) if row else ()
    return read(store, to.id).digests if to.id is not None else ()


# --- editions --------------------------------------------------------------------------------------------


def recipients(store: Store, digest_id: str) -> Iterator[tuple[int, str, str]]:
    """Yield id, address and a name for the Message-ID of every active subscriber of a digest.

    The name is derived from the nonce of the link, so that a Message-ID says nothing about an address.
    """
    rows = store.db.execute(
        "SELECT subscribers.id, address, tokens.hash FROM subscriptions JOIN subscribers"
        " ON subscribers.id = subscriptions.subscriber_id JOIN tokens ON tokens.subscriber_id = subscribers.id"
        " AND tokens.purpose = 'manage' WHERE digest_id = ? AND subscribers.state = 'active'",
        [digest_id],
    )
    for row in rows:
        yield row[0], row[1], row[2]


def decided(store: Store, keys: Sequence[str], digest_id: str) -> set[str]:
    """Return those of the keys whose own subscription decides, not the list in feeds.yaml.

    These are subscribers of the digest, and people who unsubscribed or paused.
    """
    rows = store.db.execute(
        "SELECT key FROM subscribers WHERE key IN (SELECT value FROM json_each(?))"
        " AND (state IN ('unsubscribed', 'paused') OR state = 'active' AND EXISTS"
        "  (SELECT 1 FROM subscriptions WHERE subscriber_id = subscribers.id AND digest_id = ?))",
        [json.dumps(list(keys)), digest_id],
    )
    return {row[0] for row in rows}


# --- erasure ---------------------------------------------------------------------------------------------


def erased(store: Store, given: Sequence[str]) -> set[str]:
    """Return those of the addresses that were erased (DP2)."""
    known = {row[0] for row in store.db.execute("SELECT hash FROM erased_addresses")}
    hashes = erasure_hashes(store, given) if known else [""] * len(given)
    return {address for address, name in zip(given, hashes, strict=True) if name in known}


def erasure_hash(store: Store, address: str) -> str:
    """Return the salted hash that is kept of an erased address (DP2)."""
    return erasure_hashes(store, [address])[0]


def erasure_hashes(store: Store, given: Iterable[str]) -> list[str]:
    """Return the salted hashes of addresses, in order; the first call makes the salt."""
    if meta.get(store, SALT_NAME) is None:
        store.db.execute("INSERT INTO meta (key, value) VALUES (?, hex(randomblob(32)))", [SALT_NAME])
    salt = bytes.fromhex(meta.get(store, SALT_NAME) or "")
    return [hashlib.sha256(salt + addresses.key(address).encode()).hexdigest() for address in given]
