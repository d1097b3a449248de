"""Compose the edition of a digest that is due, without storing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aggregator.counts import count_of
from aggregator.digests import body, pending, schedule
from aggregator.digests.edition import compose_edition
from aggregator.digests.pending import PendingIds
from aggregator.model.config import Config, DigestPlan
from aggregator.model.digests import Edition, MessageBody, PendingStories
from aggregator.model.reports import QuarantineStep
from aggregator.quarantine import Quarantine
from aggregator.store import editions
from aggregator.store.connection import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An edition with its message body and a summary of both for the operator."""

    edition: Edition
    body: MessageBody
    summary: str
    is_empty: bool
    pending: PendingStories


def compose_draft(
    store: Store, config: Config, plan: DigestPlan, now: datetime, quarantine: Quarantine
) -> Draft:
    """Compose the edition that is due at `now`, without stories that break it."""
    if plan is config.operator:
        return _operator_report(store, config, plan, now)
    pending_ids = pending.find_ids(store, plan, start_of(store, plan, now), now)
    return quarantine.apply_without_failing(
        QuarantineStep.DIGEST,
        pending_ids.ids,
        lambda ids: _edition(store, config, plan, now, pending_ids.only(frozenset(ids))),
    )


def start_of(store: Store, plan: DigestPlan, now: datetime) -> datetime:
    """Return the announced time of the oldest story that a digest may contain (M2)."""
    record = editions.record(store, plan.id)
    return record.since if record else now - editions.MAX_FIRST_AGE


def _operator_report(store: Store, config: Config, plan: DigestPlan, now: datetime) -> Draft:
    from aggregator.digests import operator_report

    report = operator_report.compose_report(store, config, plan, now)
    return Draft(
        edition=report.edition,
        body=report.body,
        summary=report.summary,
        is_empty=not report.tasks,
        pending=PendingStories(),
    )


def _edition(store: Store, config: Config, plan: DigestPlan, now: datetime, pending_ids: PendingIds) -> Draft:
    stories = pending.read_pending(store, plan, pending_ids)
    topics = [rule.topic for rule in config.topics]
    topics += [topic for source in config.sources for topic in source.topics]
    period = schedule.current_period(plan, now)
    edition = compose_edition(plan, stories, period, now, list(dict.fromkeys(topics)))
    return Draft(
        edition=edition,
        body=body.compose_body(edition, config.site),
        summary=f"{count_of(len(stories.new), 'new story', 'new stories')}, {count_of(len(stories.updates), 'update')}"
        + (f", {len(stories.closing)} closing soon" if stories.closing else ""),
        is_empty=not stories,
        pending=stories,
    )
