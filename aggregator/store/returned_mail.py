"""Store returned mail: bounces, complaints and what follows from them for addresses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aggregator import addresses
from aggregator.model.bounces import BOUNCED, BounceRates, MailKind, MailReading, RecordedMail, ReturnedMail
from aggregator.model.digests import Suppression
from aggregator.model.subscribers import AccountMessage, Consent, Subscriber, SubscriberState
from aggregator.store import deliveries, meta, subscribers
from aggregator.store.connection import Store, stamp, sure_moment

PERIOD = timedelta(days=30)
"""Time in which soft bounces are counted, that rates cover, and for which raw mail is kept."""
ROW_LIFETIME = timedelta(days=90)
"""Time for which it is kept what a mail said."""
MAX_SOFT_BOUNCES = 5
"""Number of soft bounces of an address in a row from which it is suppressed (BO3)."""
MAX_DELIVERIES_EXAMINED = 500
"""Maximum number of an address's last messages among which soft bounces are counted."""
KEY_NAME = "bounce_key"
"""Key in `meta` of the secret that tokens of envelope senders are made with."""
FAULT_KEY = "bounce_mailbox_fault"
"""Key in `meta` of since when and why the mailbox cannot be read."""


def token_key(store: Store) -> bytes:
    """Return the secret that tokens are made with; the first call makes it.

    It is in the database, because a token is of use only together with its delivery.
    """
    if not meta.get(store, KEY_NAME):
        with store.transaction():
            store.db.execute(
                "INSERT OR IGNORE INTO meta (key, value) VALUES (?, hex(randomblob(32)))", [KEY_NAME]
            )
    return bytes.fromhex(meta.get(store, KEY_NAME) or "")


# --- recording -----------------------------------------------------------------------------------------


def is_known(store: Store, hash_: str) -> bool:
    """Return whether a mail with this hash was recorded."""
    return bool(store.db.execute("SELECT 1 FROM returned_mail WHERE hash = ?", [hash_]).fetchone())


def record(
    store: Store, hash_: str, reading: MailReading, delivery_id: int | None, file: str | None, now: datetime
) -> RecordedMail:
    """Record a mail once, with what follows for the address, in one transaction (BO3)."""
    with store.transaction():
        address, confirming = _addressee(store, delivery_id)
        recorded = RecordedMail(kind=reading.kind, address=address, reason=reading.reason)
        new = store.db.execute(
            "INSERT OR IGNORE INTO returned_mail (hash, delivery_id, kind, at, reason, file)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [hash_, delivery_id if address else None, reading.kind, stamp(now), reading.reason, file],
        ).rowcount
        if not new:
            return replace(recorded, repeated=True)
        reason = _reason_to_suppress(store, reading, address, now, confirming=confirming) if address else None
        if address is None or reason is None:
            return recorded
        suppressed = suppress(store, address, reason, "complaint" if _complains(reading) else "bounce", now)
    return replace(recorded, reason=reason, suppressed=suppressed)


def _addressee(store: Store, delivery_id: int | None) -> tuple[str | None, bool]:
    """Return the address of a delivery, and whether its message asked for confirmation.

    None for messages that are unknown, or old or erased, so that their address is not stored any more.
    """
    row = store.db.execute("SELECT address, purpose FROM deliveries WHERE id = ?", [delivery_id]).fetchone()
    if row is None or "@" not in row["address"]:
        return None, False
    return row["address"], row["purpose"] == AccountMessage.CONFIRM


def _complains(reading: MailReading) -> bool:
    return reading.kind is MailKind.COMPLAINT


def _reason_to_suppress(
    store: Store, reading: MailReading, address: str, now: datetime, *, confirming: bool
) -> str | None:
    """Return why an address gets no more messages, or None.

    Anybody can enter any address into the form, so that a bounce of the message that asks for confirmation
    suppresses none.
    """
    if _complains(reading):
        return f"complaint: {reading.reason}"
    if confirming:
        return None
    if reading.kind is MailKind.HARD:
        return f"bounced: {reading.reason}"
    if reading.kind is MailKind.SOFT and soft_bounces(store, address, now) >= MAX_SOFT_BOUNCES:
        return f"{MAX_SOFT_BOUNCES} messages in a row bounced, the last: {reading.reason}"
    return None


