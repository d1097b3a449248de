"""Store the mail queue: deliveries, suppressed addresses and the pause of the relay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aggregator.model.config import Smtp
from aggregator.model.digests import (
    Delivery,
    QueuedMessage,
    RelayPause,
    Suppression,
)
from aggregator.store import meta
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.idle_check import MAIL_IDLE_KEY, OPEN_MESSAGES, PARKED

BATCH_KEY = "sending_block"
"""Key of the record of the messages that are being sent."""

_LAST_EDITION = (
    "edition_id IN (SELECT id FROM editions AS last WHERE composed ="
    " (SELECT max(composed) FROM editions WHERE digest_id = last.digest_id))"
)

_STILL_SUBSCRIBED = (
    " AND address LIKE '%@%'"  # others were erased (DP2)
    " AND (subscriber_id IS NULL OR subscriber_id IN (SELECT id FROM subscribers WHERE state = 'active'))"
)


def queue(store: Store, edition_id: str, recipients: Iterable[tuple[str, str, int | None]]) -> None:
    """Queue a message for each (address, Message-ID, id of the subscriber or None).

    Suppressed addresses fail at once (M4). Runs in the transaction of the caller.
    """
    store.db.conn.executemany(
        "INSERT INTO deliveries (edition_id, address, message_id, subscriber_id) VALUES (?, ?, ?, ?)",
        ((edition_id, *recipient) for recipient in recipients),
    )
    store.db.execute(
        "UPDATE deliveries SET state = 'failed', reason = (SELECT 'suppressed since ' || since || ': ' || reason"
        " FROM suppressions WHERE suppressions.address = deliveries.address)"
        " WHERE edition_id = ? AND address COLLATE NOCASE IN (SELECT address FROM suppressions)",
        [edition_id],
    )


# --- sending -------------------------------------------------------------------------------------------


def begin_batch(store: Store, batch: Sequence[Delivery]) -> None:
    """Record which messages are sent next; with this commit all earlier ones are on disk (M4).

    The commits of single messages are not synced, so that a power failure loses those since. The record of the batch
    names the messages that it leaves in doubt.
    """
    record = {"boot": _boot(), "ids": [delivery.id for delivery in batch]}
    with store.transaction():
        meta.put(store, BATCH_KEY, json.dumps(record))


def end_batch(store: Store) -> None:
    """Remove the record of a batch; with this commit all results are on disk."""
    with store.transaction():
        meta.delete(store, BATCH_KEY)


def recover_interrupted(store: Store) -> list[tuple[str, str]]:
    """Queue messages again whose sending a kill or power failure interrupted, once (M4).

    After a kill this is the one in state sending. After a restart of the machine it is also every message of the last
    batch that is not known to be sent. After a second interruption a message is unknown and not sent again. Returns
    (address, edition) of those.
    """
    unknown: list[tuple[str, str]] = []
    with store.transaction():
        if ids := _ids_in_doubt(store):
            in_doubt = "state IN ('queued', 'deferred') AND id IN (SELECT value FROM json_each(?))"
            unknown += _interrupt_all(store, in_doubt, [json.dumps(ids)])
        unknown += _interrupt_all(store, "state <> 'accepted' AND state = 'sending'", [])
        meta.delete(store, BATCH_KEY)
    return unknown


def _interrupt_all(store: Store, where: str, values: list[str]) -> list[tuple[str, str]]:
    """Count an interruption of messages; return (address, edition) of those that become unknown."""
    rows = store.db.execute(
        f"SELECT address, coalesce(edition_id, purpose) AS edition_id FROM deliveries"
        f" WHERE {where} AND interrupted >= 1 ORDER BY id",
        values,
    ).fetchall()
    _count_interruption(store, where, values)
    return [(row["address"], row["edition_id"]) for row in rows]


def _ids_in_doubt(store: Store) -> list[int]:
    """Return the messages of a batch that was begun before the machine was last started."""
    stored = meta.get(store, BATCH_KEY)
    if stored is None:
        return []
    record = json.loads(stored)
    return [] if record["boot"] == _boot() else list(record["ids"])


def _boot() -> str:
    """Return the id of this start of the machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _count_interruption(store: Store, where: str, values: Iterable[Any]) -> None:
    store.db.execute(
        "UPDATE deliveries SET interrupted = interrupted + 1, reason = 'the connection broke while it was sent',"
        " next_attempt = NULL, state = CASE WHEN interrupted >= 1 THEN 'unknown' ELSE 'queued' END,"
        # A message without edition is asked for again by its recipient, not by the operator.
        " acknowledged = max(acknowledged, edition_id IS NULL)"
        f" WHERE {where}",
        list(values),
    )


def lease(store: Store, delivery: Delivery, now: datetime) -> bool:
    """Mark a message as being sent; to be committed before anything goes to the relay (M4).

    Returns False if it is not due any more: its address was suppressed, its subscriber left, or an operator decided.
    """
    with store.transaction():
        return bool(
            store.db.execute(
                "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, last_attempt = ?"
                " WHERE id = ? AND state IN ('queued', 'deferred')",
                [stamp(now), delivery.id],
            ).rowcount
        )


