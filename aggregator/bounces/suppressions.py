"""Show what is known about an address, and lift its suppression, for an editor (BO4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aggregator import addresses
from aggregator.database import existing_store
from aggregator.errors import UnknownName
from aggregator.model.bounces import AddressRecord
from aggregator.model.config import Config
from aggregator.store import returned_mail, subscribers


def address_record(config: Config, address: str) -> AddressRecord:
    """Return every state of an address with its reason and date. Raises UnknownName."""
    key = addresses.key(address)
    with existing_store(config) as store, store.snapshot():
        subscriber = subscribers.find(store, address)
        record = AddressRecord(
            address=subscriber.address if subscriber else address,
            subscriber=subscriber,
            history=tuple(subscribers.history(store, subscriber.id)) if subscriber else (),
            digests=tuple(plan.id for plan in config.mailings if key in map(addresses.key, plan.recipients)),
            suppression=returned_mail.suppression(store, address),
            mails=tuple(returned_mail.mails_about(store, address)),
        )
    if not (record.subscriber or record.digests or record.suppression or record.mails):
        raise UnknownName(f"{address} is no subscriber, and nothing is known about it")
    return record


def lift_suppressions(config: Config, suppressed: Sequence[str], reason: str, now: datetime) -> None:
    """End the suppression of addresses. Raises UnknownName if one of them has none."""
    with existing_store(config) as store, store.transaction():
        for address in dict.fromkeys(suppressed):
            if not returned_mail.lift(store, address, reason, now):
                raise UnknownName(f"{address} is not suppressed; nothing was changed")
