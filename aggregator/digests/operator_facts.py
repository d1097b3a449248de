"""What the operator is to be told now: how everything is, and what happened since the last mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import health
from aggregator.digests import schedule
from aggregator.digests.operator_report import OperatorMail, compose
from aggregator.model.config import Config, DigestPlan
from aggregator.model.reports import OperatorFacts
from aggregator.store import deliveries, editions, recent_activity
from aggregator.store.connection import Store

FIRST = timedelta(days=7)
"""What the first mail counts back."""


def operator_mail(store: Store, config: Config, plan: DigestPlan, now: datetime) -> OperatorMail:
    """The operator's mail that is due at `now`."""
    record = editions.record(store, plan.id)
    since = min(record.last_composed, now) if record else now - FIRST
    period = schedule.last_period(plan.schedule, plan.timezone, now) or now.astimezone(plan.timezone).date()
    return compose(plan, config.site, _condition(store, config, since, now), period, now)


def _condition(store: Store, config: Config, since: datetime, now: datetime) -> OperatorFacts:
    status = health.report_from(store, config)
    listed = {address.lower() for plan in config.mailings for address in plan.recipients}
    # Of an address that was told of and that feeds.yaml does not name any more nothing is left to be done.
    open_ = (gone for gone in status.suppressed if gone.since >= since or gone.address.lower() in listed)
    past = recent_activity.read(store, since, now)
    return OperatorFacts(
        status=replace(
            status,
            suppressed=tuple(open_),
            unplaced_since=health.unplaced_since(status, now),
            unwritten=health.unwritten(status, now),
            failing=tuple(health.failing_jobs(status)),
        ),
        overdue=health.overdue(status, now),
        messages=tuple(deliveries.open_letters(store)),
        recent_activity=past if config.hub else replace(past, hub_error=None),
    )