def soft_bounces(store: Store, address: str, now: datetime) -> int:
    """Count the messages to an address that bounced in a row, softly, in the last 30 days (BO3).

    Messages count and not mails, since some servers return one message several times. A message that was accepted
    after one that bounced, and did not bounce itself, is a success. Messages still on their way are none yet.
    """
    rows = store.db.execute(
        "SELECT (SELECT group_concat(kind) FROM returned_mail WHERE delivery_id = deliveries.id"
        "  AND NOT lifted AND at > ?) AS kinds FROM deliveries"
        " WHERE address = ? COLLATE NOCASE AND last_attempt IS NOT NULL ORDER BY last_attempt DESC, id DESC LIMIT ?",
        [stamp(now - PERIOD), address, MAX_DELIVERIES_EXAMINED],
    )
    count = 0
    for row in rows:
        kinds = set((row["kinds"] or "").split(","))
        if kinds.isdisjoint(BOUNCED):
            if count:
                break
        elif MailKind.SOFT in kinds:
            count += 1
    return count


def suppress(store: Store, address: str, reason: str, how: str, now: datetime) -> bool:
    """Suppress an address, and unsubscribe after a complaint; return False if it was already.

    Runs in the transaction of the caller.
    """
    subscriber, consent = subscribers.find(store, address), Consent(how=how, evidence=reason)
    if subscriber and how == "complaint" and _is_subscribed(store, subscriber):
        subscribers.set_state(store, subscriber.id, SubscriberState.UNSUBSCRIBED, consent, now)
    if not deliveries.suppress(store, address, reason, now):
        return False
    if subscriber:
        subscribers.record(store, subscriber.id, SubscriberState.SUPPRESSED, consent, now)
    return True


def _is_subscribed(store: Store, subscriber: Subscriber) -> bool:
    return subscribers.stored_state(store, subscriber.id) is not SubscriberState.UNSUBSCRIBED


# --- mail that is left where it is -----------------------------------------------------------------------


def left_names(store: Store, mailbox_id: str) -> set[str]:
    """Return the names of mails that were read before and left in a mailbox."""
    return {
        row[0] for row in store.db.execute("SELECT name FROM returned_mail WHERE place = ?", [mailbox_id])
    }


def record_left(store: Store, mailbox_id: str, name: str, kind: MailKind, reason: str, now: datetime) -> None:
    """Record a mail that is left in its mailbox, so that it is read and reported once."""
    with store.transaction():
        store.db.execute(
            "INSERT OR IGNORE INTO returned_mail (hash, kind, at, reason, place, name) VALUES (?, ?, ?, ?, ?, ?)",
            [f"{mailbox_id}\0{name}", kind, stamp(now), reason, mailbox_id, name],
        )


def delete_left(store: Store, mailbox_id: str, names: Iterable[str]) -> None:
    """Delete the records of mails that left the mailbox, and of mails in other mailboxes."""
    with store.transaction():
        store.db.execute(
            "DELETE FROM returned_mail WHERE place = ? AND name IN (SELECT value FROM json_each(?))",
            [mailbox_id, json.dumps(sorted(names))],
        )
        store.db.execute("DELETE FROM returned_mail WHERE place IS NOT NULL AND place <> ?", [mailbox_id])


def record_fault(store: Store, reason: str | None, now: datetime) -> bool:
    """Store why the mailbox cannot be read, or that it can; return whether that is new."""
    known = _fault(store)
    if reason is None:
        meta.delete(store, FAULT_KEY)
    elif known is None or known[1] != reason:
        meta.put(store, FAULT_KEY, f"{stamp(known[0] if known else now)} {reason}")
        return True
    return False


def _fault(store: Store) -> tuple[datetime, str] | None:
    since, _, reason = (meta.get(store, FAULT_KEY) or "").partition(" ")
    return (sure_moment(since), reason) if reason else None


