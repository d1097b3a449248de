"""Letters owed, in flight, accepted, put off or given up (M4); addresses and relays that take none at present."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from aggregator.model.config import Smtp
from aggregator.model.digests import Delivery, MessageBody, QueuedMessage, RelayPause, Suppression
from aggregator.store.connection import Store, moment, stamp, sure_moment
from aggregator.store.idle_check import MAIL_IDLE_MARK, OPEN_MESSAGES, PARKED

PAGE = 100
"""Letters read at once: an edition may have ten thousand."""

_LAST_EDITION = (
    "edition_id IN (SELECT id FROM editions AS last WHERE composed ="
    " (SELECT max(composed) FROM editions WHERE digest_id = last.digest_id))"
)


def queue(store: Store, edition_id: str, recipients: Iterable[tuple[str, str]]) -> None:
    """One letter for each (address, Message-ID); in the caller's transaction (M4)."""
    store.db.conn.executemany(
        "INSERT INTO deliveries (edition_id, address, message_id) VALUES (?, ?, ?)",
        [[edition_id, address, message_id] for address, message_id in recipients],
    )
    store.db.execute(
        "UPDATE deliveries SET state = 'failed', reason = (SELECT 'suppressed since ' || since || ': ' || reason"
        " FROM suppressions WHERE suppressions.address = deliveries.address)"
        " WHERE edition_id = ? AND address COLLATE NOCASE IN (SELECT address FROM suppressions)",
        [edition_id],
    )


# --- sending -------------------------------------------------------------------------------------------


def park_interrupted(store: Store) -> list[tuple[str, str]]:
    """Letters a dead run left in flight: once more with the same bytes, a second time they are parked (M4).

    Returns (address, edition) of those that are parked as unknown now.
    """
    with store.transaction():
        parked = store.db.execute(
            "SELECT address, edition_id FROM deliveries WHERE state <> 'accepted' AND state = 'sending'"
            " AND interrupted >= 1"
        ).fetchall()
        _interrupted(store, "state <> 'accepted' AND state = 'sending'", [])
    return [(row["address"], row["edition_id"]) for row in parked]


def _interrupted(store: Store, where: str, values: Iterable[Any]) -> None:
    store.db.execute(
        "UPDATE deliveries SET interrupted = interrupted + 1, reason = 'the connection broke while it was sent',"
        " state = CASE WHEN interrupted >= 1 THEN 'unknown' ELSE 'queued' END"
        f" WHERE {where}",
        list(values),
    )


def due(store: Store, state: str, now: datetime, far: datetime, after: int) -> list[Delivery]:
    """A page of letters in `state` whose time has come, oldest first, behind the number `after`.

    A next attempt beyond `far` was planned under a clock that ran ahead. All letters of an edition are one object.
    """
    letters: dict[str, MessageBody] = {}
    found = []
    for row in store.db.execute(
        "SELECT deliveries.*, editions.digest_id, editions.composed FROM deliveries"
        " JOIN editions ON editions.id = deliveries.edition_id"
        " WHERE state <> 'accepted' AND state = ? AND deliveries.id > ?"
        " AND (next_attempt IS NULL OR next_attempt <= ? OR next_attempt > ?) ORDER BY deliveries.id LIMIT ?",
        [state, after, stamp(now), stamp(far), PAGE],
    ).fetchall():
        edition = row["edition_id"]
        if edition not in letters:
            letters[edition] = _letter(store, edition)
        found.append(
            Delivery(
                id=row["id"],
                edition_id=edition,
                digest_id=row["digest_id"],
                address=row["address"],
                message_id=row["message_id"],
                composed=sure_moment(row["composed"]),
                attempts=row["attempts"],
                deferred_since=moment(row["deferred_since"]),
                letter=letters[edition],
            )
        )
    return found


def _letter(store: Store, edition_id: str) -> MessageBody:
    row = store.db.execute("SELECT subject, text, html FROM editions WHERE id = ?", [edition_id]).fetchone()
    return MessageBody(subject=row["subject"], text=row["text"], html=row["html"])


def lease(store: Store, delivery: Delivery, now: datetime) -> bool:
    """The letter is in flight from here on: committed before the relay is spoken to (M4).

    False if it is not owed any more: its address was suppressed, or a person decided about it.
    """
    with store.transaction():
        return bool(
            store.db.execute(
                "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, last_attempt = ?"
                " WHERE id = ? AND state IN ('queued', 'deferred')",
                [stamp(now), delivery.id],
            ).rowcount
        )


def give_back(store: Store, delivery: Delivery) -> None:
    """It did not come to an attempt: the relay went away before this letter."""
    _set(store, delivery, "state = 'queued', attempts = attempts - 1")


def mark_accepted(store: Store, delivery: Delivery) -> None:
    """The relay has it."""
    _set(store, delivery, "state = 'accepted', reason = NULL, next_attempt = NULL")


def defer(store: Store, delivery: Delivery, since: datetime, until: datetime, reason: str) -> None:
    """Refused for now (4xx): another time."""
    _set(
        store,
        delivery,
        "state = 'deferred', deferred_since = ?, next_attempt = ?, reason = ?",
        stamp(since),
        stamp(until),
        reason,
    )


def interrupted(store: Store, delivery: Delivery) -> None:
    """Nobody knows whether the relay has it."""
    with store.transaction():
        _interrupted(store, "id = ?", [delivery.id])