def release(store: Store, delivery: Delivery) -> None:
    """End a lease without an attempt, because the relay failed before this message."""
    _set(store, delivery, "state = 'queued', attempts = attempts - 1")


def mark_accepted(store: Store, delivery: Delivery) -> None:
    """Record that the relay accepted the message."""
    _set(store, delivery, "state = 'accepted', reason = NULL, next_attempt = NULL")


def defer(store: Store, delivery: Delivery, since: datetime, until: datetime, reason: str) -> None:
    """Record a temporary refusal (4xx) and the time of the next attempt."""
    _set(
        store,
        delivery,
        "state = 'deferred', deferred_since = ?, next_attempt = ?, reason = ?",
        stamp(since),
        stamp(until),
        reason,
    )


def mark_interrupted(store: Store, delivery: Delivery) -> None:
    """Record that the connection broke after DATA, so that the relay may have the message."""
    with store.transaction():
        _count_interruption(store, "id = ?", [delivery.id])


def mark_failed(
    store: Store, delivery: Delivery, reason: str, now: datetime, *, no_mailbox: bool | None
) -> bool:
    """Record a permanent refusal (5xx); return whether the address is suppressed from now on.

    It is suppressed if the relay says that there is no such mailbox (`no_mailbox`), or if it also refused the last
    edition of this digest. If the refusal does not concern the address, `no_mailbox` is None.
    """
    with store.transaction():
        failed = "state = 'failed', reason = ?, next_attempt = NULL,"
        _update(store, delivery, f"{failed} acknowledged = max(acknowledged, edition_id IS NULL)", reason)
        # Anybody can enter any address into the form, so that a message without edition suppresses none.
        counts = no_mailbox is not None and delivery.purpose is None
        suppressed = counts and (bool(no_mailbox) or _last_failed(store, delivery))
        if suppressed:
            suppress(store, delivery.address, reason, now)
    return suppressed


def suppress(store: Store, address: str, reason: str, now: datetime) -> bool:
    """Suppress an address and fail its queued messages; return False if it was already.

    Runs in the transaction of the caller.
    """
    new = store.db.execute(
        "INSERT OR IGNORE INTO suppressions (address, since, reason) VALUES (?, ?, ?)",
        [address, stamp(now), reason],
    ).rowcount
    store.db.execute(
        "UPDATE deliveries SET state = 'failed', reason = ?, next_attempt = NULL"
        " WHERE state IN ('queued', 'deferred') AND address = ? COLLATE NOCASE",
        [f"suppressed since {stamp(now)}: {reason}", address],
    )
    return bool(new)


def cancel(store: Store, delivery: Delivery, reason: str) -> None:
    """End a delivery without sending it and without asking an operator."""
    with store.transaction():
        store.db.execute(
            "UPDATE deliveries SET state = 'failed', reason = ?, next_attempt = NULL, acknowledged = 1"
            " WHERE id = ? AND state IN ('queued', 'deferred')",
            [reason, delivery.id],
        )


def _last_failed(store: Store, delivery: Delivery) -> bool:
    row = store.db.execute(
        "SELECT state FROM deliveries JOIN editions ON editions.id = deliveries.edition_id"
        " WHERE address = ? COLLATE NOCASE AND digest_id = ? AND composed < ? ORDER BY composed DESC LIMIT 1",
        [delivery.address, delivery.digest_id, stamp(delivery.composed)],
    ).fetchone()
    return row is not None and row["state"] == "failed"


def _set(store: Store, delivery: Delivery, assignments: str, *values: object) -> None:
    with store.transaction():
        _update(store, delivery, assignments, *values)


def _update(store: Store, delivery: Delivery, assignments: str, *values: object) -> None:
    store.db.execute(f"UPDATE deliveries SET {assignments} WHERE id = ?", [*values, delivery.id])


# --- the relay -----------------------------------------------------------------------------------------


def relay_pause(store: Store, relay: Smtp | None) -> RelayPause | None:
    """Return why and until when the relay is not used, if it failed since its last success."""
    if relay is None:
        return None
    row = store.db.execute("SELECT * FROM relays WHERE relay = ?", [relay.key]).fetchone()
    if row is None:
        return None
    return RelayPause(
        since=sure_moment(row["since"]), until=sure_moment(row["until"]), reason=str(row["reason"])
    )


def pause_relay(store: Store, relay: Smtp, pause: RelayPause) -> None:
    """Store the pause of a relay; pauses of relays configured before are removed."""
    with store.transaction():
        store.db.execute("DELETE FROM relays")
        store.db.execute(
            "INSERT INTO relays (relay, since, until, reason) VALUES (?, ?, ?, ?)",
            [relay.key, stamp(pause.since), stamp(pause.until), pause.reason],
        )


def end_relay_pause(store: Store) -> None:
    """Remove the pause of the relay after a success."""
    store.db.execute("DELETE FROM relays")


