"""The outbox: the letters that are owed, in flight, sent or parked (M4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aggregator.model import Delivery, Letter
from aggregator.store.connection import Store, moment, stamp, sure_moment


def owe(store: Store, edition_id: str, recipients: Iterable[tuple[str, str]]) -> None:
    """One letter for each (address, Message-ID); in the caller's transaction (M4)."""
    store.db.conn.executemany(
        "INSERT INTO deliveries (edition_id, address, message_id) VALUES (?, ?, ?)",
        [[edition_id, address, message_id] for address, message_id in recipients],
    )


def park_interrupted(store: Store) -> list[tuple[str, str]]:
    """Letters a dead run left in flight: once more with the same bytes, a second time they are parked (M4).

    Returns (address, edition) of those that are parked as unknown now.
    """
    with store.transaction():
        parked = store.db.execute(
            "SELECT address, edition_id FROM deliveries WHERE state = 'sending' AND interrupted >= 1"
        ).fetchall()
        _interrupted(store, "state = 'sending'", [])
    return [(row["address"], row["edition_id"]) for row in parked]


def _interrupted(store: Store, where: str, values: Iterable[Any]) -> None:
    store.db.execute(
        "UPDATE deliveries SET interrupted = interrupted + 1, reason = 'the connection broke while it was sent',"
        " state = CASE WHEN interrupted >= 1 THEN 'unknown' ELSE 'queued' END"
        f" WHERE {where}",
        list(values),
    )


def owed(store: Store) -> list[Delivery]:
    """Letters still to be sent, oldest first; the letter of an edition is one object for all its addresses."""
    letters: dict[str, Letter] = {}
    deliveries = []
    for row in store.db.execute(
        "SELECT deliveries.*, editions.digest_id, editions.composed FROM deliveries"
        " JOIN editions ON editions.id = deliveries.edition_id WHERE state = 'queued' ORDER BY deliveries.id"
    ).fetchall():
        edition = row["edition_id"]
        if edition not in letters:
            letters[edition] = _letter(store, edition)
        deliveries.append(
            Delivery(
                id=row["id"],
                edition_id=edition,
                digest_id=row["digest_id"],
                address=row["address"],
                message_id=row["message_id"],
                composed=sure_moment(row["composed"]),
                attempts=row["attempts"],
                letter=letters[edition],
            )
        )
    return deliveries


def _letter(store: Store, edition_id: str) -> Letter:
    row = store.db.execute("SELECT subject, text, html FROM editions WHERE id = ?", [edition_id]).fetchone()
    return Letter(subject=row["subject"], text=row["text"], html=row["html"])


def lease(store: Store, delivery: Delivery, now: datetime) -> None:
    """The letter is in flight from here on: committed before the relay is spoken to (M4)."""
    with store.transaction():
        store.db.execute(
            "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, last_attempt = ? WHERE id = ?",
            [stamp(now), delivery.id],
        )


def strike_off(store: Store, delivery: Delivery) -> None:
    """The relay has it."""
    settle(store, delivery, "sent", None)


def interrupted(store: Store, delivery: Delivery) -> None:
    """Nobody knows whether the relay has it."""
    with store.transaction():
        _interrupted(store, "id = ?", [delivery.id])


def settle(store: Store, delivery: Delivery, state: str, reason: str | None) -> None:
    """The relay answered: `sent`, `failed` (5xx), or `queued` for another time (4xx)."""
    with store.transaction():
        store.db.execute(
            "UPDATE deliveries SET state = ?, reason = ? WHERE id = ?", [state, reason, delivery.id]
        )


def oldest_owed(store: Store) -> datetime | None:
    """When the oldest letter that is still owed was composed."""
    row = store.db.execute(
        "SELECT min(editions.composed) FROM deliveries JOIN editions ON editions.id = deliveries.edition_id"
        " WHERE state IN ('queued', 'sending')"
    ).fetchone()
    return moment(row[0])


def owed_counts(store: Store) -> dict[str, int]:
    """Letters that were not sent, by state."""
    rows = store.db.execute("SELECT state, count(*) FROM deliveries WHERE state <> 'sent' GROUP BY state")
    return {row[0]: row[1] for row in rows}