def mark_failed(store: Store, delivery: Delivery, reason: str, now: datetime, *, nobody: bool | None) -> bool:
    """Refused for good (5xx); whether its address is suppressed from now on.

    That is so where the relay says that `nobody` is there, or gave up this digest's last edition as well; never where
    it said nothing of the address (None).
    """
    with store.transaction():
        _update(store, delivery, "state = 'failed', reason = ?, next_attempt = NULL", reason)
        suppressed = nobody is not None and (nobody or _last_failed(store, delivery))
        if suppressed:
            store.db.execute(
                "INSERT OR IGNORE INTO suppressions (address, since, reason) VALUES (?, ?, ?)",
                [delivery.address, stamp(now), reason],
            )
            store.db.execute(
                "UPDATE deliveries SET state = 'failed', reason = ?, next_attempt = NULL"
                " WHERE state IN ('queued', 'deferred') AND address = ? COLLATE NOCASE",
                [f"suppressed since {stamp(now)}: {reason}", delivery.address],
            )
    return suppressed


def close(store: Store, delivery: Delivery, reason: str) -> None:
    """Nobody wants it any more: it is not sent, and waits for nobody."""
    with store.transaction():
        store.db.execute(
            "UPDATE deliveries SET state = 'failed', reason = ?, next_attempt = NULL, dismissed = 1"
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


def hold_relay(store: Store, relay: Smtp, hold: RelayPause) -> None:
    """Leave a relay alone for a while; what was said of others is forgotten."""
    with store.transaction():
        store.db.execute("DELETE FROM relays")
        store.db.execute(
            "INSERT INTO relays (relay, since, until, reason) VALUES (?, ?, ?, ?)",
            [relay.key, stamp(hold.since), stamp(hold.until), hold.reason],
        )


def free_relay(store: Store) -> None:
    """All is well with the relay."""
    store.db.execute("DELETE FROM relays")


# --- looking, and a person's word ----------------------------------------------------------------------


def counts(store: Store) -> dict[str, int]:
    """Letters that are owed, by state, and those parked until a person has looked at them."""
    return {row[0]: row[1] for row in store.db.execute(OPEN_MESSAGES)}


def oldest_owed(store: Store) -> datetime | None:
    """When the oldest letter was composed that is still owed and that no relay has deferred."""
    row = store.db.execute(
        "SELECT min(editions.composed) FROM deliveries JOIN editions ON editions.id = deliveries.edition_id"
        " WHERE state <> 'accepted' AND state IN ('queued', 'sending')"
    ).fetchone()
    return moment(row[0])


def next_attempt(store: Store) -> datetime | None:
    """When the first of the deferred letters is to be tried again."""
    row = store.db.execute(
        "SELECT min(next_attempt) FROM deliveries WHERE state <> 'accepted' AND state = 'deferred'"
    ).fetchone()
    return moment(row[0])


def open_letters(store: Store) -> list[QueuedMessage]:
    """Every letter that is owed, and every parked one until a person has looked at it, oldest first."""
    rows = store.db.execute(
        "SELECT * FROM deliveries INDEXED BY deliveries_unaccepted WHERE state <> 'accepted'"
        f" AND (state IN ('queued', 'sending', 'deferred') OR {PARKED}) ORDER BY id"
    )
    return [
        QueuedMessage(
            edition=row["edition_id"],
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
    """Addresses that get no more letters, the newest first."""
    rows = store.db.execute("SELECT * FROM suppressions ORDER BY since DESC, address")
    return [
        Suppression(address=row["address"], since=sure_moment(row["since"]), reason=row["reason"])
        for row in rows
    ]


def unknown_addresses(store: Store, addresses: Sequence[str]) -> list[str]:
    """Those of `addresses` to which no letter is owed or parked, and which are not suppressed."""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE address = ?1 COLLATE NOCASE AND state <> 'accepted')"
        " OR EXISTS (SELECT 1 FROM suppressions WHERE address = ?1)"
    )
    return [address for address in addresses if not store.db.execute(sql, [address]).fetchone()[0]]


def retry(store: Store, addresses: Sequence[str]) -> int:
    """Failed letters of each digest's last edition are owed again, deferred ones and the relay are tried at once.

    Letters in doubt only where their address is named; its suppression ends. Returns how many letters.
    """
    named, values = _named(addresses)
    again = "'failed', 'unknown'" if addresses else "'failed'"
    which = f"state IN ({again}) AND {_LAST_EDITION}{named}"
    with store.transaction():
        store.db.execute(
            f"DELETE FROM suppressions WHERE address IN (SELECT address FROM deliveries WHERE {which})",
            values,
        )
        if addresses:
            store.db.execute(f"DELETE FROM suppressions WHERE true{named}", values)
        freed = store.db.execute(
            "UPDATE deliveries SET state = 'queued', interrupted = 0, dismissed = 0, reason = NULL,"
            f" next_attempt = NULL, deferred_since = NULL WHERE {which}",
            values,
        ).rowcount
        freed += store.db.execute(
            "UPDATE deliveries SET state = 'queued', next_attempt = NULL"
            f" WHERE state <> 'accepted' AND state = 'deferred'{named}",
            values,
        ).rowcount
        store.db.execute("DELETE FROM relays")
        store.db.execute("DELETE FROM meta WHERE key = ?", [MAIL_IDLE_MARK])
    return freed


def acknowledge(store: Store, addresses: Sequence[str]) -> int:
    """A person has looked at the parked letters (to `addresses`, or all): how many are not told any more."""
    named, values = _named(addresses)
    with store.transaction():
        return store.db.execute(
            f"UPDATE deliveries SET dismissed = 1 WHERE state <> 'accepted' AND {PARKED}{named}", values
        ).rowcount


def _named(addresses: Sequence[str]) -> tuple[str, list[str]]:
    if not addresses:
        return "", []
    return " AND address COLLATE NOCASE IN (SELECT value FROM json_each(?))", [json.dumps(list(addresses))]