# --- state of the queue and commands of operators ------------------------------------------------------


def counts(store: Store) -> dict[str, int]:
    """Count messages not accepted and not acknowledged, by state."""
    return {row[0]: row[1] for row in store.db.execute(OPEN_MESSAGES)}


def oldest_owed(store: Store) -> datetime | None:
    """Return when the oldest message that is queued and not deferred was composed."""
    row = store.db.execute(
        "SELECT min(coalesce(editions.composed, deliveries.created)) FROM deliveries"
        " LEFT JOIN editions ON editions.id = deliveries.edition_id"
        " WHERE state <> 'accepted' AND state IN ('queued', 'sending')"
    ).fetchone()
    return moment(row[0])


def next_attempt(store: Store) -> datetime | None:
    """Return the time of the first attempt planned for a deferred message."""
    row = store.db.execute(
        "SELECT min(next_attempt) FROM deliveries WHERE state <> 'accepted' AND state = 'deferred'"
    ).fetchone()
    return moment(row[0])


def open_messages(store: Store) -> list[QueuedMessage]:
    """Return messages not accepted and not acknowledged, oldest first."""
    rows = store.db.execute(
        "SELECT * FROM deliveries INDEXED BY deliveries_unaccepted WHERE state <> 'accepted'"
        f" AND (state IN ('queued', 'sending', 'deferred') OR {PARKED}) ORDER BY id"
    )
    return [
        QueuedMessage(
            edition=row["edition_id"] or row["purpose"],
            address=row["address"],
            state=row["state"],
            attempts=row["attempts"],
            next_attempt=moment(row["next_attempt"]),
            reason=row["reason"],
            message_id=row["message_id"],
        )
        for row in rows
    ]


def suppressions(store: Store) -> list[Suppression]:
    """Return suppressed addresses of lists in feeds.yaml, the latest first.

    Those of subscribers need no attention: `subscriber list` has them.
    """
    rows = store.db.execute(
        "SELECT * FROM suppressions WHERE address NOT IN (SELECT key COLLATE NOCASE FROM subscribers)"
        " ORDER BY since DESC, address"
    )
    return [
        Suppression(address=row["address"], since=sure_moment(row["since"]), reason=row["reason"])
        for row in rows
    ]


def unknown_addresses(store: Store, addresses: Sequence[str]) -> list[str]:
    """Return those of `addresses` that have no open message and are not suppressed."""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE address = ?1 COLLATE NOCASE AND state <> 'accepted')"
        " OR EXISTS (SELECT 1 FROM suppressions WHERE address = ?1)"
    )
    return [address for address in addresses if not store.db.execute(sql, [address]).fetchone()[0]]


def retry(store: Store, addresses: Sequence[str]) -> int:
    """Queue failed messages of each last edition again, and end pauses; return their number.

    Deferred messages are tried at once. With `addresses`, only messages to these are queued, unknown ones included, and
    their suppressions end. Without them, suppressions because of bounces or complaints stay.
    """
    to_addresses, values = _to(addresses)
    again = "'failed', 'unknown'" if addresses else "'failed'"
    which = f"state IN ({again}) AND {_LAST_EDITION}{_STILL_SUBSCRIBED}{to_addresses}"
    if not addresses:  # only what the relay itself refused, not what bounced later or was a complaint
        which += (
            " AND NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.address = deliveries.address"
            " COLLATE NOCASE AND suppressions.reason IS NOT deliveries.reason)"
        )
    with store.transaction():
        store.db.execute(
            f"DELETE FROM suppressions WHERE address IN (SELECT address FROM deliveries WHERE {which})",
            values,
        )
        if addresses:
            store.db.execute(f"DELETE FROM suppressions WHERE true{to_addresses}", values)
        queued = store.db.execute(
            "UPDATE deliveries SET state = 'queued', interrupted = 0, acknowledged = 0, reason = NULL,"
            f" next_attempt = NULL, deferred_since = NULL WHERE {which}",
            values,
        ).rowcount
        queued += store.db.execute(
            "UPDATE deliveries SET state = 'queued', next_attempt = NULL"
            f" WHERE state <> 'accepted' AND state = 'deferred'{to_addresses}",
            values,
        ).rowcount
        store.db.execute("DELETE FROM relays")
        meta.delete(store, MAIL_IDLE_KEY)
    return queued


def acknowledge(store: Store, addresses: Sequence[str]) -> int:
    """Mark failed and unknown messages as acknowledged; return their number.

    Without `addresses` all of them are marked.
    """
    to_addresses, values = _to(addresses)
    with store.transaction():
        return store.db.execute(
            f"UPDATE deliveries SET acknowledged = 1 WHERE state <> 'accepted' AND {PARKED}{to_addresses}",
            values,
        ).rowcount


def _to(addresses: Sequence[str]) -> tuple[str, list[str]]:
    if not addresses:
        return "", []
    return " AND address COLLATE NOCASE IN (SELECT value FROM json_each(?))", [json.dumps(list(addresses))]
