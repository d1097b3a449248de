"""Read which editions contained a story and what happened to their messages to an address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aggregator import addresses
from aggregator.model.config import DigestPlan
from aggregator.model.digests import DeliveryFacts, PastDelivery, PastEntry, Suppression
from aggregator.model.subscribers import SubscriberState
from aggregator.store import subscribers
from aggregator.store.connection import Store, moment, sure_moment
from aggregator.store.items import placeholders


def delivery_facts(
    store: Store, story_id: str, address: str, plans: Sequence[DigestPlan]
) -> list[DeliveryFacts]:
    """Read the facts for each configured digest, then for former ones with the story."""
    by_id: dict[str, DigestPlan | None] = {plan.id: plan for plan in plans}
    for row in store.db.execute(
        "SELECT DISTINCT digest_id FROM ledger JOIN items ON items.id = ledger.item_id WHERE story_id = ?"
        " ORDER BY 1",
        [story_id],
    ):
        by_id.setdefault(row[0], None)
    story = store.db.execute(
        "SELECT announced, fed, hidden, kind FROM stories WHERE id = ?", [story_id]
    ).fetchone()
    return [
        DeliveryFacts(
            digest=digest,
            plan=plan,
            address=address,
            announced=sure_moment(story["announced"]),
            in_feeds=bool(story["fed"]),
            hidden=bool(story["hidden"]),
            in_channels=plan is not None and _in_channels(store, story_id, plan),
            of_kinds=plan is None or not plan.kinds or story["kind"] in plan.kinds,
            since=_digest_moment(store, digest, "since"),
            last_composed=_digest_moment(store, digest, "last_composed"),
            entries=tuple(_entries(store, story_id, digest)),
            deliveries=tuple(_deliveries(store, digest, address)),
            suppressed=_suppression(store, address),
            subscribed=_subscribed(store, address, digest),
        )
        for digest, plan in by_id.items()
    ]


def _subscribed(store: Store, address: str, digest: str) -> bool | None:
    """Return whether a person subscribed to a digest and was not erased; None for others."""
    subscriber = subscribers.find(store, address)
    if subscriber is None and subscribers.erased(store, [address]):
        return False
    if subscriber is None or not subscribers.decided(store, [addresses.key(address)], digest):
        return None
    return subscriber.state is SubscriberState.ACTIVE


def _in_channels(store: Store, story_id: str, plan: DigestPlan) -> bool:
    row = store.db.execute(
        f"SELECT 1 FROM channel_stories WHERE story_id = ? AND channel_id IN ({placeholders(plan.channels)})",
        [story_id, *plan.channels],
    ).fetchone()
    return row is not None


def _digest_moment(store: Store, digest: str, column: str) -> datetime | None:
    row = store.db.execute(f"SELECT {column} FROM digests WHERE id = ?", [digest]).fetchone()
    return moment(row[0]) if row else None


def _entries(store: Store, story_id: str, digest: str) -> list[PastEntry]:
    """Read the ledger entries of a story in order; those of the baseline have no edition."""
    rows = store.db.execute(
        "SELECT DISTINCT ledger.edition_id, ledger.reason, editions.composed FROM ledger"
        " JOIN items ON items.id = ledger.item_id LEFT JOIN editions ON editions.id = ledger.edition_id"
        " WHERE items.story_id = ? AND ledger.digest_id = ? ORDER BY editions.composed, ledger.reason",
        [story_id, digest],
    )
    return [
        PastEntry(edition=row["edition_id"], reason=row["reason"], composed=moment(row["composed"]))
        for row in rows
    ]


def _deliveries(store: Store, digest: str, address: str) -> list[PastDelivery]:
    rows = store.db.execute(
        "SELECT deliveries.* FROM deliveries JOIN editions ON editions.id = deliveries.edition_id"
        " WHERE address = ? COLLATE NOCASE AND digest_id = ? ORDER BY deliveries.id",
        [address, digest],
    )
    return [
        PastDelivery(
            edition=row["edition_id"],
            state=row["state"],
            message_id=row["message_id"],
            last_attempt=moment(row["last_attempt"]),
            next_attempt=moment(row["next_attempt"]),
            reason=row["reason"],
        )
        for row in rows
    ]


def _suppression(store: Store, address: str) -> Suppression | None:
    row = store.db.execute("SELECT * FROM suppressions WHERE address = ?", [address]).fetchone()
    if row is None:
        return None
    return Suppression(address=row["address"], since=sure_moment(row["since"]), reason=row["reason"])