# --- retention -------------------------------------------------------------------------------------------


def prune(store: Store, now: datetime) -> None:
    """Delete what mails said after 90 days, and the names of raw mails after 30 days.

    Mail left in a mailbox stays known as long as it is there. Runs in the transaction of the caller.
    """
    store.db.execute("DELETE FROM returned_mail WHERE place IS NULL AND at < ?", [stamp(now - ROW_LIFETIME)])
    store.db.execute("UPDATE returned_mail SET file = NULL WHERE at < ?", [stamp(now - PERIOD)])


def unknown_files(store: Store, names: Sequence[str]) -> list[str]:
    """Return those of `names` that no mail names any more."""
    sql = "SELECT 1 FROM returned_mail WHERE file = ?"
    return [name for name in names if not store.db.execute(sql, [name]).fetchone()]


# --- reports ---------------------------------------------------------------------------------------------


def bounce_rates(store: Store) -> BounceRates:
    """Return bounces and complaints of the 30 days before the last message was sent (BO4)."""
    (last,) = store.db.execute("SELECT max(last_attempt) FROM deliveries WHERE state = 'accepted'").fetchone()
    since = stamp(sure_moment(last) - PERIOD) if last else ""
    (accepted,) = store.db.execute(
        "SELECT count(*) FROM deliveries WHERE state = 'accepted' AND last_attempt > ?", [since]
    ).fetchone()
    bounced, complaints, without_token, unread = store.db.execute(
        "SELECT count(DISTINCT delivery_id) FILTER (WHERE kind IN ('hard', 'soft', 'refused')),"
        " count(DISTINCT delivery_id) FILTER (WHERE kind = 'complaint'),"
        " count(*) FILTER (WHERE delivery_id IS NULL AND kind IN ('hard', 'soft', 'refused', 'delayed', 'complaint')),"
        " count(*) FILTER (WHERE kind = 'unknown') FROM returned_mail WHERE at > ?",
        [since],
    ).fetchone()
    fault = _fault(store)
    return BounceRates(
        accepted=accepted,
        bounced=bounced,
        complaints=complaints,
        without_token=without_token,
        unread=unread,
        fault=fault[1] if fault else None,
        fault_since=fault[0] if fault else None,
    )


def mails_about(store: Store, address: str) -> list[ReturnedMail]:
    """Return the mails about messages to an address, the latest first."""
    rows: Iterable[Any] = store.db.execute(
        "SELECT returned_mail.*, coalesce(deliveries.edition_id, deliveries.purpose) AS edition FROM returned_mail"
        " JOIN deliveries ON deliveries.id = returned_mail.delivery_id"
        " WHERE deliveries.address = ? COLLATE NOCASE ORDER BY returned_mail.id DESC",
        [address],
    )
    return [
        ReturnedMail(
            at=sure_moment(row["at"]),
            kind=MailKind(row["kind"]),
            edition=row["edition"],
            reason=row["reason"],
            file=row["file"],
        )
        for row in rows
    ]


def suppression(store: Store, address: str) -> Suppression | None:
    """Return since when and why an address is suppressed, None if it is not."""
    row = store.db.execute(
        "SELECT * FROM suppressions WHERE address = ?", [addresses.key(address)]
    ).fetchone()
    if row is None:
        return None
    return Suppression(address=row["address"], since=sure_moment(row["since"]), reason=row["reason"])


def lift(store: Store, address: str, why: str, now: datetime) -> bool:
    """End the suppression of an address; return whether there was one (BO4).

    Runs in the transaction of the caller.
    """
    if not store.db.execute("DELETE FROM suppressions WHERE address = ?", [addresses.key(address)]).rowcount:
        return False
    # What was not sent meanwhile needs no attention.
    store.db.execute(
        "UPDATE deliveries SET acknowledged = 1 WHERE address = ? COLLATE NOCASE AND state = 'failed'"
        " AND reason LIKE 'suppressed since %'",
        [address],
    )
    if subscriber := subscribers.find(store, address):
        subscribers.record(store, subscriber.id, "lifted", Consent(how="command", evidence=why), now)
    return True
