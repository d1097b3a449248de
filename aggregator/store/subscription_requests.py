"""Store what the sign-up form received, and turn it into messages."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aggregator import addresses
from aggregator.model.subscribers import (
    FORM_VERSION,
    AccountMessage,
    Consent,
    LinkPurpose,
    Subscriber,
    SubscriberState,
)
from aggregator.store import editor_sessions, subscriber_links, subscribers
from aggregator.store.connection import Store, stamp, sure_moment
from aggregator.store.subscriber_links import CONFIRM_LIFETIME, RandomBytes

MESSAGE_GAP = timedelta(hours=24)
"""Minimum time between two messages of one purpose to one address (SU3)."""
MAX_MESSAGES_AN_HOUR = 200
"""Maximum number of messages that all sign-ups together cause in an hour (SU3)."""


def add(
    store: Store, kind: AccountMessage, address: str, language: str, digests: Iterable[str], now: datetime
) -> bool:
    """Store a request; return False instead if there are too many (SU3).

    This writes one row, whether the address is known or not, so that the time of the response says nothing (SU1).
    Sign-in links have a limit of their own, so that many sign-ups do not keep editors out.
    """
    hour_ago = stamp(now - timedelta(hours=1))
    with store.transaction():
        (count,) = store.db.execute(
            "SELECT (SELECT count(*) FROM subscription_requests WHERE at > ?1)"
            " + (SELECT count(*) FROM deliveries WHERE edition_id IS NULL AND created > ?1"
            " AND purpose IN ('confirm', 'link'))",
            [hour_ago],
        ).fetchone()
        if count >= MAX_MESSAGES_AN_HOUR and kind is not AccountMessage.SIGN_IN:
            return False
        store.db.execute(
            "INSERT INTO subscription_requests (kind, address, language, digests, evidence, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [kind, address, language, json.dumps(list(digests)), FORM_VERSION, stamp(now)],
        )
        subscribers.wake_mail(store)
    return True


def process(store: Store, key: bytes, random_bytes: RandomBytes, host: str, editors: Collection[str]) -> None:
    """Decide about each stored request, and queue its message in the same transaction.

    `editors` are the addresses that get sign-in links.
    """
    while True:
        with store.transaction():
            row = store.db.execute("SELECT * FROM subscription_requests ORDER BY id LIMIT 1").fetchone()
            if row is None:
                return
            if row["kind"] == AccountMessage.SIGN_IN:
                _process_sign_in(store, key, random_bytes, host, editors, row)
            else:
                _process_sign_up(store, key, random_bytes, host, row)
            store.db.execute("DELETE FROM subscription_requests WHERE id = ?", [row["id"]])


def _process_sign_in(
    store: Store,
    key: bytes,
    random_bytes: RandomBytes,
    host: str,
    editors: Collection[str],
    row: Mapping[str, Any],
) -> None:
    """Queue a sign-in link for the address of an editor; any other address gets none (ED2)."""
    key_of_address = addresses.key(row["address"])
    editor = next((address for address in editors if addresses.key(address) == key_of_address), None)
    if editor and not is_suppressed(store, editor):
        now = sure_moment(row["at"])
        editor_sessions.queue_link(store, key, random_bytes, editor, row["language"], host, now)


def _process_sign_up(
    store: Store, key: bytes, random_bytes: RandomBytes, host: str, row: Mapping[str, Any]
) -> None:
    kind, now = AccountMessage(row["kind"]), sure_moment(row["at"])
    subscriber = subscribers.find(store, row["address"])
    if is_suppressed(store, row["address"]) or is_recent(store, kind, row["address"], now):
        return
    if kind is AccountMessage.LINK:
        if subscriber and subscriber.state is not SubscriberState.PENDING:
            nonce = subscriber_links.ensure_manage(store, key, random_bytes, subscriber.id)
            subscriber_links.queue_message(store, subscriber.id, subscriber.address, kind, nonce, host, now)
        return
    consent = Consent(how="form", evidence=row["evidence"])
    ask(
        store,
        key,
        random_bytes,
        host,
        row["address"],
        row["language"],
        json.loads(row["digests"]),
        consent,
        now,
        subscriber,
    )


def ask(
    store: Store,
    key: bytes,
    random_bytes: RandomBytes,
    host: str,
    address: str,
    language: str,
    digests: Iterable[str],
    consent: Consent,
    now: datetime,
    subscriber: Subscriber | None,
) -> None:
    """Queue a message that asks for confirmation (SU2); runs in the transaction of the caller.

    A known subscriber keeps the state until then (SU6), and the address as it was confirmed.
    """
    if subscriber is None:
        subscriber_id = subscribers.add_pending(store, address, language, consent, now)
    else:
        subscriber_id, address = subscriber.id, subscriber.address
        subscribers.record(store, subscriber_id, "requested", consent, now)
    nonce = subscriber_links.add(
        store,
        key,
        random_bytes,
        subscriber_id,
        LinkPurpose.CONFIRM,
        expires=now + CONFIRM_LIFETIME,
        digests=digests,
        language=language,
        evidence=f"{consent.how} {consent.evidence}",
    )
    subscriber_links.queue_message(store, subscriber_id, address, AccountMessage.CONFIRM, nonce, host, now)


def is_suppressed(store: Store, address: str) -> bool:
    """Return whether an address gets no messages (SU6)."""
    return store.db.execute("SELECT 1 FROM suppressions WHERE address = ?", [address]).fetchone() is not None


def is_recent(store: Store, kind: AccountMessage, address: str, now: datetime) -> bool:
    """Return whether the address got a message of this kind within `MESSAGE_GAP`."""
    row = store.db.execute(
        "SELECT 1 FROM deliveries WHERE address = ? COLLATE NOCASE AND purpose = ?"
        " AND created > ? AND created <= ?",
        [address, kind, stamp(now - MESSAGE_GAP), stamp(now)],
    ).fetchone()
    return row is not None
