"""List the mail queue, and retry or acknowledge its messages for an operator."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.database import existing_store
from aggregator.errors import UnknownName
from aggregator.model.config import Config
from aggregator.model.digests import MailQueue
from aggregator.store import deliveries
from aggregator.store.connection import Store


def read_queue(config: Config) -> MailQueue:
    """Read open messages, suppressed addresses and the pause of the relay."""
    with existing_store(config) as store, store.snapshot():
        return MailQueue(
            messages=tuple(deliveries.open_messages(store)),
            suppressed=tuple(deliveries.suppressions(store)),
            relay=deliveries.relay_pause(store, config.mail.smtp),
        )


def retry_messages(config: Config, addresses: Sequence[str]) -> int:
    """Queue messages again (see `deliveries.retry`); return their number.

    Raises UnknownName if an address has no open message and is not suppressed. Works beside any job (L1).
    """
    with existing_store(config) as store:
        _refuse_unknown(store, addresses)
        return deliveries.retry(store, addresses)


def acknowledge_messages(config: Config, addresses: Sequence[str]) -> int:
    """Mark failed and unknown messages as acknowledged; return their number.

    Raises UnknownName if an address has no open message and is not suppressed. Works beside any job (L1).
    """
    with existing_store(config) as store:
        _refuse_unknown(store, addresses)
        return deliveries.acknowledge(store, addresses)


def _refuse_unknown(store: Store, addresses: Sequence[str]) -> None:
    if unknown := deliveries.unknown_addresses(store, addresses):
        raise UnknownName(f"no message to {unknown[0]} is in the queue; nothing was changed")
