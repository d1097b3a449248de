"""What the operator is to be told now: how everything is, and what happened since the last mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.editions import schedule
from aggregator.editions.operator import Bulletin, compose
from aggregator.jobs import look
from aggregator.model import Condition, Config, DigestPlan
from aggregator.store import deliveries, editions, lately
from aggregator.store.connection import Store

FIRST = timedelta(days=7)
"""What the first mail counts back."""


def bulletin(store: Store, config: Config, plan: DigestPlan, now: datetime) -> Bulletin:
    """The operator's mail that is due at `now`."""
    record = editions.record(store, plan.id)
    since = min(record.last_composed, now) if record else now - FIRST
    period = schedule.last_period(plan.schedule, plan.timezone, now) or now.astimezone(plan.timezone).date()
    return compose(plan, config.site, _condition(store, config, since, now), period, now)


def _condition(store: Store, config: Config, since: datetime, now: datetime) -> Condition:
    status = look.condition(store, config)
    listed = {address.lower() for plan in config.mailings for address in plan.recipients}
    # Of an address that was told of and that feeds.yaml does not name any more nothing is left to be done.
    open_ = (gone for gone in status.suppressed if gone.since >= since or gone.address.lower() in listed)
    past = lately.read(store, since, now)
    return Condition(
        status=replace(
            status,
            suppressed=tuple(open_),
            unplaced_since=look.unplaced_since(status, now),
            unwritten=look.unwritten(status, now),
            failing=tuple(look.failing_jobs(status)),
        ),
        overdue=look.overdue(status, now),
        letters=tuple(deliveries.open_letters(store)),
        lately=past if config.hub else replace(past, unpinged=None),
    )
