"""Read deliveries that are due, with all that their messages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aggregator.model.digests import Addressee, Delivery, MessageBody
from aggregator.model.subscribers import AccountMessage
from aggregator.store.connection import Store, moment, stamp, sure_moment

PAGE_DELIVERIES = 100
"""Maximum number of deliveries that are read, and recorded as a batch, at once."""


def due(store: Store, state: str, now: datetime, far: datetime, after: int) -> list[Delivery]:
    """Read a page of deliveries in `state` that are due, oldest first, with ids above `after`.

    A next attempt later than `far` was planned under a clock that ran ahead, so it is due.
    """
    rows = store.db.execute(
        f"{_DELIVERIES} WHERE deliveries.state <> 'accepted' AND deliveries.state = ? AND deliveries.id > ?"
        " AND (next_attempt IS NULL OR next_attempt <= ? OR next_attempt > ?) ORDER BY deliveries.id LIMIT ?",
        [state, after, stamp(now), stamp(far), PAGE_DELIVERIES],
    ).fetchall()
    return _page(store, rows)


def account_messages(store: Store) -> list[Delivery]:
    """Read a page of queued messages without edition: somebody is waiting for them."""
    rows = store.db.execute(
        f"{_DELIVERIES} WHERE deliveries.edition_id IS NULL AND deliveries.created IS NOT NULL"
        " AND deliveries.state = 'queued' ORDER BY deliveries.created, deliveries.id LIMIT ?",
        [PAGE_DELIVERIES],
    ).fetchall()
    return _page(store, rows)


_DELIVERIES = (
    "SELECT deliveries.*, editions.digest_id, coalesce(editions.composed, deliveries.created) AS composed,"
    " coalesce(subscribers.language, editor_links.language) AS language,"
    " coalesce(deliveries.nonce, tokens.nonce) AS link FROM deliveries"
    " LEFT JOIN editions ON editions.id = deliveries.edition_id"
    " LEFT JOIN subscribers ON subscribers.id = deliveries.subscriber_id"
    " LEFT JOIN editor_links ON editor_links.nonce = deliveries.nonce"
    " LEFT JOIN tokens ON tokens.subscriber_id = deliveries.subscriber_id AND tokens.purpose = 'manage'"
)


def _page(store: Store, rows: Iterable[Mapping[str, Any]]) -> list[Delivery]:
    """Make deliveries of rows; all of an edition share one body."""
    bodies: dict[str | None, MessageBody] = {None: MessageBody(subject="", text="", html="")}
    page = []
    for row in rows:
        edition = row["edition_id"]
        if edition not in bodies:
            bodies[edition] = _body(store, edition)
        page.append(
            Delivery(
                id=row["id"],
                edition_id=edition or row["purpose"],
                digest_id=row["digest_id"] or row["purpose"],
                address=row["address"],
                message_id=row["message_id"],
                composed=sure_moment(row["composed"]),
                attempts=row["attempts"],
                deferred_since=moment(row["deferred_since"]),
                body=bodies[edition],
                subscriber=_addressee(row),
            )
        )
    return page


def _addressee(row: Mapping[str, Any]) -> Addressee | None:
    if row["language"] is None or row["link"] is None:
        return None
    return Addressee(
        id=row["subscriber_id"],
        language=row["language"],
        nonce=bytes(row["link"]),
        purpose=AccountMessage(row["purpose"]) if row["purpose"] else None,
    )


def _body(store: Store, edition_id: str) -> MessageBody:
    row = store.db.execute("SELECT subject, text, html FROM editions WHERE id = ?", [edition_id]).fetchone()
    return MessageBody(subject=row["subject"], text=row["text"], html=row["html"])
