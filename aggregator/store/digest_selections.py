"""Store what each digest selects, so that changed settings make no old story new (M1)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from aggregator.model.config import DigestPlan
from aggregator.store import editions, meta
from aggregator.store.connection import Store

KEY = "digest_selection "
"""Beginning of the keys under which channels and kinds of digests are stored."""


def changed(store: Store, plans: Sequence[DigestPlan], channel_ids: Collection[str]) -> list[DigestPlan]:
    """Return the digests with other channels or kinds than before, or with one of `channel_ids`."""
    return [
        plan
        for plan in plans
        if meta.get(store, KEY + plan.id) != _selection(plan)
        or not set(channel_ids).isdisjoint(plan.channels)
    ]


@contextmanager
def selecting_again(store: Store, plans: Sequence[DigestPlan], now: datetime) -> Iterator[None]:
    """Record old stories as known to digests that the block brings into them.

    Runs in the transaction of the caller.
    """
    before = {plan.id: _pending(store, _as_recorded(store, plan)) for plan in plans}
    yield
    for plan in plans:
        if record := editions.record(store, plan.id):  # the first edition has a limit of its own (M2)
            entered = _pending(store, plan) - before[plan.id]
            editions.add_baseline(store, plan, entered, until=record.old_before(now))
        meta.put(store, KEY + plan.id, _selection(plan))


def _pending(store: Store, plan: DigestPlan) -> set[str]:
    record = editions.record(store, plan.id)
    if record is None:
        return set()
    return set(editions.pending(store, plan, since=record.oldest_pending))


def _as_recorded(store: Store, plan: DigestPlan) -> DigestPlan:
    value = meta.get(store, KEY + plan.id)
    if value is None:
        return plan
    channels, kinds = json.loads(value)
    return replace(plan, channels=tuple(channels), kinds=tuple(kinds))


def _selection(plan: DigestPlan) -> str:
    return json.dumps([plan.channels, plan.kinds])
